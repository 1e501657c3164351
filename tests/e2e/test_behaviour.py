"""What `netcheck run` does whatever the network does: exit codes, formats, recordings, pipes, Ctrl-C."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.bounds import LONG, ends_within
from tests.e2e.command import NETCHECK, PATIENCE_S, environment, run, spoken
from tests.servers import peers
from tests.servers.certificates import Certificates
from tests.servers.chdb_front import ChdbFront

CANARY = "Canary-9xQ!~zß"
PLUGIN = '''
from netcheck.core.check import Check
from netcheck.core.model import Cause, Finding, Kind, Status


class Unsure(Check):
    """One can know whether the moon is full.

    It never can, for this test.

    Fix: look up.
    """

    id = "moon.full"
    kinds = frozenset({Kind.AWS_SERVICE})

    def run(self, target, ctx):
        yield Finding(Status.UNKNOWN, "nobody has looked up", Cause.FACT_UNAVAILABLE)
'''


def trusting(certificates: Certificates) -> tuple[str, str]:
    return "--ca", str(certificates.authority.certificate)


def test_exit_code_0_where_nothing_failed(chdb_server: ChdbFront) -> None:
    assert run("--clickhouse", chdb_server.url, *trusting(chdb_server.certificates)).code == 0


def test_exit_code_1_where_something_failed() -> None:
    with peers.refused() as peer:
        assert run("--bootstrap", f"127.0.0.1:{peer.port}").code == 1


def test_exit_code_1_where_something_warned_with_strict(certificates: Certificates) -> None:
    with peers.http(body=b"Ok.\n", tls=certificates.expiring.server_context()) as peer:
        asked = ("--clickhouse", f"https://127.0.0.1:{peer.port}", *trusting(certificates))
        relaxed, strict = run(*asked), run(*asked, "--strict")
    assert relaxed.statuses("tls.expiry") == {"warn"}
    assert (relaxed.code, strict.code) == (0, 1)


def test_exit_code_3_where_nothing_failed_and_something_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "moon.py").write_text(PLUGIN)
    with peers.refused() as peer:
        ran = run(
            *("--aws-service", f"https://127.0.0.1:{peer.port}"),
            *("--plugins", str(tmp_path), "--only", "moon.full"),
        )
    assert (ran.code, ran.report["summary"]["unknown"]) == (3, 1)


@pytest.mark.parametrize(
    ("says", "arguments", "told"),
    [
        ("nothing to check", (), "nothing to check"),
        ("a scheme in a host", ("--bootstrap", "ssl://b-1:9094"), "leave out the scheme"),
        ("a port out of range", ("--bootstrap", "b-1:90940"), "ports are 1 to 65535"),
        ("no port", ("--bootstrap", "b-1"), "host:port"),
        ("a host that is none", ("--bootstrap", "b 1:9094"), "not a host name"),
        ("a check that is not there", ("--bootstrap", "b-1:9094", "--only", "nothing.*"), "no check"),
        ("a trust store that is not there", ("--bootstrap", "b-1:9094", "--ca", "/none.pem"), "no such file"),
        (
            "an output that cannot be written",
            ("--bootstrap", "b-1:9094", "--output", "/none/here"),
            "no such folder",
        ),
        (
            "a recording that is none",
            ("--replay", str(Path(__file__).resolve())),
            "broken or cut short",
        ),
        ("a password in the URL", ("--clickhouse", f"https://u:{CANARY}@ch:8443"), "holds a password"),
        ("both replay and record", ("--replay", "a", "--record", "b"), "leave"),
    ],
)
def test_exit_code_2_and_one_line_for_wrong_usage(says: str, arguments: tuple[str, ...], told: str) -> None:
    said = spoken("run", *arguments)
    assert said.returncode == 2, says
    assert said.stdout == ""
    [line] = said.stderr.splitlines()
    assert told in line
    assert CANARY not in line


def without_times(report: dict[str, Any]) -> dict[str, Any]:
    results = [{k: v for k, v in result.items() if k != "seconds"} for result in report["results"]]
    return {**report, "results": results}


@pytest.mark.parametrize(("password", "code"), [("sink-secret", 0), (CANARY, 1)])
@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_a_recording_is_judged_again_to_the_same_results(
    chdb_server: ChdbFront, tmp_path: Path, password: str, code: int, suffix: str
) -> None:
    kept = tmp_path / f"run{suffix}"
    live = run(
        *("--clickhouse", f"https://sink@127.0.0.1:{chdb_server.port}/orders"),
        *(*trusting(chdb_server.certificates), "--record", str(kept)),
        logins={"NETCHECK_CLICKHOUSE_PASSWORD": password},
    )
    replayed = run("--replay", str(kept))
    assert (live.code, replayed.code) == (code, code)
    assert without_times(replayed.report) == without_times(live.report)
    assert password.encode() not in kept.read_bytes()


def test_a_replay_may_look_at_less_and_more_strictly(chdb_server: ChdbFront, tmp_path: Path) -> None:
    kept = str(tmp_path / "run.json")
    run("--clickhouse", chdb_server.url, *trusting(chdb_server.certificates), "--record", kept)
    replayed = run("--replay", kept, "--only", "tls.*", "--strict")
    assert {result["check"].split(".")[0] for result in replayed.report["results"]} == {"tls"}
    assert replayed.code == 0


def test_the_table_is_plain_and_stable_where_nobody_watches(chdb_server: ChdbFront, tmp_path: Path) -> None:
    kept = str(tmp_path / "run.json")
    run("--clickhouse", chdb_server.url, *trusting(chdb_server.certificates), "--record", kept)
    first, second = spoken("run", "--replay", kept), spoken("run", "--replay", kept)
    assert first.stdout == second.stdout
    assert "\x1b" not in first.stdout and first.stderr == ""
    assert first.stdout.splitlines()[0] == "✓ All checks passed from here"


def test_the_report_goes_to_a_file(chdb_server: ChdbFront, tmp_path: Path) -> None:
    written = tmp_path / "report.json"
    said = spoken(
        *("run", "--clickhouse", chdb_server.url, *trusting(chdb_server.certificates)),
        *("--format", "json", "--output", str(written)),
    )
    assert (said.returncode, said.stdout) == (0, "")
    assert json.loads(written.read_text())["schema"] == "netcheck.report/1"


def test_a_configuration_file_says_the_same_as_arguments(chdb_server: ChdbFront, tmp_path: Path) -> None:
    _, ca = trusting(chdb_server.certificates)
    (tmp_path / "run.yaml").write_text(f"clickhouse: {chdb_server.url}\nca: {ca}\nskip: [tls.expiry]\n")
    ran = run("--config", str(tmp_path / "run.yaml"))
    assert (ran.code, ran.results("tls.expiry")) == (0, [])


def test_a_reader_that_goes_away_ends_the_run_without_a_trace(chdb_server: ChdbFront) -> None:
    command = [NETCHECK, "run", "--clickhouse", chdb_server.url, *trusting(chdb_server.certificates)]
    with subprocess.Popen(
        [*command, "--format", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
        process.wait(PATIENCE_S)
    assert errors == ""


def heed_ctrl_c() -> None:
    """In a child: a shell may have started the tests with SIGINT ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_is_stopped_prints_what_is_known_at_once(number: signal.Signals, chdb_server: ChdbFront) -> None:
    with peers.silent() as mute:
        command = [
            *(NETCHECK, "run", "--bootstrap", f"127.0.0.1:{mute.port}", "--clickhouse", chdb_server.url),
            *(*trusting(chdb_server.certificates), "--timeout", "40", "--format", "json"),
        ]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            preexec_fn=heed_ctrl_c,
        ) as process:
            deadline = time.monotonic() + LONG
            while not mute.connections and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(3.0)  # for ClickHouse's answers
            process.send_signal(number)
            with ends_within(5, "what is printed at once"):
                output, errors = process.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in errors
    report = json.loads(output)
    results = {(r["check"], r["target"].split(":")[0]): r for r in report["results"]}
    assert results["clickhouse.ping", "clickhouse-https"]["status"] == "pass"
    assert results["tls.handshake", "kafka"]["cause"] == "interrupted"
    assert process.returncode == 3


def test_on_a_terminal_it_shows_what_is_going_on_and_wipes_it() -> None:
    ours, theirs = pty.openpty()
    with peers.silent() as mute:
        command = [NETCHECK, "run", "--bootstrap", f"127.0.0.1:{mute.port}", "--timeout", "1"]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=theirs,
            stdin=subprocess.DEVNULL,
            text=True,
            env=environment({"TERM": "xterm"}),
        ) as process:
            os.close(theirs)
            shown = b""
            while chunk := _read(ours):
                shown += chunk
            output, _ = process.communicate(timeout=PATIENCE_S)
    os.close(ours)
    assert b"; running: " in shown and b"tcp.connects" in shown
    assert shown.rstrip().endswith(b"\x1b[J"), "the region is wiped at the end"
    assert "\x1b" not in output


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed: Linux says EIO
        return b""


def test_proxies_of_the_environment_are_not_used_and_said_to_be_there(chdb_server: ChdbFront) -> None:
    with peers.http("502 Bad Gateway", b"a proxy") as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        names = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY")
        proxies = dict.fromkeys(names, url)
        ran = run(
            *("--clickhouse", f"https://sink@127.0.0.1:{chdb_server.port}/orders"),
            *trusting(chdb_server.certificates),
            logins={**proxies, "NETCHECK_CLICKHOUSE_PASSWORD": "sink-secret"},
        )
    assert (ran.code, ran.statuses("clickhouse.tables")) == (0, {"pass"})
    assert proxy.connections == 0
    assert "HTTPS_PROXY" in ran.report["vantage"]["proxy_variables"]


def test_the_run_ends_by_its_deadline() -> None:
    with peers.silent() as mute:
        ran = run("--bootstrap", f"127.0.0.1:{mute.port}", "--deadline", "2", "--timeout", "50")
    # test_peers.py has a tighter bound in this process; a new one on a busy machine starts and ends slowly.
    assert ran.seconds <= LONG

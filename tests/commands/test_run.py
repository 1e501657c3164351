"""`netcheck run` and the help of every command; results are tested with the checks and the probes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from netcheck.commands.main import COMMANDS
from netcheck.core.version import VERSION
from netcheck.settings.config import OPTIONS
from tests.bounds import LONG
from tests.commandline import netcheck
from tests.servers import peers

CODES = ("0  nothing failed", "1  something failed", "2  wrong usage", "3  nothing failed, but")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_commands_help_has_examples_and_exit_codes(command: str) -> None:
    done = netcheck(command, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"usage: netcheck {command}" in done.out
    assert "examples:" in done.out and f"  netcheck {command}" in done.out.partition("examples:")[2]
    assert "exit codes:" in done.out


@pytest.mark.parametrize("command", ["run", "diff", "path", "snapshot", "fleet", "demo"])
def test_the_help_names_the_environment_variables(command: str) -> None:
    help = netcheck(command, "--help").out.partition("environment")[2]
    assert ("AWS_PROFILE" if command in ("snapshot", "fleet") else "NO_COLOR") in help


def test_the_help_lists_every_command_and_exit_code() -> None:
    done = netcheck("--help")
    assert done.code == 0
    assert [name for name in COMMANDS if f"\n    {name}" not in done.out] == []
    assert [code for code in CODES if code not in done.out] == []


def test_the_version() -> None:
    done = netcheck("--version")
    assert (done.code, done.out, done.err) == (0, f"netcheck {VERSION}\n", "")


def test_the_help_of_run_names_every_option_and_variable() -> None:
    done = netcheck("run", "--help")
    assert [option.flag for option in OPTIONS if f"  {option.flag}" not in done.out] == []
    assert "NETCHECK_CLICKHOUSE_PASSWORD" in done.out and "--config FILE" in done.out
    assert [code for code in CODES if code not in done.out] == []


def test_only_and_skip_choose_checks() -> None:
    def checks(*arguments: str) -> set[str]:
        done = netcheck("run", "--bootstrap", "127.0.0.1:1", "--format", "json", *arguments)
        return {result["check"] for result in json.loads(done.out)["results"]}

    everything = checks()
    assert checks("--only", "tcp.*") == {"tcp.connects"}
    assert checks("--only", "tcp.*,dns.resolves") == {"tcp.connects", "dns.resolves"}
    assert checks("--skip", "t*") == {check for check in everything if not check.startswith("t")}
    assert checks("--only", "t*", "--skip", "tls.*") == {"tcp.connects"}


def test_results_are_complete_without_a_check_that_others_depend_on() -> None:
    """Without tcp.connects in the run, what was not asked for is still shown, and nothing passes."""
    done = netcheck("run", "--bootstrap", "127.0.0.1:1", "--skip", "tcp.connects", "--format", "json")
    summary = json.loads(done.out)["summary"]
    assert summary["pass"] == 0


def test_output_goes_to_the_file_and_nowhere_else(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    done = netcheck("run", "--bootstrap", "127.0.0.1:1", "--format", "json", "--output", str(path))
    assert (done.code, done.out, done.err) == (1, "", "")
    assert json.loads(path.read_text())["schema"] == "netcheck.report/1"


def test_a_report_that_cannot_be_written_at_the_end_is_not_lost() -> None:
    done = netcheck("run", "--bootstrap", "127.0.0.1:1", "--output", "/dev/full")
    assert done.code == 2
    assert "1 root cause" in done.out
    assert done.err == "netcheck: --output /dev/full: No space left on device; the report is above\n"


def test_a_recording_that_cannot_be_written_at_the_end_does_not_lose_the_report() -> None:
    done = netcheck("run", "--bootstrap", "127.0.0.1:1", "--record", "/dev/full")
    assert done.code == 2
    assert "1 root cause" in done.out
    assert "--record /dev/full: No space left on device; the recording is lost" in done.err


def test_a_deadline_ends_the_run_and_what_was_not_finished_is_unknown() -> None:
    with peers.silent() as silent:
        done = netcheck(
            "run", "--bootstrap", f"127.0.0.1:{silent.address[1]}", "--deadline", "0.4", "--timeout", "100",
            "--format", "json",
        )  # fmt: skip
    report = json.loads(done.out)
    assert report["seconds"] < LONG
    assert done.code in (1, 3) and done.err == ""
    assert all(
        result["status"] != "pass" for result in report["results"] if result["check"].startswith("tls")
    )


def test_a_very_short_deadline_still_gives_a_report() -> None:
    done = netcheck("run", "--bootstrap", "127.0.0.1:1", "--deadline", "0.000001", "--format", "json")
    report = json.loads(done.out)
    assert (done.code, done.err) == (3, "")
    assert report["summary"]["unknown"] > 0 and report["summary"]["pass"] == 0


def test_strict_makes_a_warning_fail(tmp_path: Path) -> None:
    (tmp_path / "warns.py").write_text(
        "from netcheck.core.check import Check\n"
        "from netcheck.core.model import Finding, Status\n"
        "class Warns(Check):\n"
        "    'It warns.'\n"
        "    id, kinds = 'zz.warns', frozenset({'kafka'})\n"
        "    def run(self, target, ctx):\n"
        "        yield Finding(Status.WARN, 'careful')\n"
    )
    given = ("run", "--bootstrap", "127.0.0.1:1", "--plugins", str(tmp_path), "--only", "zz.*")
    assert netcheck(*given).code == 0
    assert netcheck(*given, "--strict").code == 1


# How much is printed

WRONG_PASSWORD = ("run", "--replay", str(files("netcheck") / "demo" / "wrong-password.json.gz"))


def test_quiet_prints_root_causes_and_nothing_else() -> None:
    plain, quiet = netcheck(*WRONG_PASSWORD), netcheck(*WRONG_PASSWORD, "--quiet")
    assert quiet.code == plain.code == 1
    assert "CLICKHOUSE_AUTH" in quiet.out and "fix: Check username" in quiet.out
    assert "tls.handshake" in plain.out and "tls.handshake" not in quiet.out
    assert len(quiet.out.splitlines()) < 8


def test_quiet_is_one_line_without_failures() -> None:
    healthy = str(files("netcheck") / "demo" / "healthy.json.gz")
    quiet = netcheck("run", "--replay", healthy, "--quiet")
    assert (quiet.code, quiet.out.count("\n")) == (0, 1) and "nothing failed" in quiet.out


def test_verbose_prints_every_result_with_its_evidence() -> None:
    plain, verbose = netcheck(*WRONG_PASSWORD), netcheck(*WRONG_PASSWORD, "--verbose")
    results = json.loads(netcheck(*WRONG_PASSWORD, "--format", "json").out)["results"]
    assert verbose.out.startswith(plain.out)
    more = verbose.out[len(plain.out) :]
    assert [result["key"] for result in results if result["key"] not in more] == []
    names = {name for result in results for name in result["evidence"]}
    assert [name for name in names if f"{name}:" not in more] == []


def test_quiet_and_verbose_are_keys_of_the_configuration_and_exclude_each_other(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("bootstrap: 127.0.0.1:1\nquiet: true\n")
    given = ("run", "--config", str(tmp_path / "run.yaml"), "--only", "tcp.*")
    assert "fix:" in netcheck(*given).out
    both = netcheck(*given, "--verbose")
    assert (both.code, both.out) == (2, "") and both.err.count("\n") == 1


def on_a_terminal(*arguments: str, variables: dict[str, str] | None = None) -> str:
    """What a command writes to a terminal."""
    terminal, its = pty.openpty()
    own = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    environment = {**own, "TERM": "xterm", **(variables or {})}
    command = [sys.executable, "-m", "netcheck", *arguments]
    running = subprocess.Popen(command, stdout=its, stderr=subprocess.DEVNULL, env=environment)
    os.close(its)
    seen = b""
    try:
        while part := os.read(terminal, 65536):
            seen += part
    except OSError:  # Linux's way to say that nobody writes to the terminal any more
        pass
    finally:
        os.close(terminal)
        running.wait(60)
    return seen.decode()


def test_colours_are_for_terminals_and_can_be_disabled() -> None:
    assert "\x1b[" in on_a_terminal(*WRONG_PASSWORD)
    assert "\x1b[" not in on_a_terminal(*WRONG_PASSWORD, "--no-color")
    assert "\x1b[" not in on_a_terminal(*WRONG_PASSWORD, variables={"NO_COLOR": "1"})
    assert "\x1b" not in netcheck(*WRONG_PASSWORD).out

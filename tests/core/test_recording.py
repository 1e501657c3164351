"""A recorded run, replayed with no network, says the same; and whatever was done to the file, it says why."""

from __future__ import annotations

import copy
import gzip
import json
import random
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from netcheck.commands.demo import DEMOS
from netcheck.core import recording
from netcheck.core.context import Deadline, DeadlineExceeded, NotRecorded
from netcheck.core.model import Security
from netcheck.core.recording import Player, Recorder, RecordingError
from netcheck.core.secret import Scrubber
from tests.commandline import Done, netcheck
from tests.servers import peers
from tests.servers.certificates import Certificates

WITHOUT_NETWORK = """
import os, sys
import urllib3.util.connection  # tries at its import whether this host has IPv6

def forbid(event, arguments):
    if event.startswith("socket.") and event != "socket.gethostname":
        os.write(2, f"asked the network: {event} {arguments}".encode())
        os._exit(99)

sys.addaudithook(forbid)
from netcheck.commands.main import main
sys.exit(main(sys.argv[1:]))
"""


def without_network(*arguments: str) -> Done:
    """A netcheck in a process that ends at the first socket or name look-up."""
    command = [sys.executable, "-c", WITHOUT_NETWORK, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return Done(done.returncode, done.stdout, done.stderr)


def test_the_forbidden_network_is_forbidden() -> None:
    done = without_network("run", "--bootstrap", "127.0.0.1:9", "--deadline", "5")
    assert (done.code, done.out) == (99, "")
    assert "asked the network" in done.err


@pytest.fixture(scope="module")
def recorded(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[tuple[list[Path], dict[str, Any]]]:
    """A run against peers of many kinds, recorded plain and packed, and its report."""
    folder = tmp_path_factory.mktemp("recorded")
    tls = certificates.good.server_context()
    with (
        peers.silent() as silent,
        peers.silent() as native,
        peers.ssh_banner() as ssh,
        peers.refused() as refused,
        peers.http(body=b"Ok.\n", tls=tls) as front,
        peers.silent(tls=certificates.expired.server_context()) as expired,
    ):
        brokers = [f"localhost:{peer.address[1]}" for peer in (silent, ssh, refused, expired)]
        files = [folder / "run.json", folder / "run.json.gz"]
        for file in files:
            done = netcheck(
                "run", "--bootstrap", *brokers, "--clickhouse", f"https://localhost:{front.address[1]}",
                "--clickhouse-native", f"localhost:{native.address[1]}", "--timeout", "1", "--deadline", "20",
                "--ca", str(certificates.authority.certificate), "--format", "json", "--record", str(file),
            )  # fmt: skip
            assert (done.code, done.err) == (1, "")
    yield files, json.loads(done.out)


def times_aside(report: dict[str, Any]) -> dict[str, Any]:
    """The report without what differs from run to run."""
    text = json.dumps(report)
    text = re.sub(r'"seconds": [0-9.e-]+', '"seconds": 0', text)
    text = re.sub(r"after [0-9.]+ s", "after 0 s", text)
    cleaned: dict[str, Any] = json.loads(text)
    return cleaned


def test_a_replay_says_the_same_without_a_network(recorded: tuple[list[Path], dict[str, Any]]) -> None:
    (_, packed), live = recorded
    done = without_network("run", "--replay", str(packed), "--format", "json")
    assert (done.code, done.err) == (1, "")
    replayed = json.loads(done.out)
    for one, other in zip(times_aside(replayed)["results"], times_aside(live)["results"], strict=True):
        assert one == other
    assert times_aside(replayed) == times_aside(live)
    assert replayed["seconds"] == live["seconds"], "the time is the recorded run's"
    causes = {result["cause"] for result in live["results"]}
    assert {"tls_not_supported", "connection_refused", "tls_certificate_expired"} <= causes


def test_a_replay_can_be_asked_for_less_and_in_another_format(
    recorded: tuple[list[Path], dict[str, Any]],
) -> None:
    (plain, _), _ = recorded
    done = without_network("run", "--replay", str(plain), "--only", "tcp.*")
    assert done.code == 1
    assert "tcp.connects" in done.out and "tls." not in done.out


def test_a_replay_needs_no_logins(
    recorded: tuple[list[Path], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (plain, _), _ = recorded
    without = netcheck("run", "--replay", str(plain))
    monkeypatch.setenv("NETCHECK_KAFKA_PASSWORD", "hunter2")
    monkeypatch.setenv("NETCHECK_CLICKHOUSE_PASSWORD", "hunter2")
    assert netcheck("run", "--replay", str(plain)) == without


@pytest.mark.parametrize("name", DEMOS)
def test_the_demos_need_no_network_and_show_what_they_promise(name: str) -> None:
    done = without_network("demo", name, "--format", "json")
    assert (done.code, done.err) == (0 if name == "healthy" else 1, "")
    report = json.loads(done.out)
    assert report["summary"]["unknown"] == 0
    assert bool(report["root_causes"]) == (name != "healthy")


# --- how it is kept -------------------------------------------------------------------------------------


def answer(deadline: Deadline, host: str, port: int, security: Security) -> str:
    raise NotImplementedError("asked through `observe` with an answer of the test's own")


def test_the_order_of_answers_does_not_change_the_file(tmp_path: Path) -> None:
    files = []
    for seed in range(4):
        recorder = Recorder(Scrubber([]))
        questions = [(f"b-{number}", 9094, Security.SSL) for number in range(20)]
        random.Random(seed).shuffle(questions)
        threads = [
            threading.Thread(target=recorder.observe, args=(answer, question, lambda q=question: q[0]))
            for question in questions
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name in ("run.json", "run.json.gz"):
            file = tmp_path / f"{seed}-{name}"
            recording.write(recorder.recording({}, "2026-01-01T00:00:00Z", 1.0), file, "netcheck 1")
            files.append(file.read_bytes())
    assert len(set(files[::2])) == len(set(files[1::2])) == 1
    assert gzip.decompress(files[1]) == files[0]


@pytest.mark.parametrize(
    "password",
    ["kafka", "password", "host", "b-1", "SSL", "answer", "9094", "null", "true", '"', "answer[", "raised"],
)
def test_a_password_that_is_a_word_of_ours_does_not_spoil_the_recording(
    password: str, tmp_path: Path
) -> None:
    scrub = Scrubber([password])
    recorder = Recorder(scrub)
    args = ("b-1", 9094, Security.SSL)
    recorder.observe(answer, args, lambda: f"hello, {password}")
    recording.write(recorder.recording({"kafka": 1}, "", 1.0), tmp_path / "run.json", "netcheck 1")
    replayed = recording.read(tmp_path / "run.json")
    said = Player(replayed).observe(answer, (scrub("b-1"), 9094, Security.SSL), pytest.fail)
    assert said == scrub(f"hello, {password}")


def test_half_a_surrogate_pair_from_a_peer_can_be_kept(tmp_path: Path) -> None:
    recorder = Recorder(Scrubber([]))
    recorder.observe(answer, ("b-1", 1, Security.SSL), lambda: "half \udcff")
    recording.write(recorder.recording({}, "", 1.0), tmp_path / "run.json", "netcheck 1")
    player = Player(recording.read(tmp_path / "run.json"))
    assert player.observe(answer, ("b-1", 1, Security.SSL), pytest.fail) == "half \udcff"


def raising(error: BaseException) -> Any:
    raise error


def test_what_was_not_answered_in_time_is_not_in_the_replay_either() -> None:
    recorder, args = Recorder(Scrubber([])), ("b-1", 1, Security.SSL)
    with pytest.raises(DeadlineExceeded):
        recorder.observe(answer, args, lambda: raising(DeadlineExceeded("late")))
    with pytest.raises(DeadlineExceeded):
        Player(recorder.recording({}, "", 1.0)).observe(answer, args, pytest.fail)


@pytest.mark.parametrize("first", ["fails", "answers"])
def test_two_threads_that_ask_the_same_do_not_spoil_each_others_outcome(first: str) -> None:
    """The second fails: with its own error, and without taking the answer of the first away."""
    recorder, args = Recorder(Scrubber([])), ("b-1", 1, Security.SSL)
    asked, go_on = threading.Event(), threading.Event()
    raised: list[BaseException] = []

    def fail_late() -> str:
        asked.set()
        assert go_on.wait(30)
        raise OSError("the second's own")

    def second() -> None:
        try:
            recorder.observe(answer, args, fail_late)
        except BaseException as error:  # noqa: BLE001
            raised.append(error)

    def fail() -> str:
        raise OSError("the first's own")

    thread = threading.Thread(target=second)
    thread.start()
    assert asked.wait(30)
    if first == "fails":
        with pytest.raises(OSError, match="the first's own"):
            recorder.observe(answer, args, fail)
    else:
        assert recorder.observe(answer, args, lambda: "yes") == "yes"
    go_on.set()
    thread.join(30)
    assert [str(error) for error in raised] == ["the second's own"]
    assert len(recorder.recording({}, "", 1.0).answers) == (1 if first == "answers" else 0)


def test_what_was_still_asked_at_the_end_was_not_answered_in_time() -> None:
    recorder, args, release = Recorder(Scrubber([])), ("b-1", 1, Security.SSL), threading.Event()
    asked = threading.Event()

    def hangs() -> str:
        asked.set()
        release.wait(60)
        return "late"

    thread = threading.Thread(target=recorder.observe, args=(answer, args, hangs))
    thread.start()
    assert asked.wait(60)
    kept = recorder.recording({}, "", 1.0)
    release.set()
    thread.join()
    with pytest.raises(DeadlineExceeded):
        Player(kept).observe(answer, args, pytest.fail)


def test_what_was_never_asked_is_not_recorded() -> None:
    recorder = Recorder(Scrubber([]))
    with pytest.raises(ZeroDivisionError):
        recorder.observe(answer, ("b-1", 1, Security.SSL), lambda: raising(ZeroDivisionError()))
    player = Player(recorder.recording({}, "", 1.0))
    for host in ("b-1", "b-2"):
        with pytest.raises(NotRecorded, match=host):
            player.observe(answer, (host, 1, Security.SSL), pytest.fail)


# --- files that are none, or no longer one --------------------------------------------------------------

FOREIGN: list[tuple[str, bytes]] = [
    ("empty", b""),
    ("a text", b"hello"),
    ("another JSON", b'{"schema": "netcheck.report/1"}'),
    ("a list", b"[]"),
    ("a number", b"1"),
    ("a later schema", b'{"schema": "netcheck.core.recording/2", "config": {}}'),
    ("nothing in it", b'{"schema": "netcheck.recording/1"}'),
    ("nested too deep", b"[" * 100_000),
    ("a number of thousands of digits", b'{"schema": ' + b"9" * 5000 + b"}"),
    ("gzip of nothing", gzip.compress(b"")),
    ("gzip, cut", gzip.compress(b'{"schema": "netcheck.recording/1"}')[:-9]),
    ("gzip, only its head", b"\x1f\x8b"),
    ("gzip, broken inside", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"\xff" * 40),
    ("not UTF-8", b'{"schema": "\xff"}'),
]


@pytest.mark.parametrize("content", [row[1] for row in FOREIGN], ids=[row[0] for row in FOREIGN])
def test_a_file_that_is_no_recording(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=r"run\.json: "):
        recording.read(path)
    done = netcheck("run", "--replay", str(path))
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "--record" in done.err


def mutated_bytes(dice: random.Random, data: bytes) -> bytes:
    start = dice.randrange(len(data))
    end = min(len(data), start + dice.choice((1, 1, 2, 8, 200)))
    match dice.randrange(5):
        case 0:
            return data[:start]
        case 1:
            return data[:start] + data[end:]
        case 2:
            return data[:start] + dice.randbytes(end - start) + data[end:]
        case 3:
            return data[:end] + data[start:]
        case _:
            return data[:start] + bytes([data[start] ^ (1 << dice.randrange(8))]) + data[start + 1 :]


WHATEVER: list[Any] = [
    None, True, 0, -1, 1, 65536, 10**30, 1.5, -0.0, 1e308, "", "x", "\x00", "\x1b[31m", "127.0.0.1",
    "a" * 300, "\ud800", "timed_out", "kafka", [], [[]], {}, {"a": 1}, ["x", 1], [None],
    "2026-01-01T00:00:00Z",
]  # fmt: skip


def mutated_tree(dice: random.Random, data: bytes) -> bytes:
    document = json.loads(data)
    for _ in range(dice.choice((1, 1, 2, 5))):
        place: Any = document
        while True:
            keys: list[Any] = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = dice.choice(keys)
            below = place[key]
            if not isinstance(below, (dict, list)) or not below or dice.random() < 0.1:
                break
            place = below
        match dice.randrange(4):
            case 0 if isinstance(place, dict):
                del place[key]
            case 1 if isinstance(place, dict):
                place[dice.choice(["", "x", "host", "cause"])] = place.pop(key)
            case 2 if isinstance(place, list):
                place.extend(copy.deepcopy(place[:50]))
            case _:
                place[key] = copy.deepcopy(dice.choice(WHATEVER))
        if not document:
            break
    return json.dumps(document).encode()


@pytest.mark.parametrize("seed", range(8))
def test_whatever_was_done_to_a_recording(
    seed: int, recorded: tuple[list[Path], dict[str, Any]], tmp_path: Path
) -> None:
    """2,000 mutations in all: one line and exit code 2, or a report; never a traceback, never a hang."""
    dice = random.Random(seed)
    (plain, packed), _ = recorded
    path, codes = tmp_path / "run.json", set()
    for number in range(250):
        match dice.randrange(8):
            case 0:
                path.write_bytes(mutated_bytes(dice, packed.read_bytes()))
            case 1 | 2:
                path.write_bytes(mutated_bytes(dice, plain.read_bytes()))
            case _:
                path.write_bytes(mutated_tree(dice, plain.read_bytes()))
        done = netcheck("run", "--replay", str(path), "--format", "json", "--deadline", "20")
        codes.add(done.code)
        where = f"seed {seed}, mutation {number}: {done}"
        if done.code == 2:
            assert done.out == "" and done.err.count("\n") == 1, where
        else:
            assert done.code in (0, 1, 3) and done.err == "", where
            assert json.loads(done.out)["schema"] == "netcheck.report/1"
    assert {1, 2} <= codes


def test_a_run_of_some_checks_replays_as_a_run_of_the_same(tmp_path: Path) -> None:
    kept = str(tmp_path / "kept.json")
    with peers.refused() as closed:
        run = ("run", "--bootstrap", f"127.0.0.1:{closed.port}", "--only", "tcp.*", "--format", "json")
        live = netcheck(*run, "--record", kept)
    again = without_network("run", "--replay", kept, "--format", "json")
    assert live.code == again.code == 1

    def checks(done: Done) -> list[str]:
        return [one["check"] for one in json.loads(done.out)["results"]]

    assert checks(live) == checks(again) == ["tcp.connects"]


def test_report_and_recording_are_two_files(tmp_path: Path) -> None:
    same = str(tmp_path / "one.json")
    done = netcheck("run", "--bootstrap", "127.0.0.1:9094", "--output", same, "--record", same)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "--record" in done.err

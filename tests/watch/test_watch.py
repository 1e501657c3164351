"""`netcheck run --watch`: a real port that opens and closes, signals, and the resources of many runs."""

from __future__ import annotations

import gc
import io
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netcheck.engine.assessment import Assessment, assess
from netcheck.engine.runner import ignore_event
from netcheck.report.style import Style
from netcheck.settings.config import Config
from netcheck.watch.events import EventWriter
from netcheck.watch.loop import Watch
from netcheck.watch.tally import Tally
from tests.commandline import netcheck

LONGEST = 60.0
"""Seconds for anything to happen: a bound for hangs."""


class Watching:
    """`netcheck run --watch` as a process, and the lines it prints."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "netcheck", "run", "--watch", "1", *arguments]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def until(self, word: str) -> list[str]:
        """The lines up to the first one with this word."""
        found = [self._lines.get(timeout=LONGEST)]
        while word not in found[-1]:
            found.append(self._lines.get(timeout=LONGEST))
        return found

    def end(self, number: int = signal.SIGTERM) -> tuple[list[str], str, int]:
        """Send a signal; returns the lines after it, standard error and the exit code."""
        self.process.send_signal(number)
        assert self.process.stderr is not None
        err = self.process.stderr.read()
        code = self.process.wait(LONGEST)
        self._reader.join(LONGEST)
        return [self._lines.get() for _ in range(self._lines.qsize())], err, code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(LONGEST)
        self._reader.join(LONGEST)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@contextmanager
def watching(*arguments: str) -> Iterator[Watching]:
    process = Watching(*arguments)
    try:
        yield process
    finally:
        process.close()


@pytest.fixture
def port() -> Iterator[int]:
    """A port of this host that nothing listens on, reserved for the test."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


@contextmanager
def listening(port: int) -> Iterator[None]:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen(64)
        yield


def target(port: int) -> tuple[str, ...]:
    return ("--bootstrap", f"127.0.0.1:{port}", "--only", "tcp.connects")


def changes(lines: list[str]) -> list[Any]:
    """The events, without those of runs that were late because this machine is slow."""
    return [event for line in lines if (event := json.loads(line))["event"] != "late"]


def test_a_port_that_opens_and_closes_as_json_lines(port: int) -> None:
    with watching(*target(port), "--format", "json") as run:
        [first] = changes(run.until('"first"'))
        with listening(port):
            opened = changes(run.until('"resolved", "key"'))
        closed = changes(run.until('"new_failure"'))
        lines, err, code = run.end()
    assert (first["schema"], first["event"], first["run"]) == ("netcheck.watch/1", "first", 1)
    assert [cause["code"] for cause in first["root_causes"]] == ["CONNECTION_REFUSED"]
    assert [(event["event"], event["change"]) for event in opened] == [
        ("root_cause", "resolved"),
        ("result", "resolved"),
    ]
    assert [(event["event"], event["change"]) for event in closed] == [
        ("root_cause", "appeared"),
        ("result", "new_failure"),
    ]
    assert closed[-1]["before"]["status"] == "pass" and closed[-1]["after"]["cause"] == "connection_refused"
    ended = json.loads(lines[-1])
    assert (ended["event"], ended["exit_code"], code, err) == ("ended", 1, 1, "")
    [changed] = ended["changed"]
    assert changed["flaps"] == 2 and 1 <= changed["good"] < changed["known"] == ended["runs"]


def test_the_same_as_text_with_a_history(port: int, tmp_path: Path) -> None:
    history = tmp_path / "h.jsonl"
    with watching(*target(port), "--history", str(history)) as run:
        first = run.until("CONNECTION_REFUSED")
        with listening(port):
            run.until("fail (connection_refused) → pass")
            lines, err, code = run.end(signal.SIGINT)
    assert "1 root cause" in first[0] and first[0][:2] == "20"
    assert (code, err) == (0, ""), "the last run had no failure"
    assert "1 flap" in lines[-1] and "tcp.connects" in lines[-1] and "ended after" in lines[-2]
    rows = [json.loads(line) for line in history.read_text().splitlines()]
    assert len({row["run"] for row in rows}) == len(rows) >= 1, "the signal may have ended the last run"
    assert rows[0]["status"] == "fail"


def test_nothing_is_printed_while_nothing_changes(port: int) -> None:
    with watching(*target(port), "--history", "/dev/null") as run:
        run.until("CONNECTION_REFUSED")
        time.sleep(2.5)
        lines, _, code = run.end()
    printed = [line for line in lines if "longer than --watch" not in line]
    assert len(printed) == 2 and "ended after" in printed[0], "only the summary"
    assert code == 1 and "no result changed" in lines[-1]


def test_a_signal_in_the_middle_of_the_first_run_ends_with_a_summary() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(LONGEST)
        port = silent.getsockname()[1]
        with watching("--bootstrap", f"127.0.0.1:{port}", "--timeout", "50", "--deadline", "60") as run:
            connection, _ = silent.accept()
            with connection:
                lines, err, code = run.end()
    assert (code, err) == (3, ""), "no complete run: nothing is known"
    assert len(lines) == 1 and "ended after 0 runs" in lines[0]


SLOW = """
import time
from netcheck.core.check import Check
from netcheck.core.model import Finding, Status
class Slow(Check):
    'It is slow.'
    id, kinds = 'zz.slow', frozenset({'kafka'})
    def run(self, target, ctx):
        time.sleep(1.3)
        yield Finding(Status.PASS, 'at last')
"""


def test_a_run_longer_than_the_interval_is_reported(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    given = ("--bootstrap", "127.0.0.1:1", "--plugins", str(tmp_path), "--only", "zz.*")
    with watching(*given, "--format", "json") as run:
        late = json.loads(run.until('"late"')[-1])
        run.until('"late"')
        lines, _, code = run.end()
    assert late["run"] == 1 and late["interval"] == 1.0 and late["seconds"] >= 1.3
    assert json.loads(lines[-1])["late_runs"] >= 2 and code == 0


REFUSED = [
    ("--replay", "x.json"),
    ("--record", "x.json"),
    ("--output", "x.txt"),
    ("--format", "junit"),
]


@pytest.mark.parametrize("more", REFUSED, ids=[" ".join(more) for more in REFUSED])
def test_an_incompatible_option_is_one_line(more: tuple[str, str]) -> None:
    done = netcheck(
        "run", "--watch", "60", *(() if "--replay" in more else ("--bootstrap", "[::1]:1")), *more
    )
    assert (done.code, done.out) == (2, "")
    assert "--watch" in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize("given", ["0", "0.5", "-1", "nan", "soon", "86401"])
def test_the_interval_is_one_second_to_one_day(given: str) -> None:
    done = netcheck("run", "--watch", given, "--bootstrap", "[::1]:1")
    assert done.code == 2 and "from 1 to 86400" in done.err


def test_many_runs_leak_nothing() -> None:
    """Neither threads nor files nor memory: only the previous run is kept."""
    config = replace(Config(), bootstrap=(("127.0.0.1", 1),), only=("tcp.*",), watch=0.001)
    seen: list[tuple[int, int, int]] = []

    def keep(_: Assessment) -> None:
        gc.collect()
        files = len(list(Path("/proc/self/fd").iterdir()))
        seen.append((threading.active_count(), files, tracemalloc.get_traced_memory()[0]))
        if len(seen) == 80:
            raise KeyboardInterrupt

    def run(given: Config) -> Assessment:
        return assess(given, ignore_event)

    tracemalloc.start()
    try:
        out = io.StringIO()
        Watch(config, EventWriter(out, Style(), as_json=True), run, lambda _: 1, keep).until_ended(None)
    finally:
        tracemalloc.stop()
    first, last = ([min(counts) for counts in zip(*part, strict=True)] for part in (seen[10:20], seen[70:80]))
    assert last[:2] <= [count + 1 for count in first[:2]]
    assert last[2] - first[2] < 180_000, "more than 3 kB a run"
    events = [json.loads(line)["event"] for line in out.getvalue().splitlines()]
    assert set(events) <= {"first", "late", "ended"}, "nothing changed"


def test_a_removed_rule_is_reported_as_the_explanation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connector in an AWS account that changes between two runs."""
    from tests.scenarios.pipelines import SENDS_PACKETS, built, world
    from tests.scenarios.test_scenarios import Outside
    from tests.servers.aws_endpoint import AwsEndpoint

    rule = "ec2/SecurityGroups/GroupId=sg-workers/IpPermissionsEgress/0"
    accounts = [built({"patch": patch}) for patch in ((), ({"at": rule, "drop": True},))]
    Outside(accounts[0]["dns"], monkeypatch)

    def run(given: Config) -> Assessment:
        if not accounts:
            raise KeyboardInterrupt
        with AwsEndpoint(world(accounts.pop(0))) as aws:
            for variable, value in aws.environment().items():
                monkeypatch.setenv(variable, value)
            return assess(replace(given, region=aws.environment()["AWS_REGION"]), ignore_event)

    out = io.StringIO()
    patient = replace(Config(), deadline=300.0, timeout=60.0)
    config = replace(patient, connector="orders-sink", skip=SENDS_PACKETS, watch=0.001)
    code = Watch(
        config, EventWriter(out, Style(), as_json=False), run, lambda _: 0, lambda _: None
    ).until_ended(None)
    printed = [line[22:] for line in out.getvalue().splitlines() if "longer than --watch" not in line]
    assert code == 0
    assert printed[1].startswith("✗ new root cause: sg-workers does not allow outbound TCP 9098 to")
    assert printed[2] == "  because sg-workers: outbound rule removed: tcp 9098 to sg-brokers"
    assert [line for line in printed if "1 flap" in line], "the group check of each broker changed once"


def test_the_counts() -> None:
    def report(**statuses: str) -> dict[str, Any]:
        return {"results": [{"key": key, "status": status} for key, status in statuses.items()]}

    tally = Tally()
    for a, b in (("pass", "pass"), ("fail", "warn"), ("unknown", "skip"), ("fail", "pass"), ("warn", "pass")):
        tally.add(report(a=a, b=b))
    assert tally.runs == 5
    [(key, count)] = tally.changed().items()
    assert (key, count.known, count.good, count.flaps, count.uptime) == ("a", 4, 2, 2, 0.5)


def test_a_peer_with_a_new_name_on_every_run_does_not_fill_the_memory() -> None:
    tally = Tally()
    for number in range(12):
        tally.add({"results": [{"key": f"x@{number}-{each}", "status": "pass"} for each in range(1000)]})
    assert (len(tally.counts), tally.uncounted) == (10_000, 2_000)

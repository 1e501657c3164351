"""What plugin authors test their checks with, tried on the example plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from netcheck.core.check import Check
from netcheck.core.context import Context, Skip
from netcheck.core.model import Cause, Finding, Kind, Status, Target
from netcheck.core.problem import Problem
from netcheck.core.recording import RecordingError
from netcheck.engine import facts
from netcheck.testing import on_facts, on_recording

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "netcheck-example-plugin"
BROKER = Target(Kind.KAFKA, "b-1.example", 9094)


class Reads(Check):
    """It reads one fact."""

    id, kinds = "acme.reads", frozenset({"kafka"})
    problems = (Problem("ACME_ONE", "one"),)

    def run(self, target: Target, ctx: Context):  # type: ignore[no-untyped-def]
        seen = ctx.get(facts.reachable, target)
        yield Finding(Status.FAIL, seen, Cause.TIMED_OUT, code=f"ACME_{seen}")


def test_the_example_plugins_own_tests_pass() -> None:
    paths = os.pathsep.join([str(ROOT), str(EXAMPLE)])
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-c",
            os.devnull,
            str(EXAMPLE / "tests"),
        ],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_a_given_fact_is_what_the_check_gets() -> None:
    (result,) = on_facts(Reads(), BROKER, {facts.reachable: "ONE"})
    assert (result.status, result.finding.code) == (Status.FAIL, "ACME_ONE")
    (result,) = on_facts(Reads(), BROKER, {facts.reachable: lambda target: target.host and "ONE"})
    assert result.finding.summary == "ONE"


def test_an_exception_of_a_fact_is_raised() -> None:
    (result,) = on_facts(Reads(), BROKER, {facts.reachable: Skip("moot here")})
    assert (result.status, result.finding.summary) == (Status.SKIP, "moot here")


def test_a_code_that_is_not_declared_is_a_bug_of_the_check() -> None:
    (result,) = on_facts(Reads(), BROKER, {facts.reachable: "TWO"})
    assert (result.status, result.finding.cause) == (Status.UNKNOWN, Cause.CHECK_BUG)
    assert "'ACME_TWO' no check declares" in result.finding.summary


def test_what_is_no_recording_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("{}")
    with pytest.raises(RecordingError, match="not a recording"):
        on_recording(Reads(), path)

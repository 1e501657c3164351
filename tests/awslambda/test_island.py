"""The function in an isolated network, in which packets to the brokers are dropped as in a VPC."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests import needs
from tests.awslambda.inside import CLICKHOUSE, SECONDS, SWALLOWED
from tests.e2e import island


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    if reason := island.missing():
        needs.skip_or_fail(reason)
    done = subprocess.run(
        island.command([sys.executable, "-m", "tests.awslambda.inside"]),
        cwd=island.ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["error"] is None
    return found


def results(seen: dict[str, Any], check: str) -> dict[str, dict[str, Any]]:
    return {each["target"]: each for each in seen["report"]["results"] if each["check"] == check}


def test_the_brokers_are_silent_and_the_run_ends_in_time(seen: dict[str, Any]) -> None:
    assert seen["seconds"] < SECONDS
    connects = results(seen, "tcp.connects")
    for address in SWALLOWED:
        found = connects[f"kafka://{address}:9094"]
        assert (found["status"], found["cause"]) == ("fail", "timed_out")


def test_reachable_targets_are_reported_as_well(seen: dict[str, Any]) -> None:
    [found] = [each for name, each in results(seen, "tcp.connects").items() if CLICKHOUSE in name]
    assert found["status"] == "pass"


def test_its_vantage_is_the_networks_address(seen: dict[str, Any]) -> None:
    assert island.ADDRESS in seen["report"]["vantage"]["addresses"]


def test_a_failure_is_sent_to_the_topic(seen: dict[str, Any]) -> None:
    [subject] = seen["subjects"]
    count = len(seen["report"]["root_causes"])
    assert subject == f"netcheck netcheck: {count} new; {count} open"

"""What starting costs: hardly more than Python itself, and no library that the targets do not need."""

from __future__ import annotations

import sys

import pytest

from bench import bench_start
from bench.measure import measure, median
from tests.servers import peers

HEAVY = {"boto3", "botocore", "kafka", "clickhouse_connect", "cryptography"}
NEEDED = {
    "kafka": {"kafka"},
    "clickhouse-https": set[str](),
    "clickhouse-native": set[str](),
    "aws-service (a URL)": set[str](),
    "aws-service (a name)": {"botocore"},
}


def test_showing_the_version_imports_nothing_large() -> None:
    assert not bench_start.imported_by_version() & set(bench_start.LIBRARIES)


@pytest.mark.parametrize("kind", NEEDED)
def test_a_run_imports_what_its_targets_need_and_no_more(kind: str) -> None:
    with peers.http() as peer:
        arguments = bench_start.runs(peer.port)[kind]
        found = bench_start.imported("run", *arguments, "--timeout", "5", "--deadline", "30")
    assert found & HEAVY == NEEDED[kind]


def test_starting_takes_at_most_three_times_what_python_takes() -> None:
    """Processor time, in turn: what else the machine does changes that least."""
    empty, ours = [], []
    for _ in range(9):
        empty.append(measure([sys.executable, "-c", "pass"]).cpu_s)
        ours.append(measure([bench_start.NETCHECK, "--version"]).cpu_s)
    assert median(ours) <= bench_start.LIMIT * median(empty)

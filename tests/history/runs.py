"""Reports for a history: of one pipeline, at known times, with known results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from netcheck.core.model import Cause, Finding, Json, Kind, Layer, Report, Result, RootCause, Status, Target

NOW = datetime.now(UTC).replace(microsecond=0)
B1, B2 = (Target(Kind.KAFKA, f"b-{number}.example", 9094) for number in (1, 2))
CLICKHOUSE = Target(Kind.CLICKHOUSE_HTTPS, "ch.example", 8443)


def result(
    check: str,
    target: Target,
    status: Status = Status.PASS,
    seconds: float = 0.01,
    evidence: Mapping[str, Json] | None = None,
    days_left: float | None = None,
) -> Result:
    """One result; a failure is a time-out."""
    cause = Cause.TIMED_OUT if status is Status.FAIL else None
    summary = f"{target.host} \t'quoted' \"twice\" — {status}"
    finding = Finding(status, summary, cause, Layer.TCP, evidence or {"tried": 1}, days_left=days_left)
    return Result(f"{check}@{target}", check, target, finding, seconds)


def run(ago: timedelta, results: Iterable[Result], name: str = "orders-sink", seconds: float = 1.5) -> Report:
    """A report of that long ago; every failure is a root cause."""
    found = tuple(results)
    causes = tuple(
        RootCause("TIMED_OUT", (str(each.target),), each.finding.summary, False, (each.key,))
        for each in found
        if each.status is Status.FAIL
    )
    started = (NOW - ago).isoformat().replace("+00:00", "Z")
    pipeline: dict[str, Json] = {"targets": [str(B1)], "connector": {"name": name}}
    return Report(started, seconds, {"summary": "worker-a"}, pipeline, found, causes)


def many(count: int, number: int) -> Report:
    """A run with `count` results."""
    targets = [Target(Kind.KAFKA, f"b-{each}.example", 9094) for each in range(100)]
    made = (result(f"check.c{each // 100}", targets[each % 100]) for each in range(count))
    return run(timedelta(minutes=number), made, seconds=number + 0.25)

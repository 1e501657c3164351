"""A report as CloudWatch metrics in the embedded metric format: JSON log lines that become metrics.

Only two dimensions, Pipeline and Check: each further one would multiply the number of metrics and their cost.
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html)
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from enum import StrEnum

from netcheck.core.model import Json, Report, Status

NAMESPACE = "netcheck"
LONGEST_DIMENSION = 1024
"""Characters of a dimension's value (CloudWatch API reference, Dimension)."""


class Detail(StrEnum):
    """Which metrics are sent: none, those of the pipeline, or also one per check."""

    NONE = "none"
    SUMMARY = "summary"
    ALL = "all"


def documents(report: Report, pipeline: str, detail: Detail) -> Iterator[dict[str, Json]]:
    """One document for the pipeline, then one for each check with a determined result."""
    if detail is Detail.NONE:
        return
    counts = {str(status).title(): report.count(status) for status in Status}
    yield _document(
        {"Pipeline": pipeline},
        {**counts, "RootCauses": len(report.root_causes)},
        {"Seconds": round(report.seconds, 3)},
    )
    if detail is Detail.ALL:
        for check, failed in _failed(report).items():
            yield _document({"Pipeline": pipeline, "Check": check}, {"Failed": failed})


def undelivered(pipeline: str, count: int) -> dict[str, Json]:
    """How many steps after the checks failed: state, notification, report, history."""
    return _document({"Pipeline": pipeline}, {"Undelivered": count})


def _failed(report: Report) -> dict[str, int]:
    """How many targets fail each check. A check with only skipped or unknown results is left out, as it is
    not known to have no failures.
    """
    found: dict[str, int] = {}
    for result in report.results:
        if result.status in (Status.PASS, Status.WARN, Status.FAIL):
            found[result.check] = found.get(result.check, 0) + (result.status is Status.FAIL)
    return dict(sorted(found.items()))


def _document(
    dimensions: Mapping[str, str], counts: Mapping[str, int], seconds: Mapping[str, float] | None = None
) -> dict[str, Json]:
    seconds = seconds or {}
    metrics: list[Json] = [{"Name": name, "Unit": "Count"} for name in counts]
    metrics += [{"Name": name, "Unit": "Seconds"} for name in seconds]
    directive: dict[str, Json] = {
        "Namespace": NAMESPACE,
        "Dimensions": [list[Json](dimensions)],
        "Metrics": metrics,
    }
    about: dict[str, Json] = {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [directive]}
    values = {name: _dimension(value) for name, value in dimensions.items()}
    return {"_aws": about, **values, **counts, **seconds}


def _dimension(value: str) -> str:
    """A valid dimension value: ASCII, not blank, without control characters."""
    clean = "".join(c if " " <= c <= "~" else "?" for c in value).strip()
    return clean[:LONGEST_DIMENSION] or "?"

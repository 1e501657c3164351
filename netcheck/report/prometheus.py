"""The report for the Prometheus node exporter's textfile collector: gauges in the text exposition format.

No host is a label: what there is to count is by check, kind of target and status, so that the number of
series depends on the checks that are installed and not on what is checked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from netcheck.core.model import Report, Result, Status
from netcheck.core.version import VERSION
from netcheck.report.style import printable

CODES = 50
"""Root causes' codes that get a series of their own; the rest are counted as `other`."""

Sample = tuple[Mapping[str, str], float]


def render(report: Report) -> str:
    """The report as gauges. Write it beside its place and rename it: the collector may read at any moment."""
    ended = datetime.fromisoformat(report.started).timestamp() + report.seconds
    parts = [
        _gauge("netcheck_info", "The version that wrote this.", [({"version": VERSION}, 1)]),
        _gauge("netcheck_run_timestamp_seconds", "When the run ended, in seconds since 1970.", [({}, ended)]),
        _gauge("netcheck_run_duration_seconds", "How long the run took.", [({}, report.seconds)]),
        _gauge(
            "netcheck_results",
            "How many results have this status.",
            [({"status": str(status)}, report.count(status)) for status in Status],
        ),
        _gauge("netcheck_root_causes", "How many root causes there are.", [({}, len(report.root_causes))]),
        _gauge(
            "netcheck_root_cause",
            "How many root causes have this code; certain or not.",
            _codes(report),
        ),
        _gauge(
            "netcheck_check_status",
            "How many results of a check, on targets of a kind, have this status.",
            _checks(report.results),
        ),
        _gauge(
            "netcheck_certificate_expiry_days",
            "Days until the first certificate shown by targets of a kind expires.",
            _expiry(report.results),
        ),
    ]
    return "".join(parts)


def _codes(report: Report) -> list[Sample]:
    found = Counter((cause.code, "true" if cause.certain else "false") for cause in report.root_causes)
    kept = dict.fromkeys(code for code, _ in sorted(found))
    named = set(list(kept)[:CODES])
    folded: Counter[tuple[str, str]] = Counter()
    for (code, certain), number in found.items():
        folded[code if code in named else "other", certain] += number
    return [({"code": code, "certain": certain}, n) for (code, certain), n in sorted(folded.items())]


def _checks(results: Iterable[Result]) -> list[Sample]:
    found = Counter((r.check, str(r.target.kind), r.status) for r in results)
    asked = dict.fromkeys((check, kind) for check, kind, _ in found)
    return [
        ({"check": check, "kind": kind, "status": str(status)}, found[check, kind, status])
        for check, kind in sorted(asked)
        for status in Status
    ]


def _expiry(results: Iterable[Result]) -> list[Sample]:
    days: dict[str, float] = {}
    for result in results:
        if (left := result.finding.days_left) is not None:
            kind = str(result.target.kind)
            days[kind] = min(days.get(kind, left), left)
    return [({"kind": kind}, left) for kind, left in sorted(days.items())]


def _gauge(name: str, about: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP {name} {about}", f"# TYPE {name} gauge"]
    lines += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _escaped(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)

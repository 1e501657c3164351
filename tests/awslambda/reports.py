"""Reports for tests: a few results and root causes, in short form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netcheck.core.model import PIPELINE, Finding, Json, Report, Result, RootCause, Status

WHEN = "2026-01-11T09:00:00Z"


def report(
    results: Mapping[str, str] | None = None,
    causes: Sequence[RootCause] = (),
    *,
    evidence: Mapping[str, Json] | None = None,
) -> Report:
    """A report with `results` as {key: status}; the check of a result is the part before the @."""
    made = tuple(
        Result(
            key, key.partition("@")[0], PIPELINE, Finding(Status(status), "so", evidence=evidence or {}), 0.0
        )
        for key, status in (results or {}).items()
    )
    return Report(WHEN, 1.5, {}, {}, made, tuple(causes))


def cause(component: str, *results: str, code: str = "timed_out") -> RootCause:
    return RootCause(
        code, (component,), f"{component} is wrong", True, results or (f"tcp.connect@{component}",)
    )

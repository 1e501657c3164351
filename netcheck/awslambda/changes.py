"""What has changed since the last run: which root causes are new, and which are resolved. Pure.

A root cause that this run could not look at again is neither: it stays open, and nothing is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from netcheck.core.aliases import current_cause, current_key
from netcheck.core.model import Report, Result, RootCause, Status

SCHEMA = "netcheck.state/1"
UNDETERMINED = (Status.UNKNOWN, Status.SKIP)


@dataclass(frozen=True, slots=True)
class Open:
    """A root cause that has been told and is not resolved. `results` are the keys that showed it last;
    `since` is when it was first seen.
    """

    code: str
    component: str
    title: str
    results: tuple[str, ...]
    since: str

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same root cause in the next run."""
        return self.code, self.component


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be told of one run."""

    new: tuple[Open, ...]
    resolved: tuple[Open, ...]
    remaining: int

    def __bool__(self) -> bool:
        return bool(self.new or self.resolved)


@dataclass(frozen=True, slots=True)
class Pending:
    """A change that is being told: by which invocation, to which channels still, and until when (seconds
    since 1970) that invocation can be at it.
    """

    id: str
    by: str
    until: float
    channels: tuple[str, ...]
    change: Change


@dataclass(frozen=True, slots=True)
class State:
    """What is kept between runs of one pipeline. `observed` is when the run of it began, in seconds since
    1970.
    """

    schema: str = SCHEMA
    version: int = 0
    observed: float = 0.0
    open: tuple[Open, ...] = ()
    pending: Pending | None = None


def renamed(state: State) -> State:
    """A saved state under today's names of checks and codes: a renamed root cause is neither new nor
    resolved.
    """
    pending = state.pending
    if pending:
        new, resolved = (_all_renamed(causes) for causes in (pending.change.new, pending.change.resolved))
        pending = replace(pending, change=replace(pending.change, new=new, resolved=resolved))
    return replace(state, open=_all_renamed(state.open), pending=pending)


def _all_renamed(causes: Sequence[Open]) -> tuple[Open, ...]:
    return tuple(
        replace(cause, code=current_cause(cause.code), results=tuple(map(current_key, cause.results)))
        for cause in causes
    )


def compare(open_before: Sequence[Open], report: Report) -> tuple[tuple[Open, ...], Change]:
    """The root causes that are open after this report, and what changed."""
    seen = {(cause.code, cause.component): cause for cause in report.root_causes}
    before = {known.key: known for known in open_before}
    results = {result.key: result for result in report.results}
    whole = not report.count(Status.UNKNOWN)
    new = tuple(_opened(cause, report.started) for key, cause in seen.items() if key not in before)
    kept, resolved = [], []
    for key, known in before.items():
        if key in seen:
            kept.append(_opened(seen[key], known.since))
        elif all(_determined(name, results, whole) for name in known.results):
            resolved.append(known)
        else:
            kept.append(known)
    return (*kept, *new), Change(new, tuple(resolved), len(kept) + len(new))


def _opened(cause: RootCause, since: str) -> Open:
    return Open(cause.code, cause.component, cause.title, tuple(cause.results), since)


def _determined(key: str, results: dict[str, Result], whole: bool) -> bool:
    """Whether this run answered the question that showed a root cause; one that is no longer there counts
    only in a run that left nothing open.
    """
    result = results.get(key)
    return whole if result is None else result.status not in UNDETERMINED

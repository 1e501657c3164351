"""What changed since the last run: which root causes are new and which are resolved. Pure.

A root cause that this run could not check again is neither: it stays open, and nothing is sent.
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
    """A root cause that was sent and is not resolved. `results` are the keys of the results that showed it
    last; `since` is when it was first seen.
    """

    code: str
    component: str
    title: str
    results: tuple[str, ...]
    since: str

    @property
    def key(self) -> tuple[str, str]:
        """Identifies the root cause in the next run."""
        return self.code, self.component


@dataclass(frozen=True, slots=True)
class Change:
    """The changes of one run that are sent."""

    new: tuple[Open, ...]
    resolved: tuple[Open, ...]
    remaining: int

    def __bool__(self) -> bool:
        return bool(self.new or self.resolved)


@dataclass(frozen=True, slots=True)
class Pending:
    """A change that is being sent: by which invocation, the channels that are left, and until when that
    invocation may still be running, in seconds since 1970.
    """

    id: str
    by: str
    until: float
    channels: tuple[str, ...]
    change: Change


@dataclass(frozen=True, slots=True)
class State:
    """The state that is kept between runs of one pipeline. `observed` is when its run started, in seconds
    since 1970.
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
    before = {cause.key: cause for cause in open_before}
    results = {result.key: result for result in report.results}
    complete = not report.count(Status.UNKNOWN)
    new = tuple(_opened(cause, report.started) for key, cause in seen.items() if key not in before)
    kept, resolved = [], []
    for key, cause in before.items():
        if key in seen:
            kept.append(_opened(seen[key], cause.since))
        elif all(_determined(name, results, complete) for name in cause.results):
            resolved.append(cause)
        else:
            kept.append(cause)
    return (*kept, *new), Change(new, tuple(resolved), len(kept) + len(new))


def _opened(cause: RootCause, since: str) -> Open:
    return Open(cause.code, cause.component, cause.title, tuple(cause.results), since)


def _determined(key: str, results: dict[str, Result], complete: bool) -> bool:
    """Whether this run determined a result that showed a root cause. A result that is missing counts as
    determined only in a complete run, one without unknown results.
    """
    result = results.get(key)
    return complete if result is None else result.status not in UNDETERMINED

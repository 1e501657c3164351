"""One change of the configuration, and the outcome of a comparison. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from netcheck.core.model import Json


class Act(StrEnum):
    """What happened to a component, a rule or a setting."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the AWS configuration a change is: Region, document, item, and the part of the item."""

    region: str
    stem: str
    item: str
    part: str
    key: str


@dataclass(frozen=True, slots=True)
class Change:
    """One difference in the configuration. `text` describes it, without the component's name.

    `mentions` are the ids and names in it. `place` is where it can be undone on a copy, None for what is not
    AWS networking. `explains` are the new root causes that it explains, by their number in the comparison,
    from 1. `proved`: with this change alone undone, they are gone.
    """

    act: Act
    component: str
    text: str
    before: Json
    after: Json
    mentions: frozenset[str] = frozenset()
    place: Place | None = field(default=None, compare=False)
    explains: tuple[int, ...] = ()
    proved: bool = False


class Transition(StrEnum):
    """How a result differs. The values are public: they stand in the JSON of a comparison."""

    FAILED = "new_failure"
    RESOLVED = "resolved"
    CAUSE_CHANGED = "cause_changed"
    WARNED = "new_warning"
    WARNING_GONE = "warning_gone"
    NO_LONGER_KNOWN = "not_known_any_more"
    NOW_KNOWN = "known_now"
    NO_LONGER_RUN = "not_asked_any_more"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class ResultState:
    """One side's status, cause and summary of a result."""

    status: str
    cause: str | None
    summary: str
    caused_by: str | None


@dataclass(frozen=True, slots=True)
class ResultChange:
    """A result that differs. `key` is the later report's, or the earlier one's where it is gone."""

    transition: Transition
    key: str
    check: str
    target: str
    before: ResultState | None
    after: ResultState | None

    @property
    def folded(self) -> bool:
        """Whether it is a consequence of another result."""
        return bool(self.after and self.after.caused_by)


class CauseTransition(StrEnum):
    """How a root cause differs. The values are public: they stand in the JSON of a comparison."""

    APPEARED = "appeared"
    RESOLVED = "resolved"
    MOVED = "changed"
    UNFOLDED = "stands_alone"
    FOLDED = "follows_from_another"
    NO_LONGER_KNOWN = "not_known_any_more"


@dataclass(frozen=True, slots=True)
class CauseChange:
    """A root cause that differs. `before` is its earlier component, where that differs."""

    transition: CauseTransition
    code: str
    component: str
    title: str
    shown_by: tuple[str, ...]
    explains: tuple[str, ...] = ()
    before: str | None = None
    components: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Diff:
    """Everything that differs; changes that explain a root cause first. `not_compared` names what is missing
    on one side.
    """

    before: str
    after: str
    causes: tuple[CauseChange, ...] = ()
    changes: tuple[Change, ...] = ()
    results: tuple[ResultChange, ...] = ()
    new_targets: tuple[str, ...] = ()
    gone_targets: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()

    @property
    def worse(self) -> bool:
        """Whether something fails that did not fail before."""
        failed = any(result.transition is Transition.FAILED for result in self.results)
        return failed or bool(self.appeared)

    @property
    def less_known(self) -> bool:
        """Whether something that was known can no longer be determined."""
        return any(
            result.transition is Transition.NO_LONGER_KNOWN and not result.folded for result in self.results
        )

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not any((self.causes, self.changes, self.results, self.new_targets, self.gone_targets))

    @property
    def appeared(self) -> tuple[CauseChange, ...]:
        """The new root causes, in the order of the numbers in `Change.explains`."""
        return tuple(cause for cause in self.causes if cause.transition is CauseTransition.APPEARED)

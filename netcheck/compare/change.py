"""One change of the configuration, and what a comparison comes to. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from netcheck.core.model import Json


class Act(StrEnum):
    """What was done to a thing."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in AWS's answers a change stands: the document's Region and name, the item, and what of it."""

    region: str
    stem: str
    item: str
    part: str
    key: str


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as it was. `text` says it in words, without the component's name.

    `mentions` are the ids and names that it speaks of; `place` is where it can be undone on a copy, None for
    what is not AWS's networking. `explains` are the new root causes it explains, by their number in the
    comparison from 1; `proved`: with this alone put back as it was, they are gone.
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


class Turn(StrEnum):
    """How the answer to a question is not what it was."""

    FAILS = "new_failure"
    RESOLVED = "resolved"
    CAUSE = "cause_changed"
    WARNS = "new_warning"
    WARNED = "warning_gone"
    LOST = "not_known_any_more"
    KNOWN = "known_now"
    MOOT = "not_asked_any_more"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one result said."""

    status: str
    cause: str | None
    summary: str
    caused_by: str | None


@dataclass(frozen=True, slots=True)
class ResultChange:
    """A result that differs. `key` is the later report's, or the earlier one's where it is gone."""

    turn: Turn
    key: str
    check: str
    target: str
    before: Answer | None
    after: Answer | None

    @property
    def folded(self) -> bool:
        """Whether it only follows from another result."""
        return bool(self.after and self.after.caused_by)


class Fate(StrEnum):
    """What became of a root cause."""

    APPEARED = "appeared"
    RESOLVED = "resolved"
    CHANGED = "changed"
    ALONE = "stands_alone"
    FOLDED = "follows_from_another"
    UNCLEAR = "not_known_any_more"


@dataclass(frozen=True, slots=True)
class CauseChange:
    """A root cause that is not as it was: `before` is its component then, where that differs."""

    fate: Fate
    code: str
    component: str
    title: str
    shown_by: tuple[str, ...]
    explains: tuple[str, ...] = ()
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that differs, what explains first. `not_compared` says what could not be looked at."""

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
        """Whether something fails that did not."""
        return any(each.turn is Turn.FAILS for each in self.results) or bool(self.appeared)

    @property
    def less_known(self) -> bool:
        """Whether something is not known any more that was."""
        return any(each.turn is Turn.LOST and not each.folded for each in self.results)

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        told = (self.causes, self.changes, self.results, self.new_targets, self.gone_targets)
        return not any(told)

    @property
    def appeared(self) -> tuple[CauseChange, ...]:
        """The new root causes, in the order that `Change.explains` counts them in."""
        return tuple(each for each in self.causes if each.fate is Fate.APPEARED)

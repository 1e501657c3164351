"""The contract of a check: all that the author of one has to read, with `model` and `problem`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from netcheck.core.agent_problems import AGENT_CAUSES
from netcheck.core.codec import encode
from netcheck.core.context import Context, Skip
from netcheck.core.model import Explains, Finding, Layer, Result, Status, Target
from netcheck.core.place import Place
from netcheck.core.problem import Problem

if TYPE_CHECKING:
    from netcheck.core.catalogue import Catalogue


class Survey(StrEnum):
    """When a survey of many connectors (`netcheck fleet`) runs a check."""

    ALWAYS = "always"
    LIVE = "live"
    """With --live: it sends something to a peer, or compares with what the workers said."""
    ON_REQUEST = "on request"
    """Where --only names it: it costs calls for each connector."""


class Check(ABC):
    """One question about one target.

    The class docstring is the user's documentation: its first line is the title, a claim that is true when
    the check passes; then comes when it fails; then what to do, in a paragraph that starts with `Fix:`.
    """

    id: ClassVar[str]
    """`concern.claim`: stable, public, and the anchor in docs/checks.md."""
    kinds: ClassVar[frozenset[str]]
    """The kinds of target it applies to."""
    depends_on: ClassVar[frozenset[str]] = frozenset()
    """Ids of checks whose failure on the same target explains ours. Not an order: all run side by side."""
    after: ClassVar[frozenset[str]] = frozenset()
    """The name of `depends_on` up to version 0.1: both count."""
    problems: ClassVar[Sequence[Problem]] = ()
    """The causes and codes that this check adds to netcheck's vocabulary. One that declares any gives no
    other code, and no cause that nobody declares; one that declares none may give any code."""
    survey: ClassVar[Survey] = Survey.ALWAYS
    """When a survey of many connectors runs it."""
    needs_only: ClassVar[str] = ""
    """Of a check of the pipeline: the option that is enough to run it where no pipeline is known."""
    explains: ClassVar[tuple[Explains, ...]] = ()
    """What follows from any failure of this check, beside what its problems explain."""

    @abstractmethod
    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        """Yield findings. Raise Skip if the question is moot; let anything unexpected propagate."""

    def explained_by(self) -> frozenset[str]:
        """Ids of the checks whose failure on the same target explains ours, under both names."""
        return frozenset(self.depends_on | self.after)


class DerivedCheck(Check):
    """A question that no check can answer alone: it is answered from the results of all others.

    It is never run on a target; it stands beside the other checks, so that it is listed, explained, and left
    out by --skip as any of them.
    """

    after_folding: ClassVar[bool] = False
    """Whether it needs results whose consequences are folded already (`caused_by` is set)."""

    @abstractmethod
    def derive(self, results: Sequence[Result], place: Place, catalogue: Catalogue) -> Sequence[Result]:
        """The results that change, and those that are new: a key that is there already is replaced."""

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002 - never run
        raise Skip(f"{self.id} is derived from the other results about {target}")


def finding_from(cause: str | None, summary: str, layer: Layer, seen: object, **typed: Any) -> Finding:
    """The finding for what a probe saw: pass without a cause, unknown for a cause of ours, else fail.

    `seen` is the probe's observation, kept whole as evidence; `typed` are further fields of the finding.
    """
    if cause is None:
        return _finding(Status.PASS, summary, None, layer, seen, typed)
    status = Status.UNKNOWN if cause in AGENT_CAUSES else Status.FAIL
    return _finding(status, summary, cause, layer, seen, typed)


def warning(cause: str, summary: str, layer: Layer, seen: object, **typed: Any) -> Finding:
    """The finding for something that works and will not for long, or not for everybody."""
    return _finding(Status.WARN, summary, cause, layer, seen, typed)


def _finding(
    status: Status, summary: str, cause: str | None, layer: Layer, seen: object, typed: dict[str, Any]
) -> Finding:
    evidence = encode(seen)
    assert isinstance(evidence, dict)
    return Finding(status, summary, cause, layer, evidence, **typed)


answer = finding_from
"""The name up to version 0.1, for plugins."""

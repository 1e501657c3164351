"""The contract of a check: all that the author of one has to read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from netcheck.core.codec import encode
from netcheck.core.context import Context, Skip
from netcheck.core.model import AGENT_CAUSES, Cause, Finding, Layer, Status, Target


class Check(ABC):
    """One question about one target.

    The class docstring is the user's documentation: its first line is the title, a claim that is true when
    the check passes; then comes when it fails; then what to do, in a paragraph that starts with `Fix:`.
    """

    id: ClassVar[str]
    """`concern.claim`: stable, public, and the anchor in docs/checks.md."""
    kinds: ClassVar[frozenset[str]]
    """The kinds of target it applies to."""
    after: ClassVar[frozenset[str]] = frozenset()
    """Ids of checks whose failure on the same target explains ours. Not an order: all run side by side."""

    @abstractmethod
    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        """Yield findings. Raise Skip if the question is moot; let anything unexpected propagate."""


class DerivedCheck(Check):
    """A question that no check can answer alone: netcheck.diagnose does, of the results of all others.

    It is never run; it stands here so that it is listed, explained, and left out by --skip as any other.
    """

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002 - never run
        raise Skip(f"{self.id} is concluded from the other results about {target}")


def answer(cause: Cause | None, summary: str, layer: Layer, seen: object) -> Finding:
    """The finding for what a probe saw: pass without a cause, unknown for a cause of ours, else fail.

    `seen` is the probe's observation, kept whole as evidence.
    """
    evidence = encode(seen)
    assert isinstance(evidence, dict)
    if cause is None:
        return Finding(Status.PASS, summary, None, layer, evidence)
    return Finding(Status.UNKNOWN if cause in AGENT_CAUSES else Status.FAIL, summary, cause, layer, evidence)


def warning(cause: Cause, summary: str, layer: Layer, seen: object) -> Finding:
    """The finding for something that works and will not for long, or not for everybody."""
    evidence = encode(seen)
    assert isinstance(evidence, dict)
    return Finding(Status.WARN, summary, cause, layer, evidence)

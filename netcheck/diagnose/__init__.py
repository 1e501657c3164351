"""From results to root causes: holds both sides against each other, and folds what follows. Pure: no network,
no AWS.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from netcheck.diagnose.across import DELIVERED
from netcheck.diagnose.fold import After, explain, settle
from netcheck.diagnose.join import AGREES, contradictions, delivered
from netcheck.diagnose.place import HERE, Place, Where, place_of
from netcheck.diagnose.roots import root_causes
from netcheck.model import Result, RootCause

__all__ = [
    "HERE",
    "JOINED",
    "After",
    "Diagnosis",
    "Place",
    "Where",
    "diagnose",
    "explain",
    "place_of",
    "root_causes",
    "settle",
]

JOINED = frozenset({AGREES, DELIVERED})
"""The checks whose findings are made here, of the results of all others."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Every result with what explains it, what the join found among them, and the root causes."""

    results: tuple[Result, ...]
    root_causes: tuple[RootCause, ...]


def diagnose(
    results: Sequence[Result], after: After, place: Place = HERE, asked: Collection[str] = JOINED
) -> Diagnosis:
    """Judge the results of a run together. `asked` are the ids of checks that were asked for: of `JOINED`
    those are answered, too.
    """
    held = contradictions(results, place) if AGREES in asked else tuple(results)
    if DELIVERED in asked:
        held = (*held, *delivered(explain(held, after, place), place))
    explained = settle(explain(held, after, place))
    return Diagnosis(explained, root_causes(explained, place))

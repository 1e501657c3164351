"""From results to root causes: holds both sides against each other, and folds what follows. Pure: no network,
no AWS.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from netcheck.core.model import Result, RootCause
from netcheck.diagnose.correlator import DELIVERED
from netcheck.diagnose.fold import After, explain, settle
from netcheck.diagnose.join import AGREES, contradictions, delivered
from netcheck.diagnose.place import HERE, Place, Where, place_of
from netcheck.diagnose.roots import root_causes

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
    those are answered, too. What explains what does not depend on the order of the results.
    """
    ordered = sorted(results, key=_number)
    held = contradictions(ordered, place) if AGREES in asked else tuple(ordered)
    if DELIVERED in asked:
        held = (*held, *delivered(explain(held, after, place), place))
    told = {one.key: one for one in settle(explain(held, after, place))}
    explained = tuple(told[key] for key in dict.fromkeys([*(one.key for one in results), *told]))
    return Diagnosis(explained, root_causes(explained, place))


def _number(result: Result) -> tuple[str, int, str]:
    """A result's place among those of its question: a key ends in its number, if it is not the first."""
    _, _, number = result.key.rpartition("#")
    return f"{result.check}@{result.target}", int(number) if number.isdecimal() else 1, result.key

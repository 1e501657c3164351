"""From results to root causes: holds both sides against each other, and folds consequences. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netcheck.core.catalogue import Catalogue
from netcheck.core.model import Result, RootCause
from netcheck.core.place import HERE, Place
from netcheck.diagnose.fold import explain, settle
from netcheck.diagnose.roots import root_causes

if TYPE_CHECKING:
    from netcheck.core.check import DerivedCheck

__all__ = ["Diagnosis", "diagnose", "explain", "root_causes", "settle"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Every result with what explains it, what was derived from them, and the root causes."""

    results: tuple[Result, ...]
    root_causes: tuple[RootCause, ...]


def diagnose(
    results: Sequence[Result], catalogue: Catalogue, place: Place = HERE, derived: Iterable[DerivedCheck] = ()
) -> Diagnosis:
    """Judge the results of a run together. `catalogue` is what the checks declare, `derived` are the derived
    checks that were asked for. What explains what does not depend on the order of the results.
    """
    held = sorted(results, key=_number)
    checks = tuple(derived)
    for check in (one for one in checks if not one.after_folding):
        held = _merged(held, check.derive(held, place, catalogue))
    for check in (one for one in checks if one.after_folding):
        held = _merged(held, check.derive(explain(held, catalogue, place), place, catalogue))
    found = {one.key: one for one in settle(explain(held, catalogue, place))}
    ordered = tuple(found[key] for key in dict.fromkeys([*(one.key for one in results), *found]))
    return Diagnosis(ordered, root_causes(ordered, catalogue, place))


def _merged(results: Sequence[Result], changed: Iterable[Result]) -> list[Result]:
    """The results with those that changed in their places, and those that are new at the end."""
    return list({one.key: one for one in (*results, *changed)}.values())


def _number(result: Result) -> tuple[str, int, str]:
    """A result's place among those of its question: a key ends in its number, if it is not the first."""
    _, _, number = result.key.rpartition("#")
    return f"{result.check}@{result.target}", int(number) if number.isdecimal() else 1, result.key

"""Holds what is observed against what AWS's configuration does: where they do not fit is a finding. Pure.

What `checks/correlate.py` derives from the results of all other checks is computed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from netcheck.core.catalogue import Catalogue
from netcheck.core.evidence import TracedPath
from netcheck.core.model import Result, Status, Target
from netcheck.core.place import Place
from netcheck.core.problem import Trait
from netcheck.diagnose.correlator import concerns, is_blocker
from netcheck.diagnose.decision_table import JointVerdict, decide
from netcheck.diagnose.sides import (
    TargetObservation,
    by_target,
    configured,
    is_silent,
    observed,
    paths,
    relevant_paths,
)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A target that answered from the workers' place though AWS's configuration stops it from there.

    `shown` is the result that answered, `blockers` say that it is stopped; `dependants` say that paths
    differ, where nothing but these blockers makes them differ.
    """

    target: Target
    shown: Result
    blockers: tuple[Result, ...]
    dependants: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Delivered:
    """A target that is silent although AWS's configuration delivers to it, over these paths."""

    target: Target
    silent: Result
    paths: tuple[TracedPath, ...]


def contradictions(results: Sequence[Result], place: Place, catalogue: Catalogue) -> Iterator[Contradiction]:
    """Every target whose two sides contradict each other: nothing is to blame that a packet has passed."""
    for target, own in by_target(results).items():
        seen = observed(own)
        against = _contradicted(own, seen, place)
        blockers = [one for one in own if _is_stop(one, catalogue) and _is_about(one, against)]
        if seen.result is not None and blockers:
            dependants = _dependants(own, blockers, catalogue)
            yield Contradiction(target, seen.result, tuple(blockers), tuple(dependants))


def delivered(explained: Sequence[Result], place: Place) -> Iterator[Delivered]:
    """Every target that is silent to the workers' place, although AWS's configuration delivers to it, and
    whose silence nothing else explains.
    """
    for target, own in by_target(explained).items():
        silent = next((one for one in own if is_silent(one) and one.status is Status.FAIL), None)
        if silent is None or silent.caused_by:
            continue
        seen = observed([silent])
        chosen = relevant_paths(paths(own), place, seen.silent)
        if decide(seen.observed, configured(chosen, place), place.where) is JointVerdict.PAST_AWS:
            yield Delivered(target, silent, chosen)


def doubted(result: Result, cause: str, summary: str, by: str) -> Result:
    """The same result as an `unknown` with this cause, explained by the contradiction `by`."""
    finding = replace(result.finding, status=Status.UNKNOWN, cause=cause, summary=summary)
    return replace(result, finding=finding, caused_by=by)


def _contradicted(own: Sequence[Result], seen: TargetObservation, place: Place) -> tuple[TracedPath, ...]:
    """The paths on which something answered and that AWS's configuration stops, all of each."""
    every = paths(own)
    addresses = seen.answered or {path.destination for path in every}
    return tuple(
        path
        for address in sorted(addresses)
        for path in relevant_paths(every, place, frozenset({address}))
        if decide(seen.observed, configured([path], place), place.where) is JointVerdict.CONTRADICTION
    )


def _is_stop(result: Result, catalogue: Catalogue) -> bool:
    return result.status is Status.FAIL and is_blocker(result, catalogue)


def _is_about(blocker: Result, against: Sequence[TracedPath]) -> bool:
    pairs = {(path.source, path.destination) for path in against}
    return any(
        (path.source, path.destination) in pairs and concerns(blocker, path.blockers)
        for path in blocker.finding.paths
    )


def _dependants(own: Sequence[Result], blockers: Sequence[Result], catalogue: Catalogue) -> list[Result]:
    """What says that paths differ, where nothing but these blockers makes them differ."""
    if any(_is_stop(one, catalogue) and one not in blockers for one in own):
        return []
    return [one for one in own if one.status is Status.FAIL and catalogue.has(one, Trait.PATHS_DIFFER)]

"""Holds what is observed against what AWS's configuration says: where they do not fit is a finding. Pure.

Two questions that no check can answer alone, asked when all others are in (see `checks/correlate.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from netcheck.core.model import Cause, Finding, Json, Layer, Result, Status, Target
from netcheck.diagnose.correlator import DELIVERED, STOPS_PACKETS, concerns
from netcheck.diagnose.decision_table import Reading, read
from netcheck.diagnose.place import Place
from netcheck.diagnose.sides import (
    Seen,
    Way,
    by_target,
    configured,
    in_question,
    is_silent,
    observed,
    ways,
    ways_of,
)

AGREES = "correlate.agrees"


def contradictions(results: Sequence[Result], place: Place) -> tuple[Result, ...]:
    """The same results, and one `correlate.agrees` for each target that answered from the workers' place
    though AWS's configuration stops it from there. What says that it stops it is no failure any more: it is
    unknown which of both is wrong, and nothing is to be blamed that a packet has passed.
    """
    found: dict[Target, Result] = {}
    doubted: dict[str, Target] = {}
    for target, own in by_target(results).items():
        seen = observed(own)
        against = _contradicted(own, seen, place)
        stops = [one for one in own if _is_stop(one) and _is_about(one, against)]
        if seen.result is not None and stops:
            found[target] = _disagreement(target, seen.result, stops)
            doubted |= {one.key: target for one in (*stops, *_stand_on(own, stops))}
    kept = (_doubted(one, found[doubted[one.key]].key) if one.key in doubted else one for one in results)
    return (*kept, *found.values())


def _contradicted(own: Sequence[Result], seen: Seen, place: Place) -> tuple[Way, ...]:
    """The paths on which something answered and that AWS's configuration stops, all of each."""
    every = ways(own)
    addresses = seen.answered or {way.destination for way in every}
    return tuple(
        way
        for address in sorted(addresses)
        for way in in_question(every, place, frozenset({address}))
        if read(seen.observed, configured([way], place), place.where) is Reading.CONTRADICTION
    )


def _is_stop(result: Result) -> bool:
    return (
        result.status is Status.FAIL
        and result.finding.cause in STOPS_PACKETS
        and result.finding.code is not None
    )


def _is_about(stop: Result, against: Sequence[Way]) -> bool:
    pairs = {(way.source, way.destination) for way in against}
    return any(
        (way.source, way.destination) in pairs and concerns(stop, way.blockers) for way in ways_of(stop)
    )


def _stand_on(own: Sequence[Result], stops: Sequence[Result]) -> list[Result]:
    """What says that paths differ, where nothing but these stops makes them differ."""
    if any(_is_stop(one) and one not in stops for one in own):
        return []
    return [one for one in own if one.finding.cause is Cause.PATH_PARTIAL and one.status is Status.FAIL]


def _disagreement(target: Target, shown: Result, stops: Sequence[Result]) -> Result:
    components = list(dict.fromkeys(one.finding.component or "" for one in stops))
    evidence: dict[str, Json] = {
        "observed": shown.finding.summary,
        "configured": [one.finding.summary for one in stops],
        "components": [*components],
    }
    text = (
        f"{target.endpoint} answers from where the workers are, although AWS's configuration stops it at "
        f"{', '.join(components)}: the configuration has changed, something else answers in its place, or "
        "this host is not where it seems to be"
    )
    finding = Finding(Status.UNKNOWN, text, Cause.CONFIG_OBSERVATION_MISMATCH, Layer.AGENT, evidence)
    return Result(f"{AGREES}@{target}", AGREES, target, finding, 0.0)


def _doubted(stop: Result, by: str) -> Result:
    text = f"AWS's configuration says so, and an answer came all the same: {stop.finding.summary}"
    finding = replace(
        stop.finding, status=Status.UNKNOWN, cause=Cause.CONFIG_OBSERVATION_MISMATCH, summary=text
    )
    return replace(stop, finding=finding, caused_by=by)


def delivered(explained: Sequence[Result], place: Place) -> Iterator[Result]:
    """One `correlate.delivered` for each target that is silent to the workers' place, although AWS's
    configuration delivers it, and whose silence nothing else explains.
    """
    for target, own in by_target(explained).items():
        silent = next((one for one in own if is_silent(one) and one.status is Status.FAIL), None)
        if silent is None or silent.caused_by:
            continue
        seen = observed([silent])
        chosen = in_question(ways(own), place, seen.silent)
        if read(seen.observed, configured(chosen, place), place.where) is Reading.PAST_AWS:
            yield _silent_past_aws(target, silent, chosen)


def _silent_past_aws(target: Target, silent: Result, chosen: Sequence[Way]) -> Result:
    sources = ", ".join(dict.fromkeys(way.source for way in chosen))
    assumptions = list(dict.fromkeys(text for way in chosen for text in way.assumptions))
    evidence: dict[str, Json] = {"observed": silent.finding.summary, "assumptions": [*assumptions]}
    text = (
        f"{target.endpoint} is silent, and AWS's configuration delivers it from {sources} and back: "
        "something past routes, security groups and network ACLs swallows it"
    )
    finding = Finding(Status.FAIL, text, Cause.SILENT_PAST_AWS, Layer.TCP, evidence)
    return Result(f"{DELIVERED}@{target}", DELIVERED, target, finding, 0.0)

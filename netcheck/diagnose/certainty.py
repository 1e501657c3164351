"""How certain a root cause is, and what would make it so; and what each side says of it. Pure.

What AWS is configured to stop is certain, as it is computed; that it is why something is silent is certain
only where a worker could have heard the silence. What answered speaks for itself wherever it was heard from,
but for what belongs to a place: names, routes, who is let in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from netcheck.core.model import Cause, Json, Result, Status, Target
from netcheck.diagnose.confidence import EARNED, NOW_AND_THEN
from netcheck.diagnose.correlator import OF_THE_PLACE, STOPS_PACKETS
from netcheck.diagnose.decision_table import Reading, read
from netcheck.diagnose.place import Place, Where
from netcheck.diagnose.sides import (
    CONNECTS,
    Configured,
    Observed,
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

OF_DATES = frozenset({Cause.TLS_CERTIFICATE_EXPIRED, Cause.TLS_CERTIFICATE_NOT_YET_VALID})
DENIED_BY = {
    Cause.DNS_SHADOWED: "dns.resolves",
    Cause.DNS_FIREWALL: "dns.resolves",
    Cause.PRIVATELINK_NO_RECORD: "dns.resolves",
    Cause.ENDPOINT_PRIVATE_DNS_OFF: "tcp.connects",
    Cause.ENDPOINT_NOT_AVAILABLE: "tcp.connects",
    Cause.CLICKHOUSE_ACCESS_LIST: "tls.handshake",
    Cause.CLICKHOUSE_STOPPED: "clickhouse.ping",
}
"""What is said of a target from outside, and the check that could not pass here if it were so. A hosts file
or another way out of this host may make it pass all the same: that is a doubt, and no contradiction."""
LOST = "what is silent is certain; where it is lost is not"
UNSEEN = (
    "AWS's configuration of this path is not known (give --connector, or --source-subnet and "
    "--source-security-group)"
)
ASSUMED = "the path through AWS is computed on an assumption: "


@dataclass(frozen=True, slots=True)
class Whole:
    """All explained results of a report, and where they were seen from."""

    results: Sequence[Result]
    place: Place
    targets: Mapping[Target, Sequence[Result]]

    @staticmethod
    def seen_from(place: Place, results: Sequence[Result]) -> Whole:
        return Whole(results, place, by_target(results))

    def of(self, target: Target) -> Sequence[Result]:
        return self.targets.get(target, ())


def doubt(group: Sequence[Result], explained: Sequence[Result], report: Whole) -> str:
    """Why this is not certain, and what would make it so; "" where it is."""
    first = group[0]
    match first.finding.cause:
        case _ if passing := _denied(group, report):
            said = passing.finding.summary
            return f"from here {passing.check} passes all the same ({said}): see whether the workers differ"
        case cause if cause in STOPS_PACKETS and first.finding.code:
            return "" if _is_told_by_workers(explained) else _doubt_of_stop(group, explained, report)
        case Cause.TIMED_OUT if is_silent(first):
            return _doubt_of_silence(group, report, LOST) or f"{LOST}: AWS's configuration delivers it"
        case cause if cause in EARNED and first.finding.code is None:
            return _doubt_of_silence(group, report, str(EARNED[cause]))
        case Cause.INTERMITTENT if first.finding.code is None:
            return _both(NOW_AND_THEN, _from_elsewhere(report))
        case Cause.TIMED_OUT | Cause.DNS_TIMED_OUT:
            return LOST
        case Cause.SILENT_PAST_AWS:
            assumed = [text for one in group for text in _texts(one.finding.evidence.get("assumptions"))]
            return f"{ASSUMED}{assumed[0]}" if assumed else ""
        case cause if cause in OF_DATES and (skewed := _clock(report)):
            return f"{skewed}: mend that first, and look again"
        case cause if first.finding.code is None and cause in OF_THE_PLACE and not _is_of_log(first):
            return _from_elsewhere(report)
        case _ if any(one.finding.cause in OF_THE_PLACE and not _is_of_log(one) for one in explained):
            return _from_elsewhere(report)
    return ""


def _denied(group: Sequence[Result], report: Whole) -> Result | None:
    """The check that passes here although it could not: from elsewhere it may."""
    if report.place.where is Where.ELSEWHERE:
        return None
    pairs = {(one.target, DENIED_BY[one.finding.cause]) for one in group if one.finding.cause in DENIED_BY}
    told = (one for one in report.results if (one.target, one.check) in pairs)
    return next((one for one in told if one.status is Status.PASS), None)


def _is_of_log(result: Result) -> bool:
    return result.check.startswith("logs.")


def _is_told_by_workers(explained: Sequence[Result]) -> bool:
    """Whether the workers' own log says the same: then both sides speak of the workers, wherever we are."""
    return any(_is_of_log(one) and one.status is Status.FAIL for one in explained)


def _doubt_of_stop(group: Sequence[Result], explained: Sequence[Result], report: Whole) -> str:
    """Of what AWS is configured to stop: what was observed of the same targets has to fit."""
    silent = [one for one in explained if is_silent(one)]
    for stop in group:
        seen = observed(report.of(stop.target))
        own = ways_of(stop)
        chosen = in_question(own, report.place, seen.silent | seen.answered)
        reading = read(seen.observed, configured(chosen, report.place), report.place.where)
        if report.place.where is Where.UNKNOWN and seen.answered:
            return f"{stop.target.endpoint} answers here, and {_whose_place(report)}"
        shown = any(one.finding.cause is Cause.SOURCE_PORT_FILTERED for one in explained)
        if reading is Reading.PARTLY_BLOCKED and silent and not shown:
            return (
                "AWS's configuration stops only a part of the source addresses and ports; whether what was "
                "silent was of that part is not certain"
            )
    # Of several blockers only the first explains the silence, which is as far from each of them.
    heard = silent or any(is_silent(one) for stop in group for one in report.of(stop.target))
    return _from_elsewhere(report) if heard else ""


def delivers(group: Sequence[Result], report: Whole) -> bool:
    """Whether AWS's configuration would deliver all of what is silent, as seen from the workers' place."""
    return {reading for reading, *_ in _readings(group, report)} == {Reading.PAST_AWS}


def _readings(group: Sequence[Result], report: Whole) -> Iterator[tuple[Reading, Target, Sequence[Way]]]:
    """What silence means with what AWS's configuration says, for each target, and of which paths."""
    for one in group:
        chosen = _in_question(one, report)
        known = configured(chosen, report.place)
        yield read(Observed.SILENT, known, report.place.where), one.target, chosen


def _in_question(one: Result, report: Whole) -> Sequence[Way]:
    """The paths that a silent result speaks of."""
    own = report.of(one.target)
    return in_question(ways(own), report.place, _silence(one, own).silent)


def _silence(one: Result, own: Sequence[Result]) -> Seen:
    """What is known of a silent result's addresses: a closer look was at those that a connection met."""
    return observed([one] if one.check == CONNECTS else own)


def _doubt_of_silence(group: Sequence[Result], report: Whole, open_: str) -> str:
    """Of silence that nothing explains: what the other side says of it, for the target that tells most. ""
    where AWS's configuration would deliver. `open_` is what nobody knows without that side.
    """
    found = list(_readings(group, report))
    told = {reading: target for reading, target, _ in reversed(found)}
    for reading in (Reading.OWN_WAY, Reading.WHOSE_WAY):
        if reading in told:
            because = _from_elsewhere(report)
            return f"AWS's configuration lets the workers reach {told[reading].endpoint}; {because}"
    if Reading.CANNOT_TELL in told:
        target = told[Reading.CANNOT_TELL]
        needs = _needs(
            report.of(target), [way for _, one, chosen in found if one == target for way in chosen]
        )
        why = f"whether AWS's configuration stops {target.endpoint} is not known{needs}"
        return _both(f"{open_}: {why}", _from_elsewhere(report))
    if Reading.ONE_SIDED in told:
        return _both(f"{open_}: {UNSEEN}", _from_elsewhere(report))
    if set(told) == {Reading.PAST_AWS}:
        return next(
            (ASSUMED + text for *_, chosen in found for way in chosen for text in way.assumptions), ""
        )
    if set(told) <= {Reading.BLOCKED, Reading.MAY_BE_BLOCKED}:
        return f"{open_}: AWS's configuration stops it, and the check that says where was left out"
    return f"{open_}: AWS's configuration stops a part of it"


def _needs(own: Sequence[Result], chosen: Sequence[Way]) -> str:
    """The permissions that would tell."""
    of_ways = (action for way in chosen for action in way.permissions)
    of_checks = _texts([each.finding.evidence.get("missing_permission") for each in own])
    needed = ", ".join(dict.fromkeys([*of_ways, *of_checks]))
    return f" (needs {needed})" if needed else ""


def _both(one: str, other: str) -> str:
    return f"{one}; {other}" if other else one


def _from_elsewhere(report: Whole) -> str:
    match report.place.where:
        case Where.SAME:
            return ""
        case Where.ELSEWHERE:
            return (
                "it was observed from elsewhere than the workers are: run netcheck in one of their subnets, "
                "with their security groups"
            )
        case Where.UNKNOWN:
            return _whose_place(report)


def _whose_place(report: Whole) -> str:
    said = next((one.finding.summary for one in report.results if one.check == "vantage.parity"), "")
    because = said.partition(" is not known: ")[2]
    return "whether this run looks from where the workers are is not known" + (
        f": {because}" if because else ""
    )


def _clock(report: Whole) -> str:
    found = (one.finding.summary for one in report.results if one.finding.cause is Cause.CLOCK_SKEW)
    return next(found, "")


def evidence(first: Result, explained: Sequence[Result], report: Whole) -> Iterator[str]:
    """One sentence from each side that has something to say of this root cause."""
    of_aws = first.finding.code is not None
    own = report.of(first.target)
    if of_aws:
        seen = observed(own).result
        shown = next((one for one in explained if one.finding.layer is not None and _is_seen(one)), seen)
        if shown is not None:
            yield f"observed: {shown.finding.summary}"
        yield f"configured: {first.finding.summary}"
        return
    silent = first.finding.evidence.get("observed") if first.finding.cause is Cause.SILENT_PAST_AWS else None
    yield f"observed: {silent or first.finding.summary}"
    said = _configured_of(first, report)
    if said:
        yield f"configured: {said}"


def _is_seen(result: Result) -> bool:
    """Whether it was observed, by a probe or by the workers."""
    return result.status in (Status.FAIL, Status.WARN) and result.finding.code is None


def _configured_of(first: Result, report: Whole) -> str:
    """What AWS's configuration says of the path to an observed failure's target, "" where nobody looked."""
    own = report.of(first.target)
    every = _in_question(first, report) if _is_silence(first) else ways(own)
    match configured(every, report.place):
        case Configured.REACHABLE:
            sources = ", ".join(dict.fromkeys(way.source for way in every))
            where = first.target.endpoint
            return f"AWS would deliver: its configuration lets {sources} reach {where}, and the replies back"
        case Configured.UNKNOWN:
            unknown = (
                one.finding.summary
                for one in own
                if one.status is Status.UNKNOWN and one.finding.cause is Cause.PATH_UNKNOWN
            )
            return next(unknown, "")
        case Configured.BLOCKED | Configured.PARTIAL:
            stops = (one.finding.summary for one in own if one.finding.cause in STOPS_PACKETS)
            return next(stops, "")
        case _:
            return ""


def _is_silence(first: Result) -> bool:
    silent = first.finding.cause in EARNED or first.finding.cause is Cause.SILENT_PAST_AWS
    return silent or is_silent(first)


def _texts(value: Json) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []

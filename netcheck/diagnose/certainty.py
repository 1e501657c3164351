"""How certain a root cause is, and what would make it so; and what each side says of it. Pure.

What AWS is configured to stop is certain, as it is computed; that it is why something is silent is certain
only where a worker could have heard the silence. What answered speaks for itself wherever it was heard from,
but for what belongs to a place: names, routes, who is let in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from netcheck.diagnose.across import OF_THE_PLACE, STOPS_PACKETS
from netcheck.diagnose.place import HERE, Place, Where
from netcheck.diagnose.sides import (
    Configured,
    Way,
    by_target,
    configured,
    in_question,
    is_silent,
    observed,
    ways,
    ways_of,
)
from netcheck.diagnose.table import Reading, read
from netcheck.model import Cause, Json, Result, Status, Target

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
            return _doubt_of_silence(group, report)
        case Cause.TIMED_OUT | Cause.DNS_TIMED_OUT:
            return LOST
        case Cause.SILENT_PAST_AWS:
            assumed = [text for one in group for text in _texts(one.finding.evidence.get("assumptions"))]
            return f"the path through AWS is computed on an assumption: {assumed[0]}" if assumed else ""
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
    return _from_elsewhere(report) if silent else ""


def _doubt_of_silence(group: Sequence[Result], report: Whole) -> str:
    """Of silence that nothing explains: what the other side says of it, for the target that tells most."""
    readings: dict[Reading, tuple[Result, Sequence[Result], tuple[Way, ...]]] = {}
    for one in group:
        own, seen = report.of(one.target), observed([one])
        chosen = in_question(ways(own), report.place, seen.silent)
        known = configured(chosen, report.place)
        readings.setdefault(read(seen.observed, known, report.place.where), (one, own, chosen))
    for reading in (Reading.OWN_WAY, Reading.WHOSE_WAY, Reading.CANNOT_TELL):
        if reading in readings:
            return _told_of_silence(reading, *readings[reading], report)
    return (
        f"{LOST}: AWS's configuration of this path is not known (give --connector, or --source-subnet and "
        "--source-security-group)"
    )


def _told_of_silence(
    reading: Reading, one: Result, own: Sequence[Result], chosen: Sequence[Way], report: Whole
) -> str:
    where = one.target.endpoint
    match reading:
        case Reading.OWN_WAY:
            return f"AWS's configuration lets the workers reach {where}: {_from_elsewhere(report)}"
        case Reading.WHOSE_WAY:
            return f"AWS's configuration lets the workers reach {where}, and {_whose_place(report)}"
        case _:
            needed = dict.fromkeys(
                [
                    *(action for way in chosen for action in way.permissions),
                    *_texts([each.finding.evidence.get("missing_permission") for each in own]),
                ]
            )
            needs = f" (needs {', '.join(needed)})" if needed else ""
            return f"whether AWS's configuration stops {where} is not known{needs}"


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
    said = _configured_of(first, own)
    if said:
        yield f"configured: {said}"


def _is_seen(result: Result) -> bool:
    """Whether it was observed, by a probe or by the workers."""
    return result.status in (Status.FAIL, Status.WARN) and result.finding.code is None


def _configured_of(first: Result, own: Sequence[Result]) -> str:
    """What AWS's configuration says of the path to an observed failure's target, "" where nobody looked."""
    every = ways(own)
    match configured(every, HERE):
        case Configured.REACHABLE:
            sources = ", ".join(dict.fromkeys(way.source for way in every))
            return f"AWS's configuration lets {sources} reach {first.target.endpoint}, and the replies back"
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


def _texts(value: Json) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []

"""The two sides of a target, read from its results: what was observed, and what AWS's configuration says.

Read from results rather than from observations, so that it is the same for a run, a replay, and a report.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from netcheck.core.model import Cause, Json, Kind, Layer, Result, Status, Target
from netcheck.diagnose.place import Place, Where

CONNECTS = "tcp.connects"
FIRST_EPHEMERAL, LAST_EPHEMERAL = 32768, 60999
"""The source ports of this host's own connections (Linux, net.ipv4.ip_local_port_range)."""


class Observed(StrEnum):
    """What became of a probe. An answer, good or bad, has crossed the path both ways; silence has not."""

    SILENT = "silent"
    BADLY = "answered badly"
    WELL = "answered well"
    NOTHING = "not probed"


class Configured(StrEnum):
    """What AWS's configuration does with the flows in question; `absent` where nobody looked."""

    REACHABLE = "reachable"
    BLOCKED = "blocked"
    PARTIAL = "partial"
    UNKNOWN = "unknown"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was observed of a target, at which of its addresses, and the result that shows it."""

    observed: Observed
    silent: frozenset[str] = frozenset()
    answered: frozenset[str] = frozenset()
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class Passing:
    """Of a partial path, some of what passes: these addresses with these ports. `translated`: only as far as
    a NAT gateway then chooses an address and port that pass.
    """

    blocks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    ports: tuple[tuple[int, int], ...]
    translated: bool

    def holds(self, addresses: Iterable[ipaddress.IPv4Address | ipaddress.IPv6Address]) -> bool:
        return any(
            one.version == block.version and one in block for one in addresses for block in self.blocks
        )


@dataclass(frozen=True, slots=True)
class Way:
    """One traced path of the evidence: from a worker subnet to one address."""

    source: str
    destination: str
    verdict: Configured
    blockers: frozenset[tuple[str, str]]
    passing: tuple[Passing, ...] = ()
    permissions: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()


def observed(results: Sequence[Result]) -> Seen:
    """What the results of one target say that was observed of it."""
    tcp = next((result for result in results if result.check == CONNECTS), None)
    if tcp is None:
        return Seen(Observed.NOTHING)
    silent = frozenset(a for a, told in _connections(tcp) if _is_silence(told.get("cause"), told))
    answered = frozenset(a for a, told in _connections(tcp) if told.get("cause") in (None, *_ANSWERS))
    seen = Seen(_transport(tcp), silent, answered, tcp)
    worse = next((one for one in results if one.status is Status.FAIL and one.finding.layer in _ABOVE), None)
    if seen.observed is Observed.WELL and worse is not None and worse.finding.code is None:
        return Seen(Observed.BADLY, silent, answered, worse)
    return seen


_ANSWERS = (Cause.CONNECTION_REFUSED, Cause.CONNECTION_RESET, Cause.CONNECTION_CLOSED)
_ABOVE = frozenset({Layer.TLS, Layer.KAFKA, Layer.HTTP, Layer.CLICKHOUSE})


def _transport(tcp: Result) -> Observed:
    match tcp.status, tcp.finding.cause:
        case ((Status.PASS | Status.WARN), _):
            return Observed.WELL
        case Status.FAIL, cause if cause in _ANSWERS:
            return Observed.BADLY
        case Status.FAIL, _ if is_silent(tcp):
            return Observed.SILENT
        case _:
            return Observed.NOTHING


def is_silent(result: Result) -> bool:
    """Whether a connection got no answer: neither the target nor anything on the way said a word.

    That a host cannot be reached this host's own kernel may have found out, where nobody answered to ARP: so
    it is for an address that nothing has, in a subnet of one's own. A router that says so has a name.
    """
    wanted = (Status.FAIL, Status.WARN)
    if result.check != CONNECTS or result.status not in wanted or result.finding.code:
        return False
    told = [one for _, one in _connections(result) if one.get("cause") == Cause.HOST_UNREACHABLE]
    return _is_silence(result.finding.cause, *told)


def _is_silence(cause: object, *told: Mapping[str, Json]) -> bool:
    if cause == Cause.HOST_UNREACHABLE:
        return bool(told) and not any(one.get("icmp") for one in told)
    return cause == Cause.TIMED_OUT


def _connections(tcp: Result) -> Iterator[tuple[str, Mapping[str, Json]]]:
    for one in _dicts(tcp.finding.evidence.get("connections")):
        yield str(one.get("address", "")), one


def ways(results: Iterable[Result]) -> tuple[Way, ...]:
    """Every path that the evidence of these results tells of, each once."""
    found: dict[tuple[str, str], Way] = {}
    for result in results:
        for way in ways_of(result):
            found.setdefault((way.source, way.destination), way)
    return tuple(found.values())


def ways_of(result: Result) -> tuple[Way, ...]:
    """The paths in one result's evidence, as `netcheck path --format json` writes them."""
    return tuple(_way(told) for told in _dicts(result.finding.evidence.get("paths")))


def _way(told: Mapping[str, Json]) -> Way:
    gaps = _dicts(told.get("gaps"))
    given = str(told.get("verdict"))
    assumed = told.get("assumptions")
    return Way(
        str(told.get("source")),
        str(told.get("destination")),
        Configured(given) if given in set(Configured) else Configured.UNKNOWN,
        frozenset(
            (str(one.get("code")), str(one.get("component"))) for one in _dicts(told.get("blocked_by"))
        ),
        _passing(_dicts(told.get("passing"))),
        tuple(dict.fromkeys(str(one["action"]) for one in gaps if one.get("action"))),
        tuple(str(one) for one in assumed) if isinstance(assumed, list) else (),
    )


def _passing(told: Iterable[Mapping[str, Json]]) -> tuple[Passing, ...]:
    """The rectangles that pass; none where they are not told as they should be: a plugin may say anything."""
    found = []
    for one in told:
        match one:
            case {"source_addresses": [*blocks], "source_ports": [*spans]}:
                try:
                    networks = tuple(ipaddress.ip_network(str(block)) for block in blocks)
                except ValueError:
                    return ()
                found.append(Passing(networks, tuple(_spans(spans)), "translated" in one))
            case _:
                return ()
    return tuple(found)


def _spans(spans: Iterable[Json]) -> Iterator[tuple[int, int]]:
    for span in spans:
        match span:
            case [int(low), int(high)]:
                yield low, high


def _dicts(value: Json) -> list[Mapping[str, Json]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def in_question(every: Iterable[Way], place: Place, addresses: frozenset[str]) -> tuple[Way, ...]:
    """The paths that what was observed at these addresses speaks of: from the workers' place those of its own
    subnet, from elsewhere any worker's. All addresses where none is named.
    """
    chosen = [way for way in every if not addresses or way.destination in addresses]
    here = place.where is Where.SAME and place.subnets
    return tuple(way for way in chosen if not here or way.source in place.subnets)


def configured(chosen: Iterable[Way], place: Place) -> Configured:
    """What AWS's configuration does with all of these paths together."""
    verdicts = {_verdict(way, place) for way in chosen}
    match len(verdicts):
        case 0:
            return Configured.ABSENT
        case 1:
            return verdicts.pop()
        case _ if verdicts <= {Configured.REACHABLE, Configured.UNKNOWN}:
            return Configured.UNKNOWN
        case _:
            return Configured.PARTIAL


def _verdict(way: Way, place: Place) -> Configured:
    """The path's verdict, for this host's own address where it stands in for a worker: of what passes in part
    its address may pass wholly, or not at all.
    """
    if way.verdict is not Configured.PARTIAL or place.where is not Where.SAME or not place.addresses:
        return way.verdict
    if not way.passing or any(one.translated for one in way.passing):
        return way.verdict  # not told, or which connection passes is a NAT gateway's choice
    own = [ipaddress.ip_address(one) for one in place.addresses]
    ports = [ports for one in way.passing if one.holds(own) for ports in one.ports]
    if not ports:
        return Configured.BLOCKED
    whole = any(low <= FIRST_EPHEMERAL and high >= LAST_EPHEMERAL for low, high in ports)
    return Configured.REACHABLE if whole else Configured.PARTIAL


def by_target(results: Iterable[Result]) -> dict[Target, list[Result]]:
    """The results of each target that one can connect to."""
    found: dict[Target, list[Result]] = {}
    for result in results:
        if result.target.kind is not Kind.PIPELINE:
            found.setdefault(result.target, []).append(result)
    return found

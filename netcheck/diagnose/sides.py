"""The two sides of a target, read from its results: what was observed, and what AWS's configuration does.

Read from results rather than from observations, so that it is the same for a run, a replay, and a report.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from netcheck.core.evidence import Answered, ConnectionOutcome, Passing, Reachability, TracedPath
from netcheck.core.model import Kind, Layer, Result, Status, Target
from netcheck.core.place import Place, Where

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
class TargetObservation:
    """What was observed of a target, at which of its addresses, and the result that shows it."""

    observed: Observed
    silent: frozenset[str] = frozenset()
    answered: frozenset[str] = frozenset()
    result: Result | None = None


def observed(results: Sequence[Result]) -> TargetObservation:
    """What the results of one target say that was observed of it."""
    shown = next((result for result in results if result.finding.connection), None)
    if shown is None or shown.finding.connection is None:
        return TargetObservation(Observed.NOTHING)
    outcome = shown.finding.connection
    silent = _addresses(outcome, Answered.SILENT)
    answered = _addresses(outcome, Answered.CONNECTED, Answered.REFUSED)
    seen = TargetObservation(_transport(shown.status, outcome.answered), silent, answered, shown)
    worse = next((one for one in results if one.status is Status.FAIL and one.finding.layer in _ABOVE), None)
    if seen.observed is Observed.WELL and worse is not None and worse.finding.code is None:
        return TargetObservation(Observed.BADLY, silent, answered, worse)
    return seen


_ABOVE = frozenset({Layer.TLS, Layer.KAFKA, Layer.HTTP, Layer.CLICKHOUSE})


def _addresses(outcome: ConnectionOutcome, *wanted: Answered) -> frozenset[str]:
    return frozenset(one.address for one in outcome.addresses if one.answered in wanted)


def _transport(status: Status, answered: Answered) -> Observed:
    match status, answered:
        case ((Status.PASS | Status.WARN), _):
            return Observed.WELL
        case Status.FAIL, Answered.SILENT:
            return Observed.SILENT
        case Status.FAIL, Answered.REFUSED:
            return Observed.BADLY
        case _:
            return Observed.NOTHING


def is_silent(result: Result) -> bool:
    """Whether a connection got no answer: neither the target nor anything on the path replied."""
    outcome = result.finding.connection
    if outcome is None or result.finding.code or result.status not in (Status.FAIL, Status.WARN):
        return False
    return outcome.answered is Answered.SILENT


def paths(results: Iterable[Result]) -> tuple[TracedPath, ...]:
    """Every traced path of these results, each once."""
    found: dict[tuple[str, str], TracedPath] = {}
    for result in results:
        for path in result.finding.paths:
            found.setdefault((path.source, path.destination), path)
    return tuple(found.values())


def relevant_paths(
    every: Iterable[TracedPath], place: Place, addresses: frozenset[str]
) -> tuple[TracedPath, ...]:
    """The paths that an observation of these addresses is about: from the workers' place those of its own
    subnet, from elsewhere any worker's. All addresses where none is named.
    """
    chosen = [path for path in every if not addresses or path.destination in addresses]
    here = place.where is Where.SAME and place.subnets
    return tuple(path for path in chosen if not here or path.source in place.subnets)


def configured(chosen: Iterable[TracedPath], place: Place) -> Configured:
    """What AWS's configuration does with all of these paths together."""
    verdicts = {_verdict(path, place) for path in chosen}
    match len(verdicts):
        case 0:
            return Configured.ABSENT
        case 1:
            return Configured(verdicts.pop())
        case _ if verdicts <= {Reachability.REACHABLE, Reachability.UNKNOWN}:
            return Configured.UNKNOWN
        case _:
            return Configured.PARTIAL


def _verdict(path: TracedPath, place: Place) -> Reachability:
    """The path's verdict, for this host's own address where it stands in for a worker: of what passes in part
    its address may pass wholly, or not at all.
    """
    if path.verdict is not Reachability.PARTIAL or place.where is not Where.SAME or not place.addresses:
        return path.verdict
    if not path.passing or any(one.translated for one in path.passing):
        return path.verdict  # unknown, or which connection passes is a NAT gateway's choice
    ports = [span for one in path.passing if _holds(one, place) for span in one.ports]
    if not ports:
        return Reachability.BLOCKED
    whole = any(low <= FIRST_EPHEMERAL and high >= LAST_EPHEMERAL for low, high in ports)
    return Reachability.REACHABLE if whole else Reachability.PARTIAL


def _holds(passing: Passing, place: Place) -> bool:
    """Whether one of this host's addresses is among those that pass."""
    blocks = [ipaddress.ip_network(block) for block in passing.blocks]
    own = [ipaddress.ip_address(address) for address in place.addresses]
    return any(one.version == block.version and one in block for one in own for block in blocks)


def by_target(results: Iterable[Result]) -> dict[Target, list[Result]]:
    """The results of each target that one can connect to."""
    found: dict[Target, list[Result]] = {}
    for result in results:
        if result.target.kind is not Kind.PIPELINE:
            found.setdefault(result.target, []).append(result)
    return found

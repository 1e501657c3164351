"""What a repair works on: the configuration, the blocked trace, and the blockers to remove."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netcheck.aws.ec2.addresses import Prefix, range_as_prefixes
from netcheck.aws.ec2.snapshot import Snapshot
from netcheck.path.flows import Range, Region, join_ranges
from netcheck.path.internet import SHARED, is_private
from netcheck.path.trace_state import Segment, TraceState
from netcheck.path.verdict import Blocker
from netcheck.repair.apply import Parts
from netcheck.repair.change import Change


@dataclass(frozen=True, slots=True)
class RepairContext:
    """One query's trace through the configuration with the changes so far."""

    parts: Parts
    snapshot: Snapshot
    state: TraceState

    @property
    def version(self) -> int:
        return self.state.flow.version

    @property
    def far(self) -> int:
        """The destination address in the sender's packets."""
        return self.state.segments[0].far


@dataclass(frozen=True, slots=True)
class Need:
    """Blockers with one common fix, and the alternative changes: each option alone is enough, the narrowest
    or nearest first. `reroutes`: an option changes the route, so the rest of the path depends on the choice.
    """

    blockers: tuple[Blocker, ...]
    options: tuple[tuple[Change, ...], ...]
    reroutes: bool = False


def single(version: int, address: int) -> Prefix:
    """The CIDR block of a single address."""
    return Prefix(version, address, address)


def near_blocks(version: int, segment: Segment, flows: Region) -> tuple[Prefix, ...]:
    """The senders of `flows` as CIDR blocks for a rule: the subnet's block where they are all of its hosts.

    Workers get any address of their subnet, so the rule names its block; AWS reserves five addresses of it.
    """
    own = segment.subnet.prefixes if segment.subnet is not None else ()
    found: list[Prefix] = []
    for first, last in join_ranges((r[0], r[1]) for r in flows):
        whole = [block for block in own if block.holds(version, first) and block.holds(version, last)]
        found += whole if first != last and whole else range_as_prefixes(version, first, last)
    return tuple(dict.fromkeys(found))


def is_public(version: int, address: int) -> bool:
    """Whether internet gateways forward it: not RFC 1918, RFC 6598 or RFC 4193."""
    if version == 6:
        return address >> 121 != 0xFC >> 1
    return not is_private(address) and not SHARED.holds(4, address)


def ports_of(region: Region) -> list[Range]:
    """All source ports of a set of flows."""
    return join_ranges((low, high) for _, _, low, high in region)


def distinct(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Each change once, in order."""
    return tuple(dict.fromkeys(changes))

"""What a proposal looks at: the configuration, the walk that was stopped, and what has to be mended."""

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
    """One question's walk through the configuration as it is so far."""

    parts: Parts
    snapshot: Snapshot
    state: TraceState

    @property
    def version(self) -> int:
        return self.state.flow.version

    @property
    def far(self) -> int:
        """The destination as the sender's packets carry it."""
        return self.state.segments[0].far


@dataclass(frozen=True, slots=True)
class Need:
    """Blockers that one change would mend, and the changes that would do it: each option alone, the narrowest
    or nearest first. `leads` is whether an option leads the packets another way, so that what follows depends
    on which one it is.
    """

    blockers: tuple[Blocker, ...]
    options: tuple[tuple[Change, ...], ...]
    leads: bool = False


def single(version: int, address: int) -> Prefix:
    """The block of one address."""
    return Prefix(version, address, address)


def near_blocks(version: int, segment: Segment, flows: Region) -> tuple[Prefix, ...]:
    """The senders of `piece` as blocks for a rule: the subnet's own block where they are what may come to it.

    Workers come and go, so a subnet is told by its block: the five addresses AWS keeps are nobody's.
    """
    own = segment.subnet.prefixes if segment.subnet is not None else ()
    found: list[Prefix] = []
    for first, last in join_ranges((r[0], r[1]) for r in flows):
        whole = [block for block in own if block.holds(version, first) and block.holds(version, last)]
        found += whole if first != last and whole else range_as_prefixes(version, first, last)
    return tuple(dict.fromkeys(found))


def is_public(version: int, address: int) -> bool:
    """Whether internet gateways carry it: not so RFC 1918, RFC 6598 and RFC 4193."""
    if version == 6:
        return address >> 121 != 0xFC >> 1
    return not is_private(address) and not SHARED.holds(4, address)


def ports_of(region: Region) -> list[Range]:
    """All source ports of a set of flows."""
    return join_ranges((low, high) for _, _, low, high in region)


def together(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Each once, in order."""
    return tuple(dict.fromkeys(changes))

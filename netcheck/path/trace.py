"""Trace a set of flows through a snapshot, both legs, and say what passes.

    source = from_interface(snapshot, "eni-0a1b")            # or from_subnet, from_address
    path = trace(snapshot, source, Destination("10.0.2.7"), TCP, 9094)

How faults become a verdict. Every fault takes away a region of the flows, for certain (a blocker) or perhaps
(an unknown). If nothing is left even when all unknowns are counted as passing, the verdict is `blocked`: the
unknown could not change it. If something is left and an unknown touches it, the verdict is `unknown`. After
an unknown that hides the way itself, nothing further is blamed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from netcheck.aws.ec2.addresses import format_address, parse_address
from netcheck.aws.ec2.entities import ICMP, ICMPV6, TCP, UDP, NetworkInterface, Subnet
from netcheck.aws.ec2.snapshot import Snapshot, is_reserved, usable_range
from netcheck.path.codes import Code
from netcheck.path.flows import EPHEMERAL, Range, Region, join_ranges, subtract
from netcheck.path.forwarding import check_alive, go, reply
from netcheck.path.groups import check_inbound, check_outbound
from netcheck.path.resolver import ask_resolver, is_resolver
from netcheck.path.steps import Leave
from netcheck.path.trace_state import End, Flow, Segment, TraceState
from netcheck.path.verdict import Blocker, Explanation, Hop, Leg, Path, Translation, Unknown, Verdict

T = TypeVar("T", Blocker, Unknown)


class QuestionError(Exception):
    """The question itself cannot be answered: what it names is not there, or it contradicts itself."""

    def __init__(self, text: str, code: Code | None = None) -> None:
        super().__init__(f"{code}: {text}" if code else text)
        self.code = code


class Source(NamedTuple):
    """Who sends. `groups` is None if nobody said which security groups it holds."""

    name: str
    subnet: Subnet
    groups: tuple[str, ...] | None
    interface: NetworkInterface | None
    addresses: tuple[tuple[int, Range], ...]
    """(IP version, first and last address), one for each range."""
    claimed: bool = False
    """The address was named by a person and may not be the interface's own."""


class Destination(NamedTuple):
    """Who is sent to: an address, and the interface that must be the one reached, if a person named one."""

    version: int
    address: int
    interface: NetworkInterface | None = None

    @staticmethod
    def parse(text: str) -> Destination:
        """Read an address; raises ValueError."""
        return Destination(*parse_address(text))


def from_interface(snapshot: Snapshot, name: str, address: str | None = None) -> Source:
    """All addresses of a network interface, or the given one, which need not be its own."""
    interface = snapshot.interfaces.get(name)
    if interface is None:
        raise _not_there(snapshot, name, "NetworkInterfaces")
    subnet = snapshot.subnets.get(interface.subnet)
    if subnet is None:
        raise _not_there(snapshot, interface.subnet, "Subnets")
    if address is not None:
        version, number = parse_address(address)
        ranges: tuple[tuple[int, Range], ...] = ((version, (number, number)),)
    else:
        ranges = tuple((v, (a, a)) for v, found in interface.addresses.items() for a in found)
    return Source(name, subnet, interface.groups, interface, ranges, address is not None)


def from_instance(snapshot: Snapshot, name: str) -> Source:
    """The primary (first) network interface of an instance."""
    instance = snapshot.instances.get(name)
    held = [i.id for i in snapshot.interfaces.values() if i.instance == name] if instance is None else []
    names = [n for n in instance.interfaces if n in snapshot.interfaces] if instance else held
    if not names:
        if instance is not None:
            raise QuestionError(
                f"{name} has no network interface in this snapshot", Code.UNASSOCIATED_COMPONENT
            )
        raise _not_there(snapshot, name, "Reservations")
    if instance is None and len(names) > 1:
        listed = ", ".join(sorted(names))
        raise QuestionError(f"{name} has several interfaces ({listed}): name the one you mean")
    return from_interface(snapshot, names[0])


def from_subnet(snapshot: Snapshot, name: str, groups: Iterable[str] | None) -> Source:
    """Any host that may come to a subnet: every address AWS gives out there, none of them public."""
    subnet = snapshot.subnets.get(name)
    if subnet is None:
        raise _not_there(snapshot, name, "Subnets")
    ranges = tuple((block.version, usable_range(block)) for block in subnet.prefixes)
    return Source(name, subnet, _checked_groups(snapshot, groups), None, ranges)


def from_address(snapshot: Snapshot, text: str, groups: Iterable[str] | None = None) -> Source:
    """The interface that has this address, or an unnamed host in the subnet that holds it."""
    version, number = parse_address(text)
    holders = snapshot.holders.get((version, number), ())
    if not holders and version == 4 and number in snapshot.public_holders:
        holders = (snapshot.public_holders[number],)
    if len(holders) > 1:
        names = ", ".join(sorted(holder.id for holder in holders))
        raise QuestionError(f"{text} belongs to several interfaces ({names}): name the one you mean")
    if holders:
        own = holders[0].addresses.get(version, ())
        return from_interface(snapshot, holders[0].id, text if number in own else None)
    return _from_unheld_address(snapshot, text, version, number, groups)


def _from_unheld_address(
    snapshot: Snapshot, text: str, version: int, number: int, groups: Iterable[str] | None
) -> Source:
    subnets = list(snapshot.subnets_holding(version, number))
    if len(subnets) > 1:
        names = ", ".join(sorted(subnet.id for subnet in subnets))
        raise QuestionError(
            f"{text} lies in several subnets ({names}): name the interface or subnet you mean"
        )
    if not subnets:
        raise QuestionError(
            f"{text} is in no subnet of this snapshot, and a path can only start in one",
            Code.NO_SOURCE_OR_DESTINATION,
        )
    subnet = subnets[0]
    holder = snapshot.host(subnet.vpc, version, number)
    if holder is not None:
        return from_interface(snapshot, holder.id, text)
    if is_reserved(subnet, version, number):
        raise QuestionError(
            f"{text} is reserved by AWS in {subnet.id} (the first four addresses and the last)",
            Code.NO_SOURCE_OR_DESTINATION,
        )
    chosen = _checked_groups(snapshot, groups)
    return Source(text, subnet, chosen, None, ((version, (number, number)),))


def _checked_groups(snapshot: Snapshot, groups: Iterable[str] | None) -> tuple[str, ...] | None:
    chosen = tuple(dict.fromkeys(groups)) if groups is not None else ()
    if not chosen:
        return None
    for name in chosen:
        if name not in snapshot.groups and snapshot.missing("SecurityGroups") is None:
            raise _not_there(snapshot, name, "SecurityGroups")
    return chosen


def _not_there(snapshot: Snapshot, name: str, what: str) -> QuestionError:
    gap = snapshot.missing(what)
    if gap is not None:
        needs = f" (needs {gap.action})" if gap.action else ""
        return QuestionError(f"{name} is not known: {gap.reason}{needs}", Code.UNKNOWN_RESOURCE)
    return QuestionError(f"{name} is not in this snapshot's {what}.json", Code.NO_SOURCE_OR_DESTINATION)


def trace(
    snapshot: Snapshot,
    source: Source,
    destination: Destination,
    protocol: int,
    port: int,
    source_ports: Iterable[Range] = (EPHEMERAL,),
) -> Path:
    """Trace every flow from `source` to `destination` at once.

    `port` is the destination port of TCP and UDP, type * 256 + code of ICMP, and 0 for any other protocol.
    """
    return walked(snapshot, source, destination, protocol, port, source_ports)[0]


def walked(
    snapshot: Snapshot,
    source: Source,
    destination: Destination,
    protocol: int,
    port: int,
    source_ports: Iterable[Range] = (EPHEMERAL,),
) -> tuple[Path, TraceState]:
    """As `trace`, with the walk it was concluded from: what it takes to mend what it met."""
    version = destination.version
    has_ports = protocol in (TCP, UDP)
    ports = join_ranges(source_ports) if has_ports else [(0, 65535)]
    ranges = [found for v, found in source.addresses if v == version and found[0] <= found[1]]
    region = tuple((first, last, low, high) for first, last in ranges for low, high in ports)
    flow = Flow(version, protocol, destination.address, port)
    interface = source.interface
    public = interface.public if interface is not None else {}
    start = Segment(source.name, source.subnet.vpc, source.subnet, region, destination.address, public)
    if interface is not None and interface.id != source.name:
        start = start._replace(component=interface.id)
    walk = TraceState(snapshot, flow, [start], start)
    _note_source_groups(walk, source)
    if not region:
        return _without_address(walk, source, destination), walk
    if is_resolver(walk):
        ask_resolver(walk, source.name)
    else:
        _walk_both_legs(walk, source, destination)
    return _conclude(walk, source, destination), walk


def _note_source_groups(walk: TraceState, source: Source) -> None:
    """The groups that references match: those of the interface that has the source address."""
    groups, interface, region = source.groups, source.interface, walk.stretch.region
    if source.claimed and interface is not None and region:
        version, address = walk.flow.version, region[0][0]
        if not interface.has(version, address):
            holder = walk.snapshot.host(interface.vpc, version, address)
            known = holder is not None or walk.missing_from("NetworkInterfaces", interface.vpc) is None
            groups = holder.groups if holder is not None else () if known else None
    walk.source_groups = frozenset(groups or ())
    walk.source_groups_unknown = groups is None


def _without_address(walk: TraceState, source: Source, destination: Destination) -> Path:
    """The sender has no address of the destination's IP version."""
    name = source.name
    text = f"{name} has no IPv{destination.version} address, so it cannot send to IPv{destination.version}."
    blocker = Blocker(Code.UNASSOCIATED_COMPONENT, Leg.FORWARD, name, None, None, text)
    return _path(walk, source, destination, Verdict.BLOCKED, (blocker,), (), (), ())


def _walk_both_legs(walk: TraceState, source: Source, destination: Destination) -> None:
    region = walk.stretch.region
    _check_sender(walk, source)
    go(walk, Leave(source.subnet), region)
    if walk.end is not None and walk.end.interface is not None:
        _check_receiver(walk, destination, walk.end.interface)
    if walk.end is None and walk.stopped and walk.direction_known:
        _as_if_delivered(walk, destination)
    inbound: list[Hop] = []
    if walk.end is not None and walk.end.interface is not None:
        inbound = check_inbound(walk, walk.end.interface)
    outbound = _check_sender_groups(walk, source)
    walk.trail[0:0] = [Hop(source.name), *outbound]
    if walk.end is not None and walk.end.interface is not None and not walk.stopped:
        walk.trail += [*inbound, Hop(walk.end.interface.id)]
    walk.forward, walk.trail = walk.trail, []
    if walk.end is not None and _has_reply(walk.flow):
        reply(walk)
        if walk.reply_arrived:
            walk.trail.append(Hop(source.name))


def _check_sender_groups(walk: TraceState, source: Source) -> list[Hop]:
    """What the sender's groups stop comes first in the list, as it does on the way."""
    arrived_in, later = walk.current, walk.faults
    walk.faults = []
    walk.enter(0)
    shown = check_outbound(walk, source.groups, walk.stretch.region)
    walk.faults += later
    walk.enter(arrived_in)
    return shown


def _has_reply(flow: Flow) -> bool:
    """Only an ICMP echo request is answered; any other ICMP message goes one way."""
    return flow.protocol not in (ICMP, ICMPV6) or flow.port >> 8 in (8, 128)


def _check_sender(walk: TraceState, source: Source) -> None:
    interface = source.interface
    if interface is None:
        return
    region = walk.stretch.region
    version = walk.flow.version
    foreign = tuple(r for r in region if not interface.has(version, r[0])) if source.claimed else ()
    if foreign and interface.source_dest_check is None:
        meaning = f"SourceDestCheck of {interface.id}"
        walk.doubt(foreign, walk.absent("NetworkInterfaces", interface.id, meaning, interface.vpc))
    elif foreign and interface.source_dest_check:
        text = (
            f"{interface.id} sends only from its own addresses (SourceDestCheck), "
            f"not from {format_address(version, foreign[0][0])}."
        )
        walk.fault(
            foreign, Blocker(Code.ENI_ADDRESS_RESTRICTION, Leg.FORWARD, interface.id, "egress", None, text)
        )
    if interface.kind == "vpc_endpoint":
        text = f"{interface.id} belongs to a VPC endpoint, which answers but opens no connections."
        walk.fault(region, Blocker(Code.NO_PATH, Leg.FORWARD, interface.id, None, None, text))
    check_alive(walk, interface, region)


def _check_receiver(walk: TraceState, destination: Destination, reached: NetworkInterface) -> None:
    wanted = destination.interface
    if wanted is None or wanted.id == reached.id:
        return
    text = (
        f"{walk.far_text} is reached in {reached.vpc} at {reached.id}, not {wanted.id} in {wanted.vpc}: "
        "the ranges overlap."
    )
    walk.fault(
        walk.stretch.region, Blocker(Code.NO_POSSIBLE_DESTINATION, Leg.FORWARD, reached.vpc, None, None, text)
    )


def _as_if_delivered(walk: TraceState, destination: Destination) -> None:
    """The way ends for certain. What the destination itself refuses would still be in the way afterwards."""
    wanted = destination.interface or _only_holder(walk.snapshot, destination)
    if wanted is None:
        return
    home = walk.snapshot.subnets.get(wanted.subnet)
    if home is None:
        return
    walk.enter(0)
    walk.lost_groups = walk.groups_unknown = None
    del walk.stretches[1:]
    _note_disconnected(walk, wanted.vpc)
    source_subnet = walk.stretch.subnet
    shown = list(walk.trail)
    if source_subnet is None or source_subnet.id != home.id:
        walk.check_acl(home, False, walk.stretch.region)
    walk.trail = shown
    walk.end = End("interface", wanted.vpc, home, wanted)


def _only_holder(snapshot: Snapshot, destination: Destination) -> NetworkInterface | None:
    holders = snapshot.holders.get((destination.version, destination.address), ())
    return holders[0] if len(holders) == 1 else None


def _note_disconnected(walk: TraceState, vpc: str) -> None:
    """Add DISCONNECTED_VPCS to the fault that ended the way, if nothing joins the two VPCs."""
    here = walk.stretch.vpc
    snapshot = walk.snapshot
    if here == vpc or not walk.faults:
        return
    if snapshot.missing("VpcPeeringConnections") or snapshot.missing("TransitGatewayVpcAttachments"):
        return
    joined = any({p.requester.vpc, p.accepter.vpc} == {here, vpc} for p in snapshot.peerings.values())
    gateways = {gateway for gateway, attached in snapshot.attachment_of_vpc if attached == here}
    if joined or any((gateway, vpc) in snapshot.attachment_of_vpc for gateway in gateways):
        return
    text = f"No peering connection and no transit gateway connects {here} and {vpc}."
    index, region, blocker = walk.faults[-1]
    note = Explanation(Code.DISCONNECTED_VPCS, here, text)
    walk.faults[-1] = (index, region, blocker._replace(explanations=(*blocker.explanations, note)))


def _conclude(walk: TraceState, source: Source, destination: Destination) -> Path:
    first = walk.stretches[0].region
    assert walk.end is not None or walk.faults or walk.doubts or walk.trail, "the walk lost its way"
    if not walk.faults and not walk.doubts:
        return _path(walk, source, destination, Verdict.REACHABLE, (), (), first, ())
    blockers = _each_once(blocker for _, _, blocker in walk.faults)
    unknowns = _each_once(unknown for _, _, unknown in walk.doubts)
    left: dict[int, Region] = {}
    whole = undecided = False
    for index in range(max(len(walk.stretches), 1 + max((i for i, _, _ in walk.faults), default=0))):
        stretch = walk.stretches[index] if index < len(walk.stretches) else None
        taken = [r for i, region, _ in walk.faults if i == index for r in region]
        if stretch is None:
            whole = whole or bool(taken)
            continue
        if stretch.mapping is not None:
            continue
        left[index] = subtract(stretch.region, taken)
        whole = whole or not left[index]
        open_ = [r for i, region, _ in walk.doubts if i == index for r in region]
        undecided = undecided or subtract(left[index], open_) != left[index]
    if whole:
        return _path(walk, source, destination, Verdict.BLOCKED, blockers, unknowns, (), ())
    if undecided:
        return _path(walk, source, destination, Verdict.UNKNOWN, blockers, unknowns, (), ())
    narrowed = tuple(
        Translation(walk.stretches[i].component, region)
        for i, region in left.items()
        if i and region != walk.stretches[i].region
    )
    return _path(walk, source, destination, Verdict.PARTIAL, blockers, unknowns, left[0], narrowed)


def _each_once(found: Iterable[T]) -> tuple[T, ...]:
    """Without repetitions, in order. A handful at most: comparing costs less than hashing long sentences."""
    kept: list[T] = []
    for one in found:
        if one not in kept:
            kept.append(one)
    return tuple(kept)


def _path(
    walk: TraceState,
    source: Source,
    destination: Destination,
    verdict: Verdict,
    blockers: tuple[Blocker, ...],
    unknowns: tuple[Unknown, ...],
    passing: Region,
    translations: tuple[Translation, ...],
) -> Path:
    return Path(
        verdict,
        source.name,
        destination.address,
        destination.version,
        walk.flow.protocol,
        walk.flow.port if walk.flow.has_ports else None,
        tuple(walk.forward),
        tuple(walk.trail),
        blockers,
        unknowns,
        tuple(walk.assumptions),
        passing,
        translations,
    )

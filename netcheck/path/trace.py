"""Trace a set of flows through a snapshot, forward and return, and report which pass.

    source = from_interface(snapshot, "eni-0a1b")            # or from_subnet, from_address
    path = trace(snapshot, source, Destination("10.0.2.7"), TCP, 9094)

How faults become a verdict. Every fault removes a region of the flows, for certain (a blocker) or possibly
(an unknown). If nothing is left even when all unknowns count as passing, the verdict is `blocked`: the
unknowns could not change it. If something is left and an unknown touches it, the verdict is `unknown`. After
an unknown that hides the rest of the path, no further component is blamed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from netcheck.aws.ec2.addresses import format_address, parse_address
from netcheck.aws.ec2.entities import ICMP, ICMPV6, TCP, UDP, NetworkInterface, Subnet
from netcheck.aws.ec2.snapshot import Snapshot, is_reserved, usable_range
from netcheck.core.evidence import Reachability
from netcheck.path.codes import Code
from netcheck.path.flows import EPHEMERAL, Range, Region, join_ranges, subtract
from netcheck.path.forwarding import check_alive, go, reply
from netcheck.path.groups import check_inbound, check_outbound
from netcheck.path.resolver import ask_resolver, is_resolver
from netcheck.path.steps import Leave
from netcheck.path.trace_state import End, Flow, Segment, TraceState
from netcheck.path.verdict import Blocker, Explanation, Hop, Leg, Path, Translation, Unknown

T = TypeVar("T", Blocker, Unknown)


class QuestionError(Exception):
    """The query cannot be answered: a component it names does not exist, or it contradicts itself."""

    def __init__(self, text: str, code: Code | None = None) -> None:
        super().__init__(f"{code}: {text}" if code else text)
        self.code = code


class Source(NamedTuple):
    """The sender. `groups` is None if its security groups were not given."""

    name: str
    subnet: Subnet
    groups: tuple[str, ...] | None
    interface: NetworkInterface | None
    addresses: tuple[tuple[int, Range], ...]
    """(IP version, first and last address), one for each range."""
    claimed: bool = False
    """The address was given in the query and may not belong to the interface."""


class Destination(NamedTuple):
    """The receiver: an address, and the interface that has to be reached, if the query names one."""

    version: int
    address: int
    interface: NetworkInterface | None = None

    @staticmethod
    def parse(text: str) -> Destination:
        """Read an address; raises ValueError."""
        return Destination(*parse_address(text))


def from_interface(snapshot: Snapshot, name: str, address: str | None = None) -> Source:
    """All addresses of a network interface, or the given one, which need not belong to it."""
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
        raise QuestionError(f"{name} has several interfaces ({listed}): specify one")
    return from_interface(snapshot, names[0])


def from_subnet(snapshot: Snapshot, name: str, groups: Iterable[str] | None) -> Source:
    """Any host that may start in a subnet: every address AWS assigns there, none of them public."""
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
        raise QuestionError(f"{text} belongs to several interfaces ({names}): specify one")
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
        raise QuestionError(f"{text} is in several subnets ({names}): specify the interface or subnet")
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
    return trace_with_state(snapshot, source, destination, protocol, port, source_ports)[0]


def trace_with_state(
    snapshot: Snapshot,
    source: Source,
    destination: Destination,
    protocol: int,
    port: int,
    source_ports: Iterable[Range] = (EPHEMERAL,),
) -> tuple[Path, TraceState]:
    """Like `trace`, with the final state of the trace, which repairs need."""
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
    state = TraceState(snapshot, flow, [start], start)
    _note_source_groups(state, source)
    if not region:
        return _without_address(state, source, destination), state
    if is_resolver(state):
        ask_resolver(state, source.name)
    else:
        _trace_both_legs(state, source, destination)
    return _conclude(state, source, destination), state


def _note_source_groups(state: TraceState, source: Source) -> None:
    """References match the groups of the interface that has the source address."""
    groups, interface, region = source.groups, source.interface, state.segment.region
    if source.claimed and interface is not None and region:
        version, address = state.flow.version, region[0][0]
        if not interface.has(version, address):
            holder = state.snapshot.host(interface.vpc, version, address)
            known = holder is not None or state.missing_from("NetworkInterfaces", interface.vpc) is None
            groups = holder.groups if holder is not None else () if known else None
    state.source_groups = frozenset(groups or ())
    state.source_groups_unknown = groups is None


def _without_address(state: TraceState, source: Source, destination: Destination) -> Path:
    """The sender has no address of the destination's IP version."""
    name = source.name
    text = f"{name} has no IPv{destination.version} address, so it cannot send to IPv{destination.version}."
    blocker = Blocker(Code.UNASSOCIATED_COMPONENT, Leg.FORWARD, name, None, None, text)
    return _path(state, source, destination, Reachability.BLOCKED, (blocker,), (), (), ())


def _trace_both_legs(state: TraceState, source: Source, destination: Destination) -> None:
    region = state.segment.region
    _check_sender(state, source)
    go(state, Leave(source.subnet), region)
    if state.end is not None and state.end.interface is not None:
        _check_receiver(state, destination, state.end.interface)
    if state.end is None and state.stopped and state.direction_known:
        _check_destination_anyway(state, destination)
    inbound: list[Hop] = []
    if state.end is not None and state.end.interface is not None:
        inbound = check_inbound(state, state.end.interface)
    outbound = _check_sender_groups(state, source)
    state.trail[0:0] = [Hop(source.name), *outbound]
    if state.end is not None and state.end.interface is not None and not state.stopped:
        state.trail += [*inbound, Hop(state.end.interface.id)]
    state.forward, state.trail = state.trail, []
    if state.end is not None and _has_reply(state.flow):
        reply(state)
        if state.reply_arrived:
            state.trail.append(Hop(source.name))


def _check_sender_groups(state: TraceState, source: Source) -> list[Hop]:
    """Blockers of the sender's groups are listed first, as on the path."""
    arrived_in, later = state.current, state.faults
    state.faults = []
    state.enter(0)
    shown = check_outbound(state, source.groups, state.segment.region)
    state.faults += later
    state.enter(arrived_in)
    return shown


def _has_reply(flow: Flow) -> bool:
    """Of ICMP only an echo request has a reply."""
    return flow.protocol not in (ICMP, ICMPV6) or flow.port >> 8 in (8, 128)


def _check_sender(state: TraceState, source: Source) -> None:
    interface = source.interface
    if interface is None:
        return
    region = state.segment.region
    version = state.flow.version
    foreign = tuple(r for r in region if not interface.has(version, r[0])) if source.claimed else ()
    if foreign and interface.source_dest_check is None:
        meaning = f"SourceDestCheck of {interface.id}"
        state.doubt(foreign, state.absent("NetworkInterfaces", interface.id, meaning, interface.vpc))
    elif foreign and interface.source_dest_check:
        text = (
            f"{interface.id} sends only from its own addresses (SourceDestCheck), "
            f"not from {format_address(version, foreign[0][0])}."
        )
        state.fault(
            foreign, Blocker(Code.ENI_ADDRESS_RESTRICTION, Leg.FORWARD, interface.id, "egress", None, text)
        )
    if interface.kind == "vpc_endpoint":
        text = f"{interface.id} belongs to a VPC endpoint, which does not initiate connections."
        state.fault(region, Blocker(Code.NO_PATH, Leg.FORWARD, interface.id, None, None, text))
    check_alive(state, interface, region)


def _check_receiver(state: TraceState, destination: Destination, reached: NetworkInterface) -> None:
    wanted = destination.interface
    if wanted is None or wanted.id == reached.id:
        return
    text = (
        f"{state.far_text} leads to {reached.id} in {reached.vpc}, not to {wanted.id} in {wanted.vpc}: "
        "their CIDR blocks overlap."
    )
    state.fault(
        state.segment.region,
        Blocker(Code.NO_POSSIBLE_DESTINATION, Leg.FORWARD, reached.vpc, None, None, text),
    )


def _check_destination_anyway(state: TraceState, destination: Destination) -> None:
    """The path ends for certain. Also check the filters at the destination: they would block it next."""
    wanted = destination.interface or _only_holder(state.snapshot, destination)
    if wanted is None:
        return
    home = state.snapshot.subnets.get(wanted.subnet)
    if home is None:
        return
    state.enter(0)
    state.lost_groups = state.groups_unknown = None
    del state.segments[1:]
    _note_disconnected(state, wanted.vpc)
    source_subnet = state.segment.subnet
    shown = list(state.trail)
    if source_subnet is None or source_subnet.id != home.id:
        state.check_acl(home, False, state.segment.region)
    state.trail = shown
    state.end = End("interface", wanted.vpc, home, wanted)


def _only_holder(snapshot: Snapshot, destination: Destination) -> NetworkInterface | None:
    holders = snapshot.holders.get((destination.version, destination.address), ())
    return holders[0] if len(holders) == 1 else None


def _note_disconnected(state: TraceState, vpc: str) -> None:
    """Add DISCONNECTED_VPCS to the fault that ended the path, if nothing connects the two VPCs."""
    here = state.segment.vpc
    snapshot = state.snapshot
    if here == vpc or not state.faults:
        return
    if snapshot.missing("VpcPeeringConnections") or snapshot.missing("TransitGatewayVpcAttachments"):
        return
    joined = any({p.requester.vpc, p.accepter.vpc} == {here, vpc} for p in snapshot.peerings.values())
    gateways = {gateway for gateway, attached in snapshot.attachment_of_vpc if attached == here}
    if joined or any((gateway, vpc) in snapshot.attachment_of_vpc for gateway in gateways):
        return
    text = f"No peering connection and no transit gateway connects {here} and {vpc}."
    index, region, blocker = state.faults[-1]
    note = Explanation(Code.DISCONNECTED_VPCS, here, text)
    state.faults[-1] = (index, region, blocker._replace(explanations=(*blocker.explanations, note)))


def _conclude(state: TraceState, source: Source, destination: Destination) -> Path:
    first = state.segments[0].region
    assert state.end is not None or state.faults or state.doubts or state.trail, "no result"
    if not state.faults and not state.doubts:
        return _path(state, source, destination, Reachability.REACHABLE, (), (), first, ())
    blockers = _distinct(blocker for _, _, blocker in state.faults)
    unknowns = _distinct(unknown for _, _, unknown in state.doubts)
    left: dict[int, Region] = {}
    whole = undecided = False
    for index in range(max(len(state.segments), 1 + max((i for i, _, _ in state.faults), default=0))):
        segment = state.segments[index] if index < len(state.segments) else None
        taken = [r for i, region, _ in state.faults if i == index for r in region]
        if segment is None:
            whole = whole or bool(taken)
            continue
        if segment.mapping is not None:
            continue
        left[index] = subtract(segment.region, taken)
        whole = whole or not left[index]
        open_ = [r for i, region, _ in state.doubts if i == index for r in region]
        undecided = undecided or subtract(left[index], open_) != left[index]
    if whole:
        return _path(state, source, destination, Reachability.BLOCKED, blockers, unknowns, (), ())
    if undecided:
        return _path(state, source, destination, Reachability.UNKNOWN, blockers, unknowns, (), ())
    narrowed = tuple(
        Translation(state.segments[i].component, region)
        for i, region in left.items()
        if i and region != state.segments[i].region
    )
    return _path(state, source, destination, Reachability.PARTIAL, blockers, unknowns, left[0], narrowed)


def _distinct(found: Iterable[T]) -> tuple[T, ...]:
    """Without duplicates, in order. A handful at most: comparing costs less than hashing long sentences."""
    kept: list[T] = []
    for one in found:
        if one not in kept:
            kept.append(one)
    return tuple(kept)


def _path(
    state: TraceState,
    source: Source,
    destination: Destination,
    verdict: Reachability,
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
        state.flow.protocol,
        state.flow.port if state.flow.has_ports else None,
        tuple(state.forward),
        tuple(state.trail),
        blockers,
        unknowns,
        tuple(state.assumptions),
        passing,
        translations,
    )

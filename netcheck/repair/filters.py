"""Changes to security groups and network ACLs: the exact protocol, port and remote end.

Sources: VPC user guide, Security group rules (a rule may reference a group, also of a peered VPC), Network
ACL rules (the lowest matching number decides; numbers from 1 to 32766), NAT gateway basics and Linux's
ip_local_port_range (the destination ports of replies).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcheck.aws.ec2.addresses import Prefix
from netcheck.aws.ec2.entities import ALL_PROTOCOLS, DEFAULT_RULE, GroupReference, NaclEntry
from netcheck.path.codes import Code
from netcheck.path.flows import Range, Rectangle, overlap
from netcheck.path.trace_state import ECHO_REPLY, Fault
from netcheck.path.verdict import Leg
from netcheck.repair.apply import found
from netcheck.repair.change import AclRule, GroupRule
from netcheck.repair.repair_context import Need, RepairContext, near_blocks, ports_of, single

_GROUP_CODES = (Code.ENI_SG_RULES_MISMATCH, Code.SG_HAS_NO_RULES)
_LAST_NUMBER = DEFAULT_RULE - 1


def group_needs(context: RepairContext) -> Iterator[Need]:
    """A rule in one of the sender's groups, and one in a group of the receiver, where no rule matches."""
    for direction in ("egress", "ingress"):
        faults = [
            f
            for f in context.state.blocked
            if f.blocker.code in _GROUP_CODES and f.blocker.direction == direction
        ]
        if faults:
            group = _narrowest(context, (fault.blocker.component for fault in faults))
            peers = _receivers(context, group) if direction == "egress" else _senders(context, group, faults)
            flow = context.state.flow
            port = flow.port
            options = [
                tuple(GroupRule(group, direction == "egress", flow.protocol, port, port, p) for p in option)
                for option in peers
            ]
            yield Need(tuple(fault.blocker for fault in faults), tuple(options))


def _narrowest(context: RepairContext, groups: Iterable[str]) -> str:
    """The group that the fewest interfaces have: the rule applies to all of them."""
    held = dict.fromkeys(groups, 0)
    for interface in context.snapshot.interfaces.values():
        for name in interface.groups:
            if name in held:
                held[name] += 1
    return min(held, key=lambda name: held[name])


def _receivers(context: RepairContext, group: str) -> Iterator[tuple[Prefix | GroupReference, ...]]:
    state = context.state
    receiver = state.end.interface if state.end is not None else None
    if receiver is not None and receiver.groups and state.egress_references:
        yield (_reference(context, group, _narrowest(context, receiver.groups)),)
    yield (single(context.version, context.far),)


def _senders(
    context: RepairContext, group: str, faults: list[Fault]
) -> Iterator[tuple[Prefix | GroupReference, ...]]:
    state = context.state
    kept = state.lost_groups is None and state.groups_unknown is None and not state.source_groups_unknown
    if kept and state.source_groups:
        yield (_reference(context, group, _narrowest(context, sorted(state.source_groups))),)
    yield near_blocks(context.version, faults[0].segment, faults[0].flows)


def _reference(context: RepairContext, group: str, name: str) -> GroupReference:
    """A reference to a group in a rule of `group`, with its account and VPC if they differ."""
    ours, theirs = (found(context.parts, "SecurityGroups", "GroupId", n) or {} for n in (group, name))
    owner, vpc = (theirs.get(k) if theirs.get(k) != ours.get(k) else None for k in ("OwnerId", "VpcId"))
    return GroupReference(name, owner, vpc)


def acl_needs(context: RepairContext) -> Iterator[Need]:
    """An allow rule before the denying rule, in each direction of each network ACL that denies."""
    grouped: dict[object, list[Fault]] = {}
    for fault in context.state.blocked:
        if fault.blocker.code is Code.SUBNET_ACL_RESTRICTION:
            blocker = fault.blocker
            key = (blocker.component, blocker.direction, blocker.leg, fault.segment.component)
            grouped.setdefault(key, []).append(fault)
    taken: dict[tuple[str, bool], set[int]] = {}
    for faults in grouped.values():
        rules = _acl_rules(context, faults, taken)
        blockers = tuple(dict.fromkeys(fault.blocker for fault in faults))
        yield Need(blockers, (rules,) if rules else ())


def _acl_rules(
    context: RepairContext, faults: list[Fault], taken: dict[tuple[str, bool], set[int]]
) -> tuple[AclRule, ...]:
    """One rule for each block and port range; nothing if no rule number is left before the denying rule."""
    blocker = faults[0].blocker
    name, egress = blocker.component, blocker.direction == "egress"
    acl, protocol = context.snapshot.acls[name], context.state.flow.protocol
    entries = acl.egress if egress else acl.ingress
    used = taken.setdefault((name, egress), {entry.number for entry in entries})
    made: list[AclRule] = []
    for block in _far_blocks(context, faults, outward=blocker.leg is Leg.FORWARD, egress=egress):
        for first, last in _far_ports(context, faults):
            denial = _first_denial(entries, protocol, (block.first, block.last, first, last), block.version)
            number = free_number(used, denial)
            if number is None:
                return ()
            used.add(number)
            made.append(AclRule(name, egress, number, protocol, first, last, block))
    return tuple(made)


def _far_blocks(
    context: RepairContext, faults: list[Fault], *, outward: bool, egress: bool
) -> tuple[Prefix, ...]:
    """Outbound rules name the packet's destination, inbound rules its source."""
    segment = faults[0].segment
    if egress == outward:
        return (single(context.version, segment.far),)
    return near_blocks(context.version, segment, tuple(r for fault in faults for r in fault.flows))


def _far_ports(context: RepairContext, faults: list[Fault]) -> list[Range]:
    """The packet's destination ports: those of the service, and for replies those of the sender."""
    flow = context.state.flow
    if faults[0].blocker.leg is Leg.FORWARD:
        return [(flow.port, flow.port)]
    if flow.has_ports:
        return ports_of(faults[0].segment.region)
    reply = ECHO_REPLY.get(flow.protocol, 0)
    return [(reply, reply)]


def _first_denial(entries: Iterable[NaclEntry], protocol: int, traffic: Rectangle, version: int) -> int:
    """The number of the first rule that denies any of the traffic."""
    numbers = [
        entry.number
        for entry in entries
        if not entry.allow
        and entry.prefix.version == version
        and entry.protocol in (ALL_PROTOCOLS, protocol)
        and overlap(traffic, (entry.prefix.first, entry.prefix.last, entry.first, entry.last))
    ]
    return min([*numbers, DEFAULT_RULE])


def free_number(taken: set[int], before: int) -> int | None:
    """A free rule number below `before`, preferably round and near it."""
    last = max((number for number in taken if number < before), default=0)
    if before >= DEFAULT_RULE:
        after = last // 10 * 10 + 10
        if after <= _LAST_NUMBER:
            return after
        before = DEFAULT_RULE
    free = [number for number in range(last + 1, before) if number not in taken]
    for step in (10, 5):
        round_ones = [number for number in free if number % step == 0]
        if round_ones:
            return round_ones[-1]
    if free:
        return free[-1]
    return next((number for number in range(last - 1, 0, -1) if number not in taken), None)

"""NAT gateways: zonal and regional, public and private.

Sources: VPC user guide, NAT gateway basics (TCP, UDP and ICMP; source ports 1024-65535; no security group;
the network ACL of its subnet applies; serves only its VPC and traffic from a transit gateway), Regional NAT
gateways (no subnet; a dedicated route table; manual mode serves only the zones with an address).
"""

from __future__ import annotations

from netcheck.aws.ec2.addresses import parse_prefix
from netcheck.aws.ec2.entities import ICMP, TCP, UDP, NatAddress, NatGateway, Subnet
from netcheck.aws.ec2.snapshot import Gap
from netcheck.path.codes import Code
from netcheck.path.flows import TRANSLATED, Region
from netcheck.path.internet import gateway_of, through_gateway
from netcheck.path.steps import ENDED, ByTable, Leave, Onward
from netcheck.path.trace_state import Lost, Segment, TraceState
from netcheck.path.verdict import Blocker, Explanation, Leg

_NAT64 = parse_prefix("64:ff9b::/96")


def through_nat(state: TraceState, nat_id: str, vpc: str, subnet: Subnet | None, flows: Region) -> Onward:
    """Send the packets through a NAT gateway, which replaces their source address and port."""
    state.hop(nat_id)
    nat = state.snapshot.nats.get(nat_id)
    if nat is None:
        state.give_up_absent(flows, "NatGateways", nat_id, nat_id, vpc)
        return ENDED
    inside = state.snapshot.subnets.get(nat.subnet) if nat.subnet else None
    if nat.vpc == vpc and inside is not None and (subnet is None or subnet.id != inside.id):
        state.check_acl(inside, False, flows)
    if state.leg is Leg.RETURN:
        _refuse_reply(state, nat_id, flows)
        return ENDED
    if _refused(state, nat, vpc, flows):
        return ENDED
    _check_state_and_zone(state, nat, subnet, flows)
    if not nat.regional and inside is None:
        state.give_up_absent(flows, "Subnets", nat_id, f"the subnet of {nat_id}", vpc)
        return ENDED
    if not nat.addresses or (nat.is_public and any(a.public is None for a in nat.addresses)):
        _no_address(state, nat, flows)
        return ENDED
    _translate(state, nat, inside, _addresses_used(nat, subnet))
    return _go_on(state, nat, inside)


def _addresses_used(nat: NatGateway, subnet: Subnet | None) -> tuple[NatAddress, ...]:
    """A regional NAT gateway serves each zone with the addresses it has there, if any."""
    zone = subnet.zone if nat.regional and subnet is not None else None
    return tuple(address for address in nat.addresses if zone and address.zone == zone) or nat.addresses


def _refuse_reply(state: TraceState, nat_id: str, flows: Region) -> None:
    table = state.last_table.id if state.last_table else nat_id
    state.stop(
        flows,
        Code.NGW_SOURCE_ADDRESS_REASSIGN,
        nat_id,
        f"The reply to {state.target_text(flows)} is routed to {nat_id}, which did not see the request: "
        f"it rewrites or drops the reply. {table} needs a route back to the sender.",
        None,
        (Explanation(Code.NO_ROUTE_TO_DESTINATION, table, f"{table} has no route back to the sender."),),
    )


def _refused(state: TraceState, nat: NatGateway, vpc: str, flows: Region) -> bool:
    """Flows that a NAT gateway does not accept."""
    flow = state.flow
    if nat.vpc != vpc:
        state.stop(
            flows,
            Code.NGW_REQUIRES_SOURCE_IN_VPC,
            nat.id,
            f"{nat.id} is in {nat.vpc} and serves only that VPC; the traffic is from {vpc}.",
        )
    elif any(segment.component == nat.id for segment in state.segments[1:]):
        table = state.last_table.id if state.last_table else nat.id
        state.stop(
            flows,
            Code.NGW_ROUTES_TO_ITSELF,
            table,
            f"{table}, the route table of {nat.id}, routes {state.far_text} back to {nat.id}: a loop.",
        )
    elif flow.version == 6 and _NAT64.holds(6, state.segment.far):
        state.give_up(
            flows,
            Code.UNSUPPORTED_COMPONENT,
            nat.id,
            Gap(
                "NAT64",
                "",
                f"{nat.id} would translate {state.far_text} to IPv4 (NAT64), which is not modelled.",
            ),
        )
    elif flow.version == 6:
        state.stop(
            flows,
            Code.PROTOCOL_RESTRICTION,
            nat.id,
            f"{nat.id} supports only IPv4 (and NAT64 destinations), not {state.far_text}.",
        )
    elif flow.protocol not in (TCP, UDP, ICMP):
        state.stop(
            flows,
            Code.PROTOCOL_RESTRICTION,
            nat.id,
            f"{nat.id} supports only TCP, UDP and ICMP, not {flow.name}.",
        )
    else:
        return False
    return True


def _check_state_and_zone(state: TraceState, nat: NatGateway, subnet: Subnet | None, flows: Region) -> None:
    """Faults after which the rest of the path is still known."""
    if nat.state != "available":
        text = f"{nat.id} is {nat.state}, not available."
        state.fault(flows, Blocker(Code.BAD_STATE, state.leg, nat.id, None, None, text))
    zones = {address.zone for address in nat.addresses if address.zone}
    if not nat.regional or subnet is None or not zones or subnet.zone in zones:
        return
    if nat.provisions_zones:
        state.assumptions.append(
            f"{nat.id} has no address in {subnet.zone} yet; until it expands there, it serves the zone from "
            "another one."
        )
        return
    text = f"{nat.id} has addresses only in {', '.join(sorted(zones))}; {subnet.id} is in {subnet.zone}."
    state.fault(flows, Blocker(Code.REGIONAL_NGW_ROUTE_AZ_RESTRICTION, state.leg, nat.id, None, None, text))


def _no_address(state: TraceState, nat: NatGateway, flows: Region) -> None:
    if nat.state != "available":
        state.stopped = True
        return
    state.give_up(
        flows,
        Code.UNKNOWN_RESOURCE,
        nat.id,
        Gap(
            "NatGateways",
            "ec2:DescribeNatGateways",
            f"NatGateways.json does not list the addresses of {nat.id}",
        ),
    )


def _translate(
    state: TraceState, nat: NatGateway, inside: Subnet | None, addresses: tuple[NatAddress, ...]
) -> None:
    low, high = TRANSLATED if state.flow.has_ports else (0, 65535)
    pairs = [
        (a.private if a.private is not None else a.public, a.public)
        for a in addresses
        if a.private is not None or a.public is not None
    ]
    own = sorted({private for private, _ in pairs if private is not None})
    public = {private: public for private, public in pairs if private is not None and public is not None}
    state.translate(
        Segment(
            nat.id,
            nat.vpc,
            inside,
            tuple((a, a, low, high) for a in own),
            state.segment.far,
            public if nat.is_public else {},
            True,
        )
    )
    state.lost_groups = Lost(
        Code.SG_REFERENCES_NOT_PRESERVED,
        nat.id,
        f"{nat.id} replaces the source address, so the receiver no longer sees the sender's security groups",
    )


def _go_on(state: TraceState, nat: NatGateway, inside: Subnet | None) -> Onward:
    region = state.segment.region
    if inside is not None and not nat.regional:
        return ((region, Leave(inside)),)
    table = state.snapshot.route_tables.get(nat.route_table) if nat.route_table else None
    if table is not None:
        return ((region, ByTable(table)),)
    if nat.route_table is not None:
        meaning = f"{nat.route_table}, the route table of {nat.id},"
        state.give_up_absent(region, "RouteTables", nat.id, meaning, nat.vpc)
        return ENDED
    gateway = gateway_of(state, nat.vpc)
    if gateway is None:
        state.give_up_absent(region, "RouteTables", nat.id, f"the route table of {nat.id}", nat.vpc)
        return ENDED
    return through_gateway(state, gateway, nat.vpc, None, region)

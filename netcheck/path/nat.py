"""NAT gateways: zonal and regional, public and private.

Sources: VPC user guide, NAT gateway basics (TCP, UDP and ICMP; source ports 1024-65535; no security group;
the network ACL of its subnet applies; only for its own VPC and what arrives by a transit gateway), Regional
NAT gateways (no subnet; a route table of its own; manual mode serves only the zones it has addresses in).
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


def through_nat(walk: TraceState, nat_id: str, vpc: str, subnet: Subnet | None, piece: Region) -> Onward:
    """Send the packets through a NAT gateway; they go on with its address and ports of its choice."""
    walk.hop(nat_id)
    nat = walk.snapshot.nats.get(nat_id)
    if nat is None:
        walk.give_up_absent(piece, "NatGateways", nat_id, nat_id, vpc)
        return ENDED
    inside = walk.snapshot.subnets.get(nat.subnet) if nat.subnet else None
    if nat.vpc == vpc and inside is not None and (subnet is None or subnet.id != inside.id):
        walk.check_acl(inside, False, piece)
    if walk.leg is Leg.RETURN:
        _refuse_reply(walk, nat_id, piece)
        return ENDED
    if _refused(walk, nat, vpc, piece):
        return ENDED
    _check_state_and_zone(walk, nat, subnet, piece)
    if not nat.regional and inside is None:
        walk.give_up_absent(piece, "Subnets", nat_id, f"the subnet of {nat_id}", vpc)
        return ENDED
    if not nat.addresses or (nat.is_public and any(a.public is None for a in nat.addresses)):
        _no_address(walk, nat, piece)
        return ENDED
    _translate(walk, nat, inside, _addresses_used(nat, subnet))
    return _go_on(walk, nat, inside)


def _addresses_used(nat: NatGateway, subnet: Subnet | None) -> tuple[NatAddress, ...]:
    """A regional NAT gateway serves each zone by that zone's own addresses, if it has any there."""
    zone = subnet.zone if nat.regional and subnet is not None else None
    return tuple(address for address in nat.addresses if zone and address.zone == zone) or nat.addresses


def _refuse_reply(walk: TraceState, nat_id: str, piece: Region) -> None:
    table = walk.last_table.id if walk.last_table else nat_id
    walk.stop(
        piece,
        Code.NGW_SOURCE_ADDRESS_REASSIGN,
        nat_id,
        f"The reply to {walk.target_text(piece)} is routed to {nat_id}, which did not see the question: "
        f"it rewrites or drops the reply. {table} needs a route back to the sender.",
        None,
        (Explanation(Code.NO_ROUTE_TO_DESTINATION, table, f"{table} has no route back to the sender."),),
    )


def _refused(walk: TraceState, nat: NatGateway, vpc: str, piece: Region) -> bool:
    """What a NAT gateway does not take at all."""
    flow = walk.flow
    if nat.vpc != vpc:
        walk.stop(
            piece,
            Code.NGW_REQUIRES_SOURCE_IN_VPC,
            nat.id,
            f"{nat.id} is in {nat.vpc} and serves only that VPC; the traffic comes from {vpc}.",
        )
    elif any(stretch.component == nat.id for stretch in walk.stretches[1:]):
        table = walk.last_table.id if walk.last_table else nat.id
        walk.stop(
            piece,
            Code.NGW_ROUTES_TO_ITSELF,
            table,
            f"{table}, which {nat.id} itself uses, leads {walk.far_text} back to {nat.id}: a loop.",
        )
    elif flow.version == 6 and _NAT64.holds(6, walk.stretch.far):
        walk.give_up(
            piece,
            Code.UNSUPPORTED_COMPONENT,
            nat.id,
            Gap(
                "NAT64",
                "",
                f"{nat.id} would translate {walk.far_text} to IPv4 (NAT64), which is not modelled.",
            ),
        )
    elif flow.version == 6:
        walk.stop(
            piece,
            Code.PROTOCOL_RESTRICTION,
            nat.id,
            f"{nat.id} carries IPv4 (and NAT64 destinations) only, not {walk.far_text}.",
        )
    elif flow.protocol not in (TCP, UDP, ICMP):
        walk.stop(
            piece,
            Code.PROTOCOL_RESTRICTION,
            nat.id,
            f"{nat.id} carries TCP, UDP and ICMP only, not {flow.name}.",
        )
    else:
        return False
    return True


def _check_state_and_zone(walk: TraceState, nat: NatGateway, subnet: Subnet | None, piece: Region) -> None:
    """Faults that leave the way beyond the gateway known."""
    if nat.state != "available":
        text = f"{nat.id} is {nat.state}, not available."
        walk.fault(piece, Blocker(Code.BAD_STATE, walk.leg, nat.id, None, None, text))
    zones = {address.zone for address in nat.addresses if address.zone}
    if not nat.regional or subnet is None or not zones or subnet.zone in zones:
        return
    if nat.provisions_zones:
        walk.assumptions.append(
            f"{nat.id} has no address in {subnet.zone} yet; until it has expanded there it serves the zone "
            "from another one."
        )
        return
    text = f"{nat.id} has addresses in {', '.join(sorted(zones))} only; {subnet.id} is in {subnet.zone}."
    walk.fault(piece, Blocker(Code.REGIONAL_NGW_ROUTE_AZ_RESTRICTION, walk.leg, nat.id, None, None, text))


def _no_address(walk: TraceState, nat: NatGateway, piece: Region) -> None:
    if nat.state != "available":
        walk.stopped = True
        return
    walk.give_up(
        piece,
        Code.UNKNOWN_RESOURCE,
        nat.id,
        Gap(
            "NatGateways",
            "ec2:DescribeNatGateways",
            f"NatGateways.json does not list the addresses of {nat.id}",
        ),
    )


def _translate(
    walk: TraceState, nat: NatGateway, inside: Subnet | None, addresses: tuple[NatAddress, ...]
) -> None:
    low, high = TRANSLATED if walk.flow.has_ports else (0, 65535)
    pairs = [
        (a.private if a.private is not None else a.public, a.public)
        for a in addresses
        if a.private is not None or a.public is not None
    ]
    own = sorted({private for private, _ in pairs if private is not None})
    public = {private: public for private, public in pairs if private is not None and public is not None}
    walk.translate(
        Segment(
            nat.id,
            nat.vpc,
            inside,
            tuple((a, a, low, high) for a in own),
            walk.stretch.far,
            public if nat.is_public else {},
            True,
        )
    )
    walk.lost_groups = Lost(
        Code.SG_REFERENCES_NOT_PRESERVED,
        nat.id,
        f"{nat.id} replaces the source address, so the receiver no longer sees the sender's security groups",
    )


def _go_on(walk: TraceState, nat: NatGateway, inside: Subnet | None) -> Onward:
    region = walk.stretch.region
    if inside is not None and not nat.regional:
        return ((region, Leave(inside)),)
    table = walk.snapshot.route_tables.get(nat.route_table) if nat.route_table else None
    if table is not None:
        return ((region, ByTable(table)),)
    if nat.route_table is not None:
        meaning = f"{nat.route_table}, the route table of {nat.id},"
        walk.give_up_absent(region, "RouteTables", nat.id, meaning, nat.vpc)
        return ENDED
    gateway = gateway_of(walk, nat.vpc)
    if gateway is None:
        walk.give_up_absent(region, "RouteTables", nat.id, f"the route table of {nat.id}", nat.vpc)
        return ENDED
    return through_gateway(walk, gateway, nat.vpc, None, region)

"""Changes to routing: routes, associations, attachments, endpoints.

A route covers what the flow needs and no more: the destination address, or for replies the CIDR block of the
senders' subnet. Sources: VPC user guide, Route tables and Route priority (the most specific route wins, so a
narrow route next to a wrong one or a blackhole is enough; static before propagated); NAT gateway basics (a
NAT gateway in the sender's zone avoids cross-zone traffic and outages); peering guide (routes on both sides);
transit gateway guide (association, static routes); PrivateLink guide (gateway endpoints).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcheck.aws.ec2.addresses import Prefix
from netcheck.aws.ec2.entities import NatGateway, Route, RouteTable, VpcEndpoint
from netcheck.path.codes import Code
from netcheck.path.forwarding import table_of
from netcheck.path.routing import compiled
from netcheck.path.trace_state import Fault, Segment
from netcheck.path.verdict import Leg
from netcheck.repair.apply import items
from netcheck.repair.change import (
    Change,
    DnsSupport,
    EndpointRoute,
    EndpointSubnet,
    PeeringAcceptance,
    TableRoute,
)
from netcheck.repair.repair_context import Need, RepairContext, is_public, near_blocks, single
from netcheck.repair.transit import transit_options

_REROUTABLE = frozenset(
    {
        Code.BAD_STATE,
        Code.BAD_STATE_ATTACHMENT,
        Code.BAD_STATE_ROUTE,
        Code.CANNOT_ROUTE,
        Code.IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS,
        Code.IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS,
        Code.IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS,
        Code.NGW_REQUIRES_SOURCE_IN_VPC,
        Code.NGW_ROUTES_TO_ITSELF,
        Code.NGW_SOURCE_ADDRESS_REASSIGN,
        Code.NO_PATH,
        Code.NO_POSSIBLE_DESTINATION,
        Code.NO_ROUTE_TO_DESTINATION,
        Code.PCX_REQUIRES_ADDRESS_IN_VPC_CIDR,
        Code.PROTOCOL_RESTRICTION,
        Code.REGIONAL_NGW_ROUTE_AZ_RESTRICTION,
        Code.TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION,
        Code.TGW_ROUTE_AZ_RESTRICTION,
        Code.TGW_RTB_BAD_STATE_ROUTE,
        Code.TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT,
        Code.UNASSOCIATED_COMPONENT,
        Code.VPCE_GATEWAY_PROTOCOL_RESTRICTION,
    }
)
"""Blockers that another route in the route table consulted last may avoid."""


def routing_needs(context: RepairContext) -> Iterator[Need]:
    """For every place where the path ends: a fix there, then routes around it."""
    for fault in context.state.blocked:
        options = [*_in_place(context, fault), *transit_options(context, fault)]
        if fault.blocker.code in _REROUTABLE:
            for seen, table in _tables_to_change(context, fault):
                options += [option for option in _detours(context, seen, table) if option not in options]
        if options:
            yield Need((fault.blocker,), tuple(options), reroutes=True)


def _in_place(context: RepairContext, fault: Fault) -> Iterator[tuple[Change, ...]]:
    name, snapshot = fault.blocker.component, context.snapshot
    peering = snapshot.peerings.get(name)
    if fault.blocker.code is Code.BAD_STATE and peering is not None:
        if peering.status == "pending-acceptance":
            yield (PeeringAcceptance(name),)
    elif fault.blocker.code is Code.BAD_STATE and snapshot.dns_support.get(name) is False:
        yield (DnsSupport(name),)
    elif fault.blocker.code is Code.VPCE_SERVICE_NOT_INSTALLED_IN_AZ:
        interface = context.state.end.interface if context.state.end is not None else None
        if interface is not None:
            yield (EndpointSubnet(name, interface.subnet),)


def _tables_to_change(context: RepairContext, fault: Fault) -> Iterator[tuple[Fault, RouteTable]]:
    """Route tables in which another route may avoid the blocker: the last one, then that of the leg's sender.

    For a private destination behind a public NAT gateway the sender's table is first: the packets got there
    for want of a better route, and after NAT security group references no longer match the sender.
    """
    forward, start, end = fault.blocker.leg is Leg.FORWARD, context.state.segments[0], context.state.end
    sender = start.subnet if forward else end.subnet if end is not None else None
    own = table_of(context.state, sender) if sender is not None else None
    found = [(fault, fault.table)] if fault.table is not None else []
    if own is not None and own != fault.table:
        found.append((fault._replace(segment=start, flows=start.region) if forward else fault, own))
    misrouted = forward and _is_misrouted(context, fault.segment)
    yield from reversed(found) if misrouted else found


def _is_misrouted(context: RepairContext, segment: Segment) -> bool:
    nat = context.snapshot.nats.get(segment.component) if segment.is_nat else None
    return nat is not None and nat.is_public and not is_public(context.version, segment.far)


def _detours(context: RepairContext, fault: Fault, table: RouteTable) -> Iterator[tuple[Change, ...]]:
    """Routes for exactly these packets through each possible target, one for each CIDR block."""
    forward = fault.blocker.leg is Leg.FORWARD
    version = context.version
    blocks = (
        (single(version, fault.segment.far),) if forward else near_blocks(version, fault.segment, fault.flows)
    )
    own = context.snapshot.vpcs.get(table.vpc)
    if own is None or any(_inside(block, own.prefixes) for block in blocks):
        return  # the VPC's addresses have their local route, and a wider route cannot help
    if forward:
        yield from ((one,) for one in _endpoint_routes(context, table, fault.segment.far))
    for key, target in _targets(context, fault, table, blocks[0].first, forward):
        if any(_diverts(context, fault, table, block) for block in blocks):
            return
        made = [_route(table, block, key, target) for block in blocks]
        if any(made):
            yield tuple(route for route in made if route is not None)


def _diverts(context: RepairContext, fault: Fault, table: RouteTable, block: Prefix) -> bool:
    """Whether a narrower route would reroute others: interfaces with a public address, or NAT gateways, that
    leave through the internet gateway of this table now.
    """
    snapshot = context.snapshot
    hit = compiled(snapshot, table, block.version).lookup(block.first)
    if not is_public(block.version, block.first):
        return False
    if hit is None or hit.route.state != "active" or hit.route.target not in snapshot.internet_gateways:
        return False
    sender = fault.segment.component
    public = (i.subnet for i in snapshot.interfaces.values() if i.public and i.id != sender)
    nats = (nat.subnet for nat in snapshot.nats.values() if nat.subnet and nat.id != sender)
    homes = {snapshot.subnets[name] for name in (*public, *nats) if name in snapshot.subnets}
    return any(table_of(context.state, home) == table for home in homes if home.vpc == table.vpc)


def _inside(block: Prefix, prefixes: Iterable[Prefix]) -> bool:
    return any(one.holds(block.version, block.first) for one in prefixes)


def _route(table: RouteTable, block: Prefix, key: str, target: str) -> TableRoute | None:
    """The route, replacing one with exactly this destination; None if it exists already."""
    before = next((r for r in table.routes if r.destination == block and not r.propagated), None)
    if before is None:
        return TableRoute(table.id, block, key, target)
    if before.target == target and before.state == "active":
        return None
    return TableRoute(table.id, block, key, target, (before.key, before.target))


def _targets(
    context: RepairContext, fault: Fault, table: RouteTable, address: int, forward: bool
) -> Iterator[tuple[str, str]]:
    """Possible targets of a route in this VPC, the likeliest first."""
    if not forward and (fault.segment.mapping is not None or context.state.crossed_internet):
        yield from _internet_gateways(context, table.vpc)  # the request came from the internet
        return
    owners = _owners(context, fault, address) if forward else [fault.segment.vpc]
    links = [
        link for owner in owners if owner != table.vpc for link in _connections(context, table.vpc, owner)
    ]
    used = {hop.component for hop in (*context.state.forward, *context.state.trail)}
    yield from sorted(links, key=lambda link: link[1] not in used)
    if forward and is_public(context.version, address):
        yield from _to_internet(context, fault, table)


def _owners(context: RepairContext, fault: Fault, address: int) -> list[str]:
    """VPCs that may have the destination, the known one first."""
    end, version = context.state.end, context.version
    known = [end.vpc] if end is not None and end.kind in ("interface", "host") else []
    known += [holder.vpc for holder in context.snapshot.holders.get((version, address), ())]
    known += [subnet.vpc for subnet in context.snapshot.subnets_holding(version, address)]
    return [vpc for vpc in dict.fromkeys(known) if vpc != fault.segment.vpc]


def _connections(context: RepairContext, here: str, there: str) -> Iterator[tuple[str, str]]:
    """Peering connections and transit gateways between two VPCs; pending requests last."""
    snapshot = context.snapshot
    joined = [p for p in snapshot.peerings.values() if {p.requester.vpc, p.accepter.vpc} == {here, there}]
    for peering in joined:
        if peering.status == "active":
            yield "VpcPeeringConnectionId", peering.id
    gateways = {gateway for gateway, vpc in snapshot.attachment_of_vpc if vpc == here}
    for gateway in sorted(gateways):
        ends = [snapshot.attachment_of_vpc.get((gateway, vpc)) for vpc in (here, there)]
        if all(end is not None and end.state == "available" for end in ends):
            yield "TransitGatewayId", gateway
    for peering in joined:
        if peering.status == "pending-acceptance":
            yield "VpcPeeringConnectionId", peering.id


def _to_internet(context: RepairContext, fault: Fault, table: RouteTable) -> Iterator[tuple[str, str]]:
    """NAT gateways for senders without a public address, sender's zone first; else the internet gateway."""
    segment, snapshot = fault.segment, context.snapshot
    if context.version == 6:
        only = snapshot.egress_only_gateways.values()
        yield from (("EgressOnlyInternetGatewayId", one.id) for one in only if table.vpc in one.attachments)
    elif not segment.is_nat:
        zone = segment.subnet.zone if segment.subnet is not None else ""
        for nat in sorted(_nats(context, table.vpc), key=lambda nat: _rank(context, nat, zone)):
            yield "NatGatewayId", nat.id
    if context.version == 6 or segment.public:
        yield from _internet_gateways(context, table.vpc)


def _internet_gateways(context: RepairContext, vpc: str) -> Iterator[tuple[str, str]]:
    gateways = context.snapshot.internet_gateways.values()
    yield from (("GatewayId", gateway.id) for gateway in gateways if vpc in gateway.attachments)


def _nats(context: RepairContext, vpc: str) -> list[NatGateway]:
    nats = context.snapshot.nats.values()
    return [nat for nat in nats if nat.vpc == vpc and nat.is_public and nat.state == "available"]


def _rank(context: RepairContext, nat: NatGateway, zone: str) -> tuple[bool, bool, str]:
    """One that leads out already, then one in the sender's zone."""
    home = context.snapshot.subnets.get(nat.subnet or "")
    return not _leads_out(context, nat), home is not None and home.zone != zone, nat.id


def _leads_out(context: RepairContext, nat: NatGateway) -> bool:
    snapshot = context.snapshot
    table = snapshot.table_of_subnet.get(nat.subnet or "") or snapshot.main_table_of_vpc.get(nat.vpc)
    hit = compiled(snapshot, table, 4).lookup(context.far) if table is not None else None
    return nat.regional or (hit is not None and hit.route.target in snapshot.internet_gateways)


def _endpoint_routes(context: RepairContext, table: RouteTable, address: int) -> Iterator[Change]:
    """A gateway endpoint of this VPC whose service has the address, for a table that leads to none of the
    service's addresses yet: otherwise other traffic would be rerouted.
    """
    for endpoint in context.snapshot.endpoints.values():
        if (endpoint.kind, endpoint.vpc, endpoint.state) != ("Gateway", table.vpc, "available"):
            continue
        name = _prefix_list(context, endpoint)
        blocks = context.snapshot.prefix_lists.get(name or "", ())
        if (
            name
            and _inside(single(context.version, address), blocks)
            and _leads_nowhere(context, table, blocks)
        ):
            yield EndpointRoute(endpoint.id, table.id, name)


def _leads_nowhere(context: RepairContext, table: RouteTable, blocks: Iterable[Prefix]) -> bool:
    lookups = compiled(context.snapshot, table, context.version)
    hits = [hit for b in blocks if b.version == context.version for *_, hit in lookups.split(b.first, b.last)]
    return all(hit is None or hit.route.state == "blackhole" for hit in hits)


def _prefix_list(context: RepairContext, endpoint: VpcEndpoint) -> str | None:
    """The prefix list of the endpoint's service: it has the service's name, or routes to it lead there."""
    for stem in ("PrefixLists", "ManagedPrefixLists"):
        for item in items(context.parts, stem):
            if item.get("PrefixListName") == endpoint.service:
                return str(item["PrefixListId"])
    routes = (route for table in context.snapshot.route_tables.values() for route in table.routes)
    return next((str(r.destination) for r in routes if _is_to(r, endpoint.id)), None)


def _is_to(route: Route, endpoint: str) -> bool:
    return route.target == endpoint and isinstance(route.destination, str)

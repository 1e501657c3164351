"""Transit gateways: the attachment's subnet in the zone, association, routes, and the other attachment.

Sources: Transit gateway guide: VPC attachments (a subnet in each zone; only zones with a subnet reach the
gateway), route tables (longest prefix; static before propagated), network ACLs for transit gateways (inbound
rules of the attachment's subnet on the way in, outbound ones on the way out; none inside one subnet),
security group referencing (inbound rules only, gateway and both attachments must support it).
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.aws.ec2.addresses import Prefix
from netcheck.aws.ec2.entities import Subnet, TransitAttachment, TransitRoute
from netcheck.aws.ec2.snapshot import Gap, Snapshot
from netcheck.path.codes import Code
from netcheck.path.flows import Rectangle, Region, overlap
from netcheck.path.routing import (
    FROM_PREFIX_LIST,
    PROPAGATED,
    STATIC,
    Candidate,
    CompiledTable,
    Hit,
    compile_table,
)
from netcheck.path.steps import ENDED, Leave, Onward, Step
from netcheck.path.trace_state import Lost, TraceState
from netcheck.path.verdict import Blocker, Explanation, Leg


def through_transit_gateway(
    walk: TraceState, gateway: str, vpc: str, subnet: Subnet | None, piece: Region
) -> Onward:
    """Enter the transit gateway from `vpc` and come out at the attachment its route table names."""
    walk.hop(gateway)
    if walk.leg is Leg.FORWARD:
        walk.egress_references = (
            False  # outbound rules never match a receiver beyond a transit gateway by its group
        )
    entry = walk.snapshot.attachment_of_vpc.get((gateway, vpc))
    if entry is None:
        _no_attachment(walk, gateway, vpc, piece)
        return ENDED
    walk.hop(entry.id)
    if not _carries(walk, entry, piece):
        return ENDED
    if not _enter(walk, entry, subnet, piece):
        return ENDED
    table = _associated_table(walk, entry, piece)
    if table is None:
        return ENDED
    walk.hop(table)
    compiled = _compiled(walk, table, piece)
    if compiled is None:
        return ENDED
    onward: list[tuple[Region, Step]] = []
    for part, hit in _split(walk, compiled, piece):
        step = _follow(walk, gateway, table, entry, compiled, hit, subnet, part)
        if step is not None:
            onward.append((part, step))
    return tuple(onward)


def _no_attachment(walk: TraceState, gateway: str, vpc: str, piece: Region) -> None:
    gap = walk.missing_from("TransitGatewayVpcAttachments", vpc)
    if gap is not None:
        walk.give_up(piece, Code.UNKNOWN_RESOURCE, gateway, gap)
    else:
        text = f"{vpc} has no attachment to {gateway}."
        walk.stop(piece, Code.UNASSOCIATED_COMPONENT, gateway, text)


def _carries(walk: TraceState, attachment: TransitAttachment, piece: Region) -> bool:
    if attachment.state != "available":
        text = f"{attachment.id} of {attachment.resource} is {attachment.state}, not available."
        walk.stop(piece, Code.BAD_STATE_ATTACHMENT, attachment.id, text)
        return False
    if attachment.subnets is None:
        gap = walk.snapshot.missing("TransitGatewayVpcAttachments") or Gap(
            "TransitGatewayVpcAttachments",
            "ec2:DescribeTransitGatewayVpcAttachments",
            f"TransitGatewayVpcAttachments.json does not list {attachment.id}",
        )
        walk.give_up(piece, Code.UNKNOWN_RESOURCE, attachment.id, gap)
        return False
    if walk.flow.version == 6 and not attachment.carries_ipv6:
        text = f"{attachment.id} of {attachment.resource} does not support IPv6."
        walk.stop(piece, Code.PROTOCOL_RESTRICTION, attachment.id, text)
        return False
    return True


def _zone_subnets(snapshot: Snapshot, attachment: TransitAttachment) -> list[Subnet] | None:
    """The attachment's subnets, or None if one of them is not in the snapshot."""
    found = [snapshot.subnets.get(name) for name in attachment.subnets or ()]
    known = [subnet for subnet in found if subnet is not None]
    return known if len(known) == len(found) else None


def _enter(walk: TraceState, entry: TransitAttachment, subnet: Subnet | None, piece: Region) -> bool:
    subnets = _zone_subnets(walk.snapshot, entry)
    if subnets is None or subnet is None:
        walk.give_up(
            piece,
            Code.UNKNOWN_RESOURCE,
            entry.id,
            walk.snapshot.missing("Subnets")
            or Gap(
                "Subnets",
                "ec2:DescribeSubnets",
                f"a subnet of {entry.id} is not in the snapshot",
            ),
        )
        return False
    here = next((s for s in subnets if s.zone == subnet.zone), None)
    if here is not None:
        walk.check_acl(here, False, piece)
        return True
    zones = ", ".join(sorted({s.zone for s in subnets})) or "no zone"
    text = f"{entry.id} has subnets in {zones}; traffic from {subnet.id} in {subnet.zone} does not reach it."
    walk.fault(piece, Blocker(Code.TGW_ROUTE_AZ_RESTRICTION, walk.leg, entry.id, None, None, text))
    return True


def _associated_table(walk: TraceState, entry: TransitAttachment, piece: Region) -> str | None:
    association = walk.snapshot.transit_associations.get(entry.id)
    if association is not None and association[1] == "associated":
        return association[0]
    if association is None:
        missing = walk.snapshot.missing("TransitGatewayAttachments")
        if missing is not None and walk.snapshot.missing("TransitGatewayRouteTableAssociations") is not None:
            walk.give_up(piece, Code.UNKNOWN_RESOURCE, entry.id, missing)
            return None
        if entry.of_other_account:
            reason = f"{entry.gateway} belongs to another account, which alone sees its route tables"
            action = "ec2:DescribeTransitGatewayAttachments"
            gap = Gap("TransitGatewayAttachments", action, reason)
            walk.give_up(piece, Code.TGW_RTB_ROUTES_ARE_UNKNOWN, entry.id, gap)
            return None
    state = f" (the last one is {association[1]})" if association else ""
    walk.stop(
        piece,
        Code.TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION,
        entry.id,
        f"{entry.id} of {entry.resource} is associated with no transit gateway route table{state}.",
    )
    return None


def _candidates(snapshot: Snapshot, table: str) -> Iterator[Candidate[TransitRoute] | TransitRoute]:
    seen = set()
    for route in snapshot.transit_routes.get(table, ()):
        if route.state not in ("active", "blackhole"):
            continue
        rank = PROPAGATED if route.propagated else STATIC
        if isinstance(route.destination, Prefix):
            seen.add((route.destination, route.attachments))
            yield Candidate(route.destination, rank, route)
        elif route.destination in snapshot.prefix_lists:
            for block in snapshot.prefix_lists[route.destination]:
                yield Candidate(block, FROM_PREFIX_LIST, route)
        else:
            yield route
    for propagation in snapshot.transit_propagations.get(table, ()):
        if propagation.state not in ("enabled", "") or propagation.kind not in ("vpc", ""):
            continue
        vpc = snapshot.vpcs.get(propagation.resource)
        if vpc is None or not propagation.state or not propagation.kind:
            yield TransitRoute(propagation.resource, (propagation.attachment,), "active", True)
            continue
        for block in vpc.prefixes:
            if (block, (propagation.attachment,)) not in seen:
                yield Candidate(
                    block, PROPAGATED, TransitRoute(block, (propagation.attachment,), "active", True)
                )


def _compiled(walk: TraceState, table: str, piece: Region) -> CompiledTable[TransitRoute] | None:
    snapshot = walk.snapshot
    routes = snapshot.transit_routes.get(table)
    propagated = routes is not None and any(route.propagated for route in routes)
    gap = snapshot.missing("TransitGatewayStaticRoutes")
    if gap is None and routes is None:
        gap = Gap(
            "TransitGatewayStaticRoutes",
            "ec2:SearchTransitGatewayRoutes",
            f"TransitGatewayStaticRoutes.json does not list {table}",
        )
    if gap is None and not propagated:
        gap = snapshot.missing("TransitGatewayPropagations")
    if gap is None and not propagated and table not in snapshot.transit_propagations:
        gap = Gap(
            "TransitGatewayPropagations",
            "ec2:GetTransitGatewayRouteTablePropagations",
            f"TransitGatewayPropagations.json does not list {table}",
        )
    if gap is not None:
        walk.give_up(piece, Code.TGW_RTB_ROUTES_ARE_UNKNOWN, table, gap)
        return None
    key = ("transit", table, walk.flow.version)
    found = snapshot.memo.get(key)
    if not isinstance(found, CompiledTable):
        items = list(_candidates(snapshot, table))
        known = [item for item in items if isinstance(item, Candidate)]
        found = compile_table(
            walk.flow.version, known, tuple(item for item in items if isinstance(item, TransitRoute))
        )
        snapshot.memo[key] = found
    return found


def _split(
    walk: TraceState, compiled: CompiledTable[TransitRoute], piece: Region
) -> Iterator[tuple[Region, Hit[TransitRoute] | None]]:
    if walk.leg is Leg.FORWARD:
        yield piece, compiled.lookup(walk.stretch.far)
        return
    for rectangle in piece:
        for first, last, hit in compiled.pieces(rectangle[0], rectangle[1]):
            shared: Rectangle | None = overlap(rectangle, (first, last, rectangle[2], rectangle[3]))
            if shared is not None:
                yield (shared,), hit


def _follow(
    walk: TraceState,
    gateway: str,
    table: str,
    entry: TransitAttachment,
    compiled: CompiledTable[TransitRoute],
    hit: Hit[TransitRoute] | None,
    subnet: Subnet | None,
    piece: Region,
) -> Step | None:
    if compiled.unresolved and (hit is None or hit.prefix.first != hit.prefix.last):
        name = str(compiled.unresolved[0].destination)
        walk.give_up(
            piece,
            Code.TGW_RTB_ROUTES_ARE_UNKNOWN,
            table,
            Gap(
                "Vpcs",
                "ec2:DescribeVpcs",
                f"{table} has routes to {name}, whose ranges are not in the snapshot.",
            ),
        )
        return None
    if hit is None:
        _no_route(walk, table, entry, compiled, piece)
        return None
    if hit.route.state != "active" or not hit.route.attachments:
        walk.stop(
            piece,
            Code.TGW_RTB_BAD_STATE_ROUTE,
            table,
            f"{table}: the route to {hit.prefix} is a {hit.route.state}.",
            str(hit.route.destination),
        )
        return None
    if len(hit.route.attachments) > 1 or hit.ambiguous_with is not None:
        walk.give_up(
            piece,
            Code.UNKNOWN_DESTINATION,
            table,
            Gap(
                "TransitGatewayStaticRoutes",
                "",
                f"{table}: {hit.prefix} has several equal routes; which of them a packet takes is not known.",
            ),
        )
        return None
    return _come_out(walk, gateway, hit.route.attachments[0], entry, subnet, piece)


def _no_route(
    walk: TraceState,
    table: str,
    entry: TransitAttachment,
    compiled: CompiledTable[TransitRoute],
    piece: Region,
) -> None:
    others = tuple(
        Explanation(
            Code.TGW_RTB_CANNOT_ROUTE,
            table,
            f"{table}: {candidate.route.text} does not match {walk.target_text(piece)}.",
        )
        for candidate in compiled.candidates[:8]
    )
    walk.stop(
        piece,
        Code.TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT,
        table,
        f"{table}, the route table of {entry.id}, has no route to {walk.target_text(piece)}.",
        None,
        others,
    )


def _come_out(
    walk: TraceState, gateway: str, name: str, entry: TransitAttachment, subnet: Subnet | None, piece: Region
) -> Step | None:
    leaving = walk.snapshot.attachments.get(name)
    if leaving is None:
        walk.give_up(
            piece,
            Code.UNKNOWN_RESOURCE,
            name,
            walk.snapshot.missing("TransitGatewayAttachments")
            or Gap(
                "TransitGatewayAttachments",
                "ec2:DescribeTransitGatewayAttachments",
                f"{name} is not in the snapshot",
            ),
        )
        return None
    walk.hop(leaving.id)
    if leaving.kind != "vpc":
        walk.give_up(
            piece,
            Code.UNKNOWN_DESTINATION,
            leaving.id,
            Gap(
                "TransitGatewayAttachments",
                "",
                f"{leaving.id} leads to {leaving.kind} {leaving.resource}, beyond the snapshot.",
            ),
        )
        return None
    if leaving.resource not in walk.snapshot.vpcs:
        walk.give_up(
            piece,
            Code.UNKNOWN_RESOURCE,
            leaving.resource,
            Gap(
                "Vpcs",
                "ec2:DescribeVpcs",
                f"{leaving.resource} behind {leaving.id} is not in the snapshot.",
            ),
        )
        return None
    if not _carries(walk, leaving, piece):
        return None
    if walk.leg is Leg.FORWARD:
        _note_groups(walk, gateway, entry, leaving)
    return _arrival(walk, leaving, subnet, piece)


def _note_groups(
    walk: TraceState, gateway: str, entry: TransitAttachment, leaving: TransitAttachment
) -> None:
    """Whether the receiver still sees the sender's security groups."""
    transit = walk.snapshot.transit_gateways.get(gateway)
    if transit is None:
        walk.groups_unknown = walk.absent(
            "TransitGateways",
            gateway,
            f"whether {gateway} supports security group referencing",
            None,
        )
        return
    lacking = (
        gateway
        if not transit.references_groups
        else next((a.id for a in (entry, leaving) if a.references_groups is False), None)
    )
    if lacking is not None:
        walk.lost_groups = Lost(
            Code.SG_REFERENCING_SUPPORT, lacking, f"{lacking} does not support security group referencing"
        )


def _arrival(
    walk: TraceState, leaving: TransitAttachment, subnet: Subnet | None, piece: Region
) -> Step | None:
    """The attachment's subnet in the zone the traffic came from; otherwise any, if it makes no difference."""
    subnets = _zone_subnets(walk.snapshot, leaving)
    if not subnets:
        walk.give_up(
            piece,
            Code.UNKNOWN_RESOURCE,
            leaving.id,
            walk.snapshot.missing("Subnets")
            or Gap(
                "Subnets",
                "ec2:DescribeSubnets",
                f"a subnet of {leaving.id} is not in the snapshot",
            ),
        )
        return None
    same_zone = [s for s in subnets if subnet is not None and s.zone == subnet.zone]
    choices = same_zone if same_zone and not leaving.appliance_mode else subnets
    first = choices[0]
    for other in choices[1:]:
        if _differ(walk, first, other, piece):
            walk.give_up(
                piece,
                Code.TGW_ATTACH_VPC_AZ_RESTRICTION,
                leaving.id,
                Gap(
                    "TransitGatewayVpcAttachments",
                    "",
                    f"through which zone of {leaving.id} the traffic comes out is not known, and "
                    f"{first.id} and {other.id} differ in route table or network ACL.",
                ),
            )
            return None
    return Leave(first)


def _differ(walk: TraceState, one: Subnet, other: Subnet, piece: Region) -> bool:
    """Whether it matters which of two subnets of an attachment the traffic comes out in."""
    snapshot, version = walk.snapshot, walk.flow.version
    tables, acls = snapshot.table_of_subnet, snapshot.acl_of_subnet
    if tables.get(one.id) is not tables.get(other.id) or acls.get(one.id) is not acls.get(other.id):
        return True
    # Inside its own subnet no ACL applies, from the other subnet both do.
    target = walk.target(piece)
    return any(block.holds(version, target) for subnet in (one, other) for block in subnet.prefixes)

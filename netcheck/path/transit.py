"""Transit gateways: the attachment's subnet in the zone, the association, routes, and the exit attachment.

Sources: Transit gateway guide: VPC attachments (a subnet in each zone; only zones with a subnet reach the
gateway), route tables (longest prefix; static before propagated), network ACLs for transit gateways (inbound
rules of the attachment's subnet for traffic to the gateway, outbound rules for traffic from it; none inside
one subnet), security group referencing (inbound rules only, gateway and both attachments must support it).
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
    state: TraceState, gateway: str, vpc: str, subnet: Subnet | None, flows: Region
) -> Onward:
    """Enter the transit gateway from `vpc` and leave through the attachment of the matching route."""
    state.hop(gateway)
    if state.leg is Leg.FORWARD:
        state.egress_references = (
            False  # outbound rules never match a receiver beyond a transit gateway by its group
        )
    entry = state.snapshot.attachment_of_vpc.get((gateway, vpc))
    if entry is None:
        _no_attachment(state, gateway, vpc, flows)
        return ENDED
    state.hop(entry.id)
    if not _carries(state, entry, flows):
        return ENDED
    if not _enter(state, entry, subnet, flows):
        return ENDED
    table = _associated_table(state, entry, flows)
    if table is None:
        return ENDED
    state.hop(table)
    compiled = _compiled(state, table, flows)
    if compiled is None:
        return ENDED
    onward: list[tuple[Region, Step]] = []
    for part, hit in _split(state, compiled, flows):
        step = _follow(state, gateway, table, entry, compiled, hit, subnet, part)
        if step is not None:
            onward.append((part, step))
    return tuple(onward)


def _no_attachment(state: TraceState, gateway: str, vpc: str, flows: Region) -> None:
    gap = state.missing_from("TransitGatewayVpcAttachments", vpc)
    if gap is not None:
        state.give_up(flows, Code.UNKNOWN_RESOURCE, gateway, gap)
    else:
        text = f"{vpc} has no attachment to {gateway}."
        state.stop(flows, Code.UNASSOCIATED_COMPONENT, gateway, text)


def _carries(state: TraceState, attachment: TransitAttachment, flows: Region) -> bool:
    if attachment.state != "available":
        text = f"{attachment.id} of {attachment.resource} is {attachment.state}, not available."
        state.stop(flows, Code.BAD_STATE_ATTACHMENT, attachment.id, text)
        return False
    if attachment.subnets is None:
        gap = state.snapshot.missing("TransitGatewayVpcAttachments") or Gap(
            "TransitGatewayVpcAttachments",
            "ec2:DescribeTransitGatewayVpcAttachments",
            f"TransitGatewayVpcAttachments.json does not list {attachment.id}",
        )
        state.give_up(flows, Code.UNKNOWN_RESOURCE, attachment.id, gap)
        return False
    if state.flow.version == 6 and not attachment.carries_ipv6:
        text = f"{attachment.id} of {attachment.resource} does not support IPv6."
        state.stop(flows, Code.PROTOCOL_RESTRICTION, attachment.id, text)
        return False
    return True


def _zone_subnets(snapshot: Snapshot, attachment: TransitAttachment) -> list[Subnet] | None:
    """The attachment's subnets, or None if one of them is not in the snapshot."""
    found = [snapshot.subnets.get(name) for name in attachment.subnets or ()]
    known = [subnet for subnet in found if subnet is not None]
    return known if len(known) == len(found) else None


def _enter(state: TraceState, entry: TransitAttachment, subnet: Subnet | None, flows: Region) -> bool:
    subnets = _zone_subnets(state.snapshot, entry)
    if subnets is None or subnet is None:
        state.give_up(
            flows,
            Code.UNKNOWN_RESOURCE,
            entry.id,
            state.snapshot.missing("Subnets")
            or Gap(
                "Subnets",
                "ec2:DescribeSubnets",
                f"a subnet of {entry.id} is not in the snapshot",
            ),
        )
        return False
    here = next((s for s in subnets if s.zone == subnet.zone), None)
    if here is not None:
        state.check_acl(here, False, flows)
        return True
    zones = ", ".join(sorted({s.zone for s in subnets})) or "no zone"
    text = f"{entry.id} has subnets in {zones}; traffic from {subnet.id} in {subnet.zone} cannot enter it."
    state.fault(flows, Blocker(Code.TGW_ROUTE_AZ_RESTRICTION, state.leg, entry.id, None, None, text))
    return True


def _associated_table(state: TraceState, entry: TransitAttachment, flows: Region) -> str | None:
    association = state.snapshot.transit_associations.get(entry.id)
    if association is not None and association[1] == "associated":
        return association[0]
    if association is None:
        missing = state.snapshot.missing("TransitGatewayAttachments")
        if missing is not None and state.snapshot.missing("TransitGatewayRouteTableAssociations") is not None:
            state.give_up(flows, Code.UNKNOWN_RESOURCE, entry.id, missing)
            return None
        if entry.of_other_account:
            reason = f"{entry.gateway} belongs to another account, which alone can see its route tables"
            action = "ec2:DescribeTransitGatewayAttachments"
            gap = Gap("TransitGatewayAttachments", action, reason)
            state.give_up(flows, Code.TGW_RTB_ROUTES_ARE_UNKNOWN, entry.id, gap)
            return None
    latest = f" (its association is {association[1]})" if association else ""
    state.stop(
        flows,
        Code.TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION,
        entry.id,
        f"{entry.id} of {entry.resource} is not associated with a transit gateway route table{latest}.",
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


def _compiled(state: TraceState, table: str, flows: Region) -> CompiledTable[TransitRoute] | None:
    snapshot = state.snapshot
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
        state.give_up(flows, Code.TGW_RTB_ROUTES_ARE_UNKNOWN, table, gap)
        return None
    key = ("transit", table, state.flow.version)
    found = snapshot.memo.get(key)
    if not isinstance(found, CompiledTable):
        items = list(_candidates(snapshot, table))
        known = [item for item in items if isinstance(item, Candidate)]
        found = compile_table(
            state.flow.version, known, tuple(item for item in items if isinstance(item, TransitRoute))
        )
        snapshot.memo[key] = found
    return found


def _split(
    state: TraceState, compiled: CompiledTable[TransitRoute], flows: Region
) -> Iterator[tuple[Region, Hit[TransitRoute] | None]]:
    if state.leg is Leg.FORWARD:
        yield flows, compiled.lookup(state.segment.far)
        return
    for rectangle in flows:
        for first, last, hit in compiled.split(rectangle[0], rectangle[1]):
            shared: Rectangle | None = overlap(rectangle, (first, last, rectangle[2], rectangle[3]))
            if shared is not None:
                yield (shared,), hit


def _follow(
    state: TraceState,
    gateway: str,
    table: str,
    entry: TransitAttachment,
    compiled: CompiledTable[TransitRoute],
    hit: Hit[TransitRoute] | None,
    subnet: Subnet | None,
    flows: Region,
) -> Step | None:
    if compiled.unresolved and (hit is None or hit.prefix.first != hit.prefix.last):
        name = str(compiled.unresolved[0].destination)
        state.give_up(
            flows,
            Code.TGW_RTB_ROUTES_ARE_UNKNOWN,
            table,
            Gap(
                "Vpcs",
                "ec2:DescribeVpcs",
                f"{table} has routes to {name}, whose CIDR blocks are not in the snapshot.",
            ),
        )
        return None
    if hit is None:
        _no_route(state, table, entry, compiled, flows)
        return None
    if hit.route.state != "active" or not hit.route.attachments:
        state.stop(
            flows,
            Code.TGW_RTB_BAD_STATE_ROUTE,
            table,
            f"{table}: the route to {hit.prefix} is a {hit.route.state}.",
            str(hit.route.destination),
        )
        return None
    if len(hit.route.attachments) > 1 or hit.ambiguous_with is not None:
        state.give_up(
            flows,
            Code.UNKNOWN_DESTINATION,
            table,
            Gap(
                "TransitGatewayStaticRoutes",
                "",
                f"{table}: {hit.prefix} has several equal routes; which one AWS uses is not known.",
            ),
        )
        return None
    return _exit(state, gateway, hit.route.attachments[0], entry, subnet, flows)


def _no_route(
    state: TraceState,
    table: str,
    entry: TransitAttachment,
    compiled: CompiledTable[TransitRoute],
    flows: Region,
) -> None:
    others = tuple(
        Explanation(
            Code.TGW_RTB_CANNOT_ROUTE,
            table,
            f"{table}: {candidate.route.text} does not match {state.target_text(flows)}.",
        )
        for candidate in compiled.candidates[:8]
    )
    state.stop(
        flows,
        Code.TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT,
        table,
        f"{table}, the route table of {entry.id}, has no route to {state.target_text(flows)}.",
        None,
        others,
    )


def _exit(
    state: TraceState, gateway: str, name: str, entry: TransitAttachment, subnet: Subnet | None, flows: Region
) -> Step | None:
    leaving = state.snapshot.attachments.get(name)
    if leaving is None:
        state.give_up(
            flows,
            Code.UNKNOWN_RESOURCE,
            name,
            state.snapshot.missing("TransitGatewayAttachments")
            or Gap(
                "TransitGatewayAttachments",
                "ec2:DescribeTransitGatewayAttachments",
                f"{name} is not in the snapshot",
            ),
        )
        return None
    state.hop(leaving.id)
    if leaving.kind != "vpc":
        state.give_up(
            flows,
            Code.UNKNOWN_DESTINATION,
            leaving.id,
            Gap(
                "TransitGatewayAttachments",
                "",
                f"{leaving.id} leads to {leaving.kind} {leaving.resource}, outside the snapshot.",
            ),
        )
        return None
    if leaving.resource not in state.snapshot.vpcs:
        state.give_up(
            flows,
            Code.UNKNOWN_RESOURCE,
            leaving.resource,
            Gap(
                "Vpcs",
                "ec2:DescribeVpcs",
                f"{leaving.resource} behind {leaving.id} is not in the snapshot.",
            ),
        )
        return None
    if not _carries(state, leaving, flows):
        return None
    if state.leg is Leg.FORWARD:
        _note_groups(state, gateway, entry, leaving)
    return _arrival(state, leaving, subnet, flows)


def _note_groups(
    state: TraceState, gateway: str, entry: TransitAttachment, leaving: TransitAttachment
) -> None:
    """Whether security group references still work at the receiver."""
    transit = state.snapshot.transit_gateways.get(gateway)
    if transit is None:
        state.groups_unknown = state.absent(
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
        state.lost_groups = Lost(
            Code.SG_REFERENCING_SUPPORT, lacking, f"{lacking} does not support security group referencing"
        )


def _arrival(
    state: TraceState, leaving: TransitAttachment, subnet: Subnet | None, flows: Region
) -> Step | None:
    """The attachment's subnet in the zone of the sender; otherwise any, if all are equivalent."""
    subnets = _zone_subnets(state.snapshot, leaving)
    if not subnets:
        state.give_up(
            flows,
            Code.UNKNOWN_RESOURCE,
            leaving.id,
            state.snapshot.missing("Subnets")
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
        if _differ(state, first, other, flows):
            state.give_up(
                flows,
                Code.TGW_ATTACH_VPC_AZ_RESTRICTION,
                leaving.id,
                Gap(
                    "TransitGatewayVpcAttachments",
                    "",
                    f"the Availability Zone in which traffic leaves {leaving.id} is not known, and "
                    f"{first.id} and {other.id} have different route tables or network ACLs.",
                ),
            )
            return None
    return Leave(first)


def _differ(state: TraceState, one: Subnet, other: Subnet, flows: Region) -> bool:
    """Whether it matters through which of two subnets of an attachment the traffic leaves."""
    snapshot, version = state.snapshot, state.flow.version
    tables, acls = snapshot.table_of_subnet, snapshot.acl_of_subnet
    if tables.get(one.id) is not tables.get(other.id) or acls.get(one.id) is not acls.get(other.id):
        return True
    # Inside its subnet no ACL applies; from the other subnet both do.
    target = state.target(flows)
    return any(block.holds(version, target) for subnet in (one, other) for block in subnet.prefixes)

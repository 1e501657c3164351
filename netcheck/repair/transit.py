"""Changes to a transit gateway: static routes, associations, a subnet in one more Availability Zone.

Source: Transit gateway guide, Transit gateway route tables (static routes win over propagated ones), VPC
attachments (one subnet in each zone that uses the gateway).
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.aws.ec2.addresses import Prefix
from netcheck.aws.ec2.entities import Subnet, TransitAttachment
from netcheck.aws.ec2.snapshot import Snapshot
from netcheck.path.codes import Code
from netcheck.path.trace_state import Fault
from netcheck.path.verdict import Leg
from netcheck.repair.apply import found, items
from netcheck.repair.change import Change, TransitAssociation, TransitRoute, TransitSubnet
from netcheck.repair.repair_context import RepairContext, near_blocks, single


def transit_options(context: RepairContext, fault: Fault) -> Iterator[tuple[Change, ...]]:
    """Fixes for a blocker of a transit gateway itself."""
    name = fault.blocker.component
    match fault.blocker.code:
        case Code.TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT | Code.TGW_RTB_BAD_STATE_ROUTE:
            yield from _routes(context, fault, name)
        case Code.TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION:
            yield from ((TransitAssociation(name, table),) for table in _tables(context, name))
        case Code.TGW_ROUTE_AZ_RESTRICTION:
            yield from ((TransitSubnet(name, subnet),) for subnet in _subnets_in_zone(context, fault, name))


def _routes(context: RepairContext, fault: Fault, table: str) -> Iterator[tuple[Change, ...]]:
    version, forward = context.version, fault.blocker.leg is Leg.FORWARD
    blocks = (
        (single(version, fault.segment.far),) if forward else near_blocks(version, fault.segment, fault.flows)
    )
    for attachment in _leading_to(context, fault, table):
        made = [_route(context, table, block, attachment.id) for block in blocks]
        if made:
            yield tuple(made)


def _route(context: RepairContext, table: str, block: Prefix, attachment: str) -> TransitRoute:
    routes = context.snapshot.transit_routes.get(table, ())
    before = next((r for r in routes if r.destination == block and not r.propagated), None)
    replaces = None if before is None else (before.attachments[0] if before.attachments else "")
    return TransitRoute(table, block, attachment, replaces)


def _leading_to(context: RepairContext, fault: Fault, table: str) -> list[TransitAttachment]:
    """Attachments of the destination VPC to the gateway of this route table."""
    snapshot, gateways = context.snapshot, _gateways(context, table)
    if fault.blocker.leg is Leg.FORWARD:
        end = context.state.end
        vpcs = [end.vpc] if end is not None else []
        vpcs += [s.vpc for s in snapshot.subnets_holding(context.version, fault.segment.far)]
    else:
        vpcs = [fault.segment.vpc]
    found_ends = (
        snapshot.attachment_of_vpc.get((gateway, vpc)) for gateway in gateways for vpc in dict.fromkeys(vpcs)
    )
    return [end for end in found_ends if end is not None and end.state == "available"]


def _gateways(context: RepairContext, table: str) -> list[str]:
    """The transit gateway of a route table, from the table or from its associated attachments."""
    snapshot = context.snapshot
    listed = found(context.parts, "TransitGatewayRouteTables", "TransitGatewayRouteTableId", table) or {}
    by_attachment = [
        snapshot.attachments[name].gateway
        for name, (associated, _) in snapshot.transit_associations.items()
        if associated == table and name in snapshot.attachments
    ]
    own = listed.get("TransitGatewayId")
    return list(dict.fromkeys([*([own] if own else []), *by_attachment]))


def _tables(context: RepairContext, attachment: str) -> list[str]:
    """Route tables of the attachment's gateway, the one with most associations first: most networks have one
    for all.
    """
    known = context.snapshot.attachments.get(attachment)
    general = found(context.parts, "TransitGatewayAttachments", "TransitGatewayAttachmentId", attachment)
    if known is None or general is None:
        return []  # only the gateway's owner can associate attachments
    listed = items(context.parts, "TransitGatewayRouteTables")
    names = dict.fromkeys(str(item["TransitGatewayRouteTableId"]) for item in listed)
    mine = [name for name in names if known.gateway in _gateways(context, name)]
    used = [table for table, _ in context.snapshot.transit_associations.values()]
    return sorted(mine, key=lambda name: (-used.count(name), name))


def _subnets_in_zone(context: RepairContext, fault: Fault, attachment: str) -> list[str]:
    """Subnets in the attachment's missing zone, with the network ACL and route table of one of its subnets.

    Traffic from the gateway for this zone will enter through the new subnet: with other rules there, it might
    be blocked or allowed although it was not before. Subnets other than the sender's first.
    """
    snapshot, sender = context.snapshot, _sender(context, fault)
    held = snapshot.attachments[attachment].subnets or ()
    used = {_rules(snapshot, name) for name in held}
    if sender is None:
        return []
    same_zone = [s.id for s in snapshot.subnets.values() if (s.vpc, s.zone) == (sender.vpc, sender.zone)]
    return sorted((s for s in same_zone if _rules(snapshot, s) in used), key=lambda name: name == sender.id)


def _rules(snapshot: Snapshot, subnet: str) -> tuple[str, str]:
    """The network ACL and the route table of a subnet; "" for the main table."""
    acl, table = snapshot.acl_of_subnet.get(subnet), snapshot.table_of_subnet.get(subnet)
    return acl.id if acl else "", table.id if table else ""


def _sender(context: RepairContext, fault: Fault) -> Subnet | None:
    """The subnet that sends the packets of this leg."""
    end = context.state.end
    if fault.blocker.leg is Leg.FORWARD:
        return fault.segment.subnet
    return end.subnet if end is not None else None

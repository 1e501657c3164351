"""Changes to a transit gateway: a static route, an association, a subnet in one more zone.

Source: Transit gateway guide, Transit gateway route tables (static routes win over propagated ones), VPC
attachments (one subnet in each zone that shall reach the gateway).
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.aws.addresses import Prefix
from netcheck.aws.entities import TransitAttachment
from netcheck.path.codes import Code
from netcheck.path.verdict import Leg
from netcheck.path.walk import Fault
from netcheck.repair.apply import found, items
from netcheck.repair.change import Change, TransitAssociation, TransitRoute, TransitSubnet
from netcheck.repair.scene import Scene, near_blocks, single


def transit_options(scene: Scene, fault: Fault) -> Iterator[tuple[Change, ...]]:
    """What mends a blocker of a transit gateway where it is."""
    name = fault.blocker.component
    match fault.blocker.code:
        case Code.TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT | Code.TGW_RTB_BAD_STATE_ROUTE:
            yield from _routes(scene, fault, name)
        case Code.TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION:
            yield from ((TransitAssociation(name, table),) for table in _tables(scene, name))
        case Code.TGW_ROUTE_AZ_RESTRICTION:
            subnet = _left_from(scene, fault)
            if subnet is not None:
                yield (TransitSubnet(name, subnet),)


def _routes(scene: Scene, fault: Fault, table: str) -> Iterator[tuple[Change, ...]]:
    version, forward = scene.version, fault.blocker.leg is Leg.FORWARD
    blocks = (
        (single(version, fault.stretch.far),) if forward else near_blocks(version, fault.stretch, fault.piece)
    )
    for attachment in _leading_to(scene, fault, table):
        made = [_route(scene, table, block, attachment.id) for block in blocks]
        if made:
            yield tuple(made)


def _route(scene: Scene, table: str, block: Prefix, attachment: str) -> TransitRoute:
    routes = scene.snapshot.transit_routes.get(table, ())
    before = next((r for r in routes if r.destination == block and not r.propagated), None)
    replaces = None if before is None else (before.attachments[0] if before.attachments else "")
    return TransitRoute(table, block, attachment, replaces)


def _leading_to(scene: Scene, fault: Fault, table: str) -> list[TransitAttachment]:
    """Attachments of the VPC that the packets are for, to the gateway of this table."""
    snapshot, gateways = scene.snapshot, _gateways(scene, table)
    if fault.blocker.leg is Leg.FORWARD:
        end = scene.walk.end
        vpcs = [end.vpc] if end is not None else []
        vpcs += [s.vpc for s in snapshot.subnets_holding(scene.version, fault.stretch.far)]
    else:
        vpcs = [fault.stretch.vpc]
    found_ends = (
        snapshot.attachment_of_vpc.get((gateway, vpc)) for gateway in gateways for vpc in dict.fromkeys(vpcs)
    )
    return [end for end in found_ends if end is not None and end.state == "available"]


def _gateways(scene: Scene, table: str) -> list[str]:
    """The transit gateway of a route table: it says so, or its attachments do."""
    snapshot = scene.snapshot
    listed = found(scene.parts, "TransitGatewayRouteTables", "TransitGatewayRouteTableId", table) or {}
    by_attachment = [
        snapshot.attachments[name].gateway
        for name, (associated, _) in snapshot.transit_associations.items()
        if associated == table and name in snapshot.attachments
    ]
    told = listed.get("TransitGatewayId")
    return list(dict.fromkeys([*([told] if told else []), *by_attachment]))


def _tables(scene: Scene, attachment: str) -> list[str]:
    """Route tables of the attachment's gateway: first those that other attachments use, as most networks have
    one for all.
    """
    known = scene.snapshot.attachments.get(attachment)
    general = found(scene.parts, "TransitGatewayAttachments", "TransitGatewayAttachmentId", attachment)
    if known is None or general is None:
        return []  # whoever does not own the gateway can associate nothing
    listed = items(scene.parts, "TransitGatewayRouteTables")
    names = dict.fromkeys(str(item["TransitGatewayRouteTableId"]) for item in listed)
    mine = [name for name in names if known.gateway in _gateways(scene, name)]
    used = [table for table, _ in scene.snapshot.transit_associations.values()]
    return sorted(mine, key=lambda name: (-used.count(name), name))


def _left_from(scene: Scene, fault: Fault) -> str | None:
    """The subnet whose zone the attachment lacks: that of whoever sends on this leg."""
    if fault.blocker.leg is Leg.FORWARD:
        return fault.stretch.subnet.id if fault.stretch.subnet is not None else None
    end = scene.walk.end
    return end.subnet.id if end is not None and end.subnet is not None else None

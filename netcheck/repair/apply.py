"""Apply a change to a copy of AWS's responses, as AWS would return them afterwards.

The result is read like any snapshot.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from netcheck.aws.ec2.addresses import Prefix
from netcheck.aws.ec2.entities import ICMP, ICMPV6, TCP, UDP, GroupReference
from netcheck.repair.change import (
    AclRule,
    Change,
    DnsHostNames,
    DnsSupport,
    EndpointRoute,
    EndpointSubnet,
    GroupRule,
    PeeringAcceptance,
    PrivateDns,
    TableRoute,
    TransitAssociation,
    TransitRoute,
    TransitSubnet,
)

Item = dict[str, Any]
Parts = tuple[tuple[str, Mapping[str, Any]], ...]
"""(Region, documents by file stem): one for each account and Region."""

_GROUP_PROTOCOLS = {TCP: "tcp", 17: "udp", ICMP: "icmp", ICMPV6: "icmpv6"}
STATIC_TRANSIT_ROUTES = "TransitGatewayStaticRoutes"


def applied(parts: Parts, changes: Iterable[Change]) -> Parts:
    """A copy of the documents with the changes. The input is not modified; unchanged parts are shared."""
    for change in changes:
        parts = _applied(parts, change)
    return parts


def _applied(parts: Parts, change: Change) -> Parts:
    match change:
        case GroupRule():
            return _edit(parts, "SecurityGroups", "GroupId", change.group, lambda i: _group(i, change))
        case AclRule():
            key, entry = "NetworkAclId", acl_entry(change)
            return _edit(parts, "NetworkAcls", key, change.acl, lambda i: _list(i, "Entries", entry))
        case TableRoute():
            return _edit(parts, "RouteTables", "RouteTableId", change.table, lambda i: _route(i, change))
        case EndpointRoute():
            return _endpoint_route(parts, change)
        case EndpointSubnet():
            key, name = "VpcEndpointId", change.endpoint
            return _edit(parts, "VpcEndpoints", key, name, lambda i: _list(i, "SubnetIds", change.subnet))
        case TransitRoute():
            key, name = "TransitGatewayRouteTableId", change.table
            return _edit(parts, STATIC_TRANSIT_ROUTES, key, name, lambda i: _transit_route(i, change, parts))
        case TransitAssociation():
            return _association(parts, change)
        case TransitSubnet():
            key, name = "TransitGatewayAttachmentId", change.attachment
            stem = "TransitGatewayVpcAttachments"
            return _edit(parts, stem, key, name, lambda i: _list(i, "SubnetIds", change.subnet))
        case PeeringAcceptance():
            stem, key, name = "VpcPeeringConnections", "VpcPeeringConnectionId", change.peering
            return _edit(parts, stem, key, name, lambda i: i["Status"].update(Code="active"))
        case DnsSupport():
            return _edit(
                parts, "VpcAttributes", "VpcId", change.vpc, lambda i: _switch(i, "EnableDnsSupport")
            )
        case DnsHostNames():
            return _edit(
                parts, "VpcAttributes", "VpcId", change.vpc, lambda i: _switch(i, "EnableDnsHostnames")
            )
        case PrivateDns():
            key, name = "VpcEndpointId", change.endpoint
            return _edit(parts, "VpcEndpoints", key, name, lambda i: i.update(PrivateDnsEnabled=True))


def items(parts: Parts, stem: str) -> list[Item]:
    """All items of the documents with this name."""
    return [item for _, documents in parts for item in documents.get(stem, {}).get(stem, [])]


def found(parts: Parts, stem: str, key: str, name: str) -> Item | None:
    """The item with this id, as AWS returned it."""
    return next((item for item in items(parts, stem) if item.get(key) == name), None)


def _edit(parts: Parts, stem: str, key: str, name: str, edit: Callable[[Item], object]) -> Parts:
    """Edit a copy of every item with this id: each account lists a shared component."""
    made = []
    for region, documents in parts:
        listed = documents.get(stem, {}).get(stem, [])
        if any(item.get(key) == name for item in listed):
            changed = [copy.deepcopy(item) if item.get(key) == name else item for item in listed]
            for item in changed:
                if item.get(key) == name:
                    edit(item)
            documents = {**documents, stem: {**documents[stem], stem: changed}}
        made.append((region, documents))
    return tuple(made)


def _list(item: Item, key: str, value: object) -> None:
    item[key] = [*item.get(key, []), value]


def _group(item: Item, rule: GroupRule) -> None:
    _list(item, "IpPermissionsEgress" if rule.egress else "IpPermissions", permission(rule))


def permission(rule: GroupRule) -> Item:
    """The rule as `IpPermission` of the EC2 API, with ICMP type and code in place of ports."""
    made: Item = {"IpProtocol": _GROUP_PROTOCOLS.get(rule.protocol, str(rule.protocol))}
    if rule.protocol in (TCP, UDP):
        made |= {"FromPort": rule.first, "ToPort": rule.last}
    elif rule.protocol in (ICMP, ICMPV6):
        made |= {"FromPort": rule.first >> 8, "ToPort": rule.first & 255}
    match rule.peer:
        case Prefix(version=4):
            made["IpRanges"] = [{"CidrIp": str(rule.peer)}]
        case Prefix():
            made["Ipv6Ranges"] = [{"CidrIpv6": str(rule.peer)}]
        case GroupReference():
            pair = {"GroupId": rule.peer.group, "UserId": rule.peer.owner, "VpcId": rule.peer.vpc}
            made["UserIdGroupPairs"] = [{key: value for key, value in pair.items() if value}]
    # AWS returns all four lists, and tools that read snapshots rely on them.
    return made | {key: made.get(key, []) for key in _PEERS}


_PROPAGATED = ("EnableVgwRoutePropagation", "Advertisement")
_PEERS = ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")


def acl_entry(rule: AclRule) -> Item:
    """The rule as `NetworkAclEntry` of the EC2 API."""
    made: Item = {
        "CidrBlock" if rule.block.version == 4 else "Ipv6CidrBlock": str(rule.block),
        "Egress": rule.egress,
        "Protocol": str(rule.protocol),
        "RuleAction": "allow",
        "RuleNumber": rule.number,
    }
    if rule.protocol in (TCP, UDP):
        made["PortRange"] = {"From": rule.first, "To": rule.last}
    elif rule.protocol in (ICMP, ICMPV6):
        made["IcmpTypeCode"] = {"Type": rule.first >> 8, "Code": rule.first & 255}
    return made


def destination_key(block: Prefix) -> str:
    return "DestinationCidrBlock" if block.version == 4 else "DestinationIpv6CidrBlock"


def _route(item: Item, route: TableRoute) -> None:
    where, block = destination_key(route.destination), str(route.destination)
    made = {where: block, route.key: route.target, "Origin": "CreateRoute", "State": "active"}
    before = item.get("Routes", [])
    if route.replaces is not None:
        before = [old for old in before if old.get(where) != block or old.get("Origin") in _PROPAGATED]
    item["Routes"] = [*before, made]


def _endpoint_route(parts: Parts, change: EndpointRoute) -> Parts:
    made = {
        "DestinationPrefixListId": change.prefix_list,
        "GatewayId": change.endpoint,
        "Origin": "CreateRoute",
        "State": "active",
    }
    key, name = "VpcEndpointId", change.endpoint
    parts = _edit(parts, "VpcEndpoints", key, name, lambda i: _list(i, "RouteTableIds", change.table))
    return _edit(parts, "RouteTables", "RouteTableId", change.table, lambda i: _list(i, "Routes", made))


def _transit_route(item: Item, route: TransitRoute, parts: Parts) -> None:
    attachment = found(
        parts, "TransitGatewayAttachments", "TransitGatewayAttachmentId", route.attachment
    ) or {"ResourceType": "vpc"}
    to = {"TransitGatewayAttachmentId": route.attachment}
    to |= {key: attachment[key] for key in ("ResourceId", "ResourceType") if key in attachment}
    made = {
        "DestinationCidrBlock": str(route.destination),
        "Type": "static",
        "State": "active",
        "TransitGatewayAttachments": [to],
    }
    before = item.get("Routes", [])
    if route.replaces is not None:
        block = str(route.destination)
        before = [
            old
            for old in before
            if not (old.get("DestinationCidrBlock") == block and old.get("Type") == "static")
        ]
    item["Routes"] = [*before, made]


def _association(parts: Parts, change: TransitAssociation) -> Parts:
    associated = {"TransitGatewayRouteTableId": change.table, "State": "associated"}
    key, name = "TransitGatewayAttachmentId", change.attachment
    stem = "TransitGatewayAttachments"
    parts = _edit(parts, stem, key, name, lambda i: i.update(Association=associated))
    listed = {key: name, "State": "associated"}
    stem, key = "TransitGatewayRouteTableAssociations", "TransitGatewayRouteTableId"
    return _edit(parts, stem, key, change.table, lambda i: _list(i, "Associations", listed))


def _switch(item: Item, attribute: str) -> None:
    item[attribute] = {"Value": True}

"""Changes as resources of Terraform's AWS provider, version 5 or later.

Where a change belongs to an existing resource (a subnet of an attachment, an attribute of a VPC, a route with
this destination), there is no resource to add: a sentence says what to change in the existing one.
Source: registry documentation of the provider hashicorp/aws.
"""

from __future__ import annotations

from netcheck.aws.ec2.addresses import Prefix
from netcheck.aws.ec2.entities import ICMP, ICMPV6, TCP, UDP, GroupReference
from netcheck.core.components import ComponentType, component_type
from netcheck.repair.apply import acl_entry, permission
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

Value = str | int | bool

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"})

_TARGETS = {
    "NatGatewayId": "nat_gateway_id",
    "GatewayId": "gateway_id",
    "EgressOnlyInternetGatewayId": "egress_only_gateway_id",
    "VpcPeeringConnectionId": "vpc_peering_connection_id",
    "TransitGatewayId": "transit_gateway_id",
}
_NAMED_TARGETS = (
    ComponentType.NAT_GATEWAY,
    ComponentType.INTERNET_GATEWAY,
    ComponentType.PEERING_CONNECTION,
    ComponentType.TRANSIT_GATEWAY,
)


def resource(change: Change, name: str) -> str:
    """The resource for the change, with this name; empty if the change belongs to an existing resource."""
    made = _resource(change)
    if made is None:
        return ""
    kind, values = made
    width = max(map(len, values))
    lines = [f"  {key.ljust(width)} = {_literal(value)}" for key, value in values.items()]
    return "\n".join([f'resource "{kind}" "{name}" {{', *lines, "}"])


def in_existing(change: Change) -> str:
    """What to change in an existing resource; empty if the change is a new resource."""
    match change:
        case TableRoute(replaces=(_, before)):
            was = f" (now {before})" if component_type(before) in _NAMED_TARGETS else ""
            return (
                f"in Terraform change the route of {change.table} for {change.destination}{was}: "
                f"{_TARGETS[change.key]} = {_quoted(change.target)}"
            )
        case TransitRoute(replaces=str()):
            return (
                f"in Terraform change the aws_ec2_transit_gateway_route of {change.table} for "
                f"{change.destination}: transit_gateway_attachment_id = {_quoted(change.attachment)}, "
                "blackhole removed"
            )
        case TransitSubnet():
            return (
                "in Terraform add to subnet_ids of the aws_ec2_transit_gateway_vpc_attachment "
                f"{change.attachment}: {_quoted(change.subnet)}"
            )
        case DnsSupport():
            return f"in Terraform set in the aws_vpc {change.vpc}: enable_dns_support = true"
        case DnsHostNames():
            return f"in Terraform set in the aws_vpc {change.vpc}: enable_dns_hostnames = true"
        case PrivateDns():
            name = change.endpoint
            return f"in Terraform set in the aws_vpc_endpoint {name}: private_dns_enabled = true"
        case _:
            return ""


def _literal(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _quoted(value)


def _quoted(text: str) -> str:
    """An HCL string without interpolation. Source: Terraform language, Strings and Templates."""
    escaped = text.translate(_ESCAPES).replace("${", "$${").replace("%{", "%%{")
    return f'"{escaped}"'


def _resource(change: Change) -> tuple[str, dict[str, Value]] | None:
    match change:
        case GroupRule():
            return f"aws_vpc_security_group_{'egress' if change.egress else 'ingress'}_rule", _group(change)
        case AclRule():
            return "aws_network_acl_rule", _entry(change)
        case TableRoute(replaces=None):
            where = (
                "destination_cidr_block" if change.destination.version == 4 else "destination_ipv6_cidr_block"
            )
            return "aws_route", {
                "route_table_id": change.table,
                where: str(change.destination),
                _TARGETS[change.key]: change.target,
            }
        case EndpointRoute():
            return "aws_vpc_endpoint_route_table_association", {
                "route_table_id": change.table,
                "vpc_endpoint_id": change.endpoint,
            }
        case EndpointSubnet():
            return "aws_vpc_endpoint_subnet_association", {
                "vpc_endpoint_id": change.endpoint,
                "subnet_id": change.subnet,
            }
        case TransitRoute(replaces=None):
            return "aws_ec2_transit_gateway_route", {
                "destination_cidr_block": str(change.destination),
                "transit_gateway_attachment_id": change.attachment,
                "transit_gateway_route_table_id": change.table,
            }
        case TransitAssociation():
            return "aws_ec2_transit_gateway_route_table_association", {
                "transit_gateway_attachment_id": change.attachment,
                "transit_gateway_route_table_id": change.table,
            }
        case PeeringAcceptance():
            return "aws_vpc_peering_connection_accepter", {
                "vpc_peering_connection_id": change.peering,
                "auto_accept": True,
            }
        case _:
            return None


def _group(rule: GroupRule) -> dict[str, Value]:
    made = permission(rule)
    values: dict[str, Value] = {"security_group_id": rule.group, "ip_protocol": made["IpProtocol"]}
    if "FromPort" in made:
        values |= {"from_port": made["FromPort"], "to_port": made["ToPort"]}
    match rule.peer:
        case GroupReference(group=name, owner=owner):
            values["referenced_security_group_id"] = f"{owner}/{name}" if owner else name
        case Prefix(version=4):
            values["cidr_ipv4"] = str(rule.peer)
        case Prefix():
            values["cidr_ipv6"] = str(rule.peer)
    return values


def _entry(rule: AclRule) -> dict[str, Value]:
    values: dict[str, Value] = {
        "network_acl_id": rule.acl,
        "rule_number": rule.number,
        "egress": rule.egress,
        "protocol": acl_entry(rule)["Protocol"],
        "rule_action": "allow",
        "cidr_block" if rule.block.version == 4 else "ipv6_cidr_block": str(rule.block),
    }
    if rule.protocol in (TCP, UDP):
        values |= {"from_port": rule.first, "to_port": rule.last}
    elif rule.protocol in (ICMP, ICMPV6):
        values |= {"icmp_type": rule.first >> 8, "icmp_code": rule.first & 255}
    return values

"""What an AWS resource is, by its id: the only place that knows the prefixes of ids. Pure data."""

from __future__ import annotations

from enum import StrEnum


class ComponentType(StrEnum):
    """The type of a resource. The value is AWS's term for it, as shown in reports."""

    CARRIER_GATEWAY = "carrier gateway"
    DIRECT_CONNECT_GATEWAY = "Direct Connect gateway"
    EGRESS_ONLY_INTERNET_GATEWAY = "egress-only internet gateway"
    INSTANCE = "instance"
    INTERNET_GATEWAY = "internet gateway"
    LOCAL_GATEWAY = "local gateway"
    NAT_GATEWAY = "NAT gateway"
    NETWORK_ACL = "network ACL"
    NETWORK_INTERFACE = "network interface"
    PEERING_CONNECTION = "VPC peering connection"
    PREFIX_LIST = "prefix list"
    ROUTE_TABLE = "route table"
    SECURITY_GROUP = "security group"
    SUBNET = "subnet"
    TRANSIT_GATEWAY = "transit gateway"
    TRANSIT_GATEWAY_ATTACHMENT = "transit gateway attachment"
    TRANSIT_GATEWAY_ROUTE_TABLE = "transit gateway route table"
    VPC = "VPC"
    VPC_ENDPOINT = "VPC endpoint"
    VPN_GATEWAY = "VPN gateway"
    OTHER = "other"


_PREFIXES = {
    "acl-": ComponentType.NETWORK_ACL,
    "cagw-": ComponentType.CARRIER_GATEWAY,
    "dxgw-": ComponentType.DIRECT_CONNECT_GATEWAY,
    "eigw-": ComponentType.EGRESS_ONLY_INTERNET_GATEWAY,
    "eni-": ComponentType.NETWORK_INTERFACE,
    "i-": ComponentType.INSTANCE,
    "igw-": ComponentType.INTERNET_GATEWAY,
    "lgw-": ComponentType.LOCAL_GATEWAY,
    "nat-": ComponentType.NAT_GATEWAY,
    "pcx-": ComponentType.PEERING_CONNECTION,
    "pl-": ComponentType.PREFIX_LIST,
    "rtb-": ComponentType.ROUTE_TABLE,
    "sg-": ComponentType.SECURITY_GROUP,
    "subnet-": ComponentType.SUBNET,
    "tgw-": ComponentType.TRANSIT_GATEWAY,
    "tgw-attach-": ComponentType.TRANSIT_GATEWAY_ATTACHMENT,
    "tgw-rtb-": ComponentType.TRANSIT_GATEWAY_ROUTE_TABLE,
    "vgw-": ComponentType.VPN_GATEWAY,
    "vpc-": ComponentType.VPC,
    "vpce-": ComponentType.VPC_ENDPOINT,
}
_LONGEST_FIRST = sorted(_PREFIXES, key=len, reverse=True)


def component_type(identifier: str) -> ComponentType:
    """The type of the resource with this id; OTHER for anything else (an ARN, an address, "local").

    >>> component_type("tgw-attach-0a1b").value
    'transit gateway attachment'
    """
    for prefix in _LONGEST_FIRST:
        if identifier.startswith(prefix):
            return _PREFIXES[prefix]
    return ComponentType.OTHER


class Concern(StrEnum):
    """What an engineer looks at first when a component blocks a path: each check is about some of these."""

    SECURITY_GROUP = "security group"
    NETWORK_ACL = "network ACL"
    INTERNET = "internet access"
    """NAT gateways, internet gateways, VPC Block Public Access."""
    ENDPOINT = "VPC endpoint"
    ROUTE = "route"

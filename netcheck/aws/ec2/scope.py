"""Selects the VPCs to collect: those of the sources, and those that peerings and transit gateways lead to."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from netcheck.aws.api.calls import ApiCall

MOST_FILTER_VALUES = 200
"""Maximum number of filter values in one EC2 request (EC2 API reference, Using filtering)."""
TRANSIT_HOPS = 2
"""Consecutive transit gateways that are followed: from the workers to a shared VPC, and from it to the next.
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """The starting points: resource ids and addresses. Empty: every VPC of the Region."""

    vpcs: frozenset[str] = field(default_factory=frozenset)
    subnets: frozenset[str] = field(default_factory=frozenset)
    security_groups: frozenset[str] = field(default_factory=frozenset)
    interfaces: frozenset[str] = field(default_factory=frozenset)
    addresses: frozenset[str] = field(default_factory=frozenset)

    def __bool__(self) -> bool:
        return bool(self.vpcs or self.subnets or self.security_groups or self.interfaces or self.addresses)


@dataclass(frozen=True, slots=True)
class Links:
    """The links between VPCs: peered pairs, and the VPCs on each transit gateway."""

    peers: frozenset[tuple[str, str]]
    transit: frozenset[tuple[str, str]]
    """(transit gateway id, VPC id)"""

    def follow(self, start: Iterable[str]) -> frozenset[str]:
        """These VPCs, and those that their traffic can reach.

        Peering is not transitive (VPC peering guide, Limitations): a peer's peers do not count. A VPC behind
        a transit gateway may lead to another transit gateway, through a private NAT gateway or an appliance.
        """
        first = frozenset(start)
        reached = first
        for _ in range(TRANSIT_HOPS):
            gateways = self.gateways(reached)
            reached |= {vpc for gateway, vpc in self.transit if gateway in gateways}
        return reached | {b for a, b in self.peers if a in first} | {a for a, b in self.peers if b in first}

    def gateways(self, vpcs: Iterable[str]) -> frozenset[str]:
        """The transit gateways that these VPCs are attached to."""
        wanted = frozenset(vpcs)
        return frozenset(gateway for gateway, vpc in self.transit if vpc in wanted)


def links(peerings: Iterable[Any], attachments: Iterable[Any], vpc_attachments: Iterable[Any]) -> Links:
    """Read the links from AWS's responses. Either list of attachments is enough."""
    peers = (
        (peering.get("RequesterVpcInfo", {}).get("VpcId"), peering.get("AccepterVpcInfo", {}).get("VpcId"))
        for peering in peerings
    )
    transit = {(item.get("TransitGatewayId"), item.get("VpcId")) for item in vpc_attachments} | {
        (item.get("TransitGatewayId"), item.get("ResourceId"))
        for item in attachments
        if item.get("ResourceType") == "vpc"
    }
    return Links(
        frozenset((a, b) for a, b in peers if a and b), frozenset((a, b) for a, b in transit if a and b)
    )


def calls(scope: Scope) -> dict[str, ApiCall]:
    """The calls that find the VPCs of a scope: one for each kind of id, whatever the number of ids."""
    version = {text: ipaddress.ip_address(text).version for text in scope.addresses}
    v4 = frozenset(text for text in version if version[text] == 4)
    v6 = frozenset(version) - v4
    interfaces = "DescribeNetworkInterfaces"
    filters: list[tuple[str, str, str, frozenset[str]]] = [
        ("DescribeSubnets", "Subnets", "subnet-id", scope.subnets),
        ("DescribeSecurityGroups", "SecurityGroups", "group-id", scope.security_groups),
        (interfaces, "NetworkInterfaces", "network-interface-id", scope.interfaces),
        (interfaces, "NetworkInterfaces", "addresses.private-ip-address", v4),
        (interfaces, "NetworkInterfaces", "addresses.association.public-ip", v4),
        (interfaces, "NetworkInterfaces", "ipv6-addresses.ipv6-address", v6),
    ]
    return {
        f"{name} {part}": ApiCall(operation, member, filtered(name, values))
        for operation, member, name, wanted in filters
        for part, values in enumerate(chunks(sorted(wanted)))
    }


def unknown_ids(scope: Scope, found: Iterable[Any]) -> list[tuple[str, str]]:
    """The ids of the scope that were not found, each with the IAM action that searched for it."""
    wanted = {
        ("VpcId", "ec2:DescribeVpcs"): scope.vpcs,
        ("SubnetId", "ec2:DescribeSubnets"): scope.subnets,
        ("GroupId", "ec2:DescribeSecurityGroups"): scope.security_groups,
        ("NetworkInterfaceId", "ec2:DescribeNetworkInterfaces"): scope.interfaces,
    }
    existing = {item.get(key) for item in found for key, _ in wanted}
    return [(name, action) for (_, action), names in wanted.items() for name in sorted(names - existing)]


def chunks(values: list[str]) -> list[list[str]]:
    """Split values into lists that each fit into the filter of one request."""
    return [values[i : i + MOST_FILTER_VALUES] for i in range(0, len(values), MOST_FILTER_VALUES)]


def filtered(name: str, values: list[str], parameter: str = "Filters") -> dict[str, object]:
    """The parameters of a describe call that filters by one name."""
    return {parameter: [{"Name": name, "Values": values}]}

"""Which blocked flows narrow changes can fix, from the JSON: an oracle independent of the repair code.

A flow is fixable for certain if filters alone stop it, or if a path lacks
only routes: over an active peering connection of the two VPCs, or a working NAT gateway to a public address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from tests.lab.account import Account
from tests.lab.cloud import Documents
from tests.lab.flow import Flow

GROUPS = {"ENI_SG_RULES_MISMATCH", "SG_HAS_NO_RULES"}
ACLS = {"SUBNET_ACL_RESTRICTION"}
PRIVATE = [
    ipaddress.ip_network(c) for c in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
]


def only_filters(answer: dict[str, Any]) -> bool:
    """Whether security groups and network ACLs alone stop the flow."""
    return {one["code"] for one in answer["blocked_by"]} <= GROUPS | ACLS


def has_room(documents: Documents, answer: dict[str, Any]) -> bool:
    """Whether every network ACL that denies has a free number before its denial, with some to spare."""
    for one in answer["blocked_by"]:
        if one["code"] in ACLS:
            acl = next(
                a for a in Account(documents).all("NetworkAcls") if a["NetworkAclId"] == one["component"]
            )
            taken = {e["RuleNumber"] for e in acl["Entries"] if e["Egress"] is (one["direction"] == "egress")}
            if len([n for n in range(1, min(taken)) if n < one["rule"]]) < 4:
                return False
    return True


def joined_by_peering(documents: Documents, flow: Flow) -> bool:
    """Whether sender and receiver are in two VPCs that an active peering connection joins, over IPv4."""
    account = Account(documents)
    here, there = _vpc_of(account, flow.source), _vpcs_with(account, flow.destination)
    if ":" in flow.destination or here in there or len(there) != 1:
        return False
    ends = {here, *there}
    return any(
        {peering[side]["VpcId"] for side in ("RequesterVpcInfo", "AccepterVpcInfo")} == ends
        and peering["Status"]["Code"] == "active"
        for peering in account.all("VpcPeeringConnections")
    )


def has_a_way_out(documents: Documents, flow: Flow) -> bool:
    """Whether the sender's VPC has a working public NAT gateway in another route table's subnet, for a public
    address of nobody in the account. Not where the sender's table leads to the internet gateway: others may
    use that.
    """
    account = Account(documents)
    if ":" in flow.destination or not _is_public(flow.destination) or _is_ours(account, flow.destination):
        return False
    eni = next(one for one in account.enis if one["NetworkInterfaceId"] == flow.source)
    own = account.route_table(eni["SubnetId"])["RouteTableId"]
    if _leads_out(account, eni["SubnetId"], flow.destination):
        return False
    return any(
        gateway["VpcId"] == eni["VpcId"]
        and gateway["State"] == "available"
        and "PublicIp" in gateway["NatGatewayAddresses"][0]
        and account.route_table(gateway["SubnetId"])["RouteTableId"] != own
        and _leads_out(account, gateway["SubnetId"], flow.destination)
        for gateway in account.all("NatGateways")
    )


def _vpc_of(account: Account, eni: str) -> str:
    return next(str(one["VpcId"]) for one in account.enis if one["NetworkInterfaceId"] == eni)


def _vpcs_with(account: Account, address: str) -> set[str]:
    """The VPCs in which a host has this private address."""
    return {str(eni["VpcId"]) for eni in account.hosts() if address in account.addresses(eni)}


def _is_public(address: str) -> bool:
    return not any(ipaddress.ip_address(address) in block for block in PRIVATE)


def _is_ours(account: Account, address: str) -> bool:
    return any(one["PublicIp"] == address for one in account.all("Addresses"))


def _leads_out(account: Account, subnet: str, address: str) -> bool:
    """Whether the subnet's most specific route for the address is an internet gateway's."""
    table = account.route_table(subnet)
    best = max(_covering(account, table, address), default=None, key=lambda found: found[0])
    return (
        best is not None and best[1].get("GatewayId", "").startswith("igw-") and best[1]["State"] == "active"
    )


def _covering(account: Account, table: dict[str, Any], address: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for route in table["Routes"]:
        for cidr in account.destinations(route):
            network = ipaddress.ip_network(cidr)
            if network.version == 4 and ipaddress.ip_address(address) in network:
                yield network.prefixlen, route

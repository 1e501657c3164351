"""Rules, entries and routes of the AWS configuration, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Raw = Mapping[str, Any]

PROTOCOLS = {"-1": "all traffic", "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
TARGETS = (
    "GatewayId",
    "NatGatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "NetworkInterfaceId",
    "InstanceId",
    "EgressOnlyInternetGatewayId",
    "CarrierGatewayId",
    "LocalGatewayId",
    "CoreNetworkArn",
)
DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")


def permission(rule: Raw, egress: bool) -> str:
    """A security group's rule for one peer: `tcp 9094 to 10.0.0.0/16`."""
    what = _traffic(str(rule.get("IpProtocol", "-1")), rule.get("FromPort"), rule.get("ToPort"))
    return f"{what} {'to' if egress else 'from'} {peer(rule)}"


def peer(rule: Raw) -> str:
    """The source or destination of a rule that has only one."""
    for member, name in (
        ("IpRanges", "CidrIp"),
        ("Ipv6Ranges", "CidrIpv6"),
        ("UserIdGroupPairs", "GroupId"),
        ("PrefixListIds", "PrefixListId"),
    ):
        for one in rule.get(member) or ():
            return str(one.get(name, "?"))
    return "no address"


def entry(raw: Raw) -> str:
    """A network ACL's entry: `allow tcp 1024-65535 from 0.0.0.0/0`."""
    ports = raw.get("PortRange") or {}
    what = _traffic(str(raw.get("Protocol", "-1")), ports.get("From"), ports.get("To"))
    addresses = raw.get("CidrBlock") or raw.get("Ipv6CidrBlock") or "?"
    return f"{raw.get('RuleAction', '?')} {what} {'to' if raw.get('Egress') else 'from'} {addresses}"


def destination(raw: Raw) -> str:
    """A route's destination."""
    return next((str(raw[name]) for name in DESTINATIONS if raw.get(name)), "?")


def route(raw: Raw) -> str:
    """A route's target: `nat-1`, `nat-1 (blackhole)`."""
    target = next((str(raw[name]) for name in TARGETS if raw.get(name)), "?")
    state = raw.get("State", "active")
    return target if state == "active" else f"{target} ({state})"


def _traffic(protocol: str, first: Any, last: Any) -> str:
    name = PROTOCOLS.get(protocol, protocol)
    if protocol == "-1":
        return name
    if first is None or name not in ("tcp", "udp"):
        return f"{name} all ports" if name in ("tcp", "udp") else name
    if (first, last) in ((0, 65535), (-1, -1)):
        return f"{name} all ports"
    return f"{name} {first}" if first == last else f"{name} {first}-{last}"

"""The changes that make up a repair, as plain data: each the narrowest of its type.

Names of fields follow the EC2 API. A change does not say why it is needed. `apply` applies it to AWS's
responses; `awscli` and `terraform` print it as a command or a Terraform resource.
"""

from __future__ import annotations

from dataclasses import dataclass

from netcheck.aws.ec2.addresses import Prefix
from netcheck.aws.ec2.entities import ICMP, ICMPV6, TCP, UDP, GroupReference, protocol_text


@dataclass(frozen=True, slots=True)
class GroupRule:
    """A security group rule. `first` and `last` are ports, or ICMP type * 256 + code."""

    group: str
    egress: bool
    protocol: int
    first: int
    last: int
    peer: Prefix | GroupReference


@dataclass(frozen=True, slots=True)
class AclRule:
    """An allow rule of a network ACL. `block` is the remote end: the destination of an outbound rule."""

    acl: str
    egress: bool
    number: int
    protocol: int
    first: int
    last: int
    block: Prefix


@dataclass(frozen=True, slots=True)
class TableRoute:
    """A route of a VPC's route table. `key` is the API's name for the type of target (NatGatewayId).

    `replaces` is the (key, target) of an existing route with exactly this destination.
    """

    table: str
    destination: Prefix
    key: str
    target: str
    replaces: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class EndpointRoute:
    """A gateway endpoint associated with one more route table; AWS adds the route to its prefix list."""

    endpoint: str
    table: str
    prefix_list: str


@dataclass(frozen=True, slots=True)
class EndpointSubnet:
    """An interface endpoint with a network interface in one more subnet."""

    endpoint: str
    subnet: str


@dataclass(frozen=True, slots=True)
class TransitRoute:
    """A static route of a transit gateway route table; `replaces` is the previous target of this destination:
    an attachment, or "" for a blackhole.
    """

    table: str
    destination: Prefix
    attachment: str
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class TransitAssociation:
    """An attachment associated with a transit gateway route table."""

    attachment: str
    table: str


@dataclass(frozen=True, slots=True)
class TransitSubnet:
    """A transit gateway VPC attachment with a subnet in one more Availability Zone."""

    attachment: str
    subnet: str


@dataclass(frozen=True, slots=True)
class PeeringAcceptance:
    """A pending peering connection accepted."""

    peering: str


@dataclass(frozen=True, slots=True)
class DnsSupport:
    """DNS support of a VPC switched on (enableDnsSupport)."""

    vpc: str


@dataclass(frozen=True, slots=True)
class DnsHostNames:
    """DNS hostnames of a VPC switched on, which private DNS also needs (enableDnsHostnames)."""

    vpc: str


@dataclass(frozen=True, slots=True)
class PrivateDns:
    """Private DNS of an interface endpoint switched on: the service's name resolves to it in its VPC."""

    endpoint: str


Change = (
    GroupRule
    | AclRule
    | TableRoute
    | EndpointRoute
    | EndpointSubnet
    | TransitRoute
    | TransitAssociation
    | TransitSubnet
    | PeeringAcceptance
    | DnsSupport
    | DnsHostNames
    | PrivateDns
)


def sentence(change: Change) -> str:
    """What the change does, in one sentence without a full stop."""
    match change:
        case GroupRule():
            direction = "outbound to" if change.egress else "inbound from"
            return f"{change.group}: allow {_traffic(change)} {direction} {change.peer}"
        case AclRule():
            direction = "outbound to" if change.egress else "inbound from"
            return f"{change.acl}: rule {change.number} allows {_traffic(change)} {direction} {change.block}"
        case TableRoute():
            instead = f" instead of {change.replaces[1]}" if change.replaces else ""
            return f"{change.table}: route {change.destination} to {change.target}{instead}"
        case EndpointRoute():
            return f"{change.endpoint}: associate with {change.table}, for {change.prefix_list}"
        case EndpointSubnet():
            return f"{change.endpoint}: add {change.subnet}"
        case TransitRoute():
            return f"{change.table}: static route {change.destination} to {change.attachment}"
        case TransitAssociation():
            return f"{change.attachment}: associate with {change.table}"
        case TransitSubnet():
            return f"{change.attachment}: add {change.subnet}"
        case PeeringAcceptance():
            return f"{change.peering}: accept the request"
        case DnsSupport():
            return f"{change.vpc}: turn on DNS support (enableDnsSupport)"
        case DnsHostNames():
            return f"{change.vpc}: turn on DNS hostnames (enableDnsHostnames)"
        case PrivateDns():
            return f"{change.endpoint}: turn on private DNS"


def component(change: Change) -> str:
    """The id of the changed resource."""
    match change:
        case GroupRule():
            return change.group
        case AclRule():
            return change.acl
        case TableRoute() | TransitRoute():
            return change.table
        case EndpointRoute() | EndpointSubnet() | PrivateDns():
            return change.endpoint
        case TransitAssociation() | TransitSubnet():
            return change.attachment
        case PeeringAcceptance():
            return change.peering
        case DnsSupport() | DnsHostNames():
            return change.vpc


def _traffic(rule: GroupRule | AclRule) -> str:
    name = protocol_text(rule.protocol)
    if rule.protocol in (TCP, UDP):
        ports = str(rule.first) if rule.first == rule.last else f"{rule.first}-{rule.last}"
        return f"{name} {ports}"
    if rule.protocol in (ICMP, ICMPV6):
        return f"{name} type {rule.first >> 8} code {rule.first & 255}"
    return f"protocol {rule.protocol}"

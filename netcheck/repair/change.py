"""The changes that a repair is made of: each the narrowest of its kind, and plain data.

Names of fields follow the EC2 API. A change says nothing of why it is needed; it is applied to AWS's own
documents by `apply`, and told as a command or a Terraform resource by `awscli` and `terraform`.
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
    """An allowing entry of a network ACL. `block` is the far end: the destination of an outbound entry."""

    acl: str
    egress: bool
    number: int
    protocol: int
    first: int
    last: int
    block: Prefix


@dataclass(frozen=True, slots=True)
class TableRoute:
    """A route of a VPC's route table. `key` is the API's name for the kind of target, such as NatGatewayId.

    `replaces` is the (key, target) of a route that has exactly this destination already.
    """

    table: str
    destination: Prefix
    key: str
    target: str
    replaces: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class EndpointRoute:
    """A gateway endpoint used by one more route table; AWS then adds the route to its prefix list itself."""

    endpoint: str
    table: str
    prefix_list: str


@dataclass(frozen=True, slots=True)
class EndpointSubnet:
    """An interface endpoint with an interface in one more subnet."""

    endpoint: str
    subnet: str


@dataclass(frozen=True, slots=True)
class TransitRoute:
    """A static route of a transit gateway's route table; `replaces` is what had this destination before: an
    attachment, or "" for a blackhole.
    """

    table: str
    destination: Prefix
    attachment: str
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class TransitAssociation:
    """The route table that an attachment looks its destinations up in."""

    attachment: str
    table: str


@dataclass(frozen=True, slots=True)
class TransitSubnet:
    """A transit gateway's VPC attachment with a subnet in one more zone."""

    attachment: str
    subnet: str


@dataclass(frozen=True, slots=True)
class PeeringAcceptance:
    """A requested peering connection accepted."""

    peering: str


@dataclass(frozen=True, slots=True)
class DnsSupport:
    """A VPC's own DNS resolver switched on (enableDnsSupport)."""

    vpc: str


@dataclass(frozen=True, slots=True)
class DnsHostNames:
    """The VPC attribute that private names need besides (enableDnsHostnames)."""

    vpc: str


@dataclass(frozen=True, slots=True)
class PrivateDns:
    """The service's own name leads to an interface endpoint, for every host of its VPC."""

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
            way = "outbound to" if change.egress else "inbound from"
            return f"{change.group}: allow {_traffic(change)} {way} {change.peer}"
        case AclRule():
            way = "outbound to" if change.egress else "inbound from"
            return f"{change.acl}: rule {change.number} allows {_traffic(change)} {way} {change.block}"
        case TableRoute():
            instead = f", not {change.replaces[1]}" if change.replaces else ""
            return f"{change.table}: a route for {change.destination} to {change.target}{instead}"
        case EndpointRoute():
            return f"{change.endpoint}: used by {change.table} too, for {change.prefix_list}"
        case EndpointSubnet():
            return f"{change.endpoint}: an interface in {change.subnet} too"
        case TransitRoute():
            return f"{change.table}: a static route for {change.destination} to {change.attachment}"
        case TransitAssociation():
            return f"{change.attachment}: associated with {change.table}"
        case TransitSubnet():
            return f"{change.attachment}: a subnet in one more zone, {change.subnet}"
        case PeeringAcceptance():
            return f"{change.peering}: the request accepted"
        case DnsSupport():
            return f"{change.vpc}: its DNS resolver switched on (enableDnsSupport)"
        case DnsHostNames():
            return f"{change.vpc}: private DNS names switched on (enableDnsHostnames)"
        case PrivateDns():
            return f"{change.endpoint}: private DNS switched on"


def component(change: Change) -> str:
    """The id of what is changed."""
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

"""The parts of a snapshot: one frozen class for each kind of AWS component that the path engine reads.

Field names follow the EC2 API reference (`Describe*` responses), without what the engine does not need.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from netcheck.aws.ec2.addresses import Prefix

ALL_PROTOCOLS = -1
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
PROTOCOL_NAMES = {ALL_PROTOCOLS: "All", ICMP: "ICMP", TCP: "TCP", UDP: "UDP", ICMPV6: "ICMPv6"}
WHOLE_RANGE = (0, 65535)


def protocol_text(protocol: int) -> str:
    """Print a protocol number as the console does."""
    return PROTOCOL_NAMES.get(protocol, str(protocol))


def ports_text(protocol: int, first: int, last: int) -> str:
    """Print a port range, or an ICMP type and code (kept as type * 256 + code), as the console does."""
    if (first, last) == WHOLE_RANGE:
        return "All"
    if protocol in (ICMP, ICMPV6):
        if first == last:
            return f"type {first >> 8} code {first & 255}"
        return f"type {first >> 8}"
    return str(first) if first == last else f"{first}-{last}"


@dataclass(frozen=True, slots=True)
class Vpc:
    id: str
    region: str
    prefixes: tuple[Prefix, ...]


@dataclass(frozen=True, slots=True)
class Subnet:
    """`free` is the number of available IPv4 addresses, None where it is unknown.

    Two accounts may list the same shared subnet, each with its own name of the Availability Zone, and at
    different times: these fields do not make it another subnet.
    """

    id: str
    vpc: str
    zone: str = field(compare=False)
    prefixes: tuple[Prefix, ...]
    free: int | None = field(default=None, compare=False)


# Rules are the bulk of a large account (100,000 and more): a NamedTuple is built several times faster
# than a frozen dataclass.
class GroupReference(NamedTuple):
    """`UserIdGroupPairs`: the private addresses of all network interfaces with this group."""

    group: str
    owner: str | None
    vpc: str | None

    def __str__(self) -> str:
        return self.group


class PrefixListReference(NamedTuple):
    id: str

    def __str__(self) -> str:
        return self.id


class SecurityGroupRule(NamedTuple):
    """One line of a security group: a protocol, its ports and one peer."""

    protocol: int
    first: int
    last: int
    peer: Prefix | GroupReference | PrefixListReference

    @property
    def text(self) -> str:
        ports = ports_text(self.protocol, self.first, self.last)
        return f"{protocol_text(self.protocol)} | {ports} | {self.peer}"


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    id: str
    vpc: str | None
    ingress: tuple[SecurityGroupRule, ...]
    egress: tuple[SecurityGroupRule, ...]


class NaclEntry(NamedTuple):
    """One numbered entry of a network ACL."""

    number: int
    protocol: int
    first: int
    last: int
    prefix: Prefix
    allow: bool

    @property
    def text(self) -> str:
        """The entry as the console prints it; the default rule 32767 is printed as `*`."""
        number = "*" if self.number >= DEFAULT_RULE else str(self.number)
        ports = ports_text(self.protocol, self.first, self.last)
        action = "ALLOW" if self.allow else "DENY"
        return f"{number} | {protocol_text(self.protocol)} | {ports} | {self.prefix} | {action}"


DEFAULT_RULE = 32767


@dataclass(frozen=True, slots=True)
class NetworkAcl:
    id: str
    vpc: str | None
    subnets: tuple[str, ...]
    ingress: tuple[NaclEntry, ...]
    egress: tuple[NaclEntry, ...]


class Route(NamedTuple):
    """One line of a route table. `destination` is a block or a prefix list's id."""

    destination: Prefix | str
    key: str
    """The API's name for the kind of target, such as NatGatewayId."""
    target: str
    state: str
    propagated: bool

    @property
    def text(self) -> str:
        return f"{self.destination} → {self.target}"


@dataclass(frozen=True, slots=True)
class RouteTable:
    id: str
    vpc: str
    main: bool
    subnets: tuple[str, ...] | None
    """Subnets associated with this table; None if the snapshot does not say."""
    gateways: tuple[str, ...]
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class NetworkInterface:
    id: str
    vpc: str
    subnet: str
    groups: tuple[str, ...]
    addresses: Mapping[int, tuple[int, ...]]
    """IP version → private addresses, the primary first."""
    delegated: tuple[Prefix, ...]
    """Ipv4Prefixes and Ipv6Prefixes: blocks that are delegated to this interface."""
    public: Mapping[int, int]
    """Private IPv4 address → the public address the internet gateway translates it to."""
    kind: str
    status: str
    """Empty if the snapshot does not say."""
    source_dest_check: bool | None
    instance: str | None
    denies_internet_gateway: bool

    def has(self, version: int, address: int) -> bool:
        return address in self.addresses.get(version, ()) or any(
            block.holds(version, address) for block in self.delegated
        )


@dataclass(frozen=True, slots=True)
class Instance:
    id: str
    state: str
    """Empty if the snapshot does not say."""
    interfaces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NatAddress:
    private: int | None
    public: int | None
    zone: str | None
    interface: str | None


@dataclass(frozen=True, slots=True)
class NatGateway:
    id: str
    vpc: str
    subnet: str | None
    state: str
    is_public: bool
    regional: bool
    provisions_zones: bool
    route_table: str | None
    addresses: tuple[NatAddress, ...]


@dataclass(frozen=True, slots=True)
class InternetGateway:
    """An internet gateway or an egress-only internet gateway: VPC id → state of the attachment."""

    id: str
    attachments: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class VpcEndpoint:
    id: str
    vpc: str
    kind: str
    state: str
    """In lower case; empty if the snapshot does not say."""
    service: str
    subnets: tuple[str, ...]
    interfaces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PeeringSide:
    vpc: str
    region: str
    owner: str
    prefixes: tuple[Prefix, ...]


@dataclass(frozen=True, slots=True)
class Peering:
    id: str
    status: str
    requester: PeeringSide
    accepter: PeeringSide

    @property
    def one_region(self) -> bool:
        return self.requester.region == self.accepter.region

    def other_side(self, vpc: str) -> PeeringSide | None:
        if vpc == self.requester.vpc:
            return self.accepter
        return self.requester if vpc == self.accepter.vpc else None


@dataclass(frozen=True, slots=True)
class TransitGateway:
    id: str
    references_groups: bool


@dataclass(frozen=True, slots=True)
class TransitAttachment:
    """A transit gateway attachment and, for a VPC, its subnets and options."""

    id: str
    gateway: str
    kind: str
    resource: str
    state: str
    subnets: tuple[str, ...] | None
    references_groups: bool | None
    carries_ipv6: bool
    appliance_mode: bool
    of_other_account: bool
    """Whether the gateway and the attached resource belong to different accounts."""


@dataclass(frozen=True, slots=True)
class TransitRoute:
    destination: Prefix | str
    attachments: tuple[str, ...]
    state: str
    propagated: bool

    @property
    def text(self) -> str:
        return f"{self.destination} → {', '.join(self.attachments) or self.state}"


@dataclass(frozen=True, slots=True)
class Propagation:
    """An attachment that propagates routes to a route table. Strings are empty where unknown."""

    attachment: str
    resource: str
    kind: str
    state: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that was not collected: what, the IAM action to collect it, and why it is missing."""

    what: str
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class BlockPublicAccess:
    """VPC Block Public Access in one Region: its mode, and the mode of each excluded VPC or subnet."""

    mode: str
    exclusions: Mapping[str, str] = field(default_factory=dict)

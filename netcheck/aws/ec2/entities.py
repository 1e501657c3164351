"""What a snapshot is made of: one frozen class for each kind of AWS component the path engine reads.

Field names follow the EC2 API reference (`Describe*` responses). What the engine does not need is left out.
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
    """`free` is how many IPv4 addresses are left, None where that was not told.

    A shared subnet may be there twice, as two accounts print it: each has its own name for the zone, and
    time passes between the two. That makes no other subnet of it.
    """

    id: str
    vpc: str
    zone: str = field(compare=False)
    prefixes: tuple[Prefix, ...]
    free: int | None = field(default=None, compare=False)


# Rules are the bulk of a large account (100,000 and more): a NamedTuple is built several times faster
# than a frozen dataclass.
class GroupReference(NamedTuple):
    """`UserIdGroupPairs`: the private addresses of all network interfaces that hold this group."""

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
    """One numbered line of a network ACL."""

    number: int
    protocol: int
    first: int
    last: int
    prefix: Prefix
    allow: bool

    @property
    def text(self) -> str:
        """The line as the console prints it; the closing rule 32767 is printed as `*`."""
        number = "*" if self.number >= CLOSING_RULE else str(self.number)
        ports = ports_text(self.protocol, self.first, self.last)
        action = "ALLOW" if self.allow else "DENY"
        return f"{number} | {protocol_text(self.protocol)} | {ports} | {self.prefix} | {action}"


CLOSING_RULE = 32767


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
    """Subnets that name this table; None if the snapshot does not say."""
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
    """Ipv4Prefixes and Ipv6Prefixes: whole blocks that belong to this interface."""
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
    """In small letters; empty if the snapshot does not say."""
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
    """Both views of an attachment: the general one and, for a VPC, its subnets and options."""

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
    """Whether the gateway belongs to another account than what is attached."""


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
    """An attachment whose addresses a route table learns. Texts are empty if the snapshot does not say."""

    attachment: str
    resource: str
    kind: str
    state: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that was not collected: what, the IAM action that would collect it, and why it is missing."""

    what: str
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class BlockPublicAccess:
    """VPC block public access of one Region: its mode and the mode of each excluded VPC or subnet."""

    mode: str
    exclusions: Mapping[str, str] = field(default_factory=dict)

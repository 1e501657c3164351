"""How workers reach an AWS service from each of their subnets, as AWS is configured. Pure.

Through an interface endpoint whose private DNS resolves the service's name, through a gateway endpoint in the
subnet's route table (S3, DynamoDB), or over the internet. The path engine traces each path: routes, security
groups, network ACLs, and the endpoint's security groups.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from netcheck.aws.ec2.addresses import format_address, parse_address, parse_prefix
from netcheck.aws.ec2.endpoints import Access, Endpoint, answers_privately
from netcheck.aws.ec2.entities import TCP
from netcheck.aws.ec2.snapshot import Snapshot
from netcheck.core.components import ComponentType, component_type
from netcheck.core.evidence import Reachability
from netcheck.path.aggregate import Traced
from netcheck.path.internet import is_private
from netcheck.path.name_resolution import NameResolution, ResolvedBy, addresses_of
from netcheck.path.trace import Destination, from_subnet, trace
from netcheck.path.verdict import Path

SHARED = parse_prefix("100.64.0.0/10")
LINK_LOCAL = 169 << 8 | 254
ANYWHERE = "192.0.2.1"
"""A stand-in for a public address of a service where none is known: TEST-NET-1 (RFC 5737), in no VPC."""

_EXITS = (
    ComponentType.NAT_GATEWAY,
    ComponentType.VPC_ENDPOINT,
    ComponentType.TRANSIT_GATEWAY,
    ComponentType.PEERING_CONNECTION,
    ComponentType.INTERNET_GATEWAY,
    ComponentType.EGRESS_ONLY_INTERNET_GATEWAY,
    ComponentType.VPN_GATEWAY,
)

_PRIVATE_ANSWERS = (ResolvedBy.FORWARD, ResolvedBy.OWN_SERVERS, ResolvedBy.ZONE, ResolvedBy.UNKNOWN)
"""Sources that may answer with private addresses."""


class AccessKind(StrEnum):
    """What a subnet's traffic to a service goes through."""

    INTERFACE = "interface endpoint"
    GATEWAY = "gateway endpoint"
    PRIVATE = "private address"
    INTERNET = "internet"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ServicePath:
    """How one worker subnet reaches a service: the component it leaves through, and the traced paths.

    `unused` is an endpoint of the service in this VPC that the name does not resolve to. `unknown` says which
    information is missing; `action` is the IAM action that returns it.
    """

    subnet: str
    kind: AccessKind
    component: str
    traced: tuple[Traced, ...]
    unused: Endpoint | None = None
    unknown: str = ""
    action: str = ""

    @property
    def works(self) -> bool:
        """Whether every traced path is wholly reachable."""
        return bool(self.traced) and all(one.path.verdict is Reachability.REACHABLE for one in self.traced)

    @property
    def undecided(self) -> bool:
        return not self.traced or any(one.path.verdict is Reachability.UNKNOWN for one in self.traced)


@dataclass(frozen=True, slots=True)
class Question:
    """What to trace: `groups` are the workers' security groups, None if not given; `live` the addresses that
    the name resolves to from this host.
    """

    host: str
    port: int
    groups: tuple[str, ...] | None
    live: tuple[str, ...]


def trace_service_path(
    snapshot: Snapshot, access: Access, subnet: str, resolution: NameResolution, asked: Question
) -> ServicePath:
    """The path of one subnet. Raises QuestionError for a component that is not in the snapshot."""
    vpc = snapshot.subnets[subnet].vpc if subnet in snapshot.subnets else ""
    endpoint = access.endpoints.get(resolution.endpoint)
    if endpoint is not None:
        return _by_endpoint(snapshot, subnet, endpoint, asked)
    if resolution.addresses:
        return _by_addresses(snapshot, subnet, resolution.addresses, resolution.component, asked)
    near = tuple(a for a in asked.live if not _is_public(a))
    if near and resolution.by in (
        ResolvedBy.FORWARD,
        ResolvedBy.OWN_SERVERS,
        ResolvedBy.ZONE,
        ResolvedBy.UNKNOWN,
    ):
        return _by_addresses(snapshot, subnet, near, resolution.component, asked)
    if resolution.by is ResolvedBy.ZONE:
        return ServicePath(subnet, AccessKind.UNKNOWN, resolution.component, (), None, resolution.text)
    return _by_public_address(snapshot, access, vpc, subnet, resolution, asked)


def _by_endpoint(snapshot: Snapshot, subnet: str, endpoint: Endpoint, asked: Question) -> ServicePath:
    found = _traced(snapshot, subnet, addresses_of(snapshot, endpoint), asked)
    gap = "" if found else f"the network interfaces of {endpoint.id} are not in the snapshot"
    action = "" if found else "ec2:DescribeNetworkInterfaces"
    return ServicePath(subnet, AccessKind.INTERFACE, endpoint.id, found, None, gap, action)


def _by_addresses(
    snapshot: Snapshot, subnet: str, addresses: Sequence[str], component: str, asked: Question
) -> ServicePath:
    found = _traced(snapshot, subnet, addresses, asked)
    held = {_endpoint_at(snapshot, one) for one in found} - {""}
    if len(held) == 1:
        return ServicePath(subnet, AccessKind.INTERFACE, held.pop(), found)
    return ServicePath(subnet, AccessKind.PRIVATE, component or exit_component(found[0].path), found)


def _endpoint_at(snapshot: Snapshot, one: Traced) -> str:
    for hop in reversed(one.path.forward):
        if hop.component in snapshot.endpoint_of_interface:
            return snapshot.endpoint_of_interface[hop.component].id
    return ""


def _by_public_address(
    snapshot: Snapshot, access: Access, vpc: str, subnet: str, resolution: NameResolution, asked: Question
) -> ServicePath:
    """To the service's public addresses: through a gateway endpoint, or over the internet.

    An interface endpoint that the name may still resolve to (custom name servers, unknown private zones)
    matters only where the public path does not work.
    """
    serving = access.serving(vpc, asked.host)
    gateway = _gateway(snapshot, subnet, serving)
    idle = next((one for one in serving if one.kind == "Interface" and not one.inbound_only), None)
    found = _traced(snapshot, subnet, (_public(snapshot, gateway, asked),), asked)
    if gateway is not None:
        return ServicePath(subnet, AccessKind.GATEWAY, gateway.id, found)
    out = exit_component(found[0].path)
    sure = resolution.by in (ResolvedBy.PUBLIC, ResolvedBy.NOBODY) or _no_zone_works(access, vpc, resolution)
    uncovered = idle is not None and answers_privately(idle, access.dns.get(vpc), asked.host) is False
    if idle is None or (sure and uncovered):
        return ServicePath(subnet, AccessKind.INTERNET, out, found, idle)
    if all(one.path.verdict is Reachability.REACHABLE for one in found):
        return ServicePath(subnet, AccessKind.INTERNET, out, found)
    action = resolution.missing.action if resolution.missing else ""
    text = f"whether {asked.host} resolves to {idle.id} is not known: {resolution.text}"
    return ServicePath(subnet, AccessKind.UNKNOWN, idle.id, (), None, text, action)


def _no_zone_works(access: Access, vpc: str, resolution: NameResolution) -> bool:
    """With the VPC's DNS attributes off, no private zone takes effect, known or not."""
    dns = access.dns.get(vpc)
    return resolution.by is ResolvedBy.UNKNOWN and dns is not None and dns.private_names is False


def _gateway(snapshot: Snapshot, subnet: str, serving: Sequence[Endpoint]) -> Endpoint | None:
    """The gateway endpoint in this subnet's route table."""
    home = snapshot.subnets.get(subnet)
    table = snapshot.table_of_subnet.get(subnet) or (
        snapshot.main_table_of_vpc.get(home.vpc) if home else None
    )
    targets = {route.target for route in table.routes} if table else set()
    return next((one for one in serving if one.kind == "Gateway" and one.id in targets), None)


def _public(snapshot: Snapshot, gateway: Endpoint | None, asked: Question) -> str:
    """A public address of the service: from the gateway endpoint's prefix list, from DNS, or a stand-in."""
    if gateway is not None:
        for table in snapshot.route_tables.values():
            for route in table.routes:
                blocks = (
                    snapshot.prefix_lists.get(str(route.destination), ())
                    if route.target == gateway.id
                    else ()
                )
                for block in blocks:
                    if block.version == 4:
                        return format_address(4, block.first)
    return next((a for a in asked.live if ":" not in a and _is_public(a)), ANYWHERE)


def _is_public(text: str) -> bool:
    """Whether an internet gateway forwards to it: not to RFC 1918 or RFC 6598 (VPC user guide)."""
    version, address = parse_address(text)
    if version == 6:
        return not ipaddress.IPv6Address(address).is_private
    return not is_private(address) and not SHARED.holds(4, address) and address >> 16 != LINK_LOCAL


def _traced(snapshot: Snapshot, subnet: str, addresses: Sequence[str], asked: Question) -> tuple[Traced, ...]:
    source = from_subnet(snapshot, subnet, asked.groups)
    return tuple(
        Traced(subnet, address, trace(snapshot, source, Destination.parse(address), TCP, asked.port))
        for address in addresses
    )


def exit_component(path: Path) -> str:
    """The component through which a path leaves its VPC: a NAT gateway, an internet gateway ..."""
    names = [hop.component for hop in path.forward]
    for exit_type in _EXITS:
        for name in names:
            if component_type(name) is exit_type:
                return name
    return names[-1] if names else "nothing"

"""Which way workers reach an AWS service, from each of their subnets, as AWS is configured. Pure.

By an interface endpoint whose private DNS takes the service's name over, by a gateway endpoint in the
subnet's route table (S3, DynamoDB), or over the internet. The path engine judges each way: route, security
groups, network ACLs, and the endpoint's own group.
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
from netcheck.path.aggregate import Traced
from netcheck.path.internet import is_private
from netcheck.path.name_resolution import By, Naming, addresses_of
from netcheck.path.trace import Destination, from_subnet, trace
from netcheck.path.verdict import Path, Verdict

SHARED = parse_prefix("100.64.0.0/10")
LINK_LOCAL = 169 << 8 | 254
ANYWHERE = "192.0.2.1"
"""Stands for any public address where none of the service is known: TEST-NET-1 (RFC 5737), in no VPC."""

_EXITS = (
    ComponentType.NAT_GATEWAY,
    ComponentType.VPC_ENDPOINT,
    ComponentType.TRANSIT_GATEWAY,
    ComponentType.PEERING_CONNECTION,
    ComponentType.INTERNET_GATEWAY,
    ComponentType.EGRESS_ONLY_INTERNET_GATEWAY,
    ComponentType.VPN_GATEWAY,
)


class Kind(StrEnum):
    """How a subnet's traffic to a service goes."""

    INTERFACE = "interface endpoint"
    GATEWAY = "gateway endpoint"
    PRIVATE = "private address"
    INTERNET = "internet"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Way:
    """One worker subnet's way to a service: the component it leaves by, and each path that was traced.

    `unused` is an endpoint of the service in this VPC that the name does not lead to. `unknown` says what
    has to be known before a way can be told; `action` the IAM action that would tell.
    """

    subnet: str
    kind: Kind
    component: str
    traced: tuple[Traced, ...]
    unused: Endpoint | None = None
    unknown: str = ""
    action: str = ""

    @property
    def works(self) -> bool:
        """Whether everything that was traced is reached, whole."""
        return bool(self.traced) and all(one.path.verdict is Verdict.REACHABLE for one in self.traced)

    @property
    def undecided(self) -> bool:
        return not self.traced or any(one.path.verdict is Verdict.UNKNOWN for one in self.traced)


@dataclass(frozen=True, slots=True)
class Question:
    """From where to where: `groups` are the workers' security groups, None if nobody said; `live` what the
    name resolves to here.
    """

    host: str
    port: int
    groups: tuple[str, ...] | None
    live: tuple[str, ...]


def trace_service_path(
    snapshot: Snapshot, access: Access, subnet: str, naming: Naming, asked: Question
) -> Way:
    """The way of one subnet. Raises QuestionError for what the snapshot does not know at all."""
    vpc = snapshot.subnets[subnet].vpc if subnet in snapshot.subnets else ""
    endpoint = access.endpoints.get(naming.endpoint)
    if endpoint is not None:
        return _by_endpoint(snapshot, subnet, endpoint, asked)
    if naming.addresses:
        return _by_addresses(snapshot, subnet, naming.addresses, naming.component, asked)
    near = tuple(a for a in asked.live if not _is_public(a))
    if near and naming.by in (By.FORWARD, By.OWN_SERVERS, By.ZONE, By.UNKNOWN):
        return _by_addresses(snapshot, subnet, near, naming.component, asked)
    if naming.by is By.ZONE:
        return Way(subnet, Kind.UNKNOWN, naming.component, (), None, naming.text)
    return _in_the_open(snapshot, access, vpc, subnet, naming, asked)


def _by_endpoint(snapshot: Snapshot, subnet: str, endpoint: Endpoint, asked: Question) -> Way:
    found = _traced(snapshot, subnet, addresses_of(snapshot, endpoint), asked)
    gap = "" if found else f"the network interfaces of {endpoint.id} are not in the snapshot"
    action = "" if found else "ec2:DescribeNetworkInterfaces"
    return Way(subnet, Kind.INTERFACE, endpoint.id, found, None, gap, action)


def _by_addresses(
    snapshot: Snapshot, subnet: str, addresses: Sequence[str], component: str, asked: Question
) -> Way:
    found = _traced(snapshot, subnet, addresses, asked)
    held = {_endpoint_at(snapshot, one) for one in found} - {""}
    if len(held) == 1:
        return Way(subnet, Kind.INTERFACE, held.pop(), found)
    return Way(subnet, Kind.PRIVATE, component or way_out(found[0].path), found)


def _endpoint_at(snapshot: Snapshot, one: Traced) -> str:
    for hop in reversed(one.path.forward):
        if hop.component in snapshot.endpoint_of_interface:
            return snapshot.endpoint_of_interface[hop.component].id
    return ""


def _in_the_open(
    snapshot: Snapshot, access: Access, vpc: str, subnet: str, naming: Naming, asked: Question
) -> Way:
    """To the service's public addresses: by a gateway endpoint, or out to the internet.

    An interface endpoint that the name may lead to all the same (own name servers, private zones that nobody
    knows) decides only where the open way does not work.
    """
    serving = access.serving(vpc, asked.host)
    gateway = _gateway(snapshot, subnet, serving)
    idle = next((one for one in serving if one.kind == "Interface" and not one.inbound_only), None)
    found = _traced(snapshot, subnet, (_public(snapshot, gateway, asked),), asked)
    if gateway is not None:
        return Way(subnet, Kind.GATEWAY, gateway.id, found)
    out = way_out(found[0].path)
    sure = naming.by in (By.PUBLIC, By.NOBODY) or _no_zone_works(access, vpc, naming)
    uncovered = idle is not None and answers_privately(idle, access.dns.get(vpc), asked.host) is False
    if idle is None or (sure and uncovered):
        return Way(subnet, Kind.INTERNET, out, found, idle)
    if all(one.path.verdict is Verdict.REACHABLE for one in found):
        return Way(subnet, Kind.INTERNET, out, found)
    action = naming.missing.action if naming.missing else ""
    text = f"whether {asked.host} leads to {idle.id} is not known: {naming.text}"
    return Way(subnet, Kind.UNKNOWN, idle.id, (), None, text, action)


def _no_zone_works(access: Access, vpc: str, naming: Naming) -> bool:
    """With the VPC's attributes off no private zone can lead a name anywhere, known or not."""
    dns = access.dns.get(vpc)
    return naming.by is By.UNKNOWN and dns is not None and dns.private_names is False


def _gateway(snapshot: Snapshot, subnet: str, serving: Sequence[Endpoint]) -> Endpoint | None:
    """The gateway endpoint that this subnet's route table leads to."""
    home = snapshot.subnets.get(subnet)
    table = snapshot.table_of_subnet.get(subnet) or (
        snapshot.main_table_of_vpc.get(home.vpc) if home else None
    )
    targets = {route.target for route in table.routes} if table else set()
    return next((one for one in serving if one.kind == "Gateway" and one.id in targets), None)


def _public(snapshot: Snapshot, gateway: Endpoint | None, asked: Question) -> str:
    """A public address of the service: of the gateway endpoint's prefix list, as it resolves, or any."""
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
    """Whether an internet gateway carries traffic to it: not to RFC 1918 or RFC 6598 (VPC user guide)."""
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


def way_out(path: Path) -> str:
    """The component a path leaves its VPC by: a NAT gateway, a transit gateway, an internet gateway ..."""
    names = [hop.component for hop in path.forward]
    for exit_type in _EXITS:
        for name in names:
            if component_type(name) is exit_type:
                return name
    return names[-1] if names else "nothing"

"""VPC endpoints and the DNS settings of VPCs, which decide what a service's name resolves to.

Read from the same documents as the snapshot. An AWS service's name resolves to an interface endpoint where
the endpoint has private DNS, and the VPC has DNS support and DNS host names (AWS PrivateLink guide, Private
DNS).
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from netcheck.core.model import Json

AMAZON_DNS = "AmazonProvidedDNS"
LINK_LOCAL_DNS = frozenset({"169.254.169.253", "fd00:ec2::253"})

REGIONAL = re.compile(
    r"(?P<name>.+)\.(?P<region>[a-z]{2}(?:-[a-z]+)+-\d)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)"
)
"""A service's name in a Region: `secretsmanager.eu-west-1.amazonaws.com`, or dual-stack `....api.aws`."""
GLOBAL_STS = frozenset({"sts.amazonaws.com"})
"""STS without a Region: no VPC endpoint has this name (AWS STS Regions and endpoints)."""
ODD_NAMES = {
    "kafka": ("kafka-api", "kafka"),
    "kinesis": ("kinesis-streams",),
    "firehose": ("kinesis-firehose",),
}
"""Host name → end of the endpoint service's name, where they differ (AWS services that integrate with AWS
PrivateLink; for MSK aws.api.REGION.kafka-api, for older endpoints com.amazonaws.REGION.kafka: MSK developer
guide, Use Amazon MSK APIs with interface VPC endpoints)."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A VPC endpoint. `names` are its private DNS names, wildcards included; `own_names` are its `vpce-`
    names. `inbound_only`: private DNS is for on-premises clients only, and the VPC uses the gateway endpoint.
    `policy` is None where it is unknown.
    """

    id: str
    vpc: str
    kind: str
    state: str
    service: str
    private_dns: bool
    inbound_only: bool
    names: tuple[str, ...]
    own_names: tuple[str, ...]
    subnets: tuple[str, ...]
    interfaces: tuple[str, ...]
    tables: tuple[str, ...]
    policy: Json = field(hash=False)


@dataclass(frozen=True, slots=True)
class VpcDns:
    """The DNS settings of a VPC; None where they were not collected.

    `servers` are the DHCP options' domain-name-servers; empty where there are none. `own` are the addresses
    of the VPC's Route 53 Resolver.
    """

    vpc: str
    support: bool | None
    host_names: bool | None
    options: str
    servers: tuple[str, ...] | None
    own: frozenset[str]

    @property
    def foreign(self) -> tuple[str, ...]:
        """The name servers that are not the Route 53 Resolver."""
        return tuple(s for s in self.servers or () if s != AMAZON_DNS and s not in self.own)

    @property
    def asks_aws(self) -> bool | None:
        """Whether every query goes to the Route 53 Resolver; None if unknown."""
        return None if self.servers is None else bool(self.servers) and not self.foreign

    @property
    def private_names(self) -> bool | None:
        """Whether endpoints' private DNS and private hosted zones work here: both attributes are on."""
        if False in (self.support, self.host_names):
            return False
        return None if None in (self.support, self.host_names) else True


@dataclass(frozen=True, slots=True)
class Access:
    """All VPC endpoints and DNS settings, by id."""

    endpoints: Mapping[str, Endpoint]
    dns: Mapping[str, VpcDns]

    def of_vpc(self, vpc: str) -> tuple[Endpoint, ...]:
        return tuple(endpoint for endpoint in self.endpoints.values() if endpoint.vpc == vpc)

    def serving(self, vpc: str, host: str) -> tuple[Endpoint, ...]:
        """The endpoints of a VPC for the service that has this name, whatever their state."""
        return tuple(one for one in self.of_vpc(vpc) if serves(one, host))


def read(regions: Mapping[str, Mapping[str, Any]]) -> Access:
    """Read the documents of a snapshot. Invalid items are ignored here: loading the snapshot reports them."""
    endpoints = {
        one.id: one
        for documents in regions.values()
        for one in map(_endpoint, _items(documents, "VpcEndpoints"))
    }
    dns = {one.vpc: one for documents in regions.values() for one in _vpc_dns(documents)}
    return Access(endpoints, dns)


def serves(endpoint: Endpoint, host: str) -> bool:
    """Whether an endpoint is for the service with this host name."""
    if covers(endpoint.names, host) or host.lower() in endpoint.own_names:
        return True
    found = REGIONAL.fullmatch(host.lower())
    if found is None:
        return False
    name, region = found["name"], found["region"]
    names = {name, name.rpartition(".")[2]}  # a bucket's name precedes s3
    wanted = {odd for each in names for odd in ODD_NAMES.get(each, (each,))}
    plain = endpoint.service.removeprefix("cn.")
    return any(plain in (f"com.amazonaws.{region}.{each}", f"aws.api.{region}.{each}") for each in wanted)


def covers(names: Iterable[str], host: str) -> bool:
    """Whether one of these names is the host's, or a wildcard that matches it."""
    return any(
        host.lower() == name or (name.startswith("*.") and host.lower().endswith(name[1:])) for name in names
    )


def answers_privately(endpoint: Endpoint, dns: VpcDns | None, host: str) -> bool | None:
    """Whether the host name resolves to this endpoint in its VPC by private DNS; None if unknown."""
    if host.lower() in endpoint.own_names:
        return True
    if endpoint.kind != "Interface" or not endpoint.private_dns or endpoint.inbound_only:
        return False
    if dns is None or dns.private_names is None:
        return None
    if not dns.private_names:
        return False
    if endpoint.names and not covers(endpoint.names, host):
        return None  # AWS lists names without this one: the list may be incomplete
    return True


def _endpoint(item: Mapping[str, Any]) -> Endpoint:
    options = _mapping(item.get("DnsOptions"))
    names = [str(entry.get("DnsName", "")).lower().rstrip(".") for entry in _dicts(item.get("DnsEntries"))]
    own = tuple(name for name in names if "vpce-" in name)
    return Endpoint(
        id=str(item.get("VpcEndpointId", "")),
        vpc=str(item.get("VpcId", "")),
        kind=str(item.get("VpcEndpointType", "Gateway")),
        state=str(item.get("State", "available")),
        service=str(item.get("ServiceName", "")),
        private_dns=item.get("PrivateDnsEnabled") is True,
        inbound_only=options.get("PrivateDnsOnlyForInboundResolverEndpoint") is True,
        names=tuple(name for name in names if name and name not in own),
        own_names=own,
        subnets=_texts(item.get("SubnetIds")),
        interfaces=_texts(item.get("NetworkInterfaceIds")),
        tables=_texts(item.get("RouteTableIds")),
        policy=_policy(item.get("PolicyDocument")),
    )


def _policy(given: object) -> Json:
    """An endpoint's policy: JSON in a string. Invalid JSON is kept as a string, to be reported as unknown."""
    if not isinstance(given, str):
        return None
    try:
        found: Json = json.loads(given)
    except (ValueError, RecursionError):
        return given
    return found


def _vpc_dns(documents: Mapping[str, Any]) -> Iterator[VpcDns]:
    attributes = {item.get("VpcId"): item for item in _items(documents, "VpcAttributes")}
    options = {item.get("DhcpOptionsId"): item for item in _items(documents, "DhcpOptions")}
    for vpc in _items(documents, "Vpcs"):
        name, chosen = str(vpc.get("VpcId", "")), str(vpc.get("DhcpOptionsId", ""))
        own = attributes.get(name, {})
        yield VpcDns(
            name,
            _attribute(own, "EnableDnsSupport"),
            _attribute(own, "EnableDnsHostnames"),
            chosen,
            () if chosen == "default" else _servers(options.get(chosen)),
            LINK_LOCAL_DNS | _resolver(vpc),
        )


def _resolver(vpc: Mapping[str, Any]) -> frozenset[str]:
    """The Route 53 Resolver's address: the base of the primary range plus two (VPC guide, Amazon DNS)."""
    try:
        network = ipaddress.ip_network(str(vpc.get("CidrBlock", "")))
    except ValueError:
        return frozenset()
    return frozenset({str(network.network_address + 2)})


def _servers(options: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    if options is None:
        return None
    for entry in _dicts(options.get("DhcpConfigurations")):
        if entry.get("Key") == "domain-name-servers":
            return tuple(str(value.get("Value", "")) for value in _dicts(entry.get("Values")))
    return ()


def _attribute(item: Mapping[str, Any], name: str) -> bool | None:
    value = _mapping(item.get(name)).get("Value")
    return value if isinstance(value, bool) else None


def _items(documents: Mapping[str, Any], stem: str) -> list[Mapping[str, Any]]:
    return _dicts(_mapping(documents.get(stem)).get(stem))


def _mapping(given: object) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}


def _dicts(given: object) -> list[Mapping[str, Any]]:
    return [item for item in given if isinstance(item, Mapping)] if isinstance(given, (list, tuple)) else []


def _texts(given: object) -> tuple[str, ...]:
    return tuple(item for item in given if isinstance(item, str)) if isinstance(given, (list, tuple)) else ()

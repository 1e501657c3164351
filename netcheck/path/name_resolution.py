"""How a VPC resolves a name, as AWS is configured: VPC endpoint, private zone, Resolver rule or public DNS.

The most specific match wins; a Resolver rule wins over a private zone for the same domain (Route 53 developer
guide, Private hosted zones and Resolver rules). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from netcheck.aws.ec2.addresses import format_address
from netcheck.core.hostport import is_address
from netcheck.pipeline.model import Missing

if TYPE_CHECKING:
    from netcheck.aws.ec2.endpoints import Access, Endpoint, VpcDns
    from netcheck.aws.ec2.snapshot import Snapshot
    from netcheck.aws.route53.model import Lookups, Records, Rule, Zone

T = TypeVar("T")
ENDPOINT_ZONES = ("vpce.amazonaws.com",)
"""Owners of the zones that private DNS of an endpoint creates (ListHostedZonesByVPC, Owner.OwningService)."""


class ResolvedBy(StrEnum):
    """What answers queries for a name in a VPC."""

    ENDPOINT = "endpoint"
    ZONE = "zone"
    FORWARD = "forward"
    OWN_SERVERS = "own_servers"
    PUBLIC = "public"
    NOBODY = "nobody"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class NameResolution:
    """What answers queries for a name, and with which addresses, as far as AWS's configuration says.

    `component` is the endpoint, zone, rule or VPC; `endpoint` the VPC endpoint that the name resolves to and
    `addresses` its private addresses. `held` is False where the responsible zone has no record of the name.
    """

    by: ResolvedBy
    component: str
    text: str
    endpoint: str = ""
    addresses: tuple[str, ...] = ()
    held: bool = True
    missing: Missing | None = None


def without_route53(snapshot: Snapshot, access: Access, vpc: str, host: str) -> NameResolution | None:
    """What the snapshot alone decides: custom name servers, DNS off, or private DNS of an endpoint."""

    from netcheck.aws.ec2.endpoints import answers_privately

    dns = access.dns.get(vpc)
    if dns is not None and dns.asks_aws is False:
        servers = ", ".join(dns.servers or ()) or "none"
        return NameResolution(
            ResolvedBy.OWN_SERVERS, dns.options, f"{vpc} uses custom name servers ({servers}; {dns.options})"
        )
    if dns is not None and dns.support is False:
        return NameResolution(ResolvedBy.NOBODY, vpc, f"enableDnsSupport of {vpc} is off")
    for endpoint in access.serving(vpc, host):
        if answers_privately(endpoint, dns, host):
            return to_endpoint(snapshot, endpoint, f"private DNS of {endpoint.id} answers for {host}")
    return None


def to_endpoint(snapshot: Snapshot, endpoint: Endpoint, text: str) -> NameResolution:
    return NameResolution(
        ResolvedBy.ENDPOINT, endpoint.id, text, endpoint.id, addresses_of(snapshot, endpoint)
    )


def addresses_of(snapshot: Snapshot, endpoint: Endpoint) -> tuple[str, ...]:
    """The IPv4 addresses of an interface endpoint, one in each of its subnets."""
    held = (snapshot.interfaces[name] for name in endpoint.interfaces if name in snapshot.interfaces)
    return tuple(format_address(4, address) for one in held for address in one.addresses.get(4, ()))


def most_specific(lookups: Lookups, dns: VpcDns | None, host: str) -> Zone | Rule | None:
    """The private zone or forwarding rule that answers for this name, None for public DNS."""
    rule = _longest(lookups.rules, [one.domain for one in lookups.rules], host)
    usable = dns is None or dns.private_names is not False
    zones = [zone for zone in lookups.zones if usable and zone.service not in ENDPOINT_ZONES]
    zone = _longest(zones, [one.name for one in zones], host)
    if rule is not None and rule.kind == "FORWARD" and (zone is None or len(rule.domain) >= len(zone.name)):
        return rule
    return zone


def by_route53(
    snapshot: Snapshot, access: Access, host: str, chosen: Zone | Rule | None, records: Records | None
) -> NameResolution:
    """What the chosen zone or rule returns. `records` are those of the zone, None for a zone of a service."""

    from netcheck.aws.route53.model import Rule

    match chosen:
        case None:
            return NameResolution(ResolvedBy.PUBLIC, "", f"public DNS answers for {host}")
        case Rule():
            targets = ", ".join(chosen.targets) or "another resolver"
            text = f"{chosen.id} forwards {chosen.domain or 'every name'} to {targets}"
            return NameResolution(ResolvedBy.FORWARD, chosen.id, text)
    where = f"private zone {chosen.name} ({chosen.id})"
    if records is None:
        return NameResolution(ResolvedBy.ZONE, chosen.id, f"{where} of {chosen.service} answers for {host}")
    if records.missing is not None:
        text = f"{where} answers for {host}; its records are not known"
        return NameResolution(ResolvedBy.UNKNOWN, chosen.id, text, missing=records.missing)
    if records.delegated:
        return NameResolution(ResolvedBy.FORWARD, chosen.id, f"{where} delegates {host}")
    if not records.there:
        text = f"{where} answers instead of public DNS and has no record of {host}"
        return NameResolution(ResolvedBy.ZONE, chosen.id, text, held=False)
    return _held(snapshot, access, chosen, records, f"{where} has {host}")


def _held(snapshot: Snapshot, access: Access, zone: Zone, records: Records, text: str) -> NameResolution:
    names = {*records.aliases, *(value.lower().rstrip(".") for value in records.values)}
    for endpoint in access.endpoints.values():
        if names & set(endpoint.own_names):
            found = addresses_of(snapshot, endpoint)
            return NameResolution(ResolvedBy.ZONE, zone.id, f"{text}: {endpoint.id}", endpoint.id, found)
    plain = tuple(value for value in records.values if is_address(value))
    return NameResolution(ResolvedBy.ZONE, zone.id, text, "", plain)


def _longest(items: Iterable[T], domains: Iterable[str], host: str) -> T | None:
    name = host.lower()
    fits = [
        (len(domain), item)
        for item, domain in zip(items, domains, strict=True)
        if not domain or name == domain or name.endswith(f".{domain}")
    ]
    return max(fits, key=lambda pair: pair[0])[1] if fits else None


def resolving(access: Access, vpc: str, host: str, lookups: Lookups) -> NameResolution | Zone | Rule | None:
    """What answers for the name: known already, or the zone or rule to look into, or None for public DNS."""
    gap = lookups.lacks("private hosted zones", "Resolver rules")
    if lookups.error or gap is not None:
        why = gap.reason if gap else lookups.error
        return NameResolution(
            ResolvedBy.UNKNOWN, vpc, f"which private zones {vpc} uses is not known: {why}", missing=gap
        )
    return most_specific(lookups, access.dns.get(vpc), host)

"""How this run's vantage differs from the workers' place in the network. Pure.

Observations apply to the workers only as far as the vantage has the same subnets (routes, network ACLs, NAT
gateways) and the same security groups.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from netcheck.aws.ec2.endpoints import Access, VpcDns
from netcheck.aws.ec2.snapshot import Snapshot
from netcheck.probe.host.vantage import Identity, Vantage


class Parity(StrEnum):
    """`same`: a worker could be here. `similar`: the same VPC. `different`: another VPC, or none."""

    SAME = "same"
    SIMILAR = "similar"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Workers:
    """The workers' subnets and security groups; empty where unknown."""

    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParityResult:
    """The verdict, and each difference as a sentence. `why` explains an unknown verdict."""

    parity: Parity
    differences: tuple[str, ...]
    why: str = ""


def located(identity: Identity, snapshot: Snapshot | None, workers: Workers) -> Identity:
    """The identity with its interface from the snapshot: an ECS task knows only its addresses.

    Only for a host that is known to run in AWS: any laptop may have the address 10.0.1.10.
    """
    if snapshot is None or identity.subnets or identity.kind != "ecs":
        return identity
    vpcs = {snapshot.subnets[name].vpc for name in workers.subnets if name in snapshot.subnets}
    for address in identity.addresses:
        number = int(ipaddress.ip_address(address))
        held = [found for vpc in vpcs if (found := snapshot.host(vpc, 4, number)) is not None]
        if len(held) == 1:
            eni = held[0]
            return Identity(
                identity.kind, eni.id, (eni.subnet,), eni.vpc, identity.zone, eni.groups, identity.addresses
            )
    return identity


def compare(
    identity: Identity, seen: Vantage, workers: Workers, snapshot: Snapshot | None, access: Access | None
) -> ParityResult:
    """Compare the vantage with the workers. Without a snapshot only ids are compared."""
    if identity.kind == "outside":
        return ParityResult(Parity.DIFFERENT, ("this host is not in AWS",))
    if identity.kind == "unknown" or not identity.subnets:
        why = identity.detail or "this host's subnet is unknown"
        return ParityResult(Parity.UNKNOWN, tuple(_host_differences(seen, None)), why)
    place = tuple(_network_differences(identity, workers, snapshot))
    dns = access.dns.get(identity.vpc or "") if access else None
    host = tuple(_host_differences(seen, dns))
    if not place and (identity.security_groups is None or not workers.security_groups):
        whose = "this host's" if workers.security_groups else "the workers'"
        why = f"{whose} security groups are unknown"
        return ParityResult(Parity.UNKNOWN, host, why)
    if not place:
        return ParityResult(Parity.SAME, host)
    near = snapshot is not None and identity.vpc in _vpcs(snapshot, workers)
    return ParityResult(
        Parity.SIMILAR if near or _shares(identity, workers) else Parity.DIFFERENT, (*place, *host)
    )


def _vpcs(snapshot: Snapshot, workers: Workers) -> set[str]:
    return {snapshot.subnets[name].vpc for name in workers.subnets if name in snapshot.subnets}


def _shares(identity: Identity, workers: Workers) -> bool:
    return bool(set(identity.subnets) & set(workers.subnets))


def _network_differences(identity: Identity, workers: Workers, snapshot: Snapshot | None) -> Iterator[str]:
    """Differences in AWS: subnet, zone, route table, security groups."""
    others = [name for name in identity.subnets if name not in workers.subnets]
    if others:
        yield f"this host is in {', '.join(others)}, the workers are in {', '.join(workers.subnets)}"
    if others and snapshot is not None:
        yield from _subnet_differences(others, workers, snapshot)
    mine, theirs = identity.security_groups, workers.security_groups
    if mine is not None and theirs and set(mine) != set(theirs):
        yield f"this host has the security groups {', '.join(mine)}, the workers have {', '.join(theirs)}"


def _subnet_differences(others: list[str], workers: Workers, snapshot: Snapshot) -> Iterator[str]:
    zones = {snapshot.subnets[name].zone for name in workers.subnets if name in snapshot.subnets}
    tables = {_table(snapshot, name) for name in workers.subnets} - {""}
    for name in others:
        home = snapshot.subnets.get(name)
        if home is not None and home.zone not in zones:
            yield f"{name} is in {home.zone}, the workers are in {', '.join(sorted(zones))}"
        table = _table(snapshot, name)
        if table and table not in tables:
            theirs = ", ".join(sorted(tables))
            yield f"{name} uses {table}, the workers use {theirs}: routes and NAT may differ"


def _table(snapshot: Snapshot, subnet: str) -> str:
    home = snapshot.subnets.get(subnet)
    found = snapshot.table_of_subnet.get(subnet)
    found = found or (snapshot.main_table_of_vpc.get(home.vpc) if home else None)
    return found.id if found else ""


def _host_differences(seen: Vantage, dns: VpcDns | None) -> Iterator[str]:
    """Differences of the host: proxy variables, which workers ignore, and name servers."""
    if seen.proxies:
        yield f"this host sets {', '.join(seen.proxies)}, which the workers' JVM ignores"
    if dns is not None and dns.servers is not None:
        known = {*dns.servers, *dns.own}
        foreign = [name for name in seen.name_servers if name not in known and not _is_local(name)]
        if foreign:
            theirs = ", ".join(dns.servers) or "none"
            yield f"this host uses the name servers {', '.join(foreign)}, the workers {theirs}"


def _is_local(server: str) -> bool:
    """Whether it is a stub resolver on this host or its link, which forwards to servers that are unknown."""
    try:
        address = ipaddress.ip_address(server.partition("%")[0])
    except ValueError:
        return True
    return address.is_loopback or address.is_link_local

"""How where we look from differs from where the workers are. Pure.

What is observed speaks for the workers only as far as they are in the same place: the same subnets (routes,
network ACLs, NAT gateways) and the same security groups.
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
    """Where the workers are: their subnets, and their security groups, empty where nobody said."""

    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParityResult:
    """The verdict, and each difference in a sentence. `why` says why the verdict is unknown."""

    parity: Parity
    differences: tuple[str, ...]
    why: str = ""


def located(identity: Identity, snapshot: Snapshot | None, workers: Workers) -> Identity:
    """The identity with what the snapshot knows of its interface: an ECS task knows only its addresses.

    Only of those that AWS calls its own: any laptop may have 10.0.1.10.
    """
    if snapshot is None or identity.subnets or identity.kind != "ecs":
        return identity
    vpcs = {snapshot.subnets[name].vpc for name in workers.subnets if name in snapshot.subnets}
    for address in identity.addresses:
        number = int(ipaddress.ip_address(address))
        held = [found for vpc in vpcs if (found := snapshot.host(vpc, 4, number)) is not None]
        if len(held) == 1:
            one = held[0]
            return Identity(
                identity.kind, one.id, (one.subnet,), one.vpc, identity.zone, one.groups, identity.addresses
            )
    return identity


def compare(
    identity: Identity, seen: Vantage, workers: Workers, snapshot: Snapshot | None, access: Access | None
) -> ParityResult:
    """Compare. Without a snapshot only ids are compared."""
    if identity.kind == "outside":
        return ParityResult(Parity.DIFFERENT, ("this host is not in AWS",))
    if identity.kind == "unknown" or not identity.subnets:
        why = identity.detail or "AWS does not say which subnet this host is in"
        return ParityResult(Parity.UNKNOWN, tuple(_of_the_host(seen, None)), why)
    place = tuple(_of_the_place(identity, workers, snapshot))
    dns = access.dns.get(identity.vpc or "") if access else None
    host = tuple(_of_the_host(seen, dns))
    if not place and (identity.security_groups is None or not workers.security_groups):
        whose = "this host's" if workers.security_groups else "the workers'"
        why = f"{whose} security groups are not known"
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


def _of_the_place(identity: Identity, workers: Workers, snapshot: Snapshot | None) -> Iterator[str]:
    """What AWS treats differently: subnet, zone, route table, security groups."""
    others = [name for name in identity.subnets if name not in workers.subnets]
    if others:
        yield f"this host is in {', '.join(others)}, workers are in {', '.join(workers.subnets)}"
    if others and snapshot is not None:
        yield from _of_the_subnets(others, workers, snapshot)
    mine, theirs = identity.security_groups, workers.security_groups
    if mine is not None and theirs and set(mine) != set(theirs):
        yield f"this host has the security groups {', '.join(mine)}, workers have {', '.join(theirs)}"


def _of_the_subnets(others: list[str], workers: Workers, snapshot: Snapshot) -> Iterator[str]:
    zones = {snapshot.subnets[name].zone for name in workers.subnets if name in snapshot.subnets}
    tables = {_table(snapshot, name) for name in workers.subnets} - {""}
    for name in others:
        home = snapshot.subnets.get(name)
        if home is not None and home.zone not in zones:
            yield f"{name} is in {home.zone}, workers are in {', '.join(sorted(zones))}"
        table = _table(snapshot, name)
        if table and table not in tables:
            yield f"{name} uses {table}, workers use {', '.join(sorted(tables))}: routes and NAT may differ"


def _table(snapshot: Snapshot, subnet: str) -> str:
    home = snapshot.subnets.get(subnet)
    found = snapshot.table_of_subnet.get(subnet)
    found = found or (snapshot.main_table_of_vpc.get(home.vpc) if home else None)
    return found.id if found else ""


def _of_the_host(seen: Vantage, dns: VpcDns | None) -> Iterator[str]:
    """What this host's own settings change: proxies, which workers do not read, and name servers."""
    if seen.proxies:
        yield f"{', '.join(seen.proxies)} is set here; the workers' JVM does not read it"
    if dns is not None and dns.servers is not None:
        known = {*dns.servers, *dns.own}
        foreign = [name for name in seen.name_servers if name not in known and not _is_local(name)]
        if foreign:
            theirs = ", ".join(dns.servers) or "nobody"
            yield f"this host asks {', '.join(foreign)} for names, workers ask {theirs}"


def _is_local(server: str) -> bool:
    """A stub on this host or its link, which asks on: whom, it does not say."""
    try:
        address = ipaddress.ip_address(server.partition("%")[0])
    except ValueError:
        return True
    return address.is_loopback or address.is_link_local

"""The changes that make a service's name resolve to its endpoint, verified on a copy of the configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from netcheck.aws.ec2.endpoints import Access, read
from netcheck.aws.ec2.snapshot import from_parts
from netcheck.core.model import Result, RootCause
from netcheck.path.name_resolution import ResolvedBy, without_route53
from netcheck.path.trace import QuestionError
from netcheck.repair.apply import applied
from netcheck.repair.change import Change, DnsHostNames, DnsSupport, PrivateDns
from netcheck.repair.prove import fixes
from netcheck.repair.search import Query, repair

Regions = Mapping[str, Mapping[str, Any]]


def attach_private_dns_fixes(
    causes: Sequence[RootCause],
    results: Sequence[Result],
    regions: Regions,
    groups: Sequence[str],
    expired: Callable[[], bool],
) -> tuple[RootCause, ...]:
    """The same root causes; where a service's name does not resolve to its endpoint, with the changes.

    Verified: afterwards the name resolves to the endpoint's addresses and the workers reach all of them. The
    changes include what its security groups and the network ACLs need.
    """
    by_key = {result.key: result for result in results}
    return tuple(
        _with_fixes(cause, [by_key[key] for key in cause.results if key in by_key], regions, groups, expired)
        for cause in causes
    )


def _with_fixes(
    cause: RootCause,
    shown: list[Result],
    regions: Regions,
    groups: Sequence[str],
    expired: Callable[[], bool],
) -> RootCause:
    if not shown or any(not one.finding.subnets for one in shown):
        return cause
    changes = tuple(_switches(read(regions), cause.component))
    parts = applied(tuple(regions.items()), changes)
    queries = _queries(cause, shown, dict(parts), groups)
    if not changes or not queries:
        return cause
    try:
        done = repair(parts, queries, expired)
    except QuestionError:
        return cause
    if not all(one.proved for one in done.questions):
        return cause
    # First allow the traffic, then switch the name over.
    found = fixes((*done.changes, *changes), done.parts, from_parts(done.parts))
    return replace(cause, fix=tuple(found), fix_proved=True)


def _switches(access: Access, name: str) -> Iterator[Change]:
    endpoint = access.endpoints.get(name)
    if endpoint is None:
        return
    dns = access.dns.get(endpoint.vpc)
    if dns is not None and dns.support is False:
        yield DnsSupport(endpoint.vpc)
    if dns is not None and dns.host_names is False:
        yield DnsHostNames(endpoint.vpc)
    if not endpoint.private_dns:
        yield PrivateDns(endpoint.id)


def _queries(cause: RootCause, shown: list[Result], regions: Regions, groups: Sequence[str]) -> list[Query]:
    """From every affected subnet to every address of the endpoint; none if the name resolves to others."""
    access, snapshot = read(regions), from_parts(regions.items())
    endpoint = access.endpoints.get(cause.component)
    found: list[Query] = []
    for result in shown:
        resolution = without_route53(snapshot, access, endpoint.vpc, result.target.host) if endpoint else None
        if (
            resolution is None
            or resolution.by is not ResolvedBy.ENDPOINT
            or resolution.component != cause.component
        ):
            return []
        for subnet in result.finding.subnets:
            found += (
                {
                    "from": subnet,
                    "to": address,
                    "port": result.target.port,
                    **({"security_groups": list(groups)} if groups else {}),
                }
                for address in resolution.addresses
            )
    return found

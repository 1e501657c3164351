"""Summarize routes to several addresses of another VPC as one route to its CIDR block.

Source: VPC peering guide, Update your route tables (the destination: the CIDR block of the peer VPC, or part
of it). A single address keeps its /32 route, the narrowest; for the brokers of a cluster, in each of the
workers' route tables, that would be too many routes to maintain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netcheck.aws.ec2.addresses import Prefix
from netcheck.aws.ec2.entities import Route, RouteTable
from netcheck.aws.ec2.snapshot import Snapshot
from netcheck.path.routing import compiled
from netcheck.repair.change import Change, TableRoute
from netcheck.repair.repair_context import is_public

BETWEEN_VPCS = ("VpcPeeringConnectionId", "TransitGatewayId")


def summarize_routes(
    snapshot: Snapshot, changes: Sequence[Change]
) -> Iterator[tuple[list[TableRoute], TableRoute]]:
    """Routes among the changes, and one route that can replace them without rerouting other traffic.

    `snapshot` is the configuration without the changes.
    """
    groups: dict[tuple[object, ...], list[TableRoute]] = {}
    for change in changes:
        if isinstance(change, TableRoute) and change.key in BETWEEN_VPCS and change.replaces is None:
            block = _block_of(snapshot, change)
            if block is not None and _is_unrouted(snapshot, snapshot.route_tables[change.table], block):
                groups.setdefault((change.table, change.key, change.target, block), []).append(change)
    for (_, _, _, whole), routes in groups.items():
        if len(routes) > 1 and isinstance(whole, Prefix):
            first = routes[0]
            dead = _same(snapshot.route_tables[first.table], whole)
            replaces = (dead.key, dead.target) if dead else None
            yield routes, TableRoute(first.table, whole, first.key, first.target, replaces)


def _same(table: RouteTable, block: Prefix) -> Route | None:
    return next((r for r in table.routes if r.destination == block and not r.propagated), None)


def _block_of(snapshot: Snapshot, route: TableRoute) -> Prefix | None:
    """The CIDR block of the other VPC that has the address, if there is exactly one."""
    address, version = route.destination.first, route.destination.version
    own = snapshot.route_tables[route.table].vpc
    peering = snapshot.peerings.get(route.target)
    ends = {peering.requester.vpc, peering.accepter.vpc} if peering else set(snapshot.vpcs)
    found = [
        block
        for vpc in snapshot.vpcs.values()
        for block in vpc.prefixes
        if vpc.id in ends - {own} and block.holds(version, address)
    ]
    return found[0] if len(found) == 1 and route.destination.last == address else None


def _is_unrouted(snapshot: Snapshot, table: RouteTable, block: Prefix) -> bool:
    """Whether the table has no working route to these private addresses (an internet gateway is none)."""
    if is_public(block.version, block.first):
        return False
    lookups = compiled(snapshot, table, block.version)
    return not lookups.unresolved and all(
        hit is None or hit.route.state == "blackhole" or _is_internet_exit(snapshot, hit.route.target, block)
        for *_, hit in lookups.split(block.first, block.last)
    )


def _is_internet_exit(snapshot: Snapshot, target: str, block: Prefix) -> bool:
    """Internet gateways do not forward to private addresses, and nor do NAT gateways that route to one."""
    nat = snapshot.nats.get(target)
    if nat is None or nat.regional:
        return target in snapshot.internet_gateways
    table = snapshot.table_of_subnet.get(nat.subnet or "") or snapshot.main_table_of_vpc.get(nat.vpc)
    if table is None:
        return False
    lookups = compiled(snapshot, table, block.version)
    hits = [hit for *_, hit in lookups.split(block.first, block.last)]
    return not lookups.unresolved and all(
        hit is None or hit.route.target in snapshot.internet_gateways for hit in hits
    )

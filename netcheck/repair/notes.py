"""What a person should know of a change before making it: why so much, what it does besides, quotas.

Sources: Amazon VPC quotas (20 rules of a network ACL in each direction, default rules included; 60 rules of
a security group in each direction), NAT gateway basics, VPC peering guide, PrivateLink guide.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from netcheck.aws.addresses import Prefix, format_address
from netcheck.aws.snapshot import Snapshot
from netcheck.path.flows import EPHEMERAL, TRANSLATED
from netcheck.repair.change import (
    AclRule,
    Change,
    EndpointRoute,
    GroupRule,
    PeeringAcceptance,
    TableRoute,
    TransitRoute,
    TransitSubnet,
)

ACL_QUOTA = 20
GROUP_QUOTA = 60


def notes(change: Change, snapshot: Snapshot) -> Iterator[str]:
    """Sentences about one change. `snapshot` is the configuration with all the changes made."""
    match change:
        case AclRule():
            yield from _about_ports(change)
            yield from _about_quota(change, snapshot)
        case GroupRule():
            group = snapshot.groups[change.group]
            rules = len(group.egress if change.egress else group.ingress)
            if rules > GROUP_QUOTA:
                yield _quota(change.group, rules, GROUP_QUOTA, "security group")
        case TableRoute(key="NatGatewayId"):
            yield from _about_zone(change, snapshot)
        case TransitSubnet():
            yield (
                f"All traffic of the zone of {change.subnet} that is routed to the transit gateway then "
                f"reaches {change.attachment}; an attachment takes one subnet of each zone."
            )
        case EndpointRoute():
            yield (
                f"From the subnets of {change.table} all of the service's addresses ({change.prefix_list}) "
                f"are then reached through {change.endpoint}; its policy decides what may be done there."
            )
        case PeeringAcceptance():
            yield f"The owner of the accepter's VPC has to accept {change.peering}."
    yield from _about_public_address(change)
    yield from _about_dead_route(change, snapshot)


def _about_ports(rule: AclRule) -> Iterator[str]:
    ports = (rule.first, rule.last)
    if ports == TRANSLATED:
        yield (
            f"{rule.acl}, rule {rule.number}: 1024-65535 because replies come back to a port that the NAT "
            "gateway chose, and it chooses among all of these."
        )
    elif ports == EPHEMERAL:
        yield (
            f"{rule.acl}, rule {rule.number}: 32768-60999 because replies come back to the port that the "
            "sender's Linux chose, and these are the ones it gives out (net.ipv4.ip_local_port_range)."
        )


def _about_quota(rule: AclRule, snapshot: Snapshot) -> Iterator[str]:
    acl = snapshot.acls[rule.acl]
    entries = len(acl.egress if rule.egress else acl.ingress)
    if entries > ACL_QUOTA:
        yield _quota(rule.acl, entries, ACL_QUOTA, "network ACL")


def _quota(name: str, count: int, quota: int, kind: str) -> str:
    return (
        f"{name} would have {count} rules in this direction, and a {kind} may have {quota} unless AWS has "
        "raised the quota: remove one that is not needed, or have it raised."
    )


def _about_zone(route: TableRoute, snapshot: Snapshot) -> Iterator[str]:
    nat = snapshot.nats[route.target]
    home = snapshot.subnets.get(nat.subnet or "")
    table = snapshot.route_tables[route.table]
    zones = {snapshot.subnets[name].zone for name in table.subnets or () if name in snapshot.subnets}
    if home is not None and zones - {home.zone}:
        others = ", ".join(sorted(zones - {home.zone}))
        yield (
            f"{nat.id} is in {home.zone}, and {route.table} serves {others}: traffic between zones is "
            "charged, and a failure of the one zone stops the other."
        )


def _about_public_address(change: Change) -> Iterator[str]:
    match change:
        case GroupRule(peer=Prefix() as block) | AclRule(block=block) | TableRoute(destination=block):
            shown = format_address(block.version, block.first)
        case _:
            return
    if block.first == block.last and ipaddress.ip_address(shown).is_global:
        yield (
            f"{shown} is one public address: where a name leads there whose addresses change, the change "
            "is needed again for the next one. A wider change opens more than this flow needs and is not "
            "proved here."
        )


def _about_dead_route(change: Change, snapshot: Snapshot) -> Iterator[str]:
    """A blackhole that a narrower route leads around still stops whatever else it stood for."""
    match change:
        case TableRoute():
            for route in snapshot.route_tables[change.table].routes:
                if route.state == "blackhole" and _holds(route.destination, change.destination):
                    yield (
                        f"{change.table} still has {route.text}, a blackhole, for all else that it stood "
                        "for. To mend that too, replace the route: wider than this flow needs, so not proved "
                        "here."
                    )
        case TransitRoute():
            for dead in snapshot.transit_routes.get(change.table, ()):
                if dead.state == "blackhole" and _holds(dead.destination, change.destination):
                    yield f"{change.table} still has a blackhole for {dead.destination}; it may be meant."


def _holds(block: Prefix | str, part: Prefix) -> bool:
    return isinstance(block, Prefix) and block.holds(part.version, part.first)

"""What to know about a change before making it: the reason for its scope, side effects, quotas.

Sources: Amazon VPC quotas (20 rules of a network ACL per direction, default rules included; 60 rules of a
security group per direction), NAT gateway basics, VPC peering guide, PrivateLink guide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from netcheck.aws.ec2.addresses import LARGEST, Prefix
from netcheck.aws.ec2.snapshot import Snapshot
from netcheck.path.flows import EPHEMERAL, TRANSLATED
from netcheck.repair.awscli import command
from netcheck.repair.change import (
    AclRule,
    Change,
    EndpointRoute,
    GroupRule,
    PeeringAcceptance,
    PrivateDns,
    TableRoute,
    TransitRoute,
    TransitSubnet,
)
from netcheck.repair.repair_context import is_public

ACL_QUOTA = 20
GROUP_QUOTA = 60


def notes(regions: Mapping[Change, str], snapshot: Snapshot) -> list[str]:
    """Sentences about the changes (with their Regions); `snapshot` is the configuration with the changes."""
    found = [text for change in regions for text in _about(change, snapshot)]
    wide = {change: _for_every_address(change, snapshot) for change in regions}
    commands = [command(wider, regions[change]) for change, wider in wide.items() if wider is not None]
    if commands:
        found.append(
            "If this address belongs to a DNS name, it may change, and the next address needs the same fix. "
            "To allow all addresses at once, which is wider than this flow needs and not verified here: "
            + "; ".join(dict.fromkeys(commands))
        )
    return list(dict.fromkeys(found))


def _about(change: Change, snapshot: Snapshot) -> Iterator[str]:
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
                f"All traffic from the zone of {change.subnet} that is routed to the transit gateway "
                f"will then use {change.attachment}; an attachment has one subnet in each Availability Zone."
            )
        case EndpointRoute():
            yield (
                f"The subnets of {change.table} will then reach all addresses of the service "
                f"({change.prefix_list}) through {change.endpoint}, and its endpoint policy applies."
            )
        case PrivateDns():
            yield (
                f"With private DNS every host of the VPC reaches the service through {change.endpoint}: its "
                "security groups must allow all of them, not only the workers."
            )
        case PeeringAcceptance():
            yield f"The owner of the accepter VPC has to accept {change.peering}."
    yield from _about_dead_route(change, snapshot)


def _about_ports(rule: AclRule) -> Iterator[str]:
    ports = (rule.first, rule.last)
    if ports == TRANSLATED:
        yield (
            f"{rule.acl}, rule {rule.number}: 1024-65535, because replies go to the source port that the NAT "
            "gateway picked, from this range."
        )
    elif ports == EPHEMERAL:
        yield (
            f"{rule.acl}, rule {rule.number}: 32768-60999, because replies go to the sender's ephemeral "
            "port, which Linux picks from this range (net.ipv4.ip_local_port_range)."
        )


def _about_quota(rule: AclRule, snapshot: Snapshot) -> Iterator[str]:
    acl = snapshot.acls[rule.acl]
    entries = len(acl.egress if rule.egress else acl.ingress)
    if entries > ACL_QUOTA:
        yield _quota(rule.acl, entries, ACL_QUOTA, "network ACL")


def _quota(name: str, count: int, quota: int, kind: str) -> str:
    return (
        f"{name} would have {count} rules in this direction; the default quota of a {kind} is {quota}: "
        "remove unneeded rules, or request a quota increase."
    )


def _about_zone(route: TableRoute, snapshot: Snapshot) -> Iterator[str]:
    nat = snapshot.nats[route.target]
    home = snapshot.subnets.get(nat.subnet or "")
    table = snapshot.route_tables[route.table]
    zones = {snapshot.subnets[name].zone for name in table.subnets or () if name in snapshot.subnets}
    if home is not None and zones - {home.zone}:
        others = ", ".join(sorted(zones - {home.zone}))
        yield (
            f"{nat.id} is in {home.zone}, but {route.table} serves subnets in {others}: AWS charges for "
            f"traffic between zones, and an outage of {home.zone} affects them."
        )


def _for_every_address(change: Change, snapshot: Snapshot) -> Change | None:
    """The same change for all public addresses, for names whose addresses change."""
    match change:
        case GroupRule(egress=True, peer=Prefix() as block) if _is_one_public(block, snapshot):
            return replace(change, peer=_everything(block))
        case AclRule(block=block) if _is_one_public(block, snapshot):
            return replace(change, block=_everything(block))
        case TableRoute(destination=block) if _is_one_public(block, snapshot):
            wide = _everything(block)
            old = [r for r in snapshot.route_tables[change.table].routes if r.destination == wide]
            if any(route.state == "active" for route in old):
                return None  # it would reroute existing traffic
            replaces = next(((route.key, route.target) for route in old), None)
            return replace(change, destination=wide, replaces=replaces)
        case _:
            return None


def _is_one_public(block: Prefix, snapshot: Snapshot) -> bool:
    """Whether the block is a single internet address; IPv6 addresses of VPCs look public but are not."""
    held = (prefix for vpc in snapshot.vpcs.values() for prefix in vpc.prefixes)
    inside = any(prefix.holds(block.version, block.first) for prefix in held)
    return block.first == block.last and is_public(block.version, block.first) and not inside


def _everything(block: Prefix) -> Prefix:
    return Prefix(block.version, 0, LARGEST[block.version])


def _about_dead_route(change: Change, snapshot: Snapshot) -> Iterator[str]:
    """A blackhole route still drops all other traffic to its destination."""
    match change:
        case TableRoute():
            for route in snapshot.route_tables[change.table].routes:
                if route.state == "blackhole" and _holds(route.destination, change.destination):
                    yield (
                        f"{change.table} still has the blackhole route {route.text}, which drops all other "
                        "traffic to that destination: replace it to fix that too."
                    )
        case TransitRoute():
            for dead in snapshot.transit_routes.get(change.table, ()):
                if dead.state == "blackhole" and _holds(dead.destination, change.destination):
                    yield f"{change.table} still has a blackhole for {dead.destination}; it may be intended."


def _holds(block: Prefix | str, part: Prefix) -> bool:
    return isinstance(block, Prefix) and block.holds(part.version, part.first)

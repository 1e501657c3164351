"""What a person should know of a change before making it: why so much, what it does besides, quotas.

Sources: Amazon VPC quotas (20 rules of a network ACL in each direction, default rules included; 60 rules of
a security group in each direction), NAT gateway basics, VPC peering guide, PrivateLink guide.
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
    """Sentences about changes, each with its Region; `snapshot` is the configuration with all of them."""
    told = [text for change in regions for text in _about(change, snapshot)]
    wide = {change: _for_every_address(change, snapshot) for change in regions}
    commands = [command(wider, regions[change]) for change, wider in wide.items() if wider is not None]
    if commands:
        told.append(
            "Where a name leads there, its public addresses may change, and the next one needs this again. "
            "For all addresses at once, which is wider than this flow needs and so not proved here: "
            + "; ".join(dict.fromkeys(commands))
        )
    return list(dict.fromkeys(told))


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
                f"All traffic of the zone of {change.subnet} that is routed to the transit gateway then "
                f"reaches {change.attachment}; an attachment takes one subnet of each zone."
            )
        case EndpointRoute():
            yield (
                f"From the subnets of {change.table} all of the service's addresses ({change.prefix_list}) "
                f"are then reached through {change.endpoint}; its policy decides what may be done there."
            )
        case PrivateDns():
            yield (
                f"With private DNS every host of the VPC reaches the service through {change.endpoint}: its "
                "security groups have to let in all that use it, not only the workers."
            )
        case PeeringAcceptance():
            yield f"The owner of the accepter's VPC has to accept {change.peering}."
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


def _for_every_address(change: Change, snapshot: Snapshot) -> Change | None:
    """What would serve for all public addresses, as people want it where a name's addresses change."""
    match change:
        case GroupRule(egress=True, peer=Prefix() as block) if _is_one_public(block, snapshot):
            return replace(change, peer=_everything(block))
        case AclRule(block=block) if _is_one_public(block, snapshot):
            return replace(change, block=_everything(block))
        case TableRoute(destination=block) if _is_one_public(block, snapshot):
            wide = _everything(block)
            old = [r for r in snapshot.route_tables[change.table].routes if r.destination == wide]
            if any(route.state == "active" for route in old):
                return None  # what it carries now would be led another way
            replaces = next(((route.key, route.target) for route in old), None)
            return replace(change, destination=wide, replaces=replaces)
        case _:
            return None


def _is_one_public(block: Prefix, snapshot: Snapshot) -> bool:
    """One address of the internet: the IPv6 addresses of VPCs look public, and stay as they are."""
    held = (prefix for vpc in snapshot.vpcs.values() for prefix in vpc.prefixes)
    inside = any(prefix.holds(block.version, block.first) for prefix in held)
    return block.first == block.last and is_public(block.version, block.first) and not inside


def _everything(block: Prefix) -> Prefix:
    return Prefix(block.version, 0, LARGEST[block.version])


def _about_dead_route(change: Change, snapshot: Snapshot) -> Iterator[str]:
    """A blackhole that a narrower route leads around still stops whatever else it stood for."""
    match change:
        case TableRoute():
            for route in snapshot.route_tables[change.table].routes:
                if route.state == "blackhole" and _holds(route.destination, change.destination):
                    yield (
                        f"{change.table} still has {route.text}, a blackhole, for all else that it stood "
                        "for: replace that route to mend all of it."
                    )
        case TransitRoute():
            for dead in snapshot.transit_routes.get(change.table, ()):
                if dead.state == "blackhole" and _holds(dead.destination, change.destination):
                    yield f"{change.table} still has a blackhole for {dead.destination}; it may be meant."


def _holds(block: Prefix | str, part: Prefix) -> bool:
    return isinstance(block, Prefix) and block.holds(part.version, part.first)

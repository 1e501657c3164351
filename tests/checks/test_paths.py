"""What the checks of the configured path say of one network, each of its own concern and of no other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from checks.routes import LeadsThere, LeavesByNat, PathConsistent
from checks.security import AclsAllow, GroupsAllow
from netcheck.core.check import Check
from netcheck.core.model import Finding, Kind, Security, Target
from tests.checks.run import context, judge, told
from tests.path.world import World, acl_line, permission, two_subnets, with_nat, with_peer

BROKER = Target(Kind.KAFKA, "10.0.2.7", 9094, Security.SSL)
PEER = Target(Kind.KAFKA, "10.9.1.7", 9094, Security.SSL)
PUBLIC = Target(Kind.CLICKHOUSE_HTTPS, "8.8.4.4", 8443)
CHECKS: tuple[Check, ...] = (LeadsThere(), LeavesByNat(), GroupsAllow(), AclsAllow(), PathConsistent())

NOT_ASKED = ("skip", "not_asked", None)
MOOT = ("skip", None, None)
PASS = ("pass", None, None)


def edited(world: World, edit: Callable[[World], object]) -> World:
    edit(world)
    return world


def no_group_rules(world: World) -> None:
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = [permission("192.0.2.0/24", (1, 1))]


def denied(world: World, name: str, block: str) -> None:
    world.find("NetworkAcls", name)["Entries"].append(acl_line(10, "deny", block) | {"Egress": False})


def no_routes(world: World) -> None:
    table = world.find("RouteTables", "rtb-w")
    table["Routes"] = table["Routes"][:1]


# the network, the target, and what routes.reaches, routes.nat, security.groups, security.acls and
# routes.consistent say
WORLDS: list[tuple[str, World, Target, list[tuple[str, str | None, str | None]]]] = [
    ("open", two_subnets(), BROKER, [PASS, MOOT, PASS, PASS, PASS]),
    ("open, over NAT", with_nat(), PUBLIC, [PASS, PASS, PASS, PASS, PASS]),
    (
        "no rule of a group",
        edited(two_subnets(), no_group_rules),
        BROKER,
        [PASS, MOOT, ("fail", "path_security_group", "sg-b"), PASS, NOT_ASKED],
    ),
    (
        "a network ACL",
        edited(two_subnets(), lambda w: denied(w, "acl-b", "10.0.1.0/24")),
        BROKER,
        [PASS, MOOT, PASS, ("fail", "path_network_acl", "acl-b"), NOT_ASKED],
    ),
    (
        "a network ACL for half of the subnet",
        edited(two_subnets(), lambda w: denied(w, "acl-b", "10.0.1.0/25")),
        BROKER,
        [PASS, MOOT, PASS, ("fail", "path_network_acl", "acl-b"), ("fail", "path_partial", None)],
    ),
    (
        "no route",
        edited(with_peer(), no_routes),
        PEER,
        [("fail", "path_no_route", "rtb-w"), MOOT, NOT_ASKED, NOT_ASKED, NOT_ASKED],
    ),
    (
        "no route to a public address",
        edited(with_nat(), no_routes),
        PUBLIC,
        [("fail", "path_no_route", "rtb-w"), NOT_ASKED, NOT_ASKED, NOT_ASKED, NOT_ASKED],
    ),
    (
        "a NAT gateway that failed",
        edited(with_nat(), lambda w: w.find("NatGateways", "nat-a").update(State="failed")),
        PUBLIC,
        [PASS, ("fail", "path_no_internet", "nat-a"), NOT_ASKED, NOT_ASKED, NOT_ASKED],
    ),
    (
        "network ACLs that were not collected",
        two_subnets().without("NetworkAcls"),
        BROKER,
        [("unknown", "path_unknown", "subnet-w"), MOOT, NOT_ASKED, NOT_ASKED, NOT_ASKED],
    ),
    (
        "NAT gateways that were not collected",
        with_nat().without("NatGateways"),
        PUBLIC,
        [("unknown", "path_unknown", "nat-a"), NOT_ASKED, NOT_ASKED, NOT_ASKED, NOT_ASKED],
    ),
]


def found(check: Check, world: World, target: Target, *subnets: str) -> list[Finding]:
    return judge(check, target, context(world, subnets=subnets or ("subnet-w",)))


@pytest.mark.parametrize(("world", "target", "expected"), [w[1:] for w in WORLDS], ids=[w[0] for w in WORLDS])
def test_each_check_of_the_path_speaks_of_its_own_concern(
    world: World, target: Target, expected: list[tuple[str, str | None, str | None]]
) -> None:
    first = {check.id: told(found(check, world, target))[0] for check in CHECKS}
    assert list(first.values()) == expected, first


def test_a_path_that_only_one_of_two_subnets_has_is_not_consistent() -> None:
    world = two_subnets()
    world.subnet("subnet-x", "vpc-a", "10.0.3.0/24", zone="eu-west-1c")
    world.acl("acl-x", "vpc-a", "subnet-x", egress=[])
    (one,) = found(PathConsistent(), world, BROKER, "subnet-w", "subnet-x")
    assert told([one]) == [("fail", "path_partial", None)]
    assert "always from subnet-w" in one.summary and "never from subnet-x" in one.summary


def test_the_way_out_names_the_nat_gateway_with_its_public_address() -> None:
    (one,) = found(LeavesByNat(), with_nat(), PUBLIC)
    assert "nat-a" in one.summary and "198.51.100.10" in one.summary

"""The narrowest changes, by the smallest network that needs each; and what is never offered as proved."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netcheck.commands.main import main
from netcheck.repair.change import sentence
from netcheck.repair.filters import free_number
from netcheck.repair.search import Repair, repair
from netcheck.repair.to_json import as_json
from tests.path.world import (
    World,
    acl_line,
    permission,
    route,
    two_subnets,
    with_nat,
    with_peer,
    with_transit,
)

WORKERS = {"from": "subnet-w", "security_groups": ["sg-w"]}
BROKER = {"to": "10.0.2.7", "port": 9094}
PEER = {"to": "10.9.1.7", "port": 9094}
OUTSIDE = {"to": "203.0.113.9", "port": 8443}
SOMEWHERE = [permission("192.0.2.0/24", (1, 1))]


def fixed(world: World, *queries: dict[str, Any]) -> Repair:
    return repair((("", world.documents),), queries)


def changes(world: World, *queries: dict[str, Any]) -> list[str]:
    """The changes in words, proved; an empty list where nothing is."""
    done = fixed(world, *queries)
    return [sentence(change) for change in done.changes] if done.proved else []


def closed_group() -> World:
    world = two_subnets()
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = SOMEWHERE
    return world


def closed_both() -> World:
    world = closed_group()
    world.find("SecurityGroups", "sg-w")["IpPermissionsEgress"] = []
    return world


def shared_group() -> World:
    world = closed_group()
    for eni in ("eni-w", "eni-b"):
        world.find("NetworkInterfaces", eni)["Groups"] = [{"GroupId": "sg-b"}]
    return world


def two_groups() -> World:
    world = closed_group()
    world.group("sg-b2", "vpc-a", ingress=[])
    world.eni("eni-other", "subnet-b", "10.0.2.8", groups=("sg-b",))
    world.find("NetworkInterfaces", "eni-b")["Groups"].append({"GroupId": "sg-b2"})
    return world


def acl(name: str, number: int, ports: tuple[int, int], *, egress: bool, cidr: str = "0.0.0.0/0") -> World:
    """A network ACL with a denial of TCP before its rule 100 that allows all."""
    world = two_subnets()
    line = acl_line(number, "deny", cidr, ports, "tcp") | {"Egress": egress}
    world.find("NetworkAcls", name)["Entries"].append(line)
    return world


def closing_acl() -> World:
    world = two_subnets()
    acl_w = world.find("NetworkAcls", "acl-w")
    acl_w["Entries"] = [line for line in acl_w["Entries"] if line["RuleNumber"] != 100 or line["Egress"]]
    return world


def nat_acl() -> World:
    world = with_nat()
    line = acl_line(50, "deny", "0.0.0.0/0", (1024, 40000), "tcp") | {"Egress": False}
    world.find("NetworkAcls", "acl-p")["Entries"].append(line)
    return world


def routes(world: World, table: str, *made: dict[str, Any]) -> World:
    found = world.find("RouteTables", table)
    found["Routes"] = [found["Routes"][0], *made]
    return world


def dead_nat() -> World:
    world = routes(with_nat(), "rtb-w", route("0.0.0.0/0", "nat-gone", "blackhole"))
    world.subnet("subnet-p2", "vpc-a", "10.0.10.0/24", zone="eu-west-1b")
    world.acl("acl-p2", "vpc-a", "subnet-p2")
    world.nat("nat-0", "subnet-p2", "10.0.10.5", "198.51.100.11")
    world.find("RouteTables", "rtb-p")["Associations"].append({"SubnetId": "subnet-p2", "Main": False})
    return world


def failed_nat() -> World:
    world = dead_nat()
    routes(world, "rtb-w", route("0.0.0.0/0", "nat-a"))
    world.find("NatGateways", "nat-a")["State"] = "failed"
    return world


def exact_blackhole() -> World:
    return routes(with_peer(), "rtb-c", route("10.0.1.0/24", "pcx-gone", "blackhole"))


def unasked_peering() -> World:
    world = with_peer()
    world.find("VpcPeeringConnections", "pcx-1")["Status"]["Code"] = "pending-acceptance"
    return world


def with_endpoint() -> World:
    world = routes(with_nat(), "rtb-w")
    world.documents["PrefixLists"]["PrefixLists"] = [
        {"PrefixListId": "pl-s3", "PrefixListName": "com.amazonaws.eu-west-1.s3", "Cidrs": ["52.218.0.0/17"]}
    ]
    world.endpoint("vpce-s3", "vpc-a", "Gateway", RouteTableIds=[])
    return world


def unassociated() -> World:
    world = with_transit()
    del world.find("TransitGatewayAttachments", "tgw-attach-a")["Association"]
    world.find("TransitGatewayRouteTables", "tgw-rtb-1")["TransitGatewayId"] = "tgw-1"
    return world


def without_propagation(attachment: str) -> World:
    world = with_transit()
    listed = world.find("TransitGatewayPropagations", "tgw-rtb-1")
    key = "TransitGatewayRouteTablePropagations"
    listed[key] = [one for one in listed[key] if one["TransitGatewayAttachmentId"] != attachment]
    return world


def other_zone() -> World:
    """The worker's zone is not the attachment's; subnet-ta2 there has the same rules as subnet-ta."""
    world = with_transit()
    world.find("Subnets", "subnet-ta")["AvailabilityZone"] = "eu-west-1b"
    world.subnet("subnet-ta2", "vpc-a", "10.0.7.0/28")
    world.find("NetworkAcls", "acl-ta")["Associations"].append({"SubnetId": "subnet-ta2"})
    return world


def deaf_resolver() -> World:
    world = two_subnets()
    world.add("VpcAttributes", {"VpcId": "vpc-a", "EnableDnsSupport": {"Value": False}})
    return world


FIXED: list[tuple[str, Callable[[], World], dict[str, Any], list[str]]] = [
    ("nothing to fix", two_subnets, BROKER, []),
    (
        "a group names the other group",
        closed_group,
        BROKER,
        ["sg-b: allow TCP 9094 inbound from sg-w"],
    ),
    (
        "both groups name each other",
        closed_both,
        BROKER,
        ["sg-w: allow TCP 9094 outbound to sg-b", "sg-b: allow TCP 9094 inbound from sg-w"],
    ),
    (
        "of two groups the one that fewer hold",
        two_groups,
        BROKER,
        ["sg-b2: allow TCP 9094 inbound from sg-w"],
    ),
    (
        "an ACL's entry before the denial",
        lambda: acl("acl-b", 90, (9000, 9999), egress=False),
        BROKER,
        ["acl-b: rule 80 allows TCP 9094 inbound from 10.0.1.0/24"],
    ),
    (
        "replies to a worker: the ports that Linux gives out",
        lambda: acl("acl-w", 90, (1024, 65535), egress=False),
        BROKER,
        ["acl-w: rule 80 allows TCP 32768-60999 inbound from 10.0.2.7/32"],
    ),
    (
        "replies from the broker's subnet: to the block of the workers' subnet",
        lambda: acl("acl-b", 7, (40000, 40000), egress=True),
        BROKER,
        ["acl-b: rule 5 allows TCP 32768-60999 outbound to 10.0.1.0/24"],
    ),
    (
        "an ACL that allows nothing gets its entry at the end",
        closing_acl,
        BROKER,
        ["acl-w: rule 110 allows TCP 32768-60999 inbound from 10.0.2.7/32"],
    ),
    (
        "replies to a NAT gateway: the ports that it gives out, to its own address",
        nat_acl,
        OUTSIDE,
        [
            "acl-p: rule 40 allows TCP 8443 inbound from 10.0.1.0/24",
            "acl-p: rule 45 allows TCP 1024-65535 inbound from 203.0.113.9/32",
        ],
    ),
    (
        "a route to the NAT gateway of the own zone",
        lambda: routes(dead_nat(), "rtb-w"),
        OUTSIDE,
        ["rtb-w: route 203.0.113.9/32 to nat-a"],
    ),
    (
        "a narrow route beside a wide blackhole",
        dead_nat,
        OUTSIDE,
        ["rtb-w: route 203.0.113.9/32 to nat-a"],
    ),
    (
        "a NAT gateway that failed is gone around, though the other is in another zone",
        failed_nat,
        OUTSIDE,
        ["rtb-w: route 203.0.113.9/32 to nat-0"],
    ),
    (
        "peering: a route there, and one back to the block of the workers' subnet",
        lambda: routes(routes(with_peer(), "rtb-w"), "rtb-c"),
        PEER,
        ["rtb-w: route 10.9.1.7/32 to pcx-1", "rtb-c: route 10.0.1.0/24 to pcx-1"],
    ),
    (
        "a blackhole with this very destination is replaced",
        exact_blackhole,
        PEER,
        ["rtb-c: route 10.0.1.0/24 to pcx-1 instead of pcx-gone"],
    ),
    ("a peering that waits is accepted", unasked_peering, PEER, ["pcx-1: accept the request"]),
    (
        "a gateway endpoint for its service's addresses",
        with_endpoint,
        {"to": "52.218.0.1", "port": 443},
        ["vpce-s3: associate with rtb-w, for pl-s3"],
    ),
    (
        "a transit gateway's association",
        unassociated,
        PEER,
        ["tgw-attach-a: associate with tgw-rtb-1"],
    ),
    (
        "a transit gateway's route there",
        lambda: without_propagation("tgw-attach-c"),
        PEER,
        ["tgw-rtb-1: static route 10.9.1.7/32 to tgw-attach-c"],
    ),
    (
        "a transit gateway's route back",
        lambda: without_propagation("tgw-attach-a"),
        PEER,
        ["tgw-rtb-1: static route 10.0.1.0/24 to tgw-attach-a"],
    ),
    (
        "an attachment's missing zone",
        other_zone,
        PEER,
        ["tgw-attach-a: add subnet-ta2"],
    ),
    (
        "a VPC's own resolver",
        deaf_resolver,
        {"to": "10.0.0.2", "port": 53, "protocol": "udp"},
        ["vpc-a: turn on DNS support (enableDnsSupport)"],
    ),
    (
        "ICMP by its type",
        closed_group,
        {"to": "10.0.2.7", "protocol": "icmp"},
        ["sg-b: allow ICMP type 8 code 0 inbound from sg-w"],
    ),
]


@pytest.mark.parametrize(
    ("world", "to", "expected"), [row[1:] for row in FIXED], ids=[row[0] for row in FIXED]
)
def test_each_is_fixed_by_the_narrowest_change(
    world: Callable[[], World], to: dict[str, Any], expected: list[str]
) -> None:
    assert changes(world(), WORKERS | to) == expected


def test_an_interface_is_named_by_its_address_where_its_group_is_lost() -> None:
    world = with_transit()  # no security group referencing
    world.find("SecurityGroups", "sg-c")["IpPermissions"] = SOMEWHERE
    assert changes(world, {"from": "eni-w"} | PEER) == ["sg-c: allow TCP 9094 inbound from 10.0.1.10/32"]
    assert changes(world, WORKERS | PEER) == ["sg-c: allow TCP 9094 inbound from 10.0.1.0/24"]


def test_a_group_that_both_ends_hold_names_itself() -> None:
    world = shared_group()
    assert changes(world, {"from": "eni-w"} | BROKER) == ["sg-b: allow TCP 9094 inbound from sg-b"]


def test_what_one_question_needs_serves_the_next() -> None:
    world = closed_group()
    world.eni("eni-b2", "subnet-b", "10.0.2.8", groups=("sg-b",))
    done = fixed(world, WORKERS | BROKER, WORKERS | {"to": "10.0.2.8", "port": 9094})
    assert [sentence(change) for change in done.changes] == ["sg-b: allow TCP 9094 inbound from sg-w"]
    assert all(one.proved and one.needed == done.changes for one in done.questions)


def peer_by_nat() -> World:
    """The workers' table leads all to a public NAT gateway; the other VPC is peered."""
    world = with_peer()
    world.eni("eni-c2", "subnet-c", "10.9.1.8", groups=("sg-c",))
    world.subnet("subnet-p", "vpc-a", "10.0.9.0/24")
    world.acl("acl-p", "vpc-a", "subnet-p")
    world.table("rtb-p", "vpc-a", [route("10.0.0.0/16", "local"), route("0.0.0.0/0", "igw-a")], "subnet-p")
    world.igw("igw-a", "vpc-a")
    world.nat("nat-a", "subnet-p", "10.0.9.5", "198.51.100.5")
    return routes(world, "rtb-w", route("0.0.0.0/0", "nat-a"))


def test_who_is_led_astray_through_a_nat_gateway_gets_a_route_in_the_own_table() -> None:
    assert changes(peer_by_nat(), WORKERS | PEER) == ["rtb-w: route 10.9.1.7/32 to pcx-1"]


def test_a_change_that_another_makes_needless_is_left_out() -> None:
    """The ACL of the NAT gateway's subnet is in the way only as long as the way leads there."""
    world = peer_by_nat()
    world.find("NetworkAcls", "acl-p")["Entries"].append(
        acl_line(50, "deny", "10.0.0.0/8") | {"Egress": False}
    )
    done = fixed(world, WORKERS | PEER)
    assert done.proved and [sentence(one) for one in done.changes] == ["rtb-w: route 10.9.1.7/32 to pcx-1"]


def test_several_addresses_of_another_vpc_are_one_route_for_its_block() -> None:
    both = (WORKERS | PEER, WORKERS | {"to": "10.9.1.8", "port": 9094})
    done = fixed(peer_by_nat(), *both)
    assert done.proved and [sentence(one) for one in done.changes] == ["rtb-w: route 10.9.0.0/16 to pcx-1"]
    assert done.changes == done.questions[0].needed == done.questions[1].needed


def test_the_dead_route_for_the_block_is_replaced_where_several_addresses_need_it() -> None:
    world = routes(peer_by_nat(), "rtb-w", route("10.9.0.0/16", "pcx-gone", "blackhole"))
    told = changes(world, WORKERS | PEER, WORKERS | {"to": "10.9.1.8", "port": 9094})
    assert told == ["rtb-w: route 10.9.0.0/16 to pcx-1 instead of pcx-gone"]


@pytest.mark.parametrize(
    "kept",
    [
        route("10.9.2.0/24", "nat-a"),
        route("10.9.128.0/17", "pcx-2"),
    ],
    ids=["a NAT gateway that leads there", "another peering"],
)
def test_no_route_for_a_block_takes_others_another_way(kept: dict[str, Any]) -> None:
    world = peer_by_nat()
    if "NatGatewayId" in kept:
        world.find("RouteTables", "rtb-p")["Routes"].append(route("10.9.2.0/24", "pcx-1"))
    world.find("RouteTables", "rtb-w")["Routes"].append(kept)
    told = changes(world, WORKERS | PEER, WORKERS | {"to": "10.9.1.8", "port": 9094})
    assert told == ["rtb-w: route 10.9.1.7/32 to pcx-1", "rtb-w: route 10.9.1.8/32 to pcx-1"]


def other_vpc_without_a_way() -> World:
    world = with_peer()
    world.documents["VpcPeeringConnections"]["VpcPeeringConnections"] = []
    return routes(world, "rtb-w")


def public_subnet() -> World:
    """The workers' subnet leads straight to the internet gateway, and there is no NAT gateway."""
    world = routes(with_nat(), "rtb-w", route("0.0.0.0/0", "igw-a"))
    world.documents["NatGateways"]["NatGateways"] = []
    return world


def full_acl() -> World:
    return acl("acl-b", 1, (9094, 9094), egress=False)


def unknown_acl() -> World:
    return closed_group().without("NetworkAcls")


LAME: list[tuple[str, Callable[[], World], dict[str, Any], str]] = [
    (
        "nothing has that address",
        closed_group,
        {"to": "10.0.2.99", "port": 9094},
        "has the address 10.0.2.99",
    ),
    ("nothing joins the VPCs", other_vpc_without_a_way, PEER, "has no route to 10.9.1.7"),
    ("no public address and no NAT gateway", public_subnet, OUTSIDE, "has none"),
    ("no number before rule 1", full_acl, BROKER, "rule 1 |"),
    ("what is not known stays so", unknown_acl, BROKER, "NetworkAcls"),
]


@pytest.mark.parametrize(("world", "to", "left"), [row[1:] for row in LAME], ids=[row[0] for row in LAME])
def test_what_no_narrow_change_fixes_is_said_and_nothing_is_proved(
    world: Callable[[], World], to: dict[str, Any], left: str
) -> None:
    done = fixed(world(), WORKERS | to)
    assert not done.changes and not done.proved
    told = as_json(done)
    assert told is not None and told["proved"] is False
    assert left in str(told["left"])


def test_a_rule_is_offered_though_more_stops_the_traffic_and_is_not_called_proved() -> None:
    world = other_vpc_without_a_way()
    world.find("SecurityGroups", "sg-c")["IpPermissions"] = SOMEWHERE
    told = as_json(fixed(world, WORKERS | PEER))
    assert told is not None and told["proved"] is False
    assert [one["text"] for one in told["changes"]] == ["sg-c: allow TCP 9094 inbound from sg-w"]  # type: ignore[attr-defined]
    assert "has no route to 10.9.1.7" in str(told["left"])


def test_another_subnet_that_works_is_named_where_no_narrow_change_does() -> None:
    world = public_subnet()
    world.documents["NatGateways"]["NatGateways"] = with_nat().documents["NatGateways"]["NatGateways"]
    world.table("rtb-b", "vpc-a", [route("10.0.0.0/16", "local"), route("0.0.0.0/0", "nat-a")], "subnet-b")
    world.find("NetworkAcls", "acl-w")["Entries"].append(
        acl_line(1, "deny", "203.0.113.0/24", (8443, 8443), "tcp") | {"Egress": True}
    )
    told = as_json(fixed(world, WORKERS | OUTSIDE))
    assert told is not None
    assert "recreate the connector in subnet-b" in str(told["notes"])


def test_who_leaves_by_the_internet_gateway_is_not_taken_another_way() -> None:
    """A route to the NAT gateway in a table that a host with a public address uses would be its own too."""
    world = public_subnet()
    world.documents["NatGateways"]["NatGateways"] = with_nat().documents["NatGateways"]["NatGateways"]
    assert changes(world, WORKERS | OUTSIDE) == ["rtb-w: route 203.0.113.9/32 to nat-a"]
    association = {"Association": {"PublicIp": "198.51.100.77"}}
    eni = world.find("NetworkInterfaces", "eni-w")
    eni |= association
    eni["PrivateIpAddresses"][0] |= association
    assert changes(world, WORKERS | OUTSIDE) == []


def test_a_repair_leaves_what_it_was_given_as_it_was() -> None:
    world = closed_both()
    before = copy.deepcopy(world.documents)
    done = fixed(world, WORKERS | BROKER)
    assert done.proved and world.documents == before
    assert done.parts[0][1]["SecurityGroups"] != before["SecurityGroups"]
    assert done.parts[0][1]["Subnets"] is world.documents["Subnets"]


def test_no_time_left_proves_nothing() -> None:
    world = closed_both()
    done = repair((("", world.documents),), [WORKERS | BROKER], lambda: True)
    assert not done.proved and not done.changes and not done.offered


def test_two_accounts_of_one_region_are_read_as_they_are_and_both_are_changed() -> None:
    world = closed_group()
    done = repair((("eu-west-1", world.documents), ("eu-west-1", world.documents)), [WORKERS | BROKER])
    assert done.proved
    assert done.parts[0][1]["SecurityGroups"] == done.parts[1][1]["SecurityGroups"]


@pytest.mark.parametrize(
    ("taken", "before", "expected"),
    [
        ({100, 32767}, 32767, 110),
        ({32767}, 32767, 10),
        ({100, 90}, 90, 80),
        ({100, 7}, 7, 5),
        ({100, 3}, 3, 2),
        ({80, 81, 82}, 82, 79),
        ({1}, 1, None),
        ({1, 2, 3}, 3, None),
        ({32760, 32767}, 32767, 32765),
    ],
)
def test_a_rule_number_is_free_before_the_denial_and_round(
    taken: set[int], before: int, expected: int | None
) -> None:
    assert free_number(taken, before) == expected


def test_quotas_are_told_of() -> None:
    world = acl("acl-b", 90, (9094, 9094), egress=False)
    entries = world.find("NetworkAcls", "acl-b")["Entries"]
    entries += [acl_line(200 + n, "allow", "0.0.0.0/0") | {"Egress": False} for n in range(16)]
    told = as_json(fixed(world, WORKERS | BROKER))
    assert told is not None
    assert "acl-b would have 22 rules in this direction" in str(told["notes"])


def test_a_peering_is_accepted_in_the_region_of_who_was_asked() -> None:
    world = unasked_peering()
    world.find("VpcPeeringConnections", "pcx-1")["AccepterVpcInfo"]["Region"] = "us-east-1"
    told = as_json(repair((("eu-west-1", world.documents),), [WORKERS | PEER]))
    assert told is not None
    assert told["changes"][0]["awscli"].endswith("--region us-east-1")  # type: ignore[index]


def test_the_account_of_each_change_is_told_where_there_are_several() -> None:
    world = with_peer()
    world.find("SecurityGroups", "sg-c")["IpPermissions"] = SOMEWHERE
    alone = as_json(fixed(world, WORKERS | PEER))
    world.find("Vpcs", "vpc-c")["OwnerId"] = "222222222222"
    world.find("SecurityGroups", "sg-c")["OwnerId"] = "222222222222"
    told = as_json(fixed(world, WORKERS | PEER))
    assert alone is not None and told is not None
    assert "account" not in str(alone["notes"])
    assert "its account: sg-c belongs to 222222222222." in str(told["notes"])


def test_a_vpcs_own_ipv6_address_is_not_one_of_many_behind_a_name() -> None:
    """It looks public, but nobody should open the group to all of the internet for it."""
    world = two_subnets()
    block = {"Ipv6CidrBlock": "2600:1f18::/56", "Ipv6CidrBlockState": {"State": "associated"}}
    world.find("Vpcs", "vpc-a")["Ipv6CidrBlockAssociationSet"] = [block]
    for name, part in (("subnet-w", "2600:1f18:0:1::/64"), ("subnet-b", "2600:1f18:0:2::/64")):
        found = block | {"Ipv6CidrBlock": part}
        world.find("Subnets", name)["Ipv6CidrBlockAssociationSet"] = [found]
    world.find("RouteTables", "rtb-a")["Routes"].append(route("2600:1f18::/56", "local"))
    world.find("NetworkInterfaces", "eni-b")["Ipv6Addresses"] = [{"Ipv6Address": "2600:1f18:0:2::7"}]
    acl_w = world.find("NetworkAcls", "acl-w")
    acl_w["Entries"] = [e for e in acl_w["Entries"] if e.get("Ipv6CidrBlock") is None or not e["Egress"]]
    acl_w["Entries"].append(acl_line(32768, "deny", "::/0") | {"Egress": True})
    told = as_json(fixed(world, WORKERS | {"to": "2600:1f18:0:2::7", "port": 9094}))
    assert told is not None and told["proved"]
    assert "outbound to 2600:1f18:0:2::7/128" in str(told["changes"])
    assert "::/0" not in str(told["notes"])


def save(folder: Path, world: World) -> str:
    for stem, document in world.documents.items():
        (folder / f"{stem}.json").write_text(json.dumps(document))
    return str(folder)


def test_the_command_prints_the_fix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["path", "--snapshot", save(tmp_path, closed_group()), "--from", "eni-w", "--fix"]
    assert main([*arguments, "--to", "10.0.2.7:9094"]) == 1
    shown = capsys.readouterr().out
    for words in (
        "verified on a copy of the configuration",
        "sg-b: allow TCP 9094 inbound from sg-w",
        "aws ec2 authorize-security-group-ingress --group-id sg-b",
        'resource "aws_vpc_security_group_ingress_rule" "netcheck_1" {',
        "aws ec2 revoke-security-group-ingress --group-id sg-b",
        "--region eu-west-1",
    ):
        assert words in shown, shown
    assert main([*arguments, "--to", "10.0.2.99:9094"]) == 1
    assert "no narrow change fixes this" in capsys.readouterr().out


def test_control_characters_in_ids_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = closed_group()
    text = json.dumps(world.documents).replace("sg-b", "sg-\\u001b[2J\\u202e\\u2028")
    world.documents = json.loads(text)
    flow = ["--from", "eni-w", "--to", "10.0.2.7:9094"]
    main(["path", "--snapshot", save(tmp_path, world), *flow, "--fix"])
    shown = capsys.readouterr().out
    assert "sg-\\x1b[2J??: allow TCP 9094" in shown
    assert not {"\x1b", "\u202e", "\u2028"} & set(shown)


def test_the_command_in_json_adds_one_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["path", "--snapshot", save(tmp_path, closed_group()), "--from", "eni-w", "--format", "json"]
    assert main([*arguments, "--to", "10.0.2.7:9094"]) == 1
    plain = json.loads(capsys.readouterr().out)
    assert main([*arguments, "--to", "10.0.2.7:9094", "--fix"]) == 1
    fixed = json.loads(capsys.readouterr().out)
    fix = fixed.pop("fix")
    assert fixed == plain and fix["proved"] is True and len(fix["changes"]) == 1
    assert main([*arguments, "--to", "10.0.2.7:22", "--fix"]) == 1
    assert main(["path", "--snapshot", str(tmp_path), "--flows", "-", "--fix"]) == 2


def test_what_passes_needs_no_fix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["path", "--snapshot", save(tmp_path, two_subnets()), "--from", "eni-w", "--fix"]
    assert main([*arguments, "--to", "10.0.2.7:9094"]) == 0
    assert "fix" not in capsys.readouterr().out
    assert main([*arguments, "--to", "10.0.2.7:9094", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["fix"] is None

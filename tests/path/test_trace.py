"""What the engine says of whole networks: both legs, sets, all blockers, and what it does not know."""

from __future__ import annotations

from typing import Any

import pytest

from netcheck.aws.ec2.addresses import parse_address
from netcheck.aws.ec2.entities import TCP
from netcheck.core.evidence import Reachability
from netcheck.path.flows import EPHEMERAL
from netcheck.path.query import answer
from netcheck.path.trace import Destination, from_interface, from_subnet, trace
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

OUTSIDE = "203.0.113.9"
WORKERS: dict[str, Any] = {"security_groups": ["sg-w"]}


def codes(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(b["code"], b["component"], b["leg"]) for b in found["blocked_by"]]


def acl(world: World, name: str, egress: bool, *lines: dict[str, Any]) -> None:
    """Replace one direction of an ACL; the closing rules stay."""
    found = world.find("NetworkAcls", name)
    kept = [e for e in found["Entries"] if e["Egress"] is not egress or e["RuleNumber"] >= 32767]
    found["Entries"] = kept + [line | {"Egress": egress} for line in lines]


# Both legs


def test_an_open_network_is_reachable_forth_and_back_through_these_components() -> None:
    found = two_subnets().ask("eni-w", "10.0.2.7")
    assert found == {
        "id": "q", "source": "eni-w", "destination": "10.0.2.7", "port": 9094, "protocol": "tcp",
        "verdict": "reachable", "blocked_by": [],
        "hops": {
            "forward": ["eni-w", "sg-w", "acl-w", "rtb-a", "acl-b", "sg-b", "eni-b"],
            "return": ["eni-b", "acl-b", "rtb-a", "acl-w", "eni-w"],
        },
        "gaps": [], "assumptions": [],
    }  # fmt: skip


def test_the_reply_is_checked_by_both_acls_and_only_by_them() -> None:
    world = two_subnets()
    acl(world, "acl-w", False, acl_line(10, "deny", "10.0.2.0/24"))
    acl(world, "acl-b", True, acl_line(10, "deny", "10.0.1.0/24"))
    world.find("SecurityGroups", "sg-w")["IpPermissions"] = []
    world.find("SecurityGroups", "sg-b")["IpPermissionsEgress"] = []
    found = world.ask("eni-w", "10.0.2.7")
    assert codes(found) == [
        ("SUBNET_ACL_RESTRICTION", "acl-b", "return"), ("SUBNET_ACL_RESTRICTION", "acl-w", "return"),
    ]  # fmt: skip
    assert [(b["direction"], b["rule"]) for b in found["blocked_by"]] == [("egress", 10), ("ingress", 10)]


def test_inside_one_subnet_no_acl_and_no_route_applies() -> None:
    world = two_subnets()
    world.eni("eni-w2", "subnet-w", "10.0.1.11", groups=("sg-w",))
    acl(world, "acl-w", True)
    acl(world, "acl-w", False)
    found = world.ask("eni-w", "10.0.1.11")
    assert found["verdict"] == "reachable"
    assert found["hops"]["forward"] == ["eni-w", "sg-w", "sg-w", "eni-w2"]


def test_the_return_route_of_a_peering_may_be_missing() -> None:
    world = with_peer()
    world.find("RouteTables", "rtb-c")["Routes"].pop()
    assert codes(world.ask("eni-w", "10.9.1.7")) == [("NO_ROUTE_TO_DESTINATION", "rtb-c", "return")]


def test_a_return_route_that_covers_half_the_workers_makes_it_work_sometimes() -> None:
    world = with_peer()
    world.find("RouteTables", "rtb-c")["Routes"][1] = route("10.0.1.0/25", "pcx-1")
    found = world.ask("subnet-w", "10.9.1.7", **WORKERS)
    assert found["verdict"] == "partial"
    assert found["passing"] == [{
        "source_addresses": ["10.0.1.4/30", "10.0.1.8/29", "10.0.1.16/28", "10.0.1.32/27", "10.0.1.64/26"],
        "source_ports": [[32768, 60999]],
    }]  # fmt: skip


def test_a_reply_that_a_nat_gateway_would_swallow_does_not_come_back() -> None:
    world = with_peer()
    world.igw("igw-c", "vpc-c")
    world.subnet("subnet-cp", "vpc-c", "10.9.9.0/24")
    world.acl("acl-cp", "vpc-c", "subnet-cp")
    world.nat("nat-c", "subnet-cp", "10.9.9.5", "198.51.100.99")
    routes = [route("10.9.0.0/16", "local"), route("0.0.0.0/0", "nat-c")]
    world.table("rtb-c1", "vpc-c", routes, "subnet-c")
    found = world.ask("eni-w", "10.9.1.7")
    assert found["verdict"] == "blocked"
    assert codes(found) == [("NGW_SOURCE_ADDRESS_REASSIGN", "nat-c", "return")]


# All blockers


def test_every_blocker_is_named_and_none_twice() -> None:
    world = two_subnets()
    world.find("SecurityGroups", "sg-w")["IpPermissionsEgress"] = []
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = [permission("10.0.9.0/24", (1, 2))]
    world.group("sg-b2", "vpc-a", ingress=[permission("10.0.9.0/24", (1, 2))])
    world.find("NetworkInterfaces", "eni-b")["Groups"].append({"GroupId": "sg-b2"})
    for name in ("acl-w", "acl-b"):
        for egress in (True, False):
            acl(world, name, egress)
    assert codes(world.ask("eni-w", "10.0.2.7")) == [
        ("SG_HAS_NO_RULES", "sg-w", "forward"),
        ("SUBNET_ACL_RESTRICTION", "acl-w", "forward"),
        ("SUBNET_ACL_RESTRICTION", "acl-b", "forward"),
        ("ENI_SG_RULES_MISMATCH", "sg-b", "forward"),
        ("ENI_SG_RULES_MISMATCH", "sg-b2", "forward"),
        ("SUBNET_ACL_RESTRICTION", "acl-b", "return"),
        ("SUBNET_ACL_RESTRICTION", "acl-w", "return"),
    ]


def test_where_the_way_ends_what_the_destination_refuses_is_named_too() -> None:
    world = with_peer()
    world.find("RouteTables", "rtb-w")["Routes"].pop()
    world.find("RouteTables", "rtb-c")["Routes"].pop()
    acl(world, "acl-c", False)
    world.find("SecurityGroups", "sg-c")["IpPermissions"] = []
    found = world.ask("eni-w", "eni-c")
    assert codes(found) == [
        ("NO_ROUTE_TO_DESTINATION", "rtb-w", "forward"),
        ("SUBNET_ACL_RESTRICTION", "acl-c", "forward"),
        ("SG_HAS_NO_RULES", "sg-c", "forward"),
        ("NO_ROUTE_TO_DESTINATION", "rtb-c", "return"),
    ]
    assert found["hops"]["forward"] == ["eni-w", "sg-w", "acl-w", "rtb-w"]


def test_the_rule_that_decides_is_printed_as_the_console_prints_it() -> None:
    world = two_subnets()
    acl(
        world, "acl-b", False,
        acl_line(200, "allow", "0.0.0.0/0"), acl_line(100, "deny", "10.0.0.0/16", (9094, 9094), "tcp"),
    )  # fmt: skip
    (blocker,) = world.ask("eni-w", "10.0.2.7")["blocked_by"]
    assert blocker["rule"] == 100
    assert "100 | TCP | 9094 | 10.0.0.0/16 | DENY" in blocker["text"]
    acl(world, "acl-b", False)
    (blocker,) = world.ask("eni-w", "10.0.2.7")["blocked_by"]
    assert blocker["rule"] == 32767
    assert "* | All | All | 0.0.0.0/0 | DENY" in blocker["text"]


# Sets


def test_an_acl_that_lets_half_of_the_ephemeral_ports_back_in_is_partial_and_exact() -> None:
    world = two_subnets()
    acl(
        world, "acl-w", False,
        acl_line(90, "deny", "10.0.2.0/24", (40000, 49999), "tcp"),
        acl_line(100, "allow", "10.0.0.0/16", (1024, 50999), "tcp"),
    )  # fmt: skip
    found = world.ask("subnet-w", "10.0.2.7", **WORKERS)
    assert found["verdict"] == "partial"
    (passing,) = found["passing"]
    assert passing["source_ports"] == [[32768, 39999], [50000, 50999]]
    assert world.ask("eni-w", "10.0.2.7", source_port=40000)["verdict"] == "blocked"
    assert world.ask("eni-w", "10.0.2.7", source_port="50000-50999")["verdict"] == "reachable"


@pytest.mark.parametrize(("denied", "ports"), [((30000, 34999), "32768-34999"), ((40000, 40000), "40000")])
def test_a_reply_that_an_acl_denies_is_described_by_all_of_its_ports(
    denied: tuple[int, int], ports: str
) -> None:
    world = two_subnets()
    lines = (acl_line(90, "deny", "10.0.2.0/24", denied, "tcp"), acl_line(100, "allow", "0.0.0.0/0"))
    acl(world, "acl-w", False, *lines)
    (blocker,) = world.ask("eni-w", "10.0.2.7")["blocked_by"]
    assert f"to 10.0.1.10 port {ports} enter" in blocker["text"]


def test_addresses_and_ports_that_pass_are_told_as_rectangles() -> None:
    world = two_subnets()
    acl(
        world, "acl-b", True,
        acl_line(100, "allow", "10.0.1.0/25"),
        acl_line(110, "allow", "10.0.1.128/25", (60000, 65535), "tcp"),
    )  # fmt: skip
    found = world.ask("subnet-w", "10.0.2.7", **WORKERS)
    assert found["verdict"] == "partial"
    assert [(len(p["source_addresses"]), p["source_ports"]) for p in found["passing"]] == [
        (5, [[32768, 60999]]), (7, [[60000, 60999]]),
    ]  # fmt: skip


def test_reserved_addresses_of_a_subnet_are_nobodys() -> None:
    world = two_subnets()
    acl(
        world, "acl-b", False,
        acl_line(10, "deny", "10.0.1.0/30"), acl_line(20, "deny", "10.0.1.255/32"),
        acl_line(100, "allow", "0.0.0.0/0"),
    )  # fmt: skip
    assert world.ask("subnet-w", "10.0.2.7", **WORKERS)["verdict"] == "reachable"
    assert "reserved by AWS" in world.ask("10.0.1.3", "10.0.2.7", **WORKERS)["error"]


def test_two_filters_that_leave_nothing_in_common_block_everything() -> None:
    world = two_subnets()
    acl(world, "acl-w", False, acl_line(100, "allow", "0.0.0.0/0", (32768, 45000), "tcp"))
    acl(world, "acl-b", True, acl_line(100, "allow", "0.0.0.0/0", (45001, 65535), "tcp"))
    assert world.ask("eni-w", "10.0.2.7")["verdict"] == "blocked"


def test_a_set_answer_is_the_union_of_the_single_answers() -> None:
    world = two_subnets()
    acl(
        world, "acl-b", False,
        acl_line(10, "deny", "10.0.1.16/29"), acl_line(100, "allow", "10.0.1.0/26"),
    )  # fmt: skip
    acl(world, "acl-w", False, acl_line(100, "allow", "10.0.2.0/24", (33000, 33003), "tcp"))
    snapshot = world.snapshot()
    destination = Destination.parse("10.0.2.7")
    whole = trace(
        snapshot, from_subnet(snapshot, "subnet-w", ["sg-w"]), destination, TCP, 9094, [(32999, 33005)]
    )
    passing = {
        (a, p) for x, y, low, high in whole.passing for a in range(x, y + 1) for p in range(low, high + 1)
    }
    base = parse_address("10.0.1.0")[1]
    for number in range(base + 4, base + 255, 5):
        for port in range(32999, 33006):
            question = {
                "id": 1, "from": f"10.0.1.{number - base}", "to": "10.0.2.7", "port": 9094,
                "source_port": port,
            }  # fmt: skip
            if number != base + 10:  # that one is eni-w, which has groups of its own
                question["security_groups"] = ["sg-w"]
            single = answer(question, snapshot)["verdict"]
            assert single == ("reachable" if (number, port) in passing else "blocked"), question


# NAT


def test_behind_a_nat_gateway_its_own_acl_applies_both_ways_and_its_ports_are_its_own() -> None:
    world = with_nat()
    acl(
        world, "acl-p", False,
        acl_line(100, "allow", "10.0.0.0/16"),
        acl_line(110, "allow", "0.0.0.0/0", (32768, 60999), "tcp"),
    )  # fmt: skip
    found = world.ask("subnet-w", OUTSIDE, 443, **WORKERS)
    assert found["verdict"] == "partial"
    (passing,) = found["passing"]
    assert passing["source_ports"] == [[32768, 60999]]
    assert passing["translated"] == [{
        "component": "nat-a",
        "passing": [{"source_addresses": ["10.0.9.5/32"], "source_ports": [[32768, 60999]]}],
    }]  # fmt: skip
    assert found["blocked_by"][0]["explanations"][0]["code"] == "REMAP_EPHEMERAL_PORT"


def test_a_broker_sees_the_nat_gateways_address_when_traffic_is_translated() -> None:
    world = with_nat()
    world.find("RouteTables", "rtb-w")["Routes"].append(route("10.0.2.0/24", "nat-a"))
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = [permission("10.0.9.5/32", (9094, 9094))]
    assert world.ask("eni-w", "10.0.2.7")["verdict"] == "reachable"
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = [permission("10.0.1.0/24", (9094, 9094))]
    assert codes(world.ask("eni-w", "10.0.2.7")) == [("ENI_SG_RULES_MISMATCH", "sg-b", "forward")]


def test_a_private_nat_gateway_reaches_over_a_peering() -> None:
    world = with_peer()
    world.subnet("subnet-n", "vpc-a", "10.0.9.0/24")
    world.acl("acl-n", "vpc-a", "subnet-n")
    world.nat("nat-p", "subnet-n", "10.0.9.5", "")
    routes = [route("10.0.0.0/16", "local"), route("10.9.0.0/16", "pcx-1")]
    world.table("rtb-n", "vpc-a", routes, "subnet-n")
    world.find("RouteTables", "rtb-w")["Routes"][1] = route("10.9.0.0/16", "nat-p")
    world.find("SecurityGroups", "sg-c")["IpPermissions"] = [permission("10.0.9.5/32", (9094, 9094))]
    found = world.ask("eni-w", "10.9.1.7")
    assert found["verdict"] == "reachable"
    assert found["hops"]["return"] == [
        "eni-c",
        "acl-c",
        "rtb-c",
        "pcx-1",
        "acl-n",
        "nat-p",
        "acl-n",
        "rtb-n",
        "acl-w",
        "eni-w",
    ]


def test_a_nat_gateway_whose_subnet_has_no_route_out_is_blamed_by_its_route_table() -> None:
    world = with_nat()
    world.find("RouteTables", "rtb-p")["Routes"].pop()
    assert codes(world.ask("eni-w", OUTSIDE, 443)) == [("NO_ROUTE_TO_DESTINATION", "rtb-p", "forward")]


def regional() -> World:
    world = with_nat()
    nat = world.find("NatGateways", "nat-a")
    del nat["SubnetId"]
    nat |= {
        "AvailabilityMode": "regional", "AutoProvisionZones": "enabled",
        "NatGatewayAddresses": [
            {"PublicIp": "198.51.100.10", "AvailabilityZone": "eu-west-1b", "Status": "succeeded"}
        ],
    }  # fmt: skip
    return world


def test_a_regional_nat_gateway_needs_no_public_subnet_and_serves_new_zones_from_old_ones() -> None:
    found = regional().ask("eni-w", OUTSIDE, 443)
    assert found["verdict"] == "reachable"
    assert found["hops"]["forward"] == ["eni-w", "sg-w", "acl-w", "rtb-w", "nat-a", "igw-a"]
    assert "eu-west-1a" in found["assumptions"][0]


def test_a_regional_nat_gateway_uses_its_own_route_table() -> None:
    world = regional()
    world.find("NatGateways", "nat-a")["RouteTableId"] = "rtb-nat"
    world.table("rtb-nat", "vpc-a", [route("10.0.0.0/16", "local")])
    assert codes(world.ask("eni-w", OUTSIDE, 443)) == [("NO_ROUTE_TO_DESTINATION", "rtb-nat", "forward")]


@pytest.mark.parametrize("protocol", ["50", "47"])
def test_a_nat_gateway_carries_no_other_protocols(protocol: str) -> None:
    found = with_nat().ask("eni-w", OUTSIDE, None, protocol=protocol)
    assert codes(found) == [("PROTOCOL_RESTRICTION", "nat-a", "forward")]


def with_nat_and_ipv6() -> World:
    world = with_nat()
    world.find("Vpcs", "vpc-a")["Ipv6CidrBlockAssociationSet"] = [{"Ipv6CidrBlock": "2001:db8:a::/56"}]
    world.find("Subnets", "subnet-w")["Ipv6CidrBlockAssociationSet"] = [
        {"Ipv6CidrBlock": "2001:db8:a:1::/64"}
    ]
    world.find("NetworkInterfaces", "eni-w")["Ipv6Addresses"] = [{"Ipv6Address": "2001:db8:a:1::10"}]
    world.find("RouteTables", "rtb-w")["Routes"].append(route("::/0", "nat-a"))
    return world


def test_a_nat_gateway_carries_no_plain_ipv6() -> None:
    found = with_nat_and_ipv6().ask("eni-w", "2600:1f00::5", 443)
    assert found["verdict"] == "blocked"
    assert codes(found) == [("PROTOCOL_RESTRICTION", "nat-a", "forward")]


def test_what_a_nat_gateway_translates_from_ipv6_to_ipv4_is_unknown() -> None:
    found = with_nat_and_ipv6().ask("eni-w", "64:ff9b::c633:6409", 443)
    assert found["verdict"] == "unknown"
    assert [(gap["code"], gap["component"]) for gap in found["gaps"]] == [("UNSUPPORTED_COMPONENT", "nat-a")]


@pytest.mark.parametrize("missing", ["every address", "the public address of one"])
def test_an_available_nat_gateway_without_its_addresses_is_unknown(missing: str) -> None:
    world = with_nat()
    addresses = world.find("NatGateways", "nat-a")["NatGatewayAddresses"]
    if missing == "every address":
        addresses.clear()
    else:
        addresses.append({"PrivateIp": "10.0.9.6", "NetworkInterfaceId": "eni-nat-a", "Status": "succeeded"})
    found = world.ask("eni-w", OUTSIDE, 443)
    assert found["verdict"] == "unknown"
    assert [gap["action"] for gap in found["gaps"]] == ["ec2:DescribeNatGateways"]


def test_a_zonal_nat_gateway_serves_every_zone() -> None:
    world = with_nat()
    world.find("NatGateways", "nat-a")["NatGatewayAddresses"][0]["AvailabilityZone"] = "eu-west-1b"
    found = world.ask("eni-w", OUTSIDE, 443)
    assert found["verdict"] == "reachable"
    assert not [text for text in found["assumptions"] if "nat-a" in text]


def test_a_regional_nat_gateway_that_lists_no_zones_is_not_said_to_lack_one() -> None:
    world = regional()
    nat = world.find("NatGateways", "nat-a")
    del nat["NatGatewayAddresses"][0]["AvailabilityZone"]
    for provisions in ("enabled", "disabled"):
        nat["AutoProvisionZones"] = provisions
        found = world.ask("eni-w", OUTSIDE, 443)
        assert found["verdict"] == "reachable"
        assert not [text for text in found["assumptions"] if "nat-a" in text]


# The internet


def test_an_interface_with_a_public_address_needs_no_nat_gateway() -> None:
    world = with_nat()
    world.eni("eni-pub", "subnet-p", "10.0.9.20", groups=("sg-w",), public="198.51.100.20")
    assert world.ask("eni-pub", OUTSIDE, 443)["verdict"] == "reachable"


def test_only_the_addresses_with_a_public_one_pass_the_gateway() -> None:
    world = with_nat()
    world.eni("eni-pub", "subnet-p", "10.0.9.20", "10.0.9.21", groups=("sg-w",), public="198.51.100.20")
    found = world.ask("eni-pub", OUTSIDE, 443)
    assert found["verdict"] == "partial"
    assert found["passing"][0]["source_addresses"] == ["10.0.9.20/32"]


def public_broker() -> World:
    world = with_nat()
    world.vpc("vpc-c", "10.9.0.0/16")
    world.subnet("subnet-c", "vpc-c", "10.9.1.0/24")
    world.acl("acl-c", "vpc-c", "subnet-c")
    world.group("sg-c", "vpc-c", ingress=[permission("198.51.100.10/32", (9194, 9194))])
    world.igw("igw-c", "vpc-c")
    routes = [route("10.9.0.0/16", "local"), route("0.0.0.0/0", "igw-c")]
    world.table("rtb-c", "vpc-c", routes, main=True)
    world.eni("eni-c", "subnet-c", "10.9.1.7", groups=("sg-c",), public="198.51.100.77")
    return world


def test_a_public_broker_in_the_snapshot_is_judged_behind_its_own_gateway() -> None:
    found = public_broker().ask("eni-w", "198.51.100.77", 9194)
    assert found["verdict"] == "reachable", found
    assert found["hops"]["forward"][-5:] == ["igw-a", "igw-c", "acl-c", "sg-c", "eni-c"]


def test_a_public_broker_sees_the_public_address_of_the_nat_gateway() -> None:
    world = public_broker()
    world.find("SecurityGroups", "sg-c")["IpPermissions"] = [permission("10.0.9.5/32", (9194, 9194))]
    assert codes(world.ask("eni-w", "198.51.100.77", 9194)) == [("ENI_SG_RULES_MISMATCH", "sg-c", "forward")]


def test_a_public_broker_whose_acl_keeps_some_nat_ports_out_works_sometimes() -> None:
    world = public_broker()
    acl(world, "acl-c", True, acl_line(100, "allow", "198.51.100.10/32", (1024, 30000), "tcp"))
    found = world.ask("eni-w", "198.51.100.77", 9194)
    assert found["verdict"] == "partial"
    assert found["passing"][0]["translated"][0]["passing"] == [
        {"source_addresses": ["10.0.9.5/32"], "source_ports": [[1024, 30000]]}
    ]


@pytest.mark.parametrize(
    ("mode", "excluded", "kind", "verdict"),
    [
        ("off", "", "", "reachable"),
        ("block-ingress", "", "", "reachable"),  # a NAT gateway only opens connections outwards
        ("block-bidirectional", "", "", "blocked"),
        ("block-bidirectional", "vpc-a", "allow-egress", "reachable"),
        ("block-bidirectional", "vpc-a", "allow-bidirectional", "reachable"),
        ("block-bidirectional", "subnet-p", "allow-egress", "unknown"),  # the worker's subnet is not excluded
        ("block-bidirectional", "subnet-w", "allow-egress", "blocked"),
    ],
)
def test_block_public_access_behind_a_nat_gateway(mode: str, excluded: str, kind: str, verdict: str) -> None:
    world = with_nat()
    options = world.documents["VpcBlockPublicAccessOptions"]["VpcBlockPublicAccessOptions"]
    options["InternetGatewayBlockMode"] = mode
    if excluded:
        noun = "vpc" if excluded.startswith("vpc") else "subnet"
        world.add("VpcBlockPublicAccessExclusions", {
            "ExclusionId": "vpcbpa-exclude-1", "State": "create-complete",
            "InternetGatewayExclusionMode": kind,
            "ResourceArn": f"arn:aws:ec2:eu-west-1:111111111111:{noun}/{excluded}",
        })  # fmt: skip
    assert world.ask("eni-w", OUTSIDE, 443)["verdict"] == verdict


def test_ingress_only_blocking_stops_an_interface_with_its_own_public_address() -> None:
    world = with_nat()
    world.eni("eni-pub", "subnet-p", "10.0.9.20", groups=("sg-w",), public="198.51.100.20")
    options = world.documents["VpcBlockPublicAccessOptions"]["VpcBlockPublicAccessOptions"]
    options["InternetGatewayBlockMode"] = "block-ingress"
    assert codes(world.ask("eni-pub", OUTSIDE, 443)) == [
        ("VPC_BLOCK_PUBLIC_ACCESS_ENABLED", "vpc-a", "forward")
    ]


def test_a_gateway_route_table_that_redirects_what_comes_in_is_not_modelled() -> None:
    world = with_nat()
    world.eni("eni-fw", "subnet-w", "10.0.1.99", groups=("sg-w",))
    edge = world.table("rtb-edge", "vpc-a", [route("10.0.0.0/16", "local"), route("10.0.9.0/24", "eni-fw")])
    edge["Associations"] = [{"GatewayId": "igw-a", "Main": False}]
    found = world.ask("eni-w", OUTSIDE, 443)
    assert found["verdict"] == "unknown"
    assert found["gaps"][0]["component"] == "rtb-edge"


# Security groups


def test_references_mean_the_members_of_the_group_and_no_one_else() -> None:
    world = two_subnets()
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = [permission("sg-w", (9094, 9094))]
    world.group("sg-other", "vpc-a")
    assert world.ask("eni-w", "10.0.2.7")["verdict"] == "reachable"
    assert world.ask("subnet-w", "10.0.2.7", **WORKERS)["verdict"] == "reachable"
    assert world.ask("subnet-w", "10.0.2.7", security_groups=["sg-other"])["verdict"] == "blocked"
    assert world.ask("subnet-w", "10.0.2.7", security_groups=["sg-other", "sg-w"])["verdict"] == "reachable"


def test_a_group_that_refers_to_itself_admits_its_own_members() -> None:
    world = two_subnets()
    world.group(
        "sg-self",
        "vpc-a",
        ingress=[permission("sg-self", protocol="-1")],
        egress=[permission("sg-self", protocol="-1")],
    )
    world.eni("eni-1", "subnet-w", "10.0.1.50", groups=("sg-self",))
    world.eni("eni-2", "subnet-b", "10.0.2.50", groups=("sg-self",))
    assert world.ask("eni-1", "10.0.2.50")["verdict"] == "reachable"
    assert world.ask("eni-1", "10.0.2.7")["verdict"] == "blocked"


def test_references_hold_across_a_peering_in_one_region_only() -> None:
    world = with_peer()
    world.find("SecurityGroups", "sg-c")["IpPermissions"] = [permission("sg-w", (9094, 9094))]
    world.find("SecurityGroups", "sg-w")["IpPermissionsEgress"] = [permission("sg-c", (9094, 9094))]
    assert world.ask("eni-w", "10.9.1.7")["verdict"] == "reachable"
    world.find("VpcPeeringConnections", "pcx-1")["AccepterVpcInfo"]["Region"] = "eu-central-1"
    found = world.ask("eni-w", "10.9.1.7")
    assert codes(found) == [
        ("ENI_SG_RULES_MISMATCH", "sg-w", "forward"), ("ENI_SG_RULES_MISMATCH", "sg-c", "forward"),
    ]  # fmt: skip


def test_over_a_transit_gateway_with_support_inbound_references_hold_and_outbound_do_not() -> None:
    world = with_transit()
    world.find("TransitGateways", "tgw-1")["Options"]["SecurityGroupReferencingSupport"] = "enable"
    world.find("SecurityGroups", "sg-c")["IpPermissions"] = [permission("sg-w", (9094, 9094))]
    assert world.ask("eni-w", "10.9.1.7")["verdict"] == "reachable"
    world.find("SecurityGroups", "sg-w")["IpPermissionsEgress"] = [permission("sg-c", (9094, 9094))]
    assert codes(world.ask("eni-w", "10.9.1.7")) == [("ENI_SG_RULES_MISMATCH", "sg-w", "forward")]


def test_prefix_lists_are_read_and_an_unknown_one_makes_a_refusal_uncertain() -> None:
    world = two_subnets()
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = [permission("pl-1", (9094, 9094))]
    found = world.ask("eni-w", "10.0.2.7")
    assert found["verdict"] == "unknown"
    assert found["gaps"][0]["action"] == "ec2:GetManagedPrefixListEntries"
    world.prefix_list("pl-1", "10.0.1.0/28", "2001:db8::/56")
    assert world.ask("eni-w", "10.0.2.7")["verdict"] == "reachable"
    assert world.ask("subnet-w", "10.0.2.7", **WORKERS)["verdict"] == "partial"


def test_a_subnet_without_named_groups_is_unknown_unless_something_else_blocks() -> None:
    world = two_subnets()
    assert world.ask("subnet-w", "10.0.2.7")["verdict"] == "unknown"
    acl(world, "acl-w", True)
    found = world.ask("subnet-w", "10.0.2.7")
    assert found["verdict"] == "blocked"
    assert codes(found) == [("SUBNET_ACL_RESTRICTION", "acl-w", "forward")]


@pytest.mark.parametrize(
    ("group", "direction", "other"), [("sg-w", "outbound", "inbound"), ("sg-b", "inbound", "outbound")]
)
def test_a_group_without_rules_is_reported_with_the_direction_that_lacks_them(
    group: str, direction: str, other: str
) -> None:
    world = two_subnets()
    rules = "IpPermissionsEgress" if group == "sg-w" else "IpPermissions"
    world.find("SecurityGroups", group)[rules] = []
    (blocker,) = world.ask("eni-w", "10.0.2.7")["blocked_by"]
    assert (blocker["code"], blocker["component"]) == ("SG_HAS_NO_RULES", group)
    assert f"{direction} rule" in blocker["text"] and f"{other} rule" not in blocker["text"]


def test_a_reference_that_the_path_loses_is_explained_at_the_group_that_has_it() -> None:
    world = with_transit()  # no security group referencing
    world.group("sg-x", "vpc-a")
    world.find("SecurityGroups", "sg-c")["IpPermissions"] = [permission("sg-w", (9094, 9094))]
    world.group("sg-c2", "vpc-c", ingress=[permission("sg-x", (9094, 9094))])
    world.find("NetworkInterfaces", "eni-c")["Groups"].append({"GroupId": "sg-c2"})
    one, other = world.ask("eni-w", "10.9.1.7")["blocked_by"]
    assert (one["component"], other["component"]) == ("sg-c", "sg-c2")
    assert [(e["code"], e["component"]) for e in one["explanations"]] == [("SG_REFERENCING_SUPPORT", "tgw-1")]
    assert "explanations" not in other


@pytest.mark.parametrize("bare", ["eni-w", "eni-b"])
def test_an_ordinary_interface_listed_without_groups_is_unknown(bare: str) -> None:
    world = two_subnets()
    world.find("NetworkInterfaces", bare)["Groups"] = []
    found = world.ask("eni-w", "10.0.2.7")
    assert found["verdict"] == "unknown"
    assert [(gap["component"], gap["action"]) for gap in found["gaps"]] == [
        (bare, "ec2:DescribeNetworkInterfaces")
    ]


def test_of_several_groups_the_hops_name_the_one_whose_rule_matches() -> None:
    world = two_subnets()
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = [permission("10.0.9.0/24", (1, 2))]
    world.group("sg-b2", "vpc-a", ingress=[permission("10.0.1.0/24", (9094, 9094))])
    world.find("NetworkInterfaces", "eni-b")["Groups"].append({"GroupId": "sg-b2"})
    found = world.ask("eni-w", "10.0.2.7")
    assert found["verdict"] == "reachable"
    assert found["hops"]["forward"][-3:] == ["acl-b", "sg-b2", "eni-b"]


# ICMP and other protocols


def test_icmp_is_judged_by_type_and_its_reply_by_the_replys_type() -> None:
    world = two_subnets()
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = [permission("0.0.0.0/0", (8, -1), "icmp")]
    acl(world, "acl-w", False, acl_line(100, "allow", "0.0.0.0/0", (0, -1), "icmp"))
    assert world.ask("eni-w", "10.0.2.7", None, protocol="icmp")["verdict"] == "reachable"
    acl(world, "acl-w", False, acl_line(100, "allow", "0.0.0.0/0", (8, -1), "icmp"))
    assert codes(world.ask("eni-w", "10.0.2.7", None, protocol="icmp")) == [
        ("SUBNET_ACL_RESTRICTION", "acl-w", "return")
    ]
    assert world.ask("eni-w", "10.0.2.7", 13, protocol="icmp")["verdict"] == "blocked"


def test_a_protocol_without_ports_is_matched_by_number() -> None:
    world = two_subnets()
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = [permission("0.0.0.0/0", None, "50")]
    assert world.ask("eni-w", "10.0.2.7", None, protocol="50")["verdict"] == "reachable"
    assert world.ask("eni-w", "10.0.2.7", None, protocol=51)["verdict"] == "blocked"


# IPv6


def ipv6() -> World:
    world = two_subnets()
    world.find("Vpcs", "vpc-a")["Ipv6CidrBlockAssociationSet"] = [{"Ipv6CidrBlock": "2001:db8:a::/56"}]
    for name, block in (("subnet-w", "2001:db8:a:1::/64"), ("subnet-b", "2001:db8:a:2::/64")):
        world.find("Subnets", name)["Ipv6CidrBlockAssociationSet"] = [{"Ipv6CidrBlock": block}]
    world.find("RouteTables", "rtb-a")["Routes"].append(route("2001:db8:a::/56", "local"))
    world.find("NetworkInterfaces", "eni-w")["Ipv6Addresses"] = [{"Ipv6Address": "2001:db8:a:1::10"}]
    world.find("NetworkInterfaces", "eni-b")["Ipv6Addresses"] = [{"Ipv6Address": "2001:db8:a:2::7"}]
    return world


def test_ipv6_is_judged_by_its_own_rules() -> None:
    world = ipv6()
    assert world.ask("eni-w", "[2001:db8:a:2::7]:20094", None)["verdict"] == "reachable"
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = [permission("0.0.0.0/0", protocol="-1")]
    assert world.ask("eni-w", "10.0.2.7")["verdict"] == "reachable"
    assert codes(world.ask("eni-w", "2001:db8:a:2::7", 20094)) == [
        ("ENI_SG_RULES_MISMATCH", "sg-b", "forward")
    ]


def test_a_whole_ipv6_subnet_is_one_set() -> None:
    world = ipv6()
    acl(world, "acl-b", False, acl_line(100, "allow", "2001:db8:a:1:8000::/65"))
    found = world.ask("subnet-w", "2001:db8:a:2::7", 20094, **WORKERS)
    assert found["verdict"] == "partial"
    assert "2001:db8:a:1:8000::/66" in found["passing"][0]["source_addresses"]


def test_an_egress_only_gateway_lets_ipv6_out_and_its_replies_in() -> None:
    world = ipv6()
    world.eigw("eigw-1", "vpc-a")
    world.find("RouteTables", "rtb-a")["Routes"].append(route("::/0", "eigw-1"))
    found = world.ask("eni-w", "2600:1f00::5", 443)
    assert found["verdict"] == "reachable"
    assert found["hops"]["return"] == ["eigw-1", "acl-w", "eni-w"]


def test_ipv6_leaves_by_an_internet_gateway_without_any_public_association() -> None:
    world = ipv6()
    world.igw("igw-a", "vpc-a")
    world.find("RouteTables", "rtb-a")["Routes"].append(route("::/0", "igw-a"))
    assert world.ask("subnet-w", "2600:1f00::5", 443, **WORKERS)["verdict"] == "reachable"


def test_icmpv6_echo_is_answered() -> None:
    found = ipv6().ask("eni-w", "2001:db8:a:2::7", None, protocol="icmpv6")
    assert found["verdict"] == "reachable"


# Endpoints


def test_a_gateway_endpoint_takes_what_its_prefix_list_names() -> None:
    world = two_subnets()
    world.prefix_list("pl-s3", "198.18.0.0/16")
    world.endpoint("vpce-s3", "vpc-a", "Gateway", RouteTableIds=["rtb-a"])
    world.find("RouteTables", "rtb-a")["Routes"].append(route("pl-s3", "vpce-s3"))
    found = world.ask("eni-w", "198.18.3.4", 443)
    assert found["verdict"] == "reachable"
    assert found["hops"]["return"] == ["vpce-s3", "acl-w", "eni-w"]
    acl(world, "acl-w", False, acl_line(100, "allow", "198.18.0.0/16", (1024, 40000), "tcp"))
    assert world.ask("eni-w", "198.18.3.4", 443)["verdict"] == "partial"


def test_the_prefix_list_of_a_gateway_endpoint_may_be_unknown_for_private_addresses_only() -> None:
    world = two_subnets()
    world.endpoint("vpce-s3", "vpc-a", "Gateway", RouteTableIds=["rtb-a"])
    world.find("RouteTables", "rtb-a")["Routes"].append(route("pl-s3", "vpce-s3"))
    assert world.ask("eni-w", "10.0.2.7")["verdict"] == "reachable"
    found = world.without("PrefixLists").ask("eni-w", "198.18.3.4", 443)
    assert found["verdict"] == "unknown"
    assert found["gaps"][0]["action"] == "ec2:DescribePrefixLists"


def test_an_interface_endpoint_is_guarded_by_its_own_groups() -> None:
    world = two_subnets()
    world.group("sg-e", "vpc-a", ingress=[permission("10.0.2.0/24", (443, 443))])
    world.eni("eni-e", "subnet-b", "10.0.2.80", groups=("sg-e",), kind="vpc_endpoint")
    world.endpoint("vpce-1", "vpc-a", NetworkInterfaceIds=["eni-e"], SubnetIds=["subnet-b"])
    assert codes(world.ask("eni-w", "10.0.2.80", 443)) == [("ENI_SG_RULES_MISMATCH", "sg-e", "forward")]


# Transit gateways


def test_a_transit_gateway_joins_two_vpcs_and_the_attachment_subnets_acls_apply() -> None:
    world = with_transit()
    found = world.ask("eni-w", "10.9.1.7")
    assert found["verdict"] == "reachable"
    acl(world, "acl-ta", False)
    acl(world, "acl-tc", True)
    assert codes(world.ask("eni-w", "10.9.1.7")) == [
        ("SUBNET_ACL_RESTRICTION", "acl-ta", "forward"), ("SUBNET_ACL_RESTRICTION", "acl-tc", "forward"),
    ]  # fmt: skip
    acl(world, "acl-ta", False, acl_line(100, "allow", "0.0.0.0/0"))
    acl(world, "acl-tc", True, acl_line(100, "allow", "0.0.0.0/0"))
    acl(world, "acl-ta", True)
    acl(world, "acl-tc", False)
    assert codes(world.ask("eni-w", "10.9.1.7")) == [
        ("SUBNET_ACL_RESTRICTION", "acl-tc", "return"), ("SUBNET_ACL_RESTRICTION", "acl-ta", "return"),
    ]  # fmt: skip


def test_between_a_host_and_an_attachment_in_one_subnet_acls_apply_only_towards_the_gateway() -> None:
    world = with_transit()
    world.find("TransitGatewayVpcAttachments", "tgw-attach-a")["SubnetIds"] = ["subnet-w"]
    acl(world, "acl-w", False, acl_line(100, "allow", "10.0.1.0/24"))  # nothing from vpc-c may enter
    assert world.ask("eni-w", "10.9.1.7")["verdict"] == "reachable"
    acl(world, "acl-w", False)
    assert codes(world.ask("eni-w", "10.9.1.7")) == [("SUBNET_ACL_RESTRICTION", "acl-w", "forward")]


def test_a_static_transit_route_wins_over_a_propagated_one() -> None:
    world = with_transit()
    world.find("TransitGatewayStaticRoutes", "tgw-rtb-1")["Routes"] = [
        {"DestinationCidrBlock": "10.9.0.0/16", "Type": "static", "State": "blackhole"}
    ]
    assert codes(world.ask("eni-w", "10.9.1.7"))[0] == ("TGW_RTB_BAD_STATE_ROUTE", "tgw-rtb-1", "forward")


def test_central_egress_through_a_transit_gateway_and_a_nat_gateway_works() -> None:
    world = with_transit()
    world.find("RouteTables", "rtb-w")["Routes"].append(route("0.0.0.0/0", "tgw-1"))
    world.find("TransitGatewayStaticRoutes", "tgw-rtb-1")["Routes"] = [
        {"DestinationCidrBlock": "0.0.0.0/0", "Type": "static", "State": "active",
         "TransitGatewayAttachments": [{"TransitGatewayAttachmentId": "tgw-attach-c"}]}
    ]  # fmt: skip
    world.igw("igw-c", "vpc-c")
    world.subnet("subnet-cp", "vpc-c", "10.9.9.0/24")
    world.acl("acl-cp", "vpc-c", "subnet-cp")
    world.nat("nat-c", "subnet-cp", "10.9.9.5")
    world.table("rtb-tc", "vpc-c", [route("10.9.0.0/16", "local"), route("0.0.0.0/0", "nat-c")], "subnet-tc")
    public = [route("10.9.0.0/16", "local"), route("0.0.0.0/0", "igw-c"), route("10.0.0.0/16", "tgw-1")]
    world.table("rtb-cp", "vpc-c", public, "subnet-cp")
    found = world.ask("eni-w", OUTSIDE, 443)
    assert found["verdict"] == "reachable", found
    world.find("RouteTables", "rtb-cp")["Routes"].pop()  # the way back from the NAT gateway to the spoke
    found = world.ask("eni-w", OUTSIDE, 443)
    assert ("IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS", "igw-c", "return") in codes(found)


def test_another_vpcs_internet_gateway_does_not_know_our_public_addresses() -> None:
    world = with_transit()
    world.find("RouteTables", "rtb-w")["Routes"].append(route("0.0.0.0/0", "tgw-1"))
    world.find("TransitGatewayStaticRoutes", "tgw-rtb-1")["Routes"] = [
        {"DestinationCidrBlock": "0.0.0.0/0", "Type": "static", "State": "active",
         "TransitGatewayAttachments": [{"TransitGatewayAttachmentId": "tgw-attach-c"}]}
    ]  # fmt: skip
    world.igw("igw-c", "vpc-c")
    world.table("rtb-tc", "vpc-c", [route("10.9.0.0/16", "local"), route("0.0.0.0/0", "igw-c")], "subnet-tc")
    world.find("NetworkInterfaces", "eni-w")["Association"] = {"PublicIp": "198.51.100.1"}
    assert ("IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS", "igw-c", "forward") in codes(
        world.ask("eni-w", OUTSIDE, 443)
    )


# Routes


def test_the_main_route_table_serves_subnets_without_one_of_their_own() -> None:
    world = with_nat()
    world.find("RouteTables", "rtb-w")["Associations"] = []
    assert codes(world.ask("eni-w", OUTSIDE, 443)) == [("NO_ROUTE_TO_DESTINATION", "rtb-a", "forward")]


def test_a_propagated_route_inside_the_vpc_never_beats_the_local_one() -> None:
    world = two_subnets()
    found = route("10.0.2.0/24", "vgw-1", origin="EnableVgwRoutePropagation")
    world.find("RouteTables", "rtb-a")["Routes"].append(found)
    assert world.ask("eni-w", "10.0.2.7")["verdict"] == "reachable"


def test_a_propagated_route_inside_one_of_two_ranges_of_the_vpc_never_beats_the_local_one() -> None:
    world = two_subnets()
    second = {"CidrBlock": "10.1.0.0/16", "CidrBlockState": {"State": "associated"}}
    world.find("Vpcs", "vpc-a")["CidrBlockAssociationSet"].append(second)
    world.find("RouteTables", "rtb-a")["Routes"] += [
        route("10.1.0.0/16", "local"),
        route("10.0.2.0/24", "vgw-1", origin="EnableVgwRoutePropagation"),
    ]
    assert world.ask("eni-w", "10.0.2.7")["verdict"] == "reachable"


def test_a_default_route_beside_the_local_one_explains_nothing_about_an_address_of_the_vpc() -> None:
    world = with_nat()
    (blocker,) = world.ask("eni-w", "10.0.2.99")["blocked_by"]
    assert (blocker["code"], blocker["component"]) == ("NO_POSSIBLE_DESTINATION", "subnet-b")
    assert "explanations" not in blocker


def test_a_propagated_route_at_the_end_of_the_vpcs_range_never_beats_the_local_one() -> None:
    world = two_subnets()
    world.subnet("subnet-e", "vpc-a", "10.0.255.0/24")
    world.acl("acl-e", "vpc-a", "subnet-e")
    world.eni("eni-e", "subnet-e", "10.0.255.7", groups=("sg-b",))
    found = route("10.0.255.0/24", "vgw-1", origin="EnableVgwRoutePropagation")
    world.find("RouteTables", "rtb-a")["Routes"].append(found)
    assert world.ask("eni-w", "10.0.255.7")["verdict"] == "reachable"


@pytest.mark.parametrize(("lost", "first", "last"), [("10.0.1.254", 4, 253), ("10.0.1.4", 5, 254)])
def test_a_return_route_for_one_address_at_the_edge_of_a_subnet_is_of_that_address_alone(
    lost: str, first: int, last: int
) -> None:
    world = with_peer()
    world.find("RouteTables", "rtb-c")["Routes"].append(route(f"{lost}/32", "pcx-gone", "blackhole"))
    snapshot = world.snapshot()
    workers = from_subnet(snapshot, "subnet-w", ["sg-w"])
    found = trace(snapshot, workers, Destination.parse("10.9.1.7"), TCP, 9094)
    base = parse_address("10.0.1.0")[1]
    assert found.verdict is Reachability.PARTIAL
    assert [(a - base, b - base) for a, b, _, _ in found.passing] == [(first, last)]


def test_only_routes_that_match_the_address_explain_why_another_one_is_used() -> None:
    world = with_nat()
    world.find("RouteTables", "rtb-w")["Routes"] += [
        route("203.0.113.0/24", "nat-gone", "blackhole"),
        route("192.0.2.0/24", "nat-a"),
    ]
    (blocker,) = world.ask("eni-w", OUTSIDE, 443)["blocked_by"]
    assert (blocker["code"], blocker["component"]) == ("BAD_STATE_ROUTE", "rtb-w")
    (explanation,) = blocker["explanations"]
    assert explanation["code"] == "MORE_SPECIFIC_ROUTE" and "0.0.0.0/0" in explanation["text"]


def test_two_prefix_lists_that_cover_the_same_block_are_nobodys_guess() -> None:
    world = with_peer()
    world.prefix_list("pl-1", "10.9.0.0/16")
    world.prefix_list("pl-2", "10.9.0.0/16")
    routes = world.find("RouteTables", "rtb-w")["Routes"]
    routes[1:] = [route("pl-1", "pcx-1"), route("pl-2", "tgw-9")]
    assert world.ask("eni-w", "10.9.1.7")["verdict"] == "unknown"
    routes[2] = route("pl-2", "pcx-1")
    routes.append(route("10.9.0.0/16", "pcx-1"))  # a static route comes before both
    assert world.ask("eni-w", "10.9.1.7")["verdict"] == "reachable"


def test_a_route_in_a_state_we_do_not_know_is_not_judged() -> None:
    world = with_peer()
    world.find("RouteTables", "rtb-w")["Routes"][1]["State"] = "filtered"
    assert world.ask("eni-w", "10.9.1.7")["verdict"] == "unknown"


def test_an_overlapping_vpc_is_not_the_one_that_was_meant() -> None:
    world = two_subnets()
    world.vpc("vpc-twin", "10.0.0.0/16")
    world.subnet("subnet-t", "vpc-twin", "10.0.2.0/24")
    world.group("sg-t", "vpc-twin")
    world.eni("eni-t", "subnet-t", "10.0.2.7", groups=("sg-t",))
    found = world.ask("eni-w", "eni-t")
    assert ("NO_POSSIBLE_DESTINATION", "vpc-a", "forward") in codes(found)


# DNS


def test_the_resolver_is_reached_past_all_filters_if_dns_support_is_on() -> None:
    world = two_subnets()
    world.find("SecurityGroups", "sg-w")["IpPermissionsEgress"] = []
    acl(world, "acl-w", True)
    assert (
        world.ask("eni-w", "10.0.0.2", 53, protocol="udp")["gaps"][0]["action"] == "ec2:DescribeVpcAttribute"
    )
    world.add("VpcAttributes", {"VpcId": "vpc-a", "EnableDnsSupport": {"Value": True}})
    for resolver in ("10.0.0.2", "169.254.169.253", "fd00:ec2::253"):
        if ":" not in resolver:
            assert world.ask("eni-w", resolver, 53, protocol="udp")["verdict"] == "reachable"
    assert codes(world.ask("eni-w", "10.0.0.2", 443)) == [("NO_POSSIBLE_DESTINATION", "vpc-a", "forward")]
    world.find("VpcAttributes", "vpc-a")["EnableDnsSupport"]["Value"] = False
    assert codes(world.ask("eni-w", "10.0.0.2", 53)) == [("BAD_STATE", "vpc-a", "forward")]


# What is not known


@pytest.mark.parametrize(
    ("stem", "action"),
    [
        ("NetworkAcls", "ec2:DescribeNetworkAcls"),
        ("SecurityGroups", "ec2:DescribeSecurityGroups"),
        ("RouteTables", "ec2:DescribeRouteTables"),
        ("Vpcs", "ec2:DescribeVpcs"),
        ("VpcPeeringConnections", "ec2:DescribeVpcPeeringConnections"),
    ],
)
def test_what_was_not_collected_makes_the_verdict_unknown_and_names_the_action(
    stem: str, action: str
) -> None:
    found = with_peer().without(stem).ask("eni-w", "10.9.1.7")
    assert found["verdict"] == "unknown"
    assert action in {gap["action"] for gap in found["gaps"]}


@pytest.mark.parametrize(
    ("stem", "action"),
    [
        ("InternetGateways", "ec2:DescribeInternetGateways"),
        ("NatGateways", "ec2:DescribeNatGateways"),
        ("VpcBlockPublicAccessOptions", "ec2:DescribeVpcBlockPublicAccessOptions"),
    ],
)
def test_the_way_to_the_internet_needs_these_as_well(stem: str, action: str) -> None:
    found = with_nat().without(stem).ask("eni-w", OUTSIDE, 443)
    assert found["verdict"] == "unknown"
    assert action in {gap["action"] for gap in found["gaps"]}


def test_a_tool_that_knows_nothing_of_block_public_access_is_taken_to_mean_the_default() -> None:
    neither = with_nat().without("VpcBlockPublicAccessOptions").without("VpcBlockPublicAccessExclusions")
    found = neither.ask("eni-w", OUTSIDE, 443)
    assert found["verdict"] == "reachable"
    assert [text for text in found["assumptions"] if "Block Public Access" in text]


@pytest.mark.parametrize(
    ("stem", "action"),
    [
        ("TransitGatewayVpcAttachments", "ec2:DescribeTransitGatewayVpcAttachments"),
        ("TransitGatewayAttachments", "ec2:DescribeTransitGatewayAttachments"),
        ("TransitGatewayPropagations", "ec2:GetTransitGatewayRouteTablePropagations"),
        ("TransitGatewayStaticRoutes", "ec2:SearchTransitGatewayRoutes"),
    ],
)
def test_the_way_through_a_transit_gateway_needs_these(stem: str, action: str) -> None:
    found = with_transit().without(stem).ask("eni-w", "10.9.1.7")
    assert found["verdict"] == "unknown"
    assert action in {gap["action"] for gap in found["gaps"]}


def test_a_free_address_with_unknown_interfaces_is_an_unknown_destination() -> None:
    found = two_subnets().without("NetworkInterfaces").ask("subnet-w", "10.0.2.7", **WORKERS)
    assert found["verdict"] == "unknown"
    assert found["gaps"][0]["action"] == "ec2:DescribeNetworkInterfaces"


def test_something_known_that_blocks_for_certain_blocks_whatever_else_is_unknown() -> None:
    world = two_subnets()
    world.find("SecurityGroups", "sg-w")["IpPermissionsEgress"] = []
    found = world.without("NetworkAcls").ask("eni-w", "10.0.2.7")
    assert found["verdict"] == "blocked"
    assert codes(found) == [("SG_HAS_NO_RULES", "sg-w", "forward")]
    assert found["gaps"]


def test_after_an_unknown_that_hides_the_way_nothing_beyond_is_blamed() -> None:
    world = two_subnets()
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = []
    acl(world, "acl-b", False)
    found = world.without("RouteTables").ask("eni-w", "10.0.2.7")
    assert found["verdict"] == "unknown"
    assert found["blocked_by"] == []


def test_an_unknown_that_touches_only_what_is_blocked_anyway_does_not_matter() -> None:
    world = with_peer()
    world.find("RouteTables", "rtb-c")["Routes"][1:] = [
        route("10.0.1.0/25", "pcx-1"),
        route("10.0.1.128/25", "vgw-1"),
    ]
    acl(world, "acl-c", False, acl_line(100, "allow", "10.0.1.0/25"))
    found = world.ask("subnet-w", "10.9.1.7", **WORKERS)
    assert found["verdict"] == "partial"
    assert world.ask("10.0.1.200", "10.9.1.7", **WORKERS)["verdict"] == "blocked"


# Questions


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ({"from": "eni-w"}, "'to'"),
        ({"to": "10.0.2.7", "port": 1}, "'from'"),
        ({"from": "eni-w", "to": "10.0.2.7"}, "'port'"),
        ({"from": "eni-w", "to": "10.0.2.7", "port": 70000}, "'port'"),
        ({"from": "eni-w", "to": "10.0.2.7", "port": "443"}, "'port'"),
        ({"from": "eni-w", "to": "10.0.2.7:80", "port": 443}, "'to' says port 80"),
        ({"from": "eni-w", "to": "10.0.2.7:x"}, "not a port"),
        ({"from": "eni-w", "to": "broker.example", "port": 443}, "neither an address"),
        ({"from": "eni-w", "to": "127.0.0.1", "port": 443}, "not an address that a VPC routes"),
        ({"from": "192.0.2.7", "to": "10.0.2.7", "port": 443}, "in no subnet"),
        ({"from": "nonsense", "to": "10.0.2.7", "port": 443}, "neither an address"),
        ({"from": "eni-w", "to": "10.0.2.7", "port": 443, "protocol": "-1"}, "protocol"),
        ({"from": "eni-w", "to": "10.0.2.7", "port": 443, "protocol": ["tcp"]}, "protocol"),
        ({"from": "eni-w", "to": "10.0.2.7", "port": 443, "source_port": "9-3"}, "source_port"),
        ({"from": "eni-w", "to": "10.0.2.7", "port": 443, "source_port": 70000}, "source_port"),
        ({"from": "eni-w", "to": "10.0.2.7", "port": 443, "security_groups": ["sg-w"]}, "already has groups"),
        ({"from": "subnet-w", "to": "10.0.2.7", "port": 443, "security_groups": "sg-w"}, "list"),
        ({"from": "subnet-w", "to": "10.0.2.7", "port": 443, "security_groups": ["sg-none"]}, "sg-none"),
        ({"from": "subnet-none", "to": "10.0.2.7", "port": 443}, "subnet-none"),
        ({"from": "i-none", "to": "10.0.2.7", "port": 443}, "i-none"),
        ({"from": 7, "to": "10.0.2.7", "port": 443}, "'from'"),
        ({"from": "eni-w", "to": "10.0.2.7", "port": 443, "source_address": 7}, "source_address"),
    ],
)
def test_a_question_that_cannot_be_answered_says_why(question: dict[str, Any], reason: str) -> None:
    found = answer({"id": 9} | question, two_subnets().snapshot())
    assert found.keys() == {"id", "error"} and found["id"] == 9
    assert reason in str(found["error"])


def test_the_typed_answer_says_the_same() -> None:
    snapshot = two_subnets().snapshot()
    path = trace(snapshot, from_interface(snapshot, "eni-w"), Destination.parse("10.0.2.7"), TCP, 9094)
    assert path.verdict is Reachability.REACHABLE
    assert path.passing == ((parse_address("10.0.1.10")[1], parse_address("10.0.1.10")[1], *EPHEMERAL),)
    assert [hop.detail for hop in path.forward if hop.component == "rtb-a"] == ["10.0.0.0/16 → local"]


# What the kernel taught us


def test_a_nat_gateway_answers_no_connection_to_its_own_address() -> None:
    world = with_nat()
    assert codes(world.ask("eni-w", "10.0.9.5", 443)) == [("NO_POSSIBLE_DESTINATION", "nat-a", "forward")]
    assert ("NO_POSSIBLE_DESTINATION", "nat-a", "forward") in codes(world.ask("eni-w", "198.51.100.10", 443))


def test_a_group_whose_members_are_all_known_does_not_admit_a_stranger() -> None:
    world = with_nat()
    world.find("SecurityGroups", "sg-w")["IpPermissionsEgress"] = [permission("sg-b", (443, 443))]
    assert codes(world.ask("eni-w", OUTSIDE, 443)) == [("ENI_SG_RULES_MISMATCH", "sg-w", "forward")]
    assert ("ENI_SG_RULES_MISMATCH", "sg-w", "forward") in codes(world.ask("eni-w", "10.0.2.99", 443))


def test_a_reply_that_runs_into_a_nat_gateway_passes_the_acl_of_its_subnet_first() -> None:
    world = with_peer()
    world.subnet("subnet-cp", "vpc-c", "10.9.9.0/24")
    world.acl("acl-cp", "vpc-c", "subnet-cp", ingress=[])
    world.nat("nat-c", "subnet-cp", "10.9.9.5", "198.51.100.99")
    world.table("rtb-c1", "vpc-c", [route("10.9.0.0/16", "local"), route("0.0.0.0/0", "nat-c")], "subnet-c")
    assert codes(world.ask("eni-w", "10.9.1.7")) == [
        ("SUBNET_ACL_RESTRICTION", "acl-cp", "return"), ("NGW_SOURCE_ADDRESS_REASSIGN", "nat-c", "return"),
    ]  # fmt: skip


def test_an_outbound_reference_is_asked_at_the_sender_before_any_nat_gateway() -> None:
    world = with_peer()
    world.subnet("subnet-p", "vpc-a", "10.0.9.0/24")
    world.acl("acl-p", "vpc-a", "subnet-p")
    world.nat("nat-a", "subnet-p", "10.0.9.5", "")
    world.table("rtb-p", "vpc-a", [route("10.0.0.0/16", "local"), route("10.9.0.0/16", "pcx-1")], "subnet-p")
    world.find("RouteTables", "rtb-w")["Routes"][1] = route("10.9.0.0/16", "nat-a")
    world.find("SecurityGroups", "sg-w")["IpPermissionsEgress"] = [permission("sg-c", (9094, 9094))]
    assert world.ask("eni-w", "10.9.1.7")["verdict"] == "reachable"
    assert world.ask("eni-w", "10.9.1.7", 9095)["verdict"] == "blocked"

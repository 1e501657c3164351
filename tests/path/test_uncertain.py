"""Where a snapshot tells less than it seems to, the verdict says so instead of guessing."""

from __future__ import annotations

from typing import Any

import pytest

from netcheck.aws.ec2.snapshot import Gap, from_documents, from_regions
from netcheck.path.query import answer
from tests.path.test_trace import acl, ipv6, public_broker
from tests.path.world import (
    LISTS,
    World,
    acl_line,
    permission,
    route,
    two_subnets,
    with_nat,
    with_peer,
    with_transit,
)

BROKER = "198.51.100.77"
WORKERS: dict[str, Any] = {"security_groups": ["sg-w"]}


def codes(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(b["code"], b["component"]) for b in found["blocked_by"]]


def gaps(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(g["code"], g["what"]) for g in found["gaps"]]


def test_a_peering_out_of_a_vpc_that_was_not_collected_is_unknown() -> None:
    world = with_peer()
    world.eni("eni-w2", "subnet-w", "10.0.1.20", groups=("sg-w",))
    world.find("NetworkInterfaces", "eni-w")["SourceDestCheck"] = False
    world.find("RouteTables", "rtb-w")["Routes"].append(route("172.16.0.0/16", "pcx-1"))
    world.documents["Vpcs"]["Vpcs"] = []
    found = world.ask("eni-w", "10.0.1.20", source_address="172.16.0.9")
    assert found["verdict"] == "unknown"


@pytest.mark.parametrize(("group", "verdict"), [("sg-c", "unknown"), ("sg-b", "blocked")])
def test_members_of_a_group_that_was_not_collected_may_be_behind_a_peering(group: str, verdict: str) -> None:
    world = with_peer()
    for stem, name in (("Vpcs", "vpc-c"), ("NetworkInterfaces", "eni-c"), ("SecurityGroups", "sg-c")):
        world.documents[stem][stem].remove(world.find(stem, name))
    world.find("SecurityGroups", "sg-w")["IpPermissionsEgress"] = [permission(group, (9094, 9094))]
    found = world.ask("eni-w", "10.9.1.7")
    assert found["verdict"] == verdict
    assert codes(found) == ([] if verdict == "unknown" else [("ENI_SG_RULES_MISMATCH", "sg-w")])


def test_a_group_that_was_not_collected_admits_nobody_in_another_region() -> None:
    world = with_peer()
    for stem, name in (("Vpcs", "vpc-c"), ("NetworkInterfaces", "eni-c"), ("SecurityGroups", "sg-c")):
        world.documents[stem][stem].remove(world.find(stem, name))
    world.find("VpcPeeringConnections", "pcx-1")["AccepterVpcInfo"]["Region"] = "eu-central-1"
    world.find("SecurityGroups", "sg-w")["IpPermissionsEgress"] = [permission("sg-c", (9094, 9094))]
    assert codes(world.ask("eni-w", "10.9.1.7")) == [("ENI_SG_RULES_MISMATCH", "sg-w")]


def test_a_group_that_was_not_collected_admits_nobody_on_the_internet() -> None:
    world = with_nat()
    world.find("SecurityGroups", "sg-w")["IpPermissionsEgress"] = [permission("sg-gone", (443, 443))]
    assert codes(world.ask("eni-w", "203.0.113.9", 443)) == [("ENI_SG_RULES_MISMATCH", "sg-w")]


def test_a_receiver_whose_groups_are_known_holds_no_group_that_was_not_collected() -> None:
    world = two_subnets()
    world.find("SecurityGroups", "sg-w")["IpPermissionsEgress"] = [permission("sg-gone", (9094, 9094))]
    assert codes(world.ask("eni-w", "10.0.2.7")) == [("ENI_SG_RULES_MISMATCH", "sg-w")]


@pytest.mark.parametrize(
    ("groups", "verdict"),
    [(("sg-other", "sg-w"), "unknown"), (("sg-w", "sg-other"), "unknown"), (("sg-other",), "blocked")],
)
def test_a_reference_over_a_transit_gateway_whose_options_are_unknown_may_match(
    groups: tuple[str, ...], verdict: str
) -> None:
    world = with_transit()
    world.group("sg-other", "vpc-a")
    world.find("SecurityGroups", "sg-c")["IpPermissions"] = [
        permission(name, (9094, 9094)) for name in groups
    ]
    found = world.without("TransitGateways").ask("eni-w", "10.9.1.7")
    assert found["verdict"] == verdict
    assert codes(found) == ([] if verdict == "unknown" else [("ENI_SG_RULES_MISMATCH", "sg-c")])


@pytest.mark.parametrize("kind", ["network_load_balancer", "gateway_load_balancer"])
def test_a_load_balancer_is_assumed_to_have_a_listener_and_this_is_reported(kind: str) -> None:
    world = two_subnets()
    world.eni("eni-lb", "subnet-b", "10.0.2.90", kind=kind)
    found = world.ask("eni-w", "10.0.2.90")
    assert found["verdict"] == "reachable"
    assert ["listener" in text for text in found["assumptions"]] == [True]
    assert world.ask("eni-w", "10.0.2.7")["assumptions"] == []


def test_a_peer_that_is_known_by_its_ipv4_blocks_only_is_not_judged_by_them_for_ipv6() -> None:
    world = with_peer()
    for stem, name, block in (
        ("Vpcs", "vpc-a", "2001:db8:a::/56"),
        ("Subnets", "subnet-w", "2001:db8:a:1::/64"),
    ):
        world.find(stem, name)["Ipv6CidrBlockAssociationSet"] = [{"Ipv6CidrBlock": block}]
    world.find("NetworkInterfaces", "eni-w")["Ipv6Addresses"] = [{"Ipv6Address": "2001:db8:a:1::10"}]
    world.find("RouteTables", "rtb-w")["Routes"].append(route("2001:db8:c::/56", "pcx-1"))
    world.documents["Vpcs"]["Vpcs"].remove(world.find("Vpcs", "vpc-c"))
    assert gaps(world.ask("eni-w", "2001:db8:c:1::7")) == [("UNKNOWN_RESOURCE", "Vpcs")]


def with_instance() -> World:
    world = two_subnets()
    world.instance("i-b", "eni-b", state="stopped")
    return world


@pytest.mark.parametrize("end", ["i-w", "i-b"])
@pytest.mark.parametrize(
    "state", ["running", "pending", "stopping", "stopped", "shutting-down", "terminated"]
)
def test_only_an_instance_that_runs_or_starts_sends_and_answers(end: str, state: str) -> None:
    world = two_subnets()
    states = {"i-w": "running", "i-b": "running", end: state}
    world.instance("i-w", "eni-w", state=states["i-w"])
    world.instance("i-b", "eni-b", state=states["i-b"])
    found = world.ask("eni-w", "10.0.2.7")
    assert codes(found) == ([] if state in ("running", "pending") else [("BAD_STATE", end)])
    assert found["verdict"] == ("blocked" if codes(found) else "reachable")


def test_instances_nobody_asked_for_are_taken_to_run_and_this_is_said() -> None:
    found = with_instance().without("Reservations").ask("eni-w", "10.0.2.7")
    assert found["verdict"] == "reachable"
    assert found["assumptions"] == ["The state of i-b was not collected; it is assumed to be running."]


def test_an_instance_that_was_asked_for_and_not_told_is_unknown() -> None:
    world = with_instance()
    assert codes(world.ask("eni-w", "10.0.2.7")) == [("BAD_STATE", "i-b")]
    world.documents["Reservations"]["Reservations"] = []
    assert gaps(world.ask("eni-w", "10.0.2.7")) == [("UNKNOWN_RESOURCE", "Reservations")]
    denied = Gap("Reservations", "ec2:DescribeInstances", "AccessDenied")
    snapshot = from_documents(world.without("Reservations").documents, [denied])
    found = answer({"from": "eni-w", "to": "10.0.2.7", "port": 9094}, snapshot)
    assert found["verdict"] == "unknown"


def test_the_receivers_side_of_block_public_access_needs_the_exclusions_too() -> None:
    world = public_broker()
    world.documents["VpcBlockPublicAccessOptions"] = {
        "VpcBlockPublicAccessOptions": {"InternetGatewayBlockMode": "block-ingress"}
    }
    assert codes(world.ask("subnet-w", BROKER, 9194, **WORKERS)) == [
        ("VPC_BLOCK_PUBLIC_ACCESS_ENABLED", "vpc-c")
    ]
    found = world.without("VpcBlockPublicAccessExclusions").ask("subnet-w", BROKER, 9194, **WORKERS)
    assert found["verdict"] == "unknown"
    assert gaps(found) == [("UNKNOWN_RESOURCE", "VpcBlockPublicAccessExclusions")]


def test_block_public_access_is_asked_of_the_receivers_region_as_well() -> None:
    world = public_broker()
    theirs: dict[str, dict[str, list[Any]]] = {stem: {stem: []} for stem in LISTS}
    for stem, name in (("Vpcs", "vpc-c"), ("Subnets", "subnet-c")):
        item = world.find(stem, name)
        world.documents[stem][stem].remove(item)
        theirs[stem] = {stem: [item]}
    snapshot = from_regions({"eu-west-1": world.documents, "eu-north-1": theirs})
    found = answer({"from": "subnet-w", "to": BROKER, "port": 9194, **WORKERS}, snapshot)
    assert gaps(found) == [("UNKNOWN_RESOURCE", "VpcBlockPublicAccessOptions")]


def regional_to_broker() -> World:
    """A regional NAT gateway with one address in each of two zones; the broker admits zone a's only."""
    world = public_broker()
    nat = world.find("NatGateways", "nat-a")
    nat.pop("SubnetId")
    nat["AvailabilityMode"] = "regional"
    nat["NatGatewayAddresses"] = [
        {"PublicIp": "198.51.100.10", "AvailabilityZone": "eu-west-1a"},
        {"PublicIp": "198.51.100.11", "AvailabilityZone": "eu-west-1b"},
    ]
    world.find("RouteTables", "rtb-a")["Routes"].append(route("0.0.0.0/0", "nat-a"))
    return world


def test_a_regional_nat_gateway_uses_the_addresses_of_the_senders_zone() -> None:
    world = regional_to_broker()
    assert world.ask("subnet-w", BROKER, 9194, **WORKERS)["verdict"] == "reachable"
    found = world.ask("subnet-b", BROKER, 9194, security_groups=["sg-b"])
    assert codes(found) == [("ENI_SG_RULES_MISMATCH", "sg-c")]


def test_a_regional_nat_gateways_route_table_that_was_not_collected_is_unknown() -> None:
    world = regional_to_broker()
    world.find("NatGateways", "nat-a")["RouteTableId"] = "rtb-none"
    found = world.ask("subnet-w", BROKER, 9194, **WORKERS)
    assert found["verdict"] == "unknown"
    assert gaps(found) == [("UNKNOWN_RESOURCE", "RouteTables")]


def test_a_transit_route_table_whose_propagations_are_not_listed_is_unknown() -> None:
    world = with_transit()
    world.documents["TransitGatewayPropagations"]["TransitGatewayPropagations"] = []
    found = world.ask("eni-w", "10.9.1.7")
    assert gaps(found) == [("TGW_RTB_ROUTES_ARE_UNKNOWN", "TransitGatewayPropagations")]


def of_other_account() -> World:
    world = with_transit()
    for attachment in world.documents["TransitGatewayAttachments"]["TransitGatewayAttachments"]:
        attachment |= {"TransitGatewayOwnerId": "999999999999", "ResourceOwnerId": "111111111111"}
    return world


def test_another_accounts_transit_gateway_without_visible_association_is_unknown() -> None:
    world = of_other_account()
    del world.find("TransitGatewayAttachments", "tgw-attach-a")["Association"]
    found = world.ask("eni-w", "10.9.1.7")
    assert gaps(found) == [("TGW_RTB_ROUTES_ARE_UNKNOWN", "TransitGatewayAttachments")]


def test_of_two_accounts_records_of_one_attachment_the_owners_has_the_association() -> None:
    world = of_other_account()
    seen = [dict(item) for item in world.documents["TransitGatewayAttachments"]["TransitGatewayAttachments"]]
    for item in seen:
        del item["Association"]
    world.documents["TransitGatewayAttachments"]["TransitGatewayAttachments"] += seen
    assert world.ask("eni-w", "10.9.1.7")["verdict"] == "reachable"


def two_zones_on_the_far_side() -> World:
    """The worker's zone is not among those of the far attachment, which has two."""
    world = with_transit()
    world.find("Subnets", "subnet-tc")["AvailabilityZone"] = "eu-west-1b"
    world.subnet("subnet-td", "vpc-c", "10.9.8.16/28", zone="eu-west-1c")
    world.find("TransitGatewayVpcAttachments", "tgw-attach-c")["SubnetIds"].append("subnet-td")
    world.find("Subnets", "subnet-c")["AvailabilityZone"] = "eu-west-1b"
    return world


@pytest.mark.parametrize("denying", ["acl-tc", "acl-td"])
def test_what_lies_behind_a_guessed_zone_blames_nobody(denying: str) -> None:
    world = two_zones_on_the_far_side()
    world.acl("acl-td", "vpc-c", "subnet-td")
    acl(world, denying, True, acl_line(50, "deny", "0.0.0.0/0"))
    found = world.ask("eni-w", "10.9.1.7")
    assert found["verdict"] == "unknown" and not found["blocked_by"]
    assert gaps(found) == [("TGW_ATTACH_VPC_AZ_RESTRICTION", "TransitGatewayVpcAttachments")]


def test_a_receiver_in_one_of_several_attachment_subnets_may_or_may_not_meet_their_acl() -> None:
    world = two_zones_on_the_far_side()
    shared = world.find("NetworkAcls", "acl-tc")
    shared["Associations"].append({"SubnetId": "subnet-td", "NetworkAclId": "acl-tc"})
    assert world.ask("eni-w", "10.9.1.7")["verdict"] == "reachable"
    world.eni("eni-tc", "subnet-tc", "10.9.8.7", groups=("sg-c",))
    acl(world, "acl-tc", True, acl_line(50, "deny", "0.0.0.0/0"))
    assert world.ask("eni-w", "10.9.8.7")["verdict"] == "unknown"


def redirected(gateway: str, vpc: str, block: str) -> World:
    world = ipv6_to_internet_broker() if ":" in block else public_broker()
    world.table("rtb-edge", vpc, [route(block, "eni-app")])
    world.find("RouteTables", "rtb-edge")["Associations"] = [{"GatewayId": gateway, "Main": False}]
    return world


def ipv6_to_internet_broker() -> World:
    """Worker and broker in two VPCs, both with IPv6 and an internet gateway."""
    world = World()
    for letter, number in (("a", "1"), ("c", "9")):
        vpc, subnet = f"vpc-{letter}", f"subnet-{letter}"
        world.vpc(vpc, f"10.{number}.0.0/16", f"2001:db8:{letter}::/56")
        world.subnet(subnet, vpc, f"10.{number}.1.0/24", f"2001:db8:{letter}:1::/64")
        world.acl(f"acl-{letter}", vpc, subnet)
        world.group(f"sg-{letter}", vpc)
        world.igw(f"igw-{letter}", vpc)
        routes = [route(f"2001:db8:{letter}::/56", "local"), route("::/0", f"igw-{letter}")]
        world.table(f"rtb-{letter}", vpc, routes, main=True)
        addresses = (f"10.{number}.1.7", f"2001:db8:{letter}:1::7")
        world.eni(f"eni-{letter}", subnet, *addresses, groups=(f"sg-{letter}",))
    return world


@pytest.mark.parametrize(
    ("gateway", "vpc", "block", "source", "to"),
    [
        ("igw-c", "vpc-c", "10.9.1.0/24", "subnet-w", BROKER),
        ("igw-c", "vpc-c", "2001:db8:c:1::/64", "eni-a", "2001:db8:c:1::7"),
        ("igw-a", "vpc-a", "2001:db8:a:1::/64", "eni-a", "2001:db8:c:1::7"),
    ],
)
def test_a_gateway_that_redirects_what_comes_in_makes_it_unknown_on_either_leg(
    gateway: str, vpc: str, block: str, source: str, to: str
) -> None:
    groups = WORKERS if source == "subnet-w" else {}
    world = redirected(gateway, vpc, block)
    assert gaps(world.ask(source, to, 9194, **groups)) == [("INGRESS_RTB_TRAFFIC_REDIRECTION", "RouteTables")]
    world.find("RouteTables", "rtb-edge")["Associations"][0]["GatewayId"] = "igw-none"
    assert world.ask(source, to, 9194, **groups)["verdict"] == "reachable"


def test_an_interface_that_denies_gateway_traffic_is_not_reached_either() -> None:
    world = ipv6_to_internet_broker()
    world.find("NetworkInterfaces", "eni-c")["DenyAllIgwTraffic"] = True
    found = world.ask("eni-a", "2001:db8:c:1::7")
    assert codes(found) == [("NO_POSSIBLE_DESTINATION", "eni-c")]


def test_an_instance_sends_from_its_primary_interface_whatever_the_order() -> None:
    world = two_subnets()
    world.eni("eni-w2", "subnet-b", "10.0.2.50", groups=("sg-b",))
    world.instance("i-w", "eni-w2", "eni-w")
    for index, item in ((1, "eni-w2"), (0, "eni-w")):
        world.find("NetworkInterfaces", item)["Attachment"]["DeviceIndex"] = index
    listed = world.documents["Reservations"]["Reservations"][0]["Instances"][0]["NetworkInterfaces"]
    for index, item in zip((1, 0), listed, strict=True):
        item["Attachment"] = {"DeviceIndex": index}
    assert world.ask("i-w", "10.0.2.7")["hops"]["forward"][0] == "eni-w"
    assert "several interfaces" in world.without("Reservations").ask("i-w", "10.0.2.7")["error"]


def test_an_icmpv6_permission_without_ports_covers_all_types() -> None:
    world = ipv6()
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = [permission("::/0", None, "icmpv6")]
    assert world.ask("eni-w", "2001:db8:a:2::7", None, protocol="icmpv6")["verdict"] == "reachable"


def test_a_borrowed_address_is_matched_by_no_reference_and_gets_no_reply_if_another_has_it() -> None:
    world = two_subnets()
    world.find("NetworkInterfaces", "eni-w")["SourceDestCheck"] = False
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = [permission("sg-w", (9094, 9094))]
    assert world.ask("eni-w", "10.0.2.7")["verdict"] == "reachable"
    found = world.ask("eni-w", "10.0.2.7", source_address="10.0.1.99")
    assert codes(found) == [("ENI_SG_RULES_MISMATCH", "sg-b")]
    world.eni("eni-o", "subnet-w", "10.0.1.99", groups=("sg-w",))
    found = world.ask("eni-w", "10.0.2.7", source_address="10.0.1.99")
    assert codes(found) == [("NO_POSSIBLE_DESTINATION", "eni-o")]


def test_a_public_destination_may_be_an_interface_that_was_not_collected() -> None:
    world = public_broker().without("NetworkInterfaces")
    question = {"from": "subnet-w", "to": "203.0.113.9", "port": 443, **WORKERS}
    found = answer(question, from_documents(world.documents))
    assert found["verdict"] == "reachable"
    assert "Network interfaces were not collected" in str(found["assumptions"])
    denied = Gap("NetworkInterfaces", "ec2:DescribeNetworkInterfaces", "AccessDenied")
    assert answer(question, from_documents(world.documents, [denied]))["verdict"] == "unknown"


def test_an_interface_that_holds_no_groups_by_its_kind_sends_past_none() -> None:
    world = two_subnets()
    world.eni("eni-lb", "subnet-b", "10.0.2.90", kind="network_load_balancer")
    assert world.ask("eni-lb", "10.0.2.7")["verdict"] == "reachable"


def test_a_sender_with_ipv6_only_reaches_an_interface_by_its_ipv6_address() -> None:
    world = ipv6()
    sender = world.find("NetworkInterfaces", "eni-w")
    sender["PrivateIpAddresses"] = []
    del sender["PrivateIpAddress"]
    found = world.ask("eni-w", "eni-b")
    assert (found["verdict"], found["destination"]) == ("reachable", "2001:db8:a:2::7")


def test_a_unique_local_address_is_not_on_the_internet() -> None:
    found = ipv6_to_internet_broker().ask("eni-a", "fd12::1", 443)
    assert codes(found) == [("NO_POSSIBLE_DESTINATION", "igw-a")]


@pytest.mark.parametrize(
    ("to", "more", "reason"),
    [
        ("10.0.2.7", {"protocol": "icmpv6"}, "10.0.2.7 is an IPv4 address, which needs icmp"),
        ("2001:db8:a:2::7", {"protocol": "icmp"}, "is an IPv6 address, which needs icmpv6"),
        ("10.0.2.23", {}, "'to' needs a port ('port'): 10.0.2.23:9094"),
        ("broker.example:9094", {}, "give an address, not a name"),
        ("[::ffff:10.0.2.7]:1", {}, "not an address that a VPC routes"),
    ],
)
def test_a_question_that_mixes_things_up_is_told_how_to_put_it(
    to: str, more: dict[str, Any], reason: str
) -> None:
    assert reason in ipv6().ask("eni-w", to, None, **more)["error"]

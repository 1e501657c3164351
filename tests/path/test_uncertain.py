"""Where a snapshot tells less than it seems to, the verdict says so instead of guessing."""

from __future__ import annotations

from typing import Any

from netcheck.aws.snapshot import Gap, from_documents, from_regions
from netcheck.path.query import answer
from tests.path.test_trace import public_broker
from tests.path.world import LISTS, World, route, two_subnets, with_peer

BROKER = "198.51.100.77"
WORKERS = {"security_groups": ["sg-w"]}


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


def test_instances_nobody_asked_for_are_taken_to_run_and_this_is_said() -> None:
    found = with_instance().without("Reservations").ask("eni-w", "10.0.2.7")
    assert found["verdict"] == "reachable"
    assert found["assumptions"] == ["Whether i-b is running was not collected; it is taken to be."]


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
    theirs = {stem: {stem: []} for stem in LISTS}
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

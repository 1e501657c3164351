"""Where a snapshot tells less than it seems to, the verdict says so instead of guessing."""

from __future__ import annotations

from typing import Any

from tests.path.world import route, with_peer


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

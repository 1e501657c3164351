"""Networks of workers that use AWS services: two subnets in two zones, with endpoints, NAT, or both."""

from __future__ import annotations

import json
from typing import Any

from tests.path.world import World, permission, route

S3_LIST = "pl-s3"
WORKERS = ("subnet-w", "subnet-x")
PUBLIC = "52.95.120.7"


def bare() -> World:
    """Two private worker subnets, and nothing to leave by. DNS attributes on, AWS's resolver."""
    world = World()
    world.vpc("vpc-a", "10.0.0.0/16")["DhcpOptionsId"] = "dopt-1"
    world.subnet("subnet-w", "vpc-a", "10.0.1.0/24", zone="eu-west-1a")
    world.subnet("subnet-x", "vpc-a", "10.0.2.0/24", zone="eu-west-1b")
    world.table("rtb-w", "vpc-a", [route("10.0.0.0/16", "local")], "subnet-w", "subnet-x")
    world.table("rtb-main", "vpc-a", [route("10.0.0.0/16", "local")], main=True)
    world.group("sg-w", "vpc-a")
    world.acl("acl-a", "vpc-a", "subnet-w", "subnet-x")
    dhcp(world, "AmazonProvidedDNS")
    attributes(world, support=True, host_names=True)
    return world


def nat_per_zone() -> World:
    """`bare` with a NAT gateway in each zone, each subnet's table leading to its own."""
    world = bare()
    world.documents["RouteTables"]["RouteTables"].clear()
    world.igw("igw-a", "vpc-a")
    local = route("10.0.0.0/16", "local")
    for letter, zone, number, worker in (
        ("a", "eu-west-1a", 8, "subnet-w"),
        ("b", "eu-west-1b", 9, "subnet-x"),
    ):
        world.subnet(f"subnet-p{letter}", "vpc-a", f"10.0.{number}.0/24", zone=zone)
        world.acl(f"acl-p{letter}", "vpc-a", f"subnet-p{letter}")
        world.nat(f"nat-{letter}", f"subnet-p{letter}", f"10.0.{number}.5", f"198.51.100.{number}")
        world.table(f"rtb-p{letter}", "vpc-a", [local, route("0.0.0.0/0", "igw-a")], f"subnet-p{letter}")
        world.table(f"rtb-{worker[-1]}", "vpc-a", [local, route("0.0.0.0/0", f"nat-{letter}")], worker)
    world.table("rtb-main", "vpc-a", [local], main=True)
    return world


def interface(
    world: World,
    name: str = "vpce-sm",
    service: str = "com.amazonaws.eu-west-1.secretsmanager",
    *names: str,
    host: int = 50,
    **more: Any,
) -> dict[str, Any]:
    """An interface endpoint with one interface in each worker subnet, its group open to the workers."""
    if f"sg-{name}" not in {g["GroupId"] for g in world.documents["SecurityGroups"]["SecurityGroups"]}:
        world.group(f"sg-{name}", "vpc-a", ingress=[permission("sg-w", (443, 443))])
    for subnet, third in (("subnet-w", 1), ("subnet-x", 2)):
        eni = f"eni-{name}-{third}"
        world.eni(eni, subnet, f"10.0.{third}.{host}", groups=(f"sg-{name}",), kind="vpc_endpoint")
    own = f"{name}-1a2b.{service.rpartition('.')[2]}.eu-west-1.vpce.amazonaws.com"
    return world.endpoint(
        name,
        "vpc-a",
        **{
            "ServiceName": service,
            "SubnetIds": list(WORKERS),
            "NetworkInterfaceIds": [f"eni-{name}-1", f"eni-{name}-2"],
            "PrivateDnsEnabled": True,
            "Groups": [{"GroupId": f"sg-{name}"}],
            "DnsEntries": [{"DnsName": own}, *({"DnsName": each} for each in names)],
            "PolicyDocument": policy("Allow", "*"),
            **more,
        },
    )


def gateway(world: World, *tables: str) -> dict[str, Any]:
    """S3's gateway endpoint, associated with these route tables."""
    world.prefix_list(S3_LIST, "52.218.0.0/17")
    for name in tables:
        world.find("RouteTables", name)["Routes"].append(route(S3_LIST, "vpce-s3"))
    return world.endpoint(
        "vpce-s3", "vpc-a", "Gateway", RouteTableIds=list(tables), PolicyDocument=policy("Allow", "*")
    )


def policy(effect: str, action: str, **more: Any) -> str:
    statement = {"Effect": effect, "Principal": "*", "Action": action, "Resource": "*"} | more
    return json.dumps({"Statement": [statement]})


def dhcp(world: World, *servers: str, name: str = "dopt-1") -> None:
    """The DHCP options, in place of those there were."""
    world.documents["DhcpOptions"]["DhcpOptions"] = []
    values = [{"Value": server} for server in servers]
    world.add(
        "DhcpOptions",
        {"DhcpOptionsId": name, "DhcpConfigurations": [{"Key": "domain-name-servers", "Values": values}]},
    )


def attributes(world: World, *, support: bool, host_names: bool) -> None:
    world.documents["VpcAttributes"]["VpcAttributes"] = []
    world.add(
        "VpcAttributes",
        {
            "VpcId": "vpc-a",
            "EnableDnsSupport": {"Value": support},
            "EnableDnsHostnames": {"Value": host_names},
        },
    )

"""MSK's listeners over IPv6: only their IPv6 addresses are tried, and only by a host that speaks it."""

from __future__ import annotations

from typing import Any

import pytest

from checks.tcp import Connects
from netcheck.core.context import Context, PrerequisiteFailed
from netcheck.core.model import Kind, Security, Target
from netcheck.engine import facts
from netcheck.pipeline.model import Cluster, Pipeline
from netcheck.probe.host.vantage import Vantage
from netcheck.probe.transport.tcp import Connection, Connections
from tests.checks.run import context, judge
from tests.path.world import World, permission, route

BROKER = "b-1.orders.abc123.c2.kafka.eu-west-1.amazonaws.com"
V4, V6 = "10.0.2.7", "2001:db8:0:2::7"
CLUSTER = Cluster(
    "arn:aws:kafka:eu-west-1:111122223333:cluster/orders/1",
    "orders",
    "PROVISIONED",
    "ACTIVE",
    bootstrap={
        "BootstrapBrokerStringSaslIam": f"{BROKER}:9098",
        "BootstrapBrokerStringSaslIamIpv6": f"{BROKER}:20098",
    },
    network_type="DUAL",
)


def connected(addresses: tuple[str, ...], port: int) -> Connections:
    """Every address answers: what was tried is what is told."""
    families = {address: 6 if ":" in address else 4 for address in addresses}
    tried = tuple(
        Connection(address, family, None, None, None, None, "", 0.001) for address, family in families.items()
    )
    return Connections(port, tried, None, "", 0.001)


def host(*own: str, names: tuple[str, ...] = (V4, V6), world: World | None = None) -> Context:
    """A run on a host with these addresses of its own, about CLUSTER."""
    given: dict[str, Any] = {
        "look": Vantage("here", own, (), (), "Linux"),
        "connect": connected,
    }
    bare = context(world or dual(), subnets=("subnet-w",), live={BROKER: names}, more=given)
    return bare.discovered(bare.config, Pipeline(cluster=CLUSTER))


def dual() -> World:
    """Workers and a broker in one VPC; the broker's group lets the listener over IPv6 in, by IPv6 only."""
    world = World()
    world.vpc("vpc-a", "10.0.0.0/16", "2001:db8::/56")
    world.subnet("subnet-w", "vpc-a", "10.0.1.0/24", "2001:db8:0:1::/64")
    world.subnet("subnet-b", "vpc-a", "10.0.2.0/24", "2001:db8:0:2::/64")
    world.table("rtb", "vpc-a", [route("10.0.0.0/16", "local"), route("2001:db8::/56", "local")], main=True)
    world.acl("acl", "vpc-a", "subnet-w", "subnet-b")
    world.group("sg-w", "vpc-a")
    world.group("sg-b", "vpc-a", ingress=[permission("sg-w", (20098, 20098))])
    world.eni("eni-b", "subnet-b", V4, V6, groups=("sg-b",))
    return world


def target(port: int) -> Target:
    return Target(Kind.KAFKA, BROKER, port, Security.SASL_SSL)


def tried(ctx: Context, port: int) -> list[str]:
    return [one.address for one in ctx.get(facts.connections, BROKER, port).connections]


def test_a_listener_over_ipv6_is_tried_by_its_ipv6_addresses_only() -> None:
    ctx = host("10.0.1.10", "2001:db8:0:1::10")
    assert tried(ctx, 20098) == [V6]
    assert tried(ctx, 9098) == [V4, V6], "the others are tried as clients may"


def test_a_host_without_ipv6_does_not_ask_and_blames_nobody() -> None:
    (found,) = judge(Connects(), target(20098), host("10.0.1.10"))
    assert (found.status, found.cause) == ("skip", None)
    assert "and this host has no IPv6 address" in found.summary


def test_a_name_without_an_ipv6_address_has_nothing_to_connect_to() -> None:
    with pytest.raises(PrerequisiteFailed, match="no IPv6 address"):
        tried(host("2001:db8:0:1::10", names=(V4,)), 20098)


def test_the_way_of_the_workers_to_it_is_traced_over_ipv6() -> None:
    (way,) = host("10.0.1.10").get(facts.paths, target(20098))
    assert (way.address, way.path.verdict) == (V6, "reachable")
    (other,) = host("10.0.1.10").get(facts.paths, target(9098))
    assert (other.address, other.path.verdict) == (V4, "blocked")

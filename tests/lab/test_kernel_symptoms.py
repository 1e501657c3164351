"""Hand-made breakages: each has the symptom and the blame that the AWS documentation promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.lab.cloud import ALLOW_ALL_OUT, AclEntry, Allow, Cloud
from tests.lab.flow import INTERNET, Drop, Flow, Outcome
from tests.lab.sandbox import Sandbox

CLICKHOUSE = "52.16.10.20"


@dataclass(slots=True)
class Site:
    """A worker, a broker in another subnet, NAT and internet gateway, a peered VPC; everything works."""

    cloud: Cloud = field(default_factory=Cloud)
    names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        cloud, names = self.cloud, self.names
        vpc = names["vpc"] = cloud.vpc("10.0.0.0/16")
        peer = names["peer"] = cloud.vpc("10.1.0.0/16")
        names["sg-worker"] = cloud.security_group(vpc, "worker")
        names["sg-broker"] = cloud.security_group(
            vpc, "broker", (Allow("tcp", (9092, 9098), (names["sg-worker"],)),), ()
        )
        names["sg-peer"] = cloud.security_group(peer, "peer", (Allow("tcp", (9000, 9000), ("10.0.0.0/16",)),))
        names["private"] = cloud.subnet(vpc, "10.0.1.0/24")
        names["brokers"] = cloud.subnet(vpc, "10.0.2.0/24")
        names["public"] = cloud.subnet(vpc, "10.0.3.0/24")
        names["far"] = cloud.subnet(peer, "10.1.1.0/24")
        names["worker"] = cloud.eni(names["private"], "10.0.1.10", names["sg-worker"])
        names["neighbour"] = cloud.eni(names["private"], "10.0.1.11", names["sg-broker"])
        names["broker"] = cloud.eni(names["brokers"], "10.0.2.10", names["sg-broker"])
        names["bastion"] = cloud.eni(names["public"], "10.0.3.10", names["sg-worker"], public="54.72.1.1")
        names["store"] = cloud.eni(names["far"], "10.1.1.10", names["sg-peer"])
        names["igw"] = cloud.internet_gateway(vpc)
        names["nat"] = cloud.nat_gateway(names["public"], "10.0.3.200", "54.72.1.2")
        names["pcx"] = cloud.peering(vpc, peer)
        names["rtb-private"] = cloud.route_table(vpc, names["private"])
        names["rtb-public"] = cloud.route_table(vpc, names["public"])
        names["rtb-far"] = cloud.route_table(peer, names["far"])
        cloud.route(names["rtb-private"], "0.0.0.0/0", names["nat"])
        cloud.route(names["rtb-private"], "10.1.0.0/16", names["pcx"])
        cloud.route(names["rtb-public"], "0.0.0.0/0", names["igw"])
        cloud.route(names["rtb-far"], "10.0.0.0/16", names["pcx"])

    def routes(self, table: str) -> list[dict[str, object]]:
        routes: list[dict[str, object]] = self.cloud.find("RouteTables", "RouteTableId", self.names[table])[
            "Routes"
        ]
        return routes

    def without_route(self, table: str, destination: str) -> None:
        routes = self.routes(table)
        routes[:] = [route for route in routes if route.get("DestinationCidrBlock") != destination]

    def acl(self, subnet: str, *entries: AclEntry) -> None:
        self.names["acl"] = self.cloud.acl(
            self.cloud.find("Subnets", "SubnetId", self.names[subnet])["VpcId"],
            (self.names[subnet],),
            list(entries),
        )


TO_BROKER = ("worker", "10.0.1.10", 40000, "10.0.2.10", 9094)
TO_CLICKHOUSE = ("worker", "10.0.1.10", 40000, CLICKHOUSE, 8443)
TO_STORE = ("worker", "10.0.1.10", 40000, "10.1.1.10", 9000)
TO_NEIGHBOUR = ("worker", "10.0.1.10", 40000, "10.0.1.11", 9094)
PUBLIC_OUT = ("bastion", "10.0.3.10", 40000, CLICKHOUSE, 8443)
FROM_OUTSIDE = (INTERNET, "198.18.0.1", 40000, "54.72.1.1", 9094)

Change = Callable[[Site], object]
ALL_OUT = AclEntry(100, True, "allow", "-1", "0.0.0.0/0")
ALL_IN = AclEntry(100, False, "allow", "-1", "0.0.0.0/0")
EPHEMERAL_IN = AclEntry(100, False, "allow", "6", "0.0.0.0/0", (32768, 60999))
DENY_BROKERS_AFTER = AclEntry(110, True, "deny", "6", "10.0.2.0/24", (9092, 9098))
DENY_BROKERS_BEFORE = AclEntry(90, True, "deny", "6", "10.0.2.0/24", (9094, 9094))


def nothing(site: Site) -> None:
    """Leave the site as it is."""


def group_rules(group: str, direction: str) -> Change:
    """Take all rules of one direction out of a group."""
    return lambda site: site.cloud.find("SecurityGroups", "GroupId", site.names[group]).update(
        {direction: []}
    )


def port_range(low: int, high: int) -> Change:
    def change(site: Site) -> None:
        rule = site.cloud.find("SecurityGroups", "GroupId", site.names["sg-broker"])["IpPermissions"][0]
        rule.update(FromPort=low, ToPort=high)

    return change


def blackhole(site: Site) -> None:
    for route in site.routes("rtb-private"):
        if route.get("DestinationCidrBlock") == "0.0.0.0/0":
            route["State"] = "blackhole"


def nat_in_private_subnet(site: Site) -> None:
    nat = site.cloud.nat_gateway(site.names["private"], "10.0.1.200", "54.72.1.3")
    site.without_route("rtb-private", "0.0.0.0/0")
    site.cloud.route(site.names["rtb-private"], "0.0.0.0/0", nat)


def nat_in_isolated_subnet(site: Site) -> None:
    nat = site.cloud.nat_gateway(site.names["brokers"], "10.0.2.200", "54.72.1.3")
    site.without_route("rtb-private", "0.0.0.0/0")
    site.cloud.route(site.names["rtb-private"], "0.0.0.0/0", nat)
    site.names["rtb-main"] = site.cloud.main_table[site.names["vpc"]]


def private_nat(site: Site) -> None:
    nat = site.cloud.nat_gateway(site.names["public"], "10.0.3.201")
    site.without_route("rtb-private", "0.0.0.0/0")
    site.cloud.route(site.names["rtb-private"], "0.0.0.0/0", nat)


def failed_nat(site: Site) -> None:
    site.cloud.find("NatGateways", "NatGatewayId", site.names["nat"])["State"] = "failed"


def worker_straight_to_the_gateway(site: Site) -> None:
    site.without_route("rtb-private", "0.0.0.0/0")
    site.cloud.route(site.names["rtb-private"], "0.0.0.0/0", site.names["igw"])


def no_default_route(site: Site) -> None:
    site.without_route("rtb-private", "0.0.0.0/0")


def no_peering_route_back(site: Site) -> None:
    site.without_route("rtb-far", "10.0.0.0/16")


def no_peering_route_there(site: Site) -> None:
    site.without_route("rtb-private", "10.1.0.0/16")


def longer_prefix_to_nowhere(site: Site) -> None:
    site.cloud.route(site.names["rtb-private"], "10.1.1.0/24", site.names["pcx"], "blackhole")


@dataclass(frozen=True, slots=True)
class Case:
    sentence: str
    change: Change
    flow: tuple[str, str, int, str, int]
    drop: Drop | None = None
    component: str = ""
    detail: str = ""
    leg: str = "forward"


CASES = [
    Case("worker to broker: security group reference", nothing, TO_BROKER),
    Case("worker to ClickHouse through NAT and internet gateway", nothing, TO_CLICKHOUSE),
    Case("worker to the peered VPC", nothing, TO_STORE),
    Case("worker to a neighbour in its subnet", nothing, TO_NEIGHBOUR),
    Case("public interface to the internet", nothing, PUBLIC_OUT),
    Case(
        "the internet to a public interface: no rule",
        nothing,
        FROM_OUTSIDE,
        Drop.SECURITY_GROUP,
        "bastion",
        "ingress",
    ),
    Case(
        "the internet to a public interface: allowed",
        lambda site: site.cloud.allow_in(
            site.names["sg-worker"], Allow("tcp", (9094, 9094), ("198.18.0.0/15",))
        ),
        FROM_OUTSIDE,
    ),
    Case(
        "worker's group lets nothing out",
        group_rules("sg-worker", "IpPermissionsEgress"),
        TO_BROKER,
        Drop.SECURITY_GROUP,
        "worker",
        "egress",
    ),
    Case(
        "broker's group lets nothing in",
        group_rules("sg-broker", "IpPermissions"),
        TO_BROKER,
        Drop.SECURITY_GROUP,
        "broker",
        "ingress",
    ),
    Case("port at the lower edge of the rule", port_range(9094, 9098), TO_BROKER),
    Case("port at the upper edge of the rule", port_range(9092, 9094), TO_BROKER),
    Case(
        "port one above the rule",
        port_range(9092, 9093),
        TO_BROKER,
        Drop.SECURITY_GROUP,
        "broker",
        "ingress",
    ),
    Case(
        "port one below the rule",
        port_range(9095, 9098),
        TO_BROKER,
        Drop.SECURITY_GROUP,
        "broker",
        "ingress",
    ),
    Case(
        "a reference is not preserved behind NAT: broker's peer seen from the bastion works",
        nothing,
        ("bastion", "10.0.3.10", 40000, "10.0.2.10", 9094),
    ),
    Case(
        "worker's network ACL has no way in for the answer",
        lambda site: site.acl("private", ALL_OUT),
        TO_BROKER,
        Drop.ACL,
        "acl",
        "ingress:32767",
        "return",
    ),
    Case(
        "broker's network ACL has no way out for the answer",
        lambda site: site.acl("brokers", ALL_IN),
        TO_BROKER,
        Drop.ACL,
        "acl",
        "egress:32767",
        "return",
    ),
    Case(
        "ephemeral range: source port 40000 is in it",
        lambda site: site.acl("private", ALL_OUT, EPHEMERAL_IN),
        TO_BROKER,
    ),
    Case(
        "ephemeral range: source port 1024 is not",
        lambda site: site.acl("private", ALL_OUT, EPHEMERAL_IN),
        ("worker", "10.0.1.10", 1024, "10.0.2.10", 9094),
        Drop.ACL,
        "acl",
        "ingress:32767",
        "return",
    ),
    Case(
        "a network ACL is not asked inside its subnet",
        lambda site: site.acl("private"),
        TO_NEIGHBOUR,
    ),
    Case(
        "rules go by number, not by place in the file: the deny is later",
        lambda site: site.acl("private", DENY_BROKERS_AFTER, ALL_OUT, ALL_IN),
        TO_BROKER,
    ),
    Case(
        "rules go by number, not by place in the file: the deny is earlier",
        lambda site: site.acl("private", ALL_OUT, ALL_IN, DENY_BROKERS_BEFORE),
        TO_BROKER,
        Drop.ACL,
        "acl",
        "egress:90",
    ),
    Case(
        "the NAT gateway's subnet lets no answer in",
        lambda site: site.acl(
            "public", ALL_OUT, AclEntry(90, False, "allow", "6", "10.0.0.0/16", (0, 65535))
        ),
        TO_CLICKHOUSE,
        Drop.ACL,
        "acl",
        "ingress:32767",
        "return",
    ),
    Case("no default route", no_default_route, TO_CLICKHOUSE, Drop.ROUTE_MISSING, "rtb-private"),
    Case(
        "default route is a blackhole",
        blackhole,
        TO_CLICKHOUSE,
        Drop.ROUTE_BLACKHOLE,
        "rtb-private",
        "0.0.0.0/0",
    ),
    Case(
        "NAT gateway in the subnet whose default route it is",
        nat_in_private_subnet,
        TO_CLICKHOUSE,
        Drop.ROUTE_LOOP,
        "rtb-private",
    ),
    Case(
        "NAT gateway in a subnet that leads nowhere",
        nat_in_isolated_subnet,
        TO_CLICKHOUSE,
        Drop.ROUTE_MISSING,
        "rtb-main",
    ),
    Case(
        "a private NAT gateway has no public address for the internet gateway",
        private_nat,
        TO_CLICKHOUSE,
        Drop.IGW_NO_PUBLIC_ADDRESS,
        "igw",
    ),
    Case("NAT gateway failed", failed_nat, TO_CLICKHOUSE, Drop.NAT_STATE, "nat", "failed"),
    Case(
        "internet gateway, no public address",
        worker_straight_to_the_gateway,
        TO_CLICKHOUSE,
        Drop.IGW_NO_PUBLIC_ADDRESS,
        "igw",
    ),
    Case(
        "peering: no route back",
        no_peering_route_back,
        TO_STORE,
        Drop.ROUTE_MISSING,
        "rtb-far",
        "",
        "return",
    ),
    Case(
        "peering: no route there, so the default route takes it to the internet gateway",
        no_peering_route_there,
        TO_STORE,
        Drop.IGW_PRIVATE_DESTINATION,
        "igw",
    ),
    Case(
        "the longer prefix decides, though it leads nowhere",
        longer_prefix_to_nowhere,
        TO_STORE,
        Drop.ROUTE_BLACKHOLE,
        "rtb-private",
        "10.1.1.0/24",
    ),
    Case(
        "nobody has that address",
        nothing,
        ("worker", "10.0.1.10", 40000, "10.0.2.99", 9094),
        Drop.NOBODY,
        "brokers",
    ),
    Case(
        "nobody has that address, nor any subnet",
        nothing,
        ("worker", "10.0.1.10", 40000, "10.0.99.9", 9094),
        Drop.NOBODY,
        "vpc",
    ),
]


def expected(case: Case, site: Site) -> Outcome:
    if case.drop is None:
        return Outcome(True)
    return Outcome(False, case.drop, site.names[case.component], case.detail, case.leg)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_symptom_and_blame(lab: Sandbox, case: Case) -> None:
    site = Site()
    case.change(site)
    source, *rest = case.flow
    flow = Flow(site.names.get(source, source), *rest)  # type: ignore[arg-type]
    assert lab.ask(site.cloud.documents, [flow]) == [expected(case, site)]


def transit(zones: tuple[str, str] = ("a", "a"), *, associated: bool = True) -> tuple[Cloud, dict[str, str]]:
    """Two VPCs on one transit gateway: the worker's zone, and the zone of its VPC's attachment."""
    cloud = Cloud()
    here, there = cloud.vpc("10.0.0.0/16"), cloud.vpc("10.1.0.0/16")
    names = {"private": cloud.subnet(here, "10.0.1.0/24", zones[0])}
    names["edge"] = cloud.subnet(here, "10.0.9.0/28", zones[1])
    names["far"] = cloud.subnet(there, "10.1.1.0/24", "a")
    names["far-edge"] = cloud.subnet(there, "10.1.9.0/28", "a")
    groups = [
        cloud.security_group(vpc, "all", (Allow("-1", None, ("0.0.0.0/0",)),), ALLOW_ALL_OUT)
        for vpc in (here, there)
    ]
    names["worker"] = cloud.eni(names["private"], "10.0.1.10", groups[0])
    names["store"] = cloud.eni(names["far"], "10.1.1.10", groups[1])
    gateway = names["tgw"] = cloud.transit_gateway()
    table = names["tgw-rtb"] = cloud.transit_gateway_route_table(gateway)
    names["attach"] = cloud.transit_gateway_attachment(
        gateway, here, {names["edge"]: "10.0.9.5"}, table if associated else None
    )
    names["far-attach"] = cloud.transit_gateway_attachment(
        gateway, there, {names["far-edge"]: "10.1.9.5"}, table
    )
    cloud.propagate(table, names["attach"])
    cloud.propagate(table, names["far-attach"])
    cloud.route(cloud.main_table[here], "10.1.0.0/16", gateway)
    cloud.route(cloud.main_table[there], "10.0.0.0/16", gateway)
    return cloud, names


def through_transit(lab: Sandbox, cloud: Cloud, names: dict[str, str]) -> Outcome:
    return lab.ask(cloud.documents, [Flow(names["worker"], "10.0.1.10", 40000, "10.1.1.10", 9000)])[0]


def test_a_transit_gateway_joins_two_vpcs(lab: Sandbox) -> None:
    cloud, names = transit()
    assert through_transit(lab, cloud, names) == Outcome(True)


def test_a_transit_gateway_takes_nothing_from_a_zone_without_its_subnet(lab: Sandbox) -> None:
    cloud, names = transit(("b", "a"))
    assert through_transit(lab, cloud, names) == Outcome(
        False, Drop.TRANSIT_ZONE, names["attach"], "", "forward"
    )


def test_an_attachment_without_association_leads_nowhere(lab: Sandbox) -> None:
    cloud, names = transit(associated=False)
    assert through_transit(lab, cloud, names) == Outcome(
        False, Drop.TRANSIT_ASSOCIATION, names["attach"], "", "forward"
    )


def test_a_static_blackhole_beats_the_propagated_route(lab: Sandbox) -> None:
    cloud, names = transit()
    cloud.transit_route(names["tgw-rtb"], "10.1.0.0/16", None)
    assert through_transit(lab, cloud, names) == Outcome(
        False, Drop.TRANSIT_BLACKHOLE, names["tgw-rtb"], "10.1.0.0/16", "forward"
    )


def test_the_attachment_subnets_acl_is_asked_both_ways(lab: Sandbox) -> None:
    for entries, direction in (((ALL_OUT,), "ingress"), ((ALL_IN,), "egress")):
        cloud, names = transit()
        acl = cloud.acl(
            cloud.find("Subnets", "SubnetId", names["edge"])["VpcId"], (names["edge"],), list(entries)
        )
        leg = "forward" if direction == "ingress" else "return"
        assert through_transit(lab, cloud, names) == Outcome(False, Drop.ACL, acl, f"{direction}:32767", leg)


def test_udp_is_tried_with_a_datagram_and_its_echo(lab: Sandbox) -> None:
    site = Site()
    broker = site.names["sg-broker"]
    flow = Flow(site.names["worker"], "10.0.1.10", 40000, "10.0.2.10", 53, "udp")
    assert lab.ask(site.cloud.documents, [flow])[0].drop is Drop.SECURITY_GROUP
    site.cloud.allow_in(broker, Allow("udp", (53, 53), ("10.0.1.0/24",)))
    assert lab.ask(site.cloud.documents, [flow]) == [Outcome(True)]


def test_ipv6_goes_through_the_internet_gateway_untranslated_and_through_the_egress_only_one(
    lab: Sandbox,
) -> None:
    for egress_only in (False, True):
        cloud = Cloud()
        vpc = cloud.vpc("10.0.0.0/16", ipv6="2600:1f18:1:a00::/56")
        subnet = cloud.subnet(vpc, "10.0.1.0/24", ipv6="2600:1f18:1:a01::/64")
        group = cloud.security_group(vpc, "out", (), (Allow("tcp", (443, 443), ("::/0",)),))
        eni = cloud.eni(subnet, "10.0.1.10", group, ipv6=("2600:1f18:1:a01::10",))
        gateway = cloud.egress_only_gateway(vpc) if egress_only else cloud.internet_gateway(vpc)
        cloud.route(cloud.main_table[vpc], "::/0", gateway)
        flows = [Flow(eni, "2600:1f18:1:a01::10", 40000, "2a05:d018::5", port) for port in (443, 444)]
        there, not_there = lab.ask(cloud.documents, flows)
        assert there == Outcome(True)
        assert not_there == Outcome(False, Drop.SECURITY_GROUP, eni, "egress", "forward")


def test_a_gateway_endpoint_is_reached_by_its_prefix_list_and_nothing_else(lab: Sandbox) -> None:
    cloud = Cloud()
    vpc = cloud.vpc("10.0.0.0/16")
    subnet = cloud.subnet(vpc, "10.0.1.0/24")
    s3 = cloud.prefix_list("52.218.0.0/17", "3.5.64.0/21", name="com.amazonaws.eu-west-1.s3", owner="AWS")
    group = cloud.security_group(vpc, "s3", (), (Allow("tcp", (443, 443), (s3,)),))
    eni = cloud.eni(subnet, "10.0.1.10", group)
    cloud.gateway_endpoint(vpc, s3, cloud.main_table[vpc])
    flows = [Flow(eni, "10.0.1.10", 40000, address, 443) for address in ("52.218.127.255", "52.218.128.0")]
    inside, outside = lab.ask(cloud.documents, flows)
    assert inside == Outcome(True)
    assert outside == Outcome(False, Drop.SECURITY_GROUP, eni, "egress", "forward")

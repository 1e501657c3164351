"""Which way each worker subnet takes to an AWS service, and what keeps it from getting there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from checks.aws_service import AllowsByPolicy, HasPath
from netcheck.aws.ec2.endpoints import Endpoint, serves
from netcheck.aws.route53.model import Lookups, Records, Rule, Zone
from netcheck.core.model import Target
from netcheck.iam import endpoint_policy
from netcheck.iam.endpoint_policy import PolicyEffect
from netcheck.pipeline.model import Missing
from tests.checks.run import context, judge, service, told
from tests.checks.worlds import (
    PUBLIC,
    WORKERS,
    attributes,
    bare,
    dhcp,
    gateway,
    interface,
    nat_per_zone,
    policy,
)
from tests.path.world import World, acl_line, permission, route

SM = service("secretsmanager")
Made = Callable[[], World]


def endpoint(world: World, **more: Any) -> World:
    interface(world, **more)
    return world


def edited(world: World, *edits: Callable[[World], object]) -> World:
    for edit in edits:
        edit(world)
    return world


def without_interfaces(world: World) -> World:
    return endpoint(world).without("NetworkInterfaces")


def state(world: World, name: str, state: str) -> None:
    world.find("VpcEndpoints", name)["State"] = state


WAYS: list[tuple[str, Made, Target, list[tuple[str, str | None, str | None]], str]] = [
    (
        "an interface endpoint",
        lambda: endpoint(bare()),
        SM,
        [("pass", None, None)],
        "through vpce-sm (interface endpoint)",
    ),
    (
        "NAT in each zone",
        nat_per_zone,
        SM,
        [("pass", None, None)],
        "subnet-w through nat-a (internet); subnet-x through nat-b",
    ),
    (
        "a gateway endpoint",
        lambda: edited(bare(), lambda w: gateway(w, "rtb-w")),
        service("s3"),
        [("pass", None, None)],
        "through vpce-s3 (gateway endpoint)",
    ),
    (
        "a gateway endpoint that one subnet's table lacks",
        lambda: edited(nat_per_zone(), lambda w: gateway(w, "rtb-w")),
        service("s3"),
        [("pass", None, None)],
        "subnet-w through vpce-s3 (gateway endpoint); subnet-x through nat-b (internet)",
    ),
    (
        "a gateway endpoint that no worker's table has",
        lambda: edited(bare(), lambda w: gateway(w, "rtb-main")),
        service("s3"),
        [("fail", "path_no_route", "rtb-w")],
        "no route",
    ),
    ("nothing at all", bare, SM, [("fail", "path_no_route", "rtb-w")], "no route"),
    (
        "private DNS off, and no other way",
        lambda: endpoint(bare(), PrivateDnsEnabled=False),
        SM,
        [("fail", "endpoint_private_dns_off", "vpce-sm")],
        "private DNS is disabled",
    ),
    (
        "private DNS off, and NAT",
        lambda: endpoint(nat_per_zone(), PrivateDnsEnabled=False),
        SM,
        [("warn", "endpoint_unused", "vpce-sm")],
        "leave through nat-a, nat-b although vpce-sm",
    ),
    (
        "host names off in the VPC",
        lambda: edited(endpoint(bare()), lambda w: attributes(w, support=True, host_names=False)),
        SM,
        [("fail", "endpoint_private_dns_off", "vpce-sm")],
        "DNS attributes are disabled",
    ),
    (
        "the endpoint waits for acceptance",
        lambda: endpoint(bare(), State="pendingAcceptance"),
        SM,
        [("fail", "endpoint_not_available", "vpce-sm")],
        "pendingAcceptance",
    ),
    (
        "its group lets nobody in",
        lambda: endpoint(edited(bare(), lambda w: w.group("sg-vpce-sm", "vpc-a", ingress=[]))),
        SM,
        [("fail", "path_security_group", "sg-vpce-sm")],
        "no inbound rules",
    ),
    (
        "the workers' group lets nothing out",
        lambda: edited(
            endpoint(bare()),
            lambda w: w.find("SecurityGroups", "sg-w").update(
                IpPermissionsEgress=[permission("10.9.0.0/16", (443, 443))]
            ),
        ),
        SM,
        [("fail", "path_security_group", "sg-w")],
        "outbound",
    ),
    (
        "the network ACL of a NAT gateway's subnet",
        lambda: edited(
            nat_per_zone(),
            lambda w: w.find("NetworkAcls", "acl-pb")["Entries"].append(
                acl_line(10, "deny", "10.0.2.0/24") | {"Egress": False}
            ),
        ),
        SM,
        [("fail", "path_network_acl", "acl-pb")],
        "from subnet-x",
    ),
    (
        "an endpoint in one zone serves both",
        lambda: endpoint(bare(), SubnetIds=["subnet-w"], NetworkInterfaceIds=["eni-vpce-sm-1"]),
        SM,
        [("pass", None, None)],
        "subnet-w, subnet-x through vpce-sm",
    ),
    (
        "an interface outside the endpoint's subnets",
        lambda: endpoint(bare(), SubnetIds=["subnet-w"]),
        SM,
        [("fail", "path_no_route", "vpce-sm")],
        "not deployed in subnet-x (eu-west-1b)",
    ),
    (
        "an interface outside the subnets of an endpoint that is not available",
        lambda: endpoint(bare(), SubnetIds=["subnet-w"], State="pendingAcceptance"),
        SM,
        [("fail", "endpoint_not_available", "vpce-sm"), ("fail", "path_no_route", "vpce-sm")],
        "pendingAcceptance",
    ),
    (
        "a gateway endpoint that is being deleted",
        lambda: edited(bare(), lambda w: gateway(w, "rtb-w"), lambda w: state(w, "vpce-s3", "deleting")),
        service("s3"),
        [("fail", "endpoint_not_available", "vpce-s3")],
        "deleting",
    ),
    (
        "private DNS off, and NAT gateways that may not be read",
        lambda: endpoint(nat_per_zone().without("NatGateways"), PrivateDnsEnabled=False),
        SM,
        [("unknown", "path_unknown", "nat-a"), ("unknown", "path_unknown", "nat-b")],
        "ec2:DescribeNatGateways",
    ),
    (
        "MSK's API by the name it has now",
        lambda: endpoint(bare(), name="vpce-k", service="aws.api.eu-west-1.kafka-api"),
        service("kafka"),
        [("pass", None, None)],
        "through vpce-k",
    ),
    (
        "the global name of STS with the Region's endpoint",
        lambda: endpoint(bare(), name="vpce-sts", service="com.amazonaws.eu-west-1.sts"),
        Target(SM.kind, "sts.amazonaws.com", 443),
        [("fail", "sts_global_name", "sts.amazonaws.com")],
        "no route",
    ),
    (
        "the global name of STS by NAT",
        nat_per_zone,
        Target(SM.kind, "sts.amazonaws.com", 443),
        [("pass", None, None)],
        "nat-a",
    ),
    (
        "S3's interface endpoint that only on-premises names lead to",
        lambda: edited(
            endpoint(
                bare(),
                name="vpce-s3i",
                service="com.amazonaws.eu-west-1.s3",
                DnsOptions={"PrivateDnsOnlyForInboundResolverEndpoint": True},
            ),
            lambda w: gateway(w, "rtb-w"),
        ),
        service("s3"),
        [("pass", None, None)],
        "through vpce-s3 (gateway endpoint)",
    ),
    (
        "interfaces nobody may see",
        lambda: without_interfaces(bare()),
        SM,
        [("unknown", "path_unknown", None)],
        "ec2:DescribeNetworkInterfaces",
    ),
    (
        "a NAT gateway that failed",
        lambda: edited(nat_per_zone(), lambda w: w.find("NatGateways", "nat-b").update(State="failed")),
        SM,
        [("fail", "path_no_internet", "nat-b")],
        "subnet-x",
    ),
    (
        "a public subnet",
        lambda: edited(
            nat_per_zone(),
            lambda w: w.find("RouteTables", "rtb-w").update(
                Routes=[route("10.0.0.0/16", "local"), route("0.0.0.0/0", "igw-a")]
            ),
        ),
        SM,
        [("fail", "path_no_internet", "igw-a")],
        "subnet-w",
    ),
]


@pytest.mark.parametrize(("what", "made", "target", "expected", "said"), WAYS, ids=[way[0] for way in WAYS])
def test_the_way_to_a_service(
    what: str, made: Made, target: Target, expected: list[tuple[str, str | None, str | None]], said: str
) -> None:
    found = judge(HasPath(), target, context(made(), subnets=WORKERS, live={target.host: (PUBLIC,)}))
    assert told(found) == expected, [one.summary for one in found]
    assert said in found[0].summary, what


OFF = {"PrivateDnsEnabled": False}
HUB = Lookups((Zone("Zh", SM.host, "1", ""),), (), (), (), "")
ALIAS = Records((), ("vpce-sm-1a2b.secretsmanager.eu-west-1.vpce.amazonaws.com",), None)
FORWARD = Lookups((), (Rule("rslvr-rr-1", "amazonaws.com", "FORWARD", ("10.9.0.2",)),), (), (), "")
DENIED = Lookups((), (), (), (Missing("private hosted zones", "route53:ListHostedZonesByVPC", "no"),), "")
SERVERS = ("10.0.1.53",)

NAMES: list[tuple[str, Made, dict[str, Any], str, str]] = [
    (
        "a zone of one's own leads to the endpoint",
        lambda: endpoint(bare(), **OFF),
        {"lookups": HUB, "records": {SM.host: ALIAS}},
        "pass",
        "vpce-sm",
    ),
    (
        "a zone of one's own with addresses",
        lambda: endpoint(bare(), **OFF),
        {"lookups": HUB, "records": {SM.host: Records(("10.0.1.50",), (), None)}},
        "pass",
        "vpce-sm",
    ),
    (
        "a zone that lacks the name is resolver.zones' matter",
        lambda: endpoint(bare(), **OFF),
        {"lookups": HUB},
        "skip",
        "has no record of",
    ),
    (
        "a zone nobody may read, and NAT",
        lambda: endpoint(nat_per_zone(), **OFF),
        {"lookups": DENIED},
        "pass",
        "nat-a",
    ),
    (
        "a zone nobody may read, and no NAT",
        lambda: endpoint(bare(), **OFF),
        {"lookups": DENIED},
        "unknown",
        "route53:ListHostedZonesByVPC",
    ),
    (
        "a snapshot, which has no zones, and NAT",
        lambda: endpoint(nat_per_zone(), **OFF),
        {"lookups": None},
        "pass",
        "nat-a",
    ),
    (
        "a snapshot, which has no zones, and no NAT",
        lambda: endpoint(bare(), **OFF),
        {"lookups": None},
        "unknown",
        "snapshot",
    ),
    (
        "forwarded, and private from here",
        lambda: endpoint(bare(), **OFF),
        {"lookups": FORWARD, "live": {SM.host: ("10.0.1.50",)}},
        "pass",
        "vpce-sm",
    ),
    (
        "forwarded, and nobody knows where to",
        lambda: endpoint(bare(), **OFF),
        {"lookups": FORWARD},
        "unknown",
        "forwards amazonaws.com",
    ),
    (
        "name servers of one's own, and only the endpoint",
        lambda: edited(endpoint(bare()), lambda w: dhcp(w, *SERVERS)),
        {},
        "unknown",
        "custom name servers",
    ),
    (
        "name servers of one's own, and NAT as well",
        lambda: edited(endpoint(nat_per_zone()), lambda w: dhcp(w, *SERVERS)),
        {},
        "pass",
        "nat-a",
    ),
    (
        "name servers of one's own that answer privately",
        lambda: edited(endpoint(bare()), lambda w: dhcp(w, *SERVERS)),
        {"live": {SM.host: ("10.0.1.50", "10.0.2.50")}},
        "pass",
        "vpce-sm",
    ),
    (
        "the VPC's resolver by its address",
        lambda: edited(endpoint(bare()), lambda w: dhcp(w, "10.0.0.2")),
        {},
        "pass",
        "vpce-sm",
    ),
]


@pytest.mark.parametrize(("what", "made", "how", "status", "said"), NAMES, ids=[name[0] for name in NAMES])
def test_the_name_decides_where_there_is_an_endpoint(
    what: str, made: Made, how: dict[str, Any], status: str, said: str
) -> None:
    found = judge(HasPath(), SM, context(made(), subnets=WORKERS, **how))
    assert [str(one.status) for one in found] == [status], [one.summary for one in found]
    assert said in found[0].summary, what


SERVING = [
    ("com.amazonaws.eu-west-1.secretsmanager", "secretsmanager.eu-west-1.amazonaws.com", True),
    ("com.amazonaws.eu-west-1.secretsmanager", "SecretsManager.EU-WEST-1.amazonaws.com", True),
    ("com.amazonaws.eu-west-1.secretsmanager", "secretsmanager.us-east-1.amazonaws.com", False),
    ("com.amazonaws.eu-west-1.kafkaconnect", "kafkaconnect.eu-west-1.amazonaws.com", True),
    ("com.amazonaws.eu-west-1.kafkaconnect", "kafka.eu-west-1.amazonaws.com", False),
    ("aws.api.eu-west-1.kafka-api", "kafka.eu-west-1.amazonaws.com", True),
    ("com.amazonaws.eu-west-1.kafka", "kafka.eu-west-1.amazonaws.com", True),
    ("com.amazonaws.eu-west-1.kinesis-streams", "kinesis.eu-west-1.amazonaws.com", True),
    ("com.amazonaws.eu-west-1.s3", "plugins.s3.eu-west-1.amazonaws.com", True),
    ("com.amazonaws.eu-west-1.sts", "sts.amazonaws.com", False),
    ("cn.com.amazonaws.cn-north-1.sts", "sts.cn-north-1.amazonaws.com.cn", True),
    ("com.amazonaws.eu-west-1.ssm", "ssmmessages.eu-west-1.amazonaws.com", False),
]


@pytest.mark.parametrize(("name", "host", "expected"), SERVING)
def test_which_endpoint_serves_which_host(name: str, host: str, expected: bool) -> None:
    made = Endpoint("vpce-1", "vpc-a", "Interface", "available", name, True, False, (), (), (), (), (), None)
    assert serves(made, host) is expected


def statement(effect: str, action: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Principal": "*", "Action": action, "Resource": "*"} | more


POLICIES: list[tuple[str, Any, PolicyEffect]] = [
    ("none", None, PolicyEffect.ALLOWS),
    ("everything", [statement("Allow", "*")], PolicyEffect.ALLOWS),
    ("the service", [statement("Allow", ["logs:*", "SecretsManager:*"])], PolicyEffect.ALLOWS),
    ("principals written as AWS", [statement("Allow", "*", Principal={"AWS": "*"})], PolicyEffect.ALLOWS),
    ("another service only", [statement("Allow", "logs:*")], PolicyEffect.DENIES),
    ("no statement", [], PolicyEffect.DENIES),
    ("denied whole", [statement("Allow", "*"), statement("Deny", "secretsmanager:*")], PolicyEffect.DENIES),
    (
        "denied in part",
        [statement("Allow", "*"), statement("Deny", "secretsmanager:Put*")],
        PolicyEffect.UNDECIDED,
    ),
    ("one action", [statement("Allow", "secretsmanager:GetSecretValue")], PolicyEffect.UNDECIDED),
    (
        "one principal",
        [statement("Allow", "*", Principal={"AWS": "arn:aws:iam::1:role/x"})],
        PolicyEffect.UNDECIDED,
    ),
    (
        "one resource",
        [statement("Allow", "*", Resource="arn:aws:secretsmanager:::x")],
        PolicyEffect.UNDECIDED,
    ),
    (
        "a condition",
        [statement("Allow", "*", Condition={"StringEquals": {"a": "b"}})],
        PolicyEffect.UNDECIDED,
    ),
    (
        "a deny on a condition",
        [statement("Allow", "*"), statement("Deny", "*", Condition={"Bool": {}})],
        PolicyEffect.UNDECIDED,
    ),
    (
        "a deny of everything else",
        [statement("Allow", "*"), {"Effect": "Deny", "Principal": "*", "NotAction": "s3:*", "Resource": "*"}],
        PolicyEffect.UNDECIDED,
    ),
    ("no JSON", "what is this", PolicyEffect.UNDECIDED),
]


@pytest.mark.parametrize(("what", "given", "expected"), POLICIES, ids=[p[0] for p in POLICIES])
def test_endpoint_policies(what: str, given: Any, expected: PolicyEffect) -> None:
    document = {"Statement": given} if isinstance(given, list) else given
    assert endpoint_policy.judge(document, "secretsmanager") is expected, what


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("secretsmanager.eu-west-1.amazonaws.com", "secretsmanager"),
        ("sts.amazonaws.com", "sts"),
        ("plugins.s3.eu-west-1.amazonaws.com", "s3"),
        ("monitoring.eu-west-1.amazonaws.com", "cloudwatch"),
        ("sts-fips.us-east-1.amazonaws.com", "sts"),
        ("vpce-0a1b-xyz.secretsmanager.eu-west-1.vpce.amazonaws.com", "secretsmanager"),
    ],
)
def test_the_iam_prefix_of_a_host(host: str, expected: str) -> None:
    assert endpoint_policy.service_of(host) == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (policy("Allow", "*"), ("pass", None, None)),
        (policy("Allow", "logs:*"), ("fail", "endpoint_policy", "vpce-sm")),
        (
            policy("Allow", "*", Condition={"StringEquals": {"aws:PrincipalAccount": "1"}}),
            ("unknown", "path_unknown", None),
        ),
    ],
)
def test_the_policy_of_the_endpoint_in_use(
    document: str, expected: tuple[str, str | None, str | None]
) -> None:
    ctx = context(endpoint(bare(), PolicyDocument=document), subnets=WORKERS)
    assert told(judge(AllowsByPolicy(), SM, ctx)) == [expected]


def test_a_subnet_that_nobody_knows_has_no_way_that_passes() -> None:
    ctx = context(endpoint(bare()), subnets=("subnet-w", "subnet-gone"))
    (found,) = HasPath().run(SM, ctx)
    assert (found.status, found.component) == ("unknown", "subnet-gone")

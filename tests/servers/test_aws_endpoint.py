"""The AWS endpoint against real boto3: what a test relies on when it says "AWS answered this"."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import botocore
import botocore.exceptions
import botocore.parsers
import pytest

from tests.servers.aws_endpoint import (
    AwsEndpoint,
    aws_error,
    clock_off,
    dropped,
    html_page,
    slow,
    throttled,
)
from tests.servers.aws_world import AwsError, FixtureError, World
from tests.servers.certificates import Certificates

DOCUMENTS: dict[str, Any] = {
    "Vpcs": [{"VpcId": f"vpc-{n}", "CidrBlock": f"10.{n}.0.0/16", "IsDefault": n == 1} for n in range(1, 6)],
    "Subnets": [
        {"SubnetId": f"subnet-{n}", "VpcId": f"vpc-{1 + n % 2}", "CidrBlock": f"10.1.{n}.0/24"}
        for n in range(1, 8)
    ],
    "RouteTables": [
        {
            "RouteTableId": "rtb-1",
            "VpcId": "vpc-1",
            "Routes": [{"DestinationCidrBlock": "10.1.0.0/16", "GatewayId": "local", "State": "active"}],
            "Associations": [{"Main": True, "RouteTableAssociationId": "rtbassoc-1"}],
        }
    ],
    "InternetGateways": [
        {"InternetGatewayId": "igw-1", "Attachments": [{"VpcId": "vpc-1", "State": "available"}]},
        {"InternetGatewayId": "igw-2", "Attachments": []},
    ],
    "NatGateways": [{"NatGatewayId": "nat-1", "VpcId": "vpc-1", "CreateTime": "2026-01-02T03:04:05+00:00"}],
    "Reservations": [
        {
            "ReservationId": "r-1",
            "Instances": [
                {"InstanceId": "i-1", "VpcId": "vpc-1", "State": {"Name": "running", "Code": 16}},
                {"InstanceId": "i-2", "VpcId": "vpc-2", "State": {"Name": "stopped", "Code": 80}},
            ],
        }
    ],
    "ManagedPrefixLists": [{"PrefixListId": "pl-1", "PrefixListName": "ours"}],
    "PrefixLists": [{"PrefixListId": "pl-s3", "PrefixListName": "com.amazonaws.eu-west-1.s3"}],
    "PrefixListEntries": [{"PrefixListId": "pl-1", "Entries": [{"Cidr": "10.9.0.0/16"}]}],
    "TransitGatewayRouteTables": [{"TransitGatewayRouteTableId": "tgw-rtb-1", "TransitGatewayId": "tgw-1"}],
    "TransitGatewayStaticRoutes": [
        {
            "TransitGatewayRouteTableId": "tgw-rtb-1",
            "Routes": [
                {"DestinationCidrBlock": "10.1.0.0/16", "Type": "propagated", "State": "active"},
                {"DestinationCidrBlock": "0.0.0.0/0", "Type": "static", "State": "blackhole"},
            ],
        }
    ],
}


@pytest.fixture
def aws() -> Iterator[AwsEndpoint]:
    with AwsEndpoint(World(DOCUMENTS)) as endpoint:
        yield endpoint


def only(answer: dict[str, Any]) -> Any:
    return next(value for key, value in answer.items() if key != "ResponseMetadata")


@pytest.mark.parametrize(
    ("sentence", "operation", "params", "expected"),
    [
        ("all of them", "describe_vpcs", {}, ["vpc-1", "vpc-2", "vpc-3", "vpc-4", "vpc-5"]),
        ("by id", "describe_vpcs", {"VpcIds": ["vpc-3"]}, ["vpc-3"]),
        ("by a filter", "describe_subnets", {"vpc-id": ["vpc-1"]}, ["subnet-2", "subnet-4", "subnet-6"]),
        ("by a boolean filter", "describe_vpcs", {"is-default": ["true"]}, ["vpc-1"]),
        ("by a wildcard", "describe_subnets", {"cidr-block": ["10.1.?.0/24"], "vpc-id": ["*-9"]}, []),
        ("inside a list", "describe_internet_gateways", {"attachment.vpc-id": ["vpc-1"]}, ["igw-1"]),
        ("inside a list, plural", "describe_route_tables", {"association.main": ["true"]}, ["rtb-1"]),
        ("named Filter, singular", "describe_nat_gateways", {"vpc-id": ["vpc-1"]}, ["nat-1"]),
        ("under another name", "describe_managed_prefix_lists", {}, ["pl-1"]),
        ("a document that is not there", "describe_dhcp_options", {}, []),
    ],
)
def test_ec2_selects_as_documented(
    aws: AwsEndpoint, sentence: str, operation: str, params: dict[str, Any], expected: list[str]
) -> None:
    ids = {key: value for key, value in params.items() if key[0].isupper()}
    filters = [{"Name": key, "Values": value} for key, value in params.items() if not key[0].isupper()]
    name = "Filter" if operation == "describe_nat_gateways" else "Filters"
    items = only(getattr(aws.client("ec2"), operation)(**ids, **({name: filters} if filters else {})))
    found = [value for item in items for value in item.values() if value in expected]
    assert len(items) == len(expected), sentence
    assert found == expected, sentence


def test_a_reservation_is_shown_with_the_instances_that_fit(aws: AwsEndpoint) -> None:
    filters = [{"Name": "instance-state-name", "Values": ["running"]}]
    reservations = aws.client("ec2").describe_instances(Filters=filters)["Reservations"]
    assert [i["InstanceId"] for r in reservations for i in r["Instances"]] == ["i-1"]


def test_the_answers_of_one_thing_at_a_time(aws: AwsEndpoint) -> None:
    ec2 = aws.client("ec2")
    assert ec2.describe_vpc_attribute(VpcId="vpc-1", Attribute="enableDnsSupport")["EnableDnsSupport"] == {
        "Value": True
    }
    assert ec2.get_managed_prefix_list_entries(PrefixListId="pl-1")["Entries"] == [{"Cidr": "10.9.0.0/16"}]
    options = ec2.describe_vpc_block_public_access_options()["VpcBlockPublicAccessOptions"]
    assert options["InternetGatewayBlockMode"] == "off"
    static = [{"Name": "type", "Values": ["static"]}]
    routes = ec2.search_transit_gateway_routes(TransitGatewayRouteTableId="tgw-rtb-1", Filters=static)
    assert [r["DestinationCidrBlock"] for r in routes["Routes"]] == ["0.0.0.0/0"]
    assert routes["AdditionalRoutesAvailable"] is False
    created = ec2.describe_nat_gateways()["NatGateways"][0]["CreateTime"]
    assert created == datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("sentence", "operation", "params", "code"),
    [
        ("an id that is not there", "describe_vpcs", {"VpcIds": ["vpc-9"]}, "InvalidVpcID.NotFound"),
        (
            "a filter AWS does not document",
            "describe_egress_only_internet_gateways",
            {"Filters": [{"Name": "attachment.vpc-id", "Values": ["vpc-1"]}]},
            "InvalidParameterValue",
        ),
        (
            "more than 200 filter values",
            "describe_vpcs",
            {"Filters": [{"Name": "vpc-id", "Values": [f"vpc-{n}" for n in range(201)]}]},
            "FilterLimitExceeded",
        ),
        ("more than a page may hold", "describe_route_tables", {"MaxResults": 1000}, "InvalidParameterValue"),
        (
            "ids together with a page size",
            "describe_vpcs",
            {"VpcIds": ["vpc-1"], "MaxResults": 5},
            "InvalidParameterCombination",
        ),
        ("a made up token", "describe_vpcs", {"NextToken": "!"}, "InvalidParameterValue"),
    ],
)
def test_ec2_refuses_what_aws_refuses(
    aws: AwsEndpoint, sentence: str, operation: str, params: dict[str, Any], code: str
) -> None:
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        getattr(aws.client("ec2"), operation)(**params)
    assert refused.value.response["Error"]["Code"] == code, sentence


def test_pages_can_be_forced() -> None:
    kafka = {"kafka": {"ListNodes": {"NodeInfoList": [{"NodeARN": f"arn:{n}"} for n in range(5)]}}}
    with AwsEndpoint(World(DOCUMENTS, kafka, page_size=2)) as aws:
        pages = list(aws.client("ec2").get_paginator("describe_vpcs").paginate())
        assert [len(page["Vpcs"]) for page in pages] == [2, 2, 1]
        nodes = list(aws.client("kafka").get_paginator("list_nodes").paginate(ClusterArn="arn:x/y"))
        assert [len(page["NodeInfoList"]) for page in nodes] == [2, 2, 1]
        assert aws.count() == {"DescribeVpcs": 3, "ListNodes": 3}


ROLE = {
    "Path": "/",
    "RoleName": "worker",
    "RoleId": "AROACKCEVSQ6C2EXAMPLE",
    "Arn": "arn:aws:iam::111122223333:role/worker",
    "CreateDate": "2026-01-01T00:00:00Z",
}
CONNECTORS = [{"connectorName": "sink", "connectorState": "RUNNING", "creationTime": "2026-01-01T00:00:00Z"}]
ZONES = [{"HostedZoneId": "Z1", "Name": "example.test.", "Owner": {"OwningAccount": "111122223333"}}]
SERVICES: dict[str, dict[str, Any]] = {
    "kafkaconnect": {"ListConnectors": {"connectors": CONNECTORS}},
    "kafka": {
        "GetBootstrapBrokers": {"BootstrapBrokerStringTls": "b-1.example.test:9094"},
        "ListClustersV2": {
            "ClusterInfoList": [{"ClusterName": "events", "CreationTime": "2026-01-01T00:00:00Z"}]
        },
    },
    "iam": {"GetRole": {"Role": ROLE}},
    "glue": {"GetRegistry": {"RegistryName": "events", "Status": "AVAILABLE"}},
    "secretsmanager": {"DescribeSecret": {"Name": "login", "CreatedDate": "2026-01-01T00:00:00Z"}},
    "s3": {
        "HeadBucket": {"BucketRegion": "eu-west-1"},
        "GetObject": {"Body": b"PK plugin", "ContentLength": 9, "ETag": '"e"'},
        "ListObjectsV2": {"Name": "plugins", "KeyCount": 1, "Contents": [{"Key": "sink.zip", "Size": 9}]},
        "GetBucketLocation": {"LocationConstraint": "eu-west-1"},
    },
    "route53": {
        "ListHostedZonesByVPC": {"HostedZoneSummaries": ZONES, "MaxItems": "100"},
    },
    "cloudwatch": {"DescribeAlarms": {"MetricAlarms": [{"AlarmName": "lag"}]}},
    "network-firewall": {"ListFirewalls": {"Firewalls": [{"FirewallName": "fw"}]}},
    "elbv2": {"DescribeLoadBalancers": {"LoadBalancers": [{"LoadBalancerName": "nlb"}]}},
    "logs": {"DescribeLogGroups": {"logGroups": [{"logGroupName": "sink", "creationTime": 1}]}},
    "sns": {"ListTopics": {"Topics": [{"TopicArn": "arn:aws:sns:eu-west-1:111122223333:t"}]}},
    "ssm": {"DescribeParameters": {"Parameters": [{"Name": "/netcheck"}]}},
    "lambda": {"GetFunctionConfiguration": {"FunctionName": "netcheck", "Timeout": 60}},
}
ASKED: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("kafkaconnect", "ListConnectors", {"maxResults": 3}, {"maxResults": 3}),
    ("kafka", "GetBootstrapBrokers", {"ClusterArn": "arn:a/b/c"}, {"ClusterArn": "arn:a/b/c"}),
    ("kafka", "ListClustersV2", {"ClusterNameFilter": "ev"}, {"ClusterNameFilter": "ev"}),
    ("iam", "GetRole", {"RoleName": "worker"}, {"RoleName": "worker"}),
    ("glue", "GetRegistry", {"RegistryId": {"RegistryName": "e"}}, {"RegistryId": {"RegistryName": "e"}}),
    ("secretsmanager", "DescribeSecret", {"SecretId": "login"}, {"SecretId": "login"}),
    ("s3", "HeadBucket", {"Bucket": "plugins"}, {"Bucket": "plugins"}),
    ("s3", "GetObject", {"Bucket": "plugins", "Key": "a/b.zip"}, {"Bucket": "plugins", "Key": "a/b.zip"}),
    ("s3", "ListObjectsV2", {"Bucket": "plugins", "Prefix": "x"}, {"Bucket": "plugins", "Prefix": "x"}),
    ("s3", "GetBucketLocation", {"Bucket": "plugins"}, {"Bucket": "plugins"}),
    ("route53", "ListHostedZonesByVPC", {"VPCId": "vpc-1", "VPCRegion": "eu-west-1"}, {"VPCId": "vpc-1"}),
    ("cloudwatch", "DescribeAlarms", {"AlarmNames": ["lag"]}, {"AlarmNames": ["lag"]}),
    ("network-firewall", "ListFirewalls", {"VpcIds": ["vpc-1"]}, {"VpcIds": ["vpc-1"]}),
    ("elbv2", "DescribeLoadBalancers", {"Names": ["a", "b"]}, {"Names": ["a", "b"]}),
    ("logs", "DescribeLogGroups", {"limit": 3}, {"limit": 3}),
    ("sns", "ListTopics", {}, {}),
    ("ssm", "DescribeParameters", {"MaxResults": 3}, {"MaxResults": 3}),
    ("lambda", "GetFunctionConfiguration", {"FunctionName": "netcheck"}, {"FunctionName": "netcheck"}),
    ("sts", "GetCallerIdentity", {}, {}),
]


def snake(name: str) -> str:
    return str(botocore.xform_name(name))


@pytest.mark.parametrize(("service", "operation", "params", "read"), ASKED, ids=lambda x: str(x)[:30])
def test_every_protocol_carries_parameters_and_answers(
    service: str, operation: str, params: dict[str, Any], read: dict[str, Any]
) -> None:
    world = World(DOCUMENTS, SERVICES)
    with AwsEndpoint(world) as aws:
        answer = getattr(aws.client(service), snake(operation))(**params)
        call = aws.calls[-1]
        assert (call.service, call.operation, call.region) == (service, operation, "eu-west-1")
        assert read.items() <= call.params.items()
    body = answer.pop("Body", None)
    if body is not None:
        assert body.read() == b"PK plugin"
        body.close()
    given: Any = world.services[service][operation]
    for key, value in given.items():
        if key != "Body":
            assert undated(answer[key]) == undated(value), key


def undated(value: Any) -> Any:
    match value:
        case dict():
            return {k: undated(v) for k, v in value.items()}
        case list():
            return [undated(v) for v in value]
        case datetime.datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%SZ")
        case _:
            return value


@pytest.mark.parametrize(
    ("service", "operation", "params", "code"),
    [
        ("ec2", "DescribeVpcs", {}, "UnauthorizedOperation"),
        ("iam", "GetRole", {"RoleName": "worker"}, "AccessDenied"),
        ("route53", "ListHostedZonesByVPC", {"VPCId": "v", "VPCRegion": "eu-west-1"}, "AccessDenied"),
        ("s3", "GetObject", {"Bucket": "plugins", "Key": "k"}, "AccessDenied"),
        ("s3", "HeadBucket", {"Bucket": "plugins"}, "403"),
        ("kafka", "ListClustersV2", {}, "AccessDeniedException"),
        ("glue", "GetRegistry", {"RegistryId": {}}, "AccessDeniedException"),
        ("cloudwatch", "DescribeAlarms", {}, "AccessDeniedException"),
    ],
)
def test_each_service_denies_in_its_own_words(
    service: str, operation: str, params: dict[str, Any], code: str
) -> None:
    with AwsEndpoint(World(DOCUMENTS, SERVICES)) as aws:
        aws.deny(service, operation)
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            getattr(aws.client(service), snake(operation))(**params)
    error = refused.value.response["Error"]
    assert error["Code"] == code
    assert code == "403" or f"{service}:{operation}" in error["Message"]


def test_an_answer_may_depend_on_what_was_asked() -> None:
    def brokers(params: dict[str, Any]) -> dict[str, Any]:
        if params["ClusterArn"] != "arn:known":
            raise AwsError("NotFoundException", "no such cluster", 404)
        return {"BootstrapBrokerString": "b-1:9092"}

    with AwsEndpoint(World({}, {"kafka": {"GetBootstrapBrokers": brokers}})) as aws:
        kafka = aws.client("kafka")
        assert kafka.get_bootstrap_brokers(ClusterArn="arn:known")["BootstrapBrokerString"] == "b-1:9092"
        with pytest.raises(kafka.exceptions.NotFoundException):
            kafka.get_bootstrap_brokers(ClusterArn="arn:other")


@pytest.mark.parametrize(
    ("sentence", "documents", "services"),
    [
        ("an unknown member", {"Vpcs": [{"VpcID": "vpc-1"}]}, {}),
        ("a wrong type", {"Vpcs": [{"VpcId": 1}]}, {}),
        ("deep inside", {"RouteTables": [{"Routes": [{"Gateway": "local"}]}]}, {}),
        (
            "a wrapped answer",
            {"PrefixListEntries": [{"PrefixListId": "pl-1", "Entries": [{"CIDR": "x"}]}]},
            {},
        ),
        ("a document AWS does not have", {"Vpcz": []}, {}),
        ("another service's answer", {}, {"kafka": {"ListNodes": {"Nodes": []}}}),
        ("an operation that does not exist", {}, {"kafka": {"ListNode": {}}}),
        ("a service that does not exist", {}, {"kafak": {"ListNodes": {}}}),
    ],
)
def test_a_typo_in_a_fixture_fails_before_anything_is_asked(
    sentence: str, documents: dict[str, Any], services: dict[str, Any]
) -> None:
    with pytest.raises(FixtureError):
        World(documents, services)
        pytest.fail(sentence)


def test_a_call_nobody_gave_an_answer_for_fails_the_test() -> None:
    with (
        pytest.raises(FixtureError, match="glue:ListRegistries"),
        AwsEndpoint(World(DOCUMENTS)) as aws,
        pytest.raises(botocore.exceptions.ClientError),
    ):
        aws.client("glue").list_registries()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (aws_error("ExpiredToken", "expired", 403), "ExpiredToken"),
        (throttled(), "RequestLimitExceeded"),
        (clock_off(minutes=47), "RequestExpired"),
        (html_page(), "ResponseParserError"),
        (dropped(), "ConnectionClosedError"),
        (slow(6), "ReadTimeoutError"),
    ],
)
def test_faults_come_as_often_as_asked_and_then_it_is_fine(
    aws: AwsEndpoint, fault: Any, expected: str
) -> None:
    aws.fail("ec2", "DescribeVpcs", fault, after=1, times=2)
    ec2 = aws.client("ec2", read_timeout=2)
    seen = []
    for _ in range(4):
        try:
            ec2.describe_vpcs()
            seen.append("fine")
        except botocore.exceptions.ClientError as error:
            seen.append(error.response["Error"]["Code"])
        except (botocore.exceptions.BotoCoreError, botocore.parsers.ResponseParserError) as error:
            seen.append(type(error).__name__)
    assert seen == ["fine", expected, expected, "fine"]


def test_it_speaks_tls(certificates: Certificates) -> None:
    with AwsEndpoint(World(DOCUMENTS), tls=certificates.good) as aws:
        assert aws.url.startswith("https://")
        with pytest.raises(botocore.exceptions.SSLError):
            aws.client("ec2").describe_vpcs()

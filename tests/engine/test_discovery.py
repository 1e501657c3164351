"""From a name to a pipeline: what is found, where it came from, and what is said when it cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commandline import Done, netcheck
from tests.scenarios.pipelines import base, world
from tests.scenarios.test_scenarios import Outside
from tests.servers.aws_endpoint import AwsEndpoint, aws_error

CONNECTOR = base()["connector"]["connectorArn"]
CLUSTER = base()["cluster"]["ClusterArn"]
BROKERS = [f"b-{n}.orders.a1b2c3.c2.kafka.eu-west-1.amazonaws.com" for n in (1, 2, 3)]
QUIET = ("--only", "discover.*", "--format", "json")
"""Discovery, and no other check."""


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    return monkeypatch


def run(pipeline: dict[str, Any], patch: pytest.MonkeyPatch, *arguments: str, **faults: Any) -> Done:
    outside = Outside(pipeline["dns"], patch)
    with AwsEndpoint(world(pipeline)) as aws:
        for variable, value in aws.environment().items():
            patch.setenv(variable, value)
        for call, fault in faults.items():
            service, operation = call.split("__")
            aws.fail(service, operation, fault)
        done = netcheck("run", *arguments, *QUIET)
    assert outside.left == []
    return done


def found(pipeline: dict[str, Any], patch: pytest.MonkeyPatch, *arguments: str) -> Any:
    """The pipeline of the report."""
    done = run(pipeline, patch, *arguments)
    assert done.out, done.err
    return json.loads(done.out)["pipeline"]


def refused(pipeline: dict[str, Any], patch: pytest.MonkeyPatch, *arguments: str, **faults: Any) -> str:
    """The one line that says what to fix."""
    done = run(pipeline, patch, *arguments, **faults)
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    return done.err


@pytest.mark.parametrize("name", ["orders-sink", CONNECTOR])
def test_a_connector_leads_to_everything(name: str, patch: pytest.MonkeyPatch) -> None:
    pipeline = found(base(), patch, "--connector", name)
    assert pipeline["targets"] == [
        *(f"kafka://{broker}:9098" for broker in BROKERS),
        "clickhouse-https://abc123xyz.eu-west-1.aws.clickhouse.cloud:8443",
        "aws-service://secretsmanager.eu-west-1.amazonaws.com:443",
        "aws-service://sts.eu-west-1.amazonaws.com:443",
    ]
    connector, cluster = pipeline["connector"], pipeline["cluster"]
    assert connector["arn"] == CONNECTOR
    assert connector["settings"]["password"] == "${secretsManager:shop/clickhouse:password}"
    assert connector["topics"] == ["orders"]
    assert connector["state_means"].startswith("the workers are up")
    assert connector["plugins"][0]["key"] == "clickhouse-kafka-connect-v1.5.0.zip"
    assert connector["logs"] == [{"kind": "cloudwatch", "name": "/msk-connect/orders-sink"}]
    assert connector["config_providers"][0]["service"] == "secretsmanager"
    assert (cluster["arn"], cluster["authentication"]) == (CLUSTER, ["IAM"])
    assert [node["interface"] for node in cluster["nodes"]] == [
        "eni-broker-1",
        "eni-broker-2",
        "eni-broker-3",
    ]
    assert pipeline["worker_interfaces"] == ["eni-worker-1", "eni-worker-2"]
    assert (pipeline["region"], pipeline["account"]) == ("eu-west-1", "111122223333")
    assert pipeline["missing"] == []


def test_the_report_says_where_each_value_came_from(patch: pytest.MonkeyPatch) -> None:
    given = ("--source-subnet", "subnet-workers-a", "--clickhouse", "https://ch.example:443")
    values = found(base(), patch, "--connector", "orders-sink", *given)["values"]
    assert {name: value["origin"] for name, value in values.items()} == {
        "aws_service": "connector orders-sink",
        "bootstrap": "connector orders-sink",
        "clickhouse": "argument",
        "cluster": "the bootstrap servers' names",
        "region": "argument or environment",
        "sasl_mechanism": "connector orders-sink",
        "security_protocol": "connector orders-sink",
        "source_subnet": "argument",
    }
    assert values["security_protocol"]["value"] == "SASL_SSL"
    assert values["source_subnet"]["value"] == ["subnet-workers-a"]
    assert values["clickhouse"]["value"]["host"] == "ch.example"


def test_arguments_win(patch: pytest.MonkeyPatch) -> None:
    given = ("--bootstrap", "b.example:9094", "--security-protocol", "SSL", "--aws-service", "glue")
    pipeline = found(base(), patch, "--connector", "orders-sink", *given)
    assert pipeline["targets"] == [
        "kafka://b.example:9094",
        "clickhouse-https://abc123xyz.eu-west-1.aws.clickhouse.cloud:8443",
        "aws-service://glue.eu-west-1.amazonaws.com:443",
    ]
    assert pipeline["connector"]["arn"] == CONNECTOR


def test_a_file_wins_over_the_connector_and_arguments_win_over_both(
    patch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "next.properties"
    file.write_text(
        "connector.class=com.clickhouse.kafka.connect.ClickHouseSinkConnector\nhostname=new.example\n"
    )
    pipeline = found(base(), patch, "--connector", "orders-sink", "--connector-config", str(file))
    # Without `ssl` the running task speaks plain HTTP, to the port that is its default.
    value = pipeline["values"]["clickhouse"]
    assert value["origin"] == f"connector-config {file}"
    assert (value["value"]["host"], value["value"]["tls"], value["value"]["port"]) == (
        "new.example",
        False,
        8443,
    )
    assert pipeline["values"]["bootstrap"]["origin"] == "connector orders-sink"


SINK = {"connector.class": "a.ClickHouseSinkConnector", "hostname": "ch.example", "ssl": "true"}
FILES = {
    "properties": ("c.properties", "".join(f"{key}={value}\n" for key, value in SINK.items())),
    "a bare map": ("c.json", json.dumps(SINK | {"ssl": True})),
    "as Kafka Connect takes it": ("c.json", json.dumps({"name": "x", "config": SINK})),
    "as the AWS CLI prints it": (
        "c.json",
        json.dumps(base()["connector"] | {"connectorConfiguration": SINK}),
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_alone_needs_no_aws(case: str, patch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name, text = FILES[case]
    (tmp_path / name).write_text(text)
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        patch.delenv(variable, raising=False)
    done = netcheck("run", "--connector-config", str(tmp_path / name), "--region", "eu-west-1", *QUIET)
    report = json.loads(done.out)["pipeline"]
    assert "clickhouse-https://ch.example:8443" in report["targets"]
    if "AWS CLI" in case:
        assert report["values"]["source_subnet"]["value"][0] == "subnet-workers-a"


BROKEN: dict[str, tuple[str, str | bytes, str]] = {
    "an escape": ("c.properties", "a=b\nc=\\u12", "c.properties: line 2: \\u must be followed by four"),
    "JSON": ("c.json", '{"a": 1,\n', "c.json: line 2: not valid JSON"),
    "a nested value": ("c.json", '{"a": {"b": 1}}', "a: must be a string"),
    "nothing in it": ("c.json", "{}", "contains no settings"),
    "not text": ("c.json", b"\xff\xfe\x00", "not UTF-8"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_will_not_do_is_one_clear_line(case: str, tmp_path: Path) -> None:
    name, text, said = BROKEN[case]
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    done = netcheck("run", "--connector-config", str(tmp_path / name))
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.count("\n") == 1


# Clusters


def test_a_cluster_alone_gives_every_listener_that_may_be_used_here(patch: pytest.MonkeyPatch) -> None:
    pipeline = base()
    names = {
        "Tls": 9094,
        "SaslIam": 9098,
        "PublicSaslIam": 9198,
        "SaslIamIpv6": 20098,
        "VpcConnectivityTls": 14001,
    }
    pipeline["bootstrap"] = {
        f"BootstrapBrokerString{name}": f"b-1.{name}.example:{port}" for name, port in names.items()
    }
    report = found(pipeline, patch, "--cluster", "orders")
    assert report["targets"] == [
        "kafka://b-1.tls.example:9094",
        "kafka://b-1.sasliam.example:9098",
        "kafka://b-1.publicsasliam.example:9198",
        "kafka://b-1.sasliamipv6.example:20098",
    ]
    assert report["cluster"]["arn"] == CLUSTER
    pipeline["vpc_connections"] = [
        {
            "VpcConnectionArn": "arn:aws:kafka:eu-west-1:111122223333:vpc-connection/a/b",
            "TargetClusterArn": CLUSTER,
            "Authentication": "TLS",
            "VpcId": "vpc-shop",
            "State": "AVAILABLE",
        }
    ]
    assert (
        "kafka://b-1.vpcconnectivitytls.example:14001"
        in found(pipeline, patch, "--cluster", CLUSTER)["targets"]
    )


def test_a_serverless_cluster_is_found_by_its_boot_name(patch: pytest.MonkeyPatch) -> None:
    pipeline = base()
    boot = "boot-x1y2z3.c1.kafka-serverless.eu-west-1.amazonaws.com:9098"
    pipeline["connector"]["kafkaCluster"]["apacheKafkaCluster"]["bootstrapServers"] = boot
    pipeline["bootstrap"] = {"BootstrapBrokerStringSaslIam": boot}
    pipeline["nodes"] = []
    pipeline["cluster"] = {
        "ClusterArn": CLUSTER,
        "ClusterName": "whatever",
        "ClusterType": "SERVERLESS",
        "State": "ACTIVE",
        "Serverless": {
            "VpcConfigs": [{"SubnetIds": ["subnet-brokers-a"], "SecurityGroupIds": ["sg-brokers"]}],
            "ClientAuthentication": {"Sasl": {"Iam": {"Enabled": True}}},
        },
    }
    report = found(pipeline, patch, "--connector", "orders-sink")
    assert (report["cluster"]["kind"], report["cluster"]["subnets"]) == ("SERVERLESS", ["subnet-brokers-a"])
    assert report["cluster"]["authentication"] == ["IAM"]
    assert report["missing"] == []
    assert (
        found(pipeline, patch, "--cluster", CLUSTER)["missing"] == []
    )  # ListNodes refuses, and is not missed


def test_brokers_beyond_the_bootstrap_servers_are_targets_too(patch: pytest.MonkeyPatch) -> None:
    pipeline = base()
    pipeline["connector"]["kafkaCluster"]["apacheKafkaCluster"]["bootstrapServers"] = f"{BROKERS[1]}:9098"
    report = found(pipeline, patch, "--connector", "orders-sink")
    assert sorted(report["targets"][:3]) == [f"kafka://{broker}:9098" for broker in BROKERS]


def test_a_kafka_that_is_not_msk_has_no_cluster_and_misses_none(patch: pytest.MonkeyPatch) -> None:
    pipeline = base()
    pipeline["connector"]["kafkaCluster"]["apacheKafkaCluster"]["bootstrapServers"] = "kafka.example:9092"
    report = found(pipeline, patch, "--connector", "orders-sink")
    assert (report["cluster"], report["missing"]) == (None, [])


def test_a_cluster_of_the_same_name_with_other_brokers_is_not_taken_for_it(patch: pytest.MonkeyPatch) -> None:
    pipeline = base()
    strings = pipeline["bootstrap"]
    strings["BootstrapBrokerStringSaslIam"] = strings["BootstrapBrokerStringSaslIam"].replace(
        "a1b2c3", "zzzzzz"
    )
    report = found(pipeline, patch, "--connector", "orders-sink")
    assert report["cluster"] is None
    assert "deleted and created again" in report["missing"][0]["reason"]


def test_a_long_name_that_is_cut_in_the_brokers_names_is_found_by_its_id(patch: pytest.MonkeyPatch) -> None:
    pipeline = base()
    pipeline["cluster"]["ClusterName"] = "orders-of-the-shop-in-production"
    assert found(pipeline, patch, "--connector", "orders-sink")["cluster"]["arn"] == CLUSTER


# Secrets and services


def test_the_glue_registry_and_its_region(patch: pytest.MonkeyPatch) -> None:
    pipeline = base()
    settings = pipeline["connector"]["connectorConfiguration"]
    settings["value.converter"] = "com.amazonaws.services.schemaregistry.kafkaconnect.AWSKafkaAvroConverter"
    settings["value.converter.region"] = "us-east-1"
    report = found(pipeline, patch, "--connector", "orders-sink")
    assert "aws-service://glue.us-east-1.amazonaws.com:443" in report["targets"]
    assert report["connector"]["converters"][1]["registry"] == "glue"


def test_a_provider_that_no_setting_refers_to_is_not_asked_for(patch: pytest.MonkeyPatch) -> None:
    pipeline = base()
    pipeline["connector"]["connectorConfiguration"]["password"] = "in the clear"
    report = found(pipeline, patch, "--connector", "orders-sink")
    assert not [target for target in report["targets"] if "secretsmanager" in target]


def test_a_host_that_a_provider_fills_in_is_missing_and_said_so(patch: pytest.MonkeyPatch) -> None:
    pipeline = base()
    pipeline["connector"]["connectorConfiguration"]["hostname"] = "${secretsManager:shop/clickhouse:host}"
    report = found(pipeline, patch, "--connector", "orders-sink")
    assert [each["what"] for each in report["missing"]] == ["ClickHouse's URL"]
    assert "add --clickhouse URL" in report["missing"][0]["reason"]


# What cannot be as asked


def test_several_that_begin_with_the_name_are_listed_and_none_is_guessed(patch: pytest.MonkeyPatch) -> None:
    said = refused(
        base() | {"other_connectors": [{"connectorName": "orders-sink-2"}]}, patch, "--connector", "orders"
    )
    assert "no connector in eu-west-1 has exactly this name" in said
    assert "orders-sink, orders-sink-2" in said


def test_an_exact_name_wins_over_longer_ones(patch: pytest.MonkeyPatch) -> None:
    pipeline = base() | {"other_connectors": [{"connectorName": f"orders-sink-{n}"} for n in range(40)]}
    assert found(pipeline, patch, "--connector", "orders-sink")["connector"]["arn"] == CONNECTOR


def test_two_of_one_name_are_distinguished_by_arn(patch: pytest.MonkeyPatch) -> None:
    other = CONNECTOR.replace("0f3c1e2a", "ffffffff")
    pipeline = base() | {"other_connectors": [{"connectorName": "orders-sink", "connectorArn": other}]}
    said = refused(pipeline, patch, "--connector", "orders-sink")
    assert CONNECTOR in said
    assert other in said


UNFOUND = {
    "a name": ("--connector", "nobody", "no connector in eu-west-1 has this name"),
    "a cluster's name": ("--cluster", "nobody", "no cluster in eu-west-1 has this name"),
    "an ARN": ("--connector", CONNECTOR[:-1] + "3", "no such connector in eu-west-1"),
    "a cluster's ARN": ("--cluster", CLUSTER[:-1] + "3", "no such cluster in eu-west-1"),
    "another Region": (
        "--connector",
        CONNECTOR.replace("eu-west-1", "eu-west-2"),
        "no such connector in eu-west-2",
    ),
    "another account": (
        "--connector",
        CONNECTOR.replace("111122223333", "999988887777"),
        "it belongs to account 999988887777 and these credentials to 111122223333",
    ),
    "an ARN of something else": ("--connector", CLUSTER, "an ARN that starts with arn:aws:kafkaconnect"),
    "a connector for a cluster": ("--cluster", CONNECTOR, "an ARN that starts with arn:aws:kafka:"),
}


@pytest.mark.parametrize("case", UNFOUND)
def test_what_is_not_there_is_one_clear_line(case: str, patch: pytest.MonkeyPatch) -> None:
    flag, name, said = UNFOUND[case]
    assert said in refused(base(), patch, flag, name)


def test_arns_of_two_regions(patch: pytest.MonkeyPatch) -> None:
    other = CLUSTER.replace("eu-west-1", "us-east-1")
    said = refused(base(), patch, "--connector", CONNECTOR, "--cluster", other)
    assert "are in eu-west-1 and us-east-1" in said


def test_no_credentials(patch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        patch.delenv(variable, raising=False)
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
    patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
    done = netcheck("run", "--connector", "orders-sink", "--region", "eu-west-1", *QUIET)
    assert (done.code, done.out) == (2, "")
    assert "no AWS credentials: sign in" in done.err


def test_without_a_region(patch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        patch.delenv(variable, raising=False)
    patch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
    patch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    done = netcheck("run", "--connector", "orders-sink", *QUIET)
    assert done.code == 2
    assert "the Region is unknown: add --region" in done.err


def test_a_failed_operation_is_reported_with_its_error(patch: pytest.MonkeyPatch) -> None:
    pipeline = base()
    arn = f"{CONNECTOR}/operation/1"
    operation = {
        "connectorOperationArn": arn,
        "connectorOperationType": "UPDATE_CONNECTOR_CONFIGURATION",
        "connectorOperationState": "UPDATE_FAILED",
        "creationTime": "2026-02-01T00:00:00Z",
    }
    pipeline["operations"] = [operation]
    pipeline["operation"] = operation | {"errorInfo": {"code": "InvalidInput", "message": "no such class"}}
    report = found(pipeline, patch, "--connector", "orders-sink")
    assert report["connector"]["operations"][0]["error"] == "InvalidInput: no such class"


def test_an_unknown_answer_of_aws_is_unknown_and_not_usage(patch: pytest.MonkeyPatch) -> None:
    fault = aws_error("InternalServerErrorException", "try later", 500)
    done = run(base(), patch, "--connector", "orders-sink", kafkaconnect__DescribeConnector=fault)
    assert done.code == 3
    assert "AWS returned InternalServerErrorException" in done.out

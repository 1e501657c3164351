"""What AWS says of connector, cluster and plugin, and what is wrong with it before a packet is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from netcheck.core.model import Fix, Status
from netcheck.diagnose import explain, root_causes
from netcheck.pipeline.model import Cluster, LogDestination, Missing, Operation, Pipeline
from netcheck.settings.config import Config
from tests.checks.connector import (
    CLUSTER,
    HEALTHY,
    IAM,
    PLAIN,
    PLUGIN,
    PUBLIC_IAM,
    SCRAM,
    SUFFIX,
    TLS,
    judge,
    with_settings,
)
from tests.diagnose.made import CATALOGUE

F, W, U = "fail", "warn", "unknown"
Change = Mapping[str, Any]

SCRAM_ONLY: Change = {
    "authentication": frozenset({"SCRAM"}),
    "bootstrap": {"BootstrapBrokerStringSaslScram": SCRAM},
}
MUTUAL_TLS: Change = {
    "authentication": frozenset({"TLS"}),
    "bootstrap": {"BootstrapBrokerStringTls": TLS},
}
WITH_IPV6: Change = {
    "network_type": "DUAL",
    "bootstrap": {
        "BootstrapBrokerStringSaslIam": IAM,
        "BootstrapBrokerStringSaslIamIpv6": IAM.replace("9098", "20098"),
    },
}
WITH_PUBLIC: Change = {
    "public_access": True,
    "bootstrap": {"BootstrapBrokerStringSaslIam": IAM, "BootstrapBrokerStringPublicSaslIam": PUBLIC_IAM},
}
NONE_TLS: Change = {"authentication": "NONE", "encryption": "TLS", "bootstrap": TLS}


def ago(minutes: int) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


def operation(state: str, error: str = "") -> Operation:
    return Operation("arn:op", "UPDATE_CONNECTOR_CONFIGURATION", state, "2026-05-02T08:00:00Z", None, error)


# why, the connector's change, the cluster's change, the check, status, code, a part of the sentence
ROWS: list[tuple[str, Change, Change, str, str, str | None, str]] = [
    (
        "K01",
        {"encryption": "PLAINTEXT", "authentication": "NONE", "bootstrap": TLS},
        {},
        "connector.authentication",
        F,
        "MSK_CONNECT_AUTHENTICATION",
        "speaks TLS",
    ),
    (
        "K02",
        {"encryption": "TLS", "authentication": "NONE", "bootstrap": PLAIN},
        {},
        "connector.authentication",
        F,
        "MSK_CONNECT_AUTHENTICATION",
        "speaks no TLS",
    ),
    (
        "K03",
        {"bootstrap": SCRAM},
        {},
        "connector.authentication",
        F,
        "MSK_CONNECT_AUTHENTICATION",
        "no SCRAM",
    ),
    (
        "K04",
        {"authentication": "NONE"},
        {},
        "connector.authentication",
        F,
        "MSK_CONNECT_AUTHENTICATION",
        "wants a login by IAM",
    ),
    (
        "K08",
        {"bootstrap": TLS},
        {},
        "connector.authentication",
        F,
        "MSK_CONNECT_AUTHENTICATION",
        "nobody asks for IAM",
    ),
    (
        "IAM without TLS",
        {"encryption": "PLAINTEXT"},
        {},
        "connector.authentication",
        F,
        "MSK_CONNECT_AUTHENTICATION",
        "IAM is always inside TLS",
    ),
    (
        "T02",
        {},
        {"authentication": frozenset({"UNAUTHENTICATED"}), "bootstrap": {"BootstrapBrokerStringTls": TLS}},
        "connector.authentication",
        F,
        "MSK_CONNECT_AUTHENTICATION",
        "IAM is not enabled",
    ),
    (
        "X09",
        NONE_TLS,
        MUTUAL_TLS,
        "connector.authentication",
        F,
        "MSK_CONNECT_AUTHENTICATION",
        "wants a client certificate",
    ),
    (
        "TLS only",
        {"encryption": "PLAINTEXT", "authentication": "NONE", "bootstrap": PLAIN},
        {},
        "connector.authentication",
        F,
        "MSK_CONNECT_AUTHENTICATION",
        "takes TLS only",
    ),
    ("K07 SCRAM", {}, SCRAM_ONLY, "connector.cluster", F, "MSK_NO_USABLE_AUTHENTICATION", "SCRAM only"),
    ("K07 mutual TLS", {}, MUTUAL_TLS, "connector.cluster", F, "MSK_NO_USABLE_AUTHENTICATION", "TLS only"),
    (
        "T03 public",
        {"bootstrap": PUBLIC_IAM},
        WITH_PUBLIC,
        "connector.bootstrap",
        W,
        "MSK_BOOTSTRAP_PUBLIC",
        f"bootstrapServers=b-1.{SUFFIX}:9098",
    ),
    (
        "D12 IPv6",
        {"bootstrap": IAM.replace("9098", "20098")},
        WITH_IPV6,
        "connector.bootstrap",
        F,
        "MSK_BOOTSTRAP_IPV6",
        "networkType DUAL",
    ),
    (
        "dead names",
        {"bootstrap": IAM.replace("abc123", "xyz789")},
        {},
        "connector.bootstrap",
        F,
        "MSK_BOOTSTRAP_UNKNOWN",
        "not a broker of orders",
    ),
    (
        "a broker that is gone",
        {"bootstrap": f"{IAM},b-4.{SUFFIX}:9098"},
        {},
        "connector.bootstrap",
        F,
        "MSK_BOOTSTRAP_UNKNOWN",
        f"b-4.{SUFFIX}",
    ),
    (
        "D13 D14 alias",
        {"bootstrap": "kafka.shop.example:9098"},
        {"nodes": ()},
        "connector.bootstrap",
        W,
        "MSK_BOOTSTRAP_ALIAS",
        "not a name of MSK's",
    ),
    (
        "one broker",
        {"bootstrap": f"b-1.{SUFFIX}:9098"},
        {},
        "connector.bootstrap",
        W,
        "MSK_BOOTSTRAP_SINGLE",
        "one broker",
    ),
    (
        "a scheme in bootstrapServers",
        {"bootstrap": f"SASL_SSL://{IAM}"},
        {},
        "connector.bootstrap",
        F,
        "MSK_CONNECT_BOOTSTRAP",
        "leave out the scheme",
    ),
    (
        "C02",
        {"state": "FAILED", "problem": "UnknownError.Unknown: The last operation failed."},
        {},
        "connector.state",
        F,
        None,
        "UnknownError.Unknown",
    ),
    (
        "C04",
        {"state": "CREATING", "created": ago(23)},
        {},
        "connector.state",
        F,
        None,
        " minutes, which ends in FAILED",
    ),
    (
        "creating for a while",
        {"state": "CREATING", "created": ago(7)},
        {},
        "connector.state",
        W,
        None,
        "(it takes up to 20)",
    ),
    ("paused", {"state": "PAUSED"}, {}, "connector.state", W, None, "PAUSED"),
    ("updating", {"state": "UPDATING"}, {}, "connector.state", W, None, "UPDATING"),
    (
        "C05",
        {"operations": (operation("UPDATE_FAILED", "InvalidInput.Timeout: no broker"),)},
        {},
        "connector.operations",
        F,
        None,
        "no broker",
    ),
    (
        "C05 rolled back",
        {"operations": (operation("ROLLBACK_COMPLETE"),)},
        {},
        "connector.operations",
        F,
        None,
        "configuration before it is live",
    ),
    (
        "an update under way",
        {"operations": (operation("UPDATE_IN_PROGRESS"),)},
        {},
        "connector.operations",
        W,
        None,
        "UPDATE_IN_PROGRESS",
    ),
    (
        "C10",
        {"plugins": (replace(PLUGIN, state="CREATE_FAILED", problem="NoSuchKey"),)},
        {},
        "connector.plugin",
        F,
        "MSK_CONNECT_PLUGIN",
        "NoSuchKey",
    ),
    (
        "C01 tar.gz",
        {"plugins": (replace(PLUGIN, key="plugins/clickhouse.tar.gz"),)},
        {},
        "connector.plugin",
        F,
        "MSK_CONNECT_PLUGIN",
        "no ZIP and no JAR",
    ),
    (
        "H12",
        {"plugins": (replace(PLUGIN, key="clickhouse-kafka-connect-v1.2.6.zip"),)},
        {},
        "connector.plugin",
        W,
        "SINK_BEFORE_1_3_10",
        "1.2.6",
    ),
    ("C11", {"logs": ()}, {}, "connector.logs", W, "MSK_CONNECT_NO_LOGS", "log delivery"),
    (
        "T09",
        {"settings": {**HEALTHY.settings, "tasks.max": "12"}},
        {"instance_type": "kafka.t3.small"},
        "connector.iam-connection-rate",
        W,
        "MSK_IAM_CONNECTION_RATE",
        "consumer.override.reconnect.backoff.ms=1000",
    ),
]


@pytest.mark.parametrize(
    ("why", "connector", "cluster", "check", "status", "code", "said"), ROWS, ids=[row[0] for row in ROWS]
)
def test_what_does_not_fit_is_found(
    why: str, connector: Change, cluster: Change, check: str, status: str, code: str | None, said: str
) -> None:
    findings = judge(replace(HEALTHY, **connector), replace(CLUSTER, **cluster)).of(check)
    found = [one for one in findings if (one.status.value, one.code) == (status, code)]
    assert found, f"{why}: {[(one.status, one.code, one.summary) for one in findings]}"
    assert said in found[0].summary
    assert found[0].component


SERVERLESS = Cluster(
    "arn:aws:kafka:eu-west-1:123456789012:cluster/orders/s1",
    "orders",
    "SERVERLESS",
    "ACTIVE",
    bootstrap={"BootstrapBrokerStringSaslIam": "boot-x1.c2.kafka-serverless.eu-west-1.amazonaws.com:9098"},
    authentication=frozenset({"IAM"}),
    client_broker="TLS",
)
CONNECTED = "b-1.iam.orders.abc123.c2.kafka.eu-west-1.amazonaws.com:14001"
HEALTHY_SHAPES: list[tuple[str, Change, Cluster | None]] = [
    ("IAM", {}, CLUSTER),
    ("TLS without login", NONE_TLS, CLUSTER),
    (
        "plain text",
        {"authentication": "NONE", "encryption": "PLAINTEXT", "bootstrap": PLAIN},
        replace(
            CLUSTER,
            client_broker="TLS_PLAINTEXT",
            bootstrap={"BootstrapBrokerString": PLAIN, "BootstrapBrokerStringTls": TLS},
        ),
    ),
    ("serverless", {"bootstrap": SERVERLESS.bootstrap["BootstrapBrokerStringSaslIam"]}, SERVERLESS),
    ("IAM beside SCRAM", {}, replace(CLUSTER, authentication=frozenset({"IAM", "SCRAM"}))),
    ("IAM beside mutual TLS", {}, replace(CLUSTER, authentication=frozenset({"IAM", "TLS"}))),
    (
        "dual stack",
        {"network_type": "DUAL", "bootstrap": IAM.replace("9098", "20098")},
        replace(CLUSTER, **WITH_IPV6),
    ),
    (
        "managed VPC connection",
        {"bootstrap": f"{CONNECTED},{CONNECTED.replace('b-1', 'b-2').replace('14001', '14002')}"},
        replace(
            CLUSTER,
            bootstrap={
                "BootstrapBrokerStringSaslIam": IAM,
                "BootstrapBrokerStringVpcConnectivitySaslIam": (
                    f"{CONNECTED},{CONNECTED.replace('b-1', 'b-2').replace('14001', '14002')}"
                ),
            },
        ),
    ),
    ("six brokers, three of them in every string", {"bootstrap": f"b-6.{SUFFIX}:9098,b-5.{SUFFIX}:9098"},
     replace(CLUSTER, nodes=tuple(replace(CLUSTER.nodes[0], id=str(n), names=()) for n in range(1, 7)))),
    ("Kafka that is not MSK's", {"authentication": "NONE", "bootstrap": "kafka.shop.example:9092"}, None),
    ("a small broker and two tasks", {}, replace(CLUSTER, instance_type="kafka.t3.small")),
    ("an operation that succeeded after one that failed",
     {"operations": (operation("UPDATE_COMPLETE"), operation("UPDATE_FAILED", "x"))}, CLUSTER),
    ("logs to S3", {"logs": (LogDestination("s3", "logs"),)}, CLUSTER),
]  # fmt: skip


@pytest.mark.parametrize(("why", "change", "cluster"), HEALTHY_SHAPES, ids=[row[0] for row in HEALTHY_SHAPES])
def test_no_false_alarm(why: str, change: Change, cluster: Cluster | None) -> None:
    assert judge(replace(HEALTHY, **change), cluster).open() == [], why


DENIED = [
    ("kafkaconnect:ListConnectorOperations", "connector.operations", {}),
    ("kafkaconnect:DescribeCustomPlugin", "connector.plugin", {"plugins": ()}),
    ("kafkaconnect:DescribeWorkerConfiguration", "connector.providers", {"worker_configuration": None}),
    ("kafka:GetBootstrapBrokers", "connector.bootstrap", {}),
]


@pytest.mark.parametrize(("action", "check", "change"), DENIED, ids=[row[0] for row in DENIED])
def test_what_may_not_be_asked_is_unknown_and_names_the_action(
    action: str, check: str, change: Change
) -> None:
    missing = Missing("something", action, f"this identity may not call {action}")
    cluster = replace(CLUSTER, bootstrap={}) if action.startswith("kafka:") else CLUSTER
    known = Pipeline(connector=replace(HEALTHY, **change), cluster=cluster, missing=(missing,))
    (found,) = judge(pipeline=known).of(check)
    assert found.status is Status.UNKNOWN
    assert found.missing_permissions == (action,)


SLOW = "AWS kept asking us to slow down (ThrottlingException)"


@pytest.mark.parametrize(
    ("what", "change", "cluster", "check"),
    [
        ("the connector's operations", {"operations": ()}, CLUSTER, "connector.operations"),
        (f"the plugin {PLUGIN.arn}", {"plugins": ()}, CLUSTER, "connector.plugin"),
        ("the MSK cluster", {}, None, "connector.bootstrap"),
        ("the cluster's bootstrap servers", {}, replace(CLUSTER, bootstrap={}), "connector.bootstrap"),
    ],
    ids=["operations", "plugin", "cluster", "bootstrap servers"],
)
def test_what_aws_did_not_answer_for_another_reason_is_unknown_too(
    what: str, change: Change, cluster: Cluster | None, check: str
) -> None:
    """No permission is missing, so none is named; and nothing is said not to be there."""
    known = Pipeline(replace(HEALTHY, **change), cluster, missing=(Missing(what, "", SLOW),))
    (result,) = [one for one in judge(pipeline=known).results if one.check == check]
    assert (str(result.finding.status), result.finding.missing_permissions) == (U, ())
    assert SLOW in result.finding.summary


def test_a_connector_that_could_not_be_read_for_another_reason_was_named_all_the_same() -> None:
    results = judge(pipeline=Pipeline(missing=(Missing("the connector", "", SLOW),))).results
    assert not [one for one in results if "no connector was named" in one.finding.summary]
    assert any(SLOW in one.finding.summary for one in results)


def test_a_connector_that_could_not_be_read_is_not_asked_about() -> None:
    action = "kafkaconnect:DescribeConnector"
    missing = Missing("the connector", action, f"this identity may not call {action}")
    results = judge(pipeline=Pipeline(missing=(missing,))).results
    assert {result.status for result in results} <= {Status.SKIP, Status.UNKNOWN}
    assert any(action in result.finding.summary for result in results)


def test_an_alias_in_plain_text_is_neither_blamed_nor_praised() -> None:
    change: dict[str, Any] = {
        "authentication": "NONE",
        "encryption": "PLAINTEXT",
        "bootstrap": "kafka.shop.example:9092",
    }
    (found,) = judge(replace(HEALTHY, **change), replace(CLUSTER, client_broker="TLS_PLAINTEXT")).of(
        "connector.bootstrap"
    )
    assert found.status is Status.SKIP


FREE = [
    ((240, 240), "RUNNING", "pass"),
    ((0, 240), "RUNNING", "warn"),
    ((0, 0), "RUNNING", "warn"),
    ((0, 0), "CREATING", "fail"),
    ((1, 0), "FAILED", "warn"),
]


@pytest.mark.parametrize(("free", "state", "status"), FREE)
def test_room_in_the_worker_subnets(tmp_path: Path, free: tuple[int, ...], state: str, status: str) -> None:
    subnets = [
        {
            "SubnetId": f"subnet-{n}",
            "VpcId": "vpc-1",
            "CidrBlock": f"10.0.{n}.0/24",
            "AvailabilityZone": "eu-west-1a",
            "AvailableIpAddressCount": left,
        }
        for n, left in enumerate(free)
    ]
    (tmp_path / "Subnets.json").write_text(json.dumps({"Subnets": subnets}), encoding="utf-8")
    subject = replace(HEALTHY, state=state, subnets=tuple(str(one["SubnetId"]) for one in subnets))
    config = Config(snapshot=str(tmp_path), source_subnet=subject.subnets)
    (found,) = judge(subject, config=config).of("connector.subnet-capacity")
    assert found.status.value == status, found.summary


def test_the_fix_for_a_setting_reaches_the_root_cause() -> None:
    (cause,) = root_causes(judge(with_settings({"ssl": None})).results, CATALOGUE)
    assert (cause.code, cause.component) == ("SINK_SSL_MISSING", "orders-sink")
    assert cause.fix == (Fix("properties", "ssl=true"),)


def test_a_connector_that_failed_follows_from_the_setting_that_failed_it() -> None:
    """State and operations are symptoms: what a setting explains is no root cause of its own."""

    subject = replace(
        with_settings({"ssl": None}), state="FAILED", operations=(operation("UPDATE_FAILED", "x"),)
    )
    results = explain(judge(subject).results, CATALOGUE)
    assert [cause.code for cause in root_causes(results, CATALOGUE)] == ["SINK_SSL_MISSING"]
    folded = {result.check for result in results if result.caused_by}
    assert {"connector.state", "connector.operations"} <= folded


def test_without_another_cause_the_failed_connector_is_the_root_cause() -> None:
    (cause,) = root_causes(judge(replace(HEALTHY, state="FAILED", problem="why")).results, CATALOGUE)
    assert (cause.code, cause.component) == ("CONNECTOR_NOT_RUNNING", "orders-sink")

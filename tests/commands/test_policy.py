"""`netcheck policy`: sufficient for everything, and without an unused action."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

import netcheck.aws
from netcheck.aws.api.session import open_session
from netcheck.aws.ec2.collect import collect
from netcheck.aws.ec2.scope import Scope
from netcheck.aws.iam.permissions import FREE, OF_ANOTHER_ROLE, OPERATIONS, policy
from netcheck.core.context import Deadline
from netcheck.iam.evaluate import Outcome, Policies, Request, decide
from netcheck.iam.policy import parse
from tests.aws.accounts import account
from tests.aws.test_collect import lead_to
from tests.commandline import netcheck as command
from tests.scenarios.pipelines import SENDS_PACKETS, built, world
from tests.scenarios.test_scenarios import Outside
from tests.servers.aws_endpoint import AwsEndpoint
from tests.servers.aws_world import World

CALLER = "arn:aws:iam::111122223333:role/netcheck"
USED = {
    (service, name) for parts in OPERATIONS.values() for service, names in parts.items() for name in names
}
ACTIONS = sorted(f"{service}:{name}" for service, name in USED)
OF_NETWORK = [action for action in ACTIONS if action.startswith("ec2:")]
OF_RUN = [action for action in ACTIONS if not action.startswith("ec2:")]


def test_it_prints_the_policy_as_json() -> None:
    done = command("policy")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == policy()
    assert len(json.dumps(policy(), separators=(",", ":"))) <= 6144, "the most that a managed policy may have"


def test_it_is_read_only_and_reads_no_secret() -> None:
    for action in ACTIONS:
        assert action.partition(":")[2].startswith(
            ("Describe", "Get", "List", "Search", "Filter", "Simulate")
        )
        assert action not in ("secretsmanager:GetSecretValue", "ssm:GetParameter", "kms:Decrypt")


def modules_that_ask() -> list[Path]:
    folder = Path(netcheck.aws.__file__).parent
    asks = ("netcheck.aws.api.calls", "netcheck.aws.api.session", "netcheck.pipeline.model")
    return [path for path in folder.rglob("*.py") if any(name in path.read_text() for name in asks)]


def test_the_list_has_what_the_code_calls() -> None:
    session = botocore.session.Session()
    services = {service for service, _ in USED} | FREE.keys()
    names = {name for service in services for name in session.get_service_model(service).operation_names}
    methods = {xform_name(name): name for name in names}
    called = set()
    for path in modules_that_ask():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                called.add(node.value)
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "client":
                called.add(methods.get(node.attr, ""))
    beside = [name for known in (FREE, OF_ANOTHER_ROLE) for names in known.values() for name in names]
    listed = {name for _, name in USED} | {*beside}
    assert called & names == listed


# Under exactly this policy


def allowed(document: dict[str, Any], operations: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """The operations that a policy allows."""
    policies = Policies((parse("the policy", document),))
    requests = {each: Request(CALLER, ":".join(each), "*") for each in operations}
    return {each for each, asks in requests.items() if decide(asks, policies).outcome is Outcome.ALLOWED}


@cache
def every_operation() -> frozenset[tuple[str, str]]:
    """Every operation of every service that netcheck calls."""
    session = botocore.session.Session()
    services = {service for service, _ in USED}
    return frozenset((s, name) for s in services for name in session.get_service_model(s).operation_names)


@cache
def allowed_at_all() -> set[tuple[str, str]]:
    return allowed(policy(), every_operation())


def govern(aws: AwsEndpoint, document: dict[str, Any]) -> None:
    """Deny every operation that a policy (ours, or a part of it) does not allow."""
    for service, name in every_operation() - allowed(document, allowed_at_all()):
        aws.deny(service, name)


def without(action: str) -> dict[str, Any]:
    document: Any = json.loads(json.dumps(policy()))
    for statement in document["Statement"]:
        statement["Action"] = [each for each in statement["Action"] if each != action]
    return dict(document)


def collected(monkeypatch: pytest.MonkeyPatch, document: dict[str, Any]) -> tuple[set[str], set[str]]:
    """The missing permissions and the calls when a Region is collected under a policy."""
    with AwsEndpoint(World(account())) as aws:
        lead_to(aws, monkeypatch)
        govern(aws, document)
        deadline = Deadline(60)
        found = collect(open_session(deadline), Scope(), deadline)
        return {gap.action for gap in found.gaps}, {f"{c.service}:{c.operation}" for c in aws.calls}


def test_a_region_is_collected_under_it_without_gaps_or_unused_actions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert collected(monkeypatch, policy()) == (set(), set(OF_NETWORK))


@pytest.mark.parametrize("action", OF_NETWORK)
def test_without_one_action_a_gap_names_it(action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    missing, _ = collected(monkeypatch, without(action))
    assert missing == {action}


KEY = "arn:aws:kms:eu-west-1:111122223333:key/1a2b"
CLUSTER = "arn:aws:kafka:eu-west-1:111122223333:cluster/orders/9c8b7a65-4321-4fed-9cba-0123456789ab-2"
OPERATION = "arn:aws:kafkaconnect:eu-west-1:111122223333:connector-operation/orders-sink/x/y"
EVERYTHING: dict[str, Any] = {
    "patch": [
        {
            "at": "operations",
            "set": [
                {
                    "connectorOperationArn": OPERATION,
                    "connectorOperationState": "UPDATE_FAILED",
                    "connectorOperationType": "UPDATE_CONNECTOR_CONFIGURATION",
                    "creationTime": "2026-01-11T09:00:00Z",
                }
            ],
        },
        {
            "at": "operation",
            "set": {
                "connectorArn": "arn:aws:kafkaconnect:eu-west-1:111122223333:connector/orders-sink/x",
                "connectorOperationArn": OPERATION,
                "connectorOperationState": "UPDATE_FAILED",
                "errorInfo": {"code": "UnknownError.Unknown", "message": "The last operation failed."},
            },
        },
        {
            "at": "secrets/shop_clickhouse",
            "set": {
                "ARN": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop_clickhouse-AbCdEf",
                "Name": "shop_clickhouse",
                "KmsKeyId": KEY,
            },
        },
        {
            "at": "connector/connectorConfiguration/password",
            "set": "${secretsManager:shop_clickhouse:password}",
        },
        {
            "at": "connector/connectorConfiguration/config.providers.s3.class",
            "set": "x.S3ImportConfigProvider",
        },
        {"at": "connector/connectorConfiguration/jks", "set": "${s3:eu-west-1:orders-stores/trust.jks}"},
        {
            "at": "keys",
            "set": {
                KEY: {
                    "metadata": {
                        "KeyId": "1a2b",
                        "Arn": KEY,
                        "KeyManager": "CUSTOMER",
                        "KeyState": "Enabled",
                    },
                    "policy": {"Version": "2012-10-17", "Statement": []},
                }
            },
        },
        {
            "at": "role/managed",
            "set": {"arn:aws:iam::111122223333:policy/more": {"Version": "2012-10-17", "Statement": []}},
        },
        {"at": "cluster/Provisioned/ClientAuthentication/Sasl/Scram/Enabled", "set": True},
        {
            "at": "bootstrap/BootstrapBrokerStringVpcConnectivitySaslIam",
            "set": "b-1.iam.orders.a1b2c3.c2.kafka.eu-west-1.amazonaws.com:14098",
        },
    ],
    "services": {
        "iam": {"SimulatePrincipalPolicy": {"EvaluationResults": [], "IsTruncated": False}},
        "s3": {"GetBucketPolicy": {"Policy": '{"Version": "2012-10-17", "Statement": []}'}},
        "lambda": {"GetFunctionConfiguration": {"FunctionName": "netcheck", "VpcConfig": {"VpcId": ""}}},
        "route53": {
            "ListHostedZonesByVPC": {
                "HostedZoneSummaries": [
                    {
                        "HostedZoneId": "Z1",
                        "Name": "clickhouse.cloud.",
                        "Owner": {"OwningAccount": "111122223333"},
                    }
                ],
                "MaxItems": "100",
            },
            "ListResourceRecordSets": {"ResourceRecordSets": [], "IsTruncated": False, "MaxItems": "100"},
        },
        "route53resolver": {
            "ListResolverRuleAssociations": {
                "ResolverRuleAssociations": [{"ResolverRuleId": "rslvr-rr-1", "Status": "COMPLETE"}]
            },
            "ListResolverRules": {
                "ResolverRules": [
                    {
                        "Id": "rslvr-rr-1",
                        "DomainName": "corp.example.",
                        "RuleType": "FORWARD",
                        "TargetIps": [{"Ip": "10.0.0.53", "Port": 53}],
                    }
                ]
            },
            "ListFirewallRuleGroupAssociations": {
                "FirewallRuleGroupAssociations": [{"FirewallRuleGroupId": "rslvr-frg-1", "Priority": 100}]
            },
            "ListFirewallRules": {
                "FirewallRules": [
                    {
                        "Name": "bad",
                        "Action": "BLOCK",
                        "FirewallDomainListId": "rslvr-fdl-1",
                        "Priority": 1,
                    }
                ]
            },
            "ListFirewallDomains": {"Domains": ["bad.example."]},
        },
    },
}


RUNS = {"a connector": ("--connector", "orders-sink"), "a cluster": ("--cluster", CLUSTER)}


def ran(monkeypatch: pytest.MonkeyPatch, document: dict[str, Any], name: str) -> tuple[str, set[str]]:
    """The report of a whole run under a policy, and the calls."""
    pipeline = built(EVERYTHING)
    Outside(pipeline["dns"], monkeypatch)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "netcheck")
    with AwsEndpoint(world(pipeline)) as aws:
        lead_to(aws, monkeypatch)
        govern(aws, document)
        shown = ("--skip", *SENDS_PACKETS, "--format", "json", "--deadline", "60")
        done = command("run", *RUNS[name], *shown)
        return done.out, {f"{call.service}:{call.operation}" for call in aws.calls}


def test_runs_lack_no_permission_under_it_and_use_every_action(monkeypatch: pytest.MonkeyPatch) -> None:
    called = set()
    for name in RUNS:
        with monkeypatch.context() as patch:
            report, calls = ran(patch, policy(), name)
        assert "may not call" not in report, name
        called |= calls
    assert called - set(OF_NETWORK) - {"sts:GetCallerIdentity"} == set(OF_RUN)


OF_CLUSTER_ALONE = ("kafka:DescribeClusterV2", "kafka:ListVpcConnections")


@pytest.mark.parametrize("action", OF_RUN)
def test_a_run_without_one_action_names_it(action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "a cluster" if action in OF_CLUSTER_ALONE else "a connector"
    report, _ = ran(monkeypatch, without(action), name)
    assert action in report

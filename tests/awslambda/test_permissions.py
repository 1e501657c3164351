"""A function's further permissions: what the keys of its event need, each for one resource, and no more."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from netcheck.aws.iam.permissions import policy
from netcheck.awslambda.event import OWN
from netcheck.awslambda.permissions import statements
from netcheck.awslambda.store import parse_store
from tests.awslambda.runtime import ROOT, Function
from tests.awslambda.test_function import HANDLER, demo
from tests.commandline import netcheck
from tests.servers.aws_endpoint import AwsEndpoint
from tests.servers.aws_memory import Memory
from tests.servers.aws_world import World

TOPIC = "arn:aws:sns:eu-west-1:111122223333:alarms"
SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:netcheck-AbCdEf"
NOT_CALLED = {"s3:ListBucket"}
"""Changes S3's response for an object that does not exist."""


def printed(*options: str) -> list[dict[str, Any]]:
    done = netcheck("policy", *options)
    assert (done.code, done.err) == (0, "")
    found: list[dict[str, Any]] = json.loads(done.out)["Statement"]
    return found


def test_without_options_the_policy_is_read_only() -> None:
    assert {"Version": "2012-10-17", "Statement": printed()} == policy()


OPTIONS: dict[str, tuple[tuple[str, ...], dict[str, set[str]]]] = {
    "state in S3": (
        ("--state", "s3://my-bucket/netcheck"),
        {
            "arn:aws:s3:::my-bucket/netcheck/*": {"s3:GetObject", "s3:PutObject"},
            "arn:aws:s3:::my-bucket": {"s3:ListBucket"},
        },
    ),
    "state in DynamoDB": (
        ("--state", "dynamodb://states"),
        {"arn:aws:dynamodb:*:*:table/states": {"dynamodb:GetItem", "dynamodb:PutItem"}},
    ),
    "a topic and a bus": (
        ("--topic", TOPIC, "--bus", "default"),
        {TOPIC: {"sns:Publish"}, "arn:aws:events:*:*:event-bus/default": {"events:PutEvents"}},
    ),
    "a bucket for reports": (
        ("--report-bucket", "my-reports"),
        {"arn:aws:s3:::my-reports/*": {"s3:PutObject"}},
    ),
    "a secret": (("--secret", SECRET), {SECRET: {"secretsmanager:GetSecretValue"}}),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_each_key_needs_its_actions_for_its_resource(name: str) -> None:
    options, expected = OPTIONS[name]
    more = printed(*options)[len(printed()) :]
    assert {each["Resource"]: set(each["Action"]) for each in more} == expected


def test_an_invalid_state_is_wrong_usage() -> None:
    done = netcheck("policy", "--state", "/tmp/x")
    assert done.code == 2 and done.err == "netcheck: --state: give s3://BUCKET/PREFIX or dynamodb://TABLE\n"


@pytest.mark.parametrize("state", ["s3://my-bucket/netcheck", "dynamodb://states"])
def test_the_function_calls_nothing_else(state: str) -> None:
    memory = Memory()
    memory.secrets[SECRET] = "{}"
    with AwsEndpoint(World({}, memory.services())) as aws, Function(HANDLER, aws.environment()) as function:
        event = {"replay": demo("wrong-password"), "state": state, "topic": TOPIC, "bus": "default"}
        answer = function.invoke({**event, "credentials": SECRET}, seconds=60)
        assert answer.error is None
        called = {f"{call.service}:{call.operation}" for call in aws.calls}
    given = statements(parse_store(state), TOPIC, "default", secret=SECRET)
    actions = {action for each in given for action in each["Action"]}  # type: ignore[attr-defined]
    assert called == actions - NOT_CALLED


def test_the_page_has_every_key_and_every_action() -> None:
    text = (ROOT / "docs" / "running.md").read_text()
    keys = set(re.findall(r"^\| `(\w+)` \| ", text.partition("### The response")[0], re.MULTILINE))
    assert keys == {*OWN, "credentials"}
    for state in ("s3://my-bucket/netcheck", "dynamodb://states"):
        for each in statements(parse_store(state), TOPIC, "default", "my-reports", SECRET):
            assert all(f"`{action}`" in text for action in each["Action"])  # type: ignore[attr-defined]

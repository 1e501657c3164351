"""Events: the keys of `--config`, the function's own, and a one-line error for every invalid one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from netcheck.awslambda import clients
from netcheck.awslambda.event import KEYS, NOT_HERE, OWN, Invocation, read
from netcheck.awslambda.metrics import Detail
from netcheck.awslambda.store import S3Store, TableStore
from netcheck.core.context import Deadline
from netcheck.core.secret import Secret
from netcheck.settings.config import BY_NAME, Config, UsageError
from tests.servers.aws_endpoint import AwsEndpoint
from tests.servers.aws_memory import Memory
from tests.servers.aws_world import World

ARN = (
    "arn:aws:kafkaconnect:eu-west-1:111122223333:connector/orders-sink/9c8b7a65-4321-4fed-9cba-0123456789ab-2"
)
TOPIC = "arn:aws:sns:eu-west-1:111122223333:alarms"
SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:netcheck-AbCdEf"
HERE = {"AWS_REGION": "eu-west-1"}


def invocation_of(event: object, environment: Mapping[str, str] = HERE) -> Invocation:
    return read(event, environment, Deadline(30))


def test_every_key_of_a_configuration_file_is_a_key_of_an_event_or_rejected_with_a_reason() -> None:
    assert set(KEYS) | set(NOT_HERE) == set(BY_NAME) | set(OWN)
    assert not set(OWN) & set(BY_NAME)


def test_an_event_is_read_like_a_configuration_file() -> None:
    event = {
        "bootstrap": ["b-1.example:9096", "b-2.example:9096"],
        "deadline": 20,
        "security-protocol": "SASL_SSL",
    }
    config = invocation_of(event).config
    assert config.bootstrap == (("b-1.example", 9096), ("b-2.example", 9096))
    assert (config.deadline, config.security_protocol, config.region) == (20.0, "SASL_SSL", "eu-west-1")
    assert config.format == "json"


NAMES = {
    "a connector's name": ({"connector": "orders-sink"}, "orders-sink"),
    "a connector's ARN": ({"connector": ARN}, "orders-sink"),
    "a cluster's name": ({"cluster": "orders"}, "orders"),
    "a given name": ({"connector": "orders-sink", "name": "shop"}, "shop"),
    "a name with characters to avoid in an S3 key": ({"connector": "a b"}, "a-b"),
    "only targets": ({"bootstrap": "b-1.example:9096"}, "netcheck"),
}


@pytest.mark.parametrize("case", NAMES)
def test_the_name_of_the_pipeline(case: str) -> None:
    event, name = NAMES[case]
    assert invocation_of(event).name == name


def test_without_its_own_keys_a_function_stores_and_sends_nothing() -> None:
    plain = invocation_of({"connector": "orders-sink"})
    assert (plain.state, plain.topic, plain.bus, plain.report_bucket) == (None, None, None, None)


def test_own_keys_come_from_event_or_environment_and_the_event_takes_precedence() -> None:
    environment = {
        **HERE,
        "NETCHECK_STATE": "dynamodb://states",
        "NETCHECK_METRICS": "none",
        "NETCHECK_TOPIC": TOPIC,
    }
    invocation = invocation_of(
        {"connector": "orders-sink", "state": "s3://my-bucket/net/check/", "bus": "default"}, environment
    )
    assert invocation.state == S3Store("my-bucket", "net/check/")
    assert (invocation.topic, invocation.bus, invocation.metrics) == (TOPIC, "default", Detail.NONE)
    assert invocation_of({"connector": "orders-sink"}, environment).state == TableStore("states")


def test_an_event_can_disable_the_state_of_the_environment() -> None:
    environment = {**HERE, "NETCHECK_STATE": "dynamodb://states", "NETCHECK_TOPIC": TOPIC}
    invocation = invocation_of({"connector": "orders-sink", "state": "none"}, environment)
    assert (invocation.state, invocation.topic) == (None, None)


BAD = {
    "no object": ([], "the event has no keys"),
    "a string": ("orders-sink", "the event has no keys"),
    "EventBridge's own": (
        {"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}},
        "give the schedule a constant input",
    ),
    "a misspelled key": ({"conector": "x"}, "unknown key 'conector' (did you mean connector?): the keys are"),
    "a key twice": ({"source-subnet": "subnet-1", "source_subnet": "subnet-1"}, "is given twice"),
    "a wrong value": ({"bootstrap": "b-1.example"}, "event: bootstrap: "),
    "a number for a string": ({"connector": 7}, "event: connector: must be a string"),
    "a null": ({"connector": None}, "event: connector is empty"),
    "a table": ({"connector": "x", "format": "table"}, "returns the report as JSON"),
    "a file to write": ({"connector": "x", "record": "/tmp/x"}, "a function has no files"),
    "a history in a file": ({"connector": "x", "history": "h.jsonl"}, "give clickhouse://HOST/DATABASE"),
    "a watch": ({"connector": "x", "watch": 5}, "use a schedule"),
    "an invalid topic": (
        {"connector": "x", "state": "s3://abc/x", "topic": "alarms"},
        "the ARN of an SNS topic",
    ),
    "a topic without state": ({"connector": "x", "topic": TOPIC}, "state is needed as well"),
    "a topic and no state": ({"connector": "x", "topic": TOPIC, "state": "none"}, "state is needed as well"),
    "an invalid state": (
        {"connector": "x", "state": "/tmp/x"},
        "event: state: give s3://BUCKET/PREFIX or dynamodb",
    ),
    "a replay and a target": ({"connector": "x", "replay": "run.json"}, "leave out connector"),
    "an invalid variable": ({"connector": "x"}, "NETCHECK_METRICS: "),
}


@pytest.mark.parametrize("case", BAD)
def test_an_invalid_event_is_one_line(case: str) -> None:
    event, expected = BAD[case]
    environment = {**HERE, "NETCHECK_METRICS": "every"} if "variable" in case else HERE
    with pytest.raises(UsageError) as refused:
        invocation_of(event, environment)
    assert expected in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("key", ["clickhouse_password", "kafka_password", "password", "passwd"])
def test_a_login_in_an_event_is_rejected_without_being_shown(key: str) -> None:
    with pytest.raises(UsageError) as refused:
        invocation_of({"connector": "x", key: "hunter2"})
    assert "logins are not allowed in an event" in str(refused.value) and "hunter2" not in str(refused.value)


def test_logins_come_from_the_environment() -> None:
    environment = {**HERE, "NETCHECK_CLICKHOUSE_PASSWORD": "hunter2"}
    login = invocation_of(
        {"clickhouse": "https://sink@ch.example:8443/orders"}, environment
    ).config.clickhouse_login
    assert login is not None and (login.user, login.password) == ("sink", Secret("hunter2"))


def from_secret(monkeypatch: pytest.MonkeyPatch, value: str | None) -> Config:
    memory = Memory()
    if value is not None:
        memory.secrets[SECRET] = value
    clients.client.cache_clear()
    with AwsEndpoint(World({}, memory.services())) as aws:
        for name, variable in aws.environment().items():
            monkeypatch.setenv(name, variable)
        return invocation_of({"clickhouse": "https://ch.example:8443", "credentials": SECRET}).config


def test_logins_can_come_from_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    config = from_secret(monkeypatch, '{"clickhouse_user": "sink", "clickhouse_password": "hunter2"}')
    assert config.clickhouse_login is not None
    assert config.clickhouse_login.password == Secret("hunter2")
    assert "hunter2" not in repr(config)
    assert config.scrubber()("it was hunter2") == "it was ***"


WRONG_SECRETS = {
    "absent": (None, "ResourceNotFoundException"),
    "no JSON": ("hunter2", "is not JSON with strings"),
    "a list": ('["hunter2"]', "is not JSON with strings"),
    "a number": ('{"clickhouse_password": 7}', "is not JSON with strings"),
    "other keys": ('{"hunter2": "x"}', "has keys other than"),
}


@pytest.mark.parametrize("case", WRONG_SECRETS)
def test_an_invalid_secret_is_reported_without_its_value(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value, expected = WRONG_SECRETS[case]
    with pytest.raises(UsageError) as refused:
        from_secret(monkeypatch, value)
    assert expected in str(refused.value) and "hunter2" not in str(refused.value)


def test_a_file_is_read_as_on_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        invocation_of({"connector": "x", "credentials": str(tmp_path / "absent.yaml")})

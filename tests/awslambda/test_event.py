"""Events: the keys of `--config`, the function's own, and one clear line for every wrong one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from netcheck.awslambda import clients
from netcheck.awslambda.event import KEYS, NOT_HERE, OWN, Asked, read
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


def asked(event: object, environment: Mapping[str, str] = HERE) -> Asked:
    return read(event, environment, Deadline(30))


def test_every_key_of_a_configuration_file_is_a_key_of_an_event_or_said_why_not() -> None:
    assert set(KEYS) | set(NOT_HERE) == set(BY_NAME) | set(OWN)
    assert not set(OWN) & set(BY_NAME)


def test_an_event_is_read_like_a_configuration_file() -> None:
    event = {
        "bootstrap": ["b-1.example:9096", "b-2.example:9096"],
        "deadline": 20,
        "security-protocol": "SASL_SSL",
    }
    config = asked(event).config
    assert config.bootstrap == (("b-1.example", 9096), ("b-2.example", 9096))
    assert (config.deadline, config.security_protocol, config.region) == (20.0, "SASL_SSL", "eu-west-1")
    assert config.format == "json"


NAMES = {
    "a connector's name": ({"connector": "orders-sink"}, "orders-sink"),
    "a connector's ARN": ({"connector": ARN}, "orders-sink"),
    "a cluster's name": ({"cluster": "orders"}, "orders"),
    "a name that was given": ({"connector": "orders-sink", "name": "shop"}, "shop"),
    "a name that no S3 key should have": ({"connector": "a b"}, "a-b"),
    "nothing that has a name": ({"bootstrap": "b-1.example:9096"}, "netcheck"),
}


@pytest.mark.parametrize("case", NAMES)
def test_the_pipeline_is_called_after(case: str) -> None:
    event, name = NAMES[case]
    assert asked(event).name == name


def test_without_its_own_keys_a_function_keeps_and_tells_nothing() -> None:
    plain = asked({"connector": "orders-sink"})
    assert (plain.state, plain.topic, plain.bus, plain.report_bucket) == (None, None, None, None)


def test_its_own_keys_stand_in_the_event_or_in_the_environment_and_the_event_wins() -> None:
    environment = {
        **HERE,
        "NETCHECK_STATE": "dynamodb://states",
        "NETCHECK_METRICS": "none",
        "NETCHECK_TOPIC": TOPIC,
    }
    told = asked(
        {"connector": "orders-sink", "state": "s3://my-bucket/net/check/", "bus": "default"}, environment
    )
    assert told.state == S3Store("my-bucket", "net/check/")
    assert (told.topic, told.bus, told.metrics) == (TOPIC, "default", Detail.NONE)
    assert asked({"connector": "orders-sink"}, environment).state == TableStore("states")


def test_an_event_may_keep_and_tell_nothing_whatever_the_environment_says() -> None:
    environment = {**HERE, "NETCHECK_STATE": "dynamodb://states", "NETCHECK_TOPIC": TOPIC}
    told = asked({"connector": "orders-sink", "state": "none"}, environment)
    assert (told.state, told.topic) == (None, None)


BAD = {
    "no object": ([], "an event with keys is wanted"),
    "a text": ("orders-sink", "an event with keys is wanted"),
    "EventBridge's own": (
        {"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}},
        "give the schedule a constant input",
    ),
    "a misspelled key": ({"conector": "x"}, "unknown key 'conector' (did you mean connector?): the keys are"),
    "a key twice": ({"source-subnet": "subnet-1", "source_subnet": "subnet-1"}, "stands there twice"),
    "a wrong value": ({"bootstrap": "b-1.example"}, "event: bootstrap: "),
    "a number for a text": ({"connector": 7}, "event: connector: must be a string"),
    "a null": ({"connector": None}, "event: connector is empty"),
    "a table": ({"connector": "x", "format": "table"}, "returns the report as JSON"),
    "a file to write": ({"connector": "x", "record": "/tmp/x"}, "a function keeps no files"),
    "a history in a file": ({"connector": "x", "history": "h.jsonl"}, "give clickhouse://HOST/DATABASE"),
    "a watch": ({"connector": "x", "watch": 5}, "give it a schedule"),
    "a topic that is none": (
        {"connector": "x", "state": "s3://abc/x", "topic": "alarms"},
        "the ARN of an SNS topic",
    ),
    "a topic without state": ({"connector": "x", "topic": TOPIC}, "give state as well"),
    "a topic and no state": ({"connector": "x", "topic": TOPIC, "state": "none"}, "give state as well"),
    "a state that is none": (
        {"connector": "x", "state": "/tmp/x"},
        "event: state: s3://BUCKET/PREFIX or dynamodb",
    ),
    "a replay and a target": ({"connector": "x", "replay": "run.json"}, "leave out connector"),
    "a variable that is wrong": ({"connector": "x"}, "NETCHECK_METRICS: "),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_event_is_told_in_one_line(case: str) -> None:
    event, expected = BAD[case]
    environment = {**HERE, "NETCHECK_METRICS": "every"} if "variable" in case else HERE
    with pytest.raises(UsageError) as refused:
        asked(event, environment)
    assert expected in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("key", ["clickhouse_password", "kafka_password", "password", "passwd"])
def test_a_login_in_an_event_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(UsageError) as refused:
        asked({"connector": "x", key: "hunter2"})
    assert "logins never stand in an event" in str(refused.value) and "hunter2" not in str(refused.value)


def test_logins_come_from_the_environment() -> None:
    environment = {**HERE, "NETCHECK_CLICKHOUSE_PASSWORD": "hunter2"}
    login = asked({"clickhouse": "https://sink@ch.example:8443/orders"}, environment).config.clickhouse_login
    assert login is not None and (login.user, login.password) == ("sink", Secret("hunter2"))


def from_secret(monkeypatch: pytest.MonkeyPatch, value: str | None) -> Config:
    memory = Memory()
    if value is not None:
        memory.secrets[SECRET] = value
    clients.client.cache_clear()
    with AwsEndpoint(World({}, memory.services())) as aws:
        for name, variable in aws.environment().items():
            monkeypatch.setenv(name, variable)
        return asked({"clickhouse": "https://ch.example:8443", "credentials": SECRET}).config


def test_logins_come_from_a_secret_too(monkeypatch: pytest.MonkeyPatch) -> None:
    config = from_secret(monkeypatch, '{"clickhouse_user": "sink", "clickhouse_password": "hunter2"}')
    assert config.clickhouse_login is not None
    assert config.clickhouse_login.password == Secret("hunter2")
    assert "hunter2" not in repr(config)
    assert config.scrubber()("it was hunter2") == "it was ***"


WRONG_SECRETS = {
    "absent": (None, "ResourceNotFoundException"),
    "no JSON": ("hunter2", "is not JSON with texts"),
    "a list": ('["hunter2"]', "is not JSON with texts"),
    "a number": ('{"clickhouse_password": 7}', "is not JSON with texts"),
    "other keys": ('{"hunter2": "x"}', "has keys that are none of"),
}


@pytest.mark.parametrize("case", WRONG_SECRETS)
def test_a_secret_that_is_wrong_is_told_without_its_value(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value, expected = WRONG_SECRETS[case]
    with pytest.raises(UsageError) as refused:
        from_secret(monkeypatch, value)
    assert expected in str(refused.value) and "hunter2" not in str(refused.value)


def test_a_file_is_read_as_on_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        asked({"connector": "x", "credentials": str(tmp_path / "absent.yaml")})

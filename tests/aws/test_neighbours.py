"""The account's other connectors: few calls, whatever there are, and nothing of them but where state is."""

from __future__ import annotations

from typing import Any

import pytest

from netcheck.aws.msk.neighbours import MOST_DESCRIBED, OF_STATE, Neighbours, neighbours
from netcheck.core.codec import decode, encode
from netcheck.core.context import Deadline
from netcheck.pipeline.model import Missing
from tests.scenarios.pipelines import base, world
from tests.servers.aws_endpoint import AwsEndpoint, html_page
from tests.servers.roundtrips import TimedEndpoint

ARN = base()["connector"]["connectorArn"]
CANARY = "Kanarie-7f3a9"
LIST, DESCRIBE = "kafkaconnect:ListConnectors", "kafkaconnect:DescribeConnector"


def beside(count: int, **more: Any) -> dict[str, Any]:
    """The pipeline with so many other connectors in the account."""
    pipeline = base()
    pipeline["other_connectors"] = [
        {"connectorName": f"sink-{n:03}", "connectorArn": f"{ARN[:-40]}/sink-{n:03}/1", **more}
        for n in range(count)
    ]
    return pipeline


def ask(aws: AwsEndpoint, monkeypatch: pytest.MonkeyPatch) -> Neighbours:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    return neighbours(Deadline(30), "eu-west-1", None, ARN)


def test_they_are_described_without_themselves_and_those_that_are_going(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline = beside(2)
    pipeline["other_connectors"][0]["connectorState"] = "DELETING"
    with AwsEndpoint(world(pipeline)) as aws:
        seen = ask(aws, monkeypatch)
    assert [(one.name, one.state) for one in seen.described] == [("sink-001", "RUNNING")]
    assert set(seen.described[0].settings) <= OF_STATE
    assert decode(Neighbours, encode(seen)) == seen


def test_many_are_asked_for_in_parallel_and_those_too_many_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline = beside(60)
    plugin = {"customPlugin": {"customPluginArn": "arn:aws:kafkaconnect:eu-west-1:1:custom-plugin/x/1"}}
    for other in pipeline["other_connectors"][:40]:
        other["plugins"] = [{**plugin, "customPlugin": {**plugin["customPlugin"], "revision": 1}}]
    fewest = 99
    for _ in range(3):  # on a busy machine calls come late
        with TimedEndpoint(world(pipeline), 0.05) as aws:
            seen = ask(aws, monkeypatch)
        fewest = min(fewest, aws.round_trips)
    assert fewest <= 3
    assert len(seen.described) == MOST_DESCRIBED
    assert len(seen.unseen) == 60 - MOST_DESCRIBED
    same_plugin = [f"sink-{n:03}" for n in range(40, 60)]
    assert [one.name for one in seen.described][:20] == same_plugin, "those with its plugin come first"


@pytest.mark.parametrize("action", [LIST, DESCRIBE])
def test_what_is_denied_is_named(action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with AwsEndpoint(world(beside(2))) as aws:
        aws.deny(*action.split(":"))
        seen = ask(aws, monkeypatch)
    assert seen.described == ()
    assert {one.action for one in seen.missing} == {action}
    assert [one.what for one in seen.missing] == (
        ["the other connectors"] if action == LIST else ["sink-000", "sink-001"]
    )


def test_an_error_that_is_no_denial_names_no_action(monkeypatch: pytest.MonkeyPatch) -> None:
    with AwsEndpoint(world(beside(2))) as aws:
        aws.fail("kafkaconnect", "DescribeConnector", html_page())
        seen = ask(aws, monkeypatch)
    assert [type(one) for one in seen.missing] == [Missing, Missing]
    assert {one.action for one in seen.missing} == {""}


def test_no_secret_of_theirs_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "connector.class": "com.clickhouse.kafka.connect.ClickHouseSinkConnector",
        "password": CANARY,
        "jdbcConnectionProperties": f"?password={CANARY}",
        "hostname": f"https://user:{CANARY}@ch.example",
        "zkPath": f"/x?token={CANARY}",
    }
    with AwsEndpoint(world(beside(1, connectorConfiguration=given))) as aws:
        seen = ask(aws, monkeypatch)
    assert len(seen.described) == 1
    assert CANARY not in repr(seen)

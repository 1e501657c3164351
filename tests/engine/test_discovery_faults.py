"""Whatever AWS refuses or gets wrong, discovery ends, names what is missing, and takes few round trips."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from netcheck.core.context import Context, Deadline
from netcheck.core.recording import Live
from netcheck.engine import discovery, facts
from netcheck.engine.discovery import Discovered
from netcheck.settings.config import Config
from tests.bounds import ends_within
from tests.commandline import netcheck
from tests.scenarios.pipelines import base, world
from tests.servers.aws_endpoint import (
    AwsEndpoint,
    Fault,
    aws_error,
    clock_off,
    dropped,
    expired_token,
    html_page,
    slow,
)
from tests.servers.roundtrips import TimedEndpoint

ARN = base()["connector"]["connectorArn"]
MOST_ROUND_TRIPS = 8


def with_everything() -> dict[str, Any]:
    """The pipeline for which every question there is gets asked: SCRAM is on, the last operation failed."""
    pipeline = base()
    pipeline["cluster"]["Provisioned"]["ClientAuthentication"]["Sasl"]["Scram"]["Enabled"] = True
    operation = {
        "connectorOperationArn": f"{ARN}/operation/1",
        "connectorOperationType": "UPDATE_CONNECTOR_CONFIGURATION",
        "connectorOperationState": "UPDATE_FAILED",
        "creationTime": "2026-02-01T00:00:00Z",
    }
    pipeline["operations"] = [operation]
    pipeline["operation"] = dict(operation)
    return pipeline


def lead_to(aws: AwsEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)


def discovered(config: Config, seconds: float = 20) -> Discovered:
    return discovery.discover(Context(config, Deadline(seconds), Live()))


DENIALS = {
    "kafkaconnect:DescribeConnector": ARN,
    "kafkaconnect:ListConnectors": "orders-sink",
    "kafkaconnect:ListConnectorOperations": ARN,
    "kafkaconnect:DescribeConnectorOperation": ARN,
    "kafkaconnect:DescribeWorkerConfiguration": ARN,
    "kafkaconnect:DescribeCustomPlugin": ARN,
    "kafka:ListClustersV2": ARN,
    "kafka:GetBootstrapBrokers": ARN,
    "kafka:ListNodes": ARN,
    "kafka:ListScramSecrets": ARN,
    "ec2:DescribeNetworkInterfaces": ARN,
}
CLUSTERLESS = ("kafkaconnect:DescribeConnector", "kafkaconnect:ListConnectors", "kafka:ListClustersV2")
"""Without these there is no way to the cluster from a connector."""


@pytest.mark.parametrize("action", DENIALS)
def test_each_denial_is_named_and_costs_only_what_stands_on_it(
    action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = DENIALS[action]
    with AwsEndpoint(world(with_everything())) as aws:
        lead_to(aws, monkeypatch)
        whole = discovered(Config(connector=name, region="eu-west-1")).pipeline
        aws.deny(*action.split(":"))
        part = discovered(Config(connector=name, region="eu-west-1")).pipeline
    assert whole.missing == ()
    assert {missing.action for missing in part.missing} == {action}
    assert all("may not call" in missing.reason for missing in part.missing)
    if action not in ("kafkaconnect:DescribeConnector", "kafkaconnect:ListConnectors"):
        assert part.connector is not None
        assert whole.connector is not None
        assert part.connector.settings == whole.connector.settings
    assert (part.cluster is None) == (action in CLUSTERLESS)


@pytest.mark.parametrize("action", ["kafka:DescribeClusterV2", "kafka:ListVpcConnections"])
def test_denials_of_what_only_a_cluster_asks(action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = base()
    pipeline["bootstrap"]["BootstrapBrokerStringVpcConnectivityTls"] = "b-1.tls.example:14001"
    with AwsEndpoint(world(pipeline)) as aws:
        lead_to(aws, monkeypatch)
        aws.deny(*action.split(":"))
        found = discovered(Config(cluster=pipeline["cluster"]["ClusterArn"], region="eu-west-1"))
    assert {missing.action for missing in found.pipeline.missing} == {action}
    # What GetBootstrapBrokers returned is checked all the same.
    assert [target.port for target in found.targets if target.host] == [9098, 9098, 9098]


def test_the_action_and_the_exit_code_are_in_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    with AwsEndpoint(world(base())) as aws:
        lead_to(aws, monkeypatch)
        aws.deny("kafkaconnect", "DescribeConnector")
        done = netcheck("run", "--connector", ARN, "--only", "discover.*", "--format", "json")
    result = json.loads(done.out)["results"][0]
    assert (done.code, result["status"]) == (3, "unknown")
    assert result["evidence"]["missing_permission"] == "kafkaconnect:DescribeConnector"


FAULTS: dict[str, tuple[Fault, str]] = {
    "throttled": (aws_error("TooManyRequestsException", "", 429), "increase --deadline"),
    "an expired token": (expired_token(), "have expired"),
    "another token": (aws_error("ExpiredTokenException", "expired", 403), "have expired"),
    "no such key": (aws_error("UnrecognizedClientException", "invalid", 403), "rejects these"),
    "a Region that is not on": (
        aws_error("UnrecognizedClientException", "x", 403),
        "Region that is not enabled",
    ),
    "a captive portal": (html_page(), "something other than AWS"),
    "a proxy's refusal": (html_page(403), "something other than AWS"),
    "the clock": (clock_off(minutes=47), "clock is 47 minutes"),
    "a broken connection": (dropped(), "broke"),
    "a server error": (
        aws_error("InternalServerErrorException", "later", 500),
        "InternalServerErrorException",
    ),
    "silence": (slow(30), "no response before the deadline"),
}


@pytest.mark.parametrize("case", FAULTS)
@pytest.mark.parametrize("where", ["*", "kafka"])
def test_every_kind_of_error_ends_in_words(case: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fault, said = FAULTS[case]
    with AwsEndpoint(world(base())) as aws:
        lead_to(aws, monkeypatch)
        aws.fail(where, "*", fault)
        with ends_within(5):
            found = discovered(Config(connector=ARN, region="eu-west-1"), seconds=5)
    assert found.pipeline.missing
    assert any(said in missing.reason for missing in found.pipeline.missing), found.pipeline.missing
    assert not any(missing.action for missing in found.pipeline.missing), "nothing was denied"
    assert (found.pipeline.connector is None) == (where == "*")


# Round trips


def pipelines(brokers: int, connectors: int) -> dict[str, Any]:
    pipeline = base()
    node = pipeline["nodes"][0]
    pipeline["nodes"] = [
        node | {"BrokerId": n, "Endpoints": [f"b-{n}.orders.a1b2c3.c2.kafka.eu-west-1.amazonaws.com"]}
        for n in range(1, brokers + 1)
    ]
    pipeline["other_connectors"] = [{"connectorName": f"orders-sink-{n}"} for n in range(connectors)]
    return pipeline


def round_trips(pipeline: dict[str, Any], name: str) -> tuple[int, int]:
    """Those of discovery, and of all: the fewest of three tries, as on a busy machine calls come late."""
    tries = [list(conversation(pipeline, name, 0.05)) for _ in range(3)]
    return min(one for one, _ in tries), min(both for _, both in tries)


def conversation(pipeline: dict[str, Any], name: str, latency: float) -> Iterator[int]:
    with TimedEndpoint(world(pipeline), latency) as aws, pytest.MonkeyPatch.context() as patch:
        lead_to(aws, patch)
        context = Context(Config(connector=name, region="eu-west-1"), Deadline(60), Live())
        found = discovery.discover(context)
        yield aws.round_trips
        assert context.discovered(found.config, found.pipeline).get(facts.snapshot).missing("Subnets") is None
        yield aws.round_trips


@pytest.mark.parametrize("name", ["orders-sink", ARN])
def test_all_is_known_after_few_round_trips_however_much_there_is(name: str) -> None:
    discovery, everything = round_trips(pipelines(3, 0), name)
    assert discovery <= 3
    assert everything <= MOST_ROUND_TRIPS
    assert round_trips(pipelines(60, 80), name) <= (discovery + 1, MOST_ROUND_TRIPS)


@pytest.mark.parametrize("name", ["orders-sink", ARN])
def test_calls_do_not_grow_with_brokers_and_connectors(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    for pipeline in (pipelines(3, 0), pipelines(90, 90)):
        with AwsEndpoint(world(pipeline)) as aws:
            lead_to(aws, monkeypatch)
            discovered(Config(connector=name, region="eu-west-1"))
            counts.append(aws.count())
    assert counts[0] == counts[1]
    assert sum(counts[0].values()) <= 10


# Secrets

CANARY = "Kanarie-7f3a9"
PLACES: dict[str, Any] = {
    "password": lambda p: _set(p, "password", CANARY),
    "JAAS": lambda p: _set(p, "consumer.override.sasl.jaas.config", f'x required password="{CANARY}";'),
    "JDBC options": lambda p: _set(p, "jdbcConnectionProperties", f"?password={CANARY}"),
    "state": lambda p: (
        p["connector"]["connectorConfiguration"].update(password=CANARY),
        p["connector"].update(stateDescription={"code": "X", "message": f"bad value {CANARY} for password"}),
    ),
    "worker configuration": lambda p: p.update(
        worker_properties=f"{p['worker_properties']}consumer.sasl.jaas.config=x password='{CANARY}'\n"
    ),
    "operation": lambda p: p["operation"].update(
        originConnectorConfiguration={"password": CANARY},
        targetConnectorConfiguration={"password": CANARY},
        errorInfo={"code": "X", "message": f"bad value {CANARY}"},
    ),
    "plugin": lambda p: (
        p["connector"]["connectorConfiguration"].update(password=CANARY),
        p["plugins"][0].update(stateDescription={"code": "X", "message": f"{CANARY} is wrong"}),
    ),
}


def _set(pipeline: dict[str, Any], key: str, value: str) -> None:
    pipeline["connector"]["connectorConfiguration"][key] = value


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_comes_out(
    place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = with_everything()
    PLACES[place](pipeline)
    kept = tmp_path / "run.json"
    shown = []
    with AwsEndpoint(world(pipeline)) as aws, caplog.at_level("WARNING"):
        lead_to(aws, monkeypatch)
        for format in ("json", "table"):
            arguments = (
                "--connector",
                "orders-sink",
                "--only",
                "discover.*",
                "connector.*",
                "--format",
                format,
            )
            done = netcheck("run", *arguments, "--record", str(kept))
            shown += [done.out, done.err, kept.read_text("utf-8")]
    replayed = netcheck("run", "--replay", str(kept), "--format", "json")
    assert json.loads(replayed.out)["pipeline"]["connector"]["name"] == "orders-sink"
    assert CANARY not in "".join([*shown, replayed.out, replayed.err, caplog.text])


def test_a_replay_needs_no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    kept = str(tmp_path / "run.json.gz")
    arguments = ("--only", "discover.*", "connector.*", "--format", "json")
    with AwsEndpoint(world(base())) as aws:
        lead_to(aws, monkeypatch)
        live = netcheck("run", "--connector", "orders-sink", *arguments, "--record", kept)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    again = netcheck("run", "--replay", kept, *arguments)
    (one, other), keys = (json.loads(live.out), json.loads(again.out)), ("key", "status", "summary")
    assert one["pipeline"] == other["pipeline"]
    assert [[r[k] for k in keys] for r in one["results"]] == [[r[k] for k in keys] for r in other["results"]]

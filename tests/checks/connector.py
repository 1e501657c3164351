"""A pipeline as discovery would have found it, and what the checks make of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from netcheck.core.catalogue import Catalogue
from netcheck.core.context import Context, Deadline
from netcheck.core.model import PIPELINE, Finding, Result, Status
from netcheck.core.recording import Live
from netcheck.core.secret import Scrubber
from netcheck.engine import plugins
from netcheck.engine.runner import Run, ignore_event
from netcheck.pipeline.clickhouse_sink import CLASS
from netcheck.pipeline.model import (
    BrokerNode,
    Cluster,
    Connector,
    LogDestination,
    Pipeline,
    Plugin,
    WorkerConfiguration,
)
from netcheck.settings.config import Config

SUFFIX = "orders.abc123.c2.kafka.eu-west-1.amazonaws.com"
IAM = f"b-1.{SUFFIX}:9098,b-2.{SUFFIX}:9098,b-3.{SUFFIX}:9098"
TLS = IAM.replace("9098", "9094")
PLAIN = IAM.replace("9098", "9092")
SCRAM = IAM.replace("9098", "9096")
PUBLIC_IAM = ",".join(f"b-{n}-public.{SUFFIX}:9198" for n in (1, 2, 3))
ACCOUNT = "arn:aws:kafkaconnect:eu-west-1:123456789012"

PROVIDERS = "com.amazonaws.kafka.config.providers."

ASK_AWS = ("connector.state-store",)
"""Checks of a connector that ask AWS themselves: tests/scenarios has an AWS for them."""

SETTINGS: Mapping[str, str] = {
    "connector.class": CLASS,
    "tasks.max": "2",
    "topics": "orders,returns",
    "hostname": "abc123.eu-west-1.aws.clickhouse.cloud",
    "port": "8443",
    "ssl": "true",
    "database": "shop",
    "username": "sink",
    "password": "${secretsManager:orders/clickhouse:password}",
    "exactlyOnce": "true",
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false",
    "errors.retry.timeout": "60000",
}
WORKER = WorkerConfiguration(
    f"{ACCOUNT}:worker-configuration/orders/1",
    1,
    {
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
        "config.providers": "secretsManager",
        "config.providers.secretsManager.class": PROVIDERS + "SecretsManagerConfigProvider",
    },
)
PLUGIN = Plugin(
    f"{ACCOUNT}:custom-plugin/clickhouse/1",
    "clickhouse-sink",
    1,
    "ACTIVE",
    "",
    "ZIP",
    "plugins",
    "clickhouse-kafka-connect-v1.3.10.zip",
)
HEALTHY = Connector(
    name="orders-sink",
    settings=SETTINGS,
    arn=f"{ACCOUNT}:connector/orders-sink/1",
    state="RUNNING",
    created="2026-05-01T10:00:00Z",
    kafka_connect_version="3.7.x",
    bootstrap=IAM,
    authentication="IAM",
    encryption="TLS",
    network_type="IPV4",
    role_arn="arn:aws:iam::123456789012:role/orders-sink",
    worker_configuration=WORKER,
    plugins=(PLUGIN,),
    logs=(LogDestination("cloudwatch", "/msk/orders-sink"),),
    most_workers=2,
)
CLUSTER = Cluster(
    arn="arn:aws:kafka:eu-west-1:123456789012:cluster/orders/1",
    name="orders",
    kind="PROVISIONED",
    state="ACTIVE",
    version="3.7.x",
    instance_type="kafka.m7g.large",
    bootstrap={"BootstrapBrokerStringSaslIam": IAM, "BootstrapBrokerStringTls": TLS},
    authentication=frozenset({"IAM", "UNAUTHENTICATED"}),
    client_broker="TLS",
    network_type="IPV4",
    nodes=tuple(
        BrokerNode(str(n), f"eni-{n}", f"10.0.{n}.7", f"subnet-{n}", (f"b-{n}.{SUFFIX}",)) for n in (1, 2, 3)
    ),
)


@dataclass(frozen=True)
class Judged:
    """The results of every check of a pipeline."""

    results: tuple[Result, ...]

    def of(self, check: str) -> list[Finding]:
        found = [result.finding for result in self.results if result.check == check]
        assert found, f"{check} told nothing"
        return found

    def open(self) -> list[tuple[str, str, str | None]]:
        """What did not pass and was not moot: check, status and code."""
        wanted = (Status.FAIL, Status.WARN, Status.UNKNOWN)
        return [(r.check, r.status.value, r.finding.code) for r in self.results if r.finding.status in wanted]


def with_settings(changes: Mapping[str, str | None], subject: Connector = HEALTHY) -> Connector:
    """The connector with some settings changed; None takes one away."""
    settings = {**subject.settings, **changes}
    return replace(subject, settings={key: value for key, value in settings.items() if value is not None})


def judge(
    connector: Connector | None = HEALTHY,
    cluster: Cluster | None = CLUSTER,
    prefix: str = "connector.",
    pipeline: Pipeline | None = None,
    config: Config | None = None,
) -> Judged:
    """Run the real checks whose id begins with `prefix` on this pipeline, by the real runner."""
    found = plugins.find()
    assert not [one for one in found.broken if "connect" in one.source or "logs" in one.source]
    checks = [check for check in found.checks if check.id.startswith(prefix) and check.id not in ASK_AWS]
    known = pipeline or Pipeline(connector=connector, cluster=cluster, region="eu-west-1")
    context = Context(config or Config(), Deadline(30.0), Live(), known)
    return Judged(
        Run(checks, context, ignore_event, Scrubber(()), Catalogue.made_of(found.checks))
        .results((PIPELINE,), ())
        .results
    )

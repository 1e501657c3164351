"""A pipeline as AWS and the connector's configuration describe it: the result of discovery, and the input of
checks.

Pure data that a recording can hold, without secrets: the value of a setting that may be one is replaced by
stars, unless it is a reference to where the secret is stored (`${secretsManager:...}`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CONNECTOR_STATES: Mapping[str, str] = {
    "RUNNING": "the workers are up; this state does not say whether the tasks are",
    "CREATING": "being created; takes more than 20 minutes when the workers cannot reach Kafka",
    "UPDATING": "being updated; the old configuration may be in use until this ends",
    "DELETING": "being deleted",
    "FAILED": "creation or the last operation failed; no worker runs",
    "PAUSED": "paused by a user; it moves no data until it is resumed",
    "PAUSING": "about to be paused",
    "RESUMING": "about to resume after a pause",
    "RESTARTING": "the workers are being restarted",
}
"""What MSK Connect's connectorState means for the flow of data (MSK Connect API reference)."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation on a connector, newest first in lists. `error` is AWS's code and message, or ""."""

    arn: str
    kind: str
    state: str
    created: str
    ended: str | None
    error: str


@dataclass(frozen=True, slots=True)
class Plugin:
    """A custom plugin of a connector. `bucket` and `key` are the S3 object of its archive."""

    arn: str
    name: str
    revision: int
    state: str
    problem: str
    content_type: str
    bucket: str | None
    key: str | None


@dataclass(frozen=True, slots=True)
class WorkerConfiguration:
    """A worker configuration: its properties, with secrets redacted."""

    arn: str
    revision: int
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LogDestination:
    """A destination of the worker logs: `kind` is cloudwatch, firehose or s3."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Connector:
    """A connector: one of MSK Connect (`arn` is set), or one described only by a configuration file.

    `authentication` is NONE or IAM and `encryption` PLAINTEXT or TLS, as in the API; None where only a file
    is known. `state` is the API's connectorState, `problem` its stateDescription. `created` is ISO 8601.
    """

    name: str
    settings: Mapping[str, str]
    arn: str | None = None
    state: str | None = None
    problem: str = ""
    created: str | None = None
    kafka_connect_version: str | None = None
    bootstrap: str = ""
    authentication: str | None = None
    encryption: str | None = None
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    network_type: str | None = None
    role_arn: str | None = None
    worker_configuration: WorkerConfiguration | None = None
    plugins: tuple[Plugin, ...] = ()
    logs: tuple[LogDestination, ...] = ()
    operations: tuple[Operation, ...] = ()
    most_workers: int | None = None


@dataclass(frozen=True, slots=True)
class BrokerNode:
    """A broker of a cluster: its network interface, its address and its host names."""

    id: str
    interface: str | None
    address: str | None
    subnet: str | None
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VpcConnection:
    """An MSK managed VPC connection (PrivateLink) from a VPC of this account to a cluster."""

    arn: str
    cluster: str
    state: str
    authentication: str
    vpc: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """An MSK cluster. `kind` is PROVISIONED or SERVERLESS.

    `bootstrap` has every string of GetBootstrapBrokers by its name there. `authentication` has those of IAM,
    SCRAM, TLS and UNAUTHENTICATED that are enabled; `client_broker` is TLS, TLS_PLAINTEXT or PLAINTEXT.
    `scram_secrets` are ARNs, None where they are unknown. `multi_vpc` has the authentication of the listeners
    for managed VPC connections.
    """

    arn: str
    name: str
    kind: str
    state: str
    version: str | None = None
    instance_type: str | None = None
    bootstrap: Mapping[str, str] = field(default_factory=dict)
    authentication: frozenset[str] = frozenset()
    client_broker: str | None = None
    public_access: bool = False
    network_type: str | None = None
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    vpc_configs: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    nodes: tuple[BrokerNode, ...] = ()
    scram_secrets: tuple[str, ...] | None = None
    multi_vpc: frozenset[str] = frozenset()
    vpc_connections: tuple[VpcConnection, ...] = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that could not be determined, why, and the IAM action that is missing for it, "" if none."""

    what: str
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What is known about one connector's whole pipeline.

    `origins` has the source of each value that the run uses: `bootstrap` -> `argument`,
    `connector orders-sink`, `connector-config FILE` ... `worker_interfaces` are the ENIs of the workers.
    """

    connector: Connector | None = None
    cluster: Cluster | None = None
    region: str | None = None
    account: str | None = None
    worker_interfaces: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[Missing, ...] = ()

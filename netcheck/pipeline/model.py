"""A pipeline as AWS and the connector's configuration describe it: what discovery finds, and checks
judge.

Pure data that a recording can hold. Secrets never get here: the value of a setting that may be one is
stars, unless it only names where the secret is kept (`${secretsManager:...}`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CONNECTOR_STATES: Mapping[str, str] = {
    "RUNNING": "the workers are up; whether its tasks are is not said by this state",
    "CREATING": "being created; when the workers cannot reach Kafka this lasts for more than 20 minutes",
    "UPDATING": "being updated; the old configuration may be live until this ends",
    "DELETING": "being deleted",
    "FAILED": "creation or the last operation failed; no worker runs",
    "PAUSED": "paused by somebody: it moves no data until it is resumed",
    "PAUSING": "about to be paused",
    "RESUMING": "about to run again after a pause",
    "RESTARTING": "its workers are being restarted",
}
"""What MSK Connect's connectorState means for whoever waits for data (MSK Connect API reference)."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation on a connector, newest first in lists; `error` is AWS's code and message, "" without
    one.
    """

    arn: str
    kind: str
    state: str
    created: str
    ended: str | None
    error: str


@dataclass(frozen=True, slots=True)
class Plugin:
    """A custom plugin of a connector. `bucket` and `key` say where its archive was uploaded from."""

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
    """A worker configuration: its properties, with secrets starred."""

    arn: str
    revision: int
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LogDestination:
    """Where worker logs go: `kind` is cloudwatch, firehose or s3."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Connector:
    """A connector: of MSK Connect (`arn` is set), or only as a configuration file describes one.

    `authentication` is NONE or IAM and `encryption` PLAINTEXT or TLS, in the API's words; None where only
    a file is known. `state` is the API's; `problem` its stateDescription. `created` is ISO 8601.
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
    """A broker of a cluster: its network interface, address and the names it is reached by."""

    id: str
    interface: str | None
    address: str | None
    subnet: str | None
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VpcConnection:
    """A managed connection (PrivateLink) from a VPC of this account to a cluster."""

    arn: str
    cluster: str
    state: str
    authentication: str
    vpc: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """An MSK cluster. `kind` is PROVISIONED or SERVERLESS.

    `bootstrap` has every string of GetBootstrapBrokers under its name there. `authentication` holds those
    of IAM, SCRAM, TLS and UNAUTHENTICATED that are on; `client_broker` is TLS, TLS_PLAINTEXT or
    PLAINTEXT. `scram_secrets` are ARNs, None where that was not asked or not told. `multi_vpc` holds the
    authentication of the listeners for managed VPC connections.
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
    """Something that could not be learnt, why, and the IAM action that would tell ("" where none would)."""

    what: str
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What is known of one connector's whole pipeline.

    `origins` says for each value that the run uses where it came from: `bootstrap` -> `argument`,
    `connector orders-sink`, `connector-config FILE` ... `worker_interfaces` are the ENIs of the workers.
    """

    connector: Connector | None = None
    cluster: Cluster | None = None
    region: str | None = None
    account: str | None = None
    worker_interfaces: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[Missing, ...] = ()

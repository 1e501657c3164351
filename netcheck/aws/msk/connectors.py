"""Connectors of MSK Connect: the API calls for them, and their descriptions, with secrets redacted."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from netcheck.aws.api.calls import ApiCall
from netcheck.pipeline import java_properties, redaction
from netcheck.pipeline.model import Connector, LogDestination, Operation, Plugin, WorkerConfiguration

SERVICE = "kafkaconnect"
MANAGED_TAG = "AmazonMSKConnectManaged"
"""The tag of worker ENIs (AWS managed policy KafkaConnectServiceRolePolicy)."""
FAILED = frozenset(
    {"UPDATE_FAILED", "ROLLBACK_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_IN_PROGRESS"}
) | frozenset({"RESTART_FAILED", "PAUSE_FAILED", "RESUME_FAILED"})
"""States of an operation that failed (MSK Connect API, ConnectorOperationState)."""

Raw = Mapping[str, Any]


def named(prefix: str) -> ApiCall:
    """The connectors whose names start with `prefix`: their descriptions without settings."""
    return ApiCall("ListConnectors", "connectors", {"connectorNamePrefix": prefix}, SERVICE)


def every() -> ApiCall:
    """All connectors of the Region, with the same descriptions."""
    return ApiCall("ListConnectors", "connectors", {}, SERVICE)


def described(arn: str) -> ApiCall:
    return ApiCall("DescribeConnector", "", {"connectorArn": arn}, SERVICE)


def operations(arn: str) -> ApiCall:
    return ApiCall("ListConnectorOperations", "connectorOperations", {"connectorArn": arn}, SERVICE)


def operation(arn: str) -> ApiCall:
    return ApiCall("DescribeConnectorOperation", "", {"connectorOperationArn": arn}, SERVICE)


def worker_configuration(arn: str) -> ApiCall:
    return ApiCall("DescribeWorkerConfiguration", "", {"workerConfigurationArn": arn}, SERVICE)


def plugin(arn: str) -> ApiCall:
    return ApiCall("DescribeCustomPlugin", "", {"customPluginArn": arn}, SERVICE)


def interfaces(subnets: Sequence[str], groups: Sequence[str]) -> ApiCall:
    """The workers' ENIs in these subnets, including those of another connector with the same network."""
    filters = [
        {"Name": "tag-key", "Values": [MANAGED_TAG]},
        {"Name": "subnet-id", "Values": sorted(subnets)},
        *([{"Name": "group-id", "Values": sorted(groups)}] if groups else []),
    ]
    return ApiCall("DescribeNetworkInterfaces", "NetworkInterfaces", {"Filters": filters})


def bootstrap_of(raw: Raw) -> str:
    """The connector's bootstrap servers as one string."""
    text: str = _kafka(raw).get("bootstrapServers", "")
    return text


def subnets_of(raw: Raw) -> tuple[str, ...]:
    return tuple(_kafka(raw).get("vpc", {}).get("subnets", ()))


def groups_of(raw: Raw) -> tuple[str, ...]:
    return tuple(_kafka(raw).get("vpc", {}).get("securityGroups", ()))


def worker_configuration_of(raw: Raw) -> str | None:
    """The ARN of the worker configuration; None for MSK Connect's default."""
    arn: str | None = raw.get("workerConfiguration", {}).get("workerConfigurationArn")
    return arn


def plugins_of(raw: Raw) -> tuple[str, ...]:
    return tuple(item["customPlugin"]["customPluginArn"] for item in raw.get("plugins", ()))


def newest_failed(operations: Sequence[Any]) -> str | None:
    """The ARN of the newest operation if it failed; a failure before a later operation no longer matters."""
    newest = max(operations, key=lambda item: str(item.get("creationTime", "")), default=None)
    if newest is None or newest.get("connectorOperationState") not in FAILED:
        return None
    arn: str = newest["connectorOperationArn"]
    return arn


def connector(
    raw: Raw,
    operations: Sequence[Any] = (),
    failed: Raw | None = None,
    worker: WorkerConfiguration | None = None,
    plugins: Sequence[Raw] = (),
    secrets: Sequence[Mapping[str, str]] = (),
) -> Connector:
    """A connector from the response of DescribeConnector or ListConnectors, and from further calls.

    `secrets` are more settings whose secrets must not appear in any message.
    """
    given = {str(key): str(value) for key, value in raw.get("connectorConfiguration", {}).items()}
    redact = redaction.redactor(given, *secrets, *_maps(failed or {}))
    capacity = raw.get("capacity", {})
    return Connector(
        name=raw.get("connectorName", ""),
        settings=redaction.public(given),
        arn=raw.get("connectorArn"),
        state=raw.get("connectorState"),
        problem=redact(problem(raw.get("stateDescription", {}))),
        created=raw.get("creationTime"),
        kafka_connect_version=raw.get("kafkaConnectVersion"),
        bootstrap=bootstrap_of(raw),
        authentication=raw.get("kafkaClusterClientAuthentication", {}).get("authenticationType"),
        encryption=raw.get("kafkaClusterEncryptionInTransit", {}).get("encryptionType"),
        subnets=subnets_of(raw),
        security_groups=groups_of(raw),
        network_type=raw.get("networkType"),
        role_arn=raw.get("serviceExecutionRoleArn"),
        worker_configuration=worker,
        plugins=tuple(_plugin(each, redact) for each in plugins),
        logs=_logs(raw.get("logDelivery", {}).get("workerLogDelivery", {})),
        operations=_operations(operations, failed, redact),
        most_workers=capacity.get("autoScaling", {}).get("maxWorkerCount")
        or capacity.get("provisionedCapacity", {}).get("workerCount"),
    )


def worker_properties(raw: Raw) -> dict[str, str]:
    """The properties of a worker configuration, including secrets. Raises PropertiesError."""
    content = str(raw.get("latestRevision", {}).get("propertiesFileContent", ""))
    try:
        text = base64.b64decode(content, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise java_properties.PropertiesError("not text in base64") from None
    return java_properties.parse(text)


def worker(raw: Raw, given: Mapping[str, str]) -> WorkerConfiguration:
    """A worker configuration with the secrets of its properties redacted."""
    revision = raw.get("latestRevision", {}).get("revision", 0)
    return WorkerConfiguration(raw["workerConfigurationArn"], revision, redaction.public(given))


def problem(raw: Raw) -> str:
    """`code: message`, "" without them."""
    return ": ".join(str(raw[key]) for key in ("code", "message") if raw.get(key))


def _kafka(raw: Raw) -> Raw:
    found: Raw = raw.get("kafkaCluster", {}).get("apacheKafkaCluster", {})
    return found


def _maps(failed: Raw) -> list[Mapping[str, str]]:
    return [failed.get(key, {}) for key in ("originConnectorConfiguration", "targetConnectorConfiguration")]


def _plugin(raw: Raw, redact: Callable[[str], str]) -> Plugin:
    revision = raw.get("latestRevision", {})
    location = revision.get("location", {}).get("s3Location", {})
    bucket = location.get("bucketArn")
    return Plugin(
        arn=raw.get("customPluginArn", ""),
        name=raw.get("name", ""),
        revision=revision.get("revision", 0),
        state=raw.get("customPluginState", ""),
        problem=redact(problem(raw.get("stateDescription", {}))),
        content_type=revision.get("contentType", ""),
        bucket=bucket and bucket.rpartition(":")[2],
        key=location.get("fileKey"),
    )


def _logs(delivery: Raw) -> tuple[LogDestination, ...]:
    kinds = {"cloudWatchLogs": ("cloudwatch", "logGroup"), "firehose": ("firehose", "deliveryStream")}
    return tuple(
        LogDestination(kind, delivery[member].get(name, ""))
        for member, (kind, name) in (kinds | {"s3": ("s3", "bucket")}).items()
        if delivery.get(member, {}).get("enabled")
    )


def _operations(
    operations: Sequence[Any], failed: Raw | None, redact: Callable[[str], str]
) -> tuple[Operation, ...]:
    errors = {failed["connectorOperationArn"]: problem(failed.get("errorInfo", {}))} if failed else {}
    newest_first = sorted(operations, key=lambda item: str(item.get("creationTime", "")), reverse=True)
    return tuple(
        Operation(
            arn=item["connectorOperationArn"],
            kind=item.get("connectorOperationType", ""),
            state=item.get("connectorOperationState", ""),
            created=item.get("creationTime", ""),
            ended=item.get("endTime"),
            error=redact(errors.get(item["connectorOperationArn"], "")),
        )
        for item in newest_first
    )

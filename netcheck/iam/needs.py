"""The permissions that a connector's execution role needs, from what is known of its pipeline. Pure.

Sources: "Understand service execution role" and "Semantics of IAM authorization policy actions and resources"
in the Amazon MSK developer guide for everything of kafka-cluster; "Use custom offset topics" there for the
names of the internal topics; "IAM examples for deserializers" in the AWS Glue guide; "Secret encryption and
decryption" in the Secrets Manager guide. Without IAM authentication (self-managed Kafka, or NONE) the role
needs no Kafka permissions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netcheck.core.arn import parse_arn
from netcheck.iam.patterns import is_pattern
from netcheck.iam.providers import Named, named
from netcheck.pipeline.config_providers import Store
from netcheck.pipeline.model import Connector, Pipeline

INTERNAL = "__amazon_msk_connect_"
KINDS = ("configs", "offsets", "status")
"""The internal topics of every MSK Connect connector: `__amazon_msk_connect_offsets_NAME_ID`."""
GLUE = "com.amazonaws.services.schemaregistry.kafkaconnect."
"""The package of Glue's converters (github.com/awslabs/aws-glue-schema-registry)."""
CONVERTERS = ("key.converter", "value.converter")
DLQ = "errors.deadletterqueue.topic.name"
PLAIN = re.compile(r"[A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class Need:
    """Actions that are needed on each of the resources, and why.

    `granted` are the resources as a policy should name them: internal topics by their prefix, as in Amazon's
    example, so that the statement also fits the next connector.
    """

    name: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    granted: tuple[str, ...]
    why: str

    @property
    def statement(self) -> dict[str, object]:
        """The narrow statement that grants it."""
        return {
            "Sid": self.name,
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.granted),
        }

    @property
    def as_text(self) -> str:
        return json.dumps(self.statement, indent=2)


@dataclass(frozen=True, slots=True)
class Needs:
    """All needs. `unsure` says what could not be determined."""

    needs: tuple[Need, ...]
    unsure: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A secret in Secrets Manager: its full ARN, and the customer managed key that encrypts it, None for the
    AWS managed key."""

    arn: str
    key: str | None


def stores(pipeline: Pipeline) -> tuple[Named, ...]:
    """The secrets, parameters and objects that the connector's configuration names."""
    connector = pipeline.connector
    return named(connector.settings, _worker(connector)) if connector else ()


def needs(pipeline: Pipeline, secrets: Mapping[str, SecretKey]) -> Needs:
    """What the execution role needs. `secrets`: those that could be looked up, by name in the settings."""
    connector = pipeline.connector
    if connector is None:
        return Needs(())
    found = [*_of_stores(pipeline, secrets), *_of_glue(connector)]
    unsure = [
        f"the secret {one.name} is in {_region(one)}, and this run reads {pipeline.region}: its policy "
        "and its key are not known"
        for one in stores(pipeline)
        if is_elsewhere(pipeline, one)
    ]
    if connector.authentication != "IAM":
        if not connector.authentication:
            unsure.append("whether the connector uses IAM authentication is not known")
    elif pipeline.cluster is None:
        unsure.append("the cluster of the bootstrap servers is not known: give --cluster")
    else:
        found = [*_of_kafka(connector, pipeline.cluster.arn), *found]
    return Needs(tuple(found), tuple(unsure))


def is_elsewhere(pipeline: Pipeline, one: Named) -> bool:
    """Whether a secret is in another Region than the connector's, whose Secrets Manager does not know it."""
    where = _region(one)
    return one.store is Store.SECRETS and None not in (where, pipeline.region) and where != pipeline.region


def _region(one: Named) -> str | None:
    arn = parse_arn(one.name)
    return arn.region if arn else one.region


# Kafka


def _of_kafka(connector: Connector, cluster: str) -> Iterator[Need]:
    yield _need("Cluster", ("Connect", "DescribeCluster"), [cluster], "the connector uses IAM authentication")
    topics = [_arn(cluster, "topic", name) for name in topics_of(connector)]
    if topics:
        setting = "topics" if connector.settings.get("topics") else "topics.regex"
        why = f"the sink reads the topics in {setting}"
        yield _need("SinkTopics", ("DescribeTopic", "ReadData"), topics, why)
    topic_actions = ("CreateTopic", "DescribeTopic", "ReadData", "WriteData")
    yield _need(
        "InternalTopics",
        topic_actions,
        [_arn(cluster, "topic", name) for name in _internal_topics(connector)],
        "MSK Connect stores configuration, offsets and status there",
        [_arn(cluster, "topic", f"{INTERNAL}*")],
    )
    offsets = _worker(connector).get("offset.storage.topic")
    if offsets:
        why = "offset.storage.topic of the worker configuration names it"
        yield _need("OffsetTopic", topic_actions, [_arn(cluster, "topic", offsets)], why)
    if connector.settings.get(DLQ):
        topic = _arn(cluster, "topic", connector.settings[DLQ].strip())
        yield _need("DeadLetters", ("DescribeTopic", "WriteData"), [topic], f"{DLQ} names it")
    group_actions = ("AlterGroup", "DescribeGroup")
    internal = [_arn(cluster, "group", f"{INTERNAL}*")]
    yield _need("WorkerGroup", group_actions, internal, "the workers coordinate in it")
    group = connector.settings.get("consumer.override.group.id")
    yield _need(
        "SinkGroup",
        group_actions,
        [_arn(cluster, "group", group or f"connect-{connector.name}")],
        "consumer.override.group.id names it" if group else "it is the sink's consumer group",
        None if group else [_arn(cluster, "group", "connect-*")],
    )


def _need(
    name: str, operations: tuple[str, ...], resources: list[str], why: str, granted: list[str] | None = None
) -> Need:
    actions = tuple(f"kafka-cluster:{operation}" for operation in operations)
    return Need(name, actions, tuple(resources), tuple(granted or resources), why)


def _arn(cluster: str, kind: str, name: str) -> str:
    """`arn:aws:kafka:REGION:ACCOUNT:topic/CLUSTER/UUID/NAME` from a cluster's ARN."""
    return f"{cluster.replace(':cluster/', f':{kind}/', 1)}/{name}"


def _internal_topics(connector: Connector) -> list[str]:
    """By name if the connector's ARN is known (`.../connector/NAME/ID`), else by prefix."""
    if connector.arn is None:
        return [f"{INTERNAL}*"]
    identity = connector.arn.rpartition("/")[2]
    return [f"{INTERNAL}{kind}_{connector.name}_{identity}" for kind in KINDS]


def topics_of(connector: Connector) -> list[str]:
    """The topics of a sink; topics.regex becomes a pattern that matches at least the same topics."""
    names = [name.strip() for name in connector.settings.get("topics", "").split(",")]
    expression = connector.settings.get("topics.regex")
    return [name for name in names if name] or ([glob_of_regex(expression)] if expression else [])


def glob_of_regex(expression: str) -> str:
    """A pattern with `*` and `?` that matches at least everything a Java regular expression matches."""
    if "|" in expression:
        return "*"
    parts: list[str] = []
    rest = expression.removeprefix("^").removesuffix("$")
    while rest:
        escaped = re.match(r"\\([.\-_])", rest)
        literal = escaped[1] if escaped else (rest[0] if PLAIN.match(rest) else None)
        token = escaped[0] if escaped else rest[0]
        after = rest[len(token) :]
        if literal is None and token != ".":
            return _squeezed([*parts, "*"])
        if after[:1] in ("*", "+"):
            parts += ["*"] if after[0] == "*" else [literal or "?", "*"]
            after = after[1:]
            if after[:1] in ("?", "+"):
                after = after[1:]
        elif after[:1] in ("?", "{"):
            return _squeezed([*parts, "*"])
        else:
            parts.append(literal or "?")
        rest = after
    return _squeezed(parts)


def _squeezed(parts: list[str]) -> str:
    return re.sub(r"\*+", "*", "".join(parts))


# Everything else


def _of_glue(connector: Connector) -> Iterator[Need]:
    where = {**_worker(connector), **connector.settings}
    used = [setting for setting in CONVERTERS if where.get(setting, "").strip().startswith(GLUE)]
    if used:
        yield Need(
            "GlueSchemas",
            ("glue:GetSchemaVersion",),
            ("*",),
            ("*",),
            f"{' and '.join(used)} reads schemas by version id, which has no resource-level permissions",
        )


def _of_stores(pipeline: Pipeline, secrets: Mapping[str, SecretKey]) -> Iterator[Need]:
    for number, one in enumerate(stores(pipeline), 1):
        region = one.region or pipeline.region or "*"
        owner = pipeline.account or "*"
        suffix = "" if number == 1 else str(number)
        why = f"{one.setting} names it"
        match one.store:
            case Store.SECRETS:
                known = secrets.get(one.name)
                arn = known.arn if known else _secret(pipeline, one.name, region, owner)
                yield Need(f"Secret{suffix}", ("secretsmanager:GetSecretValue",), (arn,), (arn,), why)
                if known and known.key:
                    why = f"the secret {one.name} is encrypted with this key"
                    yield Need(f"SecretKey{suffix}", ("kms:Decrypt",), (known.key,), (known.key,), why)
            case Store.PARAMETERS:
                name = one.name if one.name.startswith("/") else f"/{one.name}"
                arn = f"arn:{partition(pipeline)}:ssm:{region}:{owner}:parameter{name}"
                yield Need(f"Parameter{suffix}", ("ssm:GetParameter",), (arn,), (arn,), why)
            case Store.OBJECTS:
                arn = f"arn:{partition(pipeline)}:s3:::{one.name}"
                yield Need(f"Object{suffix}", ("s3:GetObject",), (arn,), (arn,), why)


def _secret(pipeline: Pipeline, name: str, region: str, owner: str) -> str:
    """A secret's ARN ends in six random characters, written `??????` in policies."""
    if name.startswith("arn:"):
        return name
    return f"arn:{partition(pipeline)}:secretsmanager:{region}:{owner}:secret:{name}-??????"


def partition(pipeline: Pipeline) -> str:
    """aws, aws-cn or aws-us-gov, from the known ARNs."""
    connector, cluster = pipeline.connector, pipeline.cluster
    arns = (connector and connector.role_arn, connector and connector.arn, cluster and cluster.arn)
    return next((arn.split(":")[1] for arn in arns if arn and arn.startswith("arn:")), "aws")


def exact(need: Need) -> bool:
    """Whether no resource is a pattern, so that AWS can simulate the need."""
    return not any(is_pattern(resource) and resource != "*" for resource in need.resources)


def _worker(connector: Connector) -> Mapping[str, str]:
    return connector.worker_configuration.properties if connector.worker_configuration else {}

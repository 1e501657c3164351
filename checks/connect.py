"""Does the connector's configuration work, as Kafka Connect and its workers read it?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from checks.connector_findings import (
    IGNORED_SETTING,
    configured,
    consumer_number,
    doubtful,
    fine,
    given,
    in_code,
    is_on,
    listed,
    shown,
    unknown,
    visible,
    whole,
    worker_setting,
    worker_unknown,
    wrong,
)
from netcheck.core.check import Check
from netcheck.core.context import Context, Skip
from netcheck.core.model import Cause, Finding, Kind, Layer, Status, Target
from netcheck.core.problem import Problem
from netcheck.core.secret import HIDDEN
from netcheck.pipeline.clickhouse_sink import is_reference as has_reference
from netcheck.pipeline.config_providers import usual_class
from netcheck.pipeline.model import Connector
from netcheck.pipeline.redaction import is_reference, references

PIPELINES = frozenset({Kind.PIPELINE})

CONSUMER = re.compile(
    r"(?:consumer\.)?((?:fetch|max\.poll|max\.partition\.fetch|session\.timeout|heartbeat\.interval|"
    r"request\.timeout|auto\.offset|reconnect\.backoff|isolation)\b.*)"
)
"""Settings of the Kafka consumer, which a sink connector reads with the prefix `consumer.override.` only."""
MANAGED = re.compile(r"consumer\.override\.(bootstrap\.servers|security\.protocol|(ssl|sasl)\..+)")
"""What MSK Connect sets by itself from the connector's authentication and encryption types."""

DEFAULT_POLL_RECORDS = 500
DEFAULT_FETCH_BYTES = 1_048_576
SHORTEST_RETRY_MS = 10_000
"""errors.retry.timeout is milliseconds; the sink's documentation gives 60 for its default."""

JSON = "org.apache.kafka.connect.json.JsonConverter"
STRING = "org.apache.kafka.connect.storage.StringConverter"
SELF_CONTAINED = frozenset({STRING, "org.apache.kafka.connect.converters.ByteArrayConverter"})
CONFLUENT = frozenset(
    {
        "io.confluent.connect.avro.AvroConverter",
        "io.confluent.connect.protobuf.ProtobufConverter",
        "io.confluent.connect.json.JsonSchemaConverter",
    }
)
GLUE = re.compile(r"com\.amazonaws\.services\.schemaregistry\.kafkaconnect\..*Converter")

SECRETS_PROBLEMS = (
    Problem(
        Cause.SECRET_IN_CLEAR,
        "the connector's configuration holds a plaintext password",
        "Keep it in AWS Secrets Manager and name it with a config provider: everybody who may call "
        "kafkaconnect:DescribeConnector reads it.",
    ),
)


class PasswordIsKept(Check):
    """The configuration holds no plaintext password.

    It warns when a password, a key or a login of a connector's setting is written out: whoever may describe
    the connector reads it. netcheck keeps no such value; it shows stars.

    Fix: password=${secretsManager:<secret>:password}, with the config provider in the worker configuration.
    """

    id = "connector.secrets"
    kinds = PIPELINES
    problems = (
        *SECRETS_PROBLEMS,
        Problem("SECRET_IN_CLEAR_*", "a plaintext secret in the configuration"),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject = configured(ctx)
        clear = [key for key, value in subject.settings.items() if HIDDEN in value]
        for key in clear:
            line = f"{key}=${{secretsManager:<secret>:{key.rpartition('.')[2]}}}"
            text = f"{key} is written in plain text: keep it in AWS Secrets Manager and write {line}"
            yield doubtful(subject, f"SECRET_IN_CLEAR_{in_code(key)}", Cause.SECRET_IN_CLEAR, text, line)
        if not clear:
            kept = [key for key, value in subject.settings.items() if is_reference(value)]
            yield fine(f"no secret is written out ({listed(kept) or 'none'} filled in on the worker)")


class ProvidersConfigured(Check):
    """Every config provider that settings refer to is configured.

    `${secretsManager:...}` is filled in by a config provider of that name, which has to be in the **worker**
    configuration: config.providers, and config.providers.<name>.class. It fails when the worker
    configuration has no such provider (MSK Connect's default one has none), and is unknown when the
    worker configuration is not known.

    Fix: create a worker configuration with the provider, and the connector with it and with a plugin that
    holds the provider's jar.
    """

    id = "connector.providers"
    kinds = PIPELINES
    problems = (Problem("CONFIG_PROVIDER_MISSING_*", "a config provider is not set up on the workers"),)

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject = configured(ctx)
        worker = subject.worker_configuration
        names = sorted(references({**subject.settings, **(worker.properties if worker else {})}))
        if not names:
            raise Skip("no setting refers to a config provider")
        if not worker and (finding := worker_unknown(ctx, "the worker configuration is not known")):
            yield finding
            return
        if not worker and not subject.arn:
            yield unknown(
                f"whether {listed(names)} is configured stands in the worker configuration, which a "
                "connector's configuration file does not hold: give --connector",
                {},
            )
            return
        properties = worker.properties if worker else {}
        there = [name.strip() for name in properties.get("config.providers", "").split(",")]
        absent = [
            name
            for name in names
            if name not in there or not properties.get(f"config.providers.{name}.class")
        ]
        for name in absent:
            yield self._absent(subject, name, "config.providers" in subject.settings)
        if not absent:
            yield fine(f"config provider {listed(names)} is in the worker configuration")

    @staticmethod
    def _absent(subject: Connector, name: str, misplaced: bool) -> Finding:
        lines = f"config.providers={name}\nconfig.providers.{name}.class={_provider_class(name)}"
        where = "the worker configuration does not configure it"
        if subject.worker_configuration is None:
            where = "the connector has MSK Connect's default worker configuration, which has none"
        if misplaced:
            where += " (config.providers in the connector's own settings is not read)"
        text = f"${{{name}:...}} is not filled in: {where}. Write {listed(lines.splitlines())} there"
        return wrong(subject, f"CONFIG_PROVIDER_MISSING_{in_code(name)}", Cause.SETTING_MISSING, text, lines)


class ConvertersComplete(Check):
    """Converters have all they need.

    A converter is the connector's own, or else the worker configuration's (by default StringConverter); its
    options stand with it, under its prefix. It fails when an Avro, Protobuf or JSON Schema converter has no
    schema registry URL, or one of Glue's no region. It warns when a JsonConverter has no schemas.enable, as
    its default true wants every message in an envelope of schema and payload, and when Glue's registry.name
    is missing, as that means `default-registry`.

    Fix: value.converter.schemas.enable=false; value.converter.schema.registry.url=https://...;
    value.converter.region=<region> and value.converter.registry.name=<registry>.
    """

    id = "connector.converters"
    kinds = PIPELINES

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject = configured(ctx)
        for side in ("value.converter", "key.converter"):
            settings = _converter_settings(subject, side)
            name = visible(settings.get(side, ""))
            if not name:
                if side == "value.converter":
                    yield self._inherited(subject, ctx)
                continue
            found = list(_converter_problems(subject, side, name, settings))
            yield from found
            if not found and _converter_known(name):
                yield fine(f"{side}={name} has what it needs", {side: name})
            elif not found:
                text = f"what {side}={shown(name)} needs is not known here"
                yield Finding(Status.SKIP, text, None, Layer.CONFIG)

    @staticmethod
    def _inherited(subject: Connector, ctx: Context) -> Finding:
        if finding := worker_unknown(ctx, "value.converter is the worker configuration's, not known"):
            return finding
        if subject.arn:
            return fine(f"value.converter is MSK Connect's default, {STRING}")
        return unknown("value.converter is not set: it is the worker configuration's, which is not known", {})


class ErrorsAreSeen(Check):
    """Settings of error handling mean what they say.

    It warns when errors.retry.timeout is so small that seconds were meant (it is milliseconds; the sink's own
    documentation shows 60), and when errors.tolerance=all drops records without a dead letter topic and
    without a line in the log. 0 (no retries) and -1 (for ever) are as they should be.

    Fix: errors.retry.timeout=60000; errors.deadletterqueue.topic.name=<topic>, errors.log.enable=true.
    """

    id = "connector.errors"
    kinds = PIPELINES
    problems = (
        Problem("ERRORS_DROPPED_UNSEEN", "records with errors are dropped without a trace"),
        Problem("ERRORS_RETRY_UNIT", "errors.retry.timeout is in milliseconds"),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject = configured(ctx)
        told = given(
            subject,
            "errors.retry.timeout",
            "errors.tolerance",
            "errors.deadletterqueue.topic.name",
            "errors.log.enable",
        )
        found = list(self._problems(subject, told))
        yield from found
        if not found:
            yield fine("errors are neither retried too briefly nor dropped unseen", told)

    @staticmethod
    def _problems(subject: Connector, told: Mapping[str, str]) -> Iterator[Finding]:
        retry = whole(told.get("errors.retry.timeout", "0"))
        if retry is not None and 0 < retry < SHORTEST_RETRY_MS:
            meant = retry * 1000
            text = (
                f"errors.retry.timeout={retry} is milliseconds, hardly one retry: write "
                f"errors.retry.timeout={meant} for {retry} seconds"
            )
            line = f"errors.retry.timeout={meant}"
            yield doubtful(subject, "ERRORS_RETRY_UNIT", Cause.SETTING_RISKY, text, line, settings=told)
        silent = not told.get("errors.deadletterqueue.topic.name") and not is_on(
            told.get("errors.log.enable", "")
        )
        if told.get("errors.tolerance", "").strip().lower() == "all" and silent:
            text = (
                "errors.tolerance=all drops records that cannot be written, and nothing tells of them: write "
                "errors.log.enable=true, or a topic in errors.deadletterqueue.topic.name"
            )
            line = "errors.log.enable=true"
            yield doubtful(subject, "ERRORS_DROPPED_UNSEEN", Cause.SETTING_RISKY, text, line, settings=told)


class OverridesApply(Check):
    """Kafka consumer settings are in the right place.

    In the worker configuration they begin with `consumer.`, in the connector's with `consumer.override.`; a
    bare `max.poll.records` in the connector's is read by nobody. It warns about those in the wrong place and
    about overrides of what MSK Connect sets itself. It fails when the worker does not allow overrides: Kafka
    Connect 2.7.1 allows none without connector.client.config.override.policy=All (KIP-458; All since 3.0,
    KIP-722).

    Fix: consumer.override.max.poll.records=... in the connector, and
    connector.client.config.override.policy=All in the worker configuration of Kafka Connect 2.7.1.
    """

    id = "connector.overrides"
    kinds = PIPELINES
    problems = (
        Problem("CONSUMER_MANAGED_*", "MSK Connect sets this consumer setting itself"),
        Problem("OVERRIDE_POLICY", "the workers refuse consumer overrides"),
        IGNORED_SETTING,
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject = configured(ctx)
        found = [*self._misplaced(subject), *self._managed(subject)]
        overrides = [key for key in subject.settings if key.startswith("consumer.override.")]
        yield from found
        if overrides:
            yield self._policy(subject, overrides, ctx)
        elif not found:
            raise Skip("no settings of the Kafka consumer")

    @staticmethod
    def _misplaced(subject: Connector) -> Iterator[Finding]:
        for key, value in subject.settings.items():
            match = CONSUMER.fullmatch(key)
            if match:
                line = f"consumer.override.{match[1]}={value}"
                text = f"{key} has no effect in a connector's settings: write {line}"
                code = f"SETTING_IGNORED_{in_code(key)}"
                yield doubtful(subject, code, Cause.SETTING_IGNORED, text, line, settings={key: value})
        worker = subject.worker_configuration
        for key, value in (worker.properties if worker else {}).items():
            if key.startswith("consumer.override."):
                line = f"consumer.{key.removeprefix('consumer.override.')}={value}"
                text = f"{key} has no effect in a worker configuration: write {line} there"
                code = f"SETTING_IGNORED_{in_code(key)}"
                yield doubtful(subject, code, Cause.SETTING_IGNORED, text, line, settings={key: value})

    @staticmethod
    def _managed(subject: Connector) -> Iterator[Finding]:
        for key, value in subject.settings.items():
            if MANAGED.fullmatch(key):
                text = (
                    f"{key} overrides what MSK Connect sets from the connector's authentication and "
                    "encryption types: remove it"
                )
                code = f"CONSUMER_MANAGED_{in_code(key)}"
                yield doubtful(subject, code, Cause.SETTING_RISKY, text, settings={key: value})

    @staticmethod
    def _policy(subject: Connector, overrides: list[str], ctx: Context) -> Finding:
        policy = worker_setting(subject, "connector.client.config.override.policy")
        version = subject.kafka_connect_version or ""
        told = {key: subject.settings[key] for key in overrides}
        if (
            policy is None
            and subject.worker_configuration is None
            and (finding := worker_unknown(ctx, "whether the worker allows overrides is not known"))
        ):
            return finding
        if policy is None and not re.match(r"\d+\.", version):
            return unknown(
                "whether the worker allows overrides depends on its version, which is not known", told
            )
        allowed = policy or ("None" if int(version.partition(".")[0]) < 3 else "All")
        if allowed.strip() == "None":
            why = f"the worker's policy is {allowed}" if policy else f"Kafka Connect {version} allows none"
            line = "connector.client.config.override.policy=All"
            text = f"{listed(overrides)} is refused: {why}. Write {line} in the worker configuration"
            return wrong(subject, "OVERRIDE_POLICY", Cause.SETTING_WRONG, text, line, settings=told)
        return fine(f"the worker allows overrides ({allowed})", told)


class FetchFitsPoll(Check):
    """A poll can be as large as max.poll.records says.

    One fetch from a partition brings at most max.partition.fetch.bytes: more records need more bytes, as
    records times their size. It warns when max.poll.records was raised above 500 and
    max.partition.fetch.bytes was left as it is (1048576).

    Fix: consumer.override.max.partition.fetch.bytes=<records times record size in bytes>.
    """

    id = "connector.fetch"
    kinds = PIPELINES
    problems = (Problem("CONSUMER_FETCH_SMALL", "the consumer fetches less than it polls for"),)

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject = configured(ctx)
        records, size = (
            consumer_number(subject, "max.poll.records"),
            consumer_number(subject, "max.partition.fetch.bytes"),
        )
        if records is None and size is None:
            raise Skip("max.poll.records and max.partition.fetch.bytes are Kafka's defaults, 500 and 1048576")
        count, limit = records or DEFAULT_POLL_RECORDS, size or DEFAULT_FETCH_BYTES
        told = {"max.poll.records": str(count), "max.partition.fetch.bytes": str(limit)}
        each = limit // count
        if count > DEFAULT_POLL_RECORDS and limit <= DEFAULT_FETCH_BYTES:
            enough = count * DEFAULT_FETCH_BYTES // DEFAULT_POLL_RECORDS
            line = f"consumer.override.max.partition.fetch.bytes={enough}"
            text = (
                f"max.poll.records is {count} and max.partition.fetch.bytes {limit}: a partition fills a "
                f"poll only with records of at most {each} bytes. Write {line}, or records times record size"
            )
            yield doubtful(subject, "CONSUMER_FETCH_SMALL", Cause.SETTING_RISKY, text, line, settings=told)
        else:
            yield fine(f"{count} records of up to {each} bytes fit into one fetch of a partition", told)


class TopicsAreNamed(Check):
    """The connector has topics, named in one way.

    Kafka Connect refuses a sink with neither `topics` nor `topics.regex`, with both, or whose dead letter
    topic is one of them: it fails then. It warns when topic2TableMap names a topic that is not consumed.

    Fix: topics=<topic>,<topic> or topics.regex=<pattern>, not both.
    """

    id = "connector.topics"
    kinds = PIPELINES
    problems = (
        Problem("TOPICS_DEAD_LETTER", "the dead letter queue is one of the topics read"),
        Problem("TOPICS_MAP", "topic2TableMap does not fit the topics"),
        Problem("TOPICS_MISSING", "no topics are named"),
        Problem("TOPICS_TWICE", "topics and topics.regex exclude each other"),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject = configured(ctx)
        told = given(subject, "topics", "topics.regex", "errors.deadletterqueue.topic.name", "topic2TableMap")
        names = [name for part in told.get("topics", "").split(",") if (name := visible(part))]
        pattern = told.get("topics.regex", "").strip()
        found = list(self._problems(subject, names, pattern, told))
        yield from found
        if not found:
            yield fine(f"topics: {listed(names)}" if names else f"topics by pattern {pattern}", told)

    @staticmethod
    def _problems(
        subject: Connector, names: list[str], pattern: str, told: Mapping[str, str]
    ) -> Iterator[Finding]:
        dead = told.get("errors.deadletterqueue.topic.name", "").strip()
        if not names and not pattern:
            text = "neither topics nor topics.regex is set: write topics=<topic>"
            yield wrong(
                subject, "TOPICS_MISSING", Cause.SETTING_MISSING, text, "topics=<topic>", settings=told
            )
        if names and pattern:
            text = f"topics and topics.regex={shown(pattern)} are both set, which is refused: leave one out"
            yield wrong(
                subject,
                "TOPICS_TWICE",
                Cause.SETTINGS_CONTRADICT,
                text,
                f"topics={','.join(names)}",
                settings=told,
            )
        if dead and dead in names:
            line = f"errors.deadletterqueue.topic.name={dead}-dead"
            text = f"the dead letter topic {shown(dead)} is one of topics, which is refused: write {line}"
            yield wrong(subject, "TOPICS_DEAD_LETTER", Cause.SETTINGS_CONTRADICT, text, line, settings=told)
        pairs = (part.partition("=") for part in told.get("topic2TableMap", "").split(","))
        strange = [topic.strip() for topic, found, _ in pairs if found and topic.strip() not in names]
        if strange and names:
            text = (
                f"topic2TableMap names {listed(strange)}, which topics does not: correct the one or the other"
            )
            yield doubtful(subject, "TOPICS_MAP", Cause.SETTING_RISKY, text, settings=told)


class TasksAreNumbered(Check):
    """The number of tasks is a number.

    It fails when tasks.max is no whole number above 0. Without it there is one task.

    Fix: tasks.max=<as many as the topics have partitions, or fewer>.
    """

    id = "connector.tasks"
    kinds = PIPELINES
    problems = (Problem("TASKS_INVALID", "tasks.max is not a positive number"),)

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject = configured(ctx)
        value = subject.settings.get("tasks.max", "1")
        if has_reference(value):
            yield unknown(f"tasks.max={value} is filled in on the worker", {"tasks.max": value})
        elif (whole(value) or 0) < 1:
            text = f"tasks.max={shown(value)} is no number of tasks: write tasks.max=1"
            yield wrong(subject, "TASKS_INVALID", Cause.SETTING_WRONG, text, "tasks.max=1")
        else:
            yield fine(f"tasks.max is {value.strip()}", given(subject, "tasks.max"))


def _provider_class(name: str) -> str:
    return usual_class(name) or "<the provider's class>"


def _converter_settings(subject: Connector, side: str) -> Mapping[str, str]:
    """Where a converter and its options stand: all in the connector's settings, or all in the worker's."""
    if side in subject.settings or subject.worker_configuration is None:
        return subject.settings
    return subject.worker_configuration.properties


def _converter_known(name: str) -> bool:
    return name == JSON or name in SELF_CONTAINED or name in CONFLUENT or GLUE.fullmatch(name) is not None


def _converter_problems(
    subject: Connector, side: str, name: str, settings: Mapping[str, str]
) -> Iterator[Finding]:
    told = {key: value for key, value in settings.items() if key.startswith(side)}
    code = in_code(side)
    if name == JSON and f"{side}.schemas.enable" not in settings:
        line = f"{side}.schemas.enable=false"
        text = (
            f"{side} is JsonConverter, whose schemas.enable is true by default: a message without schema and "
            f"payload fails. Write {line}"
        )
        yield doubtful(subject, f"{code}_SCHEMAS_ENABLE", Cause.SETTING_RISKY, text, line, settings=told)
    if name in CONFLUENT and not settings.get(f"{side}.schema.registry.url"):
        line = f"{side}.schema.registry.url=https://<registry>"
        text = f"{side}={name} has no schema registry, and the task fails on start: write {line}"
        yield wrong(subject, f"{code}_REGISTRY_URL", Cause.SETTING_MISSING, text, line, settings=told)
    if GLUE.fullmatch(name):
        if not settings.get(f"{side}.region"):
            line = f"{side}.region=<region>"
            text = f"{side}={name} has no region, and a worker has none to give: write {line}"
            yield wrong(subject, f"{code}_GLUE_REGION", Cause.SETTING_MISSING, text, line, settings=told)
        if not settings.get(f"{side}.registry.name"):
            line = f"{side}.registry.name=<registry>"
            text = (
                f"{side} names no registry, which means default-registry: write {line} if that is not yours"
            )
            yield doubtful(subject, f"{code}_GLUE_REGISTRY", Cause.SETTING_RISKY, text, line, settings=told)

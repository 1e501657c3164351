"""Do the connector's topics exist, with a partition for each of its tasks?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from checks.connector_findings import configured, doubtful, fine, listed, shown, whole
from netcheck.core.check import Check, Survey, finding_from
from netcheck.core.context import Context, DeadlineExceeded, PrerequisiteFailed, Skip
from netcheck.core.model import Cause, Finding, Json, Kind, Layer, Status, Target
from netcheck.core.problem import Problem
from netcheck.engine import facts, targets
from netcheck.pipeline.clickhouse_sink import is_reference
from netcheck.pipeline.model import Connector

if TYPE_CHECKING:
    from netcheck.probe.kafka.broker import KafkaTopics
    from netcheck.probe.kafka.topics import Topic, TopicState

MOST_BROKERS = 3
"""Brokers to try until one answers: every login counts against a limit."""
MOST_NAMED = 4

DESCRIBE = "kafka-cluster:DescribeTopic"

TOPICS_PROBLEMS = (
    Problem(
        Cause.KAFKA_NO_TOPIC,
        "a topic of the connector does not exist",
        "Create the topic, or correct topics in the connector's configuration; MSK creates no topic "
        "unless auto.create.topics.enable is true in the cluster's configuration.",
    ),
)


class TopicsAreThere(Check):
    """The connector's topics exist and have a partition for each of its tasks.

    Requests the metadata of the connector's topics from one broker (of all topics this login may see, if
    topics.regex is set), without creating any. It fails for a topic that does not exist: the sink waits for
    it, RUNNING and without an error. It warns when tasks.max exceeds the topics' total number of partitions:
    one task reads a partition, so the other tasks are idle. Topics that this login may not describe are
    unknown; the connector's role may still be allowed to.

    Side effect: one more login at one broker.

    Fix: create the topic or correct topics; set tasks.max to at most the number of partitions, or add
    partitions.
    """

    id = "kafka.topics"
    kinds = frozenset({Kind.PIPELINE})
    survey = Survey.LIVE
    problems = (*TOPICS_PROBLEMS, Problem("TASKS_IDLE", "more tasks than partitions"))

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject = configured(ctx)
        names, pattern = _topics_to_describe(subject)
        broker = _broker(ctx)
        seen = ctx.get(facts.kafka_topics, broker, names, pattern)
        if seen.cause is not None:
            text = f"{broker.endpoint} did not return the connector's topics: {seen.detail}"
            evidence = finding_from(None, text, Layer.KAFKA, seen).evidence
            yield Finding(Status.UNKNOWN, text, Cause.FACT_UNAVAILABLE, Layer.KAFKA, evidence)
        elif pattern and not seen.topics:
            yield _no_match(pattern, seen)
        else:
            yield from _missing(seen, broker)
            yield from _undescribed(seen, broker)
            yield from _tasks(subject, pattern, seen)


def _topics_to_describe(subject: Connector) -> tuple[tuple[str, ...], str]:
    """The names of the topics, or their pattern. Raises Skip if connector.topics reports a problem with them,
    or if the pattern cannot be evaluated safely here.
    """

    from netcheck.probe.kafka.topics import MOST_TOPICS, pattern_of

    listed_ones = subject.settings.get("topics", "")
    pattern = subject.settings.get("topics.regex", "").strip()
    if is_reference(listed_ones) or is_reference(pattern):
        raise Skip("a config provider fills in the names of the topics on the worker")
    names = tuple(dict.fromkeys(name for part in listed_ones.split(",") if (name := part.strip())))
    if bool(names) is bool(pattern):
        raise Skip("topics and topics.regex are both set, or neither is: see connector.topics")
    if pattern and pattern_of(pattern) is None:
        raise Skip(
            f"topics.regex={shown(pattern)} is not evaluated here: Java may match differently, or slowly"
        )
    return names[:MOST_TOPICS], pattern


def _broker(ctx: Context) -> Target:
    """The first bootstrap server that returns its metadata. Raises Skip if none does."""
    reasons = []
    for broker in targets.brokers(ctx.config)[:MOST_BROKERS]:
        if broker.security.sasl and ctx.get(facts.kafka_login, broker) is None:
            raise Skip("topics are listed only after a login")
        try:
            seen = ctx.get(facts.kafka_metadata, broker)
        except DeadlineExceeded:
            raise
        except PrerequisiteFailed as reason:
            reasons.append(f"{broker.endpoint}: {reason}")
            continue
        if seen.cause is Cause.KAFKA_NO_CREDENTIALS:
            raise Skip("topics are listed only after a login, and this host has no AWS credentials")
        if seen.cause is None:
            return broker
        reasons.append(f"{broker.endpoint}: {seen.detail}")
    raise Skip(f"no broker returned its topics ({'; '.join(reasons) or 'no broker is known'})")


def _no_match(pattern: str, seen: KafkaTopics) -> Finding:
    """Topics that a login may not describe are left out of the answer, as if they did not exist."""
    text = (
        f"none of the {seen.told} topics visible to this login matches topics.regex={shown(pattern)}: none "
        "exists yet, or the login may not see it (needs kafka-cluster:DescribeTopic, or Describe in Kafka's "
        "ACLs)"
    )
    cause = Cause.FACT_UNAVAILABLE
    return Finding(Status.UNKNOWN, text, cause, Layer.KAFKA, missing_permissions=(DESCRIBE,))


def _of(seen: KafkaTopics, *states: TopicState) -> list[Topic]:
    return [topic for topic in seen.topics if topic.state in states]


def _missing(seen: KafkaTopics, broker: Target) -> Iterator[Finding]:
    from netcheck.probe.kafka.topics import TopicState

    gone = _of(seen, TopicState.MISSING, TopicState.INVALID)
    if gone:
        verb = "does" if len(gone) == 1 else "do"
        text = (
            f"{_named(gone)} {verb} not exist on the cluster: the sink waits for "
            f"{'it' if len(gone) == 1 else 'them'}, RUNNING and without an error"
        )
        evidence: dict[str, Json] = {
            "broker": broker.endpoint,
            "topics": {one.name: one.error for one in gone},
        }
        yield Finding(Status.FAIL, text, Cause.KAFKA_NO_TOPIC, Layer.KAFKA, evidence)


def _undescribed(seen: KafkaTopics, broker: Target) -> Iterator[Finding]:
    from netcheck.probe.kafka.topics import TopicState

    for denied in (True, False):
        state = TopicState.DENIED if denied else TopicState.UNKNOWN
        dark = _of(seen, state)
        if not dark:
            continue
        evidence: dict[str, Json] = {
            "broker": broker.endpoint,
            "topics": {one.name: one.error for one in dark},
        }
        text = f"existence and partitions of {_named(dark)} are unknown: {dark[0].error}"
        if denied:
            text += " (needs kafka-cluster:DescribeTopic with IAM, otherwise Describe in Kafka's ACLs)"
        needed = (DESCRIBE,) if denied else ()
        cause = Cause.FACT_UNAVAILABLE
        yield Finding(Status.UNKNOWN, text, cause, Layer.KAFKA, evidence, missing_permissions=needed)


def _tasks(subject: Connector, pattern: str, seen: KafkaTopics) -> Iterator[Finding]:
    """Whether there is a partition for every task; nothing if the total is unknown."""

    from netcheck.probe.kafka.topics import TopicState

    there = _of(seen, TopicState.THERE)
    tasks = whole(subject.settings.get("tasks.max", "1"))
    if not there or tasks is None or tasks < 1:
        return
    total = sum(topic.partitions for topic in there)
    counted = "1 partition" if total == 1 else f"{total} partitions"
    evidence = {"tasks.max": str(tasks), "partitions": str(total)}
    if tasks <= total:
        yield fine(f"{_named(there)}: {counted} for {'1 task' if tasks == 1 else f'{tasks} tasks'}", evidence)
    elif not _of(seen, TopicState.DENIED, TopicState.UNKNOWN):
        seen_only = " visible to this login" if pattern else ""
        line = f"tasks.max={total}"
        text = (
            f"tasks.max={tasks} and {counted} in {_named(there)}{seen_only}: {tasks - total} "
            f"{'task has' if tasks - total == 1 else 'tasks have'} nothing to read. Set {line}, or add "
            "partitions"
        )
        yield doubtful(subject, "TASKS_IDLE", Cause.SETTING_RISKY, text, line, evidence)


def _named(topics: Sequence[Topic]) -> str:
    more = len(topics) - MOST_NAMED
    names = [shown(topic.name) for topic in topics[:MOST_NAMED]]
    return listed([*names, f"{more} more"] if more > 0 else names)

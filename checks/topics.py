"""Are the connector's topics there, and is there work for all of its tasks?"""

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
"""Brokers that are tried, until one answers: every login counts against a limit."""
MOST_NAMED = 4

DESCRIBE = "kafka-cluster:DescribeTopic"

TOPICS_PROBLEMS = (
    Problem(
        Cause.KAFKA_NO_TOPIC,
        "a topic of the connector does not exist",
        "Create the topic, or correct topics in the connector's configuration; MSK creates none by itself "
        "unless auto.create.topics.enable is true in the cluster's configuration.",
    ),
)


class TopicsAreThere(Check):
    """The connector's topics exist and have a partition for each of its tasks.

    One broker is asked for the metadata of the topics that the connector names (or for all that it may see,
    where topics.regex names them by a pattern), and told not to create any. It fails for a topic that does
    not exist: the sink waits for it, RUNNING and without an error. It warns when tasks.max is more than the
    topics' partitions together: a partition is read by one task, so the others are idle. What this login may
    not describe is unknown; the connector's own role may.

    Side effect: one login more at one broker.

    Fix: create the topic or correct topics; tasks.max=<partitions> at most, or more partitions.
    """

    id = "kafka.topics"
    kinds = frozenset({Kind.PIPELINE})
    survey = Survey.LIVE
    problems = (*TOPICS_PROBLEMS, Problem("TASKS_IDLE", "more tasks than partitions"))

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        subject = configured(ctx)
        names, pattern = _wanted(subject)
        broker = _broker(ctx)
        seen = ctx.get(facts.kafka_topics, broker, names, pattern)
        if seen.cause is not None:
            text = f"{broker.endpoint} does not tell of the connector's topics: {seen.detail}"
            evidence = finding_from(None, text, Layer.KAFKA, seen).evidence
            yield Finding(Status.UNKNOWN, text, Cause.FACT_UNAVAILABLE, Layer.KAFKA, evidence)
        elif pattern and not seen.topics:
            yield _nothing_fits(pattern, seen)
        else:
            yield from _missing(seen, broker)
            yield from _untold(seen, broker)
            yield from _tasks(subject, pattern, seen)


def _wanted(subject: Connector) -> tuple[tuple[str, ...], str]:
    """The names of the topics, or else their pattern. Raises Skip where connector.topics tells what is
    wrong with them, or a pattern is not one to be tried here.
    """

    from netcheck.probe.kafka.topics import MOST_TOPICS, pattern_of

    listed_ones = subject.settings.get("topics", "")
    pattern = subject.settings.get("topics.regex", "").strip()
    if is_reference(listed_ones) or is_reference(pattern):
        raise Skip("a config provider fills in the names of the topics on the worker")
    names = tuple(dict.fromkeys(name for part in listed_ones.split(",") if (name := part.strip())))
    if bool(names) is bool(pattern):
        raise Skip("not exactly one of topics and topics.regex is set: connector.topics tells")
    if pattern and pattern_of(pattern) is None:
        raise Skip(f"topics.regex={shown(pattern)} is not tried here: Java may read it otherwise, or slowly")
    return names[:MOST_TOPICS], pattern


def _broker(ctx: Context) -> Target:
    """The first bootstrap server that takes us as far as its metadata. Raises Skip where none does."""
    reasons = []
    for broker in targets.brokers(ctx.config)[:MOST_BROKERS]:
        if broker.security.sasl and ctx.get(facts.kafka_login, broker) is None:
            raise Skip("topics are only told after a login")
        try:
            seen = ctx.get(facts.kafka_metadata, broker)
        except DeadlineExceeded:
            raise
        except PrerequisiteFailed as reason:
            reasons.append(f"{broker.endpoint}: {reason}")
            continue
        if seen.cause is Cause.KAFKA_NO_CREDENTIALS:
            raise Skip("topics are only told after a login, and there are no AWS credentials here")
        if seen.cause is None:
            return broker
        reasons.append(f"{broker.endpoint}: {seen.detail}")
    raise Skip(f"no broker could be asked for the topics ({'; '.join(reasons) or 'none is known'})")


def _nothing_fits(pattern: str, seen: KafkaTopics) -> Finding:
    """Topics that a login may not describe are left out of the answer, as if they were not there."""
    text = (
        f"none of the {seen.told} topics that this login may see fits topics.regex={shown(pattern)}: there "
        "is none yet, or it may not see them (needs kafka-cluster:DescribeTopic, or Describe in Kafka's ACLs)"
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


def _untold(seen: KafkaTopics, broker: Target) -> Iterator[Finding]:
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
        text = f"whether {_named(dark)} exist and how many partitions there are is not known: {dark[0].error}"
        if denied:
            text += " (needs kafka-cluster:DescribeTopic with IAM, else Describe in Kafka's ACLs)"
        needed = (DESCRIBE,) if denied else ()
        cause = Cause.FACT_UNAVAILABLE
        yield Finding(Status.UNKNOWN, text, cause, Layer.KAFKA, evidence, missing_permissions=needed)


def _tasks(subject: Connector, pattern: str, seen: KafkaTopics) -> Iterator[Finding]:
    """Whether there is a partition for every task; nothing where the sum is not known."""

    from netcheck.probe.kafka.topics import TopicState

    there = _of(seen, TopicState.THERE)
    tasks = whole(subject.settings.get("tasks.max", "1"))
    if not there or tasks is None or tasks < 1:
        return
    total = sum(topic.partitions for topic in there)
    counted = "1 partition" if total == 1 else f"{total} partitions"
    told = {"tasks.max": str(tasks), "partitions": str(total)}
    if tasks <= total:
        yield fine(f"{_named(there)}: {counted} for {'1 task' if tasks == 1 else f'{tasks} tasks'}", told)
    elif not _of(seen, TopicState.DENIED, TopicState.UNKNOWN):
        seen_only = ", as far as this login may see" if pattern else ""
        line = f"tasks.max={total}"
        text = (
            f"tasks.max={tasks} and {counted} in {_named(there)}{seen_only}: {tasks - total} "
            f"{'task has' if tasks - total == 1 else 'tasks have'} nothing to read. Write {line}, or add "
            "partitions"
        )
        yield doubtful(subject, "TASKS_IDLE", Cause.SETTING_RISKY, text, line, told)


def _named(topics: Sequence[Topic]) -> str:
    more = len(topics) - MOST_NAMED
    names = [shown(topic.name) for topic in topics[:MOST_NAMED]]
    return listed([*names, f"{more} more"] if more > 0 else names)

"""Topics in a broker's metadata. Pure: parses a response."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from netcheck.probe.kafka.wire import error_name

MOST_TOPICS = 500
LONGEST_NAME = 249
"""Characters of a topic name (Kafka's Topic.validate)."""
LONGEST_PATTERN = 200
REPEATED_GROUP = re.compile(r"\)[*+?{]")
UNBOUNDED = re.compile(r"(?<!\\)[*+]|\{\d+,\}")
MOST_UNBOUNDED = 3


class TopicState(StrEnum):
    """The state of a requested topic, according to a broker."""

    THERE = "there"
    MISSING = "missing"
    DENIED = "denied"
    INVALID = "invalid"
    UNKNOWN = "unknown"


STATES = {
    0: TopicState.THERE,
    3: TopicState.MISSING,
    17: TopicState.INVALID,
    29: TopicState.DENIED,
}
"""By Kafka's error codes: NONE, UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION and
TOPIC_AUTHORIZATION_FAILED (https://kafka.apache.org/protocol#protocol_error_codes)."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and its number of partitions, 0 where it is unknown. `error` is Kafka's, "" without."""

    name: str
    partitions: int
    state: TopicState
    error: str


def pattern_of(text: str) -> re.Pattern[str] | None:
    """The pattern of `topics.regex`; None for one that Python cannot compile, or that may take for ever.

    For topic names, Java's and Python's regular expressions are the same. A pattern that repeats a group or
    has many repetitions may backtrack without end (OWASP, Regular expression Denial of Service).
    """
    if (
        len(text) > LONGEST_PATTERN
        or REPEATED_GROUP.search(text)
        or len(UNBOUNDED.findall(text)) > MOST_UNBOUNDED
    ):
        return None
    try:
        return re.compile(text)
    except (re.error, OverflowError):
        return None


def of_names(answered: Sequence[Any], names: Sequence[str]) -> tuple[Topic, ...]:
    """The topics with these names. One that is not in the response is unknown, and not missing."""
    described = {str(topic.name): topic for topic in answered}
    return tuple(
        _topic(name, described[name])
        if name in described
        else Topic(name, 0, TopicState.UNKNOWN, "not in the broker's response")
        for name in names
    )


def of_pattern(answered: Sequence[Any], pattern: re.Pattern[str]) -> tuple[Topic, ...]:
    """The topics whose whole name matches, like a consumer's subscription: without Kafka's internal topics
    (exclude.internal.topics).
    """
    names = sorted(
        name
        for one in answered
        if not one.is_internal
        and len(name := str(one.name or "")) <= LONGEST_NAME
        and pattern.fullmatch(name)
    )
    return of_names(answered, names[:MOST_TOPICS])


def _topic(name: str, described: Any) -> Topic:
    code, count = described.error_code, len(described.partitions or ())
    return Topic(name, count, STATES.get(code, TopicState.UNKNOWN), error_name(code) if code else "")

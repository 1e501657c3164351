"""Topics as a broker tells of them. Pure: reads an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from netcheck.probe.kafka.wire import error_name

MOST_TOPICS = 500
LONGEST_NAME = 249
"""Characters of a topic's name (Kafka's Topic.validate)."""
LONGEST_PATTERN = 200
REPEATED_GROUP = re.compile(r"\)[*+?{]")
UNBOUNDED = re.compile(r"(?<!\\)[*+]|\{\d+,\}")
MOST_UNBOUNDED = 3


class TopicState(StrEnum):
    """What a broker says of a topic that it was asked for."""

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
    """A topic, and its number of partitions, 0 where that is not told. `error` is Kafka's own, "" without."""

    name: str
    partitions: int
    state: TopicState
    error: str


def pattern_of(text: str) -> re.Pattern[str] | None:
    """The pattern of `topics.regex`; None for one that Python reads not at all, or that may take for ever.

    Java's and Python's regular expressions are the same as far as names of topics go. One that repeats a
    group or has many repetitions may backtrack without end (OWASP, Regular expression Denial of Service).
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
    """What is told of each of these names. What the answer leaves out is not said to be missing."""
    told = {str(one.name): one for one in answered}
    return tuple(
        _topic(name, told[name])
        if name in told
        else Topic(name, 0, TopicState.UNKNOWN, "the broker's answer leaves it out")
        for name in names
    )


def of_pattern(answered: Sequence[Any], pattern: re.Pattern[str]) -> tuple[Topic, ...]:
    """The topics that match whole, as a consumer subscribes to them: without Kafka's internal ones
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


def _topic(name: str, told: Any) -> Topic:
    code, count = told.error_code, len(told.partitions or ())
    return Topic(name, count, STATES.get(code, TopicState.UNKNOWN), error_name(code) if code else "")

"""Wildcard patterns of IAM policies: what they match, and whether they cover another pattern. Pure.

`*` matches any text and `?` any single character. In a Resource element they match within one segment of an
ARN; only a `*` that ends a segment can match past the colon (IAM user guide, IAM JSON policy elements:
Resource). AWS does not document whether other wildcards match a colon, so such a pattern has two readings:
`surely` is the narrowest, `perhaps` the widest.
"""

from __future__ import annotations

import string
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

MOST_STATES = 20_000
"""Most states in a comparison of patterns; real policies need a few hundred."""


class Wild(Enum):
    """A wildcard; the last two do not match a colon."""

    ONE = "?"
    MANY = "*"
    ONE_IN_SEGMENT = "? but no colon"
    MANY_IN_SEGMENT = "* but no colon"


Glob = tuple[str | Wild, ...]
_State = frozenset[int]
MANY = frozenset({Wild.MANY, Wild.MANY_IN_SEGMENT})


class TooComplex(Exception):
    """Patterns with too many wildcards to compare in reasonable time."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern of a Resource element. `surely` is None if it has an unknown policy variable."""

    text: str
    surely: Glob | None
    perhaps: Glob


def glob(text: str) -> Glob:
    """A pattern whose wildcards match anything: for actions and StringLike."""
    return tuple({"*": Wild.MANY, "?": Wild.ONE}.get(sign, sign) for sign in text)


def names(text: str) -> Glob:
    """A pattern for resource names, which have no colon."""
    return tuple(_narrow(part) if isinstance(part, Wild) else part for part in glob(text))


def within_segments(pattern: Glob) -> Glob:
    """The same pattern with wildcards confined to a segment of an ARN, except a `*` that ends one."""
    return tuple(
        _narrow(part) if isinstance(part, Wild) and not _ends_segment(pattern, place) else part
        for place, part in enumerate(pattern)
    )


def _ends_segment(pattern: Glob, place: int) -> bool:
    return pattern[place] is Wild.MANY and (place + 1 == len(pattern) or pattern[place + 1] == ":")


def _narrow(part: Wild) -> Wild:
    return Wild.MANY_IN_SEGMENT if part in MANY else Wild.ONE_IN_SEGMENT


def matches(pattern: Glob, text: str) -> bool:
    """Whether the pattern matches the whole text."""
    state = _start(pattern)
    for sign in text:
        state = _step(pattern, state, sign)
        if not state:
            return False
    return len(pattern) in state


def is_pattern(text: str) -> bool:
    """Whether the text has a wildcard."""
    return "*" in text or "?" in text


def samples(wanted: str, others: Sequence[Glob]) -> list[str]:
    """For each set of `others` that can match a text of `wanted`, one such text, shortest first.

    A decision that depends only on which of the others match is the same for every text of `wanted` as for
    one of these. Wildcards of `wanted` are names without a colon; a text without wildcards is its only
    sample. Raises TooComplex.
    """
    if not is_pattern(wanted):
        return [wanted]
    patterns = (names(wanted), *others)
    alphabet = _alphabet(patterns)
    first = tuple(_start(pattern) for pattern in patterns)
    seen = {first}
    todo: deque[tuple[tuple[_State, ...], str]] = deque([(first, "")])
    found: dict[tuple[bool, ...], str] = {}
    while todo:
        states, text = todo.popleft()
        accepted = tuple(len(p) in s for p, s in zip(patterns, states, strict=True))
        if accepted[0]:
            found.setdefault(accepted, text)
        for sign in alphabet:
            after = _all_step(patterns, states, sign)
            if after is not None and after not in seen:
                if len(seen) >= MOST_STATES:
                    raise TooComplex(f"{wanted} and {len(others)} patterns of policies")
                seen.add(after)
                todo.append((after, text + sign))
    return list(found.values())


def _all_step(patterns: Sequence[Glob], states: tuple[_State, ...], sign: str) -> tuple[_State, ...] | None:
    """The next state of all patterns, None once the first can no longer match."""
    wanted = _step(patterns[0], states[0], sign)
    if not wanted:
        return None
    rest = (_step(p, s, sign) for p, s in zip(patterns[1:], states[1:], strict=True))
    return (wanted, *rest)


def _alphabet(patterns: Sequence[Glob]) -> list[str]:
    """Every character in the patterns, a colon, and one for all other characters."""
    named = {part for pattern in patterns for part in pattern if isinstance(part, str)} | {":"}
    signs = string.ascii_lowercase[::-1] + string.printable + "\ufffd"
    other = next(sign for sign in signs if sign not in named)
    return [other, *sorted(named)]


def _start(pattern: Glob) -> _State:
    return _closed(pattern, {0})


def _closed(pattern: Glob, places: set[int]) -> _State:
    """The positions plus those reachable without input: `*` also matches the empty text."""
    open_ = list(places)
    while open_:
        place = open_.pop()
        if place < len(pattern) and pattern[place] in MANY and place + 1 not in places:
            places.add(place + 1)
            open_.append(place + 1)
    return frozenset(places)


def _step(pattern: Glob, state: _State, sign: str) -> _State:
    after: set[int] = set()
    for place in state:
        if place == len(pattern):
            continue
        match pattern[place]:
            case Wild.MANY:
                after.add(place)
            case Wild.MANY_IN_SEGMENT:
                if sign != ":":
                    after.add(place)
            case Wild.ONE:
                after.add(place + 1)
            case Wild.ONE_IN_SEGMENT:
                if sign != ":":
                    after.add(place + 1)
            case literal:
                if literal == sign:
                    after.add(place + 1)
    return _closed(pattern, after)

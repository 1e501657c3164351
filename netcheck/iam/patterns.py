"""Wildcard patterns of IAM policies: what they match, and whether they cover another pattern. Pure.

`*` is any text and `?` is any one sign. In a Resource element they stand within one segment of an ARN; only a
`*` that ends a segment can reach past the colon (IAM user guide, IAM JSON policy elements: Resource). Whether
any other wildcard can match a colon AWS does not say, so such a pattern is kept in two readings: `surely` is
what it matches at the least, `perhaps` what it matches at the most.
"""

from __future__ import annotations

import string
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

MOST_STATES = 20_000
"""How many states the comparison of patterns may go through: those of real policies take some hundred."""


class Wild(Enum):
    """A wildcard; the last two match no colon."""

    ONE = "?"
    MANY = "*"
    ONE_IN_SEGMENT = "? but no colon"
    MANY_IN_SEGMENT = "* but no colon"


Glob = tuple[str | Wild, ...]
_State = frozenset[int]
MANY = frozenset({Wild.MANY, Wild.MANY_IN_SEGMENT})


class TooComplex(Exception):
    """Patterns with so many wildcards that they cannot be compared in reasonable time."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern of a Resource element. `surely` is None where a policy variable in it is not known."""

    text: str
    surely: Glob | None
    perhaps: Glob


def glob(text: str) -> Glob:
    """A pattern whose wildcards match anything: of actions, and of StringLike."""
    return tuple({"*": Wild.MANY, "?": Wild.ONE}.get(sign, sign) for sign in text)


def names(text: str) -> Glob:
    """A pattern of things to name, none of which has a colon in its name."""
    return tuple(_narrow(part) if isinstance(part, Wild) else part for part in glob(text))


def within_segments(pattern: Glob) -> Glob:
    """The same, its wildcards kept within a segment of an ARN, but a `*` that ends one."""
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
    """Whether there is a wildcard in it."""
    return "*" in text or "?" in text


def samples(wanted: str, others: Sequence[Glob]) -> list[str]:
    """One text of each kind that `wanted` matches and that the others can tell apart, shortest first.

    Whatever is decided by which of the others match is decided for every text of `wanted` by these. Its own
    wildcards stand for names, which hold no colon; without any it is its own only sample. Raises TooComplex.
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
    """The next state of all patterns, None once the first cannot match any more."""
    wanted = _step(patterns[0], states[0], sign)
    if not wanted:
        return None
    rest = (_step(p, s, sign) for p, s in zip(patterns[1:], states[1:], strict=True))
    return (wanted, *rest)


def _alphabet(patterns: Sequence[Glob]) -> list[str]:
    """Every sign that a pattern names, a colon, and one that stands for all the rest."""
    named = {part for pattern in patterns for part in pattern if isinstance(part, str)} | {":"}
    signs = string.ascii_lowercase[::-1] + string.printable + "\ufffd"
    other = next(sign for sign in signs if sign not in named)
    return [other, *sorted(named)]


def _start(pattern: Glob) -> _State:
    return _closed(pattern, {0})


def _closed(pattern: Glob, places: set[int]) -> _State:
    """The places with those that are reached for nothing: `*` matches the empty text too."""
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

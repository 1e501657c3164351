"""Lists of names in a sentence, and sentences that say the same of several addresses, as one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

MOST_NAMED = 3
_VALUE = re.compile(r"[0-9][0-9a-f.:/,-]*|[0-9a-f:]+:[0-9a-f.:/,-]*")


def first_few(names: Sequence[str], most: int) -> str:
    """The first names, and how many there are besides.

    >>> first_few(["b-1", "b-2", "b-3"], 2)
    'b-1, b-2 and 1 more'
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def merge_sentences(sentences: Iterable[str]) -> str:
    """One sentence where these differ in addresses or numbers at one place only; else one after the other.

    >>> merge_sentences(["sg-1 has no rule for 10.0.1.7.", "sg-1 has no rule for 10.0.1.8."])
    'sg-1 has no rule for 10.0.1.7 and 10.0.1.8.'
    """
    distinct = list(dict.fromkeys(sentences))
    stop = "." if all(one.endswith(".") for one in distinct) else ""
    words = [one.removesuffix(stop).split(" ") for one in distinct]
    before = _shared(words)
    after = _shared([list(reversed(one[before:])) for one in words])
    middles = [one[before : len(one) - after] for one in words]
    if len(distinct) < 2 or not before or not all(map(_are_values, middles)):
        return " ".join(distinct)
    # Names' addresses come in another order each time; what is said of them does not.
    told = sorted((" ".join(one).rstrip(",") for one in middles), key=_place)
    comma = "," if any(one[-1].endswith(",") for one in middles) else ""
    tail = words[0][len(words[0]) - after :]
    return " ".join([*words[0][:before], _listed(told) + comma, *tail]) + stop


def _shared(words: list[list[str]]) -> int:
    """How many words all of these begin with."""
    count = 0
    for each in zip(*words, strict=False):
        if len(set(each)) > 1:
            break
        count += 1
    return count


def _are_values(words: list[str]) -> bool:
    return bool(words) and all(_VALUE.fullmatch(word) for word in words)


def _place(value: str) -> list[tuple[int, str]]:
    return [(len(part), part) for part in re.split(r"[^0-9a-f]+", value)]


def _listed(told: list[str]) -> str:
    if len(told) > MOST_NAMED:
        return first_few(told, MOST_NAMED)
    return f"{', '.join(told[:-1])} and {told[-1]}"

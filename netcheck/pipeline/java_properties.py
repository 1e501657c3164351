"""Reads Java .properties text exactly as java.util.Properties does.

Connector and worker configurations are written in it, and what looks harmless may not be: a space at the end
of a line belongs to the value, and so does a no-break space that came with a copy from a web page. Nothing is
trimmed here that Java would keep (java.util.Properties.load, Java SE 17 API).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

BLANK = " \t\f"
"""White space to Java's reader; every other sign that shows nothing is a letter like any other."""
ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
HEX = re.compile(r"[0-9A-Fa-f]{4}")


class PropertiesError(ValueError):
    """Text that Java would refuse. The message names the line, from 1, and shows no value."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A logical line, and the number of the natural line that it begins on."""

    number: int
    text: str


def parse(text: str) -> dict[str, str]:
    """The keys with their values; a key that stands twice has its last value. Raises PropertiesError."""
    found: dict[str, str] = {}
    for line in _logical(text):
        key, value = _split(line.text)
        found[_unescaped(key, line.number)] = _unescaped(value, line.number)
    return found


def _logical(text: str) -> Iterator[_Line]:
    """Natural lines put together: one that ends in an odd number of backslashes goes on in the next.

    As long as nothing but a backslash has come, blank lines and comments are left out as at the start. A text
    that ends while a line goes on ends that line, though it may be empty; but a backslash alone before a last
    CR LF is no line, as Java reads on after CR.
    """
    naturals = re.split(r"\r\n|\r|\n", text)
    start, parts, goes_on = 0, "", False
    for number, natural in enumerate(naturals if naturals[-1] else naturals[:-1], 1):
        line = natural.lstrip(BLANK)
        if not parts and (not line or line[0] in "#!"):
            goes_on = False
            continue
        start = start if parts else number
        goes_on = (len(line) - len(line.rstrip("\\"))) % 2 == 1
        parts += line[:-1] if goes_on else line
        if not goes_on:
            yield _Line(start, parts)
            parts = ""
    if parts or (goes_on and not text.endswith("\r\n")):
        yield _Line(start, parts)


def _split(line: str) -> tuple[str, str]:
    """The key ends at the first =, : or blank that no backslash precedes; blanks around one = or : go."""
    end = 0
    while end < len(line) and line[end] not in "=:" + BLANK:
        end += 2 if line[end] == "\\" else 1
    key, rest = line[:end], line[end:].lstrip(BLANK)
    if rest[:1] in ("=", ":"):
        rest = rest[1:].lstrip(BLANK)
    return key, rest


def _unescaped(text: str, number: int) -> str:
    pieces, at = [], 0
    while (mark := text.find("\\", at)) >= 0:
        pieces.append(text[at:mark])
        letter = text[mark + 1 : mark + 2]
        at = mark + 2
        if letter == "u":
            code = text[at : at + 4]
            if not HEX.fullmatch(code):
                raise PropertiesError(f"line {number}: \\u needs four hexadecimal digits after it")
            letter, at = chr(int(code, 16)), at + 4
        pieces.append(ESCAPES.get(letter, letter))
    pieces.append(text[at:])
    return "".join(pieces).encode("utf-16", "surrogatepass").decode("utf-16", "replace")

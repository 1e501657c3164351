"""Parses Java .properties text exactly as java.util.Properties does.

Connector and worker configurations use this format, which has traps: a space at the end of a line belongs to
the value, and so does a no-break space that was copied from a web page. Nothing is trimmed here that Java
keeps (java.util.Properties.load, Java SE 17 API).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

BLANK = " \t\f"
"""Java's white space here; any other invisible character is part of a key or value."""
ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
HEX = re.compile(r"[0-9A-Fa-f]{4}")


class PropertiesError(ValueError):
    """Text that Java rejects. The message has the line number, from 1, and no value."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A logical line, and the number of the natural line that it starts on."""

    number: int
    text: str


def parse(text: str) -> dict[str, str]:
    """The keys and their values; of a duplicate key the last value wins. Raises PropertiesError."""
    found: dict[str, str] = {}
    for line in _logical(text):
        key, value = _split(line.text)
        found[_unescaped(key, line.number)] = _unescaped(value, line.number)
    return found


def _logical(text: str) -> Iterator[_Line]:
    """Logical lines: a natural line that ends in an odd number of backslashes continues on the next one.

    While a continued line is still empty, blank lines and comments are skipped, as at its start. The end of
    the text ends a continued line, which may be empty; but a backslash alone before a final CR LF is not a
    line, as Java reads on after CR.
    """
    naturals = re.split(r"\r\n|\r|\n", text)
    start, parts, continued = 0, "", False
    for number, natural in enumerate(naturals if naturals[-1] else naturals[:-1], 1):
        line = natural.lstrip(BLANK)
        if not parts and (not line or line[0] in "#!"):
            continued = False
            continue
        start = start if parts else number
        continued = (len(line) - len(line.rstrip("\\"))) % 2 == 1
        parts += line[:-1] if continued else line
        if not continued:
            yield _Line(start, parts)
            parts = ""
    if parts or (continued and not text.endswith("\r\n")):
        yield _Line(start, parts)


def _split(line: str) -> tuple[str, str]:
    """The key ends at the first =, : or space without a backslash before it; spaces around = or : are
    dropped.
    """
    end = 0
    while end < len(line) and line[end] not in "=:" + BLANK:
        end += 2 if line[end] == "\\" else 1
    key, rest = line[:end], line[end:].lstrip(BLANK)
    if rest[:1] in ("=", ":"):
        rest = rest[1:].lstrip(BLANK)
    return key, rest


def _unescaped(text: str, number: int) -> str:
    parts, at = [], 0
    while (mark := text.find("\\", at)) >= 0:
        parts.append(text[at:mark])
        letter = text[mark + 1 : mark + 2]
        at = mark + 2
        if letter == "u":
            code = text[at : at + 4]
            if not HEX.fullmatch(code):
                raise PropertiesError(f"line {number}: \\u must be followed by four hexadecimal digits")
            letter, at = chr(int(code, 16)), at + 4
        parts.append(ESCAPES.get(letter, letter))
    parts.append(text[at:])
    return "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16", "replace")

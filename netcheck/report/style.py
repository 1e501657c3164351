"""Marks and colours of the terminal reports."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

from netcheck.core.model import Status

_COLOURS = {
    Status.PASS: "32",
    Status.WARN: "33",
    Status.FAIL: "31;1",
    Status.UNKNOWN: "35",
    Status.SKIP: "2",
}
_MARKS = {Status.PASS: "✓", Status.WARN: "!", Status.FAIL: "✗", Status.UNKNOWN: "?", Status.SKIP: "-"}
_ASCII_MARKS = {**_MARKS, Status.PASS: "+", Status.FAIL: "x"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Style:
    """How to write for one stream. `width` is in columns."""

    colour: bool = False
    unicode: bool = True
    width: int = 110

    def mark(self, status: Status) -> str:
        mark = (_MARKS if self.unicode else _ASCII_MARKS)[status]
        return self.paint(mark, _COLOURS[status])

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def bold(self, text: str) -> str:
        return self.paint(text, "1")

    def dim(self, text: str) -> str:
        return self.paint(text, "2")


def style_of(stream: TextIO, environment: Mapping[str, str]) -> Style:
    """Colour only on a terminal, and not where NO_COLOR is set (https://no-color.org) or TERM is dumb."""
    terminal = stream.isatty() and environment.get("TERM") != "dumb"
    unicode = "utf" in (getattr(stream, "encoding", "") or "").lower()
    width = 110
    if terminal:
        with contextlib.suppress(OSError, ValueError):
            width = os.get_terminal_size(stream.fileno()).columns
    return Style(terminal and not environment.get("NO_COLOR"), unicode, max(60, min(width, 140)))


def printable(text: str) -> str:
    """Text from a peer as a terminal may show it: control characters and bidirectional marks made visible."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}" if ord(found[0]) < 256 else "?", text)

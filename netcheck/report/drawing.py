"""A path for a terminal: a rail with the hops on it, there and back, and the break marked."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from netcheck.core.model import Status
from netcheck.report.picture import Picture, Stage
from netcheck.report.style import Style, printable

_RED, _BOLD_RED = "31", "31;1"
LABEL = 10
"""Columns before the rail: `there` and `back` stand there."""
ROOM = 26
"""Columns that a rule needs beside its component; with fewer it goes below."""


def draw(picture: Picture, style: Style, width: int, *, fold: bool) -> Iterator[str]:
    """Lines of at most `width` columns, where words allow.

    `fold`: a direction without anything that the picture is about takes one line.
    """
    for label, leg in (("forward", picture.there), ("return", picture.back)):
        if leg and fold and not any(stage.own for stage in leg):
            yield from _labelled(label, _folded(leg, style, width - LABEL), style)
        elif leg:
            yield from _labelled(label, _rail(leg, style, width - LABEL, picture.whole), style)


def _labelled(label: str, lines: Iterator[str], style: Style) -> Iterator[str]:
    for number, line in enumerate(lines):
        shown = style.dim(label.ljust(LABEL)) if number == 0 else " " * LABEL
        yield f"{shown}{line}".rstrip()


def _folded(leg: Sequence[Stage], style: Style, width: int) -> Iterator[str]:
    """One direction in as few lines as possible: nothing that this picture is about happens on it."""
    broken = any(stage.code for stage in leg)
    dot = "\0· " if style.unicode else "\0- "
    names = dot.join(printable(stage.component).replace(" ", "\0") for stage in leg)
    lines = textwrap.wrap(names, max(20, width - 2), break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(lines):
        mark = style.mark(Status.FAIL if broken else Status.PASS) if number == 0 else " "
        yield f"{mark} " + line.replace("\0", " ")


def _rail(leg: Sequence[Stage], style: Style, width: int, whole: bool) -> Iterator[str]:
    name = max(len(printable(stage.component)) for stage in leg)
    kind = max(len(stage.kind) for stage in leg)
    spare = width - 2 - name - 2 - 5
    if spare - kind - 2 < ROOM:
        kind = 0
    left = spare - (kind + 2 if kind else 0)
    stopped = False
    for stage in leg:
        stopped = stopped or (whole and bool(stage.code))
        below = _bar(style, stopped, stage is leg[-1])
        rail = style.paint(_cross(style), _BOLD_RED if stage.own else _RED) if stage.code else below
        text = _told(stage)
        beside = left >= min(ROOM, len(text))
        lines = textwrap.wrap(
            text, left if beside else width - 6, break_long_words=False, break_on_hyphens=False
        )
        first = lines.pop(0) if beside and lines else ""
        rule = f"  {stage.way:<3}  {first}".rstrip()
        column = f"  {stage.kind}" if kind else ""
        plain = printable(stage.component)
        if column or rule:
            plain = plain.ljust(name)
        if rule:
            column = column.ljust(kind + 2 if kind else 0)
        shown = style.paint(plain, _BOLD_RED) if stage.own else plain
        yield f"{rail} {shown}{style.dim(column) if column else ''}{rule}"
        indent = width - left - 2 if beside else 4
        for line in lines:
            yield f"{_bar(style, stopped, False)} {' ' * indent}{line}"


def _told(stage: Stage) -> str:
    if not stage.code:
        return printable(stage.text)
    return printable(
        "  ".join(filter(None, (stage.text, stage.code, "" if stage.own else "(breaks here too)")))
    )


def _cross(style: Style) -> str:
    return "✗" if style.unicode else "x"


def _bar(style: Style, stopped: bool, last: bool) -> str:
    """What runs on, what would run on if nothing had stopped it, and the point of the arrow."""
    if stopped:
        return "┊" if style.unicode else ":"
    if last:
        return "▼" if style.unicode else "v"
    return "│" if style.unicode else "|"

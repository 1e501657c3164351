"""The repair of one path for a terminal: the changes, notes on them, and how to undo them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from netcheck.report.style import Style, printable
from netcheck.report.words import PROVED

_LEAD = {
    True: PROVED,
    False: "not verified: each change removes one blocker; what is listed below may still block the path",
}


def render(fix: Mapping[str, Any] | None, style: Style) -> str:
    """Lines of text without a closing newline; `fix` is what netcheck.repair.to_json made."""
    if fix is None:
        return ""
    text = "\n".join(_lines(fix, style)).rstrip()
    return text if style.unicode else text.replace("→", "->")


def _lines(fix: Mapping[str, Any], style: Style) -> Iterator[str]:
    if not fix["changes"]:
        yield f"  {style.bold('fix')}  no narrow change fixes this"
    else:
        yield f"  {style.bold('fix')}  {_LEAD[fix['proved']]}"
    for change in fix["changes"]:
        yield f"    {printable(change['text'])}"
    yield from _section("left", fix["left"], style)
    yield from _code("AWS CLI", [change["awscli"] for change in fix["changes"]], style)
    yield from _code("Terraform", [c["terraform"] for c in fix["changes"] if c["terraform"]], style)
    notes = [f"{c['terraform_note']}." for c in fix["changes"] if c["terraform_note"]]
    yield from _section("notes", [*notes, *fix["notes"]], style)
    undo = [change["undo"] for change in reversed(fix["changes"]) if change["undo"]]
    yield from _code("to undo", undo, style)


def _section(title: str, texts: list[str], style: Style) -> Iterator[str]:
    if texts:
        yield ""
        yield f"  {style.bold(title)}"
    for text in texts:
        yield textwrap.fill(
            printable(text),
            style.width,
            initial_indent="    ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _code(title: str, texts: list[str], style: Style) -> Iterator[str]:
    """To be copied as it is: never wrapped."""
    if texts:
        yield ""
        yield f"  {style.bold(title)}"
    for text in texts:
        yield from (f"    {printable(line)}".rstrip() for line in text.split("\n"))

"""The report as annotations of a GitHub Actions run: workflow commands, one a line.

Escaping and kinds are those of GitHub's workflow commands (docs.github.com, Workflow commands for GitHub
Actions): `%`, carriage return and line feed in a message, and `:` and `,` as well in a property. GitHub shows
ten annotations of a kind for a step, so root causes come first and what is beyond that is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netcheck.core.model import Report, Result, RootCause, Status
from netcheck.report.style import printable
from netcheck.report.words import PROVED, counted, counts, doubt, headline, placed, remedies, where

SHOWN = 10
"""Annotations of one kind that GitHub shows for a step."""


def render(report: Report) -> str:
    """The report as lines of workflow commands, and last a line of counts for the log."""
    shown = {key for cause in report.root_causes for key in cause.results}
    failed = [r for r in report.results if r.status is Status.FAIL and not r.caused_by and r.key not in shown]
    warned = [r for r in report.results if r.status is Status.WARN]
    unknown = [r for r in report.results if r.status is Status.UNKNOWN and not r.caused_by]
    errors = [_cause(*numbered) for numbered in enumerate(report.root_causes, 1)]
    lines = [
        *_bounded("error", [*errors, *map(_result, failed)]),
        *_bounded("warning", [_result(result) for result in warned]),
        *_bounded("notice", [_result(result) for result in unknown]),
    ]
    line = headline(report)
    lines.append(f"netcheck: {line.text}{line.more} ({counts(report)})")
    return "\n".join(lines) + "\n"


def _bounded(kind: str, notes: Sequence[tuple[str, str]]) -> Iterator[str]:
    room = SHOWN if len(notes) <= SHOWN else SHOWN - 1
    for title, message in notes[:room]:
        yield f"::{kind} title={_property(title)}::{_data(message)}"
    if len(notes) > room:
        rest = f"{counted(len(notes) - room, 'more ' + kind)}: see the report"
        yield f"::{kind} title=netcheck::{_data(rest)}"


def _cause(number: int, cause: RootCause) -> tuple[str, str]:
    lines = [printable(cause.title), printable(f"where: {placed(cause)}")]
    if unsure := doubt(cause):
        lines.append(printable(f"not certain: {unsure}"))
    if cause.fix and cause.fix_proved:
        lines.append(f"fix: {PROVED}")
    for remedy in remedies(cause):
        lines += [f"{remedy.title}:", *(printable(text) for text in remedy.lines)]
    return f"netcheck: root cause {number}: {cause.code}", "\n".join(lines)


def _result(result: Result) -> tuple[str, str]:
    return f"netcheck: {result.check} {where(result)}", printable(result.finding.summary)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(printable(text)).replace(":", "%3A").replace(",", "%2C")

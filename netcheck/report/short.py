"""The report in as few lines as will do: the verdict, and each root cause with its fix."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from netcheck.core.model import Report, RootCause, Status
from netcheck.report.style import Style, printable
from netcheck.report.words import placed


def render(report: Report, style: Style) -> str:
    """What to fix, ending in a newline; one line where nothing is broken."""
    lines = [headline(report, style)]
    for cause in report.root_causes:
        lines += _cause(cause, style)
    return "\n".join(lines) + "\n"


def headline(report: Report, style: Style) -> str:
    """The verdict in one line, with how many results there are of each status."""
    counts = ", ".join(f"{report.count(status)} {status}" for status in Status if report.count(status))
    causes, unknown = len(report.root_causes), report.count(Status.UNKNOWN)
    if causes:
        status, text = Status.FAIL, f"{causes} root cause{'' if causes == 1 else 's'}"
    elif unknown or not report.count(Status.PASS) + report.count(Status.WARN):
        status, text = Status.UNKNOWN, "nothing failed, but not everything is known"
    else:
        status, text = Status.PASS, "nothing failed"
    return f"{style.mark(status)} {style.bold(text)} ({counts or 'no results'})"


def _cause(cause: RootCause, style: Style) -> Iterator[str]:
    yield _wrapped(f"{style.mark(Status.FAIL)} ", cause.title, style)
    yield _wrapped("  ", f"{cause.code} at {placed(cause)}", style)
    for fix in cause.fix:
        yield _wrapped("  fix: ", fix.text, style)


def _wrapped(head: str, said: str, style: Style) -> str:
    lines = [
        line
        for part in said.splitlines()
        for line in textwrap.wrap(
            printable(part), style.width - 4, break_long_words=False, break_on_hyphens=False
        )
    ]
    return head + "\n    ".join(lines or [""])

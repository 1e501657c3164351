"""Every result with its evidence, as `--verbose` prints it after the table."""

from __future__ import annotations

import json
from collections.abc import Iterator

from netcheck.core.model import Report, Result
from netcheck.core.shown_evidence import shown_evidence
from netcheck.report.style import Style, printable

INDENT = "     "


def render(report: Report, style: Style) -> str:
    """All results in the order of the report, ending in a newline."""
    return "".join(f"{line}\n" for result in report.results for line in _lines(result, style))


def _lines(result: Result, style: Style) -> Iterator[str]:
    finding = result.finding
    why = f" {style.dim(str(finding.cause))}" if finding.cause else ""
    yield f"{style.mark(result.status)} {style.bold(printable(result.key))}{why}"
    yield f"{INDENT}{printable(finding.summary)}"
    if result.caused_by:
        yield f"{INDENT}{style.dim('follows from')} {printable(result.caused_by)}"
    for name, value in shown_evidence(finding).items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for number, line in enumerate(text.splitlines() or [""]):
            head = style.dim(f"{name}:") if number == 0 else " " * (len(name) + 1)
            yield f"{INDENT}{head} {printable(line)}"

"""The report in GitHub's Markdown, to be pasted into a ticket or a pull request: causes first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from netcheck.core.model import Report, Result, RootCause, Status
from netcheck.report.drawing import draw
from netcheck.report.picture import of_cause
from netcheck.report.style import Style, printable
from netcheck.report.words import (
    DONE,
    PROVED,
    by_key,
    counted,
    counts,
    doubt,
    headline,
    numbers,
    place,
    places,
    remedies,
    seen,
    where,
)

_SIGNS = {
    Status.PASS: "✅",
    Status.WARN: "⚠️",
    Status.FAIL: "❌",
    Status.UNKNOWN: "❔",
    Status.SKIP: "➖",
}
_LANGUAGES = {
    "awscli": "sh",
    "terraform": "hcl",
    "properties": "properties",
    "iam": "json",
    "iam-trust": "json",
    "undo": "sh",
}
_SPECIAL = re.compile(r"[\\`*_\[\]~|$]")
OPEN_ROWS = 100
"""Rows of what did not pass: a comment on GitHub has room for 65,536 characters."""
SEEN = 6
SKIPPED_ROWS = 40
WIDTH = 96
"""Columns of a drawing: what a ticket shows without scrolling."""


def render(report: Report, titles: Mapping[str, str]) -> str:
    """The report as Markdown, ending in a newline. `titles` are the checks' claims by id."""
    line = headline(report)
    where_from = f", from {_text(place(report))}" if place(report) else ""
    blocks = [
        f"## {_SIGNS[line.status]} netcheck: {line.text}{line.more}",
        f"{counts(report)}; {report.seconds:.1f} s{where_from}, {_text(report.started)}",
        *_causes(report),
        *_open(report),
        *_passed(report.results, titles),
        *_skipped(report.results),
    ]
    return "\n\n".join(blocks) + "\n"


def _causes(report: Report) -> Iterator[str]:
    results = by_key(report)
    for number, cause in enumerate(report.root_causes, 1):
        yield f"### {number}\\. {_text(cause.title)}"
        yield "\n".join(_told(cause, results))
        picture = of_cause(report, cause)
        if picture:
            lines = draw(picture, Style(), WIDTH, fold=True)
            yield _fenced(f"{picture.source} → {picture.destination}\n" + "\n".join(lines), "text")
        yield from _fixed(cause)


def _told(cause: RootCause, results: Mapping[str, Result]) -> Iterator[str]:
    yield f"- **What:** {_code(cause.code)}"
    named, more = places(cause)
    yield f"- **Where:** {', '.join(map(_code, named))}" + (f" and {more} more" if more else "")
    sights = seen(cause, results)
    for label, text in sights[:SEEN]:
        yield f"- **{label.capitalize()}:** {_text(text)}"
    if len(sights) > SEEN:
        yield f"- **Seen:** ... and {len(sights) - SEEN} more"
    if unsure := doubt(cause):
        yield f"- **Not certain:** {_text(unsure)}"
    if cause.explains:
        checks = ", ".join(
            _code(check) for check in dict.fromkeys(results[key].check for key in cause.explains)
        )
        yield f"- **Explains:** {counted(len(cause.explains), 'result')}: {checks}"


def _fixed(cause: RootCause) -> Iterator[str]:
    if cause.fix and cause.fix_proved:
        yield f"**Fix**: {PROVED}."
    for remedy in remedies(cause):
        if remedy.code:
            yield f"**{_text(remedy.title)}**"
            yield _fenced(remedy.text, _LANGUAGES.get(remedy.kind, ""))
        else:
            yield "\n\n".join(f"**{_text(remedy.title)}:** {_text(line)}" for line in remedy.lines)


def _open(report: Report) -> Iterator[str]:
    """What did not pass, but for what could not be asked for want of something else."""
    known = numbers(report)
    rows = [r for r in report.results if r.status in (Status.FAIL, Status.WARN, Status.UNKNOWN)]
    if not rows:
        return
    order = (Status.FAIL, Status.WARN, Status.UNKNOWN)
    rows.sort(key=lambda result: order.index(result.status))
    lines = [_row("", "check", "target", "what"), _row("---", "---", "---", "---")]
    for result in rows[:OPEN_ROWS]:
        number = known.get(result.key)
        text = _cell(result.finding.summary) + (f" (root cause {number})" if number else "")
        lines.append(
            _row(
                f"{_SIGNS[result.status]} {result.status}",
                _code_cell(result.check),
                _code_cell(where(result)),
                text,
            )
        )
    if len(rows) > OPEN_ROWS:
        lines.append(_row("", "", "", f"... and {len(rows) - OPEN_ROWS} more: `netcheck run --format json`"))
    kinds = ", ".join(f"{report.count(s)} {DONE[s]}" for s in order if report.count(s))
    yield _folded(f"What did not pass: {kinds}", "\n".join(lines))


def _passed(results: Iterable[Result], titles: Mapping[str, str]) -> Iterator[str]:
    passed: dict[str, int] = {}
    for result in results:
        if result.status is Status.PASS:
            passed[result.check] = passed.get(result.check, 0) + 1
    if passed:
        lines = [_row("check", "passed", "which says"), _row("---", "---:", "---")]
        lines += [
            _row(_code_cell(check), str(count), _cell(titles.get(check, "")))
            for check, count in passed.items()
        ]
        yield _folded(f"What passed: {sum(passed.values())}", "\n".join(lines))


def _skipped(results: Iterable[Result]) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for result in results:
        if result.status is Status.SKIP:
            reasons.setdefault(result.finding.summary, []).append(result.check)
    if reasons:
        lines = [_row("skipped", "because", "of checks"), _row("---:", "---", "---")]
        for reason, checks in list(reasons.items())[:SKIPPED_ROWS]:
            names = ", ".join(_code_cell(check) for check in dict.fromkeys(checks))
            lines.append(_row(str(len(checks)), _cell(reason), names))
        if len(reasons) > SKIPPED_ROWS:
            lines.append(_row(" ", f"... and {len(reasons) - SKIPPED_ROWS} more reasons", " "))
        yield _folded(f"Not run: {sum(map(len, reasons.values()))}", "\n".join(lines))


def _folded(summary: str, inside: str) -> str:
    return f"<details>\n<summary>{summary}</summary>\n\n{inside}\n\n</details>"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: str) -> str:
    """Words, with all that Markdown or GitHub would make something of made plain: also @somebody and #1."""
    plain = _SPECIAL.sub(r"\\\g<0>", printable(text))
    plain = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"(@|#)(?=\w)", r"\1<!-- -->", plain)


def _cell(text: str) -> str:
    return _text(text) or " "


def _code(text: str) -> str:
    """A name as code: between more backticks than it has in a row."""
    name = printable(text) or " "
    ticks = "`" * (max((len(run) for run in re.findall("`+", name)), default=0) + 1)
    space = " " if "`" in name else ""
    return f"{ticks}{space}{name}{space}{ticks}"


def _code_cell(text: str) -> str:
    """The same in a table, where a bar ends the cell even in code."""
    return _code(text).replace("|", "\\|")


def _fenced(text: str, language: str) -> str:
    lines = [printable(line) for line in text.split("\n")]
    ticks = "`" * max(3, *(len(run) + 1 for line in lines for run in re.findall("`+", line)), 3)
    return "\n".join([ticks + language, *lines, ticks])

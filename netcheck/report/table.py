"""The report for people: causes first, then the checklist, then how long it took and from where."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tabulate import tabulate

from netcheck.core.model import Layer, Report, Result, RootCause, Status
from netcheck.report.drawing import draw
from netcheck.report.picture import Picture, of_cause
from netcheck.report.style import Style, printable
from netcheck.report.words import (
    PROVED,
    UNCERTAIN,
    by_key,
    counted,
    counts,
    doubt,
    headline,
    place,
    placed,
    remedies,
    seen,
    where,
)

ORDER = (Status.FAIL, Status.WARN, Status.UNKNOWN)
CHECK_WIDTH, WHERE_WIDTH = 28, 40
"""Columns that the checklist needs for marks and checks, and at most for a target."""
ACTIONABLE = re.compile(r"\b(?:give|set|use) (?:--|[A-Z])")
"""A reason that names the option or variable to set."""
MOST_SEEN = 6
"""Sentences that show one root cause."""
_SHORT = {"configured": "config"}
"""Labels have nine columns."""
MOST_REASONS = 2
"""Reasons that the reader cannot act on: more of them share one line."""


def render(report: Report, style: Style, titles: Mapping[str, str]) -> str:
    """The whole report, ending in a newline. `titles` are the checks' claims by id."""
    parts = [
        _verdict(report, style),
        *_causes(report, style),
        *_checklist(report, style, titles),
        _closing(report, style),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdict(report: Report, style: Style) -> str:
    line = headline(report)
    return f"{style.mark(line.status)} {style.bold(line.text)}{line.more}"


def _causes(report: Report, style: Style) -> Iterator[str]:
    results = by_key(report)
    for number, cause in enumerate(report.root_causes, 1):
        lines = [
            *_told(number, cause, results, style),
            *_drawn(of_cause(report, cause), style),
            *_fixed(cause, style),
            _field("more", f"netcheck explain {results[cause.results[0]].check}", style),
        ]
        yield "\n".join(lines)


def _told(number: int, cause: RootCause, results: Mapping[str, Result], style: Style) -> Iterator[str]:
    title = textwrap.wrap(
        f"{number}. {printable(cause.title)}",
        style.width,
        subsequent_indent="   ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    yield from (style.bold(line) for line in title)
    unsure = doubt(cause)
    short = f"  ({unsure})" if unsure == UNCERTAIN else ""
    yield _field("what", cause.code + short, style)
    yield _field("where", placed(cause), style)
    sights = seen(cause, results)
    for label, text in sights[:MOST_SEEN]:
        yield _field(_SHORT.get(label, label), text, style)
    if len(sights) > MOST_SEEN:
        yield _field("seen", f"... and {len(sights) - MOST_SEEN} more", style)
    if unsure and not short:
        yield _field("doubt", unsure, style)
    if cause.explains:
        checks = dict.fromkeys(results[key].check for key in cause.explains)
        yield _field("explains", f"{counted(len(cause.explains), 'result')}: {', '.join(checks)}", style)


def _drawn(picture: Picture | None, style: Style) -> Iterator[str]:
    """The path with the break, where the cause lies on one."""
    if picture is None:
        return
    arrow = "→" if style.unicode else "->"
    yield _field("path", f"{picture.source} {arrow} {picture.destination}", style)
    lines = list(draw(picture, style, style.width - 3, fold=True))
    yield from (f"   {line if style.unicode else line.replace('→', '->')}" for line in lines)


def _fixed(cause: RootCause, style: Style) -> Iterator[str]:
    """What to do: words are wrapped, what is to be copied stays as it is, below the name of its tool."""
    if cause.fix and cause.fix_proved:
        yield _field("fix", PROVED, style)
    for number, remedy in enumerate(remedies(cause)):
        label = "" if number or cause.fix_proved else "fix"
        if not remedy.code:
            for line in remedy.lines:
                yield _field(label, line, style)
                label = ""
            continue
        yield _field(label, f"{remedy.title}:", style)
        for line in remedy.lines:
            yield f"{' ' * 13}  {printable(line)}".rstrip()


def _field(name: str, text: str, style: Style) -> str:
    lines = textwrap.wrap(
        printable(text), style.width - 13, break_long_words=False, break_on_hyphens=False
    ) or [""]
    return "\n".join(
        f"   {style.dim(f'{label:<9}')} {line}"
        for label, line in zip([name] + [""] * len(lines), lines, strict=False)
    )


def _checklist(report: Report, style: Style, titles: Mapping[str, str]) -> Iterator[str]:
    """What did not pass, what passed in one line a check, and what there was no need to ask."""
    yield _table(_open_rows(report, style))
    yield _table(_passed_rows(report.results, style, titles))
    yield "\n".join(_moot_lines(report.results, style))


def _table(rows: Iterable[list[str]]) -> str:
    return tabulate(list(rows), tablefmt="plain", disable_numparse=True)


def _open_rows(report: Report, style: Style) -> Iterator[list[str]]:
    """What did not pass, each followed by what is folded under it."""
    folded: dict[str, list[Result]] = {}
    for result in report.results:
        if result.caused_by:
            folded.setdefault(result.caused_by, []).append(result)
    numbers = {key: number for number, cause in enumerate(report.root_causes, 1) for key in cause.results}
    tops = [r for r in report.results if r.caused_by is None and r.status in ORDER]
    for result in sorted(tops, key=lambda r: ORDER.index(r.status)):
        text = f"root cause {numbers[result.key]}" if result.key in numbers else result.finding.summary
        yield _row(result, style, "", text)
        yield from _folded_rows(folded.get(result.key, []), style)


def _folded_rows(consequences: list[Result], style: Style) -> Iterator[list[str]]:
    """Under its cause: each consequence that says something of its own, and in one line those not asked."""
    branch = "└ " if style.unicode else "` "
    for result in consequences:
        if result.status is not Status.SKIP:
            yield _row(result, style, branch, result.finding.summary)
    unasked = [result for result in consequences if result.status is Status.SKIP]
    if unasked:
        checks = ", ".join(dict.fromkeys(result.check for result in unasked))
        mark = style.mark(Status.SKIP)
        yield [mark, f"{branch}{len(unasked)} not run", _where(unasked[0]), _wrapped(checks, style)]


def _moot_lines(results: Sequence[Result], style: Style) -> Iterator[str]:
    """What was moot, by reason: first what the reader can change, the rest in few lines."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        if _is_moot(result):
            groups.setdefault(result.finding.summary, []).append(result)
    other = [reason for reason in groups if not ACTIONABLE.search(reason)]
    if len(other) > MOST_REASONS:
        folded = [result for reason in other for result in groups.pop(reason)]
        groups["they do not apply here (netcheck run --format json has each reason)"] = folded
    for reason, moot in groups.items():
        text = f"skipped {len(moot)}: {printable(reason)} ({', '.join(_folded_names(moot, results))})"
        lines = textwrap.wrap(text, style.width - 3, break_on_hyphens=False, break_long_words=False)
        yield f"{style.mark(Status.SKIP)}  " + "\n   ".join(lines)


def _is_moot(result: Result) -> bool:
    return result.status is Status.SKIP and result.caused_by is None


def _folded_names(moot: Iterable[Result], results: Iterable[Result]) -> Iterable[str]:
    """The checks, and `concern.*` where no check of a concern was asked anything, for these reasons."""
    names = dict.fromkeys(result.check for result in moot)
    asked = {result.check for result in results if not _is_moot(result) or result.check not in names}
    busy = {_concern(check) for check in asked}
    size = Counter(_concern(check) for check in names)
    return dict.fromkeys(
        f"{_concern(check)}.*" if size[_concern(check)] > 1 and _concern(check) not in busy else check
        for check in names
    )


def _concern(check: str) -> str:
    return check.partition(".")[0]


def _row(result: Result, style: Style, indent: str, text: str) -> list[str]:
    return [style.mark(result.status), indent + result.check, _where(result), _wrapped(text, style)]


def _wrapped(text: str, style: Style) -> str:
    """For the last column: what the three before it leave."""
    lines = textwrap.wrap(
        printable(text),
        max(30, style.width - CHECK_WIDTH - WHERE_WIDTH),
        break_on_hyphens=False,
        break_long_words=False,
    )
    return "\n".join(lines or [""])


def _where(result: Result) -> str:
    """The target, broken at its dots where it is long: MSK's names are."""
    words = printable(where(result)).replace(".", ".\0").split("\0")
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > WHERE_WIDTH:
            lines.append("")
        lines[-1] += word
    return "\n".join(lines)


def _passed_rows(results: Iterable[Result], style: Style, titles: Mapping[str, str]) -> Iterator[list[str]]:
    """What passed, one line a check, from the name up to the service."""
    passed: dict[str, list[Result]] = {}
    for result in results:
        if result.status is Status.PASS:
            passed.setdefault(result.check, []).append(result)
    for check, found in sorted(passed.items(), key=lambda group: _height(group[1][0])):
        yield [style.mark(Status.PASS), check, f"{len(found)} passed", printable(titles.get(check, ""))]


def _height(result: Result) -> int:
    """How far up the stack a result belongs."""
    layer = result.finding.layer
    return list(Layer).index(layer) if layer else len(Layer)


def _closing(report: Report, style: Style) -> str:
    where = printable(place(report))
    line = f"{counts(report)}; {report.seconds:.1f} s" + (f", from {where}" if where else "")
    return style.dim(line)

"""The report for people: causes first, then the checklist, then how long it took and from where."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tabulate import tabulate

from netcheck.model import Layer, Report, Result, RootCause, Status
from netcheck.report.style import Style, printable

ORDER = (Status.FAIL, Status.WARN, Status.UNKNOWN)
CHECK_WIDTH, WHERE_WIDTH = 28, 40
"""Columns that the checklist needs for marks and checks, and at most for a target."""
ACTIONABLE = re.compile(r"\b(?:give|set|use) (?:--|[A-Z])")
"""A reason that tells which option or variable would have the question asked."""
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
    causes, unknown, warned = len(report.root_causes), report.count(Status.UNKNOWN), report.count(Status.WARN)
    folded = sum(len(cause.explains) for cause in report.root_causes)
    if causes:
        follow = (
            f", {_count(folded, 'more result')} {'follows' if folded == 1 else 'follow'} from it"
            if folded
            else ""
        )
        follow = follow.replace(" from it", " from them") if causes > 1 else follow
        return f"{style.mark(Status.FAIL)} {style.bold(_count(causes, 'root cause'))}{follow}"
    if unknown:
        told = f"Nothing failed, but {_count(unknown, 'question')} could not be answered"
        return f"{style.mark(Status.UNKNOWN)} {style.bold(told)}"
    if warned:
        return f"{style.mark(Status.WARN)} {style.bold('Nothing failed')}, {_count(warned, 'warning')}"
    if not report.count(Status.PASS):
        return f"{style.mark(Status.UNKNOWN)} {style.bold('Nothing was checked')}"
    return f"{style.mark(Status.PASS)} {style.bold('Everything asked works from here')}"


def _causes(report: Report, style: Style) -> Iterator[str]:
    by_key = {result.key: result for result in report.results}
    for number, cause in enumerate(report.root_causes, 1):
        yield "\n".join(_cause_lines(number, cause, by_key, style))


def _cause_lines(number: int, cause: RootCause, by_key: Mapping[str, Result], style: Style) -> Iterator[str]:
    certainty = "" if cause.certain else "  (what is silent is certain; where it is lost is not)"
    title = textwrap.wrap(
        f"{number}. {printable(cause.title)}",
        style.width,
        subsequent_indent="   ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    yield from (style.bold(line) for line in title)
    yield _field("what", f"{cause.code}{certainty}", style)
    yield _field("where", cause.component, style)
    if len(cause.results) > 1:
        for key in cause.results[:6]:
            yield _field("seen", by_key[key].finding.summary, style)
        if len(cause.results) > 6:
            yield _field("seen", f"... and {len(cause.results) - 6} more", style)
    if cause.explains:
        checks = dict.fromkeys(by_key[key].check for key in cause.explains)
        yield _field("explains", f"{_count(len(cause.explains), 'result')}: {', '.join(checks)}", style)
    for fix in cause.fix:
        yield _field("fix", fix.text, style)
    yield _field("more", f"netcheck explain {by_key[cause.results[0]].check}", style)


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
        told = f"root cause {numbers[result.key]}" if result.key in numbers else result.finding.summary
        yield _row(result, style, "", told)
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
        yield [mark, f"{branch}{len(unasked)} not asked", _where(unasked[0]), _wrapped(checks, style)]


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
    words = (
        printable(result.target.endpoint if result.target.host else "pipeline")
        .replace(".", ".\0")
        .split("\0")
    )
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
    counts = ", ".join(
        f"{report.count(s)} {_WORDS[s]}" for s in Status if report.count(s) or s is Status.PASS
    )
    where = report.vantage.get("summary")
    line = f"{counts}; {report.seconds:.1f} s" + (f", from {printable(str(where))}" if where else "")
    return style.dim(line)


_WORDS = {
    Status.PASS: "passed",
    Status.WARN: "warned",
    Status.FAIL: "failed",
    Status.UNKNOWN: "unknown",
    Status.SKIP: "skipped",
}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

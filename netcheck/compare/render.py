"""A comparison as text, as JSON (schema netcheck.diff/1) and as markdown."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from netcheck.compare.change import (
    CauseChange,
    CauseTransition,
    Change,
    Diff,
    ResultChange,
    ResultState,
    Transition,
)
from netcheck.core.model import Json, Status
from netcheck.report.style import Style, printable

SCHEMA = "netcheck.diff/1"
CAUSE_LABELS = {
    CauseTransition.APPEARED: "new root cause",
    CauseTransition.RESOLVED: "resolved",
    CauseTransition.MOVED: "other components",
    CauseTransition.UNFOLDED: "now a root cause, was a consequence of another",
    CauseTransition.FOLDED: "now a consequence of another root cause",
    CauseTransition.NO_LONGER_KNOWN: "can no longer be determined",
}
CAUSE_MARKS = {
    CauseTransition.APPEARED: Status.FAIL,
    CauseTransition.RESOLVED: Status.PASS,
    CauseTransition.MOVED: Status.FAIL,
    CauseTransition.UNFOLDED: Status.FAIL,
    CauseTransition.FOLDED: Status.SKIP,
    CauseTransition.NO_LONGER_KNOWN: Status.UNKNOWN,
}
LABELS = {
    Transition.FAILED: "new failures",
    Transition.RESOLVED: "resolved",
    Transition.CAUSE_CHANGED: "other causes",
    Transition.WARNED: "new warnings",
    Transition.WARNING_GONE: "warnings gone",
    Transition.NO_LONGER_KNOWN: "can no longer be determined",
    Transition.NOW_KNOWN: "now known",
    Transition.NO_LONGER_RUN: "no longer run",
    Transition.GONE: "no longer in the report",
}
MARKS = {
    Transition.FAILED: Status.FAIL,
    Transition.RESOLVED: Status.PASS,
    Transition.CAUSE_CHANGED: Status.FAIL,
    Transition.WARNED: Status.WARN,
    Transition.WARNING_GONE: Status.PASS,
    Transition.NO_LONGER_KNOWN: Status.UNKNOWN,
    Transition.NOW_KNOWN: Status.PASS,
    Transition.NO_LONGER_RUN: Status.SKIP,
    Transition.GONE: Status.SKIP,
}


def document(diff: Diff) -> dict[str, Json]:
    """The comparison as JSON, keys in reading order."""
    return {
        "schema": SCHEMA,
        "before": diff.before,
        "after": diff.after,
        "worse": diff.worse,
        "root_causes": [_cause(cause) for cause in diff.causes],
        "changes": [_change(change) for change in diff.changes],
        "results": [_result(result) for result in diff.results],
        "new_targets": list(diff.new_targets),
        "gone_targets": list(diff.gone_targets),
        "not_compared": list(diff.not_compared),
    }


def as_json(diff: Diff) -> str:
    """One JSON document, ending in a newline."""
    return json.dumps(document(diff), indent=2, ensure_ascii=False) + "\n"


def _cause(cause: CauseChange) -> dict[str, Json]:
    return {
        "change": str(cause.transition),
        "code": cause.code,
        "component": cause.component,
        "title": cause.title,
        "shown_by": list(cause.shown_by),
        "explains": list(cause.explains),
        "before": cause.before,
    }


def _change(change: Change) -> dict[str, Json]:
    return {
        "change": str(change.act),
        "component": change.component,
        "text": change.text,
        "explains": list(change.explains),
        "proved": change.proved,
        "before": change.before,
        "after": change.after,
    }


def _result(result: ResultChange) -> dict[str, Json]:
    return {
        "change": str(result.transition),
        "key": result.key,
        "check": result.check,
        "target": result.target,
        "before": _state(result.before),
        "after": _state(result.after),
    }


def _state(state: ResultState | None) -> Json:
    if state is None:
        return None
    return {
        "status": state.status,
        "cause": state.cause,
        "summary": state.summary,
        "caused_by": state.caused_by,
    }


def verdict(diff: Diff) -> str:
    """The comparison in one line."""
    if diff.same:
        return "Nothing changed"
    new = len(diff.appeared)
    gone = sum(cause.transition is CauseTransition.RESOLVED for cause in diff.causes)
    failed = sum(result.transition is Transition.FAILED for result in diff.results)
    parts = [
        *([_count(new, "new root cause")] if new else []),
        *([_count(failed, "new failure")] if failed and not new else []),
        *([f"{_count(gone, 'root cause')} resolved"] if gone else []),
        *([_count(len(diff.changes), "configuration change")] if diff.changes else []),
    ]
    return ", ".join(parts) or "No new failures; some results differ"


def text(diff: Diff, style: Style) -> str:
    """The comparison for a terminal, ending in a newline."""
    mark = Status.FAIL if diff.worse else Status.UNKNOWN if diff.less_known else Status.PASS
    head = f"{style.mark(mark)} {style.bold(verdict(diff))}"
    blocks = [
        f"{head}, since {printable(diff.before)}",
        *_cause_blocks(diff, style),
        _block("configuration", _change_lines(_unexplained(diff), style), style),
        *_result_blocks(diff, style),
        _block("targets", _target_lines(diff), style),
        _block("not compared", diff.not_compared, style),
    ]
    written = "\n\n".join(block for block in blocks if block) + "\n"
    return written if style.unicode else written.replace("→", "->")


def _cause_blocks(diff: Diff, style: Style) -> Iterator[str]:
    numbers = {id(cause): number for number, cause in enumerate(diff.appeared, 1)}
    for cause in diff.causes:
        number = numbers.get(id(cause))
        mark, label = style.mark(CAUSE_MARKS[cause.transition]), CAUSE_LABELS[cause.transition]
        lines = [f"{mark} {style.bold(label)}: {_wrapped(cause.title, style, 2)}"]
        lines.append(f"  {style.dim('code     ')} {cause.code}, {printable(cause.component)}")
        if cause.before:
            lines.append(f"  {style.dim('before   ')} {printable(cause.before)}")
        if number:
            lines += _explanations(diff, number, style)
        yield "\n".join(lines)


def _explanations(diff: Diff, number: int, style: Style) -> Iterator[str]:
    for change in diff.changes:
        if number in change.explains:
            label = "because  " if change.proved else "perhaps  "
            proof = " (verified: with this change undone, the failure is gone)" if change.proved else ""
            explanation = f"{change.component}: {change.text}{proof}"
            yield f"  {style.dim(label)} {_wrapped(explanation, style, 12)}"


def _unexplained(diff: Diff) -> list[Change]:
    return [change for change in diff.changes if not change.explains]


def _change_lines(changes: Iterable[Change], style: Style) -> Iterator[str]:
    for change in changes:
        yield _wrapped(f"{change.component}: {change.text}", style, 4)


def _result_blocks(diff: Diff, style: Style) -> Iterator[str]:
    shown = _shown(diff)
    for transition, title in LABELS.items():
        found = [each for each in diff.results if each.transition is transition and each.key not in shown]
        own = [result for result in found if not result.folded]
        lines = [f"{style.mark(MARKS[transition])} {_wrapped(line(result), style, 4)}" for result in own]
        if folded := len(found) - len(own):
            lines.append(f"  {consequences(folded)}")
        yield _block(title, lines, style)


def consequences(count: int) -> str:
    """A line for the results that are not shown."""
    return f"{_count(count, 'consequence')} of the failures above"


def _shown(diff: Diff) -> frozenset[str]:
    """The results that the new root causes already show."""
    return frozenset(key for cause in diff.appeared for key in cause.shown_by)


def line(result: ResultChange) -> str:
    """One result that differs, in one line."""
    was, now = _status(result.before), _status(result.after)
    return f"{result.check}  {result.target}  {was} → {now}: {_summary(result)}"


def _status(state: ResultState | None) -> str:
    if state is None:
        return "none"
    return f"{state.status} ({state.cause})" if state.cause else state.status


def _summary(result: ResultChange) -> str:
    state = result.after or result.before
    return state.summary if state else ""


def _target_lines(diff: Diff) -> list[str]:
    new, gone = diff.new_targets, diff.gone_targets
    return [*(f"new: {target}" for target in new), *(f"gone: {target}" for target in gone)]


def _block(title: str, lines: Iterable[str], style: Style) -> str:
    indented = [f"  {line}" for line in lines]
    return "\n".join([style.bold(title), *indented]) if indented else ""


def _wrapped(text: str, style: Style, indent: int) -> str:
    lines = textwrap.wrap(
        printable(text),
        max(40, style.width - indent - 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"\n{' ' * (indent + 2)}".join(lines or [""])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def markdown(diff: Diff) -> str:
    """The comparison to paste into a ticket or a pull request."""
    blocks = [
        f"## {_safe(verdict(diff))}",
        f"Since `{diff.before}`, in `{diff.after}`.",
        "\n".join(_cause_items(diff)),
        _items("Configuration", [f"`{c.component}`: {_safe(c.text)}" for c in _unexplained(diff)]),
        *(
            _items(title.capitalize(), _result_items(diff, transition))
            for transition, title in LABELS.items()
        ),
        _items("Targets", [_safe(line) for line in _target_lines(diff)]),
        _items("Not compared", [_safe(line) for line in diff.not_compared]),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _cause_items(diff: Diff) -> Iterator[str]:
    numbers = {id(cause): number for number, cause in enumerate(diff.appeared, 1)}
    for cause in diff.causes:
        where = f"`{cause.code}` at `{cause.component}`"
        yield f"- **{CAUSE_LABELS[cause.transition]}**: {_safe(cause.title)} ({where})"
        for change in diff.changes:
            if numbers.get(id(cause)) in change.explains:
                label = "because" if change.proved else "perhaps because"
                yield f"  - {label} `{change.component}`: {_safe(change.text)}"


def _result_items(diff: Diff, transition: Transition) -> list[str]:
    shown = _shown(diff)
    return [
        f"`{result.check}` {_safe(result.target)}: {_status(result.before)} → {_status(result.after)}: "
        f"{_safe(_summary(result))}"
        for result in diff.results
        if result.transition is transition and not result.folded and result.key not in shown
    ]


def _items(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"### {title}", "", *(f"- {line}" for line in lines)]) if lines else ""


def _safe(text: str) -> str:
    """Text from a peer, escaped for markdown and on one line."""
    escaped = printable(text)
    for sign in "\\`*_[]<>|#":
        escaped = escaped.replace(sign, f"\\{sign}")
    return escaped

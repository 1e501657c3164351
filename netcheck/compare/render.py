"""A comparison as text, as JSON (schema netcheck.diff/1) and as markdown."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from netcheck.compare.change import Answer, CauseChange, Change, Comparison, Fate, ResultChange, Turn
from netcheck.core.model import Json, Status
from netcheck.report.style import Style, printable

SCHEMA = "netcheck.diff/1"
FATES = {
    Fate.APPEARED: "new root cause",
    Fate.RESOLVED: "resolved",
    Fate.CHANGED: "now elsewhere",
    Fate.ALONE: "now stands alone; it followed from another before",
    Fate.FOLDED: "now follows from another",
    Fate.UNCLEAR: "not known any more",
}
TURNS = {
    Turn.FAILS: "new failures",
    Turn.RESOLVED: "resolved",
    Turn.CAUSE: "other causes",
    Turn.WARNS: "new warnings",
    Turn.WARNED: "warnings gone",
    Turn.LOST: "not known any more",
    Turn.KNOWN: "known now",
    Turn.MOOT: "not asked any more",
    Turn.GONE: "not in the report any more",
}
MARKS = {
    Turn.FAILS: Status.FAIL,
    Turn.RESOLVED: Status.PASS,
    Turn.CAUSE: Status.FAIL,
    Turn.WARNS: Status.WARN,
    Turn.WARNED: Status.PASS,
    Turn.LOST: Status.UNKNOWN,
    Turn.KNOWN: Status.PASS,
    Turn.MOOT: Status.SKIP,
    Turn.GONE: Status.SKIP,
}
FATE_MARKS = {
    Fate.APPEARED: Status.FAIL,
    Fate.RESOLVED: Status.PASS,
    Fate.CHANGED: Status.FAIL,
    Fate.ALONE: Status.FAIL,
    Fate.FOLDED: Status.SKIP,
    Fate.UNCLEAR: Status.UNKNOWN,
}


def document(made: Comparison) -> dict[str, Json]:
    """The comparison as plain data, keys in the order people read them."""
    return {
        "schema": SCHEMA,
        "before": made.before,
        "after": made.after,
        "worse": made.worse,
        "root_causes": [_cause(each) for each in made.causes],
        "changes": [_change(each) for each in made.changes],
        "results": [_result(each) for each in made.results],
        "new_targets": list(made.new_targets),
        "gone_targets": list(made.gone_targets),
        "not_compared": list(made.not_compared),
    }


def as_json(made: Comparison) -> str:
    """One JSON document, ending in a newline."""
    return json.dumps(document(made), indent=2, ensure_ascii=False) + "\n"


def _cause(each: CauseChange) -> dict[str, Json]:
    return {
        "change": str(each.fate),
        "code": each.code,
        "component": each.component,
        "title": each.title,
        "shown_by": list(each.shown_by),
        "explains": list(each.explains),
        "before": each.before,
    }


def _change(each: Change) -> dict[str, Json]:
    return {
        "change": str(each.act),
        "component": each.component,
        "text": each.text,
        "explains": list(each.explains),
        "proved": each.proved,
        "before": each.before,
        "after": each.after,
    }


def _result(each: ResultChange) -> dict[str, Json]:
    return {
        "change": str(each.turn),
        "key": each.key,
        "check": each.check,
        "target": each.target,
        "before": _answer(each.before),
        "after": _answer(each.after),
    }


def _answer(each: Answer | None) -> Json:
    if each is None:
        return None
    told = {"status": each.status, "cause": each.cause, "summary": each.summary, "caused_by": each.caused_by}
    return dict(told)


def verdict(made: Comparison) -> str:
    """The comparison in a few words."""
    if made.same:
        return "Nothing changed"
    new, gone = len(made.appeared), sum(each.fate is Fate.RESOLVED for each in made.causes)
    fails = sum(each.turn is Turn.FAILS for each in made.results)
    told = [
        *([_count(new, "new root cause")] if new else []),
        *([f"{_count(fails, 'result')} failed that did not"] if fails and not new else []),
        *([f"{_count(gone, 'root cause')} resolved"] if gone else []),
    ]
    changed = _count(len(made.changes), "change")
    told += [f"{changed} of the configuration"] if made.changes else []
    if not told:
        return "Nothing fails that did not before; some answers differ"
    return ", ".join(told)


def text(made: Comparison, style: Style) -> str:
    """The comparison for a terminal, ending in a newline."""
    mark = Status.FAIL if made.worse else Status.UNKNOWN if made.less_known else Status.PASS
    head = f"{style.mark(mark)} {style.bold(verdict(made))}"
    blocks = [
        f"{head}, since {printable(made.before)}",
        *_cause_blocks(made, style),
        _block("configuration", _change_lines(_unexplained(made), style), style),
        *_result_blocks(made, style),
        _block("targets", _target_lines(made), style),
        _block("not compared", made.not_compared, style),
    ]
    written = "\n\n".join(block for block in blocks if block) + "\n"
    return written if style.unicode else written.replace("→", "->")


def _cause_blocks(made: Comparison, style: Style) -> Iterator[str]:
    numbers = {id(cause): number for number, cause in enumerate(made.appeared, 1)}
    for cause in made.causes:
        number = numbers.get(id(cause))
        mark = style.mark(FATE_MARKS[cause.fate])
        lines = [f"{mark} {style.bold(FATES[cause.fate])}: {_wrapped(cause.title, style, 2)}"]
        lines.append(f"  {style.dim('what     ')} {cause.code}, {printable(cause.component)}")
        if cause.before:
            lines.append(f"  {style.dim('before   ')} {printable(cause.before)}")
        if number:
            lines += _explanations(made, number, style)
        yield "\n".join(lines)


def _explanations(made: Comparison, number: int, style: Style) -> Iterator[str]:
    for change in made.changes:
        if number in change.explains:
            why = "because  " if change.proved else "perhaps  "
            proof = " (taken back alone, the failure is gone)" if change.proved else ""
            told = f"{change.component}: {change.text}{proof}"
            yield f"  {style.dim(why)} {_wrapped(told, style, 12)}"


def _unexplained(made: Comparison) -> list[Change]:
    return [change for change in made.changes if not change.explains]


def _change_lines(changes: Iterable[Change], style: Style) -> Iterator[str]:
    for change in changes:
        yield _wrapped(f"{change.component}: {change.text}", style, 4)


def _result_blocks(made: Comparison, style: Style) -> Iterator[str]:
    shown = _shown(made)
    for turn, title in TURNS.items():
        found = [each for each in made.results if each.turn is turn and each.key not in shown]
        own = [each for each in found if not each.folded]
        lines = [f"{style.mark(MARKS[turn])} {_wrapped(told(each), style, 4)}" for each in own]
        if len(found) > len(own):
            more = "more, which follow" if own else "which follow"
            lines.append(f"  {len(found) - len(own)} {more} from what failed")
        yield _block(title, lines, style)


def _shown(made: Comparison) -> frozenset[str]:
    """Results that a new root cause has told already."""
    return frozenset(key for cause in made.appeared for key in cause.shown_by)


def told(each: ResultChange) -> str:
    """One result that differs, in one line."""
    was, now = _status(each.before), _status(each.after)
    said = each.after or each.before
    return f"{each.check}  {each.target}  {was} → {now}: {said.summary if said else ''}"


def _status(each: Answer | None) -> str:
    if each is None:
        return "nothing"
    return f"{each.status} ({each.cause})" if each.cause else each.status


def _target_lines(made: Comparison) -> list[str]:
    return [*(f"new: {each}" for each in made.new_targets), *(f"gone: {each}" for each in made.gone_targets)]


def _block(title: str, lines: Iterable[str], style: Style) -> str:
    told = list(lines)
    return "\n".join([style.bold(title), *(f"  {line}" for line in told)]) if told else ""


def _wrapped(said: str, style: Style, indent: int) -> str:
    lines = textwrap.wrap(
        printable(said),
        max(40, style.width - indent - 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"\n{' ' * (indent + 2)}".join(lines or [""])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def markdown(made: Comparison) -> str:
    """The comparison to paste into a ticket or a pull request."""
    blocks = [
        f"## {_safe(verdict(made))}",
        f"Since `{made.before}`, in `{made.after}`.",
        "\n".join(_cause_items(made)),
        _items("Configuration", [f"`{c.component}`: {_safe(c.text)}" for c in _unexplained(made)]),
        *(_items(title.capitalize(), _result_items(made, turn)) for turn, title in TURNS.items()),
        _items("Targets", [_safe(line) for line in _target_lines(made)]),
        _items("Not compared", [_safe(line) for line in made.not_compared]),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _cause_items(made: Comparison) -> Iterator[str]:
    numbers = {id(cause): number for number, cause in enumerate(made.appeared, 1)}
    for cause in made.causes:
        where = f"`{cause.code}` at `{cause.component}`"
        yield f"- **{FATES[cause.fate]}**: {_safe(cause.title)} ({where})"
        for change in made.changes:
            if numbers.get(id(cause)) in change.explains:
                why = "because" if change.proved else "perhaps because"
                yield f"  - {why} `{change.component}`: {_safe(change.text)}"


def _result_items(made: Comparison, turn: Turn) -> list[str]:
    shown = _shown(made)
    return [
        f"`{each.check}` {_safe(each.target)}: {_status(each.before)} → {_status(each.after)}: "
        f"{_safe((each.after or each.before or _NOTHING).summary)}"
        for each in made.results
        if each.turn is turn and not each.folded and each.key not in shown
    ]


_NOTHING = Answer("", None, "", None)


def _items(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"### {title}", "", *(f"- {line}" for line in lines)]) if lines else ""


def _safe(said: str) -> str:
    """Text of a peer as markdown may hold it: no markup and no lines of its own."""
    told = printable(said)
    for sign in "\\`*_[]<>|#":
        told = told.replace(sign, f"\\{sign}")
    return told

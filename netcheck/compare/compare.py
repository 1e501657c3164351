"""Compares two sides: results, root causes, settings and AWS components. Explanations come first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from netcheck.compare.change import CauseChange, Change, Diff
from netcheck.compare.components import component_changes, not_compared
from netcheck.compare.proof import proved_by
from netcheck.compare.results import cause_changes, result_changes, targets
from netcheck.compare.settings import setting_changes
from netcheck.compare.sides import Side

Raw = Mapping[str, Any]


def compare(before: Side, after: Side) -> Diff:
    """What differs between two sides. What only one side has is named as not compared."""
    diff = Diff(before.name, after.name)
    changes: tuple[Change, ...] = ()
    gaps: list[str] = []
    if before.report is not None and after.report is not None:
        earlier, later = before.report, after.report
        was, now = targets(earlier), targets(later)
        changes += setting_changes(earlier, later)
        diff = replace(
            diff,
            causes=cause_changes(earlier, later),
            results=result_changes(earlier, later),
            new_targets=tuple(target for target in now if target not in was),
            gone_targets=tuple(target for target in was if target not in now),
        )
    else:
        gaps += [f"results: {_lacking(before, after, 'report')}"]
    if before.documents is not None and after.documents is not None:
        changes += component_changes(before.documents, after.documents)
        gaps += not_compared(before.documents, after.documents)
    elif before.documents is not None or after.documents is not None:
        gaps += [f"AWS configuration: {_lacking(before, after, 'documents')}"]
    explained = _explained(changes, diff.appeared, after.report)
    explained = proved_by(explained, diff.appeared, before, after)
    return replace(diff, changes=_explanations_first(explained), not_compared=tuple(gaps))


def _lacking(before: Side, after: Side, name: str) -> str:
    content = "results of a run" if name == "report" else "AWS network configuration"
    lacking = [side.name for side in (before, after) if getattr(side, name) is None]
    return f"{' and '.join(lacking)} {'have' if len(lacking) > 1 else 'has'} no {content}"


def _explained(
    changes: Sequence[Change], appeared: Sequence[CauseChange], report: Raw | None
) -> tuple[Change, ...]:
    """The changes, each with the new root causes that it may explain: those whose component it changes, and
    those whose results name something that it changes.
    """
    if report is None or not appeared:
        return tuple(changes)
    texts = [_text_of(cause, report) for cause in appeared]
    return tuple(
        replace(
            change,
            explains=tuple(
                number
                for number, (cause, text) in enumerate(zip(appeared, texts, strict=True), 1)
                if change.component in cause.components
                or any(_contains(text, name) for name in _names(change))
            ),
        )
        for change in changes
    )


def _names(change: Change) -> frozenset[str]:
    """What identifies a change in a text: for a rule its component, not everything that it mentions."""
    return frozenset({change.component}) if change.place and change.place.key else change.mentions


def _contains(text: str, name: str) -> bool:
    """Whether a text contains a name, other than as a part of another name."""
    place = text.find(name)
    while place >= 0:
        before, after = text[place - 1 : place], text[place + len(name) : place + len(name) + 1]
        if not (before.isalnum() or before in "-_.") and not (after.isalnum() or after in "-_"):
            return True
        place = text.find(name, place + 1)
    return False


def _text_of(cause: CauseChange, report: Raw) -> str:
    """A root cause and the results that show it, as one text."""
    by_key = {result["key"]: result for result in report["results"]}
    shown = [by_key[key] for key in cause.shown_by if key in by_key]
    results = [(result["summary"], result["target"], result.get("evidence")) for result in shown]
    return json.dumps([cause.title, cause.component, results], ensure_ascii=False, default=str)


def _explanations_first(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Proved explanations, then possible ones, then the rest in order."""
    return tuple(sorted(changes, key=lambda change: (not change.proved, not change.explains)))

"""Two sides compared: results, root causes, settings and AWS's components, with what explains put first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from netcheck.compare.change import CauseChange, Change, Comparison
from netcheck.compare.components import component_changes, not_compared
from netcheck.compare.proof import proved_by
from netcheck.compare.results import cause_changes, result_changes, targets
from netcheck.compare.settings import setting_changes
from netcheck.compare.sides import Side

Raw = Mapping[str, Any]


def compare(before: Side, after: Side) -> Comparison:
    """What is not as it was. What only one of the sides has is named as not compared."""
    made = Comparison(before.name, after.name)
    changes: tuple[Change, ...] = ()
    gaps: list[str] = []
    if before.report is not None and after.report is not None:
        one, other = before.report, after.report
        was, now = targets(one), targets(other)
        changes += setting_changes(one, other)
        made = replace(
            made,
            causes=cause_changes(one, other),
            results=result_changes(one, other),
            new_targets=tuple(each for each in now if each not in was),
            gone_targets=tuple(each for each in was if each not in now),
        )
    else:
        gaps += [f"results: {_lacking(before, after, 'report')}"]
    if before.documents is not None and after.documents is not None:
        changes += component_changes(before.documents, after.documents)
        gaps += not_compared(before.documents, after.documents)
    elif before.documents is not None or after.documents is not None:
        gaps += [f"AWS's configuration: {_lacking(before, after, 'documents')}"]
    explained = _explained(changes, made.appeared, after.report)
    explained = proved_by(explained, made.appeared, before, after)
    return replace(made, changes=_first(explained), not_compared=tuple(gaps))


def _lacking(before: Side, after: Side, name: str) -> str:
    held = "the results of a run" if name == "report" else "AWS's answers about the network"
    lacking = [side.name for side in (before, after) if getattr(side, name) is None]
    return f"{' and '.join(lacking)} {'do' if len(lacking) > 1 else 'does'} not hold {held}"


def _explained(
    changes: Sequence[Change], appeared: Sequence[CauseChange], report: Raw | None
) -> tuple[Change, ...]:
    """The changes, each with the new root causes that it may explain: it is about the component that one
    would mend, or about something on the way that the root cause's results name.
    """
    if report is None or not appeared:
        return tuple(changes)
    evidence = [_spoken_of(cause, report) for cause in appeared]
    return tuple(
        replace(
            change,
            explains=tuple(
                number
                for number, (cause, spoken) in enumerate(zip(appeared, evidence, strict=True), 1)
                if _is_about(change, cause) or any(_stands_in(name, spoken) for name in _names(change))
            ),
        )
        for change in changes
    )


def _is_about(change: Change, cause: CauseChange) -> bool:
    return change.component in cause.component.split(", ")


def _names(change: Change) -> frozenset[str]:
    """What a change is looked for by: a rule by the component it is of, not by all that it mentions."""
    return frozenset({change.component}) if change.place and change.place.key else change.mentions


def _stands_in(name: str, text: str) -> bool:
    """Whether a name stands in a text, and not as a part of another name."""
    place = text.find(name)
    while place >= 0:
        before, after = text[place - 1 : place], text[place + len(name) : place + len(name) + 1]
        if not (before.isalnum() or before in "-_.") and not (after.isalnum() or after in "-_"):
            return True
        place = text.find(name, place + 1)
    return False


def _spoken_of(cause: CauseChange, report: Raw) -> str:
    """Everything that the results of a root cause say, as one text."""
    by_key = {result["key"]: result for result in report["results"]}
    shown = [by_key[key] for key in cause.shown_by if key in by_key]
    said = [(each["summary"], each["target"], each.get("evidence")) for each in shown]
    return json.dumps([cause.title, cause.component, said], ensure_ascii=False, default=str)


def _first(changes: Sequence[Change]) -> tuple[Change, ...]:
    """What is proved to explain first, then what may, then the rest as it came."""
    return tuple(sorted(changes, key=lambda each: (not each.proved, not each.explains)))

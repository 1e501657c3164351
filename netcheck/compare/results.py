"""What changed between the results and root causes of two reports (`netcheck.report/1`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netcheck.compare.change import CauseChange, CauseTransition, ResultChange, ResultState, Transition

Raw = Mapping[str, Any]
Question = tuple[str, str]

ORDER = tuple(Transition)
CAUSE_ORDER = tuple(CauseTransition)
GOOD = ("pass", "warn")


def result_changes(before: Raw, after: Raw) -> tuple[ResultChange, ...]:
    """Every result whose status or cause differs, new failures first.

    Results are matched by check and target, and among several of those by their cause.
    """
    earlier, later = _by_question(before), _by_question(after)
    found = [
        change
        for question in dict.fromkeys([*later, *earlier])
        for was, now in _pairs(earlier.get(question, []), later.get(question, []))
        if (change := _change(was, now))
    ]
    return tuple(sorted(found, key=lambda change: (ORDER.index(change.transition), change.folded)))


def targets(report: Raw) -> tuple[str, ...]:
    """Every target that a report has results of."""
    return tuple(dict.fromkeys(result["target"] for result in report["results"]))


def _by_question(report: Raw) -> dict[Question, list[Raw]]:
    found: dict[Question, list[Raw]] = {}
    for result in report["results"]:
        found.setdefault((result["check"], result["target"]), []).append(result)
    return found


def _pairs(earlier: Sequence[Raw], later: Sequence[Raw]) -> Iterator[tuple[Raw | None, Raw | None]]:
    """Matches the results of one check and target: equal ones first, then by cause, then by order."""
    left, right = list(earlier), list(later)
    for identity in (_content, _status_and_cause):
        for was in list(left):
            match = next((now for now in right if identity(now) == identity(was)), None)
            if match is not None:
                left.remove(was)
                right.remove(match)
                yield was, match
    for place in range(max(len(left), len(right))):
        yield left[place] if place < len(left) else None, right[place] if place < len(right) else None


def _content(result: Raw) -> object:
    return result["status"], result["cause"], result["summary"]


def _status_and_cause(result: Raw) -> object:
    return result["status"], result["cause"]


def _change(before: Raw | None, after: Raw | None) -> ResultChange | None:
    transition = _transition(_status(before), _status(after), _cause(before), _cause(after))
    shown = after if after is not None else before
    if transition is None or shown is None:
        return None
    return ResultChange(
        transition, shown["key"], shown["check"], shown["target"], _state(before), _state(after)
    )


def _status(result: Raw | None) -> str:
    """The status; `not run` for a check whose prerequisite failed, `absent` for one not in the report."""
    if result is None:
        return "absent"
    not_run = result["status"] == "skip" and result["cause"] == "not_asked"
    return "not run" if not_run else str(result["status"])


def _cause(result: Raw | None) -> str | None:
    return None if result is None else result["cause"]


def _transition(
    before: str, after: str, cause_before: str | None, cause_after: str | None
) -> Transition | None:
    match before, after:
        case ("fail", "fail") | ("warn", "warn") | ("unknown", "unknown"):
            return Transition.CAUSE_CHANGED if cause_before != cause_after else None
        case (_, "fail"):
            return Transition.FAILED
        case ("fail", "pass" | "warn"):
            return Transition.RESOLVED
        case ("fail", "unknown" | "not run") | ("pass" | "warn", "unknown" | "not run"):
            return Transition.NO_LONGER_KNOWN
        case ("fail" | "warn" | "pass", "skip"):
            return Transition.NO_LONGER_RUN
        case ("fail" | "warn" | "unknown", "absent"):
            return Transition.GONE
        case (_, "warn"):
            return Transition.WARNED
        case ("warn", "pass"):
            return Transition.WARNING_GONE
        case ("unknown" | "not run" | "skip", "pass"):
            return Transition.NOW_KNOWN
        case _:
            return None


def _state(result: Raw | None) -> ResultState | None:
    if result is None:
        return None
    return ResultState(result["status"], result["cause"], result["summary"], result["caused_by"])


def cause_changes(before: Raw, after: Raw) -> tuple[CauseChange, ...]:
    """Every root cause that appeared, went or is about other components, new ones first."""
    left, right = list(before["root_causes"]), list(after["root_causes"])
    found: list[CauseChange] = []
    for is_same in (_is_equal, _overlaps):
        for was in list(left):
            match = next((now for now in right if is_same(was, now)), None)
            if match is not None:
                left.remove(was)
                right.remove(match)
                if not _is_equal(was, match):
                    found.append(_cause_change(match, CauseTransition.MOVED, was["component"]))
    earlier, later = _results(before), _results(after)
    found += [_cause_change(cause, _new_transition(cause, earlier, later)) for cause in right]
    found += [_cause_change(cause, _old_transition(cause, earlier, later)) for cause in left]
    return tuple(sorted(found, key=lambda change: CAUSE_ORDER.index(change.transition)))


def _is_equal(was: Raw, now: Raw) -> bool:
    return was["code"] == now["code"] and set(_components(was)) == set(_components(now))


def _overlaps(was: Raw, now: Raw) -> bool:
    return was["code"] == now["code"] and not set(_components(was)).isdisjoint(_components(now))


def _components(cause: Raw) -> tuple[str, ...]:
    """The components; reports of version 0.1 have them as one text only."""
    return tuple(cause.get("components") or cause["component"].split(", "))


def _cause_change(cause: Raw, transition: CauseTransition, before: str | None = None) -> CauseChange:
    return CauseChange(
        transition,
        cause["code"],
        cause["component"],
        cause["title"],
        tuple(cause.get("shown_by", ())),
        tuple(cause["explains"]),
        before,
        _components(cause),
    )


def _results(report: Raw) -> dict[str, Raw]:
    return {result["key"]: result for result in report["results"]}


def _new_transition(cause: Raw, earlier: Mapping[str, Raw], later: Mapping[str, Raw]) -> CauseTransition:
    """A failure that was a consequence and remains now that its root cause is gone is not new."""
    for key in cause.get("shown_by", ()):
        was = earlier.get(key)
        if was is None or was["status"] != "fail" or was["cause"] != later[key]["cause"]:
            return CauseTransition.APPEARED
    return CauseTransition.UNFOLDED


def _old_transition(cause: Raw, earlier: Mapping[str, Raw], later: Mapping[str, Raw]) -> CauseTransition:
    """Resolved only where every result that showed it is good now, or its target is gone."""
    remaining = {result["target"] for result in later.values()}
    shown = [earlier[key] for key in cause.get("shown_by", ()) if key in earlier]
    questions = {(result["check"], result["target"]) for result in shown if result["target"] in remaining}
    now = [result for result in later.values() if (result["check"], result["target"]) in questions]
    if any(result["status"] == "fail" and result["caused_by"] for result in now):
        return CauseTransition.FOLDED
    known = (result for result in now if result["status"] in (*GOOD, "fail"))
    answered = {(result["check"], result["target"]) for result in known}
    return CauseTransition.RESOLVED if answered == questions else CauseTransition.NO_LONGER_KNOWN

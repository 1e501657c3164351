"""What changed between the results, and the root causes, of two reports (`netcheck.report/1`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netcheck.compare.change import Answer, CauseChange, Fate, ResultChange, Turn

Raw = Mapping[str, Any]
Question = tuple[str, str]

ORDER = tuple(Turn)
FATES = tuple(Fate)
GOOD = ("pass", "warn")


def result_changes(before: Raw, after: Raw) -> tuple[ResultChange, ...]:
    """Every result whose status or cause is another, new failures first.

    Results are matched by check and target, and among several of those by their cause.
    """
    earlier, later = _by_question(before), _by_question(after)
    found = [
        change
        for question in dict.fromkeys([*later, *earlier])
        for one, other in _pairs(earlier.get(question, []), later.get(question, []))
        if (change := _change(one, other))
    ]
    return tuple(sorted(found, key=lambda each: (ORDER.index(each.turn), each.folded)))


def targets(report: Raw) -> tuple[str, ...]:
    """Every target that a report has results of."""
    return tuple(dict.fromkeys(result["target"] for result in report["results"]))


def _by_question(report: Raw) -> dict[Question, list[Raw]]:
    found: dict[Question, list[Raw]] = {}
    for result in report["results"]:
        found.setdefault((result["check"], result["target"]), []).append(result)
    return found


def _pairs(earlier: Sequence[Raw], later: Sequence[Raw]) -> Iterator[tuple[Raw | None, Raw | None]]:
    """Who is who among the results of one question: first those that say the same, then by order."""
    left, right = list(earlier), list(later)
    for same in (_said, _reason):
        for one in list(left):
            other = next((each for each in right if same(each) == same(one)), None)
            if other is not None:
                left.remove(one)
                right.remove(other)
                yield one, other
    for place in range(max(len(left), len(right))):
        yield left[place] if place < len(left) else None, right[place] if place < len(right) else None


def _said(result: Raw) -> object:
    return result["status"], result["cause"], result["summary"]


def _reason(result: Raw) -> object:
    return result["status"], result["cause"]


def _change(before: Raw | None, after: Raw | None) -> ResultChange | None:
    turn = _turn(_state(before), _state(after), _cause(before), _cause(after))
    told = after if after is not None else before
    if turn is None or told is None:
        return None
    return ResultChange(turn, told["key"], told["check"], told["target"], _answer(before), _answer(after))


def _state(result: Raw | None) -> str:
    """The status; `unasked` for a question that could not be asked, `absent` for one not in the report."""
    if result is None:
        return "absent"
    unasked = result["status"] == "skip" and result["cause"] == "not_asked"
    return "unasked" if unasked else str(result["status"])


def _cause(result: Raw | None) -> str | None:
    return None if result is None else result["cause"]


def _turn(before: str, after: str, cause_before: str | None, cause_after: str | None) -> Turn | None:
    match before, after:
        case ("fail", "fail") | ("warn", "warn") | ("unknown", "unknown"):
            return Turn.CAUSE if cause_before != cause_after else None
        case (_, "fail"):
            return Turn.FAILS
        case ("fail", "pass" | "warn"):
            return Turn.RESOLVED
        case ("fail", "unknown" | "unasked") | ("pass" | "warn", "unknown" | "unasked"):
            return Turn.LOST
        case ("fail" | "warn" | "pass", "skip"):
            return Turn.MOOT
        case ("fail" | "warn" | "unknown", "absent"):
            return Turn.GONE
        case (_, "warn"):
            return Turn.WARNS
        case ("warn", "pass"):
            return Turn.WARNED
        case ("unknown" | "unasked" | "skip", "pass"):
            return Turn.KNOWN
        case _:
            return None


def _answer(result: Raw | None) -> Answer | None:
    if result is None:
        return None
    return Answer(result["status"], result["cause"], result["summary"], result["caused_by"])


def cause_changes(before: Raw, after: Raw) -> tuple[CauseChange, ...]:
    """Every root cause that appeared, went or is about other components, new ones first."""
    left, right = list(before["root_causes"]), list(after["root_causes"])
    found: list[CauseChange] = []
    for same in (_identity, None):
        for one in list(left):
            other = next((each for each in right if _is_same(one, each, same)), None)
            if other is not None:
                left.remove(one)
                right.remove(other)
                if _identity(one) != _identity(other):
                    found.append(_told(other, Fate.CHANGED, one["component"]))
    was, now = _results(before), _results(after)
    found += [_told(each, _fate_of_new(each, was, now)) for each in right]
    found += [_told(each, _fate_of_old(each, was, now)) for each in left]
    return tuple(sorted(found, key=lambda each: FATES.index(each.fate)))


def _is_same(one: Raw, other: Raw, identity: Any) -> bool:
    if identity is not None:
        return bool(identity(one) == identity(other))
    return one["code"] == other["code"] and bool(_components(one) & _components(other))


def _identity(cause: Raw) -> tuple[str, frozenset[str]]:
    return cause["code"], _components(cause)


def _components(cause: Raw) -> frozenset[str]:
    return frozenset(cause["component"].split(", "))


def _told(cause: Raw, fate: Fate, before: str | None = None) -> CauseChange:
    shown, explains = tuple(cause.get("shown_by", ())), tuple(cause["explains"])
    return CauseChange(fate, cause["code"], cause["component"], cause["title"], shown, explains, before)


def _results(report: Raw) -> dict[str, Raw]:
    return {result["key"]: result for result in report["results"]}


def _fate_of_new(cause: Raw, was: Mapping[str, Raw], now: Mapping[str, Raw]) -> Fate:
    """A failure that was a consequence, and stands now that its cause is gone, is nothing new."""
    for key in cause.get("shown_by", ()):
        earlier = was.get(key)
        if earlier is None or earlier["status"] != "fail" or earlier["cause"] != now[key]["cause"]:
            return Fate.APPEARED
    return Fate.ALONE


def _fate_of_old(cause: Raw, was: Mapping[str, Raw], now: Mapping[str, Raw]) -> Fate:
    """Resolved only where every result that showed it is good now, or its target is no longer there."""
    there = {result["target"] for result in now.values()}
    shown = [was[key] for key in cause.get("shown_by", ()) if key in was]
    questions = {(result["check"], result["target"]) for result in shown if result["target"] in there}
    later = [result for result in now.values() if (result["check"], result["target"]) in questions]
    if any(result["status"] == "fail" and result["caused_by"] for result in later):
        return Fate.FOLDED
    known = (result for result in later if result["status"] in (*GOOD, "fail"))
    answered = {(result["check"], result["target"]) for result in known}
    return Fate.RESOLVED if answered == questions else Fate.UNCLEAR

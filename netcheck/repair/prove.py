"""Root causes with the changes that mend them, proved on a changed copy of AWS's configuration.

A failure of the configured path carries the paths it was read from; these are the questions that should be
answered `reachable`. All questions of the run are asked again with the changes: nothing else may be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from netcheck.aws.snapshot import Snapshot, from_parts
from netcheck.model import Fix, Result, RootCause
from netcheck.path.survey import GROUP_CODES
from netcheck.path.trace import QuestionError
from netcheck.path.verdict import Verdict
from netcheck.repair.apply import Parts
from netcheck.repair.awscli import command, undo
from netcheck.repair.change import Change, sentence
from netcheck.repair.elsewhere import elsewhere
from netcheck.repair.notes import notes
from netcheck.repair.place import accounts, region_of
from netcheck.repair.search import Mended, Query, Repair, repair
from netcheck.repair.terraform import in_existing, resource

Key = tuple[object, ...]


def prove(
    causes: Sequence[RootCause],
    results: Sequence[Result],
    regions: Mapping[str, Mapping[str, Any]],
    groups: Sequence[str],
    hurry: Callable[[], bool] = lambda: False,
) -> tuple[RootCause, ...]:
    """The same root causes, in the same order; those of the configured path with their changes.

    `regions` are the documents that the paths were computed from, `groups` the workers' security groups. A
    cause whose questions all pass with the changes is `fix_proved`; where several changes are needed
    together, each cause has its own and names the others.
    """
    by_key = {result.key: result for result in results}
    shown = {id(cause): [by_key[key] for key in cause.results if key in by_key] for cause in causes}
    if not any(_stopped(result) for found in shown.values() for result in found):
        return tuple(causes)
    parts = tuple(regions.items())
    snapshot = from_parts(parts)
    queries = {
        _identity(path): _query(path, snapshot, groups) for result in results for path in _paths(result)
    }
    try:
        done = repair(parts, list(queries.values()), hurry)
    except QuestionError:
        return tuple(causes)
    told = _Told(done, from_parts(done.parts))
    return tuple(told.with_fix(cause, shown[id(cause)]) for cause in causes)


def _paths(result: Result) -> list[dict[str, Any]]:
    """The traced paths that a finding of the configured side carries."""
    listed = result.finding.evidence.get("paths")
    told = {"source", "destination", "port", "protocol", "verdict"}
    each = listed if isinstance(listed, list) else []
    return [one for one in each if isinstance(one, dict) and told <= one.keys()]


def _stopped(result: Result) -> list[dict[str, Any]]:
    stopped = (Verdict.BLOCKED, Verdict.PARTIAL)
    return [path for path in _paths(result) if path["verdict"] in stopped]


def _identity(path: Mapping[str, Any]) -> Key:
    return tuple(path[key] for key in ("source", "destination", "port", "protocol"))


def _query(path: Mapping[str, Any], snapshot: Snapshot, groups: Sequence[str]) -> Query:
    query = {"from": path["source"], "to": path["destination"], "protocol": path["protocol"]}
    if path["port"] is not None:
        query["port"] = path["port"]
    if groups and path["source"] in snapshot.subnets:
        query["security_groups"] = list(groups)
    return query


def _is_about(cause: RootCause, code: str, component: str) -> bool:
    """Whether a blocker is what the cause is about. Of security groups any code of theirs is."""
    same = code == cause.code or {code, cause.code} <= GROUP_CODES
    return same and component in cause.component.split(", ")


class _Told:
    """What a repair has to say to each root cause."""

    def __init__(self, done: Repair, snapshot: Snapshot) -> None:
        self._done = done
        self._snapshot = snapshot
        self._by_query = {_identity_of(one.query): one for one in done.questions}

    def with_fix(self, cause: RootCause, shown: Sequence[Result]) -> RootCause:
        stopped = [path for result in shown for path in _stopped(result)]
        own = [path for path in stopped if any(_is_about(cause, *spot) for spot in _spots(path))]
        questions = [
            self._by_query[key]
            for key in dict.fromkeys(_identity(path) for path in own or stopped)
            if key in self._by_query
        ]
        if not questions:
            return cause
        if all(one.proved for one in questions):
            return replace(cause, fix=tuple(self._proved(cause, questions, bool(own))), fix_proved=True)
        return replace(cause, fix=(*self._unproved(cause, questions), *cause.fix))

    def _proved(self, cause: RootCause, questions: Sequence[Mended], own: bool) -> Iterator[Fix]:
        needed = [change for change in self._done.changes if any(change in one.needed for one in questions)]
        mine = [change for change in needed if self._is_for(cause, change)] if own else needed
        others = [change for change in needed if change not in mine]
        yield from fixes(mine, self._done.parts, self._snapshot)
        if not mine:
            yield Fix("text", f"Needs no change of its own. {_list('What mends it too', others)}")
        elif others:
            yield Fix("text", _list("The path needs this together with", others))

    def _unproved(self, cause: RootCause, questions: Sequence[Mended]) -> Iterator[Fix]:
        told = (*self._done.changes, *self._done.offered)
        mine = [change for change in told if self._is_for(cause, change)]
        left = dict.fromkeys(b.text for one in questions if not one.proved for b in one.after.blockers)
        left |= dict.fromkeys(u.text for one in questions if not one.proved for u in one.after.unknowns)
        rest = [text for text in left if not any(name in text for name in cause.component.split(", "))]
        if mine:
            yield from fixes(mine, self._done.parts, self._snapshot)
            if rest:
                yield Fix(
                    "text", f"Not proved to be enough. Besides, no narrow change mends this: {' '.join(rest)}"
                )
        lame = [one.query for one in questions if not one.proved]
        for text in elsewhere(lame, self._snapshot):
            yield Fix("text", text)

    def _is_for(self, cause: RootCause, change: Change) -> bool:
        return any(_is_about(cause, b.code, b.component) for b in self._done.origins[change])


def _spots(path: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for blocker in path.get("blocked_by") or []:
        yield str(blocker["code"]), str(blocker["component"])


def _identity_of(query: Query) -> Key:
    return query["from"], query["to"], query.get("port"), query["protocol"]


def _list(lead: str, changes: Iterable[Change]) -> str:
    return f"{lead}: {'; '.join(sentence(change) for change in changes)}."


def fixes(changes: Sequence[Change], parts: Parts, snapshot: Snapshot) -> Iterator[Fix]:
    """The changes as commands, as Terraform, what to know of them, and how to take them back."""
    regions = {change: region_of(change, parts, snapshot) for change in changes}
    for change in changes:
        yield Fix("awscli", command(change, regions[change]))
    for number, change in enumerate(changes, 1):
        made = resource(change, f"netcheck_{number}")
        if made:
            yield Fix("terraform", made)
    for change in changes:
        if there := in_existing(change):
            yield Fix("text", f"{there[0].upper()}{there[1:]}.")
    told = (*notes(regions, snapshot), *accounts(changes, parts))
    yield from (Fix("text", text) for text in told)
    for change in reversed(changes):
        if back := undo(change, regions[change]):
            yield Fix("undo", back)

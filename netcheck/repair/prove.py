"""Attach fixes to root causes, verified on a changed copy of AWS's configuration.

A failure of the configured path carries its traced paths; with the changes these queries have to become
`reachable`. All queries of the run are traced again with the changes: none may get worse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from netcheck.aws.ec2.snapshot import Snapshot, from_parts
from netcheck.core.evidence import Reachability, TracedPath
from netcheck.core.model import Fix, Result, RootCause
from netcheck.path.codes import SECURITY_GROUP_CODES
from netcheck.path.query import ask
from netcheck.path.trace import QuestionError
from netcheck.repair.alternative_subnets import alternative_subnets
from netcheck.repair.apply import Parts, applied
from netcheck.repair.awscli import command, undo
from netcheck.repair.change import Change, sentence
from netcheck.repair.notes import notes
from netcheck.repair.place import accounts, region_of
from netcheck.repair.search import Query, QuestionOutcome, Repair, repair
from netcheck.repair.terraform import in_existing, resource

Key = tuple[object, ...]


def prove(
    causes: Sequence[RootCause],
    results: Sequence[Result],
    regions: Mapping[str, Mapping[str, Any]],
    groups: Sequence[str],
    expired: Callable[[], bool] = lambda: False,
) -> tuple[RootCause, ...]:
    """The same root causes, in the same order; those of the configured path with their fixes.

    `regions` are the documents that the paths were computed from, `groups` the workers' security groups. A
    cause whose queries all pass with the changes is `fix_proved`. Where several changes are needed together,
    each cause prints its changes and names the others. A change that belongs to no verified cause is printed
    with the first one that needs it, so that every change of a verified fix is printed.
    """
    by_key = {result.key: result for result in results}
    shown = {id(cause): [by_key[key] for key in cause.results if key in by_key] for cause in causes}
    if not any(_stopped(result) for found in shown.values() for result in found):
        return tuple(causes)
    parts = tuple(regions.items())
    snapshot = from_parts(parts)
    queries = {
        _identity(path): _query(path, snapshot, groups) for result in results for path in result.finding.paths
    }
    try:
        done = repair(parts, list(queries.values()), expired)
    except QuestionError:
        return tuple(causes)
    writer = _FixWriter(done, parts)
    return tuple(writer.with_fixes([(cause, shown[id(cause)]) for cause in causes]))


def _stopped(result: Result) -> list[TracedPath]:
    stopped = (Reachability.BLOCKED, Reachability.PARTIAL)
    return [path for path in result.finding.paths if path.verdict in stopped]


def _identity(path: TracedPath) -> Key:
    return path.source, path.destination, path.port, path.protocol


def _query(path: TracedPath, snapshot: Snapshot, groups: Sequence[str]) -> Query:
    query: dict[str, object] = {"from": path.source, "to": path.destination, "protocol": path.protocol}
    if path.port is not None:
        query["port"] = path.port
    if groups and path.source in snapshot.subnets:
        query["security_groups"] = list(groups)
    return query


def _is_about(cause: RootCause, code: str, component: str) -> bool:
    """Whether a blocker belongs to the root cause. All codes of a security group count as the same."""
    same = code == cause.code or {code, cause.code} <= SECURITY_GROUP_CODES
    return same and component in cause.components


@dataclass(frozen=True, slots=True)
class _Proof:
    """A root cause whose queries all pass: the changes they need, and those that fix this cause."""

    needed: tuple[Change, ...]
    own: tuple[Change, ...]


class _FixWriter:
    """Writes the fixes of each root cause from a repair."""

    def __init__(self, done: Repair, before: Parts) -> None:
        self._done = done
        self._before = before
        self._snapshot = from_parts(done.parts)
        self._every = tuple(dict.fromkeys((*done.changes, *done.offered)))
        self._by_query = {_identity_of(one.query): one for one in done.questions}

    def with_fixes(self, causes: Sequence[tuple[RootCause, Sequence[Result]]]) -> Iterator[RootCause]:
        proofs = [self._proof(*each) for each in causes]
        unclaimed = set(self._done.changes).difference(*(proof.own for proof in proofs if proof))
        for (cause, shown), proof in zip(causes, proofs, strict=True):
            if proof is not None:
                extra = tuple(change for change in proof.needed if change in unclaimed)
                unclaimed.difference_update(extra)
                yield replace(cause, fix=tuple(self._proved(proof, extra)), fix_proved=True)
            elif questions := self._questions(cause, shown)[0]:
                yield replace(cause, fix=(*self._unproved(cause, questions), *cause.fix))
            else:
                yield cause

    def _questions(self, cause: RootCause, shown: Sequence[Result]) -> tuple[list[QuestionOutcome], bool]:
        """The queries of a cause, and whether the cause is their blocker."""
        stopped = [path for result in shown for path in _stopped(result)]
        own = [path for path in stopped if any(_is_about(cause, *blocker) for blocker in path.blockers)]
        keys = dict.fromkeys(_identity(path) for path in own or stopped)
        return [self._by_query[key] for key in keys if key in self._by_query], bool(own)

    def _proof(self, cause: RootCause, shown: Sequence[Result]) -> _Proof | None:
        questions, own = self._questions(cause, shown)
        if not questions or not all(one.proved for one in questions):
            return None
        needed = self._needed(questions)
        mine = tuple(change for change in needed if self._is_for(cause, change)) if own else needed
        return _Proof(needed, mine)

    def _needed(self, questions: Sequence[QuestionOutcome]) -> tuple[Change, ...]:
        """The changes that these queries need; all changes where those alone are not enough."""
        changes = self._done.changes
        needed = tuple(change for change in changes if any(change in one.needed for one in questions))
        if needed == changes:
            return changes
        snapshot = from_parts(applied(self._before, needed))
        enough = all(ask(one.query, snapshot).verdict is Reachability.REACHABLE for one in questions)
        return needed if enough else changes

    def _proved(self, proof: _Proof, extra: Sequence[Change]) -> Iterator[Fix]:
        printed = [change for change in proof.needed if change in proof.own or change in extra]
        others = [change for change in proof.needed if change not in printed]
        yield from fixes(printed, self._done.parts, self._snapshot, self._every)
        if proof.own and extra:
            yield Fix("text", _list("Also needed, though no other finding reports it", extra))
        if not printed:
            yield Fix("text", f"Needs no separate change. {_list('Also fixed by', others)}")
        elif others:
            yield Fix("text", _list("The path needs this together with", others))

    def _unproved(self, cause: RootCause, questions: Sequence[QuestionOutcome]) -> Iterator[Fix]:
        known = (*self._done.changes, *self._done.offered)
        mine = [change for change in known if self._is_for(cause, change)]
        left = dict.fromkeys(b.text for one in questions if not one.proved for b in one.after.blockers)
        left |= dict.fromkeys(u.text for one in questions if not one.proved for u in one.after.unknowns)
        rest = [text for text in left if not any(name in text for name in cause.components)]
        if mine:
            yield from fixes(mine, self._done.parts, self._snapshot, self._every)
            if rest:
                yield Fix(
                    "text",
                    f"Not verified to be enough. No narrow change also fixes this: {' '.join(rest)}",
                )
        unsolved = [one.query for one in questions if not one.proved]
        for text in alternative_subnets(unsolved, self._snapshot):
            yield Fix("text", text)

    def _is_for(self, cause: RootCause, change: Change) -> bool:
        return any(_is_about(cause, b.code, b.component) for b in self._done.origins[change])


def _identity_of(query: Query) -> Key:
    return query["from"], query["to"], query.get("port"), query["protocol"]


def _list(lead: str, changes: Iterable[Change]) -> str:
    return f"{lead}: {'; '.join(sentence(change) for change in changes)}."


def fixes(
    changes: Sequence[Change], parts: Parts, snapshot: Snapshot, among: Sequence[Change] = ()
) -> Iterator[Fix]:
    """The changes as commands and as Terraform, with notes and the commands that undo them. `among` are the
    changes of all root causes: resource names are unique within a report.
    """
    numbers = {change: number for number, change in enumerate(among or changes, 1)}
    regions = {change: region_of(change, parts, snapshot) for change in changes}
    for change in changes:
        yield Fix("awscli", command(change, regions[change]))
    for change in changes:
        made = resource(change, f"netcheck_{numbers[change]}")
        if made:
            yield Fix("terraform", made)
    for change in changes:
        if there := in_existing(change):
            yield Fix("text", f"{there[0].upper()}{there[1:]}.")
    texts = (*notes(regions, snapshot), *accounts(changes, parts))
    yield from (Fix("text", text) for text in texts)
    for change in reversed(changes):
        if back := undo(change, regions[change]):
            yield Fix("undo", back)

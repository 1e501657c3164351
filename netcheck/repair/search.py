"""Find the fewest and narrowest changes that open blocked paths, verified on a copy of the configuration.

For a blocked query: a change for every blocker, applied to a copy of AWS's responses, which is read and
traced again, until the verdict is `reachable`. Where a new route is blocked as well, the next one is tried.
Then every smaller set of the changes is tried, so that each remaining change is needed. No query that passed
before may stop passing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from netcheck.aws.ec2.snapshot import Snapshot, from_parts
from netcheck.core.evidence import Reachability
from netcheck.path.query import ask, ask_with_state
from netcheck.path.verdict import Blocker, Path
from netcheck.repair.apply import Parts, applied
from netcheck.repair.change import Change, TableRoute, TransitRoute
from netcheck.repair.filters import acl_needs, group_needs
from netcheck.repair.repair_context import Need, RepairContext, distinct
from netcheck.repair.route_summary import summarize_routes
from netcheck.repair.routing_changes import routing_needs

Query = Mapping[str, object]
"""A query as `netcheck path` takes it (netcheck.path.query)."""

_MOST_ROUNDS = 8
_MOST_TRIES = 80
"""Traces for one query: a fix that takes more is not a narrow change."""
_MOST_SUBSETS = 6
"""Up to this many changes every smaller set is tried; beyond, each change is tried for removal."""


@dataclass(frozen=True, slots=True)
class QuestionOutcome:
    """A query that was not `reachable`: its path before, its path with all changes, and the changes it
    needs.
    """

    query: Query
    before: Path
    after: Path
    needed: tuple[Change, ...]

    @property
    def proved(self) -> bool:
        return self.after.verdict is Reachability.REACHABLE


@dataclass(frozen=True, slots=True)
class Repair:
    """The changes that together make every proved query pass, and the outcome of each query.

    `origins` maps each change to the blockers it was proposed for. `offered` are changes that each remove a
    blocker of a query that cannot be fixed completely. `parts` is the configuration with the changes.
    """

    changes: tuple[Change, ...]
    origins: Mapping[Change, tuple[Blocker, ...]]
    questions: tuple[QuestionOutcome, ...]
    offered: tuple[Change, ...]
    parts: Parts

    @property
    def proved(self) -> bool:
        """Whether every query is `reachable` with the changes."""
        return bool(self.questions) and all(one.proved for one in self.questions)


def repair(parts: Parts, queries: Sequence[Query], expired: Callable[[], bool] = lambda: False) -> Repair:
    """Find changes for those of these queries that do not pass. Raises QuestionError for an invalid one.

    The changes are for all queries together: a change for one also counts for the next. Once `expired`
    returns True, nothing more is tried, and changes that may not be the fewest are not offered.
    """
    return _Search(parts, queries, expired).result()


@dataclass(slots=True)
class _Search:
    parts: Parts
    queries: Sequence[Query]
    expired: Callable[[], bool]
    origins: dict[Change, tuple[Blocker, ...]] = field(default_factory=dict)
    partly: list[Query] = field(default_factory=list)
    """Queries that passed in part before: they must not pass less."""
    tries: int = 0

    def result(self) -> Repair:
        snapshot = from_parts(self.parts)
        before = [ask(query, snapshot) for query in self.queries]
        verdicts = zip(self.queries, before, strict=True)
        self.partly = [query for query, path in verdicts if path.verdict is Reachability.PARTIAL]
        held = [
            q for q, path in zip(self.queries, before, strict=True) if path.verdict is Reachability.REACHABLE
        ]
        changes: tuple[Change, ...] = ()
        repaired: list[Query] = []
        unsolved: list[Query] = []
        for query, path in zip(self.queries, before, strict=True):
            if path.verdict not in (Reachability.BLOCKED, Reachability.PARTIAL):
                continue
            self.tries = 0
            found = self._repair(query, changes, [*held, *repaired], 0)
            if found is None:
                unsolved.append(query)
            else:
                changes = found
                repaired.append(query)
        fewest = self._fewest(changes, [*held, *repaired])
        return self._result(self._summarized(fewest, snapshot, [*held, *repaired]), before, unsolved)

    def _repair(
        self, query: Query, changes: tuple[Change, ...], held: Sequence[Query], rounds: int
    ) -> tuple[Change, ...] | None:
        """The changes plus those that this query needs, or None. Queries in `held` must still pass."""
        self.tries += 1
        parts = applied(self.parts, changes)
        snapshot = from_parts(parts)
        path, state = ask_with_state(query, snapshot)
        if path.verdict is Reachability.REACHABLE:
            return changes if self._all_pass(held, snapshot) else None
        if path.verdict is Reachability.UNKNOWN or rounds == _MOST_ROUNDS:
            return None
        for step in self._steps(needs(RepairContext(parts, snapshot, state)), changes):
            if self.tries >= _MOST_TRIES or self.expired():
                return None
            found = self._repair(query, changes + step, held, rounds + 1)
            if found is not None:
                return found
        return None

    def _steps(self, found: Sequence[Need], changes: tuple[Change, ...]) -> Iterator[tuple[Change, ...]]:
        """Sets of changes to try next: the best for each need, then with an alternative for one of them."""
        left = [_left(need, changes) for need in found]
        for need in found:
            for change in (change for option in need.options for change in option):
                known = self.origins.get(change, ())
                self.origins[change] = tuple(dict.fromkeys((*known, *need.blockers)))
        best = [options[0] if options else () for options in left]
        yield from _fresh(best, changes)
        # Forward and return through the same target, where there are several.
        for target in dict.fromkeys(_target(one) for options in left for one in options):
            yield from _fresh([_by(target, options) for options in left], changes)
        for place, (need, options) in enumerate(zip(found, left, strict=True)):
            for option in options[1:] if need.reroutes else ():
                yield from _fresh([*best[:place], option, *best[place + 1 :]], changes)

    def _fewest(self, changes: tuple[Change, ...], queries: Sequence[Query]) -> tuple[Change, ...]:
        """The smallest subset of the changes with which all of these pass; none if time is up."""
        if len(changes) <= _MOST_SUBSETS:
            smaller = (some for size in range(len(changes)) for some in combinations(changes, size))
            for some in smaller:
                if self.expired():
                    return ()
                if self._works(some, queries):
                    return some
            return changes
        for change in reversed(changes):
            if self.expired():
                return ()
            without = tuple(one for one in changes if one != change)
            if self._works(without, queries):
                changes = without
        return changes

    def _summarized(
        self, changes: tuple[Change, ...], snapshot: Snapshot, queries: Sequence[Query]
    ) -> tuple[Change, ...]:
        """Summarize routes to another VPC, where all queries still pass."""
        for routes, one in summarize_routes(snapshot, changes):
            place = changes.index(routes[0])
            rest = [change for change in changes if change not in routes]
            made = (*rest[:place], one, *rest[place:])
            if not self.expired() and self._works(made, queries):
                changes = made
                self.origins[one] = tuple(dict.fromkeys(b for route in routes for b in self.origins[route]))
        return changes

    def _works(self, changes: tuple[Change, ...], queries: Sequence[Query]) -> bool:
        return self._all_pass(queries, from_parts(applied(self.parts, changes)))

    def _all_pass(self, queries: Iterable[Query], snapshot: Snapshot) -> bool:
        """Whether all of these are reachable, and partly passing queries still are."""
        still = (Reachability.REACHABLE, Reachability.PARTIAL)
        return all(_passes(query, snapshot) for query in queries) and all(
            ask(query, snapshot).verdict in still for query in self.partly
        )

    def _result(self, changes: tuple[Change, ...], before: list[Path], unsolved: list[Query]) -> Repair:
        parts = applied(self.parts, changes)
        snapshot = from_parts(parts)
        without = {
            change: from_parts(applied(self.parts, (one for one in changes if one != change)))
            for change in changes
        }
        questions = tuple(
            QuestionOutcome(
                query, path, ask(query, snapshot), tuple(c for c in changes if not _passes(query, without[c]))
            )
            for query, path in zip(self.queries, before, strict=True)
            if path.verdict is not Reachability.REACHABLE
        )
        offered = distinct(one for query in unsolved for one in self._offered(query, parts, snapshot))
        known = distinct((*changes, *offered))
        return Repair(changes, {one: self.origins[one] for one in known}, questions, offered, parts)

    def _offered(self, query: Query, parts: Parts, snapshot: Snapshot) -> Iterator[Change]:
        """Rules that each remove a blocker of a query that cannot be fixed completely. No routes: a route
        that does not lead to the destination is no help.
        """
        path, state = ask_with_state(query, snapshot)
        for need in needs(RepairContext(parts, snapshot, state)):
            for option in () if need.reroutes or self.expired() else need.options:
                left = ask(query, from_parts(applied(parts, option))).blockers
                if len(left) < len(path.blockers) and not set(map(_spot, need.blockers)) & set(
                    map(_spot, left)
                ):
                    for change in option:
                        self.origins[change] = need.blockers
                    yield from option
                    break


def needs(context: RepairContext) -> list[Need]:
    """Everything that has to be fixed on this path, in path order."""
    return [*group_needs(context), *acl_needs(context), *routing_needs(context)]


def _spot(blocker: Blocker) -> tuple[object, ...]:
    return blocker.code, blocker.component, blocker.leg, blocker.direction


def _passes(query: Query, snapshot: Snapshot) -> bool:
    return ask(query, snapshot).verdict is Reachability.REACHABLE


def _left(need: Need, changes: tuple[Change, ...]) -> list[tuple[Change, ...]]:
    """The options that are not applied yet and that contradict no applied change."""
    return [
        option
        for option in need.options
        if not set(option) <= set(changes) and not any(_contradict(a, b) for a in option for b in changes)
    ]


def _contradict(one: Change, other: Change) -> bool:
    """Whether these are different routes of one table for one destination."""
    if isinstance(one, TableRoute | TransitRoute) and isinstance(other, TableRoute | TransitRoute):
        return one != other and (one.table, one.destination) == (other.table, other.destination)
    return False


def _target(option: tuple[Change, ...]) -> str:
    """The target of the option's route; "" if it has none."""
    return next((change.target for change in option if isinstance(change, TableRoute)), "")


def _by(target: str, options: Sequence[tuple[Change, ...]]) -> tuple[Change, ...]:
    """The option with this target, else the best."""
    return next((one for one in options if _target(one) == target), options[0] if options else ())


def _fresh(
    options: Iterable[tuple[Change, ...]], changes: tuple[Change, ...]
) -> Iterator[tuple[Change, ...]]:
    """The options together, if they contain anything new and nothing contradictory."""
    new: list[Change] = []
    for change in distinct(one for option in options for one in option):
        if change not in changes and not any(_contradict(change, other) for other in new):
            new.append(change)
    if new:
        yield tuple(new)

"""Folds every consequence under its cause. Pure: no network, no AWS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from netcheck.core.catalogue import Catalogue
from netcheck.core.model import Cause, Result, Status, Target
from netcheck.core.place import HERE, Place
from netcheck.diagnose.correlator import Correlator

DependsOn = Mapping[str, frozenset[str]]
"""For each check id, the ids of the checks whose failure on the same target explains it."""


def explain(results: Sequence[Result], catalogue: Catalogue, place: Place = HERE) -> tuple[Result, ...]:
    """The same results, those that follow from another's failure with `caused_by` set to the chain's first.

    `depends_on` is followed transitively on one target: a name that does not resolve explains a TLS handshake
    that was not asked for because there was no connection. A result that passed, or that was moot, is never
    explained away, and neither is a failure by something unknown or merely skipped. What explains another
    is itself explained by nothing, and nothing is taken out.
    """
    by_question: dict[tuple[Target, str], list[Result]] = {}
    for result in results:
        by_question.setdefault((result.target, result.check), []).append(result)
    below = _Dependencies(by_question, _without_circles(catalogue.depends_on()))
    correlator = Correlator(results, catalogue, place)
    links = {
        r.key: cause for r in results if (cause := r.caused_by or below.cause_of(r) or correlator.cause_of(r))
    }
    links |= correlator.symptoms(links)
    roots = _roots(links)
    return tuple(replace(r, caused_by=roots.get(r.key)) for r in results)


def settle(results: Sequence[Result]) -> tuple[Result, ...]:
    """The same explained results, those `unknown` that could not be asked and that nothing in the report
    explains, as what they depend on was left out of the run: they must not look as if they were settled.
    """
    return tuple(map(_settled, results))


def _settled(result: Result) -> Result:
    if result.caused_by or result.finding.cause is not Cause.NOT_ASKED or result.status is not Status.SKIP:
        return result
    text = f"could not run: {result.finding.summary}"
    return replace(result, finding=replace(result.finding, status=Status.UNKNOWN, summary=text))


@dataclass(frozen=True, slots=True)
class _Reason:
    """The keys that may explain whatever depends on a check: a failure, and something unknown."""

    failed: str | None = None
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class _Dependencies:
    """What the checks of a target depend on.

    A blocker in AWS's configuration stands for itself: each has to be fixed, whatever else blocks the path.
    """

    by_question: Mapping[tuple[Target, str], list[Result]]
    depends_on: DependsOn
    reasons: dict[tuple[Target, str], _Reason] = field(default_factory=dict)

    def cause_of(self, result: Result) -> str | None:
        """The key of the result that explains this one, or None."""
        if result.status is Status.PASS or _is_moot(result) or result.finding.code:
            return None
        below = self._below(result.target, result.check)
        return below.failed or (below.unknown if _was_not_asked(result) else None)

    def _below(self, target: Target, check: str) -> _Reason:
        reasons = [self._at(target, below) for below in sorted(self.depends_on.get(check, frozenset()))]
        return _Reason(
            next((reason.failed for reason in reasons if reason.failed), None),
            next((reason.unknown for reason in reasons if reason.unknown), None),
        )

    def _at(self, target: Target, check: str) -> _Reason:
        """What this check gives as a reason. One that worked ends the chain: what is below it is no reason
        any more. One that was not run, or was moot, passes on what is below.
        """
        if (target, check) not in self.reasons:
            own = self.by_question.get((target, check), [])
            below = self._below(target, check)
            failed = next((r.key for r in own if r.status is Status.FAIL), None)
            unknown = next(
                (r.caused_by or r.key for r in own if r.caused_by or r.status is Status.UNKNOWN), None
            )
            if not failed and not unknown and any(r.status in (Status.PASS, Status.WARN) for r in own):
                below = _Reason()
            self.reasons[target, check] = _Reason(below.failed or failed, below.unknown or unknown)
        return self.reasons[target, check]


def _without_circles(depends_on: DependsOn) -> DependsOn:
    """The same without what makes checks depend on each other: two plugins that do explain nothing."""
    reach: dict[str, set[str]] = {check: set(needed) for check, needed in depends_on.items()}
    for middle in depends_on:
        for needed in reach.values():
            if middle in needed:
                needed |= reach[middle]
    return {
        check: frozenset(one for one in needed if check not in reach.get(one, ()) and one != check)
        for check, needed in depends_on.items()
    }


def _roots(links: Mapping[str, str]) -> dict[str, str]:
    """Where each key's chain of links ends. The first key of a circle is its end: a check may report a
    missing fact and depend on one that lacked the same fact.
    """
    ends = {}
    open_links = dict(links)
    for key in links:
        seen = [key]
        while (cause := open_links.get(seen[-1])) and cause not in seen:
            seen.append(cause)
        if cause == key:
            del open_links[key]
    for key in open_links:
        end = key
        while end in open_links:
            end = open_links[end]
        ends[key] = end
    return ends


def _is_moot(result: Result) -> bool:
    """Whether the question was never one, such as TLS of a plain port: that follows from nothing."""
    return result.status is Status.SKIP and not _was_not_asked(result)


def _was_not_asked(result: Result) -> bool:
    """Whether the result only says that it could not ask: the unknown explains that, but never a failure."""
    if result.status is Status.SKIP:
        return result.finding.cause is Cause.NOT_ASKED
    return result.status is Status.UNKNOWN

"""How certain a root cause is, and what would make it so; and what each side says of it. Pure.

What AWS is configured to block is certain, as it is computed; that it is why something is silent is certain
only where a worker could have observed the silence. What answered is certain wherever it was observed,
except what depends on the vantage point: names, routes, who is let in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from netcheck.core.catalogue import Catalogue
from netcheck.core.evidence import TracedPath
from netcheck.core.model import Result, Side, Statement, Status, Target
from netcheck.core.place import Place, Where
from netcheck.core.problem import Problem, Trait
from netcheck.diagnose.correlator import is_blocker
from netcheck.diagnose.decision_table import JointVerdict, decide
from netcheck.diagnose.sides import (
    Configured,
    Observed,
    by_target,
    configured,
    is_silent,
    observed,
    paths,
    relevant_paths,
)

CONFIGURATION_UNKNOWN = (
    "AWS's configuration of this path is unknown (add --connector, or --source-subnet and "
    "--source-security-group)"
)
ASSUMED = "the path through AWS is computed on an assumption: "


@dataclass(frozen=True, slots=True)
class ReportIndex:
    """All explained results of a report, what their checks declare, and where they were observed from."""

    results: Sequence[Result]
    catalogue: Catalogue
    place: Place
    targets: Mapping[Target, Sequence[Result]]

    @staticmethod
    def made_of(results: Sequence[Result], catalogue: Catalogue, place: Place) -> ReportIndex:
        """The index of these results."""
        return ReportIndex(results, catalogue, place, by_target(results))

    def about(self, target: Target) -> Sequence[Result]:
        """All results about a target."""
        return self.targets.get(target, ())

    def problem(self, result: Result) -> Problem:
        """The declaration of a result's cause."""
        return self.catalogue.cause_of(result.finding)


def doubt(group: Sequence[Result], explained: Sequence[Result], report: ReportIndex) -> str:
    """Why a root cause is not certain, and what would make it so; "" where it is certain.

    `group` are the results that show it, `explained` those that follow from it.
    """
    first, problem = group[0], report.problem(group[0])
    if passing := _refuted(group, report):
        said = passing.finding.summary
        return f"{passing.check} passes from here all the same ({said}): check whether the workers differ"
    if is_blocker(first, report.catalogue):
        return "" if _reported_by_workers(explained) else _doubt_of_blocker(group, explained, report)
    if is_silent(first) and problem.doubt:
        open_ = problem.doubt
        return _doubt_of_silence(group, report, open_) or f"{open_}: AWS's configuration delivers it"
    if problem.confidence and first.finding.code is None:
        return _doubt_of_silence(group, report, str(problem.confidence))
    if problem.doubt:
        return _both(problem.doubt, _from_elsewhere(report))
    if assumptions := [text for one in group for text in one.finding.assumptions]:
        return f"{ASSUMED}{assumptions[0]}"
    if problem.has(Trait.CLOCK_DEPENDENT) and (skewed := _clock(report)):
        return f"{skewed}: fix that first, and run again"
    of_this_host = first.finding.code is None and _depends_on_vantage(first, report)
    if of_this_host or any(_depends_on_vantage(one, report) for one in explained):
        return _from_elsewhere(report)
    return ""


def _refuted(group: Sequence[Result], report: ReportIndex) -> Result | None:
    """The check that passes here although it could not: from elsewhere it may.

    A hosts file or another route of this host may make it pass all the same: a doubt, and no contradiction.
    """
    if report.place.where is Where.ELSEWHERE:
        return None
    pairs = {(one.target, report.problem(one).refuted_by) for one in group}
    passing = (one for one in report.results if (one.target, one.check) in pairs)
    return next((one for one in passing if one.status is Status.PASS), None)


def _depends_on_vantage(result: Result, report: ReportIndex) -> bool:
    return report.problem(result).has(Trait.VANTAGE_DEPENDENT) and not result.finding.from_workers


def _reported_by_workers(explained: Sequence[Result]) -> bool:
    """Whether the workers' own log says the same: then both sides are about the workers, wherever we are."""
    return any(one.finding.from_workers and one.status is Status.FAIL for one in explained)


def _doubt_of_blocker(group: Sequence[Result], explained: Sequence[Result], report: ReportIndex) -> str:
    """Of what AWS is configured to block: what was observed of the same targets has to fit."""
    silent = [one for one in explained if is_silent(one)]
    for blocker in group:
        seen = observed(report.about(blocker.target))
        chosen = relevant_paths(blocker.finding.paths, report.place, seen.silent | seen.answered)
        verdict = decide(seen.observed, configured(chosen, report.place), report.place.where)
        if report.place.where is Where.UNKNOWN and seen.answered:
            return f"{blocker.target.endpoint} answers here, and {_unknown_place(report)}"
        if verdict is JointVerdict.PARTLY_BLOCKED and silent and not _shows_part(explained, report):
            return (
                "AWS's configuration blocks only part of the source addresses and ports; whether what was "
                "silent was in that part is not certain"
            )
    # Of several blockers only the first explains the silence, which was observed as far from each of them.
    heard = silent or any(is_silent(one) for blocker in group for one in report.about(blocker.target))
    return _from_elsewhere(report) if heard else ""


def _shows_part(explained: Sequence[Result], report: ReportIndex) -> bool:
    """Whether a follow-up probe has shown that only part of the source ports is silent."""
    return any(report.problem(one).has(Trait.PARTIAL_SILENCE) for one in explained)


def delivers(group: Sequence[Result], report: ReportIndex) -> bool:
    """Whether AWS's configuration delivers all of what is silent, as seen from the workers' place."""
    return {verdict for verdict, *_ in _verdicts(group, report)} == {JointVerdict.PAST_AWS}


def _verdicts(
    group: Sequence[Result], report: ReportIndex
) -> Iterator[tuple[JointVerdict, Target, Sequence[TracedPath]]]:
    """What silence means together with AWS's configuration, for each target, and over which paths."""
    for one in group:
        chosen = _paths_of_silence(one, report)
        known = configured(chosen, report.place)
        yield decide(Observed.SILENT, known, report.place.where), one.target, chosen


def _paths_of_silence(one: Result, report: ReportIndex) -> Sequence[TracedPath]:
    """The paths that a silent result is about: a follow-up probe looked at the addresses of a connection."""
    own = report.about(one.target)
    seen = observed([one] if one.finding.connection else own)
    return relevant_paths(paths(own), report.place, seen.silent)


def _doubt_of_silence(group: Sequence[Result], report: ReportIndex, open_: str) -> str:
    """Of silence that nothing explains: what the other side says of it, for the target that says most. ""
    where AWS's configuration delivers. `open_` is what stays unknown without that side.
    """
    found = list(_verdicts(group, report))
    by_verdict = {verdict: target for verdict, target, _ in reversed(found)}
    for verdict in (JointVerdict.LOCAL_PATH, JointVerdict.MAY_BE_LOCAL):
        if verdict in by_verdict:
            where, because = by_verdict[verdict].endpoint, _from_elsewhere(report)
            return f"AWS's configuration lets the workers reach {where}; {because}"
    if JointVerdict.CANNOT_TELL in by_verdict:
        target = by_verdict[JointVerdict.CANNOT_TELL]
        chosen = [path for _, one, relevant in found if one == target for path in relevant]
        needs = _needs(report.about(target), chosen)
        why = f"whether AWS's configuration blocks {target.endpoint} is unknown{needs}"
        return _both(f"{open_}: {why}", _from_elsewhere(report))
    if JointVerdict.ONE_SIDED in by_verdict:
        return _both(f"{open_}: {CONFIGURATION_UNKNOWN}", _from_elsewhere(report))
    if set(by_verdict) == {JointVerdict.PAST_AWS}:
        assumed = (text for *_, relevant in found for path in relevant for text in path.assumptions)
        return next((ASSUMED + text for text in assumed), "")
    if set(by_verdict) <= {JointVerdict.BLOCKED, JointVerdict.MAY_BE_BLOCKED}:
        return f"{open_}: AWS's configuration blocks it, and the check that says where was left out"
    return f"{open_}: AWS's configuration blocks part of it"


def _needs(own: Sequence[Result], chosen: Sequence[TracedPath]) -> str:
    """The permissions that would settle it."""
    of_paths = (action for path in chosen for action in path.permissions)
    of_checks = (action for one in own for action in one.finding.missing_permissions)
    needed = ", ".join(dict.fromkeys([*of_paths, *of_checks]))
    return f" (needs {needed})" if needed else ""


def _both(one: str, other: str) -> str:
    return f"{one}; {other}" if other else one


def _from_elsewhere(report: ReportIndex) -> str:
    match report.place.where:
        case Where.SAME:
            return ""
        case Where.ELSEWHERE:
            return (
                "it was not observed from where the workers are: run netcheck in one of their subnets, with "
                "their security groups"
            )
        case Where.UNKNOWN:
            return _unknown_place(report)


def _unknown_place(report: ReportIndex) -> str:
    because = f": {report.place.why_unknown}" if report.place.why_unknown else ""
    return f"whether this run looks from where the workers are is unknown{because}"


def _clock(report: ReportIndex) -> str:
    """What says that this host's clock is off, "" where nothing does."""
    off = (one for one in report.results if report.problem(one).has(Trait.CLOCK))
    return next((one.finding.summary for one in off), "")


def evidence(first: Result, explained: Sequence[Result], report: ReportIndex) -> Iterator[Statement]:
    """One sentence from each side that has something to say of this root cause."""
    if first.finding.code is not None:
        seen = observed(report.about(first.target)).result
        shown = next((one for one in explained if one.finding.layer is not None and _is_observed(one)), seen)
        if shown is not None:
            yield Statement(Side.OBSERVED, shown.finding.summary)
        yield Statement(Side.CONFIGURED, first.finding.summary)
        return
    yield Statement(Side.OBSERVED, first.finding.observed or first.finding.summary)
    if said := _configuration_of(first, report):
        yield Statement(Side.CONFIGURED, said)


def _is_observed(result: Result) -> bool:
    """Whether it was observed, by a probe or by the workers."""
    return result.status in (Status.FAIL, Status.WARN) and result.finding.code is None


def _configuration_of(first: Result, report: ReportIndex) -> str:
    """What AWS's configuration says of the path to an observed failure's target, "" where nobody looked."""
    own = report.about(first.target)
    every = _paths_of_silence(first, report) if _is_silence(first, report) else paths(own)
    match configured(every, report.place):
        case Configured.REACHABLE:
            sources = ", ".join(dict.fromkeys(path.source for path in every))
            return f"AWS delivers: its configuration lets {sources} reach {first.target.endpoint}, both ways"
        case Configured.UNKNOWN:
            unknown = (one for one in own if one.status is Status.UNKNOWN and one.finding.paths)
            return next((one.finding.summary for one in unknown), "")
        case Configured.BLOCKED | Configured.PARTIAL:
            blockers = (one for one in own if report.problem(one).has(Trait.BLOCKS_PACKETS))
            return next((one.finding.summary for one in blockers), "")
        case _:
            return ""


def _is_silence(first: Result, report: ReportIndex) -> bool:
    """Whether it is about what got no answer."""
    return bool(report.problem(first).confidence or first.finding.observed) or is_silent(first)

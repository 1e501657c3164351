"""What is left when consequences are folded: root causes, each with its certainty, and its evidence. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netcheck.core.catalogue import Catalogue
from netcheck.core.model import Fix, Kind, Result, RootCause, Status
from netcheck.core.place import HERE, Place
from netcheck.core.problem import Trait
from netcheck.core.text import merge_sentences
from netcheck.diagnose.certainty import ReportIndex, delivers, doubt, evidence
from netcheck.diagnose.correlator import layer_index

LONGEST_TITLE = 120

LEAVE_AWS = (
    "AWS's configuration allows it in both directions: leave routes, security groups and network ACLs "
    "unchanged."
)
"""What silence comes down to where the path through AWS is known to deliver."""

FAMILY = {Kind.CLICKHOUSE_HTTPS: "ClickHouse", Kind.CLICKHOUSE_NATIVE: "ClickHouse"}
"""ClickHouse's two interfaces are one server with one certificate."""


def root_causes(
    results: Sequence[Result], catalogue: Catalogue, place: Place = HERE
) -> tuple[RootCause, ...]:
    """What is left of explained results: one for each cause that a check found, what to fix first first.

    The same cause in the same check on several targets of a kind is one root cause: six brokers with an
    expired certificate are one thing to fix. So is the same component of AWS's configuration, whichever check
    found it. What is certain comes before what is not, then what is lower in the stack, then what explains
    more; a symptom that nothing explains (the connector's state, a line of its log) comes last.
    """
    report = ReportIndex.made_of(results, catalogue, place)
    groups: dict[object, list[Result]] = {}
    for result in results:
        if result.status is Status.FAIL and result.caused_by is None:
            groups.setdefault(_identity(result, catalogue), []).append(result)
    explained: dict[str, list[tuple[int, Result]]] = {}
    for number, result in enumerate(results):
        if result.caused_by is not None:
            explained.setdefault(result.caused_by, []).append((number, result))
    found = [(_root_cause(group, explained, report), group[0]) for group in groups.values()]
    found.sort(key=lambda pair: _order(pair[0], pair[1], catalogue))
    return tuple(cause for cause, _ in found)


def _order(cause: RootCause, first: Result, catalogue: Catalogue) -> tuple[bool, bool, int, int]:
    symptom = catalogue.has(first, Trait.SYMPTOM) or first.finding.from_workers
    return not cause.certain, symptom, layer_index(first), -len(cause.explains)


def _identity(result: Result, catalogue: Catalogue) -> object:
    """What makes two failures one thing to fix: the same AWS component, or the same cause in one check."""
    finding, problem = result.finding, catalogue.cause_of(result.finding)
    if finding.code:
        return finding.code, finding.components
    if problem.has(Trait.HOST_WIDE):
        return result.check, finding.cause
    if problem.has(Trait.PATH_WIDE):
        return result.check, finding.cause, result.target.kind is Kind.KAFKA
    return result.check, finding.cause, _family(result.target.kind)


def _family(kind: Kind) -> str:
    return FAMILY.get(kind, str(kind))


def _root_cause(
    group: Sequence[Result], by_cause: Mapping[str, Sequence[tuple[int, Result]]], report: ReportIndex
) -> RootCause:
    first = group[0]
    keys = tuple(result.key for result in group)
    targets = tuple(dict.fromkeys(str(result.target) for result in group))
    numbered = [pair for key in keys for pair in by_cause.get(key, ())]
    explained = [result for _, result in sorted(numbered, key=lambda pair: pair[0])]
    unsure = doubt(group, explained, report)
    return RootCause(
        code=first.finding.code or (first.finding.cause or first.check).upper().replace(".", "_"),
        components=first.finding.components or targets,
        title=_title(group, targets, report),
        certain=not unsure,
        results=keys,
        explains=tuple(r.key for r in explained),
        fix=_fixes(group) or _advised(group, report),
        evidence=tuple(evidence(first, explained, report)),
        doubt=unsure,
    )


def _title(group: Sequence[Result], targets: Sequence[str], report: ReportIndex) -> str:
    problem = report.problem(group[0])
    if len(targets) < 2 or not problem.title:
        return group[0].finding.summary
    families = dict.fromkeys(_family(one.target.kind) for one in group)
    checked = {result.target for result in report.results}
    host_wide = problem.has(Trait.HOST_WIDE)
    if host_wide:
        checked = {one for one in checked if one.kind is not Kind.PIPELINE}
    else:
        checked = {one for one in checked if _family(one.kind) in families}
    kind = "targets" if host_wide or len(families) > 1 else _named(next(iter(families)))
    return f"{_shared_title(group) or problem.title}: {len(targets)} of {len(checked)} {kind}"


def _named(family: str) -> str:
    return "Kafka brokers" if family == Kind.KAFKA else f"{family} targets"


def _shared_title(group: Sequence[Result]) -> str:
    """What all of these say of their component of AWS's configuration, in one sentence; "" if they differ, or
    if it is too long for a title.
    """
    texts = list(dict.fromkeys(result.finding.title for result in group))
    if "" in texts:
        return ""
    merged = merge_sentences(texts)
    is_one = len(texts) == 1 or merged != " ".join(texts)
    return merged if is_one and len(merged) <= LONGEST_TITLE else ""


def _advised(group: Sequence[Result], report: ReportIndex) -> tuple[Fix, ...]:
    """What is always to be done about the cause, without what AWS's configuration has ruled out."""
    code, problem = report.catalogue.problem(group[0].finding.code), report.problem(group[0])
    if problem.confidence and delivers(group, report):
        return (Fix("text", f"{LEAVE_AWS} {problem.confidence.fix}"),)
    advice = (code.advice if code else "") or problem.advice
    return (Fix("text", advice),) if advice else ()


def _fixes(group: Sequence[Result]) -> tuple[Fix, ...]:
    """What the findings themselves propose."""
    return tuple(dict.fromkeys(fix for result in group for fix in result.finding.fixes))

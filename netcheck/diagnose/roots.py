"""What is left when consequences are folded: root causes, each with its certainty, and its evidence. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netcheck.core.model import Cause, Fix, Kind, Layer, Result, RootCause, Status
from netcheck.core.text import merge_sentences
from netcheck.diagnose.advice import ADVICE
from netcheck.diagnose.certainty import Whole, delivers, doubt, evidence
from netcheck.diagnose.confidence import EARNED
from netcheck.diagnose.correlator import SYMPTOMS
from netcheck.diagnose.place import HERE, Place

OF_THIS_HOST = frozenset(
    {
        Cause.DNS_TIMED_OUT,
        Cause.DNS_SERVFAIL,
        Cause.DNS_REFUSED,
        Cause.DNS_MALFORMED,
        Cause.DNS_RESOLVER_FAILED,
        Cause.NETWORK_UNREACHABLE,
        Cause.PERMISSION_DENIED,
        Cause.NO_INTERNET,
        Cause.TLS_INTERCEPTED,
        Cause.CLOCK_SKEW,
    }
)
"""One thing to mend whatever the kinds of the targets: a name server, this host's routes, clock or proxy."""

OF_THE_WAY = frozenset({Cause.MTU_BLACK_HOLE, Cause.PACKET_LOSS, Cause.TLS_HELLO_FILTERED})
"""One thing on the way, whatever is at its end; the way to the brokers is another than the way out."""

LONGEST_TITLE = 120

FAMILY = {Kind.CLICKHOUSE_HTTPS: "ClickHouse", Kind.CLICKHOUSE_NATIVE: "ClickHouse"}
"""ClickHouse's two interfaces are one server with one certificate."""


def root_causes(results: Sequence[Result], place: Place = HERE) -> tuple[RootCause, ...]:
    """What is left of explained results: one for each cause that a check found, what to mend first first.

    The same cause in the same check on several targets of a kind is one root cause: six brokers with an
    expired certificate are one thing to mend. So is the same component of AWS's configuration, whoever found
    it. What is certain comes before what is not, then what is lower in the stack, then what explains more; a
    symptom that nothing explains (the connector's state, a line of its log) comes after its betters.
    """
    report = Whole.seen_from(place, results)
    groups: dict[object, list[Result]] = {}
    for result in results:
        if result.status is Status.FAIL and result.caused_by is None:
            groups.setdefault(_identity(result), []).append(result)
    explained: dict[str, list[tuple[int, Result]]] = {}
    for place_in_report, result in enumerate(results):
        if result.caused_by is not None:
            explained.setdefault(result.caused_by, []).append((place_in_report, result))
    found = [(_root_cause(group, explained, report), group[0]) for group in groups.values()]
    found.sort(key=lambda pair: _order(*pair))
    return tuple(cause for cause, _ in found)


def _order(cause: RootCause, first: Result) -> tuple[bool, bool, int, int]:
    symptom = first.finding.cause in SYMPTOMS or first.check.startswith("logs.")
    layer = first.finding.layer
    height = list(Layer).index(layer) if layer else len(Layer)
    return not cause.certain, symptom, height, -len(cause.explains)


def _identity(result: Result) -> object:
    """What makes two failures one thing to mend: the same AWS component, or the same cause in one check."""
    finding = result.finding
    if finding.code:
        return finding.code, finding.component
    if finding.cause in OF_THIS_HOST:
        return result.check, finding.cause
    if finding.cause in OF_THE_WAY:
        return result.check, finding.cause, result.target.kind is Kind.KAFKA
    return result.check, finding.cause, _family(result.target.kind)


def _family(kind: Kind) -> str:
    return FAMILY.get(kind, str(kind))


def _root_cause(
    group: Sequence[Result], by_cause: Mapping[str, Sequence[tuple[int, Result]]], report: Whole
) -> RootCause:
    first = group[0]
    cause = first.finding.cause
    keys = tuple(result.key for result in group)
    targets = tuple(dict.fromkeys(str(result.target) for result in group))
    told = [pair for key in keys for pair in by_cause.get(key, ())]
    explained = [result for _, result in sorted(told, key=lambda pair: pair[0])]
    unsure = doubt(group, explained, report)
    return RootCause(
        code=first.finding.code or (cause or first.check).upper().replace(".", "_"),
        component=first.finding.component or ", ".join(targets),
        title=_title(group, targets, report),
        certain=not unsure,
        results=keys,
        explains=tuple(r.key for r in explained),
        fix=_fixes(group) or _advised(group, report),
        evidence=tuple(evidence(first, explained, report)),
        doubt=unsure,
    )


def _title(group: Sequence[Result], targets: Sequence[str], report: Whole) -> str:
    cause = group[0].finding.cause
    if len(targets) < 2 or cause is None:
        return group[0].finding.summary
    families = dict.fromkeys(_family(one.target.kind) for one in group)
    asked = {result.target for result in report.results}
    if cause in OF_THIS_HOST:
        asked = {one for one in asked if one.kind is not Kind.PIPELINE}
    else:
        asked = {one for one in asked if _family(one.kind) in families}
    one_kind = len(families) == 1 and cause not in OF_THIS_HOST
    kind = _named(next(iter(families))) if one_kind else "targets"
    return f"{_said(group) or ADVICE[cause].title}: {len(targets)} of {len(asked)} {kind}"


def _named(family: str) -> str:
    return "Kafka brokers" if family == Kind.KAFKA else f"{family} targets"


def _said(group: Sequence[Result]) -> str:
    """What all of these say of their component of AWS's configuration, in one sentence; "" if they differ, or
    if it is too long for a title.
    """
    told = [str(result.finding.evidence.get("brief") or "") for result in group]
    texts = list(dict.fromkeys(told))
    if "" in texts:
        return ""
    whole = merge_sentences(texts)
    is_one = len(texts) == 1 or whole != " ".join(texts)
    return whole if is_one and len(whole) <= LONGEST_TITLE else ""


def _advised(group: Sequence[Result], report: Whole) -> tuple[Fix, ...]:
    """What is always to be done about the cause, without what AWS's configuration has ruled out."""
    cause = group[0].finding.cause
    if cause is None:
        return ()
    if cause in EARNED and delivers(group, report):
        return (Fix("text", EARNED[cause].mend),)
    return (Fix("text", ADVICE[cause].mend),)


def _fixes(group: Sequence[Result]) -> tuple[Fix, ...]:
    """What the findings themselves propose: `{"kind": ..., "text": ...}`, or a list of such, under `fix`."""
    found: list[Fix] = []
    for result in group:
        given = result.finding.evidence.get("fix")
        for one in given if isinstance(given, list) else [given]:
            match one:
                case {"kind": str(kind), "text": str(text)}:
                    found.append(Fix(kind, text))
    return tuple(dict.fromkeys(found))

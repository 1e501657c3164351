"""From results to root causes: folds every consequence under its cause. Pure: no network, no AWS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from netcheck.advice import ADVICE
from netcheck.model import Cause, Fix, Kind, Result, RootCause, Status, Target

After = Mapping[str, frozenset[str]]
"""For each check id, the ids of the checks whose failure explains it."""

SILENCE = frozenset({Cause.TIMED_OUT, Cause.DNS_TIMED_OUT})
"""An answer proves that the path works both ways, and speaks for itself; silence only says that something
on the path swallows packets, not what."""


def explain(results: Sequence[Result], after: After) -> tuple[Result, ...]:
    """The same results, those that follow from another's failure with `caused_by` set to the chain's first.

    `after` is followed transitively on one target: a name that does not resolve explains a TLS handshake
    that was not asked for because there was no connection. A result that passed, or that was moot, is never
    explained away, and neither is a failure by something unknown or merely skipped. Nothing is taken out.
    """
    by_question: dict[tuple[Target, str], list[Result]] = {}
    for result in results:
        by_question.setdefault((result.target, result.check), []).append(result)
    folder = _Folder(by_question, after)
    return tuple(replace(r, caused_by=r.caused_by or folder.root_of(r, frozenset())) for r in results)


@dataclass(frozen=True, slots=True)
class _Folder:
    by_question: Mapping[tuple[Target, str], list[Result]]
    after: After

    def root_of(self, result: Result, seen: frozenset[str]) -> str | None:
        """The key of the result that explains this one, or None. `seen` ends a plugin's circular `after`."""
        if result.status is Status.PASS or _is_moot(result) or result.check in seen:
            return None
        for check in sorted(self.after.get(result.check, frozenset())):
            for parent in self.by_question.get((result.target, check), ()):
                above = parent.caused_by or self.root_of(parent, seen | {result.check})
                if above is not None:
                    return above
                if parent.status is Status.FAIL or (
                    parent.status is Status.UNKNOWN and _was_not_asked(result)
                ):
                    return parent.key
        return None


def _is_moot(result: Result) -> bool:
    """Whether the question was never one, such as TLS of a plain port: that follows from nothing."""
    return result.status is Status.SKIP and not _was_not_asked(result)


def _was_not_asked(result: Result) -> bool:
    """Whether the result only says that it could not ask: the unknown explains that, but never a failure."""
    return result.status is Status.UNKNOWN or result.finding.cause is Cause.NOT_ASKED


def root_causes(results: Sequence[Result]) -> tuple[RootCause, ...]:
    """What is left when consequences are folded: one for each cause that a check found, worst first.

    The same cause in the same check on several targets of a kind is one root cause: six brokers with an
    expired certificate are one thing to mend.
    """
    groups: dict[tuple[str, Cause | None, Kind], list[Result]] = {}
    for result in results:
        if result.status is Status.FAIL and result.caused_by is None:
            groups.setdefault((result.check, result.finding.cause, result.target.kind), []).append(result)
    asked = {kind: len({r.target for r in results if r.target.kind is kind}) for kind in Kind}
    causes = [_root_cause(group, results, asked[group[0].target.kind]) for group in groups.values()]
    return tuple(sorted(causes, key=lambda cause: (not cause.certain, -len(cause.explains))))


def _root_cause(group: list[Result], results: Sequence[Result], asked: int) -> RootCause:
    first = group[0]
    cause = first.finding.cause
    keys = tuple(result.key for result in group)
    targets = tuple(dict.fromkeys(str(result.target) for result in group))
    advice = ADVICE[cause] if cause else None
    title = first.finding.summary
    if len(targets) > 1 and advice:
        title = f"{advice.title}: {len(targets)} of {asked} {first.target.kind} targets"
    return RootCause(
        code=(cause or first.check).upper().replace(".", "_"),
        component=targets[0] if len(targets) == 1 else ", ".join(targets),
        title=title,
        certain=cause not in SILENCE,
        results=keys,
        explains=tuple(r.key for r in results if r.caused_by in keys),
        fix=(Fix("text", advice.mend),) if advice else (),
    )

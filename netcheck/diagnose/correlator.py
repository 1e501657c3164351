"""What explains a result beside the checks that it depends on: another side, or another target. Pure.

A check's `depends_on` says what its question needs, on one target. Here is the rest: silence follows from
what AWS's configuration stops; and every problem says by itself which failures follow from it (`Explains`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from netcheck.core.catalogue import Catalogue
from netcheck.core.model import Cause, Explains, Layer, Result, Status, Target
from netcheck.core.place import Place, Where
from netcheck.core.problem import Trait
from netcheck.diagnose.sides import Configured, configured, is_silent, observed, relevant_paths


class Correlator:
    """What explains the results of one report from another side, or from another target."""

    def __init__(self, results: Sequence[Result], catalogue: Catalogue, place: Place) -> None:
        self._catalogue = catalogue
        self._place = place
        self._failed = [result for result in results if result.status is Status.FAIL]
        self._by_target: dict[Target, list[Result]] = {}
        for result in self._failed:
            self._by_target.setdefault(result.target, []).append(result)
        self._rules = [(one, rule) for one in self._failed for rule in catalogue.explains(one)]

    def cause_of(self, result: Result) -> str | None:
        """The key of the failure that explains this result, or None."""
        if result.finding.cause == Cause.NOT_ASKED:
            return self._declared(result)
        if result.status not in (Status.FAIL, Status.WARN):
            return None
        if result.finding.code:
            return self._declared(result)
        found = self._blocked(result) if self._is_silent(result) else None
        return found or self._declared(result) or self._confirmed(result)

    def symptoms(self, links: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """What MSK Connect reports of the connector follows from the first thing that is wrong, if anything
        is.
        """
        open_ones = [one for one in self._failed if one.key not in links]
        wrong = [one for one in open_ones if not self._is_symptom(one) and self._is_of_workers(one)]
        for one in open_ones:
            if self._catalogue.has(one, Trait.STATE) and wrong:
                yield one.key, min(wrong, key=layer_index).key

    def _is_symptom(self, result: Result) -> bool:
        return self._catalogue.has(result, Trait.SYMPTOM)

    def _is_of_workers(self, result: Result) -> bool:
        """Whether the failure is one of the workers, and not only of this host. What their log says is
        another symptom.
        """
        of_this_host = self._catalogue.has(result, Trait.VANTAGE_DEPENDENT)
        elsewhere = self._place.where is not Where.SAME and of_this_host
        return not result.finding.from_workers and not elsewhere

    def _is_silent(self, result: Result) -> bool:
        return is_silent(result) or self._catalogue.has(result, Trait.SILENCE)

    def _blocked(self, silent: Result) -> str | None:
        """What AWS's configuration stops of it, what stops all first."""
        on_target = self._by_target.get(silent.target, [])
        ranked = [(rank, one.key) for one in on_target if (rank := self._rank(one, silent)) is not None]
        return min(ranked, key=lambda pair: pair[0])[1] if ranked else None

    def _rank(self, blocker: Result, silent: Result) -> int | None:
        """0 where this stops all of what is silent, 1 where a part, None where it is about other flows."""
        if not is_blocker(blocker, self._catalogue):
            return None
        own = [path for path in blocker.finding.paths if concerns(blocker, path.blockers)]
        if not own:
            return 0
        chosen = relevant_paths(own, self._place, observed([silent]).silent)
        match configured(chosen, self._place):
            case Configured.BLOCKED:
                return 0
            case Configured.PARTIAL:
                return 1
            case _:
                return None

    def _declared(self, result: Result) -> str | None:
        """The failure that declares that this result follows from it."""
        fitting = (
            failure.key
            for failure, rule in self._rules
            if failure.key != result.key and self._follows(result, failure, rule)
        )
        return next(fitting, None)

    def _follows(self, result: Result, failure: Result, rule: Explains) -> bool:
        """Whether a result is one of those that a rule of this failure is about."""
        return (
            rule.not_run == (result.finding.cause == Cause.NOT_ASKED)
            and self._is_about(result, rule)
            and (not rule.causes or result.finding.cause in rule.causes)
            and (not rule.checks or result.check in rule.checks)
            and (not rule.hosts or result.target.host in rule.hosts)
            and (result.target == failure.target or not rule.same_target)
        )

    def _is_about(self, result: Result, rule: Explains) -> bool:
        """Whether the rule is about results of that kind: a blocker stands for itself unless it says so."""
        if result.target.kind not in rule.kinds or result.target.endpoint in rule.unless:
            return False
        if rule.same_place and self._place.where is Where.ELSEWHERE:
            return False
        if rule.silent and not self._is_silent(result):
            return False
        coded = bool(result.finding.code)
        return is_blocker(result, self._catalogue) if rule.blocked else not coded or bool(rule.checks)

    def _confirmed(self, result: Result) -> str | None:
        """The failure that shows the same live: a line of a log names the checks that look at its cause. Only
        of targets whose host the lines name, where they name any.
        """
        if result.status is not Status.FAIL:
            return None
        others = [one for one in self._failed if one.key != result.key]
        hosts = {one.target.host for one in others if one.target.host} & set(result.finding.hosts)
        fitting = [one for one in others if not hosts or one.target.host in ("", *hosts)]
        found = {(one.check, one.target.kind): one.key for one in reversed(fitting)}
        named = ((one.check, one.kind) for one in result.finding.confirms)
        return next((found[one] for one in named if one in found), None)


def is_blocker(result: Result, catalogue: Catalogue) -> bool:
    """Whether the result says that AWS's configuration stops packets, and where."""
    return result.finding.code is not None and catalogue.has(result, Trait.BLOCKS_PACKETS)


def concerns(blocker: Result, blockers: Sequence[tuple[str, str]]) -> bool:
    """Whether a path is stopped by what this failure is about."""
    return any((blocker.finding.code, one) in blockers for one in blocker.finding.components)


def layer_index(result: Result) -> int:
    """How far up the stack the result is; what has no layer comes last."""
    layer = result.finding.layer
    return list(Layer).index(layer) if layer else len(Layer)

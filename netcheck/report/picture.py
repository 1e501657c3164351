"""A root cause's path as a picture has it: the hops there and back, in order, with what breaks it.

Made from the evidence of a finding: a replayed report is drawn like a fresh one, and nothing of the path
engine is imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netcheck.core.components import ComponentType, component_type
from netcheck.core.model import Report, RootCause

_WAYS = {"egress": "out", "ingress": "in"}
_WHY = {
    "ENI_SG_RULES_MISMATCH": "no matching allow rule",
    "SG_HAS_NO_RULES": "it has no rules",
    "SUBNET_ACL_RESTRICTION": "no matching allow rule",
    "NO_ROUTE_TO_DESTINATION": "no route",
    "NO_POSSIBLE_DESTINATION": "nothing has this address",
    "BAD_STATE": "not available",
}
"""Said of a hop that breaks the path and has no rule to show; any other code speaks for itself."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One hop. `code` is why it breaks the path, empty where it does not; `own`: it is the cause drawn."""

    component: str
    kind: str
    way: str
    text: str
    code: str = ""
    own: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """One path: `there` and `back` with their ends. `whole`: nothing passes; else only a part is stopped."""

    source: str
    destination: str
    there: tuple[Stage, ...]
    back: tuple[Stage, ...]
    whole: bool


def of_cause(report: Report, cause: RootCause) -> Picture | None:
    """The first path that this cause breaks; None where it is no matter of a path through AWS."""
    evidence = {result.key: result.finding.evidence for result in report.results}
    for key in cause.results:
        paths = evidence.get(key, {}).get("paths")
        for path in paths if isinstance(paths, list) else ():
            if isinstance(path, dict) and _breaks(path, cause):
                return of_answer(path, cause.components, cause.code)
    return None


def _breaks(path: Mapping[str, object], cause: RootCause) -> bool:
    components = cause.components
    return any(_text(blocker, "component") in components for blocker in _items(path.get("blocked_by")))


def of_answer(answer: Mapping[str, object], components: Sequence[str] = (), code: str = "") -> Picture:
    """An answer of the path engine with its `steps`. `components` are those that the picture is about; with
    `code`, only where that is why.
    """
    blockers = _items(answer.get("blocked_by"))
    own = {id(b) for b in blockers if _text(b, "component") in components}
    if code and any(id(b) in own and _text(b, "code") == code for b in blockers):
        own = {id(b) for b in blockers if id(b) in own and _text(b, "code") == code}
    hops = answer.get("steps") or answer.get("hops")
    legs = hops if isinstance(hops, dict) else {}
    protocol = _text(answer, "protocol").upper()
    port = answer.get("port")
    where = _text(answer, "destination")
    return Picture(
        _text(answer, "source"),
        f"{where}, {protocol}" if port is None else f"{where}, {protocol} {port}",
        _leg(legs.get("forward"), [b for b in blockers if _text(b, "leg") != "return"], own),
        _leg(legs.get("return"), [b for b in blockers if _text(b, "leg") == "return"], own),
        answer.get("verdict") == "blocked",
    )


def _leg(hops: object, blockers: Sequence[Mapping[str, object]], own: set[int]) -> tuple[Stage, ...]:
    """The hops of one direction. A blocker that is no hop (nothing has the address) comes last."""
    left = list(blockers)
    stages = []
    for hop in hops if isinstance(hops, list) else []:
        step = hop if isinstance(hop, dict) else {"component": hop}
        here = [blocker for blocker in left if _is_at(blocker, step)]
        left = [blocker for blocker in left if blocker not in here]
        stages.append(_stage(step, here, own))
    return (*stages, *(_stage({"component": _text(b, "component")}, [b], own) for b in left))


def _is_at(blocker: Mapping[str, object], step: Mapping[str, object]) -> bool:
    """A packet may meet the same network ACL twice, outbound and inbound."""
    directions = {_text(blocker, "direction"), _text(step, "direction")} - {""}
    return _text(blocker, "component") == _text(step, "component") and len(directions) < 2


def _stage(step: Mapping[str, object], blockers: Sequence[Mapping[str, object]], own: set[int]) -> Stage:
    first = next((b for b in blockers if id(b) in own), blockers[0] if blockers else {})
    code, component = _text(first, "code"), _text(step, "component")
    return Stage(
        component,
        kind_of(component),
        _WAYS.get(_text(step, "direction") or _text(first, "direction"), ""),
        _text(step, "text") or _WHY.get(code, ""),
        code,
        id(first) in own,
    )


def kind_of(component: str) -> str:
    """AWS's term for the type of a resource; empty for what is not a resource id."""
    kind = component_type(component)
    return "" if kind is ComponentType.OTHER else kind.value


def _items(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(entry: Mapping[str, object], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""

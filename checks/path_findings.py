"""From traced paths to findings, for checks/routes.py, checks/security.py and others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netcheck.aws.ec2.addresses import format_address
from netcheck.core.components import Concern
from netcheck.core.evidence import Passing, Reachability, TracedPath
from netcheck.core.model import Cause, Finding, Json, Layer, Status, Target
from netcheck.core.text import first_few

if TYPE_CHECKING:
    from netcheck.aws.ec2.snapshot import Snapshot
    from netcheck.path.aggregate import BlockerGroup, Traced
    from netcheck.path.verdict import Unknown

MOST_SHOWN = 4


def blocked(
    traced: Sequence[Traced], target: Target, concerns: Collection[Concern], cause: Cause, layer: Layer
) -> Iterator[Finding]:
    """One failure for each blocker to fix."""

    from netcheck.path.aggregate import group_blockers

    for group in group_blockers(traced, concerns):
        yield Finding(
            Status.FAIL,
            f"{_from(group, traced)} to {target.endpoint}: {group.text}",
            cause,
            layer,
            code=group.code.value,
            components=group.components,
            title=_brief(group, traced),
            **_traced([one for one in traced if one.source in group.sources]),
        )


def filtered(traced: Sequence[Traced], target: Target) -> Iterator[Finding]:
    """The traffic that security groups and network ACLs block."""
    yield from blocked(traced, target, {Concern.SECURITY_GROUP}, Cause.PATH_SECURITY_GROUP, Layer.FILTER)
    yield from blocked(traced, target, {Concern.NETWORK_ACL}, Cause.PATH_NETWORK_ACL, Layer.FILTER)


def undecided(traced: Sequence[Traced], target: Target) -> Iterator[Finding]:
    """One `unknown` for each gap in the data, with the IAM action that returns it."""

    from netcheck.path.aggregate import unknowns

    for unknown in unknowns(traced):
        text = (
            f"whether {sources(traced)} reach {target.endpoint} is unknown: {unknown.text}{_needs(unknown)}"
        )
        yield Finding(
            Status.UNKNOWN,
            text,
            Cause.PATH_UNKNOWN,
            Layer.ROUTE,
            code=unknown.code.value,
            components=(unknown.component,),
            missing_permissions=(unknown.action,) if unknown.action else (),
            **_traced(traced),
        )


def _needs(unknown: Unknown) -> str:
    return f" (needs {unknown.action})" if unknown.action and unknown.action not in unknown.text else ""


def passes(text: str, traced: Sequence[Traced], layer: Layer) -> Finding:
    return Finding(Status.PASS, text, None, layer, **_traced(traced))


def differs(text: str, traced: Sequence[Traced]) -> Finding:
    return Finding(Status.FAIL, text, Cause.PATH_PARTIAL, Layer.ROUTE, **_traced(traced))


def is_undecided(traced: Iterable[Traced]) -> bool:

    return any(one.path.verdict is Reachability.UNKNOWN for one in traced)


def is_blocked(traced: Iterable[Traced], concerns: Collection[Concern]) -> bool:
    return any(blocker.concern in concerns for one in traced for blocker in one.path.blockers)


def sources(traced: Iterable[Traced]) -> str:
    """The worker subnets, as a list in words."""
    return _listed(one.source for one in traced)


def to_internet(traced: Iterable[Traced]) -> list[Traced]:
    """The paths to public addresses."""
    import ipaddress

    return [one for one in traced if ipaddress.ip_address(one.address).is_global]


def exits(snapshot: Snapshot, traced: Iterable[Traced]) -> str:
    """Where each subnet's traffic leaves: `subnet-a by nat-1 (us-east-1a, 203.0.113.5)`."""
    described = dict.fromkeys(f"{one.source} by {_exit(snapshot, one)}" for one in traced)
    return "; ".join(described)


def _exit(snapshot: Snapshot, one: Traced) -> str:
    for hop in one.path.forward:
        nat = snapshot.nats.get(hop.component)
        if nat is not None:
            subnet = snapshot.subnets.get(nat.subnet) if nat.subnet else None
            addresses = [format_address(4, a.public) for a in nat.addresses if a.public is not None]
            return f"{nat.id} ({', '.join([*([subnet.zone] if subnet else []), *addresses])})"
    return one.path.forward[-1].component if one.path.forward else "nothing"


def differences(traced: Sequence[Traced], target: Target) -> str:
    """Which subnets reach the target and which do not, in one sentence."""

    by_verdict = {
        verdict: _listed(one.source for one in traced if one.path.verdict is verdict)
        for verdict in dict.fromkeys(one.path.verdict for one in traced)
    }
    words = {
        Reachability.REACHABLE: "always from {}",
        Reachability.PARTIAL: "for some addresses or ports of {}",
        Reachability.BLOCKED: "never from {}",
    }
    described = ", ".join(
        text.format(by_verdict[verdict]) for verdict, text in words.items() if verdict in by_verdict
    )
    return f"{target.endpoint} is reachable {described}"


def _from(group: BlockerGroup, traced: Sequence[Traced]) -> str:
    partly = "" if group.whole else "part of the traffic "
    everywhere = _is_everywhere(group, traced) and len(group.sources) > 1
    return f"{partly}from {'every worker subnet' if everywhere else _listed(group.sources)}".strip()


def _is_everywhere(group: BlockerGroup, traced: Sequence[Traced]) -> bool:
    return set(group.sources) == {one.source for one in traced}


def _brief(group: BlockerGroup, traced: Sequence[Traced]) -> str:
    """The blocker, without the target and without the workers' addresses: for a title."""
    if group.brief and group.whole:
        who = "the workers" if _is_everywhere(group, traced) else _listed(group.sources)
        return f"{group.brief} from {who}"
    return group.text.removesuffix(".")


def _listed(names: Iterable[str]) -> str:
    return first_few(list(dict.fromkeys(names)), MOST_SHOWN)


def _traced(traced: Sequence[Traced]) -> dict[str, Any]:
    """The fields of a finding about these paths: typed, and as evidence for readers."""
    answers = [_answer(one) for one in traced]
    shown: list[Json] = [
        {"source": one.source, **answer} for one, answer in zip(traced, answers, strict=True)
    ]
    typed = tuple(_typed(one, answer) for one, answer in zip(traced, answers, strict=True))
    return {"evidence": {"paths": shown}, "paths": typed}


def _answer(one: Traced) -> dict[str, Any]:
    """The path as JSON; a blocked one with the rule of each hop, so that a report can draw it."""

    from netcheck.path.query import as_json, steps

    drawn = {"steps": steps(one.path)} if one.path.blockers else {}
    return as_json(one.path) | drawn


def _typed(one: Traced, answer: Mapping[str, Any]) -> TracedPath:
    return TracedPath(
        answer["source"],
        answer["destination"],
        one.path.verdict,
        answer["protocol"],
        one.path.port,
        tuple((blocker.code.value, blocker.component) for blocker in one.path.blockers),
        tuple(_passing(rectangle) for rectangle in answer.get("passing", ())),
        tuple(dict.fromkeys(unknown.action for unknown in one.path.unknowns if unknown.action)),
        one.path.assumptions,
    )


def _passing(rectangle: Mapping[str, Any]) -> Passing:
    ports = tuple((low, high) for low, high in rectangle["source_ports"])
    return Passing(tuple(rectangle["source_addresses"]), ports, "translated" in rectangle)

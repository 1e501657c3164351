"""Blockers of several paths, grouped for a reader.

A pipeline's workers may run in any of several subnets, and a name may have several addresses: each pair
is one traced path. A blocker that several paths share has one fix, so blockers are grouped by component and
rule.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from netcheck.core.components import ComponentType, Concern, component_type
from netcheck.core.evidence import Reachability
from netcheck.core.text import merge_sentences
from netcheck.path.codes import Code
from netcheck.path.verdict import Blocker, Leg, Path, Unknown


@dataclass(frozen=True, slots=True)
class Traced:
    """One path: from a worker subnet to one address of the target."""

    source: str
    address: str
    path: Path


@dataclass(frozen=True, slots=True)
class BlockerGroup:
    """The same blocker on several paths: one thing to fix.

    `components` has several entries where a rule in any of them is enough (security groups). `sources` are
    the blocked worker subnets; `whole` says whether all of their flows are blocked. `brief` is the text
    without the senders' addresses, where these are the workers' addresses and not those of a NAT gateway.
    """

    code: Code
    leg: Leg
    components: tuple[str, ...]
    text: str
    sources: tuple[str, ...]
    addresses: tuple[str, ...]
    whole: bool
    brief: str = ""


def group_blockers(traced: Iterable[Traced], concerns: Collection[Concern]) -> tuple[BlockerGroup, ...]:
    """The blockers of these paths that belong to one of these concerns, each once, in path order."""
    groups: dict[object, list[tuple[Traced, Blocker]]] = {}
    for one in traced:
        for blocker in one.path.blockers:
            if blocker.concern in concerns:
                groups.setdefault(_identity(blocker, one), []).append((one, blocker))
    return tuple(_grouped(group) for group in groups.values())


def _identity(blocker: Blocker, one: Traced) -> object:
    """Blockers with the same identity have the same fix. A rule in any of an interface's security groups is
    enough.
    """
    if blocker.concern is Concern.SECURITY_GROUP:
        groups = tuple(
            b.component
            for b in one.path.blockers
            if b.concern is Concern.SECURITY_GROUP and _side(b) == _side(blocker)
        )
        return "groups", groups, _side(blocker)
    return blocker.code, blocker.component, blocker.leg, blocker.direction, blocker.rule


def _side(blocker: Blocker) -> tuple[Leg, str | None]:
    return blocker.leg, blocker.direction


def _grouped(group: Sequence[tuple[Traced, Blocker]]) -> BlockerGroup:
    blockers = [blocker for one, blocker in group if one is group[0][0]]
    components = tuple(dict.fromkeys(blocker.component for blocker in blockers))
    return BlockerGroup(
        blockers[0].code,
        blockers[0].leg,
        components,
        " ".join(merge_sentences(b.text for _, b in group if b.component == name) for name in components),
        tuple(dict.fromkeys(one.source for one, _ in group)),
        tuple(dict.fromkeys(one.address for one, _ in group)),
        all(one.path.verdict is Reachability.BLOCKED for one, _ in group),
        _brief(group) if len(components) == 1 else "",
    )


def _brief(group: Sequence[tuple[Traced, Blocker]]) -> str:
    """The text without the workers' addresses, empty where some text names no senders or a NAT gateway."""
    briefs = {blocker.brief for _, blocker in group}
    if len(briefs) > 1 or any(_is_translated(one.path) for one, _ in group):
        return ""
    return briefs.pop()


def _is_translated(path: Path) -> bool:
    return any(component_type(hop.component) is ComponentType.NAT_GATEWAY for hop in path.forward)


def unknowns(traced: Iterable[Traced]) -> tuple[Unknown, ...]:
    """Every gap that an unknown verdict depends on, each once."""
    found = (
        unknown for one in traced if one.path.verdict is Reachability.UNKNOWN for unknown in one.path.unknowns
    )
    return tuple(dict.fromkeys(found))

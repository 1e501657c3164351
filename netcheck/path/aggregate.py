"""The same question from several sources at once: what stops which of them, put together for a reader.

A pipeline's workers may run in any of several subnets, and a name may have several addresses: each pair
is one traced path. What stops several of them is one thing to mend, so blockers are gathered by the
component and the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from netcheck.core.text import merge_sentences
from netcheck.path.codes import Code
from netcheck.path.verdict import Blocker, Leg, Path, Unknown, Verdict

GROUP_CODES = frozenset(
    {
        Code.ENI_SG_RULES_MISMATCH,
        Code.SG_HAS_NO_RULES,
        Code.SG_REFERENCES_NOT_PRESERVED,
        Code.SG_REFERENCING_SUPPORT,
        Code.UNKNOWN_PEERED_SGS,
    }
)
ACL_CODES = frozenset({Code.SUBNET_ACL_RESTRICTION})
INTERNET_CODES = frozenset(
    {
        Code.IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS,
        Code.IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS,
        Code.IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS,
        Code.NGW_REQUIRES_SOURCE_IN_VPC,
        Code.NGW_ROUTES_TO_ITSELF,
        Code.NGW_SOURCE_ADDRESS_REASSIGN,
        Code.REGIONAL_NGW_ROUTE_AZ_RESTRICTION,
        Code.VPC_BLOCK_PUBLIC_ACCESS_ENABLED,
    }
)
"""Codes of the way out to the internet: NAT gateways, internet gateways, block public access."""


@dataclass(frozen=True, slots=True)
class Traced:
    """One path: from a worker subnet to one address of the target."""

    source: str
    address: str
    path: Path


@dataclass(frozen=True, slots=True)
class Stop:
    """One thing that stops traffic. `components` are several where any one of them would do (security
    groups).

    `sources` are the worker subnets it stops, `whole` is whether it stops all of their flows. `of_senders`:
    the text ends with the senders' addresses, and these are the workers' own, not those of a NAT gateway.
    """

    code: Code
    leg: Leg
    components: tuple[str, ...]
    text: str
    sources: tuple[str, ...]
    addresses: tuple[str, ...]
    whole: bool
    of_senders: bool = False


def stops(traced: Iterable[Traced], wanted: Callable[[Blocker], bool]) -> tuple[Stop, ...]:
    """Everything that stops any of these paths and that is `wanted`, each once, in the order met."""
    groups: dict[object, list[tuple[Traced, Blocker]]] = {}
    for one in traced:
        for blocker in one.path.blockers:
            if wanted(blocker):
                groups.setdefault(_identity(blocker, one), []).append((one, blocker))
    return tuple(_stop(group) for group in groups.values())


def _identity(blocker: Blocker, one: Traced) -> object:
    """What makes two blockers the same thing to mend. Of an interface's security groups one rule in any
    would do.
    """
    if blocker.code in GROUP_CODES:
        groups = tuple(
            b.component for b in one.path.blockers if b.code in GROUP_CODES and _side(b) == _side(blocker)
        )
        return "groups", groups, _side(blocker)
    return blocker.code, blocker.component, blocker.leg, blocker.direction, blocker.rule


def _side(blocker: Blocker) -> tuple[Leg, str | None]:
    return blocker.leg, blocker.direction


def _stop(group: Sequence[tuple[Traced, Blocker]]) -> Stop:
    blockers = [blocker for one, blocker in group if one is group[0][0]]
    components = tuple(dict.fromkeys(blocker.component for blocker in blockers))
    return Stop(
        blockers[0].code,
        blockers[0].leg,
        components,
        " ".join(merge_sentences(b.text for _, b in group if b.component == name) for name in components),
        tuple(dict.fromkeys(one.source for one, _ in group)),
        tuple(dict.fromkeys(one.address for one, _ in group)),
        all(one.path.verdict is Verdict.BLOCKED for one, _ in group),
        all(_names_senders(*each) for each in group),
    )


def _names_senders(one: Traced, blocker: Blocker) -> bool:
    translated = any(hop.component.startswith("nat-") for hop in one.path.forward)
    return blocker.code is Code.ENI_SG_RULES_MISMATCH and blocker.direction == "ingress" and not translated


def unknowns(traced: Iterable[Traced]) -> tuple[Unknown, ...]:
    """Everything that is not known and that any verdict depends on, each once."""
    found = (
        unknown for one in traced if one.path.verdict is Verdict.UNKNOWN for unknown in one.path.unknowns
    )
    return tuple(dict.fromkeys(found))

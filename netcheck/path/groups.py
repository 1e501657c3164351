"""Security groups at both ends of a path: outbound at the sender, inbound at the receiver; replies pass.

Source: VPC user guide, Security groups (stateful; a reference stands for private addresses of the interfaces
that hold the group), and for what keeps or drops references the peering and transit gateway guides.
"""

from __future__ import annotations

from netcheck.aws.ec2.addresses import format_address
from netcheck.aws.ec2.entities import GroupReference, NetworkInterface, SecurityGroupRule
from netcheck.aws.ec2.snapshot import Gap
from netcheck.path.codes import Code
from netcheck.path.filters import CompiledGroups, GroupAnswer, ask_groups, compiled_groups
from netcheck.path.flows import Rectangle, Region
from netcheck.path.trace_state import TraceState, region_text, unknown_from
from netcheck.path.verdict import Blocker, Explanation, Hop, Leg, Unknown

_NONE: frozenset[str] = frozenset()
_WITHOUT_GROUPS = frozenset(
    {
        "nat_gateway",
        "natGateway",
        "network_load_balancer",
        "gateway_load_balancer",
        "gateway_load_balancer_endpoint",
        "transit_gateway",
        "global_accelerator_managed",
    }
)
"""Kinds of interface that may hold no security group: nothing filters there."""


def check_outbound(walk: TraceState, groups: tuple[str, ...] | None, piece: Region) -> list[Hop]:
    """The sender's groups against the destination. Returns the hops to show."""
    component = walk.stretches[0].component
    if groups is None:
        walk.doubt(
            piece,
            unknown_from(
                Code.UNKNOWN_RESOURCE,
                component,
                Gap(
                    "security_groups",
                    "",
                    f"which security groups a host in {component} holds was not said: name them",
                ),
            ),
        )
        return []
    if not groups:
        sender = walk.snapshot.interfaces.get(component)
        bare = sender is not None and sender.kind in _WITHOUT_GROUPS
        return [] if bare else _no_groups(walk, component, piece)
    far = walk.stretch.far
    compiled = compiled_groups(walk.snapshot, groups, True, walk.flow.version, walk.flow.protocol)
    receiver = walk.end.interface if walk.end is not None else None
    peers = frozenset(receiver.groups) if receiver is not None and walk.egress_references else _NONE
    answer = ask_groups(compiled, walk.flow.port, far, far, peers)
    if not answer.refused:
        return _admitted(groups, answer, "egress")
    hidden = answer.references if receiver is None and walk.egress_references else []
    doubt = _doubt(walk, compiled, answer, [one for one in hidden if _members_are_unknown(walk, one[0])])
    text = f"has no outbound rule for {walk.flow.name} to {format_address(walk.flow.version, far)}"
    _refuse(walk, groups, compiled, answer, piece, "egress", text, doubt)
    return [Hop(group, None, "egress") for group in groups]


def check_inbound(walk: TraceState, interface: NetworkInterface) -> list[Hop]:
    """The receiver's groups against every source address of the present stretch."""
    groups = interface.groups
    if not groups:
        return (
            [] if interface.kind in _WITHOUT_GROUPS else _no_groups(walk, interface.id, walk.stretch.region)
        )
    flow = walk.flow
    compiled = compiled_groups(walk.snapshot, groups, False, flow.version, flow.protocol)
    kept = walk.lost_groups is None and walk.groups_unknown is None
    peers = walk.source_groups if kept else _NONE
    admitted: GroupAnswer | None = None
    refused: GroupAnswer | None = None
    denied: list[Rectangle] = []
    for first, last, low, high in walk.stretch.region:
        answer = ask_groups(compiled, flow.port, first, last, peers)
        if answer.refused:
            refused = answer
            denied += [(a, b, low, high) for a, b in answer.refused]
        else:
            admitted = admitted or answer
    if refused is not None:
        _refuse_inbound(walk, groups, compiled, refused, tuple(denied), kept)
    return (
        [Hop(group, None, "ingress") for group in groups]
        if admitted is None
        else _admitted(groups, admitted, "ingress")
    )


def _refuse_inbound(
    walk: TraceState,
    groups: tuple[str, ...],
    compiled: CompiledGroups,
    answer: GroupAnswer,
    denied: Region,
    kept: bool,
) -> None:
    flow = walk.flow
    text = f"has no inbound rule for {flow.name} from {region_text(flow.version, denied)}"
    doubt = _doubt(walk, compiled, answer, answer.references if walk.source_groups_unknown and kept else [])
    if walk.groups_unknown is not None and _would_match(answer, walk.source_groups):
        doubt = doubt or walk.groups_unknown
    _refuse(walk, groups, compiled, answer, denied, "ingress", text, doubt)


def _admitted(groups: tuple[str, ...], answer: GroupAnswer, direction: str) -> list[Hop]:
    if answer.admitted_by is None:
        return [Hop(group, None, direction) for group in groups]
    rule, group = answer.admitted_by
    return [Hop(group, rule, direction)]


def _no_groups(walk: TraceState, component: str, piece: Region) -> list[Hop]:
    walk.doubt(
        piece,
        unknown_from(
            Code.UNKNOWN_RESOURCE,
            component,
            Gap(
                "NetworkInterfaces",
                "ec2:DescribeNetworkInterfaces",
                f"{component} is listed without any security group, though every such interface has one",
            ),
        ),
    )
    return []


def _would_match(answer: GroupAnswer, groups: frozenset[str]) -> bool:
    return any(isinstance(r.peer, GroupReference) and r.peer.group in groups for r, _ in answer.references)


def _members_are_unknown(walk: TraceState, rule: SecurityGroupRule) -> bool:
    """Whether an address that no known interface has may still hold the group that the rule refers to."""
    if walk.end is not None and walk.end.kind in ("internet", "service"):
        return False  # references stand for private addresses
    known = isinstance(rule.peer, GroupReference) and rule.peer.group in walk.snapshot.groups
    return not known or walk.snapshot.missing("NetworkInterfaces") is not None


def _doubt(
    walk: TraceState,
    compiled: CompiledGroups,
    answer: GroupAnswer,
    hidden: list[tuple[SecurityGroupRule, str]],
) -> Unknown | None:
    """Why a refusal is not certain: a group, a prefix list or who holds a group referred to is not known."""
    if compiled.unknown_groups:
        name = compiled.unknown_groups[0]
        return walk.absent("SecurityGroups", name, f"the rules of {name}", None)
    if answer.unknown_lists:
        rule, group = answer.unknown_lists[0]
        return walk.absent(
            "PrefixListEntries",
            str(rule.peer),
            f"what {rule.peer} in {group} covers",
            None,
        )
    if hidden:
        rule, group = hidden[0]
        return Unknown(
            Code.UNKNOWN_PEERED_SGS,
            group,
            "NetworkInterfaces",
            "ec2:DescribeNetworkInterfaces",
            f"{group} refers to {rule.peer}; whether the other end holds it is not known.",
        )
    return None


def _refuse(
    walk: TraceState,
    groups: tuple[str, ...],
    compiled: CompiledGroups,
    answer: GroupAnswer,
    denied: Region,
    direction: str,
    text: str,
    doubt: Unknown | None,
) -> None:
    if doubt is not None:
        walk.doubt(denied, doubt)
        return
    for group in groups:
        empty = group in compiled.empty_groups
        code = Code.SG_HAS_NO_RULES if empty else Code.ENI_SG_RULES_MISMATCH
        word = "outbound" if direction == "egress" else "inbound"
        sentence = f"{group} has no {word} rules at all." if empty else f"{group} {text}."
        explanations = tuple(_lost(walk, rule, of) for rule, of in _lost_rules(walk, answer, group))
        walk.fault(denied, Blocker(code, Leg.FORWARD, group, direction, None, sentence, explanations))


def _lost_rules(walk: TraceState, answer: GroupAnswer, group: str) -> list[tuple[SecurityGroupRule, str]]:
    """Rules that refer to a group the sender holds, but the path drops that knowledge."""
    if walk.lost_groups is None:
        return []
    return [
        (rule, of)
        for rule, of in answer.references
        if of == group and isinstance(rule.peer, GroupReference) and rule.peer.group in walk.source_groups
    ]


def _lost(walk: TraceState, rule: SecurityGroupRule, group: str) -> Explanation:
    lost = walk.lost_groups
    assert lost is not None
    return Explanation(lost.code, lost.component, f"{group}: {rule.text} does not apply: {lost.text}.")

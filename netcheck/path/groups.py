"""Security groups at both ends of a path: outbound at the sender, inbound at the receiver. Stateful.

Sources: VPC user guide, Security groups (replies need no rule; a reference means the private addresses of the
interfaces that have the group); peering and transit gateway guides (where references work).
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
"""Types of interface that may have no security group: nothing filters there."""


def check_outbound(state: TraceState, groups: tuple[str, ...] | None, flows: Region) -> list[Hop]:
    """Check the destination against the sender's groups. Returns the hops to show."""
    component = state.segments[0].component
    if groups is None:
        state.doubt(
            flows,
            unknown_from(
                Code.UNKNOWN_RESOURCE,
                component,
                Gap(
                    "security_groups",
                    "",
                    f"the sender's security groups in {component} were not given: specify them",
                ),
            ),
        )
        return []
    if not groups:
        sender = state.snapshot.interfaces.get(component)
        bare = sender is not None and sender.kind in _WITHOUT_GROUPS
        return [] if bare else _no_groups(state, component, flows)
    far = state.segment.far
    compiled = compiled_groups(state.snapshot, groups, True, state.flow.version, state.flow.protocol)
    receiver = state.end.interface if state.end is not None else None
    peers = frozenset(receiver.groups) if receiver is not None and state.egress_references else _NONE
    answer = ask_groups(compiled, state.flow.port, far, far, peers)
    if not answer.denied:
        return _admitted(groups, answer, "egress")
    hidden = answer.references if receiver is None and state.egress_references else []
    doubt = _doubt(state, compiled, answer, [one for one in hidden if _members_are_unknown(state, one[0])])
    text = f"does not allow outbound {state.flow.name} to {format_address(state.flow.version, far)}"
    _refuse(state, groups, compiled, answer, flows, "egress", text, "", doubt)
    return [Hop(group, None, "egress") for group in groups]


def check_inbound(state: TraceState, interface: NetworkInterface) -> list[Hop]:
    """Check every source address of the current segment against the receiver's groups."""
    groups = interface.groups
    if not groups:
        return (
            [] if interface.kind in _WITHOUT_GROUPS else _no_groups(state, interface.id, state.segment.region)
        )
    flow = state.flow
    compiled = compiled_groups(state.snapshot, groups, False, flow.version, flow.protocol)
    kept = state.lost_groups is None and state.groups_unknown is None
    peers = state.source_groups if kept else _NONE
    admitted: GroupAnswer | None = None
    refused: GroupAnswer | None = None
    denied: list[Rectangle] = []
    for first, last, low, high in state.segment.region:
        answer = ask_groups(compiled, flow.port, first, last, peers)
        if answer.denied:
            refused = answer
            denied += [(a, b, low, high) for a, b in answer.denied]
        else:
            admitted = admitted or answer
    if refused is not None:
        _refuse_inbound(state, groups, compiled, refused, tuple(denied), kept)
    return (
        [Hop(group, None, "ingress") for group in groups]
        if admitted is None
        else _admitted(groups, admitted, "ingress")
    )


def _refuse_inbound(
    state: TraceState,
    groups: tuple[str, ...],
    compiled: CompiledGroups,
    answer: GroupAnswer,
    denied: Region,
    kept: bool,
) -> None:
    flow = state.flow
    brief = f"does not allow inbound {flow.name}"
    text = f"{brief} from {region_text(flow.version, denied)}"
    doubt = _doubt(state, compiled, answer, answer.references if state.source_groups_unknown and kept else [])
    if state.groups_unknown is not None and _would_match(answer, state.source_groups):
        doubt = doubt or state.groups_unknown
    _refuse(state, groups, compiled, answer, denied, "ingress", text, brief, doubt)


def _admitted(groups: tuple[str, ...], answer: GroupAnswer, direction: str) -> list[Hop]:
    if answer.allowed_by is None:
        return [Hop(group, None, direction) for group in groups]
    rule, group = answer.allowed_by
    return [Hop(group, rule, direction)]


def _no_groups(state: TraceState, component: str, flows: Region) -> list[Hop]:
    state.doubt(
        flows,
        unknown_from(
            Code.UNKNOWN_RESOURCE,
            component,
            Gap(
                "NetworkInterfaces",
                "ec2:DescribeNetworkInterfaces",
                f"{component} is listed without a security group, but interfaces of its type have one",
            ),
        ),
    )
    return []


def _would_match(answer: GroupAnswer, groups: frozenset[str]) -> bool:
    return any(isinstance(r.peer, GroupReference) and r.peer.group in groups for r, _ in answer.references)


def _members_are_unknown(state: TraceState, rule: SecurityGroupRule) -> bool:
    """Whether an interface missing from the snapshot may have the address and the referenced group."""
    if state.end is not None and state.end.kind in ("internet", "service"):
        return False  # references match private addresses only
    known = isinstance(rule.peer, GroupReference) and rule.peer.group in state.snapshot.groups
    return not known or state.snapshot.missing("NetworkInterfaces") is not None


def _doubt(
    state: TraceState,
    compiled: CompiledGroups,
    answer: GroupAnswer,
    hidden: list[tuple[SecurityGroupRule, str]],
) -> Unknown | None:
    """Why a denial is not certain: a group, a prefix list or the members of a group are not known."""
    if compiled.unknown_groups:
        name = compiled.unknown_groups[0]
        return state.absent("SecurityGroups", name, f"the rules of {name}", None)
    if answer.unknown_lists:
        rule, group = answer.unknown_lists[0]
        return state.absent(
            "PrefixListEntries",
            str(rule.peer),
            f"the content of prefix list {rule.peer}, used in {group},",
            None,
        )
    if hidden:
        rule, group = hidden[0]
        return Unknown(
            Code.UNKNOWN_PEERED_SGS,
            group,
            "NetworkInterfaces",
            "ec2:DescribeNetworkInterfaces",
            f"{group} references {rule.peer}; whether the other end has that group is not known.",
        )
    return None


def _refuse(
    state: TraceState,
    groups: tuple[str, ...],
    compiled: CompiledGroups,
    answer: GroupAnswer,
    denied: Region,
    direction: str,
    text: str,
    brief: str,
    doubt: Unknown | None,
) -> None:
    if doubt is not None:
        state.doubt(denied, doubt)
        return
    for group in groups:
        empty = group in compiled.empty_groups
        code = Code.SG_HAS_NO_RULES if empty else Code.ENI_SG_RULES_MISMATCH
        word = "outbound" if direction == "egress" else "inbound"
        sentence = f"{group} has no {word} rules." if empty else f"{group} {text}."
        explanations = tuple(_lost(state, rule, of) for rule, of in _lost_rules(state, answer, group))
        short = f"{group} {brief}" if brief and not empty else ""
        state.fault(denied, Blocker(code, Leg.FORWARD, group, direction, None, sentence, explanations, short))


def _lost_rules(state: TraceState, answer: GroupAnswer, group: str) -> list[tuple[SecurityGroupRule, str]]:
    """Rules that reference a group of the sender, where the path does not preserve references."""
    if state.lost_groups is None:
        return []
    return [
        (rule, of)
        for rule, of in answer.references
        if of == group and isinstance(rule.peer, GroupReference) and rule.peer.group in state.source_groups
    ]


def _lost(state: TraceState, rule: SecurityGroupRule, group: str) -> Explanation:
    lost = state.lost_groups
    assert lost is not None
    return Explanation(lost.code, lost.component, f"{group}: {rule.text} does not apply: {lost.text}.")

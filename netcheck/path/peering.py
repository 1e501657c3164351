"""VPC peering: routes on both sides, not transitive, security group references within one Region.

Source: VPC peering guide (unsupported configurations: edge to edge routing; security group references need an
active connection in one Region).
"""

from __future__ import annotations

from netcheck.aws.ec2.entities import PeeringSide
from netcheck.aws.ec2.snapshot import Gap
from netcheck.path.codes import Code
from netcheck.path.flows import Region
from netcheck.path.steps import ENDED, Deliver, Onward
from netcheck.path.trace_state import Lost, TraceState, inside
from netcheck.path.verdict import Leg


def through_peering(state: TraceState, peering_id: str, vpc: str, flows: Region) -> Onward:
    """Cross a peering connection out of `vpc`."""
    state.hop(peering_id)
    peering = state.snapshot.peerings.get(peering_id)
    if peering is None:
        state.give_up_absent(flows, "VpcPeeringConnections", peering_id, peering_id, vpc)
        return ENDED
    side = peering.other_side(vpc)
    if side is None or side.vpc == vpc:
        text = f"{peering_id} does not connect {vpc} to another VPC."
        state.stop(flows, Code.NO_POSSIBLE_DESTINATION, peering_id, text)
        return ENDED
    if peering.status != "active":
        state.stop(flows, Code.BAD_STATE, peering_id, f"{peering_id} is {peering.status}, not active.")
        return ENDED
    if vpc not in state.snapshot.vpcs:
        state.give_up_absent(flows, "Vpcs", vpc, f"{vpc} on this side of {peering_id}", None)
        return ENDED
    if not _addresses_belong(state, peering_id, vpc, side, flows):
        return ENDED
    if not peering.one_region and state.leg is Leg.FORWARD:
        state.egress_references = False
        state.lost_groups = Lost(
            Code.SG_REFERENCES_NOT_PRESERVED,
            peering_id,
            f"{peering_id} connects two Regions, and security group references work only within one Region",
        )
    if side.vpc not in state.snapshot.vpcs:
        _unknown_peer(state, side, peering_id, flows)
        return ENDED
    return ((flows, Deliver(side.vpc, None)),)


def _addresses_belong(state: TraceState, peering_id: str, vpc: str, side: PeeringSide, flows: Region) -> bool:
    """Sender and receiver must be in the two peered VPCs."""
    outsider = _outsider(state, vpc)
    if outsider is not None:
        state.stop(
            flows,
            Code.PCX_REQUIRES_ADDRESS_IN_VPC_CIDR,
            peering_id,
            f"{peering_id} carries only traffic of {vpc}, not traffic from {outsider}.",
        )
        return False
    peer = state.snapshot.vpcs.get(side.vpc)
    version = state.flow.version
    listed = peer.prefixes if peer is not None else side.prefixes
    blocks = [block for block in listed if block.version == version]
    address = state.segment.far
    targets = ((address, address, 0, 0),) if state.leg is Leg.FORWARD else flows
    unknown = peer is None and not blocks
    if unknown or inside(tuple(blocks), version, targets):
        return True
    ranges = ", ".join(str(block) for block in listed)
    state.stop(
        flows,
        Code.PCX_REQUIRES_ADDRESS_IN_VPC_CIDR,
        peering_id,
        f"{peering_id} leads only to {side.vpc} ({ranges}); {state.target_text(flows)} is not in it, "
        "and VPC peering is not transitive.",
    )
    return False


def _outsider(state: TraceState, vpc: str) -> str | None:
    """Where packets from outside `vpc` originate: another VPC, or an address outside its CIDR blocks."""
    if state.leg is Leg.FORWARD:
        return state.segment.vpc if state.segment.vpc != vpc else None
    if state.end is not None and state.end.vpc != vpc:
        return state.end.vpc
    far = state.segment.far
    own = inside(state.snapshot.vpcs[vpc].prefixes, state.flow.version, ((far, far, 0, 0),))
    return None if own else state.far_text


def _unknown_peer(state: TraceState, side: PeeringSide, peering_id: str, flows: Region) -> None:
    where = f"account {side.owner or 'unknown'}, Region {side.region or 'unknown'}"
    gap = state.snapshot.missing("Vpcs")
    reason = f": {gap.reason}" if gap else ""
    state.give_up(
        flows,
        Code.UNKNOWN_RESOURCE,
        side.vpc,
        Gap(
            "Vpcs",
            "ec2:DescribeVpcs",
            f"{side.vpc} ({where}) on the other side of {peering_id} is not in the snapshot{reason}.",
        ),
    )

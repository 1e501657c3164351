"""VPC peering: both sides' routes, no transit, security groups kept within one Region.

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


def through_peering(walk: TraceState, peering_id: str, vpc: str, piece: Region) -> Onward:
    """Cross a peering connection out of `vpc`."""
    walk.hop(peering_id)
    peering = walk.snapshot.peerings.get(peering_id)
    if peering is None:
        walk.give_up_absent(piece, "VpcPeeringConnections", peering_id, peering_id, vpc)
        return ENDED
    side = peering.other_side(vpc)
    if side is None or side.vpc == vpc:
        text = f"{peering_id} does not connect {vpc} with another VPC."
        walk.stop(piece, Code.NO_POSSIBLE_DESTINATION, peering_id, text)
        return ENDED
    if peering.status != "active":
        walk.stop(piece, Code.BAD_STATE, peering_id, f"{peering_id} is {peering.status}, not active.")
        return ENDED
    if vpc not in walk.snapshot.vpcs:
        walk.give_up_absent(piece, "Vpcs", vpc, f"{vpc} on this side of {peering_id}", None)
        return ENDED
    if not _addresses_belong(walk, peering_id, vpc, side, piece):
        return ENDED
    if not peering.one_region and walk.leg is Leg.FORWARD:
        walk.egress_references = False
        walk.lost_groups = Lost(
            Code.SG_REFERENCES_NOT_PRESERVED,
            peering_id,
            f"{peering_id} connects two Regions, and security group references work within one Region only",
        )
    if side.vpc not in walk.snapshot.vpcs:
        _unknown_peer(walk, side, peering_id, piece)
        return ENDED
    return ((piece, Deliver(side.vpc, None)),)


def _addresses_belong(walk: TraceState, peering_id: str, vpc: str, side: PeeringSide, piece: Region) -> bool:
    """Neither the sender nor the receiver may lie beyond the two VPCs."""
    stranger = _stranger(walk, vpc)
    if stranger is not None:
        walk.stop(
            piece,
            Code.PCX_REQUIRES_ADDRESS_IN_VPC_CIDR,
            peering_id,
            f"{peering_id} carries traffic of {vpc} itself, not what comes to it from {stranger}.",
        )
        return False
    peer = walk.snapshot.vpcs.get(side.vpc)
    version = walk.flow.version
    listed = peer.prefixes if peer is not None else side.prefixes
    blocks = [block for block in listed if block.version == version]
    address = walk.stretch.far
    targets = ((address, address, 0, 0),) if walk.leg is Leg.FORWARD else piece
    unknown = peer is None and not blocks
    if unknown or inside(tuple(blocks), version, targets):
        return True
    ranges = ", ".join(str(block) for block in listed)
    walk.stop(
        piece,
        Code.PCX_REQUIRES_ADDRESS_IN_VPC_CIDR,
        peering_id,
        f"{peering_id} leads to {side.vpc} ({ranges}) only; {walk.target_text(piece)} is not in it, "
        "and a peering connection is no transit to anything beyond.",
    )
    return False


def _stranger(walk: TraceState, vpc: str) -> str | None:
    """Whose packets these are, if not those of `vpc`: another VPC's, or replies from outside its ranges."""
    if walk.leg is Leg.FORWARD:
        return walk.stretch.vpc if walk.stretch.vpc != vpc else None
    if walk.end is not None and walk.end.vpc != vpc:
        return walk.end.vpc
    far = walk.stretch.far
    own = inside(walk.snapshot.vpcs[vpc].prefixes, walk.flow.version, ((far, far, 0, 0),))
    return None if own else walk.far_text


def _unknown_peer(walk: TraceState, side: PeeringSide, peering_id: str, piece: Region) -> None:
    where = f"account {side.owner or 'unknown'}, Region {side.region or 'unknown'}"
    gap = walk.snapshot.missing("Vpcs")
    reason = f": {gap.reason}" if gap else ""
    walk.give_up(
        piece,
        Code.UNKNOWN_RESOURCE,
        side.vpc,
        Gap(
            "Vpcs",
            "ec2:DescribeVpcs",
            f"{side.vpc} ({where}) on the other side of {peering_id} is not in the snapshot{reason}.",
        ),
    )

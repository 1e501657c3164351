"""The internet gateway, the egress-only gateway, and VPC block public access.

Sources: VPC user guide, Internet gateways (only addresses with a public association pass), Egress-only
internet gateways, Block public access to VPCs and subnets. Private (RFC 1918) and shared (RFC 6598)
destinations do not leave through an internet gateway (Reachability Analyzer, explanation codes).
"""

from __future__ import annotations

from netcheck.aws.ec2.addresses import Prefix, parse_prefix
from netcheck.aws.ec2.entities import BlockPublicAccess, InternetGateway, Subnet
from netcheck.aws.ec2.snapshot import Gap
from netcheck.path.codes import Code
from netcheck.path.flows import Region, subtract
from netcheck.path.steps import ENDED, Deliver, Onward
from netcheck.path.trace_state import End, Lost, Segment, TraceState, region_text, unknown_from
from netcheck.path.verdict import Blocker, Explanation, Leg

SHARED = parse_prefix("100.64.0.0/10")
_ATTACHED = ("available", "attached")

_TAKEN_TO_BE_OFF = "VPC block public access was not collected; it is taken to be off, AWS's default."


def is_private(address: int) -> bool:
    """Whether an IPv4 address is in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16 (RFC 1918)."""
    return address >> 24 == 10 or address >> 20 == 172 << 4 | 1 or address >> 16 == 192 << 8 | 168


def through_gateway(
    walk: TraceState, gateway_id: str, vpc: str, subnet: Subnet | None, piece: Region
) -> Onward:
    """Leave the VPC by an internet gateway; public destinations of known interfaces are entered again."""
    walk.hop(gateway_id)
    gateway = walk.snapshot.internet_gateways.get(gateway_id)
    if not _attached(walk, gateway, gateway_id, "InternetGateways", vpc, piece):
        return ENDED
    if walk.leg is Leg.RETURN:
        return _reply_through(walk, gateway_id, vpc, subnet, piece)
    _block_public_access(walk, vpc, subnet, gateway_id, piece)
    if walk.flow.version == 4:
        refused = _refuse_private_destination(walk, gateway_id, piece)
        refused = _require_public_address(walk, gateway_id, vpc, piece) or refused
        if refused:
            walk.stopped = True
            return ENDED
    elif not _may_use_gateway(walk, gateway_id, vpc, piece):
        return ENDED
    return _into_the_internet(walk, gateway_id, vpc)


def through_egress_only(
    walk: TraceState, gateway_id: str, vpc: str, subnet: Subnet | None, piece: Region
) -> Onward:
    """Leave the VPC by an egress-only internet gateway: IPv6 connections from inside, and their replies."""
    walk.hop(gateway_id)
    gateway = walk.snapshot.egress_only_gateways.get(gateway_id)
    if not _attached(walk, gateway, gateway_id, "EgressOnlyInternetGateways", vpc, piece):
        return ENDED
    if walk.flow.version == 4:
        walk.stop(piece, Code.PROTOCOL_RESTRICTION, gateway_id, f"{gateway_id} carries IPv6 only.")
        return ENDED
    _block_public_access(walk, vpc, subnet, gateway_id, piece)
    if walk.leg is Leg.RETURN:
        walk.stop(
            piece,
            Code.NO_POSSIBLE_DESTINATION,
            gateway_id,
            f"The reply to {walk.target_text(piece)} leaves by {gateway_id}, which leads away from it.",
        )
        return ENDED
    if not _may_use_gateway(walk, gateway_id, vpc, piece):
        return ENDED
    return _into_the_internet(walk, gateway_id, vpc)


def _attached(
    walk: TraceState, gateway: InternetGateway | None, gateway_id: str, what: str, vpc: str, piece: Region
) -> bool:
    if gateway is None:
        walk.give_up_absent(piece, what, gateway_id, gateway_id, vpc)
        return False
    state = gateway.attachments.get(vpc)
    if state in _ATTACHED:
        return True
    if state is None:
        walk.stop(piece, Code.UNASSOCIATED_COMPONENT, gateway_id, f"{gateway_id} is not attached to {vpc}.")
    else:
        walk.stop(
            piece,
            Code.BAD_STATE_ATTACHMENT,
            gateway_id,
            f"The attachment of {gateway_id} to {vpc} is {state}.",
        )
    return False


def _refuse_private_destination(walk: TraceState, gateway_id: str, piece: Region) -> bool:
    far = walk.stretch.far
    if is_private(far):
        code, name = Code.IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS, "a private address (RFC 1918)"
    elif SHARED.holds(4, far):
        code, name = Code.IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS, "a shared address (RFC 6598)"
    else:
        return False
    walk.stop(piece, code, gateway_id, f"{gateway_id} does not carry traffic to {walk.far_text}, {name}.")
    return True


def _require_public_address(walk: TraceState, gateway_id: str, vpc: str, piece: Region) -> bool:
    """Stop what has no public address at this VPC's gateway. True if nothing is left."""
    public = walk.stretch.public if walk.stretch.vpc == vpc else {}
    without_public = subtract(piece, ((address, address, 0, 65535) for address in public))
    if not without_public:
        return False
    whole = without_public == tuple(piece) or not subtract(piece, without_public)
    text = (
        f"{gateway_id} carries only traffic of interfaces with a public address; "
        f"{region_text(4, without_public)} of {walk.stretch.component} has none."
    )
    walk.stop(without_public, Code.IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS, gateway_id, text)
    walk.stopped = whole
    return whole


def _may_use_gateway(walk: TraceState, gateway_id: str, vpc: str, piece: Region) -> bool:
    """IPv6: for addresses of its own VPC, unless the interface is cut off (DenyAllIgwTraffic)."""
    if walk.stretch.vpc != vpc:
        text = f"{gateway_id} serves addresses of {vpc} only, not what comes from {walk.stretch.vpc}."
        walk.stop(piece, Code.IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS, gateway_id, text)
        return False
    if walk.stretch.far >> 121 == 0xFC >> 1:
        text = f"{walk.far_text} is a unique local address (RFC 4193), which the internet does not carry."
        walk.stop(piece, Code.NO_POSSIBLE_DESTINATION, gateway_id, text)
        return False
    interface = walk.snapshot.interfaces.get(walk.stretch.component)
    if interface is None or not interface.denies_internet_gateway:
        return True
    walk.stop(
        piece,
        Code.IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS,
        gateway_id,
        f"{interface.id} is set to deny all internet gateway traffic (DenyAllIgwTraffic).",
    )
    return False


def _block_public_access(
    walk: TraceState, vpc: str, subnet: Subnet | None, gateway: str, piece: Region
) -> None:
    access = _public_access(walk, vpc, piece)
    if access is None or access.mode == "off":
        return
    outbound_only = walk.stretch.is_nat or gateway in walk.snapshot.egress_only_gateways
    if access.mode == "block-ingress" and outbound_only:
        return
    exclusion = access.exclusions.get(subnet.id if subnet else "") or access.exclusions.get(vpc)
    if exclusion == "allow-bidirectional" or (exclusion and access.mode == "block-bidirectional"):
        _doubt_unexcluded_sender(walk, access.exclusions, piece)
        return
    missing = walk.missing_from("VpcBlockPublicAccessExclusions", vpc)
    if missing is not None:
        walk.doubt(piece, unknown_from(Code.UNKNOWN_RESOURCE, vpc, missing))
        return
    place = subnet.id if subnet else vpc
    walk.stop(
        piece,
        Code.VPC_BLOCK_PUBLIC_ACCESS_ENABLED,
        vpc,
        f"VPC block public access is {access.mode} in this Region and no exclusion covers {place} or {vpc}: "
        f"nothing passes {gateway}.",
    )


def _public_access(walk: TraceState, vpc: str, piece: Region) -> BlockPublicAccess | None:
    """The setting of the VPC's Region; None, and a doubt or an assumption, if it is not known."""
    gap = walk.missing_from("VpcBlockPublicAccessOptions", vpc)
    region = walk.snapshot.region_of(vpc) or ""
    if gap is None:
        return walk.snapshot.public_access.get(region)
    if not walk.snapshot.predates_public_access_block(region):
        walk.doubt(piece, unknown_from(Code.UNKNOWN_RESOURCE, vpc, gap))
    elif _TAKEN_TO_BE_OFF not in walk.assumptions:
        walk.assumptions.append(_TAKEN_TO_BE_OFF)
    return None


def _doubt_unexcluded_sender(walk: TraceState, exclusions: object, piece: Region) -> None:
    """AWS does not say whether excluding a NAT gateway's subnet is enough for the subnets behind it."""
    first = walk.stretches[0]
    if not walk.stretch.is_nat or first.subnet is None or not isinstance(exclusions, dict):
        return
    if first.subnet.id in exclusions or first.vpc in exclusions:
        return
    walk.doubt(
        piece,
        unknown_from(
            Code.UNKNOWN_RESOURCE,
            first.subnet.id,
            Gap(
                "VpcBlockPublicAccessExclusions",
                "",
                f"block public access excludes the subnet of {walk.stretch.component} but not "
                f"{first.subnet.id} behind it; whether that is enough is not documented.",
            ),
        ),
    )


def _into_the_internet(walk: TraceState, gateway_id: str, vpc: str) -> Onward:
    """Beyond the gateway: either an interface we know by its public address, or the internet at large."""
    flow, far = walk.flow, walk.stretch.far
    interface = walk.snapshot.public_holders.get(far) if flow.version == 4 else None
    if interface is not None:
        return _enter_again(walk, interface.id, gateway_id)
    owner = _owner_of_ipv6(walk, far) if flow.version == 6 else None
    if owner is not None:
        return _enter_by_ipv6(walk, owner)
    _say_if_it_may_be_ours(walk, gateway_id)
    walk.assumptions.append(
        f"Beyond {gateway_id} the internet is assumed to carry traffic to {walk.far_text} and back."
    )
    walk.end = End("internet", vpc, gateway=gateway_id)
    return ENDED


def _say_if_it_may_be_ours(walk: TraceState, gateway_id: str) -> None:
    """A public address may be that of an interface which was not collected, with filters of its own."""
    gap = walk.snapshot.missing("NetworkInterfaces")
    if gap is None or walk.flow.version != 4:
        return
    if any(what == "NetworkInterfaces" for _, what in walk.snapshot.gaps):
        walk.doubt(walk.stretch.region, unknown_from(Code.UNKNOWN_DESTINATION, gateway_id, gap))
    else:
        walk.assumptions.append(
            f"Network interfaces were not collected; {walk.far_text} is taken to belong to none of them."
        )


def _owner_of_ipv6(walk: TraceState, far: int) -> str | None:
    return next((s.vpc for s in walk.snapshot.subnets_holding(6, far)), None)


def gateway_of(walk: TraceState, vpc: str) -> str | None:
    gateways = walk.snapshot.internet_gateways.values()
    return next((g.id for g in gateways if g.attachments.get(vpc) in _ATTACHED), None)


def _enter_by_ipv6(walk: TraceState, vpc: str) -> Onward:
    gateway = gateway_of(walk, vpc)
    region = walk.stretch.region
    if gateway is None:
        return _no_way_in(walk, vpc, region)
    _arrive_from_internet(walk, gateway)
    _block_public_access_inwards(walk, vpc, walk.stretch.far, gateway, region)
    _refuse_if_denied(walk, vpc, gateway, region)
    return enter_from_internet(walk, vpc, gateway, region)


def _refuse_if_denied(walk: TraceState, vpc: str, gateway: str, region: Region) -> None:
    interface = walk.snapshot.host(vpc, 6, walk.stretch.far)
    if interface is not None and interface.denies_internet_gateway:
        text = (
            f"{interface.id} is set to deny all internet gateway traffic (DenyAllIgwTraffic): "
            f"nothing reaches it by {gateway}."
        )
        code = Code.NO_POSSIBLE_DESTINATION
        walk.fault(region, Blocker(code, walk.leg, interface.id, None, None, text))


def _enter_again(walk: TraceState, interface_id: str, leaving: str) -> Onward:
    """The destination is the public address of an interface in this snapshot: in by that VPC's gateway."""
    stretch = walk.stretch
    interface = walk.snapshot.interfaces[interface_id]
    private = next(p for p, public in interface.public.items() if public == stretch.far)
    pairs = {
        public: address
        for address, public in stretch.public.items()
        if any(first <= address <= last for first, last, _, _ in stretch.region)
    }
    region = tuple(
        (public, public, low, high)
        for public, address in pairs.items()
        for first, last, low, high in stretch.region
        if first <= address <= last
    )
    walk.translate(Segment(leaving, stretch.vpc, stretch.subnet, region, private, {}, stretch.is_nat, pairs))
    gateway = gateway_of(walk, interface.vpc)
    if gateway is None:
        return _no_way_in(walk, interface.vpc, region)
    _arrive_from_internet(walk, gateway)
    _block_public_access_inwards(walk, interface.vpc, private, gateway, region)
    return enter_from_internet(walk, interface.vpc, gateway, region)


def _no_way_in(walk: TraceState, vpc: str, region: Region) -> Onward:
    gap = walk.missing_from("InternetGateways", vpc)
    if gap is not None:
        walk.give_up(region, Code.UNKNOWN_RESOURCE, vpc, gap)
    else:
        walk.stop(
            region, Code.NO_POSSIBLE_DESTINATION, vpc, f"{vpc} has no internet gateway to be entered by."
        )
    return ENDED


def _arrive_from_internet(walk: TraceState, gateway: str) -> None:
    walk.crossed_internet = True
    walk.egress_references = False
    walk.lost_groups = Lost(
        Code.SG_REFERENCES_NOT_PRESERVED,
        gateway,
        f"what enters by {gateway} has a public source address, which no security group reference covers",
    )


def _block_public_access_inwards(
    walk: TraceState, vpc: str, address: int, gateway: str, region: Region
) -> None:
    subnet = walk.snapshot.subnet_in(vpc, walk.flow.version, address)
    access = _public_access(walk, vpc, region)
    if access is None or access.mode == "off":
        return
    exclusion = access.exclusions.get(subnet.id if subnet else "") or access.exclusions.get(vpc)
    missing = walk.missing_from("VpcBlockPublicAccessExclusions", vpc)
    if exclusion is None and missing is not None:
        walk.doubt(region, unknown_from(Code.UNKNOWN_RESOURCE, vpc, missing))
    elif exclusion != "allow-bidirectional":
        walk.stop(
            region,
            Code.VPC_BLOCK_PUBLIC_ACCESS_ENABLED,
            vpc,
            f"VPC block public access is {access.mode}: nothing enters {vpc} by {gateway}.",
        )


def _reply_through(
    walk: TraceState, gateway_id: str, vpc: str, subnet: Subnet | None, piece: Region
) -> Onward:
    """A reply leaves by an internet gateway: right only if the question came in from a public address."""
    stretch = walk.stretch
    if stretch.mapping is not None and walk.end is not None and vpc == walk.end.vpc:
        return ENDED
    if walk.flow.version == 6:
        if walk.crossed_internet:
            back_by = gateway_of(walk, stretch.vpc)
            left_by_it = back_by is not None and any(hop.component == back_by for hop in walk.forward)
            if back_by is not None and left_by_it and _redirected(walk, back_by, piece):
                return ENDED
            return ((piece, Deliver(stretch.vpc, None)),)
        reason = f"the reply leaves by {gateway_id} though the question did not come in by it."
        walk.give_up(piece, Code.UNKNOWN_DESTINATION, gateway_id, Gap("InternetGateways", "", reason))
        return ENDED
    address = piece[0][0]
    text = (
        f"The reply to {walk.target_text(piece)} leaves by {gateway_id} and does not come back to the sender."
    )
    code = Code.NO_POSSIBLE_DESTINATION
    if walk.flow.version == 4 and is_private(address):
        code = Code.IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS
    elif walk.flow.version == 4 and SHARED.holds(4, address):
        code = Code.IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS
    where = subnet.id if subnet else vpc
    more = (Explanation(Code.NO_POSSIBLE_DESTINATION, where, f"{where} has no better route for the reply."),)
    walk.stop(piece, code, gateway_id, text, None, more)
    return ENDED


def enter_from_internet(walk: TraceState, vpc: str, gateway_id: str, piece: Region) -> Onward:
    """Packets come in by the gateway, whose own route table may redirect them; else they are delivered."""
    if _redirected(walk, gateway_id, piece):
        return ENDED
    walk.hop(gateway_id)
    return ((piece, Deliver(vpc, None)),)


def _redirected(walk: TraceState, gateway_id: str, piece: Region) -> bool:
    table = walk.snapshot.table_of_gateway.get(gateway_id)
    far, version = walk.stretch.far, walk.flow.version
    targets = ((far, far, 0, 0),) if walk.leg is Leg.FORWARD else piece
    for route in table.routes if table is not None else ():
        block = route.destination
        covers = isinstance(block, Prefix) and any(
            block.version == version and block.first <= last and first <= block.last
            for first, last, _, _ in targets
        )
        if table is not None and route.target != "local" and covers:
            reason = (
                f"{table.id} of {gateway_id} redirects what comes in to {route.target}; "
                "what that does with it is not modelled."
            )
            gap = Gap("RouteTables", "", reason)
            walk.give_up(piece, Code.INGRESS_RTB_TRAFFIC_REDIRECTION, table.id, gap)
            return True
    return False

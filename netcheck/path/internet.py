"""The internet gateway, the egress-only internet gateway, and VPC Block Public Access.

Sources: VPC user guide, Internet gateways (only interfaces with a public address use it), Egress-only
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

_ASSUMED_OFF = "VPC Block Public Access was not collected and is assumed to be off, AWS's default."


def is_private(address: int) -> bool:
    """Whether an IPv4 address is in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16 (RFC 1918)."""
    return address >> 24 == 10 or address >> 20 == 172 << 4 | 1 or address >> 16 == 192 << 8 | 168


def through_gateway(
    state: TraceState, gateway_id: str, vpc: str, subnet: Subnet | None, flows: Region
) -> Onward:
    """Leave the VPC through an internet gateway; a public address of a known interface leads to its VPC."""
    state.hop(gateway_id)
    gateway = state.snapshot.internet_gateways.get(gateway_id)
    if not _attached(state, gateway, gateway_id, "InternetGateways", vpc, flows):
        return ENDED
    if state.leg is Leg.RETURN:
        return _reply_through(state, gateway_id, vpc, subnet, flows)
    _block_public_access(state, vpc, subnet, gateway_id, flows)
    if state.flow.version == 4:
        refused = _refuse_private_destination(state, gateway_id, flows)
        refused = _require_public_address(state, gateway_id, vpc, flows) or refused
        if refused:
            state.stopped = True
            return ENDED
    elif not _may_use_gateway(state, gateway_id, vpc, flows):
        return ENDED
    return _into_the_internet(state, gateway_id, vpc)


def through_egress_only(
    state: TraceState, gateway_id: str, vpc: str, subnet: Subnet | None, flows: Region
) -> Onward:
    """Leave the VPC through an egress-only internet gateway: outbound IPv6 connections and their replies."""
    state.hop(gateway_id)
    gateway = state.snapshot.egress_only_gateways.get(gateway_id)
    if not _attached(state, gateway, gateway_id, "EgressOnlyInternetGateways", vpc, flows):
        return ENDED
    if state.flow.version == 4:
        state.stop(flows, Code.PROTOCOL_RESTRICTION, gateway_id, f"{gateway_id} supports only IPv6.")
        return ENDED
    _block_public_access(state, vpc, subnet, gateway_id, flows)
    if state.leg is Leg.RETURN:
        state.stop(
            flows,
            Code.NO_POSSIBLE_DESTINATION,
            gateway_id,
            f"The reply to {state.target_text(flows)} is routed to {gateway_id} and is lost there.",
        )
        return ENDED
    if not _may_use_gateway(state, gateway_id, vpc, flows):
        return ENDED
    return _into_the_internet(state, gateway_id, vpc)


def _attached(
    state: TraceState, gateway: InternetGateway | None, gateway_id: str, what: str, vpc: str, flows: Region
) -> bool:
    if gateway is None:
        state.give_up_absent(flows, what, gateway_id, gateway_id, vpc)
        return False
    attached = gateway.attachments.get(vpc)
    if attached in _ATTACHED:
        return True
    if attached is None:
        state.stop(flows, Code.UNASSOCIATED_COMPONENT, gateway_id, f"{gateway_id} is not attached to {vpc}.")
    else:
        state.stop(
            flows,
            Code.BAD_STATE_ATTACHMENT,
            gateway_id,
            f"The attachment of {gateway_id} to {vpc} is {attached}.",
        )
    return False


def _refuse_private_destination(state: TraceState, gateway_id: str, flows: Region) -> bool:
    far = state.segment.far
    if is_private(far):
        code, name = Code.IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS, "a private address (RFC 1918)"
    elif SHARED.holds(4, far):
        code, name = Code.IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS, "a shared address (RFC 6598)"
    else:
        return False
    state.stop(flows, code, gateway_id, f"{gateway_id} does not forward traffic to {state.far_text}, {name}.")
    return True


def _require_public_address(state: TraceState, gateway_id: str, vpc: str, flows: Region) -> bool:
    """Stop flows without a public address at this VPC's gateway. True if nothing is left."""
    public = state.segment.public if state.segment.vpc == vpc else {}
    without_public = subtract(flows, ((address, address, 0, 65535) for address in public))
    if not without_public:
        return False
    whole = without_public == tuple(flows) or not subtract(flows, without_public)
    text = (
        f"{gateway_id} forwards only traffic of interfaces with a public address; "
        f"{region_text(4, without_public)} of {state.segment.component} has none."
    )
    state.stop(without_public, Code.IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS, gateway_id, text)
    state.stopped = whole
    return whole


def _may_use_gateway(state: TraceState, gateway_id: str, vpc: str, flows: Region) -> bool:
    """IPv6: only addresses of the gateway's VPC, and no interface with DenyAllIgwTraffic."""
    if state.segment.vpc != vpc:
        text = f"{gateway_id} serves only {vpc}, not traffic from {state.segment.vpc}."
        state.stop(flows, Code.IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS, gateway_id, text)
        return False
    if state.segment.far >> 121 == 0xFC >> 1:
        text = f"{state.far_text} is a unique local address (RFC 4193), which is not routed on the internet."
        state.stop(flows, Code.NO_POSSIBLE_DESTINATION, gateway_id, text)
        return False
    interface = state.snapshot.interfaces.get(state.segment.component)
    if interface is None or not interface.denies_internet_gateway:
        return True
    state.stop(
        flows,
        Code.IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS,
        gateway_id,
        f"{interface.id} is set to deny all internet gateway traffic (DenyAllIgwTraffic).",
    )
    return False


def _block_public_access(
    state: TraceState, vpc: str, subnet: Subnet | None, gateway: str, flows: Region
) -> None:
    access = _public_access(state, vpc, flows)
    if access is None or access.mode == "off":
        return
    outbound_only = state.segment.is_nat or gateway in state.snapshot.egress_only_gateways
    if access.mode == "block-ingress" and outbound_only:
        return
    exclusion = access.exclusions.get(subnet.id if subnet else "") or access.exclusions.get(vpc)
    if exclusion == "allow-bidirectional" or (exclusion and access.mode == "block-bidirectional"):
        _doubt_unexcluded_sender(state, access.exclusions, flows)
        return
    missing = state.missing_from("VpcBlockPublicAccessExclusions", vpc)
    if missing is not None:
        state.doubt(flows, unknown_from(Code.UNKNOWN_RESOURCE, vpc, missing))
        return
    place = subnet.id if subnet else vpc
    state.stop(
        flows,
        Code.VPC_BLOCK_PUBLIC_ACCESS_ENABLED,
        vpc,
        f"VPC Block Public Access is {access.mode} in this Region, and no exclusion covers {place} or {vpc}: "
        f"traffic through {gateway} is blocked.",
    )


def _public_access(state: TraceState, vpc: str, flows: Region) -> BlockPublicAccess | None:
    """The setting of the VPC's Region; None, with a doubt or an assumption, if it is not known."""
    gap = state.missing_from("VpcBlockPublicAccessOptions", vpc)
    region = state.snapshot.region_of(vpc) or ""
    if gap is None:
        return state.snapshot.public_access.get(region)
    if not state.snapshot.predates_public_access_block(region):
        state.doubt(flows, unknown_from(Code.UNKNOWN_RESOURCE, vpc, gap))
    elif _ASSUMED_OFF not in state.assumptions:
        state.assumptions.append(_ASSUMED_OFF)
    return None


def _doubt_unexcluded_sender(state: TraceState, exclusions: object, flows: Region) -> None:
    """AWS does not say whether excluding a NAT gateway's subnet is enough for the subnets behind it."""
    first = state.segments[0]
    if not state.segment.is_nat or first.subnet is None or not isinstance(exclusions, dict):
        return
    if first.subnet.id in exclusions or first.vpc in exclusions:
        return
    state.doubt(
        flows,
        unknown_from(
            Code.UNKNOWN_RESOURCE,
            first.subnet.id,
            Gap(
                "VpcBlockPublicAccessExclusions",
                "",
                f"VPC Block Public Access excludes the subnet of {state.segment.component} but not "
                f"{first.subnet.id} behind it; AWS does not document whether that is enough.",
            ),
        ),
    )


def _into_the_internet(state: TraceState, gateway_id: str, vpc: str) -> Onward:
    """Beyond the gateway: a known interface with this public address, or the internet."""
    flow, far = state.flow, state.segment.far
    interface = state.snapshot.public_holders.get(far) if flow.version == 4 else None
    if interface is not None:
        return _enter_again(state, interface.id, gateway_id)
    owner = _owner_of_ipv6(state, far) if flow.version == 6 else None
    if owner is not None:
        return _enter_by_ipv6(state, owner)
    _note_uncollected_interfaces(state, gateway_id)
    state.assumptions.append(
        f"The internet beyond {gateway_id} is assumed to carry traffic to {state.far_text} and back."
    )
    state.end = End("internet", vpc, gateway=gateway_id)
    return ENDED


def _note_uncollected_interfaces(state: TraceState, gateway_id: str) -> None:
    """The public address may belong to an interface that was not collected, with filters that apply."""
    gap = state.snapshot.missing("NetworkInterfaces")
    if gap is None or state.flow.version != 4:
        return
    if any(what == "NetworkInterfaces" for _, what in state.snapshot.gaps):
        state.doubt(state.segment.region, unknown_from(Code.UNKNOWN_DESTINATION, gateway_id, gap))
    else:
        state.assumptions.append(
            f"Network interfaces were not collected; {state.far_text} is assumed to belong to none of them."
        )


def _owner_of_ipv6(state: TraceState, far: int) -> str | None:
    return next((s.vpc for s in state.snapshot.subnets_holding(6, far)), None)


def gateway_of(state: TraceState, vpc: str) -> str | None:
    gateways = state.snapshot.internet_gateways.values()
    return next((g.id for g in gateways if g.attachments.get(vpc) in _ATTACHED), None)


def _enter_by_ipv6(state: TraceState, vpc: str) -> Onward:
    gateway = gateway_of(state, vpc)
    region = state.segment.region
    if gateway is None:
        return _no_entry(state, vpc, region)
    _arrive_from_internet(state, gateway)
    _block_public_access_inwards(state, vpc, state.segment.far, gateway, region)
    _refuse_if_denied(state, vpc, gateway, region)
    return enter_from_internet(state, vpc, gateway, region)


def _refuse_if_denied(state: TraceState, vpc: str, gateway: str, region: Region) -> None:
    interface = state.snapshot.host(vpc, 6, state.segment.far)
    if interface is not None and interface.denies_internet_gateway:
        text = (
            f"{interface.id} is set to deny all internet gateway traffic (DenyAllIgwTraffic): "
            f"it is unreachable through {gateway}."
        )
        code = Code.NO_POSSIBLE_DESTINATION
        state.fault(region, Blocker(code, state.leg, interface.id, None, None, text))


def _enter_again(state: TraceState, interface_id: str, leaving: str) -> Onward:
    """The destination is a known interface's public address: enter through its VPC's gateway."""
    segment = state.segment
    interface = state.snapshot.interfaces[interface_id]
    private = next(p for p, public in interface.public.items() if public == segment.far)
    pairs = {
        public: address
        for address, public in segment.public.items()
        if any(first <= address <= last for first, last, _, _ in segment.region)
    }
    region = tuple(
        (public, public, low, high)
        for public, address in pairs.items()
        for first, last, low, high in segment.region
        if first <= address <= last
    )
    state.translate(Segment(leaving, segment.vpc, segment.subnet, region, private, {}, segment.is_nat, pairs))
    gateway = gateway_of(state, interface.vpc)
    if gateway is None:
        return _no_entry(state, interface.vpc, region)
    _arrive_from_internet(state, gateway)
    _block_public_access_inwards(state, interface.vpc, private, gateway, region)
    return enter_from_internet(state, interface.vpc, gateway, region)


def _no_entry(state: TraceState, vpc: str, region: Region) -> Onward:
    gap = state.missing_from("InternetGateways", vpc)
    if gap is not None:
        state.give_up(region, Code.UNKNOWN_RESOURCE, vpc, gap)
    else:
        state.stop(
            region, Code.NO_POSSIBLE_DESTINATION, vpc, f"{vpc} has no internet gateway for inbound traffic."
        )
    return ENDED


def _arrive_from_internet(state: TraceState, gateway: str) -> None:
    state.crossed_internet = True
    state.egress_references = False
    state.lost_groups = Lost(
        Code.SG_REFERENCES_NOT_PRESERVED,
        gateway,
        f"traffic through {gateway} has a public source address, which no security group reference matches",
    )


def _block_public_access_inwards(
    state: TraceState, vpc: str, address: int, gateway: str, region: Region
) -> None:
    subnet = state.snapshot.subnet_in(vpc, state.flow.version, address)
    access = _public_access(state, vpc, region)
    if access is None or access.mode == "off":
        return
    exclusion = access.exclusions.get(subnet.id if subnet else "") or access.exclusions.get(vpc)
    missing = state.missing_from("VpcBlockPublicAccessExclusions", vpc)
    if exclusion is None and missing is not None:
        state.doubt(region, unknown_from(Code.UNKNOWN_RESOURCE, vpc, missing))
    elif exclusion != "allow-bidirectional":
        state.stop(
            region,
            Code.VPC_BLOCK_PUBLIC_ACCESS_ENABLED,
            vpc,
            f"VPC Block Public Access is {access.mode}: no traffic enters {vpc} through {gateway}.",
        )


def _reply_through(
    state: TraceState, gateway_id: str, vpc: str, subnet: Subnet | None, flows: Region
) -> Onward:
    """A reply leaves through an internet gateway: right only if the request came from a public address."""
    segment = state.segment
    if segment.mapping is not None and state.end is not None and vpc == state.end.vpc:
        return ENDED
    if state.flow.version == 6:
        if state.crossed_internet:
            back_by = gateway_of(state, segment.vpc)
            left_by_it = back_by is not None and any(hop.component == back_by for hop in state.forward)
            if back_by is not None and left_by_it and _redirected(state, back_by, flows):
                return ENDED
            return ((flows, Deliver(segment.vpc, None)),)
        reason = f"the reply leaves through {gateway_id}, but the request did not enter through it."
        state.give_up(flows, Code.UNKNOWN_DESTINATION, gateway_id, Gap("InternetGateways", "", reason))
        return ENDED
    address = flows[0][0]
    text = (
        f"The reply to {state.target_text(flows)} leaves through {gateway_id} and does not reach the sender."
    )
    code = Code.NO_POSSIBLE_DESTINATION
    if state.flow.version == 4 and is_private(address):
        code = Code.IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS
    elif state.flow.version == 4 and SHARED.holds(4, address):
        code = Code.IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS
    where = subnet.id if subnet else vpc
    more = (
        Explanation(
            Code.NO_POSSIBLE_DESTINATION, where, f"{where} has no more specific route for the reply."
        ),
    )
    state.stop(flows, code, gateway_id, text, None, more)
    return ENDED


def enter_from_internet(state: TraceState, vpc: str, gateway_id: str, flows: Region) -> Onward:
    """Packets enter through the gateway. Its gateway route table may redirect them."""
    if _redirected(state, gateway_id, flows):
        return ENDED
    state.hop(gateway_id)
    return ((flows, Deliver(vpc, None)),)


def _redirected(state: TraceState, gateway_id: str, flows: Region) -> bool:
    table = state.snapshot.table_of_gateway.get(gateway_id)
    far, version = state.segment.far, state.flow.version
    targets = ((far, far, 0, 0),) if state.leg is Leg.FORWARD else flows
    for route in table.routes if table is not None else ():
        block = route.destination
        covers = isinstance(block, Prefix) and any(
            block.version == version and block.first <= last and first <= block.last
            for first, last, _, _ in targets
        )
        if table is not None and route.target != "local" and covers:
            reason = (
                f"{table.id}, the route table of {gateway_id}, redirects inbound traffic to {route.target}, "
                "which is not modelled."
            )
            gap = Gap("RouteTables", "", reason)
            state.give_up(flows, Code.INGRESS_RTB_TRAFFIC_REDIRECTION, table.id, gap)
            return True
    return False

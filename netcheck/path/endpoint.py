"""Gateway endpoints (S3, DynamoDB) as route targets, and what an interface endpoint's interface needs.

Sources: AWS PrivateLink guide: gateway endpoints (IPv4 and IPv6 of the service's prefix list, only from the
VPC itself, not over peering, transit gateway or VPN), interface endpoints (one interface in each subnet).
"""

from __future__ import annotations

from netcheck.aws.ec2.entities import ICMP, ICMPV6, TCP, NetworkInterface, VpcEndpoint
from netcheck.aws.ec2.snapshot import Gap
from netcheck.path.codes import Code
from netcheck.path.flows import Region
from netcheck.path.steps import ENDED, Onward
from netcheck.path.trace_state import End, TraceState
from netcheck.path.verdict import Blocker, Leg


def through_endpoint(walk: TraceState, endpoint_id: str, vpc: str, piece: Region) -> Onward:
    """Follow a route to a VPC endpoint."""
    walk.hop(endpoint_id)
    endpoint = walk.snapshot.endpoints.get(endpoint_id)
    if endpoint is None:
        walk.give_up_absent(piece, "VpcEndpoints", endpoint_id, endpoint_id, vpc)
    elif endpoint.kind != "Gateway":
        walk.give_up(
            piece,
            Code.UNSUPPORTED_COMPONENT,
            endpoint_id,
            Gap(
                "VpcEndpoints",
                "",
                f"{endpoint_id} ({endpoint.kind}) sends traffic through an appliance or firewall; "
                "what that does is not modelled.",
            ),
        )
    elif walk.leg is Leg.RETURN:
        text = f"The reply to {walk.target_text(piece)} is routed to {endpoint_id} and does not come back."
        walk.stop(piece, Code.NO_POSSIBLE_DESTINATION, endpoint_id, text)
    else:
        _into_service(walk, endpoint, vpc, piece)
    return ENDED


def _check_state(walk: TraceState, endpoint: VpcEndpoint, piece: Region) -> None:
    if not endpoint.state:
        meaning = f"whether {endpoint.id} is available (State)"
        walk.doubt(piece, walk.absent("VpcEndpoints", endpoint.id, meaning, endpoint.vpc))
    elif endpoint.state != "available":
        text = f"{endpoint.id} ({endpoint.service}) is {endpoint.state}, not available."
        walk.fault(piece, Blocker(Code.BAD_STATE, walk.leg, endpoint.id, None, None, text))


def _into_service(walk: TraceState, endpoint: VpcEndpoint, vpc: str, piece: Region) -> None:
    flow, own_vpc = walk.flow, endpoint.vpc
    _check_state(walk, endpoint, piece)
    if walk.stretch.vpc != vpc or own_vpc != vpc:
        walk.stop(
            piece,
            Code.CANNOT_ROUTE,
            endpoint.id,
            f"{endpoint.id} serves {own_vpc} only; traffic from {walk.stretch.vpc} cannot use it.",
        )
        return
    if flow.protocol not in (TCP, ICMP, ICMPV6):
        walk.stop(
            piece,
            Code.VPCE_GATEWAY_PROTOCOL_RESTRICTION,
            endpoint.id,
            f"{endpoint.id} carries TCP and ICMP echo only, not {flow.name}.",
        )
        return
    walk.assumptions.append(
        f"{endpoint.service} behind {endpoint.id} is assumed to answer; its policy is not judged here."
    )
    walk.end = End("service", vpc, gateway=endpoint.id)


def check_interface_endpoint(walk: TraceState, interface: NetworkInterface, piece: Region) -> None:
    """An interface endpoint must be available, and installed in the zone of the interface that is asked."""
    endpoint = walk.snapshot.endpoint_of_interface.get(interface.id)
    if endpoint is None:
        if interface.kind == "vpc_endpoint":
            what = f"the endpoint of {interface.id}"
            walk.doubt(piece, walk.absent("VpcEndpoints", interface.id, what, interface.vpc))
        return
    walk.assumptions.append(f"{endpoint.service} behind {endpoint.id} is assumed to answer.")
    _check_state(walk, endpoint, piece)
    if endpoint.subnets and interface.subnet not in endpoint.subnets:
        subnet = walk.snapshot.subnets.get(interface.subnet)
        zone = subnet.zone if subnet and subnet.zone else "its zone"
        text = f"{endpoint.id} ({endpoint.service}) is not installed in {interface.subnet}, {zone}."
        walk.fault(
            piece, Blocker(Code.VPCE_SERVICE_NOT_INSTALLED_IN_AZ, walk.leg, endpoint.id, None, None, text)
        )

"""Gateway endpoints (S3, DynamoDB) as route targets, and the state of interface endpoints.

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


def through_endpoint(state: TraceState, endpoint_id: str, vpc: str, flows: Region) -> Onward:
    """Follow a route to a VPC endpoint."""
    state.hop(endpoint_id)
    endpoint = state.snapshot.endpoints.get(endpoint_id)
    if endpoint is None:
        state.give_up_absent(flows, "VpcEndpoints", endpoint_id, endpoint_id, vpc)
    elif endpoint.kind != "Gateway":
        state.give_up(
            flows,
            Code.UNSUPPORTED_COMPONENT,
            endpoint_id,
            Gap(
                "VpcEndpoints",
                "",
                f"{endpoint_id} ({endpoint.kind}) sends traffic through an appliance or firewall, "
                "which is not modelled.",
            ),
        )
    elif state.leg is Leg.RETURN:
        text = f"The reply to {state.target_text(flows)} is routed to {endpoint_id} and is lost there."
        state.stop(flows, Code.NO_POSSIBLE_DESTINATION, endpoint_id, text)
    else:
        _into_service(state, endpoint, vpc, flows)
    return ENDED


def _check_state(state: TraceState, endpoint: VpcEndpoint, flows: Region) -> None:
    if not endpoint.state:
        meaning = f"whether {endpoint.id} is available (State)"
        state.doubt(flows, state.absent("VpcEndpoints", endpoint.id, meaning, endpoint.vpc))
    elif endpoint.state != "available":
        text = f"{endpoint.id} ({endpoint.service}) is {endpoint.state}, not available."
        state.fault(flows, Blocker(Code.BAD_STATE, state.leg, endpoint.id, None, None, text))


def _into_service(state: TraceState, endpoint: VpcEndpoint, vpc: str, flows: Region) -> None:
    flow, own_vpc = state.flow, endpoint.vpc
    _check_state(state, endpoint, flows)
    if state.segment.vpc != vpc or own_vpc != vpc:
        state.stop(
            flows,
            Code.CANNOT_ROUTE,
            endpoint.id,
            f"{endpoint.id} serves only {own_vpc}; traffic from {state.segment.vpc} cannot use it.",
        )
        return
    if flow.protocol not in (TCP, ICMP, ICMPV6):
        state.stop(
            flows,
            Code.VPCE_GATEWAY_PROTOCOL_RESTRICTION,
            endpoint.id,
            f"{endpoint.id} supports only TCP and ICMP echo, not {flow.name}.",
        )
        return
    state.assumptions.append(
        f"{endpoint.service} behind {endpoint.id} is assumed to respond; its policy is not evaluated here."
    )
    state.end = End("service", vpc, gateway=endpoint.id)


def check_interface_endpoint(state: TraceState, interface: NetworkInterface, flows: Region) -> None:
    """An interface endpoint must be available, and deployed in the subnet of the destination interface."""
    endpoint = state.snapshot.endpoint_of_interface.get(interface.id)
    if endpoint is None:
        if interface.kind == "vpc_endpoint":
            what = f"the endpoint of {interface.id}"
            state.doubt(flows, state.absent("VpcEndpoints", interface.id, what, interface.vpc))
        return
    state.assumptions.append(f"{endpoint.service} behind {endpoint.id} is assumed to respond.")
    _check_state(state, endpoint, flows)
    if endpoint.subnets and interface.subnet not in endpoint.subnets:
        subnet = state.snapshot.subnets.get(interface.subnet)
        zone = f" ({subnet.zone})" if subnet and subnet.zone else ""
        text = f"{endpoint.id} ({endpoint.service}) is not deployed in {interface.subnet}{zone}."
        state.fault(
            flows, Blocker(Code.VPCE_SERVICE_NOT_INSTALLED_IN_AZ, state.leg, endpoint.id, None, None, text)
        )

"""How packets move: out of a subnet, along a route, into a VPC. One function for each type of step.

The forward leg has a single path, since all its packets have one destination. The return leg may split where
routes to parts of the source addresses differ.
"""

from __future__ import annotations

from netcheck.aws.ec2.entities import NetworkInterface, Route, RouteTable, Subnet
from netcheck.aws.ec2.snapshot import Gap, is_reserved
from netcheck.core.components import ComponentType, component_type
from netcheck.path.codes import Code
from netcheck.path.endpoint import check_interface_endpoint, through_endpoint
from netcheck.path.flows import Region
from netcheck.path.internet import enter_from_internet, is_private, through_egress_only, through_gateway
from netcheck.path.nat import through_nat
from netcheck.path.peering import through_peering
from netcheck.path.routing import CompiledTable, Hit, compiled
from netcheck.path.steps import ENDED, ByTable, Deliver, Leave, Onward, Step
from netcheck.path.trace_state import End, TraceState, inside, unknown_from
from netcheck.path.transit import through_transit_gateway
from netcheck.path.verdict import Blocker, Leg

_MOST_STEPS = 24
"""More route tables than any sensible path consults: beyond this the packets are in a loop."""

_LOAD_BALANCERS = ("network_load_balancer", "load_balancer", "gateway_load_balancer")


def go(state: TraceState, step: Step, flows: Region) -> None:
    """Take one step and all steps that follow from it."""
    state.depth += 1
    if state.depth > _MOST_STEPS:
        component = state.last_table.id if state.last_table else state.segment.component
        text = f"Traffic to {state.target_text(flows)} loops through {component}."
        state.stop(flows, Code.NO_PATH, component, text)
    else:
        # Plain isinstance: this is the innermost loop, and class patterns cost several times as much.
        if isinstance(step, Leave):
            onward = _leave(state, step.subnet, flows)
        elif isinstance(step, ByTable):
            onward = _by_table(state, step.table, step.table.vpc, None, flows)
        else:
            onward = _deliver(state, step.vpc, step.subnet, flows)
        for part, following in onward:
            go(state, following, part)
    state.depth -= 1


def table_of(state: TraceState, subnet: Subnet) -> RouteTable | None:
    """The subnet's explicitly associated route table, or the main route table of its VPC."""
    snapshot = state.snapshot
    key = ("table of", subnet.id)
    found = snapshot.memo.get(key)
    if found is None:
        found = snapshot.table_of_subnet.get(subnet.id)
        # If some of the VPC's tables are missing, the subnet's own may be among them.
        if found is None and state.missing_from("RouteTables", subnet.vpc) is None:
            found = snapshot.main_table_of_vpc.get(subnet.vpc)
        snapshot.memo[key] = found
    return found if isinstance(found, RouteTable) else None


def _stays_inside(state: TraceState, subnet: Subnet, flows: Region) -> bool:
    if state.leg is Leg.FORWARD:
        far = state.segment.far
        return inside(subnet.prefixes, state.flow.version, ((far, far, 0, 0),))
    near = state.segment.subnet
    return near is not None and near.id == subnet.id and inside(subnet.prefixes, state.flow.version, flows)


def _leave(state: TraceState, subnet: Subnet, flows: Region) -> Onward:
    if _stays_inside(state, subnet, flows):
        return _deliver(state, subnet.vpc, subnet, flows)
    state.check_acl(subnet, True, flows)
    table = table_of(state, subnet)
    if table is None:
        state.give_up_absent(flows, "RouteTables", subnet.id, f"the route table of {subnet.id}", subnet.vpc)
        return ENDED
    return _by_table(state, table, subnet.vpc, subnet, flows)


def _by_table(state: TraceState, table: RouteTable, vpc: str, subnet: Subnet | None, flows: Region) -> Onward:
    lookups = compiled(state.snapshot, table, state.flow.version)
    if state.leg is Leg.FORWARD:
        return _by_route(state, table, lookups, lookups.lookup(state.segment.far), vpc, subnet, flows)
    onward: list[tuple[Region, Step]] = []
    for first, last, low, high in flows:
        for start, end, hit in lookups.split(first, last):
            onward += _by_route(state, table, lookups, hit, vpc, subnet, ((start, end, low, high),))
    return tuple(onward)


def _by_route(
    state: TraceState,
    table: RouteTable,
    lookups: CompiledTable[Route],
    hit: Hit[Route] | None,
    vpc: str,
    subnet: Subnet | None,
    flows: Region,
) -> Onward:
    state.last_table, state.last_compiled, state.last_hit = table, lookups, hit
    if _route_is_known(state, table, lookups, hit, flows):
        return _follow(state, table, lookups, hit, vpc, subnet, flows)
    return ENDED


def _route_is_known(
    state: TraceState, table: RouteTable, lookups: CompiledTable[Route], hit: Hit[Route] | None, flows: Region
) -> bool:
    """False (with a doubt) if a route to a prefix list that was not collected might be the best match."""
    if hit is not None and hit.ambiguous_with is not None:
        state.hop(table.id, hit.route)
        state.give_up(
            flows,
            Code.UNKNOWN_DESTINATION,
            table.id,
            Gap(
                "RouteTables",
                "",
                f"{table.id}: {hit.route.text} and {hit.ambiguous_with.text} have the same "
                "destination and priority; AWS does not document which one it uses.",
            ),
        )
        return False
    if not lookups.unresolved:
        return True
    exact = hit is not None and hit.prefix.first == hit.prefix.last
    private = state.flow.version == 4 and is_private(state.target(flows))
    for route in lookups.unresolved:
        if exact or (private and _is_endpoint(route)):
            continue
        state.hop(table.id)
        name = str(route.destination)
        # describe-prefix-lists returns AWS's lists (gateway endpoints), not the customer's.
        gap = state.missing_from("PrefixLists", table.vpc) if _is_endpoint(route) else None
        gap = gap or state.missing_from("PrefixListEntries", table.vpc)
        what = gap.what if gap else "PrefixListEntries"
        meaning = f"the content of prefix list {name}, used in {table.id},"
        state.give_up_absent(flows, what, table.id, meaning, table.vpc)
        return False
    return True


def _is_endpoint(route: Route) -> bool:
    return component_type(route.target) is ComponentType.VPC_ENDPOINT


def _follow(
    state: TraceState,
    table: RouteTable,
    lookups: CompiledTable[Route],
    hit: Hit[Route] | None,
    vpc: str,
    subnet: Subnet | None,
    flows: Region,
) -> Onward:
    if hit is None:
        state.hop(table.id)
        _no_route(state, table, lookups, subnet, flows)
        return ENDED
    route = hit.route
    state.hop(table.id, route)
    if route.state == "blackhole":
        state.stop(
            flows,
            Code.BAD_STATE_ROUTE,
            table.id,
            f"{table.id}: route {route.text} is a blackhole: its target was deleted or detached.",
            str(route.destination),
        )
        return ENDED
    if route.state != "active":
        state.give_up(
            flows,
            Code.UNKNOWN_RESOURCE,
            table.id,
            Gap(
                "RouteTables",
                "",
                f"{table.id}: route {route.text} is in state {route.state!r}, which is not modelled.",
            ),
        )
        return ENDED
    return _to_target(state, table, route, vpc, subnet, flows)


def _no_route(
    state: TraceState, table: RouteTable, lookups: CompiledTable[Route], subnet: Subnet | None, flows: Region
) -> None:
    whose = f", the route table of {subnet.id}," if subnet else ""
    kind = "return route" if state.leg is Leg.RETURN else "route"
    state.stop(
        flows,
        Code.NO_ROUTE_TO_DESTINATION,
        table.id,
        f"{table.id}{whose} has no {kind} to {state.target_text(flows)}.",
        None,
        state.explain_no_route(lookups, table.id, flows),
    )


def _to_target(
    state: TraceState, table: RouteTable, route: Route, vpc: str, subnet: Subnet | None, flows: Region
) -> Onward:
    target = route.target
    match route.key:
        case "GatewayId" if target == "local":
            return _local(state, table, route, vpc, subnet, flows)
        case "GatewayId" if (
            target in state.snapshot.internet_gateways
            or component_type(target) is ComponentType.INTERNET_GATEWAY
        ):
            return through_gateway(state, target, vpc, subnet, flows)
        case "GatewayId" if (
            target in state.snapshot.endpoints or component_type(target) is ComponentType.VPC_ENDPOINT
        ):
            return through_endpoint(state, target, vpc, flows)
        case "GatewayId" if component_type(target) is ComponentType.VPN_GATEWAY:
            return _beyond_vpn_gateway(state, target, flows)
        case "EgressOnlyInternetGatewayId":
            return through_egress_only(state, target, vpc, subnet, flows)
        case "NatGatewayId":
            return through_nat(state, target, vpc, subnet, flows)
        case "VpcPeeringConnectionId":
            return through_peering(state, target, vpc, flows)
        case "TransitGatewayId":
            return through_transit_gateway(state, target, vpc, subnet, flows)
        case "NetworkInterfaceId" | "InstanceId":
            return _through_appliance(state, target, flows)
    state.hop(target)
    state.give_up(
        flows,
        Code.UNSUPPORTED_COMPONENT,
        target,
        Gap(
            "RouteTables",
            "",
            f"{table.id} routes to {target} ({route.key or 'no target'}), which is not modelled.",
        ),
    )
    return ENDED


def _local(
    state: TraceState, table: RouteTable, route: Route, vpc: str, subnet: Subnet | None, flows: Region
) -> Onward:
    known = state.snapshot.vpcs.get(vpc)
    if known is None:
        state.give_up_absent(flows, "Vpcs", vpc, vpc, None)
        return ENDED
    far = state.segment.far
    targets = ((far, far, 0, 0),) if state.leg is Leg.FORWARD else flows
    if not inside(known.prefixes, state.flow.version, targets):
        state.stop(
            flows,
            Code.VPC_LOCAL_ROUTE_CIDR_RESTRICTION,
            table.id,
            f"{table.id}: {route.text} covers only addresses of {vpc}; {state.target_text(flows)} "
            "is in none of its CIDR blocks.",
            str(route.destination),
        )
        return ENDED
    return _deliver(state, vpc, subnet, flows)


def _beyond_vpn_gateway(state: TraceState, gateway: str, flows: Region) -> Onward:
    state.hop(gateway)
    state.give_up(
        flows,
        Code.UNKNOWN_DESTINATION,
        gateway,
        Gap(
            "VpnGateways",
            "",
            f"{state.target_text(flows)} is behind {gateway} (VPN or Direct Connect), outside AWS.",
        ),
    )
    return ENDED


def _through_appliance(state: TraceState, target: str, flows: Region) -> Onward:
    """A NAT instance or other appliance: source/destination checking must be off; the rest is not known."""
    state.hop(target)
    known = state.snapshot.interfaces
    interface = known.get(target)
    if interface is None:
        instance = state.snapshot.instances.get(target)
        names = instance.interfaces if instance else ()
        interface = next(
            (state.snapshot.interfaces[n] for n in names if n in state.snapshot.interfaces), None
        )
    if interface is None:
        state.give_up_absent(flows, "NetworkInterfaces", target, target, None)
    elif interface.source_dest_check is None:
        state.give_up_absent(
            flows, "NetworkInterfaces", interface.id, f"SourceDestCheck of {interface.id}", interface.vpc
        )
    elif interface.source_dest_check:
        of_instance = interface.instance is not None or interface.kind == "interface"
        code = Code.ENI_SOURCE_DEST_CHECK_RESTRICTION if of_instance else Code.ENI_ADDRESS_RESTRICTION
        state.stop(
            flows,
            code,
            interface.id,
            f"{interface.id} has source/destination checking on (SourceDestCheck) and drops traffic to "
            f"{state.target_text(flows)}, which is not one of its addresses.",
        )
    else:
        state.give_up(
            flows,
            Code.UNKNOWN_DESTINATION,
            interface.id,
            Gap(
                "NetworkInterfaces",
                "",
                f"{interface.id} is an appliance: AWS's configuration does not say what it forwards.",
            ),
        )
    return ENDED


def _deliver(state: TraceState, vpc: str, subnet: Subnet | None, flows: Region) -> Onward:
    if state.leg is Leg.RETURN:
        _deliver_reply(state, vpc, subnet, flows)
    else:
        _deliver_request(state, vpc, subnet, flows)
    return ENDED


def _deliver_request(state: TraceState, vpc: str, subnet: Subnet | None, flows: Region) -> None:
    version, far = state.flow.version, state.segment.far
    interface = state.snapshot.host(vpc, version, far)
    if interface is None:
        _deliver_to_unknown_host(state, vpc, subnet, flows)
        return
    home = state.snapshot.subnets.get(interface.subnet)
    if home is None:
        state.give_up_absent(flows, "Subnets", interface.subnet, interface.subnet, vpc)
        return
    if subnet is None or subnet.id != home.id:
        state.check_acl(home, False, flows)
    state.end = End("interface", vpc, home, interface)
    check_alive(state, interface, flows)
    _refuse_if_nat(state, interface, flows)
    check_interface_endpoint(state, interface, flows)
    if interface.kind in _LOAD_BALANCERS:
        state.assumptions.append(
            f"The load balancer at {interface.id} is assumed to have a listener and healthy targets."
        )


def check_alive(state: TraceState, interface: NetworkInterface, flows: Region) -> None:
    """A detached interface, or one of a stopped instance, neither sends nor replies."""
    instance = state.snapshot.instances.get(interface.instance or "")
    if not interface.status:
        meaning = f"whether {interface.id} is attached (Status)"
        state.doubt(flows, state.absent("NetworkInterfaces", interface.id, meaning, interface.vpc))
    if instance is None and interface.instance is not None:
        _unknown_instance(state, interface, interface.instance, flows)
    if instance is not None and not instance.state:
        meaning = f"whether {instance.id} is running (State)"
        state.doubt(flows, state.absent("Reservations", instance.id, meaning, interface.vpc))
    if interface.status == "available":
        text = f"{interface.id} is not attached (status available)."
        state.fault(flows, Blocker(Code.BAD_STATE, state.leg, interface.id, None, None, text))
    elif instance is not None and instance.state not in ("running", "pending", ""):
        text = f"{instance.id}, the instance of {interface.id}, is {instance.state}."
        state.fault(flows, Blocker(Code.BAD_STATE, state.leg, instance.id, None, None, text))


def _unknown_instance(state: TraceState, interface: NetworkInterface, name: str, flows: Region) -> None:
    """Instances that were not collected are assumed to run; one missing from the list is a doubt."""
    snapshot = state.snapshot
    if snapshot.never_asked_for("Reservations", snapshot.region_of(interface.vpc)):
        state.assumptions.append(f"The state of {name} was not collected; it is assumed to be running.")
    else:
        state.doubt(flows, state.absent("Reservations", name, f"whether {name} is running", interface.vpc))


def _refuse_if_nat(state: TraceState, interface: NetworkInterface, flows: Region) -> None:
    """A NAT gateway accepts no inbound connections to its address."""
    nat = state.snapshot.nat_of_interface.get(interface.id)
    if nat is not None or interface.kind in ("nat_gateway", "natGateway"):
        name = nat.id if nat is not None else interface.id
        text = (
            f"{state.far_text} is the address of {name}, a NAT gateway, which accepts no inbound connections."
        )
        state.fault(flows, Blocker(Code.NO_POSSIBLE_DESTINATION, state.leg, name, None, None, text))


def _deliver_to_unknown_host(state: TraceState, vpc: str, subnet: Subnet | None, flows: Region) -> None:
    version, far = state.flow.version, state.segment.far
    home = state.snapshot.subnet_in(vpc, version, far)
    gap = state.missing_from("NetworkInterfaces", vpc)
    if gap is None and home is None:
        gap = state.missing_from("Subnets", vpc)
    if home is not None and is_reserved(home, version, far):
        state.stop(
            flows,
            Code.NO_POSSIBLE_DESTINATION,
            home.id,
            f"{state.far_text} is reserved by AWS in {home.id} (the first four addresses and the last).",
        )
        return
    if gap is None:
        place = home.id if home is not None else vpc
        text = f"No network interface in {place} has the address {state.far_text}."
        state.stop(flows, Code.NO_POSSIBLE_DESTINATION, place, text)
        return
    if home is None:
        state.give_up(flows, Code.UNKNOWN_DESTINATION, vpc, gap)
        return
    if subnet is None or subnet.id != home.id:
        state.check_acl(home, False, flows)
    state.doubt(flows, unknown_from(Code.UNKNOWN_DESTINATION, home.id, gap))
    state.end = End("host", vpc, home)


def _deliver_reply(state: TraceState, vpc: str, subnet: Subnet | None, flows: Region) -> None:
    near = state.segment
    if near.vpc != vpc or near.mapping is not None:
        table = state.last_table.id if state.last_table else vpc
        state.stop(
            flows,
            Code.NO_POSSIBLE_DESTINATION,
            table,
            f"The reply to {state.target_text(flows)} is delivered in {vpc}; the sender is in {near.vpc}.",
        )
        return
    if near.subnet is not None and (subnet is None or subnet.id != near.subnet.id):
        state.check_acl(near.subnet, False, flows)
    if state.current == 0 and _reply_goes_to_owner(state, vpc, flows):
        return
    state.reply_arrived = state.reply_arrived or state.current == 0


def _reply_goes_to_owner(state: TraceState, vpc: str, flows: Region) -> bool:
    """A reply to a spoofed source address goes to the interface that has it."""
    version, address = state.flow.version, flows[0][0]
    sender = state.snapshot.interfaces.get(state.segment.component)
    if sender is None or sender.has(version, address):
        return False
    holder = state.snapshot.host(vpc, version, address)
    if holder is None:
        return False
    text = f"The reply to {state.target_text(flows)} goes to {holder.id}, which has that address."
    state.stop(flows, Code.NO_POSSIBLE_DESTINATION, holder.id, text)
    return True


def reply(state: TraceState) -> None:
    """Trace the return leg, segment by segment, from the destination to the sender."""
    assert state.end is not None
    state.leg = Leg.RETURN
    top = len(state.segments) - 1
    for index in range(top, -1, -1):
        state.enter(index)
        state.last_table = state.last_hit = state.last_compiled = None
        segment = state.segment
        if index == top:
            _reply_from_end(state, state.end)
            continue
        upper = state.segments[index + 1]
        if upper.mapping is not None:
            _run(state, enter_from_internet(state, segment.vpc, upper.component, segment.region))
        elif upper.subnet is not None:
            state.hop(upper.component)
            go(state, Leave(upper.subnet), segment.region)
        else:
            state.hop(upper.component)
            go(state, Deliver(upper.vpc, None), segment.region)


def _run(state: TraceState, onward: Onward) -> None:
    for part, step in onward:
        go(state, step, part)


def _reply_from_end(state: TraceState, end: End) -> None:
    region = state.segment.region
    match end.kind:
        case "internet":
            _run(state, enter_from_internet(state, state.segment.vpc, end.gateway, region))
        case "service":
            state.hop(end.gateway)
            go(state, Deliver(end.vpc, None), region)
        case _:
            assert end.subnet is not None
            if end.interface is not None:
                state.hop(end.interface.id)
            go(state, Leave(end.subnet), region)

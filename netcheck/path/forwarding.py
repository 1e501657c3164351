"""How packets move: out of a subnet, by a route, into a VPC. One function for each kind of place.

The forward leg has one way, since all its packets have one destination. The return leg may split where routes
to parts of the source addresses differ.
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
"""More route tables than any sensible path consults: beyond it the packets run in a circle."""

_LOAD_BALANCERS = ("network_load_balancer", "load_balancer", "gateway_load_balancer")


def go(walk: TraceState, step: Step, piece: Region) -> None:
    """Take one step and all that follow from it."""
    walk.depth += 1
    if walk.depth > _MOST_STEPS:
        component = walk.last_table.id if walk.last_table else walk.stretch.component
        text = f"Traffic to {walk.target_text(piece)} runs in a circle through {component}."
        walk.stop(piece, Code.NO_PATH, component, text)
    else:
        # Plain isinstance: this is the innermost loop, and class patterns cost several times as much.
        if isinstance(step, Leave):
            onward = _leave(walk, step.subnet, piece)
        elif isinstance(step, ByTable):
            onward = _by_table(walk, step.table, step.table.vpc, None, piece)
        else:
            onward = _deliver(walk, step.vpc, step.subnet, piece)
        for part, following in onward:
            go(walk, following, part)
    walk.depth -= 1


def table_of(walk: TraceState, subnet: Subnet) -> RouteTable | None:
    """The subnet's own route table, or the main one of its VPC."""
    snapshot = walk.snapshot
    key = ("table of", subnet.id)
    found = snapshot.memo.get(key)
    if found is None:
        found = snapshot.table_of_subnet.get(subnet.id)
        # Without all of the VPC's tables, one of its own may be among those that are missing.
        if found is None and walk.missing_from("RouteTables", subnet.vpc) is None:
            found = snapshot.main_table_of_vpc.get(subnet.vpc)
        snapshot.memo[key] = found
    return found if isinstance(found, RouteTable) else None


def _stays_inside(walk: TraceState, subnet: Subnet, piece: Region) -> bool:
    if walk.leg is Leg.FORWARD:
        far = walk.stretch.far
        return inside(subnet.prefixes, walk.flow.version, ((far, far, 0, 0),))
    near = walk.stretch.subnet
    return near is not None and near.id == subnet.id and inside(subnet.prefixes, walk.flow.version, piece)


def _leave(walk: TraceState, subnet: Subnet, piece: Region) -> Onward:
    if _stays_inside(walk, subnet, piece):
        return _deliver(walk, subnet.vpc, subnet, piece)
    walk.check_acl(subnet, True, piece)
    table = table_of(walk, subnet)
    if table is None:
        walk.give_up_absent(piece, "RouteTables", subnet.id, f"the route table of {subnet.id}", subnet.vpc)
        return ENDED
    return _by_table(walk, table, subnet.vpc, subnet, piece)


def _by_table(walk: TraceState, table: RouteTable, vpc: str, subnet: Subnet | None, piece: Region) -> Onward:
    lookups = compiled(walk.snapshot, table, walk.flow.version)
    if walk.leg is Leg.FORWARD:
        return _by_route(walk, table, lookups, lookups.lookup(walk.stretch.far), vpc, subnet, piece)
    onward: list[tuple[Region, Step]] = []
    for first, last, low, high in piece:
        for start, end, hit in lookups.pieces(first, last):
            onward += _by_route(walk, table, lookups, hit, vpc, subnet, ((start, end, low, high),))
    return tuple(onward)


def _by_route(
    walk: TraceState,
    table: RouteTable,
    lookups: CompiledTable[Route],
    hit: Hit[Route] | None,
    vpc: str,
    subnet: Subnet | None,
    piece: Region,
) -> Onward:
    walk.last_table, walk.last_compiled, walk.last_hit = table, lookups, hit
    if _route_is_known(walk, table, lookups, hit, piece):
        return _follow(walk, table, lookups, hit, vpc, subnet, piece)
    return ENDED


def _route_is_known(
    walk: TraceState, table: RouteTable, lookups: CompiledTable[Route], hit: Hit[Route] | None, piece: Region
) -> bool:
    """False (and a doubt) if a route to a prefix list that was not collected might be the one that counts."""
    if hit is not None and hit.ambiguous_with is not None:
        walk.hop(table.id, hit.route)
        walk.give_up(
            piece,
            Code.UNKNOWN_DESTINATION,
            table.id,
            Gap(
                "RouteTables",
                "",
                f"{table.id}: {hit.route.text} and {hit.ambiguous_with.text} have the same "
                "destination and priority; AWS chooses one of them and does not say which.",
            ),
        )
        return False
    if not lookups.unresolved:
        return True
    exact = hit is not None and hit.prefix.first == hit.prefix.last
    private = walk.flow.version == 4 and is_private(walk.target(piece))
    for route in lookups.unresolved:
        if exact or (private and _is_endpoint(route)):
            continue
        walk.hop(table.id)
        name = str(route.destination)
        # AWS's own lists, those of gateway endpoints, come with describe-prefix-lists; customers' do not.
        gap = walk.missing_from("PrefixLists", table.vpc) if _is_endpoint(route) else None
        gap = gap or walk.missing_from("PrefixListEntries", table.vpc)
        what = gap.what if gap else "PrefixListEntries"
        meaning = f"what {name}, to which {table.id} has a route, covers"
        walk.give_up_absent(piece, what, table.id, meaning, table.vpc)
        return False
    return True


def _is_endpoint(route: Route) -> bool:
    return component_type(route.target) is ComponentType.VPC_ENDPOINT


def _follow(
    walk: TraceState,
    table: RouteTable,
    lookups: CompiledTable[Route],
    hit: Hit[Route] | None,
    vpc: str,
    subnet: Subnet | None,
    piece: Region,
) -> Onward:
    if hit is None:
        walk.hop(table.id)
        _no_route(walk, table, lookups, subnet, piece)
        return ENDED
    route = hit.route
    walk.hop(table.id, route)
    if route.state == "blackhole":
        walk.stop(
            piece,
            Code.BAD_STATE_ROUTE,
            table.id,
            f"{table.id}: the route {route.text} is a blackhole: its target no longer exists or is detached.",
            str(route.destination),
        )
        return ENDED
    if route.state != "active":
        walk.give_up(
            piece,
            Code.UNKNOWN_RESOURCE,
            table.id,
            Gap(
                "RouteTables",
                "",
                f"{table.id}: the route {route.text} is in state {route.state!r}, which is not modelled.",
            ),
        )
        return ENDED
    return _to_target(walk, table, route, vpc, subnet, piece)


def _no_route(
    walk: TraceState, table: RouteTable, lookups: CompiledTable[Route], subnet: Subnet | None, piece: Region
) -> None:
    whose = f", the route table of {subnet.id}," if subnet else ""
    what = "the reply to " if walk.leg is Leg.RETURN else ""
    walk.stop(
        piece,
        Code.NO_ROUTE_TO_DESTINATION,
        table.id,
        f"{table.id}{whose} has no route for {what}{walk.target_text(piece)}.",
        None,
        walk.explain_no_route(lookups, table.id, piece),
    )


def _to_target(
    walk: TraceState, table: RouteTable, route: Route, vpc: str, subnet: Subnet | None, piece: Region
) -> Onward:
    target = route.target
    match route.key:
        case "GatewayId" if target == "local":
            return _local(walk, table, route, vpc, subnet, piece)
        case "GatewayId" if (
            target in walk.snapshot.internet_gateways
            or component_type(target) is ComponentType.INTERNET_GATEWAY
        ):
            return through_gateway(walk, target, vpc, subnet, piece)
        case "GatewayId" if (
            target in walk.snapshot.endpoints or component_type(target) is ComponentType.VPC_ENDPOINT
        ):
            return through_endpoint(walk, target, vpc, piece)
        case "GatewayId" if component_type(target) is ComponentType.VPN_GATEWAY:
            return _beyond_vpn_gateway(walk, target, piece)
        case "EgressOnlyInternetGatewayId":
            return through_egress_only(walk, target, vpc, subnet, piece)
        case "NatGatewayId":
            return through_nat(walk, target, vpc, subnet, piece)
        case "VpcPeeringConnectionId":
            return through_peering(walk, target, vpc, piece)
        case "TransitGatewayId":
            return through_transit_gateway(walk, target, vpc, subnet, piece)
        case "NetworkInterfaceId" | "InstanceId":
            return _through_appliance(walk, target, piece)
    walk.hop(target)
    walk.give_up(
        piece,
        Code.UNSUPPORTED_COMPONENT,
        target,
        Gap(
            "RouteTables",
            "",
            f"{table.id} leads to {target} ({route.key or 'no target'}), which is not modelled.",
        ),
    )
    return ENDED


def _local(
    walk: TraceState, table: RouteTable, route: Route, vpc: str, subnet: Subnet | None, piece: Region
) -> Onward:
    known = walk.snapshot.vpcs.get(vpc)
    if known is None:
        walk.give_up_absent(piece, "Vpcs", vpc, vpc, None)
        return ENDED
    far = walk.stretch.far
    targets = ((far, far, 0, 0),) if walk.leg is Leg.FORWARD else piece
    if not inside(known.prefixes, walk.flow.version, targets):
        walk.stop(
            piece,
            Code.VPC_LOCAL_ROUTE_CIDR_RESTRICTION,
            table.id,
            f"{table.id}: {route.text} serves only addresses of {vpc}, and {walk.target_text(piece)} "
            "is in none of its CIDR blocks.",
            str(route.destination),
        )
        return ENDED
    return _deliver(walk, vpc, subnet, piece)


def _beyond_vpn_gateway(walk: TraceState, gateway: str, piece: Region) -> Onward:
    walk.hop(gateway)
    walk.give_up(
        piece,
        Code.UNKNOWN_DESTINATION,
        gateway,
        Gap(
            "VpnGateways",
            "",
            f"{walk.target_text(piece)} lies beyond {gateway} (VPN or Direct Connect), out of AWS's sight.",
        ),
    )
    return ENDED


def _through_appliance(walk: TraceState, target: str, piece: Region) -> Onward:
    """A NAT instance or other appliance: source/destination check must be off; what it does is not known."""
    walk.hop(target)
    interface = walk.snapshot.interfaces.get(target)
    if interface is None:
        instance = walk.snapshot.instances.get(target)
        names = instance.interfaces if instance else ()
        interface = next((walk.snapshot.interfaces[n] for n in names if n in walk.snapshot.interfaces), None)
    if interface is None:
        walk.give_up_absent(piece, "NetworkInterfaces", target, target, None)
    elif interface.source_dest_check is None:
        walk.give_up_absent(
            piece, "NetworkInterfaces", interface.id, f"SourceDestCheck of {interface.id}", interface.vpc
        )
    elif interface.source_dest_check:
        of_instance = interface.instance is not None or interface.kind == "interface"
        code = Code.ENI_SOURCE_DEST_CHECK_RESTRICTION if of_instance else Code.ENI_ADDRESS_RESTRICTION
        walk.stop(
            piece,
            code,
            interface.id,
            f"{interface.id} checks source and destination (SourceDestCheck) and drops traffic to "
            f"{walk.target_text(piece)}, which is not its own address.",
        )
    else:
        walk.give_up(
            piece,
            Code.UNKNOWN_DESTINATION,
            interface.id,
            Gap(
                "NetworkInterfaces",
                "",
                f"what the appliance at {interface.id} does with traffic is not known to AWS.",
            ),
        )
    return ENDED


def _deliver(walk: TraceState, vpc: str, subnet: Subnet | None, piece: Region) -> Onward:
    if walk.leg is Leg.RETURN:
        _deliver_reply(walk, vpc, subnet, piece)
    else:
        _deliver_question(walk, vpc, subnet, piece)
    return ENDED


def _deliver_question(walk: TraceState, vpc: str, subnet: Subnet | None, piece: Region) -> None:
    version, far = walk.flow.version, walk.stretch.far
    interface = walk.snapshot.host(vpc, version, far)
    if interface is None:
        _deliver_to_nobody(walk, vpc, subnet, piece)
        return
    home = walk.snapshot.subnets.get(interface.subnet)
    if home is None:
        walk.give_up_absent(piece, "Subnets", interface.subnet, interface.subnet, vpc)
        return
    if subnet is None or subnet.id != home.id:
        walk.check_acl(home, False, piece)
    walk.end = End("interface", vpc, home, interface)
    check_alive(walk, interface, piece)
    _refuse_if_nat(walk, interface, piece)
    check_interface_endpoint(walk, interface, piece)
    if interface.kind in _LOAD_BALANCERS:
        walk.assumptions.append(
            f"The load balancer at {interface.id} is assumed to have a listener and targets."
        )


def check_alive(walk: TraceState, interface: NetworkInterface, piece: Region) -> None:
    """A detached interface, or one of a stopped instance, neither sends nor answers."""
    instance = walk.snapshot.instances.get(interface.instance or "")
    if not interface.status:
        meaning = f"whether {interface.id} is attached (Status)"
        walk.doubt(piece, walk.absent("NetworkInterfaces", interface.id, meaning, interface.vpc))
    if instance is None and interface.instance is not None:
        _unknown_instance(walk, interface, interface.instance, piece)
    if instance is not None and not instance.state:
        meaning = f"whether {instance.id} is running (State)"
        walk.doubt(piece, walk.absent("Reservations", instance.id, meaning, interface.vpc))
    if interface.status == "available":
        text = f"{interface.id} is not attached to anything (status available)."
        walk.fault(piece, Blocker(Code.BAD_STATE, walk.leg, interface.id, None, None, text))
    elif instance is not None and instance.state not in ("running", "pending", ""):
        text = f"{instance.id}, the instance of {interface.id}, is {instance.state}."
        walk.fault(piece, Blocker(Code.BAD_STATE, walk.leg, instance.id, None, None, text))


def _unknown_instance(walk: TraceState, interface: NetworkInterface, name: str, piece: Region) -> None:
    """Instances that nobody asked for are taken to run; one that was asked for and not told is a doubt."""
    snapshot = walk.snapshot
    if snapshot.never_asked_for("Reservations", snapshot.region_of(interface.vpc)):
        walk.assumptions.append(f"Whether {name} is running was not collected; it is taken to be.")
    else:
        walk.doubt(piece, walk.absent("Reservations", name, f"whether {name} is running", interface.vpc))


def _refuse_if_nat(walk: TraceState, interface: NetworkInterface, piece: Region) -> None:
    """A NAT gateway takes replies only: it answers no connection that is opened to its own address."""
    nat = walk.snapshot.nat_of_interface.get(interface.id)
    if nat is not None or interface.kind in ("nat_gateway", "natGateway"):
        name = nat.id if nat is not None else interface.id
        text = (
            f"{walk.far_text} is the address of {name}, a NAT gateway, which accepts no connections itself."
        )
        walk.fault(piece, Blocker(Code.NO_POSSIBLE_DESTINATION, walk.leg, name, None, None, text))


def _deliver_to_nobody(walk: TraceState, vpc: str, subnet: Subnet | None, piece: Region) -> None:
    version, far = walk.flow.version, walk.stretch.far
    home = walk.snapshot.subnet_in(vpc, version, far)
    gap = walk.missing_from("NetworkInterfaces", vpc)
    if gap is None and home is None:
        gap = walk.missing_from("Subnets", vpc)
    if home is not None and is_reserved(home, version, far):
        walk.stop(
            piece,
            Code.NO_POSSIBLE_DESTINATION,
            home.id,
            f"{walk.far_text} is reserved by AWS in {home.id} (the first four addresses and the last).",
        )
        return
    if gap is None:
        place = home.id if home is not None else vpc
        text = f"No network interface in {place} has the address {walk.far_text}."
        walk.stop(piece, Code.NO_POSSIBLE_DESTINATION, place, text)
        return
    if home is None:
        walk.give_up(piece, Code.UNKNOWN_DESTINATION, vpc, gap)
        return
    if subnet is None or subnet.id != home.id:
        walk.check_acl(home, False, piece)
    walk.doubt(piece, unknown_from(Code.UNKNOWN_DESTINATION, home.id, gap))
    walk.end = End("host", vpc, home)


def _deliver_reply(walk: TraceState, vpc: str, subnet: Subnet | None, piece: Region) -> None:
    near = walk.stretch
    if near.vpc != vpc or near.mapping is not None:
        table = walk.last_table.id if walk.last_table else vpc
        walk.stop(
            piece,
            Code.NO_POSSIBLE_DESTINATION,
            table,
            f"The reply to {walk.target_text(piece)} is delivered in {vpc}, but the sender is in {near.vpc}.",
        )
        return
    if near.subnet is not None and (subnet is None or subnet.id != near.subnet.id):
        walk.check_acl(near.subnet, False, piece)
    if walk.current == 0 and _goes_to_another(walk, vpc, piece):
        return
    walk.reply_arrived = walk.reply_arrived or walk.current == 0


def _goes_to_another(walk: TraceState, vpc: str, piece: Region) -> bool:
    """A reply to an address that the sender only borrowed goes to the interface that has it."""
    version, address = walk.flow.version, piece[0][0]
    sender = walk.snapshot.interfaces.get(walk.stretch.component)
    if sender is None or sender.has(version, address):
        return False
    holder = walk.snapshot.host(vpc, version, address)
    if holder is None:
        return False
    text = f"The reply to {walk.target_text(piece)} goes to {holder.id}, which has that address."
    walk.stop(piece, Code.NO_POSSIBLE_DESTINATION, holder.id, text)
    return True


def reply(walk: TraceState) -> None:
    """TraceState all the way back: stretch by stretch, from the destination to the sender."""
    assert walk.end is not None
    walk.leg = Leg.RETURN
    top = len(walk.stretches) - 1
    for index in range(top, -1, -1):
        walk.enter(index)
        walk.last_table = walk.last_hit = walk.last_compiled = None
        stretch = walk.stretch
        if index == top:
            _reply_from_end(walk, walk.end)
            continue
        upper = walk.stretches[index + 1]
        if upper.mapping is not None:
            _run(walk, enter_from_internet(walk, stretch.vpc, upper.component, stretch.region))
        elif upper.subnet is not None:
            walk.hop(upper.component)
            go(walk, Leave(upper.subnet), stretch.region)
        else:
            walk.hop(upper.component)
            go(walk, Deliver(upper.vpc, None), stretch.region)


def _run(walk: TraceState, onward: Onward) -> None:
    for part, step in onward:
        go(walk, step, part)


def _reply_from_end(walk: TraceState, end: End) -> None:
    region = walk.stretch.region
    match end.kind:
        case "internet":
            _run(walk, enter_from_internet(walk, walk.stretch.vpc, end.gateway, region))
        case "service":
            walk.hop(end.gateway)
            go(walk, Deliver(end.vpc, None), region)
        case _:
            assert end.subnet is not None
            if end.interface is not None:
                walk.hop(end.interface.id)
            go(walk, Leave(end.subnet), region)

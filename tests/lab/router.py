"""The router of one VPC: its routing tables, and the order in which filters are met."""

from __future__ import annotations

from dataclasses import dataclass

from tests.lab.account import Account, Item
from tests.lab.flow import Drop
from tests.lab.plan import Namespace
from tests.lab.rules import acl_chain, by_family, chain, family, group_chain, held_groups, log_and_drop, tag

ENI_TABLE = 100
FIRST_SUBNET_TABLE = 1000
# A static route beats a prefix list's, which beats a propagated one ("How route priority works").
METRIC_STATIC, METRIC_PREFIX_LIST, METRIC_LAST = 100, 200, 9000
EVERYTHING = ("0.0.0.0/0", "::/0")
TARGETS = (
    "GatewayId",
    "NatGatewayId",
    "VpcPeeringConnectionId",
    "EgressOnlyInternetGatewayId",
    "TransitGatewayId",
)


@dataclass(slots=True)
class Port:
    """An interface of a VPC's router: what is behind it and in which subnet it is, if in any."""

    name: str
    kind: str
    subnet: str | None = None
    eni: Item | None = None
    addresses: tuple[str, ...] = ()
    owner: str = ""


class Sinks:
    """Where packets go that have no route: a next hop for each reason, so that the filter can name it."""

    def __init__(self) -> None:
        self.labels: list[str] = []

    def to(self, prefix: str, label: str) -> str:
        if label not in self.labels:
            self.labels.append(label)
        return f"via {self._hop(self.labels.index(label) + 1, family(prefix))} dev sink0 onlink"

    @staticmethod
    def _hop(number: int, kind: str) -> str:
        return f"fe80::{number:x}" if kind == "ip6" else f"169.254.{number >> 8}.{number & 255}"

    def commands(self) -> list[str]:
        return [
            "link add name sink0 type veth peer name sink1",
            "link set sink0 up arp off",
            "link set sink1 up",
        ]

    def chains(self) -> str:
        dispatch = []
        for kind in ("ip", "ip6"):
            hops = [
                f"{self._hop(number, kind)} : goto sink_{number}" for number in range(1, len(self.labels) + 1)
            ]
            if hops:
                dispatch.append(f'oifname "sink0" rt {kind} nexthop vmap {{ {", ".join(hops)} }}')
        text = "".join(
            chain(f"sink_{number}", [log_and_drop(label)]) for number, label in enumerate(self.labels, 1)
        )
        return text + chain("sinks", dispatch)


class Router:
    """Writes the routes and the rules of one VPC into its namespace."""

    def __init__(self, account: Account, vpc: str, namespace: Namespace, ports: list[Port]) -> None:
        self.account = account
        self.vpc = vpc
        self.namespace = namespace
        self.ports = ports
        self.sinks = Sinks()
        self.subnets = [subnet for subnet, item in account.subnets.items() if item["VpcId"] == vpc]

    def write(self) -> None:
        self.namespace.commands += self.sinks.commands()
        self.local_delivery()
        for number, subnet in enumerate(self.subnets, FIRST_SUBNET_TABLE):
            self.subnet_routes(subnet, number)
            for port in self.ports:
                if port.subnet == subnet:
                    self.rule(f"rule add pref 10 iif {port.name} lookup {number}")
        # Where a table throws, as for a local route, and for what comes in by a gateway.
        self.rule(f"rule add pref 20 lookup {ENI_TABLE}")
        self.namespace.ruleset = self.filters()
        self.namespace.second_ruleset = self.forwarding()

    # --- routes

    def rule(self, command: str) -> None:
        self.namespace.commands.append(command)
        self.namespace.commands6.append(command)

    def local_delivery(self) -> None:
        """The VPC's own addresses. What nobody holds is told by the subnet, or else the VPC."""
        for port in self.ports:
            for address in port.addresses:
                length = 128 if ":" in address else 32
                self.namespace.route("", f"{address}/{length}", f"dev {port.name} table {ENI_TABLE}")
        for subnet in self.subnets:
            for cidr in self.account.subnet_cidrs(subnet):
                hop = self.sinks.to(cidr, tag(Drop.NOBODY, subnet))
                self.namespace.route("", cidr, f"{hop} table {ENI_TABLE}")
        for prefix in [*self.account.vpc_cidrs(self.vpc), *EVERYTHING]:
            hop = self.sinks.to(prefix, tag(Drop.NOBODY, self.vpc))
            self.namespace.route("", prefix, f"{hop} table {ENI_TABLE} metric {METRIC_LAST}")

    def subnet_routes(self, subnet: str, number: int) -> None:
        """The route table of one subnet as a kernel table of its own; what it has no route for is told."""
        table = self.account.route_table(subnet)
        for route in table["Routes"]:
            listed = route.get("DestinationPrefixListId")
            metric = METRIC_PREFIX_LIST if listed else METRIC_STATIC
            for prefix in self.account.destinations(route):
                if route["State"] == "blackhole":
                    label = tag(Drop.ROUTE_BLACKHOLE, table["RouteTableId"], listed or prefix)
                    where = self.sinks.to(prefix, label)
                elif route.get("GatewayId") == "local":
                    self.namespace.route("throw", prefix, f"table {number}")
                    continue
                else:
                    where = self.next_hop(route, subnet, prefix)
                self.namespace.route("", prefix, f"{where} table {number} metric {metric}")
        for prefix in EVERYTHING:
            hop = self.sinks.to(prefix, tag(Drop.ROUTE_MISSING, table["RouteTableId"]))
            self.namespace.route("", prefix, f"{hop} table {number} metric {METRIC_LAST}")

    def next_hop(self, route: Item, subnet: str, prefix: str) -> str:
        target = next(route[field] for field in TARGETS if field in route)
        ways = [port for port in self.ports if port.owner == target]
        if target.startswith("tgw-"):
            # Only through an attachment subnet in the availability zone that the packet comes from.
            zone = self.account.zone(subnet)
            ways = [port for port in ways if self.account.zone(port.subnet or "") == zone]
            if not ways:
                attachment = self.account.attachment(target, self.vpc)
                return self.sinks.to(prefix, tag(Drop.TRANSIT_ZONE, attachment))
        return f"dev {ways[0].name}"

    # --- filters

    def filters(self) -> str:
        """The network ACLs of the subnets and the security groups of the interfaces."""
        text = "table inet lab {\n"
        for subnet in self.subnets:
            acl = self.account.acl(subnet)
            text += chain(f"acl_out_{subnet}", acl_chain(acl, egress=True))
            text += chain(f"acl_in_{subnet}", acl_chain(acl, egress=False))
        return text + self.security_groups() + "}\n"

    def security_groups(self) -> str:
        """One chain for all interfaces with the same groups; what it refuses is told by interface."""
        text = ""
        sharing: dict[frozenset[str], list[Port]] = {}
        for port in self.ports:
            if port.eni:
                sharing.setdefault(held_groups(port.eni), []).append(port)
        for number, (held, members) in enumerate(sharing.items()):
            for way, side, direction in (("out", "iifname", "egress"), ("in", "oifname", "ingress")):
                refuse = ", ".join(f'"{port.name}" : goto no_{way}_{port.name}' for port in members)
                for port in members:
                    label = tag(Drop.SECURITY_GROUP, port.owner, direction)
                    text += chain(f"no_{way}_{port.name}", [log_and_drop(label)])
                rules = group_chain(self.account, held, egress=way == "out")
                text += chain(f"groups_{number}_{way}", [*rules, f"{side} vmap {{ {refuse} }}"])
                for port in members:
                    text += chain(f"sg_{way}_{port.name}", [f"goto groups_{number}_{way}"])
        return text

    def forwarding(self) -> str:
        """Leaving: group, then network ACL. Then failures of routing. Entering: network ACL, then group."""
        text = "table inet lab {\n"
        for port in self.ports:
            text += chain(f"from_{port.name}", self.leaving(port))
            text += chain(f"to_{port.name}", self.entering(port))
        lines = ["jump sinks"]
        if self.ports:
            leaving = ", ".join(f'"{port.name}" : jump from_{port.name}' for port in self.ports)
            entering = ", ".join(f'"{port.name}" : jump to_{port.name}' for port in self.ports)
            lines = [f"iifname vmap {{ {leaving} }}", "jump sinks", f"oifname vmap {{ {entering} }}"]
        text += self.sinks.chains()
        text += chain("forward", lines, "type filter hook forward priority 0;")
        text += chain("quiet", ["drop"], "type filter hook output priority 0;")
        return text + "}\n"

    def neighbours(self, port: Port, *, transit: bool) -> str:
        """The interfaces in the same subnet, those of transit gateways or all others."""
        return ", ".join(
            f'"{other.name}"'
            for other in self.ports
            if other.subnet == port.subnet and (other.kind == "tgw") is transit
        )

    def leaving(self, port: Port) -> list[str]:
        """What a packet meets when it comes from this interface."""
        lines: list[str] = []
        if port.kind == "pcx":
            lines += self.not_of_this_vpc("daddr", port.owner)
        if port.subnet is None:
            return lines
        if port.eni:
            lines.append(f"jump sg_out_{port.name}")
        table = self.account.route_table(port.subnet)["RouteTableId"]
        if port.kind == "nat":
            lines.append(f'oifname "{port.name}" {log_and_drop(tag(Drop.ROUTE_LOOP, table))}')
        if port.kind in ("nat", "tgw"):
            # No path is that long: this packet goes round through several gateways.
            lines.append(f"ip ttl < 32 {log_and_drop(tag(Drop.ROUTE_LOOP, table, 'several'))}")
        # A network ACL filters what crosses the subnet's edge, not what stays inside.
        inside = self.neighbours(port, transit=False)
        if inside:
            lines.append(f"oifname {{ {inside} }} return")
        for cidr in self.account.subnet_cidrs(port.subnet):
            lines.append(f'{family(cidr)} daddr {cidr} oifname "sink0" return')
        lines.append(f"jump acl_out_{port.subnet}")
        return lines

    def entering(self, port: Port) -> list[str]:
        """What a packet meets when it goes out to this interface."""
        if port.kind == "pcx":
            return self.not_of_this_vpc("saddr", port.owner)
        if port.subnet is None:
            return []
        group = [f"jump sg_in_{port.name}"] if port.eni else []
        acl = [f"jump acl_in_{port.subnet}"]
        if port.kind == "tgw":
            # "Network ACLs for transit gateways": towards it, the inbound rules of the attachment's subnet
            # see even neighbours; from it, a host in that same subnet is not filtered.
            return acl
        near = [self.neighbours(port, transit=transit) for transit in (False, True)]
        inside = ", ".join(names for names in near if names)
        lines = [f"iifname {{ {inside} }} {jump}" for jump in (*group, "return")] if inside else []
        return [*lines, *acl, *group]

    def not_of_this_vpc(self, side: str, peering: str) -> list[str]:
        """No transit: what comes in by a peering is for this VPC, and what goes out by it is from it."""
        outside = log_and_drop(tag(Drop.PEERING_OUTSIDE, peering))
        return [
            f"{kind} {side} != {{ {', '.join(cidrs)} }} {outside}"
            for kind, cidrs in by_family(self.account.vpc_cidrs(self.vpc)).items()
        ]

"""Random accounts and flows from a seed, made to hurt: edges of ranges, orders, overlaps, missing halves.

Everything is described as AWS would describe it, and only combinations that AWS accepts are made.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.lab.cloud import AclEntry, Allow, Cloud, is_v6
from tests.lab.flow import Flow

SERVICE_PORTS = (443, 8443, 9092, 9094, 9098, 9440)
PORT_RANGES = ((9092, 9098), (9094, 9094), (443, 443), (8443, 9440), (1, 1024), (1024, 65535), (0, 65535))
# What people write for the answers' ports: all of them right somewhere, most of them wrong for someone.
EPHEMERAL_RANGES = (
    (1024, 65535),
    (32768, 60999),
    (32768, 65535),
    (49152, 65535),
    (1024, 60999),
    (32769, 60998),
)
SOURCE_PORTS = (1024, 32767, 32768, 32769, 40000, 49151, 49152, 60998, 60999, 61000, 65535)
# Public addresses of nobody in the account; the first two are in the prefix list of the gateway endpoint.
INTERNET_ADDRESSES = ("52.218.0.1", "52.218.127.254", "52.218.128.1", "52.16.10.20", "99.80.1.2")
INTERNET_ADDRESSES6 = ("2a05:d018:7ff::5", "2606:4700::1111")
S3_CIDRS = ("52.218.0.0/17", "3.5.64.0/21")


@dataclass(slots=True)
class Host:
    """A network interface that can be asked to connect or to answer."""

    eni: str
    subnet: str
    vpc: str
    addresses: tuple[str, ...]
    asks: bool = True


@dataclass(slots=True)
class Topology:
    """An account, its hosts, and the flows to try."""

    seed: int
    cloud: Cloud
    hosts: list[Host] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)


@dataclass(slots=True)
class _Net:
    """A VPC while it is made."""

    vpc: str
    cidrs: tuple[str, ...]
    cidr6: str | None
    subnets: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    igw: str | None = None
    eigw: str | None = None
    nats: list[str] = field(default_factory=list)
    peerings: list[tuple[str, _Net]] = field(default_factory=list)
    transit: str | None = None


class _Maker:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.cloud = Cloud(seed)
        self.topology = Topology(seed, self.cloud)
        self.nets: list[_Net] = []
        self.used: set[str] = set()
        self.publics = iter(f"54.72.{high}.{low}" for high in range(1, 9) for low in range(1, 250))
        # How much of the account is written with care: without it nothing would ever connect.
        self.care = self.rng.uniform(0.55, 0.95)
        self.transit: str | None = None
        self.s3: str | None = None
        self.lists: list[str] = []

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def make(self) -> Topology:
        v6 = self.chance(0.35)
        self.s3 = self.cloud.prefix_list(*S3_CIDRS, name="com.amazonaws.eu-west-1.s3", owner="AWS")
        for number in range(self.rng.choice((2, 2, 3))):
            self.net(number, v6=v6)
        self.join()
        self.lists.append(self.cloud.prefix_list(*self.some_cidrs()))
        for net in self.nets:
            self.gateways(net)
            self.hosts(net)
        for net in self.nets:
            self.rules(net)
            self.acls(net)
            self.routes(net)
        self.flows()
        return self.topology

    # --- addresses

    def net(self, number: int, *, v6: bool) -> None:
        base = ("10.0", "10.1", "172.31")[number]
        cidrs = [f"{base}.0.0/16"]
        if self.chance(0.25):
            cidrs.append(f"100.{64 + number}.0.0/16")
        cidr6 = f"2600:1f18:{number + 1}:a00::/56" if v6 else None
        vpc = self.cloud.vpc(*cidrs, ipv6=cidr6)
        net = _Net(vpc, tuple(cidrs), cidr6)
        for index in range(self.rng.randint(2, 4)):
            where = self.rng.choice(cidrs).split(".")
            cidr = f"{where[0]}.{where[1]}.{index + 1}.{self.rng.choice(('0/24', '128/25', '64/28', '0/26'))}"
            six = f"2600:1f18:{number + 1}:a{index:02x}::/64" if v6 and self.chance(0.8) else None
            net.subnets.append(self.cloud.subnet(vpc, cidr, self.rng.choice("ab"), six))
        self.nets.append(net)

    def cidr(self, subnet: str) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network(self.cloud.find("Subnets", "SubnetId", subnet)["CidrBlock"])

    def cidr6(self, subnet: str) -> str | None:
        blocks = self.cloud.find("Subnets", "SubnetId", subnet)["Ipv6CidrBlockAssociationSet"]
        return blocks[0]["Ipv6CidrBlock"] if blocks else None

    def free_address(self, subnet: str) -> str:
        """An address that AWS would give out, not its first four nor its last; edges and halves preferred."""
        network = self.cidr(subnet)
        size = network.num_addresses
        edges = [4, size - 2, size // 2 - 1, size // 2]
        for _ in range(50):
            offset = self.rng.choice(edges) if self.chance(0.5) else self.rng.randint(4, size - 2)
            address = str(network[offset])
            if address not in self.used:
                self.used.add(address)
                return address
        raise AssertionError(f"{subnet} is full")

    def some_cidrs(self) -> list[str]:
        """Two or three different CIDRs of one family, overlapping now and then."""
        found = {str(self.cidr(self.rng.choice(self.rng.choice(self.nets).subnets))) for _ in range(2)}
        found.add(self.rng.choice(("10.0.0.0/15", "52.16.0.0/12", "52.218.0.0/18")))
        return sorted(found)

    # --- what connects the VPCs

    def join(self) -> None:
        pairs = [(one, other) for place, one in enumerate(self.nets) for other in self.nets[place + 1 :]]
        for one, other in pairs:
            if self.chance(0.7):
                peering = self.cloud.peering(one.vpc, other.vpc)
                one.peerings.append((peering, other))
                other.peerings.append((peering, one))
        if self.chance(0.4):
            self.transit_gateway()

    def transit_gateway(self) -> None:
        gateway = self.transit = self.cloud.transit_gateway()
        tables = [self.cloud.transit_gateway_route_table(gateway) for _ in range(self.rng.choice((1, 2)))]
        attachments = []
        for net in self.nets:
            if not self.chance(0.9):
                continue
            by_zone: dict[str, str] = {}
            for subnet in net.subnets:
                by_zone.setdefault(self.cloud.find("Subnets", "SubnetId", subnet)["AvailabilityZone"], subnet)
            chosen = [subnet for subnet in by_zone.values() if self.chance(0.75)] or list(by_zone.values())[
                :1
            ]
            places = {subnet: self.free_address(subnet) for subnet in chosen}
            table = self.rng.choice(tables) if self.chance(0.9) else None
            attachments.append(self.cloud.transit_gateway_attachment(gateway, net.vpc, places, table))
            net.transit = gateway
        for table in tables:
            for attachment in attachments:
                if self.chance(0.85):
                    self.cloud.propagate(table, attachment)
            written: set[str] = set()
            for _ in range(self.rng.choice((0, 0, 1, 2))):
                net = self.rng.choice(self.nets)
                destination = self.rng.choice(
                    [*net.cidrs, str(self.cidr(self.rng.choice(net.subnets))), "0.0.0.0/0", "10.0.0.0/8"]
                )
                if destination not in written and attachments:
                    written.add(destination)
                    target = None if self.chance(0.4) else self.rng.choice(attachments)
                    self.cloud.transit_route(table, destination, target)

    def gateways(self, net: _Net) -> None:
        if self.chance(0.85):
            net.igw = self.cloud.internet_gateway(net.vpc)
        if net.cidr6 and self.chance(0.5):
            net.eigw = self.cloud.egress_only_gateway(net.vpc)
        for _ in range(self.rng.choice((0, 1, 1, 2))):
            # The first subnet is meant to be the public one; elsewhere is a mistake that people make.
            subnet = net.subnets[0] if self.chance(0.75) else self.rng.choice(net.subnets)
            public = next(self.publics) if net.igw and self.chance(0.85) else None
            state = "failed" if self.chance(0.05) else "available"
            net.nats.append(self.cloud.nat_gateway(subnet, self.free_address(subnet), public, state))

    # --- hosts and groups

    def hosts(self, net: _Net) -> None:
        net.groups = [self.cloud.default_group[net.vpc]]
        net.groups += [
            self.cloud.security_group(net.vpc, f"group-{number}", (), ())
            for number in range(self.rng.randint(2, 4))
        ]
        for subnet in net.subnets:
            for _ in range(self.rng.choice((1, 1, 2))):
                self.host(net, subnet)
        if self.chance(0.3):
            subnet = self.rng.choice(net.subnets)
            address = self.free_address(subnet)
            group = self.rng.choice(net.groups)
            self.cloud.interface_endpoint(net.vpc, {subnet: address}, group)
            eni = self.cloud.all("NetworkInterfaces")[-1]["NetworkInterfaceId"]
            self.topology.hosts.append(Host(eni, subnet, net.vpc, (address,), asks=False))

    def host(self, net: _Net, subnet: str) -> None:
        address = self.free_address(subnet)
        secondary = (self.free_address(subnet),) if self.chance(0.1) else ()
        cidr6 = self.cidr6(subnet)
        six: tuple[str, ...] = ()
        if cidr6:
            six = (str(ipaddress.IPv6Network(cidr6)[0x10 + len(self.topology.hosts)]),)
        groups = self.rng.sample(net.groups, self.rng.choice((1, 1, 2, 3)))
        public = next(self.publics) if net.igw and self.chance(0.3) else None
        eni = self.cloud.eni(subnet, address, *groups, public=public, secondary=secondary, ipv6=six)
        self.topology.hosts.append(Host(eni, subnet, net.vpc, (address, *secondary, *six)))

    def ports(self) -> tuple[int, int]:
        if self.chance(0.6):
            return self.rng.choice(PORT_RANGES)
        low = self.rng.choice(SERVICE_PORTS)
        return low, low + self.rng.choice((0, 0, 1, 4))

    def peers(self, net: _Net) -> tuple[str, ...]:
        """Who a security group rule is about."""
        near = [net, *(other for _, other in net.peerings)]
        choices: list[str] = [group for other in near for group in other.groups]
        other = self.rng.choice(self.nets)
        subnet = self.cidr(self.rng.choice(other.subnets))
        choices += [str(subnet), *(str(half) for half in subnet.subnets()), *other.cidrs, "0.0.0.0/0"]
        choices += [f"{host.addresses[0]}/32" for host in self.rng.sample(self.topology.hosts, 2)]
        choices += [*self.lists, self.s3 or ""]
        if net.cidr6:
            choices += ["::/0", self.nets[0].cidr6 or "::/0"]
        return tuple(self.rng.sample(choices, self.rng.choice((1, 1, 2))))

    def rules(self, net: _Net) -> None:
        everyone = ("0.0.0.0/0", "::/0") if net.cidr6 else ("0.0.0.0/0",)
        if net.cidr6:
            self.cloud.allow_out(net.groups[0], Allow("-1", None, ("::/0",)))
        for group in net.groups[1:]:
            if self.chance(self.care):
                self.cloud.allow_out(group, Allow("-1", None, everyone))
            if self.chance(self.care):
                self.cloud.allow_in(group, Allow("tcp", self.rng.choice(((443, 9440), (0, 65535))), everyone))
            for _ in range(self.rng.randint(0, 3)):
                self.cloud.allow_in(group, self.rule(net))
            for _ in range(self.rng.randint(0, 2)):
                self.cloud.allow_out(group, self.rule(net))

    def rule(self, net: _Net) -> Allow:
        protocol = self.rng.choice(("tcp", "tcp", "tcp", "tcp", "udp", "-1", "6"))
        return Allow(protocol, None if protocol == "-1" else self.ports(), self.peers(net))

    # --- network ACLs

    def acls(self, net: _Net) -> None:
        for subnet in net.subnets:
            if self.chance(0.45):
                self.cloud.acl(net.vpc, (subnet,), self.acl_entries(net))

    def acl_entries(self, net: _Net) -> list[AclEntry]:
        """Exceptions before and after what opens the subnet; the file's order is not the rules' order."""
        entries: list[AclEntry] = []
        for egress in (True, False):
            numbers = self.rng.sample(range(1, 400), 9)
            opening = sorted(numbers)[self.rng.randint(2, 8)]
            for number in numbers[: self.rng.randint(2, 5)]:
                if number != opening:
                    entries.append(self.acl_entry(net, number, egress=egress))
            if self.chance(self.care):
                entries.append(AclEntry(opening, egress, "allow", "-1", "0.0.0.0/0"))
            else:
                ports = self.rng.choice(EPHEMERAL_RANGES)
                entries.append(AclEntry(opening, egress, "allow", "6", "0.0.0.0/0", ports))
                entries.append(AclEntry(opening + 500, egress, "allow", "6", "0.0.0.0/0", (443, 9440)))
            if net.cidr6 and self.chance(0.8):
                entries.append(AclEntry(opening + 1000, egress, "allow", "-1", "::/0"))
        self.rng.shuffle(entries)
        return entries

    def acl_entry(self, net: _Net, number: int, *, egress: bool) -> AclEntry:
        action = self.rng.choice(("allow", "deny"))
        other = self.rng.choice(self.nets)
        subnet = self.cidr(self.rng.choice(other.subnets))
        cidrs = [str(subnet), *(str(half) for half in subnet.subnets()), *other.cidrs]
        cidrs += [f"{self.rng.choice(self.topology.hosts).addresses[0]}/32", "0.0.0.0/0", "52.0.0.0/8"]
        if net.cidr6:
            cidrs += ["::/0", self.nets[0].cidr6 or "::/0"]
        cidr = self.rng.choice(cidrs)
        # A deny of everything early would make a desert of the subnet: deny narrower ports then.
        wide = cidr in ("0.0.0.0/0", "::/0")
        if action == "allow" and self.chance(0.3):
            return AclEntry(number, egress, action, "-1", cidr)
        ports = self.ports() if self.chance(0.6) else self.rng.choice(EPHEMERAL_RANGES)
        if action == "deny" and wide and ports[1] - ports[0] > 1000:
            ports = (9094, 9094)
        return AclEntry(number, egress, action, self.rng.choice(("6", "6", "6", "17")), cidr, ports)

    # --- routes

    def routes(self, net: _Net) -> None:
        main = self.cloud.main_table[net.vpc]
        net.tables = [main]
        free = list(net.subnets)
        if self.chance(0.8):
            net.tables.append(self.cloud.route_table(net.vpc, free.pop(0)))
        self.rng.shuffle(free)
        while free and self.chance(0.85):
            taken, free = free[: self.rng.choice((1, 1, 2))], free[2:] if len(free) > 2 else []
            net.tables.append(self.cloud.route_table(net.vpc, *taken))
        self.default_routes(net)
        for table in net.tables:
            self.private_routes(net, table)
            self.odd_routes(net, table)
        if self.s3 and self.chance(0.4):
            chosen = [table for table in net.tables if self.chance(0.6)]
            self.cloud.gateway_endpoint(net.vpc, self.s3, *chosen)

    def nat_tables(self, net: _Net) -> set[str]:
        """The route tables of subnets that hold a NAT gateway: those should lead to the internet gateway."""
        explicit = {
            association["SubnetId"]: table["RouteTableId"]
            for table in self.cloud.all("RouteTables")
            for association in table["Associations"]
            if "SubnetId" in association
        }
        return {
            explicit.get(gateway["SubnetId"], self.cloud.main_table[net.vpc])
            for gateway in self.cloud.all("NatGateways")
            if gateway["VpcId"] == net.vpc
        }

    def default_routes(self, net: _Net) -> None:
        meant_public = self.nat_tables(net)
        for table in net.tables:
            targets = [*net.nats, *([net.igw] if net.igw else [])]
            if net.igw and table in meant_public and self.chance(0.85):
                targets = [net.igw]
            elif net.nats and self.chance(0.75):
                targets = net.nats
            if net.transit and self.chance(0.2):
                targets = [net.transit]
            if targets and self.chance(0.88):
                state = "blackhole" if self.chance(0.05) else "active"
                self.cloud.route(table, "0.0.0.0/0", self.rng.choice(targets), state)
            six = [gateway for gateway in (net.igw, net.eigw) if gateway]
            if net.cidr6 and six and self.chance(0.85):
                self.cloud.route(table, "::/0", self.rng.choice(six))

    def ways(self, net: _Net, other: _Net) -> list[str]:
        found = [peering for peering, peer in net.peerings if peer is other]
        return found + ([net.transit] if net.transit else [])

    def private_routes(self, net: _Net, table: str) -> None:
        for other in self.nets:
            ways = self.ways(net, other)
            if other is net or not ways:
                continue
            for cidr in other.cidrs:
                if self.chance(0.85):
                    state = "blackhole" if self.chance(0.05) else "active"
                    self.cloud.route(table, cidr, self.rng.choice(ways), state)
            peerings = [way for way in ways if way.startswith("pcx")]
            if other.cidr6 and net.cidr6 and peerings and self.chance(0.8):
                self.cloud.route(table, other.cidr6, peerings[0])

    def odd_routes(self, net: _Net, table: str) -> None:
        """Longer prefixes that contradict the shorter ones, and prefix lists beside equal CIDRs."""
        written = {
            route.get("DestinationCidrBlock")
            for route in self.cloud.find("RouteTables", "RouteTableId", table)["Routes"]
        }
        others = [other for other in self.nets if other is not net and self.ways(net, other)]
        for _ in range(self.rng.choice((0, 1, 2))):
            if others and self.chance(0.7):
                other = self.rng.choice(others)
                subnet = self.cidr(self.rng.choice(other.subnets))
                destination = str(self.rng.choice((subnet, *subnet.subnets(), subnet.supernet(2))))
                targets = self.ways(net, other) + net.nats
            else:
                destination = self.rng.choice(
                    ("52.16.0.0/12", "52.218.0.0/16", "52.218.0.0/17", "99.80.0.0/15")
                )
                targets = [*net.nats, *([net.igw] if net.igw else [])]
            if targets and destination not in written:
                written.add(destination)
                state = "blackhole" if self.chance(0.35) else "active"
                self.cloud.route(table, destination, self.rng.choice(targets), state)

    # --- flows

    def flows(self) -> None:
        group_edges, acl_edges = self.group_edges(), self.acl_edges()
        seen: set[tuple[frozenset[tuple[str, int]], str]] = set()
        private_addresses = {one["PublicIp"]: one["PrivateIpAddress"] for one in self.cloud.all("Addresses")}
        asking = [host for host in self.topology.hosts if host.asks]
        for _ in range(320):
            source = self.rng.choice(asking)
            address = self.rng.choice(source.addresses)
            destination = self.destination(source, six=is_v6(address))
            if destination is None or destination in source.addresses:
                continue
            port = self.rng.choice(self.rng.choice((SERVICE_PORTS, SERVICE_PORTS, group_edges, acl_edges)))
            source_port = self.rng.choice(SOURCE_PORTS if self.chance(0.7) else acl_edges)
            protocol = "udp" if self.chance(0.08) else "tcp"
            flow = Flow(source.eni, address, source_port, destination, port, protocol)
            # Its mirror image would be the same connection to whoever tracks connections, and so would one
            # to the private address behind this public one.
            behind = private_addresses.get(destination, destination)
            ends = frozenset(((address, source_port), (behind, port)))
            if (ends, protocol) not in seen:
                seen.add((ends, protocol))
                self.topology.flows.append(flow)

    def group_edges(self) -> list[int]:
        """The ends of every range in a security group, and the ports just outside."""
        return _edges(
            (rule["FromPort"], rule["ToPort"])
            for group in self.cloud.all("SecurityGroups")
            for rule in group["IpPermissions"] + group["IpPermissionsEgress"]
            if "FromPort" in rule
        )

    def acl_edges(self) -> list[int]:
        """The same of the network ACLs."""
        return _edges(
            (entry["PortRange"]["From"], entry["PortRange"]["To"])
            for acl in self.cloud.all("NetworkAcls")
            for entry in acl["Entries"]
            if "PortRange" in entry
        )

    def destination(self, source: Host, *, six: bool) -> str | None:
        kind = self.rng.random()
        if kind < 0.72:
            pool = [
                address for host in self.topology.hosts for address in host.addresses if is_v6(address) is six
            ]
            near = [
                address
                for host in self.topology.hosts
                if host.vpc == source.vpc
                for address in host.addresses
                if is_v6(address) is six
            ]
            return self.rng.choice(near if near and self.chance(0.5) else pool)
        if kind < 0.92:
            return self.rng.choice(INTERNET_ADDRESSES6 if six else INTERNET_ADDRESSES)
        if six:
            return None
        publics = [
            address["PublicIp"]
            for address in self.cloud.all("Addresses")
            if address["NetworkInterfaceId"] != source.eni
        ]
        if publics and self.chance(0.3):
            return str(self.rng.choice(publics))
        return self.nobody()

    def nobody(self) -> str:
        """An address that no host has: in a subnet, in a VPC but no subnet, in no VPC, a NAT gateway's."""
        net = self.rng.choice(self.nets)
        subnet = self.cidr(self.rng.choice(net.subnets))
        free = [
            str(subnet[offset])
            for offset in (5, 6, 7, 8, 9, subnet.num_addresses - 3)
            if str(subnet[offset]) not in self.used
        ]
        gap = str(ipaddress.IPv4Network(net.cidrs[0])[200 * 256 + 7])
        nats = [one["NatGatewayAddresses"][0]["PrivateIp"] for one in self.cloud.all("NatGateways")]
        return str(self.rng.choice([*free[:2], gap, "192.168.77.7", *nats[:1]]))


def _edges(ranges: Iterable[tuple[int, int]]) -> list[int]:
    edges = {port for low, high in ranges for port in (low - 1, low, high, high + 1)}
    return sorted(port for port in edges if 0 < port < 65536) or [443]


def generate(seed: int) -> Topology:
    """The account and the flows of this seed; the same for the same seed."""
    return _Maker(seed).make()

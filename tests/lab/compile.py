"""describe-JSON -> what the kernel is told: namespaces, links, routes, nftables rules. Pure text.

Each VPC becomes one router namespace, each network interface a host behind it, each gateway a namespace of
its own. Every rule is the plainest rendering of a sentence of the AWS documentation; longest-prefix match,
connection tracking and address translation are left to the kernel. Every drop is logged first, with a tag
that names the AWS component.

Sources, all of docs.aws.amazon.com/vpc: "How route priority works", "Control subnet traffic with network
access control lists", "Security group rules", "NAT gateway basics", "Enable internet access using internet
gateways", "VPC peering limitations", "Network ACLs for transit gateways", "Transit gateway route tables".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.lab.cloud import Documents
from tests.lab.flow import CROSSED, INTERNET, TRANSLATED, UNASKED, Drop

Item = dict[str, Any]

ENI_TABLE = 100
# Where every host listens; a flow may not have it as its source port.
LISTENER = 9
FIRST_SUBNET_TABLE = 1000
# RFC 1918 and RFC 6598: an internet gateway sends nothing there.
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
PROTOCOL_NUMBERS = {"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58"}
HAS_PORTS = {"6": "tcp", "17": "udp"}
# A static route beats a prefix list's, which beats a propagated one ("How route priority works").
METRIC_STATIC, METRIC_PREFIX_LIST, METRIC_LAST = 100, 200, 9000


@dataclass(frozen=True, slots=True)
class Pin:
    """The source port that every NAT gateway shall give to this connection."""

    protocol: str
    address: str
    source_port: int
    destination: str
    port: int
    nat_port: int


@dataclass(slots=True)
class Namespace:
    """One network namespace: ``links`` are (own interface, other namespace, its interface)."""

    name: str
    forwards: bool
    listens: bool = False
    links: list[tuple[str, str, str]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    commands6: list[str] = field(default_factory=list)
    ruleset: str = ""
    # Loaded after it: one transaction may not be larger than a netlink socket's buffer.
    second_ruleset: str = ""

    def route(self, kind: str, prefix: str, rest: str) -> None:
        where = self.commands6 if ":" in prefix else self.commands
        where.append(f"route add {kind} {prefix} {rest}".replace("  ", " "))

    def address(self, address: str, device: str) -> None:
        if ":" in address:
            self.commands6.append(f"addr add {address}/128 dev {device} nodad")
        else:
            self.commands.append(f"addr add {address}/32 dev {device}")


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is to be built. ``nat_addresses`` lets a logged packet be recognised behind a NAT gateway."""

    namespaces: dict[str, Namespace]
    nat_addresses: tuple[str, ...]
    public_addresses: dict[str, str]


def tag(drop: Drop, component: str, detail: str = "") -> str:
    return f"{drop}|{component}|{detail}"


def log_and_drop(label: str) -> str:
    return f'log prefix "{label}" group 1 drop'


def chain(name: str, lines: Iterable[str], hook: str = "") -> str:
    body = "".join(f"    {line}\n" for line in ([hook] if hook else []) + list(lines))
    return f"  chain {name} {{\n{body}  }}\n"


def held_groups(eni: Item) -> frozenset[str]:
    return frozenset(one["GroupId"] for one in eni["Groups"])


def by_family(addresses: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for address in addresses:
        found.setdefault(family(address), []).append(address)
    return found


def family(cidr: str) -> str:
    return "ip6" if ":" in cidr else "ip"


def answering_rules(others: Iterable[str] = (), refused: Iterable[str] = ()) -> str:
    """Whoever answers, answers on every port: one listener behind a redirect.

    ``others`` matches what is not for this host but passes through, ``refused`` drops what it does not serve.
    """
    redirect = f"meta l4proto {{ tcp, udp }} redirect to :{LISTENER}"
    return (
        "table inet lab {\n"
        + chain("refuse", refused, "type filter hook prerouting priority -160;")
        + chain(
            "everyport",
            [*(f"{match} return" for match in others), redirect],
            "type nat hook prerouting priority -100;",
        )
        + "}\n"
    )


class Account:
    """The snapshot, with the few look-ups that compiling needs."""

    def __init__(self, documents: Documents) -> None:
        self.documents = documents
        self.enis: list[Item] = self.all("NetworkInterfaces")
        self.subnets = {item["SubnetId"]: item for item in self.all("Subnets")}
        self.vpcs = {item["VpcId"]: item for item in self.all("Vpcs")}

    def all(self, file: str) -> list[Item]:
        items: list[Item] = self.documents[file][file]
        return items

    def vpc_cidrs(self, vpc: str) -> list[str]:
        item = self.vpcs[vpc]
        v4 = [one["CidrBlock"] for one in item["CidrBlockAssociationSet"]]
        return v4 + [one["Ipv6CidrBlock"] for one in item.get("Ipv6CidrBlockAssociationSet", [])]

    def subnet_cidrs(self, subnet: str) -> list[str]:
        item = self.subnets[subnet]
        return [
            item["CidrBlock"],
            *(one["Ipv6CidrBlock"] for one in item["Ipv6CidrBlockAssociationSet"]),
        ]

    def prefix_list(self, prefix_list: str) -> list[str]:
        for item in self.all("PrefixListEntries"):
            if item["PrefixListId"] == prefix_list:
                return [entry["Cidr"] for entry in item["Entries"]]
        return []

    def addresses(self, eni: Item) -> list[str]:
        return [one["PrivateIpAddress"] for one in eni["PrivateIpAddresses"]] + [
            one["Ipv6Address"] for one in eni["Ipv6Addresses"]
        ]

    def members(self, group: str) -> list[str]:
        """Every private address of the interfaces that hold a security group."""
        return [
            address
            for eni in self.enis
            if any(held["GroupId"] == group for held in eni["Groups"])
            for address in self.addresses(eni)
        ]

    def route_table(self, subnet: str) -> Item:
        """The table associated with the subnet, or else its VPC's main table."""
        main = None
        for table in self.all("RouteTables"):
            for association in table["Associations"]:
                if association.get("SubnetId") == subnet:
                    return table
                if association["Main"] and table["VpcId"] == self.subnets[subnet]["VpcId"]:
                    main = table
        assert main is not None, f"no route table for {subnet}"
        return main

    def acl(self, subnet: str) -> Item:
        return next(
            acl
            for acl in self.all("NetworkAcls")
            if any(association["SubnetId"] == subnet for association in acl["Associations"])
        )

    def hosts(self) -> list[Item]:
        return [eni for eni in self.enis if eni["InterfaceType"] not in ("nat_gateway", "transit_gateway")]


def port_match(number: str, ports: tuple[int, int] | None) -> str:
    """An nft match for a protocol number and a port range; None or 0-65535 is every port."""
    if number == "-1":
        return ""
    if number not in HAS_PORTS or ports is None or ports in ((0, 65535), (-1, -1)):
        return f"meta l4proto {number}"
    return f"{HAS_PORTS[number]} dport {ports[0]}-{ports[1]}"


def acl_chain(acl: Item, *, egress: bool) -> list[str]:
    """A network ACL: ascending rule number, the first match decides, no state."""
    entries = [entry for entry in acl["Entries"] if entry["Egress"] is egress]
    direction = "egress" if egress else "ingress"
    lines = []
    for entry in sorted(entries, key=lambda one: int(one["RuleNumber"])):
        cidr = entry.get("CidrBlock") or entry["Ipv6CidrBlock"]
        ports = (entry["PortRange"]["From"], entry["PortRange"]["To"]) if "PortRange" in entry else None
        where = f"{family(cidr)} {'daddr' if egress else 'saddr'} {cidr}"
        label = tag(Drop.ACL, acl["NetworkAclId"], f"{direction}:{entry['RuleNumber']}")
        verdict = "return" if entry["RuleAction"] == "allow" else log_and_drop(label)
        lines.append(f"{where} {port_match(entry['Protocol'], ports)} {verdict}")
    lines.append(log_and_drop(tag(Drop.ACL, acl["NetworkAclId"], f"{direction}:none")))
    return lines


def group_chain(account: Account, held: frozenset[str], *, egress: bool) -> list[str]:
    """Some security groups together: any matching rule lets a new connection through, replies follow it."""
    side = "daddr" if egress else "saddr"
    lines = ["ct state established return"]
    for group in account.all("SecurityGroups"):
        if group["GroupId"] not in held:
            continue
        for rule in group["IpPermissionsEgress" if egress else "IpPermissions"]:
            number = PROTOCOL_NUMBERS.get(rule["IpProtocol"], rule["IpProtocol"])
            ports = (rule["FromPort"], rule["ToPort"]) if "FromPort" in rule else None
            match = port_match(number, ports)
            cidrs = [one["CidrIp"] for one in rule["IpRanges"]]
            cidrs += [one["CidrIpv6"] for one in rule["Ipv6Ranges"]]
            for one in rule["PrefixListIds"]:
                cidrs += account.prefix_list(one["PrefixListId"])
            lines += [f"{family(cidr)} {side} {cidr} {match} return" for cidr in cidrs]
            # A reference holds inside the VPC and across a peering. A transit gateway does not carry it
            # (SecurityGroupReferencingSupport is off), nor does the internet, though IPv6 addresses stay.
            far = "oifname" if egress else "iifname"
            inside = {"ip": f'{far} != "t*"', "ip6": f'{far} != "t*" {far} != "i*" {far} != "x*"'}
            for pair in rule["UserIdGroupPairs"]:
                for kind, members in by_family(account.members(pair["GroupId"])).items():
                    lines.append(f"{inside[kind]} {kind} {side} {{ {', '.join(members)} }} {match} return")
    return lines


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


class Compiler:
    """Collects the namespaces of one account."""

    def __init__(self, documents: Documents, pins: Iterable[Pin]) -> None:
        self.account = Account(documents)
        self.pins = list(pins)
        self.namespaces: dict[str, Namespace] = {}
        self.ports: dict[str, list[Port]] = {vpc: [] for vpc in self.account.vpcs}
        self.transit_ports: dict[str, list[tuple[Port, str]]] = {}
        self.stateful: list[tuple[str, int]] = []
        self.counter = 0

    def plan(self) -> Plan:
        for vpc in self.account.vpcs:
            self.namespaces[vpc] = Namespace(vpc, forwards=True)
        self.namespaces[INTERNET] = Namespace(INTERNET, forwards=True, listens=True)
        for prefix in ("0.0.0.0/0", "::/0"):
            self.namespaces[INTERNET].route("local", prefix, "dev lo table main")
        for eni in self.account.hosts():
            self.host(eni)
        for gateway in self.account.all("NatGateways"):
            if gateway["State"] != "deleted":
                self.nat_gateway(gateway)
        for gateway in self.account.all("InternetGateways"):
            self.internet_gateway(gateway)
        for gateway in self.account.all("EgressOnlyInternetGateways"):
            self.egress_only_gateway(gateway)
        for peering in self.account.all("VpcPeeringConnections"):
            if peering["Status"]["Code"] == "active":
                self.peering(peering)
        for endpoint in self.account.all("VpcEndpoints"):
            if endpoint["VpcEndpointType"] == "Gateway":
                self.gateway_endpoint(endpoint)
        for attachment in self.account.all("TransitGatewayVpcAttachments"):
            self.transit_attachment(attachment)
        for gateway in self.account.all("TransitGateways"):
            self.transit_gateway(gateway)
        for vpc in self.account.vpcs:
            self.router(vpc)
        self.namespaces[INTERNET].ruleset = self.internet_rules() + same_way_back(self.stateful)
        nat_addresses = tuple(
            address["PrivateIp"]
            for gateway in self.account.all("NatGateways")
            for address in gateway["NatGatewayAddresses"]
        )
        return Plan(self.namespaces, nat_addresses, self.public_addresses())

    def public_addresses(self) -> dict[str, str]:
        """Private address of an interface -> its public address."""
        return {
            one["PrivateIpAddress"]: one["Association"]["PublicIp"]
            for eni in self.account.enis
            for one in eni["PrivateIpAddresses"]
            if "Association" in one
        }

    def internet_rules(self) -> str:
        """What the internet does not answer itself: the account's own public addresses."""
        others = [f"ip daddr {public}" for public in self.public_addresses().values()]
        refused = []
        gateways = self.account.all("InternetGateways") + self.account.all("EgressOnlyInternetGateways")
        joined = {one["VpcId"] for gateway in gateways for one in gateway["Attachments"]}
        for vpc in self.account.vpcs:
            for cidr in self.account.vpc_cidrs(vpc):
                if ":" in cidr and vpc in joined:
                    others.append(f"ip6 daddr {cidr}")
                elif ":" in cidr:
                    refused.append(f"ip6 daddr {cidr} {log_and_drop(tag(Drop.NOBODY, vpc, UNASKED))}")
        return answering_rules(others, refused)

    def connect(self, vpc: str, letter: str, other: str, interface: str) -> str:
        """A link from a VPC's router to another namespace; returns the router's end."""
        self.counter += 1
        name = f"{letter}{self.counter}"
        self.namespaces[vpc].links.append((name, other, interface))
        return name

    # --- what hangs on the router

    def host(self, eni: Item) -> None:
        name = eni["NetworkInterfaceId"]
        namespace = Namespace(name, forwards=False, listens=True, ruleset=answering_rules())
        self.namespaces[name] = namespace
        port = self.connect(eni["VpcId"], "e", name, "h0")
        addresses = self.account.addresses(eni)
        for address in addresses:
            namespace.address(address, "h0")
        for prefix in ("0.0.0.0/0", "::/0"):
            namespace.route("", prefix, "dev h0")
        self.ports[eni["VpcId"]].append(Port(port, "host", eni["SubnetId"], eni, tuple(addresses), name))

    def nat_gateway(self, gateway: Item) -> None:
        """Source becomes the gateway's address, port 1024-65535; what belongs to no connection is dropped."""
        name = gateway["NatGatewayId"]
        address = gateway["NatGatewayAddresses"][0]["PrivateIp"]
        namespace = Namespace(name, forwards=True)
        self.namespaces[name] = namespace
        port = self.connect(gateway["VpcId"], "n", name, "n0")
        namespace.address(address, "n0")
        namespace.route("", "0.0.0.0/0", "dev n0")
        elements = ", ".join(
            f"{pin.protocol} . {pin.address} . {pin.source_port} . {pin.destination} . {pin.port}"
            f" : {pin.nat_port}"
            for pin in self.pins
        )
        pinned = "type inet_proto . ipv4_addr . inet_service . ipv4_addr . inet_service : inet_service;"
        key = "meta l4proto . ip saddr . th sport . ip daddr . th dport"
        out_of_order = gateway["State"] != "available"
        namespace.ruleset = (
            "table ip lab {\n"
            f"  map pins {{\n    {pinned}\n    {f'elements = {{ {elements} }}' if elements else ''}\n  }}\n"
            + chain(
                "rewrite",
                [
                    f"meta l4proto {{ tcp, udp }} snat to {address} : {key} map @pins",
                    f"meta l4proto {{ tcp, udp }} snat to {address}:1024-65535",
                    f"meta l4proto icmp snat to {address}",
                ],
                "type nat hook postrouting priority 100;",
            )
            + chain(
                "forward",
                [log_and_drop(tag(Drop.NAT_STATE, name, gateway["State"]))]
                if out_of_order
                else [
                    f"ct state invalid {log_and_drop(tag(Drop.NAT_NO_FLOW, name))}",
                    f'ct state new log prefix "{TRANSLATED}|{name}|" group 1',
                ],
                "type filter hook forward priority 0;",
            )
            + chain(
                "arriving",
                [log_and_drop(tag(Drop.NAT_NO_FLOW, name))],
                "type filter hook input priority 0;",
            )
            + chain("quiet", ["drop"], "type filter hook output priority 0;")
            + "}\n"
        )
        self.ports[gateway["VpcId"]].append(Port(port, "nat", gateway["SubnetId"], None, (address,), name))

    def internet_gateway(self, gateway: Item) -> None:
        """Rewrites a private address to its public one and back, keeps no state, leaves IPv6 alone."""
        name = gateway["InternetGatewayId"]
        for attachment in gateway["Attachments"]:
            vpc = attachment["VpcId"]
            namespace = Namespace(name, forwards=True)
            self.namespaces[name] = namespace
            port = self.connect(vpc, "i", name, "inside")
            self.counter += 1
            outside = f"g{self.counter}"
            namespace.links.append(("outside", INTERNET, outside))
            self.internet_address(outside)
            inside_out = {
                one["PrivateIpAddress"]: one["Association"]["PublicIp"]
                for eni in self.account.enis
                if eni["VpcId"] == vpc
                for one in eni["PrivateIpAddresses"]
                if "Association" in one
            }
            for cidr in self.account.vpc_cidrs(vpc):
                namespace.route("", cidr, "dev inside")
                if ":" in cidr:
                    self.namespaces[INTERNET].route("", cidr, f"dev {outside}")
            for prefix in ("0.0.0.0/0", "::/0"):
                namespace.route("", prefix, "dev outside")
            for public in inside_out.values():
                self.namespaces[INTERNET].route("", f"{public}/32", f"dev {outside}")
            namespace.ruleset = internet_gateway_rules(name, inside_out)
            self.ports[vpc].append(Port(port, "igw", owner=name))

    def internet_address(self, device: str) -> None:
        """A redirect to the listener needs an address on the interface that the packet came in by."""
        self.namespaces[INTERNET].address(f"198.18.0.{self.counter}", device)
        self.namespaces[INTERNET].address(f"2001:db8:ffff::{self.counter:x}", device)

    def egress_only_gateway(self, gateway: Item) -> None:
        """IPv6 out, and the answers back in; nothing that starts outside."""
        name = gateway["EgressOnlyInternetGatewayId"]
        for attachment in gateway["Attachments"]:
            vpc = attachment["VpcId"]
            namespace = Namespace(name, forwards=True)
            self.namespaces[name] = namespace
            port = self.connect(vpc, "x", name, "inside")
            self.counter += 1
            outside = f"g{self.counter}"
            namespace.links.append(("outside", INTERNET, outside))
            self.internet_address(outside)
            has_igw = any(
                other["VpcId"] == vpc
                for igw in self.account.all("InternetGateways")
                for other in igw["Attachments"]
            )
            for cidr in self.account.vpc_cidrs(vpc):
                if ":" in cidr:
                    namespace.route("", cidr, "dev inside")
                    if not has_igw:
                        self.namespaces[INTERNET].route("", cidr, f"dev {outside}")
            namespace.route("", "::/0", "dev outside")
            # Its answers come back to it, though the VPC may have an internet gateway too.
            internet = self.namespaces[INTERNET]
            internet.commands6.append(f"rule add pref 10 fwmark {self.counter} lookup {self.counter}")
            internet.route("", "::/0", f"dev {outside} table {self.counter}")
            self.stateful.append((outside, self.counter))
            unasked = log_and_drop(tag(Drop.EGRESS_ONLY, name))
            namespace.ruleset = (
                "table inet lab {\n"
                + chain(
                    "forward",
                    [
                        f'iifname "outside" ct state != established {unasked}',
                        # Stateful: an answer to what did not come in this way belongs to no connection.
                        f"ct state invalid {log_and_drop(tag(Drop.EGRESS_ONLY, name, UNASKED))}",
                    ],
                    "type filter hook forward priority 0;",
                )
                + "}\n"
            )
            self.ports[vpc].append(Port(port, "eigw", owner=name))

    def peering(self, peering: Item) -> None:
        one, other = (peering[side]["VpcId"] for side in ("RequesterVpcInfo", "AccepterVpcInfo"))
        self.counter += 1
        name = f"p{self.counter}"
        self.namespaces[one].links.append((name, other, name))
        for vpc in (one, other):
            self.ports[vpc].append(Port(name, "pcx", owner=peering["VpcPeeringConnectionId"]))

    def gateway_endpoint(self, endpoint: Item) -> None:
        """The service behind a gateway endpoint: TCP only, and for its own VPC only."""
        name = endpoint["VpcEndpointId"]
        v4 = ", ".join(cidr for cidr in self.account.vpc_cidrs(endpoint["VpcId"]) if ":" not in cidr)
        rules = answering_rules(
            refused=(
                f"ip saddr != {{ {v4} }} {log_and_drop(tag(Drop.ENDPOINT_OUTSIDE, name))}",
                f"meta l4proto != {{ tcp, icmp }} {log_and_drop(tag(Drop.ENDPOINT_PROTOCOL, name))}",
            )
        )
        namespace = Namespace(name, forwards=True, listens=True, ruleset=rules)
        self.namespaces[name] = namespace
        port = self.connect(endpoint["VpcId"], "v", name, "v0")
        self.counter += 1
        namespace.address(f"198.18.1.{self.counter}", "v0")
        for cidr in self.account.vpc_cidrs(endpoint["VpcId"]):
            namespace.route("", cidr, "dev v0")
        namespace.route("local", "0.0.0.0/0", "dev lo table main")
        self.ports[endpoint["VpcId"]].append(Port(port, "vpce", owner=name))

    # --- transit gateways

    def transit_attachment(self, attachment: Item) -> None:
        """One interface in each subnet that the attachment has."""
        gateway = attachment["TransitGatewayId"]
        self.namespaces.setdefault(gateway, Namespace(gateway, forwards=True))
        for subnet in attachment["SubnetIds"]:
            name = self.connect(attachment["VpcId"], "t", gateway, f"t{self.counter + 1}")
            port = Port(name, "tgw", subnet, None, (), gateway)
            self.ports[attachment["VpcId"]].append(port)
            identity = attachment["TransitGatewayAttachmentId"]
            self.transit_ports.setdefault(gateway, []).append((port, identity))

    def zone(self, subnet: str) -> str:
        zone: str = self.account.subnets[subnet]["AvailabilityZone"]
        return zone

    def transit_gateway(self, gateway: Item) -> None:
        """Each attachment looks up the one route table it is associated with."""
        name = gateway["TransitGatewayId"]
        namespace = self.namespaces.setdefault(name, Namespace(name, forwards=True))
        sinks = Sinks()
        namespace.commands += sinks.commands()
        attachments = {
            item["TransitGatewayAttachmentId"]: item for item in self.account.all("TransitGatewayAttachments")
        }
        for number, (port, identity) in enumerate(self.transit_ports.get(name, []), 1):
            table = attachments[identity].get("Association", {}).get("TransitGatewayRouteTableId")
            for commands in (namespace.commands, namespace.commands6):
                commands.append(f"rule add pref 10 iif {port.name} lookup {FIRST_SUBNET_TABLE + number}")
            label = tag(Drop.TRANSIT_MISSING, table) if table else tag(Drop.TRANSIT_ASSOCIATION, identity)
            for prefix in ("0.0.0.0/0", "::/0"):
                rest = f"{sinks.to(prefix, label)} table {FIRST_SUBNET_TABLE + number} metric {METRIC_LAST}"
                namespace.route("", prefix, rest)
            if table:
                for prefix, metric, target in self.transit_routes(table):
                    if target is None:
                        where = sinks.to(prefix, tag(Drop.TRANSIT_BLACKHOLE, table, prefix))
                    else:
                        where = f"dev {self.transit_exit(name, target, self.zone(port.subnet or ''))}"
                    rest = f"{where} table {FIRST_SUBNET_TABLE + number} metric {metric}"
                    namespace.route("", prefix, rest)
        namespace.ruleset = (
            "table inet lab {\n"
            + sinks.chains()
            + chain("forward", ["jump sinks"], "type filter hook forward priority 0;")
            + chain("quiet", ["drop"], "type filter hook output priority 0;")
            + "}\n"
        )

    def transit_exit(self, gateway: str, attachment: str, zone: str) -> str:
        """Traffic keeps its availability zone where the attachment has a subnet there, else takes any."""
        ports = [port for port, identity in self.transit_ports[gateway] if identity == attachment]
        same = [port for port in ports if self.zone(port.subnet or "") == zone]
        return (same or ports)[0].name

    def transit_routes(self, table: str) -> Iterator[tuple[str, int, str | None]]:
        """Static routes, then the CIDRs of VPCs that propagate; of equal ones the static wins."""
        for item in self.account.all("TransitGatewayStaticRoutes"):
            for route in item["Routes"] if item["TransitGatewayRouteTableId"] == table else []:
                target = None
                if route["State"] == "active":
                    target = route["TransitGatewayAttachments"][0]["TransitGatewayAttachmentId"]
                yield route["DestinationCidrBlock"], METRIC_STATIC, target
        for item in self.account.all("TransitGatewayPropagations"):
            if item["TransitGatewayRouteTableId"] == table:
                for propagation in item["TransitGatewayRouteTablePropagations"]:
                    for cidr in self.account.vpc_cidrs(propagation["ResourceId"]):
                        if ":" not in cidr:
                            yield cidr, METRIC_PREFIX_LIST, propagation["TransitGatewayAttachmentId"]

    # --- the router of one VPC

    def router(self, vpc: str) -> None:
        namespace = self.namespaces[vpc]
        ports = self.ports[vpc]
        sinks = Sinks()
        namespace.commands += sinks.commands()
        self.local_delivery(vpc, namespace, ports, sinks)
        subnets = [subnet for subnet, item in self.account.subnets.items() if item["VpcId"] == vpc]
        for number, subnet in enumerate(subnets, FIRST_SUBNET_TABLE):
            self.subnet_routes(namespace, ports, sinks, subnet, number)
            for port in ports:
                if port.subnet == subnet:
                    for commands in (namespace.commands, namespace.commands6):
                        commands.append(f"rule add pref 10 iif {port.name} lookup {number}")
        for commands in (namespace.commands, namespace.commands6):
            commands.append(f"rule add pref 20 lookup {ENI_TABLE}")
        namespace.ruleset = self.filter_rules(ports, subnets)
        namespace.second_ruleset = self.forwarding_rules(ports, sinks)

    def local_delivery(self, vpc: str, namespace: Namespace, ports: list[Port], sinks: Sinks) -> None:
        """The VPC's own addresses. What nobody holds is told by the subnet, or else the VPC."""
        for port in ports:
            for address in port.addresses:
                length = 128 if ":" in address else 32
                namespace.route("", f"{address}/{length}", f"dev {port.name} table {ENI_TABLE}")
        for subnet, item in self.account.subnets.items():
            if item["VpcId"] == vpc:
                for cidr in self.account.subnet_cidrs(subnet):
                    hop = sinks.to(cidr, tag(Drop.NOBODY, subnet))
                    namespace.route("", cidr, f"{hop} table {ENI_TABLE}")
        for prefix in [*self.account.vpc_cidrs(vpc), "0.0.0.0/0", "::/0"]:
            hop = sinks.to(prefix, tag(Drop.NOBODY, vpc))
            namespace.route("", prefix, f"{hop} table {ENI_TABLE} metric {METRIC_LAST}")

    def subnet_routes(
        self, namespace: Namespace, ports: list[Port], sinks: Sinks, subnet: str, number: int
    ) -> None:
        table = self.account.route_table(subnet)
        identity = table["RouteTableId"]
        for route in table["Routes"]:
            listed = route.get("DestinationPrefixListId")
            prefixes = (
                self.account.prefix_list(listed)
                if listed
                else [route.get("DestinationCidrBlock") or route["DestinationIpv6CidrBlock"]]
            )
            metric = METRIC_PREFIX_LIST if listed else METRIC_STATIC
            for prefix in prefixes:
                if route["State"] == "blackhole":
                    told = listed or prefix
                    where = sinks.to(prefix, tag(Drop.ROUTE_BLACKHOLE, identity, told))
                elif route.get("GatewayId") == "local":
                    namespace.route("throw", prefix, f"table {number}")
                    continue
                else:
                    where = self.next_hop(ports, sinks, route, subnet, prefix)
                namespace.route("", prefix, f"{where} table {number} metric {metric}")
        for prefix in ("0.0.0.0/0", "::/0"):
            hop = sinks.to(prefix, tag(Drop.ROUTE_MISSING, identity))
            namespace.route("", prefix, f"{hop} table {number} metric {METRIC_LAST}")

    def next_hop(self, ports: list[Port], sinks: Sinks, route: Item, subnet: str, prefix: str) -> str:
        fields = (
            "GatewayId",
            "NatGatewayId",
            "VpcPeeringConnectionId",
            "EgressOnlyInternetGatewayId",
            "TransitGatewayId",
        )
        target = next(route[one] for one in fields if one in route)
        candidates = [port for port in ports if port.owner == target]
        if target.startswith("tgw-"):
            same = [port for port in candidates if self.zone(port.subnet or "") == self.zone(subnet)]
            if not same:
                vpc = self.account.subnets[subnet]["VpcId"]
                attachment = next(
                    item["TransitGatewayAttachmentId"]
                    for item in self.account.all("TransitGatewayVpcAttachments")
                    if item["TransitGatewayId"] == target and item["VpcId"] == vpc
                )
                return sinks.to(prefix, tag(Drop.TRANSIT_ZONE, attachment))
            candidates = same
        return f"dev {candidates[0].name}"

    def filter_rules(self, ports: list[Port], subnets: list[str]) -> str:
        """The network ACLs of the subnets and the security groups of the interfaces."""
        text = "table inet lab {\n"
        for subnet in subnets:
            acl = self.account.acl(subnet)
            text += chain(f"acl_out_{subnet}", acl_chain(acl, egress=True))
            text += chain(f"acl_in_{subnet}", acl_chain(acl, egress=False))
        return text + self.security_groups(ports) + "}\n"

    def forwarding_rules(self, ports: list[Port], sinks: Sinks) -> str:
        """Leaving: group, then network ACL. Then failures of routing. Entering: network ACL, then group."""
        text = "table inet lab {\n"
        leaving, entering = [], []
        for port in ports:
            out, into = self.port_rules(port, ports)
            text += chain(f"from_{port.name}", out) + chain(f"to_{port.name}", into)
            leaving.append(f'"{port.name}" : jump from_{port.name}')
            entering.append(f'"{port.name}" : jump to_{port.name}')
        lines = []
        if leaving:
            lines = [
                f"iifname vmap {{ {', '.join(leaving)} }}",
                "jump sinks",
                f"oifname vmap {{ {', '.join(entering)} }}",
            ]
        text += sinks.chains()
        text += chain("forward", lines, "type filter hook forward priority 0;")
        text += chain("quiet", ["drop"], "type filter hook output priority 0;")
        return text + "}\n"

    def security_groups(self, ports: list[Port]) -> str:
        """One chain for all interfaces with the same groups; what it refuses is told by interface."""
        text = ""
        sharing: dict[frozenset[str], list[Port]] = {}
        for port in ports:
            if port.eni:
                sharing.setdefault(held_groups(port.eni), []).append(port)
        for number, (held, members) in enumerate(sharing.items()):
            for way, side in (("out", "iifname"), ("in", "oifname")):
                direction = "egress" if way == "out" else "ingress"
                refuse = ", ".join(f'"{port.name}" : goto no_{way}_{port.name}' for port in members)
                for port in members:
                    label = tag(Drop.SECURITY_GROUP, port.owner, direction)
                    text += chain(f"no_{way}_{port.name}", [log_and_drop(label)])
                rules = group_chain(self.account, held, egress=way == "out")
                text += chain(f"groups_{number}_{way}", [*rules, f"{side} vmap {{ {refuse} }}"])
                for port in members:
                    text += chain(f"sg_{way}_{port.name}", [f"goto groups_{number}_{way}"])
        return text

    def port_rules(self, port: Port, ports: list[Port]) -> tuple[list[str], list[str]]:
        """What a packet meets when it comes from this interface, and when it goes out to it."""
        out: list[str] = []
        into: list[str] = []
        if port.kind == "pcx":
            # No transit: what comes in is for this VPC, and what goes out is from it.
            vpc = next(vpc for vpc, held in self.ports.items() if held is ports)
            outside = log_and_drop(tag(Drop.PEERING_OUTSIDE, port.owner))
            for kind, cidrs in by_family(self.account.vpc_cidrs(vpc)).items():
                out.append(f"{kind} daddr != {{ {', '.join(cidrs)} }} {outside}")
                into.append(f"{kind} saddr != {{ {', '.join(cidrs)} }} {outside}")
        if port.subnet is None:
            return out, into
        neighbours = ", ".join(
            f'"{other.name}"' for other in ports if other.subnet == port.subnet and other.kind != "tgw"
        )
        transit = ", ".join(
            f'"{other.name}"' for other in ports if other.subnet == port.subnet and other.kind == "tgw"
        )
        if port.eni:
            out.append(f"jump sg_out_{port.name}")
        if port.kind == "nat":
            table = self.account.route_table(port.subnet)["RouteTableId"]
            loop = log_and_drop(tag(Drop.ROUTE_LOOP, table))
            out.append(f'oifname "{port.name}" {loop}')
        if port.kind in ("nat", "tgw"):
            # No path is that long: this packet goes round through several gateways.
            table = self.account.route_table(port.subnet)["RouteTableId"]
            out.append(f"ip ttl < 32 {log_and_drop(tag(Drop.ROUTE_LOOP, table, 'several'))}")
        # A network ACL filters what crosses the subnet's edge, not what stays inside.
        if neighbours:
            out.append(f"oifname {{ {neighbours} }} return")
        for cidr in self.account.subnet_cidrs(port.subnet):
            out.append(f'{family(cidr)} daddr {cidr} oifname "sink0" return')
        out.append(f"jump acl_out_{port.subnet}")
        # "Network ACLs for transit gateways": towards the transit gateway the inbound rules of the
        # attachment's subnet see even neighbours; from it, a host in that same subnet is not filtered.
        near = neighbours if port.kind != "tgw" else ""
        if port.kind != "tgw" and transit:
            near = f"{near}, {transit}" if near else transit
        if near:
            into.append(f"iifname {{ {near} }} jump sg_in_{port.name}" if port.eni else "")
            into.append(f"iifname {{ {near} }} return")
        into.append(f"jump acl_in_{port.subnet}")
        if port.eni:
            into.append(f"jump sg_in_{port.name}")
        return out, [line for line in into if line]


def same_way_back(interfaces: list[tuple[str, int]]) -> str:
    """Answers leave by the interface that the question came in by: its number marks the connection."""
    restore = "ct direction reply meta mark set ct mark"
    marks = [
        f'iifname "{name}" meta nfproto ipv6 ct state new ct mark set {number}' for name, number in interfaces
    ]
    return (
        "table inet back {\n"
        + chain("asked", [*marks, restore], "type filter hook prerouting priority -150;")
        + chain("answered", [restore], "type route hook output priority -150;")
        + chain("crossing", [f'log prefix "{CROSSED}||" group 1'], "type filter hook forward priority 0;")
        + "}\n"
    )


def internet_gateway_rules(name: str, inside_out: dict[str, str]) -> str:
    private = ", ".join(PRIVATE)
    to_private = log_and_drop(tag(Drop.IGW_PRIVATE_DESTINATION, name))
    no_public = log_and_drop(tag(Drop.IGW_NO_PUBLIC_ADDRESS, name))
    nobody = log_and_drop(tag(Drop.IGW_NOBODY, name))
    lines = [
        f'iifname "inside" ip daddr {{ {private} }} {to_private}',
    ]
    if inside_out:
        out = ", ".join(f"{private} : {public}" for private, public in inside_out.items())
        back = ", ".join(f"{public} : {private}" for private, public in inside_out.items())
        lines += [
            f'iifname "inside" ip saddr != {{ {", ".join(inside_out)} }} {no_public}',
            f'iifname "outside" ip daddr != {{ {", ".join(inside_out.values())} }} {nobody}',
            f'iifname "inside" ip saddr set ip saddr map {{ {out} }}',
            f'iifname "outside" ip daddr set ip daddr map {{ {back} }}',
        ]
    else:
        lines += [
            f'iifname "inside" meta nfproto ipv4 {no_public}',
            f'iifname "outside" meta nfproto ipv4 {nobody}',
        ]
    return (
        "table inet lab {\n"
        + chain("translate", lines, "type filter hook prerouting priority -300;")
        + chain("quiet", ["drop"], "type filter hook output priority 0;")
        + "}\n"
    )


def compile_account(documents: Documents, pins: Iterable[Pin] = ()) -> Plan:
    """Render a snapshot for the kernel. Raises KeyError on JSON that AWS would not print."""
    return Compiler(documents, pins).plan()


def uses_v6(documents: Documents) -> bool:
    return any(item.get("Ipv6CidrBlockAssociationSet") for item in documents["Vpcs"]["Vpcs"])

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

from tests.lab.account import Account, Item
from tests.lab.cloud import Documents
from tests.lab.flow import INTERNET, NEW, UNASKED, Drop
from tests.lab.plan import Namespace, Pin, Plan
from tests.lab.router import (
    EVERYTHING,
    FIRST_SUBNET_TABLE,
    METRIC_LAST,
    METRIC_PREFIX_LIST,
    METRIC_STATIC,
    Port,
    Router,
    Sinks,
)
from tests.lab.rules import (
    answering_rules,
    chain,
    internet_gateway_rules,
    log_and_drop,
    nat_gateway_rules,
    same_way_back,
    tag,
)


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
        for prefix in EVERYTHING:
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
            Router(self.account, vpc, self.namespaces[vpc], self.ports[vpc]).write()
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
        for prefix in EVERYTHING:
            namespace.route("", prefix, "dev h0")
        self.ports[eni["VpcId"]].append(Port(port, "host", eni["SubnetId"], eni, tuple(addresses), name))

    def nat_gateway(self, gateway: Item) -> None:
        name = gateway["NatGatewayId"]
        address = gateway["NatGatewayAddresses"][0]["PrivateIp"]
        namespace = Namespace(name, forwards=True)
        self.namespaces[name] = namespace
        port = self.connect(gateway["VpcId"], "n", name, "n0")
        namespace.address(address, "n0")
        namespace.route("", "0.0.0.0/0", "dev n0")
        namespace.ruleset = nat_gateway_rules(name, gateway["State"], address, self.pins)
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
            for prefix in EVERYTHING:
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
                        f'ct state new log prefix "{tag(NEW, name, Drop.EGRESS_ONLY)}" group 1',
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
            for prefix in EVERYTHING:
                rest = f"{sinks.to(prefix, label)} table {FIRST_SUBNET_TABLE + number} metric {METRIC_LAST}"
                namespace.route("", prefix, rest)
            if table:
                for prefix, metric, target in self.transit_routes(table):
                    if target is None:
                        where = sinks.to(prefix, tag(Drop.TRANSIT_BLACKHOLE, table, prefix))
                    else:
                        where = f"dev {self.transit_exit(name, target, self.account.zone(port.subnet or ''))}"
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
        same = [port for port in ports if self.account.zone(port.subnet or "") == zone]
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


def compile_account(documents: Documents, pins: Iterable[Pin] = ()) -> Plan:
    """Render a snapshot for the kernel. Raises KeyError on JSON that AWS would not print."""
    return Compiler(documents, pins).plan()


def uses_v6(documents: Documents) -> bool:
    return any(item.get("Ipv6CidrBlockAssociationSet") for item in documents["Vpcs"]["Vpcs"])

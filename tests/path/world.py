"""Build describe-JSON by hand: one method a component, ids given by the test, sensible AWS defaults."""

from __future__ import annotations

import copy
import json
from typing import Any

from netcheck.aws.ec2.snapshot import Snapshot, from_documents
from netcheck.path.query import answer

Document = dict[str, Any]

LISTS = (
    "Vpcs",
    "Subnets",
    "RouteTables",
    "NetworkAcls",
    "SecurityGroups",
    "NetworkInterfaces",
    "Reservations",
    "NatGateways",
    "InternetGateways",
    "EgressOnlyInternetGateways",
    "Addresses",
    "VpcEndpoints",
    "ManagedPrefixLists",
    "PrefixLists",
    "PrefixListEntries",
    "VpcPeeringConnections",
    "TransitGateways",
    "TransitGatewayAttachments",
    "TransitGatewayVpcAttachments",
    "TransitGatewayRouteTables",
    "TransitGatewayPropagations",
    "TransitGatewayStaticRoutes",
    "VpnGateways",
    "DhcpOptions",
    "VpcBlockPublicAccessExclusions",
    "VpcAttributes",
)
_PROTOCOLS = {"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58", "-1": "-1"}


def acl_line(
    number: int, action: str, cidr: str, ports: Any = None, protocol: str = "-1", **more: Any
) -> Document:
    """`ports` is (from, to); for ICMP (type, code)."""
    line: Document = {
        "RuleNumber": number,
        "RuleAction": action,
        "Protocol": _PROTOCOLS.get(protocol, protocol),
    }
    line["Ipv6CidrBlock" if ":" in cidr else "CidrBlock"] = cidr
    if ports and protocol.startswith("icmp"):
        line["IcmpTypeCode"] = {"Type": ports[0], "Code": ports[1]}
    elif ports:
        line["PortRange"] = {"From": ports[0], "To": ports[1]}
    return line | more


def permission(peer: str, ports: Any = None, protocol: str = "tcp") -> Document:
    """One security group permission; `peer` is a CIDR block, a group or a prefix list."""
    made: Document = {
        "IpProtocol": protocol,
        "IpRanges": [],
        "Ipv6Ranges": [],
        "PrefixListIds": [],
        "UserIdGroupPairs": [],
    }
    if ports:
        made["FromPort"], made["ToPort"] = ports
    if peer.startswith("sg-"):
        made["UserIdGroupPairs"] = [{"GroupId": peer, "UserId": "111111111111"}]
    elif peer.startswith("pl-"):
        made["PrefixListIds"] = [{"PrefixListId": peer}]
    elif ":" in peer:
        made["Ipv6Ranges"] = [{"CidrIpv6": peer}]
    else:
        made["IpRanges"] = [{"CidrIp": peer}]
    return made


ANYWHERE = [permission("0.0.0.0/0", protocol="-1"), permission("::/0", protocol="-1")]
ALLOW_ALL = [acl_line(100, "allow", "0.0.0.0/0"), acl_line(101, "allow", "::/0")]
_TARGET_KEYS = (
    ("igw-", "GatewayId"),
    ("vgw-", "GatewayId"),
    ("local", "GatewayId"),
    ("vpce-", "GatewayId"),
    ("nat-", "NatGatewayId"),
    ("pcx-", "VpcPeeringConnectionId"),
    ("tgw-", "TransitGatewayId"),
    ("eigw-", "EgressOnlyInternetGatewayId"),
    ("eni-", "NetworkInterfaceId"),
    ("i-", "InstanceId"),
    ("lgw-", "LocalGatewayId"),
    ("cagw-", "CarrierGatewayId"),
    ("arn:", "CoreNetworkArn"),
)


def route(destination: str, target: str, state: str = "active", origin: str = "CreateRoute") -> Document:
    """One route; the target's kind is told by its id."""
    key = next(key for start, key in _TARGET_KEYS if target.startswith(start))
    where = (
        "DestinationPrefixListId"
        if destination.startswith("pl-")
        else "DestinationIpv6CidrBlock"
        if ":" in destination
        else "DestinationCidrBlock"
    )
    return {where: destination, key: target, "State": state, "Origin": origin}


class World:
    """A set of documents under construction."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {name: {name: []} for name in LISTS}
        self.documents["VpcBlockPublicAccessOptions"] = {
            "VpcBlockPublicAccessOptions": {"InternetGatewayBlockMode": "off"}
        }

    def add(self, stem: str, item: Document) -> Document:
        self.documents[stem][stem].append(item)
        return item

    def find(self, stem: str, name: str) -> Document:
        return next(item for item in self.documents[stem][stem] if name in item.values())

    def without(self, *stems: str) -> World:
        other = copy.deepcopy(self)
        for stem in stems:
            del other.documents[stem]
        return other

    def vpc(self, name: str, *cidrs: str) -> Document:
        four = [c for c in cidrs if ":" not in c]
        return self.add(
            "Vpcs",
            {
                "VpcId": name,
                "CidrBlock": four[0],
                "OwnerId": "111111111111",
                "CidrBlockAssociationSet": [
                    {"CidrBlock": c, "CidrBlockState": {"State": "associated"}} for c in four
                ],
                "Ipv6CidrBlockAssociationSet": [
                    {"Ipv6CidrBlock": c, "Ipv6CidrBlockState": {"State": "associated"}}
                    for c in cidrs
                    if ":" in c
                ],
            },
        )

    def subnet(self, name: str, vpc: str, *cidrs: str, zone: str = "eu-west-1a") -> Document:
        return self.add(
            "Subnets",
            {
                "SubnetId": name,
                "VpcId": vpc,
                "AvailabilityZone": zone,
                "CidrBlock": next(c for c in cidrs if ":" not in c),
                "Ipv6CidrBlockAssociationSet": [
                    {"Ipv6CidrBlock": c, "Ipv6CidrBlockState": {"State": "associated"}}
                    for c in cidrs
                    if ":" in c
                ],
            },
        )

    def table(
        self, name: str, vpc: str, routes: list[Document], *subnets: str, main: bool = False
    ) -> Document:
        associations: list[Document] = [{"SubnetId": s, "Main": False} for s in subnets]
        if main:
            associations.append({"Main": True})
        return self.add(
            "RouteTables",
            {
                "RouteTableId": name,
                "VpcId": vpc,
                "Associations": associations,
                "Routes": routes,
            },
        )

    def acl(
        self,
        name: str,
        vpc: str,
        *subnets: str,
        ingress: list[Document] | None = None,
        egress: list[Document] | None = None,
    ) -> Document:
        entries = [line | {"Egress": False} for line in (ALLOW_ALL if ingress is None else ingress)]
        entries += [line | {"Egress": True} for line in (ALLOW_ALL if egress is None else egress)]
        for side in (True, False):
            entries.append(acl_line(32767, "deny", "0.0.0.0/0") | {"Egress": side})
            entries.append(acl_line(32768, "deny", "::/0") | {"Egress": side})
        return self.add(
            "NetworkAcls",
            {
                "NetworkAclId": name,
                "VpcId": vpc,
                "Entries": entries,
                "Associations": [{"SubnetId": s, "NetworkAclId": name} for s in subnets],
            },
        )

    def group(
        self, name: str, vpc: str, ingress: list[Document] | None = None, egress: list[Document] | None = None
    ) -> Document:
        return self.add(
            "SecurityGroups",
            {
                "GroupId": name,
                "VpcId": vpc,
                "IpPermissions": ANYWHERE if ingress is None else ingress,
                "IpPermissionsEgress": ANYWHERE if egress is None else egress,
            },
        )

    def eni(
        self,
        name: str,
        subnet: str,
        *addresses: str,
        groups: tuple[str, ...] = (),
        public: str = "",
        kind: str = "interface",
        **more: Any,
    ) -> Document:
        home = self.find("Subnets", subnet)
        four = [a for a in addresses if ":" not in a]
        made: Document = {
            "NetworkInterfaceId": name,
            "VpcId": home["VpcId"],
            "SubnetId": subnet,
            "Status": "in-use",
            "InterfaceType": kind,
            "SourceDestCheck": True,
            "Groups": [{"GroupId": g} for g in groups],
            "PrivateIpAddresses": [{"PrivateIpAddress": a, "Primary": a == four[0]} for a in four],
            "Ipv6Addresses": [{"Ipv6Address": a} for a in addresses if ":" in a],
        }
        if four:
            made["PrivateIpAddress"] = four[0]
        if public:
            made["Association"] = {"PublicIp": public}
            made["PrivateIpAddresses"][0]["Association"] = {"PublicIp": public}
        return self.add("NetworkInterfaces", made | more)

    def igw(self, name: str, vpc: str, state: str = "available") -> Document:
        attachments = [{"VpcId": vpc, "State": state}] if vpc else []
        return self.add("InternetGateways", {"InternetGatewayId": name, "Attachments": attachments})

    def eigw(self, name: str, vpc: str) -> Document:
        return self.add(
            "EgressOnlyInternetGateways",
            {
                "EgressOnlyInternetGatewayId": name,
                "Attachments": [{"VpcId": vpc, "State": "attached"}],
            },
        )

    def nat(
        self, name: str, subnet: str, private: str, public: str = "198.51.100.10", **more: Any
    ) -> Document:
        home = self.find("Subnets", subnet)
        self.eni(f"eni-{name}", subnet, private, public=public, kind="nat_gateway", SourceDestCheck=False)
        address: Document = {"PrivateIp": private, "NetworkInterfaceId": f"eni-{name}", "Status": "succeeded"}
        if public:
            address["PublicIp"] = public
        return self.add(
            "NatGateways",
            {
                "NatGatewayId": name,
                "VpcId": home["VpcId"],
                "SubnetId": subnet,
                "State": "available",
                "ConnectivityType": "public" if public else "private",
                "NatGatewayAddresses": [address],
            }
            | more,
        )

    def peering(
        self, name: str, requester: str, accepter: str, status: str = "active", **regions: str
    ) -> Document:
        def side(vpc: str, region: str) -> Document:
            blocks = [
                v["CidrBlockAssociationSet"] for v in self.documents["Vpcs"]["Vpcs"] if v["VpcId"] == vpc
            ]
            found = [{"CidrBlock": item["CidrBlock"]} for item in (blocks[0] if blocks else [])]
            return {"VpcId": vpc, "Region": region, "OwnerId": "111111111111", "CidrBlockSet": found}

        return self.add(
            "VpcPeeringConnections",
            {
                "VpcPeeringConnectionId": name,
                "Status": {"Code": status},
                "RequesterVpcInfo": side(requester, regions.get("requester_region", "eu-west-1")),
                "AccepterVpcInfo": side(accepter, regions.get("accepter_region", "eu-west-1")),
            },
        )

    def transit(self, name: str, referencing: str = "disable") -> Document:
        return self.add(
            "TransitGateways",
            {
                "TransitGatewayId": name,
                "Options": {"SecurityGroupReferencingSupport": referencing},
            },
        )

    def attach(
        self, name: str, gateway: str, vpc: str, *subnets: str, table: str = "", **options: str
    ) -> Document:
        general: Document = {
            "TransitGatewayAttachmentId": name,
            "TransitGatewayId": gateway,
            "ResourceType": "vpc",
            "ResourceId": vpc,
            "State": "available",
        }
        if table:
            general["Association"] = {"TransitGatewayRouteTableId": table, "State": "associated"}
        self.add("TransitGatewayAttachments", general)
        return self.add(
            "TransitGatewayVpcAttachments",
            {
                "TransitGatewayAttachmentId": name,
                "TransitGatewayId": gateway,
                "VpcId": vpc,
                "State": "available",
                "SubnetIds": list(subnets),
                "Options": {"Ipv6Support": "enable"} | options,
            },
        )

    def transit_routes(
        self, table: str, *routes: tuple[str, str], propagated: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """`routes` are (block, attachment or "blackhole"); `propagated` are (attachment, VPC)."""
        static = [
            {
                "DestinationCidrBlock": block,
                "Type": "static",
                "State": "blackhole" if to == "blackhole" else "active",
                "TransitGatewayAttachments": []
                if to == "blackhole"
                else [{"TransitGatewayAttachmentId": to}],
            }
            for block, to in routes
        ]
        self.add("TransitGatewayRouteTables", {"TransitGatewayRouteTableId": table})
        self.add("TransitGatewayStaticRoutes", {"TransitGatewayRouteTableId": table, "Routes": static})
        self.add(
            "TransitGatewayPropagations",
            {
                "TransitGatewayRouteTableId": table,
                "TransitGatewayRouteTablePropagations": [
                    {
                        "TransitGatewayAttachmentId": a,
                        "ResourceId": vpc,
                        "ResourceType": "vpc",
                        "State": "enabled",
                    }
                    for a, vpc in propagated
                ],
            },
        )

    def endpoint(self, name: str, vpc: str, kind: str = "Interface", **more: Any) -> Document:
        return self.add(
            "VpcEndpoints",
            {
                "VpcEndpointId": name,
                "VpcId": vpc,
                "VpcEndpointType": kind,
                "State": "available",
                "ServiceName": "com.amazonaws.eu-west-1.s3",
                "SubnetIds": [],
                "NetworkInterfaceIds": [],
            }
            | more,
        )

    def prefix_list(self, name: str, *cidrs: str) -> None:
        self.add("PrefixListEntries", {"PrefixListId": name, "Entries": [{"Cidr": c} for c in cidrs]})

    def instance(self, name: str, *interfaces: str, state: str = "running") -> None:
        for interface in interfaces:
            self.find("NetworkInterfaces", interface)["Attachment"] = {
                "InstanceId": name,
                "Status": "attached",
            }
        self.add(
            "Reservations",
            {
                "Instances": [
                    {
                        "InstanceId": name,
                        "State": {"Name": state},
                        "NetworkInterfaces": [{"NetworkInterfaceId": i} for i in interfaces],
                    }
                ]
            },
        )

    def snapshot(self) -> Snapshot:
        # Through text, as the AWS CLI prints it, so that no test leans on shared Python objects.
        return from_documents(json.loads(json.dumps(self.documents)))

    def ask(self, source: str, to: str, port: int | None = 9094, **more: Any) -> dict[str, Any]:
        question = {"id": "q", "from": source, "to": to} | ({} if port is None else {"port": port}) | more
        return answer(question, self.snapshot())


def two_subnets() -> World:
    """A worker in subnet-w, a broker in subnet-b, one VPC, everything open."""
    world = World()
    world.vpc("vpc-a", "10.0.0.0/16")
    world.subnet("subnet-w", "vpc-a", "10.0.1.0/24")
    world.subnet("subnet-b", "vpc-a", "10.0.2.0/24", zone="eu-west-1b")
    world.table("rtb-a", "vpc-a", [route("10.0.0.0/16", "local")], main=True)
    world.acl("acl-w", "vpc-a", "subnet-w")
    world.acl("acl-b", "vpc-a", "subnet-b")
    world.group("sg-w", "vpc-a")
    world.group("sg-b", "vpc-a")
    world.eni("eni-w", "subnet-w", "10.0.1.10", groups=("sg-w",))
    world.eni("eni-b", "subnet-b", "10.0.2.7", groups=("sg-b",))
    return world


def with_nat() -> World:
    """`two_subnets` and a public subnet with a NAT gateway; the worker's subnet routes to it."""
    world = two_subnets()
    world.igw("igw-a", "vpc-a")
    world.subnet("subnet-p", "vpc-a", "10.0.9.0/24")
    world.acl("acl-p", "vpc-a", "subnet-p")
    world.nat("nat-a", "subnet-p", "10.0.9.5")
    world.table("rtb-p", "vpc-a", [route("10.0.0.0/16", "local"), route("0.0.0.0/0", "igw-a")], "subnet-p")
    world.table("rtb-w", "vpc-a", [route("10.0.0.0/16", "local"), route("0.0.0.0/0", "nat-a")], "subnet-w")
    return world


def with_peer() -> World:
    """`two_subnets` peered with vpc-c, whose server is at 10.9.1.7."""
    world = two_subnets()
    world.vpc("vpc-c", "10.9.0.0/16")
    world.subnet("subnet-c", "vpc-c", "10.9.1.0/24")
    world.acl("acl-c", "vpc-c", "subnet-c")
    world.group("sg-c", "vpc-c")
    world.eni("eni-c", "subnet-c", "10.9.1.7", groups=("sg-c",))
    world.peering("pcx-1", "vpc-a", "vpc-c")
    world.table("rtb-w", "vpc-a", [route("10.0.0.0/16", "local"), route("10.9.0.0/16", "pcx-1")], "subnet-w")
    world.table("rtb-c", "vpc-c", [route("10.9.0.0/16", "local"), route("10.0.0.0/16", "pcx-1")], main=True)
    return world


def with_transit() -> World:
    """`two_subnets` joined with vpc-c by a transit gateway, attachments in subnets of their own."""
    world = two_subnets()
    world.vpc("vpc-c", "10.9.0.0/16")
    world.subnet("subnet-c", "vpc-c", "10.9.1.0/24")
    world.subnet("subnet-ta", "vpc-a", "10.0.8.0/28")
    world.subnet("subnet-tc", "vpc-c", "10.9.8.0/28")
    for name, vpc, subnet in (("acl-c", "vpc-c", "subnet-c"), ("acl-ta", "vpc-a", "subnet-ta")):
        world.acl(name, vpc, subnet)
    world.acl("acl-tc", "vpc-c", "subnet-tc")
    world.group("sg-c", "vpc-c")
    world.eni("eni-c", "subnet-c", "10.9.1.7", groups=("sg-c",))
    world.transit("tgw-1")
    world.attach("tgw-attach-a", "tgw-1", "vpc-a", "subnet-ta", table="tgw-rtb-1")
    world.attach("tgw-attach-c", "tgw-1", "vpc-c", "subnet-tc", table="tgw-rtb-1")
    world.transit_routes("tgw-rtb-1", propagated=(("tgw-attach-a", "vpc-a"), ("tgw-attach-c", "vpc-c")))
    world.table("rtb-w", "vpc-a", [route("10.0.0.0/16", "local"), route("10.9.0.0/16", "tgw-1")], "subnet-w")
    world.table("rtb-c", "vpc-c", [route("10.9.0.0/16", "local"), route("10.0.0.0/16", "tgw-1")], main=True)
    return world

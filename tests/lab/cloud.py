"""Writes describe-JSON as AWS prints it, one call a resource.

Only what the account holds is said here, nothing of how packets travel. ``Cloud.documents`` is what
``aws ec2 describe-*`` would save, keyed by file stem; every file is there, with an empty list where the
account has none, because an absent file means "not collected".
"""

from __future__ import annotations

import ipaddress
import random
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
Documents = dict[str, Document]

ACCOUNT = "123456789012"
REGION = "eu-west-1"

FILES = (
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
    "PrefixLists",
    "PrefixListEntries",
    "VpcPeeringConnections",
    "TransitGateways",
    "TransitGatewayAttachments",
    "TransitGatewayVpcAttachments",
    "TransitGatewayRouteTables",
    "TransitGatewayStaticRoutes",
    "TransitGatewayPropagations",
    "VpnGateways",
    "DhcpOptions",
    "VpcBlockPublicAccessExclusions",
)


@dataclass(frozen=True, slots=True)
class Allow:
    """One line of a security group: protocol as AWS writes it, port range, and who is at the other end.

    ``peers`` are CIDRs, security group ids (``sg-``) or prefix list ids (``pl-``).
    """

    protocol: str
    ports: tuple[int, int] | None
    peers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AclEntry:
    """One line of a network ACL; ``ports`` is None for protocol -1."""

    number: int
    egress: bool
    action: str
    protocol: str
    cidr: str
    ports: tuple[int, int] | None = None


ALLOW_ALL_OUT = (Allow("-1", None, ("0.0.0.0/0",)),)


def is_v6(cidr: str) -> bool:
    return ipaddress.ip_network(cidr, strict=False).version == 6


class Cloud:
    """An account under construction."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self.documents: Documents = {name: {name: []} for name in FILES}
        self.documents["VpcBlockPublicAccessOptions"] = {
            "VpcBlockPublicAccessOptions": {
                "AwsAccountId": ACCOUNT,
                "AwsRegion": REGION,
                "State": "default-state",
                "InternetGatewayBlockMode": "off",
                "ManagedBy": "account",
                "ExclusionsAllowed": "not-allowed",
            }
        }
        self.main_table: dict[str, str] = {}
        self.default_acl: dict[str, str] = {}
        self.default_group: dict[str, str] = {}

    def _id(self, prefix: str) -> str:
        return f"{prefix}-0{self._random.getrandbits(64):016x}"

    def _add(self, file: str, item: Document) -> None:
        self.documents[file][file].append(item)

    def all(self, file: str) -> list[Document]:
        """Return the items of one file, to be read or changed in place."""
        items: list[Document] = self.documents[file][file]
        return items

    def find(self, file: str, key: str, value: str) -> Document:
        return next(item for item in self.all(file) if item[key] == value)

    # --- the VPC and what comes with it

    def vpc(self, *cidrs: str, ipv6: str | None = None) -> str:
        """A VPC with its main route table, its default network ACL and its default security group."""
        vpc = self._id("vpc")
        item: Document = {
            "VpcId": vpc,
            "OwnerId": ACCOUNT,
            "CidrBlock": cidrs[0],
            "DhcpOptionsId": "default",
            "State": "available",
            "InstanceTenancy": "default",
            "IsDefault": False,
            "CidrBlockAssociationSet": [
                {
                    "AssociationId": self._id("vpc-cidr-assoc"),
                    "CidrBlock": cidr,
                    "CidrBlockState": {"State": "associated"},
                }
                for cidr in cidrs
            ],
            "EnableDnsSupport": {"Value": True},
            "EnableDnsHostnames": {"Value": True},
            "Tags": [],
        }
        if ipv6:
            item["Ipv6CidrBlockAssociationSet"] = [
                {
                    "AssociationId": self._id("vpc-cidr-assoc"),
                    "Ipv6CidrBlock": ipv6,
                    "Ipv6CidrBlockState": {"State": "associated"},
                    "NetworkBorderGroup": REGION,
                    "Ipv6Pool": "Amazon",
                }
            ]
        self._add("Vpcs", item)
        self.main_table[vpc] = self.route_table(vpc, main=True)
        everything = [AclEntry(100, egress, "allow", "-1", "0.0.0.0/0") for egress in (True, False)]
        if ipv6:
            everything += [AclEntry(101, egress, "allow", "-1", "::/0") for egress in (True, False)]
        self.default_acl[vpc] = self.acl(vpc, (), everything, default=True)
        group = self.security_group(vpc, "default", (), ALLOW_ALL_OUT)
        self.allow_in(group, Allow("-1", None, (group,)))
        self.default_group[vpc] = group
        return vpc

    def vpc_cidrs(self, vpc: str) -> list[str]:
        item = self.find("Vpcs", "VpcId", vpc)
        v4 = [one["CidrBlock"] for one in item["CidrBlockAssociationSet"]]
        return v4 + [one["Ipv6CidrBlock"] for one in item.get("Ipv6CidrBlockAssociationSet", [])]

    def subnet(self, vpc: str, cidr: str, zone: str = "a", ipv6: str | None = None) -> str:
        subnet = self._id("subnet")
        self._add(
            "Subnets",
            {
                "SubnetId": subnet,
                "SubnetArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:subnet/{subnet}",
                "VpcId": vpc,
                "OwnerId": ACCOUNT,
                "CidrBlock": cidr,
                "Ipv6CidrBlockAssociationSet": [
                    {
                        "AssociationId": self._id("subnet-cidr-assoc"),
                        "Ipv6CidrBlock": ipv6,
                        "Ipv6CidrBlockState": {"State": "associated"},
                    }
                ]
                if ipv6
                else [],
                "AvailabilityZone": REGION + zone,
                "AvailabilityZoneId": f"euw1-az{ord(zone) - ord('a') + 1}",
                "AvailableIpAddressCount": 200,
                "DefaultForAz": False,
                "MapPublicIpOnLaunch": False,
                "AssignIpv6AddressOnCreation": bool(ipv6),
                "Ipv6Native": False,
                "EnableDns64": False,
                "State": "available",
                "Tags": [],
            },
        )
        acl = self.find("NetworkAcls", "NetworkAclId", self.default_acl[vpc])
        self._associate_acl(acl, subnet)
        return subnet

    # --- route tables

    def route_table(self, vpc: str, *subnets: str, main: bool = False) -> str:
        table = self._id("rtb")
        associations: list[Document] = [
            {
                "Main": False,
                "RouteTableAssociationId": self._id("rtbassoc"),
                "RouteTableId": table,
                "SubnetId": subnet,
                "AssociationState": {"State": "associated"},
            }
            for subnet in subnets
        ]
        if main:
            associations.append(
                {
                    "Main": True,
                    "RouteTableAssociationId": self._id("rtbassoc"),
                    "RouteTableId": table,
                    "AssociationState": {"State": "associated"},
                }
            )
        self._add(
            "RouteTables",
            {
                "RouteTableId": table,
                "VpcId": vpc,
                "OwnerId": ACCOUNT,
                "Associations": associations,
                "PropagatingVgws": [],
                "Routes": [
                    {
                        ("DestinationIpv6CidrBlock" if is_v6(cidr) else "DestinationCidrBlock"): cidr,
                        "GatewayId": "local",
                        "Origin": "CreateRouteTable",
                        "State": "active",
                    }
                    for cidr in self.vpc_cidrs(vpc)
                ],
                "Tags": [],
            },
        )
        return table

    def route(self, table: str, destination: str, target: str, state: str = "active") -> None:
        """A route to ``target``; its id says of what kind it is, as in the console."""
        field = {
            "igw": "GatewayId",
            "vgw": "GatewayId",
            "vpce": "GatewayId",
            "eigw": "EgressOnlyInternetGatewayId",
            "nat": "NatGatewayId",
            "pcx": "VpcPeeringConnectionId",
            "tgw": "TransitGatewayId",
            "eni": "NetworkInterfaceId",
        }[target.split("-")[0]]
        if destination.startswith("pl-"):
            where = "DestinationPrefixListId"
        else:
            where = "DestinationIpv6CidrBlock" if is_v6(destination) else "DestinationCidrBlock"
        routes = self.find("RouteTables", "RouteTableId", table)["Routes"]
        routes.append({where: destination, field: target, "Origin": "CreateRoute", "State": state})

    # --- filters

    def _associate_acl(self, acl: Document, subnet: str) -> None:
        for other in self.all("NetworkAcls"):
            other["Associations"] = [one for one in other["Associations"] if one["SubnetId"] != subnet]
        acl["Associations"].append(
            {
                "NetworkAclAssociationId": self._id("aclassoc"),
                "NetworkAclId": acl["NetworkAclId"],
                "SubnetId": subnet,
            }
        )

    def acl(
        self, vpc: str, subnets: tuple[str, ...], entries: list[AclEntry], *, default: bool = False
    ) -> str:
        """A network ACL with these entries, in this order, and AWS's own last one that denies the rest."""
        acl = self._id("acl")
        last = [AclEntry(32767, egress, "deny", "-1", "0.0.0.0/0") for egress in (True, False)]
        if any(is_v6(cidr) for cidr in self.vpc_cidrs(vpc)):
            last += [AclEntry(32768, egress, "deny", "-1", "::/0") for egress in (True, False)]
        item: Document = {
            "NetworkAclId": acl,
            "VpcId": vpc,
            "OwnerId": ACCOUNT,
            "IsDefault": default,
            "Associations": [],
            "Entries": [_acl_entry(entry) for entry in [*entries, *last]],
            "Tags": [],
        }
        self._add("NetworkAcls", item)
        for subnet in subnets:
            self._associate_acl(item, subnet)
        return acl

    def security_group(
        self, vpc: str, name: str, ingress: tuple[Allow, ...] = (), egress: tuple[Allow, ...] = ALLOW_ALL_OUT
    ) -> str:
        group = self._id("sg")
        self._add(
            "SecurityGroups",
            {
                "GroupId": group,
                "GroupName": name,
                "Description": name,
                "VpcId": vpc,
                "OwnerId": ACCOUNT,
                "IpPermissions": [],
                "IpPermissionsEgress": [],
                "Tags": [],
            },
        )
        for rule in ingress:
            self.allow_in(group, rule)
        for rule in egress:
            self.allow_out(group, rule)
        return group

    def allow_in(self, group: str, rule: Allow) -> None:
        self.find("SecurityGroups", "GroupId", group)["IpPermissions"].append(_permission(rule))

    def allow_out(self, group: str, rule: Allow) -> None:
        self.find("SecurityGroups", "GroupId", group)["IpPermissionsEgress"].append(_permission(rule))

    def prefix_list(self, *cidrs: str, name: str = "mine", owner: str = ACCOUNT) -> str:
        prefix_list = self._id("pl")
        self._add(
            "PrefixLists",
            {
                "PrefixListId": prefix_list,
                "PrefixListName": name,
                "AddressFamily": "IPv6" if is_v6(cidrs[0]) else "IPv4",
                "State": "create-complete",
                "MaxEntries": 20,
                "Version": 1,
                "OwnerId": owner,
                "Tags": [],
            },
        )
        self._add(
            "PrefixListEntries",
            {"PrefixListId": prefix_list, "Entries": [{"Cidr": cidr} for cidr in cidrs]},
        )
        return prefix_list

    # --- network interfaces

    def eni(
        self,
        subnet: str,
        address: str,
        *groups: str,
        public: str | None = None,
        secondary: tuple[str, ...] = (),
        ipv6: tuple[str, ...] = (),
        kind: str = "interface",
        description: str = "",
    ) -> str:
        eni = self._id("eni")
        where = self.find("Subnets", "SubnetId", subnet)
        association = {"PublicIp": public, "IpOwnerId": ACCOUNT, "PublicDnsName": ""} if public else None
        primary: Document = {"PrivateIpAddress": address, "Primary": True}
        item: Document = {
            "NetworkInterfaceId": eni,
            "VpcId": where["VpcId"],
            "SubnetId": subnet,
            "AvailabilityZone": where["AvailabilityZone"],
            "OwnerId": ACCOUNT,
            "RequesterManaged": kind != "interface",
            "InterfaceType": kind,
            "Description": description,
            "Status": "in-use",
            "SourceDestCheck": kind != "nat_gateway",
            "MacAddress": "06:00:00:00:00:01",
            "PrivateIpAddress": address,
            "PrivateIpAddresses": [
                primary,
                *({"PrivateIpAddress": other, "Primary": False} for other in secondary),
            ],
            "Ipv6Addresses": [{"Ipv6Address": one, "IsPrimaryIpv6": False} for one in ipv6],
            "Groups": [
                {"GroupId": group, "GroupName": self.find("SecurityGroups", "GroupId", group)["GroupName"]}
                for group in groups
            ],
            "TagSet": [],
        }
        if association:
            item["Association"] = association
            primary["Association"] = dict(association)
            self._add(
                "Addresses",
                {
                    "PublicIp": public,
                    "AllocationId": self._id("eipalloc"),
                    "AssociationId": self._id("eipassoc"),
                    "Domain": "vpc",
                    "NetworkInterfaceId": eni,
                    "NetworkInterfaceOwnerId": ACCOUNT,
                    "PrivateIpAddress": address,
                },
            )
        self._add("NetworkInterfaces", item)
        return eni

    # --- gateways

    def internet_gateway(self, vpc: str) -> str:
        gateway = self._id("igw")
        self._add(
            "InternetGateways",
            {
                "InternetGatewayId": gateway,
                "OwnerId": ACCOUNT,
                "Attachments": [{"State": "available", "VpcId": vpc}],
                "Tags": [],
            },
        )
        return gateway

    def egress_only_gateway(self, vpc: str) -> str:
        gateway = self._id("eigw")
        self._add(
            "EgressOnlyInternetGateways",
            {
                "EgressOnlyInternetGatewayId": gateway,
                "Attachments": [{"State": "attached", "VpcId": vpc}],
                "Tags": [],
            },
        )
        return gateway

    def nat_gateway(
        self, subnet: str, address: str, public: str | None = None, state: str = "available"
    ) -> str:
        """A zonal NAT gateway: public when it has a public address, private otherwise."""
        gateway = self._id("nat")
        eni = self.eni(
            subnet,
            address,
            public=public,
            kind="nat_gateway",
            description=f"Interface for NAT Gateway {gateway}",
        )
        where: Document = {"NetworkInterfaceId": eni, "PrivateIp": address, "IsPrimary": True}
        if public:
            where |= {"PublicIp": public, "AllocationId": self._id("eipalloc")}
        self._add(
            "NatGateways",
            {
                "NatGatewayId": gateway,
                "VpcId": self.find("Subnets", "SubnetId", subnet)["VpcId"],
                "SubnetId": subnet,
                "ConnectivityType": "public" if public else "private",
                "AvailabilityMode": "zonal",
                "State": state,
                "CreateTime": "2024-05-01T08:00:00+00:00",
                "NatGatewayAddresses": [{**where, "Status": "succeeded"}],
                "Tags": [],
            },
        )
        return gateway

    def peering(self, requester: str, accepter: str, state: str = "active") -> str:
        peering = self._id("pcx")

        def side(vpc: str) -> Document:
            v4 = [cidr for cidr in self.vpc_cidrs(vpc) if not is_v6(cidr)]
            v6 = [cidr for cidr in self.vpc_cidrs(vpc) if is_v6(cidr)]
            return {
                "VpcId": vpc,
                "OwnerId": ACCOUNT,
                "Region": REGION,
                "CidrBlock": v4[0],
                "CidrBlockSet": [{"CidrBlock": cidr} for cidr in v4],
                "Ipv6CidrBlockSet": [{"Ipv6CidrBlock": cidr} for cidr in v6],
                "PeeringOptions": {
                    "AllowDnsResolutionFromRemoteVpc": False,
                    "AllowEgressFromLocalClassicLinkToRemoteVpc": False,
                    "AllowEgressFromLocalVpcToRemoteClassicLink": False,
                },
            }

        self._add(
            "VpcPeeringConnections",
            {
                "VpcPeeringConnectionId": peering,
                "RequesterVpcInfo": side(requester),
                "AccepterVpcInfo": side(accepter),
                "Status": {"Code": state, "Message": state},
                "Tags": [],
            },
        )
        return peering

    # --- endpoints

    def gateway_endpoint(self, vpc: str, prefix_list: str, *tables: str) -> str:
        endpoint = self._id("vpce")
        self._add(
            "VpcEndpoints",
            {
                "VpcEndpointId": endpoint,
                "VpcEndpointType": "Gateway",
                "VpcId": vpc,
                "OwnerId": ACCOUNT,
                "ServiceName": f"com.amazonaws.{REGION}.s3",
                "State": "available",
                "RouteTableIds": list(tables),
                "SubnetIds": [],
                "Groups": [],
                "NetworkInterfaceIds": [],
                "PrivateDnsEnabled": False,
                "RequesterManaged": False,
                "PolicyDocument": '{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*",'
                '"Action":"*","Resource":"*"}]}',
                "Tags": [],
            },
        )
        for table in tables:
            self.route(table, prefix_list, endpoint)
        return endpoint

    def interface_endpoint(self, vpc: str, places: dict[str, str], *groups: str) -> str:
        """An interface endpoint with one network interface in each of ``places`` (subnet id: address)."""
        endpoint = self._id("vpce")
        enis = [
            self.eni(
                subnet,
                address,
                *groups,
                kind="vpc_endpoint",
                description=f"VPC Endpoint Interface {endpoint}",
            )
            for subnet, address in places.items()
        ]
        self._add(
            "VpcEndpoints",
            {
                "VpcEndpointId": endpoint,
                "VpcEndpointType": "Interface",
                "VpcId": vpc,
                "OwnerId": ACCOUNT,
                "ServiceName": f"com.amazonaws.{REGION}.secretsmanager",
                "State": "available",
                "RouteTableIds": [],
                "SubnetIds": list(places),
                "Groups": [{"GroupId": group, "GroupName": "endpoint"} for group in groups],
                "NetworkInterfaceIds": enis,
                "PrivateDnsEnabled": True,
                "RequesterManaged": False,
                "IpAddressType": "ipv4",
                "Tags": [],
            },
        )
        return endpoint

    # --- transit gateways

    def transit_gateway(self) -> str:
        gateway = self._id("tgw")
        self._add(
            "TransitGateways",
            {
                "TransitGatewayId": gateway,
                "TransitGatewayArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:transit-gateway/{gateway}",
                "State": "available",
                "OwnerId": ACCOUNT,
                "Options": {
                    "AmazonSideAsn": 64512,
                    "AutoAcceptSharedAttachments": "disable",
                    "DefaultRouteTableAssociation": "disable",
                    "DefaultRouteTablePropagation": "disable",
                    "VpnEcmpSupport": "enable",
                    "DnsSupport": "enable",
                    "SecurityGroupReferencingSupport": "disable",
                    "MulticastSupport": "disable",
                },
                "Tags": [],
            },
        )
        return gateway

    def transit_gateway_route_table(self, gateway: str) -> str:
        table = self._id("tgw-rtb")
        self._add(
            "TransitGatewayRouteTables",
            {
                "TransitGatewayRouteTableId": table,
                "TransitGatewayId": gateway,
                "State": "available",
                "DefaultAssociationRouteTable": False,
                "DefaultPropagationRouteTable": False,
                "Tags": [],
            },
        )
        self._add("TransitGatewayStaticRoutes", {"TransitGatewayRouteTableId": table, "Routes": []})
        self._add(
            "TransitGatewayPropagations",
            {"TransitGatewayRouteTableId": table, "TransitGatewayRouteTablePropagations": []},
        )
        return table

    def transit_gateway_attachment(
        self, gateway: str, vpc: str, places: dict[str, str], table: str | None, state: str = "available"
    ) -> str:
        """Attach a VPC in ``places`` (subnet id: address), associated with ``table`` unless it is None."""
        attachment = self._id("tgw-attach")
        for subnet, address in places.items():
            self.eni(
                subnet,
                address,
                kind="transit_gateway",
                description=f"Network Interface for Transit Gateway Attachment {attachment}",
            )
        item: Document = {
            "TransitGatewayAttachmentId": attachment,
            "TransitGatewayId": gateway,
            "TransitGatewayOwnerId": ACCOUNT,
            "ResourceOwnerId": ACCOUNT,
            "ResourceType": "vpc",
            "ResourceId": vpc,
            "State": state,
            "CreationTime": "2024-05-01T08:00:00+00:00",
            "Tags": [],
        }
        if table:
            item["Association"] = {"TransitGatewayRouteTableId": table, "State": "associated"}
        self._add("TransitGatewayAttachments", item)
        self._add(
            "TransitGatewayVpcAttachments",
            {
                "TransitGatewayAttachmentId": attachment,
                "TransitGatewayId": gateway,
                "VpcId": vpc,
                "VpcOwnerId": ACCOUNT,
                "State": state,
                "SubnetIds": list(places),
                "CreationTime": "2024-05-01T08:00:00+00:00",
                "Options": {
                    "DnsSupport": "enable",
                    "SecurityGroupReferencingSupport": "disable",
                    "Ipv6Support": "disable",
                    "ApplianceModeSupport": "disable",
                },
                "Tags": [],
            },
        )
        return attachment

    def propagate(self, table: str, attachment: str) -> None:
        vpc = self.find("TransitGatewayAttachments", "TransitGatewayAttachmentId", attachment)["ResourceId"]
        self.find("TransitGatewayPropagations", "TransitGatewayRouteTableId", table)[
            "TransitGatewayRouteTablePropagations"
        ].append(
            {
                "TransitGatewayAttachmentId": attachment,
                "ResourceId": vpc,
                "ResourceType": "vpc",
                "State": "enabled",
            }
        )

    def transit_route(self, table: str, destination: str, attachment: str | None) -> None:
        """A static route of a transit gateway route table; a blackhole when ``attachment`` is None."""
        route: Document = {"DestinationCidrBlock": destination, "Type": "static"}
        if attachment is None:
            route["State"] = "blackhole"
        else:
            vpc = self.find("TransitGatewayAttachments", "TransitGatewayAttachmentId", attachment)[
                "ResourceId"
            ]
            route["State"] = "active"
            route["TransitGatewayAttachments"] = [
                {"TransitGatewayAttachmentId": attachment, "ResourceId": vpc, "ResourceType": "vpc"}
            ]
        self.find("TransitGatewayStaticRoutes", "TransitGatewayRouteTableId", table)["Routes"].append(route)


def _acl_entry(entry: AclEntry) -> Document:
    item: Document = {
        "RuleNumber": entry.number,
        "Egress": entry.egress,
        "RuleAction": entry.action,
        "Protocol": entry.protocol,
        ("Ipv6CidrBlock" if is_v6(entry.cidr) else "CidrBlock"): entry.cidr,
    }
    if entry.ports is not None:
        item["PortRange"] = {"From": entry.ports[0], "To": entry.ports[1]}
    return item


def _permission(rule: Allow) -> Document:
    item: Document = {
        "IpProtocol": rule.protocol,
        "IpRanges": [],
        "Ipv6Ranges": [],
        "PrefixListIds": [],
        "UserIdGroupPairs": [],
    }
    if rule.ports is not None:
        item |= {"FromPort": rule.ports[0], "ToPort": rule.ports[1]}
    for peer in rule.peers:
        if peer.startswith("sg-"):
            item["UserIdGroupPairs"].append({"GroupId": peer, "UserId": ACCOUNT})
        elif peer.startswith("pl-"):
            item["PrefixListIds"].append({"PrefixListId": peer})
        elif is_v6(peer):
            item["Ipv6Ranges"].append({"CidrIpv6": peer})
        else:
            item["IpRanges"].append({"CidrIp": peer})
    return item

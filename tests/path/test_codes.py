"""Every explanation code that fits us, each shown by the smallest network that produces it.

A row is a sentence: this network, asked this, is stopped at this component for this reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from netcheck.path.codes import Code
from tests.path.world import (
    ALLOW_ALL,
    World,
    acl_line,
    permission,
    route,
    two_subnets,
    with_nat,
    with_peer,
    with_transit,
)

Answer = dict[str, Any]


def blocked(answer: Answer, code: str, component: str, leg: str = "forward") -> None:
    assert answer["verdict"] == "blocked", answer
    found = [(b["code"], b["component"], b["leg"]) for b in answer["blocked_by"]]
    assert (code, component, leg) in found, found


def explained(answer: Answer, code: str, component: str) -> None:
    assert answer["verdict"] == "blocked", answer
    found = [(e["code"], e["component"]) for b in answer["blocked_by"] for e in b.get("explanations", [])]
    assert (code, component) in found, answer


def unknown(answer: Answer, code: str, component: str) -> None:
    assert answer["verdict"] == "unknown", answer
    assert (code, component) in [(g["code"], g["component"]) for g in answer["gaps"]], answer


def refused(answer: Answer, code: str, component: str) -> None:
    assert answer["error"].startswith(f"{code}: "), answer
    assert component in answer["error"]


ROWS: list[tuple[str, Code, str, Callable[[], Answer], Callable[..., None]]] = []


def row(sentence: str, code: Code, component: str, how: Callable[..., None] = blocked) -> Callable[..., Any]:
    def keep(ask: Callable[[], Answer]) -> Callable[[], Answer]:
        ROWS.append((sentence, code, component, ask, how))
        return ask

    return keep


OUTSIDE = "203.0.113.9"


@row("a NAT gateway that failed does not carry anything", Code.BAD_STATE, "nat-a")
def _() -> Answer:
    world = with_nat()
    world.find("NatGateways", "nat-a")["State"] = "failed"
    return world.ask("eni-w", OUTSIDE, 443)


@row("a peering connection that was not accepted does not carry anything", Code.BAD_STATE, "pcx-1")
def _() -> Answer:
    world = with_peer()
    world.find("VpcPeeringConnections", "pcx-1")["Status"]["Code"] = "pending-acceptance"
    return world.ask("eni-w", "10.9.1.7")


@row("a stopped instance does not answer", Code.BAD_STATE, "i-b")
def _() -> Answer:
    world = two_subnets()
    world.instance("i-b", "eni-b", state="stopped")
    return world.ask("eni-w", "i-b")


@row("an endpoint that was not accepted does not answer", Code.BAD_STATE, "vpce-1")
def _() -> Answer:
    world = two_subnets()
    world.endpoint(
        "vpce-1", "vpc-a", NetworkInterfaceIds=["eni-b"], SubnetIds=["subnet-b"], State="pendingAcceptance"
    )
    return world.ask("eni-w", "10.0.2.7", 443)


@row("an internet gateway that is being detached carries nothing", Code.BAD_STATE_ATTACHMENT, "igw-a")
def _() -> Answer:
    world = with_nat()
    world.find("InternetGateways", "igw-a")["Attachments"][0]["State"] = "detaching"
    return world.ask("eni-w", OUTSIDE, 443)


@row("a transit gateway attachment must be available", Code.BAD_STATE_ATTACHMENT, "tgw-attach-c")
def _() -> Answer:
    world = with_transit()
    for stem in ("TransitGatewayAttachments", "TransitGatewayVpcAttachments"):
        world.find(stem, "tgw-attach-c")["State"] = "deleting"
    return world.ask("eni-w", "10.9.1.7")


@row("the most specific route is a blackhole", Code.BAD_STATE_ROUTE, "rtb-w")
def _() -> Answer:
    world = with_peer()
    world.find("RouteTables", "rtb-w")["Routes"][1]["State"] = "blackhole"
    return world.ask("eni-w", "10.9.1.7")


@row("no route of the table covers the destination, and each says so", Code.CANNOT_ROUTE, "rtb-w", explained)
def _() -> Answer:
    world = with_peer()
    return world.ask("eni-w", "10.77.0.1")


@row("an interface sends only from its own address", Code.ENI_ADDRESS_RESTRICTION, "eni-w")
def _() -> Answer:
    return two_subnets().ask("eni-w", "10.0.2.7", source_address="10.0.1.99")


@row("no rule of the sender's group lets it out", Code.ENI_SG_RULES_MISMATCH, "sg-w")
def _() -> Answer:
    world = two_subnets()
    world.find("SecurityGroups", "sg-w")["IpPermissionsEgress"] = [permission("10.0.2.0/24", (9092, 9093))]
    return world.ask("eni-w", "10.0.2.7", 9094)


@row("no rule of the receiver's group lets it in", Code.ENI_SG_RULES_MISMATCH, "sg-b")
def _() -> Answer:
    world = two_subnets()
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = [permission("10.0.3.0/24", (9094, 9094))]
    return world.ask("eni-w", "10.0.2.7", 9094)


@row(
    "an instance that checks source and destination is no NAT instance",
    Code.ENI_SOURCE_DEST_CHECK_RESTRICTION,
    "eni-b",
)
def _() -> Answer:
    world = two_subnets()
    world.table("rtb-w", "vpc-a", [route("10.0.0.0/16", "local"), route("0.0.0.0/0", "eni-b")], "subnet-w")
    return world.ask("eni-w", OUTSIDE, 443)


@row(
    "a static route wins over a propagated one to the same block",
    Code.HIGHER_PRIORITY_ROUTE,
    "rtb-w",
    explained,
)
def _() -> Answer:
    world = with_peer()
    routes = world.find("RouteTables", "rtb-w")["Routes"]
    routes[1]["State"] = "blackhole"
    routes.insert(0, route("10.9.0.0/16", "vgw-1", origin="EnableVgwRoutePropagation"))
    return world.ask("eni-w", "10.9.1.7")


@row(
    "an internet gateway does not carry traffic to a private address",
    Code.IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS,
    "igw-a",
)
def _() -> Answer:
    return with_nat().ask("eni-w", "172.16.5.5", 443)


@row(
    "an internet gateway does not carry traffic to a shared address",
    Code.IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS,
    "igw-a",
)
def _() -> Answer:
    return with_nat().ask("eni-w", "100.64.5.5", 443)


@row("a worker in a public subnet has no public address", Code.IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS, "igw-a")
def _() -> Answer:
    return with_nat().ask("subnet-p", OUTSIDE, 443, security_groups=["sg-w"])


@row("a private NAT gateway has no public address either", Code.IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS, "igw-a")
def _() -> Answer:
    world = with_nat()
    nat = world.find("NatGateways", "nat-a")
    nat["ConnectivityType"] = "private"
    del nat["NatGatewayAddresses"][0]["PublicIp"]
    return world.ask("eni-w", OUTSIDE, 443)


@row("a longer prefix leads elsewhere than the default route", Code.MORE_SPECIFIC_ROUTE, "rtb-w", explained)
def _() -> Answer:
    world = with_nat()
    world.find("RouteTables", "rtb-w")["Routes"].append(
        route("203.0.113.0/24", "pcx-gone", state="blackhole")
    )
    return world.ask("eni-w", OUTSIDE, 443)


@row("a NAT gateway serves its own VPC only", Code.NGW_REQUIRES_SOURCE_IN_VPC, "nat-a")
def _() -> Answer:
    world = with_nat()
    world.vpc("vpc-c", "10.9.0.0/16")
    world.subnet("subnet-c", "vpc-c", "10.9.1.0/24")
    world.acl("acl-c", "vpc-c", "subnet-c")
    world.group("sg-c", "vpc-c")
    world.table("rtb-c", "vpc-c", [route("10.9.0.0/16", "local"), route("0.0.0.0/0", "nat-a")], main=True)
    return world.ask("subnet-c", OUTSIDE, 443, security_groups=["sg-c"])


@row("the NAT gateway's own subnet leads back to it", Code.NGW_ROUTES_TO_ITSELF, "rtb-p")
def _() -> Answer:
    world = with_nat()
    world.find("RouteTables", "rtb-p")["Routes"][1] = route("0.0.0.0/0", "nat-a")
    return world.ask("eni-w", OUTSIDE, 443)


@row("nothing has that address", Code.NO_POSSIBLE_DESTINATION, "subnet-b")
def _() -> Answer:
    return two_subnets().ask("eni-w", "10.0.2.200")


@row("no subnet holds that address", Code.NO_POSSIBLE_DESTINATION, "vpc-a")
def _() -> Answer:
    return two_subnets().ask("eni-w", "10.0.77.200")


@row("the address is reserved by AWS", Code.NO_POSSIBLE_DESTINATION, "subnet-b")
def _() -> Answer:
    return two_subnets().ask("eni-w", "10.0.2.3")


@row("the route table has no route there", Code.NO_ROUTE_TO_DESTINATION, "rtb-a")
def _() -> Answer:
    return two_subnets().ask("eni-w", OUTSIDE, 443)


@row("a peering connection is no transit", Code.PCX_REQUIRES_ADDRESS_IN_VPC_CIDR, "pcx-1")
def _() -> Answer:
    world = with_peer()
    world.find("RouteTables", "rtb-w")["Routes"].append(route("0.0.0.0/0", "pcx-1"))
    return world.ask("eni-w", OUTSIDE, 443)


def regional_nat(**more: Any) -> World:
    world = with_nat()
    nat = world.find("NatGateways", "nat-a")
    del nat["SubnetId"]
    nat["AvailabilityMode"] = "regional"
    nat["NatGatewayAddresses"] = [
        {"PublicIp": "198.51.100.10", "AvailabilityZone": "eu-west-1b", "Status": "succeeded"}
    ]
    nat.update(more)
    return world


@row(
    "a regional NAT gateway in manual mode serves only its zones",
    Code.REGIONAL_NGW_ROUTE_AZ_RESTRICTION,
    "nat-a",
)
def _() -> Answer:
    return regional_nat(AutoProvisionZones="disabled").ask("eni-w", OUTSIDE, 443)


@row("the NAT gateway's reply ports are not let back in", Code.REMAP_EPHEMERAL_PORT, "nat-a", explained)
def _() -> Answer:
    world = with_nat()
    world.documents["NetworkAcls"]["NetworkAcls"] = [
        acl for acl in world.documents["NetworkAcls"]["NetworkAcls"] if acl["NetworkAclId"] != "acl-p"
    ]
    world.acl("acl-p", "vpc-a", "subnet-p", ingress=[acl_line(10, "allow", "10.0.0.0/16")])
    return world.ask("eni-w", OUTSIDE, 443)


@row("a security group without rules lets nothing in", Code.SG_HAS_NO_RULES, "sg-b")
def _() -> Answer:
    world = two_subnets()
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = []
    return world.ask("eni-w", "10.0.2.7")


@row("a reference does not survive a NAT gateway", Code.SG_REFERENCES_NOT_PRESERVED, "nat-a", explained)
def _() -> Answer:
    world = with_nat()
    world.find("RouteTables", "rtb-w")["Routes"].append(route("10.0.2.0/24", "nat-a"))
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = [permission("sg-w", (9094, 9094))]
    return world.ask("eni-w", "10.0.2.7")


@row(
    "a reference does not survive a transit gateway without support",
    Code.SG_REFERENCING_SUPPORT,
    "tgw-1",
    explained,
)
def _() -> Answer:
    world = with_transit()
    world.find("SecurityGroups", "sg-c")["IpPermissions"] = [permission("sg-w", (9094, 9094))]
    return world.ask("eni-w", "10.9.1.7")


@row(
    "a reference needs the support of both attachments",
    Code.SG_REFERENCING_SUPPORT,
    "tgw-attach-c",
    explained,
)
def _() -> Answer:
    world = with_transit()
    world.find("TransitGateways", "tgw-1")["Options"]["SecurityGroupReferencingSupport"] = "enable"
    options = world.find("TransitGatewayVpcAttachments", "tgw-attach-c")["Options"]
    options["SecurityGroupReferencingSupport"] = "disable"
    world.find("SecurityGroups", "sg-c")["IpPermissions"] = [permission("sg-w", (9094, 9094))]
    return world.ask("eni-w", "10.9.1.7")


@row("a network ACL denies before a later rule allows", Code.SUBNET_ACL_RESTRICTION, "acl-b")
def _() -> Answer:
    world = two_subnets()
    world.find("NetworkAcls", "acl-b")["Entries"].append(
        acl_line(50, "deny", "10.0.1.0/24", (9094, 9094), "tcp", Egress=False)
    )
    return world.ask("eni-w", "10.0.2.7")


@row(
    "the attachment has no transit gateway route table",
    Code.TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION,
    "tgw-attach-a",
)
def _() -> Answer:
    world = with_transit()
    del world.find("TransitGatewayAttachments", "tgw-attach-a")["Association"]
    return world.ask("eni-w", "10.9.1.7")


@row("the transit gateway has no subnet in the sender's zone", Code.TGW_ROUTE_AZ_RESTRICTION, "tgw-attach-a")
def _() -> Answer:
    world = with_transit()
    world.find("Subnets", "subnet-ta")["AvailabilityZone"] = "eu-west-1c"
    return world.ask("eni-w", "10.9.1.7")


@row("the transit gateway's route is a blackhole", Code.TGW_RTB_BAD_STATE_ROUTE, "tgw-rtb-1")
def _() -> Answer:
    world = with_transit()
    world.find("TransitGatewayStaticRoutes", "tgw-rtb-1")["Routes"] = [
        {"DestinationCidrBlock": "10.9.1.0/24", "Type": "static", "State": "blackhole"}
    ]
    return world.ask("eni-w", "10.9.1.7")


def without_route_to_c() -> World:
    world = with_transit()
    found = world.find("TransitGatewayPropagations", "tgw-rtb-1")["TransitGatewayRouteTablePropagations"]
    del found[1]
    return world


@row(
    "the transit gateway has no route to the other VPC", Code.TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT, "tgw-rtb-1"
)
def _() -> Answer:
    return without_route_to_c().ask("eni-w", "10.9.1.7")


@row("the transit gateway's other routes do not match", Code.TGW_RTB_CANNOT_ROUTE, "tgw-rtb-1", explained)
def _() -> Answer:
    return without_route_to_c().ask("eni-w", "10.9.1.7")


@row(
    "the routes of another account's transit gateway are not known",
    Code.TGW_RTB_ROUTES_ARE_UNKNOWN,
    "tgw-rtb-1",
    unknown,
)
def _() -> Answer:
    return with_transit().without("TransitGatewayStaticRoutes").ask("eni-w", "10.9.1.7")


@row("what lies beyond a VPN gateway is not known", Code.UNKNOWN_DESTINATION, "vgw-1", unknown)
def _() -> Answer:
    world = two_subnets()
    world.table(
        "rtb-w", "vpc-a", [route("10.0.0.0/16", "local"), route("192.168.0.0/16", "vgw-1")], "subnet-w"
    )
    return world.ask("eni-w", "192.168.7.7")


@row("whether a peer VPC's hosts hold a group is not known", Code.UNKNOWN_PEERED_SGS, "sg-w", unknown)
def _() -> Answer:
    world = with_peer().without()
    world.documents["Vpcs"]["Vpcs"] = [v for v in world.documents["Vpcs"]["Vpcs"] if v["VpcId"] == "vpc-a"]
    world.documents["NetworkInterfaces"]["NetworkInterfaces"].pop()
    world.find("SecurityGroups", "sg-w")["IpPermissionsEgress"] = [permission("sg-peer", (9094, 9094))]
    return world.ask("eni-w", "10.9.1.7")


@row("the peer VPC is in another account", Code.UNKNOWN_RESOURCE, "vpc-c", unknown)
def _() -> Answer:
    world = with_peer()
    world.documents["Vpcs"]["Vpcs"].pop()
    return world.ask("eni-w", "10.9.1.7")


@row("block public access stops the internet gateway", Code.VPC_BLOCK_PUBLIC_ACCESS_ENABLED, "vpc-a")
def _() -> Answer:
    world = with_nat()
    options = world.documents["VpcBlockPublicAccessOptions"]["VpcBlockPublicAccessOptions"]
    options["InternetGatewayBlockMode"] = "block-bidirectional"
    return world.ask("eni-w", OUTSIDE, 443)


@row("a local route serves only the VPC's own blocks", Code.VPC_LOCAL_ROUTE_CIDR_RESTRICTION, "rtb-a")
def _() -> Answer:
    world = two_subnets()
    world.find("RouteTables", "rtb-a")["Routes"].append(route("10.8.0.0/16", "local"))
    return world.ask("eni-w", "10.8.0.9")


@row(
    "the endpoint is not installed in the subnet of its old interface",
    Code.VPCE_SERVICE_NOT_INSTALLED_IN_AZ,
    "vpce-1",
)
def _() -> Answer:
    world = two_subnets()
    world.endpoint("vpce-1", "vpc-a", NetworkInterfaceIds=["eni-b"], SubnetIds=["subnet-w"])
    return world.ask("eni-w", "10.0.2.7", 443)


@row("nothing connects the two VPCs", Code.DISCONNECTED_VPCS, "vpc-a", explained)
def _() -> Answer:
    world = with_peer()
    world.documents["VpcPeeringConnections"]["VpcPeeringConnections"] = []
    world.find("RouteTables", "rtb-w")["Routes"].pop()
    return world.ask("eni-w", "eni-c")


@row("an interface endpoint opens no connections", Code.NO_PATH, "eni-e")
def _() -> Answer:
    world = two_subnets()
    world.eni("eni-e", "subnet-w", "10.0.1.44", groups=("sg-w",), kind="vpc_endpoint")
    return world.ask("eni-e", "10.0.2.7")


@row("routes that send packets in a circle are no path", Code.NO_PATH, "rtb-c")
def _() -> Answer:
    world = with_transit()
    world.table(
        "rtb-tc", "vpc-c", [route("10.9.0.0/16", "local"), route("10.99.0.0/16", "tgw-1")], "subnet-tc"
    )
    world.find("RouteTables", "rtb-w")["Routes"].append(route("10.99.0.0/16", "tgw-1"))
    world.find("RouteTables", "rtb-tc")["RouteTableId"] = "rtb-c2"
    world.find("RouteTables", "rtb-c2")["RouteTableId"] = "rtb-tc"
    world.find("RouteTables", "rtb-c")["RouteTableId"] = "rtb-main-c"
    world.find("RouteTables", "rtb-tc")["RouteTableId"] = "rtb-c"
    world.find("TransitGatewayStaticRoutes", "tgw-rtb-1")["Routes"] = [
        {
            "DestinationCidrBlock": "10.99.0.0/16",
            "Type": "static",
            "State": "active",
            "TransitGatewayAttachments": [{"TransitGatewayAttachmentId": "tgw-attach-c"}],
        }
    ]
    return world.ask("eni-w", "10.99.0.1")


@row("the source is not there", Code.NO_SOURCE_OR_DESTINATION, "eni-x", refused)
def _() -> Answer:
    return two_subnets().ask("eni-x", "10.0.2.7")


@row("the destination is not there", Code.NO_SOURCE_OR_DESTINATION, "eni-x", refused)
def _() -> Answer:
    return two_subnets().ask("eni-w", "eni-x")


@row("an internet gateway that is attached to nothing", Code.UNASSOCIATED_COMPONENT, "igw-a")
def _() -> Answer:
    world = with_nat()
    world.find("InternetGateways", "igw-a")["Attachments"] = []
    return world.ask("eni-w", OUTSIDE, 443)


@row("a host without an IPv6 address sends nothing over IPv6", Code.UNASSOCIATED_COMPONENT, "eni-w")
def _() -> Answer:
    return two_subnets().ask("eni-w", "2001:db8::7")


@row("a network firewall's endpoint is not modelled", Code.UNSUPPORTED_COMPONENT, "vpce-fw", unknown)
def _() -> Answer:
    world = two_subnets()
    world.endpoint("vpce-fw", "vpc-a", "GatewayLoadBalancer")
    world.table("rtb-w", "vpc-a", [route("10.0.0.0/16", "local"), route("0.0.0.0/0", "vpce-fw")], "subnet-w")
    return world.ask("eni-w", OUTSIDE, 443)


@row("a local gateway is not modelled", Code.UNSUPPORTED_COMPONENT, "lgw-1", unknown)
def _() -> Answer:
    world = two_subnets()
    world.table("rtb-w", "vpc-a", [route("10.0.0.0/16", "local"), route("0.0.0.0/0", "lgw-1")], "subnet-w")
    return world.ask("eni-w", OUTSIDE, 443)


@row(
    "Cloud WAN is not modelled",
    Code.UNSUPPORTED_COMPONENT,
    "arn:aws:networkmanager::1:core-network/c",
    unknown,
)
def _() -> Answer:
    world = two_subnets()
    core = route("0.0.0.0/0", "arn:aws:networkmanager::1:core-network/c")
    world.table("rtb-w", "vpc-a", [route("10.0.0.0/16", "local"), core], "subnet-w")
    return world.ask("eni-w", OUTSIDE, 443)


@row("a carrier gateway is not modelled", Code.UNSUPPORTED_COMPONENT, "cagw-1", unknown)
def _() -> Answer:
    world = two_subnets()
    world.table("rtb-w", "vpc-a", [route("10.0.0.0/16", "local"), route("0.0.0.0/0", "cagw-1")], "subnet-w")
    return world.ask("eni-w", OUTSIDE, 443)


@pytest.mark.parametrize(("sentence", "code", "component", "ask", "how"), ROWS, ids=[r[0] for r in ROWS])
def test_a_code_is_produced_by(
    sentence: str, code: Code, component: str, ask: Callable[[], Answer], how: Callable[..., None]
) -> None:
    del sentence
    how(ask(), code.value, component)


FIT = [
    "BAD_STATE",
    "BAD_STATE_ATTACHMENT",
    "BAD_STATE_ROUTE",
    "CANNOT_ROUTE",
    "ENI_ADDRESS_RESTRICTION",
    "ENI_SG_RULES_MISMATCH",
    "ENI_SOURCE_DEST_CHECK_RESTRICTION",
    "HIGHER_PRIORITY_ROUTE",
    "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS",
    "IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS",
    "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS",
    "MORE_SPECIFIC_ROUTE",
    "NGW_REQUIRES_SOURCE_IN_VPC",
    "NO_POSSIBLE_DESTINATION",
    "NO_ROUTE_TO_DESTINATION",
    "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR",
    "REGIONAL_NGW_ROUTE_AZ_RESTRICTION",
    "REMAP_EPHEMERAL_PORT",
    "SG_HAS_NO_RULES",
    "SG_REFERENCES_NOT_PRESERVED",
    "SG_REFERENCING_SUPPORT",
    "SUBNET_ACL_RESTRICTION",
    "TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION",
    "TGW_ROUTE_AZ_RESTRICTION",
    "TGW_RTB_BAD_STATE_ROUTE",
    "TGW_RTB_CANNOT_ROUTE",
    "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT",
    "TGW_RTB_ROUTES_ARE_UNKNOWN",
    "UNKNOWN_DESTINATION",
    "UNKNOWN_PEERED_SGS",
    "UNKNOWN_RESOURCE",
    "VPC_BLOCK_PUBLIC_ACCESS_ENABLED",
    "VPC_LOCAL_ROUTE_CIDR_RESTRICTION",
    "VPCE_SERVICE_NOT_INSTALLED_IN_AZ",
    "DISCONNECTED_VPCS",
    "NO_PATH",
    "NO_SOURCE_OR_DESTINATION",
    "UNASSOCIATED_COMPONENT",
]
"""The analyzer's codes that can befall a worker on its way to a broker, an endpoint or the internet."""


def test_every_code_that_fits_has_a_row() -> None:
    assert set(FIT) <= {row[1].value for row in ROWS}


def test_allow_all_is_open_in_both_versions() -> None:
    assert {"0.0.0.0/0", "::/0"} == {line.get("CidrBlock", line.get("Ipv6CidrBlock")) for line in ALLOW_ALL}

"""Changes as commands and as Terraform: what is printed is what AWS's API and HCL's grammar accept."""

from __future__ import annotations

import shlex
from typing import Any

import hcl2
import pytest

from netcheck.aws.ec2.addresses import parse_prefix
from netcheck.aws.ec2.entities import ICMP, TCP, GroupReference
from netcheck.repair.awscli import command, undo
from netcheck.repair.change import (
    AclRule,
    Change,
    DnsHostNames,
    DnsSupport,
    EndpointRoute,
    EndpointSubnet,
    GroupRule,
    PeeringAcceptance,
    PrivateDns,
    TableRoute,
    TransitAssociation,
    TransitRoute,
    TransitSubnet,
    sentence,
)
from netcheck.repair.terraform import in_existing, resource
from tests.repair.awscommand import CommandError, call_of

FOUR, SIX = parse_prefix("10.0.1.0/24"), parse_prefix("2001:db8::/64")
PING = 8 << 8
THEIRS = GroupReference("sg-2", "222222222222", "vpc-2")
PORT: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": 9094, "ToPort": 9094}
BLACKHOLE = ("NatGatewayId", "nat-0")

CALLS: list[tuple[Change, str, dict[str, Any]]] = [
    (
        GroupRule("sg-1", True, TCP, 9094, 9094, FOUR),
        "AuthorizeSecurityGroupEgress",
        {"GroupId": "sg-1", "IpPermissions": [PORT | {"IpRanges": [{"CidrIp": "10.0.1.0/24"}]}]},
    ),
    (
        GroupRule("sg-1", False, TCP, 9094, 9094, SIX),
        "AuthorizeSecurityGroupIngress",
        {"GroupId": "sg-1", "IpPermissions": [PORT | {"Ipv6Ranges": [{"CidrIpv6": "2001:db8::/64"}]}]},
    ),
    (
        GroupRule("sg-1", False, TCP, 9094, 9094, THEIRS),
        "AuthorizeSecurityGroupIngress",
        {
            "GroupId": "sg-1",
            "IpPermissions": [
                PORT | {"UserIdGroupPairs": [{"GroupId": "sg-2", "UserId": "222222222222", "VpcId": "vpc-2"}]}
            ],
        },
    ),
    (
        GroupRule("sg-1", False, ICMP, PING, PING, FOUR),
        "AuthorizeSecurityGroupIngress",
        {
            "GroupId": "sg-1",
            "IpPermissions": [
                {
                    "IpProtocol": "icmp",
                    "FromPort": 8,
                    "ToPort": 0,
                    "IpRanges": [{"CidrIp": "10.0.1.0/24"}],
                }
            ],
        },
    ),
    (
        AclRule("acl-1", False, 90, TCP, 1024, 65535, FOUR),
        "CreateNetworkAclEntry",
        {
            "NetworkAclId": "acl-1",
            "Egress": False,
            "RuleNumber": 90,
            "Protocol": "6",
            "RuleAction": "allow",
            "CidrBlock": "10.0.1.0/24",
            "PortRange": {"From": 1024, "To": 65535},
        },
    ),
    (
        AclRule("acl-1", True, 90, ICMP, PING, PING, SIX),
        "CreateNetworkAclEntry",
        {
            "NetworkAclId": "acl-1",
            "Egress": True,
            "RuleNumber": 90,
            "Protocol": "1",
            "RuleAction": "allow",
            "Ipv6CidrBlock": "2001:db8::/64",
            "IcmpTypeCode": {"Type": 8, "Code": 0},
        },
    ),
    (
        TableRoute("rtb-1", FOUR, "NatGatewayId", "nat-1"),
        "CreateRoute",
        {"RouteTableId": "rtb-1", "DestinationCidrBlock": "10.0.1.0/24", "NatGatewayId": "nat-1"},
    ),
    (
        TableRoute("rtb-1", SIX, "EgressOnlyInternetGatewayId", "eigw-1"),
        "CreateRoute",
        {
            "RouteTableId": "rtb-1",
            "DestinationIpv6CidrBlock": "2001:db8::/64",
            "EgressOnlyInternetGatewayId": "eigw-1",
        },
    ),
    (
        TableRoute("rtb-1", FOUR, "VpcPeeringConnectionId", "pcx-1", BLACKHOLE),
        "ReplaceRoute",
        {
            "RouteTableId": "rtb-1",
            "DestinationCidrBlock": "10.0.1.0/24",
            "VpcPeeringConnectionId": "pcx-1",
        },
    ),
    (
        TableRoute("rtb-1", FOUR, "TransitGatewayId", "tgw-1"),
        "CreateRoute",
        {"RouteTableId": "rtb-1", "DestinationCidrBlock": "10.0.1.0/24", "TransitGatewayId": "tgw-1"},
    ),
    (
        TableRoute("rtb-1", FOUR, "GatewayId", "igw-1"),
        "CreateRoute",
        {"RouteTableId": "rtb-1", "DestinationCidrBlock": "10.0.1.0/24", "GatewayId": "igw-1"},
    ),
    (
        EndpointRoute("vpce-1", "rtb-1", "pl-1"),
        "ModifyVpcEndpoint",
        {"VpcEndpointId": "vpce-1", "AddRouteTableIds": ["rtb-1"]},
    ),
    (
        EndpointSubnet("vpce-1", "subnet-1"),
        "ModifyVpcEndpoint",
        {"VpcEndpointId": "vpce-1", "AddSubnetIds": ["subnet-1"]},
    ),
    (
        TransitRoute("tgw-rtb-1", FOUR, "tgw-attach-1"),
        "CreateTransitGatewayRoute",
        {
            "TransitGatewayRouteTableId": "tgw-rtb-1",
            "DestinationCidrBlock": "10.0.1.0/24",
            "TransitGatewayAttachmentId": "tgw-attach-1",
        },
    ),
    (
        TransitRoute("tgw-rtb-1", FOUR, "tgw-attach-1", ""),
        "ReplaceTransitGatewayRoute",
        {
            "TransitGatewayRouteTableId": "tgw-rtb-1",
            "DestinationCidrBlock": "10.0.1.0/24",
            "TransitGatewayAttachmentId": "tgw-attach-1",
        },
    ),
    (
        TransitAssociation("tgw-attach-1", "tgw-rtb-1"),
        "AssociateTransitGatewayRouteTable",
        {"TransitGatewayRouteTableId": "tgw-rtb-1", "TransitGatewayAttachmentId": "tgw-attach-1"},
    ),
    (
        TransitSubnet("tgw-attach-1", "subnet-1"),
        "ModifyTransitGatewayVpcAttachment",
        {"TransitGatewayAttachmentId": "tgw-attach-1", "AddSubnetIds": ["subnet-1"]},
    ),
    (
        PeeringAcceptance("pcx-1"),
        "AcceptVpcPeeringConnection",
        {"VpcPeeringConnectionId": "pcx-1"},
    ),
    (
        DnsSupport("vpc-1"),
        "ModifyVpcAttribute",
        {"VpcId": "vpc-1", "EnableDnsSupport": {"Value": True}},
    ),
    (
        DnsHostNames("vpc-1"),
        "ModifyVpcAttribute",
        {"VpcId": "vpc-1", "EnableDnsHostnames": {"Value": True}},
    ),
    (
        PrivateDns("vpce-1"),
        "ModifyVpcEndpoint",
        {"VpcEndpointId": "vpce-1", "PrivateDnsEnabled": True},
    ),
]
CHANGES = [row[0] for row in CALLS]


@pytest.mark.parametrize(("change", "operation", "params"), CALLS, ids=[sentence(c) for c in CHANGES])
def test_a_command_makes_the_call_that_was_meant(
    change: Change, operation: str, params: dict[str, Any]
) -> None:
    text = command(change, "eu-west-1")
    assert call_of(text) == (operation, params)
    assert text.endswith(" --region eu-west-1")
    assert command(change) + " --region eu-west-1" == text


UNDONE: dict[type, tuple[str, ...]] = {
    GroupRule: ("RevokeSecurityGroupEgress", "RevokeSecurityGroupIngress"),
    AclRule: ("DeleteNetworkAclEntry",),
    TableRoute: ("DeleteRoute", "ReplaceRoute"),
    EndpointRoute: ("ModifyVpcEndpoint",),
    EndpointSubnet: ("ModifyVpcEndpoint",),
    TransitRoute: ("DeleteTransitGatewayRoute", "ReplaceTransitGatewayRoute"),
    TransitAssociation: ("DisassociateTransitGatewayRouteTable",),
    TransitSubnet: ("ModifyTransitGatewayVpcAttachment",),
    DnsSupport: ("ModifyVpcAttribute",),
    DnsHostNames: ("ModifyVpcAttribute",),
    PrivateDns: ("ModifyVpcEndpoint",),
}


@pytest.mark.parametrize("change", CHANGES, ids=sentence)
def test_what_takes_it_back_is_a_call_too(change: Change) -> None:
    text = undo(change, "eu-west-1")
    if isinstance(change, PeeringAcceptance):
        assert text == ""  # deleting the connection would undo more than was done
        return
    operation, _ = call_of(text)
    assert operation in UNDONE[type(change)]


def test_a_replaced_route_is_put_back() -> None:
    change = TableRoute("rtb-1", FOUR, "VpcPeeringConnectionId", "pcx-1", BLACKHOLE)
    assert call_of(undo(change))[1]["NatGatewayId"] == "nat-0"
    back = undo(TransitRoute("tgw-rtb-1", FOUR, "tgw-attach-1", ""))
    assert call_of(back)[1]["Blackhole"] is True


@pytest.mark.parametrize(
    "text",
    [
        "aws ec2 create-route --route-table-id rtb-1 --destination-cidr 10.0.0.0/8",
        "aws ec2 authorize-security-group-ingress --group-id sg-1 --ip-permissions 'Protocol=tcp'",
        "aws ec2 create-network-acl-entry --network-acl-id acl-1 --rule-number 90",
        "aws ec2 authorize-security-group-ingress --group-id sg-1 --ip-permissions 'IpRanges=[{CidrIp=1}'",
    ],
)
def test_the_reader_of_commands_refuses_what_aws_would(text: str) -> None:
    with pytest.raises(CommandError):
        call_of(text)


@pytest.mark.parametrize("change", CHANGES, ids=sentence)
def test_terraform_is_a_resource_or_a_line_in_an_existing_one(change: Change) -> None:
    text, instead = resource(change, "netcheck_1"), in_existing(change)
    assert bool(text) != bool(instead)
    if text:
        parsed = hcl2.loads(text + "\n")
        (block,) = parsed["resource"]
        ((kind, named),) = ((k.strip('"'), v) for k, v in block.items())
        ((name, values),) = ((k.strip('"'), v) for k, v in named.items())
        assert name == "netcheck_1"
        assert REQUIRED[kind] <= values.keys()
        assert values.keys() - {"__is_block__"} <= REQUIRED[kind] | OPTIONAL.get(kind, set())


REQUIRED = {
    "aws_vpc_security_group_egress_rule": {"security_group_id", "ip_protocol"},
    "aws_vpc_security_group_ingress_rule": {"security_group_id", "ip_protocol"},
    "aws_network_acl_rule": {"network_acl_id", "rule_number", "egress", "protocol", "rule_action"},
    "aws_route": {"route_table_id"},
    "aws_vpc_endpoint_route_table_association": {"route_table_id", "vpc_endpoint_id"},
    "aws_vpc_endpoint_subnet_association": {"vpc_endpoint_id", "subnet_id"},
    "aws_ec2_transit_gateway_route": {
        "destination_cidr_block",
        "transit_gateway_attachment_id",
        "transit_gateway_route_table_id",
    },
    "aws_ec2_transit_gateway_route_table_association": {
        "transit_gateway_attachment_id",
        "transit_gateway_route_table_id",
    },
    "aws_vpc_peering_connection_accepter": {"vpc_peering_connection_id", "auto_accept"},
}
_RULE = {"from_port", "to_port", "cidr_ipv4", "cidr_ipv6", "referenced_security_group_id"}
OPTIONAL = {
    "aws_vpc_security_group_egress_rule": _RULE,
    "aws_vpc_security_group_ingress_rule": _RULE,
    "aws_network_acl_rule": {
        "cidr_block",
        "ipv6_cidr_block",
        "from_port",
        "to_port",
        "icmp_type",
        "icmp_code",
    },
    "aws_route": {
        "destination_cidr_block",
        "destination_ipv6_cidr_block",
        "nat_gateway_id",
        "gateway_id",
        "egress_only_gateway_id",
        "vpc_peering_connection_id",
        "transit_gateway_id",
    },
}
"""Arguments as the provider's documentation names them."""


def test_a_route_to_a_load_balancers_endpoint_is_put_back_as_such() -> None:
    """DescribeRouteTables prints it as a gateway; ReplaceRoute takes no endpoint there."""
    change = TableRoute("rtb-1", FOUR, "NatGatewayId", "nat-1", ("GatewayId", "vpce-1"))
    _, params = call_of(undo(change))
    assert params["VpcEndpointId"] == "vpce-1" and "GatewayId" not in params


HOSTILE = 'x"; $(reboot) ${file("k")} \'`id`\n'


@pytest.mark.parametrize(
    "change",
    [
        GroupRule(HOSTILE, False, TCP, 1, 1, FOUR),
        AclRule(HOSTILE, True, 1, TCP, 1, 1, FOUR),
        TableRoute(HOSTILE, FOUR, "GatewayId", HOSTILE),
        TransitSubnet(HOSTILE, HOSTILE),
    ],
    ids=lambda change: type(change).__name__,
)
def test_an_id_is_one_word_for_a_shell_and_plain_text_for_terraform(change: Change) -> None:
    for text in (command(change, HOSTILE), undo(change, HOSTILE)):
        assert {word for word in shlex.split(text) if "reboot" in word} >= {HOSTILE}
        assert all(word == HOSTILE or "reboot" not in word for word in shlex.split(text))
    made = resource(change, "n") or in_existing(change)
    assert r'"x\"; $(reboot) $${file(\"k\")}' in made

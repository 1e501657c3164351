"""An AWS account for the collector to read: a pipeline's VPC, what it is joined to, and what it is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

OWNER = "111122223333"
MSK, PEER, HUB, SPOKE, FAR, ALONE = "vpc-msk", "vpc-peer", "vpc-hub", "vpc-spoke", "vpc-far", "vpc-alone"
VPCS = (MSK, PEER, HUB, SPOKE, FAR, ALONE)
CANARY = "canary-pre-shared-key"


def account(brokers: int = 3) -> dict[str, Any]:
    """MSK and PEER are peered, so are FAR and PEER, FAR and HUB; MSK, HUB, SPOKE share a gateway."""
    blocks = {vpc: f"10.{number}" for number, vpc in enumerate(VPCS)}
    return {
        "Vpcs": [
            {"VpcId": vpc, "CidrBlock": f"{blocks[vpc]}.0.0/16", "OwnerId": OWNER, "DhcpOptionsId": "dopt-1"}
            for vpc in VPCS
        ],
        "VpcAttributes": [
            {"VpcId": vpc, "EnableDnsSupport": {"Value": True}, "EnableDnsHostnames": {"Value": vpc == MSK}}
            for vpc in VPCS
        ],
        "Subnets": [
            {
                "SubnetId": f"subnet-{vpc[4:]}-{zone}",
                "VpcId": vpc,
                "CidrBlock": f"{blocks[vpc]}.{n}.0/24",
                "AvailabilityZone": f"eu-west-1{zone}",
            }
            for vpc in VPCS
            for n, zone in enumerate("abc")
        ],
        "RouteTables": [_route_table(vpc, blocks[vpc]) for vpc in VPCS],
        "NetworkAcls": [_acl(vpc) for vpc in VPCS],
        "SecurityGroups": [_security_group(vpc) for vpc in VPCS],
        "NetworkInterfaces": [*_interfaces(brokers)],
        "Reservations": [
            {
                "ReservationId": "r-1",
                "Instances": [
                    {"InstanceId": "i-1", "VpcId": MSK, "LaunchTime": "2026-01-02T03:04:05+00:00"},
                    {"InstanceId": "i-2", "VpcId": ALONE},
                ],
            }
        ],
        "NatGateways": [
            {"NatGatewayId": "nat-1", "VpcId": MSK, "SubnetId": "subnet-msk-a", "State": "available"}
        ],
        "InternetGateways": [
            {"InternetGatewayId": "igw-1", "Attachments": [{"VpcId": MSK, "State": "available"}]}
        ],
        "EgressOnlyInternetGateways": [
            {
                "EgressOnlyInternetGatewayId": "eigw-1",
                "Attachments": [{"VpcId": MSK, "State": "attached"}],
            }
        ],
        "Addresses": [{"AllocationId": "eipalloc-1", "PublicIp": "198.51.100.7"}],
        "VpcEndpoints": [{"VpcEndpointId": "vpce-1", "VpcId": MSK, "VpcEndpointType": "Gateway"}],
        "ManagedPrefixLists": [
            {"PrefixListId": "pl-s3", "PrefixListName": "com.amazonaws.eu-west-1.s3", "OwnerId": "AWS"},
            {"PrefixListId": "pl-office", "PrefixListName": "office", "OwnerId": OWNER},
            {"PrefixListId": "pl-unused", "PrefixListName": "unused", "OwnerId": OWNER},
        ],
        "PrefixLists": [
            {
                "PrefixListId": "pl-s3",
                "PrefixListName": "com.amazonaws.eu-west-1.s3",
                "Cidrs": ["52.218.0.0/17"],
            }
        ],
        "PrefixListEntries": [
            {"PrefixListId": "pl-s3", "Entries": [{"Cidr": "52.218.0.0/17"}]},
            {"PrefixListId": "pl-office", "Entries": [{"Cidr": f"192.0.2.{n}/32"} for n in range(5)]},
        ],
        "VpcPeeringConnections": [
            _peering("pcx-1", MSK, PEER),
            _peering("pcx-2", PEER, FAR),
            _peering("pcx-3", HUB, FAR),
        ],
        "TransitGateways": [{"TransitGatewayId": "tgw-1", "State": "available", "OwnerId": OWNER}],
        **_transit(),
        "VpnGateways": [{"VpnGatewayId": "vgw-1", "VpcAttachments": [{"VpcId": MSK, "State": "attached"}]}],
        "VpnConnections": [
            {
                "VpnConnectionId": "vpn-1",
                "CustomerGatewayConfiguration": f"<pre_shared_key>{CANARY}</pre_shared_key>",
                "Options": {"TunnelOptions": [{"PreSharedKey": CANARY}]},
            }
        ],
        "DhcpOptions": [{"DhcpOptionsId": "dopt-1"}],
        "VpcBlockPublicAccessOptions": {"InternetGatewayBlockMode": "off"},
        "VpcBlockPublicAccessExclusions": [
            {
                "ExclusionId": "vpcbpa-exclude-1",
                "ResourceArn": f"arn:aws:ec2:eu-west-1:{OWNER}:vpc/{MSK}",
                "InternetGatewayExclusionMode": "allow-egress",
                "State": "create-complete",
            }
        ],
    }


def _route_table(vpc: str, block: str) -> dict[str, Any]:
    routes = [{"DestinationCidrBlock": f"{block}.0.0/16", "GatewayId": "local", "State": "active"}]
    if vpc == MSK:
        routes += [
            {"DestinationPrefixListId": "pl-s3", "GatewayId": "vpce-1", "State": "active"},
            {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"},
        ]
    return {"RouteTableId": f"rtb-{vpc[4:]}", "VpcId": vpc, "Routes": routes}


def _acl(vpc: str) -> dict[str, Any]:
    everything = {"CidrBlock": "0.0.0.0/0", "Protocol": "-1"}
    entries = [
        {"RuleNumber": number, "RuleAction": action, "Egress": egress, **everything}
        for egress in (True, False)
        for number, action in ((100, "allow"), (32767, "deny"))
    ]
    return {"NetworkAclId": f"acl-{vpc[4:]}", "VpcId": vpc, "IsDefault": True, "Entries": entries}


def _security_group(vpc: str) -> dict[str, Any]:
    lists = [{"PrefixListId": "pl-office"}] if vpc == MSK else []
    rule = {"IpProtocol": "tcp", "FromPort": 9094, "ToPort": 9094, "PrefixListIds": lists}
    return {
        "GroupId": f"sg-{vpc[4:]}",
        "GroupName": vpc,
        "VpcId": vpc,
        "IpPermissions": [rule],
        "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
    }


def _interfaces(brokers: int) -> Iterator[dict[str, Any]]:
    for n in range(brokers):
        address = f"10.0.{n % 3}.{10 + n // 3}"
        yield {
            "NetworkInterfaceId": f"eni-broker-{n}",
            "VpcId": MSK,
            "SubnetId": f"subnet-msk-{'abc'[n % 3]}",
            "PrivateIpAddress": address,
            "PrivateIpAddresses": [{"PrivateIpAddress": address, "Primary": True}],
            "Groups": [{"GroupId": "sg-msk"}],
        }
    yield {
        "NetworkInterfaceId": "eni-clickhouse",
        "VpcId": PEER,
        "SubnetId": "subnet-peer-a",
        "PrivateIpAddress": "10.1.0.10",
        "PrivateIpAddresses": [
            {"PrivateIpAddress": "10.1.0.10", "Association": {"PublicIp": "198.51.100.7"}},
        ],
        "Ipv6Addresses": [{"Ipv6Address": "2001:db8::10"}],
        "Groups": [{"GroupId": "sg-peer"}],
    }


def _peering(name: str, requester: str, accepter: str) -> dict[str, Any]:
    return {
        "VpcPeeringConnectionId": name,
        "RequesterVpcInfo": {"VpcId": requester, "OwnerId": OWNER, "Region": "eu-west-1"},
        "AccepterVpcInfo": {"VpcId": accepter, "OwnerId": OWNER, "Region": "eu-west-1"},
        "Status": {"Code": "active"},
    }


def _transit() -> dict[str, Any]:
    joined = (MSK, HUB, SPOKE)
    attachments = [
        {
            "TransitGatewayAttachmentId": f"tgw-attach-{vpc[4:]}",
            "TransitGatewayId": "tgw-1",
            "TransitGatewayOwnerId": OWNER,
            "ResourceOwnerId": OWNER,
            "ResourceType": "vpc",
            "ResourceId": vpc,
            "State": "available",
        }
        for vpc in joined
    ]
    return {
        "TransitGatewayAttachments": attachments,
        "TransitGatewayVpcAttachments": [
            {
                "TransitGatewayAttachmentId": f"tgw-attach-{vpc[4:]}",
                "TransitGatewayId": "tgw-1",
                "VpcId": vpc,
                "SubnetIds": [f"subnet-{vpc[4:]}-a"],
                "State": "available",
            }
            for vpc in joined
        ],
        "TransitGatewayRouteTables": [
            {"TransitGatewayRouteTableId": "tgw-rtb-1", "TransitGatewayId": "tgw-1", "State": "available"}
        ],
        "TransitGatewayRouteTableAssociations": [
            {
                "TransitGatewayRouteTableId": "tgw-rtb-1",
                "Associations": [{"TransitGatewayAttachmentId": "tgw-attach-msk", "State": "associated"}],
            }
        ],
        "TransitGatewayPropagations": [
            {
                "TransitGatewayRouteTableId": "tgw-rtb-1",
                "TransitGatewayRouteTablePropagations": [
                    {"TransitGatewayAttachmentId": "tgw-attach-hub", "State": "enabled"}
                ],
            }
        ],
        "TransitGatewayStaticRoutes": [
            {
                "TransitGatewayRouteTableId": "tgw-rtb-1",
                "Routes": [
                    {"DestinationCidrBlock": "10.2.0.0/16", "Type": "propagated", "State": "active"},
                    {"DestinationCidrBlock": "0.0.0.0/0", "Type": "static", "State": "active"},
                ],
                "AdditionalRoutesAvailable": False,
            }
        ],
    }

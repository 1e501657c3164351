"""Changes as commands of the AWS CLI, version 2, and the commands that take them back.

Operations and parameters: EC2 API reference; shorthand syntax: AWS CLI user guide.
"""

from __future__ import annotations

from shlex import quote

from netcheck.aws.ec2.entities import ICMP, ICMPV6, TCP, UDP
from netcheck.core.components import ComponentType, component_type
from netcheck.repair.apply import acl_entry, permission
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
)

_TARGET_OPTIONS = {
    "NatGatewayId": "--nat-gateway-id",
    "GatewayId": "--gateway-id",
    "EgressOnlyInternetGatewayId": "--egress-only-internet-gateway-id",
    "VpcPeeringConnectionId": "--vpc-peering-connection-id",
    "TransitGatewayId": "--transit-gateway-id",
    "NetworkInterfaceId": "--network-interface-id",
    "InstanceId": "--instance-id",
    "LocalGatewayId": "--local-gateway-id",
    "CarrierGatewayId": "--carrier-gateway-id",
    "CoreNetworkArn": "--core-network-arn",
}


def command(change: Change, region: str = "") -> str:
    """The command that makes the change. Without a Region the CLI uses the configured one."""
    return _line(_words(change), region)


def undo(change: Change, region: str = "") -> str:
    """The command that undoes the change; empty where there is none."""
    words = _undo_words(change)
    return _line(words, region) if words else ""


def _line(words: str, region: str) -> str:
    return f"aws ec2 {words}" + (f" --region {quote(region)}" if region else "")


def _words(change: Change) -> str:
    match change:
        case GroupRule():
            direction = "egress" if change.egress else "ingress"
            return f"authorize-security-group-{direction} {_group(change)}"
        case AclRule():
            return f"create-network-acl-entry {_entry(change)}"
        case TableRoute():
            verb = "replace" if change.replaces else "create"
            return f"{verb}-route {_place(change)} {_target(change.key, change.target)}"
        case EndpointRoute():
            return f"modify-vpc-endpoint {_endpoint(change)} --add-route-table-ids {quote(change.table)}"
        case EndpointSubnet():
            return f"modify-vpc-endpoint {_endpoint(change)} --add-subnet-ids {quote(change.subnet)}"
        case TransitRoute():
            verb = "create" if change.replaces is None else "replace"
            to = f"--transit-gateway-attachment-id {quote(change.attachment)}"
            return f"{verb}-transit-gateway-route {_transit_place(change)} {to}"
        case TransitAssociation():
            return f"associate-transit-gateway-route-table {_association(change)}"
        case TransitSubnet():
            what = f"--add-subnet-ids {quote(change.subnet)}"
            return f"modify-transit-gateway-vpc-attachment {_attachment(change)} {what}"
        case PeeringAcceptance():
            return f"accept-vpc-peering-connection --vpc-peering-connection-id {quote(change.peering)}"
        case DnsSupport():
            return f"modify-vpc-attribute --vpc-id {quote(change.vpc)} --enable-dns-support Value=true"
        case DnsHostNames():
            return f"modify-vpc-attribute --vpc-id {quote(change.vpc)} --enable-dns-hostnames Value=true"
        case PrivateDns():
            return f"modify-vpc-endpoint {_endpoint(change)} --private-dns-enabled"


def _undo_words(change: Change) -> str:
    match change:
        case GroupRule():
            return f"revoke-security-group-{'egress' if change.egress else 'ingress'} {_group(change)}"
        case AclRule():
            direction = "egress" if change.egress else "ingress"
            number = f"--{direction} --rule-number {change.number}"
            return f"delete-network-acl-entry --network-acl-id {quote(change.acl)} {number}"
        case TableRoute(replaces=None):
            return f"delete-route {_place(change)}"
        case TableRoute(replaces=(key, target)) if to := _target(key, target):
            return f"replace-route {_place(change)} {to}"
        case EndpointRoute():
            return f"modify-vpc-endpoint {_endpoint(change)} --remove-route-table-ids {quote(change.table)}"
        case EndpointSubnet():
            return f"modify-vpc-endpoint {_endpoint(change)} --remove-subnet-ids {quote(change.subnet)}"
        case TransitRoute(replaces=None):
            return f"delete-transit-gateway-route {_transit_place(change)}"
        case TransitRoute(replaces=""):
            return f"replace-transit-gateway-route {_transit_place(change)} --blackhole"
        case TransitRoute(replaces=str(before)):
            to = f"--transit-gateway-attachment-id {quote(before)}"
            return f"replace-transit-gateway-route {_transit_place(change)} {to}"
        case TransitAssociation():
            return f"disassociate-transit-gateway-route-table {_association(change)}"
        case TransitSubnet():
            what = f"--remove-subnet-ids {quote(change.subnet)}"
            return f"modify-transit-gateway-vpc-attachment {_attachment(change)} {what}"
        case DnsSupport():
            return f"modify-vpc-attribute --vpc-id {quote(change.vpc)} --enable-dns-support Value=false"
        case DnsHostNames():
            return f"modify-vpc-attribute --vpc-id {quote(change.vpc)} --enable-dns-hostnames Value=false"
        case PrivateDns():
            return f"modify-vpc-endpoint {_endpoint(change)} --no-private-dns-enabled"
        case _:
            return ""


def _group(rule: GroupRule) -> str:
    made = permission(rule)
    words = [f"{key}={made[key]}" for key in ("IpProtocol", "FromPort", "ToPort") if key in made]
    for key in ("IpRanges", "Ipv6Ranges", "UserIdGroupPairs"):
        for peer in made[key]:
            words.append(f"{key}=[{{{','.join(f'{name}={value}' for name, value in peer.items())}}}]")
    return f"--group-id {quote(rule.group)} --ip-permissions {quote(','.join(words))}"


def _entry(rule: AclRule) -> str:
    made = acl_entry(rule)
    block = f"--cidr-block {rule.block}" if rule.block.version == 4 else f"--ipv6-cidr-block {rule.block}"
    words = [
        f"--network-acl-id {quote(rule.acl)} {'--egress' if rule.egress else '--ingress'}",
        f"--rule-number {rule.number} --protocol {made['Protocol']} --rule-action allow {block}",
    ]
    if rule.protocol in (TCP, UDP):
        words.append(f"--port-range From={rule.first},To={rule.last}")
    elif rule.protocol in (ICMP, ICMPV6):
        words.append(f"--icmp-type-code Type={rule.first >> 8},Code={rule.first & 255}")
    return " ".join(words)


def _target(key: str, target: str) -> str:
    """The option for a route's target; empty where no command creates such a route.

    DescribeRouteTables also prints a Gateway Load Balancer endpoint as GatewayId, and "local".
    """
    option = _TARGET_OPTIONS.get(key)
    if key == "GatewayId" and target == "local":
        return ""
    if key == "GatewayId" and component_type(target) is ComponentType.VPC_ENDPOINT:
        option = "--vpc-endpoint-id"
    return f"{option} {quote(target)}" if option else ""


def _place(route: TableRoute) -> str:
    option = "--destination-cidr-block" if route.destination.version == 4 else "--destination-ipv6-cidr-block"
    return f"--route-table-id {quote(route.table)} {option} {route.destination}"


def _endpoint(change: EndpointRoute | EndpointSubnet | PrivateDns) -> str:
    return f"--vpc-endpoint-id {quote(change.endpoint)}"


def _transit_place(route: TransitRoute) -> str:
    table = quote(route.table)
    return f"--transit-gateway-route-table-id {table} --destination-cidr-block {route.destination}"


def _association(change: TransitAssociation) -> str:
    table, attachment = quote(change.table), quote(change.attachment)
    return f"--transit-gateway-route-table-id {table} --transit-gateway-attachment-id {attachment}"


def _attachment(change: TransitSubnet) -> str:
    return f"--transit-gateway-attachment-id {quote(change.attachment)}"

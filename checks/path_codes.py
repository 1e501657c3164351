"""The codes of the path engine, as the AWS VPC Reachability Analyzer names them, in a few words each.

NGW_ROUTES_TO_ITSELF is netcheck's own.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.core.problem import Problem

SOURCE = (
    "A code of the AWS VPC Reachability Analyzer. The finding says which resource it is and what to change "
    "there. AWS's list: https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html"
)


def _codes(*rows: tuple[str, str]) -> Iterator[Problem]:
    for name, title in rows:
        yield Problem(name, title, meaning=SOURCE)


ROUTE_CODES = tuple(
    _codes(
        ("BAD_STATE", "a resource on the path is not available"),
        ("BAD_STATE_ATTACHMENT", "a transit gateway attachment is not available"),
        ("BAD_STATE_ROUTE", "the most specific route is a blackhole"),
        ("CANNOT_ROUTE", "a resource cannot route this packet"),
        ("DISCONNECTED_VPCS", "the VPCs are not connected"),
        ("ENI_ADDRESS_RESTRICTION", "a network interface does not send from or accept this address"),
        ("ENI_SOURCE_DEST_CHECK_RESTRICTION", "the source/destination check drops the packet"),
        ("HIGHER_PRIORITY_ROUTE", "another route has a higher priority"),
        ("INGRESS_RTB_TRAFFIC_REDIRECTION", "a gateway route table redirects the traffic"),
        ("MORE_SPECIFIC_ROUTE", "a more specific route wins"),
        ("NO_PATH", "no path"),
        ("NO_POSSIBLE_DESTINATION", "nothing has this address"),
        ("NO_ROUTE_TO_DESTINATION", "no route to the destination"),
        ("NO_SOURCE_OR_DESTINATION", "no source or destination"),
        ("PCX_REQUIRES_ADDRESS_IN_VPC_CIDR", "the address is outside the peered VPC's CIDR"),
        ("PROTOCOL_RESTRICTION", "a resource does not carry this protocol"),
        ("REMAP_EPHEMERAL_PORT", "the reply's port is remapped"),
        ("TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION", "the attachment has no transit gateway route table"),
        ("TGW_ATTACH_VPC_AZ_RESTRICTION", "the attachment has no subnet in this Availability Zone"),
        ("TGW_ROUTE_AZ_RESTRICTION", "the attachment has no subnet in this Availability Zone"),
        ("TGW_RTB_BAD_STATE_ROUTE", "the transit gateway's route is a blackhole"),
        ("TGW_RTB_CANNOT_ROUTE", "the transit gateway cannot route this packet"),
        ("TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT", "the transit gateway has no route to the destination"),
        ("TGW_RTB_ROUTES_ARE_UNKNOWN", "the transit gateway's routes are unknown"),
        ("UNASSOCIATED_COMPONENT", "a resource is not attached"),
        ("UNKNOWN_DESTINATION", "the destination is unknown"),
        ("UNKNOWN_RESOURCE", "a resource on the path is unknown"),
        ("UNSUPPORTED_COMPONENT", "a resource that netcheck does not model is on the path"),
        ("VPCE_GATEWAY_PROTOCOL_RESTRICTION", "a gateway endpoint does not carry this protocol"),
        ("VPCE_SERVICE_NOT_INSTALLED_IN_AZ", "the endpoint's service is not in this Availability Zone"),
        ("VPC_LOCAL_ROUTE_CIDR_RESTRICTION", "the address is outside the VPC's local route"),
    )
)

GROUP_CODES = tuple(
    _codes(
        ("ENI_SG_RULES_MISMATCH", "no matching allow rule in the security groups"),
        ("SG_HAS_NO_RULES", "the security group has no rules"),
        ("SG_REFERENCES_NOT_PRESERVED", "a security group reference does not hold on this path"),
        ("SG_REFERENCING_SUPPORT", "the transit gateway does not carry security group references"),
        ("UNKNOWN_PEERED_SGS", "a security group of the peered VPC is unknown"),
    )
)

INTERNET_CODES = tuple(
    _codes(
        (
            "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS",
            "a private address is sent to the internet gateway",
        ),
        (
            "IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS",
            "a shared (RFC 6598) address is sent to the internet gateway",
        ),
        ("IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS", "no public address on the way to the internet gateway"),
        ("NGW_REQUIRES_SOURCE_IN_VPC", "a NAT gateway takes packets from its own VPC only"),
        ("NGW_ROUTES_TO_ITSELF", "the subnet of the NAT gateway routes back to it"),
        ("NGW_SOURCE_ADDRESS_REASSIGN", "a NAT gateway replaces the source address"),
        (
            "REGIONAL_NGW_ROUTE_AZ_RESTRICTION",
            "the regional NAT gateway does not serve this Availability Zone",
        ),
        ("VPC_BLOCK_PUBLIC_ACCESS_ENABLED", "VPC Block Public Access is on"),
    )
)

ACL_CODES = tuple(
    _codes(
        ("SUBNET_ACL_RESTRICTION", "a network ACL denies the traffic"),
    )
)

PATH_CODES = (*GROUP_CODES, *ACL_CODES, *INTERNET_CODES, *ROUTE_CODES)
"""All of them."""

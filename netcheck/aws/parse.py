"""Turn the EC2 API's JSON into entities. One function for each kind; each raises SnapshotError.

Key names and their meaning: Amazon EC2 API Reference, the `Describe*` actions.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.aws.addresses import Prefix
from netcheck.aws.entities import (
    ALL_PROTOCOLS,
    ICMP,
    ICMPV6,
    TCP,
    UDP,
    WHOLE_RANGE,
    Gap,
    GroupReference,
    Instance,
    InternetGateway,
    NaclEntry,
    NatAddress,
    NatGateway,
    NetworkAcl,
    NetworkInterface,
    Peering,
    PeeringSide,
    PrefixListReference,
    Propagation,
    Route,
    RouteTable,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    TransitGateway,
    TransitRoute,
    Vpc,
    VpcEndpoint,
)
from netcheck.aws.reading import Node

_PROTOCOLS = {"tcp": TCP, "udp": UDP, "icmp": ICMP, "icmpv6": ICMPV6, "-1": ALL_PROTOCOLS}


def _protocol(node: Node, key: str) -> int:
    text = node.text(key)
    if text in _PROTOCOLS:
        return _PROTOCOLS[text]
    if text.isascii() and text.isdigit() and int(text) <= 255:
        return int(text)
    raise node.fail(
        key, f"{text!r} is not a protocol: expected -1, tcp, udp, icmp, icmpv6 or a number to 255"
    )


def _port_range(node: Node, first: int, last: int, key: str) -> tuple[int, int]:
    if (first, last) == (-1, -1):
        return WHOLE_RANGE
    if not 0 <= first <= last <= 65535:
        raise node.fail(key, f"{first} to {last} is not a range of ports")
    return first, last


def _icmp_range(node: Node, kind: int, code: int, key: str) -> tuple[int, int]:
    """An ICMP type and code as one number, type * 256 + code; -1 stands for all."""
    if kind == -1:
        return WHOLE_RANGE
    if not (0 <= kind <= 255 and -1 <= code <= 255):
        raise node.fail(key, f"type {kind} code {code} is not an ICMP type and code")
    return (kind << 8, kind << 8 | 255) if code == -1 else (kind << 8 | code, kind << 8 | code)


def _associated(node: Node, set_key: str, block_key: str, state_key: str) -> Iterator[Prefix]:
    for item in node.items(set_key):
        state = item.maybe_child(state_key)
        if state is None or state.text_or("State", "associated") == "associated":
            yield item.prefix(block_key)


def _blocks(node: Node) -> tuple[Prefix, ...]:
    """The IPv4 and IPv6 blocks of a VPC or a subnet that are associated now, the primary first."""
    primary = [node.prefix("CidrBlock")] if node.has("CidrBlock") else []
    if node.has("CidrBlockAssociationSet"):
        found = list(_associated(node, "CidrBlockAssociationSet", "CidrBlock", "CidrBlockState"))
        found.sort(key=lambda block: block not in primary)
    else:
        found = primary
    found += _associated(node, "Ipv6CidrBlockAssociationSet", "Ipv6CidrBlock", "Ipv6CidrBlockState")
    return tuple(dict.fromkeys(found))


def vpc(node: Node, region: str) -> Vpc:
    return Vpc(node.text("VpcId"), region, _blocks(node))


def subnet(node: Node) -> Subnet:
    return Subnet(
        node.text("SubnetId"), node.text("VpcId"), node.text_or("AvailabilityZone", ""), _blocks(node)
    )


def _rule_range(node: Node, protocol: int) -> tuple[int, int]:
    if protocol in (TCP, UDP):
        return _port_range(node, node.number_or("FromPort", -1), node.number_or("ToPort", -1), "FromPort")
    if protocol in (ICMP, ICMPV6):
        return _icmp_range(node, node.number_or("FromPort", -1), node.number_or("ToPort", -1), "FromPort")
    return WHOLE_RANGE


def _peers(node: Node) -> Iterator[Prefix | GroupReference | PrefixListReference]:
    for item in node.items("IpRanges"):
        yield item.prefix("CidrIp")
    for item in node.items("Ipv6Ranges"):
        yield item.prefix("CidrIpv6")
    for item in node.items("PrefixListIds"):
        yield PrefixListReference(item.text("PrefixListId"))
    for item in node.items("UserIdGroupPairs"):
        yield GroupReference(item.text("GroupId"), item.maybe_text("UserId"), item.maybe_text("VpcId"))


def _rules(node: Node, key: str) -> tuple[SecurityGroupRule, ...]:
    found = []
    for permission in node.required_items(key):
        protocol = _protocol(permission, "IpProtocol")
        first, last = _rule_range(permission, protocol)
        found += [SecurityGroupRule(protocol, first, last, peer) for peer in _peers(permission)]
    return tuple(found)


def security_group(node: Node) -> SecurityGroup:
    return SecurityGroup(
        node.text("GroupId"),
        node.maybe_text("VpcId"),
        _rules(node, "IpPermissions"),
        _rules(node, "IpPermissionsEgress"),
    )


def _nacl_range(node: Node, protocol: int) -> tuple[int, int]:
    """Ports count for TCP and UDP, types for ICMP; any other entry covers everything (NetworkAclEntry)."""
    if protocol in (TCP, UDP):
        ports = node.maybe_child("PortRange")
        return (
            WHOLE_RANGE
            if ports is None
            else _port_range(ports, ports.number("From"), ports.number("To"), "From")
        )
    if protocol in (ICMP, ICMPV6):
        types = node.maybe_child("IcmpTypeCode")
        return (
            WHOLE_RANGE
            if types is None
            else _icmp_range(types, types.number("Type"), types.number_or("Code", -1), "Type")
        )
    return WHOLE_RANGE


def _nacl_entry(node: Node) -> NaclEntry:
    protocol = _protocol(node, "Protocol")
    first, last = _nacl_range(node, protocol)
    action = node.text("RuleAction")
    if action not in ("allow", "deny"):
        raise node.fail("RuleAction", f"{action!r} is neither allow nor deny")
    key = "CidrBlock" if node.has("CidrBlock") else "Ipv6CidrBlock"
    prefix = node.prefix(key)
    if prefix.version != (4 if key == "CidrBlock" else 6):
        raise node.fail(key, f"{prefix} is of the other IP version")
    number = node.number("RuleNumber")
    if not 1 <= number <= 32768:
        raise node.fail("RuleNumber", f"{number} is not a rule number")
    return NaclEntry(number, protocol, first, last, prefix, action == "allow")


def network_acl(node: Node) -> NetworkAcl:
    """Entries come in any order and are kept by number: the lowest matching number decides."""
    sides: dict[bool, list[NaclEntry]] = {True: [], False: []}
    taken: dict[tuple[bool, int, int], NaclEntry] = {}
    for item in node.required_items("Entries"):
        entry = _nacl_entry(item)
        egress = item.flag("Egress")
        # The closing rules of IPv4 and IPv6 are told apart by their block, 32767 and 32768 in the API.
        before = taken.setdefault((egress, entry.number, entry.prefix.version), entry)
        if before is not entry:
            raise item.fail("RuleNumber", f"{entry.number} is there twice in one direction")
        sides[egress].append(entry)
    return NetworkAcl(
        node.text("NetworkAclId"),
        node.maybe_text("VpcId"),
        tuple(item.text("SubnetId") for item in node.items("Associations")),
        tuple(sorted(sides[False], key=lambda entry: entry.number)),
        tuple(sorted(sides[True], key=lambda entry: entry.number)),
    )


_TARGETS = (
    "EgressOnlyInternetGatewayId",
    "NatGatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "LocalGatewayId",
    "CarrierGatewayId",
    "CoreNetworkArn",
    "OdbNetworkArn",
    "NetworkInterfaceId",
    "InstanceId",
    "GatewayId",
    "IpAddress",
)


def _route_target(node: Node) -> tuple[str, str]:
    for key in _TARGETS:
        target = node.maybe_text(key)
        if target:
            return key, target
    return "", "a target this snapshot does not name"


def _route(node: Node) -> Route:
    destination: Prefix | str
    if node.has("DestinationPrefixListId"):
        destination = node.text("DestinationPrefixListId")
    elif node.has("DestinationIpv6CidrBlock"):
        destination = node.prefix("DestinationIpv6CidrBlock")
    else:
        destination = node.prefix("DestinationCidrBlock")
    propagated = node.maybe_text("Origin") in ("EnableVgwRoutePropagation", "Advertisement")
    return Route(destination, *_route_target(node), node.text_or("State", "active"), propagated)


def route_table(node: Node) -> RouteTable:
    main, subnets, gateways = False, [], []
    for item in node.items("Associations"):
        state = item.maybe_child("AssociationState")
        if state is not None and state.text_or("State", "associated") not in ("associated", "associating"):
            continue
        main = main or item.flag_or("Main", False)
        if item.has("SubnetId"):
            subnets.append(item.text("SubnetId"))
        if item.has("GatewayId"):
            gateways.append(item.text("GatewayId"))
    routes = tuple(_route(item) for item in node.required_items("Routes"))
    return RouteTable(
        node.text("RouteTableId"), node.text("VpcId"), main, tuple(subnets), tuple(gateways), routes
    )


def _interface_addresses(node: Node) -> tuple[list[int], dict[int, int]]:
    private: list[int] = []
    public: dict[int, int] = {}
    for item in node.items("PrivateIpAddresses"):
        address = item.address_of("PrivateIpAddress", 4)
        private.append(address)
        association = item.maybe_child("Association")
        if association is not None and association.has("PublicIp"):
            public[address] = association.address_of("PublicIp", 4)
    if node.has("PrivateIpAddress"):
        primary = node.address_of("PrivateIpAddress", 4)
        private = [primary, *(address for address in private if address != primary)]
        association = node.maybe_child("Association")
        if association is not None and association.has("PublicIp"):
            public.setdefault(primary, association.address_of("PublicIp", 4))
    return private, public


def network_interface(node: Node) -> NetworkInterface:
    private, public = _interface_addresses(node)
    ipv6 = tuple(item.address_of("Ipv6Address", 6) for item in node.items("Ipv6Addresses"))
    attachment = node.maybe_child("Attachment")
    delegated = [item.prefix("Ipv4Prefix") for item in node.items("Ipv4Prefixes")]
    delegated += [item.prefix("Ipv6Prefix") for item in node.items("Ipv6Prefixes")]
    return NetworkInterface(
        node.text("NetworkInterfaceId"),
        node.text("VpcId"),
        node.text("SubnetId"),
        tuple(item.text("GroupId") for item in node.required_items("Groups")),
        {4: tuple(dict.fromkeys(private)), 6: tuple(dict.fromkeys(ipv6))},
        tuple(delegated),
        public,
        node.text_or("InterfaceType", "interface"),
        node.text_or("Status", "in-use"),
        node.flag_or("SourceDestCheck", True),
        attachment.maybe_text("InstanceId") if attachment is not None else None,
        node.flag_or("DenyAllIgwTraffic", False),
    )


def instance(node: Node) -> Instance:
    state = node.maybe_child("State")
    return Instance(
        node.text("InstanceId"),
        state.text_or("Name", "running") if state is not None else "running",
        tuple(item.text("NetworkInterfaceId") for item in node.items("NetworkInterfaces")),
    )


def _nat_address(node: Node) -> NatAddress:
    return NatAddress(
        node.address_of("PrivateIp", 4) if node.has("PrivateIp") else None,
        node.address_of("PublicIp", 4) if node.has("PublicIp") else None,
        node.maybe_text("AvailabilityZone"),
        node.maybe_text("NetworkInterfaceId"),
    )


def nat_gateway(node: Node) -> NatGateway:
    addresses = tuple(
        _nat_address(item)
        for item in node.items("NatGatewayAddresses")
        if item.text_or("Status", "succeeded") == "succeeded"
    )
    return NatGateway(
        node.text("NatGatewayId"),
        node.text("VpcId"),
        node.maybe_text("SubnetId"),
        node.text("State"),
        node.text_or("ConnectivityType", "public") == "public",
        node.text_or("AvailabilityMode", "zonal") == "regional",
        node.text_or("AutoProvisionZones", "disabled") == "enabled",
        node.maybe_text("RouteTableId"),
        addresses,
    )


def internet_gateway(node: Node, id_key: str) -> InternetGateway:
    attachments = {
        item.text("VpcId"): item.text_or("State", "available") for item in node.items("Attachments")
    }
    return InternetGateway(node.text(id_key), attachments)


def vpc_endpoint(node: Node) -> VpcEndpoint:
    return VpcEndpoint(
        node.text("VpcEndpointId"),
        node.text("VpcId"),
        node.text_or("VpcEndpointType", "Gateway"),
        node.text_or("State", "available").lower(),
        node.text_or("ServiceName", "a service"),
        node.texts("SubnetIds"),
        node.texts("NetworkInterfaceIds"),
    )


def prefix_blocks(node: Node) -> tuple[Prefix, ...]:
    """The blocks of one item of PrefixLists (describe-prefix-lists)."""
    from_texts = []
    for text in node.texts("Cidrs"):
        from_texts.append(Node({"Cidr": text}, node, "Cidrs").prefix("Cidr"))
    return tuple(from_texts)


def _peering_side(node: Node) -> PeeringSide:
    blocks = [item.prefix("CidrBlock") for item in node.items("CidrBlockSet")]
    if not blocks and node.has("CidrBlock"):
        blocks = [node.prefix("CidrBlock")]
    blocks += [item.prefix("Ipv6CidrBlock") for item in node.items("Ipv6CidrBlockSet")]
    return PeeringSide(
        node.text("VpcId"), node.text_or("Region", ""), node.text_or("OwnerId", ""), tuple(blocks)
    )


def peering(node: Node) -> Peering:
    return Peering(
        node.text("VpcPeeringConnectionId"),
        node.child("Status").text("Code"),
        _peering_side(node.child("RequesterVpcInfo")),
        _peering_side(node.child("AccepterVpcInfo")),
    )


def transit_gateway(node: Node) -> TransitGateway:
    options = node.maybe_child("Options")
    support = options.text_or("SecurityGroupReferencingSupport", "disable") if options else "disable"
    return TransitGateway(node.text("TransitGatewayId"), support == "enable")


def transit_route(node: Node) -> TransitRoute:
    destination: Prefix | str
    if node.has("DestinationCidrBlock"):
        destination = node.prefix("DestinationCidrBlock")
    else:
        destination = node.text("PrefixListId")
    attachments = tuple(
        item.text("TransitGatewayAttachmentId") for item in node.items("TransitGatewayAttachments")
    )
    return TransitRoute(
        destination, attachments, node.text_or("State", "active"), node.text_or("Type", "static") != "static"
    )


def propagation(node: Node) -> Propagation:
    return Propagation(
        node.text("TransitGatewayAttachmentId"),
        node.text_or("ResourceId", ""),
        node.text_or("ResourceType", "vpc"),
        node.text_or("State", "enabled"),
    )


def gap(node: Node) -> Gap:
    return Gap(node.text("what"), node.text_or("action", ""), node.text_or("reason", "not collected"))

"""Parses the EC2 API's JSON into entities. One function for each kind; each raises SnapshotError.

Key names and their meaning: Amazon EC2 API Reference, the `Describe*` actions. A key that AWS always returns
and that affects a verdict is required: a default could turn "blocked" into "reachable".
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.aws.ec2.addresses import Prefix
from netcheck.aws.ec2.entities import (
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
from netcheck.aws.ec2.reading import JsonObject

_PROTOCOLS = {"tcp": TCP, "udp": UDP, "icmp": ICMP, "icmpv6": ICMPV6, "-1": ALL_PROTOCOLS}


def _protocol(node: JsonObject, key: str) -> int:
    text = node.text(key)
    if text in _PROTOCOLS:
        return _PROTOCOLS[text]
    if text.isascii() and text.isdigit() and int(text) <= 255:
        return int(text)
    raise node.fail(
        key, f"{text!r} is not a protocol: expected -1, tcp, udp, icmp, icmpv6 or a number to 255"
    )


def _port_range(node: JsonObject, first: int, last: int, key: str) -> tuple[int, int]:
    if (first, last) == (-1, -1):
        return WHOLE_RANGE
    if not 0 <= first <= last <= 65535:
        raise node.fail(key, f"{first} to {last} is not a range of ports")
    return first, last


def _icmp_range(node: JsonObject, kind: int, code: int, key: str) -> tuple[int, int]:
    """An ICMP type and code as one number, type * 256 + code; -1 means all."""
    if kind == -1:
        return WHOLE_RANGE
    if not (0 <= kind <= 255 and -1 <= code <= 255):
        raise node.fail(key, f"type {kind} code {code} is not an ICMP type and code")
    return (kind << 8, kind << 8 | 255) if code == -1 else (kind << 8 | code, kind << 8 | code)


def _associated(node: JsonObject, set_key: str, block_key: str, state_key: str) -> Iterator[Prefix]:
    for item in node.items(set_key):
        state = item.maybe_child(state_key)
        if state is None or state.text_or("State", "associated") == "associated":
            yield item.prefix(block_key)


def _blocks(node: JsonObject) -> tuple[Prefix, ...]:
    """The IPv4 and IPv6 blocks of a VPC or a subnet that are associated now, the primary first."""
    primary = [node.prefix("CidrBlock")] if node.has("CidrBlock") else []
    if node.has("CidrBlockAssociationSet"):
        found = list(_associated(node, "CidrBlockAssociationSet", "CidrBlock", "CidrBlockState"))
        found.sort(key=lambda block: block not in primary)
    else:
        found = primary
    found += _associated(node, "Ipv6CidrBlockAssociationSet", "Ipv6CidrBlock", "Ipv6CidrBlockState")
    return tuple(dict.fromkeys(found))


def vpc(node: JsonObject, region: str) -> Vpc:
    return Vpc(node.text("VpcId"), region, _blocks(node))


def subnet(node: JsonObject) -> Subnet:
    name = node.text("SubnetId")
    if not node.flag_or("Ipv6Native", False):
        node.text("CidrBlock")
    free = node.number("AvailableIpAddressCount") if node.has("AvailableIpAddressCount") else None
    return Subnet(name, node.text("VpcId"), node.text("AvailabilityZone"), _blocks(node), free)


def _rule_range(node: JsonObject, protocol: int) -> tuple[int, int]:
    if protocol in (TCP, UDP):
        return _port_range(node, node.number("FromPort"), node.number("ToPort"), "FromPort")
    if protocol == ICMPV6 and not node.has("FromPort") and not node.has("ToPort"):
        return WHOLE_RANGE  # all types and codes (IpPermission, FromPort)
    if protocol in (ICMP, ICMPV6):
        return _icmp_range(node, node.number("FromPort"), node.number("ToPort"), "FromPort")
    return WHOLE_RANGE


_PEER_KEYS = ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")


def _peers(node: JsonObject) -> Iterator[Prefix | GroupReference | PrefixListReference]:
    for item in node.items("IpRanges"):
        yield item.prefix("CidrIp")
    for item in node.items("Ipv6Ranges"):
        yield item.prefix("CidrIpv6")
    for item in node.items("PrefixListIds"):
        yield PrefixListReference(item.text("PrefixListId"))
    for item in node.items("UserIdGroupPairs"):
        yield GroupReference(item.text("GroupId"), item.maybe_text("UserId"), item.maybe_text("VpcId"))


def _rules(node: JsonObject, key: str) -> tuple[SecurityGroupRule, ...]:
    found = []
    for permission in node.required_items(key):
        protocol = _protocol(permission, "IpProtocol")
        first, last = _rule_range(permission, protocol)
        if not any(permission.has(key) for key in _PEER_KEYS):
            raise permission.fail(
                "IpRanges", "this permission has no CIDR block, prefix list or security group"
            )
        found += [SecurityGroupRule(protocol, first, last, peer) for peer in _peers(permission)]
    return tuple(found)


def security_group(node: JsonObject) -> SecurityGroup:
    return SecurityGroup(
        node.text("GroupId"),
        node.maybe_text("VpcId"),
        _rules(node, "IpPermissions"),
        _rules(node, "IpPermissionsEgress"),
    )


def _nacl_range(node: JsonObject, protocol: int) -> tuple[int, int]:
    """TCP and UDP entries have ports, ICMP entries types; any other entry covers everything
    (NetworkAclEntry).
    """
    if protocol in (TCP, UDP):
        ports = node.child("PortRange")
        return _port_range(ports, ports.number("From"), ports.number("To"), "From")
    if protocol in (ICMP, ICMPV6):
        types = node.child("IcmpTypeCode")
        return _icmp_range(types, types.number("Type"), types.number("Code"), "Type")
    return WHOLE_RANGE


def _nacl_entry(node: JsonObject) -> NaclEntry:
    protocol = _protocol(node, "Protocol")
    first, last = _nacl_range(node, protocol)
    action = node.one_of("RuleAction", "allow", "deny")
    key = "CidrBlock" if node.has("CidrBlock") else "Ipv6CidrBlock"
    prefix = node.prefix(key)
    if prefix.version != (4 if key == "CidrBlock" else 6):
        raise node.fail(key, f"{prefix} has the wrong IP version")
    number = node.number("RuleNumber")
    if not 1 <= number <= 32768:
        raise node.fail("RuleNumber", f"{number} is not a rule number")
    return NaclEntry(number, protocol, first, last, prefix, action == "allow")


def network_acl(node: JsonObject) -> NetworkAcl:
    """Sorts the entries by number, as the lowest matching number decides."""
    sides: dict[bool, list[NaclEntry]] = {True: [], False: []}
    taken: dict[tuple[bool, int, int], NaclEntry] = {}
    for item in node.required_items("Entries"):
        entry = _nacl_entry(item)
        egress = item.flag("Egress")
        # The default rules of IPv4 and IPv6 differ in their block; they are 32767 and 32768 in the API.
        before = taken.setdefault((egress, entry.number, entry.prefix.version), entry)
        if before is not entry:
            raise item.fail("RuleNumber", f"duplicate rule {entry.number} in one direction")
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


def _route_target(node: JsonObject) -> tuple[str, str]:
    for key in _TARGETS:
        target = node.maybe_text(key)
        if target:
            return key, target
    return "", "an unknown target"


def _route(node: JsonObject) -> Route:
    destination: Prefix | str
    if node.has("DestinationPrefixListId"):
        destination = node.text("DestinationPrefixListId")
    elif node.has("DestinationIpv6CidrBlock"):
        destination = node.prefix("DestinationIpv6CidrBlock")
    else:
        destination = node.prefix("DestinationCidrBlock")
    propagated = node.maybe_text("Origin") in ("EnableVgwRoutePropagation", "Advertisement")
    return Route(destination, *_route_target(node), node.text("State"), propagated)


def route_table(node: JsonObject) -> RouteTable:
    main, subnets, gateways = False, [], []
    for item in node.items("Associations"):
        state = item.maybe_child("AssociationState")
        if state is not None and state.text_or("State", "associated") not in ("associated", "associating"):
            continue
        main = main or item.flag_or("Main", False)
        if item.has("SubnetId"):
            subnets.append(item.text("SubnetId"))
        elif item.has("GatewayId"):
            gateways.append(item.text("GatewayId"))
        elif not item.flag("Main"):
            raise item.fail(
                "SubnetId", "this association has no subnet and no gateway, and is not the main one"
            )
    routes = tuple(_route(item) for item in node.required_items("Routes"))
    return RouteTable(
        node.text("RouteTableId"),
        node.text("VpcId"),
        main,
        tuple(subnets) if node.has("Associations") else None,
        tuple(gateways),
        routes,
    )


def _public_address(node: JsonObject) -> int | None:
    """The public address of an `Association`; a carrier IP or customer-owned IP is not one."""
    association = node.maybe_child("Association")
    if association is None or association.has("CarrierIp") or association.has("CustomerOwnedIp"):
        return None
    return association.address_of("PublicIp", 4)


def _interface_addresses(node: JsonObject) -> tuple[list[int], dict[int, int]]:
    private: list[int] = []
    public: dict[int, int | None] = {}
    for item in node.items("PrivateIpAddresses"):
        address = item.address_of("PrivateIpAddress", 4)
        private.append(address)
        public[address] = _public_address(item)
    if node.has("PrivateIpAddress"):
        primary = node.address_of("PrivateIpAddress", 4)
        private = [primary, *(address for address in private if address != primary)]
        public[primary] = public.get(primary) or _public_address(node)
    return private, {address: found for address, found in public.items() if found is not None}


def network_interface(node: JsonObject) -> NetworkInterface:
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
        node.text_or("Status", ""),
        node.flag("SourceDestCheck") if node.has("SourceDestCheck") else None,
        attachment.maybe_text("InstanceId") if attachment is not None else None,
        node.flag_or("DenyAllIgwTraffic", False),
    )


def instance(node: JsonObject) -> Instance:
    state = node.maybe_child("State")
    interfaces = sorted(node.items("NetworkInterfaces"), key=_device)
    return Instance(
        node.text("InstanceId"),
        state.text("Name") if state is not None else "",
        tuple(item.text("NetworkInterfaceId") for item in interfaces),
    )


def _device(interface: JsonObject) -> int:
    """0 for an instance's primary interface: AWS lists the interfaces in no particular order."""
    attachment = interface.maybe_child("Attachment")
    return attachment.number_or("DeviceIndex", 0) if attachment is not None else 0


def _nat_address(node: JsonObject) -> NatAddress:
    return NatAddress(
        node.address_of("PrivateIp", 4) if node.has("PrivateIp") else None,
        node.address_of("PublicIp", 4) if node.has("PublicIp") else None,
        node.maybe_text("AvailabilityZone"),
        node.maybe_text("NetworkInterfaceId"),
    )


_SWITCH = ("enabled", "disabled")


def nat_gateway(node: JsonObject) -> NatGateway:
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
        not node.has("ConnectivityType") or node.one_of("ConnectivityType", "public", "private") == "public",
        node.has("AvailabilityMode") and node.one_of("AvailabilityMode", "zonal", "regional") == "regional",
        node.has("AutoProvisionZones") and node.one_of("AutoProvisionZones", *_SWITCH) == "enabled",
        node.maybe_text("RouteTableId"),
        addresses,
    )


def internet_gateway(node: JsonObject, id_key: str) -> InternetGateway:
    attachments = {item.text("VpcId"): item.text("State") for item in node.required_items("Attachments")}
    return InternetGateway(node.text(id_key), attachments)


def vpc_endpoint(node: JsonObject) -> VpcEndpoint:
    return VpcEndpoint(
        node.text("VpcEndpointId"),
        node.text("VpcId"),
        node.text_or("VpcEndpointType", "of unknown type"),
        node.text_or("State", "").lower(),
        node.text_or("ServiceName", "an unknown service"),
        node.texts("SubnetIds"),
        node.texts("NetworkInterfaceIds"),
    )


def prefix_blocks(node: JsonObject) -> tuple[Prefix, ...]:
    """The blocks of one item of PrefixLists (describe-prefix-lists)."""
    from_texts = []
    for text in node.texts("Cidrs"):
        from_texts.append(JsonObject({"Cidr": text}, node, "Cidrs").prefix("Cidr"))
    return tuple(from_texts)


def _peering_side(node: JsonObject) -> PeeringSide:
    blocks = [item.prefix("CidrBlock") for item in node.items("CidrBlockSet")]
    if not blocks and node.has("CidrBlock"):
        blocks = [node.prefix("CidrBlock")]
    blocks += [item.prefix("Ipv6CidrBlock") for item in node.items("Ipv6CidrBlockSet")]
    return PeeringSide(node.text("VpcId"), node.text("Region"), node.text_or("OwnerId", ""), tuple(blocks))


def peering(node: JsonObject) -> Peering:
    return Peering(
        node.text("VpcPeeringConnectionId"),
        node.child("Status").text("Code"),
        _peering_side(node.child("RequesterVpcInfo")),
        _peering_side(node.child("AccepterVpcInfo")),
    )


def transit_gateway(node: JsonObject) -> TransitGateway:
    options = node.maybe_child("Options")
    support = options.text_or("SecurityGroupReferencingSupport", "disable") if options else "disable"
    return TransitGateway(node.text("TransitGatewayId"), support == "enable")


def transit_route(node: JsonObject) -> TransitRoute:
    destination: Prefix | str
    if node.has("DestinationCidrBlock"):
        destination = node.prefix("DestinationCidrBlock")
    else:
        destination = node.text("PrefixListId")
    attachments = tuple(
        item.text("TransitGatewayAttachmentId") for item in node.items("TransitGatewayAttachments")
    )
    return TransitRoute(
        destination, attachments, node.text("State"), node.one_of("Type", "static", "propagated") != "static"
    )


def propagation(node: JsonObject) -> Propagation:
    return Propagation(
        node.text("TransitGatewayAttachmentId"),
        node.text_or("ResourceId", ""),
        node.text_or("ResourceType", ""),
        node.text_or("State", ""),
    )


def gap(node: JsonObject) -> Gap:
    return Gap(node.text("what"), node.text_or("action", ""), node.text_or("reason", "not collected"))

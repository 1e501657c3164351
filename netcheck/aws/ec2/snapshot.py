"""A snapshot of AWS's configuration, typed, indexed and frozen.

The folder has one file for each API response, named by its top-level key (`Vpcs.json`, ...), flat or under
`aws_configs/[accounts/<id>/]<region>/`. An absent file was not collected, which is a gap wherever a verdict
depends on it. A file with an empty list was collected: there are none.

The indexes are built once, so that a lookup takes the same time in an account of three subnets and of three
thousand. Nothing here touches the network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from netcheck.aws.ec2 import parse
from netcheck.aws.ec2.addresses import BITS, Prefix, format_address
from netcheck.aws.ec2.entities import (
    BlockPublicAccess,
    Gap,
    Instance,
    InternetGateway,
    NatGateway,
    NetworkAcl,
    NetworkInterface,
    Peering,
    Propagation,
    RouteTable,
    SecurityGroup,
    Subnet,
    TransitAttachment,
    TransitGateway,
    TransitRoute,
    Vpc,
    VpcEndpoint,
)
from netcheck.aws.ec2.reading import JsonObject, SnapshotError

__all__ = ["ACTIONS", "Gap", "Snapshot", "SnapshotError", "from_documents", "load"]

ACTIONS: Mapping[str, str] = {
    "Vpcs": "ec2:DescribeVpcs",
    "Subnets": "ec2:DescribeSubnets",
    "RouteTables": "ec2:DescribeRouteTables",
    "NetworkAcls": "ec2:DescribeNetworkAcls",
    "SecurityGroups": "ec2:DescribeSecurityGroups",
    "NetworkInterfaces": "ec2:DescribeNetworkInterfaces",
    "Reservations": "ec2:DescribeInstances",
    "NatGateways": "ec2:DescribeNatGateways",
    "InternetGateways": "ec2:DescribeInternetGateways",
    "EgressOnlyInternetGateways": "ec2:DescribeEgressOnlyInternetGateways",
    "Addresses": "ec2:DescribeAddresses",
    "VpcEndpoints": "ec2:DescribeVpcEndpoints",
    "ManagedPrefixLists": "ec2:DescribeManagedPrefixLists",
    "PrefixLists": "ec2:DescribePrefixLists",
    "PrefixListEntries": "ec2:GetManagedPrefixListEntries",
    "VpcPeeringConnections": "ec2:DescribeVpcPeeringConnections",
    "TransitGateways": "ec2:DescribeTransitGateways",
    "TransitGatewayAttachments": "ec2:DescribeTransitGatewayAttachments",
    "TransitGatewayVpcAttachments": "ec2:DescribeTransitGatewayVpcAttachments",
    "TransitGatewayRouteTables": "ec2:DescribeTransitGatewayRouteTables",
    "TransitGatewayRouteTableAssociations": "ec2:GetTransitGatewayRouteTableAssociations",
    "TransitGatewayPropagations": "ec2:GetTransitGatewayRouteTablePropagations",
    "TransitGatewayStaticRoutes": "ec2:SearchTransitGatewayRoutes",
    "VpnGateways": "ec2:DescribeVpnGateways",
    "DhcpOptions": "ec2:DescribeDhcpOptions",
    "VpcBlockPublicAccessOptions": "ec2:DescribeVpcBlockPublicAccessOptions",
    "VpcBlockPublicAccessExclusions": "ec2:DescribeVpcBlockPublicAccessExclusions",
    "VpcAttributes": "ec2:DescribeVpcAttribute",
}
"""File stem → the IAM action that collects it."""

_RESERVED_AT_START = 4
"""AWS reserves the first four addresses of a subnet (VPC user guide, Subnet CIDR blocks)."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that was collected, by id, and the indexes to find the owner of an address."""

    vpcs: Mapping[str, Vpc]
    subnets: Mapping[str, Subnet]
    route_tables: Mapping[str, RouteTable]
    acls: Mapping[str, NetworkAcl]
    groups: Mapping[str, SecurityGroup]
    interfaces: Mapping[str, NetworkInterface]
    instances: Mapping[str, Instance]
    nats: Mapping[str, NatGateway]
    internet_gateways: Mapping[str, InternetGateway]
    egress_only_gateways: Mapping[str, InternetGateway]
    endpoints: Mapping[str, VpcEndpoint]
    prefix_lists: Mapping[str, tuple[Prefix, ...]]
    peerings: Mapping[str, Peering]
    transit_gateways: Mapping[str, TransitGateway]
    attachments: Mapping[str, TransitAttachment]
    transit_associations: Mapping[str, tuple[str, str]]
    """Attachment id → (transit gateway route table or policy table id, state)."""
    transit_routes: Mapping[str, tuple[TransitRoute, ...]]
    transit_propagations: Mapping[str, tuple[Propagation, ...]]
    public_access: Mapping[str, BlockPublicAccess]
    """Region → block public access."""
    dns_support: Mapping[str, bool]
    collected: Mapping[str, frozenset[str]]
    """Region → the files that were there."""
    gaps: Mapping[tuple[str, str], Gap]
    """(region, file stem) → why it is missing or incomplete."""

    table_of_subnet: Mapping[str, RouteTable]
    main_table_of_vpc: Mapping[str, RouteTable]
    table_of_gateway: Mapping[str, RouteTable]
    acl_of_subnet: Mapping[str, NetworkAcl]
    hosts: Mapping[tuple[str, int, int], NetworkInterface]
    """(VPC id, IP version, address) → the interface with it."""
    holders: Mapping[tuple[int, int], tuple[NetworkInterface, ...]]
    """(IP version, private address) → its interfaces in all VPCs: ranges may overlap between VPCs."""
    public_holders: Mapping[int, NetworkInterface]
    delegations: tuple[NetworkInterface, ...]
    """Interfaces with delegated prefixes."""
    subnet_blocks: Mapping[tuple[int, int, int], tuple[Subnet, ...]]
    """(IP version, prefix length, network) → subnets with exactly this block."""
    block_lengths: Mapping[int, tuple[int, ...]]
    nat_of_interface: Mapping[str, NatGateway]
    endpoint_of_interface: Mapping[str, VpcEndpoint]
    attachment_of_vpc: Mapping[tuple[str, str], TransitAttachment]
    """(transit gateway id, VPC id) → attachment."""
    memo: dict[object, object] = field(default_factory=dict, compare=False, repr=False)
    """The path engine's cache of what it compiled from this snapshot. Not part of its value."""

    def missing(self, what: str, region: str | None = None) -> Gap | None:
        """Return why `what` is unknown (in `region`, or in any), or None if it was collected."""
        for name, files in self.collected.items():
            if region is not None and name != region:
                continue
            gap = self.gaps.get((name, what))
            if gap is not None:
                return gap
            if what not in files:
                return Gap(what, ACTIONS.get(what, ""), f"{what}.json is not in the snapshot")
        return None

    def never_asked_for(self, what: str, region: str | None) -> bool:
        """Whether there is neither the file nor a gap that explains it: the collecting tool skipped it."""
        return not any(
            what in files or (name, what) in self.gaps
            for name, files in self.collected.items()
            if region is None or name == region
        )

    def predates_public_access_block(self, region: str) -> bool:
        """Whether the tool that wrote this Region did not support VPC Block Public Access, like older tools:
        neither of its two documents is there, and no gap for them.
        """
        both = ("VpcBlockPublicAccessOptions", "VpcBlockPublicAccessExclusions")
        return all(self.never_asked_for(name, region) for name in both)

    def region_of(self, vpc: str) -> str | None:
        found = self.vpcs.get(vpc)
        return found.region if found else None

    def host(self, vpc: str, version: int, address: int) -> NetworkInterface | None:
        """The interface with this private address in this VPC, directly or by a delegated prefix."""
        found = self.hosts.get((vpc, version, address))
        if found is None and self.delegations:
            found = next((i for i in self.delegations if i.vpc == vpc and i.has(version, address)), None)
        return found

    def subnets_holding(self, version: int, address: int) -> Iterator[Subnet]:
        """Subnets of any VPC whose block contains this address."""
        for length in self.block_lengths.get(version, ()):
            shift = BITS[version] - length
            yield from self.subnet_blocks.get((version, length, address >> shift << shift), ())

    def subnet_in(self, vpc: str, version: int, address: int) -> Subnet | None:
        return next((s for s in self.subnets_holding(version, address) if s.vpc == vpc), None)


def usable_range(block: Prefix) -> tuple[int, int]:
    """The addresses of a subnet that a host can have: without the first four and the last."""
    return block.first + _RESERVED_AT_START, block.last - 1


def is_reserved(subnet: Subnet, version: int, address: int) -> bool:
    """Whether AWS reserves this address of the subnet."""
    return any(
        block.holds(version, address) and not usable_range(block)[0] <= address <= usable_range(block)[1]
        for block in subnet.prefixes
    )


class _Builder:
    """Collects entities from the folders of one snapshot; frozen by `build`."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, object]] = {}
        self.collected: dict[str, frozenset[str]] = {}
        self.gaps: dict[tuple[str, str], Gap] = {}
        self.blocks: dict[str, list[Prefix]] = {}
        self.public_access: dict[str, tuple[str, dict[str, str]]] = {}
        self.dns_support: dict[str, bool] = {}
        self.attachments: dict[str, JsonObject] = {}
        self.vpc_attachments: dict[str, JsonObject] = {}
        self.associations: dict[str, tuple[str, str]] = {}
        self.transit_routes: dict[str, tuple[TransitRoute, ...]] = {}
        self.propagations: dict[str, tuple[Propagation, ...]] = {}

    def add(self, region: str, documents: Mapping[str, object], names: Mapping[str, str]) -> None:
        """Add the documents of one Region. `names` are the file names for errors."""
        known = {stem: value for stem, value in documents.items() if stem in ACTIONS or stem == "Gaps"}
        files = frozenset(known) - {"Gaps"}
        before = self.collected.setdefault(region, files)
        for stem in before ^ files:
            self._mark_incomplete(
                region, stem, f"{stem}.json exists for one account of {region} and not for another"
            )
        self.collected[region] = before | files
        for stem, value in known.items():
            root = JsonObject(value, None, names.get(stem, f"{stem}.json"))
            if stem == "VpcBlockPublicAccessOptions":
                self._public_access(region, root)
                continue
            for item in root.required_items(stem):
                self._add_item(stem, region, item)
                if stem == "TransitGatewayStaticRoutes" and item.flag_or("AdditionalRoutesAvailable", False):
                    table = item.text("TransitGatewayRouteTableId")
                    self._mark_incomplete(region, stem, f"{table} has more routes than {stem}.json lists")
            if root.maybe_text("NextToken"):
                self._mark_incomplete(region, stem, f"{stem}.json is one page of several (NextToken)")

    def _mark_incomplete(self, region: str, stem: str, reason: str) -> None:
        """Record that the file is incomplete: what it does not list is unknown, not absent."""
        self.gaps.setdefault((region, stem), Gap(stem, ACTIONS[stem], reason))

    def _public_access(self, region: str, root: JsonObject) -> None:
        options = root.child("VpcBlockPublicAccessOptions")
        mode = options.one_of("InternetGatewayBlockMode", "off", "block-bidirectional", "block-ingress")
        exclusions = self.public_access.get(region, ("", {}))[1]
        self.public_access[region] = (mode, exclusions)

    def _put(self, table: str, node: JsonObject, key: str, entity: object) -> None:
        entities = self.tables.setdefault(table, {})
        name = node.text(key)
        if entities.setdefault(name, entity) != entity:
            raise node.fail(key, f"duplicate {name} with different contents")

    def _add_item(self, stem: str, region: str, node: JsonObject) -> None:
        match stem:
            case "Vpcs":
                self._put("vpcs", node, "VpcId", parse.vpc(node, region))
            case "Subnets":
                self._put("subnets", node, "SubnetId", parse.subnet(node))
            case "RouteTables":
                self._put("route_tables", node, "RouteTableId", parse.route_table(node))
            case "NetworkAcls":
                self._put("acls", node, "NetworkAclId", parse.network_acl(node))
            case "SecurityGroups":
                self._put("groups", node, "GroupId", parse.security_group(node))
            case "NetworkInterfaces":
                self._put("interfaces", node, "NetworkInterfaceId", parse.network_interface(node))
            case "Reservations":
                for item in node.items("Instances"):
                    self._put("instances", item, "InstanceId", parse.instance(item))
            case "NatGateways":
                self._put("nats", node, "NatGatewayId", parse.nat_gateway(node))
            case "InternetGateways":
                key = "InternetGatewayId"
                self._put("internet_gateways", node, key, parse.internet_gateway(node, key))
            case "EgressOnlyInternetGateways":
                key = "EgressOnlyInternetGatewayId"
                self._put("egress_only_gateways", node, key, parse.internet_gateway(node, key))
            case "VpcEndpoints":
                self._put("endpoints", node, "VpcEndpointId", parse.vpc_endpoint(node))
            case "VpcPeeringConnections":
                self._put("peerings", node, "VpcPeeringConnectionId", parse.peering(node))
            case _:
                self._add_other(stem, region, node)

    def _add_other(self, stem: str, region: str, node: JsonObject) -> None:
        match stem:
            case "Gaps":
                gap = parse.gap(node)
                self.gaps[region, gap.what] = gap
            case "PrefixLists":
                self.blocks.setdefault(node.text("PrefixListId"), []).extend(parse.prefix_blocks(node))
            case "PrefixListEntries":
                blocks = [item.prefix("Cidr") for item in node.required_items("Entries")]
                self.blocks.setdefault(node.text("PrefixListId"), []).extend(blocks)
            case "VpcBlockPublicAccessExclusions":
                self._exclusion(region, node)
            case "VpcAttributes":
                support = node.maybe_child("EnableDnsSupport")
                if support is not None:
                    self.dns_support[node.text("VpcId")] = support.flag("Value")
            case _:
                self._add_transit(stem, node)

    def _add_transit(self, stem: str, node: JsonObject) -> None:
        match stem:
            case "TransitGateways":
                self._put("transit_gateways", node, "TransitGatewayId", parse.transit_gateway(node))
            case "TransitGatewayAttachments":
                name = node.text("TransitGatewayAttachmentId")
                # Of two accounts that list an attachment, only the gateway's owner sees its association.
                if name not in self.attachments or node.has("Association"):
                    self.attachments[name] = node
            case "TransitGatewayVpcAttachments":
                self.vpc_attachments[node.text("TransitGatewayAttachmentId")] = node
            case "TransitGatewayRouteTableAssociations":
                for item in node.required_items("Associations"):
                    table = node.text("TransitGatewayRouteTableId")
                    state = item.text("State")
                    self.associations[item.text("TransitGatewayAttachmentId")] = (table, state)
            case "TransitGatewayStaticRoutes":
                routes = tuple(parse.transit_route(item) for item in node.required_items("Routes"))
                name = node.text("TransitGatewayRouteTableId")
                self.transit_routes[name] = self.transit_routes.get(name, ()) + routes
            case "TransitGatewayPropagations":
                items = node.required_items("TransitGatewayRouteTablePropagations")
                found = tuple(parse.propagation(item) for item in items)
                name = node.text("TransitGatewayRouteTableId")
                self.propagations[name] = self.propagations.get(name, ()) + found

    def _exclusion(self, region: str, node: JsonObject) -> None:
        if node.text("State") in (
            "create-failed",
            "delete-complete",
            "disable-complete",
        ):
            return
        mode, exclusions = self.public_access.get(region, ("off", {}))
        resource = node.text("ResourceArn").rpartition("/")[2]
        allowed = ("allow-bidirectional", "allow-egress")
        exclusions[resource] = node.one_of("InternetGatewayExclusionMode", *allowed)
        self.public_access[region] = (mode, exclusions)

    def transit_attachments(self) -> dict[str, TransitAttachment]:
        found = {}
        for name in self.attachments.keys() | self.vpc_attachments.keys():
            general, of_vpc = self.attachments.get(name), self.vpc_attachments.get(name)
            found[name] = _attachment(name, general, of_vpc)
            association = general.maybe_child("Association") if general else None
            if association is not None:
                by_policy = association.has("TransitGatewayPolicyTableId")
                key = "TransitGatewayPolicyTableId" if by_policy else "TransitGatewayRouteTableId"
                table = association.text(key)
                self.associations[name] = (table, association.text("State"))
        return found

    def table(self, name: str, kind: type[T]) -> dict[str, T]:
        return {key: item for key, item in self.tables.get(name, {}).items() if isinstance(item, kind)}


def _attachment(name: str, general: JsonObject | None, of_vpc: JsonObject | None) -> TransitAttachment:
    node = general or of_vpc
    assert node is not None
    options = of_vpc.maybe_child("Options") if of_vpc else None
    referencing = options.maybe_text("SecurityGroupReferencingSupport") if options else None
    kind = general.text("ResourceType") if general else "vpc"
    owner = node.maybe_text("TransitGatewayOwnerId")
    resource = of_vpc.text("VpcId") if of_vpc else node.text_or("ResourceId", "")
    return TransitAttachment(
        name,
        node.text("TransitGatewayId"),
        kind,
        resource,
        node.text("State"),
        of_vpc.required_texts("SubnetIds") if of_vpc else None,
        None if referencing is None else referencing == "enable",
        options is not None and options.text_or("Ipv6Support", "disable") == "enable",
        options is not None and options.text_or("ApplianceModeSupport", "disable") == "enable",
        owner is not None and owner != node.text_or("ResourceOwnerId", owner),
    )


def _claim(index: dict[str, T], key: str, owner: T, name: Callable[[T], str], meaning: str) -> None:
    before = index.setdefault(key, owner)
    if before is not owner:
        raise SnapshotError(
            f"{key} {meaning} both {name(before)} and {name(owner)}; AWS allows one. "
            "Collect the snapshot again."
        )


def _table_indexes(
    tables: Collection[RouteTable],
) -> tuple[dict[str, RouteTable], dict[str, RouteTable], dict[str, RouteTable]]:
    of_subnet: dict[str, RouteTable] = {}
    main: dict[str, RouteTable] = {}
    of_gateway: dict[str, RouteTable] = {}
    for table in tables:
        for subnet in table.subnets or ():
            _claim(of_subnet, subnet, table, lambda t: t.id, "is associated with route tables")
        for gateway in table.gateways:
            _claim(of_gateway, gateway, table, lambda t: t.id, "is associated with route tables")
        if table.main:
            _claim(main, table.vpc, table, lambda t: t.id, "has as main route tables")
    for table in tables:
        if table.subnets is None:  # any subnet of the VPC may use it, so none certainly uses the main table
            main.pop(table.vpc, None)
    return of_subnet, main, of_gateway


def _host_index(interfaces: Iterable[NetworkInterface]) -> dict[tuple[str, int, int], NetworkInterface]:
    hosts: dict[tuple[str, int, int], NetworkInterface] = {}
    for interface in interfaces:
        owned = [(version, a) for version, found in interface.addresses.items() for a in found]
        for version, address in owned:
            before = hosts.setdefault((interface.vpc, version, address), interface)
            if before is not interface:
                raise SnapshotError(
                    f"NetworkInterfaces.json: {before.id} and {interface.id} both have "
                    f"{format_address(version, address)} in {interface.vpc}. Collect the snapshot again."
                )
    return hosts


def _holders(
    hosts: Mapping[tuple[str, int, int], NetworkInterface],
) -> dict[tuple[int, int], tuple[NetworkInterface, ...]]:
    found: dict[tuple[int, int], tuple[NetworkInterface, ...]] = {}
    for (_, version, address), interface in hosts.items():
        found[version, address] = (*found.get((version, address), ()), interface)
    return found


def _public_index(interfaces: Iterable[NetworkInterface]) -> dict[int, NetworkInterface]:
    found: dict[int, NetworkInterface] = {}
    for interface in interfaces:
        for address in interface.public.values():
            _claim_public(found, address, interface)
    return found


def _claim_public(index: dict[int, NetworkInterface], address: int, interface: NetworkInterface) -> None:
    before = index.setdefault(address, interface)
    if before is not interface:
        raise SnapshotError(
            f"NetworkInterfaces.json: {before.id} and {interface.id} both have the public address "
            f"{format_address(4, address)}. Collect the snapshot again."
        )


def _subnet_blocks(subnets: Iterable[Subnet]) -> dict[tuple[int, int, int], tuple[Subnet, ...]]:
    found: dict[tuple[int, int, int], tuple[Subnet, ...]] = {}
    per_vpc: dict[tuple[str, int], list[tuple[int, int, str]]] = {}
    for subnet in subnets:
        for block in subnet.prefixes:
            key = (block.version, block.length, block.first)
            found[key] = (*found.get(key, ()), subnet)
            per_vpc.setdefault((subnet.vpc, block.version), []).append((block.first, block.last, subnet.id))
    for (vpc, _), ranges in per_vpc.items():
        ranges.sort()
        for (_, last, one), (first, _, other) in pairwise(ranges):
            if first <= last:
                raise SnapshotError(
                    f"Subnets.json: {one} and {other} in {vpc} overlap, which AWS does not allow. "
                    "Collect the snapshot again."
                )
    return found


def _attachment_index(attachments: Iterable[TransitAttachment]) -> dict[tuple[str, str], TransitAttachment]:
    """The attachment of each VPC to a gateway; the API still lists deleted ones for a while."""
    of_vpc = [a for a in attachments if a.kind == "vpc"]
    of_vpc.sort(
        key=lambda a: (a.state == "available", a.state not in ("deleted", "failed", "rejected"), a.id)
    )
    return {(a.gateway, a.resource): a for a in of_vpc}


def _build(builder: _Builder) -> Snapshot:
    attachments = builder.transit_attachments()
    subnets = builder.table("subnets", Subnet)
    acls = builder.table("acls", NetworkAcl)
    interfaces = builder.table("interfaces", NetworkInterface)
    tables = builder.table("route_tables", RouteTable)
    nats = builder.table("nats", NatGateway)
    endpoints = builder.table("endpoints", VpcEndpoint)
    of_subnet, main, of_gateway = _table_indexes(tables.values())
    acl_of_subnet: dict[str, NetworkAcl] = {}
    for acl in acls.values():
        for name in acl.subnets:
            _claim(acl_of_subnet, name, acl, lambda a: a.id, "is associated with network ACLs")
    hosts = _host_index(interfaces.values())
    blocks = _subnet_blocks(subnets.values())
    lengths = {v: tuple(sorted({n for version, n, _ in blocks if version == v})) for v in (4, 6)}
    return Snapshot(
        vpcs=builder.table("vpcs", Vpc),
        subnets=subnets,
        route_tables=tables,
        acls=acls,
        groups=builder.table("groups", SecurityGroup),
        interfaces=interfaces,
        instances=builder.table("instances", Instance),
        nats=nats,
        internet_gateways=builder.table("internet_gateways", InternetGateway),
        egress_only_gateways=builder.table("egress_only_gateways", InternetGateway),
        endpoints=endpoints,
        prefix_lists={name: tuple(dict.fromkeys(found)) for name, found in builder.blocks.items()},
        peerings=builder.table("peerings", Peering),
        transit_gateways=builder.table("transit_gateways", TransitGateway),
        attachments=attachments,
        transit_associations=builder.associations,
        transit_routes=builder.transit_routes,
        transit_propagations=builder.propagations,
        public_access={
            k: BlockPublicAccess(mode, found) for k, (mode, found) in builder.public_access.items()
        },
        dns_support=builder.dns_support,
        collected=builder.collected,
        gaps=builder.gaps,
        table_of_subnet=of_subnet,
        main_table_of_vpc=main,
        table_of_gateway=of_gateway,
        acl_of_subnet=acl_of_subnet,
        hosts=hosts,
        holders=_holders(hosts),
        public_holders=_public_index(interfaces.values()),
        delegations=tuple(interface for interface in interfaces.values() if interface.delegated),
        subnet_blocks=blocks,
        block_lengths=lengths,
        nat_of_interface={a.interface: nat for nat in nats.values() for a in nat.addresses if a.interface},
        endpoint_of_interface={name: e for e in endpoints.values() for name in e.interfaces},
        attachment_of_vpc=_attachment_index(attachments.values()),
    )


def from_documents(documents: Mapping[str, object], gaps: Iterable[Gap] = ()) -> Snapshot:
    """Build a snapshot from parsed JSON: file stem → document, like {"Vpcs": {"Vpcs": [...]}}.

    Unknown stems and unknown keys are ignored. Raises SnapshotError for a document that AWS would not return.
    """
    builder = _Builder()
    builder.add("", documents, {})
    for gap in gaps:
        builder.gaps["", gap.what] = gap
    return _build(builder)


def load(folder: Path) -> Snapshot:
    """Load a snapshot folder, flat or nested. Raises SnapshotError with file, line, reason and fix."""
    builder = _Builder()
    for region, files in _found(folder):
        documents = {path.stem: _read(path) for path in files}
        builder.add(region, documents, {path.stem: str(path) for path in files})
    return _build(builder)


def read_folder(folder: Path) -> dict[str, dict[str, Any]]:
    """The unparsed documents of a snapshot folder, by Region and file stem. Raises SnapshotError."""
    return {region: {path.stem: _read(path) for path in files} for region, files in _found(folder)}


def from_regions(regions: Mapping[str, Mapping[str, object]]) -> Snapshot:
    """Build a snapshot from the result of `read_folder`. Raises SnapshotError."""
    return from_parts(tuple(regions.items()))


def read_parts(folder: Path) -> tuple[tuple[str, dict[str, Any]], ...]:
    """The unparsed documents, one part for each account and Region. Raises SnapshotError."""
    return tuple((region, {path.stem: _read(path) for path in files}) for region, files in _found(folder))


def from_parts(parts: Iterable[tuple[str, Mapping[str, object]]]) -> Snapshot:
    """Build a snapshot from (Region, documents) of one or several accounts. Raises SnapshotError."""
    builder = _Builder()
    for region, documents in parts:
        builder.add(region, documents, {})
    return _build(builder)


def _found(folder: Path) -> list[tuple[str, list[Path]]]:
    regions = list(_regions(folder))
    if not regions:
        raise SnapshotError(
            f"{folder}: not a snapshot: expected files like Vpcs.json and Subnets.json, or a folder "
            "aws_configs/<region>/ with them. Create one with `netcheck snapshot --output DIR`."
        )
    return regions


BESIDE = frozenset({"Gaps", "HostedZones", "ResolverRules"})
"""Files of a snapshot that are not from EC2: the gaps, and the documents of name resolution."""


def _known_files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("*.json") if p.stem in ACTIONS or p.stem in BESIDE)


def _regions(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """Yield (region, its files). The region of a flat folder is ""."""
    if not folder.is_dir():
        raise SnapshotError(f"{folder}: no such folder. Create one with `netcheck snapshot --output DIR`.")
    flat = _known_files(folder)
    if flat:
        yield "", flat
        return
    root = folder / "aws_configs" if (folder / "aws_configs").is_dir() else folder
    accounts = sorted(p for p in (root / "accounts").glob("*") if p.is_dir())
    for account in [root, *accounts]:
        for region in sorted(p for p in account.glob("*") if p.is_dir()):
            files = _known_files(region)
            if files:
                yield region.name, files


def _read(path: Path) -> object:
    again = "Collect the snapshot again, or restore the file."
    try:
        return json.loads(path.read_bytes())
    except json.JSONDecodeError as broken:
        reason = f"line {broken.lineno} column {broken.colno}: not JSON ({broken.msg})"
        raise SnapshotError(f"{path}, {reason}. {again}") from None
    except UnicodeDecodeError as broken:
        raise SnapshotError(f"{path}, byte {broken.start}: not UTF-8 text. {again}") from None
    except (RecursionError, ValueError) as broken:
        raise SnapshotError(f"{path}: not JSON from AWS ({broken}). {again}") from None
    except OSError as broken:
        raise SnapshotError(f"{path}: cannot be read ({broken.strerror}). Check its permissions.") from None

"""The snapshot as read from its JSON, with the few look-ups that building it needs."""

from __future__ import annotations

from typing import Any

from tests.lab.cloud import Documents

Item = dict[str, Any]


class Account:
    """The snapshot, with the few look-ups that compiling needs."""

    def __init__(self, documents: Documents) -> None:
        self.documents = documents
        self.enis: list[Item] = self.all("NetworkInterfaces")
        self.subnets = {item["SubnetId"]: item for item in self.all("Subnets")}
        self.vpcs = {item["VpcId"]: item for item in self.all("Vpcs")}

    def all(self, file: str) -> list[Item]:
        items: list[Item] = self.documents[file][file]
        return items

    def vpc_cidrs(self, vpc: str) -> list[str]:
        item = self.vpcs[vpc]
        v4 = [one["CidrBlock"] for one in item["CidrBlockAssociationSet"]]
        return v4 + [one["Ipv6CidrBlock"] for one in item.get("Ipv6CidrBlockAssociationSet", [])]

    def subnet_cidrs(self, subnet: str) -> list[str]:
        item = self.subnets[subnet]
        return [
            item["CidrBlock"],
            *(one["Ipv6CidrBlock"] for one in item["Ipv6CidrBlockAssociationSet"]),
        ]

    def prefix_list(self, prefix_list: str) -> list[str]:
        for item in self.all("PrefixListEntries"):
            if item["PrefixListId"] == prefix_list:
                return [entry["Cidr"] for entry in item["Entries"]]
        return []

    def addresses(self, eni: Item) -> list[str]:
        return [one["PrivateIpAddress"] for one in eni["PrivateIpAddresses"]] + [
            one["Ipv6Address"] for one in eni["Ipv6Addresses"]
        ]

    def members(self, group: str) -> list[str]:
        """Every private address of the interfaces that hold a security group."""
        return [
            address
            for eni in self.enis
            if any(held["GroupId"] == group for held in eni["Groups"])
            for address in self.addresses(eni)
        ]

    def route_table(self, subnet: str) -> Item:
        """The table associated with the subnet, or else its VPC's main table."""
        main = None
        for table in self.all("RouteTables"):
            for association in table["Associations"]:
                if association.get("SubnetId") == subnet:
                    return table
                if association["Main"] and table["VpcId"] == self.subnets[subnet]["VpcId"]:
                    main = table
        assert main is not None, f"no route table for {subnet}"
        return main

    def acl(self, subnet: str) -> Item:
        return next(
            acl
            for acl in self.all("NetworkAcls")
            if any(association["SubnetId"] == subnet for association in acl["Associations"])
        )

    def hosts(self) -> list[Item]:
        return [eni for eni in self.enis if eni["InterfaceType"] not in ("nat_gateway", "transit_gateway")]

    def zone(self, subnet: str) -> str:
        zone: str = self.subnets[subnet]["AvailabilityZone"]
        return zone

    def attachment(self, gateway: str, vpc: str) -> str:
        """How the VPC is attached to the transit gateway."""
        found: str = next(
            item["TransitGatewayAttachmentId"]
            for item in self.all("TransitGatewayVpcAttachments")
            if item["TransitGatewayId"] == gateway and item["VpcId"] == vpc
        )
        return found

    def destinations(self, route: Item) -> list[str]:
        """The CIDRs of a route: one, or those of its prefix list."""
        if "DestinationPrefixListId" in route:
            return self.prefix_list(route["DestinationPrefixListId"])
        return [route.get("DestinationCidrBlock") or route["DestinationIpv6CidrBlock"]]

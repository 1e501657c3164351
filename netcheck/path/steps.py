"""The next step of packets after a hop."""

from __future__ import annotations

from typing import NamedTuple

from netcheck.aws.ec2.entities import RouteTable, Subnet
from netcheck.path.flows import Region


class Leave(NamedTuple):
    """Leave a network interface in this subnet: its route table and network ACL apply."""

    subnet: Subnet


class ByTable(NamedTuple):
    """Follow this route table without leaving a subnet (a regional NAT gateway has none)."""

    table: RouteTable


class Deliver(NamedTuple):
    """Be delivered inside this VPC, from this subnet, or from a gateway if it is None."""

    vpc: str
    subnet: Subnet | None


Step = Leave | ByTable | Deliver
Onward = tuple[tuple[Region, Step], ...]
"""The next step of each set of flows; flows not listed end here."""

ENDED: Onward = ()

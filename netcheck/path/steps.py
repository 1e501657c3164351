"""What a next hop says about where the packets go on."""

from __future__ import annotations

from typing import NamedTuple

from netcheck.aws.ec2.entities import RouteTable, Subnet
from netcheck.path.flows import Region


class Leave(NamedTuple):
    """They leave a network interface in this subnet, so its route table and network ACL apply."""

    subnet: Subnet


class ByTable(NamedTuple):
    """They follow this route table but leave no subnet (a regional NAT gateway has none)."""

    table: RouteTable


class Deliver(NamedTuple):
    """They are delivered inside this VPC; from this subnet, or from a gateway if there is none."""

    vpc: str
    subnet: Subnet | None


Step = Leave | ByTable | Deliver
Onward = tuple[tuple[Region, Step], ...]
"""Where each part goes on; what is not in it has ended."""

ENDED: Onward = ()

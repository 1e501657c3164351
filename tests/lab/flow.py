"""What is asked of the kernel, and what it answers. Plain data that travels as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

INTERNET = "internet"


@dataclass(frozen=True, slots=True)
class Flow:
    """One connection attempt: from a network interface (or ``INTERNET``) to an address and port."""

    source: str
    address: str
    source_port: int
    destination: str
    port: int
    protocol: str = "tcp"


CROSSED = "crossed"
NEW = "new-conversation"
UNASKED = "unasked"


class Drop(StrEnum):
    """Which kind of component threw a packet away."""

    SECURITY_GROUP = "security-group"
    ACL = "acl"
    ROUTE_MISSING = "route-missing"
    ROUTE_BLACKHOLE = "route-blackhole"
    ROUTE_LOOP = "route-loop"
    NOBODY = "nobody"
    IGW_NO_PUBLIC_ADDRESS = "igw-no-public-address"
    IGW_PRIVATE_DESTINATION = "igw-private-destination"
    IGW_NOBODY = "igw-nobody"
    EGRESS_ONLY = "egress-only"
    ENDPOINT_PROTOCOL = "endpoint-protocol"
    ENDPOINT_OUTSIDE = "endpoint-outside"
    NAT_STATE = "nat-state"
    NAT_NO_FLOW = "nat-no-flow"
    PEERING_OUTSIDE = "peering-outside"
    TRANSIT_ZONE = "transit-zone"
    TRANSIT_ASSOCIATION = "transit-association"
    TRANSIT_MISSING = "transit-missing"
    TRANSIT_BLACKHOLE = "transit-blackhole"


@dataclass(frozen=True, slots=True)
class Outcome:
    """``connected``, or silence with the component that dropped the packet and on which leg.

    ``component`` is an AWS id, ``detail`` what of it (a direction, a rule number, a destination). ``crossed``
    names the legs that left the account by one gateway to the internet and came back by another.
    """

    connected: bool
    drop: Drop | None = None
    component: str = ""
    detail: str = ""
    leg: str = ""
    crossed: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.connected:
            return "connected"
        if self.drop is None:
            return "silence, and no drop was logged"
        return f"timeout: {self.drop} {self.component} {self.detail} on the {self.leg} leg"

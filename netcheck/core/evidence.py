"""What a finding rests on, typed: what diagnosis and repair compute with. Evidence for people is JSON."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Answered(StrEnum):
    """What became of one connection attempt. `nothing`: it was not tried, or not to the end."""

    CONNECTED = "connected"
    REFUSED = "refused"
    """An answer that is no connection (a refusal, a reset): packets travel both ways."""
    SILENT = "silent"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class AddressOutcome:
    """What became of a connection to one address of the target."""

    address: str
    answered: Answered


@dataclass(frozen=True, slots=True)
class ConnectionOutcome:
    """What became of the connections to all addresses of a target. `answered` is what a client would say."""

    answered: Answered
    addresses: tuple[AddressOutcome, ...] = ()


class Reachability(StrEnum):
    """What AWS's configuration does with a path's flows."""

    REACHABLE = "reachable"
    PARTIAL = "partial"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Passing:
    """Of a partial path, flows that pass: from these CIDR blocks with these source ports (first, last).

    `translated`: only where a NAT gateway then chooses an address and a port that pass.
    """

    blocks: tuple[str, ...]
    ports: tuple[tuple[int, int], ...]
    translated: bool = False


@dataclass(frozen=True, slots=True)
class TracedPath:
    """One traced path: from a worker subnet (or interface) to one address, as AWS is configured.

    `blockers` are (explanation code, component). `permissions` are the IAM actions that would settle what is
    unknown; `assumptions` is what the verdict takes for granted.
    """

    source: str
    destination: str
    verdict: Reachability
    protocol: str = "tcp"
    port: int | None = None
    blockers: tuple[tuple[str, str], ...] = ()
    passing: tuple[Passing, ...] = ()
    permissions: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()

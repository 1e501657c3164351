"""Is it one port of a host that is silent, or the host? Asks other ports at which it is known to listen."""

from __future__ import annotations

import time
from dataclasses import dataclass

from netcheck.core.context import Deadline
from netcheck.core.model import Cause
from netcheck.probe.transport.tcp import finish, open_to


@dataclass(frozen=True, slots=True)
class Port:
    """What one port of one address said to a connection. `cause` is None when it connected."""

    address: str
    port: int
    cause: Cause | None
    detail: str

    @property
    def answered(self) -> bool:
        """Whether its host said anything: a refusal is an answer too, an ICMP error is somebody else's."""
        return self.cause in (None, Cause.CONNECTION_REFUSED, Cause.CONNECTION_RESET)


@dataclass(frozen=True, slots=True)
class Ports:
    """What several ports of some addresses said, in the order asked."""

    asked: tuple[Port, ...]
    seconds: float


def ask_ports(deadline: Deadline, addresses: tuple[str, ...], ports: tuple[int, ...]) -> Ports:
    """Connect to every port of every address side by side, and close again without a word."""
    start = time.monotonic()
    places = [(address, port) for address in addresses for port in ports]
    opened = [open_to(*place) for place in places]
    ended = finish(deadline, opened, [address for address, _ in places])
    asked = (Port(*place, one.cause, one.detail) for place, one in zip(places, ended, strict=True))
    return Ports(tuple(asked), time.monotonic() - start)

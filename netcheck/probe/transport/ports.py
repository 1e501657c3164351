"""Connects to other known ports of a silent host, to tell a silent port from a silent host."""

from __future__ import annotations

import time
from dataclasses import dataclass

from netcheck.core.context import Deadline
from netcheck.core.model import Cause
from netcheck.probe.transport.tcp import finish, open_to


@dataclass(frozen=True, slots=True)
class Port:
    """The result of connecting to one port of one address. `cause` is None when it connected."""

    address: str
    port: int
    cause: Cause | None
    detail: str

    @property
    def answered(self) -> bool:
        """Whether its host answered: a refusal is an answer too, an ICMP error may come from another host."""
        return self.cause in (None, Cause.CONNECTION_REFUSED, Cause.CONNECTION_RESET)


@dataclass(frozen=True, slots=True)
class Ports:
    """The results of connecting to several ports of some addresses, in the order given."""

    asked: tuple[Port, ...]
    seconds: float


def ask_ports(deadline: Deadline, addresses: tuple[str, ...], ports: tuple[int, ...]) -> Ports:
    """Connect to every port of every address in parallel, and close without sending anything."""
    start = time.monotonic()
    endpoints = [(address, port) for address in addresses for port in ports]
    opened = [open_to(*endpoint) for endpoint in endpoints]
    ended = finish(deadline, opened, [address for address, _ in endpoints])
    tried = (Port(*endpoint, one.cause, one.detail) for endpoint, one in zip(endpoints, ended, strict=True))
    return Ports(tuple(tried), time.monotonic() - start)

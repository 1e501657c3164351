"""Does silence depend on the port that we call from? Only a filter without memory makes it so.

A security group remembers connections and lets their answers through, whatever port they go to. A network ACL
does not: where its rules pass only part of the ephemeral ports, answers to the others are lost
(https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html#nacl-ephemeral-ports).
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass

from netcheck.core.context import Deadline
from netcheck.core.model import Cause
from netcheck.probe.transport.failure import is_long_enough
from netcheck.probe.transport.tcp import Connection, finish, open_to

RANGES = ((1024, 32767), (32768, 49151), (49152, 60999), (61000, 65535))
"""Where common rules cut: Linux takes 32768 to 60999, IANA and Windows begin at 49152, NAT gateways and ELB
take 1024 to 65535. Both ends of each are called from."""

_CHOICES = 4
"""Ports that are tried for each place, should another program have the first."""


@dataclass(frozen=True, slots=True)
class SourcePortAttempt:
    """A connection from one source port. `cause` is None when it connected; `retransmits` counts repeated
    SYNs, None where the kernel does not tell. `port` is 0 where none was to be had.
    """

    port: int
    cause: Cause | None
    retransmits: int | None


@dataclass(frozen=True, slots=True)
class SourcePorts:
    """Connections to one address from both ends of each of RANGES.

    A second round, from the ports beside, is there where the first one answered in part. No round at all:
    there was not time enough to call anything silence.
    """

    address: str
    port: int
    rounds: tuple[tuple[SourcePortAttempt, ...], ...]
    seconds: float


def sweep(deadline: Deadline, address: str, port: int) -> SourcePorts:
    """Connect from eight source ports side by side, in half of the time, and close again at once; where some
    answer and some do not, again from those beside, in the other half.
    """
    start = time.monotonic()
    rounds: list[tuple[SourcePortAttempt, ...]] = []
    for number in range(2):
        half = deadline.left() / (2 - number)
        if not is_long_enough(half, half) or (rounds and not is_split(rounds[0])):
            break
        rounds.append(_round(deadline.step(half), address, port, number))
    return SourcePorts(address, port, tuple(rounds), time.monotonic() - start)


def is_split(tried: Iterable[SourcePortAttempt]) -> bool:
    """Whether some were answered and others met silence."""
    kinds = {answered(one) for one in tried}
    return {True, False} <= kinds


def answered(one: SourcePortAttempt) -> bool | None:
    """Whether anything came back: a refusal crosses the path as well. None where that is not known."""
    match one.cause:
        case None | Cause.CONNECTION_REFUSED | Cause.CONNECTION_RESET:
            return True
        case Cause.TIMED_OUT:
            return False
        case _:
            return None


def _round(deadline: Deadline, address: str, port: int, number: int) -> tuple[SourcePortAttempt, ...]:
    opened = [open_to(address, port, _choices(end, step, number)) for end, step in _ends()]
    ports = [one.getsockname()[1] if isinstance(one, socket.socket) else 0 for one in opened]
    ended = finish(deadline, opened, [address] * len(opened))
    return tuple(_from(port, one) for port, one in zip(ports, ended, strict=True))


def _ends() -> list[tuple[int, int]]:
    """Each end of each range, and which way is inwards."""
    return [end for low, high in RANGES for end in ((low, 1), (high, -1))]


def _choices(end: int, inwards: int, number: int) -> list[int]:
    """Even steps for the first round, odd ones for the second: no port is called from twice."""
    return [end + inwards * (2 * choice + number) for choice in range(_CHOICES)]


def _from(port: int, one: Connection) -> SourcePortAttempt:
    return SourcePortAttempt(port, one.cause, one.kernel.retransmits if one.kernel else None)

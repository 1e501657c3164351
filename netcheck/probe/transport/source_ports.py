"""Tests whether silence depends on the source port, as only a stateless filter makes it.

A security group is stateful and allows the return traffic of a connection to any port. A network ACL is
stateless: where its rules allow only part of the ephemeral ports, return traffic to the others is dropped
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
"""The usual boundaries of ephemeral port rules: Linux uses 32768 to 60999, IANA and Windows start at 49152,
NAT gateways and ELB use 1024 to 65535. Connections are made from both ends of each range."""

_CHOICES = 4
"""Candidate ports at each end, in case another program uses the first."""


@dataclass(frozen=True, slots=True)
class SourcePortAttempt:
    """A connection from one source port. `cause` is None when it connected; `retransmits` is the number of
    SYN retransmissions, None where the kernel does not report it. `port` is 0 where no source port was free.
    """

    port: int
    cause: Cause | None
    retransmits: int | None


@dataclass(frozen=True, slots=True)
class SourcePorts:
    """Connections to one address from both ends of each of RANGES.

    There is a second round, from adjacent ports, where only part of the first was answered. There is no round
    where there was not enough time for silence to prove anything.
    """

    address: str
    port: int
    rounds: tuple[tuple[SourcePortAttempt, ...], ...]
    seconds: float


def sweep(deadline: Deadline, address: str, port: int) -> SourcePorts:
    """Connect from eight source ports in parallel, in half of the time, and close at once. Where only some
    are answered, repeat from adjacent ports in the other half.
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
    """Whether some were answered and others got silence."""
    kinds = {answered(one) for one in tried}
    return {True, False} <= kinds


def answered(one: SourcePortAttempt) -> bool | None:
    """Whether there was an answer, which a refusal is too. None where that is unknown."""
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
    """Each end of each range, and the step into the range."""
    return [end for low, high in RANGES for end in ((low, 1), (high, -1))]


def _choices(end: int, inwards: int, number: int) -> list[int]:
    """Even steps for the first round, odd steps for the second, so that no port is used twice."""
    return [end + inwards * (2 * choice + number) for choice in range(_CHOICES)]


def _from(port: int, one: Connection) -> SourcePortAttempt:
    return SourcePortAttempt(port, one.cause, one.kernel.retransmits if one.kernel else None)

"""Finds out why TLS gets no answer: sends the ClientHello again, each time with one thing changed.

| changed | an answer then means |
|---|---|
| nothing | it was slow, or answers intermittently |
| small segments | full-size packets are lost: a path MTU black hole (RFC 2923, 2.1) |
| no name, another name | this server name gets no answer |
| one byte only, no ClientHello | data arrives, the ClientHello does not: something inspects it |
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum

from netcheck.core.context import Deadline
from netcheck.core.credentials import Trust
from netcheck.core.model import Cause
from netcheck.probe.tls.session import Session
from netcheck.probe.tls.trust import verifier
from netcheck.probe.transport.background import in_background
from netcheck.probe.transport.failure import Failed, is_long_enough
from netcheck.probe.transport.wire import Wire

SMALL_SEGMENT = 1200
"""Bytes. Fits every IPv6 path (RFC 8200: 1280) and every tunnel, and still holds a whole ClientHello."""

OTHER_NAME = "netcheck.invalid"
"""A name that no server has (RFC 2606)."""

_FIRST_BYTE = b"\x16"
"""The first byte of a TLS record: a server waits for the rest."""

_POLL_INTERVAL = 0.05
"""Seconds between two reads of a connection's TCP_INFO."""


class Variation(StrEnum):
    """The difference from the handshake that got no answer."""

    NOTHING = "nothing"
    SMALL_SEGMENTS = "small_segments"
    NO_NAME = "no_name"
    OTHER_NAME = "other_name"
    ONE_BYTE = "one_byte"


@dataclass(frozen=True, slots=True)
class Hello:
    """One connection, and the result of the ClientHello (or of the one byte).

    `cause` is None when the TLS handshake succeeded; the certificate is not verified. `received` is the
    number of bytes received. `acknowledged` is whether the peer's TCP acknowledged all that we sent, None
    where the kernel does not report it. `retransmits` is the number of retransmitted segments.
    """

    variation: Variation
    cause: Cause | None
    detail: str
    received: int
    acknowledged: bool | None
    retransmits: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Hellos:
    """Variations of one handshake, made in parallel. There is a second round where one was answered or was
    not acknowledged: a claim needs two observations. There is no round where there was not enough time for
    silence to prove anything.
    """

    address: str
    port: int
    server_name: str
    rounds: tuple[tuple[Hello, ...], ...]
    seconds: float


def vary_hello(
    deadline: Deadline, address: str, port: int, server_name: str, variations: tuple[Variation, ...]
) -> Hellos:
    """Send a ClientHello in each of these variations in parallel, in half of the time, and repeat them in the
    other half where a result has to be confirmed. Sends nothing after a handshake.
    """
    start = time.monotonic()
    rounds: list[tuple[Hello, ...]] = []
    for number in range(2):
        half = deadline.left() / (2 - number)
        if not is_long_enough(half, half) or (rounds and not _needs_confirmation(rounds[0])):
            break
        step = deadline.step(half)
        begun = [_begin(step, (address, port, server_name), one) for one in variations]
        rounds.append(tuple(future.result() for future in begun))
    return Hellos(address, port, server_name, tuple(rounds), time.monotonic() - start)


def _needs_confirmation(hellos: tuple[Hello, ...]) -> bool:
    complete = [one for one in hellos if one.variation is not Variation.ONE_BYTE]
    return any(one.received or one.acknowledged is False for one in complete)


def _begin(deadline: Deadline, where: tuple[str, int, str], variation: Variation) -> Future[Hello]:
    return in_background(lambda: _hello(deadline, where, variation))


def _hello(deadline: Deadline, where: tuple[str, int, str], variation: Variation) -> Hello:
    start = time.monotonic()
    small = SMALL_SEGMENT if variation is Variation.SMALL_SEGMENTS else None
    address, port, server_name = where
    try:
        wire = Wire(deadline, address, port, largest_segment=small)
    except Failed as failure:
        spent = time.monotonic() - start
        return Hello(variation, failure.cause, failure.detail, 0, None, None, spent)
    try:
        if variation is Variation.ONE_BYTE:
            failed = _send_one_byte(deadline, wire)
        else:
            failed = _handshake(wire, _name(variation, address, server_name))
        known = wire.evidence()
    finally:
        wire.close()
    return Hello(
        variation=variation,
        cause=None if failed is None else failed.cause,
        detail="" if failed is None else failed.detail,
        received=wire.received,
        acknowledged=None if known is None else known.bytes_acked > wire.sent,
        retransmits=None if known is None else known.retransmits,
        seconds=time.monotonic() - start,
    )


def _name(variation: Variation, address: str, server_name: str) -> str:
    """The server name for the SNI extension. An address is not sent in it (RFC 6066, 3)."""
    match variation:
        case Variation.NO_NAME:
            return address
        case Variation.OTHER_NAME:
            return OTHER_NAME
        case _:
            return server_name


def _handshake(wire: Wire, name: str) -> Failed | None:
    try:
        Session(wire, verifier(Trust(), verify=False), name).handshake()
    except Failed as failure:
        return failure
    return None


def _send_one_byte(deadline: Deadline, wire: Wire) -> Failed | None:
    """None once the byte is acknowledged or the peer reacts to it."""
    try:
        wire.send(_FIRST_BYTE)
    except Failed as failure:
        return failure
    while deadline.left() > 0:
        known = wire.evidence()
        if known is None or known.unacked == 0 or wire.wait_readable(_POLL_INTERVAL):
            return None
    return Failed(Cause.TIMED_OUT, "one byte was sent, and not acknowledged")

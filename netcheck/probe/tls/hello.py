"""Why does TLS get no answer? The same ClientHello again, each time with one thing changed.

| changed | an answer then means |
|---|---|
| nothing | it was slow, or answers now and then |
| small segments | packets of full size are lost: a path MTU that nobody tells us (RFC 2923, 2.1) |
| no name, another name | it is the name that is not answered |
| one byte only, no ClientHello | data arrives, the ClientHello does not: something reads it |
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
"""Bytes. Fits into every IPv6 path (RFC 8200: 1280) and every tunnel, and still holds a whole ClientHello."""

OTHER_NAME = "netcheck.invalid"
"""A name that is nobody's (RFC 2606)."""

_FIRST_BYTE = b"\x16"
"""Of a TLS record: whoever listens waits for the rest."""

_LOOK_AGAIN = 0.05
"""Seconds between two looks at what the kernel knows of a connection."""


class Variation(StrEnum):
    """What is different from the handshake that got no answer."""

    NOTHING = "nothing"
    SMALL_SEGMENTS = "small_segments"
    NO_NAME = "no_name"
    OTHER_NAME = "other_name"
    ONE_BYTE = "one_byte"


@dataclass(frozen=True, slots=True)
class Hello:
    """One connection, and what became of the ClientHello (or of the one byte).

    `cause` is None when TLS came about; the certificate is not looked at. `received` counts the bytes that
    came back. `acknowledged`: whether the peer's TCP has all that we sent; None where the kernel does not
    tell. `retransmits` counts segments sent again.
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
    """Variations of one handshake, side by side. A second round is there where one was answered, or did not
    even arrive: what is claimed has to be seen twice. No round at all: there was not time enough to call
    anything silence.
    """

    address: str
    port: int
    server_name: str
    rounds: tuple[tuple[Hello, ...], ...]
    seconds: float


def vary_hello(
    deadline: Deadline, address: str, port: int, server_name: str, variations: tuple[Variation, ...]
) -> Hellos:
    """Say hello in each of these variations side by side, in half of the time; in the other half once more
    where that told anything. Sends nothing after a handshake.
    """
    start = time.monotonic()
    rounds: list[tuple[Hello, ...]] = []
    for number in range(2):
        half = deadline.left() / (2 - number)
        if not is_long_enough(half, half) or (rounds and not _is_telling(rounds[0])):
            break
        step = deadline.step(half)
        begun = [_begin(step, (address, port, server_name), one) for one in variations]
        rounds.append(tuple(future.result() for future in begun))
    return Hellos(address, port, server_name, tuple(rounds), time.monotonic() - start)


def _is_telling(hellos: tuple[Hello, ...]) -> bool:
    said = [one for one in hellos if one.variation is not Variation.ONE_BYTE]
    return any(one.received or one.acknowledged is False for one in said)


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
            failed = _shake_hands(wire, _name(variation, address, server_name))
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
    """The name to send. An address is never sent as one (RFC 6066, 3)."""
    match variation:
        case Variation.NO_NAME:
            return address
        case Variation.OTHER_NAME:
            return OTHER_NAME
        case _:
            return server_name


def _shake_hands(wire: Wire, name: str) -> Failed | None:
    try:
        Session(wire, verifier(Trust(), verify=False), name).handshake()
    except Failed as failure:
        return failure
    return None


def _send_one_byte(deadline: Deadline, wire: Wire) -> Failed | None:
    """None once it has been acknowledged, or whatever the peer did upon it."""
    try:
        wire.send(_FIRST_BYTE)
    except Failed as failure:
        return failure
    while deadline.left() > 0:
        known = wire.evidence()
        if known is None or known.unacked == 0 or wire.wait_readable(_LOOK_AGAIN):
            return None
    return Failed(Cause.TIMED_OUT, "one byte was sent and not acknowledged")

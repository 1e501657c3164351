"""A second connection, made to understand why the first one was hung up on."""

from __future__ import annotations

import math

from netcheck.core.context import Deadline, DeadlineExceeded
from netcheck.core.credentials import Trust
from netcheck.core.model import Cause
from netcheck.probe.tls.stream import Tls, open_stream
from netcheck.probe.transport.failure import SHORTEST_SILENCE, Failed

LONGEST = 2.0
"""Seconds that a second look may take: the peer has just answered, if only by hanging up."""

HUNG_UP = (Cause.CONNECTION_CLOSED, Cause.CONNECTION_RESET)
"""What a TLS port does when it is spoken to in plaintext, unless it answers with an alert."""

HUNG_UP_ON_TLS = (
    Cause.TLS_NOT_SUPPORTED,
    Cause.TLS_CLOSED_AFTER_CLIENT_HELLO,
    Cause.TLS_RESET_AFTER_CLIENT_HELLO,
)
"""What a plaintext port does when it is spoken to in TLS."""

NO_TLS_ANSWER = (
    Cause.TLS_CLOSED_AFTER_CLIENT_HELLO,
    Cause.TLS_RESET_AFTER_CLIENT_HELLO,
    # ClickHouse's HTTP port takes a ClientHello for the beginning of a request and waits for the rest.
    Cause.TLS_SILENT_AFTER_CLIENT_HELLO,
)
"""What an HTTP port without TLS does then, unless it answers in plain words."""

_SHARE = 0.3
_SPOKEN_ALL_THE_SAME = (
    Cause.TLS_PROTOCOL_VERSION,
    Cause.TLS_HANDSHAKE_FAILURE,
    Cause.TLS_CLIENT_CERTIFICATE_WANTED,
)


class ReservedDeadline(Deadline):
    """A deadline that ends early, so that there is time for a second look, until it turns out that none
    is needed.
    """

    def __init__(self, whole: Deadline) -> None:
        super().__init__(whole.left())
        self._whole = whole
        share = min(LONGEST, whole.left() * _SHARE)
        self._kept = share if whole.left() - share >= SHORTEST_SILENCE else 0.0

    def release(self) -> None:
        """From now on it ends when the whole deadline does."""
        self._kept = 0.0

    def left(self) -> float:
        return max(0.0, self._whole.left() - self._kept)

    def remaining(self, cap: float = math.inf) -> float:
        left = self.left()
        if left <= 0:
            raise DeadlineExceeded("no time left")
        return min(left, cap)


def speaks_tls(deadline: Deadline, address: str, port: int, host: str) -> bool:
    """Whether a ClientHello gets a TLS answer there, be it a refusal. Verifies nothing and sends nothing
    more.
    """
    try:
        with open_stream(deadline.step(LONGEST), address, port, tls=Tls(host, Trust(), verify=False)):
            return True
    except Failed as failure:
        return failure.cause in _SPOKEN_ALL_THE_SAME


def plaintext_to_tls(deadline: Deadline, address: str, port: int, host: str, failure: Failed) -> Failed:
    """The failure of a plaintext conversation, or a better account of it where the port turns out to speak
    TLS.
    """
    if failure.cause in HUNG_UP and speaks_tls(deadline, address, port, host):
        return Failed(Cause.PLAINTEXT_ON_TLS_PORT, "it hung up on plaintext, and answers TLS")
    return failure

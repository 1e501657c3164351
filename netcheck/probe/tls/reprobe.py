"""A second connection, to find out why the peer closed the first one."""

from __future__ import annotations

import math

from netcheck.core.context import Deadline, DeadlineExceeded
from netcheck.core.credentials import Trust
from netcheck.core.model import Cause
from netcheck.probe.tls.stream import Tls, open_stream
from netcheck.probe.transport.failure import SHORTEST_SILENCE, Failed

LONGEST = 2.0
"""Time limit of a second connection in seconds: the peer has just reacted, if only by closing."""

CONNECTION_TERMINATED = (Cause.CONNECTION_CLOSED, Cause.CONNECTION_RESET)
"""The reaction of a TLS port to plaintext, unless it answers with an alert."""

TLS_CONNECTION_TERMINATED = (
    Cause.TLS_NOT_SUPPORTED,
    Cause.TLS_CLOSED_AFTER_CLIENT_HELLO,
    Cause.TLS_RESET_AFTER_CLIENT_HELLO,
)
"""The reaction of a plaintext port to a ClientHello."""

NO_TLS_ANSWER = (
    Cause.TLS_CLOSED_AFTER_CLIENT_HELLO,
    Cause.TLS_RESET_AFTER_CLIENT_HELLO,
    # ClickHouse's HTTP port takes a ClientHello for the start of a request and waits for the rest.
    Cause.TLS_SILENT_AFTER_CLIENT_HELLO,
)
"""The reaction of an HTTP port without TLS to a ClientHello, unless it answers in plaintext."""

_SHARE = 0.3
_ANSWERED_IN_TLS = (
    Cause.TLS_PROTOCOL_VERSION,
    Cause.TLS_HANDSHAKE_FAILURE,
    Cause.TLS_CLIENT_CERTIFICATE_WANTED,
)


class ReservedDeadline(Deadline):
    """A deadline that ends early to reserve time for a second connection, until `release`."""

    def __init__(self, whole: Deadline) -> None:
        super().__init__(whole.left())
        self._whole = whole
        share = min(LONGEST, whole.left() * _SHARE)
        self._reserved = share if whole.left() - share >= SHORTEST_SILENCE else 0.0

    def release(self) -> None:
        """Use the reserved time too: a second connection is not needed."""
        self._reserved = 0.0

    def left(self) -> float:
        return max(0.0, self._whole.left() - self._reserved)

    def remaining(self, cap: float = math.inf) -> float:
        left = self.left()
        if left <= 0:
            raise DeadlineExceeded("no time left")
        return min(left, cap)


def speaks_tls(deadline: Deadline, address: str, port: int, host: str) -> bool:
    """Whether a ClientHello gets a TLS answer, also an alert. Verifies nothing and sends nothing more."""
    try:
        with open_stream(deadline.step(LONGEST), address, port, tls=Tls(host, Trust(), verify=False)):
            return True
    except Failed as failure:
        return failure.cause in _ANSWERED_IN_TLS


def plaintext_to_tls(deadline: Deadline, address: str, port: int, host: str, failure: Failed) -> Failed:
    """The failure of a plaintext connection, or `plaintext_on_tls_port` where the port answers TLS."""
    if failure.cause in CONNECTION_TERMINATED and speaks_tls(deadline, address, port, host):
        return Failed(
            Cause.PLAINTEXT_ON_TLS_PORT, "the port closed the plaintext connection, and answers TLS"
        )
    return failure

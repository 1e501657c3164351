"""A second connection, made to understand why the first one was hung up on."""

from __future__ import annotations

from netcheck.context import Deadline
from netcheck.credentials import Trust
from netcheck.model import Cause
from netcheck.probe.failure import Failed
from netcheck.probe.stream import Tls, open_stream

LONGEST = 2.0
"""Seconds that a second look may take: the peer has just answered, if only by hanging up."""

HUNG_UP = (Cause.CONNECTION_CLOSED, Cause.CONNECTION_RESET)
"""What a TLS port does when it is spoken to in plaintext, unless it answers with an alert."""

HUNG_UP_ON_TLS = (
    Cause.TLS_NOT_SPOKEN,
    Cause.TLS_CLOSED_AFTER_CLIENT_HELLO,
    Cause.TLS_RESET_AFTER_CLIENT_HELLO,
)
"""What a plaintext port does when it is spoken to in TLS."""

_SPOKEN_ALL_THE_SAME = (
    Cause.TLS_PROTOCOL_VERSION,
    Cause.TLS_HANDSHAKE_FAILURE,
    Cause.TLS_CLIENT_CERTIFICATE_WANTED,
)


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
        return Failed(Cause.SPOKE_PLAINTEXT_TO_TLS, "it hung up on plaintext, and answers TLS")
    return failure

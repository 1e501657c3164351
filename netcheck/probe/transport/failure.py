"""Maps the operating system's errors to causes: one closed table by errno."""

from __future__ import annotations

import errno
import socket

from netcheck.core.model import Cause

SHORTEST_SILENCE = 1.0
"""Seconds. In less, silence proves nothing: TCP retransmits a lost SYN after 1 s (RFC 6298)."""

SHORTEST_REPLY_WAIT = 0.5
"""Seconds. The same on an open connection, where Linux retransmits a lost segment after 0.2 s and one RTT."""

_CLOCK_SLACK = 0.05

_CAUSES = {
    errno.ECONNREFUSED: Cause.CONNECTION_REFUSED,
    errno.ECONNRESET: Cause.CONNECTION_RESET,
    errno.ECONNABORTED: Cause.CONNECTION_RESET,
    # The peer had closed the connection: the reset in response to what we send is reported as EPIPE.
    errno.EPIPE: Cause.CONNECTION_CLOSED,
    errno.ETIMEDOUT: Cause.TIMED_OUT,
    errno.EHOSTUNREACH: Cause.HOST_UNREACHABLE,
    errno.EHOSTDOWN: Cause.HOST_UNREACHABLE,
    # Linux reports rarer ICMP errors as these (protocol unreachable, parameter problem, host isolated).
    errno.ENOPROTOOPT: Cause.HOST_UNREACHABLE,
    errno.EPROTO: Cause.HOST_UNREACHABLE,
    getattr(errno, "ENONET", errno.EHOSTUNREACH): Cause.HOST_UNREACHABLE,
    errno.ENETUNREACH: Cause.NETWORK_UNREACHABLE,
    errno.ENETDOWN: Cause.NETWORK_UNREACHABLE,
    # connect() fails with EINVAL on a `blackhole` route of this host, with EACCES on a `prohibit` route. A
    # packet filter of this host that drops outgoing packets causes EPERM for UDP (and silence for TCP).
    errno.EINVAL: Cause.NETWORK_UNREACHABLE,
    errno.EACCES: Cause.PERMISSION_DENIED,
    errno.EPERM: Cause.PERMISSION_DENIED,
    # A kernel without that address family.
    errno.EAFNOSUPPORT: Cause.NETWORK_UNREACHABLE,
    errno.EMFILE: Cause.RESOURCES,
    errno.ENFILE: Cause.RESOURCES,
    errno.ENOBUFS: Cause.RESOURCES,
    errno.ENOMEM: Cause.RESOURCES,
    errno.EADDRINUSE: Cause.RESOURCES,
}


class Failed(Exception):
    """A failed step of a probe. Never leaves `netcheck.probe`: every probe turns it into an observation."""

    def __init__(self, cause: Cause, detail: str) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause = cause
        self.detail = detail


def cause_of(error: OSError, family: int = socket.AF_INET) -> Cause:
    """The cause of a socket's OSError.

    EADDRNOTAVAIL has two meanings: over IPv6 this host has no address of the required scope, over IPv4 all
    ephemeral ports are in use. An errno that is not in the table is `check_bug`, an `unknown` with the raw
    text as evidence, and no claim about the network.
    """
    if isinstance(error, TimeoutError):
        return Cause.TIMED_OUT
    if error.errno == errno.EADDRNOTAVAIL:
        return Cause.NETWORK_UNREACHABLE if family == socket.AF_INET6 else Cause.RESOURCES
    return _CAUSES.get(error.errno or 0, Cause.CHECK_BUG)


def errno_name(error: OSError) -> str:
    """The errno's name, such as `ECONNREFUSED`; the number where the platform has no name for it."""
    return errno.errorcode.get(error.errno or 0, str(error.errno))


def failed(error: OSError, doing: str, family: int = socket.AF_INET) -> Failed:
    """The Failed for an OSError; `doing` is the attempted action."""
    return Failed(cause_of(error, family), f"{doing}: {errno_name(error)} {error.strerror or error}")


def is_long_enough(step: float, waited: float) -> bool:
    """Whether silence proves something about the network, after waiting `waited` of the step's `step`
    seconds.
    """
    return step >= SHORTEST_SILENCE - _CLOCK_SLACK and waited >= SHORTEST_REPLY_WAIT - _CLOCK_SLACK

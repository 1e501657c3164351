"""What an error of the operating system says about the network: one closed table, from errno to cause."""

from __future__ import annotations

import errno
import socket

from netcheck.core.model import Cause

SHORTEST_SILENCE = 1.0
"""Seconds. A step that had less proves nothing by silence: TCP repeats a lost SYN after 1 s (RFC 6298)."""

SHORTEST_REPLY_WAIT = 0.5
"""Seconds. The same on an open connection, where Linux repeats a lost segment after 0.2 s and one RTT."""

_CLOCK_SLACK = 0.05

_CAUSES = {
    errno.ECONNREFUSED: Cause.CONNECTION_REFUSED,
    errno.ECONNRESET: Cause.CONNECTION_RESET,
    errno.ECONNABORTED: Cause.CONNECTION_RESET,
    # The peer had closed before: the reset that answers to what we send then comes as EPIPE.
    errno.EPIPE: Cause.CONNECTION_CLOSED,
    errno.ETIMEDOUT: Cause.TIMED_OUT,
    errno.EHOSTUNREACH: Cause.HOST_UNREACHABLE,
    errno.EHOSTDOWN: Cause.HOST_UNREACHABLE,
    # Linux makes these of rarer ICMP errors (protocol unreachable, parameter problem, host isolated).
    errno.ENOPROTOOPT: Cause.HOST_UNREACHABLE,
    errno.EPROTO: Cause.HOST_UNREACHABLE,
    getattr(errno, "ENONET", errno.EHOSTUNREACH): Cause.HOST_UNREACHABLE,
    errno.ENETUNREACH: Cause.NETWORK_UNREACHABLE,
    errno.ENETDOWN: Cause.NETWORK_UNREACHABLE,
    # A `blackhole` route of this host answers EINVAL to connect(), a `prohibit` route EACCES; a packet filter
    # of this host that drops what it sends, EPERM to UDP (and silence to TCP).
    errno.EINVAL: Cause.NETWORK_UNREACHABLE,
    errno.EACCES: Cause.PERMISSION_DENIED,
    errno.EPERM: Cause.PERMISSION_DENIED,
    # A kernel without that family.
    errno.EAFNOSUPPORT: Cause.NETWORK_UNREACHABLE,
    errno.EMFILE: Cause.RESOURCES,
    errno.ENFILE: Cause.RESOURCES,
    errno.ENOBUFS: Cause.RESOURCES,
    errno.ENOMEM: Cause.RESOURCES,
    errno.EADDRINUSE: Cause.RESOURCES,
}


class Failed(Exception):
    """A step of a probe ended here. Never leaves `netcheck.probe`: every probe makes an observation of it."""

    def __init__(self, cause: Cause, detail: str) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause = cause
        self.detail = detail


def cause_of(error: OSError, family: int = socket.AF_INET) -> Cause:
    """The cause that an OSError of a socket stands for.

    EADDRNOTAVAIL has two meanings: over IPv6 that this host has no address of the wanted scope, over IPv4
    that all ephemeral ports are taken. An errno that is not in the table says nothing that we know how to
    read: it is `check_bug`, an unknown of ours with the raw text as evidence, rather than a claim about the
    network.
    """
    if isinstance(error, TimeoutError):
        return Cause.TIMED_OUT
    if error.errno == errno.EADDRNOTAVAIL:
        return Cause.NETWORK_UNREACHABLE if family == socket.AF_INET6 else Cause.RESOURCES
    return _CAUSES.get(error.errno or 0, Cause.CHECK_BUG)


def errno_name(error: OSError) -> str:
    """`ECONNREFUSED` and the like; the bare number where the platform has no name for it."""
    return errno.errorcode.get(error.errno or 0, str(error.errno))


def failed(error: OSError, doing: str, family: int = socket.AF_INET) -> Failed:
    """The Failed for an OSError, `doing` saying what was tried."""
    return Failed(cause_of(error, family), f"{doing}: {errno_name(error)} {error.strerror or error}")


def is_long_enough(step: float, waited: float) -> bool:
    """Whether silence is a claim about the network: after `waited` seconds, in a step that had `step`
    seconds.
    """
    return step >= SHORTEST_SILENCE - _CLOCK_SLACK and waited >= SHORTEST_REPLY_WAIT - _CLOCK_SLACK

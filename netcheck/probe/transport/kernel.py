"""What the kernel knows about a TCP connection: TCP_INFO, and received ICMP errors. Linux only.

The offsets are those of `struct tcp_info` in linux/tcp.h, which is only extended at its end.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from dataclasses import dataclass

_INFO_SIZE = 148
_IP_RECVERR = 11
_IPV6_RECVERR = 25
_MSG_ERRQUEUE = 0x2000
_ORIGIN_ICMP = 2
_ORIGIN_ICMP6 = 3
_EXTENDED_ERROR = struct.Struct("=IBBBBII")
"""`struct sock_extended_err` in linux/errqueue.h; the sender's address follows it."""

_STATES = (
    "",
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
)


@dataclass(frozen=True, slots=True)
class TcpInfo:
    """TCP_INFO of one connection. Counts are of segments or bytes since the SYN; `rtt` is in seconds.

    `bytes_acked` counts the SYN as one byte; `unacked` is the number of sent segments not yet acknowledged.
    """

    state: str
    unacked: int
    retransmits: int
    rtt: float
    bytes_acked: int
    bytes_received: int
    segments_out: int
    segments_in: int


@dataclass(frozen=True, slots=True)
class IcmpError:
    """An ICMP error about this connection: type, code, and the address of the router or host that sent it."""

    type: int
    code: int
    sender: str


def tcp_info(connection: socket.socket) -> TcpInfo | None:
    """TCP_INFO of a socket; None where the platform has none, or a shorter one."""
    if sys.platform != "linux":
        return None
    try:
        raw = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_SIZE)
    except OSError:
        return None
    if len(raw) < _INFO_SIZE or raw[0] >= len(_STATES):
        return None

    def word(offset: int) -> int:
        return int.from_bytes(raw[offset : offset + 4], sys.byteorder)

    def quad(offset: int) -> int:
        return int.from_bytes(raw[offset : offset + 8], sys.byteorder)

    return TcpInfo(
        state=_STATES[raw[0]],
        unacked=word(24),
        retransmits=word(100),
        rtt=word(68) / 1e6,
        bytes_acked=quad(120),
        bytes_received=quad(128),
        segments_out=word(136),
        segments_in=word(140),
    )


def is_connected_to_itself(connection: socket.socket) -> bool:
    """Whether a connection to a port of this host is connected to itself (TCP's simultaneous open): the
    kernel chose the destination port as our source port, and nothing listens on it.
    """
    try:
        return bool(connection.getsockname() == connection.getpeername())
    except OSError:
        return False


def want_icmp_errors(connection: socket.socket) -> None:
    """Ask the kernel to queue ICMP errors for this socket, with their sender, on platforms that can.

    Only for a socket that is closed once it is connected: with this option an ICMP error that an open
    connection would survive ends it.
    """
    if sys.platform == "linux":
        level, option = (
            (socket.IPPROTO_IPV6, _IPV6_RECVERR)
            if connection.family == socket.AF_INET6
            else (socket.IPPROTO_IP, _IP_RECVERR)
        )
        connection.setsockopt(level, option, 1)


def icmp_error(connection: socket.socket) -> IcmpError | None:
    """The ICMP error that is queued for a socket after `want_icmp_errors`, or None."""
    if sys.platform != "linux":
        return None
    try:
        _, ancillary, _, _ = connection.recvmsg(512, 512, _MSG_ERRQUEUE)
    except OSError:
        return None
    for _, kind, data in ancillary:
        if kind in (_IP_RECVERR, _IPV6_RECVERR) and len(data) >= _EXTENDED_ERROR.size:
            _, origin, icmp_type, code, _, _, _ = _EXTENDED_ERROR.unpack_from(data)
            if origin in (_ORIGIN_ICMP, _ORIGIN_ICMP6):
                return IcmpError(icmp_type, code, _sender(data[_EXTENDED_ERROR.size :]))
    return None


def _sender(address: bytes) -> str:
    """The address in a `struct sockaddr`; empty where the kernel does not know it."""
    if len(address) < 8:
        return ""
    match int.from_bytes(address[:2], sys.byteorder):
        case socket.AF_INET:
            return str(ipaddress.IPv4Address(address[4:8]))
        case socket.AF_INET6 if len(address) >= 24:
            return str(ipaddress.IPv6Address(address[8:24]))
        case _:
            return ""

"""Reads the kernel's NFLOG messages: which packet was dropped, and the tag of the rule that dropped it.

Message layout: linux/netfilter/nfnetlink_log.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

NETLINK_NETFILTER = 12
SOL_NETLINK, NETLINK_NO_ENOBUFS = 270, 5
ULOG_PACKET, ULOG_CONFIG = 0x400, 0x401
CFG_CMD, CFG_MODE, CFG_BUFFER, CFG_THRESHOLD = 1, 2, 3, 5
ATTR_PAYLOAD, ATTR_PREFIX = 9, 10
GROUP = 1
SNAP = 80


@dataclass(frozen=True, slots=True)
class Dropped:
    """A dropped packet: protocol, where from, where to, and the rule's tag."""

    protocol: str
    source: str
    source_port: int
    destination: str
    port: int
    label: str


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def listen() -> socket.socket:
    """Subscribe to the log group in the present network namespace."""
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
    sock.setsockopt(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind((0, 0))
    # Small messages, each sent at once: the kernel charges a whole buffer to our queue for each one.
    settings = (
        _attribute(CFG_CMD, b"\x01")
        + _attribute(CFG_MODE, struct.pack("!IBB", SNAP, 2, 0))
        + _attribute(CFG_BUFFER, struct.pack("!I", 512))
        + _attribute(CFG_THRESHOLD, struct.pack("!I", 1))
    )
    body = struct.pack("!BBH", socket.AF_UNSPEC, 0, GROUP) + settings
    sock.send(struct.pack("=IHHII", 16 + len(body), ULOG_CONFIG, 0x1 | 0x4, 1, 0) + body)
    answer = sock.recv(4096)
    (error,) = struct.unpack_from("=i", answer, 16)
    if error:
        sock.close()
        raise OSError(-error, "NFLOG bind")
    sock.setblocking(False)
    return sock


def read(sock: socket.socket) -> Iterator[Dropped]:
    """Yield what has been logged so far, without waiting."""
    while True:
        try:
            data = sock.recv(65536)
        except BlockingIOError:
            return
        offset = 0
        while offset + 16 <= len(data):
            length, kind = struct.unpack_from("=IH", data, offset)
            if kind == ULOG_PACKET:
                dropped = _packet(data[offset + 20 : offset + length])
                if dropped:
                    yield dropped
            offset += (length + 3) & ~3


def _packet(attributes: bytes) -> Dropped | None:
    label, payload, offset = "", b"", 0
    while offset + 4 <= len(attributes):
        length, kind = struct.unpack_from("=HH", attributes, offset)
        value = attributes[offset + 4 : offset + length]
        match kind & 0x3FFF:
            case 10:
                label = value.rstrip(b"\0").decode()
            case 9:
                payload = value
        offset += (length + 3) & ~3
    return _headers(payload, label)


def _headers(payload: bytes, label: str) -> Dropped | None:
    if not payload:
        return None
    if payload[0] >> 4 == 4:
        start, number = (payload[0] & 15) * 4, payload[9]
        ends = (
            socket.inet_ntop(socket.AF_INET, payload[12:16]),
            socket.inet_ntop(socket.AF_INET, payload[16:20]),
        )
    else:
        start, number = 40, payload[6]
        ends = (
            socket.inet_ntop(socket.AF_INET6, payload[8:24]),
            socket.inet_ntop(socket.AF_INET6, payload[24:40]),
        )
    protocol = {6: "tcp", 17: "udp"}.get(number)
    if protocol is None:
        return None
    source_port, port = struct.unpack_from("!HH", payload, start)
    return Dropped(protocol, ends[0], source_port, ends[1], port, label)

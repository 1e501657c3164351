"""The TCP probe: every address of a name, all at once, with what the kernel knows of each."""

from __future__ import annotations

import errno
import ipaddress
import os
import selectors
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass

from netcheck.core.context import Deadline
from netcheck.core.model import Cause
from netcheck.probe.transport import kernel
from netcheck.probe.transport.failure import SHORTEST_SILENCE, cause_of, errno_name, is_long_enough
from netcheck.probe.transport.kernel import IcmpError, TcpInfo

_MOST_TELLING = (
    Cause.CONNECTION_REFUSED,
    Cause.CONNECTION_RESET,
    Cause.TIMED_OUT,
    Cause.HOST_UNREACHABLE,
    Cause.PERMISSION_DENIED,
    Cause.RESOURCES,
    Cause.DEADLINE,
    Cause.CHECK_BUG,
    # Last: the usual answer for the IPv6 addresses of a name on a host without IPv6.
    Cause.NETWORK_UNREACHABLE,
)


@dataclass(frozen=True, slots=True)
class Connection:
    """What became of a connection to one address. `family` is 4 or 6; `errno` a name such as `ECONNREFUSED`.

    `kernel` is TCP_INFO at the end, `icmp` the ICMP error that ended it: both None where Linux did not give
    them.
    """

    address: str
    family: int
    errno: str | None
    kernel: TcpInfo | None
    icmp: IcmpError | None
    cause: Cause | None
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Connections:
    """What became of the connections to all addresses of one target, in the order given.

    `cause` is None when at least one of them connected, as a client tries one address after the other; else
    the most telling of theirs.
    """

    port: int
    connections: tuple[Connection, ...]
    cause: Cause | None
    detail: str
    seconds: float


def connect(deadline: Deadline, addresses: tuple[str, ...], port: int) -> Connections:
    """Connect to every address side by side, and close again. Takes as long as the slowest of them."""
    start = time.monotonic()
    ended = finish(deadline, [open_to(address, port) for address in addresses], addresses)
    return _all(port, ended, time.monotonic() - start)


def finish(
    deadline: Deadline, opened: Sequence[socket.socket | Connection], addresses: Sequence[str]
) -> tuple[Connection, ...]:
    """Wait for what `open_to` began, side by side, and close it all again; what became of each, in order."""
    start = time.monotonic()
    step = deadline.left()
    done: dict[int, Connection] = {}
    with selectors.PollSelector() as selector:  # the one that needs no descriptor of its own
        for index, one in enumerate(opened):
            if isinstance(one, Connection):
                done[index] = one
            else:
                selector.register(one, selectors.EVENT_WRITE, index)
        left = 1.0
        while len(done) < len(opened) and left > 0:
            left = deadline.left()  # and where none is left, what has come while this host was busy
            for key, _ in selector.select(left):
                assert isinstance(key.fileobj, socket.socket)
                done[key.data] = _finished(key.fileobj, addresses[key.data], time.monotonic() - start)
                selector.unregister(key.fileobj)
                key.fileobj.close()
        for index, one in enumerate(opened):
            if isinstance(one, socket.socket) and index not in done:
                done[index] = _silent(one, addresses[index], step, time.monotonic() - start)
                one.close()
    return tuple(done[index] for index in range(len(opened)))


def open_to(address: str, port: int, source_ports: Sequence[int] = ()) -> socket.socket | Connection:
    """A socket that is connecting, or what already went wrong.

    From the first of `source_ports` that is free, or from one that the kernel picks where none is named.
    """
    start = time.monotonic()
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    try:
        opened = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        return _failure(address, error, None, None, time.monotonic() - start)
    try:
        opened.setblocking(False)
        kernel.want_icmp_errors(opened)
        if source_ports:
            _bind(opened, source_ports)
        opened.connect((address, port))
    except BlockingIOError:
        pass
    except OSError as error:
        opened.close()
        return _failure(address, error, None, None, time.monotonic() - start)
    return opened


def _bind(opened: socket.socket, source_ports: Sequence[int]) -> None:
    """Take the first free one. Raises OSError, EADDRINUSE where none is.

    Ended by a reset, so that the port does not linger in TIME_WAIT; shared with our connections elsewhere.
    """
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    for port in source_ports:
        try:
            opened.bind(("", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _finished(one: socket.socket, address: str, seconds: float) -> Connection:
    info = kernel.tcp_info(one)
    number = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number == 0 and kernel.is_connected_to_itself(one):
        number = errno.ECONNREFUSED
    if number:
        icmp = kernel.icmp_error(one)
        return _failure(address, OSError(number, os.strerror(number)), info, icmp, seconds)
    return Connection(address, _family(address), None, info, None, None, "", seconds)


def _failure(
    address: str, error: OSError, info: TcpInfo | None, icmp: IcmpError | None, seconds: float
) -> Connection:
    family = socket.AF_INET6 if _family(address) == 6 else socket.AF_INET
    detail = f"{errno_name(error)}: {error.strerror}"
    if icmp is not None:
        detail += f" (ICMP type {icmp.type} code {icmp.code} from {icmp.sender or 'an unknown sender'})"
    return Connection(
        address, _family(address), errno_name(error), info, icmp, cause_of(error, family), detail, seconds
    )


def _silent(one: socket.socket, address: str, step: float, seconds: float) -> Connection:
    info = kernel.tcp_info(one)
    if is_long_enough(step, seconds):
        cause, detail = Cause.TIMED_OUT, f"no answer to SYN in {seconds:.1f} s"
    else:
        cause, detail = (
            Cause.DEADLINE,
            f"only {seconds:.1f} s to wait; silence means something from {SHORTEST_SILENCE} s",
        )
    return Connection(address, _family(address), None, info, None, cause, detail, seconds)


def _all(port: int, connections: tuple[Connection, ...], seconds: float) -> Connections:
    failed = [one for one in connections if one.cause is not None]
    if len(failed) < len(connections):
        return Connections(port, connections, None, "", seconds)
    if not failed:
        return Connections(
            port, connections, Cause.DNS_NO_ADDRESS, "there is no address to connect to", seconds
        )
    worst = min(failed, key=lambda one: _MOST_TELLING.index(one.cause) if one.cause in _MOST_TELLING else 99)
    return Connections(port, connections, worst.cause, f"{worst.address}: {worst.detail}", seconds)


def _family(address: str) -> int:
    return ipaddress.ip_address(address).version

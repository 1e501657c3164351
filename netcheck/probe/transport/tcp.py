"""The TCP probe: connects to every address of a name in parallel, and reads the kernel's TCP_INFO."""

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

_MOST_SPECIFIC_FIRST = (
    Cause.CONNECTION_REFUSED,
    Cause.CONNECTION_RESET,
    Cause.TIMED_OUT,
    Cause.HOST_UNREACHABLE,
    Cause.PERMISSION_DENIED,
    Cause.RESOURCES,
    Cause.DEADLINE,
    Cause.CHECK_BUG,
    # Last: the usual error for a name's IPv6 addresses on a host without IPv6.
    Cause.NETWORK_UNREACHABLE,
)


@dataclass(frozen=True, slots=True)
class Connection:
    """The result of connecting to one address. `family` is 4 or 6; `errno` is a name like `ECONNREFUSED`.

    `kernel` is the final TCP_INFO and `icmp` the ICMP error that ended the attempt, None where the kernel has
    none.
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
    """The results of connecting to all addresses of one target, in the order given.

    `cause` is None when at least one connected, as a client tries one address after the other; else the most
    specific of their causes.
    """

    port: int
    connections: tuple[Connection, ...]
    cause: Cause | None
    detail: str
    seconds: float


def connect(deadline: Deadline, addresses: tuple[str, ...], port: int) -> Connections:
    """Connect to every address in parallel, and close. Takes as long as the slowest of them."""
    start = time.monotonic()
    ended = finish(deadline, [open_to(address, port) for address in addresses], addresses)
    return _all(port, ended, time.monotonic() - start)


def finish(
    deadline: Deadline, opened: Sequence[socket.socket | Connection], addresses: Sequence[str]
) -> tuple[Connection, ...]:
    """Wait for the connections that `open_to` started, and close them. The results are in the same order."""
    start = time.monotonic()
    step = deadline.left()
    done: dict[int, Connection] = {}
    with selectors.PollSelector() as selector:  # the only selector that needs no file descriptor
        for index, one in enumerate(opened):
            if isinstance(one, Connection):
                done[index] = one
            else:
                selector.register(one, selectors.EVENT_WRITE, index)
        left = 1.0
        while len(done) < len(opened) and left > 0:
            left = (
                deadline.left()
            )  # with 0 left, still take the answers that arrived while this host was busy
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
    """A socket that is connecting, or the Connection that failed at once.

    Uses the first of `source_ports` that is free, or a port that the kernel chooses where there are none.
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
    """Bind to the first free port. Raises OSError, with EADDRINUSE where none is free.

    The connection is closed with a reset, so that the port does not stay in TIME_WAIT. The port may be shared
    with our connections to other addresses.
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
            f"only {seconds:.1f} s were left to wait; silence proves nothing below {SHORTEST_SILENCE:g} s",
        )
    return Connection(address, _family(address), None, info, None, cause, detail, seconds)


def _all(port: int, connections: tuple[Connection, ...], seconds: float) -> Connections:
    failed = [one for one in connections if one.cause is not None]
    if len(failed) < len(connections):
        return Connections(port, connections, None, "", seconds)
    if not failed:
        return Connections(port, connections, Cause.DNS_NO_ADDRESS, "no address to connect to", seconds)
    worst = min(
        failed,
        key=lambda one: _MOST_SPECIFIC_FIRST.index(one.cause) if one.cause in _MOST_SPECIFIC_FIRST else 99,
    )
    return Connections(port, connections, worst.cause, f"{worst.address}: {worst.detail}", seconds)


def _family(address: str) -> int:
    return ipaddress.ip_address(address).version

"""A TCP connection on which every wait ends at one deadline."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import select
import socket
import time

from netcheck.core.context import Deadline
from netcheck.core.model import Cause
from netcheck.probe.transport import kernel
from netcheck.probe.transport.failure import Failed, failed, is_long_enough

FIRST_BYTES = 64


class Wire:
    """A non-blocking TCP connection. Every error is raised as `Failed`.

    `received` and `sent` count raw bytes; `first_bytes` are the first 64 bytes from the peer.
    """

    def __init__(
        self, deadline: Deadline, address: str, port: int, *, largest_segment: int | None = None
    ) -> None:
        """Connect. Raises Failed. `largest_segment` is TCP's MSS in bytes, for both sides."""
        self.received = 0
        self.sent = 0
        self.first_bytes = b""
        self._reset: OSError | None = None
        self._deadline = deadline
        self._step = deadline.left()
        self._since = time.monotonic()
        self._family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
        self._where = f"[{address}]:{port}" if self._family == socket.AF_INET6 else f"{address}:{port}"
        try:
            self._socket = socket.socket(self._family, socket.SOCK_STREAM)
        except OSError as error:
            raise failed(error, "open a socket", self._family) from error
        try:
            if largest_segment is not None:
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, largest_segment)
            self._connect(address, port)
        except BaseException:
            self._socket.close()
            raise

    def _connect(self, address: str, port: int) -> None:
        doing = f"connect to {self._where}"
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self._socket.connect((address, port))
            except BlockingIOError:
                self._wait(select.POLLOUT, doing)
            number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number == 0 and kernel.is_connected_to_itself(self._socket):
                number = errno.ECONNREFUSED
            if number == errno.ECONNRESET:
                # Not ECONNREFUSED: we were connected, and the peer has reset the connection since. Raised on
                # first use, so that the result does not depend on timing.
                self._reset = OSError(number, os.strerror(number))
            elif number:
                raise OSError(number, os.strerror(number))
        except OSError as error:
            raise failed(error, doing, self._family) from error

    def send(self, data: bytes) -> None:
        """Send all data. Raises Failed."""
        rest = memoryview(data)
        doing = f"send to {self._where}"
        while rest:
            try:
                if self._reset is not None:
                    raise self._reset
                count = self._socket.send(rest)
            except BlockingIOError:
                self._wait(select.POLLOUT, doing)
            except OSError as error:
                raise failed(error, doing, self._family) from error
            else:
                self.sent += count
                rest = rest[count:]
        self._since = time.monotonic()

    def receive(self, limit: int = 65536) -> bytes:
        """The next bytes, at least one; b"" when the peer has closed the connection. Raises Failed."""
        doing = f"wait for an answer from {self._where}"
        while True:
            # Also when bytes are available: a peer that never stops sending must not outlast the deadline.
            if self._deadline.left() <= 0:
                raise self._silence(doing)
            try:
                if self._reset is not None:
                    raise self._reset
                data = self._socket.recv(limit)
            except BlockingIOError:
                self._wait(select.POLLIN, doing)
            except OSError as error:
                raise failed(error, doing, self._family) from error
            else:
                return self._taken(data)

    def receive_ready(self) -> bytes:
        """The bytes that have already arrived; b"" when there are none or the connection has ended."""
        try:
            return self._taken(self._socket.recv(65536))
        except OSError:
            return b""

    def wait_readable(self, seconds: float) -> bool:
        """Whether there is something to receive within that time, or the connection ends."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(max(0.0, min(seconds, self._deadline.left())) * 1000))

    def farewell(self, data: bytes) -> None:
        """Send as much as possible without waiting, and drop the rest. Never raises."""
        with contextlib.suppress(OSError):
            self._socket.send(data)

    def evidence(self) -> kernel.TcpInfo | None:
        """The kernel's TCP_INFO of this connection, None where it has none."""
        return kernel.tcp_info(self._socket)

    def waited(self) -> float:
        """Seconds since we last sent anything."""
        return time.monotonic() - self._since

    def close(self) -> None:
        """Close the connection. Never waits, never raises."""
        self._socket.close()

    def _taken(self, data: bytes) -> bytes:
        self.received += len(data)
        if len(self.first_bytes) < FIRST_BYTES:
            self.first_bytes += data[: FIRST_BYTES - len(self.first_bytes)]
        return data

    def _wait(self, event: int, doing: str) -> None:
        """Wait until the socket is ready. Uses poll, as select cannot handle file descriptors above 1023."""
        poll = select.poll()
        poll.register(self._socket, event)
        if not poll.poll(self._deadline.left() * 1000):
            raise self._silence(doing)

    def _silence(self, doing: str) -> Failed:
        waited = self.waited()
        if is_long_enough(self._step, waited):
            return Failed(Cause.TIMED_OUT, f"{doing}: no complete answer in {waited:.1f} s")
        return Failed(Cause.DEADLINE, f"{doing}: only {waited:.1f} s were left to wait")

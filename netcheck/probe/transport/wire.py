"""One TCP connection whose every wait ends at one deadline."""

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
    """A non-blocking TCP connection. Everything that goes wrong is raised as `Failed`.

    `received` and `sent` count raw bytes; `first_bytes` are the first 64 that the peer ever sent.
    """

    def __init__(
        self, deadline: Deadline, address: str, port: int, *, largest_segment: int | None = None
    ) -> None:
        """Connect. Raises Failed. `largest_segment` is what both sides then keep to, in bytes (TCP's MSS)."""
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
                # A SYN is refused, never reset: we were connected, and the peer has reset already. Kept for
                # the first use, so that it does not depend on who was faster.
                self._reset = OSError(number, os.strerror(number))
            elif number:
                raise OSError(number, os.strerror(number))
        except OSError as error:
            raise failed(error, doing, self._family) from error

    def send(self, data: bytes) -> None:
        """Send all of it. Raises Failed."""
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
        """The next bytes, at least one; b"" when the peer has closed. Raises Failed."""
        doing = f"wait for an answer of {self._where}"
        while True:
            # Also where bytes are there: a peer that never stops sending must not outlive the deadline.
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
        """What has come already, without waiting; b"" when that is nothing or the connection is over."""
        try:
            return self._taken(self._socket.recv(65536))
        except OSError:
            return b""

    def wait_readable(self, seconds: float) -> bool:
        """Whether there is something to receive (or an end to learn of) within that time."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(max(0.0, min(seconds, self._deadline.left())) * 1000))

    def farewell(self, data: bytes) -> None:
        """Send what goes out at once and let go of the rest; never waits, never raises."""
        with contextlib.suppress(OSError):
            self._socket.send(data)

    def evidence(self) -> kernel.TcpInfo | None:
        """The kernel's account of this connection, where it gives one."""
        return kernel.tcp_info(self._socket)

    def waited(self) -> float:
        """Seconds since we last sent anything."""
        return time.monotonic() - self._since

    def close(self) -> None:
        """Close; never waits, never raises."""
        self._socket.close()

    def _taken(self, data: bytes) -> bytes:
        self.received += len(data)
        if len(self.first_bytes) < FIRST_BYTES:
            self.first_bytes += data[: FIRST_BYTES - len(self.first_bytes)]
        return data

    def _wait(self, event: int, doing: str) -> None:
        """Wait until the socket is ready. select.poll, since select.select ends at descriptor 1023."""
        poll = select.poll()
        poll.register(self._socket, event)
        if not poll.poll(self._deadline.left() * 1000):
            raise self._silence(doing)

    def _silence(self, doing: str) -> Failed:
        waited = self.waited()
        if is_long_enough(self._step, waited):
            return Failed(Cause.TIMED_OUT, f"{doing}: no answer, or not all of it, in {waited:.1f} s")
        return Failed(Cause.DEADLINE, f"{doing}: only {waited:.1f} s were left to wait")

"""The connection of every protocol probe: TCP, or TLS over TCP, with every call bounded by one deadline."""

from __future__ import annotations

import io
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from netcheck.core.context import Deadline
from netcheck.core.credentials import Trust
from netcheck.core.model import Cause
from netcheck.probe.tls.session import Session
from netcheck.probe.tls.trust import TrustError, verifier
from netcheck.probe.transport import kernel
from netcheck.probe.transport.failure import Failed
from netcheck.probe.transport.wire import Wire

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS settings: the server name to send and to verify, and the trust store.

    With `verify` the certificate is verified like in a JVM: chain and hostname. Without it nothing is
    verified, and the stream must never carry a credential.
    """

    server_name: str
    trust: Trust
    verify: bool = True


def open_stream(deadline: Deadline, address: str, port: int, *, tls: Tls | None = None) -> Stream:
    """Connect, with a TLS handshake where `tls` is given. `deadline` also ends every later wait of the
    stream.

    Raises Failed, with a cause of the transport (`timed_out`, `connection_refused`, ...) or of TLS.
    """
    wire = Wire(deadline, address, port)
    if tls is None:
        return Stream(wire, None)
    try:
        session = Session(wire, verifier(tls.trust, verify=tls.verify), tls.server_name)
        session.handshake()
    except TrustError as error:
        wire.close()
        # The configuration was checked before the probes: the file has changed since. Not a network fault.
        raise Failed(Cause.FACT_UNAVAILABLE, str(error)) from error
    except BaseException:
        wire.close()
        raise
    return Stream(wire, session)


class Stream:
    """A byte stream to a peer. Its methods raise Failed and nothing else."""

    def __init__(self, wire: Wire, session: Session | None) -> None:
        self._wire = wire
        self._session = session
        self._taken = b""
        self._count = 0

    def send(self, data: bytes) -> None:
        """Send all data. Raises Failed."""
        if self._session is None:
            self._wire.send(data)
        else:
            self._session.write(data)

    def receive(self, limit: int = 65536) -> bytes:
        """The next bytes, at least one and at most `limit`; b"" after the peer's close. Raises Failed.

        Silence is `timed_out`, or `deadline` where there was not enough time for it to prove anything.
        """
        data = self._wire.receive(limit) if self._session is None else self._session.read(limit)
        self._count += len(data)
        if len(self._taken) < 64:
            self._taken += data[: 64 - len(self._taken)]
        return data

    def makefile(self, mode: str = "rb") -> io.BufferedReader:
        """A file to read from, as `http.client.HTTPResponse` expects of a socket. Reading raises Failed."""
        if mode != "rb":
            raise ValueError(f"the mode must be 'rb', not {mode!r}")
        return io.BufferedReader(_Readable(self))

    @property
    def received(self) -> int:
        """The number of received bytes of the protocol, that is inside TLS where there is TLS."""
        return self._count

    @property
    def first_bytes(self) -> bytes:
        """The first 64 received bytes of the protocol, that is inside TLS where there is TLS."""
        return self._taken

    @property
    def tls_version(self) -> str | None:
        """The TLS version, such as `TLSv1.3`; None without TLS."""
        return None if self._session is None else self._session.tls.version()

    def evidence(self) -> kernel.TcpInfo | None:
        """The kernel's TCP_INFO of the connection, None where it has none."""
        return self._wire.evidence()

    def close(self) -> None:
        """Close, with close_notify where there is TLS. Never waits, never raises."""
        if self._session is None:
            self._wire.close()
        else:
            self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Readable(io.RawIOBase):
    """A stream as a raw file. Closing it leaves the stream open."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        data = self._stream.receive(len(view))
        view[: len(data)] = data
        return len(data)

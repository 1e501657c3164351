"""The socket under every protocol probe: TCP, or TLS over it, each call bounded by one deadline."""

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
    """How to speak TLS: the name to send and to verify, and whom to trust.

    With `verify` the certificate is judged as a JVM would: chain and hostname. Without it nothing is: such a
    stream must never carry a credential.
    """

    server_name: str
    trust: Trust
    verify: bool = True


def open_stream(deadline: Deadline, address: str, port: int, *, tls: Tls | None = None) -> Stream:
    """Connect, and shake hands where `tls` is given. `deadline` ends every wait of the stream, also later
    ones.

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
        # Configuration is checked before any probe runs: the file changed since. No fault of the network.
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
        """Send all of it. Raises Failed."""
        if self._session is None:
            self._wire.send(data)
        else:
            self._session.write(data)

    def receive(self, limit: int = 65536) -> bytes:
        """The next bytes, at least one and at most `limit`; b"" when the peer has closed. Raises Failed.

        Silence is `timed_out`, or `deadline` where there was not time enough to call it silence.
        """
        data = self._wire.receive(limit) if self._session is None else self._session.read(limit)
        self._count += len(data)
        if len(self._taken) < 64:
            self._taken += data[: 64 - len(self._taken)]
        return data

    def makefile(self, mode: str = "rb") -> io.BufferedReader:
        """A file to read from, as `http.client.HTTPResponse` wants of a socket. Reading raises Failed."""
        if mode != "rb":
            raise ValueError(f"a stream is read as 'rb', not {mode!r}")
        return io.BufferedReader(_Readable(self))

    @property
    def received(self) -> int:
        """How many bytes the peer has sent to us: of the protocol, that is inside TLS where there is TLS."""
        return self._count

    @property
    def first_bytes(self) -> bytes:
        """The first 64 bytes that the peer sent, of the protocol (inside TLS where there is TLS)."""
        return self._taken

    @property
    def tls_version(self) -> str | None:
        """`TLSv1.3` and the like; None without TLS."""
        return None if self._session is None else self._session.tls.version()

    def evidence(self) -> kernel.TcpInfo | None:
        """The kernel's account of the connection, where it gives one."""
        return self._wire.evidence()

    def close(self) -> None:
        """Close, politely where that needs no waiting. Never raises."""
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

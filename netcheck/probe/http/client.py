"""One HTTP request and its answer, over our own bounded stream.

Never follows a redirect, never asks a proxy that the environment names, never keeps a connection. The
parser is `http.client`'s; what it may read is capped, as its own caps are generous and other libraries
raise them.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import IO, TYPE_CHECKING, cast

from netcheck.core.context import Deadline
from netcheck.core.model import Cause
from netcheck.core.secret import Secret
from netcheck.probe.tls.reprobe import LONGEST, NO_TLS_ANSWER, ReservedDeadline, plaintext_to_tls
from netcheck.probe.tls.stream import Stream, Tls, open_stream
from netcheck.probe.transport.failure import Failed
from netcheck.probe.transport.recognise import recognise

if TYPE_CHECKING:
    import socket

    from _typeshed import WriteableBuffer

EXCERPT = 2048
"""Bytes of a body that are kept as evidence."""

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] [1-5][0-9][0-9][ \r\n]")
_LARGEST_HEAD = 128 << 10
_LONGEST_VALUE = 300
_MOST_HEADERS = 20
_TELLING = re.compile(
    r"server|via|location|content-type|date|x-cache|x-clickhouse-.*|x-amzn?-.*|x-envoy-.*|www-authenticate",
    re.I,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

Header = tuple[str, str | Secret]


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back. `status` is 0 where nothing did; `headers` are the few that tell who answered.

    `body` is the beginning of the body, 2 KiB at most. `first_byte` is how many seconds the server took to
    begin to answer, once connected and asked; None where it never did.
    """

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: str
    first_byte: float | None
    cause: Cause | None
    detail: str
    seconds: float

    def header(self, name: str) -> str | None:
        """The value of a header, the first if there are several."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, for those who have to read on: all headers, and the body up to a limit."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    first_byte: float


@dataclass(slots=True)
class FirstByteClock:
    """When the first byte of the answer came, counted from the request; kept when the rest goes wrong."""

    first_byte: float | None = None


def get(
    deadline: Deadline,
    address: str,
    port: int,
    host: str,
    tls: Tls | None,
    path: str,
    headers: Iterable[Header] = (),
) -> HttpAnswer:
    """GET `path` of `host`, which is at `address`. Redirects and errors are answers like any other.

    A cause is there only where no complete answer came: the transport's, TLS's, or that what came was not
    HTTP.
    """
    started, clock = time.monotonic(), FirstByteClock()
    authority = host_field(host, port, tls)
    patience = ReservedDeadline(deadline)
    if tls is None:
        patience.release()
    try:
        with open_stream(patience, address, port, tls=tls) as stream:
            patience.release()
            reply = exchange(stream, "GET", authority, path, headers, clock=clock, limit=EXCERPT)
    except Failed as first:
        failure = _looked_at_again(deadline, address, port, host, tls, first)
        spent = time.monotonic() - started
        return HttpAnswer(0, "", (), "", clock.first_byte, failure.cause, text(failure.detail), spent)
    told = tuple((name, text(value)) for name, value in reply.headers if _TELLING.fullmatch(name))
    return HttpAnswer(
        reply.status,
        text(reply.reason),
        told[:_MOST_HEADERS],
        _CONTROL.sub("?", reply.body.decode("utf-8", "replace").replace("\r\n", "\n")),
        reply.first_byte,
        None,
        "",
        time.monotonic() - started,
    )


def exchange(
    stream: Stream,
    method: str,
    authority: str,
    path: str,
    headers: Iterable[Header] = (),
    body: bytes = b"",
    *,
    clock: FirstByteClock,
    limit: int,
) -> Reply:
    """Send one request on a fresh stream and read the answer, its body as far as `limit` bytes. Raises
    Failed.

    A Secret among the headers is revealed here and nowhere else.
    """
    started = time.monotonic()
    source = _Counted(stream, started, clock, _LARGEST_HEAD)
    try:
        stream.send(_request(method, authority, path, headers, body))
        response = HTTPResponse(cast("socket.socket", source), method=method)
        response.begin()
        source.allow(2 * limit + _LARGEST_HEAD)
        if not _STATUS_LINE.match(stream.first_bytes):
            raise HTTPException("the status line is wrong")  # and http.client forgives much
        taken = response.read(limit)
        if response.length and len(taken) < limit:
            raise IncompleteRead(taken, response.length)
    except Failed as failure:
        raise _spoken(stream, failure) from failure
    except IncompleteRead:
        raise Failed(
            Cause.CONNECTION_CLOSED, f"closed after {stream.received} bytes, before its end"
        ) from None
    except (HTTPException, ValueError) as error:
        raise _not_http(stream, error) from None
    assert clock.first_byte is not None
    received = tuple((name, value.strip()) for name, value in response.headers.items())
    return Reply(response.status, response.reason, received, taken, clock.first_byte)


def text(raw: str) -> str:
    """A peer's words on one line: short, and without control characters."""
    return _CONTROL.sub("?", raw)[:_LONGEST_VALUE]


def _looked_at_again(
    deadline: Deadline, address: str, port: int, host: str, tls: Tls | None, failure: Failed
) -> Failed:
    """A better account of a failure, where a second connection can tell: is it TLS on one side only?"""
    if tls is None:
        return plaintext_to_tls(deadline, address, port, host, failure)
    if failure.cause in NO_TLS_ANSWER and answers_plainly(deadline, address, port, host):
        return Failed(Cause.TLS_NOT_SUPPORTED, "it does not answer TLS, and answers plain HTTP")
    return failure


def answers_plainly(deadline: Deadline, address: str, port: int, host: str) -> bool:
    """Whether plain HTTP gets an answer. Sends nothing of the first request; 400 is how a TLS port
    complains.
    """
    try:
        with open_stream(deadline.step(LONGEST), address, port) as stream:
            reply = exchange(
                stream, "GET", host_field(host, port, None), "/ping", clock=FirstByteClock(), limit=EXCERPT
            )
    except Failed:
        return False
    return reply.status != 400


def _request(method: str, authority: str, path: str, headers: Iterable[Header], body: bytes) -> bytes:
    fields: list[Header] = [
        ("Host", authority),
        ("User-Agent", "netcheck"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
        *((("Content-Length", str(len(body))),) if body else ()),
        *headers,
    ]
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value.reveal() if isinstance(value, Secret) else value}" for name, value in fields]
    if any(set(line) & {"\r", "\n", "\0"} for line in lines):
        raise Failed(Cause.HTTP_MALFORMED, "a line break in what would be sent: nothing was sent")
    return "\r\n".join([*lines, "", ""]).encode() + body


def host_field(host: str, port: int, tls: Tls | None) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port == (443 if tls else 80) else f"{name}:{port}"


def _spoken(stream: Stream, failure: Failed) -> Failed:
    """A failure of the stream, in the words of a request that was sent."""
    match failure.cause:
        case Cause.TIMED_OUT if stream.received:
            return Failed(Cause.HTTP_SILENT, f"the answer began and stopped after {stream.received} bytes")
        case Cause.TIMED_OUT:
            return Failed(Cause.HTTP_SILENT, failure.detail)
        case _:
            return failure


def _not_http(stream: Stream, error: Exception) -> Failed:
    """What came instead of an answer that `http.client` can read."""
    first = stream.first_bytes
    if not first:
        return Failed(Cause.CONNECTION_CLOSED, "closed without an answer")
    known = recognise(first)
    if known is not None and known.startswith("TLS") and stream.tls_version is None:
        return Failed(Cause.PLAINTEXT_ON_TLS_PORT, f"{known} came back: this port wants TLS")
    if first.startswith(b"HTTP/"):
        return Failed(Cause.HTTP_MALFORMED, f"{type(error).__name__}; it begins with {first[:32]!r}")
    # What looks like the length of a Kafka frame may be anything.
    name = "something that is not HTTP" if known in (None, "Kafka") else known
    return Failed(Cause.WRONG_PROTOCOL, f"{name} answered: {first[:32]!r}")


class _Counted(io.RawIOBase):
    """A stream as the socket that `HTTPResponse` wants: notes when the first byte comes, and stops at a
    limit.
    """

    def __init__(self, stream: Stream, started: float, clock: FirstByteClock, limit: int) -> None:
        self._stream = stream
        self._started = started
        self._clock = clock
        self._limit = limit

    def makefile(self, mode: str = "rb") -> IO[bytes]:
        assert mode == "rb"
        return io.BufferedReader(self)

    def allow(self, limit: int) -> None:
        """From now on, as many bytes in all."""
        self._limit = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if self._stream.received >= self._limit:
            raise Failed(Cause.HTTP_MALFORMED, f"more than {self._limit >> 10} KiB of headers")
        view = memoryview(buffer)
        data = self._stream.receive(len(view))
        if self._clock.first_byte is None and data:
            self._clock.first_byte = time.monotonic() - self._started
        view[: len(data)] = data
        return len(data)

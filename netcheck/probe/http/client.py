"""One HTTP request and its response, over a stream that is bounded by the deadline.

Never follows a redirect, never uses a proxy from the environment, never reuses a connection. The parser is
`http.client`'s; its input is limited here, as its own limits are generous and other libraries raise them.
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
_KEPT_HEADERS = re.compile(
    r"server|via|location|content-type|date|x-cache|x-clickhouse-.*|x-amzn?-.*|x-envoy-.*|www-authenticate",
    re.I,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

Header = tuple[str, str | Secret]


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The response. `status` is 0 where there was none; `headers` are the few that identify the server.

    `body` is the start of the body, at most 2 KiB. `first_byte` is the time in seconds from the request to
    the first byte of the response, None where there was none.
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
    """A complete response, for callers that parse it: all headers, and the body up to a limit."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    first_byte: float


@dataclass(slots=True)
class FirstByteClock:
    """The time to the first byte of the response, from the request; kept when the response fails later."""

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
    """GET `path` of `host` at `address`. Redirects and HTTP errors are responses like any other.

    There is a cause only without a complete response: the transport's, TLS's, or that the response is not
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
        failure = _refined(deadline, address, port, host, tls, first)
        spent = time.monotonic() - started
        return HttpAnswer(0, "", (), "", clock.first_byte, failure.cause, text(failure.detail), spent)
    kept = tuple((name, text(value)) for name, value in reply.headers if _KEPT_HEADERS.fullmatch(name))
    return HttpAnswer(
        reply.status,
        text(reply.reason),
        kept[:_MOST_HEADERS],
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
    """Send one request on a new stream and read the response, with at most `limit` bytes of its body. Raises
    Failed.

    A Secret in the headers is revealed only here.
    """
    started = time.monotonic()
    source = _Counted(stream, started, clock, _LARGEST_HEAD)
    try:
        stream.send(_request(method, authority, path, headers, body))
        response = HTTPResponse(cast("socket.socket", source), method=method)
        response.begin()
        source.allow(2 * limit + _LARGEST_HEAD)
        if not _STATUS_LINE.match(stream.first_bytes):
            raise HTTPException("invalid status line")  # http.client tolerates too much
        taken = response.read(limit)
        if response.length and len(taken) < limit:
            raise IncompleteRead(taken, response.length)
    except Failed as failure:
        raise _http_failure(stream, failure) from failure
    except IncompleteRead:
        raise Failed(
            Cause.CONNECTION_CLOSED, f"connection closed after {stream.received} bytes, before the end"
        ) from None
    except (HTTPException, ValueError) as error:
        raise _not_http(stream, error) from None
    assert clock.first_byte is not None
    received = tuple((name, value.strip()) for name, value in response.headers.items())
    return Reply(response.status, response.reason, received, taken, clock.first_byte)


def text(raw: str) -> str:
    """A peer's text, shortened to one line without control characters."""
    return _CONTROL.sub("?", raw)[:_LONGEST_VALUE]


def _refined(
    deadline: Deadline, address: str, port: int, host: str, tls: Tls | None, failure: Failed
) -> Failed:
    """A more exact failure, where a second connection shows that only one side uses TLS."""
    if tls is None:
        return plaintext_to_tls(deadline, address, port, host, failure)
    if failure.cause in NO_TLS_ANSWER and answers_plainly(deadline, address, port, host):
        return Failed(Cause.TLS_NOT_SUPPORTED, "the port does not answer TLS, and answers plain HTTP")
    return failure


def answers_plainly(deadline: Deadline, address: str, port: int, host: str) -> bool:
    """Whether plain HTTP gets a response other than 400, a TLS port's response to plaintext. Sends nothing of
    the first request.
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
        raise Failed(Cause.HTTP_MALFORMED, "the request would contain a line break: nothing was sent")
    return "\r\n".join([*lines, "", ""]).encode() + body


def host_field(host: str, port: int, tls: Tls | None) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port == (443 if tls else 80) else f"{name}:{port}"


def _http_failure(stream: Stream, failure: Failed) -> Failed:
    """The HTTP cause for a failure of the stream after the request was sent."""
    match failure.cause:
        case Cause.TIMED_OUT if stream.received:
            return Failed(Cause.HTTP_SILENT, f"the response stopped after {stream.received} bytes")
        case Cause.TIMED_OUT:
            return Failed(Cause.HTTP_SILENT, failure.detail)
        case _:
            return failure


def _not_http(stream: Stream, error: Exception) -> Failed:
    """The failure for a response that `http.client` cannot parse."""
    first = stream.first_bytes
    if not first:
        return Failed(Cause.CONNECTION_CLOSED, "connection closed without a response")
    known = recognise(first)
    if known is not None and known.startswith("TLS") and stream.tls_version is None:
        return Failed(Cause.PLAINTEXT_ON_TLS_PORT, f"received {known}: this port expects TLS")
    if first.startswith(b"HTTP/"):
        return Failed(
            Cause.HTTP_MALFORMED, f"{type(error).__name__}; the response starts with {first[:32]!r}"
        )
    # Anything may look like the length of a Kafka frame.
    name = "something that is not HTTP" if known in (None, "Kafka") else known
    return Failed(Cause.WRONG_PROTOCOL, f"{name} answered: {first[:32]!r}")


class _Counted(io.RawIOBase):
    """A stream as the socket that `HTTPResponse` expects: records the time of the first byte, and enforces a
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
        """Set the limit of all received bytes."""
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

"""ClickHouse's native protocol: one Hello, and the response.

The packets are those of https://clickhouse.com/docs/native-protocol/client and /server.

Side effects: without a login the Hello names no user. A server rejects that before it looks up a user (code
101 since 2021, 192 in older versions), which proves that ClickHouse answers and does not count as a failed
login of a user, as `default` with an empty password would. With a login it is one login, successful or not.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from netcheck.core.context import Deadline
from netcheck.core.credentials import ClickHouseLogin
from netcheck.core.model import Cause
from netcheck.core.secret import Scrubber
from netcheck.probe.http import client
from netcheck.probe.tls.reprobe import NO_TLS_ANSWER, plaintext_to_tls
from netcheck.probe.tls.stream import Stream, Tls, open_stream
from netcheck.probe.transport.failure import SHORTEST_SILENCE, Failed
from netcheck.probe.transport.recognise import recognise

REVISION = 54213
"""The protocol revision that we announce: the response has a time zone, and needs no further packet from us.
"""

LONGEST_TEXT = 1 << 16
LARGEST_ANSWER = 1 << 18

_HELLO, _EXCEPTION = 0, 2
_LONGEST_VARINT = 10
_NO_USER = (101, 192)
_AUTH = (192, 193, 194, 195, 516)
_UNKNOWN_DATABASE = 81
_MARK = "x-clickhouse-"
_HTTP_ANSWERED = "HTTP answered"
_HELLO_SHARE = 0.6
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


@dataclass(frozen=True, slots=True)
class NativeHello:
    """The native port's response. `code` is the number of ClickHouse's exception, if there was one.

    `server`, `version` and `revision` are only sent after a login. `logged_in` is whether a login was
    accepted.
    """

    server: str | None
    version: str | None
    revision: int | None
    logged_in: bool
    code: int | None
    cause: Cause | None
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class _Greeting:
    """A server's Hello."""

    server: str
    version: str
    revision: int


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A server's Exception."""

    code: int
    message: str


def hello(
    deadline: Deadline,
    address: str,
    port: int,
    host: str,
    tls: Tls | None,
    login: ClickHouseLogin | None,
) -> NativeHello:
    """Send a Hello to a native port, with the login if there is one. TLS must be verified where there is a
    login.
    """
    started = time.monotonic()
    scrub = Scrubber(() if login is None else (login.password.reveal(),))
    if login is not None and tls is not None and not tls.verify:
        raise ValueError("a password is only sent over verified TLS")
    answer: _Greeting | _Refusal | Failed
    # The rest of the time is for a second attempt in HTTP, unless silence would prove nothing then.
    patience = deadline.left() * _HELLO_SHARE
    first = deadline.step(patience) if patience >= SHORTEST_SILENCE else deadline
    try:
        answer = _exchange(first, address, port, tls, login)
    except Failed as failure:
        answer = _refined(deadline, address, port, host, tls, failure)
    cause, detail = _verdict(answer, login)
    greeting = answer if isinstance(answer, _Greeting) else None
    return NativeHello(
        _plain(scrub(greeting.server)) if greeting else None,
        greeting.version if greeting else None,
        greeting.revision if greeting else None,
        greeting is not None and login is not None,
        answer.code if isinstance(answer, _Refusal) else None,
        cause,
        _plain(scrub(detail)),
        time.monotonic() - started,
    )


def _verdict(
    answer: _Greeting | _Refusal | Failed, login: ClickHouseLogin | None
) -> tuple[Cause | None, str]:
    match answer:
        case _Greeting():
            return None, ""
        case Failed():
            return answer.cause, answer.detail
        case _Refusal(code, message) if login is None and code in _NO_USER:
            return None, f"rejected a Hello without a user, as expected: {code} {message}"
        case _Refusal(code, message) if code in _AUTH:
            return Cause.CLICKHOUSE_AUTH, f"{code} {message}"
        case _Refusal(code, message) if code == _UNKNOWN_DATABASE:
            return Cause.CLICKHOUSE_NO_DATABASE, f"{code} {message}"
        case _Refusal(code, message):
            return Cause.CLICKHOUSE_EXCEPTION, f"{code} {message}"


def _exchange(
    deadline: Deadline, address: str, port: int, tls: Tls | None, login: ClickHouseLogin | None
) -> _Greeting | _Refusal:
    with open_stream(deadline, address, port, tls=tls) as stream:
        answer = _ReplyReader(stream)
        try:
            stream.send(_hello_packet(login))
            return answer.read()
        except Failed as failure:
            raise _native_failure(stream, failure) from failure


def _hello_packet(login: ClickHouseLogin | None) -> bytes:
    database, user, password = "", "", ""
    if login is not None:
        database, user, password = login.database, login.user, login.password.reveal()
    numbers = b"".join(_varint(number) for number in (1, 0, REVISION))
    return (
        _varint(_HELLO)
        + _string("netcheck")
        + numbers
        + _string(database)
        + _string(user)
        + _string(password)
    )


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _string(value: str) -> bytes:
    raw = value.encode()
    return _varint(len(raw)) + raw


def _native_failure(stream: Stream, failure: Failed) -> Failed:
    """The native protocol's cause for a failure of the stream after the Hello was sent."""
    if failure.cause is Cause.TIMED_OUT:
        received = f"received {stream.received} bytes of an answer, then nothing"
        return Failed(Cause.CLICKHOUSE_SILENT, received if stream.received else failure.detail)
    return failure


def _refined(
    deadline: Deadline, address: str, port: int, host: str, tls: Tls | None, failure: Failed
) -> Failed:
    """A more exact failure, where an HTTP request or a ClientHello shows another protocol.

    ClickHouse's HTTP ports silently wait for the rest of a Hello, and its TLS ports close plaintext
    connections.
    """
    if failure.cause is Cause.CLICKHOUSE_SILENT or failure.detail == _HTTP_ANSWERED:
        answer = client.get(deadline, address, port, host, tls, "/ping")
        if answer.body.strip() == "Ok." or any(name.lower().startswith(_MARK) for name, _ in answer.headers):
            return Failed(
                Cause.CLICKHOUSE_HTTP_PORT, f"this is ClickHouse's HTTP port: /ping returned {answer.status}"
            )
        if answer.status and "is for clickhouse-client" not in answer.body:
            return Failed(
                Cause.WRONG_PROTOCOL, f"an HTTP server that is not ClickHouse answered: {answer.status}"
            )
    if tls is None:
        return plaintext_to_tls(deadline, address, port, host, failure)
    if failure.cause in NO_TLS_ANSWER and client.answers_plainly(deadline, address, port, host):
        return Failed(Cause.TLS_NOT_SUPPORTED, "the port does not answer TLS, and answers plain HTTP")
    return failure


class _ReplyReader:
    """Reads the server's packet as it arrives, and never more than necessary."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._at = 0

    def read(self) -> _Greeting | _Refusal:
        """Raises Failed."""
        match self._number():
            case 0:
                server = self._text()
                major, minor, revision = self._number(), self._number(), self._number()
                self._text()
                if "clickhouse" not in server.lower() or not revision:
                    raise self._not_native()
                return _Greeting(server, f"{major}.{minor}", revision)
            case 2:
                code = int.from_bytes(self._take(4), "little", signed=True)
                name, message = self._text(), self._text()
                if not name.startswith("DB::") or not 0 < code < 10000:
                    raise self._not_native()
                return _Refusal(code, message.removeprefix("DB::Exception: "))
            case _:
                raise self._not_native()

    def _take(self, count: int) -> bytes:
        while len(self._buffer) - self._at < count:
            data = self._stream.receive()
            if not data and not self._buffer:
                raise Failed(Cause.CONNECTION_CLOSED, "connection closed without an answer")
            if not data or len(self._buffer) > LARGEST_ANSWER:
                raise self._not_native()
            self._buffer += data
        self._at += count
        return bytes(self._buffer[self._at - count : self._at])

    def _number(self) -> int:
        number = 0
        for place in range(_LONGEST_VARINT):
            byte = self._take(1)[0]
            number |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return number
        raise self._not_native()

    def _text(self) -> str:
        size = self._number()
        if size > LONGEST_TEXT:
            raise self._not_native()
        return self._take(size).decode("utf-8", "replace")

    def _not_native(self) -> Failed:
        """The failure for another protocol, by its first bytes."""
        first = bytes(self._buffer[:64])
        known = recognise(first)
        if known == "HTTP":
            return Failed(Cause.WRONG_PROTOCOL, _HTTP_ANSWERED)
        if known is not None and known.startswith("TLS") and self._stream.tls_version is None:
            return Failed(Cause.PLAINTEXT_ON_TLS_PORT, f"received {known}: this port expects TLS")
        # Anything may look like the length of a Kafka frame.
        if known in (None, "ClickHouse native", "Kafka"):
            return Failed(Cause.CLICKHOUSE_MALFORMED, f"not a ClickHouse Hello: {first[:32]!r}")
        return Failed(Cause.WRONG_PROTOCOL, f"{known} answered: {first[:32]!r}")


def _plain(words: str) -> str:
    return _UNPRINTABLE.sub("?", words)[:300]

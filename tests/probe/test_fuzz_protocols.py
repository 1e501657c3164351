"""Ten thousand random or mutated replies to each protocol probe: no crash, no hang, no pass that is not
deserved.

Every reply is made from a seed and travels over loopback; whether a pass was deserved is for a reader
written from the protocol's description to say, which shares nothing with the code under test.
"""

from __future__ import annotations

import base64
import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from netcheck.core.context import Deadline
from netcheck.core.credentials import ClickHouseLogin, KafkaLogin, Trust
from netcheck.core.model import Cause, Security
from netcheck.core.secret import Secret
from netcheck.probe.clickhouse import https, native
from netcheck.probe.http import aws_service
from netcheck.probe.kafka import broker, sasl
from netcheck.probe.transport.failure import Failed
from tests.probe import scripted_kafka as scripted
from tests.probe.test_sasl import Server, exchange

pytestmark = pytest.mark.filterwarnings("ignore:(read|open)_text is deprecated:DeprecationWarning")

REPLIES = 10_000
BATCHES = 4
STEP = 1.0
LONGEST = 20.0
"""Seconds that no reply may cost: what a decoder that was led astray takes is far more."""
EXTREMES = (
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    bytes(4),
    b"\0\0\0\x01",
    b"\xff\xff\xff\xff\x0f",
    b"\x80" * 9,
)
NOWHERE = Trust()


class Parrot:
    """Says to whoever connects what it was last told to: one of `replies` for each thing it hears, then
    closes.
    """

    def __init__(self) -> None:
        self.replies: Sequence[bytes] = ()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address: tuple[str, int] = self._listening.getsockname()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(STEP)
                for reply in self.replies:
                    if not connection.recv(65536):
                        break
                    connection.sendall(reply)
                    if not _is_whole(reply):
                        break


def _is_whole(reply: bytes) -> bool:
    """Whether a client of Kafka's may now ask something else, rather than wait for the rest of a frame."""
    return len(reply) >= 4 and int.from_bytes(reply[:4], "big", signed=True) <= len(reply) - 4


@pytest.fixture(scope="module")
def parrot() -> Iterator[Parrot]:
    one = Parrot()
    yield one
    one.close()


def mutated(chance: random.Random, original: bytes) -> bytes:
    """The original with a few things wrong with it; or nothing of it at all."""
    data = bytearray(original)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(7):
            case 0:
                return chance.randbytes(chance.choice((1, 3, 8, 60, 400)))
            case 1 if data:
                data[at % len(data)] = chance.randrange(256)
            case 2 if data:
                data[at % len(data)] ^= 1 << chance.randrange(8)
            case 3:
                del data[at:]
            case 4:
                data[at:at] = chance.randbytes(chance.randrange(1, 9))
            case 5:
                extreme = chance.choice(EXTREMES)
                data[at : at + len(extreme)] = extreme
            case _:
                data[at:at] = data[: chance.randrange(len(data) + 1)]
    return bytes(data)


def fuzz(
    parrot: Parrot,
    seed: int,
    replies: Callable[[random.Random], Sequence[bytes]],
    ask: Callable[[Deadline, str, int], Any],
    deserved: Callable[[Sequence[bytes]], bool],
    count: int = REPLIES // BATCHES,
) -> None:
    """Ask `count` times; every answer is an observation, in time, and passes only if `deserved` says so."""
    chance = random.Random(seed)
    passed = 0
    for _ in range(count):
        parrot.replies = replies(chance)
        began = time.monotonic()
        seen = ask(Deadline(STEP), *parrot.address)
        spent = time.monotonic() - began
        assert spent <= LONGEST, parrot.replies
        if seen.cause is None:
            passed += 1
            assert deserved(parrot.replies), (parrot.replies, seen)
        else:
            assert seen.cause is not Cause.CHECK_BUG, (parrot.replies, seen)
            assert seen.detail, parrot.replies
    assert passed < count


# Kafka.


def frame(correlation: int, body: bytes) -> bytes:
    return struct.pack(">ii", len(body) + 4, correlation) + body


CONVERSATION = (
    frame(1, scripted.api_versions()),
    frame(2, scripted.mechanisms("PLAIN", "SCRAM-SHA-512")),
    frame(3, scripted.authenticated()),
    frame(4, scripted.metadata((1, "b-1.example.test", 9094, "az1"), (2, "b-2.example.test", 9094, None))),
)


def one_wrong(length: int) -> Callable[[random.Random], Sequence[bytes]]:
    """The conversation's first `length` replies, one of them mutated."""

    def replies(chance: random.Random) -> Sequence[bytes]:
        wrong = chance.randrange(length)
        return [
            mutated(chance, said) if at == wrong else said for at, said in enumerate(CONVERSATION[:length])
        ]

    return replies


def body_of(reply: bytes, correlation: int) -> bytes | None:
    if len(reply) < 8:
        return None
    size, number = struct.unpack_from(">ii", reply)
    return reply[8 : 4 + size] if 4 <= size <= len(reply) - 4 and number == correlation else None


def reads_as_kafka(replies: Sequence[bytes]) -> bool:
    """Whether each reply is a frame with the right number that reports no error."""
    bodies = [body_of(reply, number) for number, reply in enumerate(replies, 1)]
    if None in bodies or any(body[:2] != b"\0\0" for body in bodies[:3] if body is not None):
        return False
    apis, count = bodies[0] or b"", struct.unpack_from(">i", bodies[0] or b"\0" * 6, 2)[0]
    if not 0 < count <= (len(apis) - 6) // 6 or len(bodies) < 4:
        return bool(0 < count <= (len(apis) - 6) // 6)
    described = bodies[3] or b""
    return len(described) > 4 and 1 <= struct.unpack_from(">i", described)[0] <= len(described) // 11


@pytest.mark.parametrize("batch", range(BATCHES))
def test_kafka_hello(parrot: Parrot, batch: int) -> None:
    def ask(deadline: Deadline, host: str, port: int) -> broker.KafkaHello:
        return broker.hello(deadline, host, port, "localhost", Security.SASL_PLAINTEXT, NOWHERE, "PLAIN")

    fuzz(parrot, 100 + batch, one_wrong(2), ask, reads_as_kafka)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_kafka_metadata_after_a_login(parrot: Parrot, batch: int) -> None:
    login = KafkaLogin("PLAIN", "connect", Secret("a-password"))

    def ask(deadline: Deadline, host: str, port: int) -> broker.KafkaMetadata:
        return broker.metadata(deadline, host, port, "localhost", Security.SASL_PLAINTEXT, NOWHERE, login)

    fuzz(parrot, 200 + batch, one_wrong(4), ask, reads_as_kafka)


def test_a_scram_login_passes_only_with_the_true_proof() -> None:
    chance = random.Random(7)
    passed = 0
    for number in range(600):
        ours, server = exchange(), Server("sha256")
        challenge = server.answer(next(ours))
        with contextlib.suppress(Failed):
            if number % 3:
                ours.send(mutated(chance, challenge))
                continue
            verdict = server.verdict(ours.send(challenge))
            said = mutated(chance, verdict)
            try:
                ours.send(said)
            except StopIteration:
                passed += 1
                assert base64.b64decode(said.split(b"v=")[1].split(b",")[0]) == base64.b64decode(verdict[2:])
    assert passed < 200
    assert sasl.MOST_ITERATIONS < 1 << 31


# HTTP.


def answer(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Connection: close", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def any_of(*originals: bytes) -> Callable[[random.Random], Sequence[bytes]]:
    return lambda chance: [mutated(chance, chance.choice(originals))]


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nOk.\n\r\n0\r\n\r\n"
PINGS = (
    answer("200 OK", b"Ok.\n", "X-ClickHouse-Server-Display-Name: a"),
    answer("302 Found", b"", "Location: /"),
    CHUNKED,
)
VERSIONS = (
    answer("200 OK", b"18.16.1\n"),
    answer("403 Forbidden", b"Code: 516. DB::Exception: no", "X-ClickHouse-Exception-Code: 516"),
    answer("404 Not Found", b"Code: 81, e.displayText() = DB::Exception: no"),
)


def is_ok(replies: Sequence[bytes]) -> bool:
    return (
        replies[0].startswith((b"HTTP/1.", b"HTTP/0.9"))
        and b" 200" in replies[0][:14]
        and b"Ok." in replies[0]
    )


@pytest.mark.parametrize("batch", range(BATCHES))
def test_clickhouse_ping(parrot: Parrot, batch: int) -> None:
    def ask(deadline: Deadline, host: str, port: int) -> Any:
        return https.ping(deadline, host, port, "localhost", False, NOWHERE)

    fuzz(parrot, 300 + batch, any_of(*PINGS), ask, is_ok)


LOGIN = ClickHouseLogin("sink", Secret("a-password"), "orders")


@pytest.mark.parametrize("batch", range(BATCHES))
def test_clickhouse_look_up(parrot: Parrot, batch: int) -> None:
    """No mutation of these is a login that worked and a table that was seen."""

    def ask(deadline: Deadline, host: str, port: int) -> https.ClickHouseLookUp:
        return https.look_up(deadline, host, port, "localhost", False, NOWHERE, LOGIN)

    fuzz(parrot, 400 + batch, any_of(*VERSIONS), ask, lambda _: False)


def block(rows: int, *columns: tuple[bytes, bytes, bytes]) -> bytes:
    """A block in the Native format: each column a name, a type and its values."""
    packed = b"".join(
        bytes([len(name)]) + name + bytes([len(kind)]) + kind + data for name, kind, data in columns
    )
    return bytes([len(columns), rows]) + packed


ONE = (1).to_bytes(8, "little")
SETTINGS = block(
    2,
    (b"name", b"String", b"\x0bmax_threads\x08readonly"),
    (b"value", b"String", b"\x014\x010"),
    (b"readonly", b"UInt8", b"\0\0"),
)
TABLES = block(1, (b"count", b"UInt64", ONE), (b"names", b"Array(String)", ONE + b"\x06events"))
DATABASES = block(1, (b"count", b"UInt64", ONE), (b"visible", b"UInt64", ONE))
KINDS = (
    b"Nothing",
    b"UInt64",
    b"String",
    b"Array(Nothing)",
    b"Nullable(Nothing)",
    b"FixedString(0)",
    b"Dynamic",
)
BOMBS = [b"\x01" + rows + block(0, (b"n", kind, b""))[2:] for rows in EXTREMES for kind in KINDS]


class Modern(Parrot):
    """ClickHouse 24.8 as clickhouse-connect knows it; the one answer that `wrong` names is another."""

    wrong: tuple[bytes, bytes] = (b"", b"")

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(STEP)
                asked = connection.recv(65536)
                connection.sendall(answer("200 OK", self._said(asked), "X-ClickHouse-Timezone: UTC"))

    def _said(self, asked: bytes) -> bytes:
        true = {b"GET /": b"24.8.1.1\n", b"SELECT version": b"24.8.1.1\tUTC\n"}
        true |= {b"system.settings": SETTINGS, b"system.columns": TABLES, b"system.databases": DATABASES}
        question = next((known for known in true if known in asked), b"")
        return self.wrong[1] if question == self.wrong[0] else true.get(question, b"")


@pytest.fixture
def modern() -> Iterator[Modern]:
    one = Modern()
    yield one
    one.close()


def test_clickhouse_look_up_through_clickhouse_connect(modern: Modern) -> None:
    """Its decoder, which is in C and believes what it reads, gets to see nothing that could harm it."""

    def look_up() -> https.ClickHouseLookUp:
        began = time.monotonic()
        seen = https.look_up(Deadline(STEP), *modern.address, "localhost", False, NOWHERE, LOGIN)
        assert time.monotonic() - began <= LONGEST, modern.wrong
        return seen

    modern.wrong = (b"-", b"")
    assert (look_up().cause, look_up().table_names) == (None, ("events",))
    chance = random.Random(450)
    blocks = ((b"system.settings", SETTINGS), (b"system.columns", TABLES), (b"system.databases", DATABASES))
    for number in range(500):
        question, true = blocks[number % 3]
        modern.wrong = (question, mutated(chance, true) if number % 5 else chance.choice(BOMBS))
        seen = look_up()
        if seen.cause is None:
            assert seen.tables, modern.wrong
    for bomb in BOMBS:
        modern.wrong = (b"system.columns", bomb)
        assert look_up().cause is Cause.CLICKHOUSE_MALFORMED, bomb


DENIED = b'{"__type":"MissingAuthenticationTokenException"}'
FROM_AWS = (
    answer("403 Forbidden", DENIED, "x-amzn-RequestId: 7d1c", "Date: Mon, 23 Nov 2026 00:00:00 GMT"),
    answer("400 Bad Request", b"<ErrorResponse><Error><Code>MissingAction</Code>"),
    answer("403 Forbidden", b"<html>blocked</html>", "Server: proxy"),
)
MARKS = (b"x-amzn", b"__type", b"<errorresponse", b"missingauthenticationtoken")


@pytest.mark.parametrize("batch", range(BATCHES))
def test_aws_knock(parrot: Parrot, batch: int) -> None:
    def ask(deadline: Deadline, host: str, port: int) -> aws_service.AwsAnswer:
        return aws_service.knock(deadline, host, port, "localhost", False, NOWHERE)

    def deserved(replies: Sequence[bytes]) -> bool:
        said = replies[0].lower()
        return said.startswith(b"http/") and any(mark in said for mark in MARKS)

    fuzz(parrot, 500 + batch, any_of(*FROM_AWS), ask, deserved)


# The native protocol.


def exception(code: int, message: bytes) -> bytes:
    parts = (b"DB::Exception", message, b"stack")
    return (
        b"\x02" + code.to_bytes(4, "little") + b"".join(bytes([len(part)]) + part for part in parts) + b"\0"
    )


HELLO = b"\0\x0aClickHouse\x18\x08\xc5\xa9\x03\x07Etc/UTC"
FROM_NATIVE = (HELLO, exception(101, b"no user in Hello package"), exception(193, b"Wrong password"), CHUNKED)


def _is_hello(reply: bytes) -> bool:
    return reply[:1] == b"\0" and b"clickhouse" in reply[:80].lower()


def _is_refusal_of_nobody(reply: bytes) -> bool:
    return (
        reply[:1] == b"\x02" and int.from_bytes(reply[1:5], "little") in (101, 192) and reply[6:10] == b"DB::"
    )


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize("login", [None, LOGIN], ids=["nobody", "with a login"])
def test_native_hello(parrot: Parrot, batch: int, login: ClickHouseLogin | None) -> None:
    def ask(deadline: Deadline, host: str, port: int) -> native.NativeHello:
        return native.hello(deadline, host, port, "localhost", None, login)

    def deserved(replies: Sequence[bytes]) -> bool:
        return _is_hello(replies[0]) or (login is None and _is_refusal_of_nobody(replies[0]))

    fuzz(parrot, 600 + batch, any_of(*FROM_NATIVE), ask, deserved, REPLIES // BATCHES // 2)

"""Just enough of Kafka's protocol to ask a broker who it is, written without any Kafka client.

    with socket.create_connection(address, 5) as connection:
        api_versions(connection)        # {18: (0, 4), 3: (0, 13), ...}
        metadata(connection)            # Metadata(brokers={1: ("localhost", 40001), ...}, topics=["orders"])

Everything raises OSError when the broker does not answer properly, and takes the socket's own timeout.
Source: https://kafka.apache.org/protocol.html
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

PRODUCE, METADATA, SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE = 0, 3, 17, 18, 36
_LONGEST_FRAME = 1 << 24


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a broker says of its cluster: broker id -> advertised address, and the topics' names."""

    brokers: dict[int, tuple[str, int]]
    topics: list[str]


class Reader:
    """Takes Kafka's primitive types off the front of a message."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, code: str) -> int:
        """One big-endian number, by its struct code: b h i q."""
        (value,) = struct.unpack_from(">" + code, self._data, self._at)
        self._at += struct.calcsize(">" + code)
        return int(value)

    def string(self) -> str | None:
        data = self._take(self.number("h"))
        return None if data is None else data.decode()

    def blob(self) -> bytes:
        return self._take(self.number("i")) or b""

    def _take(self, length: int) -> bytes | None:
        if length < 0:
            return None
        data = self._data[self._at : self._at + length]
        self._at += length
        return data


def string(text: str | None) -> bytes:
    """A nullable STRING."""
    if text is None:
        return struct.pack(">h", -1)
    return struct.pack(">h", len(text.encode())) + text.encode()


def blob(data: bytes) -> bytes:
    """BYTES."""
    return struct.pack(">i", len(data)) + data


def read_frame(connection: socket.socket) -> bytes:
    """One length-prefixed message."""
    (length,) = struct.unpack(">i", _read(connection, 4))
    if not 0 <= length <= _LONGEST_FRAME:
        raise ConnectionAbortedError(f"not a Kafka frame: length {length}")
    return _read(connection, length)


def request(connection: socket.socket, key: int, version: int, body: bytes = b"") -> Reader:
    """Send one request with header v1 and return the reader of the response's body."""
    message = struct.pack(">hhi", key, version, 7) + string("netcheck-tests") + body
    connection.sendall(blob(message))
    answer = Reader(read_frame(connection))
    if (echoed := answer.number("i")) != 7:
        raise ConnectionAbortedError(f"answer to request {echoed}, not to ours")
    return answer


def api_versions(connection: socket.socket) -> dict[int, tuple[int, int]]:
    """Ask ApiVersions v0, which every broker answers: API key -> lowest and highest version."""
    answer = request(connection, API_VERSIONS, 0)
    if code := answer.number("h"):
        raise ConnectionAbortedError(f"ApiVersions: error {code}")
    rows = [(answer.number("h"), answer.number("h"), answer.number("h")) for _ in range(answer.number("i"))]
    return {key: (lowest, highest) for key, lowest, highest in rows}


def metadata(connection: socket.socket, topics: list[str] | None = None) -> Metadata:
    """Ask Metadata v1 for those topics (None: all). Naming a new one creates it, if the broker may."""
    names = [string(name) for name in topics or []]
    count = -1 if topics is None else len(names)
    answer = request(connection, METADATA, 1, struct.pack(">i", count) + b"".join(names))
    brokers = {}
    for _ in range(answer.number("i")):
        broker, host, port, _rack = answer.number("i"), answer.string(), answer.number("i"), answer.string()
        brokers[broker] = (host or "", port)
    answer.number("i")
    return Metadata(brokers, [_topic(answer) for _ in range(answer.number("i"))])


def sasl_mechanisms(connection: socket.socket, mechanism: str) -> tuple[int, list[str]]:
    """SaslHandshake v1: the error code (33: mechanism not enabled) and the mechanisms that are."""
    answer = request(connection, SASL_HANDSHAKE, 1, string(mechanism))
    code = answer.number("h")
    return code, [answer.string() or "" for _ in range(answer.number("i"))]


def sasl_authenticate(connection: socket.socket, token: bytes) -> tuple[int, str | None, bytes]:
    """SaslAuthenticate v0: the error code (58: refused), its message, and the server's token."""
    answer = request(connection, SASL_AUTHENTICATE, 0, blob(token))
    return answer.number("h"), answer.string(), answer.blob()


def _topic(answer: Reader) -> str:
    answer.number("h")
    name = answer.string() or ""
    answer.number("b")
    for _ in range(answer.number("i")):
        answer.number("h"), answer.number("i"), answer.number("i")
        for _nodes in ("replicas", "in sync"):
            for _ in range(answer.number("i")):
                answer.number("i")
    return name


def _read(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise ConnectionResetError("closed by the broker")
        data += part
    return data

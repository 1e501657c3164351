"""TCP peers that misbehave in one named way each, on a free loopback port, plain or over TLS.

    with peers.silent() as peer:
        socket.create_connection(peer.address)      # ("127.0.0.1", 40123); also .host, .port

    with peers.http("503 Service Unavailable", b"no", tls=certificates.good.server_context()) as peer: ...

Every function here returns a Peer, a context manager. `tls=` takes a server's ssl.SSLContext: the handshake
is then done properly and the misbehaviour happens inside. `peer.connections` counts accepted connections,
`peer.received` is what clients sent (decrypted). Leaving the block closes every socket and joins every
thread.

Functions: refused never_accepts syn_drop silent closes_at_once resets_at_once closes_after_first_bytes
resets_after_first_bytes closes_after_handshake drips_kafka drips_http drips_http_header drips_tls_record
speaks_first answers http http_redirect load_balancer_503 captive_portal ssh_banner smtp_banner random_bytes
kafka_huge_frame http_huge_header http_huge_body tls_alert old_tls_only wants_client_certificate proxy.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import ssl
import struct
import threading
import time
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.servers.certificates import Leaf

# A client that a test forgot must not keep a thread for ever.
PATIENCE_S = 60.0

ALERTS = {"handshake_failure": 40, "protocol_version": 70, "internal_error": 80, "unrecognized_name": 112}
ENVOY_503 = b"upstream connect error or disconnect/reset before headers. reset reason: connection termination"


class Peer:
    """A listening socket and what it does with each connection.

    `serve(conversation)` runs in a thread of its own for each connection; None means that nobody accepts, and
    `backlog=None` that nobody even listens: the port is only kept from others.
    Attributes: host, port, address, connections, received, handshake_errors.
    """

    def __init__(
        self,
        serve: Callable[[Conversation], None] | None,
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        backlog: int | None = 64,
    ) -> None:
        self.host = host
        self.connections = 0
        self.received = b""
        self.handshake_errors: list[str] = []
        self.stopped = threading.Event()
        self._serve = serve
        self._tls = tls
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._waiting: list[socket.socket] = []
        self._listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._listening.bind((host, 0))
        if backlog is not None:
            self._listening.listen(backlog)
        self.port: int = self._listening.getsockname()[1]
        if serve is not None:
            self._start(self._accept)

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the listener and every connection, and join every thread."""
        for one in self._waiting:
            one.close()
        self.stopped.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def takes_one_more(self) -> bool:
        """Queue a connection of our own; False if the kernel did not answer its SYN."""
        one = socket.socket(self._listening.family)
        one.setblocking(False)
        one.connect_ex(self.address)
        self._waiting.append(one)
        with selectors.DefaultSelector() as selector:
            selector.register(one, selectors.EVENT_WRITE)
            return bool(selector.select(0.2))

    def _start(self, target: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True, name=f"peer-{self.port}")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._start(self._converse, connection)

    def _converse(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE_S)
        with self._lock:
            self._open.add(connection)
            if self.stopped.is_set():
                with contextlib.suppress(OSError):  # the client may have reset it already
                    connection.shutdown(socket.SHUT_RDWR)
        try:
            # A client that goes away is how most of these conversations end.
            with contextlib.suppress(OSError):
                self._serve_one(connection)
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _serve_one(self, connection: socket.socket) -> None:
        assert self._serve is not None
        if self._tls is None:
            self._serve(Conversation(self, connection))
            return
        # A duplicate, so that close() can still shut down the descriptor that wrap_socket takes over.
        try:
            wrapped = self._tls.wrap_socket(connection.dup(), server_side=True)
        except OSError as error:
            self.handshake_errors.append(str(error))
            raise
        with wrapped:
            self._serve(Conversation(self, wrapped))


class Conversation:
    """One accepted connection, as the misbehaviours below see it."""

    def __init__(self, peer: Peer, connection: socket.socket) -> None:
        self.peer = peer
        self.socket = connection

    def receive(self) -> bytes:
        """Whatever the client sends next; b"" when it has closed."""
        data = self.socket.recv(65536)
        self.peer.received += data
        return data

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def drip(self, data: bytes, interval_s: float) -> None:
        """One byte every `interval_s`: defeats every timeout that is per read."""
        for byte in data:
            if self.peer.stopped.wait(interval_s):
                return
            self.send(bytes([byte]))

    def hold(self) -> None:
        """Read and throw away until the client leaves or the peer is closed."""
        while self.receive():
            pass

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def linger(self) -> None:
        """Say that we are done and wait for the client: closing with unread bytes would send RST."""
        if isinstance(self.socket, ssl.SSLSocket):
            self.socket.unwrap()
        else:
            self.socket.shutdown(socket.SHUT_WR)
            self.hold()


def refused(host: str = "127.0.0.1") -> Peer:
    """Nothing listens: RST to every SYN. The port stays reserved until closed."""
    return Peer(None, host=host, backlog=None)


def never_accepts(host: str = "127.0.0.1") -> Peer:
    """connect() succeeds, since the kernel does that much; no program ever answers."""
    return Peer(None, host=host)


def syn_drop(host: str = "127.0.0.1") -> Peer:
    """connect() itself gets no answer, as with a security group or NACL in the way.

    A full accept queue makes the kernel drop further SYNs (Linux only).
    """
    peer = Peer(None, host=host, backlog=0)
    deadline = time.monotonic() + 10
    while peer.takes_one_more() and time.monotonic() < deadline:
        pass
    return peer


def silent(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Peer:
    """Reads everything and says nothing. Without `tls` that includes not answering a ClientHello."""
    return Peer(Conversation.hold, tls=tls, host=host)


def closes_at_once(host: str = "127.0.0.1") -> Peer:
    """Accepts and closes (FIN) before reading anything."""
    return Peer(_leave, host=host)


def resets_at_once(host: str = "127.0.0.1") -> Peer:
    """Accepts and resets (RST) before reading anything."""
    return Peer(Conversation.reset, host=host)


def closes_after_first_bytes(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Peer:
    """Reads the first bytes (a ClientHello, a request), then closes without a word (FIN)."""
    return Peer(_then(_leave), tls=tls, host=host)


def resets_after_first_bytes(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Peer:
    """Reads the first bytes (a ClientHello, a request), then resets (RST)."""
    return Peer(_then(Conversation.reset), tls=tls, host=host)


def closes_after_handshake(tls: ssl.SSLContext) -> Peer:
    """Completes the TLS handshake, then closes properly."""

    return Peer(Conversation.linger, tls=tls)


def drips_kafka(tls: ssl.SSLContext | None = None, interval_s: float = 1.0) -> Peer:
    """Promises a legal Kafka frame of 1000 bytes, then sends it one byte every `interval_s`."""

    def serve(conversation: Conversation) -> None:
        conversation.send(struct.pack(">i", 1000))
        conversation.drip(bytes(1000), interval_s)

    return Peer(_then(serve), tls=tls)


def drips_http(tls: ssl.SSLContext | None = None, interval_s: float = 1.0) -> Peer:
    """A legal HTTP header, then the body one byte every `interval_s`."""

    def serve(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n")
        conversation.drip(b"x" * 1000, interval_s)

    return Peer(_then(serve), tls=tls)


def drips_http_header(tls: ssl.SSLContext | None = None, interval_s: float = 1.0) -> Peer:
    """A legal status line, then one header that never ends, one byte every `interval_s`."""

    def serve(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        conversation.drip(b"x" * 1000, interval_s)

    return Peer(_then(serve), tls=tls)


def drips_tls_record(interval_s: float = 1.0) -> Peer:
    """Answers the ClientHello with the head of a handshake record, then drips the record's bytes."""

    def serve(conversation: Conversation) -> None:
        conversation.send(b"\x16\x03\x03\x04\x00")
        conversation.drip(b"\x02\x00\x03\xfc" + bytes(1020), interval_s)

    return Peer(_then(serve))


def speaks_first(data: bytes, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Peer:
    """Sends `data` as soon as a client connects, then listens for ever."""

    def serve(conversation: Conversation) -> None:
        conversation.send(data)
        conversation.hold()

    return Peer(serve, tls=tls, host=host)


def answers(
    data: bytes, tls: ssl.SSLContext | None = None, delay_s: float = 0.0, host: str = "127.0.0.1"
) -> Peer:
    """Sends `data` after the client's first bytes (and `delay_s`), then closes properly."""

    def serve(conversation: Conversation) -> None:
        if not conversation.peer.stopped.wait(delay_s):
            conversation.send(data)
            conversation.linger()

    return Peer(_then(serve), tls=tls, host=host)


def http(
    status: str = "200 OK",
    body: bytes = b"hello",
    headers: dict[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    delay_s: float = 0.0,
    host: str = "127.0.0.1",
) -> Peer:
    """An HTTP server with one answer to everything: another service behind the right port."""
    fields = {"Content-Type": "text/html", "Content-Length": str(len(body)), "Connection": "close"}
    lines = [f"{name}: {value}" for name, value in (fields | (headers or {})).items()]
    head = "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""])
    return answers(head.encode() + body, tls, delay_s, host)


def load_balancer_503(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Peer:
    """What Envoy in front of ClickHouse Cloud says when the service behind it has gone away."""
    headers = {"Content-Type": "text/plain", "server": "envoy"}
    return http("503 Service Unavailable", ENVOY_503, headers, tls, host=host)


def http_redirect(location: str, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Peer:
    """302 to `location`."""
    return http("302 Found", b"<html>Moved</html>", {"Location": location}, tls, host=host)


def captive_portal(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Peer:
    """302 to a log-in page that is not ours."""
    return http_redirect("http://portal.example.test/login?to=whatever", tls, host)


def ssh_banner(host: str = "127.0.0.1") -> Peer:
    """An SSH server: it speaks first."""
    return speaks_first(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", host=host)


def smtp_banner() -> Peer:
    """A mail server: it speaks first."""
    return speaks_first(b"220 mail.example.test ESMTP Postfix\r\n")


def random_bytes(tls: ssl.SSLContext | None = None) -> Peer:
    """4096 random bytes after the client's first bytes."""
    return answers(os.urandom(4096), tls)


def kafka_huge_frame(tls: ssl.SSLContext | None = None) -> Peer:
    """A Kafka frame that claims to be 2 GiB - 1 bytes long, and starts to deliver."""

    def serve(conversation: Conversation) -> None:
        conversation.send(struct.pack(">i", 2**31 - 1) + bytes(65536))
        conversation.hold()

    return Peer(_then(serve), tls=tls)


def http_huge_header(tls: ssl.SSLContext | None = None, size: int = 32 << 20) -> Peer:
    """A header of `size` bytes."""
    return Peer(_then(_flood(b"HTTP/1.1 200 OK\r\nX-Big: ", size)), tls=tls)


def http_huge_body(tls: ssl.SSLContext | None = None, size: int = 256 << 20) -> Peer:
    """A body of `size` bytes, as fast as the client takes it."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % size
    return Peer(_then(_flood(head, size)), tls=tls)


def tls_alert(description: str, host: str = "127.0.0.1") -> Peer:
    """Answers the ClientHello with one fatal alert, by its RFC 8446 name: see ALERTS."""
    return answers(b"\x15\x03\x03\x00\x02\x02" + bytes([ALERTS[description]]), host=host)


def old_tls_only(leaf: Leaf, host: str = "127.0.0.1") -> Peer:
    """A server that speaks TLS 1.0 and 1.1 and nothing newer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        # Naming these versions is deprecated, and the point.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.load_cert_chain(leaf.certificate, leaf.key)
    return silent(context, host)


def wants_client_certificate(
    leaf: Leaf,
    trusted: os.PathLike[str],
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nOk\n",
    host: str = "127.0.0.1",
) -> Peer:
    """Mutual TLS: only client certificates of the authority in the PEM file `trusted` get the `answer`.

    In TLS 1.2 the refusal ends the handshake. In 1.3 the client's handshake succeeds and the refusal comes as
    an alert on its first read.
    """
    context = leaf.server_context()
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(trusted)
    return answers(answer, context, host=host)


def proxy(target: tuple[str, int], tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Peer:
    """Passes bytes to and from `target`; with `tls`, a TLS-terminating proxy in front of a plaintext port."""

    def serve(conversation: Conversation) -> None:
        with socket.create_connection(target, 10) as upstream:
            back = threading.Thread(target=pump, args=(upstream, conversation.socket), daemon=True)
            back.start()
            pump(conversation.socket, upstream)
            back.join(5)

    return Peer(serve, tls=tls, host=host)


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass on what comes in at one end, to its end; then nothing goes either way any more."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _leave(_: Conversation) -> None:
    """Do nothing, so that the connection is closed."""


def _then(serve: Callable[[Conversation], None]) -> Callable[[Conversation], None]:
    """Wait for the client's first bytes, then `serve`."""

    def after_first_bytes(conversation: Conversation) -> None:
        if conversation.receive():
            serve(conversation)

    return after_first_bytes


def _flood(head: bytes, size: int) -> Callable[[Conversation], None]:
    def serve(conversation: Conversation) -> None:
        conversation.send(head)
        block = b"x" * 65536
        for _ in range(size // len(block)):
            if conversation.peer.stopped.is_set():
                return
            conversation.send(block)
        conversation.linger()

    return serve

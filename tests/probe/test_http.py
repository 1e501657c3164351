"""One HTTP request: what may come back, what may not, and how long it may take."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from netcheck.core import codec
from netcheck.core.context import Deadline
from netcheck.core.credentials import Trust
from netcheck.core.model import Cause
from netcheck.core.secret import Secret
from netcheck.probe.http import client
from netcheck.probe.http.client import HttpAnswer
from netcheck.probe.tls.stream import Tls
from tests.bounds import MOMENT, STEP, ends_within
from tests.servers import peers
from tests.servers.certificates import Certificates
from tests.servers.peers import Peer

OVER_TLS = Tls("localhost", Trust(), verify=False)


def get(
    peer: Peer, tls: Tls | None = None, path: str = "/", headers: tuple[client.Header, ...] = ()
) -> HttpAnswer:
    return client.get(Deadline(STEP), peer.host, peer.port, "localhost", tls, path, headers)


def test_an_answer_is_reported_with_what_says_who_answered() -> None:
    headers = {"Server": "nginx", "Via": "1.1 proxy", "X-ClickHouse-Timezone": "UTC", "X-Secret-Thing": "no"}
    with peers.http("404 Not Found", b"nothing \x1b[31mhere\x00\r\n", headers) as peer:
        answer = get(peer)
        assert (answer.status, answer.reason, answer.cause) == (404, "Not Found", None)
        assert answer.body == "nothing ?[31mhere?\n"
        assert dict(answer.headers).keys() == {"Server", "Via", "X-ClickHouse-Timezone", "Content-Type"}
        assert answer.header("via") == "1.1 proxy"
        assert answer.first_byte is not None
        assert 0 <= answer.first_byte <= answer.seconds <= STEP
        assert peer.connections == 1
    assert codec.decode(HttpAnswer, codec.encode(answer)) == answer


def test_a_late_first_byte_is_reported() -> None:
    with peers.http(delay_s=0.5) as peer:
        answer = get(peer)
    assert answer.first_byte is not None
    assert 0.5 <= answer.first_byte <= answer.seconds


def test_a_redirect_is_an_answer_and_nobody_goes_there() -> None:
    with peers.http() as elsewhere, peers.http_redirect(f"http://127.0.0.1:{elsewhere.port}/") as peer:
        answer = get(peer)
        assert (answer.status, answer.header("Location")) == (302, f"http://127.0.0.1:{elsewhere.port}/")
        assert elsewhere.connections == 0


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with peers.http() as proxy, peers.http() as peer:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert get(peer).status == 200
        assert proxy.connections == 0


def test_the_request_names_the_host_and_reveals_a_secret_header_to_it_alone() -> None:
    with peers.http() as peer:
        answer = get(peer, path="/ping?x=1", headers=(("X-Key", Secret("canary-51c2")),))
        request = peer.received.decode()
        assert request.startswith("GET /ping?x=1 HTTP/1.1\r\n")
        assert f"Host: localhost:{peer.port}\r\n" in request
        assert "X-Key: canary-51c2\r\n" in request
    assert "canary" not in repr(answer)


def test_a_line_break_in_a_header_is_never_sent() -> None:
    with peers.http() as peer:
        answer = get(peer, headers=(("X-Key", Secret("a\r\nX-Other: b")),))
        assert answer.cause is Cause.HTTP_MALFORMED
        assert peer.received == b""


def raw(data: bytes) -> Callable[[], Peer]:
    return lambda: peers.answers(data)


HEAD = b"HTTP/1.1 200 OK\r\n"
MISBEHAVING: list[tuple[str, Callable[[], Peer], Tls | None, Cause]] = [
    ("nothing listens", peers.refused, None, Cause.CONNECTION_REFUSED),
    ("nothing answers the SYN", peers.syn_drop, None, Cause.TIMED_OUT),
    ("never accepts", peers.never_accepts, None, Cause.HTTP_SILENT),
    ("is silent", peers.silent, None, Cause.HTTP_SILENT),
    ("is silent after a ClientHello", peers.silent, OVER_TLS, Cause.TLS_SILENT_AFTER_CLIENT_HELLO),
    ("drips a TLS record", peers.drips_tls_record, OVER_TLS, Cause.TLS_STALLED),
    ("drips a body", peers.drips_http, None, Cause.HTTP_SILENT),
    ("drips a header, fast", lambda: peers.drips_http_header(interval_s=0.05), None, Cause.HTTP_SILENT),
    ("closes", peers.closes_after_first_bytes, None, Cause.CONNECTION_CLOSED),
    ("resets", peers.resets_after_first_bytes, None, Cause.CONNECTION_RESET),
    (
        "resets after a ClientHello",
        peers.resets_after_first_bytes,
        OVER_TLS,
        Cause.TLS_RESET_AFTER_CLIENT_HELLO,
    ),
    (
        "closes after a ClientHello",
        peers.closes_after_first_bytes,
        OVER_TLS,
        Cause.TLS_CLOSED_AFTER_CLIENT_HELLO,
    ),
    ("is an SSH server", peers.ssh_banner, None, Cause.WRONG_PROTOCOL),
    ("is a mail server", peers.smtp_banner, None, Cause.WRONG_PROTOCOL),
    ("sends zeros", raw(bytes(100)), None, Cause.WRONG_PROTOCOL),
    ("sends a TLS alert", lambda: peers.tls_alert("internal_error"), None, Cause.PLAINTEXT_ON_TLS_PORT),
    ("answers plain HTTP to TLS", peers.http, OVER_TLS, Cause.TLS_NOT_SUPPORTED),
    ("a header without end", peers.http_huge_header, None, Cause.HTTP_MALFORMED),
    ("ten thousand headers", raw(HEAD + b"X: y\r\n" * 10_000 + b"\r\n"), None, Cause.HTTP_MALFORMED),
    ("a status that is no number", raw(b"HTTP/1.1 abc OK\r\n\r\n"), None, Cause.HTTP_MALFORMED),
    ("a version from the future", raw(b"HTTP/7 200 OK\r\n\r\n"), None, Cause.HTTP_MALFORMED),
    ("half a status line", raw(b"HTTP/1.1 2"), None, Cause.HTTP_MALFORMED),
    ("less body than promised", raw(HEAD + b"Content-Length: 100\r\n\r\nabc"), None, Cause.CONNECTION_CLOSED),
    (
        "chunks of no size",
        raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc"),
        None,
        Cause.CONNECTION_CLOSED,
    ),
    ("100 Continue for ever", raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000), None, Cause.HTTP_MALFORMED),
]


@pytest.mark.parametrize("sentence, make, tls, cause", MISBEHAVING, ids=[row[0] for row in MISBEHAVING])
def test_each_way_to_misbehave_has_its_cause_in_time(
    sentence: str, make: Callable[[], Peer], tls: Tls | None, cause: Cause
) -> None:
    with make() as peer, ends_within(STEP):
        answer = get(peer, tls)
    assert answer.cause is cause, (sentence, answer)
    assert answer.status == 0
    assert answer.detail


def test_a_huge_body_is_read_as_far_as_the_excerpt() -> None:
    with peers.http_huge_body() as peer:
        answer = get(peer)
    assert (answer.status, len(answer.body), answer.cause) == (200, client.EXCERPT, None)


def test_plain_http_to_a_tls_port_that_hangs_up_is_seen_by_a_second_look(certificates: Certificates) -> None:
    with peers.http(tls=certificates.good.server_context()) as peer:
        answer = get(peer)
    assert answer.cause is Cause.PLAINTEXT_ON_TLS_PORT


def test_https_to_an_http_port_that_waits_for_more_is_seen_by_a_second_look() -> None:
    def serve(conversation: peers.Conversation) -> None:
        if conversation.receive().startswith(b"GET "):
            conversation.send(HEAD + b"Content-Length: 4\r\n\r\nOk.\n")
            conversation.linger()
        conversation.hold()

    with Peer(serve) as peer, ends_within(STEP):
        answer = client.get(Deadline(STEP), peer.host, peer.port, "localhost", OVER_TLS, "/ping")
    assert answer.cause is Cause.TLS_NOT_SUPPORTED


def test_an_untrusted_certificate_is_its_own_cause(certificates: Certificates) -> None:
    with peers.http(tls=certificates.self_signed.server_context()) as peer:
        answer = get(peer, Tls("localhost", Trust(str(certificates.authority.certificate))))
    assert answer.cause in (Cause.TLS_SELF_SIGNED, Cause.TLS_UNTRUSTED)


def test_too_little_time_to_call_it_silence_is_said_to_be_that() -> None:
    with peers.silent() as peer:
        answer = client.get(Deadline(MOMENT), peer.host, peer.port, "localhost", None, "/")
    assert answer.cause is Cause.DEADLINE

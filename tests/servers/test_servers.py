"""The components the tests stand on are what they say they are."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from tests import needs
from tests.servers import peers
from tests.servers.certificates import Certificates, Leaf
from tests.servers.dns import INSIDE, OUTSIDE, DnsServer, Query
from tests.servers.peers import Peer

# What OpenSSL says to a client that trusts `authority`.
REFUSALS: list[tuple[str, Callable[[Certificates], Leaf], str]] = [
    ("expired", lambda c: c.expired, "certificate has expired"),
    ("not yet valid", lambda c: c.not_yet_valid, "certificate is not yet valid"),
    ("for another host", lambda c: c.wrong_host, "IP address mismatch"),
    ("signed by itself", lambda c: c.self_signed, "self-signed certificate"),
    ("of an intercepting proxy", lambda c: c.intercepted, "self-signed certificate in certificate chain"),
    ("without its intermediate", lambda c: c.missing_intermediate, "unable to get local issuer certificate"),
]


def handshake(address: tuple[str, int], context: ssl.SSLContext) -> ssl.SSLSocket:
    connection = socket.create_connection(address, 5)
    return context.wrap_socket(connection, server_hostname=address[0])


@pytest.mark.parametrize(("what", "leaf", "reason"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_a_client_refuses_a_certificate(
    certificates: Certificates, what: str, leaf: Callable[[Certificates], Leaf], reason: str
) -> None:
    with (
        peers.silent(leaf(certificates).server_context()) as peer,
        pytest.raises(ssl.SSLCertVerificationError) as refusal,
    ):
        handshake(peer.address, certificates.authority.client_context())
    assert reason in refusal.value.verify_message, what


@pytest.mark.parametrize("kind", ["good", "expiring", "full_chain"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_client_accepts_a_certificate_also_in_strict_mode(
    certificates: Certificates, kind: str, host: str
) -> None:
    leaf: Leaf = getattr(certificates, kind)
    with (
        peers.silent(leaf.server_context(), host=host) as peer,
        handshake(peer.address, certificates.authority.client_context(strict=True)) as connection,
    ):
        assert connection.getpeercert(binary_form=True) is not None


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("without_key_identifier", "Missing Authority Key Identifier"),
        ("constraints_not_critical", "Basic Constraints of CA cert not marked critical"),
    ],
)
def test_some_authorities_are_refused_in_strict_mode_only(
    certificates: Certificates, kind: str, reason: str
) -> None:
    authority = getattr(certificates, kind)
    with peers.silent(authority.issue("127.0.0.1").server_context()) as peer:
        handshake(peer.address, authority.client_context()).close()
        with pytest.raises(ssl.SSLCertVerificationError) as refusal:
            handshake(peer.address, authority.client_context(strict=True))
    assert reason in refusal.value.verify_message


def test_the_trust_stores_open_with_their_password(certificates: Certificates) -> None:
    authority = certificates.authority
    store = pkcs12.load_pkcs12(authority.truststore_pkcs12("secret").read_bytes(), b"secret")
    assert [entry.certificate for entry in store.additional_certs] == [authority.x509]


def test_keytool_writes_a_jks_trust_store(certificates: Certificates) -> None:
    needs.keytool()
    assert certificates.authority.truststore_jks("changeit").read_bytes()[:4] == b"\xfe\xed\xfe\xed"


def exchange(peer: Peer, data: bytes = b"hello", seconds: float = 1.0) -> bytes | str:
    """What a plain client sees: the bytes until the peer closes, or how it failed."""
    try:
        with socket.create_connection(peer.address, seconds) as connection:
            connection.settimeout(seconds)
            connection.sendall(data)
            answer = b""
            while part := connection.recv(65536):
                answer += part
            return answer
    except OSError as error:
        return type(error).__name__


PLAIN: list[tuple[str, Callable[[], Peer], bytes | str]] = [
    ("refused", peers.refused, "ConnectionRefusedError"),
    ("never accepts", peers.never_accepts, "TimeoutError"),
    ("drops the SYN", peers.syn_drop, "TimeoutError"),
    ("silent", peers.silent, "TimeoutError"),
    ("resets at once", peers.resets_at_once, "ConnectionResetError"),
    ("closes after the first bytes", peers.closes_after_first_bytes, b""),
    ("resets after the first bytes", peers.resets_after_first_bytes, "ConnectionResetError"),
    ("drips", peers.drips_kafka, "TimeoutError"),
    ("SSH", peers.ssh_banner, "TimeoutError"),
    ("alert", lambda: peers.tls_alert("protocol_version"), b"\x15\x03\x03\x00\x02\x02\x46"),
]


@pytest.mark.parametrize(("what", "make", "seen"), PLAIN, ids=[row[0] for row in PLAIN])
def test_a_plain_client_sees_a_peer_misbehave(what: str, make: Callable[[], Peer], seen: bytes | str) -> None:
    with make() as peer:
        assert exchange(peer, seconds=0.3) == seen, what


def test_a_peer_that_closes_at_once_says_nothing() -> None:
    with peers.closes_at_once() as peer, socket.create_connection(peer.address, 1) as connection:
        assert connection.recv(1) == b""


def test_a_dropped_syn_is_a_connect_that_times_out_and_an_unaccepted_one_is_not() -> None:
    with peers.syn_drop() as dropping, pytest.raises(TimeoutError):
        socket.create_connection(dropping.address, 0.3)
    with peers.never_accepts() as queueing:
        socket.create_connection(queueing.address, 0.3).close()


@pytest.mark.parametrize(
    ("make", "first"),
    [
        (peers.drips_kafka, b"\x00\x00\x03\xe8"),
        (peers.drips_http, b"HTTP/1.1 200 OK\r\n"),
        (peers.drips_http_header, b"HTTP/1.1 200 OK\r\nX-Slow: "),
    ],
)
@pytest.mark.parametrize("over_tls", [False, True])
def test_a_dripping_peer_begins_properly_and_then_drips(
    certificates: Certificates, make: Callable[..., Peer], first: bytes, over_tls: bool
) -> None:
    with make(certificates.good.server_context() if over_tls else None, interval_s=0.05) as peer:
        if over_tls:
            connection: socket.socket = handshake(peer.address, certificates.authority.client_context())
        else:
            connection = socket.create_connection(peer.address, 1)
        with connection:
            connection.sendall(b"hello")
            assert connection.recv(65536).startswith(first)
            assert [len(connection.recv(65536)) for _ in range(3)] == [1, 1, 1]


def test_the_speakers_of_other_protocols_speak_them() -> None:
    with peers.ssh_banner() as peer, socket.create_connection(peer.address, 1) as connection:
        assert connection.recv(100).startswith(b"SSH-2.0-")
    with peers.smtp_banner() as peer, socket.create_connection(peer.address, 1) as connection:
        assert connection.recv(100).startswith(b"220 ")
    with peers.random_bytes() as peer:
        assert len(exchange(peer)) == 4096
    with peers.load_balancer_503() as peer:
        assert b"503 Service Unavailable" in exchange(peer)
    with peers.captive_portal() as peer:
        assert b"Location: http://portal.example.test/" in exchange(peer)
    with peers.http_huge_body(size=1 << 20) as peer:
        assert len(exchange(peer)) > 1 << 20
    with peers.http_huge_header(size=1 << 20) as peer:
        assert b"\r\n\r\n" not in exchange(peer)
    with peers.kafka_huge_frame() as peer, socket.create_connection(peer.address, 1) as connection:
        connection.sendall(b"hello")
        assert struct.unpack(">i", connection.recv(4)) == (2**31 - 1,)


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ("protocol_version", "TLSV1_ALERT_PROTOCOL_VERSION"),
        ("handshake_failure", "SSLV3_ALERT_HANDSHAKE_FAILURE"),
        ("unrecognized_name", "TLSV1_UNRECOGNIZED_NAME"),
        ("internal_error", "TLSV1_ALERT_INTERNAL_ERROR"),
    ],
)
def test_a_tls_client_gets_the_alert(certificates: Certificates, description: str, reason: str) -> None:
    with peers.tls_alert(description) as peer, pytest.raises(ssl.SSLError) as refusal:
        handshake(peer.address, certificates.authority.client_context())
    assert refusal.value.reason == reason


def test_old_tls_is_refused_by_a_client_of_today_and_spoken_with_one_of_yesterday(
    certificates: Certificates,
) -> None:
    with peers.old_tls_only(certificates.good) as peer:
        with pytest.raises(ssl.SSLError) as refusal:
            handshake(peer.address, certificates.authority.client_context())
        assert refusal.value.reason == "TLSV1_ALERT_PROTOCOL_VERSION"
        old = certificates.authority.client_context()
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning):
            old.minimum_version = ssl.TLSVersion.TLSv1
        with handshake(peer.address, old) as connection:
            assert connection.version() == "TLSv1.1"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_mutual_tls_answers_only_those_with_a_certificate(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    authority = certificates.authority
    with peers.wants_client_certificate(certificates.good, authority.certificate, version) as peer:
        known = authority.client_context()
        known.load_cert_chain(certificates.client.certificate, certificates.client.key)
        with handshake(peer.address, known) as connection:
            connection.sendall(b"hello")
            assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")
        empty_handed = authority.client_context()
        with pytest.raises(ssl.SSLError) as refusal, handshake(peer.address, empty_handed) as connection:
            connection.recv(100)
        assert "ALERT" in refusal.value.reason
        unknown = authority.client_context()
        unknown.load_cert_chain(certificates.stranger.certificate, certificates.stranger.key)
        with pytest.raises(ssl.SSLError) as refusal, handshake(peer.address, unknown) as stranger:
            stranger.recv(100)
        assert refusal.value.reason == "TLSV1_ALERT_UNKNOWN_CA"


def test_a_tls_record_that_drips_never_ends_the_handshake(certificates: Certificates) -> None:
    with peers.drips_tls_record(interval_s=0.05) as peer:
        context = certificates.authority.client_context()
        with socket.create_connection(peer.address, 0.5) as plain, pytest.raises(TimeoutError):
            context.wrap_socket(plain, server_hostname=peer.host)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (peers.closes_after_first_bytes, ssl.SSLEOFError),
        (peers.resets_after_first_bytes, ConnectionResetError),
    ],
)
def test_a_handshake_can_be_cut_short(
    certificates: Certificates, make: Callable[[], Peer], error: type[OSError]
) -> None:
    with make() as peer, pytest.raises(error):
        handshake(peer.address, certificates.authority.client_context())


def test_a_peer_can_close_properly_right_after_the_handshake(certificates: Certificates) -> None:
    with (
        peers.closes_after_handshake(certificates.good.server_context()) as peer,
        handshake(peer.address, certificates.authority.client_context()) as connection,
    ):
        assert connection.recv(1) == b""


def test_a_tls_proxy_makes_a_plain_port_a_tls_port(certificates: Certificates) -> None:
    with (
        peers.http(body=b"plain inside") as inner,
        peers.proxy(inner.address, certificates.good.server_context()) as outer,
        handshake(outer.address, certificates.authority.client_context()) as connection,
    ):
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while part := connection.recv(4096):
            answer += part
    assert answer.endswith(b"plain inside")
    assert inner.received.startswith(b"GET / ")


def test_a_closed_peer_leaves_no_thread_and_no_listener() -> None:
    before = set(threading.enumerate())
    with peers.silent() as peer:
        connection = socket.create_connection(peer.address, 1)
        connection.sendall(b"x")
        time.sleep(0.05)
    assert connection.recv(1) == b""
    connection.close()
    assert set(threading.enumerate()) <= before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(peer.address, 1)


def ask(server: DnsServer, name: str, kind: str = "A", *, tcp: bool = False) -> dns.message.Message:
    question = dns.message.make_query(name, kind)
    if tcp:
        return dns.query.tcp(question, server.host, 0.5, server.port)
    return dns.query.udp(question, server.host, 0.5, server.port)


def lines(reply: dns.message.Message) -> list[str]:
    return [line for rrset in reply.answer for line in rrset.to_text().splitlines()]


@pytest.mark.parametrize(
    ("name", "kind", "answer"),
    [
        ("a.example.test", "A", ["a.example.test. 60 IN A 10.0.1.10"]),
        ("both.example.test", "AAAA", ["both.example.test. 300 IN AAAA 2001:db8::11"]),
        (
            "alias.example.test",
            "A",
            [
                "alias.example.test. 5 IN CNAME middle.example.test.",
                "middle.example.test. 30 IN CNAME a.example.test.",
                "a.example.test. 60 IN A 10.0.1.10",
            ],
        ),
        ("nodata.example.test", "A", []),
    ],
)
@pytest.mark.parametrize("tcp", [False, True])
def test_dns_answers(dns_server: DnsServer, name: str, kind: str, answer: list[str], tcp: bool) -> None:
    reply = ask(dns_server, name, kind, tcp=tcp)
    assert (reply.rcode(), lines(reply)) == (dns.rcode.NOERROR, answer)
    assert dns_server.queries == [Query(name, kind, "tcp" if tcp else "udp")]


@pytest.mark.parametrize(
    ("name", "rcode"),
    [
        ("absent.example.test", dns.rcode.NXDOMAIN),
        ("dangling.example.test", dns.rcode.NXDOMAIN),
        ("servfail.example.test", dns.rcode.SERVFAIL),
        ("refused.example.test", dns.rcode.REFUSED),
    ],
)
def test_dns_refuses(dns_server: DnsServer, name: str, rcode: dns.rcode.Rcode) -> None:
    reply = ask(dns_server, name)
    assert reply.rcode() == rcode
    assert bool(reply.authority) == (rcode == dns.rcode.NXDOMAIN)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("silent.example.test", dns.exception.Timeout),
        ("no-udp.example.test", dns.exception.Timeout),
        ("malformed.example.test", dns.exception.DNSException),
        ("wrong-id.example.test", dns.query.BadResponse),
    ],
)
def test_dns_misbehaves(dns_server: DnsServer, name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        ask(dns_server, name)


def test_a_truncated_answer_is_whole_over_tcp(dns_server: DnsServer) -> None:
    question = dns.message.make_query("truncated.example.test", "A")
    reply, over_tcp = dns.query.udp_with_fallback(question, dns_server.host, 0.5, dns_server.port)
    assert over_tcp
    assert len(lines(reply)) == 60


def test_two_views_of_one_name_differ() -> None:
    with DnsServer(INSIDE) as inside, DnsServer(OUTSIDE) as outside:
        assert lines(ask(inside, "split.example.test")) == ["split.example.test. 60 IN A 10.0.1.20"]
        assert lines(ask(outside, "split.example.test")) == ["split.example.test. 60 IN A 203.0.113.20"]


def test_the_certificates_are_pem_files(certificates: Certificates) -> None:
    for path in (certificates.good.certificate, certificates.authority.certificate):
        assert path.read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert isinstance(certificates.good.key, Path)

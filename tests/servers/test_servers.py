"""The components the tests stand on are what they say they are."""

from __future__ import annotations

import base64
import contextlib
import functools
import http.client
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives.serialization import pkcs12

from tests import needs
from tests.bounds import LONG, STEP
from tests.servers import kafka_wire, peers
from tests.servers.certificates import Certificates, Leaf
from tests.servers.chdb_front import ChdbFront
from tests.servers.clickhouse import ClickHouse
from tests.servers.dns import INSIDE, OUTSIDE, DnsServer, Query
from tests.servers.kafka import LISTENERS, STRAYS, KafkaCluster, unsecured_token
from tests.servers.peers import Peer
from tests.servers.ports import ReservedPorts
from tests.servers.process import Process, ServerFailed
from tests.servers.sasl_peer import TOO_MANY_CONNECTS, AwsKeys, SaslPeer, sasl_peer

with warnings.catch_warnings():
    # It reads its schemas by a function of importlib.resources that Python 3.11 and 3.12 deprecate.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka.net.sasl import get_sasl_mechanism
    from kafka.net.sasl.msk import AwsMskIamClient

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
    connection = socket.create_connection(address, LONG)
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


def exchange(peer: Peer, data: bytes = b"hello", seconds: float = LONG) -> bytes | str:
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


MERGED = 20
"""Drips that a loaded machine may hand over at once; all of what is dripped is far more."""

PLAIN: list[tuple[str, Callable[[], Peer], bytes | str]] = [
    ("refused", peers.refused, "ConnectionRefusedError"),
    ("never accepts", peers.never_accepts, "TimeoutError"),
    ("drops the SYN", peers.syn_drop, "TimeoutError"),
    ("silent", peers.silent, "TimeoutError"),
    ("resets at once", peers.resets_at_once, "ConnectionResetError"),
    ("closes after the first bytes", peers.closes_after_first_bytes, b""),
    ("resets after the first bytes", peers.resets_after_first_bytes, "ConnectionResetError"),
    ("drips", lambda: peers.drips_kafka(interval_s=2 * STEP), "TimeoutError"),
    ("SSH", peers.ssh_banner, "TimeoutError"),
    ("alert", lambda: peers.tls_alert("protocol_version"), b"\x15\x03\x03\x00\x02\x02\x46"),
]


@pytest.mark.parametrize(("what", "make", "seen"), PLAIN, ids=[row[0] for row in PLAIN])
def test_a_plain_client_sees_a_peer_misbehave(what: str, make: Callable[[], Peer], seen: bytes | str) -> None:
    with make() as peer:
        assert exchange(peer, seconds=STEP) == seen, what


def test_a_peer_that_closes_at_once_says_nothing() -> None:
    with peers.closes_at_once() as peer, socket.create_connection(peer.address, LONG) as connection:
        assert connection.recv(1) == b""


def test_a_dropped_syn_is_a_connect_that_times_out_and_an_unaccepted_one_is_not() -> None:
    with peers.syn_drop() as dropping, pytest.raises(TimeoutError):
        socket.create_connection(dropping.address, 0.3)
    with peers.never_accepts() as queueing:
        socket.create_connection(queueing.address, LONG).close()


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
    with make(certificates.good.server_context() if over_tls else None, interval_s=0.2) as peer:
        if over_tls:
            connection: socket.socket = handshake(peer.address, certificates.authority.client_context())
        else:
            connection = socket.create_connection(peer.address, LONG)
        with connection:
            connection.sendall(b"hello")
            begun = b""
            while len(begun) < len(first):
                begun += connection.recv(65536)
            assert begun.startswith(first)
            parts = [len(connection.recv(65536)) for _ in range(3)]
            assert all(0 < part <= MERGED for part in parts), parts


def test_the_speakers_of_other_protocols_speak_them() -> None:
    with peers.ssh_banner() as peer, socket.create_connection(peer.address, LONG) as connection:
        assert connection.recv(100).startswith(b"SSH-2.0-")
    with peers.smtp_banner() as peer, socket.create_connection(peer.address, LONG) as connection:
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
    with peers.kafka_huge_frame() as peer, socket.create_connection(peer.address, LONG) as connection:
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
        connection = socket.create_connection(peer.address, LONG)
        connection.sendall(b"x")
        time.sleep(0.05)
    assert connection.recv(1) == b""
    connection.close()
    assert set(threading.enumerate()) <= before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(peer.address, LONG)


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


def client_context(certificates: Certificates, listener: str) -> ssl.SSLContext | None:
    if "PLAINTEXT" in listener:
        return None
    context = certificates.authority.client_context()
    if listener == "MTLS":
        context.load_cert_chain(certificates.client.certificate, certificates.client.key)
    return context


@contextlib.contextmanager
def broker(cluster: KafkaCluster, listener: str, index: int = 0) -> Iterator[socket.socket]:
    address = cluster.addresses(listener)[index]
    context = client_context(cluster.certificates, listener)
    with socket.create_connection(address, LONG) as plain:
        if context is None:
            yield plain
            return
        with context.wrap_socket(plain, server_hostname=address[0]) as connection:
            yield connection


HONEST = [name for name in LISTENERS if name not in ("EXPIRED", "WRONG_HOST")]


@pytest.mark.parametrize("listener", HONEST)
@pytest.mark.parametrize("index", [0, 2])
def test_every_kafka_listener_answers_api_versions(
    kafka_cluster: KafkaCluster, listener: str, index: int
) -> None:
    with broker(kafka_cluster, listener, index) as connection:
        assert kafka_wire.METADATA in kafka_wire.api_versions(connection)


@pytest.mark.parametrize("listener", ["PLAINTEXT", "SSL", "MTLS"])
def test_every_broker_advertises_the_listener_one_came_by(kafka_cluster: KafkaCluster, listener: str) -> None:
    for index in range(3):
        with broker(kafka_cluster, listener, index) as connection:
            response = kafka_wire.metadata(connection)
        assert [response.brokers[one] for one in (1, 2, 3)] == kafka_cluster.addresses(listener)


@pytest.mark.parametrize("listener", STRAYS)
def test_one_broker_advertises_an_address_that_leads_nowhere(
    kafka_cluster: KafkaCluster, listener: str
) -> None:
    with broker(kafka_cluster, listener) as connection:
        response = kafka_wire.metadata(connection).brokers
    assert [response[1], response[2]] == kafka_cluster.addresses(listener)[:2]
    assert response[3] == kafka_cluster.stray[listener]
    error = {
        "STRAY_REFUSED": ConnectionRefusedError,
        "STRAY_SILENT": TimeoutError,
        "STRAY_NAME": socket.gaierror,
    }
    with pytest.raises(error[listener]):
        socket.create_connection(response[3], STEP)


@pytest.mark.parametrize(
    ("listener", "reason"),
    [("EXPIRED", "certificate has expired"), ("WRONG_HOST", "Hostname mismatch")],
)
def test_a_kafka_listener_has_a_bad_certificate(
    kafka_cluster: KafkaCluster, listener: str, reason: str
) -> None:
    with (
        pytest.raises(ssl.SSLCertVerificationError) as refusal,
        broker(kafka_cluster, listener),
    ):
        pass
    assert reason in refusal.value.verify_message


def test_the_mutual_tls_listener_wants_a_certificate(kafka_cluster: KafkaCluster) -> None:
    context = kafka_cluster.certificates.authority.client_context()
    with (
        handshake(kafka_cluster.addresses("MTLS")[0], context) as connection,
        pytest.raises(ssl.SSLError) as refusal,
    ):
        kafka_wire.api_versions(connection)
    assert "ALERT" in refusal.value.reason


def log_in(connection: socket.socket, mechanism: str, user: str, password: str) -> tuple[int, str | None]:
    """Error code and message of a login; the client's part is kafka-python's."""
    assert kafka_wire.sasl_mechanisms(connection, mechanism)[0] == 0
    client = get_sasl_mechanism(mechanism)(
        sasl_mechanism=mechanism, sasl_plain_username=user, sasl_plain_password=password
    )
    while True:
        code, message, answer = kafka_wire.sasl_authenticate(connection, client.auth_bytes())
        if code:
            return code, message
        client.receive(answer)
        if client.is_done():
            return code, message


@pytest.mark.parametrize("listener", ["SASL_SSL", "SASL_PLAINTEXT"])
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"])
def test_the_right_password_logs_in_and_a_wrong_one_does_not(
    kafka_cluster: KafkaCluster, listener: str, mechanism: str
) -> None:
    password = kafka_cluster.users["connect"]
    with broker(kafka_cluster, listener) as connection:
        assert log_in(connection, mechanism, "connect", password)[0] == 0
        assert len(kafka_wire.metadata(connection).brokers) == 3
    with broker(kafka_cluster, listener) as connection:
        code, message = log_in(connection, mechanism, "connect", "wrong")
    assert code == 58
    assert "Authentication failed" in (message or "")


def test_a_sasl_listener_names_its_mechanisms_and_hangs_up_on_the_rest(kafka_cluster: KafkaCluster) -> None:
    with broker(kafka_cluster, "SASL_SSL") as connection:
        code, offered = kafka_wire.sasl_mechanisms(connection, "AWS_MSK_IAM")
    assert (code, sorted(offered)) == (33, ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
    with broker(kafka_cluster, "SASL_SSL") as connection, pytest.raises(ConnectionError):
        kafka_wire.metadata(connection)


@pytest.mark.parametrize(("lifetime_s", "challenged"), [(300, False), (-60, True)])
def test_the_oauth_listener_takes_a_token_until_it_expires(
    kafka_cluster: KafkaCluster, lifetime_s: int, challenged: bool
) -> None:
    with broker(kafka_cluster, "OAUTH") as connection:
        assert kafka_wire.sasl_mechanisms(connection, "OAUTHBEARER") == (0, ["OAUTHBEARER"])
        code, _, challenge = kafka_wire.sasl_authenticate(connection, unsecured_token("me", lifetime_s))
        assert (code, bool(challenge)) == (0, challenged)
        if challenged:
            assert kafka_wire.sasl_authenticate(connection, b"\x01")[0] == 58
        else:
            assert len(kafka_wire.metadata(connection).brokers) == 3


def test_naming_a_topic_makes_it_and_asking_for_all_or_none_does_not(kafka_cluster: KafkaCluster) -> None:
    before = kafka_cluster.topics()
    with broker(kafka_cluster, "PLAINTEXT") as connection:
        assert kafka_wire.metadata(connection, []).topics == []
    assert kafka_cluster.topics() == before
    kafka_cluster.create_topic("made-by-asking")
    assert kafka_cluster.topics() == sorted([*before, "made-by-asking"])


def test_a_stopped_broker_refuses_and_comes_back_where_it_was(kafka_cluster: KafkaCluster) -> None:
    before = kafka_cluster.addresses("SSL")
    kafka_cluster.stop_broker(2)
    try:
        with pytest.raises(ConnectionRefusedError), broker(kafka_cluster, "SSL", 1):
            pass
    finally:
        kafka_cluster.start_broker(2)
    with broker(kafka_cluster, "SSL", 1) as connection:
        assert kafka_wire.metadata(connection).brokers[2] == before[1]


def ask_over_https(
    server: ClickHouse | ChdbFront, path: str, user: str, password: str
) -> tuple[int, str, str]:
    """Status, exception code header, body."""
    port = server.https if isinstance(server, ClickHouse) else server.port
    context = server.certificates.authority.client_context()
    login = {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}
    with contextlib.closing(
        http.client.HTTPSConnection(server.host, port, context=context, timeout=LONG)
    ) as https:
        https.request("GET", path, headers=login)
        response = https.getresponse()
        return (
            response.status,
            response.headers.get("X-ClickHouse-Exception-Code", ""),
            response.read().decode(),
        )


def test_clickhouse_answers_over_https(clickhouse_server: ClickHouse) -> None:
    ask = functools.partial(ask_over_https, clickhouse_server)
    password = clickhouse_server.users["sink"]
    assert ask("/ping", "", "") == (200, "", "Ok.\n")
    assert ask("/?query=SELECT+version()", "sink", password) == (200, "", "18.16.1\n")
    assert ask("/?query=SHOW+TABLES+FROM+orders", "sink", password) == (200, "", "events\nlines\n")
    assert ask("/?query=SHOW+TABLES+FROM+empty", "sink", password) == (200, "", "")
    status, _, text = ask("/?query=SELECT+1", "sink", "wrong")
    assert (status, text[:9]) == (401, "Code: 193")
    status, _, text = ask("/?query=SELECT+1", "remote", clickhouse_server.users["remote"])
    assert (status, text[:9]) == (500, "Code: 195")
    status, _, text = ask("/?database=absent&query=SELECT+1", "sink", password)
    assert (status, text[:8]) == (404, "Code: 81")


@pytest.mark.parametrize("over_tls", [False, True])
def test_clickhouse_speaks_its_native_protocol(clickhouse_server: ClickHouse, over_tls: bool) -> None:
    """Hello in client protocol 54058: the server answers packet 0 and its name."""

    def text(value: str) -> bytes:
        return bytes([len(value)]) + value.encode()

    hello = b"\x00" + text("test") + b"\x01\x01" + b"\xaa\xa6\x03" + text("empty")
    hello += text("sink") + text(clickhouse_server.users["sink"])
    port = clickhouse_server.native_tls if over_tls else clickhouse_server.native
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(socket.create_connection((clickhouse_server.host, port), 5))
        if over_tls:
            context = clickhouse_server.certificates.authority.client_context()
            connection = stack.enter_context(
                context.wrap_socket(connection, server_hostname=clickhouse_server.host)
            )
        connection.sendall(hello)
        assert connection.recv(100).startswith(b"\x00" + text("ClickHouse"))


def test_chdb_is_a_current_clickhouse(chdb_server: ChdbFront) -> None:
    ask = functools.partial(ask_over_https, chdb_server)
    password = chdb_server.users["sink"]
    assert ask("/ping", "", "") == (200, "", "Ok.\n")
    status, _, version = ask("/?query=SELECT+version()", "sink", password)
    assert status == 200
    assert int(version.split(".")[0]) >= 26
    assert ask("/?database=orders&query=SHOW+TABLES", "sink", password) == (200, "", "events\nlines\n")
    assert ask("/?query=SELECT+1", "sink", "wrong")[:2] == (403, "516")
    assert ask("/?query=SELECT+1", "nobody", "")[:2] == (403, "516")
    assert ask("/?database=absent&query=SELECT+1", "sink", password)[:2] == (404, "81")
    assert ask("/?query=SELECT+*+FROM+absent", "sink", password)[:2] == (404, "60")
    assert ask("/?query=SELECT+FROM+WHERE", "sink", password)[:2] == (400, "62")
    assert ask("/elsewhere", "sink", password)[0] == 404


def test_clickhouse_connect_takes_chdb_for_a_server(chdb_server: ChdbFront) -> None:
    import clickhouse_connect

    client = clickhouse_connect.get_client(
        host=chdb_server.host,
        port=chdb_server.port,
        secure=True,
        ca_cert=str(chdb_server.certificates.authority.certificate),
        username="sink",
        password=chdb_server.users["sink"],
        database="orders",
    )
    with contextlib.closing(client):
        assert client.query("SELECT count() FROM system.tables WHERE database = 'orders'").result_rows == [
            (2,)
        ]


def test_a_sleeping_service_is_slow_once(certificates: Certificates) -> None:
    needs.chdb()
    with ChdbFront(certificates, waking_s=3.0) as server:
        took = []
        for _ in range(2):
            began = time.monotonic()
            assert ask_over_https(server, "/ping", "", "")[0] == 200
            took.append(time.monotonic() - began)
    assert took[0] > 2.9
    assert took[1] < took[0] - 1.0, "the second question finds it awake"


KEYS = AwsKeys("AKIAEXAMPLE", "secret", "session")


def msk_payload(keys: AwsKeys, region: str = "us-east-1") -> bytes:
    """An AWS_MSK_IAM login as kafka-python makes it."""
    client = AwsMskIamClient("127.0.0.1", keys.access_key, keys.secret_key, region, keys.session_token)
    return bytes(client.first_message())


def msk_token(keys: AwsKeys, region: str = "us-east-1") -> bytes:
    """An OAUTHBEARER login with a URL that botocore presigned."""
    request = AWSRequest("GET", f"https://kafka.{region}.amazonaws.com/?Action=kafka-cluster%3AConnect")
    credentials = Credentials(keys.access_key, keys.secret_key, keys.session_token)
    SigV4QueryAuth(credentials, "kafka-cluster", region, expires=900).add_auth(request)
    token = base64.urlsafe_b64encode(f"{request.url}&User-Agent=test".encode()).rstrip(b"=")
    return b"n,,\x01auth=Bearer " + token + b"\x01\x01"


def iam_login(peer: SaslPeer, mechanism: str, token: bytes) -> tuple[int, str | None]:
    with socket.create_connection(peer.address, LONG) as connection:
        assert kafka_wire.sasl_mechanisms(connection, mechanism)[0] == 0
        code, message, challenge = kafka_wire.sasl_authenticate(connection, token)
        if mechanism == "OAUTHBEARER" and challenge:
            assert json.loads(challenge) == {"status": "invalid_token"}
            code, message, _ = kafka_wire.sasl_authenticate(connection, b"\x01")
        if code == 0:
            assert kafka_wire.metadata(connection).brokers == {1: peer.address}
        return code, message


@pytest.mark.parametrize(("mechanism", "sign"), [("AWS_MSK_IAM", msk_payload), ("OAUTHBEARER", msk_token)])
@pytest.mark.parametrize(
    ("keys", "region", "verdict"),
    [
        (KEYS, "us-east-1", "ok"),
        (AwsKeys("AKIAEXAMPLE", "wrong", "session"), "us-east-1", "bad signature"),
        (AwsKeys("AKIAOTHER", "secret", "session"), "us-east-1", "unknown access key AKIAOTHER"),
        (AwsKeys("AKIAEXAMPLE", "secret", "other"), "us-east-1", "another session token"),
        (AwsKeys("AKIAEXAMPLE", "secret"), "us-east-1", "another session token"),
    ],
    ids=["right", "wrong secret", "unknown key", "wrong session", "no session"],
)
def test_an_iam_login_is_worth_what_its_signature_is(
    mechanism: str, sign: Callable[[AwsKeys, str], bytes], keys: AwsKeys, region: str, verdict: str
) -> None:
    with sasl_peer(KEYS) as peer:
        code, message = iam_login(peer, mechanism, sign(keys, region))
    assert peer.verdicts == [verdict]
    assert code == (0 if verdict == "ok" else 58)
    assert verdict == "ok" or re.fullmatch(r"\[[0-9a-f-]{36}\]: Access denied", message or "")


def test_an_iam_login_for_another_region_is_refused() -> None:
    with sasl_peer(KEYS) as peer:
        assert iam_login(peer, "AWS_MSK_IAM", msk_payload(KEYS, "eu-west-1"))[0] == 58
        assert iam_login(peer, "OAUTHBEARER", msk_token(KEYS, "eu-west-1"))[0] == 58
    assert peer.verdicts == [
        "signed for eu-west-1/kafka-cluster/aws4_request",
        "for another host: kafka.eu-west-1.amazonaws.com",
    ]


def test_too_many_connects_is_said_to_everybody() -> None:
    with sasl_peer(KEYS, refusal=TOO_MANY_CONNECTS) as peer:
        assert iam_login(peer, "AWS_MSK_IAM", msk_payload(KEYS)) == (58, "Too many connects")
    assert peer.verdicts == ["ok"]


def test_the_iam_listener_answers_any_version_of_api_versions_and_drops_who_has_not_logged_in() -> None:
    with sasl_peer(KEYS) as peer, socket.create_connection(peer.address, LONG) as connection:
        assert kafka_wire.request(connection, kafka_wire.API_VERSIONS, 4).number("h") == 35
        assert kafka_wire.METADATA in kafka_wire.api_versions(connection)
        with pytest.raises(ConnectionResetError):
            kafka_wire.metadata(connection)


def test_a_reserved_port_is_refused_and_can_be_listened_on() -> None:
    with ReservedPorts(1) as ports, socket.socket() as server:
        address = ("127.0.0.1", ports.numbers[0])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, LONG)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(address)
        server.listen()
        socket.create_connection(address, LONG).close()


def test_a_server_that_fails_says_why(tmp_path: Path) -> None:
    process = Process([sys.executable, "-c", "raise SystemExit('no luck')"], tmp_path / "log")
    with pytest.raises(ServerFailed, match="no luck"):
        process.wait_until(lambda: False, 10)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_server_does_not_outlive_a_killed_test_run(tmp_path: Path) -> None:
    needs.program("setpriv", "util-linux")
    starter = (
        "import pathlib, sys, time; from tests.servers.process import Process;"
        f"print(Process(['sleep', '60'], pathlib.Path({str(tmp_path / 'log')!r})).pid, flush=True);"
        "time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as run:
        assert run.stdout is not None
        server = int(run.stdout.readline())
        os.kill(server, 0)
        run.kill()
    deadline = time.monotonic() + LONG
    while _runs(server) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(server)


def _runs(pid: int) -> bool:
    """Whether that process runs; one that ended and nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False

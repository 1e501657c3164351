"""The TLS probe: every way in which a handshake ends has its own cause, and the chain is always shown."""

from __future__ import annotations

import hashlib
import json
import random
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import certifi
import pytest

from netcheck.core.codec import decode, encode
from netcheck.core.context import Deadline
from netcheck.core.credentials import Trust
from netcheck.core.model import Cause
from netcheck.core.secret import Secret
from netcheck.probe.tls import trust
from netcheck.probe.tls.handshake import Handshake, handshake
from tests import needs
from tests.bounds import LONG, MOMENT, STEP, ends_within
from tests.servers import peers
from tests.servers.certificates import Authority, Certificates, Leaf
from tests.servers.peers import Peer

BROKER = "b-1.demo.abc123.c3.kafka.eu-west-1.amazonaws.com"

Make = Callable[[Certificates], Peer]


def _shake(peer: Peer, trusted: object, name: str = "localhost", seconds: float = STEP) -> Handshake:
    store = trusted if isinstance(trusted, Trust) else Trust(None if trusted is None else str(trusted))
    with ends_within(seconds):
        seen = handshake(Deadline(seconds), peer.host, peer.port, name, store)
    assert decode(Handshake, json.loads(json.dumps(encode(seen)))) == seen, "it can be recorded"
    return seen


def _shows(leaf: Leaf) -> Peer:
    return peers.silent(leaf.server_context())


BROKEN: list[tuple[str, Make, Cause]] = [
    ("nothing listens", lambda _: peers.refused(), Cause.CONNECTION_REFUSED),
    ("SYNs are dropped", lambda _: peers.syn_drop(), Cause.TIMED_OUT),
    ("it never accepts", lambda _: peers.never_accepts(), Cause.TLS_SILENT_AFTER_CLIENT_HELLO),
    ("it never answers the ClientHello", lambda _: peers.silent(), Cause.TLS_SILENT_AFTER_CLIENT_HELLO),
    ("it resets at once", lambda _: peers.resets_at_once(), Cause.TLS_RESET_AFTER_CLIENT_HELLO),
    (
        "it closes on our hello",
        lambda _: peers.closes_after_first_bytes(),
        Cause.TLS_CLOSED_AFTER_CLIENT_HELLO,
    ),
    (
        "it resets on our hello",
        lambda _: peers.resets_after_first_bytes(),
        Cause.TLS_RESET_AFTER_CLIENT_HELLO,
    ),
    ("it drips its handshake", lambda _: peers.drips_tls_record(0.2), Cause.TLS_STALLED),
    (
        "it stops midway",
        lambda _: peers.speaks_first(b"\x16\x03\x03\x04\x00\x02\x00\x03\xfc"),
        Cause.TLS_STALLED,
    ),
    ("it closes midway", lambda _: peers.answers(b"\x16\x03\x03\x04\x00\x02\x00"), Cause.CONNECTION_CLOSED),
    ("it is an SSH server", lambda _: peers.ssh_banner(), Cause.TLS_NOT_SUPPORTED),
    ("it is a mail server", lambda _: peers.smtp_banner(), Cause.TLS_NOT_SUPPORTED),
    ("it speaks plain HTTP", lambda _: peers.http("400 Bad Request"), Cause.TLS_NOT_SUPPORTED),
    (
        "it is a plaintext Kafka that drips",
        lambda _: peers.drips_kafka(interval_s=0.2),
        Cause.TLS_NOT_SUPPORTED,
    ),
    ("it speaks old TLS only", lambda c: peers.old_tls_only(c.good), Cause.TLS_PROTOCOL_VERSION),
    ("it refuses the version", lambda _: peers.tls_alert("protocol_version"), Cause.TLS_PROTOCOL_VERSION),
    ("it refuses the handshake", lambda _: peers.tls_alert("handshake_failure"), Cause.TLS_HANDSHAKE_FAILURE),
    ("it has an internal error", lambda _: peers.tls_alert("internal_error"), Cause.TLS_HANDSHAKE_FAILURE),
    (
        "it does not know the name",
        lambda _: peers.tls_alert("unrecognized_name"),
        Cause.TLS_HANDSHAKE_FAILURE,
    ),
    ("its certificate has expired", lambda c: _shows(c.expired), Cause.TLS_CERTIFICATE_EXPIRED),
    (
        "its certificate is for tomorrow",
        lambda c: _shows(c.not_yet_valid),
        Cause.TLS_CERTIFICATE_NOT_YET_VALID,
    ),
    ("its certificate is for another host", lambda c: _shows(c.wrong_host), Cause.TLS_HOSTNAME_MISMATCH),
    ("its certificate signed itself", lambda c: _shows(c.self_signed), Cause.TLS_SELF_SIGNED),
    ("its authority is unknown", lambda c: _shows(c.intercepted), Cause.TLS_UNTRUSTED),
    ("it forgets its intermediate", lambda c: _shows(c.missing_intermediate), Cause.TLS_UNTRUSTED),
    (
        "it wants a client certificate (TLS 1.2)",
        lambda c: peers.wants_client_certificate(c.good, c.authority.certificate, ssl.TLSVersion.TLSv1_2),
        Cause.TLS_CLIENT_CERTIFICATE_WANTED,
    ),
    (
        "it wants a client certificate (TLS 1.3)",
        lambda c: peers.wants_client_certificate(c.good, c.authority.certificate),
        Cause.TLS_CLIENT_CERTIFICATE_WANTED,
    ),
]


@pytest.mark.parametrize(("sentence", "make", "cause"), BROKEN, ids=[row[0] for row in BROKEN])
def test_broken(sentence: str, make: Make, cause: Cause, certificates: Certificates) -> None:
    with make(certificates) as peer:
        seen = _shake(peer, certificates.authority.certificate)
    assert seen.cause is cause, (sentence, seen.detail)
    assert seen.detail
    assert seen.handshakes == 1, "none of these needs a second look"
    if cause is not Cause.TLS_CLIENT_CERTIFICATE_WANTED:
        assert (seen.verdict_jvm, seen.verdict_strict) == (cause, cause)


def test_a_peer_that_closes_at_once_closes_or_resets(certificates: Certificates) -> None:
    """Its kernel makes a reset of a close with our hello still unread: which of the two is a race."""
    with peers.closes_at_once() as peer:
        seen = _shake(peer, certificates.authority.certificate)
    assert seen.cause in (Cause.TLS_CLOSED_AFTER_CLIENT_HELLO, Cause.TLS_RESET_AFTER_CLIENT_HELLO)


HEALTHY: list[tuple[str, Make, str, str]] = [
    ("TLS 1.3", lambda c: _shows(c.good), "localhost", "TLSv1.3"),
    ("an address instead of a name", lambda c: _shows(c.good), "127.0.0.1", "TLSv1.3"),
    ("a chain of three", lambda c: _shows(c.full_chain), "localhost", "TLSv1.3"),
    ("a wildcard", lambda c: _shows(c.authority.issue("*.example.test")), "b-1.example.test", "TLSv1.3"),
    (
        "it closes after the handshake",
        lambda c: peers.closes_after_handshake(c.good.server_context()),
        "::1",
        "TLSv1.3",
    ),
    ("TLS 1.2", lambda c: peers.silent(_only_tls_1_2(c.good)), "localhost", "TLSv1.2"),
    (
        "RSA key exchange and SHA-1, as of an old box",
        lambda c: peers.silent(_old_suites(c.good)),
        "localhost",
        "TLSv1.2",
    ),
]


def _only_tls_1_2(leaf: Leaf) -> ssl.SSLContext:
    context = leaf.server_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def _old_suites(leaf: Leaf) -> ssl.SSLContext:
    context = _only_tls_1_2(leaf)
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA")
    return context


@pytest.mark.parametrize(("sentence", "make", "name", "version"), HEALTHY, ids=[row[0] for row in HEALTHY])
def test_healthy_in_one_handshake(
    sentence: str, make: Make, name: str, version: str, certificates: Certificates
) -> None:
    with make(certificates) as peer:
        seen = _shake(peer, certificates.authority.certificate, name)
        assert peer.connections == seen.handshakes == 1
    assert (seen.cause, seen.verdict_jvm, seen.verdict_strict) == (None, None, None), (sentence, seen.detail)
    assert (seen.version, seen.hostname_matches, seen.foreign_issuer) == (version, True, False)
    assert seen.sni == (None if name in ("127.0.0.1", "::1") else name)
    assert seen.cipher


def test_trust_stores_as_a_connector_has_them(certificates: Certificates, tmp_path: Path) -> None:
    needs.keytool()
    jks = certificates.authority.truststore_jks("changeit").rename(tmp_path / "truststore.jks")
    for path in (jks, certificates.authority.truststore_pkcs12("changeit")):
        store = Trust(str(path), Secret("changeit"))
        with _shows(certificates.good) as peer:
            assert _shake(peer, store).cause is None
        with _shows(certificates.intercepted) as peer:
            assert _shake(peer, store).cause is Cause.TLS_UNTRUSTED


def test_the_chain_is_read_to_the_last_field(certificates: Certificates) -> None:
    with _shows(certificates.full_chain) as peer:
        leaf, intermediate = _shake(peer, certificates.authority.certificate).chain
    assert leaf.subject == "CN=localhost, O=netcheck test"
    assert leaf.issuer == intermediate.subject
    assert leaf.issuer_organisation == "netcheck test intermediate"
    assert leaf.names == ("localhost", "127.0.0.1", "::1")
    assert leaf.expires_in_days == pytest.approx(90, abs=0.1)
    assert leaf.not_before < leaf.not_after
    assert leaf.not_after.endswith("Z")
    der = ssl.PEM_cert_to_DER_cert(
        certificates.full_chain.certificate.read_text().split("-----END")[0] + _END
    )
    assert leaf.sha256 == hashlib.sha256(der).hexdigest()
    assert int(leaf.serial, 16) > 0
    assert not leaf.self_signed


_END = "-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("leaf", ["expired", "not_yet_valid", "wrong_host", "self_signed", "intercepted"])
def test_the_chain_is_shown_also_where_verification_failed(leaf: str, certificates: Certificates) -> None:
    with _shows(getattr(certificates, leaf)) as peer:
        seen = _shake(peer, certificates.authority.certificate)
    assert seen.chain
    assert seen.version == "TLSv1.3"
    assert seen.hostname_matches == (leaf != "wrong_host")
    assert seen.chain[-1].self_signed == (leaf in ("self_signed", "intercepted"))
    expires = seen.chain[0].expires_in_days
    assert expires is not None
    assert (expires < 0) == (leaf == "expired")


def test_a_forgotten_intermediate_and_an_unknown_authority_read_differently(
    certificates: Certificates,
) -> None:
    with _shows(certificates.missing_intermediate) as peer:
        forgotten = _shake(peer, certificates.authority.certificate).detail
    with _shows(certificates.intercepted) as peer:
        unknown = _shake(peer, certificates.authority.certificate).detail
    assert "an intermediate certificate is missing on the server" in forgotten
    assert "CN=netcheck test intermediate CA" in forgotten
    assert "the chain ends in CN=Corp Proxy CA" in unknown


def test_an_intermediate_in_the_trust_store_is_enough_as_for_a_jvm(certificates: Certificates) -> None:
    with _shows(certificates.missing_intermediate) as peer:
        assert _shake(peer, certificates.intermediate.certificate).cause is None


@pytest.mark.parametrize("authority", ["without_key_identifier", "constraints_not_critical"])
def test_what_only_strict_clients_mind(authority: str, certificates: Certificates) -> None:
    lax = getattr(certificates, authority)
    with _shows(lax.issue("localhost")) as peer:
        seen = _shake(peer, lax.certificate)
    assert (seen.cause, seen.verdict_jvm) == (None, None)
    assert seen.verdict_strict is Cause.TLS_CERTIFICATE_INVALID
    assert seen.strict_detail
    assert seen.handshakes == 2


# what the server shows, what we trust, cause, foreign issuer
FOREIGN: list[tuple[str, Callable[[Certificates], Leaf], bool, Cause | None]] = [
    (
        "a proxy's certificate, and the system's trust",
        lambda c: c.interceptor.issue(BROKER),
        True,
        Cause.TLS_INTERCEPTED,
    ),
    ("a self-signed one", lambda c: c.self_signed, True, Cause.TLS_INTERCEPTED),
]


@pytest.mark.parametrize(("sentence", "leaf", "foreign", "cause"), FOREIGN, ids=[row[0] for row in FOREIGN])
def test_a_broker_of_aws_with_a_certificate_of_nobody(
    sentence: str,
    leaf: Callable[[Certificates], Leaf],
    foreign: bool,
    cause: Cause | None,
    certificates: Certificates,
) -> None:
    for trusted in (None, certificates.authority.certificate):
        with _shows(leaf(certificates)) as peer:
            seen = _shake(peer, trusted, BROKER)
        assert (seen.cause, seen.foreign_issuer) == (cause, foreign), (sentence, seen.detail)
        assert "not a public CA" in seen.detail


def test_a_broker_of_aws_that_only_our_own_trust_store_accepts(certificates: Certificates) -> None:
    with _shows(certificates.interceptor.issue(BROKER)) as peer:
        seen = _shake(peer, certificates.interceptor.certificate, BROKER)
    assert (seen.cause, seen.verdict_jvm, seen.foreign_issuer) == (None, None, True)
    assert seen.handshakes == 2


@pytest.fixture
def public_authority(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """certifi, as if it knew the tests' CA: no other CA can issue for AWS's names."""
    monkeypatch.setattr(certifi, "where", lambda: str(certificates.authority.certificate))
    caches = (trust._public_roots, trust._public_organisations, trust._public_verifier)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.mark.usefixtures("public_authority")
def test_a_broker_of_aws_with_a_public_certificate_takes_one_handshake(certificates: Certificates) -> None:
    for leaf in (certificates.authority.issue(BROKER), certificates.intermediate.issue(BROKER)):
        with _shows(leaf) as peer:
            seen = _shake(peer, certificates.authority.certificate, BROKER)
        assert (seen.cause, seen.foreign_issuer, seen.handshakes) == (None, False, 1)


@pytest.mark.usefixtures("public_authority")
def test_a_public_certificate_that_our_trust_store_does_not_know_is_no_interception(
    certificates: Certificates,
) -> None:
    with _shows(certificates.authority.issue(BROKER)) as peer:
        seen = _shake(peer, certificates.interceptor.certificate, BROKER)
    assert (seen.cause, seen.foreign_issuer) == (Cause.TLS_UNTRUSTED, False)


@pytest.mark.usefixtures("public_authority")
def test_a_trust_store_with_only_a_public_intermediate_is_no_interception(certificates: Certificates) -> None:
    with _shows(certificates.full_chain) as peer:
        assert _shake(peer, certificates.intermediate.certificate).cause is None
    with _shows(certificates.intermediate.issue(BROKER)) as peer:
        seen = _shake(peer, certificates.intermediate.certificate, BROKER)
    assert (seen.cause, seen.foreign_issuer, seen.handshakes) == (None, False, 2)


@pytest.mark.parametrize(
    "name",
    ["x.clickhouse.cloud", "sts.eu-west-1.amazonaws.com", "kafka.api.aws", "a.cn-north-1.amazonaws.com.cn"],
)
def test_every_host_that_is_publicly_certified(name: str, certificates: Certificates) -> None:
    with _shows(certificates.interceptor.issue(name)) as peer:
        assert _shake(peer, None, name).cause is Cause.TLS_INTERCEPTED


@pytest.mark.parametrize(
    "name", ["amazonaws.com.example.test", "notclickhouse.cloud", "clickhouse.example.test"]
)
def test_no_other_host_is_said_to_be_intercepted(name: str, certificates: Certificates) -> None:
    with _shows(certificates.interceptor.issue(name)) as peer:
        seen = _shake(peer, None, name)
    assert (seen.cause, seen.foreign_issuer) == (Cause.TLS_UNTRUSTED, False)


def test_an_authority_that_calls_itself_public_is_not_called_an_interception(
    certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> None:
    amazon = Authority(tmp_path_factory.mktemp("amazon"), "Amazon", issuer=certificates.authority)
    with _shows(amazon.issue(BROKER, send_chain=False)) as peer:
        seen = _shake(peer, None, BROKER)
    assert (seen.cause, seen.foreign_issuer) == (Cause.TLS_UNTRUSTED, None), "its intermediate may be missing"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_would_like_a_client_certificate_and_does_without(
    version: ssl.TLSVersion, certificates: Certificates
) -> None:
    context = certificates.good.server_context()
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(certificates.authority.certificate)
    with peers.silent(context) as peer:
        seen = _shake(peer, certificates.authority.certificate)
    assert (seen.cause, seen.client_certificate_wanted) == (None, True)


def test_a_server_that_insists_on_a_client_certificate_has_shown_a_good_one(
    certificates: Certificates,
) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with peers.wants_client_certificate(
            certificates.good, certificates.authority.certificate, version
        ) as peer:
            seen = _shake(peer, certificates.authority.certificate)
        assert (seen.verdict_jvm, seen.verdict_strict, seen.client_certificate_wanted) == (None, None, True)
        assert seen.alert in ("40 (handshake_failure)", "116 (certificate_required)")


def test_a_client_hello_that_was_acknowledged_is_distinguished_from_one_that_was_not(
    certificates: Certificates,
) -> None:
    with peers.never_accepts() as peer:
        seen = _shake(peer, certificates.authority.certificate)
    if seen.kernel is None:
        pytest.skip("TCP_INFO is Linux's")
    assert seen.hello_acknowledged is True
    assert (seen.kernel.unacked, seen.kernel.bytes_received) == (0, 0)


DROPPED = r"""
set -e
ip link set lo up
nft add table inet t
nft add chain inet t in '{ type filter hook input priority 0; }'
nft add rule inet t in tcp dport 7000 tcp flags '& psh == psh' drop
exec "$0" -c '
import json, socket
from netcheck.core.codec import encode
from netcheck.core.context import Deadline
from netcheck.core.credentials import Trust
from netcheck.probe.tls.handshake import handshake
with socket.create_server(("127.0.0.1", 7000)):
    print(json.dumps(encode(handshake(Deadline(5), "127.0.0.1", 7000, "localhost", Trust()))))
'
"""


def test_a_middlebox_that_drops_the_client_hello_leaves_it_unacknowledged() -> None:
    needs.network_namespaces()
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", DROPPED, sys.executable], capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert (seen["cause"], seen["hello_acknowledged"]) == (Cause.TLS_SILENT_AFTER_CLIENT_HELLO, False)
    assert seen["kernel"]["retransmits"] > 0


def test_a_moment_of_silence_is_not_blamed_on_anything(certificates: Certificates) -> None:
    with peers.never_accepts() as peer:
        assert _shake(peer, certificates.authority.certificate, seconds=MOMENT).cause is Cause.DEADLINE


def test_a_trust_store_that_is_gone_is_no_fault_of_the_server(certificates: Certificates) -> None:
    with _shows(certificates.good) as peer:
        seen = _shake(peer, "/nowhere/ca.pem")
        assert peer.connections == 0
    assert seen.cause is Cause.FACT_UNAVAILABLE
    assert "/nowhere/ca.pem" in seen.detail


# --- 10,000 replies over loopback: what no genuine, trusted server said must never pass ---


@contextmanager
def _replying(replies: Iterator[Callable[[socket.socket], None]]) -> Iterator[tuple[str, int]]:
    """A server that does the next of `replies` to each connection in turn, then closes."""
    stopped = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for reply in replies:
                connection, _ = listening.accept()
                if stopped.is_set():
                    connection.close()
                    return
                with connection:
                    connection.settimeout(5)
                    try:
                        reply(connection)
                        connection.shutdown(socket.SHUT_WR)
                        while connection.recv(65536):
                            pass
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()
        finally:
            stopped.set()
            socket.create_connection(listening.getsockname()).close()
            thread.join(5)


def _sends(data: bytes) -> Callable[[socket.socket], None]:
    def reply(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(data)

    return reply


def _mutated(chance: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                del changed[at : at + chance.randint(1, 40)]
                changed = changed or bytearray(b"\x16")
            case 2:
                changed[at:at] = chance.randbytes(chance.randint(1, 40))
            case _:
                changed[at : at + 3] = chance.choice(
                    [b"\xff\xff\xff", b"\0\0\0", b"\x15\x03\x03", b"\x16\x03\x01"]
                )
    return bytes(changed)


def _recorded(context: ssl.SSLContext) -> bytes:
    """All that a genuine server says first, to a ClientHello of its own."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    hello = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        client.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost").do_handshake()
    incoming.write(hello.read())
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_side=True).do_handshake()
    return outgoing.read()


def _live(chance: random.Random, context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    """A real server whose every flight is mutated on the way, in clear or inside a record."""

    def reply(connection: socket.socket) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = context.wrap_bio(incoming, outgoing, server_side=True)
        connection.settimeout(0.1)  # a length that grew makes the client wait for more
        while data := connection.recv(65536):
            incoming.write(data)
            try:
                server.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                return
            said = outgoing.read()
            connection.sendall(_mutated(chance, said) if said else b"")

    return reply


def _random(chance: random.Random) -> bytes:
    head = chance.choice([b"", b"\x16\x03\x03", b"\x15\x03\x03\0\2", b"\x14\x03\x03\0\1\1", b"\x17\x03\x03"])
    return head + chance.randbytes(chance.randint(0, 600))


SHAPES: list[tuple[str, int]] = [("random", 4000), ("recorded", 5500), ("live", 500)]


@pytest.mark.parametrize(("shape", "count"), SHAPES, ids=[row[0] for row in SHAPES])
def test_replies_of_every_shape(shape: str, count: int, certificates: Certificates) -> None:
    chance = random.Random(f"seed 1: {shape}")
    bad = certificates.wrong_host
    contexts = [bad.server_context(), _only_tls_1_2(bad)]
    flights = [_recorded(context) for context in contexts]

    def replies() -> Iterator[Callable[[socket.socket], None]]:
        while True:
            match shape:
                case "random":
                    yield _sends(_random(chance))
                case "recorded":
                    yield _sends(_mutated(chance, chance.choice(flights)))
                case _:
                    yield _live(chance, chance.choice(contexts))

    store = Trust(str(certificates.authority.certificate))
    seen = set()
    with _replying(replies()) as (host, port):
        for _ in range(count):
            one = handshake(Deadline(2), host, port, "localhost", store)
            assert one.seconds < LONG
            assert None not in (one.cause, one.verdict_jvm, one.verdict_strict), one
            seen.add(one.cause)
    assert len(seen) > 3, seen
    assert Cause.CHECK_BUG not in seen

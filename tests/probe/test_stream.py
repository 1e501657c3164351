"""The stream under every protocol probe: each way in which a peer can fail it, and its bounds."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Callable

import pytest

from netcheck.core.context import Deadline
from netcheck.core.credentials import Trust
from netcheck.core.model import Cause
from netcheck.probe.tls.stream import Tls, open_stream
from netcheck.probe.transport.failure import Failed, cause_of
from netcheck.probe.transport.recognise import recognise
from tests.bounds import MOMENT, STEP, ends_within
from tests.servers import peers
from tests.servers.certificates import Certificates
from tests.servers.peers import Peer

Make = Callable[[Certificates], Peer]


def _trusting(certificates: Certificates, name: str = "localhost") -> Tls:
    return Tls(name, Trust(str(certificates.authority.certificate)))


def _talk(peer: Peer, tls: Tls | None, seconds: float = STEP) -> bytes:
    """Send a line and read to the end."""
    with open_stream(Deadline(seconds), peer.host, peer.port, tls=tls) as stream:
        stream.send(b"hello\n")
        said = b""
        while data := stream.receive():
            said += data
        return said


PLAIN: list[tuple[str, Make, Cause]] = [
    ("nothing listens", lambda _: peers.refused(), Cause.CONNECTION_REFUSED),
    ("SYNs are dropped", lambda _: peers.syn_drop(), Cause.TIMED_OUT),
    ("it never accepts", lambda _: peers.never_accepts(), Cause.TIMED_OUT),
    ("it accepts and says nothing", lambda _: peers.silent(), Cause.TIMED_OUT),
    ("it resets at once", lambda _: peers.resets_at_once(), Cause.CONNECTION_RESET),
    ("it resets after our first bytes", lambda _: peers.resets_after_first_bytes(), Cause.CONNECTION_RESET),
    ("it drips a byte every 0.2 s", lambda _: peers.drips_http(interval_s=0.2), Cause.TIMED_OUT),
    ("it never stops sending", lambda _: peers.http_huge_body(size=64 << 30), Cause.TIMED_OUT),
]

OVER_TLS: list[tuple[str, Make, Cause]] = [
    ("nothing listens", lambda _: peers.refused(), Cause.CONNECTION_REFUSED),
    ("SYNs are dropped", lambda _: peers.syn_drop(), Cause.TIMED_OUT),
    ("it never accepts", lambda _: peers.never_accepts(), Cause.TLS_SILENT_AFTER_CLIENT_HELLO),
    ("it never answers the ClientHello", lambda _: peers.silent(), Cause.TLS_SILENT_AFTER_CLIENT_HELLO),
    ("it resets at once", lambda _: peers.resets_at_once(), Cause.TLS_RESET_AFTER_CLIENT_HELLO),
    (
        "it closes after the ClientHello",
        lambda _: peers.closes_after_first_bytes(),
        Cause.TLS_CLOSED_AFTER_CLIENT_HELLO,
    ),
    (
        "it resets after the ClientHello",
        lambda _: peers.resets_after_first_bytes(),
        Cause.TLS_RESET_AFTER_CLIENT_HELLO,
    ),
    ("it drips its handshake", lambda _: peers.drips_tls_record(0.2), Cause.TLS_STALLED),
    ("it is an SSH server", lambda _: peers.ssh_banner(), Cause.TLS_NOT_SUPPORTED),
    ("it is a mail server", lambda _: peers.smtp_banner(), Cause.TLS_NOT_SUPPORTED),
    ("it speaks plain HTTP", lambda _: peers.http(), Cause.TLS_NOT_SUPPORTED),
    (
        "it is a plaintext Kafka that drips",
        lambda _: peers.drips_kafka(interval_s=0.2),
        Cause.TLS_NOT_SUPPORTED,
    ),
    ("it speaks old TLS only", lambda c: peers.old_tls_only(c.good), Cause.TLS_PROTOCOL_VERSION),
    ("it refuses the version", lambda _: peers.tls_alert("protocol_version"), Cause.TLS_PROTOCOL_VERSION),
    ("it refuses the handshake", lambda _: peers.tls_alert("handshake_failure"), Cause.TLS_HANDSHAKE_FAILURE),
    (
        "it does not know the name",
        lambda _: peers.tls_alert("unrecognized_name"),
        Cause.TLS_HANDSHAKE_FAILURE,
    ),
    (
        "it wants a client certificate (TLS 1.2)",
        lambda c: peers.wants_client_certificate(c.good, c.authority.certificate, ssl.TLSVersion.TLSv1_2),
        Cause.TLS_CLIENT_CERTIFICATE_WANTED,
    ),
    (
        "it wants a client certificate (TLS 1.3, at the first read)",
        lambda c: peers.wants_client_certificate(c.good, c.authority.certificate),
        Cause.TLS_CLIENT_CERTIFICATE_WANTED,
    ),
    ("it is silent inside TLS", lambda c: peers.silent(c.good.server_context()), Cause.TIMED_OUT),
    ("it drips inside TLS", lambda c: peers.drips_http(c.good.server_context(), 0.2), Cause.TIMED_OUT),
    (
        "it never stops sending inside TLS",
        lambda c: peers.http_huge_body(c.good.server_context(), 64 << 30),
        Cause.TIMED_OUT,
    ),
]

BAD_CERTIFICATES: list[tuple[str, Cause]] = [
    ("expired", Cause.TLS_CERTIFICATE_EXPIRED),
    ("not_yet_valid", Cause.TLS_CERTIFICATE_NOT_YET_VALID),
    ("wrong_host", Cause.TLS_HOSTNAME_MISMATCH),
    ("self_signed", Cause.TLS_SELF_SIGNED),
    ("intercepted", Cause.TLS_UNTRUSTED),
    ("missing_intermediate", Cause.TLS_UNTRUSTED),
]


@pytest.mark.parametrize(("sentence", "make", "cause"), PLAIN, ids=[row[0] for row in PLAIN])
def test_in_plaintext(sentence: str, make: Make, cause: Cause, certificates: Certificates) -> None:
    _ends_with(cause, make(certificates), None, sentence)


@pytest.mark.parametrize(("sentence", "make", "cause"), OVER_TLS, ids=[row[0] for row in OVER_TLS])
def test_over_tls(sentence: str, make: Make, cause: Cause, certificates: Certificates) -> None:
    _ends_with(cause, make(certificates), _trusting(certificates), sentence)


def _ends_with(cause: Cause, peer: Peer, tls: Tls | None, sentence: str) -> None:
    with peer, ends_within(STEP, sentence), pytest.raises(Failed) as failure:
        _talk(peer, tls)
    assert failure.value.cause is cause, failure.value.detail


@pytest.mark.parametrize(("leaf", "cause"), BAD_CERTIFICATES, ids=[row[0] for row in BAD_CERTIFICATES])
def test_nothing_is_sent_to_a_server_whose_certificate_is_bad(
    leaf: str, cause: Cause, certificates: Certificates
) -> None:
    with peers.silent(getattr(certificates, leaf).server_context()) as peer, pytest.raises(Failed) as failure:
        _talk(peer, _trusting(certificates))
    assert failure.value.cause is cause
    assert peer.received == b""


@pytest.mark.parametrize("leaf", [row[0] for row in BAD_CERTIFICATES])
def test_without_verification_a_bad_certificate_does_not_matter(
    leaf: str, certificates: Certificates
) -> None:
    tls = Tls("localhost", Trust(str(certificates.authority.certificate)), verify=False)
    with peers.answers(b"anything", getattr(certificates, leaf).server_context()) as peer:
        assert _talk(peer, tls) == b"anything"


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST.", "127.0.0.1", "::1"])
def test_a_good_certificate_is_good_for_each_of_its_names(name: str, certificates: Certificates) -> None:
    with peers.answers(b"hello yourself", certificates.good.server_context()) as peer:
        assert _talk(peer, _trusting(certificates, name)) == b"hello yourself"


@pytest.mark.parametrize("name", ["127.0.0.2", "local", "localhost.localhost", "xn--", "a" * 70, "x..y", ""])
def test_no_other_name_passes(name: str, certificates: Certificates) -> None:
    with peers.silent(certificates.good.server_context()) as peer, pytest.raises(Failed) as failure:
        _talk(peer, _trusting(certificates, name))
    assert failure.value.cause in (Cause.TLS_HOSTNAME_MISMATCH, Cause.DNS_MALFORMED)


def test_silence_is_not_blamed_on_the_network_where_there_was_no_time_to_hear() -> None:
    for make in (peers.silent, peers.syn_drop):
        with make() as peer, pytest.raises(Failed) as failure:
            _talk(peer, None, seconds=MOMENT)
        assert failure.value.cause is Cause.DEADLINE


def test_the_wait_for_an_answer_counts_from_the_question() -> None:
    with peers.silent() as peer, open_stream(Deadline(STEP), peer.host, peer.port) as stream:
        time.sleep(STEP - 0.4)
        stream.send(b"late")
        with pytest.raises(Failed) as failure:
            stream.receive()
    assert failure.value.cause is Cause.DEADLINE


def test_a_short_step_still_tells_what_is_plainly_not_tls(certificates: Certificates) -> None:
    with peers.speaks_first(b"SSH") as peer, pytest.raises(Failed) as failure:
        _talk(peer, _trusting(certificates), seconds=MOMENT)
    assert failure.value.cause is Cause.TLS_NOT_SUPPORTED


@pytest.mark.parametrize("over_tls", [False, True], ids=["plain", "TLS"])
def test_http_client_reads_from_a_stream(over_tls: bool, certificates: Certificates) -> None:
    context = certificates.good.server_context() if over_tls else None
    with peers.http("418 I'm a teapot", b"short and stout", tls=context) as peer:
        tls = _trusting(certificates) if over_tls else None
        with open_stream(Deadline(STEP), peer.host, peer.port, tls=tls) as stream:
            stream.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            response = http.client.HTTPResponse(stream)  # type: ignore[arg-type]
            response.begin()
            assert (response.status, response.read()) == (418, b"short and stout")
            assert stream.first_bytes.startswith(b"HTTP/1.1 418")
            assert stream.received > len(b"short and stout")
            assert stream.tls_version == ("TLSv1.3" if over_tls else None)
            response.close()


def test_http_client_is_bounded_too() -> None:
    with (
        peers.drips_http_header(interval_s=0.2) as peer,
        ends_within(STEP),
        open_stream(Deadline(STEP), peer.host, peer.port) as stream,
    ):
        stream.send(b"GET / HTTP/1.1\r\n\r\n")
        response = http.client.HTTPResponse(stream)  # type: ignore[arg-type]
        with response, pytest.raises(Failed) as failure:
            response.begin()
    assert failure.value.cause is Cause.TIMED_OUT


def test_a_trust_store_that_went_away_is_no_fault_of_the_network(certificates: Certificates) -> None:
    with peers.silent(certificates.good.server_context()) as peer, pytest.raises(Failed) as failure:
        _talk(peer, Tls("localhost", Trust("/nowhere/truststore.jks")))
    assert failure.value.cause is Cause.FACT_UNAVAILABLE
    assert "/nowhere/truststore.jks" in failure.value.detail


RECOGNISED: list[tuple[bytes, str | None]] = [
    (b"HTTP/1.1 400 Bad Request\r\n", "HTTP"),
    (b"<html><body>", "HTTP"),
    (b"SSH-2.0-OpenSSH_9.2", "SSH"),
    (b"220 mail.example.test ESMTP", "SMTP/FTP banner"),
    (b"\x15\x03\x03\x00\x02\x02\x28", "TLS alert 40 (handshake_failure)"),
    (b"\x15\x03\x03\x00\x02\x02\xfe", "TLS alert 254"),
    (b"\x16\x03\x03\x00\x7a\x02", "TLS"),
    (b"\x00\x00\x00\x1a\x00\x00\x00\x01\x00\x00", "Kafka"),
    (b"\x00\x0aClickHouse\x12\x0e", "ClickHouse native"),
    (b"\x02\xc1\x00\x00\x00\x0dDB::Exception", "ClickHouse native"),
    (b"\xff\xff\xff\xff\xff\xff\xff\xff", None),
    (b"", None),
]


@pytest.mark.parametrize(("first_bytes", "what"), RECOGNISED, ids=[str(row[1]) for row in RECOGNISED])
def test_what_answered_is_named(first_bytes: bytes, what: str | None) -> None:
    assert recognise(first_bytes) == what


def test_an_error_that_nobody_knows_is_an_unknown_of_ours() -> None:
    assert cause_of(OSError(9999, "strange")) is Cause.CHECK_BUG

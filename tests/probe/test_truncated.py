"""A reply of every truncated length, to every parser of what a peer or a file holds.

A reply may end anywhere: a peer that crashes, a middlebox that cuts, a half-copied file. Whatever is left,
the parser says so in its own words. Framed replies are also cut inside their frame, with a length that fits.
"""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from netcheck.core.context import Deadline
from netcheck.core.credentials import CloudKey, KafkaLogin, Trust
from netcheck.core.model import Cause, Security
from netcheck.core.secret import Secret
from netcheck.probe.clickhouse import cloud, https, native, native_blocks
from netcheck.probe.dns import wire as dns_wire
from netcheck.probe.http import aws_service
from netcheck.probe.kafka import broker
from netcheck.probe.tls import jks
from netcheck.probe.tls.session import Session
from netcheck.probe.tls.trust import TrustError, verifier
from netcheck.probe.transport.failure import Failed
from netcheck.probe.transport.recognise import recognise
from tests.probe import scripted_kafka as scripted
from tests.probe import test_fuzz_protocols as fuzz
from tests.probe import test_trust
from tests.probe.test_fuzz_protocols import Parrot
from tests.probe.test_sasl import Server, exchange
from tests.servers.certificates import Certificates

pytestmark = pytest.mark.filterwarnings("ignore:(read|open)_text is deprecated:DeprecationWarning")


def cuts(data: bytes) -> Iterator[bytes]:
    """Every beginning of it that is not the whole."""
    return (data[:length] for length in range(len(data)))


@pytest.fixture(scope="module")
def parrot() -> Iterator[Parrot]:
    one = Parrot()
    yield one
    one.close()


# Name servers.

QUERY = dns.message.make_query("name.example.test", "A", use_edns=0)
ANSWERS: list[tuple[str, list[str], dns.rcode.Rcode, int]] = [
    ("an address", ["60 A 10.0.1.1"], dns.rcode.NOERROR, 0),
    ("an alias", ["60 CNAME name.example.test."], dns.rcode.NOERROR, 0),
    ("nothing", [], dns.rcode.NXDOMAIN, 0),
    ("a failure", [], dns.rcode.SERVFAIL, 0),
    ("a part", [], dns.rcode.NOERROR, dns.flags.TC),
]


@pytest.mark.parametrize(
    ("records", "code", "flags"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
def test_name_servers(records: list[str], code: dns.rcode.Rcode, flags: int) -> None:
    """With every number of questions, answers and authorities that the header may claim."""
    reply = dns.message.make_response(QUERY, recursion_available=True)
    reply.set_rcode(code)
    reply.flags |= flags
    for record in records:
        ttl, kind, value = record.split()
        reply.answer.append(dns.rrset.from_text(QUERY.question[0].name, int(ttl), "IN", kind, value))
    soa = "ns.example.test. hostmaster.example.test. 1 3600 600 86400 60"
    reply.authority.append(dns.rrset.from_text("example.test.", 60, "IN", "SOA", soa))
    whole = reply.to_wire()
    for cut in (*cuts(whole), whole):
        for counts in (
            b"",
            *(bytes([0, q, 0, a, 0, s, 0, 0]) for q in (0, 1, 2) for a in (0, 1, 9) for s in (0, 1)),
        ):
            data = cut[:4] + counts + cut[12:] if counts else cut
            seen = dns_wire._read(QUERY, dns.rdatatype.A, data, 0.0)
            assert (seen.cause is None) == bool(seen.addresses), data
            assert seen.cause is not Cause.CHECK_BUG


# Kafka.


def reframed(number: int, reply: bytes) -> Iterator[bytes]:
    """The reply cut anywhere: as it is, and as a frame that is whole."""
    yield from cuts(reply)
    yield from (fuzz.frame(number, body) for body in cuts(reply[8:]))


@pytest.mark.parametrize("wrong", range(len(fuzz.CONVERSATION)))
def test_kafka(parrot: Parrot, wrong: int) -> None:
    login = KafkaLogin("PLAIN", "connect", Secret("a-password"))
    replies = list(fuzz.CONVERSATION)
    for cut in reframed(wrong + 1, replies[wrong]):
        parrot.replies = [*replies[:wrong], cut, *replies[wrong + 1 :]]
        seen = broker.metadata(
            Deadline(fuzz.STEP), *parrot.address, "localhost", Security.SASL_PLAINTEXT, Trust(), login
        )
        assert seen.cause is not Cause.CHECK_BUG, (cut, seen)
        # kafka-python takes what is left of a text at a frame's end for all of it: of a mechanism's name.
        assert seen.detail or (wrong == 1 and cut.startswith(struct.pack(">i", len(cut) - 4))), (cut, seen)


TOPICS = struct.pack(">hh", 0, 6) + b"orders" + struct.pack(">?i", False, 1)
PARTITION = struct.pack(">hiiiiii", 0, 0, 1, 1, 1, 1, 1)


def test_kafka_topics(parrot: Parrot) -> None:
    """Metadata version 4 that is cut anywhere: no topic is made up, and none said to be missing."""
    apis = scripted.api_versions(((18, 0, 2), (3, 1, 4)))
    topic = TOPICS + PARTITION
    described = scripted.metadata((1, "b-1.example.test", 9094, None))[:-4]
    body = (
        struct.pack(">i", 0) + described + struct.pack(">i", 2) + topic + topic.replace(b"orders", b"return")
    )
    for cut in reframed(2, fuzz.frame(2, body)):
        parrot.replies = [fuzz.frame(1, apis), cut]
        seen = broker.topics(
            Deadline(fuzz.STEP),
            *parrot.address,
            "localhost",
            Security.PLAINTEXT,
            Trust(),
            None,
            ("orders", "return"),
            "",
        )
        assert seen.cause not in (None, Cause.CHECK_BUG), (cut, seen)
        assert seen.topics == ()
    parrot.replies = [fuzz.frame(1, apis), fuzz.frame(2, body)]
    seen = broker.topics(
        Deadline(fuzz.STEP), *parrot.address, "localhost", Security.PLAINTEXT, Trust(), None, ("orders",), ""
    )
    assert (seen.cause, seen.told) == (None, 2), seen


def test_sasl() -> None:
    ours, server = exchange(), Server("sha256")
    challenge = server.answer(next(ours))
    for cut in cuts(challenge):
        fresh = exchange()
        # The nonce is the other exchange's: put ours in its place.
        nonce = next(fresh).decode().split(",r=")[1].encode()
        with contextlib.suppress(Failed):
            fresh.send(cut.replace(server.first.split(",r=")[1].encode(), nonce))
    for cut in cuts(server.verdict(ours.send(challenge))):
        fresh, other = exchange(), Server("sha256")
        final = fresh.send(other.answer(next(fresh)))
        with pytest.raises(Failed):
            fresh.send(other.verdict(final)[: len(cut)])


# ClickHouse and HTTP.


def ask_native(deadline: Deadline, host: str, port: int) -> Any:
    return native.hello(deadline, host, port, "localhost", None, fuzz.LOGIN)


def ask_ping(deadline: Deadline, host: str, port: int) -> Any:
    return https.ping(deadline, host, port, "localhost", False, Trust())


def ask_tables(deadline: Deadline, host: str, port: int) -> Any:
    return https.look_up(deadline, host, port, "localhost", False, Trust(), fuzz.LOGIN)


def ask_aws(deadline: Deadline, host: str, port: int) -> Any:
    return aws_service.knock(deadline, host, port, "localhost", False, Trust())


def ask_cloud(deadline: Deadline, host: str, port: int) -> Any:
    key = CloudKey("id", Secret("a-secret"))
    return cloud.services(deadline, key, f"http://{host}:{port}", Trust())


SERVICE = {
    "id": "1",
    "endpoints": [{"host": "a.example.test"}],
    "ipAccessList": [{"source": "0.0.0.0/0"}],
    "privateEndpointIds": ["vpce-1"],
}
LISTED = fuzz.answer("200 OK", json.dumps({"result": [SERVICE]}).encode())
REPLIES: list[tuple[str, Callable[[Deadline, str, int], Any], tuple[bytes, ...]]] = [
    ("native hello", ask_native, fuzz.FROM_NATIVE[:3]),
    ("ClickHouse's ping", ask_ping, fuzz.PINGS),
    ("ClickHouse's tables", ask_tables, fuzz.VERSIONS),
    ("AWS", ask_aws, fuzz.FROM_AWS),
    ("ClickHouse Cloud", ask_cloud, (LISTED,)),
]


@pytest.mark.parametrize(("ask", "replies"), [row[1:] for row in REPLIES], ids=[row[0] for row in REPLIES])
def test_servers(parrot: Parrot, ask: Callable[[Deadline, str, int], Any], replies: Sequence[bytes]) -> None:
    for reply in replies:
        for cut in cuts(reply):
            parrot.replies = [cut]
            seen = ask(Deadline(fuzz.STEP), *parrot.address)
            assert seen.cause is not Cause.CHECK_BUG, (cut, seen)
            assert seen.cause is not None or cut.startswith(b"HTTP/1.1 "), (cut, seen)


@pytest.mark.parametrize("block", [fuzz.SETTINGS, fuzz.TABLES, fuzz.DATABASES])
def test_native_blocks(block: bytes) -> None:
    native_blocks.must_be_sound(block)
    for cut in cuts(block):
        with contextlib.suppress(Failed):
            native_blocks.must_be_sound(cut)
            assert cut == b"", cut


STRANGE: list[object] = [None, 5, "text", [], [None], [5], {}, {"a": 1}, True]


@pytest.mark.parametrize("member", SERVICE)
def test_a_strange_cloud_service_costs_no_other_its_account(parrot: Parrot, member: str) -> None:
    for strange in STRANGE:
        body = json.dumps({"result": [SERVICE | {member: strange}, SERVICE]}).encode()
        parrot.replies = [fuzz.answer("200 OK", body)]
        found = ask_cloud(Deadline(fuzz.STEP), *parrot.address)
        assert (found.cause, found.services[-1].hosts) == (None, ("a.example.test",)), (member, strange)


# TLS.


class CutWire:
    """A wire to a real TLS server in memory, which is gone after so many bytes of its answer."""

    def __init__(self, server: ssl.SSLContext, length: int) -> None:
        self._to, self._from = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._server = server.wrap_bio(self._to, self._from, server_side=True)
        self._left = length
        self.first_bytes = b""
        self.received = self.sent = 0

    def send(self, data: bytes) -> None:
        self._to.write(data)
        with contextlib.suppress(ssl.SSLError):
            self._server.do_handshake()

    def receive(self, limit: int = 65536) -> bytes:
        data = self._from.read(min(limit, self._left)) if self._left else b""
        self._left -= len(data)
        self.received += len(data)
        self.first_bytes += data[: 64 - len(self.first_bytes)]
        return data

    def receive_ready(self) -> bytes:
        return self.receive()

    def wait_readable(self, seconds: float) -> bool:  # noqa: ARG002
        return True

    def farewell(self, data: bytes) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls(version: ssl.TLSVersion, certificates: Certificates) -> None:
    server = certificates.good.server_context()
    server.maximum_version = version
    judge = verifier(Trust(str(certificates.authority.certificate)))
    length, done = 0, False
    while not done:
        wire: Any = CutWire(server, length)
        session = Session(wire, judge, "localhost")
        try:
            session.handshake()
            done = True
        except Failed as failure:
            assert failure.cause is not Cause.CHECK_BUG
        length += 1
        assert length < 10_000
    assert length > 500, "the server's hello and its certificate are as long"


# Trust stores.

STORES = [row for row in test_trust.READABLE if "text around" not in row[0]]
"""Text before a certificate makes no difference to where the file ends."""


@pytest.mark.parametrize(("write", "password"), [row[1:] for row in STORES], ids=[row[0] for row in STORES])
def test_trust_stores(
    write: test_trust.Write, password: str | None, certificates: Certificates, tmp_path: Path
) -> None:
    whole = write(certificates).rstrip()
    path = tmp_path / "store"
    for cut in cuts(whole):
        path.write_bytes(cut)
        trust = Trust(str(path), Secret(password) if password else None)
        with pytest.raises(TrustError):
            verifier(trust)


EMPTY: list[tuple[str, bytes]] = [
    ("a JKS with an empty certificate", test_trust._jks(test_trust._trusted(b""))),
    ("a PEM with an empty certificate", b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"),
    ("an empty sequence", b"\x30\x00\x30\x00"),
    ("a sequence with an endless length", b"\x30\xff\x02\x01" + bytes(200)),
    ("a PKCS12 of nothing", b"\x30\x03\x02\x01\x03"),
]


@pytest.mark.parametrize("data", [row[1] for row in EMPTY], ids=[row[0] for row in EMPTY])
def test_trust_stores_with_nothing_in_them(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "store"
    path.write_bytes(data)
    with pytest.raises(TrustError):
        verifier(Trust(str(path), Secret(test_trust.PASSWORD)))


def test_jks_entries(certificates: Certificates) -> None:
    whole = test_trust._jks(test_trust._private_key(test_trust._der(certificates)))
    for cut in cuts(whole):
        with pytest.raises(jks.Damaged):
            jks.read(cut, None)


def test_first_bytes() -> None:
    known = (
        *fuzz.CONVERSATION,
        *fuzz.FROM_NATIVE,
        *fuzz.PINGS,
        b"SSH-2.0-x",
        b"220 mail",
        base64.b64decode("FQMBAAIC"),
    )
    for data in known:
        for cut in cuts(data):
            recognise(cut)

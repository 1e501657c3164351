"""The DNS probe: what this host resolves, what each name server answers, and when the difference matters."""

from __future__ import annotations

import json
import random
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from netcheck.core.codec import decode, encode
from netcheck.core.context import Deadline
from netcheck.core.model import Cause
from netcheck.probe.dns.answer import DnsAnswer
from netcheck.probe.dns.resolve import (
    Address,
    NameServers,
    Resolution,
    ask_servers,
    compare,
    read_name_servers,
    resolve,
)
from netcheck.probe.dns.wire import over_tcp, over_udp
from tests import needs
from tests.bounds import LONG, MOMENT, STEP, ends_within
from tests.servers import peers
from tests.servers.dns import INSIDE, ORDINARY, OUTSIDE, DnsServer, Entry


def _ask(name: str, *servers: tuple[str, int], folder: Path, seconds: float = STEP) -> NameServers:
    path = folder / "resolv.conf"
    path.write_text(
        "search example.test\n" + "".join(f"nameserver [{host}]:{port}\n" for host, port in servers)
    )
    with ends_within(seconds):
        return ask_servers(Deadline(seconds), name, str(path))


# name, over UDP, over TCP, addresses over UDP
ANSWERS: list[tuple[str, str, Cause | None, Cause | None, set[str]]] = [
    ("one IPv4 address", "a", None, None, {"10.0.1.10"}),
    ("one IPv6 address", "aaaa", None, None, {"2001:db8::10"}),
    ("both", "both", None, None, {"10.0.1.11", "2001:db8::11"}),
    ("three", "three", None, None, {"10.0.1.12", "10.0.2.12", "10.0.3.12"}),
    ("no such name", "missing", Cause.DNS_NXDOMAIN, Cause.DNS_NXDOMAIN, set()),
    ("a name without addresses", "nodata", Cause.DNS_NO_ADDRESS, Cause.DNS_NO_ADDRESS, set()),
    ("the server failed", "servfail", Cause.DNS_SERVFAIL, Cause.DNS_SERVFAIL, set()),
    ("the server refuses", "refused", Cause.DNS_REFUSED, Cause.DNS_REFUSED, set()),
    ("silence over UDP", "no-udp", Cause.DNS_TIMED_OUT, None, set()),
    ("nonsense", "malformed", Cause.DNS_MALFORMED, Cause.DNS_MALFORMED, set()),
    ("answers another query", "wrong-id", Cause.DNS_MALFORMED, Cause.DNS_MALFORMED, set()),
    ("an alias that leads nowhere", "dangling", Cause.DNS_NXDOMAIN, Cause.DNS_NXDOMAIN, set()),
    ("aliases in a circle", "loop", Cause.DNS_NO_ADDRESS, Cause.DNS_NO_ADDRESS, set()),
    ("too long for UDP", "truncated", None, None, {f"10.0.4.{host}" for host in range(1, 61)}),
    ("too long for UDP, and no TCP", "no-tcp", Cause.CONNECTION_CLOSED, Cause.CONNECTION_CLOSED, set()),
]


@pytest.mark.parametrize(
    ("sentence", "name", "udp", "tcp", "addresses"), ANSWERS, ids=[r[0] for r in ANSWERS]
)
def test_what_a_server_answers(
    sentence: str,
    name: str,
    udp: Cause | None,
    tcp: Cause | None,
    addresses: set[str],
    dns_server: DnsServer,
    tmp_path: Path,
) -> None:
    seen = _ask(f"{name}.example.test", dns_server.address, folder=tmp_path)
    (server,) = seen.servers
    assert (server.udp.cause, server.tcp.cause, set(server.udp.addresses)) == (udp, tcp, addresses), sentence
    assert seen.cause is server.cause is udp
    assert ("it answers over TCP" in server.detail) is (name == "no-udp")
    assert decode(NameServers, json.loads(json.dumps(encode(seen)))) == seen


def test_a_silent_server_is_silent_over_udp(dns_server: DnsServer, tmp_path: Path) -> None:
    seen = _ask("silent.example.test", dns_server.address, folder=tmp_path)
    assert seen.cause is Cause.DNS_TIMED_OUT
    asked = Counter(query.type for query in dns_server.queries if query.transport == "udp")
    assert set(asked) == {"A", "AAAA"} and min(asked.values()) >= 2, "each again after a second"


def test_a_moment_of_silence_is_not_blamed_on_anything(dns_server: DnsServer, tmp_path: Path) -> None:
    seen = _ask("silent.example.test", dns_server.address, folder=tmp_path, seconds=MOMENT)
    assert seen.cause is Cause.DEADLINE


def test_aliases_and_the_lowest_ttl_are_kept(dns_server: DnsServer, tmp_path: Path) -> None:
    (server,) = _ask("alias.example.test", dns_server.address, folder=tmp_path).servers
    first = server.udp.answers[0]
    assert (first.aliases, first.ttl, first.addresses) == (
        ("middle.example.test", "a.example.test"),
        5,
        ("10.0.1.10",),
    )


def test_a_denial_names_the_zone_that_denies(dns_server: DnsServer, tmp_path: Path) -> None:
    (server,) = _ask("missing.example.test", dns_server.address, folder=tmp_path).servers
    assert {(one.soa_zone, one.soa_primary) for one in server.udp.answers + server.tcp.answers} == {
        ("example.test", "ns.example.test")
    }


def test_nobody_listening_does_not_take_the_whole_time(tmp_path: Path) -> None:
    with peers.refused() as peer, ends_within(LONG):
        seen = _ask("a.example.test", peer.address, folder=tmp_path, seconds=4 * LONG)
    assert (seen.servers[0].udp.cause, seen.servers[0].tcp.cause) == (Cause.CONNECTION_REFUSED,) * 2


def test_each_server_is_asked_on_its_own_and_the_first_that_knows_decides(
    dns_server: DnsServer, tmp_path: Path
) -> None:
    with peers.refused() as gone, DnsServer({"a.example.test": ["60 A 10.0.9.9"]}) as other:
        seen = _ask("a.example.test", gone.address, dns_server.address, other.address, folder=tmp_path)
    assert [one.udp.addresses for one in seen.servers] == [(), ("10.0.1.10",), ("10.0.9.9",)]
    assert seen.cause is None


def test_three_silent_servers_take_no_longer_than_one(tmp_path: Path) -> None:
    with DnsServer({**ORDINARY}) as one, DnsServer({**ORDINARY}) as two, DnsServer({**ORDINARY}) as three:
        seen = _ask("silent.example.test", one.address, two.address, three.address, folder=tmp_path)
    assert [server.cause for server in seen.servers] == [Cause.DNS_TIMED_OUT] * 3


@pytest.mark.parametrize("host", ["x..y", "a" * 70 + ".example.test"])
def test_what_cannot_be_a_name_is_not_asked_for(host: str, dns_server: DnsServer, tmp_path: Path) -> None:
    assert _ask(host, dns_server.address, folder=tmp_path).cause is Cause.DNS_MALFORMED
    assert resolve(Deadline(STEP), host).cause is Cause.DNS_MALFORMED
    assert dns_server.queries == []


@pytest.mark.parametrize("host", ["10.0.0.1", "::1"])
def test_an_address_needs_no_name_server(host: str, dns_server: DnsServer, tmp_path: Path) -> None:
    assert _ask(host, dns_server.address, folder=tmp_path) == NameServers(
        host, (), None, "an address: there is no name to resolve", 0.0
    )
    seen = resolve(Deadline(STEP), host)
    assert (seen.cause, [one.address for one in seen.addresses]) == (None, [host])
    assert dns_server.queries == []


def test_this_host_resolves_its_own_name_and_no_invalid_one() -> None:
    here = resolve(Deadline(STEP), "localhost")
    assert here.cause is None
    assert all(one.private for one in here.addresses)
    nowhere = resolve(Deadline(5), "no-such-name.invalid")
    assert nowhere.cause in (Cause.DNS_NXDOMAIN, Cause.DNS_RESOLVER_FAILED, Cause.DNS_TIMED_OUT)
    assert not nowhere.addresses


CODES: list[tuple[int, Cause]] = [
    (socket.EAI_NONAME, Cause.DNS_NXDOMAIN),
    (getattr(socket, "EAI_NODATA", socket.EAI_NONAME), Cause.DNS_NO_ADDRESS),
    (socket.EAI_AGAIN, Cause.DNS_RESOLVER_FAILED),
    (socket.EAI_FAIL, Cause.DNS_RESOLVER_FAILED),
    (socket.EAI_MEMORY, Cause.RESOURCES),
]


@pytest.mark.skipif(not hasattr(socket, "EAI_NODATA"), reason="EAI_NODATA is glibc's")
@pytest.mark.parametrize(("code", "cause"), CODES, ids=[str(row[1]) + str(row[0]) for row in CODES])
def test_the_codes_of_getaddrinfo_are_kept_apart(
    code: int, cause: Cause, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(code, "as told")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert resolve(Deadline(STEP), "host.example.test").cause is cause


def test_a_resolver_that_hangs_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    hung = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [] if hung.wait(30) else None)
    with ends_within(STEP + MOMENT):
        assert resolve(Deadline(STEP), "host.example.test").cause is Cause.DNS_TIMED_OUT
        assert resolve(Deadline(MOMENT), "host.example.test").cause is Cause.DEADLINE
    hung.set()


FILTERED = r"""
set -e
ip link set lo up
nft add table inet t
nft add chain inet t out '{ type filter hook output priority 0; }'
nft add rule inet t out udp dport 53 drop
exec "$0" -c '
import dns.name
from netcheck.core.context import Deadline
from netcheck.probe.dns.wire import over_udp
print(*(one.cause for one in over_udp(Deadline(200), ("127.0.0.1", 53), dns.name.from_text("a.test"))))
'
"""


def test_a_packet_filter_of_this_host_is_named_at_once() -> None:
    needs.network_namespaces()
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", FILTERED, sys.executable], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == [Cause.PERMISSION_DENIED] * 2, done.stderr


def test_name_servers_are_read_as_resolvers_read_them(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text(
        "# nameserver 10.0.0.9\nsearch a b\nnameserver 10.0.0.2 # AmazonProvidedDNS\n"
        "nameserver fd00:ec2::253\nnameserver ten\nnameserver 10.0.0.2\nnameserver\nnameserver [::1]:5353\n"
    )
    assert read_name_servers(str(path)) == (("10.0.0.2", 53), ("fd00:ec2::253", 53), ("::1", 5353))
    path.write_text("")
    assert read_name_servers(str(path)) == read_name_servers("/nowhere") == (("127.0.0.1", 53),)


PRIVATE: list[tuple[str, bool]] = [
    ("10.1.2.3", True),
    ("172.31.0.1", True),
    ("172.32.0.1", False),
    ("192.168.9.9", True),
    ("100.64.0.1", True),
    ("100.128.0.1", False),
    ("127.0.0.1", True),
    ("169.254.169.253", True),
    ("fd12::1", True),
    ("2600:1f18::1", False),
    ("52.95.121.1", False),
]


@pytest.mark.parametrize(("address", "private"), PRIVATE)
def test_private_and_public(address: str, private: bool) -> None:
    assert resolve(Deadline(STEP), address).addresses == (
        Address(address, 6 if ":" in address else 4, private),
    )


PRIVATE_A, PRIVATE_B, PUBLIC_A, PUBLIC_B = "10.0.1.1", "10.0.2.2", "52.1.1.1", "52.2.2.2"
DIFFER = Cause.DNS_VIEWS_DIFFER

# what this host resolves (None: it could not say), what each server says (None: silent), whether it matters
VIEWS: list[tuple[str, list[str] | None, list[list[str] | None], bool]] = [
    ("all agree", [PRIVATE_A], [[PRIVATE_A], [PRIVATE_A]], False),
    ("all agree that there is none", [], [[], []], False),
    ("the order differs", [PRIVATE_A, PRIVATE_B], [[PRIVATE_B, PRIVATE_A]], False),
    ("a subset of round robin", [PRIVATE_A], [[PRIVATE_A, PRIVATE_B]], False),
    ("different public addresses, as of a CDN", [PUBLIC_A], [[PUBLIC_B], [PUBLIC_A]], False),
    ("this host sees only IPv4 of both families", [PRIVATE_A], [[PRIVATE_A, "fd00::1"]], False),
    ("a silent server is no view", [PRIVATE_A], [None, [PRIVATE_A]], False),
    ("this host could not say", None, [[PRIVATE_A]], False),
    ("private here, public there", [PRIVATE_A], [[PUBLIC_A]], True),
    ("one server private, the other public", [PRIVATE_A], [[PRIVATE_A], [PUBLIC_A]], True),
    ("one server does not have the name", [PRIVATE_A], [[PRIVATE_A], []], True),
    ("a hosts file gives what no server knows", [PRIVATE_A], [[]], True),
    ("a hosts file pins an old private address", [PRIVATE_A], [[PRIVATE_B]], True),
    ("this host does not find what its server has", [], [[PRIVATE_A]], True),
    ("private IPv6 differs while IPv4 agrees", [PRIVATE_A, "fd00::1"], [[PRIVATE_A, "fd00::2"]], True),
]


@pytest.mark.parametrize(("sentence", "here", "there", "differ"), VIEWS, ids=[row[0] for row in VIEWS])
def test_views_compared(
    sentence: str, here: list[str] | None, there: list[list[str] | None], differ: bool, tmp_path: Path
) -> None:
    host = "name.example.test"
    with _serving(host, there) as servers:
        asked = _ask(host, *servers, folder=tmp_path)
    seen = compare(_resolved(host, here), asked)
    assert (seen.cause is DIFFER, bool(seen.differences)) == (differ, differ), (sentence, seen)


@contextmanager
def _serving(host: str, there: list[list[str] | None]) -> Iterator[list[tuple[str, int]]]:
    zones: list[Any] = [
        {"silent.example.test": ORDINARY["silent.example.test"], host: _records(one)} for one in there
    ]
    servers = [DnsServer(zone) for zone in zones]
    try:
        yield [server.address for server in servers]
    finally:
        for server in servers:
            server.close()


def _records(addresses: list[str] | None) -> Entry:
    if addresses is None:
        return ORDINARY["silent.example.test"]
    return [f"60 {'AAAA' if ':' in one else 'A'} {one}" for one in addresses]


def _resolved(host: str, addresses: list[str] | None) -> Resolution:
    known = tuple(resolve(Deadline(STEP), one).addresses[0] for one in addresses or ())
    cause = None if known else Cause.DNS_RESOLVER_FAILED if addresses is None else Cause.DNS_NXDOMAIN
    return Resolution(host, known, "", cause, "", 0.0)


def test_two_real_views_of_a_vpc(tmp_path: Path) -> None:
    with DnsServer(INSIDE) as inside, DnsServer(OUTSIDE) as outside:
        for host, differ in [("split", True), ("inside-only", True), ("same", False)]:
            name = f"{host}.example.test"
            seen = _ask(name, inside.address, outside.address, folder=tmp_path)
            unknown = Resolution(name, (), "EAI_AGAIN", Cause.DNS_RESOLVER_FAILED, "", 0.0)
            assert (compare(unknown, seen).cause is DIFFER) == differ, host


def test_a_name_without_dots_is_not_compared_as_the_search_list_completes_it(tmp_path: Path) -> None:
    with DnsServer({}) as server:
        seen = _ask("broker", server.address, folder=tmp_path)
    assert seen.cause is Cause.DNS_NXDOMAIN
    assert compare(_resolved("broker", [PRIVATE_A]), seen).cause is None


# --- replies of every shape: 5,000 exchanges of two questions each over loopback UDP, 500 over TCP ---

NAME = dns.name.from_text("name.example.test")


@contextmanager
def _replying(reply: Callable[[bytes], bytes]) -> Iterator[tuple[str, int]]:
    """A UDP and TCP server on one port that answers with whatever `reply` makes of the question."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        udp.bind(tcp.getsockname())

        def serve_udp() -> None:
            while True:
                question, client = udp.recvfrom(4096)
                if question == b"stop":
                    return
                udp.sendto(reply(question), client)

        def serve_tcp() -> None:
            while True:
                connection, _ = tcp.accept()
                with connection:
                    question = connection.recv(4096)
                    if not question:
                        return
                    answer = reply(question[2:])
                    connection.sendall(struct.pack(">H", len(answer)) + answer)

        threads = [threading.Thread(target=serve_udp), threading.Thread(target=serve_tcp)]
        for thread in threads:
            thread.start()
        try:
            yield udp.getsockname()
        finally:
            udp.sendto(b"stop", udp.getsockname())
            socket.create_connection(tcp.getsockname()).close()
            for thread in threads:
                thread.join(5)


def _genuine(question: bytes, record: str | None) -> bytes:
    """A right answer: with that record, or NXDOMAIN."""
    query = dns.message.from_wire(question)
    reply = dns.message.make_response(query, recursion_available=True)
    if record is None:
        reply.set_rcode(dns.rcode.NXDOMAIN)
    elif dns.rdatatype.to_text(query.question[0].rdtype) in record.split():
        ttl, kind, address = record.split()
        reply.answer.append(dns.rrset.from_text(query.question[0].name, int(ttl), "IN", kind, address))
    return reply.to_wire()


def _mutated(chance: random.Random, data: bytes) -> bytes:
    """The same with a few bytes changed, cut out or put in; the ID is left, or nobody would read it."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(2, len(changed) + 1)
        match chance.randrange(4):
            case 0:
                changed[at : at + 1] = chance.randbytes(1)
            case 1:
                del changed[at : at + chance.randint(1, 8)]
            case 2:
                changed[at:at] = chance.randbytes(chance.randint(1, 8))
            case _:
                changed[at : at + 2] = chance.choice([b"\0\0", b"\xff\xff", b"\xc0\x0c", b"\0\1", b"\x80\0"])
    return bytes(changed)


HEADERS: list[tuple[dns.rcode.Rcode, Cause]] = [
    (dns.rcode.FORMERR, Cause.DNS_RESOLVER_FAILED),
    (dns.rcode.SERVFAIL, Cause.DNS_SERVFAIL),
    (dns.rcode.NOTIMP, Cause.DNS_RESOLVER_FAILED),
    (dns.rcode.REFUSED, Cause.DNS_REFUSED),
]
"""The codes with which name servers send a header alone: they could not, or would not, read the question."""


@pytest.mark.parametrize(("code", "cause"), HEADERS, ids=[str(row[0]) for row in HEADERS])
def test_an_error_without_a_question_costs_no_other_server_its_answer(
    code: dns.rcode.Rcode, cause: Cause, dns_server: DnsServer, tmp_path: Path
) -> None:
    def only_a_header(question: bytes) -> bytes:
        return question[:2] + struct.pack(">H", 0x8180 | code) + bytes(8)

    with _replying(only_a_header) as server:
        seen = _ask("a.example.test", server, dns_server.address, folder=tmp_path, seconds=5)
    bad, good = seen.servers
    assert {one.cause for one in bad.udp.answers + bad.tcp.answers} == {cause}
    assert (seen.cause, good.udp.addresses) == (None, ("10.0.1.10",))


SHAPES: list[tuple[str, Callable[[random.Random, bytes], bytes], bool]] = [
    ("random bytes", lambda chance, question: question[:2] + chance.randbytes(chance.randint(0, 300)), False),
    ("a mutated denial", lambda chance, question: _mutated(chance, _genuine(question, None)), False),
    (
        "a mutated address",
        lambda chance, question: _mutated(chance, _genuine(question, "60 A 10.0.1.1")),
        True,
    ),
]


@pytest.mark.parametrize(("sentence", "make", "may_pass"), SHAPES, ids=[row[0] for row in SHAPES])
def test_replies_of_every_shape(
    sentence: str, make: Callable[[random.Random, bytes], bytes], may_pass: bool
) -> None:
    chance = random.Random(f"seed 1: {sentence}")
    with _replying(lambda question: make(chance, question)) as server:
        answers = [one for _ in range(1700) for one in over_udp(Deadline(1), server, NAME)]
        answers += [over_tcp(Deadline(1), server, NAME, dns.rdatatype.A) for _ in range(150)]
    assert len(answers) == 3550
    for one in answers:
        assert (one.cause is None) == bool(one.addresses), one
        assert decode(DnsAnswer, json.loads(json.dumps(encode(one)))) == one
    passed = sum(one.cause is None for one in answers)
    assert passed > 0 if may_pass else passed == 0, "a denial never becomes an address"

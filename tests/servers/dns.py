"""A real DNS server, UDP and TCP on one free loopback port, that answers from a table and fails on demand.

    with DnsServer(ORDINARY) as server:
        dns.query.udp(dns.message.make_query("both.example.test", "A"), server.host, port=server.port)

    DnsServer({"name.example.test": ["60 A 10.0.1.4", "60 AAAA 2001:db8::4"],    # TTL, type, data
               "alias.example.test": ["5 CNAME name.example.test."],             # followed, as resolvers do
               "mute.example.test": Fault.SILENT,
               "big.example.test": Truncated("60 A 10.0.1.4")})

A name not in the table is NXDOMAIN with a SOA; a name without records of the asked type is NODATA with a SOA.
ORDINARY has one name for every case; INSIDE and OUTSIDE are two views of the same names (private and public
answers, and a name that only the inside knows).

Attributes: host, port, address, queries (each `(name, type, "udp" | "tcp")`, in the order they came).
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from types import TracebackType
from typing import Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

SOA = "60 SOA ns.example.test. hostmaster.example.test. 1 3600 600 86400 60"
_MOST_ALIASES = 8


class Fault(StrEnum):
    """How a name can fail."""

    SERVFAIL = auto()
    REFUSED = auto()
    SILENT = auto()
    MALFORMED = auto()
    """Four bytes cut out of the answer's middle."""
    WRONG_ID = auto()
    """A valid answer to another query: a resolver has to keep waiting."""
    SILENT_OVER_UDP = auto()
    """TCP works: UDP is filtered."""


class Truncated:
    """Over UDP an empty answer with the TC flag; the records come over TCP only."""

    def __init__(self, *records: str, tcp: bool = True) -> None:
        self.records = list(records)
        self.tcp = tcp


@dataclass(frozen=True, slots=True)
class Query:
    """One question as it arrived."""

    name: str
    type: str
    transport: str


Entry = list[str] | Fault | Truncated

ORDINARY: Mapping[str, Entry] = {
    "a.example.test": ["60 A 10.0.1.10"],
    "aaaa.example.test": ["60 AAAA 2001:db8::10"],
    "both.example.test": ["60 A 10.0.1.11", "300 AAAA 2001:db8::11"],
    "three.example.test": ["60 A 10.0.1.12", "60 A 10.0.2.12", "60 A 10.0.3.12"],
    "public.example.test": ["60 A 203.0.113.10"],
    "mixed.example.test": ["60 A 10.0.1.13", "60 A 203.0.113.13"],
    "loopback.example.test": ["60 A 127.0.0.1"],
    "alias.example.test": ["5 CNAME middle.example.test."],
    "middle.example.test": ["30 CNAME a.example.test."],
    "dangling.example.test": ["30 CNAME nowhere.example.test."],
    "loop.example.test": ["30 CNAME pool.example.test."],
    "pool.example.test": ["30 CNAME loop.example.test."],
    "nodata.example.test": ['60 TXT "only text"'],
    "servfail.example.test": Fault.SERVFAIL,
    "refused.example.test": Fault.REFUSED,
    "silent.example.test": Fault.SILENT,
    "malformed.example.test": Fault.MALFORMED,
    "wrong-id.example.test": Fault.WRONG_ID,
    "no-udp.example.test": Fault.SILENT_OVER_UDP,
    "truncated.example.test": Truncated(*(f"60 A 10.0.4.{host}" for host in range(1, 61))),
    "no-tcp.example.test": Truncated("60 A 10.0.1.14", tcp=False),
}
INSIDE: Mapping[str, Entry] = {
    "split.example.test": ["60 A 10.0.1.20"],
    "inside-only.example.test": ["60 A 10.0.1.21"],
    "same.example.test": ["60 A 10.0.1.22"],
}
OUTSIDE: Mapping[str, Entry] = {
    "split.example.test": ["60 A 203.0.113.20"],
    "same.example.test": ["60 A 10.0.1.22"],
}


class DnsServer:
    """Answers from `zone`. The zone may be changed while it runs: `server.zone["name"] = [...]`."""

    def __init__(self, zone: Mapping[str, Entry] = ORDINARY, host: str = "127.0.0.1", port: int = 0) -> None:
        self.zone = dict(zone)
        self.host = host
        self.queries: list[Query] = []
        self._udp, self._tcp = _one_port(host, port)
        self.port: int = self._udp.getsockname()[1]
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=serve, daemon=True, name=f"dns-{self.port}")
            for serve in (self._serve_udp, self._serve_tcp)
        ]
        for thread in self._threads:
            thread.start()

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
        """Stop answering, close both sockets, join the threads."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(5)
        self._udp.close()
        self._tcp.close()

    def _serve_udp(self) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):
                question, client = self._udp.recvfrom(65535)
                if answer := self._answer(question, "udp"):
                    self._udp.sendto(answer, client)

    def _serve_tcp(self) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._tcp.accept()
                # Side by side: one client that waits for nothing must not use up another's patience.
                threading.Thread(target=self._serve_client, args=(connection,), daemon=True).start()

    def _serve_client(self, connection: socket.socket) -> None:
        connection.settimeout(1)
        # A rude client must not end the server.
        with connection, contextlib.suppress(OSError):
            self._answer_over(connection)

    def _answer_over(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            # As many as come: getaddrinfo asks for A and AAAA over one connection (RFC 7766 section 6.2.1).
            while head := stream.read(2):
                question = stream.read(int.from_bytes(head, "big"))
                if answer := self._answer(question, "tcp"):
                    connection.sendall(struct.pack(">H", len(answer)) + answer)

    def _answer(self, wire: bytes, transport: str) -> bytes | None:
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.queries.append(Query(name, dns.rdatatype.to_text(question.rdtype), transport))
        reply = dns.message.make_response(query, recursion_available=True)
        match self.zone.get(name):
            case Fault.SILENT:
                return None
            case Fault.SILENT_OVER_UDP if transport == "udp":
                return None
            case Truncated(tcp=False) if transport == "tcp":
                return None
            case Truncated() if transport == "udp":
                reply.flags |= dns.flags.TC
            case Fault.SERVFAIL:
                reply.set_rcode(dns.rcode.SERVFAIL)
            case Fault.REFUSED:
                reply.set_rcode(dns.rcode.REFUSED)
            case Fault.MALFORMED:
                _fill(reply, {name: ["60 A 10.0.1.15"]}, name)
                wire = reply.to_wire()
                return wire[:-10] + wire[-6:]
            case Fault.WRONG_ID:
                reply.id ^= 0x5555
                _fill(reply, {name: ["60 A 10.0.1.16"]}, name)
            case Fault.SILENT_OVER_UDP:
                _fill(reply, {name: ["60 A 10.0.1.17"]}, name)
            case _:
                _fill(reply, self.zone, name)
        return reply.to_wire(max_size=65535)


def _fill(reply: dns.message.Message, zone: Mapping[str, Entry], name: str) -> None:
    """Answer from the zone, following aliases, with the SOA wherever there is nothing (RFC 2308)."""
    wanted = reply.question[0].rdtype
    for _ in range(_MOST_ALIASES):
        entry = zone.get(name)
        records = entry.records if isinstance(entry, Truncated) else entry
        if not isinstance(records, list):
            reply.set_rcode(dns.rcode.NXDOMAIN)
            break
        _add(reply.answer, name, [one for one in records if _type(one) in (wanted, dns.rdatatype.CNAME)])
        aliases = [one.split()[2] for one in records if _type(one) == dns.rdatatype.CNAME]
        if not aliases or wanted == dns.rdatatype.CNAME:
            break
        name = aliases[0].rstrip(".")
    if not any(rrset.rdtype == wanted for rrset in reply.answer):
        _add(reply.authority, "example.test", [SOA])


def _type(record: str) -> dns.rdatatype.RdataType:
    return dns.rdatatype.from_text(record.split()[1])


def _add(section: list[dns.rrset.RRset], name: str, records: list[str]) -> None:
    owner = dns.name.from_text(name)
    for record in records:
        ttl, kind, data = record.split(None, 2)
        rdata = dns.rdata.from_text(dns.rdataclass.IN, kind, data)
        for rrset in section:
            if (rrset.name, rrset.rdtype) == (owner, rdata.rdtype):
                rrset.add(rdata)
                break
        else:
            section.append(dns.rrset.from_rdata(owner, int(ttl), rdata))


def _one_port(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP and a listening TCP socket on the same port: `port`, or any that is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(50):
        udp, tcp = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_STREAM)
        if port:  # a server that was here before may have left connections behind, which end by themselves
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            udp.bind((host, port))
            tcp.bind((host, udp.getsockname()[1]))
        except OSError:
            udp.close()
            tcp.close()
            continue
        tcp.listen(16)
        # So that a closing server is noticed soon; close() alone would not wake accept() everywhere.
        udp.settimeout(0.1)
        tcp.settimeout(0.1)
        return udp, tcp
    raise OSError(f"no port of {host} is free for both UDP and TCP")

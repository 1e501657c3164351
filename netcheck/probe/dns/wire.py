"""Queries one name server for the A and AAAA records of a name, over UDP or TCP.

Imported only when a name server is queried: dnspython is slow to import, and many runs query none.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from dataclasses import replace

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from netcheck.core.context import Deadline
from netcheck.core.model import Cause
from netcheck.probe.dns.answer import DnsAnswer
from netcheck.probe.transport.failure import Failed, failed, is_long_enough
from netcheck.probe.transport.wire import Wire

Type = dns.rdatatype.RdataType
TYPES = (dns.rdatatype.A, dns.rdatatype.AAAA)
_EDNS_PAYLOAD = 1232
"""Bytes that fit into one packet on every path (DNS flag day 2020). Larger answers are truncated and repeated
over TCP."""

_RESEND = 1.0
"""Seconds after which a UDP query is repeated, every second time without EDNS, which some middleboxes drop.
"""


def absolute(host: str) -> dns.name.Name:
    """The absolute name, without a search list. Raises ValueError for what cannot be a host name."""
    try:
        return dns.name.from_text(host)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise ValueError(f"{host!r} is not a host name: {error}") from None


def over_udp(deadline: Deadline, server: tuple[str, int], name: dns.name.Name) -> tuple[DnsAnswer, ...]:
    """Query each of TYPES over UDP, all at once; repeat a truncated answer's query over TCP."""
    exchange = _UdpExchange(deadline, server, name)
    return tuple(_completed(deadline, server, name, one) if one.truncated else one for one in exchange.run())


def over_tcp(deadline: Deadline, server: tuple[str, int], name: dns.name.Name, kind: Type) -> DnsAnswer:
    """Query one type over TCP."""
    start = time.monotonic()
    query = _query(name, kind)
    try:
        wire = Wire(deadline, *server)
        try:
            data = _exchange(wire, query.to_wire())
        finally:
            wire.close()
    except Failed as failure:
        cause = Cause.DNS_TIMED_OUT if failure.cause is Cause.TIMED_OUT else failure.cause
        return _no_answer(kind, Failed(cause, failure.detail), time.monotonic() - start)
    return _read(query, kind, data, time.monotonic() - start)


def _completed(deadline: Deadline, server: tuple[str, int], name: dns.name.Name, cut: DnsAnswer) -> DnsAnswer:
    whole = over_tcp(deadline, server, name, dns.rdatatype.from_text(cut.type))
    detail = whole.detail and f"truncated over UDP; over TCP: {whole.detail}"
    return replace(whole, truncated=True, detail=detail, seconds=cut.seconds + whole.seconds)


class _UdpExchange:
    """Both queries on one connected socket, so that an ICMP "port unreachable" ends the wait."""

    def __init__(self, deadline: Deadline, server: tuple[str, int], name: dns.name.Name) -> None:
        self._deadline = deadline
        self._where = server
        self._step = deadline.left()
        self._start = time.monotonic()
        self._open = {kind: _query(name, kind) for kind in TYPES}
        self._answers: dict[Type, DnsAnswer] = {}
        self._strays = 0

    def run(self) -> list[DnsAnswer]:
        """The answers, in the order of TYPES."""
        family = socket.AF_INET6 if ":" in self._where[0] else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as connected:
                connected.setblocking(False)
                connected.connect(self._where)
                self._converse(connected)
        except OSError as error:
            failure = failed(error, f"query {self._where[0]} port {self._where[1]} over UDP", family)
        else:
            failure = self._silence()
        seconds = time.monotonic() - self._start
        return [self._answers.get(kind) or _no_answer(kind, failure, seconds) for kind in TYPES]

    def _converse(self, connected: socket.socket) -> None:
        poll = select.poll()
        poll.register(connected, select.POLLIN)
        sent, resend_at = 0, 0.0
        while self._open and (left := self._deadline.left()) > 0:
            if time.monotonic() >= resend_at:
                for query in self._open.values():
                    query.use_edns(0 if sent % 2 == 0 else -1, payload=_EDNS_PAYLOAD)
                    connected.send(query.to_wire())
                sent, resend_at = sent + 1, time.monotonic() + _RESEND
            if poll.poll(max(0.0, min(left, resend_at - time.monotonic())) * 1000):
                self._take(connected.recv(65535))

    def _take(self, data: bytes) -> None:
        for kind, query in list(self._open.items()):
            if data[:2] == struct.pack(">H", query.id):
                answer = _read(query, kind, data, time.monotonic() - self._start)
                self._answers[kind] = answer
                del self._open[kind]
                return
        self._strays += 1

    def _silence(self) -> Failed:
        seconds = time.monotonic() - self._start
        if self._strays:
            return Failed(
                Cause.DNS_MALFORMED, f"received {self._strays} packets, none of them an answer to our query"
            )
        if is_long_enough(self._step, seconds):
            return Failed(Cause.DNS_TIMED_OUT, f"no answer over UDP in {seconds:.1f} s")
        return Failed(Cause.DEADLINE, f"only {seconds:.1f} s were left to wait for an answer over UDP")


def _exchange(wire: Wire, question: bytes) -> bytes:
    wire.send(struct.pack(">H", len(question)) + question)
    data = b""
    while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
        more = wire.receive()
        if not more:
            raise Failed(
                Cause.CONNECTION_CLOSED, f"connection closed after {len(data)} bytes of an answer over TCP"
            )
        data += more
    return data[2 : 2 + int.from_bytes(data[:2], "big")]


def _query(name: dns.name.Name, kind: Type) -> dns.message.QueryMessage:
    return dns.message.make_query(name, kind, use_edns=0, payload=_EDNS_PAYLOAD)


def _no_answer(kind: Type, failure: Failed, seconds: float) -> DnsAnswer:
    return DnsAnswer(kind.name, (), (), None, "", "", False, failure.cause, failure.detail, seconds)


def _read(query: dns.message.QueryMessage, kind: Type, data: bytes, seconds: float) -> DnsAnswer:
    """Parse a reply; the cause is `dns_malformed` where it cannot be parsed."""
    try:
        reply = dns.message.from_wire(data, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError, struct.error) as error:
        # dnspython validates its input, but hostile bytes can raise other errors than its own.
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return _no_answer(kind, Failed(Cause.DNS_MALFORMED, f"{len(data)} bytes: {what}"), seconds)
    if not isinstance(reply, dns.message.QueryMessage) or not query.is_response(reply):
        stray = Failed(Cause.DNS_MALFORMED, f"{len(data)} bytes that do not answer our query")
        return _no_answer(kind, stray, seconds)
    truncated = bool(reply.flags & dns.flags.TC)
    used = _chain(reply)
    own = [records for records in used if records.rdtype == kind and reply.rcode() == dns.rcode.NOERROR]
    addresses = tuple(one.address for records in own for one in records)
    aliases = tuple(_text(records[0].target) for records in used if records.rdtype == dns.rdatatype.CNAME)
    cause, detail = _cause(reply.rcode(), bool(addresses), kind.name)
    zone, primary = ("", "") if addresses else _soa(reply)
    ttl = min((records.ttl for records in used), default=None)
    return DnsAnswer(kind.name, addresses, aliases, ttl, zone, primary, truncated, cause, detail, seconds)


def _cause(rcode: dns.rcode.Rcode, has_addresses: bool, kind: str) -> tuple[Cause | None, str]:
    match rcode:
        case dns.rcode.NOERROR if has_addresses:
            return None, ""
        case dns.rcode.NOERROR:
            return Cause.DNS_NO_ADDRESS, f"the name exists, but has no {kind} record"
        case dns.rcode.NXDOMAIN:
            return Cause.DNS_NXDOMAIN, "NXDOMAIN"
        case dns.rcode.SERVFAIL:
            return Cause.DNS_SERVFAIL, "SERVFAIL"
        case dns.rcode.REFUSED:
            return Cause.DNS_REFUSED, "REFUSED"
        case _:
            return Cause.DNS_RESOLVER_FAILED, dns.rcode.to_text(rcode)


def _chain(reply: dns.message.QueryMessage) -> list[dns.rrset.RRset]:
    """The records that answer the question: each CNAME, and the last name's addresses.

    There are none where the reply has no question, where its CNAMEs form a loop, and where it has
    both NXDOMAIN and an address.
    """
    try:
        chain = reply.resolve_chaining()
    except dns.exception.DNSException:
        return []
    return [*chain.cnames, *([chain.answer] if chain.answer else [])]


def _soa(reply: dns.message.Message) -> tuple[str, str]:
    """The zone of the SOA in a negative answer, and its primary server."""
    for one in reply.authority:
        if one.rdtype == dns.rdatatype.SOA and one.rdclass == dns.rdataclass.IN:
            return _text(one.name), _text(one[0].mname)
    return "", ""


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True)

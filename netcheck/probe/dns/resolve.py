"""The DNS probe: name resolution on this host, the answers of each name server, and how they differ."""

from __future__ import annotations

import ipaddress
import socket
import time
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from netcheck.core.context import Deadline
from netcheck.core.model import Cause
from netcheck.probe.dns.answer import DnsAnswer
from netcheck.probe.transport.background import in_background
from netcheck.probe.transport.failure import cause_of, is_long_enough

if TYPE_CHECKING:
    from dns.name import Name

    from netcheck.probe.dns.wire import Type

RESOLV_CONF = "/etc/resolv.conf"
_PORT = 53
_LOCAL_SERVER = ("127.0.0.1", _PORT)

_TCP_PATIENCE = 2.0
"""Seconds for a server over TCP: two SYNs. Many security groups allow only UDP port 53, and resolution must
not wait for TCP then."""

_PRIVATE = tuple(
    ipaddress.ip_network(block)
    for block in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)
"""RFC 1918, RFC 6598 (which VPCs may use), loopback, link-local, and IPv6 unique local addresses."""

_DEFINITE = (None, Cause.DNS_NXDOMAIN, Cause.DNS_NO_ADDRESS)
"""Definite answers: addresses, or that there are none; any other cause is a failure to answer."""


_CODES = {getattr(socket, name): name for name in dir(socket) if name.startswith("EAI_")}

_GETADDRINFO = {
    "EAI_NONAME": Cause.DNS_NXDOMAIN,
    "EAI_NODATA": Cause.DNS_NO_ADDRESS,
    "EAI_ADDRFAMILY": Cause.DNS_NO_ADDRESS,
    "EAI_MEMORY": Cause.RESOURCES,
}
"""glibc's codes. EAI_AGAIN (no answer, or SERVFAIL) and EAI_FAIL only mean that resolution failed."""


@dataclass(frozen=True, slots=True)
class Address:
    """One address. `family` is 4 or 6; `private` is True for an address that the internet does not route."""

    address: str
    family: int
    private: bool


@dataclass(frozen=True, slots=True)
class Resolution:
    """A name resolved on this host: the addresses in the order a client tries them. `code` is getaddrinfo's
    error, such as `EAI_AGAIN`.
    """

    host: str
    addresses: tuple[Address, ...]
    code: str
    cause: Cause | None
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TransportAnswers:
    """A server's answers to A and AAAA over one transport; `cause` is None where there is an address."""

    answers: tuple[DnsAnswer, ...]
    cause: Cause | None
    detail: str
    seconds: float

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(address for answer in self.answers for address in answer.addresses)


@dataclass(frozen=True, slots=True)
class NameServer:
    """One name server and its answers. `cause` is that of UDP: a resolver uses TCP only for truncated
    answers.
    """

    address: str
    port: int
    udp: TransportAnswers
    tcp: TransportAnswers
    cause: Cause | None
    detail: str


@dataclass(frozen=True, slots=True)
class NameServers:
    """The answers of every configured name server about a name.

    `cause` is the result of a resolver: that of the first server with a definite answer, else the first
    server's.
    """

    host: str
    servers: tuple[NameServer, ...]
    cause: Cause | None
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ViewComparison:
    """Relevant differences between views of a name, one sentence each; `dns_views_differ` if there is one."""

    differences: tuple[str, ...]
    cause: Cause | None


def resolve(deadline: Deadline, host: str) -> Resolution:
    """Resolve a name like every program on this host: hosts file, nsswitch, search list, name servers
    (getaddrinfo).

    It runs in a thread that is abandoned at the deadline, as getaddrinfo cannot be cancelled.
    """
    start, step = time.monotonic(), deadline.left()
    try:
        return in_background(lambda: _getaddrinfo(host, start)).result(timeout=deadline.left())
    except TimeoutError:
        seconds = time.monotonic() - start
        cause = Cause.DNS_TIMED_OUT if is_long_enough(step, seconds) else Cause.DEADLINE
        return Resolution(host, (), "", cause, f"getaddrinfo did not return in {seconds:.1f} s", seconds)


def ask_servers(deadline: Deadline, host: str, resolv_conf: str = RESOLV_CONF) -> NameServers:
    """Query each name server of `resolv_conf` in parallel, over UDP and over TCP, for A and AAAA.

    Queries `host` as an absolute name: only getaddrinfo applies the search list and `ndots`. A `nameserver`
    may be written `[address]:port`, as on OpenBSD. Without a `nameserver` line the server is on this host
    (resolv.conf(5)).
    """
    start = time.monotonic()
    if _ip(host) is not None:
        return NameServers(host, (), None, "an address: there is no name to resolve", 0.0)
    from netcheck.probe.dns.wire import absolute

    try:
        name = absolute(host)
    except ValueError as error:
        return NameServers(host, (), Cause.DNS_MALFORMED, str(error), 0.0)
    servers = _ask_all(deadline, name, read_name_servers(resolv_conf))
    chosen = next((one for one in servers if one.cause in _DEFINITE), servers[0])
    detail = f"{chosen.address}: {chosen.detail}" if chosen.detail else ""
    return NameServers(host, servers, chosen.cause, detail, time.monotonic() - start)


def read_name_servers(resolv_conf: str) -> tuple[tuple[str, int], ...]:
    """The (address, port) of every `nameserver` line, in order."""
    try:
        lines = Path(resolv_conf).read_text("utf-8", "replace").splitlines()
    except OSError:
        return (_LOCAL_SERVER,)
    words = [line.split() for line in lines]
    named = [_server(line[1]) for line in words if len(line) >= 2 and line[0] == "nameserver"]
    return tuple(dict.fromkeys(one for one in named if one is not None)) or (_LOCAL_SERVER,)


def compare(resolution: Resolution, servers: NameServers) -> ViewComparison:
    """Compare this host's view of a name with those of its name servers, and these with each other.

    A difference: one view has addresses and the other has none; one is private and the other public; both are
    private without a common address (a private name has no reason to vary: one of them is pinned or stale).
    Not a difference: different public addresses (round robin, CDN), private ones that overlap (a server may
    return a subset), and a server that does not answer, which is not a view.
    """
    views = [
        (f"name server {one.address}", _view(one.udp.addresses))
        for one in servers.servers
        if one.cause in _DEFINITE
    ]
    pairs = list(combinations(views, 2))
    # The search list may complete a name without dots, which the servers were not queried for.
    if resolution.cause in _DEFINITE and "." in resolution.host and _ip(resolution.host) is None:
        here = ("this host (getaddrinfo)", resolution.addresses)
        pairs += [(here, view) for view in views]
    found = (_difference(*first, *second) for first, second in pairs)
    differences = tuple(one for one in found if one is not None)
    return ViewComparison(differences, Cause.DNS_VIEWS_DIFFER if differences else None)


def _difference(who: str, has: tuple[Address, ...], other: str, others: tuple[Address, ...]) -> str | None:
    if not has and not others:
        return None
    if not has or not others:
        return f"{who} returns {_listed(has)}, {other} returns {_listed(others)}"
    for family in (4, 6):
        ours = {one.address: one.private for one in has if one.family == family}
        theirs = {one.address: one.private for one in others if one.family == family}
        if not ours or not theirs or ours.keys() & theirs.keys():
            continue
        if all(ours.values()) or all(theirs.values()):
            return f"{who} returns {_listed(has)}, {other} returns {_listed(others)}"
    return None


def _listed(addresses: tuple[Address, ...]) -> str:
    """`10.0.1.4 (private)`, or `no address`."""
    if not addresses:
        return "no address"
    return ", ".join(f"{one.address} ({'private' if one.private else 'public'})" for one in addresses)


def _view(addresses: tuple[str, ...]) -> tuple[Address, ...]:
    return tuple(_address(one) for one in addresses)


def _ask_all(deadline: Deadline, name: Name, servers: tuple[tuple[str, int], ...]) -> tuple[NameServer, ...]:
    from netcheck.probe.dns.wire import TYPES, over_tcp, over_udp

    tcp_deadline = deadline.step(_TCP_PATIENCE)

    def ask_over_tcp(place: tuple[str, int], kind: Type) -> Future[DnsAnswer]:
        return in_background(lambda: over_tcp(tcp_deadline, place, name, kind))

    def ask_over_udp(place: tuple[str, int]) -> Future[tuple[DnsAnswer, ...]]:
        return in_background(lambda: over_udp(deadline, place, name))

    queries = [(ask_over_udp(one), [ask_over_tcp(one, kind) for kind in TYPES]) for one in servers]
    # Each of them ends at the deadline.
    return tuple(
        _name_server(*place, _combined(udp.result()), _combined(tuple(one.result() for one in tcp)))
        for place, (udp, tcp) in zip(servers, queries, strict=True)
    )


def _name_server(address: str, port: int, udp: TransportAnswers, tcp: TransportAnswers) -> NameServer:
    detail = udp.detail
    if udp.cause not in _DEFINITE and tcp.cause in _DEFINITE:
        detail += "; it answers over TCP"
    return NameServer(address, port, udp, tcp, udp.cause, detail)


def _combined(answers: tuple[DnsAnswer, ...]) -> TransportAnswers:
    """The answers to A and AAAA with one cause: None with any address, else the reason that there is none."""
    seconds = max(one.seconds for one in answers)
    if any(one.addresses for one in answers):
        return TransportAnswers(answers, None, "", seconds)
    if all(one.cause is Cause.DNS_NO_ADDRESS for one in answers):
        return TransportAnswers(
            answers, Cause.DNS_NO_ADDRESS, "the name exists, but has no A or AAAA record", seconds
        )
    # A type without records must not hide that the other query was not answered.
    failed = next(one for one in answers if one.cause is not Cause.DNS_NO_ADDRESS)
    return TransportAnswers(answers, failed.cause, failed.detail, seconds)


def _getaddrinfo(host: str, start: float) -> Resolution:
    addresses: tuple[str, ...] = ()
    code, cause, detail = "", None, ""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        addresses = tuple(dict.fromkeys(str(one[4][0]) for one in found))
    except socket.gaierror as error:
        code = _CODES.get(error.errno or 0, str(error.errno))
        cause, detail = _GETADDRINFO.get(code, Cause.DNS_RESOLVER_FAILED), f"{code}: {error.strerror}"
    except OSError as error:
        cause, detail = cause_of(error), str(error)
    except UnicodeError as error:
        cause, detail = Cause.DNS_MALFORMED, f"{host!r} is not a host name: {error}"
    return Resolution(host, _view(addresses), code, cause, detail, time.monotonic() - start)


def _address(text: str) -> Address:
    address = ipaddress.ip_address(text)
    return Address(text, address.version, any(address in block for block in _PRIVATE))


def _server(word: str) -> tuple[str, int] | None:
    """`10.0.0.2`, `fd00::2`, `[10.0.0.2]:5353`; None for anything else, which resolvers skip too."""
    text, port = word, _PORT
    if word.startswith("["):
        text, _, rest = word[1:].partition("]")
        port = int(rest[1:]) if rest[1:].isdigit() else _PORT
    return (text, port) if _ip(text) is not None else None


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None

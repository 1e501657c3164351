"""What goes wrong on a strait, scene by scene: the rules of the router, the servers, and what to ask.

Each belongs to a group of faults that look the same to whoever is affected.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.lab.cloud import Allow, Cloud
from tests.lab.strait import BROKERS, NEUTRAL, PUBLIC, SERVER, SERVER6

HOSTS: Mapping[str, tuple[str, ...]] = {
    "b-1.orders.example": (BROKERS[0],),
    "b-2.orders.example": (BROKERS[1],),
    "b-3.orders.example": (BROKERS[2],),
    "ch.orders.example": (SERVER,),
    "both.orders.example": (SERVER, SERVER6),
    "public.orders.example": (PUBLIC,),
    "sts.eu-west-1.amazonaws.com": (NEUTRAL,),
}
BOOTSTRAP = ",".join(f"b-{number}.orders.example:9098" for number in (1, 2, 3))
EVERY_BROKER = {f"kafka://b-{number}.orders.example:9098" for number in (1, 2, 3)}
ONE_BROKER = {"kafka://b-1.orders.example:9098"}
CLICKHOUSE = {"clickhouse-https://ch.orders.example:8443"}
ON_PUBLIC = {"clickhouse-https://public.orders.example:8443"}

Serve = Callable[[socket.socket, ssl.SSLContext, int], None]
"""What a server does with a connection; it is given its certificate and the connection's number, from 1."""


def hold(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def takes(connection: socket.socket, certificate: ssl.SSLContext, number: int) -> None:  # noqa: ARG001
    """Accepts, reads, says nothing."""
    hold(connection)


def speaks_tls(connection: socket.socket, certificate: ssl.SSLContext, number: int) -> None:  # noqa: ARG001
    with certificate.wrap_socket(connection, server_side=True) as wrapped:
        hold(wrapped)


def wakes(connection: socket.socket, certificate: ssl.SSLContext, number: int) -> None:
    """Is asleep for the first ClientHello: the TLS probe's, as TCP's says nothing."""
    said = connection.recv(1, socket.MSG_PEEK)
    if not said:
        return
    if FIRST_HELLO.acquire(blocking=False):
        hold(connection)
    else:
        speaks_tls(connection, certificate, number)


FIRST_HELLO = threading.Semaphore(1)


def _goes_by_name(upon_it: Callable[[socket.socket], None]) -> Serve:
    def serve(connection: socket.socket, certificate: ssl.SSLContext, number: int) -> None:
        said = connection.recv(4096, socket.MSG_PEEK)
        if b"ch.orders.example" in said:
            upon_it(connection)
        elif said:
            speaks_tls(connection, certificate, number)

    return serve


def resets(connection: socket.socket) -> None:
    if connection.recv(65536):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def refuses_everybody(connection: socket.socket, certificate: ssl.SSLContext, number: int) -> None:  # noqa: ARG001
    """As an access list does: after the ClientHello, whatever it says."""
    resets(connection)


def answers_late(connection: socket.socket, certificate: ssl.SSLContext, number: int) -> None:  # noqa: ARG001
    """ClickHouse's /ping without TLS, and each time after 3.2 s."""
    if connection.recv(65536):
        threading.Event().wait(3.2)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nOk.\n")


@dataclass(frozen=True, slots=True)
class Scene:
    """One fault. `cause` is the one of the targets named in `at`, said by `check`, and `words` stand in the
    summary; no other target of the scene fails. `group` is the section of the failure catalogue whose faults
    cannot be told apart from one socket.
    """

    says: str
    group: str
    cause: str | None
    check: str
    at: set[str]
    words: str = ""
    rules: str = ""
    servers: Mapping[tuple[str, int], Serve] = field(default_factory=dict)
    arguments: Mapping[str, object] = field(default_factory=dict)
    routers_word: str = ""
    narrow: bool = False
    status: str = "fail"
    cloud: Callable[[], Cloud] | None = None
    """What AWS says of it, whether that fits or not: the workers are in its first subnet and first group."""
    code: str = ""
    """Of the root cause, where it is not the cause."""


def _cloud(*ingress: Allow) -> Cloud:
    """Workers and a broker in two subnets of a VPC, with these rules for what comes in to the broker."""
    cloud = Cloud()
    vpc = cloud.vpc("10.0.0.0/16")
    workers, brokers = (cloud.subnet(vpc, f"10.0.{number}.0/24") for number in (1, 2))
    groups = (cloud.security_group(vpc, "workers"), cloud.security_group(vpc, "brokers", ingress))
    cloud.eni(workers, "10.0.1.50", groups[0])
    cloud.eni(brokers, BROKERS[0], groups[1])
    return cloud


def without_a_rule() -> Cloud:
    return _cloud()


def with_a_rule() -> Cloud:
    return _cloud(Allow("tcp", (9098, 9098), ("10.0.1.0/24",)))


SILENT = "silence of a port"
PUBLIC_SILENT = "silence of a public host"
TLS = "TLS gets no answer"
NAMES = "names that resolve slowly or not at all"
SLOW = "a slow first answer"
KNOWN = "silence that AWS's configuration may explain"
FAMILIES = "works from one host and not from the other"

KAFKA = {"bootstrap": BOOTSTRAP, "only": ["tcp.*", "dns.resolves"], "timeout": 2.4}
IN_VPC = {
    "bootstrap": f"{BROKERS[0]}:9098",
    "only": ["tcp.*", "dns.resolves", "routes.reaches", "security.*"],
    "timeout": 2.4,
}
ONE_ADDRESS = {f"kafka://{BROKERS[0]}:9098"}
LISTENING: Mapping[tuple[str, int], Serve] = {(broker, 9098): takes for broker in BROKERS}
HTTPS = {
    "clickhouse": "https://ch.orders.example:8443",
    "only": ["tcp.*", "tls.*", "dns.resolves"],
    "timeout": 4,
}
TLS_SERVER: Mapping[tuple[str, int], Serve] = {(SERVER, 8443): speaks_tls}
OUT = {
    "clickhouse": "https://public.orders.example:8443",
    "region": "eu-west-1",
    "only": ["tcp.*", "dns.resolves"],
    "timeout": 2.4,
}
STS: Mapping[tuple[str, int], Serve] = {(NEUTRAL, 443): takes, (PUBLIC, 8443): takes}
CLIENT_HELLO = "tcp dport 8443 @th,256,8 0x16 @th,296,8 0x01"
"""A TLS record that begins with a ClientHello, behind a TCP header of 32 bytes."""


def names(name: str) -> dict[str, object]:
    return {"bootstrap": f"{name}:9098", "only": ["dns.*"], "timeout": 5}


LOSES_TWO_OF_THREE = "ip daddr 10.0.0.3 udp dport 53 numgen inc mod 3 != 0 drop"

SCENES = [
    Scene(
        "a security group has no rule for the port",
        SILENT, "port_silent", "tcp.other-ports", EVERY_BROKER, "9092 (refused)",
        "tcp dport 9098 drop", LISTENING, KAFKA,
    ),
    Scene(
        "a network ACL passes answers to part of the ephemeral ports",
        SILENT, "source_port_filtered", "tcp.source-ports", EVERY_BROKER, "and never 32768-65535",
        "ip saddr 10.0.2.0/24 tcp dport 32768-65535 drop", LISTENING, KAFKA,
    ),
    Scene(
        "a network ACL passes answers to the range of another system",
        SILENT, "source_port_filtered", "tcp.source-ports", EVERY_BROKER, "source ports 61000-65535",
        "ip saddr 10.0.2.0/24 tcp dport 1024-60999 drop", LISTENING, KAFKA,
    ),
    Scene(
        "one broker is gone",
        SILENT, "host_silent", "tcp.other-ports", ONE_BROKER, "b-2.orders.example, b-3.orders.example answer",
        f"ip daddr {BROKERS[0]} drop", LISTENING, KAFKA,
    ),
    Scene(
        "the listener of one broker hangs",
        SILENT, "listener_silent", "tcp.other-ports", ONE_BROKER, "this listener hangs",
        f"ip daddr {BROKERS[0]} tcp dport 9098 drop", LISTENING, KAFKA,
    ),
    Scene(
        "one broker restarts",
        SILENT, "intermittent", "tcp.source-ports", ONE_BROKER, "was silent, but now answers",
        f"ip daddr {BROKERS[0]} tcp flags syn quota until 190 bytes drop", LISTENING, KAFKA,
    ),
    Scene(
        "there is no route at all",
        SILENT, "timed_out", "tcp.connects", EVERY_BROKER, "nothing came back",
        "ip daddr 10.0.2.0/24 drop", LISTENING, KAFKA,
    ),
    Scene(
        "the port is closed",
        SILENT, "connection_refused", "tcp.connects", EVERY_BROKER, "refuses the connection",
        "", {}, KAFKA,
    ),
    Scene(
        "a firewall rejects with ICMP",
        SILENT, "host_unreachable", "tcp.connects", EVERY_BROKER, "says 10.9.9.9",
        "tcp dport 9098 reject with icmp type admin-prohibited", LISTENING, KAFKA,
    ),
    Scene(
        "no NAT gateway",
        PUBLIC_SILENT, "no_internet", "tcp.internet", ON_PUBLIC, "so is sts.eu-west-1.amazonaws.com:443",
        "ip daddr 52.0.0.0/8 drop", STS, OUT,
    ),
    Scene(
        "the public host is down, or no rule lets out to it",
        PUBLIC_SILENT, "public_host_silent", "tcp.internet", ON_PUBLIC, "the internet is reachable",
        f"ip daddr {PUBLIC} drop", STS, OUT,
    ),
    Scene(
        "no rule lets out to the port",
        PUBLIC_SILENT, "port_silent", "tcp.other-ports", ON_PUBLIC, "443 (refused)",
        "tcp dport 8443 drop", STS, OUT,
    ),
    Scene(
        "the address is private, and there is nothing to ask the internet for",
        PUBLIC_SILENT, "timed_out", "tcp.connects", CLICKHOUSE, "nothing came back",
        f"ip daddr {SERVER} drop", STS, OUT | {"clickhouse": "https://ch.orders.example:8443"},
    ),
    Scene(
        "IPv6 is lost, IPv4 works",
        FAMILIES, "family_split", "tcp.connects", {"clickhouse-https://both.orders.example:8443"},
        "over IPv4 but not over IPv6", "meta nfproto ipv6 drop",
        {(SERVER, 8443): takes, (SERVER6, 8443): takes},
        OUT | {"clickhouse": "https://both.orders.example:8443"}, status="warn",
    ),
    Scene(
        "IPv4 is lost, IPv6 works",
        FAMILIES, "family_split", "tcp.connects", {"clickhouse-https://both.orders.example:8443"},
        "over IPv6 but not over IPv4", f"ip daddr {SERVER} drop",
        {(SERVER, 8443): takes, (SERVER6, 8443): takes},
        OUT | {"clickhouse": "https://both.orders.example:8443"}, status="warn",
    ),
    Scene(
        "packets of full size are lost and nobody says so",
        TLS, "mtu_black_hole", "tls.path", CLICKHOUSE, "in segments of 1200 bytes",
        "", TLS_SERVER, HTTPS, "icmp type destination-unreachable drop", narrow=True,
    ),
    Scene(
        "packets of full size are too large, and the router says so",
        TLS, None, "tls.handshake", CLICKHOUSE, "", "", TLS_SERVER, HTTPS, narrow=True,
    ),
    Scene(
        "a firewall reads TLS and drops it",
        TLS, "tls_hello_filtered", "tls.path", CLICKHOUSE, "acknowledges a single byte but no ClientHello",
        f"{CLIENT_HELLO} drop", TLS_SERVER, HTTPS,
    ),
    Scene(
        "a stateful firewall sees one direction only",
        TLS, "packet_loss", "tls.path", CLICKHOUSE, "not a single byte was acknowledged",
        "tcp dport 8443 tcp flags & psh == psh drop", TLS_SERVER, HTTPS,
    ),
    Scene(
        "a proxy drops the name",
        TLS, "tls_name_filtered", "tls.path", CLICKHOUSE, "without a name and to netcheck.invalid",
        "", {(SERVER, 8443): _goes_by_name(hold)}, HTTPS,
    ),
    Scene(
        "an access list refuses the name",
        TLS, "tls_name_refused", "tls.path", CLICKHOUSE, "hangs up on ch.orders.example",
        "", {(SERVER, 8443): _goes_by_name(resets)}, HTTPS,
    ),
    Scene(
        "an access list refuses everybody",
        TLS, "tls_reset_after_client_hello", "tls.handshake", CLICKHOUSE, "resets it on the first byte",
        "", {(SERVER, 8443): refuses_everybody}, HTTPS,
    ),
    Scene(
        "the server accepts and never answers",
        TLS, "tls_silent_after_client_hello", "tls.handshake", CLICKHOUSE, "its host received it",
        "", {(SERVER, 8443): takes}, HTTPS,
    ),
    Scene(
        "the server was asleep",
        TLS, "intermittent", "tls.path", CLICKHOUSE, "did not answer TLS, then answered",
        "", {(SERVER, 8443): wakes}, HTTPS,
    ),
    Scene(
        "one of two name servers is dead",
        NAMES, "dns_server_dead", "dns.servers", {"kafka://known.orders.example:9098"},
        "10.0.0.2 answered 10 of 10 (0 % lost); 10.0.0.3 answered 0 of 10 (100 % lost)",
        "ip daddr 10.0.0.3 drop", {}, names("known.orders.example"), status="warn",
    ),
    Scene(
        "one of two name servers loses questions",
        NAMES, "dns_lossy", "dns.servers", {"kafka://known.orders.example:9098"},
        "10.0.0.2 answered 10 of 10 (0 % lost)",
        LOSES_TWO_OF_THREE, {}, names("known.orders.example"), status="warn",
    ),
    Scene(
        "whom the name servers ask about the zone is silent",
        NAMES, "dns_name_silent", "dns.resolves", {"kafka://silent.orders.example:9098"},
        "for other names do", "", {}, names("silent.orders.example"),
    ),
    Scene(
        "every name server is dead",
        NAMES, "dns_timed_out", "dns.resolves", {"kafka://known.orders.example:9098"},
        "no answer in time", "udp dport 53 drop\ntcp dport 53 drop", {}, names("known.orders.example"),
    ),
    Scene(
        "the network loses the first packet of every connection",
        SLOW, "network_slow", "clickhouse.ping", {"clickhouse-https://ch.orders.example:8123"},
        "the network is slow",
        'iifname "r0" tcp flags & (syn|ack) == syn tcp sport != @seen add @seen { tcp sport } drop',
        {(SERVER, 8123): answers_late},
        {"clickhouse": "http://ch.orders.example:8123", "only": ["tcp.*", "clickhouse.ping"], "timeout": 6},
        status="warn",
    ),
    Scene(
        "ClickHouse is overloaded",
        SLOW, "clickhouse_slow", "clickhouse.ping", {"clickhouse-https://ch.orders.example:8123"},
        "it is slow, and was not idle", "", {(SERVER, 8123): answers_late},
        {"clickhouse": "http://ch.orders.example:8123", "only": ["tcp.*", "clickhouse.ping"], "timeout": 6},
        status="warn",
    ),
    Scene(
        "AWS's configuration explains the silence",
        KNOWN, "path_security_group", "security.groups", ONE_ADDRESS, "",
        "tcp dport 9098 drop", LISTENING, IN_VPC, cloud=without_a_rule, code="sg_has_no_rules",
    ),
    Scene(
        "AWS's configuration would deliver it",
        KNOWN, "port_silent", "tcp.other-ports", ONE_ADDRESS, "9092 (refused)",
        "tcp dport 9098 drop", LISTENING, IN_VPC, cloud=with_a_rule,
    ),
    Scene(
        "everything works",
        SILENT, None, "tcp.connects", EVERY_BROKER, "", "", LISTENING, KAFKA,
    ),
]  # fmt: skip

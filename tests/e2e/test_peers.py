"""Every misbehaving peer, met by every kind of target: its own cause, within the deadline, and no false pass.

In this process, all kinds of a peer side by side, since most of these runs wait for somebody who is silent.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from netcheck.core.credentials import ClickHouseLogin, Trust
from netcheck.core.hostport import Url
from netcheck.core.model import Report, Security, Status
from netcheck.core.secret import Secret
from netcheck.engine.assessment import assess
from netcheck.engine.runner import ignore_event
from netcheck.settings.config import Config
from tests.bounds import LONG, STEP, ends_within
from tests.servers import peers
from tests.servers.certificates import Certificates
from tests.servers.peers import Peer

DEADLINE_S = 6.0
LOGIN = ClickHouseLogin("sink", Secret("canary-of-the-peers"), "orders")


def _kafka(peer: Peer) -> dict[str, Any]:
    return {"bootstrap": (peer.address,)}


def _plain_kafka(peer: Peer) -> dict[str, Any]:
    return {"bootstrap": (peer.address,), "security_protocol": Security.PLAINTEXT}


def _https(peer: Peer) -> dict[str, Any]:
    return {"clickhouse": Url(True, peer.host, peer.port, "sink", "orders"), "clickhouse_login": LOGIN}


def _http(peer: Peer) -> dict[str, Any]:
    return {"clickhouse": Url(False, peer.host, peer.port, "sink", "orders"), "clickhouse_login": LOGIN}


def _native(peer: Peer) -> dict[str, Any]:
    return {"clickhouse_native": peer.address}


def _aws(peer: Peer) -> dict[str, Any]:
    return {"aws_service": (f"https://{peer.host}:{peer.port}",)}


KINDS: Mapping[str, Callable[[Peer], dict[str, Any]]] = {
    "kafka": _kafka,
    "plain kafka": _plain_kafka,
    "https": _https,
    "http": _http,
    "native": _native,
    "aws": _aws,
}
IN_TLS = ("kafka", "https", "native", "aws")
IN_PLAIN = ("plain kafka", "http")
PROTOCOLS = ("kafka.", "clickhouse.", "egress.")


def everywhere(*causes: str) -> dict[str, set[str]]:
    return {kind: set(causes) for kind in KINDS}


def in_tls(*causes: str) -> dict[str, set[str]]:
    return {kind: set(causes) for kind in IN_TLS}


def in_plain(*causes: str) -> dict[str, set[str]]:
    return {kind: set(causes) for kind in IN_PLAIN}


@dataclass(frozen=True)
class Row:
    """`make` builds the peer, from a server's TLS context where `tls`; `causes` may be, by kind of target.

    More than one where it is a race which of two things the kernel tells first.
    """

    peer: str
    make: Callable[..., Peer]
    causes: Mapping[str, set[str]]
    tls: bool = False


SILENCE = in_tls("tls_silent_after_client_hello") | {"plain kafka": {"kafka_silent"}, "http": {"http_silent"}}
SPOKE = in_plain("plaintext_on_tls_port")
ANOTHER = in_tls("tls_not_supported") | in_plain("wrong_protocol")
ROWS = [
    Row("refuses", peers.refused, everywhere("connection_refused")),
    # The host's other ports refuse; of an AWS endpoint no other port is known to ask.
    Row("drops every SYN", peers.syn_drop, everywhere("port_silent") | {"aws": {"timed_out"}}),
    Row("never accepts", peers.never_accepts, SILENCE),
    Row("accepts and is silent", peers.silent, SILENCE),
    Row(
        "is silent inside TLS",
        peers.silent,
        SPOKE
        | {
            "kafka": {"kafka_silent"},
            "https": {"http_silent"},
            "native": {"clickhouse_silent"},
            "aws": {"http_silent"},
        },
        tls=True,
    ),
    Row(
        "closes at once",
        peers.closes_at_once,
        in_tls("tls_closed_after_client_hello", "tls_reset_after_client_hello", "connection_reset")
        | in_plain("connection_closed", "connection_reset"),
    ),
    Row(
        "resets at once",
        peers.resets_at_once,
        in_tls("connection_reset", "tls_reset_after_client_hello") | in_plain("connection_reset"),
    ),
    Row(
        "closes after the first bytes",
        peers.closes_after_first_bytes,
        in_tls("tls_closed_after_client_hello") | in_plain("connection_closed"),
    ),
    Row(
        "resets after the first bytes",
        peers.resets_after_first_bytes,
        in_tls("tls_reset_after_client_hello") | in_plain("connection_reset"),
    ),
    Row(
        "closes after the first bytes inside TLS",
        peers.closes_after_first_bytes,
        in_tls("connection_closed") | SPOKE,
        tls=True,
    ),
    Row(
        "resets after the first bytes inside TLS",
        peers.resets_after_first_bytes,
        in_tls("connection_reset") | SPOKE,
        tls=True,
    ),
    Row(
        "closes after the handshake",
        peers.closes_after_handshake,
        in_tls("connection_closed") | SPOKE,
        tls=True,
    ),
    Row(
        "drips a Kafka frame",
        lambda: peers.drips_kafka(interval_s=0.2),
        in_tls("tls_not_supported")
        | {"plain kafka": {"kafka_silent"}, "http": {"http_silent", "wrong_protocol"}},
    ),
    Row(
        "drips a Kafka frame inside TLS",
        lambda tls: peers.drips_kafka(tls, interval_s=0.5),
        {
            "kafka": {"kafka_silent"},
            "https": {"http_silent", "wrong_protocol"},
            "native": {"clickhouse_silent", "clickhouse_malformed"},
            "aws": {"http_silent", "wrong_protocol"},
        }
        | SPOKE,
        tls=True,
    ),
    Row(
        "drips an HTTP body inside TLS",
        lambda tls: peers.drips_http(tls, interval_s=0.5),
        {
            "kafka": {"wrong_protocol"},
            "https": {"http_silent"},
            "native": {"wrong_protocol"},
            "aws": {"http_silent"},
        }
        | SPOKE,
        tls=True,
    ),
    Row(
        "drips an HTTP header inside TLS",
        lambda tls: peers.drips_http_header(tls, interval_s=0.5),
        {
            "kafka": {"wrong_protocol"},
            "https": {"http_silent"},
            "native": {"wrong_protocol"},
            "aws": {"http_silent"},
        }
        | SPOKE,
        tls=True,
    ),
    Row(
        "drips a TLS record",
        lambda: peers.drips_tls_record(interval_s=0.5),
        in_tls("tls_stalled")
        | {"plain kafka": {"plaintext_on_tls_port"}, "http": {"http_silent", "plaintext_on_tls_port"}},
    ),
    Row(
        "is a web server",
        peers.http,
        in_tls("tls_not_supported")
        | {"plain kafka": {"wrong_protocol"}, "http": {"clickhouse_not_clickhouse"}},
    ),
    Row(
        "is a web server with TLS",
        lambda tls: peers.http(tls=tls),
        {
            "kafka": {"wrong_protocol"},
            "https": {"clickhouse_not_clickhouse"},
            "native": {"wrong_protocol"},
            "aws": {"aws_unexpected_answer"},
        }
        | SPOKE,
        tls=True,
    ),
    Row(
        "is a load balancer without a backend",
        peers.load_balancer_503,
        {
            "kafka": {"wrong_protocol"},
            "https": {"http_load_balancer"},
            "native": {"wrong_protocol"},
            "aws": {"aws_unexpected_answer"},
        }
        | SPOKE,
        tls=True,
    ),
    Row(
        "is a captive portal",
        peers.captive_portal,
        {
            "kafka": {"wrong_protocol"},
            "https": {"http_redirected"},
            "native": {"wrong_protocol"},
            "aws": {"aws_unexpected_answer"},
        }
        | SPOKE,
        tls=True,
    ),
    Row("is an SSH server", peers.ssh_banner, ANOTHER),
    Row("is a mail server", peers.smtp_banner, ANOTHER),
    Row(
        "answers random bytes",
        lambda: peers.answers(b"\xe6s\x01\x99" + bytes(range(256)) * 16),
        in_tls("tls_not_supported") | {"plain kafka": {"kafka_malformed"}, "http": {"wrong_protocol"}},
    ),
    Row(
        "answers random bytes inside TLS",
        lambda tls: peers.answers(b"\xe6s\x01\x99" + bytes(range(256)) * 16, tls),
        {
            "kafka": {"kafka_malformed"},
            "https": {"wrong_protocol"},
            "native": {"clickhouse_malformed"},
            "aws": {"wrong_protocol"},
        }
        | SPOKE,
        tls=True,
    ),
    Row(
        "answers a Kafka frame of 2 GB",
        peers.kafka_huge_frame,
        {
            "kafka": {"kafka_malformed"},
            "https": {"wrong_protocol"},
            "native": {"clickhouse_malformed"},
            "aws": {"wrong_protocol"},
        }
        | SPOKE,
        tls=True,
    ),
    Row(
        "answers a header of 32 MB",
        peers.http_huge_header,
        {
            "kafka": {"wrong_protocol"},
            "https": {"http_malformed"},
            "native": {"wrong_protocol"},
            "aws": {"http_malformed"},
        }
        | SPOKE,
        tls=True,
    ),
    Row(
        "answers a TLS alert",
        lambda: peers.tls_alert("handshake_failure"),
        in_tls("tls_handshake_failure") | SPOKE,
    ),
    Row(
        "speaks TLS of yesterday only",
        lambda: peers.tls_alert("protocol_version"),
        in_tls("tls_protocol_version") | SPOKE,
    ),
]


@dataclass(frozen=True)
class Met:
    report: Report
    received: bytes


def meet(row: Row, certificates: Certificates) -> dict[str, Met]:
    """One run for each kind of target against a peer of its own, side by side."""
    trust = str(certificates.authority.certificate)
    context: ssl.SSLContext | None = certificates.good.server_context() if row.tls else None
    met: dict[str, Met] = {}

    def one(kind: str) -> None:
        with row.make(context) if context else row.make() as peer:
            config = Config(
                deadline=DEADLINE_S, timeout=STEP, ca=trust, trust=Trust(trust), **KINDS[kind](peer)
            )
            report = assess(config, ignore_event).report
            met[kind] = Met(report, peer.received)

    threads = [threading.Thread(target=one, args=(kind,), daemon=True) for kind in KINDS]
    with ends_within(DEADLINE_S):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_S + LONG)
    return met


@pytest.mark.parametrize("row", ROWS, ids=[row.peer for row in ROWS])
def test_a_peer_that_misbehaves_has_its_own_cause_and_holds_up_nobody(
    certificates: Certificates, row: Row
) -> None:
    met = meet(row, certificates)
    assert met.keys() == KINDS.keys(), "a run raised"
    for kind, one in met.items():
        causes = [cause.code.lower() for cause in one.report.root_causes]
        assert len(causes) == 1 and causes[0] in row.causes[kind], f"{kind}: {causes}"
        assert b"authorization" not in one.received.lower(), f"{kind}: a password was sent"
        passed = {result.check for result in one.report.results if result.status is Status.PASS}
        assert not [check for check in passed if check.startswith(PROTOCOLS)], f"{kind}: {passed}"
        if not row.tls:
            of_tls = {check for check in passed if check.startswith("tls.")}
            assert of_tls <= {"tls.path"}, f"{kind}: {passed}: only the path to the peer may be well"
        unknown = [
            r.finding.summary
            for r in one.report.results
            if r.status is Status.UNKNOWN and r.caused_by is None
        ]
        assert not unknown, f"{kind}: {unknown}"

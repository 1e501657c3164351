"""What stands at an address and port of a lab: a backend behind it, or a peer that misbehaves.

    {backend: 1.SSL}                    the backend itself: packets are passed on, TLS is its own
    {tls: expired, backend: clickhouse} TLS with that one of tests/servers/certificates.py, then the backend
    {iam: good, backend: 1.IAM}         TLS, MSK's IAM login, then the broker; `refusal` refuses every login
    {aws: good}                         an AWS endpoint: refuses what is not signed, in AWS's words
    {peer: silent, tls: good}           one of tests/servers/peers.py; `tls` is left out for those without
    {waking: 20, backend: clickhouse}   TLS; the first request waits so many seconds for its answer
    {sni: [NAME, ...], backend: ...}    a firewall: resets who does not ask for one of these names

A door that is not there refuses.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from typing import Any

from tests.lab.faults.backends import Backends
from tests.servers import peers
from tests.servers.certificates import Certificates
from tests.servers.peers import Conversation, Peer
from tests.servers.sasl_peer import AwsKeys, sasl_peer

Door = Mapping[str, Any]
Where = tuple[str, int]
REGION = "eu-west-1"
KEYS = AwsKeys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
"""Those that AwsEndpoint.environment() gives."""
UNSIGNED = b'{"message":"Missing Authentication Token","__type":"MissingAuthenticationTokenException"}'


def open_door(door: Door, host: str, backends: Backends) -> tuple[Where | None, Peer | None]:
    """Where packets for the door are passed on to, and who serves there, if that is one of ours.

    Call it in the namespace where the door is to be, with `host` an address there.
    """
    if set(door) == {"backend"}:
        return backends.address(door["backend"]), None
    peer = _peer(door, host, backends)
    return peer.address, peer


def _peer(door: Door, host: str, backends: Backends) -> Peer:
    certificates = backends.certificates
    upstream = backends.address(door["backend"]) if "backend" in door else None
    tls = _context(certificates, door.get("tls") or door.get("iam") or door.get("aws"))
    match door:
        case {"iam": _}:
            refusal = door.get("refusal")
            mechanisms = door.get("mechanisms", ("AWS_MSK_IAM", "OAUTHBEARER"))
            return sasl_peer(
                KEYS,
                region=REGION,
                refusal=refusal,
                mechanisms=mechanisms,
                tls=tls,
                host=host,
                upstream=upstream,
            )
        case {"aws": _}:
            headers = {"Content-Type": "application/json", "x-amzn-RequestId": "5f5e7e3a-0000-4000-8000-1"}
            return peers.http("403 Forbidden", UNSIGNED, headers, tls, host=host)
        case {"waking": seconds}:
            assert upstream is not None
            return _waking(upstream, _context(certificates, door.get("tls", "good")), host, float(seconds))
        case {"sni": names}:
            assert upstream is not None
            return _name_filter(upstream, certificates, tuple(names), host)
        case {"peer": "wants_client_certificate"}:
            return peers.wants_client_certificate(
                certificates.good, certificates.authority.certificate, host=host
            )
        case {"peer": "old_tls_only"}:
            return peers.old_tls_only(certificates.good, host)
        case {"peer": "tls_alert"}:
            return peers.tls_alert(door["alert"], host)
        case {"peer": "clock_off"}:
            return _aws_with_a_clock(tls, host, str(door["date"]))
        case {"peer": str(name)}:
            make: Callable[..., Peer] = getattr(peers, name)
            return make(tls=tls, host=host) if tls else make(host=host)
        case _ if upstream is not None:
            return peers.proxy(upstream, tls, host)
    raise ValueError(f"no such door: {door}")


def _context(certificates: Certificates, name: str | None) -> ssl.SSLContext | None:
    if name is None:
        return None
    context: ssl.SSLContext = getattr(certificates, name).server_context()
    return context


def _aws_with_a_clock(tls: ssl.SSLContext | None, host: str, date: str) -> Peer:
    headers = {"Content-Type": "application/json", "x-amzn-RequestId": "5f5e7e3a-0000-4000-8000-1"}
    return peers.http("403 Forbidden", UNSIGNED, headers | {"Date": date}, tls, host=host)


def _waking(upstream: Where, tls: ssl.SSLContext | None, host: str, seconds: float) -> Peer:
    """ClickHouse Cloud's edge in front of an idle service: TLS at once, the first answer late."""
    awake, asked = threading.Event(), threading.Lock()

    def serve(conversation: Conversation) -> None:
        first = conversation.receive()
        if not first:
            return
        if asked.acquire(blocking=False):
            conversation.peer.stopped.wait(seconds)
            awake.set()
        awake.wait(seconds)
        with socket.create_connection(upstream, 10) as service:
            service.sendall(first)
            back = threading.Thread(target=peers.pump, args=(service, conversation.socket), daemon=True)
            back.start()
            peers.pump(conversation.socket, service)
            back.join(5)

    return Peer(serve, tls=tls, host=host)


def _name_filter(upstream: Where, certificates: Certificates, allowed: tuple[str, ...], host: str) -> Peer:
    """A firewall with a list of names: it reads the ClientHello, and resets or lets through."""
    behind = certificates.good.server_context()

    def serve(conversation: Conversation) -> None:
        hello = conversation.socket.recv(65536, socket.MSG_PEEK)
        if not any(name.encode() in hello for name in allowed):
            conversation.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        with (
            contextlib.suppress(OSError),
            behind.wrap_socket(conversation.socket.dup(), server_side=True) as inside,
            socket.create_connection(upstream, 10) as service,
        ):
            back = threading.Thread(target=peers.pump, args=(service, inside), daemon=True)
            back.start()
            peers.pump(inside, service)
            back.join(5)

    return Peer(serve, host=host)

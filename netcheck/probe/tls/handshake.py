"""The TLS probe: a server's handshake, its certificates, and which clients accept them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from netcheck.core.context import Deadline
from netcheck.core.credentials import Trust
from netcheck.core.hostport import is_address
from netcheck.core.model import Cause
from netcheck.probe.tls.certificate import Certificate, anchor, matches, out_of_date, sent_chain
from netcheck.probe.tls.session import Session, Verifier
from netcheck.probe.tls.trust import (
    TrustError,
    load,
    public_organisations,
    public_roots,
    public_verifier,
    verifier,
)
from netcheck.probe.transport.failure import Failed
from netcheck.probe.transport.kernel import TcpInfo
from netcheck.probe.transport.recognise import alert_name
from netcheck.probe.transport.wire import Wire

PUBLICLY_CERTIFIED = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".clickhouse.cloud")
"""Domains whose servers all have certificates of public CAs: any other issuer means that TLS is intercepted.
"""

_REFUSAL_PATIENCE = 1.0
"""Seconds to wait for a TLS 1.3 server's alert to a client without a certificate. One round trip is enough.
"""

_STRICT_OR_NOT = frozenset({2, 7, 18, 19, 20, 21, 62, 64, 66, 67, 68})
"""X509_V_ERR_* that do not depend on VERIFY_X509_STRICT: every client gets them, strict or not."""

_DATES = (9, 10)
"""X509_V_ERR_CERT_NOT_YET_VALID and CERT_HAS_EXPIRED."""

_NO_ANCHOR = (Cause.TLS_UNTRUSTED, Cause.TLS_SELF_SIGNED)


@dataclass(frozen=True, slots=True)
class Handshake:
    """The result of a TLS handshake, including the TCP connection.

    `cause` is the error of a JVM client with this trust store; None when it connects. `verdict_jvm` and
    `verdict_strict` are the two kinds of client's verdicts on the certificates (strict: full RFC 5280, like
    Python 3.13 and other recent clients); where the handshake failed before, both are its cause.
    `strict_detail` is the error that only a strict client reports.

    `chain` is as the server sent it, leaf first, also where verification failed. `hostname_matches` is None
    without a chain. `sni` is the server name that was sent, None for an address. `roots` names the trusted
    roots. `foreign_issuer` is for hosts of AWS and ClickHouse Cloud, whose certificates always come from
    public CAs: True where the chain does not lead to a public CA and only this trust store accepts it, None
    where that is unknown. `client_certificate_wanted` is True when the server requested one, required
    (`cause`) or not. `hello_acknowledged` is for silence: whether the server's TCP acknowledged our
    ClientHello. `handshakes` is the number of connections made. `seconds` is the duration of the probe,
    `connect_seconds` and `handshake_seconds` are those of the first connection.
    """

    address: str
    port: int
    server_name: str
    sni: str | None
    roots: str
    version: str | None
    cipher: str | None
    chain: tuple[Certificate, ...]
    hostname_matches: bool | None
    verdict_jvm: Cause | None
    verdict_strict: Cause | None
    strict_detail: str
    foreign_issuer: bool | None
    client_certificate_wanted: bool
    alert: str | None
    hello_acknowledged: bool | None
    kernel: TcpInfo | None
    handshakes: int
    connect_seconds: float | None
    handshake_seconds: float | None
    cause: Cause | None
    detail: str
    seconds: float


def handshake(deadline: Deadline, address: str, port: int, server_name: str, trust: Trust) -> Handshake:
    """Make a TLS handshake with a server.

    A second handshake is made where only strict verification failed; another one where a host of AWS or
    ClickHouse Cloud sends a chain that is not known to be public.
    """
    start = time.monotonic()
    where = (address, port, server_name)
    try:
        strict, relaxed = verifier(trust, strict=True), verifier(trust)
        source = load(trust).source
    except TrustError as error:
        attempt = _Attempt(failure=Failed(Cause.FACT_UNAVAILABLE, str(error)))
        return _observation(where, "", (attempt,), start)
    attempts = [_attempt(deadline, where, strict)]
    if attempts[0].only_strict:
        attempts.append(_attempt(deadline, where, relaxed))
    seen = _observation(where, source, tuple(attempts), start)
    if not _is_publicly_certified(server_name):
        return seen
    return replace(
        _compared_with_public(deadline, where, seen, attempts[-1]), seconds=time.monotonic() - start
    )


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One connection and its handshake."""

    failure: Failed | None
    verify_code: int | None = None
    version: str | None = None
    cipher: str | None = None
    chain: tuple[Certificate, ...] = ()
    anchor: bytes | None = None
    certificate_requested: bool = False
    alert: int | None = None
    sent: int = 0
    kernel: TcpInfo | None = None
    connect_seconds: float | None = None
    handshake_seconds: float | None = None
    established: bool = False
    out_of_date: Cause | None = None

    @property
    def only_strict(self) -> bool:
        """Whether it failed for a reason that a non-strict client may accept."""
        if self.verify_code in _DATES:
            return self.out_of_date is None  # then it is the anchor's date
        return self.verify_code is not None and self.verify_code not in _STRICT_OR_NOT

    @property
    def verdict(self) -> Cause | None:
        """This client's verdict on the certificates; None when it accepts them.

        A server that then rejects us for lack of a client certificate was accepted: the client's comes last.
        """
        if self.established or self.failure is None:
            return None
        accepted = self.failure.cause is Cause.TLS_CLIENT_CERTIFICATE_WANTED and self.chain
        return None if accepted else self.failure.cause


def _attempt(deadline: Deadline, where: tuple[str, int, str], by: Verifier) -> _Attempt:
    address, port, server_name = where
    start = time.monotonic()
    try:
        wire = Wire(deadline, address, port)
    except Failed as failure:
        return _Attempt(failure=failure)
    connected = time.monotonic()
    try:
        session = Session(wire, by, server_name)
    except Failed as failure:
        wire.close()
        return _Attempt(failure=failure, connect_seconds=connected - start)
    failure_seen: Failed | None = None
    try:
        session.handshake()
    except Failed as failure:
        failure_seen = failure
    ended = time.monotonic()
    if failure_seen is None:
        failure_seen = session.refusal(_REFUSAL_PATIENCE)
    chosen = session.tls.cipher()
    kernel = wire.evidence()
    session.close()
    return _Attempt(
        failure=failure_seen,
        verify_code=session.verify_code,
        version=_version(chosen),
        cipher=chosen[0] if chosen else None,
        chain=sent_chain(session.tls),
        anchor=anchor(session.tls) if session.established else None,
        certificate_requested=session.tls.certificate_requested,
        alert=session.tls.alert,
        sent=wire.sent,
        kernel=kernel,
        connect_seconds=connected - start,
        handshake_seconds=ended - connected,
        established=session.established,
        out_of_date=out_of_date(session.tls, by.anchors),
    )


def _version(cipher: tuple[str, str, int] | None) -> str | None:
    """The negotiated version, also of an unfinished handshake, where `SSLObject.version` is None.

    TLS 1.3 has separate cipher suites, and we offer nothing older than 1.2.
    """
    if cipher is None:
        return None
    return "TLSv1.3" if cipher[1] == "TLSv1.3" else "TLSv1.2"


def _observation(
    where: tuple[str, int, str], roots: str, attempts: tuple[_Attempt, ...], start: float
) -> Handshake:
    address, port, server_name = where
    first, last = attempts[0], attempts[-1]
    failure = last.failure
    cause = None if failure is None else failure.cause
    chain = last.chain or first.chain
    strict_detail = first.failure.detail if len(attempts) > 1 and first.failure else ""
    silent = cause in (Cause.TLS_SILENT_AFTER_CLIENT_HELLO, Cause.TLS_STALLED)
    return Handshake(
        address=address,
        port=port,
        server_name=server_name,
        sni=None if is_address(server_name) else server_name.rstrip("."),
        roots=roots,
        version=last.version or first.version,
        cipher=last.cipher or first.cipher,
        chain=chain,
        hostname_matches=matches(chain[0], server_name) if chain else None,
        verdict_jvm=last.verdict,
        verdict_strict=first.verdict,
        strict_detail=strict_detail,
        foreign_issuer=False,
        client_certificate_wanted=any(one.certificate_requested for one in attempts),
        alert=None if last.alert is None else alert_name(last.alert),
        hello_acknowledged=last.kernel.bytes_acked > last.sent if silent and last.kernel else None,
        kernel=last.kernel,
        handshakes=len(attempts),
        connect_seconds=first.connect_seconds,
        handshake_seconds=first.handshake_seconds,
        cause=cause,
        detail=_detail(last),
        seconds=time.monotonic() - start,
    )


def _detail(attempt: _Attempt) -> str:
    if attempt.failure is None:
        return ""
    text = attempt.failure.detail
    if attempt.failure.cause is not Cause.TLS_UNTRUSTED or not attempt.chain:
        return text
    top = attempt.chain[-1]
    if top.self_signed:
        return f"{text}: the chain ends in {top.subject}, which is not in the trust store"
    sent = "only its own certificate" if len(attempt.chain) == 1 else f"{len(attempt.chain)} certificates"
    return (
        f"{text}: the server sent {sent}, and the issuer, {top.issuer}, is not in the trust store: "
        f"an intermediate certificate is missing on the server, or that CA in the trust store"
    )


def _compared_with_public(
    deadline: Deadline, where: tuple[str, int, str], seen: Handshake, attempt: _Attempt
) -> Handshake:
    """For a host whose certificates are always public: determine whether this chain leads to a public CA."""
    established = attempt.established
    if not established and seen.verdict_jvm not in _NO_ANCHOR:
        return replace(seen, foreign_issuer=None)
    if not public_roots():
        return replace(seen, foreign_issuer=None)
    if established and attempt.anchor in public_roots():
        return seen
    other = _attempt(deadline, where, public_verifier())
    seen = replace(seen, handshakes=seen.handshakes + 1)
    if other.established:
        return seen
    if other.failure is None or other.failure.cause not in _NO_ANCHOR:
        return replace(seen, foreign_issuer=None)
    top = other.chain[-1]
    if not top.self_signed and top.issuer_organisation in public_organisations():
        # A public CA's certificate without its intermediate: a server's mistake, and no interception.
        return replace(seen, foreign_issuer=None)
    if established or attempt.failure is None:
        return replace(seen, foreign_issuer=True)
    issuer = top.subject if top.self_signed else top.issuer
    detail = f"{attempt.failure.detail}: the chain leads to {issuer}, which is not a public CA"
    return replace(seen, foreign_issuer=True, cause=Cause.TLS_INTERCEPTED, detail=detail)


def _is_publicly_certified(server_name: str) -> bool:
    return server_name.rstrip(".").lower().endswith(PUBLICLY_CERTIFIED)

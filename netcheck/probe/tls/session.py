"""A TLS client session over a `Wire`: OpenSSL's state machine on our socket, so that every wait is bounded
and every failure of a handshake has a distinct cause.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from netcheck.core.model import Cause
from netcheck.probe.tls.certificate import out_of_date
from netcheck.probe.transport.failure import Failed
from netcheck.probe.transport.recognise import alert_name, is_tls_record, recognise
from netcheck.probe.transport.wire import Wire

T = TypeVar("T")

_ALERT = 21
_HANDSHAKE = 22
_NEW_SESSION_TICKET = 4
_CERTIFICATE_REQUEST = 13
_PROTOCOL_VERSION_ALERTS = (70, 86)
_CERTIFICATE_REQUIRED = 116
_ABOUT_OUR_CERTIFICATE = (40, 41, 42, 43, 44, 45, 46, 48, 49)
"""Alerts by which servers reject a client without a certificate after requesting one (RFC 5246, 7.4.6)."""

_WRONG_VERSION = ("UNSUPPORTED_PROTOCOL", "WRONG_VERSION_NUMBER", "WRONG_SSL_VERSION", "VERSION_TOO_LOW")


class ObservedSSLObject(ssl.SSLObject):
    """An SSLObject that keeps messages of the peer which `ssl` does not expose; filled in by `observe`."""

    alert: int | None = None
    certificate_requested: bool = False
    ticket_received: bool = False


def observe(context: ssl.SSLContext) -> None:
    """Record the received messages in every ObservedSSLObject of a context.

    Uses `SSLContext._msg_callback`, which `ssl` has since 3.8 without documenting it: there is no other
    access to a TLS 1.3 CertificateRequest, which is encrypted.
    """
    context._msg_callback = _note  # type: ignore[attr-defined]


def _note(connection: object, direction: str, _: object, content: int, message: int, data: bytes) -> None:
    if direction != "read" or not isinstance(connection, ObservedSSLObject):
        return
    if content == _ALERT and len(data) >= 2 and data[1]:
        connection.alert = data[1]
    elif content == _HANDSHAKE and message == _CERTIFICATE_REQUEST:
        connection.certificate_requested = True
    elif content == _HANDSHAKE and message == _NEW_SESSION_TICKET:
        connection.ticket_received = True


@dataclass(frozen=True, slots=True, eq=False)
class Verifier:
    """How to verify a server: OpenSSL's context, and the trust anchors (DER) for our check of the dates.

    There are no anchors where OpenSSL reads the system's roots: those are at the end of every chain.
    """

    context: ssl.SSLContext
    anchors: frozenset[bytes] = frozenset()


class Session:
    """One TLS connection: `handshake`, then `read` and `write`. Its methods raise Failed and nothing else."""

    def __init__(self, wire: Wire, verifier: Verifier, server_name: str) -> None:
        """Raises Failed where `server_name` cannot be a host name."""
        self.wire = wire
        self.verifier = verifier
        self.established = False
        self.verify_code: int | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        try:
            made = verifier.context.wrap_bio(
                self._incoming, self._outgoing, server_hostname=server_name.rstrip(".")
            )
        except ValueError as error:  # also UnicodeError, from the IDNA codec
            raise Failed(Cause.DNS_MALFORMED, f"{server_name!r} is not a host name: {error}") from error
        assert isinstance(made, ObservedSSLObject)
        self.tls = made

    def handshake(self) -> None:
        """Make the handshake. Raises Failed."""
        try:
            if not self._drive(self.tls.do_handshake):
                raise self._interrupted(
                    Cause.TLS_CLOSED_AFTER_CLIENT_HELLO, Cause.CONNECTION_CLOSED, "connection closed"
                )
        except Failed as failure:
            raise self._refined(failure) from failure
        except ssl.SSLCertVerificationError as error:
            self.verify_code = error.verify_code
            raise Failed(certificate_cause(error.verify_code), error.verify_message) from error
        except ssl.SSLError as error:
            raise self._refused(error) from error
        late = out_of_date(self.tls, self.verifier.anchors)
        if late is not None and self.tls.context.verify_mode is ssl.CERT_REQUIRED:
            raise Failed(late, "a certificate of the chain is out of date")
        self.established = True

    def refusal(self, patience: float) -> Failed | None:
        """After a handshake: the failure if the server rejects us for lack of a client certificate, else
        None.

        In TLS 1.3 the alert arrives after our side of the handshake is complete; a server that accepts us
        sends a session ticket. Waits at most `patience` seconds, and only where the server requested a
        certificate. Anything else that it sends is discarded, so the session cannot be read afterwards.
        """
        end = time.monotonic() + patience
        if self.tls.version() != "TLSv1.3":
            return None
        while self.tls.certificate_requested and not self.tls.ticket_received:
            if not self.wire.wait_readable(end - time.monotonic()):
                return None
            try:
                data = self.wire.receive()
                if not data:
                    return Failed(
                        Cause.TLS_CLIENT_CERTIFICATE_WANTED, "connection closed: we sent no certificate"
                    )
                self._incoming.write(data)
                self.tls.read()
                return None  # it sends application data
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                return self._refused(error)
            except Failed as failure:
                return Failed(
                    Cause.TLS_CLIENT_CERTIFICATE_WANTED, f"we sent no certificate; {failure.detail}"
                )
        return None

    def read(self, limit: int = 65536) -> bytes:
        """The next bytes of application data, at least one; b"" at the end of the stream. Raises Failed."""
        taken: list[bytes] = []
        try:
            if not self._drive(lambda: taken.append(self.tls.read(limit))):
                return b""
        except ssl.SSLZeroReturnError:
            return b""
        except ssl.SSLError as error:
            raise self._refused(error) from error
        return taken[0]

    def write(self, data: bytes) -> None:
        """Send all data. Raises Failed."""
        try:
            self._drive(lambda: self.tls.write(data))
        except ssl.SSLError as error:
            raise self._refused(error) from error

    def close(self) -> None:
        """Send close_notify if there is a session to end, and close the connection. Never waits, never
        raises.
        """
        if self.established:
            # It expects the peer's close_notify too, which we do not wait for.
            with contextlib.suppress(ssl.SSLError):
                self.tls.unwrap()
            self.wire.farewell(self._outgoing.read())
        self.wire.close()

    def _drive(self, step: Callable[[], T]) -> bool:
        """Run a step of OpenSSL, moving bytes in both directions. False if the peer closed first."""
        while True:
            try:
                step()
            except ssl.SSLWantReadError:
                if not self._flush():
                    continue
                data = self.wire.receive()
                if not data:
                    return False
                self._incoming.write(data)
            except ssl.SSLError:
                # Our alert, so that the peer can log the reason.
                self.wire.farewell(self._outgoing.read())
                raise
            else:
                self._flush()
                return True

    def _flush(self) -> bool:
        """Send what OpenSSL wrote. False when the peer has closed the connection, but sent data before.

        A server that rejects us sends an alert and closes the connection: what we send then causes a reset,
        while the alert can still be read.
        """
        data = self._outgoing.read()
        if not data:
            return True
        try:
            self.wire.send(data)
        except Failed as failure:
            gone = failure.cause in (Cause.CONNECTION_RESET, Cause.CONNECTION_CLOSED)
            last_data = self.wire.receive_ready() if gone else b""
            if not last_data:
                raise
            self._incoming.write(last_data)
            return False
        return True

    def _refined(self, failure: Failed) -> Failed:
        """The TLS cause for a transport failure during the handshake."""
        match failure.cause:
            case Cause.TIMED_OUT:
                return self._interrupted(
                    Cause.TLS_SILENT_AFTER_CLIENT_HELLO, Cause.TLS_STALLED, failure.detail
                )
            case Cause.CONNECTION_RESET:
                return self._interrupted(
                    Cause.TLS_RESET_AFTER_CLIENT_HELLO, Cause.CONNECTION_RESET, failure.detail
                )
            case Cause.CONNECTION_CLOSED:
                return self._interrupted(
                    Cause.TLS_CLOSED_AFTER_CLIENT_HELLO, Cause.CONNECTION_CLOSED, failure.detail
                )
            case Cause.DEADLINE if self._is_not_tls():
                return self._not_tls()
            case _:
                return failure

    def _interrupted(self, with_nothing: Cause, midway: Cause, how: str) -> Failed:
        if self.wire.received == 0:
            return Failed(with_nothing, f"{how}; received nothing after the ClientHello")
        if self._is_not_tls():
            return self._not_tls()
        if self.tls.certificate_requested and midway is not Cause.TLS_STALLED:
            return Failed(
                Cause.TLS_CLIENT_CERTIFICATE_WANTED, f"{how}, after requesting a client certificate"
            )
        return Failed(midway, f"{how}; received {self.wire.received} bytes of a TLS handshake")

    def _refused(self, error: ssl.SSLError) -> Failed:
        alert = self.tls.alert
        if alert is not None:
            return Failed(
                _alert_cause(alert, self.tls.certificate_requested), f"TLS alert {alert_name(alert)}"
            )
        if self._is_not_tls():
            return self._not_tls()
        reason = error.reason or str(error)
        if reason in _WRONG_VERSION:
            return Failed(Cause.TLS_PROTOCOL_VERSION, reason)
        return Failed(Cause.TLS_HANDSHAKE_FAILURE, reason)

    def _is_not_tls(self) -> bool:
        return bool(self.wire.first_bytes) and not is_tls_record(self.wire.first_bytes)

    def _not_tls(self) -> Failed:
        what = recognise(self.wire.first_bytes) or "something that is not TLS"
        return Failed(Cause.TLS_NOT_SUPPORTED, f"{what} answered: {self.wire.first_bytes[:32]!r}")


def _alert_cause(alert: int, certificate_requested: bool) -> Cause:
    if alert in _PROTOCOL_VERSION_ALERTS:
        return Cause.TLS_PROTOCOL_VERSION
    if alert == _CERTIFICATE_REQUIRED or (certificate_requested and alert in _ABOUT_OUR_CERTIFICATE):
        return Cause.TLS_CLIENT_CERTIFICATE_WANTED
    return Cause.TLS_HANDSHAKE_FAILURE


def certificate_cause(verify_code: int) -> Cause:
    """The cause for a certificate error, by OpenSSL's X509_V_ERR_* (openssl/x509_vfy.h)."""
    match verify_code:
        case 10:  # CERT_HAS_EXPIRED
            return Cause.TLS_CERTIFICATE_EXPIRED
        case 9:  # CERT_NOT_YET_VALID
            return Cause.TLS_CERTIFICATE_NOT_YET_VALID
        case 62 | 64:  # HOSTNAME_MISMATCH, IP_ADDRESS_MISMATCH
            return Cause.TLS_HOSTNAME_MISMATCH
        case 18:  # DEPTH_ZERO_SELF_SIGNED_CERT
            return Cause.TLS_SELF_SIGNED
        case 2 | 19 | 20 | 21 | 27:  # the issuer is missing, or not in the trust store
            return Cause.TLS_UNTRUSTED
        case _:
            return Cause.TLS_CERTIFICATE_INVALID

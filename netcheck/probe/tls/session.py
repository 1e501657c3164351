"""A TLS client session over a `Wire`: OpenSSL's state machine over our own socket, so that every wait is
bounded and every way in which a handshake ends has its own cause.
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
"""Alerts by which servers refuse a client without a certificate, once they have asked for one (RFC 5246,
7.4.6).
"""

_WRONG_VERSION = ("UNSUPPORTED_PROTOCOL", "WRONG_VERSION_NUMBER", "WRONG_SSL_VERSION", "VERSION_TOO_LOW")


class WatchedObject(ssl.SSLObject):
    """An SSLObject that keeps what the peer said and `ssl` does not tell: filled in by `watch`."""

    alert: int | None = None
    certificate_requested: bool = False
    ticket_received: bool = False


def watch(context: ssl.SSLContext) -> None:
    """Have every WatchedObject of a context told what it receives.

    Through `SSLContext._msg_callback`, which `ssl` has had since 3.8 and does not document: the only way to
    learn of a TLS 1.3 CertificateRequest, which is encrypted.
    """
    context._msg_callback = _note  # type: ignore[attr-defined]


def _note(connection: object, direction: str, _: object, content: int, message: int, data: bytes) -> None:
    if direction != "read" or not isinstance(connection, WatchedObject):
        return
    if content == _ALERT and len(data) >= 2 and data[1]:
        connection.alert = data[1]
    elif content == _HANDSHAKE and message == _CERTIFICATE_REQUEST:
        connection.certificate_requested = True
    elif content == _HANDSHAKE and message == _NEW_SESSION_TICKET:
        connection.ticket_received = True


@dataclass(frozen=True, slots=True, eq=False)
class Verifier:
    """How to judge a server: OpenSSL's part, and the trust anchors (DER) for what we look at ourselves.

    No anchors where OpenSSL reads the system's own; these are all roots, at the end of every chain.
    """

    context: ssl.SSLContext
    anchors: frozenset[bytes] = frozenset()


class Session:
    """One TLS connection. `handshake` first, then `read` and `write`; all of them raise Failed and nothing
    else.
    """

    def __init__(self, wire: Wire, verifier: Verifier, server_name: str) -> None:
        """Raises Failed where `server_name` cannot be the name of a host."""
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
        except ValueError as error:  # UnicodeError, from the IDNA codec, is one
            raise Failed(Cause.DNS_MALFORMED, f"{server_name!r} is not a host name: {error}") from error
        assert isinstance(made, WatchedObject)
        self.tls = made

    def handshake(self) -> None:
        """Shake hands. Raises Failed."""
        try:
            if not self._drive(self.tls.do_handshake):
                raise self._broken_off(Cause.TLS_CLOSED_AFTER_CLIENT_HELLO, Cause.CONNECTION_CLOSED, "closed")
        except Failed as failure:
            raise self._refined(failure) from failure
        except ssl.SSLCertVerificationError as error:
            self.verify_code = error.verify_code
            raise Failed(certificate_cause(error.verify_code), error.verify_message) from error
        except ssl.SSLError as error:
            raise self._refused(error) from error
        late = out_of_date(self.tls, self.verifier.anchors)
        if late is not None and self.tls.context.verify_mode is ssl.CERT_REQUIRED:
            raise Failed(late, "a certificate between the server and the trust anchor is out of date")
        self.established = True

    def refusal(self, patience: float) -> Failed | None:
        """After a handshake: whether the server turns us away for having no client certificate.

        In TLS 1.3 its refusal comes after our side of the handshake is done, a session ticket when it is
        content. Waits at most `patience` seconds, and only where the server asked for a certificate. What
        else it sends is read and dropped, so nothing can be read afterwards.
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
                    return Failed(Cause.TLS_CLIENT_CERTIFICATE_WANTED, "closed, as we sent no certificate")
                self._incoming.write(data)
                self.tls.read()
                return None  # it talks to us
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
        """The next bytes of the application, at least one; b"" at the end of the stream. Raises Failed."""
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
        """Send all of it. Raises Failed."""
        try:
            self._drive(lambda: self.tls.write(data))
        except ssl.SSLError as error:
            raise self._refused(error) from error

    def close(self) -> None:
        """Say goodbye (close_notify) if there is a session to end, and close the wire. Never waits, never
        raises.
        """
        if self.established:
            # It wants the peer's goodbye as well, which we do not wait for.
            with contextlib.suppress(ssl.SSLError):
                self.tls.unwrap()
            self.wire.farewell(self._outgoing.read())
        self.wire.close()

    def _drive(self, step: Callable[[], T]) -> bool:
        """Run a step of OpenSSL's to its end, carrying bytes both ways. False when the peer closed before."""
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
                # Our alert, so that the peer's log says why as well.
                self.wire.farewell(self._outgoing.read())
                raise
            else:
                self._flush()
                return True

    def _flush(self) -> bool:
        """Send what OpenSSL wrote. False when the peer was gone, but its last words have come.

        A server that refuses us sends an alert and closes: what we send after that meets a reset, while the
        alert is still there to be read.
        """
        data = self._outgoing.read()
        if not data:
            return True
        try:
            self.wire.send(data)
        except Failed as failure:
            gone = failure.cause in (Cause.CONNECTION_RESET, Cause.CONNECTION_CLOSED)
            last_words = self.wire.receive_ready() if gone else b""
            if not last_words:
                raise
            self._incoming.write(last_words)
            return False
        return True

    def _refined(self, failure: Failed) -> Failed:
        """A failure of the wire, in the words of a handshake."""
        match failure.cause:
            case Cause.TIMED_OUT:
                return self._broken_off(
                    Cause.TLS_SILENT_AFTER_CLIENT_HELLO, Cause.TLS_STALLED, failure.detail
                )
            case Cause.CONNECTION_RESET:
                return self._broken_off(
                    Cause.TLS_RESET_AFTER_CLIENT_HELLO, Cause.CONNECTION_RESET, failure.detail
                )
            case Cause.CONNECTION_CLOSED:
                return self._broken_off(
                    Cause.TLS_CLOSED_AFTER_CLIENT_HELLO, Cause.CONNECTION_CLOSED, failure.detail
                )
            case Cause.DEADLINE if self._is_not_tls():
                return self._not_tls()
            case _:
                return failure

    def _broken_off(self, with_nothing: Cause, midway: Cause, how: str) -> Failed:
        if self.wire.received == 0:
            return Failed(with_nothing, f"{how}; no byte came after the ClientHello")
        if self._is_not_tls():
            return self._not_tls()
        if self.tls.certificate_requested and midway is not Cause.TLS_STALLED:
            return Failed(
                Cause.TLS_CLIENT_CERTIFICATE_WANTED, f"{how}, after asking for a client certificate"
            )
        return Failed(midway, f"{how}; {self.wire.received} bytes of a TLS handshake had come")

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
    """What was wrong with the peer's certificate, by OpenSSL's X509_V_ERR_* (openssl/x509_vfy.h)."""
    match verify_code:
        case 10:  # CERT_HAS_EXPIRED
            return Cause.TLS_CERTIFICATE_EXPIRED
        case 9:  # CERT_NOT_YET_VALID
            return Cause.TLS_CERTIFICATE_NOT_YET_VALID
        case 62 | 64:  # HOSTNAME_MISMATCH, IP_ADDRESS_MISMATCH
            return Cause.TLS_HOSTNAME_MISMATCH
        case 18:  # DEPTH_ZERO_SELF_SIGNED_CERT
            return Cause.TLS_SELF_SIGNED
        case 2 | 19 | 20 | 21 | 27:  # no issuer to be found, or one that is not in the trust store
            return Cause.TLS_UNTRUSTED
        case _:
            return Cause.TLS_CERTIFICATE_INVALID

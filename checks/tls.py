"""Does TLS work, and who would accept the certificate?"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.core.check import Check, answer, warning
from netcheck.core.context import Context, PrerequisiteFailed, Skip
from netcheck.core.model import WITH_PORT, Cause, Finding, Layer, Target
from netcheck.engine import facts
from netcheck.probe.tls.handshake import Handshake

SOON_DAYS = 14.0

HUNG_UP = frozenset(
    {
        Cause.TLS_CLOSED_AFTER_CLIENT_HELLO,
        Cause.TLS_RESET_AFTER_CLIENT_HELLO,
        Cause.TLS_SILENT_AFTER_CLIENT_HELLO,
    }
)
"""What a plain-text listener does when it is spoken to in TLS; and an access list, and a firewall."""


class HandshakeCompletes(Check):
    """The server completes a TLS handshake.

    It fails when the server closes, resets or falls silent after the ClientHello, answers with an
    alert, has no TLS version in common, wants a client certificate, or does not speak TLS at all. What
    is wrong with the certificate itself is said by tls.certificate.

    Fix: a reset or close right after the ClientHello is how ClickHouse Cloud's access list refuses;
    silence points to the path's MTU or a middlebox; "not TLS" to a port and protocol that do not belong
    together.
    """

    id = "tls.handshake"
    kinds = WITH_PORT
    after = frozenset({"tcp.connects", "tls.path"})

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.handshake, target)
        if seen.cause is None or seen.cause in facts.ABOUT_THE_CERTIFICATE:
            what = " ".join(part for part in (seen.version, seen.cipher) if part)
            yield answer(None, what or "the server shows its certificate", Layer.TLS, seen)
        elif seen.cause in HUNG_UP and (plain := ctx.get(facts.plain_after_all, target)):
            yield answer(
                Cause.TLS_NOT_SUPPORTED, f"{target.endpoint} does not speak TLS: {plain}", Layer.TLS, seen
            )
        else:
            yield answer(seen.cause, _told(target, seen), Layer.TLS, seen)


class CertificateIsGood(Check):
    """The certificate is trusted, in date and for this name.

    Judged as the connector's JVM does, with the trust store of this run (--ca, or the system's), and
    strictly, to RFC 5280's letter. It fails when the JVM would refuse: expired, not yet valid, another
    host's, self-signed, of an unknown issuer, or of an issuer that is not the service's own, which
    means that a proxy re-signs TLS. It warns when only strict clients refuse. The chain is in the
    evidence either way.

    Fix: renew an expired certificate; use a name that the certificate holds; give a private CA with
    --ca, and to the sink by sslrootcert in jdbcConnectionProperties (ssl.truststore.location does
    nothing there).
    """

    id = "tls.certificate"
    kinds = WITH_PORT
    after = frozenset({"tcp.connects", "tls.handshake"})

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.handshake, target)
        if not seen.chain:
            raise PrerequisiteFailed("the server showed no certificate")
        leaf = seen.chain[0]
        if seen.cause in facts.ABOUT_THE_CERTIFICATE:
            yield answer(seen.cause, _told(target, seen), Layer.TLS, seen)
        elif seen.foreign_issuer:
            text = f"{target.host} shows a certificate of {leaf.issuer}, which only this trust store accepts"
            yield warning(Cause.TLS_INTERCEPTED, text, Layer.TLS, seen)
        elif seen.verdict_strict is not None and seen.verdict_jvm is None:
            text = f"a JVM accepts the certificate, strict clients do not: {seen.strict_detail}"
            yield warning(Cause.TLS_STRICT_ONLY, text, Layer.TLS, seen)
        else:
            yield answer(None, f"{leaf.subject}, by {leaf.issuer}", Layer.TLS, seen)


class StaysValid(Check):
    """Every certificate of the chain is valid for two more weeks.

    It warns before the day: an intermediate that expires takes the leaf with it. It fails when the server's
    own has expired and tls.certificate tells of something else (another host's, not trusted): both have
    to be mended. It warns of an expired one above it that tls.certificate does not mind.

    Fix: renew the certificate that is named, with its chain.
    """

    id = "tls.expiry"
    kinds = WITH_PORT
    after = frozenset({"tcp.connects", "tls.handshake"})

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.handshake, target)
        dated = [(days, one) for one in seen.chain if (days := one.expires_in_days) is not None]
        if not dated:
            raise PrerequisiteFailed("the server showed no certificate with a date")
        days, first = min(dated, key=lambda pair: pair[0])
        if days < 0 and seen.cause is Cause.TLS_CERTIFICATE_EXPIRED:
            raise Skip("a certificate has expired already, as tls.certificate tells")
        if days < 0:
            text = f"{target.host}: {first.subject} expired {_ago(seen)}, on {first.not_after}"
            # One above the leaf may be a leftover that no client needs: what minds it did not say so.
            tell = answer if first == seen.chain[0] else warning
            yield tell(Cause.TLS_CERTIFICATE_EXPIRED, text, Layer.TLS, seen)
            return
        text = f"{first.subject} is valid for {days:.0f} more days, until {first.not_after}"
        if days < SOON_DAYS:
            yield warning(Cause.TLS_CERTIFICATE_EXPIRES_SOON, f"{target.host}: {text}", Layer.TLS, seen)
        else:
            yield answer(None, text, Layer.TLS, seen)


def _told(target: Target, seen: Handshake) -> str:
    where = target.endpoint
    match seen.cause:
        case Cause.TLS_CERTIFICATE_EXPIRED:
            return f"the certificate of {where} expired {_ago(seen)}: {_dates(seen)}"
        case Cause.TLS_CERTIFICATE_NOT_YET_VALID:
            return f"the certificate of {where} is not valid yet: {_dates(seen)}"
        case Cause.TLS_HOSTNAME_MISMATCH:
            names = ", ".join(seen.chain[0].names[:5]) if seen.chain else "other names"
            return f"the certificate of {where} is for {names}, not for {seen.server_name}"
        case Cause.TLS_UNTRUSTED | Cause.TLS_SELF_SIGNED | Cause.TLS_INTERCEPTED:
            issuer = seen.chain[-1].issuer if seen.chain else "an unknown issuer"
            return f"the certificate of {where} is not trusted: {seen.detail} (issuer {issuer}; {seen.roots})"
        case Cause.TLS_CLOSED_AFTER_CLIENT_HELLO:
            return f"{where} accepts the connection and closes it on the first byte of TLS"
        case Cause.TLS_RESET_AFTER_CLIENT_HELLO:
            return f"{where} accepts the connection and resets it on the first byte of TLS"
        case Cause.TLS_SILENT_AFTER_CLIENT_HELLO:
            return f"{where} accepts the connection and never answers the ClientHello{_acknowledged(seen)}"
        case Cause.TLS_CLIENT_CERTIFICATE_WANTED:
            return f"{where} wants a client certificate"
        case _:
            return f"TLS with {where} does not come about: {seen.detail}"


def _dates(seen: Handshake) -> str:
    return (
        f"valid from {seen.chain[0].not_before} to {seen.chain[0].not_after}" if seen.chain else seen.detail
    )


def _ago(seen: Handshake) -> str:
    """How long ago the first certificate of the chain ran out."""
    days = [-left for one in seen.chain if (left := one.expires_in_days) is not None and left < 0]
    if not days:
        return "already"
    return f"{max(days):.0f} days ago" if max(days) >= 2 else f"{max(days) * 24:.0f} hours ago"


def _acknowledged(seen: Handshake) -> str:
    match seen.hello_acknowledged:
        case True:
            return "; its host has received it"
        case False:
            return "; its host has not even received it"
        case None:
            return ""

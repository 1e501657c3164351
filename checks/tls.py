"""Does TLS work, and who would accept the certificate?"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.core.check import Check, Survey, finding_from, warning
from netcheck.core.context import Context, PrerequisiteFailed, Skip
from netcheck.core.model import WITH_PORT, Cause, Finding, Layer, Target
from netcheck.core.problem import Problem, Trait
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

HANDSHAKE_PROBLEMS = (
    Problem(
        Cause.TLS_PROTOCOL_VERSION,
        "no common TLS version",
        "Enable TLS 1.2 or 1.3 on the server.",
    ),
    Problem(
        Cause.TLS_HANDSHAKE_FAILURE,
        "the server refuses the handshake",
        "The alert says why (netcheck run --format json has it); mostly no common cipher, or a name (SNI) "
        "that the server does not serve.",
    ),
    Problem(
        Cause.TLS_CLIENT_CERTIFICATE_WANTED,
        "the server wants a client certificate",
        "MSK Connect cannot present one: use a listener with IAM or without client authentication (mutual "
        "TLS also lives on 9094).",
    ),
    Problem(
        Cause.TLS_CLOSED_AFTER_CLIENT_HELLO,
        "the connection was closed on the first byte of TLS",
        "A plain-text listener, a load balancer without a backend, or a firewall that filters by name. "
        "ClickHouse Cloud's IP access list refuses in this way too: add the public addresses of all NAT "
        "gateways to it, or the endpoint id for PrivateLink.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.TLS_RESET_AFTER_CLIENT_HELLO,
        "the connection was reset on the first byte of TLS",
        "A plain-text listener, or a firewall that filters by name. ClickHouse Cloud's IP access list "
        "refuses in this way too: add the public addresses of all NAT gateways to it, or the endpoint id "
        "for PrivateLink.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.TLS_SILENT_AFTER_CLIENT_HELLO,
        "the connection opens, then TLS gets no answer",
        "netcheck run --format json has whether the ClientHello was acknowledged. If it was: a dead "
        "backend, a plain-text listener that waits for more, or answers too large for the path (MTU). If "
        "not: a middlebox drops it.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.TLS_STALLED,
        "the handshake begins and does not end",
        "Some bytes of the server's answer came and then no more: packets that are too large for the path "
        "and whose ICMP error is filtered (MTU), or an overloaded server.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.TLS_NOT_SUPPORTED,
        "the port does not speak TLS",
        "The security protocol and the port do not belong together: use the TLS port (MSK 9094, 9096, "
        "9098; ClickHouse 8443, 9440), or the plain protocol on the plain port (MSK 9092; ClickHouse "
        "8123, 9000).",
    ),
    Problem(
        Cause.PLAINTEXT_ON_TLS_PORT,
        "plain text was spoken to a TLS port",
        "Set the security protocol to SSL or SASL_SSL for this port (ClickHouse sink: ssl=true; it is "
        "documented as the default, and is not).",
    ),
    Problem(
        Cause.WRONG_PROTOCOL,
        "something else listens there",
        "netcheck run --format json has what answered; compare host and port with the service's own page.",
    ),
)

CERTIFICATE_PROBLEMS = (
    Problem(
        Cause.TLS_CERTIFICATE_NOT_YET_VALID,
        "the certificate is not valid yet",
        "Set the clock of the host (on AWS: chrony with 169.254.169.123), or wait until the certificate's "
        "first day.",
        traits=frozenset({Trait.CLOCK_DEPENDENT}),
    ),
    Problem(
        Cause.TLS_CERTIFICATE_INVALID,
        "the certificate does not verify",
        "netcheck run --format json has OpenSSL's reason and the chain as it was presented.",
    ),
    Problem(
        Cause.TLS_HOSTNAME_MISMATCH,
        "the certificate is for another name",
        "Use a name that the certificate holds: MSK's own broker names rather than an alias or a load "
        "balancer, ClickHouse's own host name rather than an address or a vpce- name.",
    ),
    Problem(
        Cause.TLS_UNTRUSTED,
        "the certificate's issuer is not trusted",
        "For a private CA give its certificate (--ca here; sslrootcert in jdbcConnectionProperties for "
        "the ClickHouse sink, which ignores ssl.truststore.*). If the chain lacks its intermediate, "
        "install the full chain on the server.",
    ),
    Problem(
        Cause.TLS_SELF_SIGNED,
        "the certificate is self-signed",
        "Give clients this certificate as a CA, or install one of a public CA.",
    ),
    Problem(
        Cause.TLS_INTERCEPTED,
        "something on the way re-signs TLS",
        "The issuer is not one of the service's operator: a proxy or firewall decrypts. Exempt this host "
        "name from inspection, or have the workers trust its CA.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.HOST_WIDE}),
    ),
    Problem(
        Cause.TLS_STRICT_ONLY,
        "the chain breaks RFC 5280 in a way that only strict clients refuse",
        "The JVM of the connector accepts it; Python 3.13 and others do not. Issue the CA anew with the "
        "extensions that are missing.",
    ),
)

EXPIRY_PROBLEMS = (
    Problem(
        Cause.TLS_CERTIFICATE_EXPIRED,
        "the certificate has expired",
        "Renew the certificate on the server, with its chain; if every server shows it, compare this "
        "host's clock first.",
        traits=frozenset({Trait.CLOCK_DEPENDENT}),
    ),
    Problem(
        Cause.TLS_CERTIFICATE_EXPIRES_SOON,
        "the certificate expires soon",
        "Renew it in time, with its chain.",
    ),
)


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
    survey = Survey.LIVE
    depends_on = frozenset({"tcp.connects", "tls.path"})
    problems = HANDSHAKE_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.handshake, target)
        if seen.cause is None or seen.cause in facts.ABOUT_THE_CERTIFICATE:
            what = " ".join(part for part in (seen.version, seen.cipher) if part)
            yield finding_from(
                None, what or "the server shows its certificate", Layer.TLS, seen, days_left=_days_left(seen)
            )
        elif seen.cause in HUNG_UP and (plain := ctx.get(facts.plaintext_answer, target)):
            yield finding_from(
                Cause.TLS_NOT_SUPPORTED,
                f"{target.endpoint} does not speak TLS: {plain}",
                Layer.TLS,
                seen,
                days_left=_days_left(seen),
            )
        else:
            yield finding_from(seen.cause, _told(target, seen), Layer.TLS, seen, days_left=_days_left(seen))


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
    survey = Survey.LIVE
    depends_on = frozenset({"tcp.connects", "tls.handshake"})
    problems = CERTIFICATE_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.handshake, target)
        if not seen.chain:
            raise PrerequisiteFailed("the server showed no certificate")
        leaf = seen.chain[0]
        if seen.cause in facts.ABOUT_THE_CERTIFICATE:
            yield finding_from(seen.cause, _told(target, seen), Layer.TLS, seen, days_left=_days_left(seen))
        elif seen.foreign_issuer:
            text = f"{target.host} shows a certificate of {leaf.issuer}, which only this trust store accepts"
            yield warning(Cause.TLS_INTERCEPTED, text, Layer.TLS, seen, days_left=_days_left(seen))
        elif seen.verdict_strict is not None and seen.verdict_jvm is None:
            text = f"a JVM accepts the certificate, strict clients do not: {seen.strict_detail}"
            yield warning(Cause.TLS_STRICT_ONLY, text, Layer.TLS, seen, days_left=_days_left(seen))
        else:
            yield finding_from(
                None, f"{leaf.subject}, by {leaf.issuer}", Layer.TLS, seen, days_left=_days_left(seen)
            )


class StaysValid(Check):
    """Every certificate of the chain is valid for two more weeks.

    It warns before the day: an intermediate that expires takes the leaf with it. It fails when the server's
    own has expired and tls.certificate tells of something else (another host's, not trusted): both have
    to be mended. It warns of an expired one above it that tls.certificate does not mind.

    Fix: renew the certificate that is named, with its chain.
    """

    id = "tls.expiry"
    kinds = WITH_PORT
    survey = Survey.LIVE
    depends_on = frozenset({"tcp.connects", "tls.handshake"})
    problems = EXPIRY_PROBLEMS

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
            report = finding_from if first == seen.chain[0] else warning
            yield report(Cause.TLS_CERTIFICATE_EXPIRED, text, Layer.TLS, seen, days_left=_days_left(seen))
            return
        text = f"{first.subject} is valid for {days:.0f} more days, until {first.not_after}"
        if days < SOON_DAYS:
            yield warning(
                Cause.TLS_CERTIFICATE_EXPIRES_SOON,
                f"{target.host}: {text}",
                Layer.TLS,
                seen,
                days_left=_days_left(seen),
            )
        else:
            yield finding_from(None, text, Layer.TLS, seen, days_left=_days_left(seen))


def _days_left(seen: Handshake) -> float | None:
    """Days until the first certificate of the chain expires, None where none has a date."""
    days = (one.expires_in_days for one in seen.chain)
    return min((left for left in days if left is not None), default=None)


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

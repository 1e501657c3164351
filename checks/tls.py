"""Does TLS work, and which clients accept the certificate?"""

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
"""How a plain-text listener reacts to a ClientHello; access lists and firewalls react the same way."""

HANDSHAKE_PROBLEMS = (
    Problem(
        Cause.TLS_PROTOCOL_VERSION,
        "no common TLS version",
        "Enable TLS 1.2 or 1.3 on the server.",
    ),
    Problem(
        Cause.TLS_HANDSHAKE_FAILURE,
        "the server rejects the handshake",
        "The TLS alert names the reason (see netcheck run --format json): usually no common cipher, or a "
        "name (SNI) that the server does not serve.",
    ),
    Problem(
        Cause.TLS_CLIENT_CERTIFICATE_WANTED,
        "the server requires a client certificate",
        "MSK Connect cannot present one: use a listener with IAM or without client authentication (MSK's "
        "mutual TLS also uses port 9094).",
    ),
    Problem(
        Cause.TLS_CLOSED_AFTER_CLIENT_HELLO,
        "the connection was closed on the first byte of TLS",
        "A plain-text listener, a load balancer without a backend, or a firewall that filters by name. "
        "ClickHouse Cloud's IP access list reacts the same way: add the public addresses of all NAT "
        "gateways to it, or the endpoint id for PrivateLink.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.TLS_RESET_AFTER_CLIENT_HELLO,
        "the connection was reset on the first byte of TLS",
        "A plain-text listener, or a firewall that filters by name. ClickHouse Cloud's IP access list "
        "reacts the same way: add the public addresses of all NAT gateways to it, or the endpoint id "
        "for PrivateLink.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.TLS_SILENT_AFTER_CLIENT_HELLO,
        "the connection opens, but TLS gets no answer",
        "netcheck run --format json shows whether the ClientHello was acknowledged. If it was: a dead "
        "backend, a plain-text listener that waits for more data, or replies too large for the path (MTU). "
        "If not: a middlebox drops it.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.TLS_STALLED,
        "the handshake starts but does not complete",
        "Only part of the server's reply arrived: packets are too large for the path and the ICMP error is "
        "filtered (MTU), or the server is overloaded.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.TLS_NOT_SUPPORTED,
        "the port does not speak TLS",
        "The security protocol does not match the port: use the TLS port (MSK 9094, 9096, "
        "9098; ClickHouse 8443, 9440), or the plain protocol on the plain port (MSK 9092; ClickHouse "
        "8123, 9000).",
    ),
    Problem(
        Cause.PLAINTEXT_ON_TLS_PORT,
        "plain text was sent to a TLS port",
        "Set the security protocol to SSL or SASL_SSL for this port (ClickHouse sink: ssl=true; it is "
        "documented as the default but is not).",
    ),
    Problem(
        Cause.WRONG_PROTOCOL,
        "another service listens on that port",
        "netcheck run --format json shows what answered; compare host and port with the service's page.",
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
        "netcheck run --format json shows OpenSSL's reason and the chain as presented.",
    ),
    Problem(
        Cause.TLS_HOSTNAME_MISMATCH,
        "the certificate is for another name",
        "Use a name that the certificate covers: MSK's broker names rather than an alias or a load balancer, "
        "ClickHouse's host name rather than an address or a vpce- name.",
    ),
    Problem(
        Cause.TLS_UNTRUSTED,
        "the certificate's issuer is not trusted",
        "For a private CA provide its certificate (--ca here; sslrootcert in jdbcConnectionProperties for "
        "the ClickHouse sink, which ignores ssl.truststore.*). If the chain lacks its intermediate, "
        "install the full chain on the server.",
    ),
    Problem(
        Cause.TLS_SELF_SIGNED,
        "the certificate is self-signed",
        "Add this certificate to the clients' trust store, or install one issued by a public CA.",
    ),
    Problem(
        Cause.TLS_INTERCEPTED,
        "a proxy or firewall on the path re-signs TLS",
        "The issuer is not the service operator's: a proxy or firewall decrypts the traffic. Exempt this "
        "host name from inspection, or have the workers trust its CA.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.HOST_WIDE}),
    ),
    Problem(
        Cause.TLS_STRICT_ONLY,
        "the chain violates RFC 5280: only strict clients reject it",
        "The connector's JVM accepts it; Python 3.13 and others do not. Reissue the CA certificate with the "
        "missing extensions.",
    ),
)

EXPIRY_PROBLEMS = (
    Problem(
        Cause.TLS_CERTIFICATE_EXPIRED,
        "the certificate has expired",
        "Renew the certificate on the server, with its chain; if every server seems to have expired, check "
        "this host's clock first.",
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
    alert, has no TLS version in common, requires a client certificate, or does not speak TLS at all.
    Problems with the certificate itself are reported by tls.certificate.

    Fix: a reset or close right after the ClientHello is how ClickHouse Cloud's access list rejects a
    client; silence points to the path's MTU or a middlebox; "not TLS" to a port and protocol that do not
    match.
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
                None,
                what or "the server presents its certificate",
                Layer.TLS,
                seen,
                days_left=_days_left(seen),
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
            yield finding_from(
                seen.cause, _described(target, seen), Layer.TLS, seen, days_left=_days_left(seen)
            )


class CertificateIsGood(Check):
    """The certificate is trusted, within its validity period and valid for this name.

    Verified as the connector's JVM does, with the trust store of this run (--ca, or the system's), and
    strictly by RFC 5280. It fails when the JVM would reject it: expired, not yet valid, for another host,
    self-signed, from an unknown issuer, or from an issuer that is not the service operator's, which means
    that a proxy re-signs TLS. It warns when only strict clients reject it. The chain is in the evidence
    either way.

    Fix: renew an expired certificate; use a name that the certificate covers; provide a private CA with
    --ca, and to the sink with sslrootcert in jdbcConnectionProperties (ssl.truststore.location has no
    effect there).
    """

    id = "tls.certificate"
    kinds = WITH_PORT
    survey = Survey.LIVE
    depends_on = frozenset({"tcp.connects", "tls.handshake"})
    problems = CERTIFICATE_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.handshake, target)
        if not seen.chain:
            raise PrerequisiteFailed("the server presented no certificate")
        leaf = seen.chain[0]
        if seen.cause in facts.ABOUT_THE_CERTIFICATE:
            yield finding_from(
                seen.cause, _described(target, seen), Layer.TLS, seen, days_left=_days_left(seen)
            )
        elif seen.foreign_issuer:
            text = (
                f"{target.host} presents a certificate from {leaf.issuer}, trusted only by this trust store"
            )
            yield warning(Cause.TLS_INTERCEPTED, text, Layer.TLS, seen, days_left=_days_left(seen))
        elif seen.verdict_strict is not None and seen.verdict_jvm is None:
            text = f"a JVM accepts the certificate, but strict clients do not: {seen.strict_detail}"
            yield warning(Cause.TLS_STRICT_ONLY, text, Layer.TLS, seen, days_left=_days_left(seen))
        else:
            yield finding_from(
                None, f"{leaf.subject}, issued by {leaf.issuer}", Layer.TLS, seen, days_left=_days_left(seen)
            )


class StaysValid(Check):
    """Every certificate of the chain is valid for two more weeks.

    It warns in advance: when an intermediate expires, the leaf can no longer be verified. It fails when the
    server's certificate has expired and tls.certificate reports another problem (wrong host, untrusted):
    both need a fix. It warns about an expired certificate above the leaf that tls.certificate accepts.

    Fix: renew the named certificate, with its chain.
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
            raise PrerequisiteFailed("the server presented no certificate with an expiry date")
        days, first = min(dated, key=lambda pair: pair[0])
        if days < 0 and seen.cause is Cause.TLS_CERTIFICATE_EXPIRED:
            raise Skip("a certificate has already expired: see tls.certificate")
        if days < 0:
            text = f"{target.host}: {first.subject} expired {_ago(seen)}, on {first.not_after}"
            # A certificate above the leaf may be an unused leftover: verification succeeded without it.
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
    """Days until the first certificate of the chain expires, None if none has an expiry date."""
    days = (one.expires_in_days for one in seen.chain)
    return min((left for left in days if left is not None), default=None)


def _described(target: Target, seen: Handshake) -> str:
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
            return f"{where} accepts the connection, then closes it on the first byte of TLS"
        case Cause.TLS_RESET_AFTER_CLIENT_HELLO:
            return f"{where} accepts the connection, then resets it on the first byte of TLS"
        case Cause.TLS_SILENT_AFTER_CLIENT_HELLO:
            return f"{where} accepted TCP but never replied to our ClientHello{_acknowledged(seen)}"
        case Cause.TLS_CLIENT_CERTIFICATE_WANTED:
            return f"{where} requires a client certificate"
        case _:
            return f"TLS handshake with {where} failed: {seen.detail}"


def _dates(seen: Handshake) -> str:
    return (
        f"valid from {seen.chain[0].not_before} to {seen.chain[0].not_after}" if seen.chain else seen.detail
    )


def _ago(seen: Handshake) -> str:
    """How long ago the first certificate of the chain expired."""
    days = [-left for one in seen.chain if (left := one.expires_in_days) is not None and left < 0]
    if not days:
        return "already"
    return f"{max(days):.0f} days ago" if max(days) >= 2 else f"{max(days) * 24:.0f} hours ago"


def _acknowledged(seen: Handshake) -> str:
    match seen.hello_acknowledged:
        case True:
            return ", although its host received it"
        case False:
            return ", and its host did not even receive it"
        case None:
            return ""

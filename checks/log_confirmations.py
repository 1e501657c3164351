"""Which live checks look at what a line of the worker log is about, in the order in which they explain it."""

from __future__ import annotations

from collections.abc import Mapping

from netcheck.core.model import Confirms, Kind


def _at(kind: Kind, *checks: str) -> tuple[Confirms, ...]:
    return tuple(Confirms(check, kind) for check in checks)


PATH = ("dns.resolves", "routes.reaches", "routes.nat", "security.groups", "security.acls", "tcp.connects")

CONFIRMED_BY: Mapping[str, tuple[Confirms, ...]] = {
    "plain-to-tls": (
        *_at(Kind.PIPELINE, "connector.ssl"),
        *_at(Kind.CLICKHOUSE_HTTPS, "clickhouse.ping"),
    ),
    "clickhouse": (
        *_at(Kind.CLICKHOUSE_HTTPS, *PATH, "tls.handshake", "tls.certificate", "clickhouse.ping"),
        *_at(Kind.PIPELINE, "connector.hostname", "connector.port", "connector.ssl"),
    ),
    "state-ping-failed": (
        *_at(Kind.CLICKHOUSE_HTTPS, *PATH, "tls.handshake", "tls.certificate", "clickhouse.ping"),
        *_at(
            Kind.PIPELINE, "connector.hostname", "connector.port", "connector.ssl", "connector.exactly-once"
        ),
    ),
    "no-version": _at(Kind.CLICKHOUSE_HTTPS, "clickhouse.login", "clickhouse.version"),
    "no-tables": _at(Kind.CLICKHOUSE_HTTPS, "clickhouse.tables"),
    "aws": _at(Kind.AWS_SERVICE, *PATH, "tls.handshake", "aws-service.answers", "aws-service.path"),
    "unknown-host": (
        *_at(Kind.CLICKHOUSE_HTTPS, "dns.resolves"),
        *_at(Kind.KAFKA, "dns.resolves"),
        *_at(Kind.AWS_SERVICE, "dns.resolves"),
    ),
    "untrusted": _at(Kind.CLICKHOUSE_HTTPS, "tls.certificate"),
    "keeper-map": _at(Kind.PIPELINE, "connector.exactly-once"),
    "iam-denied": (
        *_at(Kind.KAFKA, "kafka.login"),
        *_at(Kind.PIPELINE, "iam.permissions"),
    ),
    "too-many-connects": _at(Kind.PIPELINE, "connector.iam-connection-rate"),
    "kafka": (
        *_at(Kind.KAFKA, *PATH, "tls.handshake", "kafka.protocol", "kafka.sasl", "kafka.login"),
        *_at(Kind.PIPELINE, "connector.authentication", "connector.cluster", "connector.bootstrap"),
    ),
    "scram-refused": (
        *_at(Kind.KAFKA, "kafka.login"),
        *_at(Kind.PIPELINE, "iam.scram"),
    ),
    "unauthorized": _at(Kind.PIPELINE, "iam.permissions"),
    "no-region": _at(Kind.PIPELINE, "connector.converters"),
    "no-class": _at(Kind.PIPELINE, "connector.class", "connector.plugin"),
    "no-library": _at(Kind.PIPELINE, "connector.plugin"),
    "load-balancer": _at(Kind.CLICKHOUSE_HTTPS, "clickhouse.ping"),
    "state-mismatch": _at(Kind.PIPELINE, "connector.exactly-once"),
    "retry-unit": _at(Kind.PIPELINE, "connector.errors"),
    "exception": _at(Kind.CLICKHOUSE_HTTPS, "clickhouse.login", "clickhouse.tables"),
    "clickhouse-tables": _at(Kind.CLICKHOUSE_HTTPS, "clickhouse.tables"),
    "clickhouse-login": _at(Kind.CLICKHOUSE_HTTPS, "clickhouse.login"),
}
"""By the topic of a signature (netcheck/pipeline/log_signatures.py)."""

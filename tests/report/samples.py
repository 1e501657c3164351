"""Reports for the tests of what is written: real results, made by hand, explained by the real rules."""

from __future__ import annotations

from netcheck import diagnose, plugins
from netcheck.documentation import page
from netcheck.model import Cause, Finding, Json, Kind, Layer, Report, Result, Security, Status, Target

B1 = Target(Kind.KAFKA, "b-1.msk.example", 9096, Security.SASL_SSL)
B2 = Target(Kind.KAFKA, "b-2.msk.example", 9096, Security.SASL_SSL)
B3 = Target(Kind.KAFKA, "b-3.msk.example", 9096, Security.SASL_SSL)
CLICKHOUSE = Target(Kind.CLICKHOUSE_HTTPS, "ch.example", 8443)
LADDER = ("dns.resolves", "tcp.connects", "tls.handshake", "tls.certificate")
VANTAGE: dict[str, Json] = {"kind": "host", "host": "worker-1", "summary": "worker-1 (10.0.1.17)"}
CHECKS = {check.id: check for check in plugins.find().checks}
TITLES = {id: page(check).title for id, check in CHECKS.items()}


def result(
    check: str, target: Target, status: Status, summary: str = "", cause: Cause | None = None
) -> Result:
    layer = {"dns": Layer.DNS, "tcp": Layer.TCP, "tls": Layer.TLS, "kafka": Layer.KAFKA}.get(
        check.split(".")[0]
    )
    finding = Finding(status, summary or f"{target.endpoint} is fine", cause, layer or Layer.CLICKHOUSE)
    return Result(f"{check}@{target}", check, target, finding, 0.0125)


def passed(target: Target, *checks: str) -> list[Result]:
    return [result(check, target, Status.PASS) for check in checks or LADDER]


def not_asked(target: Target, *checks: str, why: str = "no connection to talk over") -> list[Result]:
    return [result(check, target, Status.SKIP, why, Cause.NOT_ASKED) for check in checks]


def report(*results: Result) -> Report:
    """The report of these results, as `assess` makes it."""
    explained = diagnose.explain(results, {id: check.after for id, check in CHECKS.items()})
    targets = dict.fromkeys(str(result.target) for result in results)
    return Report(
        started="2026-03-01T12:00:00Z",
        seconds=1.94,
        vantage=VANTAGE,
        pipeline={"targets": list(targets)},
        results=explained,
        root_causes=diagnose.root_causes(explained),
    )


HEALTHY = report(
    *passed(B1), *passed(B2), *passed(CLICKHOUSE, *LADDER, "clickhouse.ping", "clickhouse.login")
)

WRONG_PASSWORD = report(
    *passed(B1),
    *passed(CLICKHOUSE, *LADDER, "clickhouse.ping"),
    result(
        "clickhouse.login",
        CLICKHOUSE,
        Status.FAIL,
        "ClickHouse at ch.example:8443 refuses user sink: Code: 516. DB::Exception: sink: "
        "Authentication failed",
        Cause.CLICKHOUSE_AUTH,
    ),
    *not_asked(CLICKHOUSE, "clickhouse.version", "clickhouse.tables", why="ClickHouse did not get as far"),
)

SILENT_BROKERS = report(
    *passed(B1),
    *(
        each
        for broker in (B2, B3)
        for each in (
            *passed(broker, "dns.resolves"),
            result(
                "tcp.connects",
                broker,
                Status.FAIL,
                f"{broker.endpoint} does not answer: nothing came back from 10.0.9.7 in 5.0 s",
                Cause.TIMED_OUT,
            ),
            *not_asked(broker, "tls.handshake", "tls.certificate", "kafka.protocol"),
        )
    ),
    result(
        "clickhouse.ping", CLICKHOUSE, Status.WARN, "the first answer took 23.1 s", Cause.CLICKHOUSE_SLOW_WAKE
    ),
)

WARNED = report(
    *passed(B1),
    result(
        "tls.expiry",
        B1,
        Status.WARN,
        "the certificate of b-1.msk.example expires in 6 days",
        Cause.TLS_CERTIFICATE_EXPIRES_SOON,
    ),
)

UNKNOWN = report(
    *passed(B1, "dns.resolves"),
    result(
        "tcp.connects",
        B1,
        Status.UNKNOWN,
        "not finished: the run's time was over after 0.5 s; give it more with --deadline",
        Cause.DEADLINE,
    ),
    *not_asked(B1, "tls.handshake"),
    result("kafka.sasl", B1, Status.SKIP, "the listener is spoken to without SASL"),
)

HOSTILE_TEXT = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\r\nsecond line\x00\u202eright to left\u2028"
HOSTILE = report(
    result(
        "tcp.connects",
        Target(Kind.KAFKA, "b-\x1b[31m1", 9096),
        Status.FAIL,
        HOSTILE_TEXT,
        Cause.WRONG_PROTOCOL,
    ),
    *not_asked(Target(Kind.KAFKA, "b-\x1b[31m1", 9096), "tls.handshake", why=HOSTILE_TEXT),
    result("tls.expiry", Target(Kind.KAFKA, "b-\x1b[2J2", 9096), Status.WARN, HOSTILE_TEXT),
    result("kafka.sasl", Target(Kind.KAFKA, "b-3", 9096), Status.SKIP, HOSTILE_TEXT),
)

NOTHING = report()
REPORTS = {
    "healthy": HEALTHY,
    "wrong-password": WRONG_PASSWORD,
    "silent-brokers": SILENT_BROKERS,
    "warned": WARNED,
    "unknown": UNKNOWN,
    "hostile": HOSTILE,
    "nothing": NOTHING,
}

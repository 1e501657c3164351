"""What the checks make of what a probe saw, where no real server is led to it."""

from __future__ import annotations

from typing import Any

import pytest

from checks.aws_service import Answers
from checks.kafka import TakesLogin
from checks.tls import CertificateIsGood
from netcheck.core.check import Check
from netcheck.core.credentials import KafkaLogin
from netcheck.core.model import Cause, Finding, Kind, Security, Target
from netcheck.core.secret import Secret
from netcheck.probe.http.aws_service import AwsAnswer
from netcheck.probe.kafka.broker import KafkaMetadata, Stage
from netcheck.probe.tls.certificate import Certificate
from netcheck.probe.tls.handshake import Handshake
from netcheck.probe.transport.tcp import Connection, Connections
from netcheck.settings.config import Config
from tests.checks.run import context, judge, told
from tests.path.world import World

BROKER = Target(Kind.KAFKA, "10.0.2.7", 9096, Security.SASL_SSL)
CONNECTED = Connections(9096, (Connection("10.0.2.7", 4, None, None, None, None, "", 0.0),), None, "", 0.0)
LOGIN = Config(kafka_login=KafkaLogin("SCRAM-SHA-512", "connect", Secret("orders-secret")))


def found(check: Check, target: Target, **observed: Any) -> list[Finding]:
    more = {"connect": CONNECTED, **observed}
    live = {target.host: ("10.0.2.7",)}
    return judge(check, target, context(World(), live=live, more=more, config=LOGIN))


def shaken(*chain: Certificate, cause: Cause | None = None) -> Handshake:
    return Handshake(
        "10.0.2.7", 9096, "10.0.2.7", None, "system", "TLSv1.3", "", chain, None, cause, cause, "", None,
        False, None, None, None, 1, None, None, cause, "detail", 0.0,
    )  # fmt: skip


LEAF = Certificate("CN=b-1", "CN=Amazon", "Amazon", "", "", 90.0, ("b-1",), "1", "2", False)


def test_a_server_that_showed_no_certificate_is_not_judged_by_it() -> None:
    for cause in (Cause.TLS_RESET_AFTER_CLIENT_HELLO, None):
        silent = found(CertificateIsGood(), BROKER, handshake=shaken(cause=cause))
        assert told(silent) == [("skip", "not_asked", None)]
    assert told(found(CertificateIsGood(), BROKER, handshake=shaken(LEAF))) == [("pass", None, None)]


LOGINS = [
    (Stage.DONE, None, ("pass", None, None)),
    (Stage.METADATA, Cause.KAFKA_NO_BROKERS, ("pass", None, None)),
    (Stage.SASL_AUTHENTICATE, Cause.KAFKA_AUTH, ("fail", "kafka_auth", None)),
    (Stage.SASL_AUTHENTICATE, Cause.KAFKA_ACCESS_DENIED, ("fail", "kafka_access_denied", None)),
    (Stage.SASL_AUTHENTICATE, Cause.DEADLINE, ("unknown", "deadline", None)),
    (Stage.LOGIN, Cause.KAFKA_NO_CREDENTIALS, ("skip", None, None)),
    (Stage.CONNECT, Cause.TLS_CERTIFICATE_EXPIRED, ("skip", "not_asked", None)),
]


@pytest.mark.parametrize(("stage", "cause", "expected"), LOGINS, ids=[f"{r[0]} {r[1]}" for r in LOGINS])
def test_a_login_passes_only_once_the_broker_has_accepted_it(
    stage: Stage, cause: Cause | None, expected: tuple[str, str | None, str | None]
) -> None:
    seen = KafkaMetadata(stage, None, None, (), (), 1, cause, "SASL authentication failed", 0.0)
    (one,) = found(TakesLogin(), BROKER, metadata=seen, hello=None)
    assert told([one]) == [expected]
    assert "orders-secret" not in str(one)


PLAIN, PLUGINS = "kafka.eu-west-1.amazonaws.com", "plugins.s3.eu-west-1.amazonaws.com"
SKEWS = [
    (PLAIN, 200.0, "pass"),
    (PLAIN, -250.0, "warn"),
    (PLAIN, 250.0, "warn"),
    (PLAIN, 600.0, "fail"),
    ("s3.eu-west-1.amazonaws.com", 600.0, "warn"),
    ("s3-eu-west-1.amazonaws.com", -600.0, "warn"),
    (PLUGINS, 600.0, "warn"),
    (PLUGINS, 1000.0, "fail"),
    ("s3tables.eu-west-1.amazonaws.com", 600.0, "fail"),
]


@pytest.mark.parametrize(("host", "skew", "status"), SKEWS)
def test_amazon_s3_bears_a_clock_that_is_further_off(host: str, skew: float, status: str) -> None:
    seen = AwsAnswer(403, "Server", "id", skew, None, "", 0.0)
    target = Target(Kind.AWS_SERVICE, host, 443)
    cause = None if status == "pass" else "clock_skew"
    assert told(found(Answers(), target, knock=seen)) == [(status, cause, None)]

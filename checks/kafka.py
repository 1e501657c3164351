"""Does a Kafka broker answer, accept the login, and advertise reachable brokers?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from netcheck.core.check import Check, Survey, finding_from
from netcheck.core.context import Context, PrerequisiteFailed, Skip
from netcheck.core.model import Cause, Finding, Kind, Layer, Target
from netcheck.core.problem import Problem, Trait
from netcheck.engine import facts
from netcheck.engine.targets import kafka_target

if TYPE_CHECKING:
    from netcheck.probe.kafka.broker import KafkaHello, KafkaMetadata

BELOW = frozenset({"tcp.connects", "tls.handshake"})
NO_BROKERS = "does not list the cluster's brokers"
ABOUT_SASL = frozenset({Cause.KAFKA_SASL_MECHANISM, Cause.KAFKA_SASL_NOT_ENABLED})

PROTOCOL_PROBLEMS = (
    Problem(
        Cause.KAFKA_SILENT,
        "the connection opens, but Kafka does not answer",
        "A TLS client on a plain-text listener hangs like this, and so does an overloaded broker: check that "
        "port and security protocol match, then the broker's load.",
    ),
    Problem(
        Cause.KAFKA_MALFORMED,
        "the answer is not in the Kafka protocol",
        "A proxy or another service answers on that port; netcheck run --format json shows its first bytes.",
    ),
    Problem(
        Cause.KAFKA_ERROR,
        "the broker returns an error",
        "netcheck run --format json shows Kafka's error code and name.",
    ),
    Problem(
        Cause.KAFKA_UNSUPPORTED_VERSION,
        "the broker and netcheck have no protocol version in common",
        "MSK Connect does not support Kafka older than 0.10 either; compare the address with the cluster's.",
    ),
)

SASL_PROBLEMS = (
    Problem(
        Cause.KAFKA_SASL_REQUIRED,
        "the listener requires a SASL login",
        "Set the security protocol to SASL_SSL and configure a login, or use the listener "
        "without authentication (MSK: 9094).",
    ),
    Problem(
        Cause.KAFKA_SASL_NOT_ENABLED,
        "the listener does not support SASL",
        "Use security protocol SSL (or PLAINTEXT) on this port, or the port of the SASL listener (MSK: "
        "9096 SCRAM, 9098 IAM).",
    ),
    Problem(
        Cause.KAFKA_SASL_MECHANISM,
        "the listener does not offer this SASL mechanism",
        "Use a mechanism that it offers (netcheck run --format json lists them), or the mechanism's port "
        "(MSK: 9096 SCRAM-SHA-512, 9098 AWS_MSK_IAM).",
    ),
)

LOGIN_PROBLEMS = (
    Problem(
        Cause.KAFKA_AUTH,
        "Kafka rejects the login",
        "Check user and password. On MSK the secret must have a name that begins with AmazonMSK_, be "
        "encrypted with a customer managed key, and be associated with the cluster (aws kafka "
        "list-scram-secrets).",
    ),
    Problem(
        Cause.KAFKA_ACCESS_DENIED,
        "IAM denies the connection to the cluster",
        "Grant the role kafka-cluster:Connect on the cluster's ARN; netcheck run --format json shows which "
        "identity was used.",
    ),
    Problem(
        Cause.KAFKA_TOO_MANY_CONNECTS,
        "the broker throttles new IAM connections",
        "Raise reconnect.backoff.ms to 1000 or more, run fewer tasks, or use larger brokers (t3.small "
        "allows 4 per second).",
    ),
    Problem(
        Cause.KAFKA_NO_CREDENTIALS,
        "no AWS credentials on this host to log in with",
        "Run netcheck where the connector's role, or an equivalent one, is available, or set a profile.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
)

BROKERS_PROBLEMS = (
    Problem(
        Cause.KAFKA_NO_BROKERS,
        "the cluster lists no brokers",
        "The broker answers with an empty list: it has not joined the cluster yet, or a proxy filters its "
        "answer.",
    ),
)


class Answers(Check):
    """A Kafka broker answers in the configured protocol.

    Sends ApiVersions, which every broker answers before any login. It fails when another service listens
    there (HTTP, SSH), when plain text was sent to a TLS port or TLS to a plain-text one, and when the peer
    is silent, closes the connection or sends a malformed answer.

    Fix: make port and security protocol match: on MSK 9092 is PLAINTEXT, 9094 SSL, 9096 SASL_SSL with
    SCRAM, 9098 SASL_SSL with IAM.
    """

    id = "kafka.protocol"
    kinds = frozenset({Kind.KAFKA})
    survey = Survey.LIVE
    depends_on = BELOW
    problems = PROTOCOL_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.kafka_hello, target)
        if seen.cause is None or seen.cause in ABOUT_SASL:
            version = f"Kafka {seen.broker_version} or later" if seen.broker_version else "Kafka"
            text = f"{version} answers {target.security} with {seen.apis} APIs"
            yield finding_from(None, text, Layer.KAFKA, seen)
        elif target.security.tls and ctx.get(facts.tls_is_broken, target):
            raise PrerequisiteFailed("the TLS handshake failed")
        else:
            text = (
                f"{target.endpoint} does not answer as a Kafka broker with {target.security}: {seen.detail}"
            )
            yield finding_from(seen.cause, text, Layer.KAFKA, seen)


class OffersMechanism(Check):
    """The listener offers the configured SASL mechanism.

    A listener lists its mechanisms to any client, before a login. It fails when the configured mechanism is
    not among them, or when the listener does not support SASL at all: then port and mechanism do not match.

    Fix: use a mechanism that the listener offers, or the mechanism's port: on MSK 9096 is SCRAM-SHA-512,
    9098 is AWS_MSK_IAM. MSK Connect supports only IAM or no authentication.
    """

    id = "kafka.sasl"
    kinds = frozenset({Kind.KAFKA})
    survey = Survey.LIVE
    depends_on = frozenset({*BELOW, "kafka.protocol"})
    problems = SASL_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        if not target.security.sasl:
            raise Skip("the security protocol does not use SASL")
        seen = ctx.get(facts.kafka_hello, target)
        offered = ", ".join(seen.mechanisms)
        if seen.cause in ABOUT_SASL and ctx.config.sasl_mechanism is None and seen.mechanisms:
            yield finding_from(None, f"the listener offers {offered}; none was configured", Layer.KAFKA, seen)
        elif seen.cause in ABOUT_SASL:
            yield finding_from(seen.cause, f"{target.endpoint}: {seen.detail}", Layer.KAFKA, seen)
        elif seen.cause is not None:
            raise PrerequisiteFailed("the broker did not get as far as SASL")
        else:
            yield finding_from(None, f"the listener offers {offered}", Layer.KAFKA, seen)


class TakesLogin(Check):
    """The broker accepts the login.

    One login, over verified TLS; a second one after a second if the broker throttles new connections. It
    fails when user or password are rejected (SCRAM, PLAIN), when IAM denies kafka-cluster:Connect, or when
    the broker accepts no more connections.

    Side effect: on MSK each IAM login counts against the broker's limit of new connections.

    Fix: for SCRAM associate the secret with the cluster (its name must begin with AmazonMSK_, its
    encryption key must be customer managed); for IAM allow kafka-cluster:Connect on the cluster's ARN.
    """

    id = "kafka.login"
    kinds = frozenset({Kind.KAFKA})
    survey = Survey.LIVE
    depends_on = frozenset({*BELOW, "tls.certificate", "kafka.protocol", "kafka.sasl"})
    problems = LOGIN_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        from netcheck.probe.kafka.broker import Stage

        if not target.security.sasl:
            raise Skip("the security protocol does not use a login")
        login = ctx.get(facts.kafka_login, target)
        if login is None:
            raise Skip("no Kafka login configured: set NETCHECK_KAFKA_USERNAME and NETCHECK_KAFKA_PASSWORD")
        seen = ctx.get(facts.kafka_metadata, target)
        if seen.cause is Cause.KAFKA_NO_CREDENTIALS:
            raise Skip(f"no AWS credentials on this host to log in with: {seen.detail}")
        if seen.cause in facts.ABOUT_THE_CERTIFICATE:
            raise PrerequisiteFailed("no login is sent to a server whose certificate does not verify")
        if seen.stage in (Stage.METADATA, Stage.DONE):
            yield finding_from(None, f"logged in with {login.mechanism}", Layer.KAFKA, seen)
        else:
            text = f"{target.endpoint} does not accept the login with {login.mechanism}: {seen.detail}"
            yield finding_from(seen.cause, text, Layer.KAFKA, seen)


class AdvertisesBrokers(Check):
    """The cluster lists its brokers, and each of them is checked too.

    Clients use the bootstrap brokers only to discover the others, then connect to every broker by the name
    that it advertises: each such name goes through all checks as a separate target. It fails when the
    broker lists none, lists one that no client can connect to (port 0, not a host name; the others are
    still checked), closes the connection because it requires a login, or returns an error. The request
    names no topic, so none is created.

    Fix: if a broker advertises a name that does not resolve or cannot be reached, correct
    advertised.listeners (on MSK: use the bootstrap string for your network: private, public or multi-VPC).
    """

    id = "kafka.brokers"
    kinds = frozenset({Kind.KAFKA})
    survey = Survey.LIVE
    depends_on = frozenset({*BELOW, "tls.certificate", "kafka.protocol", "kafka.sasl", "kafka.login"})
    problems = BROKERS_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        if target.security.sasl and ctx.get(facts.kafka_login, target) is None:
            raise Skip("brokers are listed only after a login; the configured ones are checked")
        seen = ctx.get(facts.kafka_metadata, target)
        if seen.cause is Cause.KAFKA_NO_CREDENTIALS:
            raise Skip("brokers are listed only after a login; the configured ones are checked")
        if seen.cause is not None and _is_reported_by_another_check(seen, ctx.get(facts.kafka_hello, target)):
            raise PrerequisiteFailed("the broker did not get as far as its metadata")
        brokers = tuple(kafka_target(one.host, one.port, target.security) for one in seen.brokers)
        if seen.cause is not None:
            what = "lists brokers that no client can connect to (correct their advertised.listeners)"
            text = f"{target.endpoint} {what if brokers else NO_BROKERS}: {seen.detail}"
            yield replace(finding_from(seen.cause, text, Layer.KAFKA, seen), discovered=brokers)
            return
        names = ", ".join(one.endpoint for one in brokers[:6]) + (", ..." if len(brokers) > 6 else "")
        found = finding_from(None, f"{len(brokers)} advertised: {names}", Layer.KAFKA, seen)
        yield replace(found, discovered=brokers)


def _is_reported_by_another_check(seen: KafkaMetadata, hello: KafkaHello) -> bool:
    """Whether tls.certificate, kafka.protocol, kafka.sasl or kafka.login reports this failure."""

    from netcheck.probe.kafka.broker import Stage

    logging_in = (Stage.LOGIN, Stage.SASL_HANDSHAKE, Stage.SASL_AUTHENTICATE)
    return hello.cause is not None or seen.stage in logging_in or seen.cause in facts.ABOUT_THE_CERTIFICATE

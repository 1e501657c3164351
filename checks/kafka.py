"""Does a Kafka broker answer, take the login, and advertise brokers that can be reached?"""

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
NO_BROKERS = "does not name the cluster's brokers"
ABOUT_SASL = frozenset({Cause.KAFKA_SASL_MECHANISM, Cause.KAFKA_SASL_NOT_ENABLED})

PROTOCOL_PROBLEMS = (
    Problem(
        Cause.KAFKA_SILENT,
        "the connection opens and Kafka does not answer",
        "A TLS client on a plain listener waits like that, and so does an overloaded broker: check port "
        "and security protocol against each other, then the broker's load.",
    ),
    Problem(
        Cause.KAFKA_MALFORMED,
        "the answer is not Kafka's",
        "A proxy or another service answers on that port; netcheck run --format json has its first bytes.",
    ),
    Problem(
        Cause.KAFKA_ERROR,
        "the broker answers with an error",
        "netcheck run --format json has Kafka's error code and name.",
    ),
    Problem(
        Cause.KAFKA_UNSUPPORTED_VERSION,
        "the broker speaks no version of the protocol that we speak",
        "Kafka older than 0.10 is not supported by MSK Connect either; compare the address with the "
        "cluster's.",
    ),
)

SASL_PROBLEMS = (
    Problem(
        Cause.KAFKA_SASL_REQUIRED,
        "the listener wants a SASL login",
        "Set the security protocol to SASL_SSL and give a login, or use the listener without "
        "authentication (MSK: 9094).",
    ),
    Problem(
        Cause.KAFKA_SASL_NOT_ENABLED,
        "the listener knows no SASL",
        "Use security protocol SSL (or PLAINTEXT) on this port, or the port of the SASL listener (MSK: "
        "9096 SCRAM, 9098 IAM).",
    ),
    Problem(
        Cause.KAFKA_SASL_MECHANISM,
        "the listener does not offer this SASL mechanism",
        "Use a mechanism that it offers (netcheck run --format json has them), or the port that belongs "
        "to the mechanism (MSK: 9096 SCRAM-SHA-512, 9098 AWS_MSK_IAM).",
    ),
)

LOGIN_PROBLEMS = (
    Problem(
        Cause.KAFKA_AUTH,
        "Kafka refuses the login",
        "Check user and password. On MSK the secret's name has to begin with AmazonMSK_, be encrypted "
        "with a key of your own, and be associated with the cluster (aws kafka list-scram-secrets).",
    ),
    Problem(
        Cause.KAFKA_ACCESS_DENIED,
        "IAM denies the connection to the cluster",
        "Allow kafka-cluster:Connect on the cluster's ARN to the role in use; netcheck run --format json "
        "has which identity that was.",
    ),
    Problem(
        Cause.KAFKA_TOO_MANY_CONNECTS,
        "the broker limits new IAM connections",
        "Raise reconnect.backoff.ms to 1000 or more, run fewer tasks, or use larger brokers (t3.small "
        "allows 4 a second).",
    ),
    Problem(
        Cause.KAFKA_NO_CREDENTIALS,
        "no AWS credentials here to log in with",
        "Run netcheck where the role of the connector, or one like it, is available, or set a profile.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
)

BROKERS_PROBLEMS = (
    Problem(
        Cause.KAFKA_NO_BROKERS,
        "the cluster names no brokers",
        "The broker answers and lists none: it has not joined the cluster yet, or a proxy filters its "
        "answer.",
    ),
)


class Answers(Check):
    """A Kafka broker answers in the protocol that is configured.

    ApiVersions is asked, which every broker answers before any login. It fails when something else
    listens there (HTTP, SSH), when plain text was spoken to a TLS port or TLS to a plain one, and when
    the peer stays silent, closes or answers nonsense.

    Fix: bring port and security protocol together: on MSK 9092 is PLAINTEXT, 9094 SSL, 9096 SASL_SSL
    with SCRAM, 9098 SASL_SSL with IAM.
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
            raise PrerequisiteFailed("TLS does not come about")
        else:
            text = (
                f"{target.endpoint} does not answer as a Kafka broker with {target.security}: {seen.detail}"
            )
            yield finding_from(seen.cause, text, Layer.KAFKA, seen)


class OffersMechanism(Check):
    """The listener offers the SASL mechanism that is configured.

    A listener tells its mechanisms to anybody, before a login. It fails when the wanted one is not
    among them, or when the listener knows no SASL at all: then port and mechanism do not belong
    together.

    Fix: use a mechanism that the listener offers, or the port of the mechanism: on MSK 9096 is
    SCRAM-SHA-512, 9098 is AWS_MSK_IAM. MSK Connect itself logs in with IAM or not at all.
    """

    id = "kafka.sasl"
    kinds = frozenset({Kind.KAFKA})
    survey = Survey.LIVE
    depends_on = frozenset({*BELOW, "kafka.protocol"})
    problems = SASL_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        if not target.security.sasl:
            raise Skip("the listener is spoken to without SASL")
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

    One login, over verified TLS; one more a second later if the broker limits new connections. It fails
    when user or password are refused (SCRAM, PLAIN), when IAM denies kafka-cluster:Connect, or when the
    broker refuses more connections.

    Side effect: on MSK each IAM login counts against the broker's limit of new connections.

    Fix: for SCRAM associate the secret with the cluster, its name beginning with AmazonMSK_ and
    encrypted with a key of your own; for IAM allow kafka-cluster:Connect on the cluster's ARN.
    """

    id = "kafka.login"
    kinds = frozenset({Kind.KAFKA})
    survey = Survey.LIVE
    depends_on = frozenset({*BELOW, "tls.certificate", "kafka.protocol", "kafka.sasl"})
    problems = LOGIN_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        from netcheck.probe.kafka.broker import Stage

        if not target.security.sasl:
            raise Skip("the listener is spoken to without a login")
        login = ctx.get(facts.kafka_login, target)
        if login is None:
            raise Skip("no Kafka login given: set NETCHECK_KAFKA_USERNAME and NETCHECK_KAFKA_PASSWORD")
        seen = ctx.get(facts.kafka_metadata, target)
        if seen.cause is Cause.KAFKA_NO_CREDENTIALS:
            raise Skip(f"no AWS credentials here to log in with: {seen.detail}")
        if seen.cause in facts.ABOUT_THE_CERTIFICATE:
            raise PrerequisiteFailed("no login is sent to a server whose certificate does not verify")
        if seen.stage in (Stage.METADATA, Stage.DONE):
            yield finding_from(None, f"logged in with {login.mechanism}", Layer.KAFKA, seen)
        else:
            text = f"{target.endpoint} does not accept the login with {login.mechanism}: {seen.detail}"
            yield finding_from(seen.cause, text, Layer.KAFKA, seen)


class AdvertisesBrokers(Check):
    """The cluster names its brokers, and each of them is checked too.

    Clients use the bootstrap brokers only to learn the others, then connect to every broker by the name
    that it advertises: each such name goes through all checks as a target of its own. It fails when the
    broker names none, names one that no client can go to (port 0, not a host name; the others are
    checked all the same), closes because it wants a login, or answers with an error. No topic is named
    in the request, so none is created.

    Fix: if a broker advertises a name that does not resolve or cannot be reached, correct
    advertised.listeners (on MSK: use the bootstrap string of the network you are in: private, public or
    multi-VPC).
    """

    id = "kafka.brokers"
    kinds = frozenset({Kind.KAFKA})
    survey = Survey.LIVE
    depends_on = frozenset({*BELOW, "tls.certificate", "kafka.protocol", "kafka.sasl", "kafka.login"})
    problems = BROKERS_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        if target.security.sasl and ctx.get(facts.kafka_login, target) is None:
            raise Skip("the brokers are only told after a login; those given are checked")
        seen = ctx.get(facts.kafka_metadata, target)
        if seen.cause is Cause.KAFKA_NO_CREDENTIALS:
            raise Skip("the brokers are only told after a login; those given are checked")
        if seen.cause is not None and _is_told_elsewhere(seen, ctx.get(facts.kafka_hello, target)):
            raise PrerequisiteFailed("the broker did not get as far as its metadata")
        brokers = tuple(kafka_target(one.host, one.port, target.security) for one in seen.brokers)
        if seen.cause is not None:
            what = "names brokers that no client can go to, correct their advertised.listeners"
            text = f"{target.endpoint} {what if brokers else NO_BROKERS}: {seen.detail}"
            yield replace(finding_from(seen.cause, text, Layer.KAFKA, seen), discovered=brokers)
            return
        told = ", ".join(one.endpoint for one in brokers[:6]) + (", ..." if len(brokers) > 6 else "")
        found = finding_from(None, f"{len(brokers)} advertised: {told}", Layer.KAFKA, seen)
        yield replace(found, discovered=brokers)


def _is_told_elsewhere(seen: KafkaMetadata, hello: KafkaHello) -> bool:
    """Whether tls.certificate, kafka.protocol, kafka.sasl or kafka.login tells what stood in the way."""

    from netcheck.probe.kafka.broker import Stage

    logging_in = (Stage.LOGIN, Stage.SASL_HANDSHAKE, Stage.SASL_AUTHENTICATE)
    return hello.cause is not None or seen.stage in logging_in or seen.cause in facts.ABOUT_THE_CERTIFICATE

"""The Kafka probe: against real brokers, against peers that misbehave, and against what only MSK's brokers
say.
"""

from __future__ import annotations

import base64
import dataclasses
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from netcheck.core import codec
from netcheck.core.context import Deadline
from netcheck.core.credentials import KafkaLogin, Trust
from netcheck.core.model import Cause, Security
from netcheck.core.secret import Secret
from netcheck.probe.kafka import broker
from netcheck.probe.kafka.broker import Broker, KafkaHello, KafkaMetadata, Stage
from tests.bounds import LONG, MOMENT, STEP, ends_within
from tests.probe import scripted_kafka as scripted
from tests.servers import peers
from tests.servers.certificates import Certificates
from tests.servers.kafka import KafkaCluster, unsecured_token
from tests.servers.peers import Peer

# kafka-python reads its schemas in a way that Python 3.11 and 3.12 announce to be leaving, and 3.13 has kept.
pytestmark = pytest.mark.filterwarnings("ignore:(read|open)_text is deprecated:DeprecationWarning")

SYSTEM = Trust()
CANARY = "canary-7f3a9c52e1"
ALL = {"SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"}
PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL = Security


@pytest.fixture(scope="module")
def trust(certificates: Certificates) -> Trust:
    return Trust(str(certificates.authority.certificate))


@pytest.fixture
def iam(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS credentials as the environment gives them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    monkeypatch.setenv("AWS_SESSION_TOKEN", f"{CANARY}-token")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")


def hello(peer: Peer, security: Security, trust: Trust = SYSTEM, mechanism: str = "PLAIN") -> KafkaHello:
    return broker.hello(Deadline(STEP), peer.host, peer.port, "localhost", security, trust, mechanism)


def metadata(
    peer: Peer,
    security: Security,
    login: KafkaLogin | None = None,
    trust: Trust = SYSTEM,
    seconds: float = STEP,
) -> KafkaMetadata:
    return broker.metadata(Deadline(seconds), peer.host, peer.port, "localhost", security, trust, login)


def password(mechanism: str = "PLAIN", text: str = CANARY) -> KafkaLogin:
    return KafkaLogin(mechanism, "connect", Secret(text))


# Real brokers.

HELLOS = [
    ("plaintext to a plaintext listener", "PLAINTEXT", PLAINTEXT, None, Stage.DONE),
    ("TLS to a TLS listener", "SSL", SSL, None, Stage.DONE),
    ("SASL_SSL to a SASL_SSL listener", "SASL_SSL", SASL_SSL, None, Stage.DONE),
    ("an expired certificate is not this question", "EXPIRED", SSL, None, Stage.DONE),
    ("plaintext to a TLS listener", "SSL", PLAINTEXT, Cause.PLAINTEXT_ON_TLS_PORT, Stage.API_VERSIONS),
    (
        "plaintext to a SASL_SSL listener",
        "SASL_SSL",
        SASL_PLAINTEXT,
        Cause.PLAINTEXT_ON_TLS_PORT,
        Stage.API_VERSIONS,
    ),
    ("TLS to a plaintext listener", "PLAINTEXT", SSL, Cause.TLS_NOT_SUPPORTED, Stage.CONNECT),
    (
        "SASL_SSL to a SASL_PLAINTEXT listener",
        "SASL_PLAINTEXT",
        SASL_SSL,
        Cause.TLS_NOT_SUPPORTED,
        Stage.CONNECT,
    ),
    ("SASL to a listener without", "SSL", SASL_SSL, Cause.KAFKA_SASL_NOT_ENABLED, Stage.SASL_HANDSHAKE),
    ("a mechanism that is not offered", "OAUTH", SASL_SSL, Cause.KAFKA_SASL_MECHANISM, Stage.SASL_HANDSHAKE),
    ("no client certificate", "MTLS", SSL, Cause.TLS_CLIENT_CERTIFICATE_WANTED, Stage.API_VERSIONS),
]


@pytest.mark.parametrize("sentence, listener, security, cause, stage", HELLOS)
def test_hello_to_a_real_broker(
    kafka_cluster: KafkaCluster,
    sentence: str,
    listener: str,
    security: Security,
    cause: Cause | None,
    stage: Stage,
) -> None:
    port = kafka_cluster.addresses(listener)[0][1]
    seen = broker.hello(Deadline(LONG), "127.0.0.1", port, "localhost", security, Trust(), "SCRAM-SHA-512")
    assert (seen.cause, seen.stage) == (cause, stage), (sentence, seen)
    if cause is None:
        assert seen.broker_version == "4.1"
        assert seen.apis > 50


def test_a_sasl_listener_tells_its_mechanisms_to_anybody(kafka_cluster: KafkaCluster) -> None:
    port = kafka_cluster.addresses("SASL_SSL")[0][1]
    for mechanism in ("SCRAM-SHA-512", "AWS_MSK_IAM"):
        seen = broker.hello(Deadline(LONG), "127.0.0.1", port, "localhost", SASL_SSL, Trust(), mechanism)
        assert set(seen.mechanisms) == ALL
        assert seen.sasl is True
        assert (seen.cause is None) == (mechanism in ALL)


LOGINS = [
    ("SCRAM-SHA-512 with the right password", "SASL_SSL", "SCRAM-SHA-512", "connect-secret", None),
    ("SCRAM-SHA-256 with the right password", "SASL_SSL", "SCRAM-SHA-256", "connect-secret", None),
    ("PLAIN with the right password", "SASL_SSL", "PLAIN", "connect-secret", None),
    ("SCRAM without TLS", "SASL_PLAINTEXT", "SCRAM-SHA-512", "connect-secret", None),
    ("SCRAM-SHA-512 with a wrong password", "SASL_SSL", "SCRAM-SHA-512", CANARY, Cause.KAFKA_AUTH),
    ("SCRAM-SHA-256 with a wrong password", "SASL_SSL", "SCRAM-SHA-256", CANARY, Cause.KAFKA_AUTH),
    ("PLAIN with a wrong password", "SASL_SSL", "PLAIN", CANARY, Cause.KAFKA_AUTH),
    ("a token that is none", "OAUTH", "OAUTHBEARER", CANARY, Cause.KAFKA_AUTH),
    ("a mechanism that is not offered", "SASL_SSL", "OAUTHBEARER", CANARY, Cause.KAFKA_SASL_MECHANISM),
    ("a login where none is taken", "SSL", "PLAIN", CANARY, Cause.KAFKA_SASL_NOT_ENABLED),
    ("a login to an expired certificate", "EXPIRED", "PLAIN", CANARY, Cause.TLS_CERTIFICATE_EXPIRED),
    ("a login to another host's certificate", "WRONG_HOST", "PLAIN", CANARY, Cause.TLS_HOSTNAME_MISMATCH),
]


@pytest.mark.parametrize("sentence, listener, mechanism, secret, cause", LOGINS)
def test_logging_in_to_a_real_broker(
    kafka_cluster: KafkaCluster,
    trust: Trust,
    sentence: str,
    listener: str,
    mechanism: str,
    secret: str,
    cause: Cause | None,
) -> None:
    port = kafka_cluster.addresses(listener)[0][1]
    security = SASL_PLAINTEXT if listener == "SASL_PLAINTEXT" else SASL_SSL
    login = password(mechanism, secret)
    seen = broker.metadata(Deadline(LONG), "127.0.0.1", port, "localhost", security, trust, login)
    assert seen.cause is cause, (sentence, seen)
    assert seen.attempts <= 1
    assert CANARY not in repr(seen)
    if cause is None:
        advertised = [(broker.host, broker.port) for broker in seen.brokers]
        assert sorted(advertised) == sorted(kafka_cluster.addresses(listener))


def test_a_token_logs_in_to_a_real_broker(kafka_cluster: KafkaCluster, trust: Trust) -> None:
    token = unsecured_token("connect").split(b"Bearer ")[1].rstrip(b"\x01").decode()
    port = kafka_cluster.addresses("OAUTH")[0][1]
    login = KafkaLogin("OAUTHBEARER", password=Secret(token))
    seen = broker.metadata(Deadline(LONG), "127.0.0.1", port, "localhost", SASL_SSL, trust, login)
    assert seen.cause is None
    assert len(seen.brokers) == 3


@pytest.mark.parametrize("listener, security", [("SASL_SSL", SSL), ("SASL_PLAINTEXT", PLAINTEXT)])
def test_metadata_without_a_login_finds_that_sasl_is_required(
    kafka_cluster: KafkaCluster, trust: Trust, listener: str, security: Security
) -> None:
    port = kafka_cluster.addresses(listener)[0][1]
    seen = broker.metadata(Deadline(LONG), "127.0.0.1", port, "localhost", security, trust, None)
    assert seen.cause is Cause.KAFKA_SASL_REQUIRED
    assert set(seen.mechanisms) == ALL


def test_metadata_tells_the_cluster_and_its_brokers(kafka_cluster: KafkaCluster) -> None:
    port = kafka_cluster.addresses("PLAINTEXT")[1][1]
    seen = broker.metadata(Deadline(LONG), "127.0.0.1", port, "localhost", PLAINTEXT, Trust(), None)
    expected = {
        Broker(number, host, port, f"use1-az{number}")
        for number, (host, port) in enumerate(kafka_cluster.addresses("PLAINTEXT"), 1)
    }
    assert set(seen.brokers) == expected
    assert seen.cluster_id
    assert seen.controller in (1, 2, 3)
    assert codec.decode(KafkaMetadata, codec.encode(seen)) == seen


def test_no_question_makes_a_topic_on_a_broker_that_makes_them_for_anybody(
    kafka_cluster: KafkaCluster, trust: Trust
) -> None:
    before = kafka_cluster.topics()
    for listener, security in (("PLAINTEXT", PLAINTEXT), ("SSL", SSL), ("SASL_SSL", SASL_SSL)):
        login = password("SCRAM-SHA-512", "connect-secret") if security.sasl else None
        for host, port in kafka_cluster.addresses(listener):
            broker.hello(Deadline(LONG), "127.0.0.1", port, host, security, trust, "PLAIN")
            seen = broker.metadata(Deadline(LONG), "127.0.0.1", port, host, security, trust, login)
            assert seen.cause is None
    assert kafka_cluster.topics() == before


# Peers that misbehave.

MISBEHAVING: list[tuple[str, Callable[[], Peer], Security, Cause]] = [
    ("nothing listens", peers.refused, PLAINTEXT, Cause.CONNECTION_REFUSED),
    ("nothing answers the SYN", peers.syn_drop, PLAINTEXT, Cause.TIMED_OUT),
    ("never accepts", peers.never_accepts, PLAINTEXT, Cause.KAFKA_SILENT),
    ("accepts and is silent", peers.silent, PLAINTEXT, Cause.KAFKA_SILENT),
    ("silent after a ClientHello", peers.silent, SSL, Cause.TLS_SILENT_AFTER_CLIENT_HELLO),
    ("closes at once", peers.closes_after_first_bytes, PLAINTEXT, Cause.CONNECTION_CLOSED),
    ("resets", peers.resets_after_first_bytes, PLAINTEXT, Cause.CONNECTION_RESET),
    ("closes after a ClientHello", peers.closes_after_first_bytes, SSL, Cause.TLS_CLOSED_AFTER_CLIENT_HELLO),
    ("resets after a ClientHello", peers.resets_after_first_bytes, SSL, Cause.TLS_RESET_AFTER_CLIENT_HELLO),
    ("drips a byte a second", peers.drips_kafka, PLAINTEXT, Cause.KAFKA_SILENT),
    ("drips a byte every tenth", lambda: peers.drips_kafka(interval_s=0.1), PLAINTEXT, Cause.KAFKA_SILENT),
    ("drips a TLS record", peers.drips_tls_record, SSL, Cause.TLS_STALLED),
    ("answers HTTP", peers.http, PLAINTEXT, Cause.WRONG_PROTOCOL),
    ("answers HTTP to TLS", peers.http, SSL, Cause.TLS_NOT_SUPPORTED),
    ("is an SSH server", peers.ssh_banner, PLAINTEXT, Cause.WRONG_PROTOCOL),
    ("is a mail server", peers.smtp_banner, PLAINTEXT, Cause.WRONG_PROTOCOL),
    (
        "answers a TLS alert",
        lambda: peers.tls_alert("internal_error"),
        PLAINTEXT,
        Cause.PLAINTEXT_ON_TLS_PORT,
    ),
    ("sends a frame of 2 GB", peers.kafka_huge_frame, PLAINTEXT, Cause.KAFKA_MALFORMED),
    ("sends a frame of 0 bytes", lambda: peers.answers(bytes(8)), PLAINTEXT, Cause.KAFKA_MALFORMED),
    ("sends half a frame", lambda: peers.answers(b"\0\0\0\x64abc"), PLAINTEXT, Cause.KAFKA_MALFORMED),
    ("sends random bytes", lambda: peers.answers(b"\x9c\x01\x77" * 99), PLAINTEXT, Cause.KAFKA_MALFORMED),
]


@pytest.mark.parametrize("sentence, make, security, cause", MISBEHAVING, ids=[row[0] for row in MISBEHAVING])
def test_each_way_to_misbehave_has_its_cause_in_time(
    sentence: str, make: Callable[[], Peer], security: Security, cause: Cause
) -> None:
    with make() as peer:
        with ends_within(STEP, "the first question"):
            seen = hello(peer, security)
        with ends_within(STEP, "the second"):
            again = metadata(peer, security)
    assert (seen.cause, again.cause) == (cause, cause), sentence
    assert seen.detail
    assert codec.decode(KafkaHello, codec.encode(seen)) == seen


def test_inside_tls_another_protocol_is_recognised_too(certificates: Certificates) -> None:
    with peers.http(tls=certificates.good.server_context()) as peer:
        assert hello(peer, SSL).cause is Cause.WRONG_PROTOCOL


def test_a_silence_too_short_to_mean_anything_is_not_blamed_on_the_broker() -> None:
    with peers.silent() as peer:
        seen = broker.hello(Deadline(MOMENT), peer.host, peer.port, "localhost", PLAINTEXT, Trust(), "PLAIN")
    assert seen.cause is Cause.DEADLINE


# What only MSK's brokers say, and what none should.


def _at(host: str, port: int = 9094) -> bytes:
    return scripted.metadata((1, host, port, None))


def _many(count: int) -> bytes:
    return scripted.metadata(*[(number, "b", 1, None) for number in range(count)])


OLD = ((18, 0, 0), (3, 0, 1))
BACKWARDS = ((18, 3, 1),)
DENIED = scripted.refusal("[3f0a]: Access denied")
SCRIPTED: list[tuple[str, dict[str, Any], Cause]] = [
    ("refuses ApiVersions", {"api": scripted.api_versions((), 35)}, Cause.KAFKA_UNSUPPORTED_VERSION),
    ("an error to ApiVersions", {"api": scripted.api_versions((), 7)}, Cause.KAFKA_ERROR),
    ("no API at all", {"api": scripted.api_versions(())}, Cause.KAFKA_MALFORMED),
    ("versions that run backwards", {"api": scripted.api_versions(BACKWARDS)}, Cause.KAFKA_MALFORMED),
    ("a cut list of APIs", {"api": scripted.api_versions()[:-3]}, Cause.KAFKA_MALFORMED),
    ("a list of 2^31 APIs", {"api": b"\0\0\x7f\xff\xff\xff"}, Cause.KAFKA_MALFORMED),
    ("too old for SaslHandshake", {"api": scripted.api_versions(OLD)}, Cause.KAFKA_UNSUPPORTED_VERSION),
    ("an error to SaslHandshake", {"handshake": scripted.mechanisms(error=-1)}, Cause.KAFKA_ERROR),
    ("Access denied", {"authenticate": [DENIED]}, Cause.KAFKA_ACCESS_DENIED),
    ("another error to a login", {"authenticate": [scripted.refusal("no", 34)]}, Cause.KAFKA_ERROR),
    ("a hang-up during the login", {"authenticate": [None]}, Cause.CONNECTION_CLOSED),
    ("no brokers", {"describe": scripted.metadata()}, Cause.KAFKA_NO_BROKERS),
    ("a broker at port 0", {"describe": _at("b-1", 0)}, Cause.KAFKA_MALFORMED),
    ("a broker at port 99999", {"describe": _at("b-1", 99999)}, Cause.KAFKA_MALFORMED),
    ("a broker without a name", {"describe": _at("")}, Cause.KAFKA_MALFORMED),
    ("a line break in a name", {"describe": _at("b-1\nX: y")}, Cause.KAFKA_MALFORMED),
    ("a scheme in a name", {"describe": _at("SSL://b-1")}, Cause.KAFKA_MALFORMED),
    ("a name of 300 letters", {"describe": _at("b." * 150)}, Cause.KAFKA_MALFORMED),
    ("an address with a zone", {"describe": _at("fe80::1%lo")}, Cause.KAFKA_MALFORMED),
    ("half an IPv4 address", {"describe": _at("127.1")}, Cause.KAFKA_MALFORMED),
    ("an IPv4 address that is none", {"describe": _at("999.1.1.1")}, Cause.KAFKA_MALFORMED),
    ("3000 brokers", {"describe": _many(3000)}, Cause.KAFKA_MALFORMED),
    ("a cut list of brokers", {"describe": scripted.ONE_BROKER[:-5]}, Cause.KAFKA_MALFORMED),
]


@pytest.mark.parametrize("sentence, script, cause", SCRIPTED, ids=[row[0] for row in SCRIPTED])
def test_what_a_broker_may_say_has_its_cause(sentence: str, script: dict[str, Any], cause: Cause) -> None:
    with scripted.broker(**script) as peer:
        seen = metadata(peer, SASL_PLAINTEXT, password())
    assert seen.cause is cause, (sentence, seen)
    assert seen.brokers == ()


@pytest.mark.parametrize(
    ("error", "cause", "sasl"),
    [
        (0, None, True),
        (33, Cause.KAFKA_SASL_MECHANISM, True),
        (34, Cause.KAFKA_SASL_NOT_ENABLED, False),
        (-1, Cause.KAFKA_ERROR, None),
    ],
)
def test_the_answer_to_sasl_handshake_tells_whether_the_listener_takes_logins(
    error: int, cause: Cause | None, sasl: bool | None
) -> None:
    with scripted.broker(handshake=scripted.mechanisms("PLAIN", error=error)) as peer:
        seen = broker.hello(Deadline(20), peer.host, peer.port, "localhost", SASL_PLAINTEXT, Trust(), "PLAIN")
    assert (seen.cause, seen.sasl) == (cause, sasl)


@pytest.mark.parametrize(
    ("count", "cause"), [(broker.MOST_BROKERS, None), (broker.MOST_BROKERS + 1, Cause.KAFKA_MALFORMED)]
)
def test_as_many_brokers_as_a_cluster_may_have_are_taken(count: int, cause: Cause | None) -> None:
    with scripted.broker(describe=_many(count)) as peer:
        seen = metadata(peer, PLAINTEXT, seconds=20)
    assert (seen.cause, len(seen.brokers)) == (cause, 0 if cause else count)


def test_a_hang_up_after_a_plaintext_answer_is_not_looked_at_again_with_tls() -> None:
    with scripted.broker(authenticate=[None]) as peer:
        seen = metadata(peer, SASL_PLAINTEXT, password(), seconds=20)
        assert seen.cause is Cause.CONNECTION_CLOSED
        assert peer.connections == 1


def test_addresses_and_names_of_every_sort_are_taken() -> None:
    hosts = [
        "b-1.x.kafka.eu-west-1.amazonaws.com",
        "10.0.1.7",
        "2600:1f18::7",
        "kafka_1",
        "b-2.x.",
        "xn--bcher-kva.example",
    ]
    listed = [(number, host, 9094, None) for number, host in enumerate(hosts)]
    with scripted.broker(describe=scripted.metadata(*listed)) as peer:
        seen = metadata(peer, PLAINTEXT)
    assert [broker.host for broker in seen.brokers] == hosts


def test_a_long_name_is_not_taken_for_one_that_holds_a_password() -> None:
    host = ".".join(["b" * 60] * 4)
    with scripted.broker(describe=_at(host)) as peer:
        seen = metadata(peer, PLAINTEXT)
    assert (seen.cause, [broker.host for broker in seen.brokers]) == (None, [host])


def test_one_odd_broker_does_not_hide_the_others() -> None:
    listed = [(1, "b-1.x", 9094, None), (2, "b-2.x", 0, None), (3, "b-3.x", 9094, None)]
    with scripted.broker(describe=scripted.metadata(*listed)) as peer:
        seen = metadata(peer, PLAINTEXT)
    assert [broker.host for broker in seen.brokers] == ["b-1.x", "b-3.x"]
    assert (seen.cause, seen.stage) == (Cause.KAFKA_MALFORMED, Stage.METADATA)
    assert "broker 2 is advertised as 'b-2.x' with the invalid port 0" in seen.detail


def test_too_many_connects_is_tried_once_more_a_second_later() -> None:
    busy = scripted.refusal("[3f0a]: Too many connects")
    with scripted.broker(authenticate=[busy]) as peer:
        seen = metadata(peer, SASL_PLAINTEXT, password(), seconds=4)
        assert (seen.cause, seen.attempts, len(seen.brokers)) == (None, 2, 1)
        assert seen.seconds >= 1.0
    with scripted.broker(authenticate=[busy, busy, busy]) as peer:
        seen = metadata(peer, SASL_PLAINTEXT, password(), seconds=4)
        assert (seen.cause, seen.attempts) == (Cause.KAFKA_TOO_MANY_CONNECTS, 2)
        assert peer.connections == 2
    with scripted.broker(authenticate=[busy, busy]) as peer:
        seen = metadata(peer, SASL_PLAINTEXT, password(), seconds=0.9)
        assert (seen.cause, seen.attempts) == (Cause.KAFKA_TOO_MANY_CONNECTS, 1)


def test_a_wrong_password_is_tried_once() -> None:
    with scripted.broker(authenticate=[scripted.refusal("invalid credentials")] * 9) as peer:
        assert metadata(peer, SASL_PLAINTEXT, password(), seconds=4).cause is Cause.KAFKA_AUTH
        assert peer.connections == 1
        assert peer.requests.count(scripted.SASL_AUTHENTICATE) == 1


def test_without_aws_credentials_nothing_is_connected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]
) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    with scripted.broker() as peer:
        for mechanism in ("AWS_MSK_IAM", "OAUTHBEARER"):
            login = KafkaLogin(mechanism, region="eu-west-1")
            seen = metadata(peer, SASL_PLAINTEXT, login)
            assert (seen.cause, seen.stage) == (Cause.KAFKA_NO_CREDENTIALS, Stage.LOGIN)
        assert peer.connections == 0


@pytest.mark.usefixtures("iam")
@pytest.mark.parametrize("mechanism", ["AWS_MSK_IAM", "OAUTHBEARER"])
def test_iam_credentials_of_the_environment_log_in(mechanism: str) -> None:
    with scripted.broker() as peer:
        seen = metadata(peer, SASL_PLAINTEXT, KafkaLogin(mechanism))
    assert (seen.cause, seen.attempts) == (None, 1)


def test_a_broker_that_wants_2_to_the_31_iterations_gets_none(
    certificates: Certificates, trust: Trust
) -> None:
    def challenge(body: bytes) -> bytes:
        nonce = scripted.auth_data(body).split(b",r=")[1]
        return scripted.authenticated(b"r=" + nonce + b"X,s=c2FsdHNhbHQ=,i=2147483647")

    with scripted.broker(authenticate=[challenge], tls=certificates.good.server_context()) as peer:
        seen = metadata(peer, SASL_SSL, password("SCRAM-SHA-512"), trust)
    assert seen.cause is Cause.KAFKA_MALFORMED
    assert seen.seconds < STEP


def test_a_broker_that_accepts_any_scram_login_does_not_pass() -> None:
    with scripted.broker() as peer:
        assert metadata(peer, SASL_PLAINTEXT, password("SCRAM-SHA-256")).cause is Cause.KAFKA_MALFORMED


# Secrets.


@pytest.fixture
def everything_logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Whatever any library logs at any level, with all logging turned on."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.name}: {self.format(record)}")

    root, keep = logging.getLogger(), Keep()
    monkeypatch.setattr(root, "level", logging.DEBUG)
    root.addHandler(keep)
    yield lines
    root.removeHandler(keep)


def _forms() -> set[str]:
    """The canary as it is, and the parts of it that any base64 of a longer text would show."""
    encoded = {
        base64.b64encode(b"x" * offset + CANARY.encode())[offset + 2 : -6].decode() for offset in range(3)
    }
    return {CANARY, *encoded}


def _echo(body: bytes) -> bytes:
    return scripted.refusal(f"I got {scripted.auth_data(body).decode('latin-1')} and {CANARY}")


ECHOES: list[tuple[str, dict[str, Any]]] = [
    ("in the error of a login", {"authenticate": [_echo]}),
    ("as a broker's name", {"describe": _at(CANARY)}),
    ("as a rack", {"describe": scripted.metadata((1, "b-1", 9094, CANARY))}),
    ("as the cluster's id", {"describe": scripted.metadata((1, "b-1", 9094, None), cluster=CANARY)}),
    ("as a mechanism", {"handshake": scripted.mechanisms(CANARY, error=33)}),
]


@pytest.mark.usefixtures("iam")
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"])
@pytest.mark.parametrize("sentence, script", ECHOES, ids=[row[0] for row in ECHOES])
def test_a_peer_that_echoes_a_secret_gives_nothing_away(
    mechanism: str, sentence: str, script: dict[str, Any], everything_logged: list[str]
) -> None:
    login = KafkaLogin(mechanism) if mechanism == "AWS_MSK_IAM" else password(mechanism)
    with scripted.broker(**script) as peer:
        seen = metadata(peer, SASL_PLAINTEXT, login)
        assert seen.stage is not Stage.CONNECT
    assert not [line for line in everything_logged if line.startswith(("kafka", "botocore", "urllib3"))]
    shown = [repr(seen), str(dataclasses.asdict(seen)), *everything_logged]
    assert not [text for text in shown for form in _forms() if form in text], sentence

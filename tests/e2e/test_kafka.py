"""`netcheck run` against three real brokers, through every listener that MSK has, and some that are wrong."""

from __future__ import annotations

import json
import socket
import struct
import threading
from dataclasses import dataclass, field

import pytest

from tests.e2e.command import Ran, run
from tests.servers.kafka import KafkaCluster, unsecured_token
from tests.servers.peers import Conversation, Peer

# The name servers of the machine know nothing of localhost: tests/e2e/test_dns.py brings its own.
ALWAYS = ("--skip", "dns.servers")
UNRESOLVED = {"dns_nxdomain", "dns_resolver_failed", "dns_timed_out", "dns_servfail", "dns_refused"}
"""What an invalid name comes to, which depends on the name servers of the machine, and on there being any."""


@dataclass(frozen=True)
class Row:
    """`listener` is asked as `arguments` say; `cause` is the first root cause, None for a healthy one."""

    says: str
    listener: str
    cause: str | None
    arguments: tuple[str, ...] = ()
    logins: dict[str, str] = field(default_factory=dict)
    shown_by: str = ""
    trusted: bool = True


def login(user: str, password: str, mechanism: str = "SCRAM-SHA-512") -> dict[str, str]:
    return {
        "NETCHECK_KAFKA_USERNAME": user,
        "NETCHECK_KAFKA_PASSWORD": password,
        "NETCHECK_KAFKA_MECHANISM": mechanism,
    }


CONNECT = login("connect", "connect-secret")
SASL = ("--security-protocol", "SASL_SSL")
ROWS = [
    Row("TLS without a login is healthy", "SSL", None),
    Row(
        "plain text is healthy where it is configured",
        "PLAINTEXT",
        None,
        ("--security-protocol", "PLAINTEXT"),
    ),
    Row("a SCRAM-SHA-512 login is accepted", "SASL_SSL", None, SASL, CONNECT),
    Row(
        "a SCRAM-SHA-256 login is accepted",
        "SASL_SSL",
        None,
        SASL,
        login("connect", "connect-secret", "SCRAM-SHA-256"),
    ),
    Row("a PLAIN login is accepted", "SASL_SSL", None, SASL, login("connect", "connect-secret", "PLAIN")),
    Row(
        "a login without TLS is accepted",
        "SASL_PLAINTEXT",
        None,
        ("--security-protocol", "SASL_PLAINTEXT"),
        CONNECT,
    ),
    Row("without a login a SASL listener is healthy as far as one can see", "SASL_SSL", None, SASL),
    Row(
        "an OAUTHBEARER token is accepted",
        "OAUTH",
        None,
        SASL,
        login(
            "", unsecured_token("connect", 7200).split(b"Bearer ")[1].rstrip(b"\x01").decode(), "OAUTHBEARER"
        ),
    ),
    Row(
        "a wrong password is refused",
        "SASL_SSL",
        "kafka_auth",
        SASL,
        login("connect", "wrong"),
        "kafka.login",
    ),
    Row(
        "an unknown user is refused", "SASL_SSL", "kafka_auth", SASL, login("nobody", "wrong"), "kafka.login"
    ),
    Row(
        "a wrong PLAIN password is refused",
        "SASL_SSL",
        "kafka_auth",
        SASL,
        login("connect", "wrong", "PLAIN"),
        "kafka.login",
    ),
    Row(
        "a mechanism that is not offered is named",
        "OAUTH",
        "kafka_sasl_mechanism",
        SASL,
        CONNECT,
        "kafka.sasl",
    ),
    Row("a login that is wanted and not configured", "SASL_SSL", "kafka_sasl_required"),
    Row(
        "a login that is configured and not wanted",
        "SSL",
        "kafka_sasl_not_enabled",
        SASL,
        CONNECT,
        "kafka.sasl",
    ),
    Row("TLS spoken to a plain listener", "PLAINTEXT", "tls_not_supported", shown_by="tls.handshake"),
    Row(
        "plain text spoken to a TLS listener",
        "SSL",
        "plaintext_on_tls_port",
        ("--security-protocol", "PLAINTEXT"),
        shown_by="kafka.protocol",
    ),
    Row(
        "a plain login spoken to a TLS listener",
        "SASL_SSL",
        "plaintext_on_tls_port",
        ("--security-protocol", "SASL_PLAINTEXT"),
        CONNECT,
        "kafka.protocol",
    ),
    Row("a client certificate is wanted", "MTLS", "tls_client_certificate_wanted", shown_by="tls.handshake"),
    Row("an expired certificate", "EXPIRED", "tls_certificate_expired", shown_by="tls.certificate"),
    Row("another host's certificate", "WRONG_HOST", "tls_hostname_mismatch", shown_by="tls.certificate"),
    Row(
        "an authority that is not trusted", "SSL", "tls_untrusted", shown_by="tls.certificate", trusted=False
    ),
]


def ask(cluster: KafkaCluster, listener: str, *arguments: str, logins: dict[str, str] | None = None) -> Ran:
    bootstrap = cluster.bootstrap(listener).split(",")[0]
    return run("--bootstrap", bootstrap, *arguments, *ALWAYS, logins=logins)


@pytest.mark.parametrize("row", ROWS, ids=[row.says for row in ROWS])
def test_a_listener_is_told_for_what_it_is(kafka_cluster: KafkaCluster, row: Row) -> None:
    trust = ("--ca", str(kafka_cluster.certificates.authority.certificate)) if row.trusted else ()
    ran = ask(kafka_cluster, row.listener, *row.arguments, *trust, logins=row.logins)
    assert ran.causes == ([row.cause] if row.cause else [])
    assert ran.code == (1 if row.cause else 0)
    if row.shown_by:
        assert {key.split("@")[0] for key in ran.report["root_causes"][0]["shown_by"]} == {row.shown_by}
    assert ran.report["summary"]["unknown"] == 0
    for password in (value for name, value in row.logins.items() if "PASSWORD" in name):
        assert password not in json.dumps(ran.report)


@pytest.mark.parametrize(
    ("listener", "arguments", "logins"),
    [("SSL", (), {}), ("SASL_SSL", SASL, CONNECT), ("PLAINTEXT", ("--security-protocol", "PLAINTEXT"), {})],
)
def test_one_bootstrap_broker_leads_to_all_three(
    kafka_cluster: KafkaCluster, listener: str, arguments: tuple[str, ...], logins: dict[str, str]
) -> None:
    trust = ("--ca", str(kafka_cluster.certificates.authority.certificate))
    ran = ask(kafka_cluster, listener, *arguments, *trust, logins=logins)
    brokers = {f"kafka://{host}:{port}" for host, port in kafka_cluster.addresses(listener)}
    assert ran.targets() - {"pipeline"} == brokers
    assert {r["target"] for r in ran.results("kafka.protocol") if r["status"] == "pass"} == brokers


STRAYS = [
    ("a closed port", "STRAY_REFUSED", {"connection_refused"}, "tcp.connects"),
    ("a port that swallows packets", "STRAY_SILENT", {"port_silent"}, "tcp.other-ports"),
    ("a name that does not resolve", "STRAY_NAME", UNRESOLVED, "dns.resolves"),
]


@pytest.mark.parametrize(("says", "listener", "causes", "check"), STRAYS, ids=[row[0] for row in STRAYS])
def test_a_broker_that_advertises_what_cannot_be_reached_is_the_one_blamed(
    kafka_cluster: KafkaCluster, says: str, listener: str, causes: set[str], check: str
) -> None:
    trust = ("--ca", str(kafka_cluster.certificates.authority.certificate))
    ran = ask(kafka_cluster, listener, *trust, "--timeout", "2")
    host, port = kafka_cluster.stray[listener]
    astray = f"kafka://{host}:{port}"
    [cause] = ran.report["root_causes"]
    assert cause["code"].lower() in causes, says
    assert cause["component"] == astray
    assert cause["shown_by"] == [f"{check}@{astray}"]
    assert {r["target"] for r in ran.report["results"] if r["status"] == "fail"} == {astray}
    assert ran.code == 1


def test_no_topic_is_made_by_looking_at_a_cluster(kafka_cluster: KafkaCluster) -> None:
    before = kafka_cluster.topics()
    for listener, protocol in (("PLAINTEXT", "PLAINTEXT"), ("SSL", "SSL"), ("SASL_SSL", "SASL_SSL")):
        trust = ("--ca", str(kafka_cluster.certificates.authority.certificate))
        assert ask(kafka_cluster, listener, "--security-protocol", protocol, *trust, logins=CONNECT).code == 0
    assert kafka_cluster.topics() == before


API_KEYS = {3: "Metadata", 17: "SaslHandshake", 18: "ApiVersions", 36: "SaslAuthenticate"}


class Tap:
    """A wire to a broker that keeps what the client says, a list of bytes for each connection."""

    def __init__(self, broker: tuple[str, int]) -> None:
        self._broker = broker
        self.said: list[bytearray] = []
        self.peer = Peer(self._pass_on)

    def _pass_on(self, conversation: Conversation) -> None:
        said = bytearray()
        self.said.append(said)
        with socket.create_connection(self._broker, 10) as upstream:
            back = threading.Thread(target=self._pass_back, args=(upstream, conversation), daemon=True)
            back.start()
            while data := conversation.receive():
                said += data
                upstream.sendall(data)
            upstream.shutdown(socket.SHUT_RDWR)
            back.join(5)

    @staticmethod
    def _pass_back(upstream: socket.socket, conversation: Conversation) -> None:
        try:
            while data := upstream.recv(65536):
                conversation.send(data)
            conversation.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def requests(self) -> list[str]:
        """The Kafka requests that were sent, by name."""
        names = []
        for said in self.said:
            rest = bytes(said)
            while len(rest) >= 6:
                length, key = struct.unpack(">ih", rest[:6])
                names.append(API_KEYS.get(key, str(key)))
                rest = rest[4 + length :]
        return names


PROTOCOL = ("--security-protocol", "SASL_PLAINTEXT")


@pytest.mark.parametrize(
    ("says", "logins", "expected"),
    [
        ("nobody logs in without a login", {}, {"ApiVersions", "SaslHandshake"}),
        (
            "with a login one does",
            CONNECT,
            {"ApiVersions", "SaslHandshake", "SaslAuthenticate", "Metadata"},
        ),
    ],
)
def test_what_a_broker_is_asked(
    kafka_cluster: KafkaCluster, says: str, logins: dict[str, str], expected: set[str]
) -> None:
    tap = Tap(kafka_cluster.addresses("SASL_PLAINTEXT")[0])
    with tap.peer:
        run("--bootstrap", f"127.0.0.1:{tap.peer.port}", *PROTOCOL, *ALWAYS, logins=logins)
    assert set(tap.requests()) == expected, says


def test_a_broker_that_is_down_is_blamed_alone(kafka_cluster: KafkaCluster) -> None:
    bootstrap = kafka_cluster.bootstrap("SSL")
    trust = ("--ca", str(kafka_cluster.certificates.authority.certificate))
    kafka_cluster.stop_broker(2)
    try:
        ran = run("--bootstrap", bootstrap, *trust, *ALWAYS)
    finally:
        kafka_cluster.start_broker(2)
    host, port = kafka_cluster.addresses("SSL")[1]
    [cause] = ran.report["root_causes"]
    assert (cause["code"], cause["component"]) == ("CONNECTION_REFUSED", f"kafka://{host}:{port}")

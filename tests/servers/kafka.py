"""A real Apache Kafka cluster (KRaft, three brokers) on free loopback ports, listening in every way MSK does.

    with KafkaCluster() as cluster:                 # or KafkaCluster(certificates, advertised="127.0.0.1")
        cluster.bootstrap("SSL")                    # "localhost:40001,localhost:40011,localhost:40021"
        cluster.addresses("SASL_SSL")               # [("localhost", 40002), ...], in the order of broker ids
        cluster.users                               # name -> password, for SCRAM-SHA-512, -256 and PLAIN
        cluster.certificates.authority.certificate  # what a client has to trust
        cluster.topics()                            # the topics there are: proves that none was created
        cluster.stop_broker(2); cluster.start_broker(2)

In a test, take the session fixture `kafka_cluster`, and leave the cluster as it was.

Listeners (names for bootstrap() and addresses()):

PLAINTEXT, SSL      as on MSK 9092 and 9094
SASL_SSL            SCRAM-SHA-512, SCRAM-SHA-256 and PLAIN, as on MSK 9096
SASL_PLAINTEXT      the same without TLS
OAUTH               SASL_SSL with OAUTHBEARER; takes unsecured tokens: see unsecured_token()
MTLS                SSL, a client certificate of `authority` required
EXPIRED, WRONG_HOST SSL with such a certificate
STRAY_REFUSED       SSL; broker 3 advertises a port that nothing listens on
STRAY_SILENT        SSL; broker 3 advertises a port that drops every SYN
STRAY_NAME          SSL; broker 3 advertises a name that does not resolve
(bootstrap() of these three gives the true ports: only the metadata sends a client astray, to
`cluster.stray[NAME]`.)

`seats` gives a broker a name, an address and ports of its own, and a certificate:
    KafkaCluster(seats={2: Seat("b-2.kafka.example", "10.0.2.12", {"SSL": 9094}, certificates.expired)})
and `listeners` other listeners than those, by name and security protocol (PLAINTEXT has to be among them).

auto.create.topics.enable is on. Access control is on and allows everything without a rule, so a
test may deny something with a rule. The brokers need Java 17 and the jars that tools/fetch_servers.py
puts into JARS.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers import kafka_wire, peers
from tests.servers.certificates import Certificates, Leaf
from tests.servers.peers import Peer
from tests.servers.ports import ReservedPorts
from tests.servers.process import Process

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "kafka"
JARS = CACHE / "jars"
ARCHIVE = CACHE / "classes.jsa"
START_S = 90.0

STRAYS = ("STRAY_REFUSED", "STRAY_SILENT", "STRAY_NAME")
LISTENERS = {
    "PLAINTEXT": "PLAINTEXT",
    "SSL": "SSL",
    "SASL_SSL": "SASL_SSL",
    "SASL_PLAINTEXT": "SASL_PLAINTEXT",
    "OAUTH": "SASL_SSL",
    "MTLS": "SSL",
    "EXPIRED": "SSL",
    "WRONG_HOST": "SSL",
    **dict.fromkeys(STRAYS, "SSL"),
}
USERS = {"connect": "connect-secret", "admin": "admin-secret"}
_CLUSTER_ID = "bmV0Y2hlY2stdGVzdC1jbA"
_BIND = "127.0.0.1"
# Started often and for seconds: the first compiler only, and no collector threads.
_JVM = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xlog:disable")


def jars() -> list[Path]:
    """The broker's jars; empty if they have not been fetched."""
    return sorted(JARS.glob("*.jar"))


def java_version() -> int:
    """The major version of the Java on the path; 0 if there is none."""
    try:
        run = subprocess.run(["java", "-version"], capture_output=True, text=True, timeout=30)
    except OSError:
        return 0
    found = re.search(r'version "(\d+)', run.stderr)
    return int(found[1]) if found else 0


def java(*arguments: str) -> list[str]:
    """The command line of one of Kafka's programs."""
    archive = [f"-XX:SharedArchiveFile={ARCHIVE}"] if ARCHIVE.exists() else []
    classpath = ":".join(str(jar) for jar in jars())
    return ["java", *_JVM, *archive, "-cp", classpath, *arguments]


def archive_classes() -> None:
    """Run a broker once to keep its classes in ARCHIVE (JEP 350): with it, a cluster starts in 4 s, not 7.

    The JVM ignores an archive that does not fit its jars or itself.
    """
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        archive = Path(folder) / ARCHIVE.name
        with KafkaCluster(brokers=1, jvm=[f"-XX:ArchiveClassesAtExit={archive}"]) as cluster:
            cluster.create_topic("any")
            cluster.shut_down()
        archive.rename(ARCHIVE)


def unsecured_token(principal: str, lifetime_s: int = 300) -> bytes:
    """A SASL/OAUTHBEARER initial response with an unsigned JWT, which the OAUTH listener takes (RFC 7628)."""
    now = int(time.time())
    parts = [{"alg": "none"}, {"sub": principal, "iat": now - 1, "exp": now + lifetime_s}]
    token = ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts)
    return f"n,,\x01auth=Bearer {token}.\x01\x01".encode()


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a broker sits: the name it advertises, the address it listens on, the ports of some listeners.

    Listeners without a port there stay on a free port of 127.0.0.1. `certificate` is what it shows, but for
    the listeners whose point is a certificate of their own. `advertised` are ports that a listener tells
    instead of its own, where something that passes connections on stands at the broker's name.
    """

    name: str
    address: str
    ports: Mapping[str, int] = field(default_factory=dict)
    certificate: Leaf | None = None
    advertised: Mapping[str, int] = field(default_factory=dict)


class KafkaCluster:
    """Starts on entering the block, and takes `start_seconds`. See the module's docstring."""

    def __init__(
        self,
        certificates: Certificates | None = None,
        *,
        advertised: str = "localhost",
        brokers: int = 3,
        seats: Mapping[int, Seat] | None = None,
        listeners: Mapping[str, str] = LISTENERS,
        jvm: Sequence[str] = (),
    ) -> None:
        self.advertised = advertised
        self._listeners = dict(listeners)
        self._seats = dict(seats or {})
        self._jvm = jvm
        self.users = dict(USERS)
        self.start_seconds = 0.0
        self._cleanup = contextlib.ExitStack()
        self._folder = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="kafka-")))
        self.certificates = certificates or Certificates(self._folder)
        self.ids = tuple(range(1, brokers + 1))
        self.stray: dict[str, tuple[str, int]] = {}
        self._ports: dict[int, dict[str, int]] = {}
        self._controller_port = 0
        self._processes: dict[int, Process] = {}

    def __enter__(self) -> Self:
        began = time.monotonic()
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        self.start_seconds = time.monotonic() - began
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every broker and remove all that they wrote."""
        for broker in list(self._processes):
            self.stop_broker(broker)
        self._cleanup.close()

    def addresses(self, listener: str) -> list[tuple[str, int]]:
        """Where the brokers listen, in the order of their ids."""
        return [(self._name(broker, listener), self._ports[broker][listener]) for broker in self.ids]

    def bootstrap(self, listener: str) -> str:
        """The same as a client's bootstrap.servers."""
        return ",".join(f"{host}:{port}" for host, port in self.addresses(listener))

    def topics(self) -> list[str]:
        """The names of all topics there are, internal ones too."""
        return sorted(self._ask(self.ids[0]).topics)

    def create_topic(self, name: str) -> None:
        """Make a topic with one partition, and wait until it is there."""
        deadline = time.monotonic() + 10
        self._ask(self.ids[0], [name])
        while name not in self.topics():
            if time.monotonic() > deadline:
                raise TimeoutError(f"topic {name} was not made")
            time.sleep(0.05)

    def stop_broker(self, broker: int) -> None:
        """End a broker at once. Its ports then refuse connections. Broker 1 is the controller: leave it."""
        self._processes.pop(broker).kill()

    def shut_down(self) -> None:
        """Let every broker end in its own time, which takes seconds."""
        for process in self._processes.values():
            process.stop(30)

    def start_broker(self, broker: int) -> None:
        """Start it again, on the same ports, and wait until all know of it."""
        self._launch(broker)
        self._wait()

    def _start(self) -> None:
        # Held to the end, so that a stopped broker finds its ports free again.
        reserved = self._cleanup.enter_context(ReservedPorts(len(self.ids) * len(self._listeners) + 1))
        numbers = iter(reserved.numbers)
        self._controller_port = next(numbers)
        self._ports = {
            broker: {name: next(numbers) for name in self._listeners} | self._seated(broker)
            for broker in self.ids
        }
        self._find_strays()
        # The controller's storage takes a second to format: meanwhile the others start and look for it.
        for broker in reversed(self.ids):
            self._format(broker)
            self._launch(broker)
        self._wait()

    def _name(self, broker: int, listener: str) -> str:
        return self._seats[broker].name if listener in self._seated(broker) else self.advertised

    def _seated(self, broker: int) -> dict[str, int]:
        return dict(self._seats[broker].ports) if broker in self._seats else {}

    def _address(self, broker: int, listener: str) -> str:
        return self._seats[broker].address if listener in self._seated(broker) else _BIND

    def _find_strays(self) -> None:
        closed: Peer = self._cleanup.enter_context(peers.refused())
        dropping: Peer = self._cleanup.enter_context(peers.syn_drop())
        self.stray = {
            "STRAY_REFUSED": (self.advertised, closed.port),
            "STRAY_SILENT": (self.advertised, dropping.port),
            "STRAY_NAME": ("b-3.kafka.invalid", 9094),
        }

    def _format(self, broker: int) -> None:
        folder = self._folder / f"broker-{broker}"
        folder.mkdir()
        properties = folder / "server.properties"
        properties.write_text("".join(f"{key}={value}\n" for key, value in self._properties(broker).items()))
        if broker != self.ids[0]:
            # All that formatting does for a node that is no controller.
            (folder / "data").mkdir()
            meta = f"version=1\ncluster.id={_CLUSTER_ID}\nnode.id={broker}\n"
            (folder / "data" / "meta.properties").write_text(meta)
            return
        scram = [
            f"--add-scram={mechanism}=[name={name},password={password}]"
            for name, password in self.users.items()
            for mechanism in ("SCRAM-SHA-512", "SCRAM-SHA-256")
        ]
        subprocess.run(
            java("kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(properties), *scram),
            check=True,
            capture_output=True,
            timeout=START_S,
        )

    def _launch(self, broker: int) -> None:
        folder = self._folder / f"broker-{broker}"
        command = java(*self._jvm, "kafka.Kafka", str(folder / "server.properties"))
        self._processes[broker] = Process(command, folder / "server.log")

    def _wait(self) -> None:
        deadline = time.monotonic() + START_S
        for broker in self.ids:
            if broker in self._processes:
                left = deadline - time.monotonic()
                self._processes[broker].wait_until(functools.partial(self._knows_all, broker), left)

    def _knows_all(self, broker: int) -> bool:
        """Ready is who answers for itself and names every broker that runs."""
        try:
            return set(self._ask(broker, []).brokers) == set(self._processes)
        except OSError:
            return False

    def _ask(self, broker: int, topics: list[str] | None = None) -> kafka_wire.Metadata:
        with socket.create_connection((_BIND, self._ports[broker]["PLAINTEXT"]), 5) as connection:
            return kafka_wire.metadata(connection, topics)

    def _properties(self, broker: int) -> dict[str, object]:
        ports = self._ports[broker]
        controls = broker == self.ids[0]
        listening = [f"{name}://{self._address(broker, name)}:{port}" for name, port in ports.items()]
        quorum = f"{_BIND}:{self._controller_port}"
        return {
            "process.roles": "broker,controller" if controls else "broker",
            "node.id": broker,
            "controller.quorum.voters": f"{self.ids[0]}@{quorum}",
            "controller.listener.names": "CONTROLLER",
            "listeners": ",".join([*listening, f"CONTROLLER://{quorum}"] if controls else listening),
            "advertised.listeners": ",".join(self._advertised_listeners(broker)),
            "listener.security.protocol.map": ",".join(
                f"{name}:{protocol}"
                for name, protocol in {**self._listeners, "CONTROLLER": "PLAINTEXT"}.items()
            ),
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": self._folder / f"broker-{broker}" / "data",
            "auto.create.topics.enable": "true",
            "num.partitions": 1,
            "default.replication.factor": 1,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 1,
            "num.network.threads": 1,
            "num.io.threads": 2,
            "broker.rack": f"use1-az{broker}",
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "true",
            "super.users": "User:ANONYMOUS",
            # A wrong password is answered at once, as MSK does.
            "connection.failed.authentication.delay.ms": 0,
            **self._tls_properties(broker),
            **self._sasl_properties(),
        }

    def _advertised_listeners(self, broker: int) -> list[str]:
        ports = self._ports[broker] | dict(self._seats[broker].advertised if broker in self._seats else {})
        ours = {name: (self._name(broker, name), port) for name, port in ports.items()}
        if broker == self.ids[-1]:
            ours |= {name: where for name, where in self.stray.items() if name in ours}
        return [f"{name}://{host}:{port}" for name, (host, port) in ours.items()]

    def _tls_properties(self, broker: int) -> dict[str, object]:
        certificates = self.certificates
        seat = self._seats.get(broker)
        own = seat.certificate if seat and seat.certificate else certificates.good
        special: dict[str, Leaf] = {"EXPIRED": certificates.expired, "WRONG_HOST": certificates.wrong_host}
        # One file each, and not in the certificates' own folder, which several clusters may share.
        stores = {name: self._keystore(name, leaf) for name, leaf in special.items()}
        properties: dict[str, object] = {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self._keystore(f"broker-{broker}", own),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": certificates.authority.certificate,
            "listener.name.mtls.ssl.client.auth": "required",
        }
        for name, store in stores.items():
            properties[f"listener.name.{name.lower()}.ssl.keystore.type"] = "PEM"
            properties[f"listener.name.{name.lower()}.ssl.keystore.location"] = store
        return properties

    def _keystore(self, name: str, leaf: Leaf) -> Path:
        path = self._folder / f"{name}.keystore.pem"
        path.write_bytes(leaf.key.read_bytes() + leaf.certificate.read_bytes())
        return path

    def _sasl_properties(self) -> dict[str, object]:
        modules = "org.apache.kafka.common.security"
        plain_users = " ".join(f'user_{name}="{password}"' for name, password in self.users.items())
        logins = {
            "scram-sha-512": f"{modules}.scram.ScramLoginModule required;",
            "scram-sha-256": f"{modules}.scram.ScramLoginModule required;",
            "plain": f"{modules}.plain.PlainLoginModule required {plain_users};",
        }
        oauth = (
            f'{modules}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";'
        )
        properties: dict[str, object] = {
            "listener.name.oauth.sasl.enabled.mechanisms": "OAUTHBEARER",
            "listener.name.oauth.oauthbearer.sasl.jaas.config": oauth,
        }
        for listener in ("sasl_ssl", "sasl_plaintext"):
            properties[f"listener.name.{listener}.sasl.enabled.mechanisms"] = (
                "SCRAM-SHA-512,SCRAM-SHA-256,PLAIN"
            )
            for mechanism, login in logins.items():
                properties[f"listener.name.{listener}.{mechanism}.sasl.jaas.config"] = login
        return properties

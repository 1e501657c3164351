"""What really answers: a Kafka cluster, today's ClickHouse and an old one, in a namespace of their own.

They take seconds to start, so all labs share them. Nothing reaches them but by a lab's doors, which decide
what stands at which address; they never know that they are in a lab.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.kernel import World
from tests.lab.plan import Namespace, Plan
from tests.servers.certificates import Certificates
from tests.servers.chdb_front import ChdbFront
from tests.servers.clickhouse import ClickHouse
from tests.servers.kafka import KafkaCluster, Seat

NAME = "backends"
CLICKHOUSE = "10.255.0.1"
BROKERS = {1: "10.255.0.11", 2: "10.255.0.12", 3: "10.255.0.13"}
CLUSTER = "orders.a1b2c3.c2.kafka.eu-west-1.amazonaws.com"
CLOUD = "abc123xyz.eu-west-1.aws.clickhouse.cloud"
PRIVATE = "abc123xyz.eu-west-1.vpce.aws.clickhouse.cloud"
OWN = "clickhouse.shop.example"
SERVICES = ("secretsmanager", "sts", "glue", "s3", "kms", "logs", "kafka", "ssm")
AWS_NAMES = (
    *(f"{service}.eu-west-1.amazonaws.com" for service in SERVICES),
    "sts.amazonaws.com",
)
TABLES = (
    "CREATE DATABASE shop",
    "CREATE DATABASE empty",
    "CREATE TABLE shop.orders (id UInt64, body String) ENGINE = MergeTree ORDER BY id",
)
OLD_TABLES = ("CREATE DATABASE shop", "CREATE TABLE shop.orders (id UInt64, body String) ENGINE = Log")


@dataclass(frozen=True, slots=True)
class Listener:
    """A listener of every broker: the port it has behind the doors, and the one it tells clients."""

    security: str
    port: int
    told: int


LISTENERS = {
    "OPEN": Listener("PLAINTEXT", 9092, 9092),
    "SSL": Listener("SSL", 9094, 9094),
    "SASL_SSL": Listener("SASL_SSL", 9096, 9096),
    # Whoever stands in front of it does TLS, and MSK's own login where there is one.
    "IAM": Listener("PLAINTEXT", 9098, 9098),
    "INSIDE_TLS": Listener("PLAINTEXT", 9099, 9094),
    "MTLS": Listener("SSL", 9194, 9094),
    "EXPIRED": Listener("SSL", 9195, 9094),
    "WRONG_HOST": Listener("SSL", 9196, 9094),
    "STRAY_NAME": Listener("SSL", 9197, 9094),
    "STRAY_PORT": Listener("SSL", 9198, 9094),
}
STRAY_PORT = 19094
"""What broker 3 tells clients at the listener STRAY_PORT."""


def broker(number: int) -> str:
    return f"b-{number}.{CLUSTER}"


def names() -> tuple[str, ...]:
    """All that have a certificate."""
    return (*(broker(number) for number in BROKERS), CLOUD, PRIVATE, OWN, *AWS_NAMES)


@dataclass(frozen=True, slots=True)
class Backends:
    """The servers, running. `namespace` holds them open."""

    namespace: int
    certificates: Certificates
    kafka: KafkaCluster
    clickhouse: ChdbFront
    old: ClickHouse | None

    def address(self, name: str) -> tuple[str, int]:
        """Where a backend listens: "clickhouse", "old-https", "old-native-tls", "1.SSL" of broker 1."""
        match name:
            case "clickhouse":
                return CLICKHOUSE, self.clickhouse.port
            case "old-https" | "old-http" | "old-native" | "old-native-tls":
                assert self.old is not None
                ports = {
                    "https": self.old.https,
                    "http": self.old.http,
                    "native": self.old.native,
                    "native-tls": self.old.native_tls,
                }
                return CLICKHOUSE, ports[name.removeprefix("old-")]
        number, _, listener = name.partition(".")
        return BROKERS[int(number)], LISTENERS[listener].port


def _seats(certificates: Certificates) -> dict[int, Seat]:
    ports = {name: one.port for name, one in LISTENERS.items()}
    told = {name: one.told for name, one in LISTENERS.items()}
    return {
        number: Seat(
            broker(number),
            address,
            ports,
            certificates.authority.issue(broker(number)),
            told | ({"STRAY_PORT": STRAY_PORT} if number == len(BROKERS) else {}),
        )
        for number, address in BROKERS.items()
    }


@contextlib.contextmanager
def running(folder: Path, *, old: bool) -> Iterator[Backends]:
    """Start them. `old`: also Debian's ClickHouse 18.16, for what only an old server does."""
    world = World()
    local = [CLICKHOUSE, *BROKERS.values()]
    commands = [f"addr add {address}/32 dev lo" for address in local]
    world.build(Plan({NAME: Namespace(NAME, forwards=False, commands=commands)}, (), {}), v6=False)
    certificates = Certificates(folder, names())
    listeners = {"PLAINTEXT": "PLAINTEXT"} | {name: one.security for name, one in LISTENERS.items()}
    with contextlib.ExitStack() as started:
        started.callback(world.close)
        # Made inside, and it stays there.
        with world.inside(NAME):
            front = ChdbFront(certificates, tls=False, host=CLICKHOUSE, statements=TABLES)
            clickhouse = started.enter_context(front)
            kafka = KafkaCluster(certificates, seats=_seats(certificates), listeners=listeners)
            started.enter_context(kafka)
            kafka.create_topic("orders")
            server = ClickHouse(certificates, leaf=certificates.good, host=CLICKHOUSE) if old else None
            if server is not None:
                started.enter_context(server)
                for statement in OLD_TABLES:
                    server.query(statement)
        yield Backends(world.namespaces[NAME], certificates, kafka, clickhouse, server)


def way_back(site: str, device: str) -> Sequence[str]:
    """What the backends' namespace has to know of a site: `ip` commands."""
    return (f"route replace {ipaddress.ip_address(site)}/32 dev {device}",)

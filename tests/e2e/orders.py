"""A whole pipeline to run netcheck against: three brokers, ClickHouse, a name server. On an island only.

    with Orders(folder) as orders:
        subprocess.run(["netcheck", "run", *orders.arguments], cwd=folder, env=orders.environment)

It looks like what people have: brokers b-1 to b-3.orders.kafka.example in three subnets, with SASL/SCRAM on
9096 and TLS on 9094, and orders.clickhouse.example on 8443, all of a private authority.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.servers.certificates import Authority, Certificates, Leaf
from tests.servers.chdb_front import ChdbFront
from tests.servers.dns import DnsServer, Entry
from tests.servers.kafka import KafkaCluster, Seat

BROKERS = {
    1: ("b-1.orders.kafka.example", "10.0.1.11"),
    2: ("b-2.orders.kafka.example", "10.0.2.12"),
    3: ("b-3.orders.kafka.example", "10.0.3.13"),
}
CLICKHOUSE = ("orders.clickhouse.example", "10.0.1.20")
NAME_SERVER = "10.0.0.2"
SCRAM_PORT = 9096
CA = "orders-ca.pem"
BEHIND = {
    "10.0.1.11": "127.0.1.11",
    "10.0.2.12": "127.0.2.12",
    "10.0.3.13": "127.0.3.13",
    "10.0.1.20": "127.0.1.20",
}
"""Where the servers listen when something else is to stand at their addresses."""


class Orders:
    """The pipeline, running.

    `expired` is a broker whose certificate ran out yesterday. `brokers` more than three makes b-4 and so on
    further names of the three. With `behind`, the servers listen at BEHIND, and nobody at their names'
    addresses. `others` are more names and their addresses.
    """

    def __init__(
        self,
        folder: Path,
        *,
        expired: int | None = None,
        brokers: int = 3,
        behind: bool = False,
        others: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.others = dict(others or {})
        self._expired = expired
        self._behind = behind
        self.names = dict(BROKERS.values())
        for number in range(len(BROKERS) + 1, brokers + 1):
            self.names[f"b-{number}.orders.kafka.example"] = BROKERS[number % len(BROKERS) + 1][1]
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as started:
            zone = {**self.names, CLICKHOUSE[0]: CLICKHOUSE[1], **self.others}
            records: dict[str, Entry] = {name: [f"60 A {address}"] for name, address in zone.items()}
            started.enter_context(DnsServer(records, NAME_SERVER, 53))
            certificates = self.certificates = Certificates(self.folder, tuple(zone))
            # It is kept under the name that a reader of the report sees.
            certificates.authority = Authority(self.folder, "Orders Private")
            (self.folder / CA).write_bytes(certificates.authority.certificate.read_bytes())
            self.kafka = started.enter_context(KafkaCluster(certificates, seats=self._seats(certificates)))
            leaf = certificates.authority.issue(CLICKHOUSE[0], organization="Orders")
            front = ChdbFront(certificates, leaf=leaf, host=self._at(CLICKHOUSE[1]), port=8443)
            self.clickhouse = started.enter_context(front)
            self._cleanup = started.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def _at(self, address: str) -> str:
        return BEHIND[address] if self._behind else address

    def _seats(self, certificates: Certificates) -> Mapping[int, Seat]:
        ports = {"SASL_SSL": SCRAM_PORT, "SSL": 9094}
        return {
            broker: Seat(name, self._at(address), ports, self._leaf(certificates, broker))
            for broker, (name, address) in BROKERS.items()
        }

    def _leaf(self, certificates: Certificates, broker: int) -> Leaf:
        dates: dict[str, Any] = {}
        if broker == self._expired:
            dates = {"not_before": certificates.days_ago(91), "not_after": certificates.days_ago(1)}
        own = BROKERS[broker][0]
        more = [name for name in self.names if name not in dict(BROKERS.values())]
        return certificates.authority.issue(own, *more, organization="Orders", **dates)

    @property
    def arguments(self) -> list[str]:
        """What to give to `netcheck run`, in `folder`."""
        return self.arguments_for(*BROKERS)

    def arguments_for(self, *brokers: int) -> list[str]:
        """The same, with these brokers as bootstrap brokers."""
        bootstrap = ",".join(f"{BROKERS[broker][0]}:{SCRAM_PORT}" for broker in brokers)
        clickhouse = f"https://sink@{CLICKHOUSE[0]}:8443/orders"
        return ["--bootstrap", bootstrap, "--clickhouse", clickhouse, "--ca", CA]

    @property
    def environment(self) -> dict[str, str]:
        """The environment with the logins."""
        return {
            **self.clean_environment(),
            "NETCHECK_KAFKA_USERNAME": "connect",
            "NETCHECK_KAFKA_PASSWORD": self.kafka.users["connect"],
            "NETCHECK_CLICKHOUSE_PASSWORD": self.clickhouse.users["sink"],
        }

    @staticmethod
    def clean_environment() -> dict[str, str]:
        """This process' environment without logins, and without what would lead a client elsewhere."""
        return {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("NETCHECK_", "AWS_")) and not name.lower().endswith("_proxy")
        }

    @contextlib.contextmanager
    def cut_off(self, broker: int) -> Iterator[None]:
        """Meanwhile every packet to this broker's address is lost, though its name still gives it."""
        address = [f"{BROKERS[broker][1]}/32", "dev", "lo"]
        subprocess.run(["ip", "address", "del", *address], check=True, timeout=10)
        try:
            yield
        finally:
            subprocess.run(["ip", "address", "add", *address], check=True, timeout=10)

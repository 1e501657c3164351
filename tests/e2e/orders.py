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
from typing import Self

from tests.servers.certificates import Authority, Certificates, Leaf
from tests.servers.chdb_front import ChdbFront
from tests.servers.dns import DnsServer
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


class Orders:
    """The pipeline, running. `expired` is a broker whose certificate ran out yesterday."""

    def __init__(self, folder: Path, *, expired: int | None = None) -> None:
        self.folder = folder
        self._expired = expired
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as started:
            zone = {name: [f"60 A {address}"] for name, address in (*BROKERS.values(), CLICKHOUSE)}
            started.enter_context(DnsServer(zone, NAME_SERVER, 53))
            certificates = Certificates(self.folder, tuple(zone))
            # It is kept under the name that a reader of the report sees.
            certificates.authority = Authority(self.folder, "Orders Private")
            (self.folder / CA).write_bytes(certificates.authority.certificate.read_bytes())
            self.kafka = started.enter_context(KafkaCluster(certificates, seats=self._seats(certificates)))
            leaf = certificates.authority.issue(CLICKHOUSE[0], organization="Orders")
            front = ChdbFront(certificates, leaf=leaf, host=CLICKHOUSE[1], port=8443)
            self.clickhouse = started.enter_context(front)
            self._cleanup = started.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def _seats(self, certificates: Certificates) -> Mapping[int, Seat]:
        return {
            broker: Seat(
                name, address, {"SASL_SSL": SCRAM_PORT, "SSL": 9094}, self._leaf(certificates, broker)
            )
            for broker, (name, address) in BROKERS.items()
        }

    def _leaf(self, certificates: Certificates, broker: int) -> Leaf:
        dates = {}
        if broker == self._expired:
            dates = {"not_before": certificates.days_ago(91), "not_after": certificates.days_ago(1)}
        return certificates.authority.issue(BROKERS[broker][0], organization="Orders", **dates)

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
        """The environment with the logins, and without what would lead a client elsewhere."""
        kept = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
        return {
            **{name: value for name, value in kept.items() if not name.startswith("NETCHECK_")},
            "NETCHECK_KAFKA_USERNAME": "connect",
            "NETCHECK_KAFKA_PASSWORD": self.kafka.users["connect"],
            "NETCHECK_CLICKHOUSE_PASSWORD": self.clickhouse.users["sink"],
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

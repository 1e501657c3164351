"""Fixtures over tests/servers: the real things the tests talk to, made once a session and gone after it.

certificates       Certificates: an authority, and every way in which a certificate can be wrong
dns_server         DnsServer(ORDINARY), a new one for each test
kafka_cluster      KafkaCluster: three brokers, eleven listeners each
clickhouse_server  ClickHouse 18.16: HTTPS, HTTP, native TLS, native
chdb_server        ChdbFront: today's ClickHouse behind HTTPS

All trust `certificates.authority`. The last three skip (in CI: fail) where what they need is not installed.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests import needs
from tests.marks import marks
from tests.servers.certificates import Certificates
from tests.servers.chdb_front import ChdbFront
from tests.servers.clickhouse import ClickHouse
from tests.servers.dns import DnsServer
from tests.servers.kafka import KafkaCluster

# A deadline for each example would be a test of how busy the machine is.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function):
            for mark in marks(item):
                item.add_marker(mark)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def dns_server() -> Iterator[DnsServer]:
    with DnsServer() as server:
        yield server


@pytest.fixture(scope="session")
def kafka_cluster(certificates: Certificates) -> Iterator[KafkaCluster]:
    needs.kafka_broker()
    with KafkaCluster(certificates) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def clickhouse_server(certificates: Certificates) -> Iterator[ClickHouse]:
    needs.clickhouse_server()
    with ClickHouse(certificates) as server:
        yield server


@pytest.fixture(scope="session")
def chdb_server(certificates: Certificates) -> Iterator[ChdbFront]:
    needs.chdb()
    with ChdbFront(certificates) as server:
        yield server

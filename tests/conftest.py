"""Fixtures over tests/servers: the real things the tests talk to, made once a session.

certificates   Certificates: an authority, and every way in which a certificate can be wrong
dns_server     DnsServer(ORDINARY) of its own for each test
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.certificates import Certificates
from tests.servers.dns import DnsServer


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def dns_server() -> Iterator[DnsServer]:
    with DnsServer() as server:
        yield server

"""What a test may do without on a laptop, and must have in CI.

A test that needs something from outside the Python environment asks here for it first. Where it is missing,
the test is skipped with the reason; with the environment variable CI set, it fails, so that a green run
has left nothing out. `tools/fetch_servers.py` installs all of it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from tests.report import browser
from tests.servers import clickhouse, kafka

AXE = Path(__file__).resolve().parents[1] / ".cache" / "axe" / "axe.min.js"


def skip_or_fail(reason: str) -> NoReturn:
    """Skip this test for that reason; in CI, fail it."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def program(name: str, package: str) -> None:
    """The program must be on the path (or in /usr/sbin, which is not on everybody's)."""
    if shutil.which(name) is None and not Path("/usr/sbin", name).exists():
        skip_or_fail(f"{name} is not installed: Debian has it in {package}")


def keytool() -> None:
    """The JDK's keytool, which writes JKS trust stores."""
    program("keytool", "openjdk-17-jdk-headless")


def kafka_broker() -> None:
    """Java 17 and the broker's jars."""
    if kafka.java_version() < 17:
        skip_or_fail("no Java 17 or later: Debian has it in openjdk-17-jdk-headless")
    if not kafka.jars():
        skip_or_fail(f"no Kafka jars in {kafka.JARS}: run python tools/fetch_servers.py")


def clickhouse_server() -> None:
    """The real ClickHouse server."""
    if clickhouse.program() is None:
        skip_or_fail("clickhouse-server is not installed: Debian has it in clickhouse-server")


def chdb() -> None:
    """The current ClickHouse engine as a Python package."""
    if importlib.util.find_spec("chdb") is None:
        skip_or_fail("chdb is not installed: pip install 'netcheck[dev]'")


def network_namespaces() -> None:
    """The right to make network namespaces, and the tools for it."""
    program("ip", "iproute2")
    program("nft", "nftables")
    if os.geteuid() != 0:
        skip_or_fail("network namespaces need root")


def chromium() -> None:
    """A browser without a screen, and axe, which looks for barriers in a page."""
    if browser.program() is None:
        skip_or_fail("no Chromium: Debian has it in chromium-headless-shell")
    if not AXE.exists():
        skip_or_fail(f"{AXE} is missing: run python tools/fetch_servers.py")

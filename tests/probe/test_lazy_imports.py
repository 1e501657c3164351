"""A probe's module costs nothing to import: the libraries it may need come when it is asked something."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("kafka", "clickhouse_connect", "urllib3", "botocore", "boto3", "cryptography", "dns")


@pytest.mark.parametrize(
    "module",
    [
        *("dns.resolve", "dns.loss", "kafka.broker", "kafka.sasl", "kafka.msk_iam"),
        *("http.client", "http.aws_service", "clickhouse.https", "clickhouse.native"),
    ],
)
def test_importing_a_probe_imports_no_library(module: str) -> None:
    program = (
        f"import sys, netcheck.probe.{module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=90, check=True
    )
    assert done.stdout == "[]\n"


LATE = (
    "netcheck.path",
    "netcheck.iam",
    "netcheck.aws.ec2.snapshot",
    "netcheck.aws.ec2.entities",
    "netcheck.awslambda",
)


def test_importing_every_check_imports_no_engine() -> None:
    """They cost as much as boto3 does, and a run of bare targets needs none of them."""
    program = (
        "import sys; from netcheck.engine import plugins; assert not plugins.find().broken; "
        f"print([name for name in sys.modules if name.startswith({LATE!r})])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"

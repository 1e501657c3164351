"""`netcheck snapshot` as a separate process, against a local AWS API."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from netcheck.aws.ec2.snapshot import load
from tests.aws.accounts import MSK, account
from tests.servers.aws_endpoint import AwsEndpoint, clock_off, slow
from tests.servers.aws_world import World


@pytest.fixture
def aws() -> Any:
    with AwsEndpoint(World(account())) as endpoint:
        yield endpoint


def snapshot(aws: AwsEndpoint, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return subprocess.run(
        [sys.executable, "-m", "netcheck", "snapshot", *map(str, arguments)],
        env=kept | aws.environment() | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_vpc_and_connected_vpcs_are_saved(aws: AwsEndpoint, tmp_path: Path) -> None:
    done = snapshot(aws, "--output", tmp_path / "saved", "--vpc", MSK)
    assert (done.returncode, done.stderr) == (0, "")
    calls = len(aws.calls)
    assert done.stdout.startswith(f"{tmp_path / 'saved'}: 4 VPCs, {calls} calls, ")
    assert done.stdout.endswith("; nothing is missing\n")
    assert len(load(tmp_path / "saved").vpcs) == 4


def test_without_vpcs_the_whole_region_is_saved(aws: AwsEndpoint, tmp_path: Path) -> None:
    done = snapshot(aws, "--output", tmp_path, "--region", "us-east-2")
    assert done.returncode == 0, done.stderr
    assert ": 6 VPCs, " in done.stdout
    assert {call.region for call in aws.calls} == {"us-east-2"}


def test_gaps_are_named_and_the_exit_code_is_3(aws: AwsEndpoint, tmp_path: Path) -> None:
    aws.deny("ec2", "DescribeNetworkAcls")
    aws.deny("ec2", "DescribeTransitGatewayRouteTables")
    done = snapshot(aws, "--output", tmp_path, "--vpc", MSK)
    assert done.returncode == 3
    assert "; missing: NetworkAcls (ec2:DescribeNetworkAcls), TransitGateway" in done.stdout
    assert done.stdout.count("ec2:DescribeTransitGatewayRouteTables") == 1
    assert done.stdout.count("\n") == 1
    assert "  NetworkAcls: arn:aws:iam::111122223333:user/netcheck may not call" in done.stderr
    assert load(tmp_path).missing("NetworkAcls") is not None


def test_the_deadline_is_kept(aws: AwsEndpoint, tmp_path: Path) -> None:
    aws.fail("ec2", "DescribeVpnGateways", slow(60))
    done = snapshot(aws, "--output", tmp_path, "--deadline", "8")
    assert done.returncode == 3
    assert "VpnGateways" in done.stdout


def test_nothing_is_written_when_aws_cannot_be_asked(aws: AwsEndpoint, tmp_path: Path) -> None:
    aws.fail("ec2", "*", clock_off(minutes=60))
    done = snapshot(aws, "--output", tmp_path / "saved")
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("netcheck: this host's clock is 60 minutes behind AWS's")
    assert not (tmp_path / "saved").exists()


@pytest.mark.parametrize(
    ("sentence", "arguments", "variables", "words"),
    [
        ("no folder", [], {}, "--output"),
        ("a deadline that is none", ["--output", "x", "--deadline", "soon"], {}, "'soon' is not a number"),
        ("a deadline of nothing", ["--output", "x", "--deadline", "0"], {}, "'0' is not a number"),
        ("no such profile", ["--output", "x", "--profile", "night"], {}, "list-profiles"),
        ("a file in the way", ["--output", "/dev/null/x"], {}, "--output /dev/null/x"),
        ("no credentials", ["--output", "x"], {"AWS_ACCESS_KEY_ID": ""}, "AWS credentials"),
    ],
)
def test_wrong_usage_is_2(
    aws: AwsEndpoint, sentence: str, arguments: list[str], variables: dict[str, str], words: str
) -> None:
    done = snapshot(aws, *arguments, **variables)
    assert done.returncode == 2, sentence
    assert words in done.stderr
    assert "Traceback" not in done.stderr

"""Measure the collection of the AWS configuration: python -m bench.bench_collect [latency in ms]

Every response is delayed by the latency (default 50 ms, as for EC2 within a Region), so the time shows how
many calls are sequential.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from netcheck.aws.api.session import open_session
from netcheck.aws.ec2.collect import collect
from netcheck.aws.ec2.scope import Scope
from netcheck.core.context import Deadline
from tests.aws.accounts import MSK, account
from tests.servers.aws_endpoint import AwsEndpoint
from tests.servers.aws_world import World


def cases() -> Iterator[tuple[str, dict[str, Any], Scope]]:
    """Name, account and scope of each measurement."""
    for brokers in (3, 60):
        interfaces = frozenset(f"eni-broker-{n}" for n in range(brokers))
        yield f"{brokers} brokers, by their interfaces", account(brokers), Scope(interfaces=interfaces)
    yield "3 brokers, by the VPC", account(3), Scope(vpcs=frozenset({MSK}))
    yield "200 VPCs, 10,000 interfaces, one VPC asked for", large(), Scope(vpcs=frozenset({MSK}))
    yield "200 VPCs, 10,000 interfaces, the whole Region", large(), Scope()


def large() -> dict[str, Any]:
    """The account of the tests plus 200 VPCs with 50 interfaces each."""
    documents = account(3)
    names = [f"vpc-{n:03}" for n in range(200)]
    documents["Vpcs"] += [{"VpcId": name, "CidrBlock": "10.9.0.0/16"} for name in names]
    documents["Subnets"] += [{"SubnetId": f"subnet-{name}", "VpcId": name} for name in names]
    documents["NetworkInterfaces"] += [
        {"NetworkInterfaceId": f"eni-{name}-{n}", "VpcId": name, "PrivateIpAddress": f"10.9.0.{n + 4}"}
        for name in names
        for n in range(50)
    ]
    return documents


def main() -> None:
    """Print one line for each case."""
    latency = float(sys.argv[1]) / 1000 if len(sys.argv) > 1 else 0.05
    print(f"each response takes {latency * 1000:g} ms")
    for name, documents, scope in cases():
        with AwsEndpoint(World(documents), latency=latency) as aws:
            os.environ |= aws.environment()
            deadline = Deadline(120)
            session = open_session(deadline)
            started = time.perf_counter()
            collected = collect(session, scope, deadline)
            seconds = time.perf_counter() - started
        print(f"{name:<48} {collected.calls:>4} calls {seconds:6.2f} s {len(collected.gaps)} gaps")


if __name__ == "__main__":
    main()

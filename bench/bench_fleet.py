"""Measure a fleet: python -m bench.bench_fleet [connectors per VPC] [VPCs ...]

API calls, seconds and peak memory of `netcheck fleet` in its own process, against an account of the tests.
The call rate is not limited, so the seconds are netcheck's own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter

from tests.fleet.world import account, copied, names
from tests.servers.aws_endpoint import AwsEndpoint

PER_CONNECTOR = ("DescribeConnector", "ListConnectorOperations")


def main() -> int:
    each = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    vpcs = [int(word) for word in sys.argv[2:]] or [10, 42]
    print("connectors  VPCs  calls  per-connector calls  seconds  peak memory")
    for count in vpcs:
        measure(count, each)
    measure(vpcs[0], each * 2)
    return 0


def measure(vpcs: int, each: int) -> None:
    """One line of figures."""
    pipelines = [copied(number) for number in range(vpcs)]
    with AwsEndpoint(account(pipelines, each)) as aws:
        environment = os.environ | aws.environment() | {"AWS_EC2_METADATA_DISABLED": "true"}
        start = time.monotonic()
        ran = subprocess.run(
            [sys.executable, "-c", SHOW, "fleet", "--calls-a-second", "1000", "--format", "jsonl"],
            env=environment | {"BENCH_NAMES": repr(names(pipelines))},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        seconds = time.monotonic() - start
        calls = Counter(call.operation for call in aws.calls)
    lines = ran.stdout.splitlines()
    assert len(lines) == vpcs * each, ran.stderr[-2000:]
    own = sum(calls[name] for name in PER_CONNECTOR)
    memory = ran.stderr.strip().splitlines()[-1]
    print(f"{len(lines):10}  {vpcs:4}  {calls.total():5}  {own:19}  {seconds:7.1f}  {memory} MB", flush=True)


SHOW = """
import ast, os, resource, socket, sys
NAMES = ast.literal_eval(os.environ["BENCH_NAMES"])
plain = socket.getaddrinfo
def resolved(host, port, *args, **kw):
    if host not in NAMES:
        return plain(host, port, *args, **kw)
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port or 0)) for one in NAMES[host]]
socket.getaddrinfo = resolved
from netcheck.commands.main import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
sys.exit(code)
"""
"""Runs netcheck with the addresses of the account's names, and prints its peak memory."""

if __name__ == "__main__":
    sys.exit(main())

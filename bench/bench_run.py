"""Measure whole runs: python -m bench.bench_run

In an isolated network (tests/e2e/island.py) with three real brokers, a current ClickHouse and four endpoints
that respond like AWS:

- a healthy pipeline: the whole run against the slowest of its targets alone, interleaved. At loopback speed,
  where only CPU time counts, and with a round trip of 20 ms, as to another Region or to ClickHouse Cloud;
- 30 brokers that are silent;
- the memory of a run against 30 broker names that respond, and of one against 30 silent ones.

It needs what tools/fetch_servers.py installs, and Linux.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import Measured, measure, median, show
from tests.e2e import island
from tests.e2e.orders import BEHIND, BROKERS, CA, CLICKHOUSE, SCRAM_PORT, Orders
from tests.servers import peers
from tests.servers.peers import Peer

IN_ISLAND = "--in-island"
NETCHECK = str(Path(sys.executable).with_name("netcheck"))
ROUNDS = 7
ONE_WAY_MS = 10
MANY = 30
STEP_S = 5.0
SERVICES = {
    f"{name}.aws.example": f"10.0.5.{10 + n}" for n, name in enumerate(("sts", "glue", "logs", "kms"))
}
LOCAL = [*island.LOCAL, *SERVICES.values()]
REFUSAL = b'{"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}'
CLICKHOUSE_GIVEN = ["--clickhouse", f"https://sink@{CLICKHOUSE[0]}:8443/orders"]


@dataclass(frozen=True, slots=True)
class Ran:
    measured: Measured
    report: dict[str, Any]


def main() -> None:
    """Print the figures."""
    if IN_ISLAND in sys.argv:
        in_island()
        return
    if reason := island.missing():
        raise SystemExit(f"bench_run: {reason}")
    program = [sys.executable, "-m", "bench.bench_run", IN_ISLAND]
    ran = subprocess.run(island.command(program, local=LOCAL), cwd=island.ROOT, check=False)
    raise SystemExit(ran.returncode)


def in_island() -> None:
    silent_brokers()
    with pipeline() as orders:
        with relays(orders, 0):
            healthy_pipeline(orders, "at loopback speed")
        with relays(orders, ONE_WAY_MS):
            healthy_pipeline(orders, f"with a round trip of {2 * ONE_WAY_MS} ms")
            memory(orders)


@contextlib.contextmanager
def pipeline() -> Iterator[Orders]:
    """Orders with four more endpoints; servers listen on other addresses, so that relays can take theirs."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        orders = Orders(folder, brokers=MANY, behind=True, others=SERVICES)
        yield stack.enter_context(orders)


def aws_like(orders: Orders) -> Peer:
    leaf = orders.certificates.authority.issue(*SERVICES)
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": "0ea76c8c-1111"}
    return peers.http("400 Bad Request", REFUSAL, headers, leaf.server_context())


@contextlib.contextmanager
def relays(orders: Orders, one_way_ms: float) -> Iterator[None]:
    """Relay every address to the server behind it, with this delay."""
    with aws_like(orders) as services:
        pairs = [f"{at}:{SCRAM_PORT}>{BEHIND[at]}:{SCRAM_PORT}" for _, at in BROKERS.values()]
        pairs.append(f"{CLICKHOUSE[1]}:8443>{BEHIND[CLICKHOUSE[1]]}:8443")
        pairs += [f"{at}:443>{services.host}:{services.port}" for at in SERVICES.values()]
        command = [sys.executable, "-m", "bench.relay", str(one_way_ms), *pairs]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=island.ROOT, text=True) as relay:
            assert relay.stdout is not None and relay.stdout.readline() == "ready\n"
            try:
                yield
            finally:
                relay.kill()


def netcheck(folder: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> Ran:
    measured = measure([NETCHECK, "run", *arguments, "--format", "json"], cwd=folder, environment=environment)
    if not measured.output.startswith("{"):
        raise SystemExit(f"no report: {measured.output}")
    return Ran(measured, json.loads(measured.output))


def healthy_pipeline(orders: Orders, speed: str) -> None:
    services = [f"https://{name}" for name in SERVICES]
    bootstrap = [f"{name}:{SCRAM_PORT}" for name, _ in BROKERS.values()]
    trust = ["--ca", CA]
    # A single broker must not advertise the others, which would join the run.
    alone = {
        "one broker": ["--bootstrap", bootstrap[0], "--skip", "kafka.brokers"],
        "ClickHouse": CLICKHOUSE_GIVEN,
        "one AWS-like endpoint": ["--aws-service", services[0]],
    }
    whole = ["--bootstrap", *bootstrap, *CLICKHOUSE_GIVEN, "--aws-service", *services]
    ran: dict[str, list[Ran]] = {name: [] for name in (*alone, "whole")}
    for _ in range(ROUNDS):
        for name, arguments in {**alone, "whole": whole}.items():
            ran[name].append(netcheck(orders.folder, [*arguments, *trust], orders.environment))
    for one in (each for runs in ran.values() for each in runs):
        assert one.measured.code == 0, one.measured.output
    print(f"\nhealthy pipeline, {len(bootstrap)} brokers, ClickHouse, {len(services)} AWS-like, {speed}")
    report_path(ran)


def report_path(ran: Mapping[str, list[Ran]]) -> None:
    in_run = {name: median([one.report["seconds"] for one in runs]) for name, runs in ran.items()}
    process = {name: median([one.measured.seconds for one in runs]) for name, runs in ran.items()}
    spent = {name: median([one.measured.cpu_s for one in runs]) for name, runs in ran.items()}
    for name in ran:
        show(f"  {name}: the run", in_run[name] * 1000, " ms")
        show(f"  {name}: the process", process[name] * 1000, " ms")
        show(f"  {name}: CPU time", spent[name] * 1000, " ms")
    slowest_targets = [slowest_target(one) for one in ran["whole"]]
    ratio = median(
        [one.report["seconds"] / seconds for one, seconds in zip(ran["whole"], slowest_targets, strict=True)]
    )
    show("  the run / its own slowest target's checks", ratio, " x", 1.3)
    slowest = max((name for name in in_run if name != "whole"), key=lambda name: in_run[name])
    show(f"  whole run / {slowest} alone", in_run["whole"] / in_run[slowest], " x", 1.3)
    show(f"  whole process / {slowest} alone", process["whole"] / process[slowest], " x", 1.3)


def slowest_target(ran: Ran) -> float:
    """Seconds until the last check of the slowest target had its result; all checks start at once."""
    return float(max(result["seconds"] for result in ran.report["results"] if result["target"] != "pipeline"))


def silent_brokers() -> None:
    """30 addresses that drop packets."""
    bootstrap = ",".join(f"10.0.9.{number}:9094" for number in range(1, MANY + 1))
    with tempfile.TemporaryDirectory() as folder:
        runs = [
            netcheck(
                Path(folder), ["--bootstrap", bootstrap, "--timeout", str(STEP_S)], Orders.clean_environment()
            )
            for _ in range(3)
        ]
    print(f"{MANY} silent brokers, --timeout {STEP_S:g}")
    causes = Counter(r["cause"] for r in runs[0].report["results"] if r["check"] == "tcp.connects")
    print(f"  results of tcp.connects: {dict(causes)}")
    show("  the run", median([one.report["seconds"] for one in runs]), " s", STEP_S + 0.5)
    show("  the process", median([one.measured.seconds for one in runs]), " s", STEP_S + 0.5)
    show("  peak memory", max(one.measured.peak_mb for one in runs), " MB", 120)


def memory(orders: Orders) -> None:
    """30 broker names, all of which respond, with TLS and a login each."""
    bootstrap = ",".join(f"{name}:{SCRAM_PORT}" for name in orders.names)
    given = ["--bootstrap", bootstrap, *CLICKHOUSE_GIVEN, "--ca", CA]
    runs = [netcheck(orders.folder, given, orders.environment) for _ in range(3)]
    assert {one.measured.code for one in runs} == {0}, runs[0].measured.output
    passed = runs[0].report["summary"]["pass"]
    print(f"\n{len(orders.names)} brokers that respond, and ClickHouse: {passed} results passed")
    show("  the run", median([one.report["seconds"] for one in runs]), " s")
    show("  CPU time", median([one.measured.cpu_s for one in runs]), " s")
    show("  peak memory", max(one.measured.peak_mb for one in runs), " MB", 120)


if __name__ == "__main__":
    main()

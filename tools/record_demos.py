"""Records the runs that `netcheck demo` replays: the real command against real servers, in an isolated
network and, where the AWS configuration matters, in the lab of the fault matrix.

    python tools/record_demos.py                    # writes netcheck/demo/*.json.gz
    python tools/record_demos.py --output DIR

No recording is edited by hand. Two runs of this program differ only in times, certificates and versions. It
needs Linux namespaces, Java, Kafka's jars and chdb (tools/fetch_servers.py --require).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a file, sys.path has this folder only, not the root

if TYPE_CHECKING:
    from tests.e2e.orders import Orders

ON_THE_ISLAND = "--on-the-island"
PATIENCE_S = 60.0
NETCHECK = str(Path(sys.executable).with_name("netcheck"))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Record the runs that netcheck demo replays.")
    parser.add_argument("--output", type=Path, default=ROOT / "netcheck" / "demo", metavar="DIR")
    parser.add_argument(ON_THE_ISLAND, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    output = options.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    if options.on_the_island:
        record_all(output)
        return 0
    return _on_an_island(output) or _in_the_lab(output)


def _in_the_lab(output: Path) -> int:
    """Record one row of the fault matrix: the AWS configuration, the network made from it, and servers."""
    from tests.lab.faults.rows import matrix
    from tests.lab.faults.stage import Stage, job
    from tests.lab.kernel import LabBroken

    row, path = matrix()["S01-port"], output / "security-group.json.gz"
    try:
        with Stage(labs=1) as stage:
            arguments = ("--timeout", "3", "--record", str(path))
            stage.send(job(row.id, row.data, *arguments, command=True))
            ran = stage.receive()
    except LabBroken as broken:
        print(f"record_demos: {broken}", file=sys.stderr)
        return 1
    if ran.code != 1 or ran.broken:
        print(f"{path.name}: exit code {ran.code}\n{ran.broken}{ran.errors}", file=sys.stderr)
        return 1
    print(f"{path.name}: {ran.report['root_causes'][0]['title']}", flush=True)
    return 0


def _on_an_island(output: Path) -> int:
    from tests.e2e import island

    if reason := island.missing():
        print(f"record_demos: {reason}", file=sys.stderr)
        return 1
    program = [sys.executable, str(Path(__file__).resolve()), ON_THE_ISLAND, "--output", str(output)]
    return subprocess.run(island.command(program), cwd=ROOT, check=False).returncode


def record_all(output: Path) -> None:
    """Record every demo. Raises SystemExit if a run does not end as its name says."""
    from tests.e2e.orders import Orders

    with tempfile.TemporaryDirectory(prefix="orders-") as folder, Orders(Path(folder)) as orders:
        _record(orders, output / "healthy.json.gz", 0, orders.arguments, orders.environment)
        wrong = orders.environment | {"NETCHECK_CLICKHOUSE_PASSWORD": "a-password-of-last-year"}
        _record(orders, output / "wrong-password.json.gz", 1, orders.arguments, wrong)
        given = [*orders.arguments_for(1, 2), "--timeout", "3"]
        with orders.cut_off(3):
            _record(orders, output / "unreachable-broker.json.gz", 1, given, orders.environment)
    with tempfile.TemporaryDirectory(prefix="orders-") as folder, Orders(Path(folder), expired=2) as orders:
        _record(orders, output / "expired-certificate.json.gz", 1, orders.arguments, orders.environment)


def _record(
    orders: Orders, path: Path, exit_code: int, arguments: Sequence[str], environment: Mapping[str, str]
) -> None:
    command = [NETCHECK, "run", *arguments, "--record", str(path)]
    ran = subprocess.run(
        command,
        cwd=orders.folder,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if ran.returncode != exit_code:
        raise SystemExit(f"{path.name}: exit code {ran.returncode}\n{ran.stdout}{ran.stderr}")
    print(f"{path.name}: {ran.stdout.splitlines()[0]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""Measure the start-up: python -m bench.bench_start

`netcheck --version` against an empty Python start, interleaved, and which of the large libraries a run
imports for each kind of target.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.measure import measure, median, show
from tests.servers import peers

ROUNDS = 25
LIMIT = 3.0
NETCHECK = str(Path(sys.executable).with_name("netcheck"))
LIBRARIES = ("boto3", "botocore", "kafka", "clickhouse_connect", "cryptography", "dns", "yaml", "tabulate")
REPORT = """
import contextlib, io, json, sys
from netcheck.commands.main import main
with contextlib.redirect_stdout(io.StringIO()):
    main(sys.argv[1:])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def imported(*arguments: str) -> set[str]:
    """The packages that `netcheck` imports with these arguments."""
    ran = measure([sys.executable, "-c", REPORT, *arguments])
    return set(json.loads(ran.output.splitlines()[-1]))


def runs(port: int) -> dict[str, tuple[str, ...]]:
    """A run for each kind of target, against a port that responds."""
    here = f"127.0.0.1:{port}"
    return {
        "kafka": ("--bootstrap", here, "--security-protocol", "PLAINTEXT"),
        "clickhouse-https": ("--clickhouse", f"http://{here}"),
        "clickhouse-native": ("--clickhouse-native", here),
        "aws-service (a URL)": ("--aws-service", f"http://{here}"),
        "aws-service (a name)": ("--aws-service", "sts", "--region", "eu-west-1", "--skip", "*"),
    }


def version() -> None:
    empty, ours = [], []
    for _ in range(ROUNDS):
        empty.append(measure([sys.executable, "-c", "pass"]).seconds)
        ours.append(measure([NETCHECK, "--version"]).seconds)
    show(f"python -c pass, median of {ROUNDS}", median(empty) * 1000, " ms")
    show(f"netcheck --version, median of {ROUNDS}", median(ours) * 1000, " ms")
    show("netcheck --version / python -c pass", median(ours) / median(empty), " x", LIMIT)


def main() -> None:
    """Print the figures."""
    version()
    libraries = set(LIBRARIES)
    print(f"{'netcheck --version imports':<32} {shown(imported_by_version() & libraries)}")
    with peers.http() as peer:
        for kind, arguments in runs(peer.port).items():
            found = imported("run", *arguments, "--timeout", "1", "--deadline", "3")
            print(f"{'netcheck run, ' + kind:<32} imports {shown(found & libraries)}")


def imported_by_version() -> set[str]:
    start = "from netcheck.commands.main import main; main(['--version'])"
    code = f"import sys\ntry:\n    {start}\nexcept SystemExit: pass\n"
    ran = measure([sys.executable, "-c", code + "print(*sys.modules)"])
    return {name.partition(".")[0] for name in ran.output.split()}


def shown(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none of " + ", ".join(LIBRARIES)


if __name__ == "__main__":
    main()

"""python -m bench [NAME ...]: run every bench_NAME.py of this folder, or those named; print their figures.

Each runs in its own process, so that none affects another. The exit code is 1 if one of them fails; a figure
that misses its goal is marked and is not a failure.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main() -> int:
    names = sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Run benchmarks and print their figures."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which of {', '.join(names)} (default: all)"
    )
    selected = parser.parse_args().names or names
    if unknown := sorted(set(selected) - set(names)):
        parser.error(f"unknown benchmark {', '.join(unknown)}; choose from {', '.join(names)}")
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    failed = False
    for name in selected:
        print(f"\n== {name}", flush=True)
        ran = subprocess.run([sys.executable, "-m", f"bench.bench_{name}"], cwd=FOLDER.parent, check=False)
        failed |= ran.returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

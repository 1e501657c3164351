"""python -m bench [NAME ...]: run every bench_NAME.py of this folder, or those named; print their figures.

Each runs in a process of its own, so that none measures what another has left behind. The exit code is 1
where one of them fails; a figure that is worse than its aim is printed as such and is no failure.
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
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, and print the figures.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which of {', '.join(names)} (default: all)"
    )
    wanted = parser.parse_args().names or names
    if unknown := sorted(set(wanted) - set(names)):
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(names)}")
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    failed = False
    for name in wanted:
        print(f"\n== {name}", flush=True)
        ran = subprocess.run([sys.executable, "-m", f"bench.bench_{name}"], cwd=FOLDER.parent, check=False)
        failed |= ran.returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

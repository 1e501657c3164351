"""The fault matrix from the command line.

python -m tests.lab.faults                  every row; each again when mended; the healthy one 100 times
python -m tests.lab.faults 'S*' H01 -v      some rows, and what netcheck said of each
"""

from __future__ import annotations

import argparse
import sys
import time
from fnmatch import fnmatchcase

from tests.lab.faults import judge
from tests.lab.faults.rows import Row, matrix, shapes
from tests.lab.faults.stage import Ran, Stage, job


def main() -> int:
    given = arguments()
    rows = [row for row in matrix().values() if any(fnmatchcase(row.id, glob) for glob in given.rows)]
    began = time.monotonic()
    with Stage(given.labs) as stage:
        print(f"{len(rows)} rows; the servers took {time.monotonic() - began:.1f} s to start", flush=True)
        began, wrong = time.monotonic(), 0
        by_id = {row.id: row for row in rows}
        healthy = {name: {"like": name} for name in shapes()} | {"healthy": {}}
        jobs = [job(row.id, row.data) for row in rows]
        jobs += [job(name, data) for _ in range(given.repeats) for name, data in healthy.items()]
        for ran in stage.run(jobs):
            wrong += not shown(by_id.get(ran.name), ran, given.verbose)
    print(f"{len(jobs) - wrong} of {len(jobs)} runs right in {time.monotonic() - began:.1f} s")
    return 1 if wrong else 0


def shown(row: Row | None, ran: Ran, verbose: bool) -> bool:
    """Print a run; True where all is as it has to be."""
    if ran.broken:
        against = [f"the lab broke: {ran.broken}", ran.errors]
    else:
        against = (
            judge.against(row, ran.code, ran.report) if row else judge.against_health(ran.code, ran.report)
        )
    print(f"{'ok   ' if not against else 'WRONG'} {row or ran.name} ({ran.seconds:.1f} s)", flush=True)
    for line in against:
        print(f"      - {line}")
    if ran.report and (verbose or against):
        for root in ran.report["root_causes"]:
            proved = ", proved" if root["fix_proved"] else ""
            print(f"      = {judge.root_line(root)} (explains {len(root['explains'])}{proved})")
            if verbose:
                for fix in root["fix"]:
                    print(f"          {fix['kind']}: {fix['text']}")
    return not against


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.faults", description=__doc__)
    parser.add_argument("rows", nargs="*", default=["*"], help="ids or globs of rows")
    parser.add_argument("--labs", type=int, default=4, help="so many rows side by side")
    parser.add_argument("--repeats", type=int, default=0, help="so often the healthy pipelines")
    parser.add_argument("-v", "--verbose", action="store_true", help="every root cause and fix")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""The fault matrix from the command line.

python -m tests.lab.faults                  every row, and again when mended; the healthy ones, too
python -m tests.lab.faults 'S*' H01 -v      some rows, and what netcheck said of each
python -m tests.lab.faults --all            everything, the healthy pipelines a hundred times
python -m tests.lab.faults --write          keep what netcheck says, for docs/faults.md
"""

from __future__ import annotations

import argparse
import sys
import time
from fnmatch import fnmatchcase

from tests.lab.faults import judge, plays, said
from tests.lab.faults.plays import Play
from tests.lab.faults.rows import matrix, shapes
from tests.lab.faults.stage import Ran, Stage

REPEATS = 100


def main() -> int:
    given = arguments()
    rows = [row for row in matrix().values() if any(fnmatchcase(row.id, glob) for glob in given.rows)]
    wanted = [plays.fault(row, command=given.all) for row in rows]
    wanted += [Play(name, data={"like": name}) for name in shapes()] if given.rows == ["*"] else []
    wanted += [Play("as most have it", data={})] * (REPEATS if given.all else given.repeats)
    patience = ("--timeout", f"{given.timeout:g}", "--deadline", "90")
    began, runs, wrong, kept = time.monotonic(), 0, 0, said.read()
    with Stage(given.labs) as stage:
        print(f"the servers took {time.monotonic() - began:.1f} s to start", flush=True)
        began = time.monotonic()
        for play, ran in plays.run(stage, wanted, patience, reverse=given.all or given.reverse):
            runs += 1
            wrong += not told(play, ran, given.verbose)
            if play.row and not play.after and ran.report:
                kept[play.row.id] = said.of(play.row, ran.report)
    print(f"{runs - wrong} of {runs} runs right in {time.monotonic() - began:.1f} s")
    if given.write:
        said.write(kept)
    return 1 if wrong else 0


def told(play: Play, ran: Ran, verbose: bool) -> bool:
    """Print a run; True where all is as it has to be."""
    wrong = plays.against(play, ran)
    print(f"{'WRONG' if wrong else 'ok   '} {play} ({ran.seconds:.1f} s)", flush=True)
    for line in wrong:
        print(f"      - {line}")
    if not ran.report or not (verbose or wrong):
        return not wrong
    for root in ran.report["root_causes"]:
        proved = ", proved" if root["fix_proved"] else ""
        print(f"      = {judge.root_line(root)} (explains {len(root['explains'])}{proved})")
        for fix in root["fix"] if verbose else ():
            print(f"          {fix['kind']}: {fix['text']}")
    for one in ran.report["results"] if verbose else ():
        if one["status"] in ("warn", "unknown"):
            print(f"      ? {one['status']} {one['key']} {one['cause']}: {one['summary']}")
    return not wrong


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rows", nargs="*", default=["*"], help="ids or globs of rows")
    parser.add_argument(
        "--all",
        action="store_true",
        help=f"every fault taken back, too; the healthy pipeline {REPEATS} times; the installed command",
    )
    parser.add_argument("--labs", type=int, default=4, help="so many rows side by side")
    parser.add_argument("--repeats", type=int, default=1, help="so often the healthy pipeline")
    parser.add_argument("--timeout", type=float, default=5.0, help="netcheck's --timeout")
    parser.add_argument("--reverse", action="store_true", help="run every row without its fault, too")
    parser.add_argument("--write", action="store_true", help="keep what netcheck says, for docs/faults.md")
    parser.add_argument("-v", "--verbose", action="store_true", help="every root cause and fix")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

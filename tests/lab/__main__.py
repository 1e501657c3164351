"""The engine against the kernel, from the command line.

``python -m tests.lab SEED`` shows one topology's differences, ``--topologies 500`` runs many, ``--sets`` asks
about whole subnets instead of single flows, ``--repairs`` fixes blocked flows and tries them again.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from tests.lab import sandbox
from tests.lab.compare import Tally, compare_seed
from tests.lab.repairs import RepairTally, compare_repairs
from tests.lab.sandbox import Sandbox
from tests.lab.sets import SetTally, compare_sets
from tests.lab.topology import generate

T = TypeVar("T")


def in_sandboxes(ask: Callable[[Sandbox, int], T], seeds: list[int], workers: int) -> list[T]:
    """Ask about each seed, each worker with a sandbox of its own."""
    held, lock, opened = threading.local(), threading.Lock(), list[Sandbox]()

    def one(seed: int) -> T:
        if not hasattr(held, "sandbox"):
            held.sandbox = Sandbox()
            with lock:
                opened.append(held.sandbox)
        return ask(held.sandbox, seed)

    try:
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(one, seeds))
    finally:
        for each in opened:
            each.close()


def run(seeds: list[int], workers: int) -> Tally:
    """Compare single flows of all seeds."""
    total = Tally()
    for tally in in_sandboxes(compare_seed, seeds, workers):
        total.add(tally)
    return total


def run_sets(seeds: list[int], workers: int) -> SetTally:
    """Compare subnet questions of all seeds."""
    total = SetTally()
    for tally in in_sandboxes(compare_sets, seeds, workers):
        total.add(tally)
    return total


def run_repairs(seeds: list[int], workers: int) -> RepairTally:
    """Mend some of the blocked flows of all seeds."""
    total = RepairTally()
    for tally in in_sandboxes(compare_repairs, seeds, workers):
        total.add(tally)
    return total


def save(seed: int, folder: Path) -> None:
    """Write the topology as a snapshot folder, for ``netcheck path --snapshot``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in generate(seed).cloud.documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int, help="topologies to compare, by seed")
    parser.add_argument("--topologies", type=int, default=0, metavar="N", help="compare N topologies")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="where --topologies begins")
    parser.add_argument("--sets", action="store_true", help="ask about whole subnets")
    parser.add_argument("--repairs", action="store_true", help="fix blocked flows and try them again")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--save", type=Path, metavar="DIR", help="write the first topology as a snapshot too")
    given = parser.parse_args()
    given.seeds += range(given.first, given.first + given.topologies)
    if not given.seeds:
        parser.error("give a seed, or --topologies N")
    return given


def main() -> int:
    given = arguments()
    why = sandbox.missing()
    if why:
        print(why, file=sys.stderr)
        return 2
    if given.save:
        save(given.seeds[0], given.save)
    started = time.monotonic()
    ask = run_repairs if given.repairs else run_sets if given.sets else run
    tally: Tally | SetTally | RepairTally = ask(given.seeds, given.workers)
    for difference in tally.differences[:40]:
        print(difference)
    print(f"{tally} in {time.monotonic() - started:.1f} s")
    if isinstance(tally, Tally):
        for what, count in tally.kernel.most_common():
            print(f"  {count:7} {what}")
    return 1 if tally.differences else 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.lab SEED`` shows one topology's differences; ``--topologies 500`` runs many."""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab import sandbox
from tests.lab.compare import Tally, compare_seed
from tests.lab.sandbox import Sandbox
from tests.lab.topology import generate


def run(seeds: list[int], workers: int) -> Tally:
    """Compare all seeds, each worker with a sandbox of its own."""
    total, lock, held = Tally(), threading.Lock(), threading.local()
    opened: list[Sandbox] = []

    def one(seed: int) -> None:
        if not hasattr(held, "sandbox"):
            held.sandbox = Sandbox()
            with lock:
                opened.append(held.sandbox)
        tally = compare_seed(held.sandbox, seed)
        with lock:
            total.add(tally)

    try:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(one, seeds))
    finally:
        for each in opened:
            each.close()
    return total


def save(seed: int, folder: Path) -> None:
    """Write the topology as a snapshot folder, for ``netcheck path --snapshot``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in generate(seed).cloud.documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int, help="topologies to compare, by seed")
    parser.add_argument("--topologies", type=int, metavar="N", help="compare N topologies")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="where --topologies begins")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--save", type=Path, metavar="DIR", help="also write the (one) topology as a snapshot")
    arguments = parser.parse_args()
    why = sandbox.missing()
    if why:
        print(why, file=sys.stderr)
        return 2
    seeds = arguments.seeds + list(range(arguments.first, arguments.first + (arguments.topologies or 0)))
    if not seeds:
        parser.error("give a seed, or --topologies N")
    if arguments.save:
        save(seeds[0], arguments.save)
    started = time.monotonic()
    tally = run(seeds, arguments.workers)
    for difference in tally.differences[:40]:
        print(difference)
    print(f"{tally} in {time.monotonic() - started:.1f} s")
    for what, count in tally.kernel.most_common():
        print(f"  {count:7} {what}")
    return 1 if tally.differences else 0


if __name__ == "__main__":
    sys.exit(main())

"""Prints how much of each room the tests of `make coverage` have run, by lines and by branches."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coverage import Coverage
from tabulate import tabulate

HEADERS = ("room", "lines", "run", "branches", "taken")


def room_of(file: str) -> str:
    """The folder of netcheck/ that a file is in, or `checks`."""
    parts = Path(file).parts
    return parts[1] if parts[0] == "netcheck" and len(parts) > 2 else parts[0]


def rows(files: dict[str, Any]) -> Iterator[tuple[str, int, str, int, str]]:
    """One row for each room, and one for all of them."""
    rooms: dict[str, Counter[str]] = {}
    for file, measured in files.items():
        for room in (room_of(file), "all"):
            rooms.setdefault(room, Counter()).update(
                {name: count for name, count in measured["summary"].items() if isinstance(count, int)}
            )
    for room in (*sorted(rooms.keys() - {"all"}), "all"):
        found = rooms[room]
        lines, branches = found["num_statements"], found["num_branches"]
        yield (
            room,
            lines,
            _share(found["covered_lines"], lines),
            branches,
            _share(found["covered_branches"], branches),
        )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else ""


def main() -> None:
    measured = Coverage()
    measured.load()
    with tempfile.NamedTemporaryFile("r", suffix=".json") as report:
        measured.json_report(outfile=report.name)
        files = json.load(report)["files"]
    print(tabulate(rows(files), HEADERS, colalign=("left", *["right"] * 4)))


if __name__ == "__main__":
    main()

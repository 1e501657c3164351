"""The counts of a watch: in how many runs each result was good, and how often that changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_RESULTS = 10_000
"""A peer that advertises new names on every run must not fill the memory."""
GOOD = ("pass", "warn")


@dataclass(slots=True)
class Count:
    """Of one result: runs in which it was known, runs in which it was good, and changes between the two."""

    known: int = 0
    good: int = 0
    flaps: int = 0
    was_good: bool | None = None

    @property
    def uptime(self) -> float:
        """The share of good runs among those in which the result was known, from 0 to 1."""
        return self.good / self.known if self.known else 0.0


@dataclass(slots=True)
class Tally:
    """All counts. `uncounted` results came after `MAX_RESULTS` others."""

    runs: int = 0
    failed_runs: int = 0
    late_runs: int = 0
    uncounted: int = 0
    counts: dict[str, Count] = field(default_factory=dict)

    def add(self, report: Mapping[str, Any]) -> None:
        """Count one run. Unknown and skipped results say nothing about their target."""
        self.runs += 1
        for result in report["results"]:
            status = result["status"]
            if status not in (*GOOD, "fail"):
                continue
            if result["key"] not in self.counts and len(self.counts) >= MAX_RESULTS:
                self.uncounted += 1
                continue
            count, good = self.counts.setdefault(result["key"], Count()), status in GOOD
            count.known += 1
            count.good += good
            count.flaps += count.was_good is not None and count.was_good != good
            count.was_good = good

    def changed(self) -> dict[str, Count]:
        """The results that changed at least once, most frequent first."""
        found = {key: count for key, count in self.counts.items() if count.flaps}
        return dict(sorted(found.items(), key=lambda pair: (-pair[1].flaps, pair[1].uptime, pair[0])))

"""What a watch prints: timestamped lines, or JSON lines (schema netcheck.watch/1), one event per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from netcheck.compare import render
from netcheck.compare.change import Change, Diff
from netcheck.core.model import Json, Report, Status
from netcheck.report.short import headline
from netcheck.report.style import Style, printable
from netcheck.watch.tally import Tally

SCHEMA = "netcheck.watch/1"


@dataclass(frozen=True, slots=True)
class EventWriter:
    """Writes events to a stream as they happen. `quiet`: only changes of root causes."""

    out: TextIO
    style: Style
    as_json: bool
    quiet: bool = False

    def first(self, report: Report, document: dict[str, Json]) -> None:
        """A summary of the first run."""
        if self.as_json:
            summary = {name: document[name] for name in ("vantage", "pipeline", "summary", "root_causes")}
            self._event("first", report.started, 1, summary)
            return
        self._line(report.started, headline(report, self.style))
        for cause in report.root_causes:
            text = f"{printable(cause.title)} ({cause.code} at {printable(cause.component)})"
            self._line(report.started, f"{self.style.mark(Status.FAIL)} {text}")

    def changed(self, time: str, run: int, diff: Diff) -> None:
        """The changes since the previous run or the baseline; prints nothing if there are none."""
        if self.as_json:
            for name, event in _json_events(diff):
                self._event(name, time, run, event)
            return
        for line in self._changed_lines(diff):
            self._line(time, line if self.style.unicode else line.replace("→", "->"))

    def late(self, time: str, run: int, seconds: float, interval: float) -> None:
        """A run took longer than the interval."""
        if self.as_json:
            self._event("late", time, run, {"seconds": round(seconds, 3), "interval": interval})
            return
        text = (
            f"run {run} took {seconds:.1f} s, longer than --watch {interval:g}: the next run starts at once"
        )
        self._line(time, f"{self.style.mark(Status.WARN)} {text}")

    def failed(self, time: str, run: int, reason: str) -> None:
        """A run ended without a report."""
        if self.as_json:
            self._event("failed", time, run, {"reason": reason})
            return
        self._line(time, f"{self.style.mark(Status.UNKNOWN)} run {run} failed to start: {reason}")

    def ended(self, time: str, tally: Tally, seconds: float, exit_code: int) -> None:
        """The summary of all runs."""
        if self.as_json:
            self._event("ended", time, tally.runs, _summary(tally, seconds, exit_code))
            return
        extra = [
            *([f"{tally.failed_runs} failed to start"] if tally.failed_runs else []),
            *([f"{tally.late_runs} longer than the interval"] if tally.late_runs else []),
        ]
        runs = f"{tally.runs} run{'' if tally.runs == 1 else 's'}"
        self._line(time, f"ended after {', '.join([f'{runs} in {seconds:.0f} s', *extra])}")
        changed = tally.changed()
        for key, count in changed.items():
            flaps = f"{count.flaps} flap{'' if count.flaps == 1 else 's'}"
            share = f"good in {count.good} of {count.known} runs ({100 * count.uptime:.1f} %)"
            self._line(time, f"{printable(key)}: {share}, {flaps}")
        if tally.runs and not changed:
            self._line(time, "no result changed between good and failing")

    def _line(self, time: str, text: str) -> None:
        self.out.write(f"{self.style.dim(time)}  {text}\n")
        self.out.flush()

    def _event(self, name: str, time: str, run: int, more: dict[str, Json]) -> None:
        event = {"schema": SCHEMA, "event": name, "time": time, "run": run, **more}
        self.out.write(json.dumps(event, ensure_ascii=False) + "\n")
        self.out.flush()

    def _changed_lines(self, diff: Diff) -> Iterator[str]:
        numbers = {id(cause): number for number, cause in enumerate(diff.appeared, 1)}
        for cause in diff.causes:
            mark = self.style.mark(render.CAUSE_MARKS[cause.transition])
            label = self.style.bold(render.CAUSE_LABELS[cause.transition])
            yield f"{mark} {label}: {printable(cause.title)} ({cause.code} at {printable(cause.component)})"
            for change in diff.changes:
                if numbers.get(id(cause)) in change.explains:
                    yield f"  {'because' if change.proved else 'perhaps'} {_change_line(change)}"
        if self.quiet:
            return
        yield from (f"~ {_change_line(change)}" for change in diff.changes if not change.explains)
        for result in diff.results:
            if not result.folded:
                mark = self.style.mark(render.MARKS[result.transition])
                yield f"{mark} {printable(render.line(result))}"
        if folded := sum(result.folded for result in diff.results):
            yield f"  {render.consequences(folded)}"
        yield from (f"+ {printable(target)}: new target" for target in diff.new_targets)
        yield from (f"- {printable(target)}: no longer a target" for target in diff.gone_targets)


def _change_line(change: Change) -> str:
    return printable(f"{change.component}: {change.text}")


def _json_events(diff: Diff) -> Iterator[tuple[str, dict[str, Json]]]:
    document = render.document(diff)
    for name, key in (("root_cause", "root_causes"), ("configuration", "changes"), ("result", "results")):
        listed = document[key]
        assert isinstance(listed, list)
        yield from ((name, each) for each in listed if isinstance(each, dict))
    for target in diff.new_targets:
        yield "target", {"change": "added", "target": target}
    for target in diff.gone_targets:
        yield "target", {"change": "removed", "target": target}


def _summary(tally: Tally, seconds: float, exit_code: int) -> dict[str, Json]:
    return {
        "runs": tally.runs,
        "failed_runs": tally.failed_runs,
        "late_runs": tally.late_runs,
        "seconds": round(seconds, 3),
        "exit_code": exit_code,
        "uncounted": tally.uncounted,
        "changed": [
            {
                "key": key,
                "known": count.known,
                "good": count.good,
                "uptime": round(count.uptime, 4),
                "flaps": count.flaps,
            }
            for key, count in tally.changed().items()
        ],
    }

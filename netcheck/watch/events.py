"""What a watch prints: lines with a time, or JSON lines (schema netcheck.watch/1), one event a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from netcheck.compare import render
from netcheck.compare.change import Change, Comparison
from netcheck.core.model import Json, Report, Status
from netcheck.report.short import headline
from netcheck.report.style import Style, printable
from netcheck.watch.tally import Tally

SCHEMA = "netcheck.watch/1"


@dataclass(frozen=True, slots=True)
class EventWriter:
    """Writes events to a stream as they come. `quiet`: of the changes, root causes only."""

    out: TextIO
    style: Style
    as_json: bool
    quiet: bool = False

    def first(self, report: Report, told: dict[str, Json]) -> None:
        """The first run, in short."""
        if self.as_json:
            kept = {name: told[name] for name in ("vantage", "pipeline", "summary", "root_causes")}
            self._event("first", report.started, 1, kept)
            return
        self._line(report.started, headline(report, self.style))
        for cause in report.root_causes:
            text = f"{printable(cause.title)} ({cause.code} at {printable(cause.component)})"
            self._line(report.started, f"{self.style.mark(Status.FAIL)} {text}")

    def changed(self, time: str, run: int, made: Comparison) -> None:
        """What changed since the run before, or since the baseline; nothing where nothing did."""
        if self.as_json:
            for name, event in _json_events(made):
                self._event(name, time, run, event)
            return
        for line in self._changed_lines(made):
            self._line(time, line if self.style.unicode else line.replace("→", "->"))

    def late(self, time: str, run: int, seconds: float, interval: float) -> None:
        """A run took longer than from one start to the next."""
        if self.as_json:
            self._event("late", time, run, {"seconds": round(seconds, 3), "interval": interval})
            return
        text = f"run {run} took {seconds:.1f} s, longer than --watch {interval:g}: the next begins at once"
        self._line(time, f"{self.style.mark(Status.WARN)} {text}")

    def failed(self, time: str, run: int, reason: str) -> None:
        """A run that came to no report."""
        if self.as_json:
            self._event("failed", time, run, {"reason": reason})
            return
        self._line(time, f"{self.style.mark(Status.UNKNOWN)} run {run} could not be done: {reason}")

    def ended(self, time: str, tally: Tally, seconds: float, exit_code: int) -> None:
        """The summary."""
        if self.as_json:
            self._event("ended", time, tally.runs, _summary(tally, seconds, exit_code))
            return
        extra = [
            *([f"{tally.failed_runs} could not be done"] if tally.failed_runs else []),
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
            self._line(time, "nothing turned between good and failing")

    def _line(self, time: str, text: str) -> None:
        self.out.write(f"{self.style.dim(time)}  {text}\n")
        self.out.flush()

    def _event(self, name: str, time: str, run: int, more: dict[str, Json]) -> None:
        told = {"schema": SCHEMA, "event": name, "time": time, "run": run, **more}
        self.out.write(json.dumps(told, ensure_ascii=False) + "\n")
        self.out.flush()

    def _changed_lines(self, made: Comparison) -> Iterator[str]:
        numbers = {id(cause): number for number, cause in enumerate(made.appeared, 1)}
        for cause in made.causes:
            mark = self.style.mark(render.FATE_MARKS[cause.fate])
            where = f"({cause.code} at {printable(cause.component)})"
            yield f"{mark} {self.style.bold(render.FATES[cause.fate])}: {printable(cause.title)} {where}"
            for change in made.changes:
                if numbers.get(id(cause)) in change.explains:
                    yield f"  {'because' if change.proved else 'perhaps'} {_of(change)}"
        if self.quiet:
            return
        yield from (f"~ {_of(change)}" for change in made.changes if not change.explains)
        for each in made.results:
            if not each.folded:
                yield f"{self.style.mark(render.MARKS[each.turn])} {printable(render.told(each))}"
        folded = sum(each.folded for each in made.results)
        if folded:
            yield f"  and {folded} which follow{'s' if folded == 1 else ''} from what failed"
        yield from (f"+ {printable(target)}: a new target" for target in made.new_targets)
        yield from (f"- {printable(target)}: not a target any more" for target in made.gone_targets)


def _of(change: Change) -> str:
    return printable(f"{change.component}: {change.text}")


def _json_events(made: Comparison) -> Iterator[tuple[str, dict[str, Json]]]:
    told = render.document(made)
    for name, key in (("root_cause", "root_causes"), ("configuration", "changes"), ("result", "results")):
        listed = told[key]
        assert isinstance(listed, list)
        yield from ((name, each) for each in listed if isinstance(each, dict))
    for each in made.new_targets:
        yield "target", {"change": "added", "target": each}
    for each in made.gone_targets:
        yield "target", {"change": "removed", "target": each}


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

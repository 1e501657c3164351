"""Runs from start to start until a signal ends it; of each run only what changed is told."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from netcheck.compare.compare import compare
from netcheck.compare.sides import Side, side_of
from netcheck.engine.assessment import Assessment
from netcheck.settings.config import Config, UsageError
from netcheck.watch.events import EventWriter
from netcheck.watch.tally import Tally

Assess = Callable[[Config], Assessment]
ExitCode = Callable[[Assessment], int]
Keep = Callable[[Assessment], None]
"""Is told of every whole run: keeps its history."""
NO_RUN = 3
"""The exit code where no run came to its end: nothing is known."""


class Watch:
    """A watch under way: the run before, and what was counted."""

    def __init__(
        self, config: Config, teller: EventWriter, assess: Assess, exit_code: ExitCode, keep: Keep
    ) -> None:
        self._config = config
        self._tell = teller
        self._assess = assess
        self._exit_code = exit_code
        self._keep = keep
        self._tally = Tally()
        self._before: Side | None = None
        self._code = NO_RUN

    def until_ended(self, baseline: Side | None) -> int:
        """Run until SIGINT or SIGTERM; the exit code is the last whole run's. Raises UsageError where the
        first run cannot be done as asked.
        """
        since = time.monotonic()
        with contextlib.suppress(KeyboardInterrupt), _ended_by_signals():
            self._rounds(baseline)
        self._tell.ended(_now(), self._tally, time.monotonic() - since, self._code)
        return self._code

    def _rounds(self, baseline: Side | None) -> None:
        """Run after run. One that is longer than the interval is followed by the next at once."""
        number, interval = 1, self._config.watch or 0.0
        while True:
            began = time.monotonic()
            self._run(number, baseline if number == 1 else None)
            spent = time.monotonic() - began
            if spent > interval:
                self._tally.late_runs += 1
                self._tell.late(_now(), number, spent, interval)
            time.sleep(max(0.0, interval - spent))
            number += 1

    def _run(self, number: int, baseline: Side | None) -> None:
        try:
            assessment = self._assess(self._config)
        except UsageError as error:
            if number == 1:
                raise
            self._tally.failed_runs += 1
            self._tell.failed(_now(), number, str(error))
            return
        if assessment.interrupted:
            raise KeyboardInterrupt
        report = assessment.report
        now = side_of(f"run {number}", report, assessment.recording)
        assert now.report is not None
        self._tally.add(now.report)  # before it is told: whoever reads it may end the watch at once
        self._code = self._exit_code(assessment)
        if number == 1:
            self._tell.first(report, dict(now.report))
        before = self._before or baseline
        if before is not None:
            self._tell.changed(report.started, number, compare(before, now))
        self._before = now
        self._keep(assessment)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM ends a watch as Ctrl-C does; a second signal ends the process."""

    def end(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    kept = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

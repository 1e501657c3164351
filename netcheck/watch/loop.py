"""Repeats a run at an interval until a signal ends it, and reports only what changed in each run."""

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
"""Called with every complete run: appends it to the history."""
NO_RUN = 3
"""The exit code where no run was completed: nothing is known."""


class Watch:
    """A watch in progress: its previous run and its counts."""

    def __init__(
        self, config: Config, events: EventWriter, assess: Assess, exit_code: ExitCode, keep: Keep
    ) -> None:
        self._config = config
        self._events = events
        self._assess = assess
        self._exit_code = exit_code
        self._keep = keep
        self._tally = Tally()
        self._previous: Side | None = None
        self._code = NO_RUN

    def until_ended(self, baseline: Side | None) -> int:
        """Run until SIGINT or SIGTERM. Returns the exit code of the last complete run.

        Raises UsageError where the first run cannot start.
        """
        since = time.monotonic()
        with contextlib.suppress(KeyboardInterrupt), _interrupted_by_signals():
            self._repeat(baseline)
        self._events.ended(_now(), self._tally, time.monotonic() - since, self._code)
        return self._code

    def _repeat(self, baseline: Side | None) -> None:
        """Run after run. After a run longer than the interval, the next starts at once."""
        number, interval = 1, self._config.watch or 0.0
        while True:
            start = time.monotonic()
            self._run(number, baseline if number == 1 else None)
            spent = time.monotonic() - start
            if spent > interval:
                self._tally.late_runs += 1
                self._events.late(_now(), number, spent, interval)
            time.sleep(max(0.0, interval - spent))
            number += 1

    def _run(self, number: int, baseline: Side | None) -> None:
        try:
            assessment = self._assess(self._config)
        except UsageError as error:
            if number == 1:
                raise
            self._tally.failed_runs += 1
            self._events.failed(_now(), number, str(error))
            return
        if assessment.interrupted:
            raise KeyboardInterrupt
        report = assessment.report
        now = side_of(f"run {number}", report, assessment.recording)
        assert now.report is not None
        self._tally.add(now.report)  # before it is printed: a reader may end the watch at once
        self._code = self._exit_code(assessment)
        if number == 1:
            self._events.first(report, dict(now.report))
        previous = self._previous or baseline
        if previous is not None:
            self._events.changed(report.started, number, compare(previous, now))
        self._previous = now
        self._keep(assessment)


@contextlib.contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """SIGTERM ends a watch as Ctrl-C does; a second signal ends the process."""

    def interrupt(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    handlers = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

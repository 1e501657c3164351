"""What a person sees while a run is going on: results as they come, and what is still running."""

from __future__ import annotations

import time
from typing import TextIO

from netcheck.core.model import Status
from netcheck.engine.runner import Ended, Event, Found, Job, Started, Tick
from netcheck.report.style import Style, printable

LINES = 12
EVERY_SECONDS = 0.05


class Live:
    """A region at the end of a terminal that is drawn again on every event, and wiped at the end."""

    def __init__(self, stream: TextIO, style: Style) -> None:
        self._stream = stream
        self._style = style
        self._since = time.monotonic()
        self._running: dict[Job, None] = {}
        self._found: list[str] = []
        self._passed = 0
        self._drawn = 0
        self._last = 0.0

    def __call__(self, event: Event) -> None:
        match event:
            case Started(job):
                self._running[job] = None
            case Tick():
                pass
            case Ended(job):
                self._running.pop(job, None)
            case Found(job, finding):
                self._passed += finding.status is Status.PASS
                if finding.status is not Status.SKIP:
                    text = printable(f"{job.check.id}  {job.target}  {finding.summary}")
                    room = self._style.width - 4
                    self._found.append(f"{self._style.mark(finding.status)} {text[:room]}")
        now = time.monotonic()
        if now - self._last >= EVERY_SECONDS:
            self._last = now
            self._draw()

    def _draw(self) -> None:
        lines = [*self._found[-LINES:], self._status()]
        self._wipe()
        self._stream.write("".join(line + "\n" for line in lines))
        self._stream.flush()
        self._drawn = len(lines)

    def _status(self) -> str:
        jobs = [printable(f"{job.check.id} {job.target.host or 'pipeline'}") for job in self._running]
        seconds = time.monotonic() - self._since
        text = f"{self._passed} passed, {seconds:.1f} s; running: {', '.join(jobs) or 'nothing'}"
        return self._style.dim(text[: self._style.width - 2])

    def _wipe(self) -> None:
        if self._drawn:
            self._stream.write(f"\x1b[{self._drawn}F\x1b[J")

    def close(self) -> None:
        """Wipe the region: the report says it all again, in order."""
        self._wipe()
        self._stream.flush()
        self._drawn = 0

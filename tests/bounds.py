"""Bounds in time that hold on a busy machine too.

    with ends_within(STEP):
        seen = ask(Deadline(STEP))

A bound guards against a wait that ignores its deadline. What the machine withholds from this process in the
meantime is measured and granted on top: the bound is tight on a quiet machine and holds on a loaded one.
Timings are measured in bench/, not here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

STEP = 2.5
"""Seconds that a probe gets. Silence counts from 1 s on; the rest is for a loaded machine to connect."""

MOMENT = 0.6
"""Seconds that are too few to call anything silence."""

LONG = 30.0
"""Seconds of what should end at once: a wait for some deadline takes longer."""

_ALLOWANCE = 1.0
_TICK = 0.01
_GRANTED_PER_LAG = 3.0
_MOST_GRANTED = 20.0


@contextmanager
def ends_within(seconds: float, what: object = "") -> Iterator[None]:
    """Fail when the block takes longer than `seconds`, an allowance and what the machine withheld."""
    began = time.monotonic()
    with _Lag() as lag:
        yield
    spent = time.monotonic() - began
    most = seconds + _ALLOWANCE + min(_GRANTED_PER_LAG * lag.seconds, _MOST_GRANTED)
    assert spent <= most, f"{what} took {spent:.2f} s of {most:.2f} s; the machine lagged {lag.seconds:.2f} s"


class _Lag:
    """How much later than it wanted a thread of this process woke up, in all."""

    seconds = 0.0

    def __enter__(self) -> _Lag:
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._measure, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _measure(self) -> None:
        due = time.monotonic() + _TICK
        while not self._stopped.wait(_TICK):
            now = time.monotonic()
            self.seconds += max(0.0, now - due)
            due = now + _TICK

"""What time it is: an observation like any other, so that a recording is judged by its own time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from netcheck.core.context import Deadline


@dataclass(frozen=True, slots=True)
class Clock:
    """A moment, ISO 8601 in UTC."""

    now: str


def read(deadline: Deadline) -> Clock:
    """The time by this host's clock."""
    deadline.remaining()
    return Clock(datetime.now(UTC).isoformat(timespec="seconds"))

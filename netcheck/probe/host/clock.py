"""The current time as an observation, so that a recording is evaluated at the time it was made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from netcheck.core.context import Deadline


@dataclass(frozen=True, slots=True)
class Clock:
    """A point in time, ISO 8601 in UTC."""

    now: str


def read(deadline: Deadline) -> Clock:
    """Read this host's clock."""
    deadline.remaining()
    return Clock(datetime.now(UTC).isoformat(timespec="seconds"))

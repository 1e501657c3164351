"""Counts the round trips of a conversation with AWS: how many calls had to wait for one another."""

from __future__ import annotations

import datetime
import threading
import time
from typing import Any

from tests.servers.aws_endpoint import AwsEndpoint
from tests.servers.aws_wire import Reply, Request
from tests.servers.aws_world import World


class TimedEndpoint(AwsEndpoint):
    """An AWS whose every answer takes `latency` seconds; `spans` are when each call came and was answered."""

    def __init__(self, world: World, latency: float) -> None:
        super().__init__(world, latency=latency)
        self.spans: list[tuple[float, float]] = []
        self._spans_lock = threading.Lock()

    def respond(self, request: Request) -> tuple[Reply | None, datetime.timedelta]:
        start = time.monotonic()
        answered: Any = super().respond(request)
        with self._spans_lock:
            self.spans.append((start, time.monotonic()))
        return answered  # type: ignore[no-any-return]

    @property
    def round_trips(self) -> int:
        """The most calls of which each began only after the one before it was answered."""
        count, end = 0, 0.0
        for start, answered in sorted(self.spans, key=lambda span: span[1]):
            if start >= end:
                count, end = count + 1, answered
        return count

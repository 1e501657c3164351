"""Work that is done side by side, in threads that hold up neither run nor process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def in_background(work: Callable[[], T]) -> Future[T]:
    """Run in a daemon thread; an executor's would be waited for when the process ends."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - kept, and raised to whoever waits
            future.set_exception(error)

    threading.Thread(target=run, daemon=True, name="probe").start()
    return future

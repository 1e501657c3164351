"""Runs work in parallel, in threads that block neither the run nor the process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def in_background(work: Callable[[], T]) -> Future[T]:
    """Run in a daemon thread: an executor's threads would be joined when the process exits."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - raised in the thread that waits for the future
            future.set_exception(error)

    threading.Thread(target=run, daemon=True, name="probe").start()
    return future

"""Isolates third-party code: it is abandoned when the deadline passes, whatever it is doing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from netcheck.core.context import Deadline

T = TypeVar("T")

_ABOVE_CRITICAL = logging.CRITICAL + 1


def run_isolated(deadline: Deadline, work: Callable[[], T]) -> T | Exception:
    """Return the result of `work()`, the exception that it raised, or TimeoutError when the deadline passes
    first.

    It runs in a daemon thread, which is abandoned if it does not end in time: a thread cannot be killed, and
    a daemon thread blocks neither the run nor the process.
    """
    future: Future[T | Exception] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - third-party code may raise anything; it is returned
            future.set_result(error)

    threading.Thread(target=run, daemon=True, name="isolated").start()
    try:
        return future.result(deadline.left())
    except TimeoutError as error:
        return error


def silence(*names: str) -> None:
    """Turn off logging of these libraries and their submodules: at debug level they log secrets."""
    for name in names:
        logger = logging.getLogger(name)
        logger.setLevel(_ABOVE_CRITICAL)
        logger.propagate = False

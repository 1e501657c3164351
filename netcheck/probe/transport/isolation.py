"""A hard wall around foreign code: it is left behind when the deadline passes, whatever it is doing."""

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
    """Return what `work()` returns, or the exception that ended it; TimeoutError when the deadline passes
    first.

    It runs in a daemon thread, which is abandoned if it does not end in time: nothing can stop a thread,
    and a daemon thread keeps neither the run nor the process waiting.
    """
    future: Future[T | Exception] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - foreign code may raise anything; whoever waits is told
            future.set_result(error)

    threading.Thread(target=run, daemon=True, name="behind-wall").start()
    try:
        return future.result(deadline.left())
    except TimeoutError as error:
        return error


def silence(*names: str) -> None:
    """Keep what these libraries log, and their parts, away from every handler: at debug level they log
    secrets.
    """
    for name in names:
        logger = logging.getLogger(name)
        logger.setLevel(_ABOVE_CRITICAL)
        logger.propagate = False

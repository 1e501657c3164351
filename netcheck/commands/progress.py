"""A progress line on a terminal, for commands that make one API call after another."""

from __future__ import annotations

import sys

from netcheck.report.style import printable


def show(text: str) -> None:
    """Replace the progress line."""
    if sys.stderr.isatty():
        print(f"\r\033[K{printable(text)}", end="", file=sys.stderr, flush=True)


def clear() -> None:
    """Erase the progress line before something else is printed."""
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)

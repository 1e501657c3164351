"""One line on a terminal that says what is going on, for commands that ask one thing after another."""

from __future__ import annotations

import sys

from netcheck.report.style import printable


def say(text: str) -> None:
    """Show it in place of what was shown before."""
    if sys.stderr.isatty():
        print(f"\r\033[K{printable(text)}", end="", file=sys.stderr, flush=True)


def clear() -> None:
    """Wipe the line: something else is about to be printed."""
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)

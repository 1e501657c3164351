"""Types of arguments that several commands share, for argparse."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def number(most: float, what: str) -> Callable[[str], float]:
    """A type for numbers above 0 and up to `most`; its error says that the text is not `what`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
        return value

    return read

"""A report in JSON without the times that were taken while it was made: the rest is always the same."""

from __future__ import annotations

import re


def timeless(text: str) -> str:
    """Every number of seconds set to nothing."""
    return re.sub(r'"seconds": [0-9.e-]+', '"seconds": 0', text)

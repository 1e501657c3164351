"""A handler that never ends, for the test of the test's own runtime."""

from __future__ import annotations

import time
from typing import Any


def handler(event: Any, context: Any) -> None:  # noqa: ARG001 - as Lambda calls it
    time.sleep(600)

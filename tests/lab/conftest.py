"""One sandbox a module; where none can be made, the tests say why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import needs
from tests.lab import sandbox
from tests.lab.sandbox import Sandbox


@pytest.fixture(scope="module")
def lab() -> Iterator[Sandbox]:
    why = sandbox.missing()
    if why:
        needs.skip_or_fail(why)
    with Sandbox() as opened:
        yield opened

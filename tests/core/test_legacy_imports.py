"""Modules are found by the names that documented examples of version 0.1 import."""

from __future__ import annotations

import importlib

import pytest

from netcheck.core.legacy_imports import MODULES

OLD_PLUGIN = """
from netcheck import facts
from netcheck.check import Check
from netcheck.context import NotAsked, Skip, Unneeded
from netcheck.model import Finding, Layer, Status
"""


@pytest.mark.parametrize(("old", "new"), sorted(MODULES.items()))
def test_an_old_name_is_the_module_of_today(old: str, new: str) -> None:
    assert importlib.import_module(old) is importlib.import_module(new)


def test_the_imports_of_an_old_plugin_give_the_classes_of_today() -> None:
    from netcheck.core.check import Check
    from netcheck.core.context import NotApplicable, PrerequisiteFailed

    names: dict[str, object] = {}
    exec(OLD_PLUGIN, names)
    assert names["Check"] is Check
    assert names["NotAsked"] is PrerequisiteFailed
    assert names["Unneeded"] is NotApplicable


def test_a_module_that_never_was_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("netcheck.no_such_module")

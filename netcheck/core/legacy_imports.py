"""Imports of version 0.1 that documented examples and plugins use, led to where the modules are now."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, cast

MODULES: Mapping[str, str] = {
    "netcheck.aws.snapshot": "netcheck.aws.ec2.snapshot",
    "netcheck.check": "netcheck.core.check",
    "netcheck.config": "netcheck.settings.config",
    "netcheck.context": "netcheck.core.context",
    "netcheck.endpoint": "netcheck.core.hostport",
    "netcheck.facts": "netcheck.engine.facts",
    "netcheck.model": "netcheck.core.model",
    "netcheck.version": "netcheck.core.version",
}


class LegacyImports:
    """Finds and loads a module by its old name. Asked last: it costs nothing where no old name is used.

    Not a subclass of importlib.abc's: importing that costs more than all of netcheck's start.
    """

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - importlib gives it
        target: ModuleType | None = None,  # noqa: ARG002 - importlib gives it
    ) -> ModuleSpec | None:
        """A spec for an old name, None for any other."""
        return ModuleSpec(fullname, cast(Any, self)) if fullname in MODULES else None

    def create_module(self, spec: ModuleSpec) -> None:
        """None: Python makes an empty module."""

    def exec_module(self, module: ModuleType) -> None:
        """Put the module of today in place of the empty one: both names are the same object."""
        sys.modules[module.__name__] = importlib.import_module(MODULES[module.__name__])


def install() -> None:
    """Accept the old names in this process."""
    if not any(isinstance(finder, LegacyImports) for finder in sys.meta_path):
        sys.meta_path.append(LegacyImports())

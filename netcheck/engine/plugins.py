"""Loads checks from the `checks` package, from installed plugins and from a folder: three sources, one code
path.

A plugin that cannot be imported, or that reuses an id, becomes a `LoadError` and is shown as an `unknown`
result: the run goes on, and the missing check is not mistaken for a pass.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TypeGuard

from netcheck.core.check import Check
from netcheck.core.model import Explains, Kind
from netcheck.core.problem import Problem
from netcheck.settings.config import UsageError

OWN_PACKAGE = "checks"
GROUP = "netcheck.checks"
ID = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")


@dataclass(frozen=True, slots=True)
class LoadError:
    """A source of checks that could not be loaded, and the reason."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class FoundChecks:
    """The checks, sorted by file and position in it, and what could not be loaded."""

    checks: tuple[Check, ...]
    broken: tuple[LoadError, ...]


@dataclass(frozen=True, slots=True)
class _Source:
    name: str
    load: Callable[[], object]


def is_own(check: Check) -> bool:
    """Whether a check belongs to the `checks` package, and not to a plugin."""
    return type(check).__module__.partition(".")[0] == OWN_PACKAGE


def find(folder: str | None = None) -> FoundChecks:
    """Load every check, each id once. Raises UsageError when `folder` is not a folder."""
    sources = [*_own(), *_installed(), *(_loose(Path(folder)) if folder else ())]
    checks: dict[str, Check] = {}
    origin: dict[str, str] = {}
    broken: list[LoadError] = []
    for source in sources:
        try:
            classes = list(_classes(source.load()))
            found = [check() for check in classes]
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may fail in any way
            broken.append(LoadError(source.name, _reason(error)))
            continue
        for check in found:
            problem = _problem(check) or (
                f"the id {check.id} is already used by {origin[check.id]}" if check.id in checks else None
            )
            if problem:
                broken.append(LoadError(source.name, problem))
            else:
                checks[check.id], origin[check.id] = check, source.name
    return FoundChecks(tuple(checks.values()), tuple(broken))


def load_own() -> None:
    """Import the `checks` package now, so that the first `find` is faster."""
    for source in _own():
        source.load()


def _own() -> Iterator[_Source]:
    package = importlib.import_module(OWN_PACKAGE)
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        name = f"{OWN_PACKAGE}.{module.name}"
        yield _Source(name, lambda name=name: importlib.import_module(name))  # type: ignore[misc]


def _installed() -> Iterator[_Source]:
    for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.name, e.value)):
        owner = f" of {entry.dist.name}" if entry.dist else ""
        yield _Source(f"entry point {entry.name} ({entry.value}){owner}", entry.load)


def _loose(folder: Path) -> Iterator[_Source]:
    if not folder.is_dir():
        raise UsageError(f"--plugins {folder}: not a folder")
    for path in sorted(folder.glob("*.py")):
        yield _Source(str(path), lambda path=path: _import_file(path))  # type: ignore[misc]


def _import_file(path: Path) -> ModuleType:
    name = f"netcheck_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look up their module there
    spec.loader.exec_module(module)
    return module


def _classes(loaded: object) -> Iterator[type[Check]]:
    """The checks of a source: the classes that a module defines, or one class."""
    if isinstance(loaded, ModuleType):
        for value in vars(loaded).values():
            if inspect.isclass(value) and value.__module__ == loaded.__name__ and _is_check(value):
                yield value
    elif inspect.isclass(loaded) and _is_check(loaded):
        yield loaded
    else:
        raise TypeError(f"{loaded!r} is neither a module nor a Check")


def _is_check(value: type) -> TypeGuard[type[Check]]:
    return issubclass(value, Check) and not inspect.isabstract(value)


def _problem(check: Check) -> str | None:
    name = type(check).__name__
    if not isinstance(getattr(check, "id", None), str) or not ID.fullmatch(check.id):
        return f"{name}: the id must have the form concern.claim"
    if not isinstance(getattr(check, "kinds", None), frozenset) or not check.kinds:
        return f"{check.id}: kinds must be a non-empty frozenset of target kinds"
    if unknown := sorted(str(kind) for kind in check.kinds - set(Kind)):
        return f"{check.id}: unknown target kind {', '.join(unknown)}; choose {', '.join(Kind)}"
    for field in ("depends_on", "after"):
        names = getattr(check, field)
        if not isinstance(names, frozenset) or not all(isinstance(name, str) for name in names):
            return f"{check.id}: {field} must be a frozenset of check ids"
    if not all(isinstance(one, Problem) for one in check.problems):
        return f"{check.id}: problems must all be netcheck.core.problem.Problem"
    if not all(isinstance(one, Explains) for one in check.explains):
        return f"{check.id}: explains must all be netcheck.core.model.Explains"
    if not (type(check).__doc__ or "").strip():
        return f"{check.id}: has no docstring, which is its documentation"
    return None


def _reason(error: BaseException) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<frozen")]
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    if isinstance(error, SyntaxError):
        place = ""  # the message has the line
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - a plugin's exception may raise in __str__
        text = ""
    return f"{type(error).__name__}: {text}{place}"

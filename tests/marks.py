"""Which tests are quick: found in the code that a test reaches, so that nobody keeps a list.

The code of a test is its function, its fixtures, its parameters and the helpers in tests/ that they call. A
test is

`server`  when that code names anything of tests/servers, tests/lab or tests/e2e, or asks tests/needs for
          something from outside Python. Certificates are made in this process and do not count.
`slow`    when it starts processes, tries many random inputs or measures memory.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import types
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

SERVERS = ("tests.servers.", "tests.lab.", "tests.e2e.", "tests.needs")
NO_SERVER = "tests.servers.certificates"
PLAIN = (str, bytes, int, float, types.NoneType, types.BuiltinFunctionType)
SLOW = ("cfnlint", "hypothesis", "random", "subprocess", "tracemalloc")


def marks(item: pytest.Function) -> set[str]:
    """The marks of a test: `server`, `slow`, both or none."""
    known = item._fixtureinfo.name2fixturedefs
    fixtures = [each.func for name in item.fixturenames for each in known.get(name, ())]
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return set(_marks_of(parameters)).union(*(_marks_of_code(each) for each in (item.function, *fixtures)))


def _marks_of(start: object) -> frozenset[str]:
    """The marks of a value by what it holds, and by what its code names."""
    todo, seen, found = [start], set[int](), set[str]()
    while todo:
        value = todo.pop()
        if id(value) not in seen and not isinstance(value, PLAIN):
            seen.add(id(value))
            found |= _marks_of_home(_home(value))
            todo += _below(value)
    return frozenset(found)


_marks_of_code = functools.cache(_marks_of)


@dataclass(frozen=True, slots=True)
class _Imported:
    """A module that a function imports, by its name."""

    name: str


def _home(value: object) -> str:
    """The module in which a value is defined."""
    if isinstance(value, _Imported):
        return value.name
    name = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
    return name if isinstance(name, str) else ""


def _marks_of_home(home: str) -> set[str]:
    if home.startswith(SERVERS) and home != NO_SERVER:
        return {"server"}
    return {"slow"} if home.partition(".")[0] in SLOW else set()


def _below(value: object) -> Iterator[object]:
    """What a value holds or its code names; nothing of other people's code."""
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from value
    elif isinstance(value, types.MethodType):
        yield value.__func__
    elif _home(value).startswith("tests"):
        if isinstance(value, types.FunctionType):
            yield from _of_function(value)
        elif hasattr(value, "__dict__"):
            yield from [held for name, held in vars(value).items() if name != "__builtins__"]


def _of_function(function: types.FunctionType) -> Iterator[object]:
    """The globals that a function and its inner functions name, and what they close over or import."""
    yield getattr(function, "hypothesis", None)
    function = inspect.unwrap(function)
    yield from function.__defaults__ or ()
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # not filled yet
            yield cell.cell_contents
    for name in _names(function.__code__):
        yield _Imported(name) if name.startswith(SERVERS) else function.__globals__.get(name)


@functools.cache
def _names(code: types.CodeType) -> set[str]:
    inner = [each for each in code.co_consts if isinstance(each, types.CodeType)]
    return set(code.co_names).union(*(_names(each) for each in inner))

"""Frozen dataclasses to JSON and back, by their annotations: what a recording is written in."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from netcheck.core.model import Json
from netcheck.core.secret import HIDDEN, Secret


class CodecError(ValueError):
    """The JSON does not fit the type; the message names the place."""


def encode(value: object, text: Callable[[str], str] = str) -> Json:
    """JSON for a value, every text in it passed through `text`, but not names of fields and enumerations:
    those are ours. A Secret becomes stars: it cannot be written. Raises CodecError.
    """
    match value:
        case Secret():
            return HIDDEN
        case StrEnum():
            return str(value)
        case float() if not math.isfinite(value):
            raise CodecError(f"{value} cannot be recorded: JSON has no such number")
        case str():
            return text(value)
        case None | bool() | int() | float():
            return value
        case list() | tuple():
            return [encode(item, text) for item in value]
        case set() | frozenset():
            return sorted((encode(item, text) for item in value), key=str)
        case Mapping():
            return {text(str(key)): encode(item, text) for key, item in value.items()}
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {f.name: encode(getattr(value, f.name), text) for f in dataclasses.fields(value)}
        case _:
            raise CodecError(f"{type(value).__name__} cannot be recorded")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def decode(kind: Any, data: Json, where: str = "") -> Any:
    """The value of type `kind` that `encode` made `data` of. Raises CodecError."""
    origin = get_origin(kind)
    if kind is Any or kind is object or _is_json(kind):
        return data
    if origin in (Union, types.UnionType):
        return _decode_union(get_args(kind), data, where)
    if kind is types.NoneType or kind is None:
        return _plain(types.NoneType, data, where)
    if origin is tuple:
        return _decode_tuple(get_args(kind), data, where)
    if origin is frozenset:
        return frozenset(_decode_tuple((*get_args(kind), Ellipsis), data, where))
    if origin is not None and issubclass(origin, Mapping):
        return {k: decode(get_args(kind)[1], v, f"{where}.{k}") for k, v in _plain(dict, data, where).items()}
    if kind is Secret:
        return Secret(_plain(str, data, where))
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, data, where)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        try:
            return kind(_plain(str, data, where))
        except ValueError:
            raise CodecError(f"{where}: {data!r} is no {kind.__name__}") from None
    return _plain(kind, data, where)


def _is_json(kind: Any) -> bool:
    """Whether a kind is Json, or what get_type_hints makes of it: the union of everything that JSON has."""
    return set(get_args(kind)) >= {str, int, float, bool, types.NoneType}


def _decode_union(kinds: tuple[Any, ...], data: Json, where: str) -> Any:
    if data is None and types.NoneType in kinds:
        return None
    tried = []
    for kind in kinds:
        try:
            return decode(kind, data, where)
        except CodecError as error:
            tried.append(str(error))
    raise CodecError(tried[0])


def _decode_tuple(kinds: tuple[Any, ...], data: Json, where: str) -> tuple[Any, ...]:
    items = _plain(list, data, where)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(decode(kinds[0], item, f"{where}[{i}]") for i, item in enumerate(items))
    if len(kinds) != len(items):
        raise CodecError(f"{where}: {len(items)} items where {len(kinds)} belong")
    return tuple(
        decode(k, item, f"{where}[{i}]") for i, (k, item) in enumerate(zip(kinds, items, strict=True))
    )


def _decode_dataclass(kind: Any, data: Json, where: str) -> Any:
    given = _plain(dict, data, where)
    hints = _hints(kind)
    values = {}
    for field in dataclasses.fields(kind):
        if field.name in given:
            values[field.name] = decode(hints[field.name], given[field.name], f"{where}.{field.name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise CodecError(f"{where}: {field.name} is missing")
    return kind(**values)


def _plain(kind: Any, data: Json, where: str) -> Any:
    fits = isinstance(data, kind) and not (isinstance(data, bool) and kind in (int, float))
    if isinstance(data, float) and not math.isfinite(data):
        raise CodecError(f"{where}: {data} is no number")
    if fits:
        return data
    if kind is float and isinstance(data, int) and not isinstance(data, bool) and abs(data) < 2**53:
        return float(data)
    raise CodecError(f"{where}: {kind.__name__} expected, found {type(data).__name__}")

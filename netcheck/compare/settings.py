"""What changed in the connector, its settings and its cluster between two reports."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from netcheck.compare.change import Act, Change

Raw = Mapping[str, Any]

MAPS = ("settings", "properties", "bootstrap")
"""Members that are maps of settings: compared key by key."""
DERIVED = frozenset(
    {*("state_means", "topics", "topics_regex", "converters", "config_providers", "operations"), "origins"}
)
"""Members that follow from settings compared elsewhere, or that log operations."""
LONGEST_VALUE = 70


def setting_changes(before: Raw, after: Raw) -> tuple[Change, ...]:
    """Every setting of the connector, its worker configuration and the cluster that differs.

    A changed secret cannot be seen: a report holds stars in its place.
    """
    earlier, later = before["pipeline"], after["pipeline"]
    return tuple(
        change
        for kind in ("connector", "cluster")
        for change in _of_resource(kind, earlier.get(kind) or {}, later.get(kind) or {})
    )


def _of_resource(kind: str, before: Raw, after: Raw) -> Iterator[Change]:
    if not before or not after:
        return
    name = str(after.get("name") or before.get("name") or kind)
    for field in sorted({*before, *after} - DERIVED):
        yield from _of_field(f"{kind} {name}", field, before.get(field), after.get(field))


def _of_field(component: str, field: str, was: Any, now: Any) -> Iterator[Change]:
    if was == now:
        return
    if field in MAPS and isinstance(was, Mapping) and isinstance(now, Mapping):
        for key in sorted({*was, *now}):
            if was.get(key) != now.get(key):
                yield _change(component, key, was.get(key), now.get(key), mentions=(key,))
    elif isinstance(was, Mapping) and isinstance(now, Mapping):
        for key in sorted({*was, *now}):
            yield from _of_field(f"{component}, {field.replace('_', ' ')}", key, was.get(key), now.get(key))
    else:
        yield _change(component, field.replace("_", " "), was, now)


def _change(component: str, name: str, was: Any, now: Any, mentions: tuple[str, ...] = ()) -> Change:
    if was is None:
        act, text = Act.ADDED, f"{name} set: {_short(now)}"
    elif now is None:
        act, text = Act.REMOVED, f"{name} removed (was {_short(was)})"
    else:
        act, text = Act.CHANGED, f"{name}: {_short(was)} → {_short(now)}"
    values = {value for value in (was, now) if isinstance(value, str) and len(value) > 3}
    listed = {str(each) for value in (was, now) if isinstance(value, list) for each in value}
    return Change(act, component, text, was, now, frozenset({*mentions, *values, *listed}))


def _short(value: Any) -> str:
    match value:
        case str():
            text = value
        case [*each] if all(isinstance(one, str) for one in each):
            text = ", ".join(each) or "none"
        case _:
            text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."

"""What changed in the connector, its settings and its cluster, as two reports tell of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from netcheck.compare.change import Act, Change

Raw = Mapping[str, Any]

MAPS = ("settings", "properties", "bootstrap")
"""Members that are settings themselves: told key by key."""
DERIVED = frozenset(
    {*("state_means", "topics", "topics_regex", "converters", "config_providers", "operations"), "origins"}
)
"""What follows from settings that are told already, or is a log of what was done."""
LONGEST_VALUE = 70


def setting_changes(before: Raw, after: Raw) -> tuple[Change, ...]:
    """Every setting of the connector, its worker configuration and the cluster that is not as it was.

    Secrets are stars in a report: that one was changed cannot be seen.
    """
    one, other = before["pipeline"], after["pipeline"]
    return tuple(
        change
        for kind in ("connector", "cluster")
        for change in _of_thing(kind, one.get(kind) or {}, other.get(kind) or {})
    )


def _of_thing(kind: str, before: Raw, after: Raw) -> Iterator[Change]:
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
    told = {value for value in (was, now) if isinstance(value, str) and len(value) > 3}
    listed = {str(each) for value in (was, now) if isinstance(value, list) for each in value}
    return Change(act, component, text, was, now, frozenset({*mentions, *told, *listed}))


def _short(value: Any) -> str:
    match value:
        case str():
            text = value
        case [*each] if all(isinstance(one, str) for one in each):
            text = ", ".join(each) or "none"
        case _:
            text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."

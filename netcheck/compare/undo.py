"""One change undone on a copy of the AWS configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netcheck.compare.change import Change, Place
from netcheck.compare.components import IDS, PARTS, Documents, associated, items, members


def without(change: Change, before: Documents, after: Documents) -> dict[str, dict[str, Any]] | None:
    """`after` with this change undone; None for a change that cannot be undone alone."""
    place = change.place
    if place is None or place.stem == "Reservations":
        return None
    earlier, later = before[place.region], after[place.region]
    if place.part == "Associations":
        listed = _reassociated(place, earlier, later)
    else:
        was, now = items(earlier, place.stem).get(place.item), items(later, place.stem).get(place.item)
        item = _restored(place, was, now)
        listed = [
            *(each for name, each in items(later, place.stem).items() if name != place.item),
            *([item] if item else []),
        ]
    content: Any = listed if IDS[place.stem] else listed[0]
    regions = {region: dict(documents) for region, documents in after.items()}
    regions[place.region][place.stem] = {place.stem: content}
    return regions


def _restored(place: Place, was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> Any:
    if was is None or now is None:
        return was
    if place.part not in PARTS.get(place.stem, ()):
        kept = {name: value for name, value in now.items() if name != place.part}
        return {**kept, **({place.part: was[place.part]} if place.part in was else {})}
    earlier = members(place.stem, place.part, was)
    later = {key: member.raw for key, member in members(place.stem, place.part, now).items()}
    later.pop(place.key, None)
    if place.key in earlier:
        later[place.key] = earlier[place.key].raw
    return {**now, place.part: list(later.values())}


def _reassociated(place: Place, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Any]:
    """The tables with one association as it was; removed where its earlier table no longer exists."""
    earlier = {
        table: raw
        for table, item in items(before, place.stem).items()
        for raw in item.get("Associations") or ()
        if associated(raw, item) == place.key
    }
    listed = []
    for table, item in items(after, place.stem).items():
        kept = [raw for raw in item.get("Associations") or () if associated(raw, item) != place.key]
        listed.append({**item, "Associations": [*kept, *([earlier[table]] if table in earlier else [])]})
    return listed

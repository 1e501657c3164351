"""The place that a report's `vantage` describes. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from netcheck.core.model import Json
from netcheck.core.place import Place, Where


def place_of(vantage: Mapping[str, Json]) -> Place:
    """Where a run looked from: its `parity` with the workers, its `subnet`, and which of this host's
    `addresses` are `interface_addresses`. Those of a container's bridge are not what AWS sees.
    """
    match vantage.get("parity"):
        case None | "same":
            where = Where.SAME
        case "similar" | "different":
            where = Where.ELSEWHERE
        case _:
            where = Where.UNKNOWN
    own, of_interface = _texts(vantage.get("addresses")), _texts(vantage.get("interface_addresses"))
    return Place(
        where,
        _texts(vantage.get("subnets")),
        tuple(one for one in own if one in of_interface),
        str(vantage.get("parity_unknown") or ""),
    )


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else ()

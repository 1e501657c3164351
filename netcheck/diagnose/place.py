"""Where a run looks from, as far as that decides what its observations say of the workers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from netcheck.core.model import Json


class Where(StrEnum):
    """`same`: a worker could be here. `elsewhere`: none could. `unknown`: AWS does not say."""

    SAME = "same"
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run looks from: its subnets, and those of its own addresses that AWS gave it there; empty where
    they are not known.

    Where nobody said where the workers are, what is observed here is all that was asked: the same place.
    """

    where: Where = Where.SAME
    subnets: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


HERE = Place()
"""The place of a run that is about nobody but itself."""


def place_of(vantage: Mapping[str, Json]) -> Place:
    """The place that a report's `vantage` tells of: its `parity` with the workers, its `subnet`, and which of
    this host's `addresses` are `interface_addresses`. Those of a container's bridge are not what AWS sees.
    """
    match vantage.get("parity"):
        case None | "same":
            where = Where.SAME
        case "similar" | "different":
            where = Where.ELSEWHERE
        case _:
            where = Where.UNKNOWN
    subnets = vantage.get("subnet")
    own, of_interface = _texts(vantage.get("addresses")), _texts(vantage.get("interface_addresses"))
    return Place(
        where,
        tuple(subnets.split(", ")) if isinstance(subnets, str) and subnets else (),
        tuple(one for one in own if one in of_interface),
    )


def _texts(value: Json) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []

"""Where a run looks from, as far as that decides what its observations say of the workers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from netcheck.model import Json


class Where(StrEnum):
    """`same`: a worker could be here. `elsewhere`: none could. `unknown`: AWS does not say."""

    SAME = "same"
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run looks from: its subnets and its own addresses, empty where they are not known.

    Where nobody said where the workers are, what is observed here is all that was asked: the same place.
    """

    where: Where = Where.SAME
    subnets: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


HERE = Place()
"""The place of a run that is about nobody but itself."""


def place_of(vantage: Mapping[str, Json]) -> Place:
    """The place that a report's `vantage` tells of: its `parity` with the workers, `subnet`, `addresses`."""
    match vantage.get("parity"):
        case None | "same":
            where = Where.SAME
        case "similar" | "different":
            where = Where.ELSEWHERE
        case _:
            where = Where.UNKNOWN
    subnets, addresses = vantage.get("subnet"), vantage.get("addresses")
    return Place(
        where,
        tuple(subnets.split(", ")) if isinstance(subnets, str) and subnets else (),
        tuple(str(one) for one in addresses) if isinstance(addresses, list) else (),
    )

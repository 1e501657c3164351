"""Where a run looks from, as far as that decides what its observations say of the workers. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Where(StrEnum):
    """`same`: a worker could be here. `elsewhere`: none could. `unknown`: AWS does not say."""

    SAME = "same"
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run looks from: its subnets, and those of its own addresses that AWS gave it there; empty where
    they are not known. `why_unknown` says why `where` is unknown.

    Where nobody said where the workers are, what is observed here is all that was asked: the same place.
    """

    where: Where = Where.SAME
    subnets: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    why_unknown: str = ""


HERE = Place()
"""The place of a run that is about nobody but itself."""

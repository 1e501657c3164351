"""The AWS Region in which a change is made: as the folder says, or as the zones of its VPC's subnets do."""

from __future__ import annotations

import re

from netcheck.aws.snapshot import Snapshot
from netcheck.repair.apply import Parts
from netcheck.repair.change import Change, component

_ZONE = re.compile(r"([a-z]{2}(?:-[a-z]+)+-[0-9])")
"""Zones, also Local Zones (us-west-2-lax-1a), begin with their Region's name."""


def region_of(change: Change, parts: Parts, snapshot: Snapshot) -> str:
    """The Region's name, empty where nothing tells it."""
    name = component(change)
    for region, documents in parts:
        if region and any(_lists(document, name) for document in documents.values()):
            return region
    zones = {match[1] for subnet in snapshot.subnets.values() if (match := _ZONE.match(subnet.zone))}
    return zones.pop() if len(zones) == 1 else ""


def _lists(document: object, name: str) -> bool:
    """Whether one of the items of a document has this id."""
    for listed in document.values() if isinstance(document, dict) else ():
        if isinstance(listed, list) and any(isinstance(i, dict) and name in i.values() for i in listed):
            return True
    return False

"""The account and the AWS Region of a change, from the snapshot's folders or the subnets' zones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from netcheck.aws.ec2.snapshot import Snapshot
from netcheck.repair.apply import Parts, items
from netcheck.repair.change import Change, PeeringAcceptance, component

_ZONE = re.compile(r"([a-z]{2}(?:-[a-z]+)+-[0-9])")
"""Zones, also Local Zones (us-west-2-lax-1a), begin with their Region's name."""
_OWNED = {
    "Vpcs": "VpcId",
    "RouteTables": "RouteTableId",
    "NetworkAcls": "NetworkAclId",
    "SecurityGroups": "GroupId",
    "VpcEndpoints": "VpcEndpointId",
}


def region_of(change: Change, parts: Parts, snapshot: Snapshot) -> str:
    """The Region's name, empty if it is not known."""
    name = component(change)
    if isinstance(change, PeeringAcceptance):
        return snapshot.peerings[name].accepter.region  # both Regions list it, only this one can accept
    for region, documents in parts:
        if region and any(_lists(document, name) for document in documents.values()):
            return region
    zones = {match[1] for subnet in snapshot.subnets.values() if (match := _ZONE.match(subnet.zone))}
    return zones.pop() if len(zones) == 1 else ""


def accounts(changes: Iterable[Change], parts: Parts) -> Iterator[str]:
    """A sentence with the account of each changed resource, if the configuration spans several accounts:
    peered VPCs, or shared subnets, whose route tables and network ACLs belong to their owner.
    """
    owner_of = {
        str(item.get(key)): str(item["OwnerId"])
        for stem, key in _OWNED.items()
        for item in items(parts, stem)
        if item.get("OwnerId")
    }
    own = {name: owner_of[name] for name in map(component, changes) if name in owner_of}
    if len(set(owner_of.values())) > 1 and own:
        owners = ", ".join(f"{name} belongs to {owner}" for name, owner in own.items())
        yield f"The changes span AWS accounts; run each command with credentials of its account: {owners}."


def _lists(document: object, name: str) -> bool:
    """Whether one of the items of a document has this id."""
    for listed in document.values() if isinstance(document, dict) else ():
        if isinstance(listed, list) and any(isinstance(i, dict) and name in i.values() for i in listed):
            return True
    return False

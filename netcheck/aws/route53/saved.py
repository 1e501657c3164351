"""Private hosted zones and Resolver rules in a snapshot: collecting them, and reading them back.

Two files, each with an item for every collected VPC: `HostedZones.json` `{"HostedZones": [{"VpcId": ...,
"HostedZones": [...]}]}`, where a zone is an item of ListHostedZonesByVPC with its `ResourceRecordSets`, if
they could be read; and `ResolverRules.json` in the same format. A VPC without an item was not collected. Only
address, alias and NS records are kept: a TXT record may contain a secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netcheck.aws.api.calls import ApiCall, ApiFailure, ApiResult, Deadline, call_all
from netcheck.aws.api.session import service_client
from netcheck.aws.ec2.snapshot import Gap
from netcheck.aws.route53.model import Lookups, Records
from netcheck.aws.route53.zones import (
    ADDRESS_TYPES,
    RESOLVER,
    ROUTE53,
    nearest,
    possible,
    read_rules,
    read_zone,
)
from netcheck.core.model import Json
from netcheck.pipeline.model import Missing

if TYPE_CHECKING:
    from boto3.session import Session

ZONES, RULES = "HostedZones", "ResolverRules"
KEPT_TYPES = ADDRESS_TYPES | {"NS"}
NOT_SAVED = "not in the snapshot: create it with netcheck snapshot --names"


@dataclass(frozen=True, slots=True)
class CollectedNames:
    """The documents by file stem, and their gaps."""

    documents: Mapping[str, Json]
    gaps: tuple[Gap, ...]
    calls: int


def collect_names(session: Session, vpcs: Sequence[str], deadline: Deadline) -> CollectedNames:
    """Collect the zones and rules of these VPCs, then the records of their zones. Two rounds of calls."""
    clients = {name: service_client(session, name, deadline) for name in (ROUTE53, RESOLVER)}
    where = {"VPCRegion": session.region_name}
    zoned = [
        ApiCall("ListHostedZonesByVPC", "HostedZoneSummaries", {"VPCId": vpc, **where}, ROUTE53)
        for vpc in vpcs
    ]
    first = [
        *zoned,
        ApiCall("ListResolverRules", "ResolverRules", {}, RESOLVER),
        ApiCall("ListResolverRuleAssociations", "ResolverRuleAssociations", {}, RESOLVER),
    ]
    outcomes = call_all(clients, first, deadline)
    gaps = [_gap(ZONES, q, o) for q, o in zip(zoned, outcomes, strict=False) if isinstance(o, ApiFailure)]
    gaps += [
        _gap(RULES, q, o) for q, o in zip(first[-2:], outcomes[-2:], strict=True) if isinstance(o, ApiFailure)
    ]
    zones = {v: o.items for v, o in zip(vpcs, outcomes, strict=False) if isinstance(o, ApiResult)}
    records, lost, calls = _records(clients, zones, deadline)
    documents: dict[str, Json] = {
        ZONES: {
            ZONES: [
                {"VpcId": vpc, ZONES: [_with_records(zone, records) for zone in found]}
                for vpc, found in zones.items()
            ]
        }
    }
    rules, associations = outcomes[-2:]
    if isinstance(rules, ApiResult) and isinstance(associations, ApiResult):
        documents[RULES] = {
            RULES: [{"VpcId": v, RULES: _of_vpc(v, rules.items, associations.items)} for v in vpcs]
        }
    made = sum(outcome.calls for outcome in outcomes) + calls
    return CollectedNames(documents, tuple(dict.fromkeys([*gaps, *lost])), made)


def saved_lookups(documents: Mapping[str, Any], vpc: str) -> Lookups:
    """What the snapshot has about a VPC; it never has DNS Firewall."""
    zones, rules = _of(documents, ZONES, vpc), _of(documents, RULES, vpc)
    missing = [Missing("DNS Firewall", "", "not part of a snapshot")]
    if zones is None:
        missing.append(Missing("private hosted zones", "", NOT_SAVED))
    if rules is None:
        missing.append(Missing("Resolver rules", "", NOT_SAVED))
    same = [{"ResolverRuleId": rule.get("Id")} for rule in rules or ()]
    return Lookups(
        tuple(read_zone(item) for item in zones or ()), read_rules(same, rules or ()), (), tuple(missing), ""
    )


def saved_records(documents: Mapping[str, Any], vpc: str, zone: str, domain: str, host: str) -> Records:
    """A saved zone's records for a name."""
    for item in _of(documents, ZONES, vpc) or ():
        held = item.get("ResourceRecordSets")
        if item.get("HostedZoneId") == zone and isinstance(held, list):
            names = possible(host, domain)
            return nearest(names, [held] * len(names), domain)
    return Records((), (), Missing(f"the records of {zone}", "", NOT_SAVED))


def _of(documents: Mapping[str, Any], stem: str, vpc: str) -> list[Any] | None:
    """The items of a VPC, None where it was not collected."""
    match documents.get(stem):
        case {**members}:
            listed = members.get(stem)
        case _:
            return None
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, dict) and item.get("VpcId") == vpc and isinstance(item.get(stem), list):
            return [one for one in item[stem] if isinstance(one, dict)]
    return None


def _records(
    clients: Mapping[str, Any], zones: Mapping[str, list[Json]], deadline: Deadline
) -> tuple[dict[str, list[Json]], list[Gap], int]:
    """The records of every zone that a user created, by its id."""
    every = [zone for found in zones.values() for zone in found if isinstance(zone, dict)]
    own = dict.fromkeys(str(zone.get("HostedZoneId")) for zone in every if not _service(zone))
    questions = [
        ApiCall("ListResourceRecordSets", "ResourceRecordSets", {"HostedZoneId": zone}, ROUTE53)
        for zone in own
    ]
    outcomes = call_all(clients, questions, deadline)
    kept = {
        zone: [item for item in outcome.items if isinstance(item, dict) and item.get("Type") in KEPT_TYPES]
        for zone, outcome in zip(own, outcomes, strict=True)
        if isinstance(outcome, ApiResult)
    }
    lost = [_gap(ZONES, q, o) for q, o in zip(questions, outcomes, strict=True) if isinstance(o, ApiFailure)]
    return {zone: list(items) for zone, items in kept.items()}, lost, sum(o.calls for o in outcomes)


def _service(zone: Mapping[str, Any]) -> str:
    owner = zone.get("Owner")
    return str(owner.get("OwningService", "")) if isinstance(owner, dict) else ""


def _with_records(zone: Json, records: Mapping[str, list[Json]]) -> Json:
    if isinstance(zone, dict) and (held := records.get(str(zone.get("HostedZoneId")))) is not None:
        return {**zone, "ResourceRecordSets": held}
    return zone


def _of_vpc(vpc: str, rules: Sequence[Any], associations: Sequence[Any]) -> list[Json]:
    wanted = {
        one.get("ResolverRuleId")
        for one in associations
        if one.get("VPCId") == vpc and one.get("Status") not in ("DELETING", "FAILED")
    }
    return [rule for rule in rules if rule.get("Id") in wanted]


def _gap(what: str, question: ApiCall, outcome: ApiFailure) -> Gap:
    return Gap(what, question.action, outcome.reason)

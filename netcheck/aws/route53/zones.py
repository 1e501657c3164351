"""Name resolution in a VPC: private hosted zones, Resolver rules, DNS Firewall.

Three bounded queries: what is associated with the VPC; a zone's records for one name; the domain lists that
contain one name.

Sources: Route 53 developer guide: Considerations when working with a private hosted zone; How VPC Resolver
determines whether the domain name in a query matches any rules; DNS Firewall rule groups and domain lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from netcheck.aws.api.calls import ApiCall, ApiFailure, ApiResult, Outcome, call_all
from netcheck.aws.api.session import NoAws, open_session, service_client
from netcheck.aws.route53.model import FirewallRule, Listed, Lookups, Records, Rule, Zone
from netcheck.core.context import Deadline
from netcheck.pipeline.model import Missing

MOST_LISTS = 40
"""Maximum number of domain lists to read: a VPC has at most five rule groups, usually with a few lists each.
"""
RECORDS = "10"
ADDRESS_TYPES = frozenset({"A", "AAAA", "CNAME"})
ROUTE53 = "route53"
RESOLVER = "route53resolver"


def look_up(deadline: Deadline, region: str | None, profile: str | None, vpc: str) -> Lookups:
    """Zones, rules and firewall rules associated with a VPC. Two rounds of calls."""
    try:
        clients = _clients(deadline, region, profile)
    except NoAws as error:
        return Lookups((), (), (), (), str(error))
    of_vpc = [{"Name": "VPCId", "Values": [vpc]}]
    first = {
        "zones": ApiCall(
            "ListHostedZonesByVPC",
            "HostedZoneSummaries",
            {"VPCId": vpc, "VPCRegion": clients[RESOLVER].meta.region_name},
            ROUTE53,
        ),
        "associations": ApiCall(
            "ListResolverRuleAssociations", "ResolverRuleAssociations", {"Filters": of_vpc}, RESOLVER
        ),
        "rules": ApiCall("ListResolverRules", "ResolverRules", {}, RESOLVER),
        "groups": ApiCall(
            "ListFirewallRuleGroupAssociations", "FirewallRuleGroupAssociations", {"VpcId": vpc}, RESOLVER
        ),
        "lists": ApiCall("ListFirewallDomainLists", "FirewallDomainLists", {}, RESOLVER),
    }
    outcomes = dict(zip(first, call_all(clients, list(first.values()), deadline), strict=True))
    items = {name: _items(outcome) for name, outcome in outcomes.items()}
    missing = [
        Missing(_WHAT[name], first[name].action, outcome.reason)
        for name, outcome in outcomes.items()
        if isinstance(outcome, ApiFailure)
        and (name != "lists" or items["groups"])
        and (name != "rules" or items["associations"])
    ]
    firewall, denied = _firewall(clients, items["groups"], items["lists"], deadline)
    return Lookups(
        tuple(read_zone(item) for item in items["zones"]),
        read_rules(items["associations"], items["rules"]),
        firewall,
        (*missing, *denied),
        "",
    )


def records(
    deadline: Deadline, region: str | None, profile: str | None, zone: str, domain: str, host: str
) -> Records:
    """A zone's records for a name: those of the name itself, else of the closest wildcard.

    One round of calls: ListResourceRecordSets returns sorted records from a given name on.
    """
    what, action = f"the records of {zone}", "route53:ListResourceRecordSets"
    try:
        clients = _clients(deadline, region, profile, ROUTE53)
    except NoAws as error:
        return Records((), (), Missing(what, "", str(error)))
    names = possible(host, domain)
    questions = [
        ApiCall(
            "ListResourceRecordSets",
            "ResourceRecordSets",
            {"HostedZoneId": zone, "StartRecordName": name, "MaxItems": RECORDS},
            ROUTE53,
        )
        for name in names
    ]
    outcomes = call_all(clients, questions, deadline)
    for outcome in outcomes:
        if isinstance(outcome, ApiFailure):
            return Records((), (), Missing(what, action, outcome.reason))
    return nearest(names, [_items(outcome) for outcome in outcomes], domain)


def listed(
    deadline: Deadline, region: str | None, profile: str | None, lists: tuple[str, ...], host: str
) -> Listed:
    """Which of these DNS Firewall domain lists contain a name. One round of calls."""
    try:
        clients = _clients(deadline, region, profile, RESOLVER)
    except NoAws as error:
        return Listed((), (Missing("DNS Firewall domain lists", "", str(error)),))
    read = lists[:MOST_LISTS]
    action = "ListFirewallDomains"
    questions = [ApiCall(action, "Domains", {"FirewallDomainListId": x}, RESOLVER) for x in read]
    outcomes = call_all(clients, questions, deadline)
    missing = [
        Missing(name, f"{RESOLVER}:{action}", outcome.reason)
        for name, outcome in zip(read, outcomes, strict=True)
        if isinstance(outcome, ApiFailure)
    ]
    missing += [Missing(name, "", f"more than {MOST_LISTS} domain lists") for name in lists[MOST_LISTS:]]
    held = (
        name
        for name, outcome in zip(read, outcomes, strict=True)
        if isinstance(outcome, ApiResult) and any(_is_listed(str(entry), host) for entry in outcome.items)
    )
    return Listed(tuple(held), tuple(missing))


_WHAT = {
    "zones": "private hosted zones",
    "associations": "Resolver rules",
    "rules": "Resolver rules",
    "groups": "DNS Firewall",
    "lists": "DNS Firewall",
}


def _clients(deadline: Deadline, region: str | None, profile: str | None, *services: str) -> dict[str, Any]:
    session = open_session(deadline, region, profile)
    return {name: service_client(session, name, deadline) for name in services or (ROUTE53, RESOLVER)}


def _items(outcome: Outcome) -> list[Any]:
    return outcome.items if isinstance(outcome, ApiResult) else []


def _plain(name: object) -> str:
    """A domain name without Route 53's trailing dot and with `*` for `\\052`, in lower case."""
    return str(name or "").replace("\\052", "*").rstrip(".").lower()


def read_zone(item: Mapping[str, Any]) -> Zone:
    """A zone from an item of ListHostedZonesByVPC."""
    owner = item.get("Owner") or {}
    return Zone(
        str(item.get("HostedZoneId", "")),
        _plain(item.get("Name")),
        str(owner.get("OwningAccount", "")),
        str(owner.get("OwningService", "")),
    )


def read_rules(associations: Iterable[Any], rules: Iterable[Any]) -> tuple[Rule, ...]:
    """The associated rules, from items of ListResolverRules."""
    known = {rule.get("Id"): rule for rule in rules}
    return tuple(
        Rule(
            str(one.get("ResolverRuleId", "")),
            _plain(rule.get("DomainName")),
            str(rule.get("RuleType", "")),
            tuple(
                str(target.get("Ip") or target.get("Ipv6") or "") for target in rule.get("TargetIps") or ()
            ),
        )
        for one in associations
        if (rule := known.get(one.get("ResolverRuleId"))) and one.get("Status") not in ("DELETING", "FAILED")
    )


def _firewall(
    clients: dict[str, Any], groups: Sequence[Any], lists: Sequence[Any], deadline: Deadline
) -> tuple[tuple[FirewallRule, ...], list[Missing]]:
    """The rules of all associated groups in order of evaluation, and what was denied."""
    managed = {item.get("Id") for item in lists if item.get("ManagedOwnerName")}
    ordered = sorted(groups, key=lambda group: group.get("Priority", 0))
    names = [str(group.get("FirewallRuleGroupId", "")) for group in ordered]
    questions = [
        ApiCall("ListFirewallRules", "FirewallRules", {"FirewallRuleGroupId": name}, RESOLVER)
        for name in names
    ]
    rules: list[FirewallRule] = []
    missing: list[Missing] = []
    for name, question, outcome in zip(names, questions, call_all(clients, questions, deadline), strict=True):
        if isinstance(outcome, ApiFailure):
            missing.append(Missing("DNS Firewall", question.action, outcome.reason))
        for rule in sorted(_items(outcome), key=lambda rule: rule.get("Priority", 0)):
            domains = rule.get("FirewallDomainListId")
            if domains and rule.get("Qtype", "A") in ("A", "AAAA", "1", "28"):
                is_managed = domains in managed
                rules.append(
                    FirewallRule(
                        name, str(rule.get("Name", "")), str(rule.get("Action", "")), str(domains), is_managed
                    )
                )
    return tuple(rules), missing


def possible(host: str, domain: str) -> list[str]:
    """The name and each wildcard that may match it in the zone, closest first (RFC 4592)."""
    names, labels = [host], host.split(".")
    for first in range(1, len(labels)):
        parent = ".".join(labels[first:])
        if parent != domain and not parent.endswith(f".{domain}"):
            break
        names.append(f"*.{parent}")
    return names


def nearest(names: Sequence[str], answers: Sequence[Sequence[Any]], domain: str) -> Records:
    """The records of the first of `names` that exists; `answers` are the record sets of each."""
    for name, items in zip(names, answers, strict=True):
        found = [item for item in items if _plain(item.get("Name")) == name]
        values = [
            str(record.get("Value", ""))
            for item in found
            if item.get("Type") in ADDRESS_TYPES
            for record in item.get("ResourceRecords") or ()
        ]
        aliases = [_plain(item["AliasTarget"].get("DNSName")) for item in found if item.get("AliasTarget")]
        if values or aliases:
            return Records(tuple(values), tuple(aliases), None)
        if name != domain and any(item.get("Type") == "NS" for item in found):
            return Records((), (), None, delegated=True)
        if found and not name.startswith("*."):
            break  # the name exists with other types: no wildcard matches it
    return Records((), (), None)


def _is_listed(entry: str, host: str) -> bool:
    """Whether an entry of a domain list matches this name: exactly, by `*.` for subdomains, or `*`."""
    plain = _plain(entry)
    return plain in ("*", host) or (plain.startswith("*.") and host.endswith(plain[1:]))

"""What Route 53 is asked of a VPC, by real boto3 from an AWS endpoint on loopback."""

from __future__ import annotations

from typing import Any

import pytest

from netcheck.aws.route53.model import FirewallRule, Listed, Lookups, Records, Rule, Zone
from netcheck.aws.route53.zones import listed, look_up, records
from netcheck.core.codec import decode, encode
from netcheck.core.context import Deadline
from netcheck.path.name_resolution import most_specific
from tests.servers.aws_endpoint import AwsEndpoint, dropped
from tests.servers.aws_world import World

HOST = "abc.eu-west-1.aws.clickhouse.cloud"
PLAIN: dict[str, dict[str, Any]] = {
    "route53": {
        "ListHostedZonesByVPC": {
            "MaxItems": "100",
            "HostedZoneSummaries": [
                {
                    "HostedZoneId": "Z1",
                    "Name": "clickhouse.cloud.",
                    "Owner": {"OwningAccount": "111122223333"},
                },
                {
                    "HostedZoneId": "Z2",
                    "Name": "sts.eu-west-1.amazonaws.com.",
                    "Owner": {"OwningService": "vpce.amazonaws.com"},
                },
            ],
        }
    },
    "route53resolver": {
        "ListResolverRuleAssociations": {
            "ResolverRuleAssociations": [
                {"Id": "a1", "ResolverRuleId": "rslvr-rr-1", "VPCId": "vpc-a", "Status": "COMPLETE"},
                {"Id": "a2", "ResolverRuleId": "rslvr-rr-2", "VPCId": "vpc-a", "Status": "DELETING"},
            ]
        },
        "ListResolverRules": {
            "ResolverRules": [
                {
                    "Id": "rslvr-rr-1",
                    "DomainName": "corp.example.",
                    "RuleType": "FORWARD",
                    "TargetIps": [{"Ip": "10.9.0.2"}],
                },
                {"Id": "rslvr-rr-2", "DomainName": ".", "RuleType": "FORWARD"},
            ]
        },
        "ListFirewallRuleGroupAssociations": {
            "FirewallRuleGroupAssociations": [
                {"Id": "g2", "FirewallRuleGroupId": "rslvr-frg-2", "VpcId": "vpc-a", "Priority": 300},
                {"Id": "g1", "FirewallRuleGroupId": "rslvr-frg-1", "VpcId": "vpc-a", "Priority": 101},
            ]
        },
        "ListFirewallDomainLists": {
            "FirewallDomainLists": [
                {"Id": "rslvr-fdl-aws", "Name": "Threats", "ManagedOwnerName": "Route 53"}
            ]
        },
        "ListFirewallRules": lambda params: {
            "FirewallRules": {
                "rslvr-frg-1": [
                    {
                        "Name": "late",
                        "Priority": 20,
                        "Action": "BLOCK",
                        "FirewallDomainListId": "rslvr-fdl-1",
                    },
                    {
                        "Name": "early",
                        "Priority": 10,
                        "Action": "ALLOW",
                        "FirewallDomainListId": "rslvr-fdl-2",
                    },
                    {"Name": "dga", "Priority": 5, "Action": "BLOCK", "FirewallThreatProtectionId": "x"},
                    {
                        "Name": "mx",
                        "Priority": 1,
                        "Action": "BLOCK",
                        "FirewallDomainListId": "y",
                        "Qtype": "MX",
                    },
                ],
                "rslvr-frg-2": [
                    {"Name": "aws", "Priority": 1, "Action": "BLOCK", "FirewallDomainListId": "rslvr-fdl-aws"}
                ],
            }[params["FirewallRuleGroupId"]]
        },
    },
}


def asked(
    monkeypatch: pytest.MonkeyPatch,
    services: Any,
    probe: Any,
    *args: Any,
    deny: str = "",
    page_size: int | None = None,
) -> tuple[Any, AwsEndpoint]:
    with AwsEndpoint(World({}, services, page_size)) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        if deny:
            aws.deny(*deny.split(":"))
        found = probe(Deadline(15), None, None, *args)
    assert decode(type(found), encode(found)) == found
    return found, aws


@pytest.mark.parametrize("page_size", [None, 1])
def test_a_vpc_is_asked_for_its_zones_rules_and_firewall(
    page_size: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, aws = asked(monkeypatch, PLAIN, look_up, "vpc-a", page_size=page_size)
    assert found == Lookups(
        (
            Zone("Z1", "clickhouse.cloud", "111122223333", ""),
            Zone("Z2", "sts.eu-west-1.amazonaws.com", "", "vpce.amazonaws.com"),
        ),
        (Rule("rslvr-rr-1", "corp.example", "FORWARD", ("10.9.0.2",)),),
        (
            FirewallRule("rslvr-frg-1", "early", "ALLOW", "rslvr-fdl-2", False),
            FirewallRule("rslvr-frg-1", "late", "BLOCK", "rslvr-fdl-1", False),
            FirewallRule("rslvr-frg-2", "aws", "BLOCK", "rslvr-fdl-aws", True),
        ),
        (),
        "",
    )
    assert {call.operation for call in aws.calls} == {*PLAIN["route53"], *PLAIN["route53resolver"]}


@pytest.mark.parametrize(
    ("deny", "what"),
    [
        ("route53:ListHostedZonesByVPC", "private hosted zones"),
        ("route53resolver:ListResolverRuleAssociations", "Resolver rules"),
        ("route53resolver:ListResolverRules", "Resolver rules"),
        ("route53resolver:ListFirewallRuleGroupAssociations", "DNS Firewall"),
        ("route53resolver:ListFirewallRules", "DNS Firewall"),
        ("route53resolver:ListFirewallDomainLists", "DNS Firewall"),
    ],
)
def test_what_is_denied_is_named_and_the_rest_is_there(
    deny: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, _ = asked(monkeypatch, PLAIN, look_up, "vpc-a", deny=deny)
    assert {(one.what, one.action) for one in found.missing} == {(what, deny)}
    assert found.error == ""
    assert bool(found.zones) == ("HostedZones" not in deny)


def test_no_credentials_and_no_answer_end_without_an_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    with AwsEndpoint(World({}, PLAIN)) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        aws.fail("*", "*", dropped())
        found = look_up(Deadline(15), None, None, "vpc-a")
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        nobody = look_up(Deadline(15), None, None, "vpc-a")
    assert found.zones == () and {one.what for one in found.missing} >= {
        "private hosted zones",
        "Resolver rules",
    }
    assert "no AWS credentials" in nobody.error


def zone_with(*sets: dict[str, Any]) -> Any:
    """A zone that answers as Route 53 does: from the name asked for on, sorted."""

    def answer(_: dict[str, Any]) -> dict[str, Any]:
        return {"IsTruncated": False, "MaxItems": "10", "ResourceRecordSets": list(sets)}

    return {"route53": {"ListResourceRecordSets": answer}}


def record(name: str, kind: str = "A", *values: str, alias: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {"Name": name, "Type": kind}
    if alias:
        target = {"HostedZoneId": "Z9", "DNSName": alias, "EvaluateTargetHealth": False}
        return made | {"AliasTarget": target}
    return made | {"TTL": 60, "ResourceRecords": [{"Value": value} for value in values]}


HELD: list[tuple[str, list[dict[str, Any]], Records]] = [
    ("an address", [record(f"{HOST}.", "A", "10.0.1.50")], Records(("10.0.1.50",), (), None)),
    ("an alias", [record(f"{HOST}.", alias="vpce-1.example.")], Records((), ("vpce-1.example",), None)),
    (
        "a wildcard",
        [record("\\052.aws.clickhouse.cloud.", "A", "10.0.1.51")],
        Records(("10.0.1.51",), (), None),
    ),
    (
        "the nearest wildcard",
        [
            record("\\052.clickhouse.cloud.", "A", "10.9.9.9"),
            record("\\052.eu-west-1.aws.clickhouse.cloud.", "CNAME", "x.example."),
        ],
        Records(("x.example.",), (), None),
    ),
    ("other names only", [record("other.clickhouse.cloud.", "A", "10.0.1.52")], Records((), (), None)),
    (
        "the name with another type: no wildcard stands for it",
        [record(f"{HOST}.", "TXT", '"x"'), record("\\052.clickhouse.cloud.", "A", "10.9.9.9")],
        Records((), (), None),
    ),
    ("delegated", [record(f"{HOST}.", "NS", "ns.example.")], Records((), (), None, delegated=True)),
]


@pytest.mark.parametrize(("what", "sets", "expected"), HELD, ids=[what for what, _, _ in HELD])
def test_what_a_zone_holds_for_a_name(
    what: str, sets: list[dict[str, Any]], expected: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, _ = asked(monkeypatch, zone_with(*sets), records, "Z1", "clickhouse.cloud", HOST)
    assert found == expected, what


def test_a_zone_of_another_account_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    deny = "route53:ListResourceRecordSets"
    found, _ = asked(monkeypatch, zone_with(), records, "Z1", "clickhouse.cloud", HOST, deny=deny)
    assert found.missing is not None and found.missing.action == deny


def test_domain_lists_hold_names_and_what_is_below_them(monkeypatch: pytest.MonkeyPatch) -> None:
    domains = {
        "exact": [f"{HOST}."],
        "below": ["*.clickhouse.cloud."],
        "all": ["*."],
        "parent": ["clickhouse.cloud."],
        "other": ["*.example.com."],
    }
    world = {
        "route53resolver": {
            "ListFirewallDomains": lambda params: {"Domains": domains[params["FirewallDomainListId"]]}
        }
    }
    found, _ = asked(monkeypatch, world, listed, tuple(domains), HOST)
    assert found == Listed(("exact", "below", "all"), ())


CHOICES = [
    ("public", (), (), None),
    ("the longest zone", (("Za", "cloud"), ("Zb", "clickhouse.cloud")), (), "Zb"),
    ("not a part of a label", (("Za", "house.cloud"),), (), None),
    (
        "a rule as long as the zone",
        (("Za", "clickhouse.cloud"),),
        (("r", "clickhouse.cloud", "FORWARD"),),
        "r",
    ),
    ("a zone longer than the rule", (("Za", "clickhouse.cloud"),), (("r", "", "FORWARD"),), "Za"),
    ("a rule for everything", (), (("r", "", "FORWARD"),), "r"),
    (
        "a SYSTEM rule undoes a shorter FORWARD",
        (),
        (("r", "cloud", "FORWARD"), ("s", "clickhouse.cloud", "SYSTEM")),
        None,
    ),
    ("the rule that AWS makes for the internet", (), (("auto", "", "RECURSIVE"),), None),
]


@pytest.mark.parametrize(("what", "zones", "rules", "chosen"), CHOICES, ids=[c[0] for c in CHOICES])
def test_the_most_specific_decides(what: str, zones: Any, rules: Any, chosen: str | None) -> None:
    lookups = Lookups(
        tuple(Zone(name, domain, "1", "") for name, domain in zones),
        tuple(Rule(name, domain, kind, ()) for name, domain, kind in rules),
        (),
        (),
        "",
    )
    found = most_specific(lookups, None, HOST)
    assert (found.id if found else None) == chosen, what

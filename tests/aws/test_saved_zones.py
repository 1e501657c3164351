"""Private zones and Resolver rules of a snapshot: saved by the command, judged without asking AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from netcheck.aws.route53.saved import saved_lookups, saved_records
from tests.commandline import netcheck
from tests.scenarios.pipelines import built, scenarios, world
from tests.servers.aws_endpoint import AwsEndpoint

HEALTHY = "healthy, no NAT gateway, interface endpoints and PrivateLink to ClickHouse"
CLICKHOUSE = "abc123xyz.eu-west-1.vpce.aws.clickhouse.cloud"
VPC = "vpc-shop"
SUBNETS = ("subnet-workers-a", "subnet-workers-b", "subnet-workers-c")
CANARY = "Kanarie-7f3a9"


def saved(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *more: str, deny: str = "", **services: Any
) -> str:
    """Save the account of a scenario, as a person does."""
    pipeline = built(scenarios()[name])
    for service, answers in services.items():
        pipeline["services"].setdefault(service, {}).update(answers)
    with AwsEndpoint(world(pipeline)) as aws:
        for variable, value in aws.environment().items():
            monkeypatch.setenv(variable, value)
        if deny:
            aws.deny(*deny.split(":"))
        done = netcheck("snapshot", "--output", str(folder), "--region", "eu-west-1", *more)
    assert done.code == (3 if deny else 0), done.err
    if deny:
        assert deny in done.out
    return str(folder)


def judged(folder: str, host: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What resolver.zones says of a name, with no AWS to ask."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    arguments = ("--snapshot", folder, "--source-subnet", *SUBNETS, "--source-security-group", "sg-workers")
    where = ("--clickhouse", f"https://{host}:8443", "--only", "resolver.zones", "--format", "json")
    done = netcheck("run", *arguments, *where)
    (result,) = json.loads(done.out)["results"]
    assert isinstance(result, dict)
    return result


def test_a_saved_zone_leads_the_name_to_its_endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = judged(saved(HEALTHY, tmp_path, monkeypatch, "--names"), CLICKHOUSE, monkeypatch)
    assert result["status"] == "pass"
    assert "Z0CLICKHOUSE" in result["summary"]
    assert result["evidence"]["addresses"] == ["10.0.1.60"]


def test_a_saved_zone_that_lacks_the_name_hides_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = saved("D08 a private zone hides ClickHouse's public name", tmp_path, monkeypatch, "--names")
    result = judged(folder, "abc123xyz.eu-west-1.aws.clickhouse.cloud", monkeypatch)
    assert (result["status"], result["cause"]) == ("fail", "dns_shadowed")


def test_a_snapshot_without_names_does_not_tell_and_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = judged(saved(HEALTHY, tmp_path, monkeypatch), CLICKHOUSE, monkeypatch)
    assert result["status"] == "skip"
    assert "netcheck snapshot --names" in result["summary"]


@pytest.mark.parametrize("action", ["route53:ListHostedZonesByVPC", "route53:ListResourceRecordSets"])
def test_what_could_not_be_saved_is_a_gap(
    action: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(HEALTHY, tmp_path, monkeypatch, "--names", deny=action)
    gaps = json.loads((tmp_path / "Gaps.json").read_text("utf-8"))["Gaps"]
    assert {gap["action"] for gap in gaps} == {action}
    assert judged(folder, CLICKHOUSE, monkeypatch)["status"] == "skip"


def test_a_snapshot_without_names_removes_those_of_an_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(HEALTHY, tmp_path, monkeypatch, "--names")
    assert (tmp_path / "HostedZones.json").exists()
    saved(HEALTHY, tmp_path, monkeypatch)
    assert not (tmp_path / "HostedZones.json").exists()


def test_records_that_lead_nowhere_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = [
        {
            "Name": "x.vpce.aws.clickhouse.cloud.",
            "Type": "TXT",
            "TTL": 60,
            "ResourceRecords": [{"Value": CANARY}],
        }
    ]
    answer = {"IsTruncated": False, "MaxItems": "300", "ResourceRecordSets": sets}
    saved(HEALTHY, tmp_path, monkeypatch, "--names", route53={"ListResourceRecordSets": answer})
    assert not [file for file in tmp_path.iterdir() if CANARY in file.read_text("utf-8")]


RULE = {
    "Id": "rslvr-rr-1",
    "DomainName": "corp.example.",
    "RuleType": "FORWARD",
    "TargetIps": [{"Ip": "10.9.0.2"}],
}


def test_rules_are_those_of_the_vpc_that_was_asked_about() -> None:
    documents: dict[str, Any] = {
        "HostedZones": {"HostedZones": [{"VpcId": VPC, "HostedZones": []}]},
        "ResolverRules": {"ResolverRules": [{"VpcId": VPC, "ResolverRules": [RULE]}]},
    }
    (rule,) = saved_lookups(documents, VPC).rules
    assert (rule.domain, rule.targets) == ("corp.example", ("10.9.0.2",))
    assert saved_lookups(documents, VPC).lacks("private hosted zones", "Resolver rules") is None
    assert saved_lookups(documents, "vpc-other").lacks("Resolver rules") is not None


@pytest.mark.parametrize(
    "strange", [None, [], "x", {"HostedZones": "x"}, {"HostedZones": [1, {"VpcId": VPC}]}]
)
def test_a_strange_file_shows_nothing(strange: Any) -> None:
    documents = {"HostedZones": strange, "ResolverRules": strange}
    assert saved_lookups(documents, VPC).lacks("private hosted zones") is not None
    assert saved_records(documents, VPC, "Z1", "a", "b.a").missing is not None

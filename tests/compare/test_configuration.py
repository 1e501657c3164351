"""What changed in the AWS configuration: a table of changes and their texts."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from netcheck.compare.components import component_changes, not_compared
from netcheck.compare.undo import without
from tests.commandline import netcheck
from tests.scenarios.pipelines import base

Documents = dict[str, Any]
ANYWHERE = {"CidrIp": "0.0.0.0/0"}


@cache
def _read() -> Documents:
    return {stem: {stem: content} for stem, content in base()["ec2"].items()}


def account() -> Documents:
    """A copy of the AWS network configuration in `tests/scenarios/base.yaml`."""
    return copy.deepcopy(_read())


def the(documents: Documents, stem: str, key: str, name: str) -> Any:
    return next(item for item in documents[stem][stem] if item[key] == name)


def group(documents: Documents, name: str = "sg-workers") -> Any:
    return the(documents, "SecurityGroups", "GroupId", name)


def acl(documents: Documents) -> Any:
    return the(documents, "NetworkAcls", "NetworkAclId", "acl-default")


def table(documents: Documents, name: str = "rtb-workers-a") -> Any:
    return the(documents, "RouteTables", "RouteTableId", name)


def entry(documents: Documents, number: int, egress: bool) -> Any:
    return next(e for e in acl(documents)["Entries"] if (e["RuleNumber"], e["Egress"]) == (number, egress))


def rule(**more: Any) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": 9094, "ToPort": 9094, **more}


def moves_a_subnet(documents: Documents) -> None:
    """To another route table: AWS shows that in the associations of both tables."""
    for each in documents["RouteTables"]["RouteTables"]:
        each["Associations"] = [a for a in each["Associations"] if a.get("SubnetId") != "subnet-workers-a"]
    table(documents, "rtb-workers-b")["Associations"].append(
        {
            "RouteTableAssociationId": "rtbassoc-new",
            "RouteTableId": "rtb-workers-b",
            "SubnetId": "subnet-workers-a",
        }
    )


CHANGES: list[tuple[str, Callable[[Documents], object], list[str]]] = [
    ("nothing", dict.copy, []),
    (
        "a rule is removed",
        lambda d: group(d)["IpPermissionsEgress"].pop(0),
        ["sg-workers: outbound rule removed: tcp 9098 to sg-brokers"],
    ),
    (
        "a rule is added",
        lambda d: group(d)["IpPermissions"].append(rule(IpRanges=[ANYWHERE])),
        ["sg-workers: inbound rule added: tcp 9094 from 0.0.0.0/0"],
    ),
    (
        "one of two peers of a rule is added",
        lambda d: group(d)["IpPermissionsEgress"][1]["IpRanges"].append(
            {"CidrIp": "10.0.0.0/8", "Description": "x"}
        ),
        ["sg-workers: outbound rule added: tcp 8443 to 10.0.0.0/8"],
    ),
    (
        "IPv6 and a prefix list",
        lambda d: group(d)["IpPermissions"].extend(
            [
                {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
                rule(FromPort=0, ToPort=65535, PrefixListIds=[{"PrefixListId": "pl-1"}]),
            ]
        ),
        [
            "sg-workers: inbound rule added: all traffic from ::/0",
            "sg-workers: inbound rule added: tcp all ports from pl-1",
        ],
    ),
    ("only a description", lambda d: group(d).update(Description="other"), []),
    (
        "an ACL's entry now denies",
        lambda d: entry(d, 100, True).update(RuleAction="deny"),
        [
            "acl-default: outbound entry 100 changed: "
            "allow all traffic to 0.0.0.0/0 → deny all traffic to 0.0.0.0/0"
        ],
    ),
    (
        "an ACL's entry is added",
        lambda d: acl(d)["Entries"].append(
            {
                "RuleNumber": 90,
                "RuleAction": "deny",
                "Egress": False,
                "Protocol": "6",
                "CidrBlock": "10.0.11.0/24",
                "PortRange": {"From": 1024, "To": 65535},
            }
        ),
        ["acl-default: inbound entry 90 added: deny tcp 1024-65535 from 10.0.11.0/24"],
    ),
    (
        "a route is removed",
        lambda d: table(d).update(Routes=[r for r in table(d)["Routes"] if "NatGatewayId" not in r]),
        ["rtb-workers-a: route 0.0.0.0/0 removed: nat-a"],
    ),
    (
        "a route has another target",
        lambda d: next(r for r in table(d)["Routes"] if "NatGatewayId" in r).update(NatGatewayId="nat-b"),
        ["rtb-workers-a: route 0.0.0.0/0 changed: nat-a → nat-b"],
    ),
    (
        "a route is a blackhole",
        lambda d: next(r for r in table(d)["Routes"] if "NatGatewayId" in r).update(State="blackhole"),
        ["rtb-workers-a: route 0.0.0.0/0 changed: nat-a → nat-a (blackhole)"],
    ),
    (
        "a subnet is associated with another route table",
        moves_a_subnet,
        ["subnet-workers-a: route table: rtb-workers-a → rtb-workers-b"],
    ),
    (
        "a NAT gateway fails",
        lambda d: the(d, "NatGateways", "NatGatewayId", "nat-a").update(State="failed"),
        ["nat-a: State: available → failed"],
    ),
    (
        "a NAT gateway is removed",
        lambda d: d["NatGateways"]["NatGateways"].pop(0),
        ["nat-a: nat gateway removed"],
    ),
    (
        "DNS support is off",
        lambda d: d["VpcAttributes"]["VpcAttributes"][0].update(EnableDnsSupport={"Value": False}),
        ["vpc-shop: EnableDnsSupport.Value: on → off"],
    ),
    (
        "an interface is in another group",
        lambda d: the(d, "NetworkInterfaces", "NetworkInterfaceId", "eni-broker-1").update(
            Groups=[{"GroupId": "sg-other", "GroupName": "other"}]
        ),
        ["eni-broker-1: Groups: sg-brokers removed, sg-other added"],
    ),
    (
        "an endpoint is added",
        lambda d: d["VpcEndpoints"]["VpcEndpoints"].append({"VpcEndpointId": "vpce-1", "VpcId": "vpc-shop"}),
        ["vpce-1: vpc endpoint added"],
    ),
    (
        "the number of free addresses",
        lambda d: the(d, "Subnets", "SubnetId", "subnet-workers-a").update(AvailableIpAddressCount=3),
        [],
    ),
]


@pytest.mark.parametrize(("case", "edit", "texts"), CHANGES, ids=[case for case, _, _ in CHANGES])
def test_a_change_in_words(case: str, edit: Callable[[Documents], object], texts: list[str]) -> None:
    before, after = account(), account()
    edit(after)
    changes = component_changes({"": before}, {"": after})
    assert [f"{change.component}: {change.text}" for change in changes] == texts, case


@pytest.mark.parametrize(("case", "edit", "texts"), CHANGES, ids=[case for case, _, _ in CHANGES])
def test_undoing_every_change_leaves_none(
    case: str, edit: Callable[[Documents], object], texts: list[str]
) -> None:
    before, after = account(), account()
    edit(after)
    kept = copy.deepcopy(after)
    documents: Any = {"": after}
    for change in component_changes({"": before}, documents):
        documents = without(change, {"": before}, documents)
        assert documents is not None, case
    assert component_changes({"": before}, documents) == (), texts
    assert after == kept, "the later configuration must not be modified"


def saved(folder: Path, documents: Documents) -> Path:
    folder.mkdir()
    for stem, content in documents.items():
        (folder / f"{stem}.json").write_text(json.dumps(content))
    return folder


def test_two_snapshot_folders(tmp_path: Path) -> None:
    before, after = account(), account()
    group(after)["IpPermissionsEgress"].pop(0)
    del after["NatGateways"]
    done = netcheck("diff", str(saved(tmp_path / "a", before)), str(saved(tmp_path / "b", after)))
    assert (done.code, done.err) == (0, "")
    assert "sg-workers: outbound rule removed: tcp 9098 to sg-brokers" in done.out
    assert "NatGateways: not collected after" in done.out
    assert "nat-a" not in done.out, "a document that was not collected is not a removal"


def test_a_vpc_that_only_one_side_has_is_not_compared() -> None:
    before, after = account(), account()
    other = {"VpcId": "vpc-other", "CidrBlock": "10.7.0.0/16"}
    after["Vpcs"]["Vpcs"].append(other)
    after["SecurityGroups"]["SecurityGroups"].append({"GroupId": "sg-far", "VpcId": "vpc-other"})
    found = component_changes({"": before}, {"": after})
    assert [change.component for change in found] == ["vpc-other"]
    assert list(not_compared({"": before}, {"": after})) == [
        "the contents of vpc-other: the VPC does not exist before"
    ]

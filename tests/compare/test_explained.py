"""The change that explains a new failure comes first and is proved, among changes that do not matter.

Each case is two runs in an AWS account of `tests/servers`: before, and after changes that break something.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from netcheck.compare import proof
from tests.commandline import netcheck
from tests.compare.recorded import record, run
from tests.compare.test_results import diff, report, result

PAGE = (Path(__file__).parents[2] / "docs" / "compare.md").read_text(encoding="utf-8")
OUTBOUND = "ec2/SecurityGroups/GroupId=sg-workers/IpPermissionsEgress"
INBOUND = "ec2/SecurityGroups/GroupId=sg-brokers/IpPermissions"
ENTRIES = "ec2/NetworkAcls/NetworkAclId=acl-default/Entries"
ROUTES = "ec2/RouteTables/RouteTableId=rtb-workers-{}/Routes"
SETTING = "connector/connectorConfiguration/{}"
OTHER_ROUTE = {
    "DestinationCidrBlock": "172.16.0.0/12",
    "NatGatewayId": "nat-b",
    "State": "active",
    "Origin": "CreateRoute",
}
DENY: dict[str, Any] = {
    "RuleNumber": 90,
    "RuleAction": "deny",
    "Egress": False,
    "Protocol": "6",
    "CidrBlock": "10.0.11.0/24",
    "PortRange": {"From": 1024, "To": 65535},
}
UNRELATED = {**DENY, "RuleNumber": 80, "CidrBlock": "172.16.0.0/12"}
HOST = "abc123xyz.eu-west-1.aws.clickhouse.cloud"

Patch = Mapping[str, Any]
Reason = tuple[str, str, bool]
"""Component, its change, and whether that is proved."""
CASES: list[tuple[str, list[Patch], list[Reason], int]] = [
    (
        "three failures among changes without effect: each root cause has its own explanation",
        [
            {"at": ENTRIES, "add": DENY},
            {"at": ENTRIES, "add": UNRELATED},
            {"at": f"{ROUTES.format('a')}/1", "drop": True},
            {"at": ROUTES.format("b"), "add": OTHER_ROUTE},
            {"at": "ec2/NatGateways/NatGatewayId=nat-c/State", "set": "failed"},
            {"at": SETTING.format("tasks.max"), "set": "9"},
        ],
        [
            ("acl-default", "inbound entry 90 added: deny tcp 1024-65535 from 10.0.11.0/24", True),
            ("nat-c", "State: available → failed", True),
            ("rtb-workers-a", "route 0.0.0.0/0 removed: nat-a", True),
        ],
        3,
    ),
    (
        "a connector setting cannot be undone on the AWS configuration: it is only a possible explanation",
        [
            {"at": SETTING.format("hostname"), "set": f"https://{HOST}"},
            {"at": SETTING.format("tasks.max"), "set": "9"},
        ],
        [("connector orders-sink", f"hostname: {HOST} → https://{HOST}", False)],
        1,
    ),
]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer than a person would wait."""
    monkeypatch.setattr(proof, "LONGEST_SECONDS", 90.0)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("good") / "good.json.gz")


REMOVED_RULE = {"at": f"{OUTBOUND}/0", "drop": True}


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same account without the rule from the workers to the brokers, and with other changes."""
    path = tmp_path_factory.mktemp("bad") / "bad.json.gz"
    opened = {"at": f"{INBOUND}/0/FromPort", "set": 9000}
    return record(path, REMOVED_RULE, opened, {"at": SETTING.format("tasks.max"), "set": "4"})


def test_the_page_shows_what_is_printed(
    good: Path, bad: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (good, bad):
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    shown = PAGE.partition("$ netcheck diff good.json.gz bad.json.gz\n")[2].partition("```")[0]
    done = netcheck("diff", "good.json.gz", "bad.json.gz")
    assert (done.code, done.out) == (1, shown.replace("✗", "x").replace("→", "->"))  # not to a terminal


@pytest.mark.parametrize(("case", "patch", "reasons", "others"), CASES, ids=[case[0] for case in CASES])
def test_the_explanation_comes_first(
    case: str,
    patch: list[Patch],
    reasons: list[Reason],
    others: int,
    good: Path,
    tmp_path: Path,
) -> None:
    bad = record(tmp_path / "bad.json.gz", *patch)
    done = netcheck("diff", str(good), str(bad), "--format", "json")
    assert (done.code, done.err) == (1, ""), case
    found = json.loads(done.out)
    changes = [(change["component"], change["text"], change["proved"]) for change in found["changes"]]
    assert sorted(changes[: len(reasons)]) == sorted(reasons)
    assert [change["explains"] for change in found["changes"][len(reasons) :]] == [[]] * others
    explained = {number for change in found["changes"] for number in change["explains"]}
    appeared = [cause for cause in found["root_causes"] if cause["change"] == "appeared"]
    assert explained == set(range(1, len(appeared) + 1)), "a new root cause has no explanation"


def test_the_reverse_comparison_is_resolved_and_blames_nothing(good: Path, bad: Path) -> None:
    done = netcheck("diff", str(bad), str(good))
    assert done.code == 0
    assert "1 root cause resolved" in done.out and "because" not in done.out
    assert "sg-workers: outbound rule added: tcp 9098 to sg-brokers" in done.out


def test_a_baseline_is_compared_after_the_report(good: Path, bad: Path) -> None:
    report, _, since = netcheck("run", "--replay", str(bad), "--baseline", str(good)).out.partition(
        "x 1 new root"
    )
    assert "1 root cause" in report and "passed" in report
    assert "because   sg-workers: outbound rule removed: tcp 9098 to sg-brokers" in since


def test_a_live_run_is_compared_with_the_recording_it_is_given(good: Path) -> None:
    """Including the AWS configuration, although the run writes no recording. In JSON it is one more key."""
    found = json.loads(run((REMOVED_RULE,), "--baseline", str(good), "--format", "json").out)
    assert found["schema"] == "netcheck.report/1"
    since = found["since_baseline"]
    assert since["schema"] == "netcheck.diff/1"
    assert [(change["component"], change["proved"]) for change in since["changes"]] == [("sg-workers", True)]


def test_markdown_escapes_a_peers_markup(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script> [x](http://evil) | `a` \x1b[31m\nnext"
    after = report(result("fail", "timed_out", summary=evil))
    done = diff(tmp_path, report(result("pass")), after, "--format", "markdown")
    assert "<script>" not in done.out.replace("\\<", "") and "\x1b" not in done.out
    assert "\\[x\\](http://evil)" in done.out

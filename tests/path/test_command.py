"""`netcheck path` as a person runs it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from netcheck.commands.main import main
from netcheck.path.query import ask
from netcheck.report.hops import render
from netcheck.report.style import Style
from tests.path.world import World, acl_line, permission, two_subnets, with_nat, with_peer


def save(folder: Path, world: World) -> str:
    for stem, document in world.documents.items():
        (folder / f"{stem}.json").write_text(json.dumps(document))
    return str(folder)


def closed() -> World:
    world = two_subnets()
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = [permission("10.0.1.0/25", (9092, 9092))]
    return world


@pytest.mark.parametrize(
    ("world", "to", "code", "words"),
    [
        (two_subnets(), "10.0.2.7:9094", 0, ["reachable", "acl-w", "10.0.0.0/16 → local", "eni-b"]),
        (closed(), "10.0.2.7:9094", 1, ["blocked", "✗ sg-b", "ENI_SG_RULES_MISMATCH"]),
        (two_subnets().without("NetworkAcls"), "10.0.2.7:9094", 3, ["unknown", "ec2:DescribeNetworkAcls"]),
        (with_nat(), "203.0.113.9:443", 0, ["reachable", "nat-a", "assumed", "igw-a"]),
    ],
)
def test_one_flow_is_told_hop_by_hop_and_the_exit_code_is_the_verdict(
    world: World, to: str, code: int, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["path", "--snapshot", save(tmp_path, world), "--from", "eni-w", "--to", to]) == code
    shown = capsys.readouterr().out
    for word in words:
        assert word in shown, shown


def test_a_subnet_with_groups_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = closed()
    world.find("SecurityGroups", "sg-b")["IpPermissions"][0] |= {"FromPort": 9094, "ToPort": 9094}
    arguments = [
        "path",
        "--snapshot",
        save(tmp_path, world),
        "--from",
        "subnet-w",
        "--security-group",
        "sg-w",
    ]
    assert main([*arguments, "--to", "eni-b:9094", "--format", "json", "--source-port", "40000"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "partial"
    assert found["passing"][0]["source_ports"] == [[40000, 40000]]


def test_flows_are_answered_in_order_and_expectations_decide_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save(tmp_path, closed())
    flow = {"from": "eni-w", "to": "10.0.2.7"}
    lines = [
        {"id": "a", "port": 9092, "expect": "reachable"} | flow,
        {"id": "b", "port": 9094, "expect": "blocked"} | flow,
    ]
    text = "\n\n".join(json.dumps(line) for line in lines)
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert main(["path", "--snapshot", folder, "--flows", "-"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(a["id"], a["verdict"]) for a in answers] == [("a", "reachable"), ("b", "blocked")]
    lines[1]["expect"] = "reachable"
    (tmp_path / "flows").write_text("\n".join(json.dumps(line) for line in lines))
    assert main(["path", "--snapshot", folder, "--flows", str(tmp_path / "flows")]) == 1
    assert (
        "flow b (line 2): expected reachable, found blocked: sg-b does not allow" in capsys.readouterr().err
    )


def test_a_line_may_name_its_own_snapshot_and_a_bad_line_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = save(tmp_path / "one", two_subnets()), save(tmp_path / "two", with_peer())
    lines = [
        json.dumps({"id": 1, "from": "eni-w", "to": "10.0.2.7:9094", "snapshot": one}),
        "not JSON",
        "[]",
        json.dumps({"id": 2, "from": "eni-w", "to": "10.0.2.7:9094"}),
        json.dumps({"id": 3, "from": "eni-w", "to": "10.9.1.7:9094", "snapshot": two}),
        json.dumps({"id": 4, "from": "eni-w", "to": "10.9.1.7:9094", "snapshot": str(tmp_path / "none")}),
        json.dumps({"id": 5, "from": "eni-w", "to": "10.9.1.7:9094", "snapshot": two, "expect": "fine"}),
    ]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    assert main(["path", "--flows", "-"]) == 2
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [a.get("verdict") for a in answers] == ["reachable", None, None, None, "reachable", None, None]
    assert "line 2" in answers[1]["error"] and "--snapshot" in answers[3]["error"]
    assert "no such folder" in answers[5]["error"] and "is not one of reachable" in answers[6]["error"]


def test_odd_but_possible_lines_are_answered_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save(tmp_path, two_subnets())
    flow = '"from": "eni-w", "to": "10.0.2.7:9094"}'
    odd = ["NaN", "1e999", '"é"']
    monkeypatch.setattr("sys.stdin", io.StringIO("\ufeff" + "\n".join(f'{{"id": {i}, {flow}' for i in odd)))
    assert main(["path", "--snapshot", folder, "--flows", "-"]) == 2
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [a.get("verdict") for a in answers] == [None, None, "reachable"]
    assert "line 1: not JSON (NaN" in answers[0]["error"] and answers[2]["id"] == "é"


@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff"])
def test_flows_without_a_question_are_wrong_usage(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert main(["path", "--snapshot", save(tmp_path, two_subnets()), "--flows", "-"]) == 2
    assert "no flows" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--from", "eni-w", "--to", "10.0.2.7:1"],
        ["--snapshot", "SNAPSHOT", "--from", "eni-w"],
        ["--snapshot", "SNAPSHOT", "--from", "eni-w", "--to", "10.0.2.7:1", "--flows", "-"],
        ["--snapshot", "/nowhere", "--from", "eni-w", "--to", "10.0.2.7:1"],
        ["--snapshot", "SNAPSHOT", "--from", "eni-none", "--to", "10.0.2.7:1"],
        ["--snapshot", "SNAPSHOT", "--from", "eni-w", "--to", "10.0.2.7"],
        ["--snapshot", "SNAPSHOT", "--flows", "/nowhere"],
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save(tmp_path, two_subnets())
    assert main(["path", *(folder if a == "SNAPSHOT" else a for a in arguments)]) == 2
    complaint = capsys.readouterr()
    assert complaint.out == ""
    assert complaint.err.startswith("netcheck: ") and complaint.err.count("\n") == 1


def test_what_is_not_known_ends_its_sentence_before_it_says_what_would_help(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(save(tmp_path, two_subnets()))
    (folder / "NetworkInterfaces.json").unlink()
    assert main(["path", "--snapshot", str(folder), "--from", "10.0.1.10", "--to", "10.0.2.7:1"]) == 3
    assert "not in the snapshot. Needs ec2:DescribeNetworkInterfaces." in capsys.readouterr().out


def test_colour_and_unicode_only_if_told_so() -> None:
    world = closed()
    entries = world.find("NetworkAcls", "acl-w")["Entries"]
    entries.append(acl_line(50, "deny", "10.0.2.0/24", (40000, 50000), "tcp", Egress=False))
    path = ask({"from": "eni-w", "to": "10.0.2.7", "port": 9092}, world.snapshot())
    plain = render(path, Style(unicode=False))
    assert plain.isascii() and "\x1b" not in plain
    assert "50 | TCP | 40000-50000 | 10.0.2.0/24 | DENY" in plain
    assert "passes only" in plain and "32768-39999, 50001-60999" in plain
    assert "\x1b[" in render(path, Style(colour=True))

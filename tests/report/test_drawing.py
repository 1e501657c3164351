"""Pictures of paths: the break marked where it is, on any terminal, once for a root cause."""

from __future__ import annotations

import re

import pytest

from netcheck.core.model import Json
from netcheck.path.query import as_json, ask, steps
from netcheck.report import table
from netcheck.report.drawing import draw
from netcheck.report.picture import Picture, kind_of, of_answer, of_cause
from netcheck.report.style import Style
from tests.path.world import World, acl_line, permission, two_subnets, with_nat, with_peer
from tests.report.samples import BLOCKED, BROKER_GROUP, SILENT_BROKERS, TITLES, WORKER_ACL

SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")


def picture(world: World, *components: str, source: str = "eni-w", to: str = "10.0.2.7") -> Picture:
    path = ask({"from": source, "to": to, "port": 9094}, world.snapshot())
    return of_answer(as_json(path) | {"steps": steps(path)}, components)


def closed() -> World:
    world = two_subnets()
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = [permission("10.9.0.0/16", (9094, 9094))]
    return world


def partly() -> World:
    world = two_subnets()
    line = acl_line(50, "deny", "10.0.2.0/24", (40000, 50000), "tcp", Egress=False)
    world.find("NetworkAcls", "acl-w")["Entries"].append(line)
    return world


def lines(made: Picture, style: Style | None = None, width: int = 100, fold: bool = False) -> list[str]:
    return list(draw(made, style or Style(), width, fold=fold))


@pytest.mark.parametrize(
    ("sentence", "made", "there", "back"),
    [
        (
            "nothing is in the way",
            picture(two_subnets()),
            ["│ eni-w", "│ sg-w", "│ acl-w", "│ rtb-a", "│ acl-b", "│ sg-b", "▼ eni-b"],
            ["│ eni-b", "│ acl-b", "│ rtb-a", "│ acl-w", "▼ eni-w"],
        ),
        (
            "a group stops it: what lies behind is not reached",
            picture(closed(), "sg-b"),
            ["│ eni-w", "│ sg-w", "│ acl-w", "│ rtb-a", "│ acl-b", "✗ sg-b", "┊ eni-b"],
            ["│ eni-b", "│ acl-b", "│ rtb-a", "│ acl-w", "▼ eni-w"],
        ),
        (
            "a part is stopped on the way back: the rest goes on",
            picture(partly(), "acl-w"),
            ["│ eni-w", "│ sg-w", "│ acl-w", "│ rtb-a", "│ acl-b", "│ sg-b", "▼ eni-b"],
            ["│ eni-b", "│ acl-b", "│ rtb-a", "✗ acl-w", "▼ eni-w"],
        ),
        (
            "there is no route: there the drawing ends",
            picture(with_peer(), "rtb-w", to="10.1.2.7"),
            ["│ eni-w", "│ sg-w", "│ acl-w", "✗ rtb-w"],
            [],
        ),
    ],
)
def test_a_rail_there_and_a_rail_back(
    sentence: str, made: Picture, there: list[str], back: list[str]
) -> None:
    drawn = lines(made, width=140)
    rails = [" ".join(line[10:].split()[:2]) for line in drawn]
    rails = [rail for rail in rails if not rail.endswith(("DENY", "ALLOW"))]
    assert rails == [*there, *back], sentence
    assert drawn[0].startswith("forward")
    assert len([line for line in drawn if line.startswith("return")]) == bool(back)


@pytest.mark.parametrize("width", [48, 60, 80, 110, 140])
@pytest.mark.parametrize("world", [closed(), partly(), with_nat()], ids=["closed", "partly", "nat"])
def test_it_fits_and_says_the_same_in_ascii_and_in_colour(world: World, width: int) -> None:
    made = picture(world, "sg-b", "acl-w")
    plain = lines(made, width=width)
    assert max(map(len, plain)) <= width
    assert not [line for line in plain if line != line.rstrip()]
    assert [SEQUENCE.sub("", line) for line in lines(made, Style(colour=True), width)] == plain
    ascii_only = "\n".join(lines(made, Style(unicode=False), width)).replace("→", "->")
    assert ascii_only.isascii()
    for stage in (*made.there, *made.back):
        assert stage.component in ascii_only


def test_the_break_says_why() -> None:
    (line,) = [line for line in lines(picture(closed(), "sg-b")) if "✗" in line]
    assert re.search(r"✗ sg-b +security group +in +no matching allow rule  ENI_SG_RULES_MISMATCH$", line)
    (line,) = [line for line in lines(picture(partly(), "acl-w"), width=140) if "✗" in line]
    assert "50 | TCP | 40000-50000 | 10.0.2.0/24 | DENY  SUBNET_ACL_RESTRICTION" in line


def test_another_break_on_the_same_path_is_told_apart() -> None:
    world = closed()
    world.find("NetworkAcls", "acl-b")["Entries"].insert(
        0, acl_line(10, "deny", "0.0.0.0/0") | {"Egress": False}
    )
    (own,) = [line for line in lines(picture(world, "sg-b"), width=140) if "✗ sg-b" in line]
    (other,) = [line for line in lines(picture(world, "sg-b"), width=140) if "✗ acl-b" in line]
    assert "(breaks here too)" in other and "(breaks here too)" not in own


def test_a_way_that_nothing_breaks_takes_one_line() -> None:
    drawn = lines(picture(closed(), "sg-b"), fold=True)
    assert drawn[-1] == "return    ✓ eni-b · acl-b · rtb-a · acl-w · eni-w"


def test_one_picture_for_a_root_cause_and_not_for_a_target() -> None:
    shown = table.render(BLOCKED, Style(), TITLES)
    assert len(BLOCKED.root_causes[0].results) == 3
    assert shown.count("   path      ") == len(BLOCKED.root_causes) == 2
    assert shown.count(f"✗ {BROKER_GROUP}") == 1 and shown.count(f"✗ {WORKER_ACL}") == 1


def test_what_is_no_matter_of_a_path_has_no_picture() -> None:
    assert of_cause(SILENT_BROKERS, SILENT_BROKERS.root_causes[0]) is None
    assert "   path      " not in table.render(SILENT_BROKERS, Style(), TITLES)


def test_evidence_without_rules_is_drawn_from_its_hops() -> None:
    path = ask({"from": "eni-w", "to": "10.0.2.7", "port": 9094}, closed().snapshot())
    made = of_answer(as_json(path), ["sg-b"])
    assert [stage.component for stage in made.there if stage.code] == ["sg-b"]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"steps": 3, "blocked_by": "x"},
        {"hops": {"forward": [1, None, {"component": 5}], "return": {}}, "blocked_by": [7, {"leg": 1}]},
    ],
)
def test_an_answer_of_another_shape_is_no_crash(answer: dict[str, Json]) -> None:
    assert isinstance(lines(of_answer(answer)), list)


@pytest.mark.parametrize(
    ("component", "kind"),
    [
        ("tgw-rtb-1", "transit gateway route table"),
        ("tgw-attach-1", "transit gateway attachment"),
        ("tgw-1", "transit gateway"),
        ("vpce-1", "VPC endpoint"),
        ("vpc-1", "VPC"),
        ("10.0.0.1", ""),
    ],
)
def test_a_resource_is_named_by_its_id(component: str, kind: str) -> None:
    assert kind_of(component) == kind

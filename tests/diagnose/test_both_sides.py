"""The whole of the join: real checks judge an AWS account and what was observed, and are held together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from checks.correlate import SidesAgree, WhatIsDeliveredAnswers
from checks.dns import Resolves
from checks.routes import LeadsThere, LeavesByNat, PathConsistent
from checks.security import AclsAllow, GroupsAllow
from checks.tcp import Connects
from netcheck.core.catalogue import Catalogue
from netcheck.core.check import DerivedCheck
from netcheck.core.codec import encode
from netcheck.core.model import Cause, Kind, Result, Target
from netcheck.core.place import Place, Where
from netcheck.diagnose import Diagnosis, diagnose
from netcheck.probe.transport.kernel import IcmpError
from netcheck.probe.transport.tcp import Connection, Connections
from tests.checks.run import context, judge
from tests.checks.worlds import WORKERS, bare
from tests.path.world import World, acl_line, permission

CHECKS = (
    Resolves(), Connects(), LeadsThere(), LeavesByNat(), GroupsAllow(), AclsAllow(), PathConsistent(),
)  # fmt: skip
DERIVED = (SidesAgree(), WhatIsDeliveredAnswers())
IDS = {check.id for check in DERIVED}
DECLARED = Catalogue.made_of((*CHECKS, *DERIVED))
BROKER = Target(Kind.KAFKA, "b-1.orders.kafka.example", 9098)
ADDRESS = "10.0.11.7"
IN_W = Place(Where.SAME, ("subnet-w",), ("10.0.1.10",))
IN_X = Place(Where.SAME, ("subnet-x",), ("10.0.2.10",))
LAPTOP = Place(Where.ELSEWHERE, (), ("192.168.1.5",))
CONTAINER = Place(Where.UNKNOWN, (), ("172.17.0.3",))


def healthy() -> World:
    """A broker in a subnet of its own, let in by its group."""
    world = bare()
    world.subnet("subnet-b", "vpc-a", "10.0.11.0/24", zone="eu-west-1a")
    world.acl("acl-b", "vpc-a", "subnet-b")
    world.group("sg-b", "vpc-a", ingress=[permission("sg-w", (9098, 9098))])
    world.eni("eni-b", "subnet-b", ADDRESS, groups=("sg-b",))
    return world


def closed() -> World:
    """The broker's group lets nobody in."""
    world = healthy()
    world.find("SecurityGroups", "sg-b")["IpPermissions"].clear()
    return world


def closed_twice() -> World:
    """Nor does the network ACL of its subnet."""
    world = closed()
    lines = world.find("NetworkAcls", "acl-b")["Entries"]
    lines[:] = [line for line in lines if line["RuleNumber"] >= 32767]
    return world


def closed_to_x() -> World:
    """The broker's group lets in the addresses of subnet-w alone."""
    world = healthy()
    world.find("SecurityGroups", "sg-b")["IpPermissions"][:] = [permission("10.0.1.0/24", (9098, 9098))]
    return world


def half_open() -> World:
    """The reply comes back to the lower half of the ephemeral ports only."""
    world = healthy()
    lines = world.find("NetworkAcls", "acl-b")["Entries"]
    reply = acl_line(100, "allow", "0.0.0.0/0", (1024, 40000), "tcp") | {"Egress": True}
    lines[:] = [reply, *(line for line in lines if not line["Egress"] or line["RuleNumber"] >= 32767)]
    return world


def for_the_first_half() -> World:
    """The broker's group lets in the lower half of each worker subnet."""
    world = healthy()
    halves = [permission(f"10.0.{n}.0/25", (9098, 9098)) for n in (1, 2)]
    world.find("SecurityGroups", "sg-b")["IpPermissions"][:] = halves
    return world


def denied() -> World:
    """AWS does not show the network ACLs."""
    world = healthy()
    del world.documents["NetworkAcls"]
    return world


def tried(cause: Cause | None, icmp: str = "") -> Connections:
    error = IcmpError(3, 13, icmp) if icmp else None
    one = Connection(ADDRESS, 4, None, None, error, cause, "", 3.0)
    return Connections(9098, (one,), cause, "", 3.0)


ANSWERED, SILENT, REFUSED = tried(None), tried(Cause.TIMED_OUT), tried(Cause.CONNECTION_REFUSED)
NO_ARP = tried(Cause.HOST_UNREACHABLE)
REJECTED = tried(Cause.HOST_UNREACHABLE, "10.0.9.1")


def judged(
    world: World,
    seen: Connections,
    place: Place,
    derived: Sequence[DerivedCheck] = DERIVED,
    target: Target = BROKER,
) -> Diagnosis:
    ctx = context(world, subnets=WORKERS, live={target.host: (ADDRESS,)}, more={"connect": seen})
    results: list[Result] = []
    for check in CHECKS:
        for number, finding in enumerate(judge(check, target, ctx), 1):
            key = f"{check.id}@{target}" + (f"#{number}" if number > 1 else "")
            results.append(Result(key, check.id, target, finding, 0.0))
    return diagnose(results, DECLARED, place, derived)


@dataclass(frozen=True)
class Row:
    sentence: str
    world: Callable[[], World]
    seen: Connections
    place: Place
    roots: tuple[tuple[str, str, bool], ...] = ()
    """Code, component and certainty of each root cause."""
    joined: str = ""
    """What the join found: `fail correlate.delivered`."""
    doubt: str = ""


GROUP = ("ENI_SG_RULES_MISMATCH", "sg-b")
EMPTY = ("SG_HAS_NO_RULES", "sg-b")
ACL = ("SUBNET_ACL_RESTRICTION", "acl-b")
TARGET = str(BROKER)

ROWS = (
    Row("silent and blocked, from there: the blocker, certain", closed, SILENT, IN_W, ((*EMPTY, True),)),
    Row("an address that nobody answers ARP for is silent, too", closed, NO_ARP, IN_W, ((*EMPTY, True),)),
    Row(
        "silent and blocked, from a laptop: the blocker, likely",
        closed, SILENT, LAPTOP, ((*EMPTY, False),), doubt="run netcheck in one of their subnets",
    ),
    Row(
        "silent and blocked twice, from a laptop: neither blocker is more certain than the other",
        closed_twice, SILENT, LAPTOP, ((*ACL, False), (*EMPTY, False)), doubt="run netcheck in one",
    ),
    Row(
        "silent and blocked, from who knows where",
        closed, SILENT, CONTAINER, ((*EMPTY, False),), doubt="is unknown",
    ),
    Row(
        "silent and AWS would deliver it: what is past it",
        healthy, SILENT, IN_W, (("SILENT_PAST_AWS", TARGET, True),), "fail correlate.delivered",
    ),
    Row(
        "the same from a laptop is the laptop's own way",
        healthy, SILENT, LAPTOP, (("TIMED_OUT", TARGET, False),), doubt="lets the workers reach",
    ),
    Row(
        "and from who knows where nobody's",
        healthy, SILENT, CONTAINER, (("TIMED_OUT", TARGET, False),), doubt="looks from where the workers are",
    ),
    Row(
        "silent, and AWS does not tell: the action that would",
        denied, SILENT, IN_W, (("TIMED_OUT", TARGET, False),), doubt="ec2:DescribeNetworkAcls",
    ),
    Row(
        "a blocker of another worker subnet explains no silence here",
        closed_to_x, SILENT, IN_W,
        ((*GROUP, True), ("SILENT_PAST_AWS", TARGET, True)), "fail correlate.delivered",
    ),
    Row("but the silence there", closed_to_x, SILENT, IN_X, ((*GROUP, True),)),
    Row(
        "and from a laptop it may be either's",
        closed_to_x, SILENT, LAPTOP, ((*GROUP, False),), doubt="not observed from where the workers are",
    ),
    Row(
        "silent, and a part of the ports is blocked: perhaps this one was",
        half_open, SILENT, IN_W, ((*ACL, False),), doubt="only part of the source addresses and ports",
    ),
    Row(
        "silent, and of the half of the addresses that passes we are one",
        for_the_first_half, SILENT, IN_W,
        ((*GROUP, True), ("SILENT_PAST_AWS", TARGET, True)), "fail correlate.delivered",
    ),
    Row(
        "silent, and of the half that does not pass we are one",
        for_the_first_half, SILENT, Place(Where.SAME, ("subnet-w",), ("10.0.1.200",)), ((*GROUP, True),),
    ),
    Row("answered, and nothing is wrong", healthy, ANSWERED, IN_W),
    Row("answered from a laptop", healthy, ANSWERED, LAPTOP),
    Row(
        "answered from there, though it is said to be blocked: nothing to blame",
        closed, ANSWERED, IN_W, (), "unknown correlate.agrees",
    ),
    Row(
        "refused from there, though it is said to be blocked: the refusal is what is certain",
        closed, REFUSED, IN_W, (("CONNECTION_REFUSED", TARGET, True),), "unknown correlate.agrees",
    ),
    Row(
        "answered from a laptop: the workers would be blocked", closed, ANSWERED, LAPTOP, ((*EMPTY, True),)
    ),
    Row(
        "answered from who knows where: perhaps a worker's place",
        closed, ANSWERED, CONTAINER, ((*EMPTY, False),), doubt="answers here",
    ),
    Row(
        "answered from one subnet, and blocked from the other: it works sometimes",
        closed_to_x, ANSWERED, IN_W, ((*GROUP, True),),
    ),
    Row(
        "answered from the subnet that is said to be blocked",
        closed_to_x, ANSWERED, IN_X, (), "unknown correlate.agrees",
    ),
    Row("answered by a port that happens to pass", half_open, ANSWERED, IN_W, ((*ACL, True),)),
    Row(
        "answered at an address that passes", for_the_first_half, ANSWERED, IN_W, ((*GROUP, True),),
    ),
    Row(
        "answered at one that does not",
        for_the_first_half, ANSWERED, Place(Where.SAME, ("subnet-w",), ("10.0.1.200",)), (),
        "unknown correlate.agrees",
    ),
    Row("answered, whatever AWS does not tell", denied, ANSWERED, IN_W),
    Row(
        "a router says that it is unreachable: it speaks for itself",
        healthy, REJECTED, IN_W, (("HOST_UNREACHABLE", TARGET, True),),
    ),
    Row(
        "refused: the path is good both ways",
        healthy, REFUSED, IN_W, (("CONNECTION_REFUSED", TARGET, True),),
    ),
    Row(
        "this host has no route: nothing was sent, and the blocker stands",
        closed, tried(Cause.NETWORK_UNREACHABLE), IN_W,
        ((*EMPTY, True), ("NETWORK_UNREACHABLE", TARGET, True)),
    ),
    Row("not probed to the end: would be blocked", closed, tried(Cause.DEADLINE), IN_W, ((*EMPTY, True),)),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[row.sentence for row in ROWS])
def test_both_sides_together(row: Row) -> None:
    told = judged(row.world(), row.seen, row.place)
    assert tuple((one.code, one.component, one.certain) for one in told.root_causes) == row.roots
    joined = [f"{one.status} {one.check}" for one in told.results if one.check in IDS]
    assert joined == ([row.joined] if row.joined else [])
    assert row.doubt in " ".join(one.doubt for one in told.root_causes)
    assert all(one.certain == (not one.doubt) for one in told.root_causes)
    roots = {key for one in told.root_causes for key in one.results}
    assert {one.caused_by for one in told.results if one.status == "fail"} <= {None, *roots}


def by_check(told: Diagnosis, check: str) -> Result:
    return next(one for one in told.results if one.check == check)


def test_a_contradicted_blocker_is_unknown_keeps_its_evidence_and_follows_from_the_contradiction() -> None:
    told = judged(closed(), ANSWERED, IN_W)
    stop, found = by_check(told, "security.groups"), by_check(told, "correlate.agrees")
    assert (stop.status, stop.finding.cause, stop.caused_by) == (
        "unknown",
        "config_observation_mismatch",
        found.key,
    )
    assert (stop.finding.code, stop.finding.component) == EMPTY
    assert stop.finding.evidence["paths"]
    assert "sg-b" in found.finding.summary and "vantage" not in found.finding.summary
    assert found.finding.evidence["components"] == ["sg-b"]


def test_evidence_is_a_sentence_from_each_side() -> None:
    (one,) = judged(closed(), SILENT, IN_W).root_causes
    observed, configured = map(str, one.evidence)
    assert observed.startswith("observed: ") and "nothing came back from 10.0.11.7" in observed
    assert configured.startswith("configured: ") and "sg-b" in configured
    (one,) = judged(healthy(), SILENT, IN_W).root_causes
    observed, configured = map(str, one.evidence)
    assert "nothing came back" in observed
    assert configured.startswith("configured: AWS delivers")
    assert "lets subnet-w reach b-1.orders.kafka.example:9098" in configured
    (one,) = judged(closed(), ANSWERED, LAPTOP).root_causes
    assert str(one.evidence[0]).startswith("observed: connected to 10.0.11.7")


def test_what_was_left_out_is_not_concluded() -> None:
    told = judged(healthy(), SILENT, IN_W, ())
    assert [one.code for one in told.root_causes] == ["TIMED_OUT"]
    told = judged(closed(), ANSWERED, IN_W, ())
    assert [one.code for one in told.root_causes] == ["SG_HAS_NO_RULES"]


def test_what_is_observed_at_an_address_that_the_workers_do_not_go_to_says_nothing_of_theirs() -> None:
    """A name that has other addresses here than in the workers' VPC."""
    other = Connections(9098, (Connection("10.9.9.9", 4, None, None, None, None, "", 0.1),), None, "", 0.1)
    told = judged(closed(), other, IN_W)
    assert [(one.code, one.certain) for one in told.root_causes] == [("SG_HAS_NO_RULES", True)]
    assert not [one for one in told.results if one.check in IDS]


def test_a_target_of_which_one_address_is_silent_and_blocked_is_warned_of_under_the_blocker() -> None:
    world = healthy()
    world.group("sg-c", "vpc-a", ingress=[])
    world.eni("eni-c", "subnet-b", "10.0.11.8", groups=("sg-c",))
    both = (ADDRESS, "10.0.11.8")
    made = [
        Connection(address, 4, None, None, None, cause, "", 3.0)
        for address, cause in zip(both, (None, Cause.TIMED_OUT), strict=True)
    ]
    seen = Connections(9098, tuple(made), None, "", 3.0)
    ctx: Any = context(world, subnets=WORKERS, live={BROKER.host: both}, more={"connect": seen})
    results = [
        Result(f"{check.id}@{BROKER}#{number}", check.id, BROKER, finding, 0.0)
        for check in CHECKS
        for number, finding in enumerate(judge(check, BROKER, ctx))
    ]
    told = diagnose(results, DECLARED, IN_W, DERIVED)
    assert [(one.code, one.component, one.certain) for one in told.root_causes] == [
        ("SG_HAS_NO_RULES", "sg-c", True)
    ]
    warned = by_check(told, "tcp.connects")
    assert (warned.status, warned.caused_by) == ("warn", told.root_causes[0].results[0])


def test_where_the_check_that_says_where_was_left_out_the_doubt_says_so() -> None:
    """Another check tells that AWS's configuration stops all of it: no part of it passes."""
    told = judged(closed(), SILENT, IN_W)
    left = [replace(one, caused_by=None) for one in told.results if one.check != "security.groups"]
    [cause] = diagnose(left, DECLARED, IN_W, DERIVED).root_causes
    assert (cause.code, cause.certain) == ("TIMED_OUT", False)
    assert "blocks it, and the check that says where was left out" in (cause.doubt or "")


def test_the_evidence_that_the_join_reads_is_what_the_checks_write() -> None:
    assert isinstance(encode(SILENT), dict)
    told = judged(half_open(), ANSWERED, IN_W)
    (paths,) = [one.finding.evidence["paths"] for one in told.results if one.check == "security.acls"]
    assert isinstance(paths, list) and isinstance(paths[0], dict)
    assert {"source", "destination", "verdict", "blocked_by", "passing", "gaps", "assumptions"} <= set(
        paths[0]
    )

"""Who this host is, asked of metadata services on loopback, and how that differs from the workers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from checks.vantage import LooksFromTheWorkers
from netcheck.aws.awslambda.function_network import FunctionNetwork, function_network
from netcheck.aws.ec2.endpoints import read
from netcheck.core.codec import decode, encode
from netcheck.core.context import Deadline
from netcheck.core.evidence import Answered, ConnectionOutcome
from netcheck.core.model import PIPELINE, Cause, Finding, Kind, Result, Status, Target
from netcheck.core.place import Place, Where
from netcheck.diagnose import explain, root_causes
from netcheck.engine.vantage_parity import Parity, Workers, compare, located
from netcheck.probe.host import vantage
from netcheck.probe.host.vantage import Identity, Vantage, identify
from tests.checks.run import context, judge, told
from tests.checks.worlds import WORKERS, bare
from tests.diagnose.made import CATALOGUE
from tests.servers.aws_endpoint import AwsEndpoint
from tests.servers.aws_world import World as AwsWorld
from tests.servers.metadata import SILENT, Pages

MAC = "0e:1b:2c:3d:4e:5f"
OF = f"/latest/meta-data/network/interfaces/macs/{MAC}"
INSTANCE = {
    ("PUT", "/latest/api/token"): (200, "a-token"),
    ("GET", "/latest/meta-data/mac"): (200, MAC),
    ("GET", f"{OF}/interface-id"): (200, "eni-own"),
    ("GET", f"{OF}/subnet-id"): (200, "subnet-w"),
    ("GET", f"{OF}/vpc-id"): (200, "vpc-a"),
    ("GET", f"{OF}/security-group-ids"): (200, "sg-w\nsg-other"),
    ("GET", f"{OF}/local-ipv4s"): (200, "10.0.1.10"),
    ("GET", "/latest/meta-data/placement/availability-zone"): (200, "eu-west-1a"),
}
HERE = Vantage("host", ("10.0.1.10",), ("10.0.0.2",), (), "Linux")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A host that is nothing to AWS, whatever this one is."""
    for name in ("AWS_LAMBDA_FUNCTION_NAME", "ECS_CONTAINER_METADATA_URI_V4", "AWS_EC2_METADATA_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", raising=False)
    monkeypatch.setattr(vantage, "HYPERVISOR_FILES", (tmp_path / "sys_vendor",))
    monkeypatch.setattr(vantage, "INSTANCE_METADATA", "http://127.0.0.1:1")


def test_an_instance_is_told_by_a_session_token_and_its_primary_interface(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Pages(INSTANCE) as pages:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", pages.url)
        found = identify(Deadline(5))
    assert found == Identity(
        "ec2", "eni-own", ("subnet-w",), "vpc-a", "eu-west-1a", ("sg-w", "sg-other"), ("10.0.1.10",)
    )
    assert "x-aws-ec2-metadata-token-ttl-seconds" in pages.seen[0][2]
    assert {headers.get("x-aws-ec2-metadata-token") for _, _, headers in pages.seen[1:]} == {"a-token"}
    assert decode(Identity, encode(found)) == found


def test_a_container_behind_a_hop_limit_of_one_is_told_so_within_its_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Pages({("PUT", "/latest/api/token"): SILENT}) as pages:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", pages.url)
        found = identify(Deadline(5))
    assert found.kind == "unknown"
    assert "hop limit must be 2" in found.detail


@pytest.mark.parametrize(
    ("vendor", "disabled", "kind"),
    [
        ("Amazon EC2\n", "true", "unknown"),
        ("Amazon EC2\n", "", "unknown"),  # it looks like EC2, and nothing answers
        ("ec2e1916-9099-7caf-fd21-012345abcdef\n", "", "unknown"),
        ("QEMU\n", "", "outside"),
        ("", "", "outside"),
    ],
)
def test_only_what_looks_like_ec2_is_asked(
    vendor: str, disabled: str, kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if vendor:
        (tmp_path / "sys_vendor").write_text(vendor)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", disabled)
    assert identify(Deadline(5)).kind == kind


def test_a_token_that_is_refused_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with Pages({("PUT", "/latest/api/token"): (403, "")}) as pages:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", pages.url)
        assert "HTTP 403" in identify(Deadline(5)).detail


TASK: dict[str, Any] = {
    "AvailabilityZone": "eu-west-1b",
    "Containers": [{"Networks": [{"NetworkMode": "awsvpc", "IPv4Addresses": ["10.0.2.20"]}]}],
}


@pytest.mark.parametrize(
    ("body", "kind", "addresses", "detail"),
    [
        (json.dumps(TASK), "ecs", ("10.0.2.20",), ""),
        (
            json.dumps({"Containers": [{"Networks": [{"NetworkMode": "bridge"}]}]}),
            "ecs",
            (),
            "uses its host's network",
        ),
        ("<html>", "unknown", (), "is unavailable"),
        ("[1]", "unknown", (), "is unavailable"),
    ],
)
def test_an_ecs_task_knows_its_addresses(
    body: str, kind: str, addresses: tuple[str, ...], detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Pages({("GET", "/v4/abc/task"): (200, body)}) as pages:
        monkeypatch.setenv("ECS_CONTAINER_METADATA_URI_V4", f"{pages.url}/v4/abc")
        found = identify(Deadline(5))
    assert (found.kind, found.addresses) == (kind, addresses)
    assert detail in found.detail


def test_the_snapshot_knows_the_interface_of_a_task_and_of_no_laptop() -> None:
    world = bare()
    world.eni("eni-task", "subnet-x", "10.0.2.20", groups=("sg-w",))
    workers = Workers(WORKERS, ("sg-w",))
    found = located(Identity("ecs", addresses=("10.0.2.20",)), world.snapshot(), workers)
    assert (found.interface, found.subnets, found.security_groups) == ("eni-task", ("subnet-x",), ("sg-w",))
    laptop = Identity("outside", addresses=("10.0.2.20",))
    assert located(laptop, world.snapshot(), workers) == laptop


def test_aws_says_where_a_function_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    network = {"VpcConfig": {"SubnetIds": ["subnet-w"], "SecurityGroupIds": ["sg-w"], "VpcId": "vpc-a"}}
    with AwsEndpoint(AwsWorld({}, {"lambda": {"GetFunctionConfiguration": network}})) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        found = function_network(Deadline(10), None, None, "netcheck")
        aws.deny("lambda", "GetFunctionConfiguration")
        denied = function_network(Deadline(10), None, None, "netcheck")
    assert found == FunctionNetwork("vpc-a", ("subnet-w",), ("sg-w",))
    assert denied.action == "lambda:GetFunctionConfiguration" and "may not call" in denied.error


EC2 = Identity("ec2", "eni-own", ("subnet-w",), "vpc-a", "eu-west-1a", ("sg-w",), ("10.0.1.10",))
PLACES: list[tuple[str, Identity, Vantage, Parity, tuple[str, ...]]] = [
    ("in a worker subnet with the workers' group", EC2, HERE, Parity.SAME, ()),
    (
        "with another group",
        Identity("ec2", "eni-own", ("subnet-w",), "vpc-a", "eu-west-1a", ("sg-x",)),
        HERE,
        Parity.SIMILAR,
        ("security groups sg-x",),
    ),
    (
        "in another subnet, zone and route table",
        Identity("ec2", "eni-own", ("subnet-z",), "vpc-a", "eu-west-1c", ("sg-w",)),
        HERE,
        Parity.SIMILAR,
        ("this host is in subnet-z", "in eu-west-1c", "uses rtb-main"),
    ),
    (
        "in another VPC",
        Identity("ec2", "eni-own", ("subnet-far",), "vpc-far", "eu-west-1a", ("sg-w",)),
        HERE,
        Parity.DIFFERENT,
        ("this host is in subnet-far",),
    ),
    (
        "with a proxy and another name server",
        EC2,
        Vantage("host", (), ("192.168.9.9",), ("HTTPS_PROXY",), "Linux"),
        Parity.SAME,
        ("this host sets HTTPS_PROXY", "uses the name servers 192.168.9.9"),
    ),
    (
        "behind a stub resolver, which says nothing",
        EC2,
        Vantage("host", (), ("127.0.0.53", "169.254.78.1", "fe80::1%eth0"), (), "Linux"),
        Parity.SAME,
        (),
    ),
    ("nobody knows the groups", Identity("ec2", None, ("subnet-w",), "vpc-a"), HERE, Parity.UNKNOWN, ()),
    ("nobody knows anything", Identity("unknown", detail="hop limit"), HERE, Parity.UNKNOWN, ()),
    ("a laptop", Identity("outside"), HERE, Parity.DIFFERENT, ("not in AWS",)),
]


@pytest.mark.parametrize(
    ("what", "identity", "seen", "parity", "differences"),
    PLACES,
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_parity(
    what: str, identity: Identity, seen: Vantage, parity: Parity, differences: tuple[str, ...]
) -> None:
    world = bare()
    world.subnet("subnet-z", "vpc-a", "10.0.7.0/24", zone="eu-west-1c")
    ways = read({"": world.documents})
    found = compare(identity, seen, Workers(WORKERS, ("sg-w",)), world.snapshot(), ways)
    assert found.parity is parity, what
    assert len(found.differences) == len(differences), found.differences
    for said, expected in zip(found.differences, differences, strict=True):
        assert expected in said


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        (EC2, [("pass", None, None)]),
        (Identity("ec2", None, ("subnet-w",), "vpc-a", None, ("sg-x",)), [("warn", "vantage_differs", None)]),
        (Identity("outside"), [("skip", None, None)]),
        (Identity("unknown", detail="hop limit"), [("skip", None, None)]),
    ],
)
def test_the_check_says_how_we_differ(identity: Identity, expected: list[Any]) -> None:
    ctx = context(bare(), subnets=WORKERS, more={"identify": identity, "look": HERE})
    assert told(judge(LooksFromTheWorkers(), PIPELINE, ctx)) == expected


def test_nobody_is_asked_when_nobody_said_where_the_workers_are() -> None:
    ctx = context(bare(), subnets=(), groups=(), more={})
    assert told(judge(LooksFromTheWorkers(), PIPELINE, ctx)) == [("skip", None, None)]


@pytest.mark.parametrize(("same_place", "certain"), [(True, True), (False, False)])
def test_what_a_blocker_explains_of_silence_is_certain_from_the_workers_place_only(
    same_place: bool, certain: bool
) -> None:
    target = Target(Kind.KAFKA, "b-1", 9098)
    blocked = Finding(
        Status.FAIL, "no rule", Cause.PATH_SECURITY_GROUP, code="SG_HAS_NO_RULES", component="sg-b"
    )
    outcome = ConnectionOutcome(Answered.SILENT)
    silent = Finding(Status.FAIL, "silence", Cause.TIMED_OUT, connection=outcome)
    results = explain(
        [
            Result("security.groups@b-1", "security.groups", target, blocked, 0.0),
            Result("tcp.connects@b-1", "tcp.connects", target, silent, 0.0),
        ],
        CATALOGUE,
    )
    (one,) = root_causes(results, CATALOGUE, Place(Where.SAME if same_place else Where.ELSEWHERE))
    assert (one.component, one.certain, one.explains) == ("sg-b", certain, ("tcp.connects@b-1",))


@pytest.mark.parametrize("same_place", [True, False])
def test_a_blocker_that_explains_no_silence_is_certain_from_anywhere(same_place: bool) -> None:
    blocked = Finding(
        Status.FAIL, "no rule", Cause.PATH_SECURITY_GROUP, code="SG_HAS_NO_RULES", component="sg-b"
    )
    result = Result("security.groups@b-1", "security.groups", Target(Kind.KAFKA, "b-1", 9098), blocked, 0.0)
    (one,) = root_causes([result], CATALOGUE, Place(Where.SAME if same_place else Where.ELSEWHERE))
    assert one.certain

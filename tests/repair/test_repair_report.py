"""A run's root causes with their fixes: each its own, proved together, and nothing else touched."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from netcheck.core.evidence import Reachability, TracedPath
from netcheck.core.model import Cause, Finding, Fix, Kind, Layer, Result, RootCause, Status, Target
from netcheck.repair.private_dns import attach_private_dns_fixes
from netcheck.repair.prove import prove
from tests.path.world import World, permission, route, two_subnets, with_nat, with_peer

ADVICE = Fix("text", "general advice")
GROUPS = ("sg-w",)
TARGET = Target(Kind.KAFKA, "b-1", 9094)


def result(
    world: World, check: str, *queries: dict[str, Any], blamed: dict[str, Any] | None = None
) -> Result:
    """A finding of the configured side as the checks make it: with the paths it was read from."""
    paths = [world.ask("subnet-w", **query, security_groups=list(GROUPS)) for query in queries]
    typed = tuple(
        TracedPath(
            path["source"],
            path["destination"],
            Reachability(path["verdict"]),
            path["protocol"],
            path["port"],
            tuple((one["code"], one["component"]) for one in path["blocked_by"]),
        )
        for path in paths
    )
    status = Status.FAIL if blamed else Status.PASS
    cause = Cause.PATH_SECURITY_GROUP if blamed else None
    finding = Finding(status, "told", cause, Layer.FILTER, paths=typed, **(blamed or {}))
    return Result(f"{check}@{TARGET}", check, TARGET, finding, 0.0)


def cause(of: Result) -> RootCause:
    code, component = of.finding.code, of.finding.component
    return RootCause(code or "PATH_PARTIAL", (component or "b-1",), "told", True, (of.key,), fix=(ADVICE,))


def proved(world: World, *results: Result) -> list[RootCause]:
    causes = [cause(one) for one in results if one.status is Status.FAIL]
    return list(prove(causes, results, {"": world.documents}, GROUPS))


def texts(found: RootCause, kind: str) -> list[str]:
    return [fix.text for fix in found.fix if fix.kind == kind]


def closed() -> World:
    world = with_peer()
    world.find("SecurityGroups", "sg-c")["IpPermissions"] = [permission("192.0.2.0/24", (1, 1))]
    table = world.find("RouteTables", "rtb-w")
    table["Routes"] = table["Routes"][:1]
    return world


PEER = {"to": "10.9.1.7", "port": 9094}
GROUP = {"code": "ENI_SG_RULES_MISMATCH", "component": "sg-c"}
ROUTE = {"code": "NO_ROUTE_TO_DESTINATION", "component": "rtb-w"}


def test_each_of_two_causes_on_one_way_has_its_own_change_and_names_the_other() -> None:
    world = closed()
    group = result(world, "security.groups", PEER, blamed=GROUP)
    way = result(world, "routes.reaches", PEER, blamed=ROUTE)
    one, other = proved(world, group, way)
    assert one.fix_proved and other.fix_proved
    assert len(texts(one, "awscli")) == len(texts(other, "awscli")) == 1
    assert "authorize-security-group-ingress --group-id sg-c" in texts(one, "awscli")[0]
    assert "create-route --route-table-id rtb-w" in texts(other, "awscli")[0]
    assert "together with: rtb-w: route 10.9.1.7/32 to pcx-1" in str(texts(one, "text"))
    assert "together with: sg-c: allow TCP 9094 inbound from sg-w" in str(texts(other, "text"))
    assert len(texts(one, "terraform")) == len(texts(one, "undo")) == 1
    assert ADVICE not in one.fix


def test_no_two_terraform_resources_of_a_report_have_the_same_name() -> None:
    world = closed()
    world.find("RouteTables", "rtb-w")["Routes"].append(route("10.9.0.0/16", "pcx-1"))
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = []
    broker = {"to": "10.0.2.7", "port": 9094}
    empty = {"code": "SG_HAS_NO_RULES", "component": "sg-b"}
    one, other = proved(
        world,
        result(world, "security.groups", PEER, blamed=GROUP),
        result(world, "security.other", broker, blamed=empty),
    )
    names = [text.partition("{")[0] for found in (one, other) for text in texts(found, "terraform")]
    assert len(names) == len(set(names)) == 2


def test_a_cause_without_a_code_gets_all_that_its_paths_need() -> None:
    world = closed()
    alike = result(world, "routes.consistent", PEER, blamed={})
    alike = Result(
        alike.key,
        alike.check,
        alike.target,
        Finding(Status.FAIL, "told", Cause.PATH_PARTIAL, Layer.ROUTE, paths=alike.finding.paths),
        0.0,
    )
    (found,) = proved(world, alike)
    assert found.fix_proved and len(texts(found, "awscli")) == 2


def test_a_cause_gets_what_each_of_its_paths_needs_and_nothing_of_another_cause() -> None:
    world = closed()
    world.eni("eni-b2", "subnet-b", "10.0.2.8", groups=("sg-b2",))
    world.eni("eni-b3", "subnet-b", "10.0.2.9", groups=("sg-b3",))
    for name in ("sg-b2", "sg-b3"):
        world.group(name, "vpc-a", ingress=[permission("192.0.2.0/24", (1, 1))])
    two = ({"to": "10.0.2.8", "port": 9094}, {"to": "10.0.2.9", "port": 9094})
    finding = Finding(
        Status.FAIL,
        "differs",
        Cause.PATH_PARTIAL,
        Layer.ROUTE,
        paths=result(world, "routes.consistent", *two).finding.paths,
    )
    alike = Result(f"routes.consistent@{TARGET}", "routes.consistent", TARGET, finding, 0.0)
    group = result(world, "security.groups", PEER, blamed=GROUP)
    one, other = proved(world, alike, group)
    assert one.fix_proved and other.fix_proved
    groups = [text.partition("--group-id ")[2].partition(" ")[0] for text in texts(one, "awscli")]
    assert groups == ["sg-b2", "sg-b3"]
    assert "sg-b2" not in str(texts(other, "awscli")) and "sg-c" in str(texts(other, "awscli"))


@pytest.mark.parametrize("besides", [(), ({"to": "10.0.2.20", "port": 9094},)], ids=["alone", "and another"])
def test_a_cause_that_either_of_two_changes_would_fix_is_not_proved_by_neither(
    besides: tuple[dict[str, Any], ...],
) -> None:
    """A receiver with two groups needs a rule in one of them; receivers with one group each need both."""
    world = two_subnets()
    shut = [permission("192.0.2.0/24", (1, 1))]
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = shut
    for name in ("sg-b2", "sg-d"):
        world.group(name, "vpc-a", ingress=shut)
    world.find("NetworkInterfaces", "eni-b")["Groups"].append({"GroupId": "sg-b2"})
    world.eni("eni-b2", "subnet-b", "10.0.2.8", groups=("sg-b",))
    world.eni("eni-b3", "subnet-b", "10.0.2.9", groups=("sg-b2",))
    world.eni("eni-d", "subnet-b", "10.0.2.20", groups=("sg-d",))
    both, first, second = (
        result(
            world,
            f"security.{address}",
            {"to": f"10.0.2.{address}", "port": 9094},
            *more,
            blamed={"code": "ENI_SG_RULES_MISMATCH", "component": component},
        )
        for address, component, more in ((7, "sg-b, sg-b2, sg-d", besides), (8, "sg-b", ()), (9, "sg-b2", ()))
    )
    commands = [set(texts(found, "awscli")) for found in proved(world, both, first, second)]
    assert [len(each) for each in commands] == [2 + len(besides), 1, 1]
    assert commands[0] >= commands[1] | commands[2]


def test_what_cannot_be_fixed_wholly_is_offered_and_not_called_proved() -> None:
    world = closed()
    world.documents["VpcPeeringConnections"]["VpcPeeringConnections"] = []
    group = result(world, "security.groups", PEER, blamed=GROUP)
    way = result(world, "routes.reaches", PEER, blamed=ROUTE)
    one, other = proved(world, group, way)
    assert not one.fix_proved and not other.fix_proved
    assert "sg-c" in texts(one, "awscli")[0]
    assert "Not verified to be enough" in str(texts(one, "text"))
    assert one.fix[-1] == ADVICE
    assert other.fix == (ADVICE,)


def test_root_causes_of_another_kind_are_left_alone_and_keep_their_order() -> None:
    world = closed()
    other = RootCause("TLS_CERTIFICATE_EXPIRED", ("b-1",), "told", True, ("tls@b-1",), fix=(ADVICE,))
    group = result(world, "security.groups", PEER, blamed=GROUP)
    found = prove([other, cause(group)], [group], {"": world.documents}, GROUPS)
    assert found[0] is other
    assert [one.code for one in found] == ["TLS_CERTIFICATE_EXPIRED", "ENI_SG_RULES_MISMATCH"]
    assert prove([other], [], {"": {}}, GROUPS) == (other,)


def test_a_question_that_passes_is_kept_in_view() -> None:
    """It is asked again with the changes, so that none of them takes it away."""
    world = with_nat()
    world.find("SecurityGroups", "sg-w")["IpPermissionsEgress"] = [permission("203.0.113.9/32", (443, 443))]
    blamed = {"code": "ENI_SG_RULES_MISMATCH", "component": "sg-w"}
    bad = result(world, "security.groups", {"to": "203.0.113.9", "port": 8443}, blamed=blamed)
    good = result(world, "routes.nat", {"to": "203.0.113.9", "port": 443})
    (found,) = proved(world, bad, good)
    assert found.fix_proved
    assert "FromPort=8443,ToPort=8443,IpRanges=[{CidrIp=203.0.113.9/32}]" in texts(found, "awscli")[0]
    assert "wider than this flow needs and not verified here" in str(texts(found, "text"))


SECRETS = Target(Kind.AWS_SERVICE, "secretsmanager.eu-west-1.amazonaws.com", 443)


def unnamed(reason: str = "") -> World:
    """An endpoint that the service's name does not lead to, and that lets nobody in."""
    world = two_subnets()
    world.group("sg-e", "vpc-a", ingress=[])
    world.eni("eni-e", "subnet-b", "10.0.2.20", groups=("sg-e",), kind="vpc_endpoint")
    world.endpoint(
        "vpce-1",
        "vpc-a",
        ServiceName="com.amazonaws.eu-west-1.secretsmanager",
        SubnetIds=["subnet-b"],
        NetworkInterfaceIds=["eni-e"],
        PrivateDnsEnabled=False,
        State=reason or "available",
    )
    attributes = {"EnableDnsSupport": {"Value": True}, "EnableDnsHostnames": {"Value": False}}
    world.add("VpcAttributes", {"VpcId": "vpc-a"} | attributes)
    return world


def with_names(world: World) -> RootCause:
    code = "ENDPOINT_PRIVATE_DNS_OFF"
    finding = Finding(
        Status.FAIL,
        "told",
        Cause.ENDPOINT_PRIVATE_DNS_OFF,
        Layer.DNS,
        subnets=("subnet-w",),
        code=code,
        component="vpce-1",
    )
    shown = Result("aws-service.path@s", "aws-service.path", SECRETS, finding, 0.0)
    found = attach_private_dns_fixes([cause(shown)], [shown], {"": world.documents}, GROUPS, lambda: False)
    return found[0]


def test_a_name_leads_to_its_endpoint_once_that_lets_the_workers_in() -> None:
    found = with_names(unnamed())
    assert found.fix_proved
    assert [text.split(" --region")[0] for text in texts(found, "awscli")] == [
        "aws ec2 authorize-security-group-ingress --group-id sg-e --ip-permissions "
        "'IpProtocol=tcp,FromPort=443,ToPort=443,UserIdGroupPairs=[{GroupId=sg-w}]'",
        "aws ec2 modify-vpc-attribute --vpc-id vpc-a --enable-dns-hostnames Value=true",
        "aws ec2 modify-vpc-endpoint --vpc-endpoint-id vpce-1 --private-dns-enabled",
    ]
    assert "not only the workers" in str(texts(found, "text"))


def test_a_name_that_would_lead_to_nothing_is_left_alone() -> None:
    found = with_names(unnamed("pending"))
    assert found.fix == (ADVICE,) and not found.fix_proved


RUN = """
import sys
from netcheck.commands.main import main
try:
    main(["run", "--clickhouse", "https://127.0.0.1:1", "--deadline", "10"])
except SystemExit:
    pass
print([name for name in sys.modules if name.startswith("netcheck.repair")], file=sys.stderr)
"""


def test_a_run_without_failures_in_awss_configuration_loads_none_of_it() -> None:
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize("gone", ["subnet-w", "sg-w"])
def test_a_question_that_the_documents_do_not_answer_changes_nothing(gone: str) -> None:
    world = two_subnets()
    world.find("SecurityGroups", "sg-b")["IpPermissions"] = [permission("192.0.2.0/24", (1, 1))]
    bad = result(
        world,
        "security.groups",
        {"to": "10.0.2.7", "port": 9094},
        blamed={"code": "ENI_SG_RULES_MISMATCH", "component": "sg-b"},
    )
    stem = "Subnets" if gone.startswith("subnet") else "SecurityGroups"
    world.documents[stem][stem] = [one for one in world.documents[stem][stem] if gone not in one.values()]
    (found,) = proved(world, bad)
    assert found.fix == (ADVICE,) and not found.fix_proved


def test_the_route_of_a_second_zone_is_told_with_its_price() -> None:
    world = with_nat()
    table = world.find("RouteTables", "rtb-w")
    table["Routes"] = [route("10.0.0.0/16", "local")]
    world.find("Subnets", "subnet-p")["AvailabilityZone"] = "eu-west-1c"
    blamed = {"code": "NO_ROUTE_TO_DESTINATION", "component": "rtb-w"}
    bad = result(world, "routes.reaches", {"to": "203.0.113.9", "port": 8443}, blamed=blamed)
    (found,) = proved(world, bad)
    assert found.fix_proved
    assert "nat-a is in eu-west-1c, but rtb-w serves subnets in eu-west-1a" in str(texts(found, "text"))
    assert "--destination-cidr-block 0.0.0.0/0 --nat-gateway-id nat-a" in str(texts(found, "text"))

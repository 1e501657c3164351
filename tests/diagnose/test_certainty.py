"""Which certainty a closer look at silence earns: by itself, with AWS's side, and from another place."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from netcheck.core.model import Cause, Result, RootCause, Target
from netcheck.core.place import Place, Where
from netcheck.diagnose import diagnose
from tests.diagnose.made import (
    B1,
    B2,
    CATALOGUE,
    CLOUD,
    GLUE,
    IN_A,
    LAPTOP,
    allowed,
    diagnosed,
    failed,
    path,
    silent,
    stopped,
    told,
    up_to,
    well,
)

NOWHERE = Place(Where.UNKNOWN)
CLOSER = {
    "port_silent": ("tcp.other-ports", B1),
    "listener_silent": ("tcp.other-ports", B1),
    "host_silent": ("tcp.other-ports", B1),
    "source_port_filtered": ("tcp.source-ports", B1),
    "public_host_silent": ("tcp.internet", CLOUD),
    "no_internet": ("tcp.internet", CLOUD),
}


def seen(cause: str, *aws: Result, place: Place = IN_A) -> RootCause:
    """The root cause of a target that is silent, and looked at more closely."""
    check, target = CLOSER[cause]
    (one,) = diagnosed([*silent(target), failed(check, target, cause), *well(B2), *aws], place).root_causes
    assert one.code == cause.upper()
    return one


def shown(cause: RootCause) -> tuple[str, ...]:
    return tuple(map(str, cause.evidence))


def undecided(target: Target) -> Result:
    gap = path("subnet-a", target, "unknown", action="ec2:DescribeNetworkAcls")
    return told(
        "security.acls", target, "unknown", "path_unknown", "not known: the ACL",
        code="UNKNOWN_RESOURCE", component="acl", paths=[gap],
    )  # fmt: skip


def test_every_closer_look_at_a_port_is_in_the_table() -> None:
    assert set(CLOSER) == {name for name, one in CATALOGUE.problems.items() if one.confidence}


@pytest.mark.parametrize("cause", CLOSER)
def test_alone_what_is_silent_is_certain_and_who_is_to_blame_is_not(cause: str) -> None:
    one = seen(cause)
    assert not one.certain
    assert "(certain: " in one.doubt
    assert one.doubt.endswith("(add --connector, or --source-subnet and --source-security-group)")
    assert shown(one) == (f"observed: {CLOSER[cause][0]} of {CLOSER[cause][1].host}: {cause}",)


@pytest.mark.parametrize("cause", CLOSER)
def test_where_aws_would_deliver_it_is_certain_and_nothing_of_aws_is_to_be_changed(cause: str) -> None:
    target = CLOSER[cause][1]
    one = seen(cause, *allowed(target))
    assert one.certain and not one.doubt
    observed, configured = shown(one)
    assert observed == f"observed: {CLOSER[cause][0]} of {target.host}: {cause}"
    assert configured.startswith("configured: AWS delivers") and target.endpoint in configured
    (fix,) = one.fix
    assert fix.text.startswith(
        "AWS's configuration allows it in both directions: leave routes, security groups"
    )


@pytest.mark.parametrize("cause", CLOSER)
def test_where_aws_does_not_tell_the_permission_is_named_that_would(cause: str) -> None:
    one = seen(cause, undecided(CLOSER[cause][1]))
    assert not one.certain and "needs ec2:DescribeNetworkAcls" in one.doubt
    assert shown(one)[1] == "configured: not known: the ACL"
    assert "leave routes" not in one.fix[0].text


@pytest.mark.parametrize(("cause", "place"), list(product(CLOSER, (LAPTOP, NOWHERE))))
def test_from_elsewhere_it_may_be_this_hosts_own_way(cause: str, place: Place) -> None:
    target = CLOSER[cause][1]
    why = "run netcheck in one of their subnets" if place is LAPTOP else "looks from where the workers are"
    one = seen(cause, *allowed(target), place=place)
    assert not one.certain and f"lets the workers reach {target.endpoint}" in one.doubt and why in one.doubt
    assert "leave routes" not in one.fix[0].text
    one = seen(cause, place=place)
    assert not one.certain and "add --connector" in one.doubt and why in one.doubt


@pytest.mark.parametrize("cause", CLOSER)
def test_what_aws_is_configured_to_stop_explains_it(cause: str) -> None:
    check, target = CLOSER[cause]
    closed = stopped("security.acls", "path_network_acl", "SUBNET_ACL_RESTRICTION", "acl-1", [target])
    (one,) = diagnosed([*silent(target), failed(check, target, cause), *closed]).root_causes
    assert (one.code, one.component, one.certain) == ("SUBNET_ACL_RESTRICTION", "acl-1", True)


def test_of_another_worker_subnets_blocker_nothing_is_said_where_the_silence_was_seen() -> None:
    closed = stopped(
        "security.groups", "path_security_group", "ENI_SG_RULES_MISMATCH", "sg-1", [B1], ["subnet-b"]
    )
    found = diagnosed([*silent(B1), failed("tcp.other-ports", B1, "host_silent"), *closed]).root_causes
    assert [one.code for one in found] == ["ENI_SG_RULES_MISMATCH", "HOST_SILENT"]
    assert found[1].certain and "subnet-a" in shown(found[1])[1]
    assert "subnet-b" not in shown(found[1])[1]


def test_an_assumption_of_the_computed_path_is_the_doubt() -> None:
    way = replace(path("subnet-a", B1, "reachable"), assumptions=("the peering's other side is as here",))
    one = seen("port_silent", told("routes.reaches", B1, "pass", paths=[way]))
    assert not one.certain and one.doubt.endswith("the peering's other side is as here")


def test_one_target_whose_configuration_nobody_knows_is_enough_for_a_doubt() -> None:
    both = [*silent(CLOUD, GLUE), *(failed("tcp.internet", one, "no_internet") for one in (CLOUD, GLUE))]
    (one,) = diagnosed([*both, *allowed(CLOUD, GLUE)]).root_causes
    assert one.certain and "leave routes" in one.fix[0].text
    (one,) = diagnosed([*both, *allowed(CLOUD)]).root_causes
    assert not one.certain and "leave routes" not in one.fix[0].text


@pytest.mark.parametrize("place", [IN_A, LAPTOP])
def test_what_works_now_and_then_is_seen_and_not_why(place: Place) -> None:
    shown = [*silent(B1), failed("tcp.source-ports", B1, "intermittent"), *allowed(B1)]
    (one,) = diagnosed(shown, place).root_causes
    assert (one.code, one.certain) == ("INTERMITTENT", False)
    assert "why is uncertain" in one.doubt
    assert ("run netcheck in one of their subnets" in one.doubt) is (place is LAPTOP)


OF_THE_WAY = ("mtu_black_hole", "tls_hello_filtered", "tls_name_filtered", "tls_name_refused", "packet_loss")


@pytest.mark.parametrize(("cause", "place"), list(product(OF_THE_WAY, (IN_A, LAPTOP))))
def test_what_a_changed_client_hello_shows_is_certain_from_the_workers_place(
    cause: str, place: Place
) -> None:
    shown = up_to("tls.handshake", CLOUD, "tls_silent_after_client_hello")
    (one,) = diagnosed([*shown, failed("tls.path", CLOUD, cause)], place).root_causes
    assert (one.code, one.certain) == (cause.upper(), place is IN_A)


def test_a_family_of_ip_that_is_silent_is_warned_of_and_no_root_cause() -> None:
    split = told("tcp.connects", CLOUD, "warn", str(Cause.FAMILY_SPLIT))
    assert diagnosed([split]).root_causes == ()


def test_silence_that_aws_would_deliver_keeps_its_doubt_where_the_join_was_left_out() -> None:
    (one,) = diagnose([*silent(B1), *allowed(B1)], CATALOGUE, IN_A).root_causes
    assert (one.code, one.certain) == ("TIMED_OUT", False)
    assert one.doubt.endswith("AWS's configuration delivers it")

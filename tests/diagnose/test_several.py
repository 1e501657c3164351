"""Of several targets, findings and places: which failure explains which, and how certain that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from checks.mskconnect import NOT_A_BROKER
from netcheck.core.evidence import Passing
from netcheck.core.model import PIPELINE, Explains, Kind, Result, RootCause, Target
from netcheck.core.place import Place, Where
from netcheck.diagnose import Diagnosis
from tests.diagnose.made import (
    B1,
    B2,
    BROKERS,
    CLOUD,
    GLUE,
    IN_A,
    LAPTOP,
    NATIVE,
    closed_group,
    diagnosed,
    failed,
    logged,
    path,
    setting,
    silent,
    stopped,
    told,
    tried,
    unresolved,
    up_to,
    well,
)

NOWHERE = Place(Where.UNKNOWN)
TO_BROKERS = ("tcp.connects@kafka", "dns.resolves@kafka")


def codes(found: Diagnosis) -> list[str]:
    return [one.code for one in found.root_causes]


def explanation(found: Diagnosis, check: str, target: Target) -> str | None:
    return next(one.caused_by for one in found.results if (one.check, one.target) == (check, target))


# A setting that explains what is of the place it was seen from


def bare_host() -> Result:
    return setting("connector.hostname", "setting_wrong", "SINK_HOSTNAME_NOT_BARE")


@pytest.mark.parametrize(("place", "certain"), [(IN_A, True), (LAPTOP, False), (NOWHERE, False)])
def test_a_setting_whose_effect_only_a_laptop_saw_is_not_certain(place: Place, certain: bool) -> None:
    (one,) = diagnosed([bare_host(), *unresolved("dns_nxdomain", CLOUD)], place).root_causes
    assert (one.code, one.certain) == ("SINK_HOSTNAME_NOT_BARE", certain)


@pytest.mark.parametrize("place", [IN_A, LAPTOP, NOWHERE])
def test_a_setting_whose_effect_the_workers_saw_or_that_is_of_no_place_is_certain(place: Place) -> None:
    line = logged("dns_nxdomain", f"{CLOUD.host}: Name or service not known", "connector.hostname@pipeline")
    (one,) = diagnosed([bare_host(), line], place).root_causes
    assert (one.code, one.certain, one.explains) == ("SINK_HOSTNAME_NOT_BARE", True, (line.key,))
    (one,) = diagnosed(
        [setting("connector.ssl", "plaintext_on_tls_port", "SINK_SSL_MISSING")], place
    ).root_causes
    assert one.certain


# What AWS is configured to stop, from a place that nobody knows


def test_where_the_place_is_unknown_a_blocker_is_doubted_by_silence_and_by_an_answer() -> None:
    (one,) = diagnosed([*silent(B1), *closed_group("sg-1", B1)], NOWHERE).root_causes
    assert (one.code, one.certain) == ("ENI_SG_RULES_MISMATCH", False)
    assert "answers here" not in one.doubt and "where the workers are" in one.doubt
    (one,) = diagnosed([*tried(B1, None), *closed_group("sg-1", B1)], NOWHERE).root_causes
    assert (one.code, one.certain) == ("ENI_SG_RULES_MISMATCH", False)
    assert f"{B1.endpoint} answers here" in one.doubt


def test_a_silent_blocked_target_is_certain_from_the_workers_place() -> None:
    (one,) = diagnosed([*silent(B1), *closed_group("sg-1", B1)], IN_A).root_causes
    assert (one.code, one.certain, one.doubt) == ("ENI_SG_RULES_MISMATCH", True, "")


def test_a_blocker_of_an_answering_target_is_doubted_beside_one_of_a_silent_target() -> None:
    """Both are one root cause: the answer is a doubt whichever target comes first."""
    for targets in ((B1, B2), (B2, B1)):
        shown = [*silent(B1), *tried(B2, None), *closed_group("sg-1", *targets)]
        (one,) = diagnosed(shown, NOWHERE).root_causes
        assert f"{B2.endpoint} answers here" in one.doubt


# An answer that contradicts one of several blockers


def group_for_a() -> list[Result]:
    return stopped(
        "security.groups", "path_security_group", "ENI_SG_RULES_MISMATCH", "sg-1", [B1], ["subnet-a"]
    )


def test_paths_that_differ_by_a_contradicted_blocker_alone_are_unknown_too() -> None:
    found = diagnosed([*tried(B1, None), *group_for_a()])
    assert codes(found) == []
    status = {one.check: str(one.status) for one in found.results}
    assert (status["security.groups"], status["routes.consistent"]) == ("unknown", "unknown")
    assert explanation(found, "routes.consistent", B1) == f"correlate.agrees@{B1}"


def test_paths_that_differ_by_another_blocker_as_well_still_differ() -> None:
    acl, _ = stopped(
        "security.acls", "path_network_acl", "SUBNET_ACL_RESTRICTION", "acl-1", [B1], ["subnet-b"]
    )
    found = diagnosed([*tried(B1, None), *group_for_a(), acl])
    assert codes(found) == ["SUBNET_ACL_RESTRICTION"]
    status = {one.check: str(one.status) for one in found.results}
    assert (status["security.groups"], status["routes.consistent"]) == ("unknown", "fail")
    assert explanation(found, "routes.consistent", B1) == acl.key


def test_a_warning_and_a_pass_beside_a_contradicted_blocker_stay_as_they_are() -> None:
    fine = told("routes.reaches", B1, "pass", paths=[path("subnet-b", B1, "reachable")])
    found = diagnosed([*tried(B1, None), *closed_group("sg-1", B1), fine])
    kept = next(one for one in found.results if one.check == "routes.reaches")
    assert (str(kept.status), kept.caused_by) == ("pass", None)


# A line of the log, and a list of brokers, that name one of several brokers


@pytest.mark.parametrize("named", [B1, B2])
def test_a_line_of_the_log_is_explained_by_the_failure_of_the_broker_it_names(named: Target) -> None:
    line = logged("connection_refused", f"Connection to node -1 ({named.host}/10.0.11.1:9098)", *TO_BROKERS)
    found = diagnosed([*tried(B1, "connection_refused"), *tried(B2, "timed_out"), line])
    assert explanation(found, "logs.errors", PIPELINE) == f"tcp.connects@{named}"


def test_a_line_of_the_log_that_names_no_host_is_explained_by_the_first_failure() -> None:
    line = logged("timed_out", "Timed out waiting for a node assignment", *TO_BROKERS)
    found = diagnosed([*tried(B1, "connection_refused"), *tried(B2, "timed_out"), line])
    assert explanation(found, "logs.errors", PIPELINE) == f"tcp.connects@{B1}"


def test_a_line_of_the_log_that_names_another_kind_of_target_is_not_explained_by_a_broker() -> None:
    line = logged("connection_refused", f"Connect to {GLUE.host} failed", *TO_BROKERS)
    found = diagnosed([*tried(B1, "connection_refused"), *tried(GLUE, "timed_out"), line])
    assert explanation(found, "logs.errors", PIPELINE) is None


def test_a_bootstrap_list_explains_the_failure_of_the_broker_that_it_names_and_of_no_other() -> None:
    wrong = failed(
        "connector.bootstrap",
        PIPELINE,
        "setting_wrong",
        f"{B2.host} is not a broker of orders",
        code="MSK_BOOTSTRAP_UNKNOWN",
        component="orders-sink",
        explains=(Explains(NOT_A_BROKER, frozenset({Kind.KAFKA}), hosts=frozenset({B2.host})),),
    )
    shown = [wrong, *tried(B1, "connection_refused"), *tried(B2, "connection_refused")]
    found = diagnosed(shown)
    assert explanation(found, "tcp.connects", B2) == wrong.key
    assert explanation(found, "tcp.connects", B1) is None
    assert sorted(codes(found)) == ["CONNECTION_REFUSED", "MSK_BOOTSTRAP_UNKNOWN"]


# A check with several findings


@pytest.mark.parametrize(
    "beside",
    [
        failed("tcp.connects", CLOUD, "connection_refused"),
        told("tcp.connects", CLOUD, "unknown", "deadline"),
    ],
    ids=["a failure", "an unknown"],
)
def test_a_check_that_passed_in_part_does_not_end_the_chain(beside: Result) -> None:
    name = failed("dns.resolves", CLOUD, "dns_nxdomain")
    reset = failed("tls.handshake", CLOUD, "tls_untrusted")
    found = diagnosed([name, told("tcp.connects", CLOUD, "pass"), beside, reset])
    assert explanation(found, "tls.handshake", CLOUD) == name.key
    found = diagnosed([name, told("tcp.connects", CLOUD, "pass"), reset])
    assert explanation(found, "tls.handshake", CLOUD) is None


# Titles


def only(shown: Sequence[Result]) -> RootCause:
    (one,) = diagnosed(shown).root_causes
    return one


@pytest.mark.parametrize(
    "cause", ["dns_timed_out", "dns_servfail", "dns_refused", "dns_malformed", "dns_resolver_failed"]
)
def test_a_name_server_that_fails_is_one_root_cause_whatever_the_kinds_of_the_targets(cause: str) -> None:
    one = only([*unresolved(cause, B1, CLOUD, GLUE), *well(B2)])
    assert (one.code, one.title.rpartition(": ")[2]) == (cause.upper(), "3 of 4 targets")


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (BROKERS, "3 of 3 Kafka brokers"),
        ((CLOUD, NATIVE), "2 of 2 ClickHouse targets"),
        ((GLUE, Target(GLUE.kind, "sts.eu-west-1.amazonaws.com", 443)), "2 of 2 aws-service targets"),
    ],
)
def test_a_title_counts_the_targets_by_what_they_are(targets: tuple[Target, ...], said: str) -> None:
    one = only([found for each in targets for found in up_to("tls.certificate", each, "tls_untrusted")])
    assert one.title.endswith(f": {said}")


# A path that passes in part, seen from an address of the workers' subnet


def passing(*addresses: str, translated: bool = False) -> tuple[Passing, ...]:
    return (Passing(addresses, ((32768, 60999),), translated),)


OTHERS = "10.0.1.128/25"
PARTS: list[tuple[str, tuple[Passing, ...], bool, str]] = [
    ("what passes is not reported", (), False, "only part"),
    ("a NAT gateway chooses which part passes", passing(OTHERS, translated=True), False, "only part"),
    ("this host's address is of the part that is stopped", passing(OTHERS), True, ""),
]


@pytest.mark.parametrize(("passes", "certain", "doubt"), [r[1:] for r in PARTS], ids=[r[0] for r in PARTS])
def test_silence_on_a_path_that_passes_in_part_is_certain_where_this_address_is_stopped(
    passes: tuple[Passing, ...], certain: bool, doubt: str
) -> None:
    way = path("subnet-a", B1, "partial", "SUBNET_ACL_RESTRICTION", "acl-1")
    stop = failed(
        "security.acls", B1, "path_network_acl", code="SUBNET_ACL_RESTRICTION", component="acl-1",
        paths=[replace(way, passing=passes)],
    )  # fmt: skip
    (one,) = diagnosed([*silent(B1), stop]).root_causes
    assert (one.code, one.certain) == ("SUBNET_ACL_RESTRICTION", certain)
    assert doubt in one.doubt


def test_silence_from_an_address_of_the_part_that_passes_is_not_the_blockers() -> None:
    way = path("subnet-a", B1, "partial", "SUBNET_ACL_RESTRICTION", "acl-1")
    stop = failed(
        "security.acls", B1, "path_network_acl", code="SUBNET_ACL_RESTRICTION", component="acl-1",
        paths=[replace(way, passing=passing("10.0.1.0/25"))],
    )  # fmt: skip
    found = diagnosed([*silent(B1), stop])
    assert explanation(found, "tcp.connects", B1) != stop.key
    assert "SUBNET_ACL_RESTRICTION" in codes(found) and len(codes(found)) == 2

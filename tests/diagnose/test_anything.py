"""Whatever results a run comes to: nothing is lost, nothing goes in circles, and certainty is earned."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netcheck.core.catalogue import Catalogue
from netcheck.core.evidence import (
    AddressOutcome,
    Answered,
    ConnectionOutcome,
    Passing,
    Reachability,
    TracedPath,
)
from netcheck.core.model import (
    PIPELINE,
    Cause,
    Confirms,
    Explains,
    Finding,
    Fix,
    Kind,
    Layer,
    Result,
    Status,
)
from netcheck.core.place import Place, Where
from netcheck.core.problem import Trait
from netcheck.diagnose import Diagnosis, diagnose
from tests.diagnose.made import AFTER, B1, B2, CATALOGUE, CLOUD, DERIVED, GLUE, NATIVE, STS, catalogue

TARGETS = (B1, B2, CLOUD, NATIVE, STS, GLUE)
OF_PIPELINE = (
    "connector.authentication", "connector.cluster", "connector.bootstrap", "connector.port", "connector.ssl",
    "connector.hostname", "connector.whitespace", "connector.state", "connector.operations",
    "iam.permissions",
    "iam.scram", "resolver.servers", "logs.errors", "vantage.parity", "of.a.plugin",
)  # fmt: skip
OF_TARGETS = (
    "dns.resolves", "dns.servers", "tcp.source-ports", "tcp.other-ports", "tcp.internet", "tcp.connects",
    "tls.path", "tls.handshake", "kafka.login", "clickhouse.ping", "clickhouse.access_list",
    "clickhouse.service",
    "aws-service.path", "aws-service.policy", "aws-service.answers", "routes.reaches", "security.groups",
    "security.acls",
    "routes.consistent", "resolver.zones", "privatelink.endpoint", "of.a.plugin",
)  # fmt: skip
FAILURES: tuple[Cause | None, ...] = (None, *Cause)
"""Any cause, and those on which the join decides more often than chance would have it."""
DECIDING = {Trait.SILENCE, Trait.BLOCKS_PACKETS}
OFTEN = (*(cause for cause in Cause if CATALOGUE.problems[cause].traits & DECIDING),
         Cause.TIMED_OUT, Cause.HOST_UNREACHABLE, Cause.SETTINGS_CONTRADICT,
         Cause.SETTING_WRONG, Cause.VPC_DNS_OFF, Cause.CONNECTION_RESET, Cause.CONNECTOR_NOT_RUNNING,
         Cause.INTERMITTENT, Cause.DNS_TIMED_OUT, Cause.MTU_BLACK_HOLE)  # fmt: skip
CODES = (
    None,
    "SUBNET_ACL_RESTRICTION",
    "NO_ROUTE_TO_DESTINATION",
    "SINK_PORT_NATIVE",
    "MSK_BOOTSTRAP_UNKNOWN",
)
ADDRESSES = ("10.0.11.1", "203.0.113.9")
UNTOLD = {
    Status.PASS: (None,),
    Status.SKIP: (None, Cause.NOT_ASKED),
    Status.UNKNOWN: (None, Cause.NOT_ASKED, Cause.DEADLINE, Cause.PATH_UNKNOWN),
}

paths = st.builds(
    TracedPath,
    st.sampled_from(["subnet-a", "subnet-b"]),
    st.sampled_from(ADDRESSES),
    st.sampled_from(Reachability),
    blockers=st.sampled_from([(), (("SUBNET_ACL_RESTRICTION", "acl-1"),)]),
    permissions=st.sampled_from([(), ("ec2:DescribeNetworkAcls",)]),
    passing=st.sampled_from([(), (Passing(("10.0.0.0/25",), ((1024, 40000),)),)]),
    assumptions=st.sampled_from([(), ("a peering is as here",)]),
)
outcomes = st.builds(
    ConnectionOutcome,
    st.sampled_from(Answered),
    st.lists(
        st.builds(AddressOutcome, st.sampled_from(ADDRESSES), st.sampled_from(Answered)), max_size=2
    ).map(tuple),
)
RULES = (
    None,
    (),
    (Explains(frozenset({Cause.KAFKA_ACCESS_DENIED})),),
    (Explains(kinds=frozenset({Kind.KAFKA}), blocked=True, unless=frozenset({B2.endpoint})),),
    (Explains(silent=True, same_target=True), Explains(checks=frozenset({"of.a.plugin"}))),
)


@st.composite
def typed(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if draw(st.booleans()):
        found["paths"] = tuple(draw(st.lists(paths, max_size=3)))
    if draw(st.booleans()):
        found["connection"] = draw(outcomes)
    if draw(st.integers(0, 4)) == 0:
        found["fixes"] = (Fix("awscli", "aws"),)
        found["hosts"] = (draw(st.sampled_from(TARGETS)).host,)
        found["confirms"] = (
            Confirms("tcp.connects", Kind.KAFKA),
            Confirms("of.a.plugin", Kind.PIPELINE),
            Confirms("iam.permissions", Kind.PIPELINE),
        )
        found["explains"] = draw(st.sampled_from(RULES))
        found["from_workers"] = draw(st.booleans())
    return found


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    status = draw(st.sampled_from([Status.FAIL, Status.FAIL, *Status]))
    code = None
    if status in (Status.FAIL, Status.WARN):
        cause = draw(st.one_of(st.sampled_from(FAILURES), st.sampled_from(OFTEN)))
        code = draw(st.sampled_from(CODES))
    else:
        cause = draw(st.sampled_from(UNTOLD[status]))
    layer = draw(st.sampled_from([None, Layer.TCP, Layer.TLS, Layer.FILTER, Layer.CONFIG]))
    component = draw(st.sampled_from(["acl-1", "rtb-1, rtb-2", None])) if code else None
    return Finding(status, "said", cause, layer, code=code, component=component, **draw(typed()))


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[Result], Catalogue, Place]:
    """Results of this program's checks and of a plugin's, whatever they say, seen from anywhere."""
    few = draw(st.lists(st.sampled_from(TARGETS), min_size=1, max_size=3, unique=True))
    checks = draw(st.lists(st.sampled_from(OF_TARGETS), min_size=1, max_size=8, unique=True))
    where = st.one_of(
        st.tuples(st.sampled_from(checks), st.sampled_from(few)),
        st.tuples(st.sampled_from(checks), st.sampled_from(few)),
        st.tuples(st.sampled_from(OF_PIPELINE), st.just(PIPELINE)),
    )
    counts: dict[str, int] = {}
    results: list[Result] = []
    for (check, target), finding in draw(st.lists(st.tuples(where, findings()), min_size=3, max_size=16)):
        key = f"{check}@{target}"
        number = counts[key] = counts.get(key, 0) + 1
        results.append(Result(key if number == 1 else f"{key}#{number}", check, target, finding, 0.0))
    tellers = [one.key for one in results if one.status is Status.UNKNOWN]
    if tellers:
        results = [
            replace(one, caused_by=draw(st.sampled_from([None, *tellers])))
            if one.finding.cause is Cause.NOT_ASKED and one.status in (Status.SKIP, Status.UNKNOWN)
            else one
            for one in results
        ]
    plugins = st.frozensets(st.sampled_from([*OF_TARGETS, *OF_PIPELINE]), max_size=3)
    after = {
        **AFTER,
        "of.a.plugin": draw(plugins),
        "tcp.other-ports": AFTER["tcp.other-ports"] | draw(plugins),
    }
    subnets = draw(st.sampled_from([(), ("subnet-a",), ("subnet-a", "subnet-b")]))
    addresses = draw(st.sampled_from([(), ("10.0.0.5",), ("10.0.0.200",)]))
    return results, catalogue(after), Place(draw(st.sampled_from(list(Where))), subnets, addresses)


def hold(told: Diagnosis, place: Place) -> None:
    """What is true of every diagnosis."""
    by_key = {one.key: one for one in told.results}
    assert len(by_key) == len(told.results)
    for one in told.results:
        if one.caused_by is None:
            continue
        cause = by_key[one.caused_by]
        assert one.status is not Status.PASS
        assert cause.key != one.key and cause.caused_by is None, "a chain ends where nothing explains"
        blamed = (Status.FAIL,) if one.status in (Status.FAIL, Status.WARN) else (Status.FAIL, Status.UNKNOWN)
        assert cause.status in blamed, (one, cause)
    shown = [key for cause in told.root_causes for key in cause.results]
    explained = [key for cause in told.root_causes for key in cause.explains]
    assert len({*shown, *explained}) == len(shown) + len(explained)
    assert set(shown) == {o.key for o in told.results if o.status is Status.FAIL and o.caused_by is None}
    for root in told.root_causes:
        assert set(root.explains) == {o.key for o in told.results if o.caused_by in root.results}
        assert root.certain == (root.doubt == "")
        assert root.code and root.component and root.title and root.evidence
        first = by_key[root.results[0]].finding
        if root.certain and place.where is not Where.SAME and first.code is None:
            of_the_place = CATALOGUE.cause_of(first).has(Trait.VANTAGE_DEPENDENT)
            assert not of_the_place or first.from_workers
    ranks = [not cause.certain for cause in told.root_causes]
    assert ranks == sorted(ranks), "what is certain comes first"


ONES = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@ONES
@given(runs())
def test_whatever_is_found_nothing_is_lost_or_folded_in_circles(
    run: tuple[list[Result], Catalogue, Place],
) -> None:
    results, declared, place = run
    told = diagnose(results, declared, place, DERIVED)
    assert [one.key for one in told.results][: len(results)] == [one.key for one in results]
    assert {one.check for one in told.results[len(results) :]} <= {one.id for one in DERIVED}
    hold(told, place)
    assert diagnose(results, declared, place, DERIVED) == told


@ONES
@given(runs(), st.randoms(use_true_random=False))
def test_the_order_of_the_results_explains_nothing(
    run: tuple[list[Result], Catalogue, Place], chance: Random
) -> None:
    results, declared, place = run
    mixed = list(results)
    chance.shuffle(mixed)
    told, again = diagnose(results, declared, place, DERIVED), diagnose(mixed, declared, place, DERIVED)
    assert {one.key: one for one in told.results} == {one.key: one for one in again.results}
    assert {frozenset(o.results): (o.code, frozenset(o.explains)) for o in told.root_causes} == {
        frozenset(o.results): (o.code, frozenset(o.explains)) for o in again.root_causes
    }
    hold(again, place)

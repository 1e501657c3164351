"""Consequences fold under their cause, nothing is lost, and what is left are the root causes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcheck.core.evidence import (
    AddressOutcome,
    Answered,
    ConnectionOutcome,
    Passing,
    Reachability,
    TracedPath,
)
from netcheck.core.model import Cause, Finding, Kind, Layer, Result, RootCause, Status, Target
from netcheck.core.place import Place, Where
from netcheck.diagnose import diagnose, explain, settle
from netcheck.diagnose import root_causes as _root_causes
from tests.diagnose.made import CATALOGUE, DERIVED, catalogue

ONE = Target(Kind.KAFKA, "b-1", 9094)
TWO = Target(Kind.KAFKA, "b-2", 9094)
AFTER = {
    "dns": frozenset[str](),
    "tcp": frozenset({"dns"}),
    "tls": frozenset({"tcp"}),
    "kafka": frozenset({"tls"}),
    "login": frozenset({"kafka", "tls"}),
}

CAUSES = {
    "fail": (Status.FAIL, Cause.TIMED_OUT),
    "unknown": (Status.UNKNOWN, Cause.DEADLINE),
    "not asked": (Status.SKIP, Cause.NOT_ASKED),
    "moot": (Status.SKIP, None),
    "pass": (Status.PASS, None),
    "warn": (Status.WARN, Cause.TLS_CERTIFICATE_EXPIRES_SOON),
}


def result(
    check: str, what: str, target: Target = ONE, *, number: int = 1, told_by: str | None = None
) -> Result:
    status, cause = CAUSES[what]
    key = f"{check}@{target.host}" + (f"#{number}" if number > 1 else "")
    return Result(key, check, target, Finding(status, what, cause), 0.0, told_by)


def folded(*results: Result, after: dict[str, frozenset[str]] = AFTER) -> dict[str, str | None]:
    """What explains each result, by key; the order of the results must not matter."""
    forward = {r.key: r.caused_by for r in explain(results, catalogue(after))}
    backward = {r.key: r.caused_by for r in explain(results[::-1], catalogue(after))}
    assert forward == backward
    return forward


SENTENCES: list[tuple[str, list[tuple[str, str]], dict[str, str]]] = [
    ("a failure explains what stands on it", [("tcp", "fail"), ("tls", "not asked")], {"tls": "tcp"}),
    (
        "the first of a chain explains the whole chain",
        [("dns", "fail"), ("tcp", "not asked"), ("tls", "not asked"), ("kafka", "not asked")],
        {"tcp": "dns", "tls": "dns", "kafka": "dns"},
    ),
    (
        "a failure explains a failure",
        [("tcp", "fail"), ("tls", "fail"), ("kafka", "unknown")],
        {"tls": "tcp", "kafka": "tcp"},
    ),
    ("a failure explains a warning", [("tcp", "fail"), ("tls", "warn")], {"tls": "tcp"}),
    ("a failure explains what is unknown", [("tcp", "fail"), ("tls", "unknown")], {"tls": "tcp"}),
    ("what passed is never folded", [("dns", "fail"), ("tcp", "pass")], {}),
    ("what was moot is never folded", [("dns", "fail"), ("tcp", "moot")], {}),
    (
        "a check that passed ends the chain: what lies below it is no reason",
        [("dns", "fail"), ("tcp", "pass"), ("tls", "fail")],
        {},
    ),
    (
        "and so does one that worked with a warning",
        [("dns", "fail"), ("tcp", "warn"), ("tls", "fail")],
        {"tcp": "dns"},
    ),
    (
        "a moot check lets the reason through",
        [("dns", "fail"), ("tcp", "moot"), ("tls", "fail")],
        {"tls": "dns"},
    ),
    ("a check that was left out lets it through", [("dns", "fail"), ("tls", "fail")], {"tls": "dns"}),
    (
        "what is unknown explains what was not asked",
        [("tcp", "unknown"), ("tls", "not asked")],
        {"tls": "tcp"},
    ),
    ("what is unknown explains what is unknown", [("tcp", "unknown"), ("tls", "unknown")], {"tls": "tcp"}),
    ("what is unknown never explains a failure", [("tcp", "unknown"), ("tls", "fail")], {}),
    ("nor a warning", [("tcp", "unknown"), ("tls", "warn")], {}),
    (
        "nor a failure by way of what was not asked",
        [("tcp", "unknown"), ("tls", "not asked"), ("kafka", "fail")],
        {"tls": "tcp"},
    ),
    ("what was not asked explains nothing", [("tcp", "not asked"), ("tls", "fail")], {}),
    ("a warning explains nothing", [("tcp", "warn"), ("tls", "fail")], {}),
    (
        "a failure wins over what is unknown",
        [("tls", "fail"), ("kafka", "unknown"), ("login", "not asked")],
        {"kafka": "tls", "login": "tls"},
    ),
    ("what stands on nothing stays", [("dns", "fail")], {}),
]


@pytest.mark.parametrize(
    ("given_results", "expected"), [row[1:] for row in SENTENCES], ids=[row[0] for row in SENTENCES]
)
def test_explain(given_results: list[tuple[str, str]], expected: dict[str, str]) -> None:
    found = folded(*(result(check, what) for check, what in given_results))
    assert {k: v for k, v in found.items() if v} == {f"{k}@b-1": f"{v}@b-1" for k, v in expected.items()}


def test_one_targets_failure_explains_nothing_about_another() -> None:
    assert folded(result("tcp", "fail", ONE), result("tls", "fail", TWO)) == {
        "tcp@b-1": None,
        "tls@b-2": None,
    }


def test_a_failure_among_several_findings_explains_and_its_siblings_stay() -> None:
    found = folded(
        result("tcp", "pass"),
        result("tcp", "fail", number=2),
        result("tls", "not asked"),
        result("tcp", "warn", number=3),
    )
    assert found == {"tcp@b-1": None, "tcp@b-1#2": None, "tls@b-1": "tcp@b-1#2", "tcp@b-1#3": None}


def test_checks_that_stand_on_each_other_explain_nothing_of_each_other() -> None:
    after = {
        "a": frozenset({"b"}), "b": frozenset({"c"}), "c": frozenset({"a", "dns"}), "d": frozenset({"a"}),
        "s": frozenset({"s"}),
    }  # fmt: skip
    circle = [result(check, "fail") for check in ("a", "b", "c", "s")]
    assert set(folded(*circle, after=after).values()) == {None}
    outside = folded(*circle, result("d", "not asked"), after=after)
    assert outside["d@b-1"] == "a@b-1"
    below = folded(*circle, result("dns", "fail"), after=after)
    assert (below["c@b-1"], below["s@b-1"], below["dns@b-1"]) == ("dns@b-1", None, None)


def test_a_failed_fact_points_past_its_teller_to_what_explains_the_teller() -> None:
    found = folded(
        result("dns", "fail"), result("tcp", "unknown"), result("tls", "not asked", TWO, told_by="tcp@b-1")
    )
    assert found == {"dns@b-1": None, "tcp@b-1": "dns@b-1", "tls@b-2": "dns@b-1"}


def test_a_teller_that_stands_on_a_check_which_lacked_the_same_fact_keeps_its_place() -> None:
    found = folded(result("tls", "unknown"), result("tcp", "not asked", told_by="tls@b-1"))
    assert found == {"tls@b-1": None, "tcp@b-1": "tls@b-1"}


def test_two_tellers_that_would_explain_each_other_leave_one_standing() -> None:
    results = [
        result("tls", "unknown", ONE),
        result("tcp", "not asked", ONE, told_by="tls@b-2"),
        result("tls", "unknown", TWO),
        result("tcp", "not asked", TWO, told_by="tls@b-1"),
    ]
    found = {r.key: r.caused_by for r in explain(results, catalogue(AFTER))}
    assert found == {"tls@b-1": None, "tcp@b-1": "tls@b-1", "tls@b-2": "tls@b-1", "tcp@b-2": "tls@b-1"}


# --- whatever the results -------------------------------------------------------------------------------

CHECKS = "abcdef"
TARGETS = (ONE, TWO, Target(Kind.CLICKHOUSE_HTTPS, "ch", 8443))


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[Result], dict[str, frozenset[str]]]:
    """Results as a runner might give them, and any `after` that plugins may have made up."""
    after = {c: frozenset(draw(st.sets(st.sampled_from([*CHECKS, "gone"]), max_size=3))) for c in CHECKS}
    counts: dict[tuple[str, Target], int] = {}
    results: list[Result] = []
    rows = draw(
        st.lists(
            st.tuples(st.sampled_from(CHECKS), st.sampled_from(TARGETS), st.sampled_from(sorted(CAUSES))),
            max_size=20,
        )
    )
    for check, target, what in rows:
        number = counts[check, target] = counts.get((check, target), 0) + 1
        results.append(result(check, what, target, number=number))
    tellers = [r for r in results if r.status is Status.UNKNOWN]
    for place, one in enumerate(results):
        if tellers and one.finding.cause is Cause.NOT_ASKED and draw(st.booleans()):
            results[place] = replace(one, caused_by=draw(st.sampled_from(tellers)).key)
    return results, after


@settings(max_examples=250, deadline=None)
@given(runs())
def test_nothing_is_lost_and_every_cause_stands_on_its_own(
    run: tuple[list[Result], dict[str, frozenset[str]]],
) -> None:
    results, after = run
    explained = explain(results, catalogue(after))
    assert [replace(r, caused_by=None) for r in explained] == [replace(r, caused_by=None) for r in results]
    by_key = {r.key: r for r in explained}
    assert len(by_key) == len(results)
    for one in explained:
        if one.caused_by is None:
            continue
        cause = by_key[one.caused_by]
        assert cause.caused_by is None, "a cause is explained by nothing"
        assert one.status is not Status.PASS
        assert cause.status in (Status.FAIL, Status.UNKNOWN)
        if one.status in (Status.FAIL, Status.WARN):
            assert cause.status is Status.FAIL, "a failure is never blamed on something unknown"
    failed = [r.key for r in explained if r.status is Status.FAIL]
    causes = root_causes(explained)
    shown = [key for cause in causes for key in (*cause.results, *cause.explains)]
    assert len(shown) == len(set(shown))
    assert set(failed) <= set(shown), "every failure is a root cause or explained by one"
    assert bool(failed) == bool(causes)


PATHS = [
    TracedPath(source, address, verdict, blockers=(("SUBNET_ACL_RESTRICTION", "acl-1"),), passing=passing)
    for source in ("subnet-a", "subnet-b")
    for address in ("10.0.1.1", "10.0.1.2")
    for verdict, passing in (
        (Reachability.REACHABLE, ()),
        (Reachability.BLOCKED, ()),
        (Reachability.UNKNOWN, ()),
        (Reachability.PARTIAL, (Passing(("10.0.0.0/25",), ((1024, 40000),)),)),
        (Reachability.PARTIAL, ()),
    )
]
OUTCOMES = {
    None: Answered.CONNECTED,
    Cause.TIMED_OUT: Answered.SILENT,
    Cause.CONNECTION_REFUSED: Answered.REFUSED,
}
ADDRESSES = [
    AddressOutcome(address, answered) for address in ("10.0.1.1", "10.0.1.2") for answered in Answered
]


@st.composite
def two_sided(draw: st.DrawFn) -> tuple[list[Result], dict[str, frozenset[str]], Place]:
    """Any results, some of them of both sides of a path, seen from anywhere."""
    results, after = draw(runs())
    for number, target in enumerate(draw(st.lists(st.sampled_from(TARGETS), max_size=6))):
        if draw(st.booleans()):
            seen = tuple(draw(st.lists(st.sampled_from(ADDRESSES), max_size=3)))
            cause = draw(st.sampled_from([None, Cause.TIMED_OUT, Cause.CONNECTION_REFUSED]))
            status = Status.FAIL if cause else Status.PASS
            outcome = ConnectionOutcome(OUTCOMES[cause], seen)
            finding = Finding(status, "seen", cause, Layer.TCP, connection=outcome)
            results.append(Result(f"tcp.connects@{number}", "tcp.connects", target, finding, 0.0))
        else:
            paths = draw(st.lists(st.sampled_from(PATHS), max_size=4))
            stops = draw(st.booleans())
            finding = Finding(
                Status.FAIL if stops else Status.PASS, "said", Cause.PATH_NETWORK_ACL if stops else None,
                Layer.FILTER, paths=tuple(paths), component="acl-1",
                code="SUBNET_ACL_RESTRICTION" if stops else None,
            )  # fmt: skip
            results.append(Result(f"security.acls@{number}", "security.acls", target, finding, 0.0))
    subnets = draw(st.sampled_from([(), ("subnet-a",), ("subnet-a", "subnet-b")]))
    addresses = draw(st.sampled_from([(), ("10.0.0.5",), ("10.0.0.200",)]))
    return results, after, Place(draw(st.sampled_from(list(Where))), subnets, addresses)


@settings(max_examples=200, deadline=None)
@given(two_sided())
def test_whatever_both_sides_say_nothing_is_lost_and_certainty_has_no_doubt(
    run: tuple[list[Result], dict[str, frozenset[str]], Place],
) -> None:
    results, after, place = run
    told = diagnose(results, catalogue(after), place, DERIVED)
    assert [r.key for r in told.results][: len(results)] == [r.key for r in results]
    by_key = {r.key: r for r in told.results}
    assert len(by_key) == len(told.results)
    for one in told.results:
        if one.caused_by is not None:
            assert by_key[one.caused_by].caused_by is None
            wanted = (Status.FAIL,) if one.status is Status.FAIL else (Status.FAIL, Status.UNKNOWN)
            assert by_key[one.caused_by].status in wanted
    shown = [key for cause in told.root_causes for key in (*cause.results, *cause.explains)]
    assert len(shown) == len(set(shown))
    assert {r.key for r in told.results if r.status is Status.FAIL} <= set(shown)
    for cause in told.root_causes:
        assert cause.certain == (not cause.doubt)
        assert cause.evidence and all(
            str(one).startswith(("observed: ", "configured: ")) for one in cause.evidence
        )
    if place.where is not Where.SAME:
        assert not [r for r in told.results if r.check in {one.id for one in DERIVED}]
        silent = {r.key for r in told.results if r.finding.cause is Cause.TIMED_OUT}
        assert not [one for one in told.root_causes if one.certain and silent & {*one.results, *one.explains}]
    assert diagnose(results, catalogue(after), place, DERIVED) == told


def root_causes(results: Sequence[Result]) -> tuple[RootCause, ...]:
    return _root_causes(results, CATALOGUE)


# --- root causes ----------------------------------------------------------------------------------------


def named(check: str, target: Target, cause: Cause | None, summary: str = "") -> Result:
    finding = Finding(Status.FAIL, summary or f"{target.host} fails", cause)
    return Result(f"{check}@{target}", check, target, finding, 0.0)


def test_the_same_cause_on_several_targets_of_a_kind_is_one_root_cause() -> None:
    cause = Cause.TLS_CERTIFICATE_EXPIRED
    (one,) = root_causes([named("tls", ONE, cause), named("tls", TWO, cause)])
    assert one.code == "TLS_CERTIFICATE_EXPIRED"
    assert one.results == (f"tls@{ONE}", f"tls@{TWO}")
    assert one.component == f"{ONE}, {TWO}"
    assert one.title == f"{CATALOGUE.problems[cause].title}: 2 of 2 Kafka brokers"
    assert [fix.text for fix in one.fix] == [CATALOGUE.problems[cause].advice]


def test_the_title_says_how_many_of_how_many_targets() -> None:
    fine = Result("tls@x", "tls", Target(Kind.KAFKA, "b-3", 9094), Finding(Status.PASS, "fine"), 0.0)
    (one,) = root_causes([named("tls", ONE, Cause.TIMED_OUT), named("tls", TWO, Cause.TIMED_OUT), fine])
    assert one.title.endswith(": 2 of 3 Kafka brokers")


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (named("tls", TWO, Cause.TLS_UNTRUSTED), "another cause"),
        (named("tcp", TWO, Cause.TLS_CERTIFICATE_EXPIRED), "another check"),
        (named("tls", TARGETS[2], Cause.TLS_CERTIFICATE_EXPIRED), "another kind of target"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_root_causes_that_differ_stay_apart(other: Result, why: str) -> None:
    causes = root_causes([named("tls", ONE, Cause.TLS_CERTIFICATE_EXPIRED, "it expired"), other])
    assert len(causes) == 2, why
    assert "it expired" in [cause.title for cause in causes]


def test_silence_is_uncertain_and_comes_after_what_is_certain() -> None:
    causes = root_causes([named("tcp", ONE, Cause.TIMED_OUT), named("tcp", TWO, Cause.CONNECTION_REFUSED)])
    assert [(cause.code, cause.certain) for cause in causes] == [
        ("CONNECTION_REFUSED", True),
        ("TIMED_OUT", False),
    ]


def test_a_root_cause_lists_what_it_explains_and_a_plugins_failure_without_a_cause_is_one_too() -> None:
    results = explain(
        [named("tcp", ONE, None, "plugin says no"), result("tls", "not asked")], catalogue(AFTER)
    )
    (one,) = root_causes(results)
    assert (one.code, one.title, one.fix) == ("TCP", "plugin says no", ())
    assert one.explains == ("tls@b-1",)


@pytest.mark.parametrize("what", ["pass", "warn", "unknown", "not asked", "moot"])
def test_only_failures_are_root_causes(what: str) -> None:
    assert root_causes([result("tcp", what)]) == ()


def test_what_could_not_be_asked_and_nothing_explains_is_unknown() -> None:
    alone = result("b", "not asked", TARGETS[0])
    (settled,) = settle(explain([alone], catalogue({"b": frozenset({"a"})})))
    assert settled.status is Status.UNKNOWN
    failed, below = settle(
        explain([result("a", "fail", TARGETS[0]), alone], catalogue({"b": frozenset({"a"})}))
    )
    assert (below.status, below.caused_by) == (Status.SKIP, failed.key)

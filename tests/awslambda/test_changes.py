"""What counts as a change: a root cause is new, resolved, or could not be checked again."""

from __future__ import annotations

import pytest

from netcheck.awslambda.changes import Open, State, compare
from netcheck.core.codec import decode, encode
from tests.awslambda.reports import WHEN, cause, report

BEFORE = "2026-01-10T09:00:00Z"
A, B = "b-1:9096", "b-2:9096"


def known(component: str, *results: str) -> Open:
    opened = cause(component, *results)
    return Open(opened.code, opened.component, opened.title, opened.results, BEFORE)


CASES = {
    "no root cause before and after": ((), {}, (), (), ()),
    "the first root cause is new": ((), {f"tcp.connect@{A}": "fail"}, (A,), (A,), ()),
    "a remaining root cause is no change": ((A,), {f"tcp.connect@{A}": "fail"}, (A,), (), ()),
    "a result that passes now is resolved": ((A,), {f"tcp.connect@{A}": "pass"}, (), (), (A,)),
    "a result that only warns now is resolved": ((A,), {f"tcp.connect@{A}": "warn"}, (), (), (A,)),
    "one is resolved and another is new": ((A,), {f"tcp.connect@{A}": "pass"}, (B,), (B,), (A,)),
    "an unknown result is not resolved": ((A,), {f"tcp.connect@{A}": "unknown"}, (), (), ()),
    "a skipped result is not resolved": ((A,), {f"tcp.connect@{A}": "skip"}, (), (), ()),
    "a result that is gone in a complete run is resolved": (
        (A,),
        {"dns.resolves@x": "pass"},
        (),
        (),
        (A,),
    ),
    "a result that is gone in a partial run is not resolved": (
        (A,),
        {"dns.resolves@x": "unknown"},
        (),
        (),
        (),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_changed(name: str) -> None:
    before, results, causes, new, resolved = CASES[name]
    after, change = compare(
        [known(each) for each in before], report(results, [cause(each) for each in causes])
    )
    assert tuple(each.component for each in change.new) == new
    assert tuple(each.component for each in change.resolved) == resolved
    assert bool(change) == bool(new or resolved)
    assert {each.component for each in after} == {*before, *new} - set(resolved)
    assert change.remaining == len(after)


def test_since_is_kept_and_results_are_updated() -> None:
    [after], _ = compare([known(A)], report({"tls.handshake@x": "fail"}, [cause(A, "tls.handshake@x")]))
    assert (after.since, after.results) == (BEFORE, ("tls.handshake@x",))


def test_a_new_root_cause_is_since_this_run() -> None:
    [after], _ = compare([], report({}, [cause(A)]))
    assert after.since == WHEN


def test_a_state_can_be_written_and_read() -> None:
    state = State(version=3, observed=1.5, open=(known(A),))
    assert decode(State, encode(state)) == state

"""What counts as a change: a root cause is new, resolved, or it could not be looked at again."""

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
    "nothing was wrong and nothing is": ((), {}, (), (), ()),
    "the first root cause is new": ((), {f"tcp.connect@{A}": "fail"}, (A,), (A,), ()),
    "what is wrong still is no change": ((A,), {f"tcp.connect@{A}": "fail"}, (A,), (), ()),
    "what passes now is resolved": ((A,), {f"tcp.connect@{A}": "pass"}, (), (), (A,)),
    "what only warns now is resolved": ((A,), {f"tcp.connect@{A}": "warn"}, (), (), (A,)),
    "one goes and another comes": ((A,), {f"tcp.connect@{A}": "pass"}, (B,), (B,), (A,)),
    "what could not be determined is not resolved": ((A,), {f"tcp.connect@{A}": "unknown"}, (), (), ()),
    "what was skipped is not resolved": ((A,), {f"tcp.connect@{A}": "skip"}, (), (), ()),
    "what is not there any more, in a whole run, is resolved": (
        (A,),
        {"dns.resolves@x": "pass"},
        (),
        (),
        (A,),
    ),
    "what is not there any more, in a partial run, is not": ((A,), {"dns.resolves@x": "unknown"}, (), (), ()),
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


def test_since_when_it_is_wrong_is_kept_and_what_shows_it_is_of_today() -> None:
    [after], _ = compare([known(A)], report({"tls.handshake@x": "fail"}, [cause(A, "tls.handshake@x")]))
    assert (after.since, after.results) == (BEFORE, ("tls.handshake@x",))


def test_a_new_one_is_since_this_run() -> None:
    [after], _ = compare([], report({}, [cause(A)]))
    assert after.since == WHEN


def test_a_state_is_read_as_it_was_written() -> None:
    state = State(version=3, observed=1.5, open=(known(A),))
    assert decode(State, encode(state)) == state

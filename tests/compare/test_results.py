"""What changed between two reports: tables of transitions and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from netcheck.compare.change import CauseTransition, Transition
from netcheck.compare.results import cause_changes, result_changes
from tests.commandline import Done, netcheck

B1, B2 = "kafka://b-1.example:9094", "kafka://b-2.example:9094"


def result(status: str, cause: str | None = None, by: str | None = None, **more: Any) -> dict[str, Any]:
    made = {"check": "tcp.connects", "target": B1, "summary": f"{status} {cause}", "evidence": {}, **more}
    key = f"{made['check']}@{made['target']}{made.pop('number', '')}"
    return {"key": key, "status": status, "cause": cause, "caused_by": by, **made}


def report(*results: dict[str, Any], causes: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A report. Without `causes`, each failure that has no other cause is a root cause."""
    failed = [r for r in results if r["status"] == "fail" and not r["caused_by"]]
    made = [
        {
            "code": str(r["cause"]).upper(),
            "component": r["target"],
            "title": r["summary"],
            "shown_by": [r["key"]],
            "explains": [other["key"] for other in results if other["caused_by"] == r["key"]],
        }
        for r in failed
    ]
    return {
        "schema": "netcheck.report/1",
        "started": "2026-01-01T00:00:00Z",
        "pipeline": {"targets": []},
        "results": list(results),
        "root_causes": made if causes is None else causes,
    }


TRANSITIONS = [
    ("nothing", result("pass"), result("pass"), None, 0),
    ("another summary", result("pass"), result("pass", summary="other words"), None, 0),
    ("fails", result("pass"), result("fail", "timed_out"), Transition.FAILED, 1),
    (
        "was not run, then fails",
        result("skip", "not_asked"),
        result("fail", "timed_out"),
        Transition.FAILED,
        1,
    ),
    ("unknown, then fails", result("unknown", "deadline"), result("fail", "timed_out"), Transition.FAILED, 1),
    ("new and fails", None, result("fail", "timed_out"), Transition.FAILED, 1),
    ("is resolved", result("fail", "timed_out"), result("pass"), Transition.RESOLVED, 0),
    (
        "is resolved, with a warning",
        result("fail", "timed_out"),
        result("warn", "clock_skew"),
        Transition.RESOLVED,
        0,
    ),
    (
        "fails with another cause",
        result("fail", "timed_out"),
        result("fail", "connection_refused"),
        Transition.CAUSE_CHANGED,
        1,
    ),
    ("fails with the same cause", result("fail", "timed_out"), result("fail", "timed_out"), None, 0),
    ("warns", result("pass"), result("warn", "clock_skew"), Transition.WARNED, 0),
    ("no longer warns", result("warn", "clock_skew"), result("pass"), Transition.WARNING_GONE, 0),
    (
        "can no longer be determined",
        result("pass"),
        result("unknown", "deadline"),
        Transition.NO_LONGER_KNOWN,
        3,
    ),
    (
        "failed, and can no longer be determined",
        result("fail", "timed_out"),
        result("unknown", "deadline"),
        Transition.NO_LONGER_KNOWN,
        3,
    ),
    ("is now known", result("unknown", "deadline"), result("pass"), Transition.NOW_KNOWN, 0),
    ("is skipped now", result("pass"), result("skip"), Transition.NO_LONGER_RUN, 0),
    ("is skipped as before", result("skip"), result("skip", summary="for another reason"), None, 0),
    ("failed, and its target is gone", result("fail", "timed_out"), None, Transition.GONE, 0),
    ("passed, and its target is gone", result("pass"), None, None, 0),
]


def diff(tmp_path: Path, before: Any, after: Any, *more: str) -> Done:
    for name, made in (("a", before), ("b", after)):
        (tmp_path / f"{name}.json").write_text(json.dumps(made))
    return netcheck("diff", str(tmp_path / "a.json"), str(tmp_path / "b.json"), *more)


@pytest.mark.parametrize(
    ("case", "before", "after", "transition", "code"), TRANSITIONS, ids=[row[0] for row in TRANSITIONS]
)
def test_a_result_that_differs(
    case: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    transition: Transition | None,
    code: int,
    tmp_path: Path,
) -> None:
    one, other = (report(*([made] if made else [])) for made in (before, after))
    assert [change.transition for change in result_changes(one, other)] == (
        [transition] if transition else []
    ), case
    done = diff(tmp_path, one, other, "--format", "json")
    assert (done.code, done.err) == (code, "")
    assert [change["change"] for change in json.loads(done.out)["results"]] == (
        [str(transition)] if transition else []
    )


def test_new_failures_come_first_and_consequences_after_causes() -> None:
    first = result("fail", "timed_out")
    before = report(
        *(result("fail", "timed_out", target=B2), result("pass"), result("pass", check="tls.handshake")),
    )
    after = report(
        *(
            result("pass", target=B2),
            result("fail", "tls_stalled", first["key"], check="tls.handshake"),
            first,
        ),
    )
    found = [(change.transition, change.check, change.folded) for change in result_changes(before, after)]
    assert found == [
        (Transition.FAILED, "tcp.connects", False),
        (Transition.FAILED, "tls.handshake", True),
        (Transition.RESOLVED, "tcp.connects", False),
    ]


def test_several_results_of_one_check_and_target_are_matched_by_content() -> None:
    """A further result at the front must not make all others look new."""
    before = report(
        result("fail", "setting_wrong", summary="b"), result("warn", "setting_risky", number="#2")
    )
    after = report(
        result("fail", "setting_missing", summary="a"),
        result("fail", "setting_wrong", summary="b", number="#2"),
        result("warn", "setting_risky", number="#3"),
    )
    assert [(c.transition, c.after and c.after.summary) for c in result_changes(before, after)] == [
        (Transition.FAILED, "a")
    ]


def cause(code: str, component: str, *shown: str, explains: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "code": code,
        "component": component,
        "title": f"{code} at {component}",
        "shown_by": list(shown),
        "explains": list(explains),
    }


KEY1, KEY2 = f"tcp.connects@{B1}", f"tcp.connects@{B2}"
FAILED1, FAILED2 = result("fail", "timed_out"), result("fail", "timed_out", target=B2)
CAUSE_TRANSITIONS = [
    ("appears", report(result("pass")), report(FAILED1), [CauseTransition.APPEARED]),
    ("is resolved", report(FAILED1), report(result("pass")), [CauseTransition.RESOLVED]),
    ("stays", report(FAILED1), report(FAILED1), []),
    (
        "can no longer be determined",
        report(FAILED1),
        report(result("unknown", "deadline")),
        [CauseTransition.NO_LONGER_KNOWN],
    ),
    ("its target is gone", report(FAILED1), report(result("pass", target=B2)), [CauseTransition.RESOLVED]),
    (
        "spreads to another target",
        report(FAILED1, causes=[cause("TIMED_OUT", B1, KEY1)]),
        report(FAILED1, FAILED2, causes=[cause("TIMED_OUT", f"{B1}, {B2}", KEY1, KEY2)]),
        [CauseTransition.MOVED],
    ),
    (
        "becomes a consequence",
        report(FAILED1),
        report(
            result("fail", "timed_out", "x"),
            result("fail", "path_no_route", check="routes.way"),
            causes=[cause("NO_ROUTE", "rtb-1", f"routes.way@{B1}", explains=(KEY1,))],
        ),
        [CauseTransition.APPEARED, CauseTransition.FOLDED],
    ),
    (
        "is no longer a consequence, as its root cause is resolved",
        report(
            result("fail", "timed_out", "x"),
            result("fail", "path_no_route", check="routes.way"),
            causes=[cause("NO_ROUTE", "rtb-1", f"routes.way@{B1}", explains=(KEY1,))],
        ),
        report(FAILED1, result("pass", check="routes.way")),
        [CauseTransition.RESOLVED, CauseTransition.UNFOLDED],
    ),
]


@pytest.mark.parametrize(
    ("case", "before", "after", "transitions"), CAUSE_TRANSITIONS, ids=[row[0] for row in CAUSE_TRANSITIONS]
)
def test_a_root_cause_that_differs(
    case: str, before: Any, after: Any, transitions: list[CauseTransition]
) -> None:
    assert [change.transition for change in cause_changes(before, after)] == transitions, case


def test_new_and_gone_targets(tmp_path: Path) -> None:
    done = diff(tmp_path, report(result("pass")), report(result("pass", target=B2)), "--format", "json")
    found = json.loads(done.out)
    assert (found["new_targets"], found["gone_targets"], done.code) == ([B2], [B1], 0)


def test_nothing_changed_is_said(tmp_path: Path) -> None:
    done = diff(tmp_path, report(FAILED1), report(FAILED1))
    assert done.code == 0 and "Nothing changed" in done.out


UNREADABLE = [
    ("missing", None, "No such file"),
    ("not JSON", b"{", "not JSON"),
    ("a broken archive", b"\x1f\x8b\x08broken", "truncated"),
    ("of another schema", b'{"schema": "netcheck.diff/1"}', "not a report"),
    ("a list", b"[]", "not a report"),
    ("a report without results", b'{"schema": "netcheck.report/1"}', "members are missing"),
    (
        "results of the wrong type",
        b'{"schema": "netcheck.report/1", "results": [1], "root_causes": [], "pipeline": {}, "started": ""}',
        "members are missing",
    ),
    ("an incomplete recording", b'{"schema": "netcheck.recording/1"}', "record it again"),
]


@pytest.mark.parametrize(("case", "content", "words"), UNREADABLE, ids=[row[0] for row in UNREADABLE])
def test_an_unreadable_file_is_one_line(case: str, content: bytes | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    if content is not None:
        path.write_bytes(content)
    (tmp_path / "a.json").write_text(json.dumps(report(result("pass"))))
    for given in (
        ("diff", str(tmp_path / "a.json"), str(path)),
        ("run", "--bootstrap", "[::1]:1", "--baseline", str(path)),
    ):
        done = netcheck(*given)
        assert (done.code, done.out) == (2, ""), case
        assert done.err.count("\n") == 1 and (words in done.err or "no such file" in done.err)


def test_an_empty_folder_is_one_line(tmp_path: Path) -> None:
    done = netcheck("diff", str(tmp_path), str(tmp_path))
    assert done.code == 2 and "not a snapshot" in done.err

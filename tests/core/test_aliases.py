"""What version 0.1 wrote, and what was written for it, is read under today's names of checks and causes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from netcheck.awslambda.changes import Change, Open, Pending, State, compare, renamed
from netcheck.awslambda.event import read
from netcheck.commands.demo import DEMOS
from netcheck.core import aliases
from netcheck.core.codec import decode
from netcheck.core.context import Deadline
from netcheck.core.model import Cause
from netcheck.engine import plugins
from netcheck.engine.assessment import assess, select
from netcheck.engine.runner import ignore_event
from netcheck.settings.config import Config, UsageError
from tests.awslambda.reports import report
from tests.commandline import netcheck

SAVED = Path(__file__).parents[1] / "saved" / "version_0_1"
REPORT, RECORDING = SAVED / "report.json", SAVED / "recording.json.gz"
CHECKS = plugins.find().checks
IDS = {check.id for check in CHECKS}
OLD_NAMES = {*aliases.CHECKS, *aliases.CAUSES, *(name.upper() for name in aliases.CAUSES)}
CAUSES = [name for name, now in aliases.CAUSES.items() if now in set(Cause)]


def names_in(report: Mapping[str, Any]) -> set[str]:
    """Every check, cause and code of a report, also where it is a part of a key."""
    found = {cause["code"] for cause in report["root_causes"]}
    keys = [key for cause in report["root_causes"] for key in (*cause["explains"], *cause["shown_by"])]
    for result in report["results"]:
        found |= {result["check"], result["cause"]}
        keys += [result["key"], result["caused_by"] or ""]
    return found | {key.partition("@")[0] for key in keys}


# --only, --skip


@pytest.mark.parametrize(("old", "new"), aliases.CHECKS.items())
def test_an_old_id_selects_the_renamed_check(old: str, new: str) -> None:
    assert new in IDS and old not in IDS
    assert [check.id for check in select(CHECKS, [old], [])] == [new]
    assert {check.id for check in select(CHECKS, [], [old])} == IDS - {new}


@pytest.mark.parametrize(
    ("glob", "selected"),
    [
        ("egress.*", {"aws-service.answers", "aws-service.path", "aws-service.policy"}),
        ("join.*", {"correlate.agrees", "correlate.delivered"}),
        ("iam.al*", {"iam.permissions"}),
        ("connector.log[hi]ns", {"connector.iam-connection-rate"}),
    ],
)
def test_a_glob_for_old_ids_selects_the_renamed_checks(glob: str, selected: set[str]) -> None:
    assert {check.id for check in select(CHECKS, [glob], [])} == selected


def test_a_glob_that_matches_neither_name_is_refused() -> None:
    with pytest.raises(UsageError, match="--skip egres"):
        select(CHECKS, [], ["egres.*"])


OLD_SELECTION = {"replay": str(RECORDING), "only": ["egress.*", "tcp.connects"], "skip": "egress.pol*"}
SELECTED = {"aws-service.answers", "aws-service.path", "tcp.connects"}


def test_old_ids_in_a_configuration_file(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(json.dumps(OLD_SELECTION))  # JSON is YAML
    done = netcheck("run", "--config", str(file), "--format", "json")
    assert {result["check"] for result in json.loads(done.out)["results"]} == SELECTED, done.err


def test_old_ids_in_a_lambda_event() -> None:
    asked = read(OLD_SELECTION, {}, Deadline(30))
    report = assess(asked.config, ignore_event).report
    assert {result.check for result in report.results} == SELECTED


def test_old_ids_in_a_recordings_own_selection() -> None:
    report = assess(Config(replay=str(RECORDING)), ignore_event).report
    assert "routes.consistent" not in {result.check for result in report.results}, "skipped as routes.alike"
    assert {cause.code for cause in report.root_causes} == {"TLS_NOT_SUPPORTED", "PLAINTEXT_ON_TLS_PORT"}


# explain


@pytest.mark.parametrize(
    ("old", "new"),
    [
        *aliases.CHECKS.items(),
        *((name, aliases.CAUSES[name]) for name in CAUSES),
        *((name.upper(), aliases.CAUSES[name].upper()) for name in CAUSES),
        ("egress", "aws-service"),
        ("join.*", "correlate.*"),
    ],
)
def test_explain_takes_an_old_name_and_says_the_new_one(old: str, new: str) -> None:
    done, today = netcheck("explain", old), netcheck("explain", new)
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{old} is now called {new}.\n\n{today.out}"


def test_explain_says_nothing_of_names_where_none_changed() -> None:
    assert "is now called" not in netcheck("explain", "iam").out + netcheck("explain", "tls.handshake").out


# diff, --baseline


def test_the_saved_report_is_of_old_names() -> None:
    assert {"egress.path", "tls_not_spoken", "SPOKE_PLAINTEXT_TO_TLS"} <= names_in(
        json.loads(REPORT.read_text())
    )


def test_a_report_is_read_under_todays_names() -> None:
    report = aliases.current_report(json.loads(REPORT.read_text()))
    assert not names_in(report) & OLD_NAMES
    assert aliases.current_report(report) == report
    keys = {result["key"] for result in report["results"]}
    assert len(keys) == len(report["results"])
    assert {result["caused_by"] for result in report["results"]} <= {*keys, None}


def test_a_difference_of_names_alone_is_none() -> None:
    done = netcheck("diff", str(REPORT), str(RECORDING), "--format", "json")
    found = json.loads(done.out)
    assert (done.code, found["root_causes"], found["results"]) == (0, [], [])


def test_a_baseline_of_old_names() -> None:
    done = netcheck("run", "--replay", str(RECORDING), "--baseline", str(REPORT), "--format", "json")
    since = json.loads(done.out)["since_baseline"]
    assert (since["root_causes"], since["results"]) == ([], [])


def test_what_did_change_is_said_in_todays_names(tmp_path: Path) -> None:
    report = json.loads(REPORT.read_text())
    for result in report["results"]:
        if result["check"] == "egress.answers":
            result.update(status="pass", cause=None, caused_by=None)
    before = tmp_path / "before.json"
    before.write_text(json.dumps(report))
    found = json.loads(netcheck("diff", str(before), str(RECORDING), "--format", "json").out)
    assert [(each["check"], each["after"]["cause"]) for each in found["results"]] == [
        ("aws-service.answers", "tls_not_supported")
    ]


@pytest.mark.parametrize("name", DEMOS)
def test_a_demo_has_no_old_name(name: str) -> None:
    assert not names_in(json.loads(netcheck("demo", name, "--format", "json").out)) & OLD_NAMES


# The Lambda function's state


def saved_state() -> State:
    state: State = decode(State, json.loads((SAVED / "state.json").read_text()))
    return state


def test_a_root_cause_that_was_sent_under_its_old_code_is_not_sent_again() -> None:
    today = assess(Config(replay=str(RECORDING)), ignore_event).report
    assert compare(saved_state().open, today)[1], "the codes differ"
    opened, change = compare(renamed(saved_state()).open, today)
    assert not change and change.remaining == 2
    assert {cause.since for cause in opened} == {saved_state().open[0].since}


def test_a_root_cause_under_its_old_name_is_resolved_by_the_renamed_check() -> None:
    known = Open("TLS_NOT_SPOKEN", "x", "a title", ("egress.answers@x",), "2026-01-01T00:00:00Z")
    partial = report({"aws-service.answers@x": "pass", "dns.resolves@y": "unknown"})
    assert compare((known,), partial)[0] == (known,), "no result of that key, in a partial run"
    opened, change = compare(renamed(State(open=(known,))).open, partial)
    assert (opened, [cause.code for cause in change.resolved]) == ((), ["TLS_NOT_SUPPORTED"])


def test_a_change_that_was_not_sent_yet_is_sent_under_todays_names() -> None:
    state = saved_state()
    pending = Pending("an-id", "", 0.0, ("topic",), Change(state.open[:1], state.open[1:], 1))
    change = renamed(State(pending=pending)).pending
    assert change is not None
    assert [cause.code for cause in change.change.new] == ["TLS_NOT_SUPPORTED"]
    assert [cause.code for cause in change.change.resolved] == ["PLAINTEXT_ON_TLS_PORT"]

"""The JSON report: the keys of the contract, and always valid JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from netcheck.core.model import Status
from netcheck.core.version import VERSION
from netcheck.report.json import document, render
from tests.report.samples import REPORTS, SILENT_BROKERS, WRONG_PASSWORD

REPORT = {"schema", "tool", "started", "seconds", "vantage", "pipeline", "summary", "root_causes", "results"}
ROOT_CAUSE = {
    "code", "component", "components", "title", "certain", "explains", "fix", "fix_proved",
    "shown_by", "evidence", "doubt",
}  # fmt: skip
RESULT = {
    "key", "check", "target", "status", "cause", "layer", "summary", "evidence", "caused_by", "seconds",
    "doc",
}  # fmt: skip


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(render(REPORTS[name]))
    return found


@pytest.mark.parametrize("name", REPORTS)
def test_the_keys_are_exactly_those_of_the_contract(name: str) -> None:
    report = read(name)
    assert report.keys() == REPORT
    assert report["schema"] == "netcheck.report/1"
    assert report["tool"] == {"name": "netcheck", "version": VERSION}
    assert list(report["summary"]) == ["pass", "warn", "fail", "unknown", "skip"]
    assert sum(report["summary"].values()) == len(report["results"])
    for cause in report["root_causes"]:
        assert cause.keys() == ROOT_CAUSE
        for fix in cause["fix"]:
            assert fix.keys() == {"kind", "text"}
    for result in report["results"]:
        assert result.keys() == RESULT
        assert result["status"] in list(Status)


def test_what_is_referred_to_is_there() -> None:
    report = read("silent-brokers")
    keys = [result["key"] for result in report["results"]]
    assert len(set(keys)) == len(keys)
    assert {r["caused_by"] for r in report["results"]} - {None} <= set(keys)
    for cause in report["root_causes"]:
        assert set(cause["explains"]) | set(cause["shown_by"]) <= set(keys)


def test_one_result() -> None:
    (found,) = [r for r in read("wrong-password")["results"] if r["check"] == "clickhouse.login"]
    assert found == {
        "key": "clickhouse.login@clickhouse-https://ch.example:8443",
        "check": "clickhouse.login",
        "target": "clickhouse-https://ch.example:8443",
        "status": "fail",
        "cause": "clickhouse_auth",
        "layer": "clickhouse",
        "summary": "ClickHouse at ch.example:8443 refuses user sink: Code: 516. DB::Exception: sink: "
        "Authentication failed",
        "evidence": {},
        "caused_by": None,
        "seconds": 0.013,
        "doc": "docs/checks.md#clickhouse-login",
    }


def test_it_ends_in_one_newline_and_is_the_document() -> None:
    text = render(SILENT_BROKERS)
    assert text.endswith("}\n") and not text.endswith("\n\n")
    assert json.loads(text) == document(SILENT_BROKERS)


def test_the_same_report_is_the_same_text() -> None:
    assert render(WRONG_PASSWORD) == render(WRONG_PASSWORD)


def test_what_a_peer_said_is_kept_whole_and_cannot_touch_a_terminal() -> None:
    text = render(REPORTS["hostile"])
    assert "\x1b" not in text and "\x00" not in text
    assert "\x1b[31mred\r\nsecond line" in json.loads(text)["results"][0]["summary"]

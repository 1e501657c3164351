"""The JSON report holds to the schema that is published, and the schema to what netcheck knows."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from netcheck.commands.demo import DEMOS
from netcheck.commands.main import main
from netcheck.core.model import Layer, Status
from netcheck.report.json import SCHEMA, document
from tests.report.samples import BLOCKED, REPORTS
from tests.report.test_golden import GOLDEN

PUBLISHED = json.loads((files("netcheck.report") / "schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(PUBLISHED)


def wrong(report: Any) -> list[str]:
    """What the schema minds."""
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(report)]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(PUBLISHED)
    assert PUBLISHED["title"] == SCHEMA


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_holds_to_it(name: str) -> None:
    assert wrong(json.loads(json.dumps(document(REPORTS[name])))) == []


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("run-*.json")), ids=lambda path: path.name)
def test_every_golden_page_holds_to_it(path: Any) -> None:
    assert wrong(json.loads(path.read_text("utf-8"))) == []


@pytest.mark.parametrize("name", DEMOS)
def test_every_demo_holds_to_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["demo", name, "--format", "json"])
    assert wrong(json.loads(capsys.readouterr().out)) == []


def test_it_names_every_key_status_and_layer_that_there_is() -> None:
    report = document(BLOCKED)
    assert PUBLISHED["properties"].keys() == report.keys() == set(PUBLISHED["required"])
    parts: dict[str, Any] = {"result": report["results"], "root_cause": report["root_causes"]}
    for name, found in parts.items():
        described = PUBLISHED["$defs"][name]
        assert described["properties"].keys() == found[0].keys() == set(described["required"])
    result = PUBLISHED["$defs"]["result"]["properties"]
    assert result["status"]["enum"] == list(Status)
    assert set(result["layer"]["enum"]) == {*Layer, None}


def _without(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda report: report.pop(key)


@pytest.mark.parametrize(
    ("sentence", "spoil"),
    [
        ("no results", _without("results")),
        ("no summary", _without("summary")),
        ("another schema", lambda report: report.update(schema="netcheck.report/2")),
        ("no time", lambda report: report.update(started="yesterday")),
        ("time runs backwards", lambda report: report.update(seconds=-1)),
        ("a status that there is not", lambda report: report["results"][0].update(status="maybe")),
        ("a layer that there is not", lambda report: report["results"][0].update(layer="magic")),
        ("a cause in capitals", lambda report: report["results"][0].update(cause="TIMED_OUT")),
        ("a cause that nothing shows", lambda report: report["root_causes"][0].update(shown_by=[])),
        ("certain is no text", lambda report: report["root_causes"][0].update(certain="yes")),
        (
            "an empty fix",
            lambda report: report["root_causes"][0].update(fix=[{"kind": "awscli", "text": ""}]),
        ),
        ("half a count", lambda report: report["summary"].update({"pass": 0.5})),
    ],
)
def test_it_refuses_what_is_none(sentence: str, spoil: Callable[[dict[str, Any]], object]) -> None:
    report = copy.deepcopy(json.loads(json.dumps(document(BLOCKED))))
    spoil(report)
    assert wrong(report), sentence


def test_more_keys_are_no_fault() -> None:
    report = json.loads(json.dumps(document(BLOCKED)))
    report["results"][0]["more"] = report["more"] = report["root_causes"][0]["more"] = 1
    assert wrong(report) == []

"""What a report promises to a program that reads it (`netcheck.report/1`), and what has to be true in it."""

from __future__ import annotations

import datetime
import re
from typing import Any

from netcheck.core.model import Cause, Layer, Status

CAUSES = {str(cause) for cause in Cause}
LAYERS = {str(layer) for layer in Layer}
STATUSES = {str(status) for status in Status}

TOP = {
    "schema": str,
    "tool": dict,
    "started": str,
    "seconds": (int, float),
    "vantage": dict,
    "pipeline": dict,
    "summary": dict,
    "root_causes": list,
    "results": list,
}
ROOT_CAUSE = {
    "code": str,
    "component": str,
    "title": str,
    "certain": bool,
    "explains": list,
    "fix": list,
    "fix_proved": bool,
}
RESULT = {
    "check": str,
    "target": str,
    "status": str,
    "cause": (str, type(None)),
    "layer": (str, type(None)),
    "summary": str,
    "evidence": dict,
    "caused_by": (str, type(None)),
    "seconds": (int, float),
    "doc": str,
}


def hold(report: dict[str, Any], exit_code: int, *, strict: bool = False) -> None:
    """Assert that a report has the promised shape, agrees with itself, and that the exit code follows."""
    has(report, TOP, "the report")
    assert report["schema"] == "netcheck.report/1"
    assert set(report["tool"]) >= {"name", "version"}
    assert report["started"].endswith("Z")
    datetime.datetime.fromisoformat(report["started"])
    for result in report["results"]:
        holds_result(result)
    for cause in report["root_causes"]:
        has(cause, ROOT_CAUSE, cause["title"])
        assert re.fullmatch(r"[A-Z][A-Z0-9_]*", cause["code"]), cause["code"]
        assert all(set(fix) == {"kind", "text"} and fix["text"] for fix in cause["fix"]), cause
    counted = {status: sum(r["status"] == status for r in report["results"]) for status in STATUSES}
    assert report["summary"] == counted
    refers_to_what_is_there(report)
    assert exit_code == expected_exit_code(counted, strict=strict)


def has(thing: dict[str, Any], shape: dict[str, Any], name: str) -> None:
    """Every promised key, of the promised type. More keys may come: readers ignore those."""
    for key, kind in shape.items():
        assert key in thing, f"{name} has no {key}"
        assert isinstance(thing[key], kind), f"{key} of {name} is {thing[key]!r}"


def holds_result(result: dict[str, Any]) -> None:
    name = f"{result.get('check')}@{result.get('target')}"
    has(result, RESULT, name)
    assert result["status"] in STATUSES, name
    assert result["cause"] is None or result["cause"] in CAUSES, name
    assert result["layer"] is None or result["layer"] in LAYERS, name
    assert result["summary"].strip() and "\n" not in result["summary"], name
    if result["status"] == "pass":
        assert result["cause"] is None, f"{name} passed, with the cause {result['cause']}"
    if result["status"] in ("fail", "warn", "unknown"):
        assert result["cause"], f"{name} is {result['status']} without a cause"
    assert result["doc"] == f"docs/checks.md#{result['check'].replace('.', '-')}"


def refers_to_what_is_there(report: dict[str, Any]) -> None:
    """Keys name results; whatever failed is a root cause or follows from one; nothing follows from itself."""
    by_key = {result["key"]: result for result in report["results"]}
    assert len(by_key) == len(report["results"]), "a key is there twice"
    shown = {key for cause in report["root_causes"] for key in cause["shown_by"]}
    explained = {key for cause in report["root_causes"] for key in cause["explains"]}
    assert shown | explained <= by_key.keys()
    for key, result in by_key.items():
        why = result["caused_by"]
        if why is not None:
            assert why in by_key and by_key[why]["caused_by"] is None, f"{key} follows from {why}"
            assert result["status"] != "pass", f"{key} passed, and follows from {why}"
        if result["status"] == "fail":
            assert (why is None) == (key in shown), f"{key} failed, and nothing explains it"
            assert why is None or key in explained, key


def expected_exit_code(counted: dict[str, int], *, strict: bool) -> int:
    if counted["fail"] or (strict and counted["warn"]):
        return 1
    return 3 if counted["unknown"] else 0

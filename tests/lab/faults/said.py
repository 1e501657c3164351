"""What netcheck says of each row, kept from a run of the matrix: the documentation shows it (said.json)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.lab.faults.rows import Row

FILE = Path(__file__).with_name("said.json")
MOST_FIXES = 3
_FOR_PEOPLE = ("awscli", "properties", "iam", "text")
"""The kinds of fix that the page shows, the best first."""


def of(row: Row, report: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a report that the documentation shows."""
    if row.odd is not None:
        warned = [one for one in report["results"] if one["status"] == "warn"]
        return {
            "warns": list(dict.fromkeys(f"{one['cause']}: {_steady(one['summary'])}" for one in warned))[:1]
        }
    return {"roots": [_root(one) for one in report["root_causes"]]}


def _root(root: Mapping[str, Any]) -> dict[str, Any]:
    by_kind = [one for kind in _FOR_PEOPLE for one in root["fix"] if one["kind"] == kind]
    best = [one for one in by_kind if one["kind"] == by_kind[0]["kind"]] if by_kind else []
    return {
        "code": root["code"],
        "component": root["component"],
        "title": _steady(root["title"]),
        "proved": root["fix_proved"],
        "fix": [{"kind": one["kind"], "text": one["text"]} for one in best[:MOST_FIXES]],
        "more": max(0, len(best) - MOST_FIXES),
    }


def _steady(text: str) -> str:
    """Without what is another number in every run."""
    return re.sub(r"\b\d+\.\d s\b", "some seconds", re.sub(r"\b\d{5,} s\b", "many s", text))


def read() -> dict[str, Any]:
    """What was kept, by row."""
    kept: dict[str, Any] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    return kept


def write(kept: Mapping[str, Any]) -> None:
    """Keep this from now on."""
    FILE.write_text(json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")

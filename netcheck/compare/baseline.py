"""What changed since a baseline: `netcheck run --baseline FILE`."""

from __future__ import annotations

import json
from pathlib import Path

from netcheck.compare import render
from netcheck.compare.change import Comparison
from netcheck.compare.compare import compare
from netcheck.compare.sides import Side, side_of
from netcheck.core import recording
from netcheck.core.model import Json
from netcheck.engine.assessment import Assessment
from netcheck.report.style import Style
from netcheck.settings.config import Config

KEY = "since_baseline"
"""The key of the report's JSON that holds the comparison (schema netcheck.diff/1)."""


def since(before: Side, assessment: Assessment, config: Config) -> Comparison:
    """This run compared with the baseline."""
    kept = assessment.recording or (recording.read(Path(config.replay)) if config.replay else None)
    return compare(before, side_of("this run", assessment.report, kept))


def added(report: str, made: Comparison, format: str, style: Style) -> str:
    """The report with the comparison after it, or in it where the format is JSON."""
    match format:
        case "json":
            held: dict[str, Json] = json.loads(report)
            return json.dumps({**held, KEY: render.document(made)}, indent=2, ensure_ascii=False) + "\n"
        case "markdown":
            return f"{report}\n{render.markdown(made)}"
        case _:
            return f"{report}\n{render.text(made, style)}"

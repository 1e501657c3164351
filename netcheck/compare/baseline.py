"""What changed since a baseline: `netcheck run --baseline FILE`."""

from __future__ import annotations

import json
from pathlib import Path

from netcheck.compare import render
from netcheck.compare.change import Diff
from netcheck.compare.compare import compare
from netcheck.compare.sides import Side, side_of
from netcheck.core import recording
from netcheck.core.model import Json
from netcheck.engine.assessment import Assessment
from netcheck.report.style import Style
from netcheck.settings.config import Config

KEY = "since_baseline"
"""The member of the JSON report that holds the comparison (schema netcheck.diff/1)."""


def since(before: Side, assessment: Assessment, config: Config) -> Diff:
    """This run, compared with the baseline."""
    recorded = assessment.recording or (recording.read(Path(config.replay)) if config.replay else None)
    return compare(before, side_of("this run", assessment.report, recorded))


def append(report: str, diff: Diff, format: str, style: Style) -> str:
    """The report followed by the comparison; in JSON, the comparison is the member `KEY`."""
    match format:
        case "json":
            document: dict[str, Json] = json.loads(report)
            return json.dumps({**document, KEY: render.document(diff)}, indent=2, ensure_ascii=False) + "\n"
        case "markdown":
            return f"{report}\n{render.markdown(diff)}"
        case _:
            return f"{report}\n{render.text(diff, style)}"

"""The report as JSON: schema netcheck.report/1, which only ever grows."""

from __future__ import annotations

import json

from netcheck.core.model import Json, Report, Result, RootCause, Status
from netcheck.core.shown_evidence import shown_evidence
from netcheck.core.version import VERSION
from netcheck.engine.check_docs import anchor

SCHEMA = "netcheck.report/1"


def render(report: Report) -> str:
    """The report as one JSON document, ending in a newline."""
    return json.dumps(document(report), indent=2, ensure_ascii=False) + "\n"


def document(report: Report) -> dict[str, Json]:
    """The report as plain data, keys in the order people read them."""
    return {
        "schema": SCHEMA,
        "tool": {"name": "netcheck", "version": VERSION},
        "started": report.started,
        "seconds": round(report.seconds, 3),
        "vantage": dict(report.vantage),
        "pipeline": dict(report.pipeline),
        "summary": {str(status): report.count(status) for status in Status},
        "root_causes": [_root_cause(cause) for cause in report.root_causes],
        "results": [_result(result) for result in report.results],
    }


def _root_cause(cause: RootCause) -> dict[str, Json]:
    return {
        "code": cause.code,
        "component": cause.component,
        "components": list(cause.components),
        "title": cause.title,
        "certain": cause.certain,
        "shown_by": list(cause.results),
        "explains": list(cause.explains),
        "fix": [{"kind": fix.kind, "text": fix.text} for fix in cause.fix],
        "fix_proved": cause.fix_proved,
        "evidence": [str(one) for one in cause.evidence],
        "doubt": cause.doubt,
    }


def _result(result: Result) -> dict[str, Json]:
    finding = result.finding
    return {
        "key": result.key,
        "check": result.check,
        "target": str(result.target),
        "status": str(finding.status),
        "cause": finding.cause and str(finding.cause),
        "layer": finding.layer and str(finding.layer),
        "summary": finding.summary,
        "evidence": shown_evidence(finding),
        "caused_by": result.caused_by,
        "seconds": round(result.seconds, 3),
        "doc": f"docs/checks.md#{anchor(result.check)}",
    }

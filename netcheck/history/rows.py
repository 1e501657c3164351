"""A report as rows, one per result: the lines of a file and the rows of a table are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime

from netcheck.core.model import Json, Report, Result, RootCause
from netcheck.core.shown_evidence import shown_evidence
from netcheck.core.version import VERSION

Row = Mapping[str, Json]


def rows(report: Report) -> Iterator[Row]:
    """Every result of a report as a flat row. `run` and `key` identify a row: a run that is sent twice has
    the same both times.
    """
    run, started, name = run_id(report), _timestamp(report.started), pipeline_of(report.pipeline)
    causes = {key: cause for cause in report.root_causes for key in cause.results}
    vantage = str(report.vantage.get("summary") or "")
    for result in report.results:
        yield {
            "run": run,
            "started": started,
            "run_seconds": round(report.seconds, 3),
            "version": VERSION,
            "pipeline": name,
            "vantage": vantage,
            **_row(result, causes.get(result.key)),
        }


def lines(report: Report) -> Iterator[bytes]:
    """Every result as a line of JSON (ClickHouse's JSONEachRow), newline and all."""
    for row in rows(report):
        text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        yield text.encode(errors="backslashreplace") + b"\n"


def run_id(report: Report) -> str:
    """The id of a run, from its start, duration and targets: a replay of its recording has the same id."""
    text = json.dumps([report.started, report.seconds, report.pipeline.get("targets")], default=str)
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:32]


def pipeline_of(pipeline: Mapping[str, Json]) -> str:
    """The name that runs of one pipeline share: the connector's, the cluster's, or the targets."""
    for kind in ("connector", "cluster"):
        resource = pipeline.get(kind)
        if isinstance(resource, Mapping) and resource.get("name"):
            return str(resource["name"])
    targets = pipeline.get("targets")
    return ",".join(map(str, targets)) if isinstance(targets, list) else ""


def _row(result: Result, cause: RootCause | None) -> dict[str, Json]:
    finding = result.finding
    return {
        "key": result.key,
        "check": result.check,
        "target": str(result.target),
        "status": str(finding.status),
        "cause": str(finding.cause or ""),
        "layer": str(finding.layer or ""),
        "root_cause": cause.code if cause else "",
        "component": cause.component if cause else finding.component or "",
        "caused_by": result.caused_by or "",
        "seconds": round(result.seconds, 3),
        "days_left": finding.days_left,
        "summary": finding.summary,
        "evidence": json.dumps(shown_evidence(finding), ensure_ascii=False, separators=(",", ":")),
    }


def _timestamp(started: str) -> str:
    """UTC to the second, in the format that every version of ClickHouse reads as a DateTime."""
    return datetime.fromisoformat(started).strftime("%Y-%m-%d %H:%M:%S")

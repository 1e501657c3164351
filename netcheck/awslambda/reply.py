"""What the function returns: the report, or as much of it as Lambda takes.

A synchronous answer may have 6 MB (Lambda developer guide, quotas). A larger report goes to S3 where the
event names a bucket; what is returned then, and where there is none, is the report without the results that
passed, and says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from netcheck.awslambda.clients import Undelivered, call
from netcheck.awslambda.event import Asked
from netcheck.awslambda.logs import Log
from netcheck.core.context import Deadline
from netcheck.core.model import Json, Report, Status
from netcheck.report.json import document

MOST_BYTES = 5_500_000
"""Below the 6,291,556 that Lambda takes, as it writes JSON in its own way."""
WORST_FIRST = (Status.FAIL, Status.WARN, Status.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is returned, and how much could not be done for it."""

    document: dict[str, Json]
    undelivered: int = 0


def of(report: Report, asked: Asked, deadline: Deadline, log: Log, most: int = MOST_BYTES) -> Reply:
    """The report, whole where it fits into `most` bytes."""
    whole = document(report)
    if _size(whole) <= most:
        return Reply(whole)
    key = f"{asked.name}/{report.started.replace(':', '')}-{log.request}.json"
    place, failed = None, 0
    if asked.report_bucket:
        try:
            body = json.dumps(whole, indent=2, ensure_ascii=False).encode(errors="backslashreplace")
            kind = "application/json"
            call(
                deadline, "s3", "PutObject", Bucket=asked.report_bucket, Key=key, Body=body, ContentType=kind
            )
            place = f"s3://{asked.report_bucket}/{key}"
        except Undelivered as error:
            log.error("the whole report was not kept", bucket=asked.report_bucket, reason=str(error))
            failed = 1
    return Reply(_cut(whole, place, most), failed)


def _cut(whole: dict[str, Json], place: str | None, most: int) -> dict[str, Json]:
    results = whole["results"]
    assert isinstance(results, list)
    bare = {**whole, "results": [], "cut": None}
    left = most - _size(bare) - 1000
    kept: list[Json] = []
    for status in WORST_FIRST:
        for result in results:
            if (
                isinstance(result, dict)
                and result["status"] == status
                and (left := left - _size(result) - 2) > 0
            ):
                kept.append(result)
    where = f"the whole report is in {place}" if place else "name a report_bucket to have it kept in S3"
    note = f"too large for Lambda to return: {len(results) - len(kept)} results were left out; {where}"
    return {
        **bare,
        "results": kept,
        "cut": {"note": note, "left_out": len(results) - len(kept), "report": place},
    }


def _size(value: Json) -> int:
    return len(json.dumps(value))

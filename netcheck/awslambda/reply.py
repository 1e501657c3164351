"""What the function returns: the report, or as much of it as fits into a Lambda response.

A synchronous response is limited to 6 MB (Lambda developer guide, quotas). A larger report is written to S3
if the event names a bucket. The returned report is then truncated: it has the worst results and a note.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from netcheck.awslambda.clients import Undelivered, call
from netcheck.awslambda.event import Invocation
from netcheck.awslambda.logs import Log
from netcheck.core.context import Deadline
from netcheck.core.model import Json, Report, Status
from netcheck.report.json import document

MAX_BYTES = 5_500_000
"""Below Lambda's limit of 6,291,556, as Lambda encodes the JSON itself."""
WORST_FIRST = (Status.FAIL, Status.WARN, Status.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is returned, and how many steps for it failed."""

    document: dict[str, Json]
    undelivered: int = 0


def of(report: Report, invocation: Invocation, deadline: Deadline, log: Log, limit: int = MAX_BYTES) -> Reply:
    """The report, complete if it fits into `limit` bytes."""
    complete = document(report)
    if _size(complete) <= limit:
        return Reply(complete)
    bucket = invocation.report_bucket
    key = f"{invocation.name}/{report.started.replace(':', '')}-{log.request}.json"
    url, failed = None, 0
    if bucket:
        try:
            body = json.dumps(complete, indent=2, ensure_ascii=False).encode(errors="backslashreplace")
            kind = "application/json"
            call(deadline, "s3", "PutObject", Bucket=bucket, Key=key, Body=body, ContentType=kind)
            url = f"s3://{bucket}/{key}"
        except Undelivered as error:
            log.error("complete report not stored", bucket=bucket, reason=str(error))
            failed = 1
    return Reply(_truncated(complete, url, limit), failed)


def _truncated(complete: dict[str, Json], url: str | None, limit: int) -> dict[str, Json]:
    results = complete["results"]
    assert isinstance(results, list)
    bare = {**complete, "results": [], "cut": None}
    left = limit - _size(bare) - 1000
    kept: list[Json] = []
    for status in WORST_FIRST:
        for result in results:
            if (
                isinstance(result, dict)
                and result["status"] == status
                and (left := left - _size(result) - 2) > 0
            ):
                kept.append(result)
    where = f"the complete report is in {url}" if url else "set report_bucket to store it in S3"
    note = f"too large for a Lambda response: {len(results) - len(kept)} results left out; {where}"
    return {
        **bare,
        "results": kept,
        "cut": {"note": note, "left_out": len(results) - len(kept), "report": url},
    }


def _size(value: Json) -> int:
    return len(json.dumps(value))

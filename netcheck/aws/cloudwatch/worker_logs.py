"""Recent lines of a worker's log: from CloudWatch Logs, in one or two calls, or from a file."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netcheck.aws.api.calls import within
from netcheck.aws.api.session import NoAws, open_session, service_client
from netcheck.core.context import Deadline, DeadlineExceeded
from netcheck.pipeline import log_signatures

ACTION = "logs:FilterLogEvents"
MOST_CALLS = 2
MOST_EVENTS = 2000
LARGEST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class WorkerLog:
    """Lines that match a signature, oldest first. `read` is the number of lines in the log, None where it is
    unknown; `whole` is False where older lines were left out. `error` says why there are none, and `action`
    is the missing IAM action.
    """

    lines: tuple[log_signatures.Line, ...]
    read: int | None = None
    whole: bool = True
    error: str = ""
    action: str = ""


def from_file(deadline: Deadline, path: str) -> WorkerLog:
    """Read a saved log: plain text, or events as printed by the AWS CLI."""
    deadline.remaining()
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        return WorkerLog((), error=f"{path}: {error.strerror or error}")
    text = data[:LARGEST_BYTES].decode(errors="replace")
    found = tuple(log_signatures.lines(text))
    whole = len(data) <= LARGEST_BYTES and len(found) <= log_signatures.MOST_LINES
    return WorkerLog(
        found[-log_signatures.MOST_LINES :], sum(bool(line.strip()) for line in text.splitlines()), whole
    )


def recent(
    deadline: Deadline, region: str | None, profile: str | None, group: str, minutes: int
) -> WorkerLog:
    """Read the last minutes of a CloudWatch log group, newest first: only lines that match a signature."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    from netcheck.aws.api.reasons import NotFromAws, failure

    try:
        client = service_client(open_session(deadline, region, profile), "logs", deadline)
    except NoAws as error:
        return WorkerLog((), error=str(error))
    try:
        events, whole = _events(client, deadline, group, minutes)
    except (BotoCoreError, ClientError, ResponseParserError, NotFromAws) as error:
        host = client.meta.endpoint_url.partition("://")[2].rstrip("/")
        failed = failure(error, ACTION, host)
        return WorkerLog((), error=f"{group}: {failed.reason}", action=ACTION if failed.denied else "")
    except DeadlineExceeded:
        return WorkerLog((), error=f"{group}: no response before the deadline: increase --deadline")
    found = [
        line
        for event in sorted(events, key=lambda event: event.get("timestamp", 0))
        for line in log_signatures.lines(str(event.get("message", "")), event.get("timestamp", 0) / 1000)
    ]
    return WorkerLog(
        tuple(found[-log_signatures.MOST_LINES :]), None, whole and len(found) <= log_signatures.MOST_LINES
    )


def _events(
    client: Any, deadline: Deadline, group: str, minutes: int
) -> tuple[list[Mapping[str, Any]], bool]:
    """The events of at most MOST_CALLS pages, and whether that was all. Raises what boto3 raises."""
    from netcheck.aws.api.reasons import NotFromAws

    params: dict[str, Any] = {
        "logGroupName": group,
        "startTime": int((time.time() - minutes * 60) * 1000),
        "filterPattern": log_signatures.filter_pattern(),
        "limit": MOST_EVENTS,
        "startFromHead": False,
    }
    events: list[Mapping[str, Any]] = []
    for _ in range(MOST_CALLS):
        deadline.remaining()
        answer = within(deadline, lambda: client.filter_log_events(**params))
        if not answer.get("ResponseMetadata", {}).get("RequestId"):
            raise NotFromAws()
        events += answer.get("events", [])
        if not answer.get("nextToken"):
            return events, True
        params["nextToken"] = answer["nextToken"]
    return events, False

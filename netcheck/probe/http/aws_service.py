"""An AWS service endpoint: one unsigned request, to verify that AWS answers.

No credentials are sent, so AWS responds with an error, whose format shows that the response is AWS's.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from netcheck.core.context import Deadline
from netcheck.core.credentials import Trust
from netcheck.core.model import Cause
from netcheck.probe.http import client
from netcheck.probe.http.client import HttpAnswer
from netcheck.probe.tls.stream import Tls

_REQUEST_ID = ("x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id", "x-amz-id-2", "x-amzn-errortype")
_PROLOG = re.compile(r"\s*<\?xml[^>]*\?>")
_ERROR_XML = ("<ErrorResponse", "<Response><Errors>", "<Error><Code>")
_ERROR_JSON = ('"__type"', "MissingAuthenticationToken", "UnknownOperationException")


@dataclass(frozen=True, slots=True)
class AwsAnswer:
    """The endpoint's response. `request_id` is AWS's, to quote to AWS Support.

    `clock_skew` is how many seconds the endpoint's clock (its `Date`) is ahead of this host's, to the second.
    AWS rejects signatures that are off by 5 minutes (15 for S3), and with a wrong clock certificates seem
    expired or not yet valid.
    """

    status: int
    server: str | None
    request_id: str | None
    clock_skew: float | None
    cause: Cause | None
    detail: str
    seconds: float


def knock(deadline: Deadline, address: str, port: int, host: str, tls: bool, trust: Trust) -> AwsAnswer:
    """GET / of a regional endpoint, unsigned. A response that is not from AWS (a proxy, a load balancer) has
    a cause.
    """
    answer = client.get(deadline, address, port, host, Tls(host, trust) if tls else None, "/")
    received = time.time()
    cause, detail = _verdict(answer)
    return AwsAnswer(
        answer.status,
        answer.header("Server"),
        next((value for name in _REQUEST_ID[:3] if (value := answer.header(name))), None),
        _skew(answer.header("Date"), received),
        cause,
        detail,
        answer.seconds,
    )


def _verdict(answer: HttpAnswer) -> tuple[Cause | None, str]:
    if answer.cause is not None:
        return answer.cause, answer.detail
    status_line = f"HTTP {answer.status} {answer.reason}".strip()
    if _is_aws(answer):
        return None, status_line
    server = answer.header("Server")
    location = answer.header("Location")
    hints = [f"Server: {server}" if server else "", f"Location: {location}" if location else ""]
    hints.append(" ".join(answer.body.split())[:80])
    return Cause.AWS_UNEXPECTED_ANSWER, "; ".join([status_line, *filter(None, hints)])


def _is_aws(answer: HttpAnswer) -> bool:
    """Whether the response is from AWS: its request ids, S3's server name, or its errors as JSON or XML."""
    if any(answer.header(name) for name in _REQUEST_ID):
        return True
    if (answer.header("Server") or "").lower() == "amazons3":
        return True
    body = "".join(_PROLOG.sub("", answer.body).split())
    return 400 <= answer.status < 500 and (
        body.startswith(_ERROR_XML) or (body.startswith("{") and any(mark in body for mark in _ERROR_JSON))
    )


def _skew(date: str | None, received: float) -> float | None:
    """Seconds between the endpoint's clock and ours. Its `Date` is truncated to whole seconds: half a second
    is added.
    """
    try:
        theirs = parsedate_to_datetime(date or "")
        theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
        return round(theirs.timestamp() + 0.5 - received, 1)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None

"""netcheck as a scheduled AWS Lambda function: the function's handler is `netcheck.awslambda.handler`.

An event has the keys that `netcheck run --config` has, and some of its own (`netcheck.awslambda.event`). The
report is returned as `--format json` prints it. Metrics go to CloudWatch by the embedded metric format; what
has changed since the last run is told by SNS and EventBridge, where the event asks for it.

Whatever importing this module imports is done once for each container, before its first invocation, while
Lambda gives it a whole processor.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from typing import Protocol

from netcheck.awslambda import metrics, post_run, reply
from netcheck.awslambda.event import Asked, read
from netcheck.awslambda.logs import Log
from netcheck.core.context import Deadline
from netcheck.core.model import Json, Report, Status
from netcheck.engine import plugins
from netcheck.engine.assessment import assess
from netcheck.engine.runner import ignore_event
from netcheck.probe.transport.isolation import silence
from netcheck.settings.config import Config, UsageError

RESERVE_S = 5.0
"""What is kept of the invocation's time for what comes after the checks: state, notification, report."""
MARGIN_S = 0.5
"""What is kept of that to hand the report to Lambda."""
LEAST_S = 2.0
"""A run with less time than this would tell nothing."""

plugins.load_own()
silence("boto3", "botocore", "urllib3")


class LambdaContext(Protocol):
    """What Lambda hands to a handler beside the event (Lambda developer guide, Python context object)."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


def handler(event: object, context: LambdaContext) -> dict[str, Json]:
    """Run the checks that the event asks for and return the report, partial where the time was short.

    Raises UsageError for an event that cannot be done as asked: Lambda counts it as an error of the function,
    and its text says what, where and how to mend it.
    """
    began = time.time()
    end = Deadline(context.get_remaining_time_in_millis() / 1000 - MARGIN_S)
    log = Log(sys.stdout, context.aws_request_id)
    asked = read(event, os.environ, end)
    log.info("the run begins", pipeline=asked.name, given=list(asked.given))
    report = assess(_in_time(asked, end), ignore_event).report
    _tell(report, asked, log)
    undelivered = post_run.settle(report, asked, began, end, log)
    answer = reply.of(report, asked, end, log)
    undelivered += post_run.keep_history(report, asked, end, log)
    if asked.metrics is not metrics.Detail.NONE:
        log.emit(metrics.undelivered(asked.name, undelivered + answer.undelivered))
    return answer.document


def _tell(report: Report, asked: Asked, log: Log) -> None:
    """The outcome in the log, and as metrics."""
    for cause in report.root_causes:
        log.warn(cause.title, pipeline=asked.name, code=cause.code, component=cause.component)
    counts: dict[str, Json] = {str(status): report.count(status) for status in Status}
    log.info("the run ended", pipeline=asked.name, seconds=round(report.seconds, 3), **counts)
    for document in metrics.documents(report, asked.name, asked.metrics):
        log.emit(document)


def _in_time(asked: Asked, end: Deadline) -> Config:
    left = end.left() - RESERVE_S
    if left < LEAST_S:
        raise UsageError(
            f"the function's timeout is too short: {max(left, 0):.1f} s are left for the checks after "
            f"{RESERVE_S + MARGIN_S:g} s for what comes after them; give it 60 s"
        )
    return replace(asked.config, deadline=min(asked.config.deadline, left))

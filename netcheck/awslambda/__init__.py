"""netcheck as a scheduled AWS Lambda function, with the handler `netcheck.awslambda.handler`.

An event has the keys of `netcheck run --config` and some of its own (`netcheck.awslambda.event`). The report
is returned as `--format json` prints it. Metrics go to CloudWatch in the embedded metric format. Changes
since the last run are sent to SNS and EventBridge if the event names a topic or a bus.

The imports of this module run once per container, before its first invocation, while Lambda gives it a full
processor.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from typing import Protocol

from netcheck.awslambda import metrics, post_run, reply
from netcheck.awslambda.event import Invocation, read
from netcheck.awslambda.logs import Log
from netcheck.core.context import Deadline
from netcheck.core.model import Json, Report, Status
from netcheck.engine import plugins
from netcheck.engine.assessment import assess
from netcheck.engine.runner import ignore_event
from netcheck.probe.transport.isolation import silence
from netcheck.settings.config import Config, UsageError

RESERVE_S = 5.0
"""Time of the invocation that is reserved for the steps after the checks: state, notification, report."""
MARGIN_S = 0.5
"""Time of the invocation that is reserved to return the report to Lambda."""
LEAST_S = 2.0
"""A run with less time than this would determine nothing."""

plugins.load_own()
silence("boto3", "botocore", "urllib3")


class LambdaContext(Protocol):
    """The second argument of a handler (Lambda developer guide, Python context object)."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


def handler(event: object, context: LambdaContext) -> dict[str, Json]:
    """Run the checks that the event selects and return the report, which is partial if time was short.

    Raises UsageError for an invalid event: Lambda counts it as an error of the function, and its text names
    the key and the remedy.
    """
    started = time.time()
    deadline = Deadline(context.get_remaining_time_in_millis() / 1000 - MARGIN_S)
    log = Log(sys.stdout, context.aws_request_id)
    invocation = read(event, os.environ, deadline)
    log.info("run started", pipeline=invocation.name, given=list(invocation.given))
    report = assess(_bounded(invocation, deadline), ignore_event).report
    _log(report, invocation, log)
    undelivered = post_run.persist_and_notify(report, invocation, started, deadline, log)
    returned = reply.of(report, invocation, deadline, log)
    undelivered += post_run.append_history(report, invocation, deadline, log)
    if invocation.metrics is not metrics.Detail.NONE:
        log.emit(metrics.undelivered(invocation.name, undelivered + returned.undelivered))
    return returned.document


def _log(report: Report, invocation: Invocation, log: Log) -> None:
    """Log the outcome and the metrics."""
    for cause in report.root_causes:
        log.warn(cause.title, pipeline=invocation.name, code=cause.code, component=cause.component)
    counts: dict[str, Json] = {str(status): report.count(status) for status in Status}
    log.info("run ended", pipeline=invocation.name, seconds=round(report.seconds, 3), **counts)
    for document in metrics.documents(report, invocation.name, invocation.metrics):
        log.emit(document)


def _bounded(invocation: Invocation, deadline: Deadline) -> Config:
    """The configuration, with a deadline that leaves time for the steps after the checks."""
    left = deadline.left() - RESERVE_S
    if left < LEAST_S:
        raise UsageError(
            f"the function's timeout is too short: {max(left, 0):.1f} s remain for the checks, as "
            f"{RESERVE_S + MARGIN_S:g} s are reserved for state, notification and report; set it to 60 s"
        )
    return replace(invocation.config, deadline=min(invocation.config.deadline, left))

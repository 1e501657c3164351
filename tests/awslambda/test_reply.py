"""The response: the report, or what fits of it, and where the rest is."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest

from netcheck.awslambda import clients, reply
from netcheck.awslambda.event import Invocation
from netcheck.awslambda.logs import Log
from netcheck.core.context import Deadline
from netcheck.core.model import Report
from netcheck.report.json import document
from netcheck.settings.config import Config
from tests.awslambda.reports import report
from tests.awslambda.runtime import LAMBDA_LIMIT
from tests.servers.aws_endpoint import AwsEndpoint
from tests.servers.aws_memory import Memory
from tests.servers.aws_world import World

INVOCATION = Invocation(Config(), "orders-sink", ())
BUCKET = replace(INVOCATION, report_bucket="reports-1")
LARGE = {f"tcp.connect@b-{number}:9096": "fail" if number % 10 == 0 else "pass" for number in range(2000)}


def large() -> Report:
    return report(LARGE, evidence={"text": "é" * 800})


def returned(
    of: Report, invocation: Invocation, limit: int = reply.MAX_BYTES
) -> tuple[dict[str, Any], int, list[str]]:
    out = io.StringIO()
    answer = reply.of(of, invocation, Deadline(30), Log(out, "request-1"), limit)
    return (
        answer.document,
        answer.undelivered,
        [json.loads(line)["message"] for line in out.getvalue().split("\n") if line],
    )


def test_a_report_that_fits_is_returned_as_the_command_prints_it() -> None:
    small = report({"tcp.connect@a": "pass"})
    assert returned(small, INVOCATION) == (document(small), 0, [])


def test_a_large_report_loses_passed_results_and_says_so() -> None:
    answer, undelivered, _ = returned(large(), INVOCATION)
    assert len(json.dumps(answer).encode()) <= reply.MAX_BYTES < LAMBDA_LIMIT
    assert answer["summary"] == document(large())["summary"]
    assert {result["status"] for result in answer["results"]} == {"fail"}
    assert len(answer["results"]) == 200
    assert answer["cut"] == {
        "note": "too large for a Lambda response: 1800 results left out; set report_bucket to store it in S3",
        "left_out": 1800,
        "report": None,
    }
    assert undelivered == 0


def test_the_remaining_results_are_truncated_too() -> None:
    answer, _, _ = returned(large(), INVOCATION, limit=100_000)
    assert len(json.dumps(answer)) <= 100_000
    assert 0 < len(answer["results"]) < 200
    assert answer["cut"]["left_out"] == 2000 - len(answer["results"])


@pytest.fixture
def memory() -> Memory:
    clients.client.cache_clear()
    return Memory()


def test_the_complete_report_is_in_the_bucket(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    with AwsEndpoint(World({}, memory.services())) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        answer, undelivered, _ = returned(large(), BUCKET)
    [(place, body)] = memory.objects.items()
    assert place == ("reports-1", "orders-sink/2026-01-11T090000Z-request-1.json")
    assert json.loads(body) == document(large())
    assert answer["cut"]["report"] == f"s3://{place[0]}/{place[1]}"
    assert undelivered == 0


def test_a_bucket_that_cannot_be_written_is_logged_and_the_rest_returned(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with AwsEndpoint(World({}, memory.services())) as aws:
        aws.deny("s3", "PutObject")
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        answer, undelivered, logged = returned(large(), BUCKET)
    assert (answer["cut"]["report"], undelivered) == (None, 1)
    assert logged == ["complete report not stored"]

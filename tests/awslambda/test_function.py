"""The function as AWS runs it: its own process, with AWS's runtime client and a local runtime API."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from netcheck.awslambda import RESERVE_S
from netcheck.awslambda.changes import State
from netcheck.commands.demo import DEMOS
from netcheck.core.codec import decode
from tests.awslambda.runtime import ROOT, Function, TimedOut
from tests.awslambda.test_metrics import hold
from tests.bounds import LONG, ends_within
from tests.commandline import netcheck
from tests.servers import peers
from tests.servers.aws_endpoint import AwsEndpoint, slow
from tests.servers.aws_memory import Memory
from tests.servers.aws_world import World
from tests.timeless import timeless

HANDLER = "netcheck.awslambda.handler"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:alarms"
STATE = {"state": "s3://states-1/netcheck", "topic": TOPIC, "bus": "default"}
SECRET = "hunter2-is-not-for-logs"
KILLS = 5
WARM = 100
SETTLED = 40
"""Invocations after which every cache is filled."""
MOST_BLOCKS = 30
"""Blocks of memory that an invocation may leave behind: a report alone has thousands."""


def demo(name: str) -> str:
    return str(ROOT / "netcheck" / "demo" / f"{name}.json.gz")


@dataclass(frozen=True)
class Cloud:
    function: Function
    aws: AwsEndpoint
    memory: Memory


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    memory = Memory()
    with AwsEndpoint(World({}, memory.services())) as aws:
        logins = {"NETCHECK_CLICKHOUSE_PASSWORD": SECRET}
        with Function(HANDLER, aws.environment() | logins) as function:
            yield Cloud(function, aws, memory)


@pytest.mark.parametrize("name", DEMOS)
def test_a_recorded_pipeline_gives_what_the_command_prints_byte_for_byte(name: str, cloud: Cloud) -> None:
    answer = cloud.function.invoke({"replay": demo(name)})
    printed = netcheck("run", "--replay", demo(name), "--format", "json").out
    assert answer.error is None
    assert timeless(json.dumps(answer.value, indent=2, ensure_ascii=False) + "\n") == timeless(printed)


def test_only_a_change_is_sent(cloud: Cloud) -> None:
    for name in ("expired-certificate", "expired-certificate", "healthy", "healthy"):
        assert cloud.function.invoke({"replay": demo(name), "name": "changes", **STATE}).error is None
    subjects = [each["Subject"] for each in cloud.memory.published if "changes" in each["Subject"]]
    assert subjects == ["netcheck changes: 1 new; 1 open", "netcheck changes: 1 resolved; no open root cause"]


def test_an_invalid_event_is_an_error_of_the_function_in_one_line(cloud: Cloud) -> None:
    answer = cloud.function.invoke({"conector": "orders-sink"})
    assert answer.error is not None and answer.error["errorType"] == "UsageError"
    assert "did you mean connector?" in answer.error["errorMessage"]
    assert "\n" not in answer.error["errorMessage"]
    assert cloud.function.invoke({"replay": demo("healthy")}).error is None, "the container still works"


def test_a_timeout_too_short_for_a_run_is_an_error_at_once(cloud: Cloud) -> None:
    answer = cloud.function.invoke({"replay": demo("healthy")}, seconds=6)
    assert answer.error is not None and "set it to 60 s" in answer.error["errorMessage"]


def test_every_log_line_belongs_to_its_invocation_or_is_a_valid_metric(
    cloud: Cloud,
) -> None:
    before = len(cloud.function.lines())
    answer = cloud.function.invoke({"replay": demo("wrong-password"), "name": "logged"})
    lines = cloud.function.lines()[before:]
    messages = [line for line in lines if "message" in line]
    assert {line["requestId"] for line in messages} == {answer.request}
    assert [line["message"] for line in messages if line["level"] == "INFO"] == [
        "run started",
        "run ended",
    ]
    [cause] = [line for line in messages if line["level"] == "WARN"]
    assert cause["code"] == answer.value["root_causes"][0]["code"]
    metrics = [hold(line) for line in lines if "message" not in line]
    assert metrics[0]["Fail"] == answer.value["summary"]["fail"] > 0
    assert {line["Pipeline"] for line in metrics} == {"logged"}


def test_no_secret_is_in_the_response_or_the_log(cloud: Cloud) -> None:
    with peers.http("403 Forbidden", body=f"Authentication failed for {SECRET}".encode()) as peer:
        event = {"clickhouse": f"http://127.0.0.1:{peer.port}", "timeout": 2}
        answer = cloud.function.invoke(event, seconds=40)
    assert answer.error is None
    assert SECRET not in json.dumps(answer.value) and SECRET not in cloud.function.log()


def test_peers_that_hang_do_not_use_the_reserved_time(cloud: Cloud) -> None:
    seconds = RESERVE_S + 8
    with peers.silent() as peer, peers.never_accepts() as deaf:
        event = {
            "bootstrap": [f"127.0.0.1:{peer.port}", f"127.0.0.1:{deaf.port}"],
            "clickhouse": f"https://127.0.0.1:{peer.port}",
            "clickhouse_native": f"127.0.0.1:{deaf.port}",
            "timeout": 60,
            "deadline": 600,
        }
        with ends_within(seconds - RESERVE_S + 2, "less than what Lambda gives it"):
            answer = cloud.function.invoke(event, seconds=seconds)
    assert answer.error is None
    causes = {result["cause"] for result in answer.value["results"]}
    assert "deadline" in causes, "what was not finished is in the report, and says so"


def test_an_aws_that_hangs_does_not_prevent_the_report(cloud: Cloud) -> None:
    cloud.aws.fail("s3", "*", slow(4 * LONG))
    try:
        answer = cloud.function.invoke(
            {"replay": demo("expired-certificate"), "name": "hung", **STATE}, seconds=20
        )
    finally:
        cloud.aws.mend()
    assert answer.error is None and answer.value["summary"]["fail"] == 1
    assert cloud.function.lines()[-1]["Undelivered"] == 1


def test_a_history_that_cannot_be_written_does_not_prevent_the_report(cloud: Cloud) -> None:
    with peers.http("503 Service Unavailable") as peer:
        place = f"clickhouse://127.0.0.1:{peer.port}/monitoring?tls=no"
        event = {"replay": demo("healthy"), "history": place, "metrics": "summary"}
        answer = cloud.function.invoke(event, seconds=40)
    assert answer.error is None
    *_, line, metric = cloud.function.lines()
    assert (line["message"], metric["Undelivered"]) == ("history not written", 1)


def test_a_hundred_warm_invocations_leak_nothing() -> None:
    """Threads, descriptors and blocks of memory, of a function that no other test has used.

    The least of ten counts: a thread that has not ended yet is no leak.
    """
    memory = Memory()
    with (
        AwsEndpoint(World({}, memory.services())) as aws,
        peers.http(body=b"Ok.\n") as peer,
        Function("tests.awslambda.counted.handler", aws.environment()) as function,
    ):
        live = {"clickhouse": f"http://127.0.0.1:{peer.port}", "timeout": 5, "name": "live", **STATE}
        events = [live, *({"replay": demo(name), "name": name, **STATE} for name in DEMOS)]
        seen = []
        for number in range(WARM):
            assert function.invoke(events[number % len(events)], seconds=60).error is None
            if number >= SETTLED:
                seen.append((function.threads(), len(function.files()), blocks(function)))
    first, last = ([min(counts) for counts in zip(*part, strict=True)] for part in (seen[:10], seen[-10:]))
    assert last[:2] <= first[:2]
    assert last[2] - first[2] <= MOST_BLOCKS * (len(seen) - 10)


def blocks(function: Function) -> int:
    """What the handler of counted.py has logged last."""
    return next(int(line["blocks"]) for line in reversed(function.lines()) if "blocks" in line)


def sound(memory: Memory) -> list[State]:
    """Every state that was written. Raises if one is incomplete."""
    return [decode(State, json.loads(each)) for each in memory.history]


def killed(environment: dict[str, str], event: dict[str, Any], moment: float) -> None:
    """Start an invocation in a warm container, and kill the container at that moment."""
    with Function(HANDLER, environment) as function:
        function.invoke({"replay": demo("healthy"), "metrics": "none"})
        function.start(event, seconds=9)
        time.sleep(moment)
        function.process.kill()
        function.process.wait(LONG)


def test_a_function_that_is_killed_at_any_moment_leaves_a_complete_state() -> None:
    memory = Memory()
    names = ("expired-certificate", "healthy")
    with AwsEndpoint(World({}, memory.services()), latency=0.02) as aws:
        for number in range(KILLS):
            event = {"replay": demo(names[number % 2]), "name": "killed", **STATE}
            killed(aws.environment(), event, 0.05 + 0.4 * number / KILLS)
        history = sound(memory)
        assert [state.version for state in history] == sorted(state.version for state in history)


def test_the_test_runtime_notices_a_process_that_hangs() -> None:
    with Function("tests.awslambda.hangs.handler", {}) as function, pytest.raises(TimedOut):
        function.invoke({}, seconds=2, late=0)

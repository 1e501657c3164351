"""Measure the Lambda function: python -m bench.bench_lambda

The import time that netcheck adds to boto3 and its clients; leaks over warm invocations that read a
connector from AWS (tests/awslambda has a hundred short ones); and a function that is killed at fifty
moments, whose state must be the old one or the new one.
"""

from __future__ import annotations

import json
import random
import sys
import time
from typing import Any

from bench.measure import measure, median, show
from netcheck.aws.iam.permissions import OPERATIONS
from netcheck.awslambda.changes import State
from netcheck.core.codec import decode
from tests.awslambda.runtime import Function
from tests.awslambda.test_function import HANDLER, STATE, demo
from tests.scenarios.pipelines import SENDS_PACKETS, base, world
from tests.servers.aws_endpoint import AwsEndpoint
from tests.servers.aws_memory import Memory
from tests.servers.aws_world import World

ROUNDS = 9
MAX_INIT = 1.3
WARM, FIRST = 100, 50
MAX_GROWTH_MB = 2.0
KILLS = 50
SEED = 1
SERVICES = sorted({service for parts in OPERATIONS.values() for service in parts} | {"sts"})
CLIENTS = f"""
import boto3
session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1")
for name in {SERVICES!r}:
    session.client(name)
"""


def init() -> None:
    """CPU time, interleaved: it depends least on the load of the machine."""
    programs = {"empty": "pass", "boto3": CLIENTS, "handler": "import netcheck.awslambda\n" + CLIENTS}
    spent: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(ROUNDS):
        for name, program in programs.items():
            spent[name].append(measure([sys.executable, "-c", program]).cpu_s)
    empty, boto3, handler = (median(spent[name]) * 1000 for name in programs)
    show(f"boto3 and clients of {len(SERVICES)} services, median of {ROUNDS}", boto3 - empty, " ms")
    show("the same plus the function's handler", handler - empty, " ms")
    show("with the handler / without", (handler - empty) / (boto3 - empty), " x", MAX_INIT)


def warm() -> None:
    """Many invocations of one container, each of which checks a connector by the AWS configuration."""
    memory, pipeline = Memory(), base()
    account = world(pipeline)
    where = {"FunctionName": "netcheck", "VpcConfig": {"VpcId": ""}}
    answers: Any
    for service, answers in {**memory.services(), "lambda": {"GetFunctionConfiguration": where}}.items():
        account.services.setdefault(service, {}).update(answers)
    event = {"connector": "orders-sink", "skip": list(SENDS_PACKETS), "metrics": "none", **STATE}
    seen: list[tuple[int, int, float]] = []
    seconds: list[float] = []
    with AwsEndpoint(account) as aws, Function(HANDLER, aws.environment()) as function:
        for _ in range(WARM):
            answer = function.invoke(event, seconds=120)
            assert answer.error is None, answer.error
            seconds.append(answer.seconds)
            seen.append((function.threads(), len(function.files()), function.resident_kb() / 1000))
    threads, files, resident = zip(*seen, strict=True)
    show("the first invocation, a connector in a local AWS", seconds[0], " s")
    show(f"a warm invocation, median of {WARM}", median(seconds[1:]), " s")
    show(f"threads added from invocation {FIRST} to {WARM}", max(threads[-5:]) - max(threads[:FIRST]), "", 0)
    show(f"descriptors added from invocation {FIRST} to {WARM}", max(files[-5:]) - max(files[:FIRST]), "", 0)
    show(
        f"memory added from invocation {FIRST} to {WARM}",
        median(resident[-10:]) - median(resident[FIRST - 10 : FIRST]),
        " MB",
        MAX_GROWTH_MB,
    )


def killed() -> None:
    """Every state that is written is complete, and the pending change of a killed run is sent in the end."""
    memory, moments = Memory(), random.Random(SEED)
    with AwsEndpoint(World({}, memory.services()), latency=0.02) as aws:
        for number in range(KILLS):
            name = ("expired-certificate", "healthy")[number % 2]
            with Function(HANDLER, aws.environment()) as function:
                function.invoke({"replay": demo("healthy"), "metrics": "none"})
                function.start(
                    {"replay": demo(name), "name": "killed", "metrics": "none", **STATE}, seconds=9
                )
                time.sleep(moments.uniform(0.0, 0.6))
                function.process.kill()
        states: list[State] = [decode(State, json.loads(text)) for text in memory.history]
        versions = [state.version for state in states]
        time.sleep(15)  # until the last killed run has certainly ended
        with Function(HANDLER, aws.environment()) as function:
            for name in ("expired-certificate", "healthy"):
                function.invoke({"replay": demo(name), "name": "killed", "metrics": "none", **STATE})
        ids = [json.loads(each["Detail"])["id"] for each in memory.events]
        changes: list[Any] = sorted({state.version for state in decoded(memory)})
        show(
            f"incomplete states written around {KILLS} kills",
            0 if versions == sorted(versions) else 1,
            "",
            0,
        )
        show("states written", len(memory.history), "")
        show("changes that were never sent", len(changes) - len(set(ids)), "", 0)
        show("messages sent again after a kill between sending and writing", len(ids) - len(set(ids)), "")


def decoded(memory: Memory) -> list[State]:
    return [decode(State, json.loads(text)) for text in memory.history]


def main() -> None:
    """Print the figures."""
    init()
    warm()
    killed()


if __name__ == "__main__":
    main()

"""A change is sent once: across runs, in both stores, with concurrent runs, and after a killed run."""

from __future__ import annotations

import io
import json
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from netcheck.awslambda import clients, post_run
from netcheck.awslambda.changes import Change, Pending, State
from netcheck.awslambda.event import Invocation
from netcheck.awslambda.logs import Log
from netcheck.awslambda.store import parse_store
from netcheck.core.codec import decode, encode
from netcheck.core.context import Deadline
from netcheck.core.model import Report
from netcheck.engine.assessment import assess
from netcheck.engine.runner import ignore_event
from netcheck.settings.config import Config
from tests.awslambda.reports import cause, report
from tests.bounds import LONG, ends_within
from tests.servers.aws_endpoint import AwsEndpoint, dropped, slow
from tests.servers.aws_memory import Memory
from tests.servers.aws_world import World

SAVED = Path(__file__).parents[1] / "saved" / "version_0_1"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:alarms"
STORES = ("s3://states-1/netcheck", "dynamodb://states")
GOOD = report({"tcp.connect@a": "pass"})
BAD = report({"tcp.connect@a": "fail"}, [cause("a", "tcp.connect@a")])
WORSE = report(
    {"tcp.connect@a": "fail", "tcp.connect@b": "fail"},
    [cause("a", "tcp.connect@a"), cause("b", "tcp.connect@b")],
)
UNKNOWN = report({"tcp.connect@a": "unknown"})


class Account:
    """One AWS account, and runs of one pipeline in it."""

    def __init__(self, aws: AwsEndpoint, memory: Memory, url: str) -> None:
        self.aws, self.memory, self.url = aws, memory, url
        self.invocation = Invocation(
            Config(), "orders", (), state=parse_store(url), topic=TOPIC, bus="default"
        )
        self.count = 0

    def run(
        self, of: Report, *, seconds: float = 30, request: str | None = None, began: float | None = None
    ) -> int:
        self.count += 1
        self.log = io.StringIO()
        log = Log(self.log, request or f"request-{self.count}")
        return post_run.persist_and_notify(of, self.invocation, began or time.time(), Deadline(seconds), log)

    def sent(self) -> list[str]:
        """The published subjects, without the name."""
        return [each["Subject"].removeprefix("netcheck orders: ") for each in self.memory.published]

    def logged(self) -> list[str]:
        return [json.loads(line)["message"] for line in self.log.getvalue().splitlines()]

    def text(self) -> str:
        if self.url.startswith("s3"):
            return self.memory.objects["states-1", "netcheck/orders.json"].decode()
        return str(self.memory.items["states", "orders"]["state"]["S"])

    def state(self) -> State:
        found: State = decode(State, json.loads(self.text()))
        return found

    def put(self, text: str) -> None:
        self.memory.objects["states-1", "netcheck/orders.json"] = text.encode()
        self.memory.items["states", "orders"] = {
            "pipeline": {"S": "orders"},
            "tag": {"S": "a-tag"},
            "state": {"S": text},
        }


@pytest.fixture(params=STORES)
def account(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    memory = Memory()
    clients.client.cache_clear()
    with AwsEndpoint(World({}, memory.services())) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        yield Account(aws, memory, request.param)


SEQUENCES: dict[str, tuple[Sequence[Report], list[str]]] = {
    "never a root cause": ([GOOD, GOOD], []),
    "one root cause in every run": ([BAD, BAD, BAD], ["1 new; 1 open"]),
    "a root cause appears and is resolved": (
        [GOOD, BAD, GOOD],
        ["1 new; 1 open", "1 resolved; no open root cause"],
    ),
    "one more": ([BAD, WORSE, WORSE], ["1 new; 1 open", "1 new; 2 open"]),
    "a run in between cannot determine it": ([BAD, UNKNOWN, BAD], ["1 new; 1 open"]),
    "it is resolved after such a run": (
        [BAD, UNKNOWN, GOOD],
        ["1 new; 1 open", "1 resolved; no open root cause"],
    ),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_only_changes_are_sent(name: str, account: Account) -> None:
    runs, sent = SEQUENCES[name]
    assert [account.run(each) for each in runs] == [0] * len(runs)
    assert account.sent() == sent
    assert len(account.memory.events) == len(sent)


def test_a_message_has_the_root_cause_and_since_when(account: Account) -> None:
    account.run(BAD)
    [message], [event] = account.memory.published, account.memory.events
    assert "  a is wrong (timed_out a)\n" in message["Message"]
    assert message["MessageAttributes"]["change"]["StringValue"] == "new"
    detail = json.loads(event["Detail"])
    assert (event["Source"], event["EventBusName"], detail["pipeline"]) == ("netcheck", "default", "orders")
    assert detail["new"] == [
        {"code": "timed_out", "component": "a", "title": "a is wrong", "since": BAD.started}
    ]
    assert detail["id"] in message["Message"] and detail["resolved"] == [] and detail["open"] == 1


def test_a_fifo_topic_gets_a_deduplication_id(account: Account) -> None:
    account.invocation = replace(account.invocation, topic=TOPIC + ".fifo", bus=None)
    account.run(BAD)
    [message] = account.memory.published
    assert message["MessageGroupId"] == "orders"
    assert message["MessageDeduplicationId"] == message["MessageAttributes"]["id"]["StringValue"]


@pytest.mark.parametrize("name", ["x" * 128, "Bestellungen für alle"])
def test_a_fifo_topic_gets_valid_ids_for_every_pipeline_name(name: str, account: Account) -> None:
    account.invocation = replace(account.invocation, name=name, topic=TOPIC + ".fifo", bus=None)
    account.run(BAD)
    [message] = account.memory.published
    for key in ("MessageGroupId", "MessageDeduplicationId"):
        assert re.fullmatch(r"[!-~]{1,128}", message[key]), "SNS API reference, Publish"
    assert message["MessageAttributes"]["pipeline"]["StringValue"] == name


def test_only_one_of_many_concurrent_runs_sends(account: Account) -> None:
    def run(number: int) -> None:
        log = Log(io.StringIO(), f"request-{number}")
        post_run.persist_and_notify(BAD, account.invocation, time.time(), Deadline(30), log)

    clients.client("s3"), clients.client("dynamodb"), clients.client("sns"), clients.client("events")
    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert account.sent() == ["1 new; 1 open"]
    assert account.state().pending is None


def test_the_change_of_a_killed_run_is_sent_by_the_next_with_the_same_id(account: Account) -> None:
    account.run(BAD)
    left = account.state()
    [first] = account.memory.events
    change_id = json.loads(first["Detail"])["id"]
    account.put(_with_pending(left, change_id, until=time.time() - 1))
    account.run(BAD)
    assert [json.loads(event["Detail"])["id"] for event in account.memory.events] == [change_id] * 2
    assert account.state().pending is None


def test_no_other_run_sends_while_the_first_may_still_be_running(account: Account) -> None:
    account.run(BAD)
    account.put(_with_pending(account.state(), "orders-1", until=time.time() + 60))
    account.run(GOOD)
    assert len(account.sent()) == 1
    assert account.logged() == ["another run is sending a change"]


def test_a_run_sends_its_own_change_after_the_pending_one(account: Account) -> None:
    account.run(BAD)
    account.put(_with_pending(account.state(), "orders-1", until=time.time() - 1))
    account.run(GOOD)
    assert account.sent() == ["1 new; 1 open"] * 2 + ["1 resolved; no open root cause"]


def _with_pending(state: State, change_id: str, until: float) -> str:
    change = Change(state.open, (), len(state.open))
    pending = Pending(change_id, "request-killed", until, ("topic", "bus"), change)
    return json.dumps(encode(replace(state, pending=pending)))


def test_a_run_that_started_before_the_last_one_sends_nothing(account: Account) -> None:
    account.run(BAD)
    account.run(GOOD, began=time.time() - 100)
    assert account.sent() == ["1 new; 1 open"]
    assert account.logged() == ["a run that started later has already updated the state"]


BROKEN: dict[str, tuple[str, str, int]] = {
    "the topic fails": ("sns", "Publish", 1),
    "the bus fails": ("events", "PutEvents", 1),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_channel_that_failed_gets_the_change_again_and_the_other_does_not(
    name: str, account: Account
) -> None:
    service, operation, undelivered = BROKEN[name]
    account.aws.deny(service, operation)
    assert account.run(BAD) == undelivered
    assert "change not sent" in account.logged()
    account.aws.mend()
    assert account.run(BAD) == 0
    assert (len(account.memory.published), len(account.memory.events)) == (1, 1)
    assert account.state().pending is None


def test_a_state_without_permission_to_read_is_logged_and_nothing_is_sent(account: Account) -> None:
    account.aws.deny("s3", "GetObject")
    account.aws.deny("dynamodb", "GetItem")
    assert account.run(BAD) == 1
    assert account.sent() == [] and account.logged() == ["state not stored"]
    assert "may not call" in account.log.getvalue()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "other/1"}', "null", '{"version": "x"}'])
def test_an_unreadable_state_is_reset(text: str, account: Account) -> None:
    account.put(text)
    assert account.run(BAD) == 0
    assert account.sent() == ["1 new; 1 open"]
    assert account.state().open[0].component == "a"


def test_a_write_whose_response_was_lost_is_recognized(account: Account) -> None:
    """boto3 retries when the connection breaks, and the retry then conflicts with its own first write."""
    account.memory.lose_answers = 1
    assert account.run(BAD) == 0
    assert account.sent() == ["1 new; 1 open"]
    assert account.state().pending is None


def test_a_state_that_version_0_1_wrote_sends_nothing_again(account: Account) -> None:
    account.put((SAVED / "state.json").read_text())
    report = assess(Config(replay=str(SAVED / "recording.json.gz")), ignore_event).report
    assert account.run(report) == 0
    assert account.sent() == []
    assert account.run(GOOD) == 0
    assert account.sent() == ["2 resolved; no open root cause"]


def test_an_aws_that_does_not_respond_takes_no_longer_than_the_deadline(account: Account) -> None:
    account.aws.fail("*", "*", slow(4 * LONG))
    with ends_within(LONG):
        assert account.run(BAD, seconds=2) == 1
    assert account.sent() == []


def test_a_broken_connection_is_retried(account: Account) -> None:
    account.aws.fail("*", "*", dropped(), times=1)
    assert account.run(BAD) == 0
    assert account.sent() == ["1 new; 1 open"]


def test_without_state_no_aws_call_is_made(account: Account) -> None:
    account.invocation = replace(account.invocation, state=None, topic=None, bus=None)
    assert account.run(BAD) == 0
    assert account.aws.calls == []


def test_state_alone_is_stored_without_notifications(account: Account) -> None:
    account.invocation = replace(account.invocation, topic=None, bus=None)
    assert [account.run(BAD), account.run(GOOD)] == [0, 0]
    assert account.sent() == [] and account.state().open == ()

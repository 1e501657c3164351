"""Asks AWS many questions at once: every page, within the deadline, slower when AWS says so."""

from __future__ import annotations

import datetime
import queue
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

from netcheck.core.context import DeadlineExceeded
from netcheck.core.model import Json

WORKERS = 12
MOST_ATTEMPTS = 8
"""How often a throttled call is sent: with the pauses below that is about 15 seconds."""
LONGEST_PAUSE_S = 4.0
SECRETS = frozenset({"CustomerGatewayConfiguration", "PreSharedKey", "UserData"})
"""Members of EC2 answers that carry secrets (EC2 API reference: VpnConnection, TunnelOption, instance user
data). No question here asks for them; they are dropped at the door all the same."""
TOKENS = ("NextToken", "nextToken", "Marker")
"""What leads to the next page, in requests and answers alike (botocore's paginators)."""
PAGE_SIZES = ("MaxResults", "maxResults", "MaxItems")
TOO_LATE = "not answered before the deadline: give more time with --deadline"

T = TypeVar("T")


class Deadline(Protocol):
    """What is left of the time. `remaining` raises DeadlineExceeded when nothing is."""

    def remaining(self, cap: float = ...) -> float: ...


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One operation with its parameters. `member` of the answer is wanted: a list or one object, "" for the
    whole answer. `service` is as botocore calls it.
    """

    operation: str
    member: str
    params: Mapping[str, object] = field(default_factory=dict)
    service: str = "ec2"

    @property
    def action(self) -> str:
        """The IAM action it needs."""
        return f"{self.service}:{self.operation}"


@dataclass(frozen=True, slots=True)
class ApiResult:
    """All pages of an answer: the items, or the one object; and how many calls it took.

    `whole` is False where AWS says that there is more, and gives no way to ask for it.
    """

    items: list[Json]
    calls: int = 1
    whole: bool = True


@dataclass(frozen=True, slots=True)
class ApiFailure:
    """No answer, or not all pages of it, which is no answer either. `code` is AWS's, "" where AWS did not
    answer.
    """

    reason: str
    denied: bool = False
    calls: int = 1
    code: str = ""


Outcome = ApiResult | ApiFailure
ApiCaller = Callable[[Sequence[ApiCall]], Sequence[Outcome]]
"""Answers questions, in their order: AWS, or a memory of what it said."""


class _Pace:
    """Holds every call back for a while after AWS has said that one was too many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._not_before = 0.0

    def slow_down(self, seconds: float) -> None:
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def wait(self, deadline: Deadline, stopped: threading.Event) -> None:
        with self._lock:
            pause = self._not_before - time.monotonic()
        if pause > 0:
            stopped.wait(deadline.remaining(pause))
        deadline.remaining()


def call_all(client: Any, questions: Sequence[ApiCall], deadline: Deadline) -> list[Outcome]:
    """Ask all of them side by side; the outcomes are in the same order. Never raises for what AWS does.

    `client` is one boto3 client, or a mapping with one for each service that is asked.
    """
    clients: Mapping[str, Any] = (
        client if isinstance(client, Mapping) else {q.service: client for q in questions}
    )
    stopped = threading.Event()
    pace = _Pace()
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Outcome | BaseException]] = queue.SimpleQueue()
    for index in range(len(questions)):
        todo.put(index)

    def work() -> None:
        while not stopped.is_set():
            try:
                index = todo.get_nowait()
            except queue.Empty:
                return
            try:
                question = questions[index]
                done.put((index, _asked(clients[question.service], question, deadline, pace, stopped)))
            except BaseException as error:  # noqa: BLE001 - raised again, in the thread that asked
                done.put((index, error))

    for _ in range(min(WORKERS, len(questions))):
        # Daemon threads: one that hangs in a socket must not keep the process.
        threading.Thread(target=work, daemon=True, name="aws-call").start()
    outcomes: list[Outcome] = [ApiFailure(TOO_LATE)] * len(questions)
    try:
        for _ in questions:
            index, outcome = done.get(timeout=deadline.remaining(3600))
            if isinstance(outcome, BaseException):
                raise outcome
            outcomes[index] = outcome
    except (queue.Empty, DeadlineExceeded):
        pass
    finally:
        stopped.set()
    return outcomes


def within(deadline: Deadline, work: Callable[[], T]) -> T:
    """Do what has no timeout in a thread of its own. Raises DeadlineExceeded, or what `work` raises."""
    done: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:  # noqa: BLE001 - raised again, in the thread that asked
            done.put((None, error))

    threading.Thread(target=run, daemon=True, name="aws-session").start()
    try:
        value, error = done.get(timeout=deadline.remaining(3600))
    except queue.Empty:
        raise DeadlineExceeded("no time left") from None
    if error is not None:
        raise error
    return cast(T, value)


def _asked(
    client: Any, question: ApiCall, deadline: Deadline, pace: _Pace, stopped: threading.Event
) -> Outcome:
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    from netcheck.aws.api.reasons import NotFromAws, failure

    made = 0
    members = client.meta.service_model.operation_model(question.operation).input_shape.members
    params = dict(question.params) | _page_size(members)
    items: list[Json] = []
    try:
        while True:
            made += 1
            page = _patiently(client, question.operation, params, deadline, pace, stopped)
            items += _items(page, question.member)
            token = next((name for name in TOKENS if name in members and page.get(name)), None)
            if token is None:
                more = bool(page.get("AdditionalRoutesAvailable"))
                return ApiResult(items, made, whole=not more)
            params[token] = page[token]
    except DeadlineExceeded:
        return ApiFailure(TOO_LATE, calls=made)
    except (BotoCoreError, ClientError, ResponseParserError, NotFromAws) as error:
        host = client.meta.endpoint_url.partition("://")[2].rstrip("/")
        failed = failure(error, question.action, host)
        return ApiFailure(failed.reason, failed.denied, made, failed.code)


def _page_size(members: Mapping[str, Any]) -> dict[str, object]:
    """The largest page that AWS allows: in botocore's model, or else the 1000 of EC2's documentation."""
    name = next((n for n in PAGE_SIZES if n in members and members[n].type_name == "integer"), None)
    return {name: members[name].metadata.get("max") or 1000} if name else {}


def _patiently(
    client: Any,
    operation: str,
    params: Mapping[str, object],
    deadline: Deadline,
    pace: _Pace,
    stopped: threading.Event,
) -> Mapping[str, Any]:
    """One call; while it is throttled, again after a pause that doubles and that the others keep too."""
    from botocore import xform_name
    from botocore.exceptions import ClientError

    from netcheck.aws.api.reasons import THROTTLED, NotFromAws

    for attempt in range(1, MOST_ATTEMPTS + 1):
        pace.wait(deadline, stopped)
        try:
            answer: Mapping[str, Any] = getattr(client, xform_name(operation))(**params)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in THROTTLED or attempt == MOST_ATTEMPTS:
                raise
            pace.slow_down(random.uniform(0.5, 1.0) * min(LONGEST_PAUSE_S, 0.2 * 2**attempt))
            continue
        if not answer.get("ResponseMetadata", {}).get("RequestId"):
            # A sign-in page in clean XHTML parses, and would look like an empty list. AWS sends this id.
            raise NotFromAws()
        return answer
    raise AssertionError("the last attempt returns or raises")


def _items(page: Mapping[str, Any], member: str) -> list[Json]:
    if not member:
        return [as_json({key: value for key, value in page.items() if key != "ResponseMetadata"})]
    found = as_json(page.get(member) or [])
    return found if isinstance(found, list) else [found]


def as_json(value: object) -> Json:
    """The value as the AWS CLI would print it: times in ISO 8601, and nothing that is a secret."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime.datetime():
            return value.isoformat()
        case list() | tuple():
            return [as_json(item) for item in value]
        case dict():
            return {key: as_json(item) for key, item in value.items() if key not in SECRETS}
        case _:
            raise TypeError(f"AWS answered with a {type(value).__name__}, which JSON cannot hold")

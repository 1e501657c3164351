"""Makes many AWS API calls in parallel: all pages, within the deadline, with backoff when AWS throttles."""

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
"""Attempts of a throttled call: with the pauses below about 15 seconds."""
LONGEST_PAUSE_S = 4.0
SECRETS = frozenset({"CustomerGatewayConfiguration", "PreSharedKey", "UserData"})
"""Members of EC2 responses that contain secrets (EC2 API reference: VpnConnection, TunnelOption, instance
user data). No call here requests them; they are removed all the same."""
TOKENS = ("NextToken", "nextToken", "Marker")
"""Names of the pagination token, in requests and responses (botocore's paginators)."""
PAGE_SIZES = ("MaxResults", "maxResults", "MaxItems")
TOO_LATE = "no response before the deadline: increase --deadline"

T = TypeVar("T")


class Deadline(Protocol):
    """The remaining time. `remaining` raises DeadlineExceeded when there is none."""

    def remaining(self, cap: float = ...) -> float: ...


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One API operation with its parameters. `member` is the member of the response to return, a list or one
    object, "" for the whole response. `service` is botocore's name of the service.
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
    """All pages of a response: the items, or the one object, and the number of calls.

    `whole` is False where AWS says that there is more, and offers no way to request it.
    """

    items: list[Json]
    calls: int = 1
    whole: bool = True


@dataclass(frozen=True, slots=True)
class ApiFailure:
    """No response, or not all of its pages. `code` is AWS's error code, "" where AWS did not respond."""

    reason: str
    denied: bool = False
    calls: int = 1
    code: str = ""


Outcome = ApiResult | ApiFailure
ApiCaller = Callable[[Sequence[ApiCall]], Sequence[Outcome]]
"""Makes calls and returns their outcomes in order, from AWS or from a cache."""


class _Pace:
    """Delays every call for a while after AWS has throttled one."""

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


def call_all(client: Any, calls: Sequence[ApiCall], deadline: Deadline) -> list[Outcome]:
    """Make all calls in parallel; the outcomes are in the same order. Never raises for an error of AWS.

    `client` is a boto3 client, or a mapping with one for each service that is called.
    """
    clients: Mapping[str, Any] = (
        client if isinstance(client, Mapping) else {call.service: client for call in calls}
    )
    stopped = threading.Event()
    pace = _Pace()
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Outcome | BaseException]] = queue.SimpleQueue()
    for index in range(len(calls)):
        todo.put(index)

    def work() -> None:
        while not stopped.is_set():
            try:
                index = todo.get_nowait()
            except queue.Empty:
                return
            try:
                call = calls[index]
                done.put((index, _made(clients[call.service], call, deadline, pace, stopped)))
            except BaseException as error:  # noqa: BLE001 - raised again in the calling thread
                done.put((index, error))

    for _ in range(min(WORKERS, len(calls))):
        # Daemon threads: one that hangs in a socket must not keep the process running.
        threading.Thread(target=work, daemon=True, name="aws-call").start()
    outcomes: list[Outcome] = [ApiFailure(TOO_LATE)] * len(calls)
    try:
        for _ in calls:
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
    """Run work without a timeout of its own in a thread. Raises DeadlineExceeded, or what `work` raises."""
    done: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:  # noqa: BLE001 - raised again in the calling thread
            done.put((None, error))

    threading.Thread(target=run, daemon=True, name="aws-session").start()
    try:
        value, error = done.get(timeout=deadline.remaining(3600))
    except queue.Empty:
        raise DeadlineExceeded("no time left") from None
    if error is not None:
        raise error
    return cast(T, value)


def _made(client: Any, call: ApiCall, deadline: Deadline, pace: _Pace, stopped: threading.Event) -> Outcome:
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    from netcheck.aws.api.reasons import NotFromAws, failure

    count = 0
    members = client.meta.service_model.operation_model(call.operation).input_shape.members
    params = dict(call.params) | _page_size(members)
    items: list[Json] = []
    try:
        while True:
            count += 1
            page = _with_backoff(client, call.operation, params, deadline, pace, stopped)
            items += _items(page, call.member)
            token = next((name for name in TOKENS if name in members and page.get(name)), None)
            if token is None:
                more = bool(page.get("AdditionalRoutesAvailable"))
                return ApiResult(items, count, whole=not more)
            params[token] = page[token]
    except DeadlineExceeded:
        return ApiFailure(TOO_LATE, calls=count)
    except (BotoCoreError, ClientError, ResponseParserError, NotFromAws) as error:
        host = client.meta.endpoint_url.partition("://")[2].rstrip("/")
        failed = failure(error, call.action, host)
        return ApiFailure(failed.reason, failed.denied, count, failed.code)


def _page_size(members: Mapping[str, Any]) -> dict[str, object]:
    """The largest page that AWS allows: by botocore's model, else 1000 as in EC2's documentation."""
    name = next((n for n in PAGE_SIZES if n in members and members[n].type_name == "integer"), None)
    return {name: members[name].metadata.get("max") or 1000} if name else {}


def _with_backoff(
    client: Any,
    operation: str,
    params: Mapping[str, object],
    deadline: Deadline,
    pace: _Pace,
    stopped: threading.Event,
) -> Mapping[str, Any]:
    """Make one call; while it is throttled, retry after a doubling pause that delays all other calls too."""
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
            # A sign-in page in valid XHTML parses, and would look like an empty list. Only AWS sends this id.
            raise NotFromAws()
        return answer
    raise AssertionError("the last attempt returns or raises")


def _items(page: Mapping[str, Any], member: str) -> list[Json]:
    if not member:
        return [as_json({key: value for key, value in page.items() if key != "ResponseMetadata"})]
    found = as_json(page.get(member) or [])
    return found if isinstance(found, list) else [found]


def as_json(value: object) -> Json:
    """The value as the AWS CLI prints it: times in ISO 8601, without secrets."""
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
            raise TypeError(f"AWS returned a {type(value).__name__}, which JSON cannot represent")

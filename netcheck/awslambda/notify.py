"""Sends a change to SNS, for people, and to EventBridge, for programs. Each message has an id that stays the
same when it is sent again, so that a receiver can discard duplicates.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

from netcheck.awslambda.changes import Change, Open, Pending
from netcheck.awslambda.clients import Undelivered, call
from netcheck.core.arn import parse_arn
from netcheck.core.context import Deadline
from netcheck.core.model import Json

MAX_SUBJECT = 100
"""Characters of ASCII (SNS API reference, Publish)."""
MAX_CAUSES = 100
"""Root causes in one message, to stay below the 256 KB limit of both services."""
MAX_TITLE = 1000
TOKEN = re.compile(r"[!-~]{1,128}")
SOURCE = "netcheck"
DETAIL_TYPE = "netcheck root causes changed"


def publish(deadline: Deadline, topic: str, name: str, pending: Pending) -> None:
    """Publish to an SNS topic, standard or FIFO. Raises Undelivered."""
    arn = parse_arn(topic)
    fifo = {"MessageGroupId": _token(name), "MessageDeduplicationId": _token(pending.id)}
    attributes = {
        "pipeline": {"DataType": "String", "StringValue": name},
        "change": {"DataType": "String", "StringValue": _kind(pending.change)},
        "id": {"DataType": "String", "StringValue": pending.id},
    }
    call(
        deadline,
        "sns",
        "Publish",
        arn.region if arn else None,
        TopicArn=topic,
        Subject=subject(name, pending.change),
        Message=message(name, pending),
        MessageAttributes=attributes,
        **(fifo if topic.endswith(".fifo") else {}),
    )


def put_event(deadline: Deadline, bus: str, name: str, pending: Pending) -> None:
    """Put an event on an EventBridge bus. Raises Undelivered."""
    arn = parse_arn(bus)
    entry = {
        "Source": SOURCE,
        "DetailType": DETAIL_TYPE,
        "Detail": json.dumps(detail(name, pending)),
        "EventBusName": bus,
    }
    response = call(deadline, "events", "PutEvents", arn.region if arn else None, Entries=[entry])
    if response.get("FailedEntryCount"):
        [rejected] = response["Entries"]
        raise Undelivered(f"events:PutEvents: {rejected.get('ErrorCode')}")


def _token(text: str) -> str:
    """The text if it is a valid id of a FIFO topic (128 printable ASCII characters), else its digest."""
    return text if TOKEN.fullmatch(text) else hashlib.sha256(text.encode(errors="replace")).hexdigest()


def subject(name: str, change: Change) -> str:
    """One line of printable ASCII."""
    parts = [
        f"{len(each)} {word}" for word, each in (("new", change.new), ("resolved", change.resolved)) if each
    ]
    left = f"{change.remaining} open" if change.remaining else "no open root cause"
    text = f"netcheck {name}: {', '.join(parts)}; {left}"
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:MAX_SUBJECT]


def message(name: str, pending: Pending) -> str:
    """The change in words."""
    change = pending.change
    lines = [subject(name, change)]
    for word, causes in (("New", change.new), ("Resolved", change.resolved)):
        if causes:
            lines += [
                "",
                f"{word}:",
                *(
                    f"  {_short(cause.title)} ({cause.code} {cause.component})"
                    for cause in causes[:MAX_CAUSES]
                ),
            ]
        if len(causes) > MAX_CAUSES:
            lines.append(f"  and {len(causes) - MAX_CAUSES} more")
    return "\n".join([*lines, "", f"id: {pending.id}"]) + "\n"


def detail(name: str, pending: Pending) -> dict[str, Json]:
    """The change as an event's detail."""
    change = pending.change
    return {
        "schema": "netcheck.change/1",
        "id": pending.id,
        "pipeline": name,
        "change": _kind(change),
        "new": _causes(change.new),
        "resolved": _causes(change.resolved),
        "open": change.remaining,
    }


def _causes(causes: Sequence[Open]) -> list[Json]:
    return [
        {"code": cause.code, "component": cause.component, "title": _short(cause.title), "since": cause.since}
        for cause in causes[:MAX_CAUSES]
    ]


def _kind(change: Change) -> str:
    match bool(change.new), bool(change.resolved):
        case True, True:
            return "new and resolved"
        case True, False:
            return "new"
        case _:
            return "resolved"


def _short(title: str) -> str:
    return title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 3] + "..."

"""Tells a change: to people by SNS, to machines by EventBridge. Each message has an id, the same whenever it
is told again, so that who must act once can know it.
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

LONGEST_SUBJECT = 100
"""Characters of ASCII (SNS API reference, Publish)."""
MOST_TOLD = 100
"""Root causes in one message, so that it stays below the 256 KB that both services take."""
LONGEST_TITLE = 1000
TOKEN = re.compile(r"[!-~]{1,128}")
SOURCE = "netcheck"
DETAIL_TYPE = "netcheck root causes changed"


def publish(deadline: Deadline, topic: str, name: str, pending: Pending) -> None:
    """Tell it to an SNS topic, which may be a FIFO one. Raises Undelivered."""
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
    """Tell it to an EventBridge bus. Raises Undelivered."""
    arn = parse_arn(bus)
    entry = {
        "Source": SOURCE,
        "DetailType": DETAIL_TYPE,
        "Detail": json.dumps(detail(name, pending)),
        "EventBusName": bus,
    }
    done = call(deadline, "events", "PutEvents", arn.region if arn else None, Entries=[entry])
    if done.get("FailedEntryCount"):
        [refused] = done["Entries"]
        raise Undelivered(f"events:PutEvents: AWS answered {refused.get('ErrorCode')}")


def _token(text: str) -> str:
    """The text where SNS takes it as a FIFO topic's id, 128 printable signs of ASCII; else its digest."""
    return text if TOKEN.fullmatch(text) else hashlib.sha256(text.encode(errors="replace")).hexdigest()


def subject(name: str, change: Change) -> str:
    """One line of printable ASCII."""
    parts = [
        f"{len(each)} {word}" for word, each in (("new", change.new), ("resolved", change.resolved)) if each
    ]
    left = "nothing is wrong now" if not change.remaining else f"{change.remaining} open"
    text = f"netcheck {name}: {', '.join(parts)}; {left}"
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:LONGEST_SUBJECT]


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
                    for cause in causes[:MOST_TOLD]
                ),
            ]
        if len(causes) > MOST_TOLD:
            lines.append(f"  and {len(causes) - MOST_TOLD} more")
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
        {"code": one.code, "component": one.component, "title": _short(one.title), "since": one.since}
        for one in causes[:MOST_TOLD]
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
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 3] + "..."

"""The function's event, read like a `--config` file, with a few keys of its own."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from netcheck.awslambda.metrics import Detail
from netcheck.awslambda.secrets import logins_of
from netcheck.awslambda.store import Store, parse_store
from netcheck.core.arn import parse_arn
from netcheck.core.context import Deadline
from netcheck.engine.assessment import ABOUT_THE_RUN
from netcheck.settings.config import BY_NAME, Config, Option, UsageError, build, one_of, settings, text
from netcheck.settings.credentials_file import VARIABLES, read_logins
from netcheck.settings.history_location import FilePlace

LONGEST_NAME = 128
NO_STATE = "none"
"""The value of `state` that stores and sends nothing, whatever the function's environment has."""
NOT_HERE = {
    **dict.fromkeys(("output", "record", "baseline"), "a function has no files; its report is returned"),
    **dict.fromkeys(("watch",), "a function ends; use a schedule instead"),
    **dict.fromkeys(("quiet", "verbose", "no_color"), "a function has no terminal"),
}
"""Options that have no meaning in a function, and why."""


def _topic(given: object) -> str:
    value = text(given)
    arn = parse_arn(value)
    if arn is None or arn.service != "sns":
        raise ValueError("give the ARN of an SNS topic, arn:aws:sns:REGION:ACCOUNT:NAME")
    return value


OWN: Mapping[str, Option] = {
    option.name: option
    for option in (
        Option("name", "TEXT", "the pipeline's name in metrics, state and notifications", text, "lambda"),
        Option(
            "metrics",
            "NAME",
            "none, summary or all",
            lambda given: Detail(one_of(*Detail)(given)),
            "lambda",
        ),
        Option("report_bucket", "BUCKET", "the bucket for reports too large to be returned", text, "lambda"),
        Option(
            "state",
            "URL",
            "where the state is stored: s3://BUCKET/PREFIX or dynamodb://TABLE; none stores nothing",
            lambda given: parse_store(text(given)),
            "lambda",
        ),
        Option("topic", "ARN", "the SNS topic for notifications of changes", _topic, "lambda"),
        Option("bus", "NAME|ARN", "the EventBridge bus for notifications of changes", text, "lambda"),
    )
}
"""The function's own keys; each can also be an environment variable, such as NETCHECK_REPORT_BUCKET."""
KEYS = (*(name for name in BY_NAME if name not in NOT_HERE), *OWN)


@dataclass(frozen=True, slots=True)
class Invocation:
    """What an event requests: a run, and what is done with its report. `given` are the event's keys."""

    config: Config
    name: str
    given: tuple[str, ...]
    metrics: Detail = Detail.ALL
    report_bucket: str | None = None
    state: Store | None = None
    topic: str | None = None
    bus: str | None = None


def read(event: object, environment: Mapping[str, str], deadline: Deadline) -> Invocation:
    """What the event requests. Raises UsageError; its one line never contains a value of a login."""
    given = _keys(event)
    own = _own(given, environment)
    if (own.get("topic") or own.get("bus")) and not own.get("state"):
        raise UsageError(
            "topic and bus: only changes are sent, so state is needed as well: s3:// or dynamodb://"
        )
    if isinstance(given.get("credentials"), str) and str(given["credentials"]).startswith("arn:"):
        secret = text(given.pop("credentials"))
        environment = {**environment, **logins_of(secret, deadline)}
    found = settings({k: v for k, v in given.items() if k not in OWN}, _where)
    if found.setdefault("format", "json") != "json":
        raise UsageError("format: the function returns the report as JSON; leave it out")
    if isinstance(found.get("history"), FilePlace):
        raise UsageError("event: history: a function has no files; give clickhouse://HOST/DATABASE")
    _replayed_alone(found)
    config = read_logins(build(found, environment), environment)
    name = own.pop("name", None) or _name(config)
    return Invocation(config, str(name)[:LONGEST_NAME], tuple(given), **own)  # type: ignore[arg-type]  # as read


def _own(given: Mapping[str, object], environment: Mapping[str, str]) -> dict[str, object]:
    """The function's own keys; the event takes precedence over the environment."""
    from_environment, from_event = _of_environment(environment), {k: v for k, v in given.items() if k in OWN}
    if from_event.get("state") == NO_STATE:
        del from_event["state"]
        unused = ("state", "topic", "bus")
        from_environment = {k: v for k, v in from_environment.items() if k not in unused}
    return settings(from_environment, _variable, OWN) | settings(from_event, _where, OWN)


def _keys(event: object) -> dict[str, object]:
    """The event's keys, dashes read as underscores."""
    if not isinstance(event, Mapping):
        raise UsageError(f'the event has no keys; give, for example, {{"connector": "NAME"}}: {_allowed()}')
    if "detail-type" in event and "source" in event:
        raise UsageError(
            "this event is EventBridge's own: give the schedule a constant input, such as "
            f'{{"connector": "NAME"}}: {_allowed()}'
        )
    given: dict[str, object] = {}
    for spelled, value in event.items():
        key = str(spelled).replace("-", "_")
        if key not in KEYS:
            raise UsageError(_unknown(key))
        if key in given:
            raise UsageError(f"event: {key} is given twice")
        given[key] = value
    return given


def _unknown(key: str) -> str:
    if key in VARIABLES or "pass" in key:
        variable = VARIABLES.get(key, "NETCHECK_CLICKHOUSE_PASSWORD or NETCHECK_KAFKA_PASSWORD")
        return (
            f"event: {key[:40]}: logins are not allowed in an event: set {variable} in the function's "
            "environment, or give credentials, the ARN of a secret in Secrets Manager"
        )
    if key in NOT_HERE:
        return f"event: {key}: {NOT_HERE[key]}: leave it out"
    near = difflib.get_close_matches(key, KEYS, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"event: unknown key {key[:40]!r}{hint}: {_allowed()}"


def _allowed() -> str:
    return f"the keys are {', '.join(KEYS)}"


def _where(name: str) -> str:
    return f"event: {name}"


def _variable(name: str) -> str:
    return f"NETCHECK_{name.upper()}"


def _of_environment(environment: Mapping[str, str]) -> dict[str, object]:
    return {name: value for name in OWN if (value := environment.get(_variable(name)))}


def _replayed_alone(found: Mapping[str, object]) -> None:
    more = sorted(found.keys() - {"replay", "region", *ABOUT_THE_RUN})
    if "replay" in found and more:
        raise UsageError(f"replay: the recording has its own targets; leave out {', '.join(more)}")


def _name(config: Config) -> str:
    """The connector's or cluster's name, which is part of an S3 key and of a metric's dimension."""
    for given in (config.connector, config.cluster):
        if given:
            arn = parse_arn(given)
            name = arn.resource.split("/")[1] if arn and "/" in arn.resource else given
            return re.sub(r"[^A-Za-z0-9._-]", "-", name)
    return "netcheck"

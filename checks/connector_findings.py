"""From a connector's configuration to findings: what checks/connector.py, checks/mskconnect.py and
checks/logs.py have in common.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from netcheck.core.context import Context, FactUnavailable, PrerequisiteFailed, Skip
from netcheck.core.model import Cause, Explains, Finding, Fix, Json, Kind, Layer, Status
from netcheck.core.problem import Problem
from netcheck.engine import facts
from netcheck.pipeline.clickhouse_sink import CLASS, Sink, is_sink, read
from netcheck.pipeline.model import Connector, Pipeline

LONGEST_SHOWN = 120

IGNORED_SETTING = Problem("SETTING_IGNORED_*", "a setting that has no effect")

BROKERS = frozenset({Kind.KAFKA})
CLICKHOUSE = frozenset({Kind.CLICKHOUSE_HTTPS, Kind.CLICKHOUSE_NATIVE})

CONNECTION_TERMINATED = frozenset(
    {
        Cause.CONNECTION_RESET,
        Cause.CONNECTION_CLOSED,
        Cause.TLS_CLOSED_AFTER_CLIENT_HELLO,
        Cause.TLS_RESET_AFTER_CLIENT_HELLO,
        Cause.TLS_NAME_REFUSED,
    }
)
"""What a client sees of a peer that accepts the connection and ends it."""

WRONG_LISTENER = CONNECTION_TERMINATED | {
    Cause.CONNECTION_REFUSED,
    Cause.PLAINTEXT_ON_TLS_PORT,
    Cause.TLS_NOT_SUPPORTED,
    Cause.TLS_SILENT_AFTER_CLIENT_HELLO,
    Cause.WRONG_PROTOCOL,
}
"""What a client sees of the wrong port or protocol."""

WRONG_SINK_LISTENER = Explains(
    WRONG_LISTENER
    | {
        Cause.CLICKHOUSE_NATIVE_PORT,
        Cause.CLICKHOUSE_NOT_CLICKHOUSE,
        Cause.HTTP_MALFORMED,
        Cause.HTTP_ERROR,
        Cause.HTTP_SILENT,
    },
    frozenset({Kind.CLICKHOUSE_HTTPS}),
)
"""What ClickHouse's listener makes of a wrong port or ssl setting."""

WRONG_SINK_HOST = Explains(
    frozenset({Cause.DNS_NXDOMAIN, Cause.DNS_NO_ADDRESS}), frozenset({Kind.CLICKHOUSE_HTTPS})
)
"""What comes of a hostname setting that is no host name."""

WRONG_KAFKA_LISTENER = Explains(
    WRONG_LISTENER
    | {
        Cause.TLS_CLIENT_CERTIFICATE_WANTED,
        Cause.KAFKA_SASL_REQUIRED,
        Cause.KAFKA_SASL_NOT_ENABLED,
        Cause.KAFKA_SASL_MECHANISM,
        Cause.KAFKA_SILENT,
        Cause.KAFKA_MALFORMED,
    },
    BROKERS,
)
"""What a broker's listener makes of the wrong authentication, encryption or port."""

SETTINGS_PROBLEMS = (
    Problem(
        Cause.SETTING_WRONG,
        "a setting of the connector cannot work as it is written",
        "Write it as the finding says, and update the connector's configuration.",
    ),
    Problem(
        Cause.SETTING_MISSING,
        "a setting that the connector needs is missing",
        "Add the line that the finding gives to the connector's or to the worker's configuration.",
    ),
    Problem(
        Cause.SETTING_IGNORED,
        "this setting has no effect",
        "Remove it, or write it in the place and under the name that is read.",
    ),
    Problem(
        Cause.SETTING_RISKY,
        "a setting that works, and not always",
        "Change it as the finding says, unless it is meant like that.",
    ),
    Problem(
        Cause.SETTINGS_CONTRADICT,
        "settings that contradict each other or the cluster",
        "Bring authentication, encryption and port into agreement. MSK Connect cannot change them later: "
        "recreate the connector.",
    ),
)


def connector(ctx: Context) -> Connector:
    """The connector of this run.

    Raises Skip when none was named, PrerequisiteFailed when it could not be read.
    """
    known: Pipeline = ctx.get(facts.pipeline)
    if known.connector is not None:
        return known.connector
    told = [
        one for one in known.missing if one.action.startswith("kafkaconnect:") or one.what == "the connector"
    ]
    if told:
        raise PrerequisiteFailed(f"the connector's configuration is not known: {told[0].reason}")
    raise Skip("no connector was named: give --connector or --connector-config")


def configured(ctx: Context) -> Connector:
    """The connector of this run, its settings known. Raises FactUnavailable, once for all, where a list told
    of it and its settings could not be read: none of them is missing for that.
    """
    return ctx.get(_with_settings)


def _with_settings(ctx: Context) -> Connector:
    found, known = connector(ctx), ctx.get(facts.pipeline)
    told = next((one for one in known.missing if one.what == "the connector"), None)
    if found.settings or told is None:
        return found
    reason = f"the settings of {found.name} are not known: {told.reason}"
    raise FactUnavailable(reason, told.action or None)


def sink(ctx: Context) -> tuple[Connector, Sink]:
    """The connector and its settings as the task reads them. Raises Skip for another connector's."""
    found = configured(ctx)
    if not is_sink(found.settings):
        kind = found.settings.get("connector.class", "no connector.class")
        raise Skip(f"only the ClickHouse sink's settings are known ({CLASS}), this is {shown(kind)}")
    return found, read(found.settings)


def not_read(ctx: Context, text: str, *about: str) -> Finding | None:
    """An `unknown` for what could not be read from AWS, None where nothing is missing.

    `about` are the IAM actions that return it, and what Missing calls it (or how that begins): a call that
    failed for another reason than a missing permission names no action.
    """
    known: Pipeline = ctx.get(facts.pipeline)
    for one in known.missing:
        if one.action in about or one.what.startswith(about):
            told = f"{text}: {one.reason}"
            if one.action and one.action not in told:
                told += f" (needs {one.action})"
            needed = (one.action,) if one.action else ()
            return Finding(
                Status.UNKNOWN, told, Cause.FACT_UNAVAILABLE, Layer.AWS, missing_permissions=needed
            )
    return None


def worker_unknown(ctx: Context, what: str) -> Finding | None:
    """The same, where the worker configuration could not be read."""
    return not_read(ctx, what, "kafkaconnect:DescribeWorkerConfiguration", "the worker configuration")


def unknown(text: str, settings: Mapping[str, str]) -> Finding:
    """An `unknown` for what the settings alone do not tell."""
    return Finding(Status.UNKNOWN, text, Cause.FACT_UNAVAILABLE, Layer.CONFIG, {"settings": dict(settings)})


def fine(text: str, settings: Mapping[str, str] | None = None) -> Finding:
    return Finding(Status.PASS, text, None, Layer.CONFIG, {"settings": dict(settings or {})})


def wrong(
    subject: Connector,
    code: str,
    cause: Cause,
    text: str,
    fix: str | Fix | None = None,
    settings: Mapping[str, str] | None = None,
    explains: tuple[Explains, ...] | None = None,
) -> Finding:
    """A failure for which the connector's configuration is to blame. `fix` is the line to write instead."""
    return _told(Status.FAIL, subject, code, cause, text, fix, settings or {}, explains)


def doubtful(
    subject: Connector,
    code: str,
    cause: Cause,
    text: str,
    fix: str | Fix | None = None,
    settings: Mapping[str, str] | None = None,
    explains: tuple[Explains, ...] | None = None,
) -> Finding:
    """The same as a warning: it works, or may work, and not as well as it looks."""
    return _told(Status.WARN, subject, code, cause, text, fix, settings or {}, explains)


def _told(
    status: Status,
    subject: Connector,
    code: str,
    cause: Cause,
    text: str,
    fix: str | Fix | None,
    settings: Mapping[str, str],
    explains: tuple[Explains, ...] | None,
) -> Finding:
    fixes = (Fix("properties", fix) if isinstance(fix, str) else fix,) if fix is not None else ()
    evidence: dict[str, Json] = {"connector": subject.name, "settings": dict(settings)}
    return Finding(
        status,
        text,
        cause,
        Layer.CONFIG,
        evidence,
        code=code,
        components=(subject.name,),
        fixes=fixes,
        explains=explains,
    )


def given(subject: Connector, *names: str) -> dict[str, str]:
    """Those of these settings that are there, to be shown as evidence."""
    return {name: subject.settings[name] for name in names if name in subject.settings}


def shown(text: str) -> str:
    """A setting's value in a sentence: on one line, what cannot be seen escaped, and not without end."""
    line = "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)
    return line if len(line) <= LONGEST_SHOWN else line[: LONGEST_SHOWN - 3] + "..."


def listed(names: Iterable[str]) -> str:
    """Several names in a sentence: `a, b and c`."""
    every = list(dict.fromkeys(names))
    return " and ".join([", ".join(every[:-1]), every[-1]]) if len(every) > 1 else "".join(every)


def worker_setting(subject: Connector, name: str) -> str | None:
    """A property of the worker configuration; None where it is not set, or which there is is not known."""
    worker = subject.worker_configuration
    return worker.properties.get(name) if worker else None


def visible(text: str) -> str:
    """The text without blanks at its ends, and without what takes no room anywhere (zero-width spaces, marks
    of direction: Unicode's format characters).
    """
    return "".join(sign for sign in text if unicodedata.category(sign) != "Cf").strip()


def in_code(name: str) -> str:
    """A setting's name as a part of a code: `ssl.truststore.location` -> `SSL_TRUSTSTORE_LOCATION`."""
    return re.sub(r"[^A-Z0-9]+", "_", visible(name).upper()).strip("_")


def whole(text: str) -> int | None:
    """A whole number as Kafka's ConfigDef reads it, blanks around it or not; None for anything else."""
    return int(text) if re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", text) else None


def is_on(text: str) -> bool:
    """A truth value as Kafka's ConfigDef reads it."""
    return text.strip().lower() == "true"


def consumer_number(subject: Connector, name: str) -> int | None:
    """A number above 0 among the consumer's settings: the connector's override, else the worker's."""
    override = subject.settings.get(f"consumer.override.{name}")
    value = override if override is not None else worker_setting(subject, f"consumer.{name}")
    number = whole(value) if value is not None else None
    return number if number and number > 0 else None

"""What lines of a worker's log mean. Pure: from lines with their times to what they show.

One table of signatures. Of a line only what matched is kept, and a little of what follows, with its secrets
out: a worker log holds whole configurations.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from statistics import median

from netcheck.core.model import Cause
from netcheck.pipeline.clickhouse_sink import TIMEOUT_SECONDS
from netcheck.pipeline.redaction import public

MOST_TAIL = 200
MOST_LINES = 5000
FAST_SECONDS = 2.0
SILENT_SHARE = 0.8
"""Pings that follow each other faster were answered, by a refusal, a reset or an error in DNS or TLS: the
loop has no pause. Those that take most of timeoutSeconds were answered by nobody
(ClickHouseHelperClient.ping of clickhouse-kafka-connect)."""

TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,6}))?(Z|[+-]\d\d:?\d\d)?")
WORKER = re.compile(r"\[Worker-([0-9a-fA-F]+)\]")
TASK = re.compile(r"\[([^\[\]|]+)\|task-(\d+)[^\]]*\]")
QUERY = re.compile(r"\?\S+")
AWS_PORT = re.compile(r"(\.amazonaws\.com(?:\.cn)?):443")
"""Left out: `secretsmanager...:443` would look like a secret and its value."""
HOW = r"failed: ([Cc]onnect\w* [a-z ]+)"


class Shows(StrEnum):
    """How a line is to be taken: a failure, something to look at, or a sign that all went well."""

    FAILURE = "failure"
    DOUBT = "doubt"
    HEALTHY = "life"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a log: seconds since 1970 (None where it has no time), which worker's task it is of, its
    text. `connector` is the name in it, "" where it has none.
    """

    time: float | None
    worker: str
    connector: str
    text: str


@dataclass(frozen=True, slots=True)
class Signature:
    """A known line. `topic` is what it is about: checks/log_confirmations.py names the checks that look at it
    live. One of `terms` is in every such line.
    """

    name: str
    pattern: re.Pattern[str]
    shows: Shows
    meaning: str
    cause: Cause | None = None
    topic: str = ""
    tail: bool = False
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A signature that was found: how often, the last of its lines, and when the first and the last was."""

    signature: Signature
    lines: tuple[Line, ...]
    groups: tuple[str, ...]

    @property
    def last(self) -> float | None:
        return max((line.time for line in self.lines if line.time is not None), default=None)


def _known(
    name: str,
    pattern: str,
    meaning: str,
    cause: Cause | None = Cause.WORKER_LOG_ERROR,
    topic: str = "",
    *,
    shows: Shows = Shows.FAILURE,
    tail: bool = False,
    term: str = "",
) -> Signature:
    terms = tuple(term.split("|")) if term else ()
    return Signature(name, re.compile(pattern), shows, meaning, cause, topic or name, tail, terms)


SIGNATURES: tuple[Signature, ...] = (
    _known(
        "started",
        r"ClickHouse URL: (https?)://([^:/\s]+):(\d+)",
        "the task starts",
        None,
        shows=Shows.HEALTHY,
        term="ClickHouse URL",
    ),
    _known(
        "ping-ok",
        r"Ping was successful",
        "ClickHouse answers",
        None,
        shows=Shows.HEALTHY,
        term="Ping was successful",
    ),
    _known(
        "plain-to-tls",
        r"ClickHouse URL: http://([^:/\s]+):(8443|443)\b",
        "the task speaks plain HTTP to a TLS port: ssl is not true",
        Cause.PLAINTEXT_ON_TLS_PORT,
        "plain-to-tls",
        term="ClickHouse URL",
    ),
    _known(
        "no-response",
        r"failed to respond, server ClickHouseNode \[uri=http://([^/\]\s]+)",
        "the task speaks plain HTTP to a TLS port: ssl is not true",
        Cause.PLAINTEXT_ON_TLS_PORT,
        "plain-to-tls",
        term="failed to respond",
    ),
    _known(
        "tls-to-plain",
        r"Unsupported or unrecognized SSL message",
        "the task speaks TLS to a plain port",
        Cause.TLS_NOT_SUPPORTED,
        "clickhouse",
        term="unrecognized SSL message",
    ),
    _known(
        "ping-retry",
        r"Ping retry (\d+) out of (\d+)",
        "ClickHouse does not answer the ping",
        topic="clickhouse",
        term="Ping retry",
    ),
    _known(
        "ping-failed",
        r"Unable to ping ClickHouse instance",
        "ClickHouse did not answer any ping: DNS, TCP or TLS; the sink does not say which",
        topic="clickhouse",
        term="Unable to ping",
    ),
    _known(
        "state-ping-failed",
        r"Unable to ping Clickhouse server\.",
        "the connection that keeps the state did not answer; the `Ping is successful.` after it is not true",
        term="Unable to ping",
    ),
    _known(
        "no-version",
        r"Unable to determine ClickHouse server version",
        "the ping worked and the first query did not: mostly a wrong user or password",
        term="Unable to determine ClickHouse server version",
    ),
    _known(
        "no-tables",
        r"Did not find any tables in destination",
        "the database has no table that the user sees",
        Cause.CLICKHOUSE_NO_TABLES,
        term="Did not find any tables",
    ),
    _known(
        "aws-connect",
        r"Connect to (?:https://)?([\w.-]+\.amazonaws\.com(?:\.cn)?) \[([^\]]+)\] " + HOW,
        "an AWS service does not answer the workers",
        Cause.TIMED_OUT,
        "aws",
        term="amazonaws.com",
    ),
    _known(
        "connect",
        r"Connect to https?://(?![\w.-]*\.amazonaws\.com)([\w.-]+)(?::\d+)? \[([^\]]+)\] " + HOW,
        "ClickHouse cannot be connected to",
        Cause.TIMED_OUT,
        "clickhouse",
        term="failed: ",
    ),
    _known(
        "unknown-host",
        r"UnknownHostException: ([\w.-]+)",
        "the workers' name servers do not know the name",
        Cause.DNS_NXDOMAIN,
        term="UnknownHostException",
    ),
    _known(
        "untrusted",
        r"PKIX path building failed|unable to find valid certification path",
        "the certificate's issuer is not one that the workers trust",
        Cause.TLS_UNTRUSTED,
        term="PKIX path building failed|valid certification path",
    ),
    _known(
        "keeper-map",
        r"KeeperMap is disabled|keeper_map_path_prefix",
        "exactlyOnce=true, and this ClickHouse has no KeeperMap",
        Cause.SETTING_RISKY,
        term="KeeperMap is disabled|keeper_map_path_prefix",
    ),
    _known(
        "iam-denied",
        r"\[[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\]: Access denied",
        "IAM denies the workers' role the connection to the cluster",
        Cause.KAFKA_ACCESS_DENIED,
        term="Access denied",
    ),
    _known(
        "too-many-connects",
        r"Too many connects",
        "the brokers limit new IAM connections",
        Cause.KAFKA_TOO_MANY_CONNECTS,
        term="Too many connects",
    ),
    _known(
        "mechanisms",
        r"enabled mechanisms are \[([^\]]*)\]",
        "the port belongs to another authentication",
        Cause.KAFKA_SASL_MECHANISM,
        "kafka",
        term="enabled mechanisms are",
    ),
    _known(
        "scram-refused",
        r"invalid credentials with SASL mechanism (\S+)",
        "the brokers refuse user or password",
        Cause.KAFKA_AUTH,
        term="invalid credentials",
    ),
    _known(
        "node-assignment",
        r"Timed out waiting for a node assignment",
        "the workers do not reach the brokers, or cannot log in",
        topic="kafka",
        term="node assignment",
    ),
    _known(
        "describe-cluster",
        r"Failed to connect to and describe Kafka cluster",
        "the workers do not reach the brokers, or cannot log in: its Caused by says which",
        topic="kafka",
        term="describe Kafka cluster",
    ),
    _known(
        "unauthorized",
        r"((?:Topic|Group|Cluster|TransactionalId)AuthorizationException)",
        "the workers' role may not use a topic or group",
        Cause.KAFKA_ACCESS_DENIED,
        tail=True,
        term="AuthorizationException",
    ),
    _known(
        "heap",
        r"OutOfMemoryError: Java heap space",
        "out of memory; in a Kafka client's thread it means plain text spoken to a TLS port",
        shows=Shows.DOUBT,
        topic="kafka",
        term="OutOfMemoryError",
    ),
    _known(
        "no-credentials",
        r"Failed to find AWS IAM Credentials",
        "the IAM login finds no credentials: mostly sts.amazonaws.com, which no regional endpoint serves",
        topic="aws",
        tail=True,
        term="Failed to find AWS IAM Credentials",
    ),
    _known(
        "no-region",
        r"Unable to load region from any of the providers",
        "a converter or provider was given no Region",
        Cause.SETTING_MISSING,
        term="Unable to load region",
    ),
    _known(
        "no-class",
        r"Failed to find any class that implements Connector",
        "connector.class is not in the plugin, or is written with something invisible",
        Cause.SETTING_WRONG,
        term="Failed to find any class",
    ),
    _known(
        "no-library",
        r"NoClassDefFoundError: (\S+)",
        "the plugin lacks a library",
        Cause.PLUGIN_UNUSABLE,
        term="NoClassDefFoundError",
    ),
    _known(
        "load-balancer",
        r"upstream connect error or disconnect/reset before headers",
        "a load balancer before ClickHouse has no healthy backend",
        Cause.HTTP_LOAD_BALANCER,
        term="upstream connect error",
    ),
    _known(
        "state-mismatch",
        r"State mismatch for topic",
        "the state in KeeperMap is of other offsets: two connectors with one zkPath, or a recreated topic",
        Cause.SETTING_RISKY,
        term="State mismatch",
    ),
    _known(
        "retry-unit",
        r"errors\.retry\.timeout is too low",
        "errors.retry.timeout is in milliseconds",
        Cause.SETTING_RISKY,
        shows=Shows.DOUBT,
        term="errors.retry.timeout",
    ),
    _known(
        "stale-connection",
        r"NoHttpResponseException|Unexpected end of file from server",
        "a kept connection had been dropped: harmless where the insert is tried again",
        Cause.CONNECTION_CLOSED,
        shows=Shows.DOUBT,
        term="NoHttpResponseException|Unexpected end of file from server",
    ),
    _known(
        "exception",
        r"Code: (\d+)\. DB::Exception",
        "ClickHouse answers with an exception",
        Cause.CLICKHOUSE_EXCEPTION,
        term="DB::Exception",
    ),
)

CODES: dict[str, tuple[Cause, str, str]] = {
    "81": (Cause.CLICKHOUSE_NO_DATABASE, "the database does not exist", "clickhouse-tables"),
    "60": (Cause.CLICKHOUSE_NO_TABLES, "the table does not exist", "clickhouse-tables"),
    "516": (
        Cause.CLICKHOUSE_AUTH,
        "ClickHouse refuses the user or the password",
        "clickhouse-login",
    ),
    "194": (Cause.CLICKHOUSE_AUTH, "the user needs a password", "clickhouse-login"),
    "195": (Cause.CLICKHOUSE_AUTH, "the user may not come from this address", "clickhouse-login"),
    "497": (Cause.CLICKHOUSE_EXCEPTION, "the user lacks a grant", "clickhouse-tables"),
}
"""ClickHouse's error codes that say something of the pipeline (src/Common/ErrorCodes.cpp)."""

BY_FIRST = frozenset({"exception", "connect", "aws-connect", "unknown-host"})
"""Signatures that count apart for each code or host."""

OF_PING = frozenset(
    {"ping-retry", "ping-failed", "state-ping-failed", "connect", "unknown-host", "no-version"}
)
"""What is past when a later ping succeeds."""


def lines(text: str, time: float | None = None) -> Iterator[Line]:
    """Of a text of several lines, those that a signature knows, cut to what matters and without secrets.

    A line's own time wins over `time`; a line without any has that of the line before it.
    """
    last, worker, connector = time, "", ""
    for raw in text.splitlines():
        if (own := _time(raw)) is not None:
            last, worker, connector = own, "", ""
        worker = found[1] if (found := WORKER.search(raw)) else worker
        if task := TASK.search(raw):
            worker, connector = f"{worker}|{task[2]}", task[1]
        kept = _kept(raw)
        if kept:
            yield Line(last, worker, connector, kept)


def matches(found: Iterable[Line]) -> tuple[Match, ...]:
    """What the lines show: one Match a signature, or one for each code or host that it names."""
    groups: dict[tuple[str, str], list[tuple[Line, tuple[str, ...], Signature]]] = {}
    for line in found:
        for signature in SIGNATURES:
            if hit := signature.pattern.search(line.text):
                texts = tuple(group or "" for group in hit.groups())
                key = texts[0] if signature.name in BY_FIRST else ""
                groups.setdefault((signature.name, key), []).append((line, texts, _special(signature, texts)))
    return tuple(
        Match(hits[-1][2], tuple(line for line, _, _ in hits), hits[-1][1]) for hits in groups.values()
    )


def pause(found: Sequence[Line], timeout: int | None = None) -> tuple[float, bool | None] | None:
    """How many seconds lay between pings of one task, and whether that is silence: True where nobody
    answered, False where something did at once, None where it cannot be told. None without two pings.
    """
    pattern = next(one.pattern for one in SIGNATURES if one.name == "ping-retry")
    earlier: dict[str, tuple[int, float]] = {}
    gaps: list[float] = []
    for line in found:
        hit = pattern.search(line.text)
        if hit is None or line.time is None:
            continue
        number, before = int(hit[1]), earlier.get(line.worker)
        if before and number == before[0] + 1:
            gaps.append(line.time - before[1])
        earlier[line.worker] = (number, line.time)
    if not gaps:
        return None
    gap = median(gaps)
    if gap >= SILENT_SHARE * (timeout if timeout else TIMEOUT_SECONDS):
        return gap, True
    return gap, False if gap < FAST_SECONDS else None


def resolved(found: Iterable[Line]) -> dict[str, tuple[str, ...]]:
    """The addresses that the *workers* got for a name, as connection errors tell them: `[name/10.0.0.1]`."""
    told: dict[str, dict[str, None]] = {}
    for match in matches(found):
        if match.signature.name not in ("connect", "aws-connect"):
            continue
        for part in match.groups[1].split(","):
            name, slash, address = part.strip().rpartition("/")
            host = (name if slash and name else match.groups[0]).lower()
            told.setdefault(host, {})[address.strip()] = None
    return {host: tuple(addresses) for host, addresses in told.items()}


def filter_pattern() -> str:
    """The signatures' words as a filter of CloudWatch Logs: a line that has any of them
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html).
    """
    return " ".join(dict.fromkeys(f'?"{term}"' for one in SIGNATURES for term in one.terms))


def _special(signature: Signature, texts: tuple[str, ...]) -> Signature:
    """What a code, a host or an error's words add to the signature."""
    match signature.name, texts:
        case "exception", (code, *_) if code in CODES:
            cause, meaning, topic = CODES[code]
            return replace(signature, cause=cause, meaning=f"code {code}: {meaning}", topic=topic)
        case "exception", (code, *_):
            return replace(signature, meaning=f"ClickHouse answers with code {code}")
        case (("connect" | "aws-connect"), (host, _, how)):
            refused = "refused" in how
            cause = Cause.CONNECTION_REFUSED if refused else Cause.TIMED_OUT
            said = "is refused" if refused else "gets no answer"
            extra = " (only the regional name is private)" if host == "sts.amazonaws.com" else ""
            return replace(
                signature, cause=cause, meaning=f"a connection of the workers to {host} {said}{extra}"
            )
        case "unknown-host", (host, *_):
            return replace(signature, meaning=f"the workers' name servers do not know {host}")
        case "no-library", (name, *_):
            return replace(signature, meaning=f"the plugin lacks {name}")
    return signature


def _kept(raw: str) -> str:
    """What a line says that a signature knows, "" where none does."""
    raw = AWS_PORT.sub(r"\1", raw)
    hits = [(signature, hit) for signature in SIGNATURES if (hit := signature.pattern.search(raw))]
    if not hits:
        return ""
    start = min(hit.start() for _, hit in hits)
    end = max(hit.end() + (MOST_TAIL if signature.tail else 0) for signature, hit in hits)
    return QUERY.sub("?***", public({"line": raw[start:end]})["line"])


def _time(raw: str) -> float | None:
    found = TIME.search(raw[:80])
    if found is None:
        return None
    zone = (found[4] or "Z").replace("Z", "+00:00")
    try:
        fraction = (found[3] or "0").ljust(6, "0")
        return datetime.fromisoformat(f"{found[1]}T{found[2]}.{fraction}{zone}").timestamp()
    except ValueError:  # the 31st of February
        return None


def clock(time: float) -> str:
    """A line's time, as one reads it."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%SZ")

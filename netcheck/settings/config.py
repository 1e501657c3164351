"""What a run is asked to do: read once, from arguments, a YAML file or a Lambda event, and frozen.

`OPTIONS` is the one list of what `netcheck run` takes: the command line, the keys of `--config` and the keys
of an event are all made from it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from netcheck.core.arn import parse_arn
from netcheck.core.credentials import ClickHouseLogin, CloudKey, KafkaLogin, Trust
from netcheck.core.hostport import EndpointError, Url, parse_endpoint, parse_url, shown
from netcheck.core.model import Security
from netcheck.core.secret import Scrubber
from netcheck.settings.history_location import Place, parse_place

DEADLINE_SECONDS = 60.0
TIMEOUT_SECONDS = 5.0
CLOUD_API = "https://api.clickhouse.cloud"
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "AWS_MSK_IAM", "OAUTHBEARER")
FORMATS = ("table", "json", "junit", "markdown", "html", "prometheus", "github")
WATCHED = ("table", "json")
"""Formats that changes are printed in."""
COMPARED = ("table", "json", "markdown")
"""Formats that have a place for what changed since a baseline."""


class UsageError(Exception):
    """What was asked cannot be done as asked: one line says what, where and how to mend it. Exit code 2."""


@dataclass(frozen=True, slots=True)
class Config:
    """One run's settings, validated. Seconds are wall-clock seconds."""

    connector: str | None = None
    cluster: str | None = None
    connector_config: str | None = None
    worker_log: str | None = None
    bootstrap: tuple[tuple[str, int], ...] = ()
    security_protocol: Security | None = None
    sasl_mechanism: str | None = None
    ca: str | None = None
    clickhouse: Url | None = None
    clickhouse_native: tuple[str, int] | None = None
    aws_service: tuple[str, ...] = ()
    source_subnet: tuple[str, ...] = ()
    source_security_group: tuple[str, ...] = ()
    snapshot: str | None = None
    region: str | None = None
    profile: str | None = None
    credentials: str | None = None
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    deadline: float = DEADLINE_SECONDS
    timeout: float = TIMEOUT_SECONDS
    strict: bool = False
    plugins: str | None = None
    format: str = "table"
    output: str | None = None
    record: str | None = None
    replay: str | None = None
    watch: float | None = None
    baseline: str | None = None
    history: Place | None = None
    quiet: bool = False
    verbose: bool = False
    no_color: bool = False
    trust: Trust = field(default_factory=Trust)
    kafka_login: KafkaLogin | None = None
    clickhouse_login: ClickHouseLogin | None = None
    cloud_key: CloudKey | None = None
    cloud_api: str = CLOUD_API
    history_login: ClickHouseLogin | None = None

    def scrubber(self) -> Scrubber:
        """Blots out every secret this configuration knows of."""
        logins = (self.kafka_login and self.kafka_login.password, self.trust.password)
        clickhouse = self.clickhouse_login and self.clickhouse_login.password
        cloud = self.cloud_key and self.cloud_key.secret
        history = self.history_login and self.history_login.password
        ours = [secret.reveal() for secret in (*logins, clickhouse, cloud, history) if secret]
        aws = [os.environ.get(name, "") for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")]
        return Scrubber([*ours, *aws])


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that `run` takes. `read` turns what was given into the setting, or raises ValueError."""

    name: str
    metavar: str
    help: str
    read: Callable[[object], object]
    group: str
    many: bool = False
    choices: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


def text(given: object) -> str:
    if not isinstance(given, str) or not given.strip() or "\0" in given:
        raise ValueError("a text is wanted")
    return given.strip()


def switch(given: object) -> bool:
    if not isinstance(given, bool):
        raise ValueError("true or false is wanted")
    return given


def seconds(given: object) -> float:
    try:
        value = float(given) if isinstance(given, (str, int, float)) and not isinstance(given, bool) else -1.0
    except (ValueError, OverflowError):
        value = -1.0
    if not 0 < value <= 3600:
        raise ValueError("give seconds, more than 0 and at most 3600")
    return value


def interval(given: object) -> float:
    """Seconds between the starts of two runs."""
    try:
        value = float(given) if isinstance(given, (str, int, float)) and not isinstance(given, bool) else -1.0
    except (ValueError, OverflowError):
        value = -1.0
    if not 1 <= value <= 86400:
        raise ValueError("give seconds from one start to the next, from 1 to 86400")
    return value


def texts(given: object) -> tuple[str, ...]:
    """Several texts: a list, or one text with commas between them."""
    items = given if isinstance(given, (list, tuple)) else [given]
    parts = [part.strip() for item in items for part in text(item).split(",")]
    return tuple(dict.fromkeys(part for part in parts if part))


def identifiers(prefix: str) -> Callable[[object], tuple[str, ...]]:
    """Reads AWS ids of one kind."""

    def read(given: object) -> tuple[str, ...]:
        found = texts(given)
        for name in found:
            if not name.startswith(prefix):
                raise ValueError(f"{shown(name)}: an id that begins with {prefix} is wanted")
        return found

    return read


def endpoints(given: object) -> tuple[tuple[str, int], ...]:
    return tuple(dict.fromkeys(parse_endpoint(item) for item in texts(given)))


def named(service: str) -> Callable[[object], str]:
    """Reads an ARN of one service, or a name, which has no colon."""

    def read(given: object) -> str:
        value = text(given)
        arn = parse_arn(value)
        if (arn and arn.service != service) or (not arn and (":" in value or "/" in value)):
            raise ValueError(
                f"{shown(value)}: a name is wanted, or an ARN that begins with arn:aws:{service}:REGION:"
            )
        return value

    return read


def one_of(*allowed: str) -> Callable[[object], str]:
    def read(given: object) -> str:
        value = text(given)
        if value not in allowed:
            raise ValueError(f"{shown(value)}: one of {', '.join(allowed)} is wanted")
        return value

    return read


OPTIONS: tuple[Option, ...] = (
    Option(
        "connector",
        "ARN|NAME",
        "the MSK Connect connector: everything else is found from it, unless it is given as well",
        named("kafkaconnect"),
        "targets",
    ),
    Option("cluster", "ARN|NAME", "the MSK cluster", named("kafka"), "targets"),
    Option(
        "connector_config",
        "FILE",
        "a connector's settings: .properties, or JSON as aws kafkaconnect describe-connector prints it",
        text,
        "targets",
    ),
    Option(
        "worker_log",
        "FILE",
        "a worker's log that was saved (default: the connector's log group in CloudWatch Logs)",
        text,
        "targets",
    ),
    Option("bootstrap", "HOST:PORT,...", "Kafka bootstrap brokers", endpoints, "targets", many=True),
    Option(
        "security_protocol",
        "NAME",
        "how the brokers are spoken to: SSL, SASL_SSL, PLAINTEXT or SASL_PLAINTEXT (default: by MSK's port, "
        "SSL for any other)",
        lambda given: Security(one_of(*Security)(given)),
        "targets",
        choices=tuple(Security),
    ),
    Option(
        "sasl_mechanism",
        "NAME",
        f"the SASL mechanism: {', '.join(MECHANISMS)} (default: by MSK's port)",
        one_of(*MECHANISMS),
        "targets",
        choices=MECHANISMS,
    ),
    Option(
        "ca",
        "FILE",
        "trust store with the CAs to trust instead of the system's: PEM, PKCS12 or JKS",
        text,
        "targets",
    ),
    Option(
        "clickhouse",
        "URL",
        "ClickHouse's HTTP interface: https://[user@]host:8443[/database]",
        lambda g: parse_url(text(g)),
        "targets",
    ),
    Option(
        "clickhouse_native",
        "HOST:PORT",
        "ClickHouse's native interface: host:9440 (TLS), host:9000 (plain)",
        lambda g: parse_endpoint(text(g)),
        "targets",
    ),
    Option(
        "aws_service",
        "NAME",
        "AWS services the connector uses: secretsmanager, glue, sts, ... or a https:// URL",
        texts,
        "targets",
        many=True,
    ),
    Option(
        "source_subnet",
        "ID",
        "the subnets of the workers: also check the way from there as AWS is configured",
        identifiers("subnet-"),
        "aws",
        many=True,
    ),
    Option(
        "source_security_group",
        "ID",
        "the security groups of the workers",
        identifiers("sg-"),
        "aws",
        many=True,
    ),
    Option(
        "snapshot", "DIR", "AWS configuration saved by netcheck snapshot, instead of asking AWS", text, "aws"
    ),
    Option("region", "NAME", "AWS Region (default: AWS_REGION, AWS_DEFAULT_REGION)", text, "aws"),
    Option("profile", "NAME|ARN", "AWS profile, or the ARN of a role to assume", text, "aws"),
    Option("credentials", "FILE", "YAML file with the logins, by the keys listed below", text, "targets"),
    Option("only", "GLOB", "run only these checks (tls.*)", texts, "run", many=True),
    Option("skip", "GLOB", "leave these checks out", texts, "run", many=True),
    Option(
        "deadline", "SECONDS", f"the whole run ends by then (default {DEADLINE_SECONDS:g})", seconds, "run"
    ),
    Option(
        "timeout", "SECONDS", f"the longest wait for one answer (default {TIMEOUT_SECONDS:g})", seconds, "run"
    ),
    Option("strict", "", "exit 1 on warnings too", switch, "run"),
    Option("plugins", "DIR", "also load the checks in the .py files of this folder", text, "run"),
    Option(
        "format",
        "NAME",
        f"{', '.join(FORMATS)} (default table)",
        one_of(*FORMATS),
        "output",
        choices=FORMATS,
    ),
    Option("output", "FILE", "write the report there instead of standard output", text, "output"),
    Option(
        "record",
        "FILE",
        "keep every observation of this run in one file (.json or .json.gz), without secrets",
        text,
        "output",
    ),
    Option("replay", "FILE", "judge a recorded run again, with no network", text, "output"),
    Option(
        "watch",
        "SECONDS",
        "run again and again, from start to start, and print what changes",
        interval,
        "run",
    ),
    Option(
        "baseline",
        "FILE",
        "also tell what changed since this report (--format json) or recording (--record)",
        text,
        "output",
    ),
    Option(
        "history",
        "URL|FILE",
        "append the results to a file of JSON lines, or to clickhouse://[user@]host[:port]/database",
        lambda g: parse_place(text(g)),
        "output",
    ),
    Option("quiet", "", "of the table, print root causes and nothing else", switch, "output"),
    Option("verbose", "", "after the table, print every result with its evidence", switch, "output"),
    Option("no_color", "", "no colours, also on a terminal (NO_COLOR does the same)", switch, "output"),
)
BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}


def settings(
    given: Mapping[str, object], where: Callable[[str], str], options: Mapping[str, Option] = BY_NAME
) -> dict[str, object]:
    """The settings in what was given, by option name. `where(name)` says in an error where a value stands."""
    found: dict[str, object] = {}
    for name, value in given.items():
        try:
            found[name] = options[name].read(value)
        except EndpointError as error:
            raise UsageError(f"{where(name)}: {error}") from None
        except ValueError as error:
            raise UsageError(f"{where(name)}: {error}") from None
    return found


def build(found: Mapping[str, object], environment: Mapping[str, str]) -> Config:
    """The configuration of these settings, but for the logins (see `logins`). Raises UsageError."""
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or None
    config = Config(**{"region": region, **found})  # type: ignore[arg-type]  # every reader returns its field's type
    if config.replay and config.record:
        raise UsageError("--replay and --record: a replayed run observes nothing new; leave one out")
    _check_output(config)
    if config.source_security_group and not (
        config.source_subnet or config.connector or config.connector_config
    ):
        raise UsageError("--source-security-group: give the workers' subnets as well, --source-subnet")
    for name in ("ca", "credentials", "plugins", "snapshot", "connector_config", "worker_log", "baseline"):
        path = getattr(config, name)
        if path and not config.replay and not _exists(path):
            raise UsageError(f"{BY_NAME[name].flag} {path}: no such file")
    return config


def _check_output(config: Config) -> None:
    """Ways of reporting that contradict each other."""
    if config.watch:
        for name in ("replay", "record", "output"):
            if getattr(config, name):
                raise UsageError(f"--watch and --{name}: many runs, one file; leave one out")
        if config.format not in WATCHED:
            raise UsageError(f"--watch prints changes as {' or '.join(WATCHED)}, not as {config.format}")
    if config.baseline and config.format not in COMPARED:
        raise UsageError(f"--baseline is told in {', '.join(COMPARED)}, not in {config.format}")
    if config.quiet and config.verbose:
        raise UsageError("--quiet and --verbose: leave one out")


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # a name too long, a folder that may not be read
        return False

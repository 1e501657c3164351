"""A run's configuration: read once, from arguments, a YAML file or a Lambda event, and frozen.

`OPTIONS` is the one list of `netcheck run`'s options: the command line, the keys of `--config` and the keys
of an event are all derived from it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from netcheck.core.arn import parse_arn
from netcheck.core.credentials import ClickHouseLogin, CloudKey, KafkaLogin, Trust
from netcheck.core.hostport import Url, parse_endpoint, parse_url, shown
from netcheck.core.model import Security
from netcheck.core.secret import Scrubber
from netcheck.settings.history_location import Place, parse_place

DEADLINE_SECONDS = 60.0
TIMEOUT_SECONDS = 5.0
CLOUD_API = "https://api.clickhouse.cloud"
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "AWS_MSK_IAM", "OAUTHBEARER")
FORMATS = ("table", "json", "junit", "markdown", "html", "prometheus", "github")
WATCHED = ("table", "json")
"""Formats that `--watch` prints changes in."""
COMPARED = ("table", "json", "markdown")
"""Formats that show the changes since a baseline."""


class UsageError(Exception):
    """Wrong usage or configuration. The message is one line: what is wrong, where, the fix. Exit code 2."""


@dataclass(frozen=True, slots=True)
class Config:
    """One run's configuration, validated. Times are in wall-clock seconds."""

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
        """Redacts every secret in this configuration."""
        logins = (self.kafka_login and self.kafka_login.password, self.trust.password)
        clickhouse = self.clickhouse_login and self.clickhouse_login.password
        cloud = self.cloud_key and self.cloud_key.secret
        history = self.history_login and self.history_login.password
        ours = [secret.reveal() for secret in (*logins, clickhouse, cloud, history) if secret]
        aws = [os.environ.get(name, "") for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")]
        return Scrubber([*ours, *aws])


@dataclass(frozen=True, slots=True)
class Option:
    """One option of `run`. `read` converts the given value to the setting, or raises ValueError."""

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


class EmptyValue(ValueError):
    """An option or key without a value."""


def text(given: object) -> str:
    if given is None or (isinstance(given, str) and not given.strip()):
        raise EmptyValue
    if not isinstance(given, str):
        raise ValueError("must be a string")
    if "\0" in given:
        raise ValueError("must not contain a NUL character")
    return given.strip()


def switch(given: object) -> bool:
    if not isinstance(given, bool):
        raise ValueError("must be true or false")
    return given


def seconds(given: object) -> float:
    try:
        value = float(given) if isinstance(given, (str, int, float)) and not isinstance(given, bool) else -1.0
    except (ValueError, OverflowError):
        value = -1.0
    if not 0 < value <= 3600:
        raise ValueError("must be a number of seconds, more than 0 and at most 3600")
    return value


def interval(given: object) -> float:
    """Seconds between the starts of two runs."""
    try:
        value = float(given) if isinstance(given, (str, int, float)) and not isinstance(given, bool) else -1.0
    except (ValueError, OverflowError):
        value = -1.0
    if not 1 <= value <= 86400:
        raise ValueError("must be a number of seconds from 1 to 86400")
    return value


def texts(given: object) -> tuple[str, ...]:
    """Several strings: a list, or one string separated by commas."""
    items = given if isinstance(given, (list, tuple)) else [given]
    parts = [part.strip() for item in items for part in text(item).split(",")]
    return tuple(dict.fromkeys(part for part in parts if part))


def identifiers(prefix: str) -> Callable[[object], tuple[str, ...]]:
    """Read AWS ids that start with `prefix`."""

    def read(given: object) -> tuple[str, ...]:
        found = texts(given)
        for name in found:
            if not name.startswith(prefix):
                raise ValueError(f"invalid id {shown(name)}; it must start with {prefix}")
        return found

    return read


def endpoints(given: object) -> tuple[tuple[str, int], ...]:
    return tuple(dict.fromkeys(parse_endpoint(item) for item in texts(given)))


def named(service: str) -> Callable[[object], str]:
    """Read an ARN of one service, or a name, which has no colon."""

    def read(given: object) -> str:
        value = text(given)
        arn = parse_arn(value)
        if (arn and arn.service != service) or (not arn and (":" in value or "/" in value)):
            expected = f"a name, or an ARN that starts with arn:aws:{service}:REGION:"
            raise ValueError(f"invalid value {shown(value)}; give {expected}")
        return value

    return read


def one_of(*allowed: str, what: str = "value") -> Callable[[object], str]:
    """Read one of the allowed strings; `what` names it in an error."""

    def read(given: object) -> str:
        value = text(given)
        if value not in allowed:
            raise ValueError(f"invalid {what} {shown(value)}; choose {', '.join(allowed)}")
        return value

    return read


OPTIONS: tuple[Option, ...] = (
    Option(
        "connector",
        "ARN|NAME",
        "the MSK Connect connector; everything that no other option gives is discovered from it",
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
        "a saved worker log (default: the connector's log group in CloudWatch Logs)",
        text,
        "targets",
    ),
    Option("bootstrap", "HOST:PORT,...", "Kafka bootstrap brokers", endpoints, "targets", many=True),
    Option(
        "security_protocol",
        "NAME",
        "the brokers' security protocol: SSL, SASL_SSL, PLAINTEXT or SASL_PLAINTEXT (default: by MSK's port, "
        "SSL for any other)",
        lambda given: Security(one_of(*Security, what="security protocol")(given)),
        "targets",
        choices=tuple(Security),
    ),
    Option(
        "sasl_mechanism",
        "NAME",
        f"the SASL mechanism: {', '.join(MECHANISMS)} (default: by MSK's port)",
        one_of(*MECHANISMS, what="SASL mechanism"),
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
        "AWS services the connector uses: secretsmanager, glue, sts, ... or an https:// URL",
        texts,
        "targets",
        many=True,
    ),
    Option(
        "source_subnet",
        "ID",
        "the subnets of the workers: also check the path from there through AWS's configuration",
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
    Option("credentials", "FILE", "YAML file with the logins, under the keys listed below", text, "targets"),
    Option("only", "GLOB", "run only these checks (tls.*)", texts, "run", many=True),
    Option("skip", "GLOB", "do not run these checks", texts, "run", many=True),
    Option(
        "deadline", "SECONDS", f"time limit of the whole run (default {DEADLINE_SECONDS:g})", seconds, "run"
    ),
    Option("timeout", "SECONDS", f"time limit of one probe (default {TIMEOUT_SECONDS:g})", seconds, "run"),
    Option("strict", "", "exit 1 on warnings too", switch, "run"),
    Option("plugins", "DIR", "also load the checks in the .py files of this folder", text, "run"),
    Option(
        "format",
        "NAME",
        f"{', '.join(FORMATS)} (default table)",
        one_of(*FORMATS, what="format"),
        "output",
        choices=FORMATS,
    ),
    Option("output", "FILE", "write the report to this file instead of standard output", text, "output"),
    Option(
        "record",
        "FILE",
        "keep every observation of this run in one file (.json or .json.gz), without secrets",
        text,
        "output",
    ),
    Option("replay", "FILE", "evaluate a recorded run again, without a network", text, "output"),
    Option(
        "watch",
        "SECONDS",
        "repeat the run, this long from start to start, and print what changes",
        interval,
        "run",
    ),
    Option(
        "baseline",
        "FILE",
        "also report what changed since this report (--format json) or recording (--record)",
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
    Option("quiet", "", "print only the root causes of the table", switch, "output"),
    Option("verbose", "", "after the table, print every result with its evidence", switch, "output"),
    Option("no_color", "", "no colours, also on a terminal (NO_COLOR does the same)", switch, "output"),
)
BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}


def settings(
    given: Mapping[str, object], where: Callable[[str], str], options: Mapping[str, Option] = BY_NAME
) -> dict[str, object]:
    """The settings in what was given, by option name. `where(name)` is a value's location, for an error."""
    found: dict[str, object] = {}
    for name, value in given.items():
        try:
            found[name] = options[name].read(value)
        except EmptyValue:
            raise UsageError(f"{where(name)} is empty") from None
        except ValueError as error:
            raise UsageError(f"{where(name)}: {error}") from None
    return found


def build(found: Mapping[str, object], environment: Mapping[str, str]) -> Config:
    """The configuration with these settings, without logins (see `read_logins`). Raises UsageError."""
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or None
    config = Config(**{"region": region, **found})  # type: ignore[arg-type]  # every reader returns its field's type
    if config.replay and config.record:
        raise UsageError("--replay and --record: a replay observes nothing new; use only one of them")
    _check_output(config)
    if config.source_security_group and not (
        config.source_subnet or config.connector or config.connector_config
    ):
        raise UsageError("--source-security-group needs the workers' subnets too: add --source-subnet")
    for name in ("ca", "credentials", "plugins", "snapshot", "connector_config", "worker_log", "baseline"):
        path = getattr(config, name)
        if path and not config.replay and not _exists(path):
            raise UsageError(f"{BY_NAME[name].flag} {path}: no such file")
    return config


def _check_output(config: Config) -> None:
    """Raise UsageError for output options that contradict each other."""
    if config.watch:
        for name in ("replay", "record", "output"):
            if getattr(config, name):
                raise UsageError(f"--watch and --{name}: many runs, one file; use only one of them")
        if config.format not in WATCHED:
            raise UsageError(f"--watch prints {' or '.join(WATCHED)}, not {config.format}")
    if config.baseline and config.format not in COMPARED:
        raise UsageError(f"--baseline works with --format {', '.join(COMPARED)}, not {config.format}")
    if config.quiet and config.verbose:
        raise UsageError("--quiet and --verbose: use only one of them")


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # a name that is too long, a folder without read permission
        return False

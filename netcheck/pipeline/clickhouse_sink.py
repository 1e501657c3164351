"""How the ClickHouse sink (clickhouse-kafka-connect) interprets its settings. Pure: no network, no AWS.

The rules are those of the running task, which parses the raw strings itself. The connector's documentation
and Kafka Connect's validation on creation differ from them in places (source: ClickHouseSinkConfig,
ClickHouseHelperClient, KeeperStateProvider and Utils in github.com/ClickHouse/clickhouse-kafka-connect,
versions 1.3 to 1.5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from netcheck.core.secret import HIDDEN
from netcheck.pipeline.config_providers import REFERENCE

CLASS = "com.clickhouse.kafka.connect.ClickHouseSinkConnector"
PORT = 8443
DATABASE = "default"
USER = "default"
TIMEOUT_SECONDS = 30
RETRIES = 3
KEEPER_PATH = "/kafka-connect"
KEEPER_DATABASE = "connect_state"
TIMEOUT_RANGE = range(601)
RETRY_RANGE = range(3, 11)
"""The values of timeoutSeconds and retryCount that ConfigDef accepts; it rejects others on creation."""

PROXY_TYPES = frozenset({"none", "http", "socks", "direct"})
"""Any other proxyType is silently treated as none (ClickHouseSinkConfig)."""

CLOUD = (".clickhouse.cloud", ".clickhouse-staging.com", ".clickhouse-dev.com")
TLS_PORTS = frozenset({443, 8443})
PLAIN_PORTS = frozenset({80, 8123})
NATIVE_PORTS = frozenset({9000, 9440})
"""ClickHouse's ports (https://clickhouse.com/docs/guides/sre/network-ports): HTTPS, HTTP, and the native
protocol, which the sink does not use. Any other port may have any protocol."""

KNOWN = frozenset(
    {
        "bypassFieldCleanup",
        "bypassRowBinary",
        "bypassSchemaValidation",
        "clickhouseSettings",
        "client_version",
        "config.action.reload",
        "connector.class",
        "customInsertFormat",
        "database",
        "dateTimeFormats",
        "dbTopicSplitChar",
        "enableDbTopicSplit",
        "errors.deadletterqueue.context.headers.enable",
        "errors.deadletterqueue.topic.name",
        "errors.deadletterqueue.topic.replication.factor",
        "errors.log.enable",
        "errors.log.include.messages",
        "errors.retry.delay.max.ms",
        "errors.retry.timeout",
        "errors.tolerance",
        "exactlyOnce",
        "header.converter",
        "hostname",
        "ignorePartitionsWhenBatching",
        "insertFormat",
        "jdbcConnectionProperties",
        "keeperOnCluster",
        "key.converter",
        "name",
        "password",
        "port",
        "predicates",
        "proxyHost",
        "proxyPort",
        "proxyType",
        "retryCount",
        "ssl",
        "ssl_socket_sni",
        "suppressTableExistenceException",
        "tableRefreshInterval",
        "tasks.max",
        "timeoutSeconds",
        "tolerateStateMismatch",
        "topic2TableMap",
        "topics",
        "topics.regex",
        "transforms",
        "username",
        "value.converter",
        "zkDatabase",
        "zkPath",
    }
)
"""Settings of the sink and of Kafka Connect's sink connectors, to recognise a misspelt one."""
OTHER_NAMES = {
    "host": "hostname",
    "user": "username",
    "url": "hostname",
    "db": "database",
    "sslEnabled": "ssl",
    "secure": "ssl",
    "batch.size": "consumer.override.max.poll.records",
}
"""Names that other programs use for these settings, and that the sink ignores."""

FILE_OPTIONS = ("sslrootcert", "sslcert", "sslkey", "trust_store")
"""Options of jdbcConnectionProperties that name a file on the worker (clickhouse-java)."""

BARE_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+\]")
_MESSY_HOST = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?(?:[^@/]*@)?([^/:?#\s]+|\[[^\]]+\])(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class Sink:
    """The effective settings of the task. None where a config provider holds the value, or where it is not a
    number; `raw` has the strings.

    `tls` is whether the task's URL is https, None where the settings do not determine it.
    """

    raw: Mapping[str, str]
    hostname: str | None
    port: int | None
    tls: bool | None
    database: str
    username: str
    timeout_seconds: int | None
    retries: int | None
    exactly_once: bool
    client: str
    sni: str
    proxy_type: str
    options: Mapping[str, str]

    @property
    def cloud(self) -> bool:
        """Whether this is a host name of ClickHouse Cloud, which has KeeperMap, and TLS on every port."""
        return (self.hostname or "").lower().rstrip(".").endswith(CLOUD)

    @property
    def url(self) -> str:
        """The start of the URL, as logged by the task (`ClickHouse URL: ...`)."""
        scheme = {True: "https", False: "http", None: "http(s)"}[self.tls]
        return f"{scheme}://{self.hostname or '?'}:{self.port or '?'}"


def is_sink(settings: Mapping[str, str]) -> bool:
    """Whether these are settings of the ClickHouse sink, also where its class is misspelt."""
    return "clickhouse" in settings.get("connector.class", "").lower()


def read(settings: Mapping[str, str]) -> Sink:
    """The settings as the task interprets them.

    Defaults in the code: port 8443, database and user `default`, timeoutSeconds 30, retryCount 3, exactlyOnce
    false, client_version V1, and `ssl` false. ConfigDef and the documentation say that ssl defaults to true,
    but the task calls `getOrDefault("ssl", "false")`. Booleans are parsed by `Boolean.parseBoolean`: `true`
    in upper or lower case is true, everything else is false, also `true` with a trailing space.
    """
    hostname = settings.get("hostname")
    return Sink(
        raw=settings,
        hostname=None if hostname is None or is_reference(hostname) else hostname,
        port=_number(settings, "port", PORT),
        tls=_tls(settings),
        database=settings.get("database", DATABASE),
        username=settings.get("username", USER),
        timeout_seconds=_number(settings, "timeoutSeconds", TIMEOUT_SECONDS),
        retries=_number(settings, "retryCount", RETRIES),
        exactly_once=is_true(settings.get("exactlyOnce", "false")),
        client=settings.get("client_version", "V1"),
        sni=settings.get("ssl_socket_sni", ""),
        proxy_type=settings.get("proxyType", "none").lower(),
        options=options(settings.get("jdbcConnectionProperties", "")),
    )


def is_true(text: str) -> bool:
    """Java's `Boolean.parseBoolean`, which trims nothing."""
    return text.lower() == "true"


def is_reference(text: str) -> bool:
    """Whether a config provider fills in part of this value, so that it is unknown here."""
    return REFERENCE.search(text) is not None


def options(text: str) -> dict[str, str]:
    """The options in jdbcConnectionProperties (`?sslmode=STRICT&...`; the task adds a missing `?`), by name
    in lower case, without those that have no value.
    """
    pairs = (part.partition("=") for part in text.strip().removeprefix("?").split("&"))
    return {unquote(name).strip().lower(): unquote(value) for name, found, value in pairs if found}


def bare(hostname: str) -> tuple[str, str | None]:
    """The host and the port in a `hostname` setting, which may be written as a URL."""
    match = _MESSY_HOST.match(hostname.strip())
    return (match[1], match[2]) if match else (hostname.strip(), None)


def _tls(settings: Mapping[str, str]) -> bool | None:
    ssl, extra = settings.get("ssl", "false"), settings.get("jdbcConnectionProperties", "")
    if is_true(ssl):
        return True
    # The client library interprets an `ssl` option of the URL itself, and a redacted value may contain one.
    unsure = "ssl" in options(extra) or extra == HIDDEN or is_reference(extra) or is_reference(ssl)
    return None if unsure else False


def _number(settings: Mapping[str, str], name: str, default: int) -> int | None:
    """Java's `Integer.parseInt`: an optional sign and digits, nothing else."""
    text = settings.get(name, str(default))
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,9}", text) else None

"""How the ClickHouse sink (clickhouse-kafka-connect) really reads its settings. Pure: no network, no AWS.

The rules are those of the running task, which reads the raw texts itself; what the connector documents, and
what Kafka Connect validates when it is created, differ from them in places (read in the source of
github.com/ClickHouse/clickhouse-kafka-connect, versions 1.3 to 1.5: ClickHouseSinkConfig,
ClickHouseHelperClient, KeeperStateProvider, Utils).
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
"""What ConfigDef accepts of timeoutSeconds and retryCount: anything else is refused on creation."""

PROXY_TYPES = frozenset({"none", "http", "socks", "direct"})
"""Any other proxyType is read as none, without a word (ClickHouseSinkConfig)."""

CLOUD = (".clickhouse.cloud", ".clickhouse-staging.com", ".clickhouse-dev.com")
TLS_PORTS = frozenset({443, 8443})
PLAIN_PORTS = frozenset({80, 8123})
NATIVE_PORTS = frozenset({9000, 9440})
"""ClickHouse's ports (https://clickhouse.com/docs/guides/sre/network-ports): HTTPS, HTTP, and the native
protocol, which the sink does not speak. Any other port may be anything."""

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
"""Settings of the sink and of Kafka Connect's sink connectors, for telling a misspelt one."""
OTHER_NAMES = {
    "host": "hostname",
    "user": "username",
    "url": "hostname",
    "db": "database",
    "sslEnabled": "ssl",
    "secure": "ssl",
    "batch.size": "consumer.override.max.poll.records",
}
"""Names that other programs have for these, and the sink does not read."""

FILE_OPTIONS = ("sslrootcert", "sslcert", "sslkey", "trust_store")
"""Options of jdbcConnectionProperties that name a file on the worker (clickhouse-java)."""

BARE_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+\]")
_MESSY_HOST = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?(?:[^@/]*@)?([^/:?#\s]+|\[[^\]]+\])(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class Sink:
    """The effective settings of the task. None where a config provider holds the value, or it is no number;
    `raw` has the texts.

    `tls` is the scheme of the URL that the task builds: None where it cannot be told from the settings.
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
        """Whether ClickHouse Cloud has this name: it has KeeperMap, and TLS on every port."""
        return (self.hostname or "").lower().rstrip(".").endswith(CLOUD)

    @property
    def url(self) -> str:
        """The start of the URL, as the task logs it (`ClickHouse URL: ...`)."""
        scheme = {True: "https", False: "http", None: "http(s)"}[self.tls]
        return f"{scheme}://{self.hostname or '?'}:{self.port or '?'}"


def is_sink(settings: Mapping[str, str]) -> bool:
    """Whether these settings are of the ClickHouse sink, also where its class is written not quite right."""
    return "clickhouse" in settings.get("connector.class", "").lower()


def read(settings: Mapping[str, str]) -> Sink:
    """The settings as the task reads them.

    Defaults of the code: port 8443, database and user `default`, timeoutSeconds 30, retryCount 3, exactlyOnce
    false, client_version V1, and `ssl` false: ConfigDef declares true and the documentation says so, but the
    task takes `getOrDefault("ssl", "false")`. A truth value is `Boolean.parseBoolean`: true in any case of
    letters, and anything else, also `true` with a blank behind it, is false.
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
    """Java's `Boolean.parseBoolean`: nothing is trimmed."""
    return text.lower() == "true"


def is_reference(text: str) -> bool:
    """Whether a config provider fills in a part of this value, so that it is not known here."""
    return REFERENCE.search(text) is not None


def options(text: str) -> dict[str, str]:
    """The options in jdbcConnectionProperties (`?sslmode=STRICT&...`; the task adds a missing `?`), by name
    in lower case. Names without a value are left out.
    """
    pairs = (part.partition("=") for part in text.strip().removeprefix("?").split("&"))
    return {unquote(name).strip().lower(): unquote(value) for name, found, value in pairs if found}


def bare(hostname: str) -> tuple[str, str | None]:
    """The host in what somebody wrote for it, and the port that stood behind it."""
    match = _MESSY_HOST.match(hostname.strip())
    return (match[1], match[2]) if match else (hostname.strip(), None)


def _tls(settings: Mapping[str, str]) -> bool | None:
    ssl, extra = settings.get("ssl", "false"), settings.get("jdbcConnectionProperties", "")
    if is_true(ssl):
        return True
    # An option `ssl` of the URL is the client's own to interpret, and a starred value may hold one.
    unsure = "ssl" in options(extra) or extra == HIDDEN or is_reference(extra) or is_reference(ssl)
    return None if unsure else False


def _number(settings: Mapping[str, str], name: str, default: int) -> int | None:
    """Java's `Integer.parseInt`: an optional sign and digits, with nothing around them."""
    text = settings.get(name, str(default))
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,9}", text) else None

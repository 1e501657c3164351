"""The location that `--history` appends to: a file, or a table of a ClickHouse server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from netcheck.core.hostport import EndpointError, parse_host, parse_port, shown

TABLE = "netcheck_results"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Names of databases and tables that need no quotes."""
TLS_PORT, PLAIN_PORT = 8443, 8123
PARAMETERS = ("table", "tls", "ca")
SCHEME = "clickhouse://"


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A file of JSON lines."""

    path: str

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True)
class TablePlace:
    """A table, reached over ClickHouse's HTTP interface. `ca` is a trust store instead of the system's."""

    tls: bool
    host: str
    port: int
    user: str | None
    database: str
    table: str
    ca: str | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{SCHEME}{host}:{self.port}/{self.database}?table={self.table}"


Place = FilePlace | TablePlace


def parse_place(text: str) -> Place:
    """Parse a file name or `clickhouse://[user@]host[:port][/database][?table=NAME&tls=no&ca=FILE]`.

    The default port is 8443, or 8123 with tls=no; port 8123 implies tls=no. Raises EndpointError, also for a
    URL with a password: every process on the machine can read an argument.
    """
    if not text.lower().startswith(SCHEME):
        if "://" in text:
            raise EndpointError(f"{shown(text)}: write clickhouse://host:8443/database, or a file name")
        if Path(text).is_dir():
            raise EndpointError(f"{shown(text)} is a folder: give a file name")
        return FilePlace(text)
    if ":" in text[len(SCHEME) :].rpartition("@")[0]:  # a password may contain any character, also a URL's
        raise EndpointError(
            "the URL contains a password: remove it, and set NETCHECK_HISTORY_PASSWORD "
            "or use --credentials FILE"
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise EndpointError(f"{shown(text)}: not a URL with a port from 1 to 65535") from None
    given = _parameters(parts.query, text)
    tls = _tls(given.get("tls"), port, text)
    return TablePlace(
        tls,
        parse_host(parts.hostname or ""),
        (TLS_PORT if tls else PLAIN_PORT) if port is None else parse_port(str(port), text),
        unquote(parts.username) if parts.username else None,
        _name("database", unquote(parts.path.strip("/")) or "default"),
        _name("table", given.get("table", TABLE)),
        given.get("ca"),
    )


def _parameters(query: str, text: str) -> dict[str, str]:
    given = dict(parse_qsl(query, keep_blank_values=True))
    for name in given:
        if name not in PARAMETERS:
            secret = "pass" in name.lower() or "key" in name.lower()
            hint = " (set NETCHECK_HISTORY_PASSWORD instead)" if secret else ""
            raise EndpointError(
                f"{shown(text)}: unknown parameter {shown(name)}; choose {', '.join(PARAMETERS)}{hint}"
            )
    return given


def _tls(given: str | None, port: int | None, text: str) -> bool:
    match given:
        case None:
            return port != PLAIN_PORT
        case "yes" | "no":
            return given == "yes"
        case _:
            raise EndpointError(f"{shown(text)}: tls must be yes or no")


def _name(what: str, given: str) -> str:
    if not NAME.fullmatch(given):
        raise EndpointError(f"invalid {what} name {shown(given)}: use letters, digits and _")
    return given

"""The sink's query for its tables, through clickhouse-connect, isolated and over our transport.

clickhouse-connect's connection pool, with its retries, redirects, proxies from the environment and a timeout
per read, is not used: its requests go through `netcheck.probe.http.client`, to the given address and within
the deadline. The isolation is for a response that keeps the decoder busy.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from netcheck.core.context import Deadline
from netcheck.core.credentials import ClickHouseLogin
from netcheck.core.model import Cause
from netcheck.probe.clickhouse.native_blocks import must_be_sound
from netcheck.probe.http import client
from netcheck.probe.tls.stream import Tls, open_stream
from netcheck.probe.transport.failure import Failed
from netcheck.probe.transport.isolation import run_isolated, silence

if TYPE_CHECKING:
    from urllib3 import HTTPResponse

NAMES_SHOWN = 10
_LARGEST_ANSWER = 4 << 20
_NATIVE = b"FORMAT Native"
_OURS_TO_SET = {"host", "user-agent", "accept-encoding", "connection", "content-length"}

_TABLES = """
SELECT uniqExact(table), arraySlice(arraySort(groupUniqArray(1000)(table)), 1, %(shown)s)
FROM system.columns WHERE database = %(database)s
"""
_DATABASES = "SELECT count(), countIf(name = %(database)s) FROM system.databases"


@dataclass(frozen=True, slots=True)
class Tables:
    """What a user can see: the number of tables in the database, the first names, the number of databases."""

    count: int
    names: tuple[str, ...]
    databases: int
    database_visible: bool


@dataclass(frozen=True, slots=True)
class Thrown:
    """A ClickHouse exception: its number and its text."""

    code: int
    text: str


def look(
    deadline: Deadline, address: str, port: int, host: str, tls: Tls | None, login: ClickHouseLogin
) -> Tables | Thrown | Failed:
    """Log in and count the tables of the login's database. The library itself makes three requests first."""
    transport = _Transport(deadline, address, port, host, tls)
    match run_isolated(deadline, lambda: _look(transport, login)):
        case Tables() as tables:
            return tables
        case _ if transport.failure is not None:
            return transport.failure
        case TimeoutError():
            return Failed(Cause.HTTP_SILENT, "the query for tables did not finish in time")
        case error:
            return _thrown(error, transport.refusal)


def _thrown(error: Exception, refusal: str) -> Thrown | Failed:
    """`refusal` is the server's full text: the library shortens it, perhaps in the middle of a
    secret.
    """
    code = getattr(error, "code", None)
    if isinstance(code, int) and 0 < code < 100_000:
        return Thrown(code, refusal)
    text = refusal or "the library could not parse the response"
    return Failed(Cause.CLICKHOUSE_MALFORMED, f"{type(error).__name__}: {text}")


def _look(transport: _Transport, login: ClickHouseLogin) -> Tables:
    silence("clickhouse_connect", "urllib3")
    import clickhouse_connect
    from clickhouse_connect import common
    from clickhouse_connect.driver import httputil

    # Blocks of newer revisions have more than `must_be_sound` can parse.
    common.set_setting("use_protocol_version", False)
    try:
        client = clickhouse_connect.get_client(
            interface="https" if transport.tls else "http",
            host=transport.address,
            port=transport.port,
            server_host_name=transport.host,
            username=login.user,
            password=login.password.reveal(),
            database=login.database,
            compress=False,
            query_retries=0,
            autogenerate_session_id=False,
            pool_mgr=cast(Any, transport),
        )
        named = {"database": login.database, "shown": NAMES_SHOWN}
        count, names = client.query(_TABLES, parameters=named).result_rows[0]
        databases, visible = client.query(_DATABASES, parameters=named).result_rows[0]
        return Tables(int(count), tuple(map(str, names)), int(databases), bool(visible))
    finally:
        # The library keeps every pool here for ever.
        cast(dict[Any, int], httputil.all_managers).pop(transport, None)


def _without_encoding(headers: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The headers without Content-Encoding: we request none, and a small body may unpack to any size."""
    return ((name, value) for name, value in headers if name.lower() != "content-encoding")


class _Transport:
    """Replaces urllib3's PoolManager for clickhouse-connect: one connection per request, and no
    retry.
    """

    def __init__(self, deadline: Deadline, address: str, port: int, host: str, tls: Tls | None) -> None:
        self.address = address
        self.port = port
        self.host = host
        self.tls = tls
        self.failure: Failed | None = None
        self.refusal = ""
        self._deadline = deadline

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | str = b"",
        preload_content: bool = True,
        **_: Any,
    ) -> HTTPResponse:
        """Send a request, and return the response like urllib3. Raises Failed, and stores it in `failure`."""
        from urllib3 import HTTPHeaderDict, HTTPResponse

        try:
            reply = self._exchange(method, url, headers, body.encode() if isinstance(body, str) else body)
        except Failed as failure:
            self.failure = failure
            raise
        if reply.status != 200:
            self.refusal = " ".join(reply.body.decode("utf-8", "replace").split())
        return HTTPResponse(
            body=io.BytesIO(reply.body),
            headers=HTTPHeaderDict(_without_encoding(reply.headers)),
            status=reply.status,
            reason=reply.reason,
            preload_content=preload_content,
            request_method=method,
        )

    def clear(self) -> None:
        """Nothing to clear: no connection outlives its request."""

    def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> client.Reply:
        parts = urlsplit(url)
        kept = [(name, value) for name, value in headers.items() if name.lower() not in _OURS_TO_SET]
        with open_stream(self._deadline, self.address, self.port, tls=self.tls) as stream:
            reply = client.exchange(
                stream,
                method,
                client.host_field(self.host, self.port, self.tls),
                f"{parts.path or '/'}?{parts.query}",
                kept,
                body,
                clock=client.FirstByteClock(),
                limit=_LARGEST_ANSWER,
            )
        if len(reply.body) >= _LARGEST_ANSWER:
            raise Failed(Cause.CLICKHOUSE_MALFORMED, f"a response of more than {_LARGEST_ANSWER >> 20} MiB")
        if reply.status == 200 and body.endswith(_NATIVE):
            must_be_sound(reply.body)
        return reply

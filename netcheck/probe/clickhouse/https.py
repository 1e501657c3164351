"""ClickHouse over HTTP: ping, login, and what the sink queries on start.

The sink starts with GET /ping, `SELECT version()` and a query for tables in `system.columns`
(clickhouse-kafka-connect, ClickHouseWriter.start), and logs only `Connection to ClickHouse is not active`
when any of them fails. Here are the same three, each with a distinct cause.

Side effect: any of these requests wakes an idle ClickHouse Cloud service, which is then billed.
"""

from __future__ import annotations

import base64
import re
import time
from dataclasses import dataclass, replace
from urllib.parse import quote

from netcheck.core.context import Deadline
from netcheck.core.credentials import ClickHouseLogin, Trust
from netcheck.core.model import Cause
from netcheck.core.secret import Scrubber, Secret
from netcheck.probe.clickhouse.tables import Tables, Thrown, look
from netcheck.probe.http import client
from netcheck.probe.http.client import HttpAnswer
from netcheck.probe.tls.stream import Tls
from netcheck.probe.transport.failure import Failed

SLOW_WAKE = 3.0
"""Seconds to the first byte of /ping above which the service was idle: an idle one takes 20 to 60, any other
milliseconds (https://clickhouse.com/docs/manage/scaling, "Automatic idling")."""

OLDEST_VERSION = (23, 3)
"""The sink rejects older versions (clickhouse-kafka-connect, ClickHouseWriter.start)."""

_AUTH = (192, 193, 194, 195, 516)
_UNKNOWN_DATABASE = 81
_NATIVE_PORT = "is for clickhouse-client program"
_WANTS_HTTPS = ("plain HTTP request was sent to HTTPS port", "HTTP request to an HTTPS server")
_EXCEPTION = re.compile(r"Code: (\d{1,5})[.,].*DB::", re.DOTALL)
_VERSION = re.compile(r"(\d{1,5})\.(\d{1,5})(?:\.[\w.-]{1,40})?")


@dataclass(frozen=True, slots=True)
class ClickHouseLookUp:
    """What the sink finds on start. `tables` is the number of tables with columns that this user can see in
    the login's database.

    `table_names` are the first of them; `databases` is the number of databases that the user can see; `code`
    is the number of ClickHouse's exception, if there was one.
    """

    status: int
    version: str | None
    tables: int | None
    table_names: tuple[str, ...]
    databases: int | None
    code: int | None
    cause: Cause | None
    detail: str
    seconds: float


def ping(deadline: Deadline, address: str, port: int, host: str, tls: bool, trust: Trust) -> HttpAnswer:
    """GET /ping, which needs no login. The cause says what is wrong with the response, None if nothing is."""
    answer = client.get(deadline, address, port, host, Tls(host, trust) if tls else None, "/ping")
    if answer.cause is not None:
        return answer
    if answer.status == 200 and answer.body.strip() == "Ok.":
        if (answer.first_byte or 0.0) < SLOW_WAKE:
            return answer
        return replace(
            answer,
            cause=Cause.CLICKHOUSE_SLOW_WAKE,
            detail=f"the first byte arrived after {answer.first_byte:.1f} s",
        )
    cause, detail = _fault(answer)
    return replace(answer, cause=cause, detail=detail)


def ping_again(deadline: Deadline, address: str, port: int, host: str, tls: bool, trust: Trust) -> HttpAnswer:
    """The same a second time, after a slow first response: recorded as a separate observation."""
    return ping(deadline, address, port, host, tls, trust)


def look_up(
    deadline: Deadline, address: str, port: int, host: str, tls: bool, trust: Trust, login: ClickHouseLogin
) -> ClickHouseLookUp:
    """Query the version and the tables, as the sink does on start.

    The version comes first, in one request of our own, so that any failure has an exact cause; a server that
    is new enough is then queried for its tables through clickhouse-connect. The password is sent over
    verified TLS, or in plaintext to a plaintext target.
    """
    started = time.monotonic()
    scrub = Scrubber((login.password.reveal(),))
    secure = Tls(host, trust) if tls else None
    answer = client.get(
        deadline, address, port, host, secure, _version_query(login), (_authorization(login),)
    )
    # Before any text is shortened: half a secret would not be recognised.
    answer = replace(answer, body=scrub(answer.body), detail=scrub(answer.detail))
    version = _version(answer)
    code = _code(answer)
    tables: Tables | None = None
    cause: Cause | None = None
    detail = ""
    if version is None:
        cause, detail = _fault(answer) if answer.cause is None else (answer.cause, answer.detail)
    elif _is_too_old(version):
        cause, detail = Cause.CLICKHOUSE_TOO_OLD, f"the server's version is {version}"
    else:
        match look(deadline, address, port, host, secure, login):
            case Tables() as found:
                tables = found
                cause, detail = _missing(found, login)
            case Failed() as failure:
                cause, detail = failure.cause, failure.detail
            case Thrown() as thrown:
                code = thrown.code
                cause, detail = of_code(code), thrown.text
    return ClickHouseLookUp(
        answer.status,
        version,
        tables.count if tables else None,
        tuple(client.text(scrub(name)) for name in tables.names) if tables else (),
        tables.databases if tables else None,
        code,
        cause,
        client.text(scrub(detail)),
        time.monotonic() - started,
    )


def of_code(code: int) -> Cause:
    """The cause for an exception's number (ClickHouse, src/Common/ErrorCodes.cpp)."""
    if code in _AUTH:
        return Cause.CLICKHOUSE_AUTH
    return Cause.CLICKHOUSE_NO_DATABASE if code == _UNKNOWN_DATABASE else Cause.CLICKHOUSE_EXCEPTION


def _version_query(login: ClickHouseLogin) -> str:
    return f"/?database={quote(login.database, safe='')}&query=SELECT%20version()&default_format=TabSeparated"


def _authorization(login: ClickHouseLogin) -> client.Header:
    pair = f"{login.user}:{login.password.reveal()}".encode()
    return "Authorization", Secret("Basic " + base64.b64encode(pair).decode())


def _version(answer: HttpAnswer) -> str | None:
    found = _VERSION.fullmatch(answer.body.strip()) if answer.status == 200 else None
    return None if found is None else found[0]


def _is_too_old(version: str) -> bool:
    found = _VERSION.fullmatch(version)
    assert found is not None
    return (int(found[1]), int(found[2])) < OLDEST_VERSION


def _missing(tables: Tables, login: ClickHouseLogin) -> tuple[Cause | None, str]:
    if tables.count:
        return None, ""
    if not tables.database_visible:
        return Cause.CLICKHOUSE_NO_DATABASE, f"this user cannot see a database {login.database!r}"
    return Cause.CLICKHOUSE_NO_TABLES, f"this user cannot see any table in the database {login.database!r}"


def _code(answer: HttpAnswer) -> int | None:
    """The number of ClickHouse's exception: from the header, or of older servers from the text."""
    header = answer.header("X-ClickHouse-Exception-Code") or ""
    if header.isascii() and header.isdigit() and len(header) <= 5:
        return int(header)
    found = _EXCEPTION.search(answer.body)
    return None if found is None else int(found[1])


def _fault(answer: HttpAnswer) -> tuple[Cause, str]:
    """The cause and detail of a response that is not the expected one."""
    code, status = _code(answer), answer.status
    response = f"HTTP {status}: {' '.join(answer.body.split())[:160]}"
    is_clickhouse = any(name.lower().startswith("x-clickhouse-") for name, _ in answer.headers)
    if _NATIVE_PORT in answer.body:
        return Cause.CLICKHOUSE_NATIVE_PORT, response
    if status == 400 and any(words in answer.body for words in _WANTS_HTTPS):
        return Cause.PLAINTEXT_ON_TLS_PORT, response
    if 300 <= status < 400:
        return Cause.HTTP_REDIRECTED, f"HTTP {status} to {answer.header('Location') or 'nowhere'}"
    if code is not None:
        return of_code(code), response
    if is_clickhouse and status in (401, 403):
        return Cause.CLICKHOUSE_AUTH, response
    if status in (502, 503, 504):
        return Cause.HTTP_LOAD_BALANCER, response
    # 404 and 405 are the responses of a web server that has no /ping and accepts no queries.
    if status < 300 or (status in (404, 405) and not is_clickhouse):
        return Cause.CLICKHOUSE_NOT_CLICKHOUSE, response
    return Cause.HTTP_ERROR, response

"""A history in a ClickHouse table, through clickhouse-connect: created if missing, no duplicates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from netcheck.core.aliases import current_key
from netcheck.core.context import Deadline
from netcheck.core.credentials import ClickHouseLogin
from netcheck.probe.transport.isolation import run_isolated, silence
from netcheck.settings.history_location import TablePlace

if TYPE_CHECKING:
    from clickhouse_connect.driver import Client

UNKNOWN_TABLE = 60
BATCH_ROWS = 10_000
BATCH_BYTES = 8 << 20
SCHEMA = """CREATE TABLE IF NOT EXISTS {table} (
    run String,
    started DateTime('UTC'),
    run_seconds Float64,
    version String,
    pipeline String,
    vantage String,
    key String,
    check String,
    target String,
    status String,
    cause String,
    layer String,
    root_cause String,
    component String,
    caused_by String,
    seconds Float64,
    days_left Nullable(Float64),
    summary String,
    evidence String
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(started)
ORDER BY (started, run, key)
"""
"""Run and key identify a row. ReplacingMergeTree merges the duplicates of two writers that send the same run
at once, and FINAL never shows them. All types exist since version 18.16."""


class NotWritten(Exception):
    """The history was not written completely; the message is one line."""


def write(deadline: Deadline, place: TablePlace, login: ClickHouseLogin, lines: Iterable[bytes]) -> int:
    """Send the rows of one run that are not yet in the table, and return how many. Raises NotWritten."""
    match run_isolated(deadline, lambda: _write(deadline, place, login, lines)):
        case int() as sent:
            return sent
        case TimeoutError():
            raise NotWritten("it took longer than the rest of --deadline and a few seconds more")
        case error:
            raise NotWritten(_one_line(error))


def _write(deadline: Deadline, place: TablePlace, login: ClickHouseLogin, lines: Iterable[bytes]) -> int:
    client = _connect(deadline, place, login)
    try:
        rows = list(lines)
        if not rows:
            return 0
        sent = _sent_keys(client, place, json.loads(rows[0]))
        missing = [row for row in rows if json.loads(row)["key"] not in sent] if sent else rows
        for batch in batches(missing):
            deadline.remaining()
            client.raw_insert(_name(place), insert_block=batch, fmt="JSONEachRow")
        return len(missing)
    finally:
        client.close()


def batches(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines in batches with a bounded number of rows and bytes."""
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == BATCH_ROWS or size + len(line) > BATCH_BYTES):
            yield b"".join(batch)
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield b"".join(batch)


def _connect(deadline: Deadline, place: TablePlace, login: ClickHouseLogin) -> Client:
    silence("clickhouse_connect", "urllib3")
    import clickhouse_connect

    left = max(1, round(deadline.remaining()))
    trust: dict[str, Any] = {"ca_cert": place.ca} if place.ca else {}
    return clickhouse_connect.get_client(
        interface="https" if place.tls else "http",
        host=place.host,
        port=place.port,
        username=login.user,
        password=login.password.reveal(),
        compress=False,
        query_retries=0,
        connect_timeout=left,
        send_receive_timeout=left,
        autogenerate_session_id=False,
        **trust,
    )


def _sent_keys(client: Client, place: TablePlace, first: dict[str, Any]) -> set[str]:
    """The keys of this run in the table, under today's names; creates the table if it is missing."""
    from clickhouse_connect.driver.exceptions import DatabaseError

    sql = f"SELECT key FROM {_name(place)} WHERE started = %(started)s AND run = %(run)s"
    parameters = {"started": first["started"], "run": first["run"]}
    try:
        answer = client.raw_query(sql, parameters=parameters, fmt="JSONCompactEachRow")
    except DatabaseError as error:
        if getattr(error, "code", None) != UNKNOWN_TABLE and f"Code: {UNKNOWN_TABLE}" not in str(error):
            raise
        client.command(schema(place))
        return set()
    return {current_key(json.loads(line)[0]) for line in answer.splitlines()}


def schema(place: TablePlace) -> str:
    """The statement that creates the table."""
    return SCHEMA.format(table=_name(place))


def _name(place: TablePlace) -> str:
    return f"{place.database}.{place.table}"


def _one_line(error: Exception) -> str:
    """The operating system's error where a library has wrapped one, else the library's message."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        inner = inner.__cause__ or inner.__context__
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__

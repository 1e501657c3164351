"""A history in a real ClickHouse: in batches, idempotent, and without effect on the run."""

from __future__ import annotations

import base64
import http.client
import json
import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from netcheck.core.aliases import CAUSES, CHECKS, current_report
from netcheck.core.context import Deadline
from netcheck.core.credentials import ClickHouseLogin
from netcheck.core.model import Report, Status
from netcheck.core.secret import Secret
from netcheck.engine.assessment import assess
from netcheck.engine.runner import ignore_event
from netcheck.history import table
from netcheck.history.rows import lines
from netcheck.history.table import NotWritten, schema, write
from netcheck.settings.config import Config
from netcheck.settings.history_location import TablePlace
from tests.commandline import netcheck
from tests.history.runs import B1, B2, CLICKHOUSE, many, result, run
from tests.servers import peers
from tests.servers.chdb_front import ChdbFront
from tests.servers.clickhouse import ClickHouse
from tools.write_docs import pages

DOCUMENT = Path(__file__).parents[2] / "docs" / "history.md"
STATEMENTS = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(), re.S)
QUERIES = {found[1]: each for each in STATEMENTS if (found := re.match(r"-- (.+)\n", each))}

Ask = Callable[[str], list[list[str]]]


def place_on(server: ChdbFront, name: str) -> TablePlace:
    """A table of that name in a server's database `empty`."""
    ca = str(server.certificates.authority.certificate)
    return TablePlace(True, server.host, server.port, "admin", "empty", name, ca)


def login(server: ChdbFront) -> ClickHouseLogin:
    return ClickHouseLogin("admin", Secret(server.users["admin"]), "empty")


def asked(server: ChdbFront, sql: str) -> list[list[str]]:
    """The rows of a query over plain HTTP."""
    context = ssl.create_default_context(cafile=str(server.certificates.authority.certificate))
    connection = http.client.HTTPSConnection(server.host, server.port, timeout=30, context=context)
    token = base64.b64encode(f"admin:{server.users['admin']}".encode()).decode()
    connection.request("POST", "/?database=empty", sql.encode(), {"Authorization": f"Basic {token}"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 200, text
    return [line.split("\t") for line in text.splitlines()]


def send(server: ChdbFront, name: str, *reports: Report) -> list[int]:
    return [write(Deadline(60), place_on(server, name), login(server), lines(each)) for each in reports]


def test_the_document_has_the_schema(chdb_server: ChdbFront) -> None:
    assert STATEMENTS[0] == schema(place_on(chdb_server, table.__name__)).replace(
        f"empty.{table.__name__}", "netcheck_results"
    )


def test_a_hundred_thousand_results_in_batches_and_sending_them_again(
    chdb_server: ChdbFront,
) -> None:
    runs = [many(25_000, number) for number in range(4)]
    assert send(chdb_server, "bulk", *runs) == [25_000] * 4
    state = "SELECT count(), uniqExact(run, key), sum(cityHash64(*)) FROM bulk"
    [before] = asked(chdb_server, state)
    assert before[:2] == ["100000", "100000"]
    assert send(chdb_server, "bulk", runs[2]) == [0]
    assert asked(chdb_server, state) == [before]
    assert asked(chdb_server, state.replace("bulk", "bulk FINAL")) == [before]


def test_batches_are_bounded_in_rows_and_bytes() -> None:
    assert [each.count(b"\n") for each in table.batches([b"{}\n"] * 25_001)] == [10_000, 10_000, 5_001]
    large = b"x" * (3 << 20) + b"\n"
    assert [len(each) // len(large) for each in table.batches([large] * 5)] == [2, 2, 1]
    assert list(table.batches([])) == []


def test_a_partially_sent_run_is_completed(chdb_server: ChdbFront) -> None:
    whole = run(timedelta(0), [result("tcp.connects", target) for target in (B1, B2, CLICKHOUSE)])
    part = list(lines(whole))[1:2]
    assert write(Deadline(30), place_on(chdb_server, "part"), login(chdb_server), part) == 1
    assert send(chdb_server, "part", whole, whole) == [2, 0]
    assert asked(chdb_server, "SELECT count(), uniqExact(key) FROM part") == [["3", "3"]]


def test_two_writers_of_the_same_run_leave_one(chdb_server: ChdbFront) -> None:
    """Neither saw the other's rows: FINAL shows them once, and merging makes them one."""
    same = run(timedelta(0), [result("tcp.connects", B1), result("tcp.connects", B2)])
    send(chdb_server, "twice", same)
    body = b"".join(lines(same)).decode()
    asked(chdb_server, f"INSERT INTO twice FORMAT JSONEachRow {body}")
    assert asked(chdb_server, "SELECT count() FROM twice FINAL") == [["2"]]
    asked(chdb_server, "OPTIMIZE TABLE twice FINAL")
    assert asked(chdb_server, "SELECT count() FROM twice") == [["2"]]


def test_text_from_a_peer_is_stored_unchanged(chdb_server: ChdbFront) -> None:
    odd = "tab\there, 'quotes' \"twice\", \\ back, %(x)s {y:String}, ; -- €🙂\x00\x1f"
    report = run(timedelta(0), [result("tcp.connects", B1, evidence={"said": odd})])
    [one] = report.results
    report = replace(report, results=(replace(one, finding=replace(one.finding, summary=odd)),))
    send(chdb_server, "odd", report)
    [[summary, evidence]] = asked(chdb_server, "SELECT hex(summary), hex(evidence) FROM odd")
    assert bytes.fromhex(summary).decode() == odd
    assert json.loads(bytes.fromhex(evidence)) == {"said": odd}


# Queries

HOURS = 3600


def a_history() -> Sequence[Report]:
    """b-1 flaps: good, failing, good, failing; b-2 fails twice and is good since; ClickHouse is slow
    and its certificate nears its end. Another pipeline is well.
    """
    good, bad = Status.PASS, Status.FAIL
    reports = []
    for hours, first, second in ((4, good, bad), (3, bad, bad), (2, good, good), (1, bad, good)):
        reports.append(
            run(
                timedelta(hours=hours),
                [
                    result("tcp.connects", B1, first),
                    result("tcp.connects", B2, second),
                    result("tls.expiry", CLICKHOUSE, good, days_left=20.0 - (4 - hours) / 24),
                    result("clickhouse.ping", CLICKHOUSE, good, seconds=2.0 + hours),
                ],
            )
        )
    return (*reports, run(timedelta(hours=1), [result("tcp.connects", B1)], "payments-sink", seconds=9.0))


def check_queries(ask: Ask) -> None:
    """Check the result of each query of the document for that history."""
    b1, b2, slow = str(B1), str(B2), str(CLICKHOUSE)
    found = {name: ask(query) for name, query in QUERIES.items()}
    assert [(row[0], row[2], row[3], row[5], row[6]) for row in found["current state"]] == [
        ("orders-sink", "fail", "TIMED_OUT", "tcp.connects", b1)
    ]
    assert found["flaps"] == [
        ["orders-sink", "tcp.connects", b1, "4", "50", "3"],
        ["orders-sink", "tcp.connects", b2, "4", "50", "1"],
    ]
    assert [(row[0], row[1], row[2], row[5]) for row in found["failure timeline"]] == [
        ("orders-sink", "TIMED_OUT", b2, "2"),
        ("orders-sink", "TIMED_OUT", b1, "2"),
    ]
    assert found["slowest targets"][0] == [
        "orders-sink",
        slow,
        "clickhouse.ping",
        found["slowest targets"][0][3],
        "6",
        "6",
    ]
    assert [(row[0], row[1]) for row in found["certificate days left"]] == [(slow, "19.875")]


def test_the_queries_of_the_document_on_current_clickhouse(chdb_server: ChdbFront) -> None:
    send(chdb_server, "netcheck_results", *a_history())
    check_queries(lambda sql: asked(chdb_server, sql))


def test_the_same_schema_lines_and_queries_on_clickhouse_18(clickhouse_server: ClickHouse) -> None:
    server = clickhouse_server
    server.query("CREATE DATABASE IF NOT EXISTS kept")
    named = "kept.netcheck_results"
    server.query(STATEMENTS[0].replace("netcheck_results", named))
    for report in a_history():
        for _ in range(2):
            server.query(f"INSERT INTO {named} FORMAT JSONEachRow {b''.join(lines(report)).decode()}")

    def ask(sql: str) -> list[list[str]]:
        answer = server.query(sql.replace("netcheck_results", named))
        return [line.split("\t") for line in answer.splitlines()]

    check_queries(ask)
    server.query("DROP DATABASE kept")


# Rows of version 0.1

SAVED = Path(__file__).parents[1] / "saved" / "version_0_1"
OLD_NAMES = {*CHECKS, *CAUSES, *(name.upper() for name in CAUSES)}


def shows_old_rows_under_todays_names(ask: Ask) -> None:
    """What the view of the document says of the saved history."""
    ask(next(each for each in STATEMENTS if each.startswith("CREATE VIEW")))
    rows = ask("SELECT check, cause, root_cause, key, caused_by FROM netcheck_history ORDER BY key")
    report = current_report(json.loads((SAVED / "report.json").read_text()))
    code = {key: cause["code"] for cause in report["root_causes"] for key in cause["shown_by"]}
    assert rows == sorted(
        (
            [
                each["check"],
                each["cause"] or "",
                code.get(each["key"], ""),
                each["key"],
                each["caused_by"] or "",
            ]
            for each in report["results"]
        ),
        key=lambda row: row[3],
    )
    assert ask("SELECT count() FROM netcheck_history WHERE check LIKE 'aws-service.%'") == [["3"]]
    for name, query in QUERIES.items():
        assert "netcheck_results" in query
        ask(
            query.replace("netcheck_results FINAL", "netcheck_history").replace(
                "netcheck_results", "netcheck_history"
            )
        )
        assert name


def test_the_view_of_the_document_is_the_generated_one() -> None:
    assert pages()["history.md"] == DOCUMENT.read_text(), "make docs writes it again"


def test_old_rows_are_found_by_todays_names(chdb_server: ChdbFront) -> None:
    asked(chdb_server, "DROP TABLE IF EXISTS netcheck_results")
    asked(chdb_server, STATEMENTS[0])
    for _ in range(2):
        lines = (SAVED / "history.jsonl").read_text()
        asked(chdb_server, f"INSERT INTO netcheck_results FORMAT JSONEachRow {lines}")
    shows_old_rows_under_todays_names(lambda sql: asked(chdb_server, sql))
    for name in ("netcheck_history", "netcheck_results"):
        asked(chdb_server, f"DROP TABLE {name}")


def test_old_rows_are_found_by_todays_names_on_clickhouse_18(clickhouse_server: ClickHouse) -> None:
    server = clickhouse_server

    def ask(sql: str) -> list[list[str]]:
        answer = server.query(re.sub(r"\bnetcheck_(results|history)\b", r"old.netcheck_\1", sql))
        return [line.split("\t") for line in answer.splitlines()]

    server.query("CREATE DATABASE IF NOT EXISTS old")
    ask(STATEMENTS[0])
    ask(f"INSERT INTO netcheck_results FORMAT JSONEachRow {(SAVED / 'history.jsonl').read_text()}")
    shows_old_rows_under_todays_names(ask)
    server.query("DROP DATABASE old")


def test_a_run_that_version_0_1_has_sent_is_not_sent_again(chdb_server: ChdbFront) -> None:
    place = place_on(chdb_server, "sent_before")
    asked(chdb_server, schema(place))
    kept = (SAVED / "history.jsonl").read_text()
    asked(chdb_server, f"INSERT INTO sent_before FORMAT JSONEachRow {kept}")
    report = assess(Config(replay=str(SAVED / "recording.json.gz")), ignore_event).report
    assert not {result.check for result in report.results} & OLD_NAMES
    assert send(chdb_server, "sent_before", report) == [0]


# What goes wrong

CLOSED = ("run", "--bootstrap", "127.0.0.1:1", "--only", "tcp.*")


def history_of(
    monkeypatch: pytest.MonkeyPatch, server: ChdbFront | ClickHouse, port: int, place: str
) -> tuple[int, str]:
    """Exit code and standard error of a run with this history."""
    monkeypatch.setenv("NETCHECK_HISTORY_PASSWORD", server.users["admin"])
    ca = server.certificates.authority.certificate
    url = f"clickhouse://admin@{server.host}:{port}/{place}{'&' if '?' in place else '?'}ca={ca}"
    done = netcheck(*CLOSED, "--history", url)
    assert "1 root cause" in done.out
    assert server.users["admin"] not in done.err
    return done.code, done.err


def test_the_command_writes_there(chdb_server: ChdbFront, monkeypatch: pytest.MonkeyPatch) -> None:
    assert history_of(monkeypatch, chdb_server, chdb_server.port, "empty?table=by_command") == (1, "")
    assert asked(chdb_server, "SELECT check, status, root_cause FROM by_command") == [
        ["tcp.connects", "fail", "CONNECTION_REFUSED"]
    ]


def test_a_missing_database(chdb_server: ChdbFront, monkeypatch: pytest.MonkeyPatch) -> None:
    code, err = history_of(monkeypatch, chdb_server, chdb_server.port, "nowhere")
    assert code == 1 and err.count("\n") == 1
    assert err.startswith("netcheck: warning: --history clickhouse://127.0.0.1:") and "nowhere" in err


def test_a_wrong_password(chdb_server: ChdbFront, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(chdb_server.users, "admin", "not-the-password")
    code, err = history_of(monkeypatch, chdb_server, chdb_server.port, "empty")
    assert code == 1 and err.count("\n") == 1 and "516" in err


def test_a_clickhouse_that_the_library_does_not_support(
    clickhouse_server: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 18.16 supports the SQL, but not clickhouse-connect's first query."""
    code, err = history_of(monkeypatch, clickhouse_server, clickhouse_server.https, "orders")
    assert code == 1 and err.count("\n") == 1 and "not written" in err


def test_a_silent_server_takes_the_rest_of_the_deadline_and_a_little_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("netcheck.history.append.OWN_SECONDS", 0.5)
    with peers.silent() as silent:
        place = f"clickhouse://127.0.0.1:{silent.address[1]}/db?tls=no"
        done = netcheck(*CLOSED, "--deadline", "1", "--history", place)
    assert done.code == 1 and done.err.count("\n") == 1
    assert "not written" in done.err


def test_a_refused_connection_is_the_systems_error() -> None:
    done = netcheck(*CLOSED, "--history", "clickhouse://127.0.0.1:1/db?tls=no")
    assert done.code == 1
    assert done.err.endswith(": not written: Connection refused\n") and done.err.count("\n") == 1


def test_no_time_is_left() -> None:
    place = TablePlace(False, "127.0.0.1", 1, None, "db", "t")
    with pytest.raises(NotWritten):
        write(Deadline(0), place, ClickHouseLogin("default", Secret(""), "db"), [b"{}\n"])

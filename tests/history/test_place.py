"""`--history PLACE`: files, tables, and invalid places, which are rejected without showing a password."""

from __future__ import annotations

from pathlib import Path

import pytest

from netcheck.settings.history_location import FilePlace, TablePlace, parse_place
from tests.commandline import netcheck

CANARY = "Kanarie7f3a"
READ = [
    ("history.jsonl", FilePlace("history.jsonl")),
    ("/var/log/netcheck/h.jsonl", FilePlace("/var/log/netcheck/h.jsonl")),
    ("clickhouse://ch.example", TablePlace(True, "ch.example", 8443, None, "default", "netcheck_results")),
    (
        "clickhouse://me@ch.example:9999/db",
        TablePlace(True, "ch.example", 9999, "me", "db", "netcheck_results"),
    ),
    ("clickhouse://ch.example/db?table=t1", TablePlace(True, "ch.example", 8443, None, "db", "t1")),
    (
        "clickhouse://ch.example?tls=no",
        TablePlace(False, "ch.example", 8123, None, "default", "netcheck_results"),
    ),
    (
        "clickhouse://ch.example:8123",
        TablePlace(False, "ch.example", 8123, None, "default", "netcheck_results"),
    ),
    (
        "clickhouse://me%40corp@[::1]:8443/db?ca=/etc/ca.pem",
        TablePlace(True, "::1", 8443, "me@corp", "db", "netcheck_results", "/etc/ca.pem"),
    ),
]


@pytest.mark.parametrize(("text", "place"), READ, ids=[text for text, _ in READ])
def test_a_place_is_read(text: str, place: object) -> None:
    assert parse_place(text) == place


REFUSED = [
    (f"clickhouse://me:{CANARY}@ch.example/db", "NETCHECK_HISTORY_PASSWORD"),
    (f"clickhouse://me:{CANARY}/x@ch.example/db", "NETCHECK_HISTORY_PASSWORD"),
    (f"clickhouse://ch.example/db?password={CANARY}", "NETCHECK_HISTORY_PASSWORD"),
    ("clickhouse://ch.example/db?compress=1", "table, tls, ca"),
    ("clickhouse://ch.example/db?tls=perhaps", "yes or no"),
    ("clickhouse://ch.example:0/db", "ports are 1 to 65535"),
    ("clickhouse://ch.example:99999/db", "1 to 65535"),
    ("clickhouse:///db", "host name"),
    ("clickhouse://ch.example/db;DROP", "letters, digits"),
    ("clickhouse://ch.example/db?table=a.b", "letters, digits"),
    (f"https://me:{CANARY}@ch.example/db", "clickhouse://"),
    (".", "is a folder"),
]


@pytest.mark.parametrize(("text", "words"), REFUSED, ids=[text for text, _ in REFUSED])
def test_an_invalid_place_is_one_line_without_its_password(text: str, words: str) -> None:
    done = netcheck("run", "--bootstrap", "127.0.0.1:1", "--history", text)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("netcheck: --history: ") and done.err.count("\n") == 1
    assert words in done.err and CANARY not in done.err


def test_history_is_also_a_key_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(f"bootstrap: 127.0.0.1:1\nhistory: {tmp_path}/h.jsonl\n")
    assert netcheck("run", "--config", str(tmp_path / "run.yaml"), "--only", "tcp.*").code == 1
    assert (tmp_path / "h.jsonl").read_text().count("\n") == 1

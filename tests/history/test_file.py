"""A history in a file: one line per result, no interleaving, and no effect on the run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from netcheck.history import jsonlines
from tests.commandline import Done, netcheck

CLOSED = ("run", "--bootstrap", "127.0.0.1:1", "--only", "tcp.*,dns.*")
NAMES = (
    *("run", "started", "run_seconds", "version", "pipeline", "vantage", "key", "check", "target", "status"),
    *(
        "cause",
        "layer",
        "root_cause",
        "component",
        "caused_by",
        "seconds",
        "days_left",
        "summary",
        "evidence",
    ),
)


def rows_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def run_with_history(path: Path | str, *more: str) -> Done:
    return netcheck(*CLOSED, "--format", "json", "--history", str(path), *more)


def test_a_run_is_one_line_per_result(tmp_path: Path) -> None:
    done = run_with_history(tmp_path / "h.jsonl")
    report, rows = json.loads(done.out), rows_of(tmp_path / "h.jsonl")
    assert (done.code, done.err) == (1, "")
    assert [row["key"] for row in rows] == [result["key"] for result in report["results"]]
    assert all(tuple(row) == NAMES for row in rows)
    [refused] = [row for row in rows if row["check"] == "tcp.connects"]
    assert (refused["status"], refused["root_cause"]) == ("fail", "CONNECTION_REFUSED")
    assert refused["started"] == report["started"].replace("T", " ").rstrip("Z")
    assert json.loads(str(refused["evidence"])) == report["results"][rows.index(refused)]["evidence"]


def test_runs_are_appended_with_distinct_ids(tmp_path: Path) -> None:
    run_with_history(tmp_path / "h.jsonl")
    run_with_history(tmp_path / "h.jsonl")
    runs = Counter(row["run"] for row in rows_of(tmp_path / "h.jsonl"))
    assert len(runs) == 2 and len(set(runs.values())) == 1


def test_a_replay_has_the_id_of_the_recorded_run(tmp_path: Path) -> None:
    run_with_history(tmp_path / "live.jsonl", "--record", str(tmp_path / "run.json"))
    netcheck("run", "--replay", str(tmp_path / "run.json"), "--history", str(tmp_path / "again.jsonl"))
    live, again = (rows_of(tmp_path / f"{name}.jsonl") for name in ("live", "again"))
    assert [(row["run"], row["key"]) for row in live] == [(row["run"], row["key"]) for row in again]


NOWHERE = [("no folder", "{}/no/h.jsonl"), ("a full disk", "/dev/full")]


@pytest.mark.parametrize(("case", "place"), NOWHERE, ids=[case for case, _ in NOWHERE])
def test_a_file_that_cannot_be_written_is_one_line_and_the_run_continues(
    case: str, place: str, tmp_path: Path
) -> None:
    done = run_with_history(place.format(tmp_path))
    assert done.code == 1 and json.loads(done.out)["root_causes"]
    assert done.err.startswith("netcheck: warning: --history ") and done.err.count("\n") == 1, case


def test_a_truncated_line_is_terminated_first(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    path.write_bytes(b'{"torn":')
    jsonlines.append(str(path), [b'{"a":1}\n', b'{"a":2}\n'])
    assert path.read_bytes() == b'{"torn":\n{"a":1}\n{"a":2}\n'


WRITER = """
import sys
from netcheck.history import jsonlines
name, path = sys.argv[1:]
for number in range(50):
    jsonlines.append(path, [b'{"w":"%s","n":%d,"x":"%s"}\\n' % (name.encode(), number, b"y" * 2000)] * 20)
"""


def test_two_writers_do_not_interleave(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, name, str(path)]) for name in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    rows = rows_of(path)
    assert Counter(row["w"] for row in rows) == {"a": 1000, "b": 1000}
    blocks = [(row["w"], row["n"]) for row in rows[::20]]
    assert [block for block in blocks for _ in range(20)] == [(row["w"], row["n"]) for row in rows]

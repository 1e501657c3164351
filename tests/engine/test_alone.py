"""Runs of one thing alone: a saved worker log, a saved AWS configuration with a typo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commandline import netcheck

HEAD = "[Worker-0a1b2c] [2024-03-13 06:43:56,822] ERROR [orders-sink|task-0] "
LINE = HEAD + "Did not find any tables in destination\n"


@pytest.fixture
def log(tmp_path: Path) -> str:
    file = tmp_path / "worker.log"
    file.write_text(LINE, encoding="utf-8")
    return str(file)


def test_a_workers_log_is_judged_by_itself(log: str) -> None:
    done = netcheck("run", "--worker-log", log, "--format", "json")
    results = json.loads(done.out)["results"]
    assert {one["check"] for one in results} == {"logs.errors", "logs.addresses"}
    assert {one["cause"] for one in results if one["status"] == "fail"} == {"clickhouse_no_tables"}
    assert done.code == 1


def test_a_workers_log_beside_a_target_is_judged_too(log: str) -> None:
    only = ("--only", "logs.errors", "tcp.connects", "--timeout", "2")
    done = netcheck("run", "--worker-log", log, "--bootstrap", "127.0.0.1:1", *only, "--format", "json")
    found = {one["check"] for one in json.loads(done.out)["results"]}
    assert found == {"logs.errors", "tcp.connects"}


def test_a_log_that_is_not_there_is_a_matter_of_usage() -> None:
    done = netcheck("run", "--worker-log", "/nowhere/worker.log")
    assert (done.code, done.out) == (2, "")


def snapshot(folder: Path, *subnets: str) -> str:
    document = {"Subnets": [{"SubnetId": name} for name in subnets]}
    (folder / "Subnets.json").write_text(json.dumps(document), encoding="utf-8")
    return str(folder)


def asked(folder: str, subnet: str) -> tuple[int, str]:
    where = ("--snapshot", folder, "--source-subnet", subnet, "--bootstrap", "127.0.0.1:1")
    done = netcheck("run", *where, "--only", "routes.reaches", "--format", "json")
    return done.code, done.err


def test_a_subnet_that_a_snapshot_does_not_have_is_a_typo(tmp_path: Path) -> None:
    code, said = asked(snapshot(tmp_path, "subnet-0a1b2c", "subnet-0ffff"), "subnet-0a1b2d")
    assert code == 2
    assert "; did you mean subnet-0a1b2c?" in said
    assert said.count("\n") == 1


def test_a_subnet_that_it_has_is_none_and_a_snapshot_without_subnets_does_not_tell(tmp_path: Path) -> None:
    assert asked(snapshot(tmp_path, "subnet-0a1b2c"), "subnet-0a1b2c")[0] != 2
    (tmp_path / "Subnets.json").unlink()
    (tmp_path / "Vpcs.json").write_text('{"Vpcs": []}', encoding="utf-8")
    assert asked(str(tmp_path), "subnet-0a1b2c")[0] == 3

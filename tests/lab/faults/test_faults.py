"""The fault matrix: netcheck in the lab, one fault at a time, two at a time, and with nothing wrong.

All rows are run side by side in labs that share their servers; each test waits for its own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from tests import needs
from tests.lab import sandbox
from tests.lab.faults import plays
from tests.lab.faults.plays import Play
from tests.lab.faults.rows import CHAPTERS, matrix, shapes
from tests.lab.faults.stage import Ran, Stage

LABS = 4
PATIENCE = ("--timeout", "6", "--deadline", "90")
LONGEST_S = 1500
ROWS = matrix()
HEALTHY = ("as most have it", *shapes())
AS_INSTALLED = "S01"
"""This row is run as people do: the command in a process of its own."""

pytestmark = pytest.mark.timeout(LONGEST_S)


class Runs:
    """All runs, in a thread of its own; `of` waits for one."""

    def __init__(self, stage: Stage) -> None:
        self._ended: dict[tuple[str, bool], Future[tuple[Play, Ran] | None]] = {
            (name, after): Future() for name in (*ROWS, *HEALTHY) for after in (False, True)
        }
        self._thread = threading.Thread(target=self._run, args=(stage,), daemon=True)
        self._thread.start()

    def of(self, name: str, *, after: bool = False) -> tuple[Play, Ran] | None:
        """A row's run, or that after its mending: None where netcheck proved nothing to mend it by."""
        return self._ended[name, after].result(LONGEST_S)

    def close(self) -> None:
        self._thread.join(LONGEST_S)

    def _run(self, stage: Stage) -> None:
        wanted = [plays.fault(row, command=row.id == AS_INSTALLED) for row in ROWS.values()]
        wanted += [Play(name, data={"like": name} if name in shapes() else {}) for name in HEALTHY]
        try:
            for play, ran in plays.run(stage, wanted, PATIENCE):
                self._ended[play.name, play.after].set_result((play, ran))
                if not play.after and not list(plays.follow_ups(play, ran, reverse=False)):
                    self._ended[play.name, True].set_result(None)
        except Exception as error:  # noqa: BLE001 - every test that waits has to learn of it
            for future in self._ended.values():
                if not future.done():
                    future.set_exception(error)


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    needs.kafka_broker()
    needs.clickhouse_server()
    needs.chdb()
    why = sandbox.missing()
    if why:
        needs.skip_or_fail(why)
    with Stage(LABS) as stage:
        running = Runs(stage)
        yield running
        running.close()


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_pipeline_raises_no_alarm(runs: Runs, name: str) -> None:
    assert wrong(runs.of(name)) == []


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if not row.pair and row.odd is None])
def test_a_fault_is_the_one_root_cause(runs: Runs, name: str) -> None:
    assert wrong(runs.of(name)) == []


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.pair])
def test_of_two_faults_both_are_named(runs: Runs, name: str) -> None:
    assert wrong(runs.of(name)) == []


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.odd is not None])
def test_what_is_harmless_raises_no_alarm(runs: Runs, name: str) -> None:
    assert wrong(runs.of(name)) == []


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.proved and not row.pair])
def test_the_commands_of_a_proved_fix_mend_the_lab(runs: Runs, name: str) -> None:
    cured = runs.of(name, after=True)
    assert cured is not None, "netcheck printed no command that it had proved"
    assert wrong(cured) == []


def test_the_matrix_is_as_large_as_it_has_to_be() -> None:
    singles = [row for row in ROWS.values() if row.odd is None and not row.pair]
    assert len(singles) >= 60
    assert {row.chapter for row in singles} == set(CHAPTERS)
    assert len([row for row in ROWS.values() if row.pair]) >= 20
    assert len([row for row in ROWS.values() if row.odd is not None]) >= 15
    assert all(row.says for row in singles)


def wrong(ended: tuple[Play, Ran] | None) -> list[str]:
    assert ended is not None
    return plays.against(*ended)

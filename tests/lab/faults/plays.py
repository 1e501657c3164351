"""What is run for each row: its fault, and then what is done about it. For the command and the tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.lab.faults import awscli, judge
from tests.lab.faults.rows import Row, mended, pipeline
from tests.lab.faults.stage import Ran, Stage, job

SLOWLY = ("--timeout", "25", "--deadline", "180")
"""For a run that had no time: the machine was busy, and nothing was learnt."""


@dataclass(frozen=True, slots=True)
class Play:
    """One run. `row` is None for a healthy pipeline; `after` is a row's run after its fault was mended, with
    `commands` that netcheck printed or, without any, by taking the fault back.
    """

    name: str
    row: Row | None = None
    after: bool = False
    commands: tuple[str, ...] = ()
    data: Mapping[str, Any] | None = None
    command: bool = False
    again: bool = False

    def __str__(self) -> str:
        if self.row is None:
            return f"healthy: {self.name}"
        how = " by netcheck's commands" if self.commands else ""
        return f"{self.row}{f', mended{how}' if self.after else ''}"

    def job(self, patience: tuple[str, ...]) -> dict[str, Any]:
        """What the labs are told."""
        if self.again:
            patience = SLOWLY
        made = None
        if self.commands:
            assert self.row is not None
            made = pipeline(self.row.data)
            for each in self.commands:
                awscli.apply(each, made["ec2"])
        return job(self.name, self.data, *patience, pipeline=made, command=self.command)


def fault(row: Row, *, command: bool = False) -> Play:
    """A row as it stands."""
    return Play(row.id, row, data=row.data, command=command)


def run(
    stage: Stage, plays: Iterable[Play], patience: tuple[str, ...] = (), *, reverse: bool = False
) -> Iterator[tuple[Play, Ran]]:
    """Every play and its run, as they end. What netcheck has proved to mend a row is run behind it; with
    `reverse` the other rows without their fault, too.
    """
    under_way: dict[str, Play] = {}

    def send(play: Play) -> None:
        key = f"{play.name}|{len(under_way)}|{play.after}"
        under_way[key] = play
        stage.send({**play.job(patience), "name": key})

    for play in plays:
        send(play)
    left = len(under_way)
    while left:
        ran = stage.receive()
        play = under_way[ran.name]
        left -= 1
        if not play.again and out_of_time(ran):
            send(replace(play, again=True))
            left += 1
            continue
        for next_one in follow_ups(play, ran, reverse):
            send(next_one)
            left += 1
        yield play, ran


def out_of_time(ran: Ran) -> bool:
    """Whether netcheck says itself that it had not time enough for something."""
    return any(one["cause"] == "deadline" for one in ran.report.get("results", ()))


def follow_ups(play: Play, ran: Ran, reverse: bool) -> Iterator[Play]:
    """A row is mended by the commands that netcheck printed, where it has proved that they do."""
    row = play.row
    if row is None or play.after or ran.broken or row.odd is not None or row.pair:
        return
    commands = proved_commands(ran.report)
    if commands:
        yield Play(row.id, row, after=True, commands=commands)
    elif reverse:
        yield Play(row.id, row, after=True, data=mended(row))


def proved_commands(report: Mapping[str, Any]) -> tuple[str, ...]:
    """The AWS CLI commands of the report's proved fixes, each once, in the order they are printed."""
    found = [
        fix["text"]
        for root in report["root_causes"]
        if root["fix_proved"]
        for fix in root["fix"]
        if fix["kind"] == "awscli"
    ]
    return tuple(dict.fromkeys(found))


def against(play: Play, ran: Ran) -> list[str]:
    """What is not as it has to be; nothing where all is well."""
    if ran.broken:
        return [f"the lab broke: {ran.broken}", ran.errors]
    if play.row is None:
        return judge.against_health(ran.code, ran.report)
    if play.after:
        return judge.against_cure(ran.code, ran.report)
    return judge.against(play.row, ran.code, ran.report)

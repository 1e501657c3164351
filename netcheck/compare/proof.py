"""Which change explains a new root cause: with this change alone undone, the root cause is gone.

The later recording is replayed with one part of the AWS configuration as it was. Nothing is sent to the
network.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from netcheck.compare.change import CauseChange, Change
from netcheck.compare.sides import Side, replayed, with_documents
from netcheck.compare.undo import without
from netcheck.settings.config import UsageError

MOST_TRIED = 40
LONGEST_SECONDS = 15.0
"""For all changes together. A change that was not tried by then remains a possible explanation."""


def proved_by(
    changes: Sequence[Change], appeared: Sequence[CauseChange], before: Side, after: Side
) -> tuple[Change, ...]:
    """The changes; `proved` are those whose undoing removes a root cause. No other change of the AWS
    configuration is then given as the explanation of that root cause.
    """
    if not appeared or before.documents is None or after.documents is None or after.recording is None:
        return tuple(changes)
    end = time.monotonic() + LONGEST_SECONDS
    proved: dict[int, tuple[int, ...]] = {}
    order = sorted(range(len(changes)), key=lambda number: not changes[number].explains)
    for number in [each for each in order if changes[each].place][:MOST_TRIED]:
        if time.monotonic() > end:
            break
        if gone := _gone_without(changes[number], appeared, before, after):
            proved[number] = gone
    explained = {number for gone in proved.values() for number in gone}
    return tuple(_with_proof(change, proved.get(number), explained) for number, change in enumerate(changes))


def _gone_without(
    change: Change, appeared: Sequence[CauseChange], before: Side, after: Side
) -> tuple[int, ...]:
    """The numbers of the new root causes that are gone with this change undone."""
    assert before.documents is not None and after.documents is not None and after.recording is not None
    documents = without(change, before.documents, after.documents)
    if documents is None:
        return ()
    try:
        report = replayed(with_documents(after.recording, documents), after.name)
    except UsageError:
        return ()
    left = {(cause.code, cause.component) for cause in report.root_causes}
    if not left <= _root_causes(after):  # a new root cause may only hide the failure
        return ()
    failed = {r.key for r in report.results if r.status == "fail"}
    answered = {
        r.key for r in report.results if r.status in ("pass", "warn", "fail") or r.caused_by in failed
    }
    return tuple(
        number
        for number, cause in enumerate(appeared, 1)
        if (cause.code, cause.component) not in left and _questions(cause.shown_by) <= _questions(answered)
    )


def _root_causes(side: Side) -> set[tuple[str, str]]:
    causes = side.report["root_causes"] if side.report else []
    return {(cause["code"], cause["component"]) for cause in causes}


def _questions(keys: Sequence[str] | set[str]) -> set[str]:
    """Check and target of results: their numbers differ where another result is gone."""
    return {key.partition("#")[0] for key in keys}


def _with_proof(change: Change, gone: tuple[int, ...] | None, explained: set[int]) -> Change:
    if gone:
        return replace(change, explains=gone, proved=True)
    if change.place is None:
        return change
    return replace(change, explains=tuple(number for number in change.explains if number not in explained))

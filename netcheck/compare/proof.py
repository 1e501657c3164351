"""Which change explains a new root cause: with it alone taken back, the root cause is gone.

The later recording is judged again, with AWS's answers as they were in one place. No network is asked.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from netcheck.compare.change import CauseChange, Change
from netcheck.compare.sides import Side, judged, with_documents
from netcheck.compare.undo import undone
from netcheck.settings.config import UsageError

MOST_TRIED = 40
LONGEST_SECONDS = 15.0
"""For all of them together: what was not tried by then stays what may explain."""


def proved_by(
    changes: Sequence[Change], appeared: Sequence[CauseChange], before: Side, after: Side
) -> tuple[Change, ...]:
    """The changes, those `proved` that made a root cause go when taken back; then no other change of AWS's
    configuration is said to explain that one.
    """
    if not appeared or before.documents is None or after.documents is None or after.recording is None:
        return tuple(changes)
    end = time.monotonic() + LONGEST_SECONDS
    proofs: dict[int, tuple[int, ...]] = {}
    order = sorted(range(len(changes)), key=lambda number: not changes[number].explains)
    for number in [each for each in order if changes[each].place][:MOST_TRIED]:
        if time.monotonic() > end:
            break
        if gone := _gone_without(changes[number], appeared, before, after):
            proofs[number] = gone
    settled = {number for gone in proofs.values() for number in gone}
    return tuple(_said(change, proofs.get(number), settled) for number, change in enumerate(changes))


def _gone_without(
    change: Change, appeared: Sequence[CauseChange], before: Side, after: Side
) -> tuple[int, ...]:
    """Which of the new root causes are not there with this change taken back."""
    assert before.documents is not None and after.documents is not None and after.recording is not None
    documents = undone(before.documents, after.documents, change)
    if documents is None:
        return ()
    try:
        report = judged(with_documents(after.recording, documents), after.name)
    except UsageError:
        return ()
    left = {(cause.code, cause.component) for cause in report.root_causes}
    if not left <= _root_causes(after):  # something new may only hide what failed
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
    """Check and target of results: their numbers differ where another answer is gone."""
    return {key.partition("#")[0] for key in keys}


def _said(change: Change, gone: tuple[int, ...] | None, settled: set[int]) -> Change:
    if gone:
        return replace(change, explains=gone, proved=True)
    if change.place is None:
        return change
    return replace(change, explains=tuple(number for number in change.explains if number not in settled))

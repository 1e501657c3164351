"""What follows a run: compare with the state of the last, tell what changed, keep the new state.

The order is: write the new state with the change as pending; tell it; write the state without. Whoever loses
the first write to another run tells nothing. A run that is killed in between leaves a pending change, and the
next run, once the first can no longer be at it, tells that again with the same id. So a change is told at
least once, and twice only where a run was killed between telling and writing that down.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace

from netcheck.aws.api.calls import within
from netcheck.awslambda import notify
from netcheck.awslambda.changes import SCHEMA, Change, Pending, State, compare, renamed
from netcheck.awslambda.clients import Undelivered
from netcheck.awslambda.event import Asked
from netcheck.awslambda.logs import Log
from netcheck.awslambda.store import Conflict, Store
from netcheck.core.codec import CodecError, decode, encode
from netcheck.core.context import Deadline, DeadlineExceeded
from netcheck.core.model import Report

ATTEMPTS = 4
"""How often the state is read again after somebody else has written it."""
CLOCKS_S = 5.0
"""How far the clocks of two containers may be apart."""


def settle(report: Report, asked: Asked, began: float, deadline: Deadline, log: Log) -> int:
    """Do what the event asks for. Returns how much of it could not be done; the log says what and why."""
    if asked.state is None:
        return 0
    try:
        return _Settling(asked, asked.state, began, deadline, log).settle(report)
    except Undelivered as error:
        log.error("the state was not kept", pipeline=asked.name, reason=str(error))
        return 1


def keep_history(report: Report, asked: Asked, deadline: Deadline, log: Log) -> int:
    """Append to the history that the event names. Returns 1 where that could not be done, and logs why."""
    if asked.config.history is None:
        return 0
    from netcheck.history.append import append

    try:
        problem = within(deadline, lambda: append(asked.config, report))
    except DeadlineExceeded:
        problem = "history: not written: no time was left"
    if problem:
        log.error("the history was not kept", pipeline=asked.name, reason=problem)
    return int(bool(problem))


class _Settling:
    """One run's turn with the state. `began` is when the run began, in seconds since 1970."""

    def __init__(self, asked: Asked, store: Store, began: float, deadline: Deadline, log: Log) -> None:
        self._asked = asked
        self._store = store
        self._began = began
        self._deadline = deadline
        self._log = log

    def settle(self, report: Report) -> int:
        for _ in range(ATTEMPTS):
            held = self._store.read(self._deadline, self._asked.name)
            state = self._state(held.text)
            if state.pending and state.pending.by != self._log.request and state.pending.until > time.time():
                self._log.info("another run is telling a change", id=state.pending.id)
                return 0
            if state.pending:
                left = self._tell(replace(state, pending=self._own(state.pending)), held.tag)
            elif state.observed > self._began:
                self._log.info("a run that began later has told already", pipeline=self._asked.name)
                return 0
            else:
                after, change = compare(state.open, report)
                if after == state.open:
                    return 0
                new = State(SCHEMA, state.version + 1, self._began, after, self._pending(state, change))
                left = self._tell(new, held.tag)
                if left is not None:
                    return left
            if left:
                return left
        raise Undelivered("other runs kept writing the state at the same time")

    def _tell(self, state: State, tag: str | None) -> int | None:
        """Write, tell, write. Returns how many channels could not be told; None where another run was faster
        with the state.
        """
        try:
            tag = self._write(state, tag)
            if state.pending is None:
                return 0
            failed = tuple(name for name in state.pending.channels if not self._told(name, state.pending))
            rest = replace(state.pending, channels=failed, until=0.0) if failed else None
            self._write(replace(state, pending=rest), tag)
        except Conflict:
            return None
        return len(failed)

    def _told(self, channel: str, pending: Pending) -> bool:
        name = self._asked.name
        try:
            match channel:
                case "topic" if self._asked.topic:
                    notify.publish(self._deadline, self._asked.topic, name, pending)
                case "bus" if self._asked.bus:
                    notify.put_event(self._deadline, self._asked.bus, name, pending)
                case _:  # no longer asked for, since the change was left pending
                    return True
        except Undelivered as error:
            self._log.error("a change was not told", channel=channel, id=pending.id, reason=str(error))
            return False
        self._log.info("a change was told", channel=channel, id=pending.id)
        return True

    def _pending(self, state: State, change: Change) -> Pending | None:
        channels = tuple(name for name in ("topic", "bus") if getattr(self._asked, name))
        if not change or not channels:
            return None
        return self._own(
            Pending(f"{self._asked.name}-{state.version + 1}-{int(self._began)}", "", 0.0, channels, change)
        )

    def _own(self, pending: Pending) -> Pending:
        until = time.time() + self._deadline.left() + CLOCKS_S
        return replace(pending, by=self._log.request, until=until)

    def _write(self, state: State, tag: str | None) -> str:
        text = json.dumps(encode(state), ensure_ascii=False)
        return self._store.write(self._deadline, self._asked.name, text, tag)

    def _state(self, text: str | None) -> State:
        """The state in what was read; none where that is not ours, and then everything open is told anew."""
        if text is None:
            return State()
        try:
            state: State = decode(State, json.loads(text), "state")
            if state.schema != SCHEMA:
                raise CodecError(f"schema {state.schema!r}")
        except (ValueError, RecursionError) as error:
            self._log.warn(
                "the state cannot be read, and is begun anew",
                pipeline=self._asked.name,
                reason=str(error)[:200],
            )
            return State()
        return renamed(state)

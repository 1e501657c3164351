"""After a run: compares it with the state of the last run, sends what changed, and stores the new state.

The order is: write the new state with the change as pending; send the change; write the state without it. A
run that loses the first write to another run sends nothing. A run that is killed in between leaves a pending
change, and the next run sends it with the same id, once the first run has certainly ended. So a change is
sent at least once, and twice only where a run was killed between sending and recording that.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace

from netcheck.aws.api.calls import within
from netcheck.awslambda import notify
from netcheck.awslambda.changes import SCHEMA, Change, Pending, State, compare, renamed
from netcheck.awslambda.clients import Undelivered
from netcheck.awslambda.event import Invocation
from netcheck.awslambda.logs import Log
from netcheck.awslambda.store import Conflict, Store
from netcheck.core.codec import CodecError, decode, encode
from netcheck.core.context import Deadline, DeadlineExceeded
from netcheck.core.model import Report

ATTEMPTS = 4
"""How often the state is read again after another run has written it."""
CLOCK_SKEW_S = 5.0
"""How far the clocks of two containers may differ."""


def persist_and_notify(
    report: Report, invocation: Invocation, started: float, deadline: Deadline, log: Log
) -> int:
    """Store the state and send what changed. Returns how many steps failed; the log has the reasons."""
    if invocation.state is None:
        return 0
    try:
        return _Notifier(invocation, invocation.state, started, deadline, log).run(report)
    except Undelivered as error:
        log.error("state not stored", pipeline=invocation.name, reason=str(error))
        return 1


def append_history(report: Report, invocation: Invocation, deadline: Deadline, log: Log) -> int:
    """Append to the history that the event names. Returns 1 and logs the reason if that fails."""
    if invocation.config.history is None:
        return 0
    from netcheck.history.append import append

    try:
        problem = within(deadline, lambda: append(invocation.config, report))
    except DeadlineExceeded:
        problem = "history: not written: the deadline passed"
    if problem:
        log.error("history not written", pipeline=invocation.name, reason=problem)
    return int(bool(problem))


class _Notifier:
    """One run's update of the state. `started` is when the run started, in seconds since 1970."""

    def __init__(
        self, invocation: Invocation, store: Store, started: float, deadline: Deadline, log: Log
    ) -> None:
        self._invocation = invocation
        self._store = store
        self._started = started
        self._deadline = deadline
        self._log = log

    def run(self, report: Report) -> int:
        for _ in range(ATTEMPTS):
            stored = self._store.read(self._deadline, self._invocation.name)
            state = self._decoded(stored.text)
            if state.pending and state.pending.by != self._log.request and state.pending.until > time.time():
                self._log.info("another run is sending a change", id=state.pending.id)
                return 0
            if state.pending:
                failed = self._send(replace(state, pending=self._claimed(state.pending)), stored.tag)
            elif state.observed > self._started:
                self._log.info(
                    "a run that started later has already updated the state", pipeline=self._invocation.name
                )
                return 0
            else:
                after, change = compare(state.open, report)
                if after == state.open:
                    return 0
                new = State(SCHEMA, state.version + 1, self._started, after, self._pending(state, change))
                failed = self._send(new, stored.tag)
                if failed is not None:
                    return failed
            if failed:
                return failed
        raise Undelivered("other runs kept writing the state at the same time")

    def _send(self, state: State, tag: str | None) -> int | None:
        """Write the state, send the change, write the state again. Returns how many channels failed; None if
        another run wrote the state first.
        """
        try:
            tag = self._write(state, tag)
            if state.pending is None:
                return 0
            failed = tuple(name for name in state.pending.channels if not self._sent(name, state.pending))
            rest = replace(state.pending, channels=failed, until=0.0) if failed else None
            self._write(replace(state, pending=rest), tag)
        except Conflict:
            return None
        return len(failed)

    def _sent(self, channel: str, pending: Pending) -> bool:
        name = self._invocation.name
        try:
            match channel:
                case "topic" if self._invocation.topic:
                    notify.publish(self._deadline, self._invocation.topic, name, pending)
                case "bus" if self._invocation.bus:
                    notify.put_event(self._deadline, self._invocation.bus, name, pending)
                case _:  # removed from the event since the change became pending
                    return True
        except Undelivered as error:
            self._log.error("change not sent", channel=channel, id=pending.id, reason=str(error))
            return False
        self._log.info("change sent", channel=channel, id=pending.id)
        return True

    def _pending(self, state: State, change: Change) -> Pending | None:
        channels = tuple(name for name in ("topic", "bus") if getattr(self._invocation, name))
        if not change or not channels:
            return None
        id = f"{self._invocation.name}-{state.version + 1}-{int(self._started)}"
        return self._claimed(Pending(id, "", 0.0, channels, change))

    def _claimed(self, pending: Pending) -> Pending:
        """The change as pending by this invocation, for as long as it can run."""
        until = time.time() + self._deadline.left() + CLOCK_SKEW_S
        return replace(pending, by=self._log.request, until=until)

    def _write(self, state: State, tag: str | None) -> str:
        text = json.dumps(encode(state), ensure_ascii=False)
        return self._store.write(self._deadline, self._invocation.name, text, tag)

    def _decoded(self, text: str | None) -> State:
        """The stored state. An unreadable one is reset, so that every open root cause is sent again."""
        if text is None:
            return State()
        try:
            state: State = decode(State, json.loads(text), "state")
            if state.schema != SCHEMA:
                raise CodecError(f"schema {state.schema!r}")
        except (ValueError, RecursionError) as error:
            self._log.warn(
                "unreadable state reset; open root causes are sent again",
                pipeline=self._invocation.name,
                reason=str(error)[:200],
            )
            return State()
        return renamed(state)

"""Runs every check against every target it fits, side by side, until all are done or the time is over.

Whatever a check does becomes results: it yields, skips, lacks a fact, runs out of time, raises, or
never comes back. Daemon threads, not a ThreadPoolExecutor: the executor joins its workers when the process
ends, and one hung probe would hold the process.
"""

from __future__ import annotations

import json
import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from netcheck.core.catalogue import Catalogue
from netcheck.core.check import Check
from netcheck.core.codec import encode
from netcheck.core.context import (
    Context,
    DeadlineExceeded,
    FactUnavailable,
    NotApplicable,
    NotRecorded,
    PrerequisiteFailed,
    Skip,
)
from netcheck.core.model import PIPELINE, Cause, Finding, Layer, Result, Status, Target
from netcheck.core.secret import Scrubber
from netcheck.engine.finding_types import problem_with, scrubbed
from netcheck.engine.plugins import LoadError

MOST_THREADS = 400
MOST_TARGETS = 500
"""A cluster has at most some dozens of brokers; a peer that advertises thousands is not one."""
MOST_FINDINGS = 1000
"""Of one check about one target: one that yields for ever must not fill the memory."""
GRACE_SECONDS = 0.2
"""How long past the deadline results are still taken: probes end at the deadline and report just after."""
TICK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Job:
    """One check against one target. `order` is its place in the report."""

    check: Check
    target: Target
    order: tuple[int, int, str, int] = field(compare=False)

    def __hash__(self) -> int:
        return hash((self.check.id, self.target))


@dataclass(frozen=True, slots=True)
class Found:
    """A finding came. `origin` is the failed fact it lacked, where that is why."""

    job: Job
    finding: Finding
    seconds: float
    origin: object = None


@dataclass(frozen=True, slots=True)
class Started:
    job: Job


@dataclass(frozen=True, slots=True)
class Ended:
    """A check is done. `unneeded`: it had nothing to say, and says so."""

    job: Job
    unneeded: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing happened for a moment: time to show that the run is alive."""


Event = Found | Started | Ended | Tick
Watch = Callable[[Event], None]


def ignore_event(event: Event) -> None:
    """Does nothing with an event."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to; `interrupted` when it was ended by Ctrl-C."""

    results: tuple[Result, ...]
    interrupted: bool


class Run:
    """One run: its jobs, the threads they run in, and the events these send."""

    def __init__(
        self,
        checks: Sequence[Check],
        context: Context,
        watch: Watch,
        scrub: Scrubber,
        catalogue: Catalogue | None = None,
    ) -> None:
        self._checks = checks
        self._catalogue = catalogue or Catalogue.made_of(checks)
        self._context = context
        self._watch = watch
        self._scrub = scrub
        self._events: queue.SimpleQueue[Found | Ended] = queue.SimpleQueue()
        self._waiting: list[Job] = []
        self._pending: dict[Job, float] = {}
        self._targets: set[Target] = set()
        self._found: list[Found] = []
        self._answered: set[Job] = set()
        self._most_threads = MOST_THREADS

    def results(self, targets: Iterable[Target], broken: Iterable[LoadError]) -> Outcome:
        """Run everything and return what was found, in the order of targets and checks."""
        interrupted = False
        for place, target in enumerate(targets):
            self._add(target, (0, place, ""))
        try:
            self._work()
        except KeyboardInterrupt:
            interrupted = True
        self._cancel_remaining(Cause.INTERRUPTED if interrupted else Cause.DEADLINE)
        told = (_broken_result(each, self._scrub) for each in broken)
        return Outcome((*_stamp(self._found, self._scrub), *told), interrupted)

    def _add(self, target: Target, place: tuple[int, int, str]) -> None:
        self._targets.add(target)
        for number, check in enumerate(self._checks):
            if target.kind in check.kinds:
                self._waiting.append(Job(check, target, (*place, number)))

    def _work(self) -> None:
        end = time.monotonic() + self._context.deadline.left() + GRACE_SECONDS
        while self._waiting or self._pending:
            self._start()
            wait = end - time.monotonic()
            if wait <= 0:
                return
            try:
                self._take(self._events.get(timeout=min(wait, TICK_SECONDS)))
            except queue.Empty:
                self._watch(Tick())

    def _start(self) -> None:
        while self._waiting and len(self._pending) < self._most_threads:
            job = self._waiting[0]
            self._pending[job] = time.monotonic()
            del self._waiting[0]
            name = f"{job.check.id}@{job.target}"
            try:
                threading.Thread(target=self._attempt, args=(job,), name=name, daemon=True).start()
            except RuntimeError as error:  # the container's limit of processes, or no memory for a stack
                self._wait_for_a_thread(job, error)
            else:
                self._watch(Started(job))

    def _wait_for_a_thread(self, job: Job, error: RuntimeError) -> None:
        """This host gives no more threads: go on with as many as there are, and without any say so."""
        del self._pending[job]
        if self._pending:
            self._waiting.insert(0, job)
            self._most_threads = len(self._pending)
        else:
            finding = Finding(Status.UNKNOWN, f"not run: {error}", Cause.RESOURCES, Layer.AGENT)
            self._found.append(Found(job, finding, 0.0))

    def _take(self, event: Found | Ended) -> None:
        if event.job not in self._pending:
            return
        match event:
            case Found(finding=finding):
                self._found.append(event)
                self._answered.add(event.job)
                self._discover(event.job, finding.discovered)
            case Ended(job, unneeded):
                if job not in self._answered and not unneeded:
                    self._found.append(Found(job, _bug(f"{job.check.id} came to no finding"), 0.0))
                del self._pending[job]
        self._watch(event)

    def _discover(self, job: Job, targets: tuple[Target, ...]) -> None:
        for target in targets:
            if target in self._targets:
                continue
            if len(self._targets) >= MOST_TARGETS:
                text = f"more than {MOST_TARGETS} targets: {target} and those after it were left out"
                finding = Finding(Status.UNKNOWN, text, Cause.TOO_MANY_TARGETS, Layer.AGENT)
                self._found.append(Found(job, finding, 0.0))
                return
            self._add(target, (1, 0, str(target)))

    def _cancel_remaining(self, cause: Cause) -> None:
        """Give every job that has not ended a result that says so."""
        for _ in range(self._events.qsize()):
            self._take(self._events.get())
        for job in dict.fromkeys([*self._pending, *self._waiting]):
            since = self._pending.get(job)
            waited = 0.0 if since is None else time.monotonic() - since
            self._found.append(Found(job, _unfinished(cause, waited), waited))
        self._pending, self._waiting = {}, []

    def _attempt(self, job: Job) -> None:
        """Run one check in its thread. Nothing it does gets out but as events."""
        started = time.monotonic()

        def say(finding: Finding, origin: object = None) -> None:
            self._events.put(Found(job, _scrubbed(finding, self._scrub), time.monotonic() - started, origin))

        unneeded = False
        try:
            self._ask(job, say)
        except NotApplicable:
            unneeded = True
        except DeadlineExceeded:
            say(_unfinished(Cause.DEADLINE, time.monotonic() - started))
        except BaseException as error:  # noqa: BLE001 - a check's own bug must not look like silence
            say(_bug(_bug_text(job, error)))
        finally:
            self._events.put(Ended(job, unneeded))

    def _ask(self, job: Job, say: Callable[..., None]) -> None:
        """Say what the check finds, and what it says in place of a finding as an exception."""
        try:
            for number, finding in enumerate(job.check.run(job.target, self._context)):
                if problem := problem_with(finding, job.check, self._catalogue):
                    raise TypeError(f"it yielded {problem}")
                if number == MOST_FINDINGS:
                    raise RuntimeError(f"it yielded more than {MOST_FINDINGS} findings")
                say(finding)
        except NotApplicable:
            raise
        except PrerequisiteFailed as reason:
            say(Finding(Status.SKIP, str(reason), Cause.NOT_ASKED))
        except Skip as reason:
            say(Finding(Status.SKIP, str(reason) or "moot"))
        except NotRecorded as error:
            say(Finding(Status.UNKNOWN, str(error), Cause.NOT_RECORDED, Layer.AGENT))
        except FactUnavailable as error:
            say(_unavailable(error), error.origin)


def _unfinished(cause: Cause, waited: float) -> Finding:
    match cause:
        case Cause.INTERRUPTED:
            text = f"not finished: interrupted after {waited:.1f} s"
        case _:
            text = f"not finished: the run's time was over after {waited:.1f} s; give it more with --deadline"
    return Finding(Status.UNKNOWN, text, cause, Layer.AGENT)


def _unavailable(error: FactUnavailable) -> Finding:
    needed = (error.action,) if error.action else ()
    cause = Cause.FACT_UNAVAILABLE
    return Finding(Status.UNKNOWN, error.reason, cause, Layer.AGENT, missing_permissions=needed)


def _bug(text: str) -> Finding:
    return Finding(Status.UNKNOWN, f"a bug in the check: {text}", Cause.CHECK_BUG, Layer.AGENT)


def _bug_text(job: Job, error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if f.name == "run"] or frames
    place = f" at {Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
    try:
        text = f": {error}"
    except Exception:  # noqa: BLE001 - an exception of a plugin may fail to say what it is
        text = ""
    return f"{job.check.id} raised {type(error).__name__}{text}{place}"


def _scrubbed(finding: Finding, scrub: Scrubber) -> Finding:
    evidence = encode(finding.evidence, scrub)
    assert isinstance(evidence, dict)
    json.dumps(evidence)  # raises for a number too large to be written, while it is still one check's bug
    clean = scrubbed(replace(finding, evidence={}, discovered=()), scrub)
    return replace(clean, evidence=evidence, discovered=finding.discovered)


def _stamp(found: list[Found], scrub: Scrubber) -> list[Result]:
    """Results in report order, each with its key; a failed fact is told once, its dependants point there.

    A discovered target has the name that a peer gave it, and a peer may give it a secret that it was sent.
    """
    results: list[Result] = []
    told: dict[object, str] = {}
    counts: dict[str, int] = {}
    for event in sorted(found, key=lambda e: e.job.order):
        target, given = event.job.target, event.job.order[0] == 0
        target = target if given else replace(target, host=scrub(target.host))
        name = f"{event.job.check.id}@{target}"
        counts[name] = counts.get(name, 0) + 1
        key = name if counts[name] == 1 else f"{name}#{counts[name]}"
        finding, teller = replace(event.finding, discovered=()), None
        if event.origin is not None and (teller := told.setdefault(event.origin, key)) != key:
            finding = Finding(Status.SKIP, finding.summary, Cause.NOT_ASKED, finding.layer)
        caused_by = teller if teller != key else None
        results.append(Result(key, event.job.check.id, target, finding, event.seconds, caused_by))
    return results


def _broken_result(broken: LoadError, scrub: Scrubber) -> Result:
    text = scrub(f"{broken.source} gives no checks: {broken.reason}")
    finding = Finding(Status.UNKNOWN, text, Cause.PLUGIN_BROKEN, Layer.AGENT)
    return Result(f"plugin@{broken.source}", "plugin", PIPELINE, finding, 0.0)

"""What a check runs in: the configuration, one deadline, and facts that are computed once a run."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from netcheck.pipeline.model import Pipeline
    from netcheck.settings.config import Config

P = ParamSpec("P")
T = TypeVar("T")


SETTLE_SECONDS = 0.1
"""How long past the deadline a fact is waited for: a probe that ends at the deadline tells just after."""


class Skip(Exception):
    """Raised by a check whose question is moot; the text is the reason shown."""


class PrerequisiteFailed(Skip):
    """Raised where a question could not be asked because what it depends on is missing.

    No address, no connection: whatever failed below explains it.
    """


NotAsked = PrerequisiteFailed
"""The name up to version 0.1, for plugins."""


class NotApplicable(Skip):
    """Raised by a check that has something to say only where another one failed, and it did not: no result.

    A run where all is well is not to be longer for what would have been looked at otherwise.
    """


Unneeded = NotApplicable
"""The name up to version 0.1, for plugins."""


class DeadlineExceeded(Exception):
    """The run's time is over: nothing can be said of what was not finished."""


class FactUnavailable(Exception):
    """A fact could not be had. `action` is the IAM action that would give it, where one is missing.

    `origin` tells one failed fact from another, so that each is reported once; `Context.get` fills it in.
    """

    def __init__(self, reason: str, action: str | None = None, origin: object = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.action = action
        self.origin = origin


class NotRecorded(Exception):
    """A replayed run asked for an observation that the recording does not hold."""


class Deadline:
    """A point in time that every wait ends at. Seconds, on the monotonic clock."""

    def __init__(self, seconds: float, *, end: float | None = None) -> None:
        self._end = time.monotonic() + seconds if end is None else end

    def remaining(self, cap: float = math.inf) -> float:
        """Seconds left, at most `cap`: the next call's timeout. Raises DeadlineExceeded when none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded("no time left")
        return min(left, cap)

    def left(self) -> float:
        """Seconds left, 0.0 when none are."""
        return max(0.0, self._end - time.monotonic())

    def step(self, cap: float) -> Deadline:
        """A deadline for one step: `cap` seconds from now, never past this one."""
        return Deadline(0, end=min(self._end, time.monotonic() + cap))


class Observer(Protocol):
    """The seam between probing and judging: asks the network, or a recording of it."""

    def observe(self, probe: Callable[P, T], args: tuple[object, ...], ask: Callable[[], T]) -> T:
        """Return what `ask()` says, or what it said when it was recorded. `args` identify the question."""


@dataclass(slots=True)
class _Slot:
    """The place of one fact: filled by whoever asks first, waited for by everyone else."""

    ready: threading.Event = field(default_factory=threading.Event)
    value: Any = None
    error: Exception | None = None


class Context:
    """Handed to every check. `config` is what was asked, with what was discovered where nothing was said;
    `deadline` bounds every wait; `pipeline` is what was discovered, None before.
    """

    def __init__(
        self, config: Config, deadline: Deadline, observer: Observer, pipeline: Pipeline | None = None
    ) -> None:
        self.config = config
        self.deadline = deadline
        self.pipeline = pipeline
        self._observer = observer
        self._slots: dict[object, _Slot] = {}
        self._lock = threading.Lock()

    def get(self, fact: Callable[Concatenate[Context, P], T], *args: P.args, **kw: P.kwargs) -> T:
        """Return `fact(self, *args, **kw)`, computed at most once a run, also under racing threads.

        Raises what makes the asker's question moot or unanswerable: Skip, DeadlineExceeded and NotRecorded
        as they are, anything else as FactUnavailable.
        """
        key = (fact, args, tuple(sorted(kw.items())))
        with self._lock:
            first = key not in self._slots
            slot = self._slots.setdefault(key, _Slot())
        if first:
            self._fill(slot, lambda: fact(self, *args, **kw))
        elif not slot.ready.wait(self.deadline.left() + SETTLE_SECONDS):
            raise DeadlineExceeded(f"{fact.__name__} was not known in time")
        match slot.error:
            case None:
                value: T = slot.value
                return value
            case Skip() | DeadlineExceeded() | NotRecorded():
                raise slot.error
            case FactUnavailable() as error:
                raise FactUnavailable(error.reason, error.action, error.origin or key) from error
            case error:
                reason = f"{fact.__name__} failed: {type(error).__name__}: {error}"
                raise FactUnavailable(reason, origin=key) from error

    def discovered(self, config: Config, pipeline: Pipeline) -> Context:
        """The context of the checks: the same deadline and observer, and what was discovered."""
        return Context(config, self.deadline, self._observer, pipeline)

    @staticmethod
    def _fill(slot: _Slot, compute: Callable[[], object]) -> None:
        try:
            slot.value = compute()
        except Exception as error:  # noqa: BLE001 - kept, and raised to everyone who asks
            slot.error = error
        except BaseException as error:
            slot.error = FactUnavailable(f"ended by {type(error).__name__}")  # not a value of None for others
            raise
        finally:
            slot.ready.set()

    def observe(self, probe: Callable[Concatenate[Deadline, P], T], *args: P.args, **kw: P.kwargs) -> T:
        """Ask the network one question, or look up the answer that was recorded.

        `probe` is a function of `netcheck.probe` or `netcheck.aws`; it is given a deadline of one step
        (`config.timeout`, or less when the run has less left) and then the arguments.
        """
        return self.observe_for(self.config.timeout, probe, *args, **kw)

    def observe_for(
        self, seconds: float, probe: Callable[Concatenate[Deadline, P], T], *args: P.args, **kw: P.kwargs
    ) -> T:
        """The same, for a question that may take `seconds` rather than one step's timeout."""
        return self._observer.observe(
            probe,
            (*args, *sorted(kw.items())),
            lambda: probe(self.deadline.step(self.deadline.remaining(seconds)), *args, **kw),
        )

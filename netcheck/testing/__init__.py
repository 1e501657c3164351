"""For tests of checks: run one check on given facts or on a recording, and see what becomes of its findings.

    from netcheck.testing import on_facts, on_recording, root_causes

Everything runs as in a real run: by the real runner, with the real diagnosis.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from netcheck.core import recording
from netcheck.core.catalogue import Catalogue
from netcheck.core.check import Check
from netcheck.core.context import Context, Deadline
from netcheck.core.model import Result, RootCause, Target
from netcheck.core.place import HERE, Place
from netcheck.core.recording import Live, Player
from netcheck.diagnose import diagnose
from netcheck.engine import discovery, plugins
from netcheck.engine.assessment import recorded_config
from netcheck.engine.runner import Run, ignore_event
from netcheck.pipeline.model import Pipeline
from netcheck.settings.config import Config

P = ParamSpec("P")
T = TypeVar("T")

SECONDS = 30.0
"""The deadline of a check under test, unless one is given."""

__all__ = ["on_facts", "on_recording", "root_causes"]


class _GivenFacts(Context):
    """A context whose facts are given; any other fact is computed as in a run."""

    def __init__(
        self, facts: Mapping[Callable[..., Any], object], config: Config, pipeline: Pipeline | None
    ) -> None:
        super().__init__(config, Deadline(config.deadline), Live(), pipeline)
        self._given = facts

    def get(self, fact: Callable[Concatenate[Context, P], T], *args: P.args, **kw: P.kwargs) -> T:
        """The given value of a fact. A function is called with the arguments, an exception is raised."""
        if fact not in self._given:
            return super().get(fact, *args, **kw)
        value: Any = self._given[fact]
        if isinstance(value, Exception):
            raise value
        found: T = value(*args, **kw) if callable(value) else value
        return found


def on_facts(
    check: Check,
    target: Target,
    facts: Mapping[Callable[..., Any], object],
    config: Config | None = None,
    pipeline: Pipeline | None = None,
) -> tuple[Result, ...]:
    """The results of one check on one target, with these facts in place of what would be observed.

    A key is the fact's function (`netcheck.engine.facts.resolution`); its value is what it returns, an
    exception that it raises, or a function of the fact's arguments.
    """
    given = config or Config(deadline=SECONDS)
    context = _GivenFacts(facts, given, pipeline)
    run = Run([check], context, ignore_event, given.scrubber(), _catalogue([check]))
    return run.results([target], ()).results


def on_recording(check: Check, path: str | Path) -> tuple[Result, ...]:
    """The results of one check on every target of a recording (`netcheck run --record`), with no network.

    Raises RecordingError for a file that is not a recording. What the recorded run did not observe becomes an
    `unknown` result.
    """
    kept = recording.read(Path(path))
    config = recorded_config(kept, Config(replay=str(path), deadline=SECONDS))
    context = Context(config, Deadline(SECONDS), Player(kept))
    found = discovery.discover(context)
    context = context.discovered(found.config, found.pipeline)
    run = Run([check], context, ignore_event, config.scrubber(), _catalogue([check]))
    return run.results(found.targets, ()).results


def root_causes(
    results: Sequence[Result], checks: Sequence[Check] = (), place: Place = HERE
) -> tuple[RootCause, ...]:
    """The root causes of these results, with the declarations of netcheck's own checks and of `checks`."""
    return diagnose(results, _catalogue(checks), place).root_causes


def _catalogue(checks: Sequence[Check]) -> Catalogue:
    known = {check.id: check for check in (*_installed(), *checks)}
    return Catalogue.made_of(known.values())


@functools.cache
def _installed() -> tuple[Check, ...]:
    """netcheck's own checks and those of installed plugins, searched for once in a test run."""
    return plugins.find().checks

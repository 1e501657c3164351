"""One run from a configuration to a report: the same for every way of running."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from netcheck.core import aliases, recording
from netcheck.core.catalogue import Catalogue
from netcheck.core.check import Check, DerivedCheck
from netcheck.core.context import Context, Deadline, DeadlineExceeded, FactUnavailable, NotRecorded, Observer
from netcheck.core.model import Json, Kind, Report
from netcheck.core.recording import Live, Player, Recorder, Recording, RecordingError
from netcheck.diagnose import diagnose
from netcheck.engine import discovery, facts, plugins
from netcheck.engine.fixes import attach_fixes
from netcheck.engine.pipeline_summary import described
from netcheck.engine.place import place_of
from netcheck.engine.runner import Event, Run
from netcheck.probe.tls.trust import TrustError, verifier
from netcheck.settings.config import Config, UsageError

OUTPUT_OPTIONS = ("format", "output", "baseline", "history", "quiet", "verbose", "no_color")
"""What becomes of the report."""
ABOUT_THE_RUN = ("only", "skip", "deadline", "strict", "plugins", *OUTPUT_OPTIONS)
"""What may be said again for a replay; everything else is what was recorded."""
SELECTION = ("only", "skip")
"""Of these, what was recorded holds unless it is said again: other checks have asked nothing then."""
NOT_RECORDED = ("plugins", "record", "replay", "watch", "credentials", "history_login", *OUTPUT_OPTIONS)


@dataclass(frozen=True, slots=True)
class Assessment:
    """A report, the checks that made it, and the recording where one was asked for."""

    report: Report
    checks: tuple[Check, ...]
    recording: Recording | None
    interrupted: bool


def assess(
    config: Config,
    watch: Callable[[Event], None],
    recorded: Recording | None = None,
    observer: Observer | None = None,
) -> Assessment:
    """Run everything that `config` asks for; judge `recorded` again where it is given, else what
    `config.replay` names. `observer` answers in place of the network, where one run shares what another
    asked. Raises UsageError for what cannot be done as asked.
    """
    clock, deadline, started = time.monotonic(), Deadline(config.deadline), _now()
    scrub = config.scrubber()
    observer = observer or (Recorder(scrub) if config.record or config.baseline or config.watch else Live())
    replayed = recorded or (_read_recording(config.replay) if config.replay else None)
    if replayed:
        observer = Player(replayed)
        config = recorded_config(replayed, config)
    else:
        _check_trust(config)
    found = plugins.find(config.plugins)
    checks = select(found.checks, config.only, config.skip)
    context = Context(config, deadline, observer)
    discovered = _discovered(context)
    targets, pipeline = discovered.targets, discovered.pipeline
    checks = asked(checks, discovered)
    probing = tuple(check for check in checks if not isinstance(check, DerivedCheck))
    if not found.broken and not any(target.kind in check.kinds for target in targets for check in probing):
        raise UsageError("nothing to check: --only and --skip leave no check for these targets")
    context = context.discovered(discovered.config, pipeline)
    vantage = _vantage(context)
    catalogue = Catalogue.made_of(found.checks)
    outcome = Run(probing, context, watch, scrub, catalogue).results(targets, found.broken)
    vantage |= _place(context)
    derived = [check for check in checks if isinstance(check, DerivedCheck)]
    judged = diagnose(outcome.results, catalogue, place_of(vantage), derived)
    seconds = replayed.seconds if replayed else time.monotonic() - clock
    report = Report(
        started=replayed.started if replayed else started,
        seconds=seconds,
        vantage=vantage,
        pipeline=described(pipeline, discovered.config, targets),
        results=judged.results,
        root_causes=attach_fixes(judged.root_causes, judged.results, context),
    )
    kept = (
        observer.recording(_config_to_keep(config), started, seconds)
        if isinstance(observer, Recorder)
        else None
    )
    return Assessment(report, found.checks, kept, outcome.interrupted)


def select(checks: Sequence[Check], only: Sequence[str], skip: Sequence[str]) -> tuple[Check, ...]:
    """The checks that match a glob of `only` (all, if empty) and none of `skip`; old ids match as well.

    Raises UsageError for a glob that matches no check.
    """
    for flag, globs in (("--only", only), ("--skip", skip)):
        for glob in globs:
            if not any(aliases.matches(check.id, glob) for check in checks):
                raise UsageError(f"{flag} {glob}: no check has such an id; netcheck checks lists them")
    return tuple(
        check
        for check in checks
        if (not only or any(aliases.matches(check.id, glob) for glob in only))
        and not any(aliases.matches(check.id, glob) for glob in skip)
    )


def asked(checks: Sequence[Check], discovered: discovery.Discovered) -> tuple[Check, ...]:
    """The checks without our questions about a pipeline, in a run of bare targets: there is none. Those stay
    that need only an option which was given, such as a worker's log.
    """
    known, config = discovered.pipeline, discovered.config
    if known.connector or known.cluster or known.missing or config.source_subnet:
        return tuple(checks)
    return tuple(
        check
        for check in checks
        if check.kinds != {Kind.PIPELINE}
        or not plugins.is_own(check)
        or (check.needs_only and getattr(config, check.needs_only))
    )


def _discovered(context: Context) -> discovery.Discovered:
    try:
        return discovery.discover(context)
    except NotRecorded as error:
        raise UsageError(f"--replay: {error}: record it again with --record") from None


def _check_trust(config: Config) -> None:
    """A trust store that cannot be read is a matter of usage: said once, before the run."""
    if config.trust.path:
        try:
            verifier(config.trust)
        except TrustError as error:
            raise UsageError(f"--ca: {error}") from None


def _read_recording(path: str) -> Recording:
    try:
        return recording.read(Path(path))
    except RecordingError as error:
        raise UsageError(f"--replay: {error}") from None


def recorded_config(replayed: Recording, given: Config) -> Config:
    """What a recorded run was asked for, with what may be given again from `given`. Raises UsageError."""
    from netcheck.core.codec import CodecError, decode

    try:
        recorded: Config = decode(Config, replayed.config, "config")
    except CodecError as error:
        raise UsageError(f"--replay {given.replay}: {error}; it is not of this version of netcheck") from None
    narrowed = [name for name in SELECTION if getattr(given, name)]
    again = [name for name in ABOUT_THE_RUN if name not in SELECTION]
    return replace(
        recorded, replay=given.replay, **{name: getattr(given, name) for name in (*again, *narrowed)}
    )


def _vantage(context: Context) -> dict[str, Json]:
    try:
        return facts.vantage(context)
    except (DeadlineExceeded, NotRecorded):
        return {"kind": "unknown"}


def _place(context: Context) -> dict[str, Json]:
    """Where this run looks from, to AWS; nothing where nobody said where the workers are."""
    if not context.config.source_subnet:
        return {}
    try:
        return context.get(facts.place)
    except (DeadlineExceeded, NotRecorded, FactUnavailable):
        return {"parity": "unknown"}


def _config_to_keep(config: Config) -> Config:
    return replace(config, **{name: getattr(Config(), name) for name in NOT_RECORDED})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

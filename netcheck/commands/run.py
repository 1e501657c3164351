"""`netcheck run`: check a pipeline and report."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from netcheck.commands.main import EXIT_CODES
from netcheck.core import recording
from netcheck.core.hostport import shown
from netcheck.core.model import Status
from netcheck.core.version import VERSION
from netcheck.engine.assessment import ABOUT_THE_RUN, Assessment, assess
from netcheck.engine.check_docs import page
from netcheck.engine.runner import ignore_event
from netcheck.report import formats, full, short
from netcheck.report.live import Live
from netcheck.report.style import Style, style_of
from netcheck.settings.config import BY_NAME, OPTIONS, Config, Option, UsageError, build, settings
from netcheck.settings.credentials_file import VARIABLES, read_logins
from netcheck.settings.yaml_file import read_mapping

if TYPE_CHECKING:
    from netcheck.compare.sides import Side

GROUPS = {"targets": "targets", "aws": "AWS", "run": "run", "output": "output"}
EPILOG = f"""logins come from the environment, or from --credentials FILE (YAML), never from arguments:
{chr(10).join(f"  {variable:<30} {key}" for key, variable in VARIABLES.items())}

every option is also a key of --config FILE, with the same name:
  bootstrap: [b-1.example:9094, b-2.example:9094]
  clickhouse: https://ch.example:8443
  deadline: 30

examples:
  netcheck run --bootstrap b-1.example:9094,b-2.example:9094 --clickhouse https://ch.example:8443/events
  netcheck run --config run.yaml --format json --output report.json
  netcheck run --bootstrap b-1.example:9096 --record run.json.gz
  netcheck run --replay run.json.gz
  netcheck run --connector orders-sink --baseline good.json.gz
  netcheck run --connector orders-sink --watch 60 --history history.jsonl

with --watch, the exit code is that of the last complete run; 3 if there was none

environment, besides the logins above:
  AWS_REGION, AWS_DEFAULT_REGION   the Region, where --region is not given
  AWS_PROFILE, AWS_ACCESS_KEY_ID, ...   credentials, as the AWS CLI reads them
  NO_COLOR   no colours, even on a terminal

{EXIT_CODES}"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `netcheck run` to the commands."""
    parser = commands.add_parser(
        "run",
        help="check a pipeline, or any part of one",
        description="Checks name resolution, connections, TLS and protocols of every target in parallel.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    groups = {name: parser.add_argument_group(title) for name, title in GROUPS.items()}
    for option in OPTIONS:
        _add(groups[option.group], option)
    groups["targets"].add_argument(
        "--config", metavar="FILE", help="YAML file with any of these options as keys"
    )
    parser.set_defaults(run=run)


def _add(group: argparse._ArgumentGroup, option: Option) -> None:
    match option:
        case Option(metavar=""):
            group.add_argument(option.flag, action="store_true", default=None, help=option.help)
        case Option(many=True):
            group.add_argument(
                option.flag, metavar=option.metavar, action="extend", nargs="+", help=option.help
            )
        case _:
            group.add_argument(option.flag, metavar=option.metavar, help=option.help)


def run(args: argparse.Namespace) -> int:
    """Run and report. Returns the exit code."""
    try:
        config = _config(args, os.environ)
        _check_writable(config)
        before = _baseline(config)
        if config.watch:
            return _watch(config, before)
        with _interrupted_by_sigterm():
            assessment = assess_with_progress(config)
        try:
            return report(assessment, config, before)
        finally:
            _append_history(assessment, config)
    except UsageError as error:
        print(f"netcheck: {error}", file=sys.stderr)
        return 2


@contextlib.contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """SIGTERM, which stops containers, ends a run as Ctrl-C does: known results are still reported."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous or signal.SIG_DFL)


def _baseline(config: Config) -> Side | None:
    """What this run is compared with. Read before the run, as an unreadable file is a usage error."""
    if config.baseline is None:
        return None
    from netcheck.compare.sides import read_side

    return read_side(config.baseline)


def _watch(config: Config, before: Side | None) -> int:
    """Run until interrupted. Returns the exit code of the last complete run."""
    from netcheck.watch.events import EventWriter
    from netcheck.watch.loop import Watch

    watch = Watch(
        config,
        EventWriter(sys.stdout, _style(config, sys.stdout), config.format == "json", config.quiet),
        assess_with_progress,
        lambda assessment: exit_code(assessment, config.strict),
        lambda assessment: _append_history(assessment, config),
    )
    return watch.until_ended(before)


def _append_history(assessment: Assessment, config: Config) -> None:
    """Append to the history. A failure is a warning and does not affect the run."""
    if config.history is None or assessment.interrupted:
        return
    from netcheck.history.append import append

    if problem := append(config, assessment.report):
        print(f"netcheck: warning: {problem}", file=sys.stderr)


def _style(config: Config, stream: TextIO) -> Style:
    style = style_of(stream, os.environ)
    return replace(style, colour=style.colour and not config.no_color)


def assess_with_progress(config: Config) -> Assessment:
    """Assess, showing progress on a terminal."""
    if not sys.stderr.isatty() or config.replay:
        return assess(config, ignore_event)
    live = Live(sys.stderr, _style(config, sys.stderr))
    try:
        return assess(config, live)
    finally:
        live.close()


def report(assessment: Assessment, config: Config, before: Side | None = None) -> int:
    """Write report and recording, and return the exit code. Raises UsageError where one cannot be written.

    With `before`, the report also shows what changed since then.
    """
    failed = _write_recording(assessment, config)
    style = _style(config, sys.stdout) if config.output is None else Style()
    text = _text(assessment, config, style)
    if before is not None:
        from netcheck.compare.baseline import append, since

        text = append(text, since(before, assessment, config), config.format, style)
    if config.output is None:
        sys.stdout.write(text)
    else:
        try:
            Path(config.output).write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            sys.stdout.write(text)
            failed = f"--output {config.output}: {error.strerror}; the report is above"
    if failed:
        raise UsageError(failed)
    return exit_code(assessment, config.strict)


def _text(assessment: Assessment, config: Config, style: Style) -> str:
    """The report in the configured format and length."""
    if config.format == "table" and config.quiet:
        return short.render(assessment.report, style)
    text = render(assessment, config.format, style)
    if config.format == "table" and config.verbose:
        return f"{text}\n{full.render(assessment.report, style)}"
    return text


def render(assessment: Assessment, format: str, style: Style) -> str:
    """The report in one of the formats."""
    titles = {check.id: page(check).title for check in assessment.checks}
    return formats.render(assessment.report, format, titles, style)


def exit_code(assessment: Assessment, strict: bool) -> int:
    """0 nothing failed, 1 something failed (or warned, when strict), 3 something or everything is unknown."""
    count = assessment.report.count
    if count(Status.FAIL) or (strict and count(Status.WARN)):
        return 1
    known = count(Status.PASS) + count(Status.WARN)
    return 3 if count(Status.UNKNOWN) or not known else 0


def _config(args: argparse.Namespace, environment: Mapping[str, str]) -> Config:
    given = {name: value for name in BY_NAME if (value := getattr(args, name)) is not None}
    found = settings(given, lambda name: BY_NAME[name].flag)
    if args.config:
        entries = read_mapping(args.config, allowed=tuple(BY_NAME))
        lines = {name: entry.line for name, entry in entries.items()}
        values = {name: entry.value for name, entry in entries.items() if name not in found}
        found = settings(values, lambda name: f"{args.config}:{lines[name]}: {name}") | found
    if "replay" in found and (more := sorted(found.keys() - {"replay", "region", *ABOUT_THE_RUN})):
        flags = ", ".join(BY_NAME[name].flag for name in more)
        raise UsageError(f"--replay: the recording has its own targets; leave out {flags}")
    return read_logins(build(found, environment), environment)


def _check_writable(config: Config) -> None:
    """Before anything runs, as a report that cannot be written would be lost at the end."""
    if config.output and config.record and Path(config.output).resolve() == Path(config.record).resolve():
        raise UsageError(
            f"--output and --record {config.record}: one would overwrite the other; give two files"
        )
    for flag, name in (("--output", config.output), ("--record", config.record)):
        if name is None:
            continue
        path = Path(name)
        try:
            if path.is_dir():
                raise UsageError(f"{flag} {name}: is a folder; give a file")
            if not path.parent.is_dir():
                raise UsageError(f"{flag} {name}: no such folder {path.parent}")
            if not os.access(path if path.exists() else path.parent, os.W_OK):
                raise UsageError(f"{flag} {name}: permission denied")
        except OSError as error:
            raise UsageError(f"{flag} {shown(name)}: {error.strerror}") from None


def _write_recording(assessment: Assessment, config: Config) -> str | None:
    if assessment.recording is None or config.record is None:
        return None
    try:
        recording.write(assessment.recording, Path(config.record), f"netcheck {VERSION}")
    except OSError as error:
        return f"--record {config.record}: {error.strerror}; the recording is lost; the report is complete"
    return None

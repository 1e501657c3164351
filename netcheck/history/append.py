"""Appends one run to its history. A failure is one line and does not affect the run."""

from __future__ import annotations

from netcheck.core.context import Deadline
from netcheck.core.model import Report
from netcheck.history import jsonlines
from netcheck.history.rows import lines
from netcheck.settings.config import Config
from netcheck.settings.history_location import FilePlace, TablePlace

OWN_SECONDS = 5.0
"""How long writing may take, in addition to the time left until the run's deadline."""


def append(config: Config, report: Report) -> str | None:
    """Append the results to `config.history`. Returns the error in one line, None if there is none.

    Takes at most the time left until the run's deadline plus `OWN_SECONDS`.
    """
    place = config.history
    try:
        match place:
            case FilePlace(path):
                jsonlines.append(path, lines(report))
            case TablePlace():
                _to_table(config, place, report)
    except OSError as error:
        return _error(config, error.strerror or str(error))
    return None


def _to_table(config: Config, place: TablePlace, report: Report) -> None:
    from netcheck.history.table import NotWritten, write

    assert config.history_login is not None
    spent = 0.0 if config.replay else report.seconds
    deadline = Deadline(max(0.0, config.deadline - spent) + OWN_SECONDS)
    try:
        write(deadline, place, config.history_login, lines(report))
    except NotWritten as error:
        raise OSError(str(error)) from None


def _error(config: Config, reason: str) -> str:
    return config.scrubber()(f"--history {config.history}: not written: {reason}")

"""The command line as a test calls it: in this process, with what it wrote and its exit code."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass

from netcheck.commands import main


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str


def netcheck(*arguments: str) -> Done:
    """Run one command. An exception that is not an exit comes through: to a user it would be a traceback."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main.main(arguments)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
    return Done(code, out.getvalue(), err.getvalue())

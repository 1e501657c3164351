"""The command line: finds the command, and turns whatever happens into an exit code.

Only the module of the command that was asked for is imported, so that `netcheck --version` costs little.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from netcheck.core.version import VERSION

COMMANDS = {
    "run": "check a pipeline, or any part of one",
    "fleet": "judge every connector of an account and Region",
    "diff": "compare two reports, recordings or snapshots",
    "path": "trace a flow through AWS configuration",
    "snapshot": "save AWS configuration to a folder",
    "policy": "print the least IAM policy that netcheck needs",
    "checks": "list every check",
    "explain": "print one check's documentation",
    "demo": "replay a recorded run: no AWS account, no network",
    "completion": "print what completes netcheck in bash, zsh or fish",
}
EXIT_CODES = """exit codes:
  0  nothing failed
  1  something failed (with --strict: or warned)
  2  wrong usage or configuration
  3  nothing failed, but something could not be determined, or nothing was checked
"""
NOT_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""How the system says that standard output takes no more."""
EXAMPLES = """examples:
  netcheck demo
  netcheck run --bootstrap b-1.example:9094,b-2.example:9094 --clickhouse https://ch.example:8443
  netcheck explain tls.handshake
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage, which is long."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"netcheck: {message}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if sys.stdout is None:
        print("netcheck: standard output is closed, there is nowhere to write to", file=sys.stderr)
        return 2
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot write a sign gets a question mark
            stream.reconfigure(errors="replace")
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe went away, as `head` does
        _let_go_of_output()
        return 1
    except KeyboardInterrupt:
        print("netcheck: interrupted", file=sys.stderr)
        return 3
    except OSError as error:
        if error.errno not in NOT_WRITTEN or error.filename is not None:
            raise
        _let_go_of_output()
        print(f"netcheck: standard output: {error.strerror}", file=sys.stderr)
        return 2


def _run(arguments: Sequence[str]) -> int:
    asked = next((word for word in arguments if not word.startswith("-")), None)
    parser = _parser(lambda name: name == asked)
    parsed, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.error(_unknown(unknown))
    code: int = parsed.run(parsed)
    return code


def _let_go_of_output() -> None:
    """What is still to be written goes nowhere: Python would fail on it again when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unknown(arguments: Sequence[str]) -> str:
    """Names unknown options, but not what was given with them: it may be a password."""
    options = [word.partition("=")[0] for word in arguments if word.startswith("-")]
    if not options:
        return "there is an argument too many"
    login = any("pass" in option or "user" in option for option in options)
    hint = ": logins come from the environment or --credentials, never from arguments" if login else ""
    return f"unknown option {', '.join(options)}{hint}"


def whole_parser() -> argparse.ArgumentParser:
    """The parser with all that every command takes."""
    return _parser(lambda _: True)


def _parser(wanted: Callable[[str], bool]) -> argparse.ArgumentParser:
    """The parser: of the commands that are wanted with all that they take, of the others their names."""
    parser = _Parser(
        prog="netcheck",
        description="Finds why data does not get from Amazon MSK through MSK Connect to ClickHouse.",
        epilog=f"{EXAMPLES}\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"netcheck {VERSION}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        if wanted(name):
            importlib.import_module(f"netcheck.commands.{name}").add_parser(commands)
        else:
            commands.add_parser(name, help=summary)
    return parser

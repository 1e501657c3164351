"""The command line: finds the command, and turns every outcome into an exit code.

Only the module of the requested command is imported, so that `netcheck --version` is fast.
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
    "fleet": "check every connector of an account and Region",
    "diff": "compare two reports, recordings or snapshots",
    "path": "trace a flow through AWS configuration",
    "snapshot": "save AWS configuration to a folder",
    "policy": "print the minimal IAM policy that netcheck needs",
    "checks": "list every check",
    "explain": "explain a check or a code",
    "demo": "replay a recorded run: no AWS account, no network",
    "completion": "print the completion script for bash, zsh or fish",
}
EXIT_CODES = """exit codes:
  0  nothing failed
  1  something failed (with --strict, also: something warned)
  2  wrong usage or configuration
  3  nothing failed, but something could not be determined or nothing was checked
"""
WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""The system's errors for a standard output that cannot be written."""
EXAMPLES = """examples:
  netcheck demo
  netcheck run --bootstrap b-1.example:9094,b-2.example:9094 --clickhouse https://ch.example:8443
  netcheck explain tls.handshake
"""


class _Parser(argparse.ArgumentParser):
    """Reports an error in one line, without the usage, which is long."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"netcheck: {message}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if sys.stdout is None:
        print("netcheck: standard output is closed", file=sys.stderr)
        return 2
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without a character prints ?
            stream.reconfigure(errors="replace")
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe has closed it, as `head` does
        _discard_output()
        return 1
    except KeyboardInterrupt:
        print("netcheck: interrupted", file=sys.stderr)
        return 3
    except OSError as error:
        if error.errno not in WRITE_ERRORS or error.filename is not None:
            raise
        _discard_output()
        print(f"netcheck: standard output: {error.strerror}", file=sys.stderr)
        return 2


def _run(arguments: Sequence[str]) -> int:
    command = next((word for word in arguments if not word.startswith("-")), None)
    parser = _parser(lambda name: name == command)
    parsed, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.error(_unknown(unknown))
    code: int = parsed.run(parsed)
    return code


def _discard_output() -> None:
    """Discard what is still buffered: Python would fail on it again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unknown(arguments: Sequence[str]) -> str:
    """Names unknown options, but not values that may be passwords."""
    options = [word.partition("=")[0] for word in arguments if word.startswith("-")]
    if not options:
        return f"unexpected argument{_endpoint(arguments[0])}"
    login = any("pass" in option or "user" in option for option in options)
    hint = ": logins come from the environment or --credentials, never from arguments" if login else ""
    return f"unknown option {', '.join(options)}{hint}"


def _endpoint(argument: str) -> str:
    """The argument where it is host:port; nothing for any other, which may be a password."""
    from netcheck.core.hostport import EndpointError, parse_endpoint, shown

    try:
        parse_endpoint(argument)
    except EndpointError:
        return ""
    return f" {shown(argument)}"


def whole_parser() -> argparse.ArgumentParser:
    """The parser with the options of every command."""
    return _parser(lambda _: True)


def _parser(is_loaded: Callable[[str], bool]) -> argparse.ArgumentParser:
    """The parser. Commands that are not loaded have a name and a summary, but no options."""
    parser = _Parser(
        prog="netcheck",
        description="Finds out why data does not flow from Amazon MSK through MSK Connect to ClickHouse.",
        epilog=f"{EXAMPLES}\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"netcheck {VERSION}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        if is_loaded(name):
            importlib.import_module(f"netcheck.commands.{name}").add_parser(commands)
        else:
            commands.add_parser(name, help=summary)
    return parser

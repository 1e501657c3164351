"""`netcheck fleet`: check every connector of an account and Region by its AWS configuration."""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from netcheck.commands.arguments import number
from netcheck.commands.progress import clear, show
from netcheck.core.aliases import current_report
from netcheck.core.context import Deadline, DeadlineExceeded
from netcheck.core.model import Status
from netcheck.settings.config import Config, UsageError

if TYPE_CHECKING:
    from netcheck.aws.msk.account import Member
    from netcheck.fleet.survey import SurveyedConnector
    from netcheck.report.fleet import Row

DEADLINE_SECONDS = 3600.0
MAX_DEADLINE_SECONDS = 86400.0
CONNECTOR_SECONDS = 60.0
START = b'{"schema": "netcheck.fleet/'
"""The beginning of a line of a survey. Only such a line, if truncated, is removed from the file."""
EPILOG = """Only the AWS configuration is checked: no broker and no ClickHouse is probed, no log is read.
Connectors of one VPC share the API calls for it. With --output or --format jsonl, one line of JSON
is written for each connector as soon as it is checked.

examples:
  netcheck fleet --region eu-west-1
  netcheck fleet --name 'orders-*' --output fleet.jsonl
  netcheck fleet --output fleet.jsonl --resume
  netcheck fleet --role-arn arn:aws:iam::111122223333:role/netcheck arn:aws:iam::444455556666:role/netcheck

exit codes:
  0  nothing failed
  1  at least one connector cannot work as configured
  2  wrong usage, or no access to AWS
  3  nothing failed, but something could not be determined

environment:
  AWS_REGION, AWS_DEFAULT_REGION   the Region, where --region is not given
  AWS_PROFILE, AWS_ACCESS_KEY_ID, ...   credentials, as the AWS CLI reads them
"""


class Stopped(Exception):
    """An account cannot be surveyed; the message is one line."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `netcheck fleet` to the commands."""
    from netcheck.aws.msk.account import CALLS_A_SECOND

    parser = commands.add_parser(
        "fleet",
        help="check every connector of an account and Region",
        description="Checks every connector of an account and Region by its configuration, worst first.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--region", metavar="NAME", help="AWS Region (default: AWS_REGION, or the profile's)")
    parser.add_argument("--profile", metavar="NAME", help="AWS profile")
    parser.add_argument(
        "--role-arn",
        metavar="ARN",
        action="extend",
        nargs="+",
        default=[],
        help="roles to assume, one for each account to survey",
    )
    parser.add_argument("--name", metavar="GLOB", default="*", help="only connectors whose name matches")
    parser.add_argument(
        "--only",
        metavar="GLOB",
        action="extend",
        nargs="+",
        default=[],
        help="run only these checks (iam.* is skipped unless named here)",
    )
    parser.add_argument(
        "--skip", metavar="GLOB", action="extend", nargs="+", default=[], help="skip these checks"
    )
    parser.add_argument(
        "--live", action="store_true", help="also probe every connector's brokers and ClickHouse from here"
    )
    parser.add_argument("--format", choices=("table", "jsonl"), default="table", help="default table")
    parser.add_argument(
        "--output", metavar="FILE", help="write a line of JSON for each connector to this file"
    )
    parser.add_argument("--resume", action="store_true", help="continue the survey in the --output file")
    parser.add_argument(
        "--calls-a-second",
        metavar="N",
        type=number(1000, "a number of calls from 0 to 1000"),
        default=CALLS_A_SECOND,
        help=f"limit the rate of AWS API calls (default {CALLS_A_SECOND:g})",
    )
    parser.add_argument(
        "--deadline",
        metavar="SECONDS",
        type=number(MAX_DEADLINE_SECONDS, "a number of seconds up to 86400"),
        default=DEADLINE_SECONDS,
        help=f"time limit for the whole survey (default {DEADLINE_SECONDS:g})",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Survey and report. Returns the exit code."""
    try:
        return _Survey(args).run()
    except UsageError as error:
        print(f"netcheck: {error}", file=sys.stderr)
        return 2


class _Survey:
    """One survey: the rows so far, and the errors of accounts and of the output file."""

    def __init__(self, args: argparse.Namespace) -> None:
        if args.resume and not args.output:
            raise UsageError("--resume: give the file of the survey to continue, --output FILE")
        if args.role_arn and args.profile:
            raise UsageError(
                "--profile: with --role-arn, roles are assumed with boto3's default credentials; set "
                "AWS_PROFILE instead"
            )
        self._args = args
        self._deadline = Deadline(args.deadline)
        self._rows: list[Row] = []
        self._calls = 0
        self._stopped: list[str] = []
        self._unwritten = ""

    def run(self) -> int:
        """Survey every account. Returns the exit code."""
        from netcheck.report import fleet
        from netcheck.report.style import style_of

        self._check_selection()
        done = self._read() if self._args.resume else set[str]()
        with self._lines() as lines:
            for role in self._args.role_arn or [None]:
                try:
                    for surveyed in self._account(role, done):
                        self._take(surveyed, lines)
                except KeyboardInterrupt:
                    self._stopped.append("interrupted: " + self._how_to_resume())
                    break
                except OSError as error:
                    if error.filename != self._args.output:
                        raise
                    self._unwritten = f"--output {error.filename}: {error.strerror}"
                    break
                except Stopped as error:
                    self._stopped.append(f"{role}: {error}" if role else str(error))
        clear()
        complete = not self._stopped and not self._unwritten
        if self._args.format == "table" and (self._rows or complete):
            sys.stdout.write(fleet.render(self._rows, style_of(sys.stdout, os.environ), self._calls))
        for message in self._stopped:
            print(f"netcheck: {message}", file=sys.stderr)
        if self._unwritten:
            raise UsageError(self._unwritten)
        return self._exit_code()

    def _exit_code(self) -> int:
        statuses = {row.status for row in self._rows}
        if Status.FAIL in statuses:
            return 1
        if self._stopped and not self._rows:
            return 2
        return 3 if self._stopped or Status.UNKNOWN in statuses or statuses <= {Status.SKIP} else 0

    def _account(self, role: str | None, done: set[str]) -> Iterator[SurveyedConnector]:
        from netcheck.aws.api.calls import ApiFailure
        from netcheck.aws.api.session import NoAws
        from netcheck.aws.msk.account import Account
        from netcheck.fleet.survey import Ended, survey

        args = self._args
        try:
            account = Account(args.region, role or args.profile, args.calls_a_second, self._deadline)
        except (NoAws, DeadlineExceeded) as error:
            raise Stopped(str(error)) from None
        try:
            show("listing connectors ...")
            members = account.members()
            if isinstance(members, ApiFailure):
                raise Stopped(members.reason)
            chosen = [member for member in members if fnmatchcase(member.name, args.name)]
            if not chosen:
                raise Stopped(_no_connector(args.name, members, account.region))
            config = self._config(role)
            for number, surveyed in enumerate(survey(account, chosen, config, done, live=args.live), 1):
                show(f"{number} of {len(chosen)}: {surveyed.member.name}")
                yield surveyed
        except Ended as error:
            raise Stopped(f"{error}: {self._how_to_resume()}") from None
        finally:
            self._calls += account.calls
            account.close()

    def _config(self, role: str | None) -> Config:
        args = self._args
        return Config(
            region=args.region,
            profile=role or args.profile,
            only=tuple(args.only),
            skip=(*args.skip, *self._skipped()),
            deadline=CONNECTOR_SECONDS,
        )

    def _skipped(self) -> tuple[str, ...]:
        from netcheck.engine import plugins
        from netcheck.fleet.survey import left_out

        return left_out(plugins.find().checks, self._args.only, live=self._args.live)

    def _check_selection(self) -> None:
        """Raises UsageError before any AWS call."""
        from netcheck.engine import plugins
        from netcheck.engine.assessment import select

        args, checks = self._args, plugins.find().checks
        if not select(checks, args.only, args.skip):
            raise UsageError("nothing to check: --only and --skip exclude every check")
        if not select(checks, args.only, (*args.skip, *self._skipped())):
            raise UsageError("nothing to check: --only names checks that probe the peers; add --live")

    # Lines

    def _lines(self) -> IO[bytes]:
        path = Path(self._args.output or os.devnull)
        try:
            # Unbuffered, so that a full disk is an error of the write. An earlier survey is kept until the
            # first line of this one is written, so that it survives a run without access to AWS.
            return path.open("ab", buffering=0)
        except OSError as error:
            raise UsageError(f"--output {path}: {error.strerror}") from None

    def _take(self, surveyed: SurveyedConnector, lines: IO[bytes]) -> None:
        from netcheck.report.fleet import Row

        document = surveyed.document()
        line = json.dumps(document, ensure_ascii=False) + "\n"
        if not self._rows and self._args.output and Path(self._args.output).is_file():
            lines.truncate(0)
        self._write(line.encode(errors="backslashreplace"), lines)
        if self._args.format == "jsonl" and not self._args.output:
            clear()
            sys.stdout.write(line)
            sys.stdout.flush()
        self._rows.append(Row.read(document))

    def _write(self, line: bytes, lines: IO[bytes]) -> None:
        """Raises OSError with the file's name."""
        try:
            if lines.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._args.output) from None

    def _read(self) -> set[str]:
        """The ARNs of the connectors in the file; a truncated last line is removed."""
        path = Path(self._args.output)
        if not path.exists():
            return set()
        try:
            with path.open("r+b") as file:
                file.truncate(self._read_lines(file))
        except (ValueError, KeyError, TypeError, AttributeError):
            number = len(self._rows) + 1
            raise UsageError(
                f"--resume {path}:{number}: not a line of netcheck fleet; give an earlier --output file"
            ) from None
        except OSError as error:
            raise UsageError(f"--resume {path}: {error.strerror}") from None
        return {row.arn for row in self._rows}

    def _read_lines(self, file: IO[bytes]) -> int:
        """Read the rows and return the length of the complete lines. Raises as Row.read does."""
        from netcheck.report.fleet import Row

        length = 0
        for line in file:
            if not line.endswith(b"\n"):
                if not (line.startswith(START) or START.startswith(line)):
                    raise ValueError("not the beginning of a line")
                break
            self._rows.append(Row.read(_renamed(json.loads(line))))
            length += len(line)
        return length

    def _how_to_resume(self) -> str:
        if self._args.output:
            return f"resume with netcheck fleet ... --output {self._args.output} --resume"
        return "with --output FILE it could have been resumed"


def _renamed(line: dict[str, Any]) -> dict[str, Any]:
    """A line of an earlier version, under today's names."""
    return {**line, "report": current_report(line["report"])} if line["report"] else line


def _no_connector(name: str, members: Sequence[Member], region: str) -> str:
    if not members:
        return f"no connectors in {region} of this account: see --region and --profile"
    return f"--name {name}: no match among the {len(members)} connectors in {region}"

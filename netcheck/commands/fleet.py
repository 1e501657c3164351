"""`netcheck fleet`: every connector of an account and Region, judged by AWS's configuration."""

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
from netcheck.commands.progress import clear, say
from netcheck.core.aliases import current_report
from netcheck.core.context import Deadline, DeadlineExceeded
from netcheck.core.model import Status
from netcheck.settings.config import Config, UsageError

if TYPE_CHECKING:
    from netcheck.aws.msk.account import Member
    from netcheck.fleet.survey import Judged
    from netcheck.report.fleet import Row

DEADLINE_SECONDS = 3600.0
LONGEST_SECONDS = 86400.0
ONE_SECONDS = 60.0
START = b'{"schema": "netcheck.fleet/'
"""How a line of our own begins: a line that was cut short is taken off the file, others never."""
EPILOG = """Only AWS's configuration is judged: no broker and no ClickHouse is spoken to, no log is read.
Connectors of one VPC share what was asked about it. With --output, or --format jsonl, one line of JSON
is written for each connector as soon as it is known.

examples:
  netcheck fleet --region eu-west-1
  netcheck fleet --name 'orders-*' --output fleet.jsonl
  netcheck fleet --output fleet.jsonl --resume
  netcheck fleet --role-arn arn:aws:iam::111122223333:role/netcheck arn:aws:iam::444455556666:role/netcheck

exit codes:
  0  nothing failed
  1  some connector cannot work as it is configured
  2  wrong usage, or no way to ask AWS
  3  nothing failed, but something could not be determined

environment:
  AWS_REGION, AWS_DEFAULT_REGION   the Region, where --region is not given
  AWS_PROFILE, AWS_ACCESS_KEY_ID, ...   credentials, as the AWS CLI reads them
"""


class Stopped(Exception):
    """An account that cannot be surveyed; the message is one line."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `netcheck fleet` to the commands."""
    from netcheck.aws.msk.account import CALLS_A_SECOND

    parser = commands.add_parser(
        "fleet",
        help="judge every connector of an account and Region",
        description="Judges every connector of an account and Region by its configuration, worst first.",
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
        help="roles to assume, one for each account to judge",
    )
    parser.add_argument("--name", metavar="GLOB", default="*", help="only connectors of such a name")
    parser.add_argument(
        "--only",
        metavar="GLOB",
        action="extend",
        nargs="+",
        default=[],
        help="run only these checks (iam.* is left out unless it is named here)",
    )
    parser.add_argument(
        "--skip", metavar="GLOB", action="extend", nargs="+", default=[], help="leave these checks out"
    )
    parser.add_argument("--live", action="store_true", help="also probe every connector's peers from here")
    parser.add_argument("--format", choices=("table", "jsonl"), default="table", help="default table")
    parser.add_argument("--output", metavar="FILE", help="write a line of JSON for each connector there")
    parser.add_argument("--resume", action="store_true", help="go on with --output where it ended")
    parser.add_argument(
        "--calls-a-second",
        metavar="N",
        type=number(1000, "a number of calls from 0 to 1000"),
        default=CALLS_A_SECOND,
        help=f"ask AWS no faster (default {CALLS_A_SECOND:g})",
    )
    parser.add_argument(
        "--deadline",
        metavar="SECONDS",
        type=number(LONGEST_SECONDS, "a number of seconds, up to a day"),
        default=DEADLINE_SECONDS,
        help=f"the whole survey ends by then (default {DEADLINE_SECONDS:g})",
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
    """One survey: the rows so far, where lines are written, and what went wrong with an account."""

    def __init__(self, args: argparse.Namespace) -> None:
        if args.resume and not args.output:
            raise UsageError("--resume: name the file of the survey to go on with, --output FILE")
        if args.role_arn and args.profile:
            raise UsageError(
                "--profile: with --role-arn, roles are assumed with the credentials that boto3 finds; set "
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
                    for judged in self._account(role, done):
                        self._take(judged, lines)
                except KeyboardInterrupt:
                    self._stopped.append("interrupted: " + self._how_to_go_on())
                    break
                except OSError as error:
                    if error.filename != self._args.output:
                        raise
                    self._unwritten = f"--output {error.filename}: {error.strerror}"
                    break
                except Stopped as error:
                    self._stopped.append(f"{role}: {error}" if role else str(error))
        clear()
        asked = not self._stopped and not self._unwritten
        if self._args.format == "table" and (self._rows or asked):
            sys.stdout.write(fleet.render(self._rows, style_of(sys.stdout, os.environ), self._calls))
        for told in self._stopped:
            print(f"netcheck: {told}", file=sys.stderr)
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

    def _account(self, role: str | None, done: set[str]) -> Iterator[Judged]:
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
            say("asking for the connectors ...")
            members = account.members()
            if isinstance(members, ApiFailure):
                raise Stopped(members.reason)
            chosen = [one for one in members if fnmatchcase(one.name, args.name)]
            if not chosen:
                raise Stopped(_nobody(args.name, members, account.region))
            config = self._config(role)
            for number, judged in enumerate(survey(account, chosen, config, done, live=args.live), 1):
                say(f"{number} of {len(chosen)}: {judged.member.name}")
                yield judged
        except Ended as error:
            raise Stopped(f"{error}: {self._how_to_go_on()}") from None
        finally:
            self._calls += account.calls
            account.close()

    def _config(self, role: str | None) -> Config:
        args = self._args
        return Config(
            region=args.region,
            profile=role or args.profile,
            only=tuple(args.only),
            skip=(*args.skip, *self._left_out()),
            deadline=ONE_SECONDS,
        )

    def _left_out(self) -> tuple[str, ...]:
        from netcheck.fleet.survey import LIVE, PER_ROLE

        roles = () if any(glob.startswith("iam") for glob in self._args.only) else PER_ROLE
        return (*(() if self._args.live else LIVE), *roles)

    def _check_selection(self) -> None:
        """Raises UsageError before AWS is asked anything."""
        from netcheck.engine import plugins
        from netcheck.engine.assessment import select

        args, checks = self._args, plugins.find().checks
        if not select(checks, args.only, args.skip):
            raise UsageError("nothing to check: --only and --skip leave no check")
        if not select(checks, args.only, (*args.skip, *self._left_out())):
            raise UsageError("nothing to check: what --only names sends something to the peers; give --live")

    # Lines

    def _lines(self) -> IO[bytes]:
        path = Path(self._args.output or os.devnull)
        try:
            # Unbuffered: a line that a full disk does not take is told where it is written. An earlier survey
            # is let go of with the first line of this one, not where AWS cannot be asked.
            return path.open("ab", buffering=0)
        except OSError as error:
            raise UsageError(f"--output {path}: {error.strerror}") from None

    def _take(self, judged: Judged, lines: IO[bytes]) -> None:
        from netcheck.report.fleet import Row

        document = judged.document()
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
        """The connectors that the file has already; a last line that was cut short is taken off it."""
        path = Path(self._args.output)
        if not path.exists():
            return set()
        try:
            with path.open("r+b") as file:
                file.truncate(self._read_lines(file))
        except (ValueError, KeyError, TypeError, AttributeError):
            number = len(self._rows) + 1
            raise UsageError(
                f"--resume {path}:{number}: no line of a fleet; give the file of an earlier --output"
            ) from None
        except OSError as error:
            raise UsageError(f"--resume {path}: {error.strerror}") from None
        return {row.arn for row in self._rows}

    def _read_lines(self, file: IO[bytes]) -> int:
        """Read the rows; the length of the whole lines. Raises as Row.read does for what is no fleet's."""
        from netcheck.report.fleet import Row

        whole = 0
        for line in file:
            if not line.endswith(b"\n"):
                if not (line.startswith(START) or START.startswith(line)):
                    raise ValueError("not the beginning of a line")
                break
            self._rows.append(Row.read(_renamed(json.loads(line))))
            whole += len(line)
        return whole

    def _how_to_go_on(self) -> str:
        if self._args.output:
            return f"go on with netcheck fleet ... --output {self._args.output} --resume"
        return "with --output FILE it could be resumed"


def _renamed(line: dict[str, Any]) -> dict[str, Any]:
    """A line under today's names, which an earlier version may have written."""
    return {**line, "report": current_report(line["report"])} if line["report"] else line


def _nobody(name: str, members: Sequence[Member], region: str) -> str:
    if not members:
        return f"there are no connectors in {region} of this account: see --region and --profile"
    return f"--name {name}: none of the {len(members)} connectors in {region} has such a name"

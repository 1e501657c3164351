"""`netcheck snapshot`: save AWS configuration to a folder, for `--snapshot` and for other tools."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from netcheck.aws.ec2.snapshot import Gap
from netcheck.commands.arguments import number
from netcheck.commands.progress import clear, say
from netcheck.core.context import Deadline, DeadlineExceeded
from netcheck.core.model import Json

if TYPE_CHECKING:
    from boto3.session import Session

    from netcheck.aws.ec2.collect import Collected

DEADLINE_S = 60.0
EPILOG = """Only reads (ec2:Describe*, ec2:Get*, ec2:Search*; with --names also route53:List* and
route53resolver:List*). What may not be read becomes a gap, named with the IAM action that is missing;
everything else is saved.

examples:
  netcheck snapshot --output aws --region eu-central-1

exit codes:
  0  everything was saved
  2  wrong usage, or no way to ask AWS (credentials, profile, Region)
  3  something could not be read

environment:
  AWS_REGION, AWS_DEFAULT_REGION   the Region, where --region is not given
  AWS_PROFILE, AWS_ACCESS_KEY_ID, ...   credentials, as the AWS CLI reads them
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `netcheck snapshot` to the commands."""
    parser = commands.add_parser(
        "snapshot",
        help="save AWS configuration to a folder",
        description="Saves what AWS says about a network: one JSON file for each kind of answer.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--output", metavar="DIR", required=True, help="folder to write, made if need be")
    parser.add_argument("--region", metavar="REGION", help="default: AWS_REGION, or the profile's")
    parser.add_argument("--profile", metavar="NAME", help="profile of the AWS CLI's configuration")
    parser.add_argument(
        "--vpc",
        metavar="ID",
        action="extend",
        nargs="+",
        default=[],
        help="start from these VPCs; peerings and transit gateways are followed. Default: the whole Region",
    )
    parser.add_argument(
        "--names",
        action="store_true",
        help="also save the VPCs' private hosted zones, with their addresses, and Resolver rules",
    )
    parser.add_argument(
        "--deadline",
        metavar="S",
        type=number(86400, "a number of seconds from 0 to 86400"),
        default=DEADLINE_S,
        help=f"seconds that it may take (default {DEADLINE_S:g})",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Collect and write. Returns the exit code."""
    from netcheck.aws.api.session import NoAws, open_session
    from netcheck.aws.ec2.collect import collect
    from netcheck.aws.ec2.folder import write
    from netcheck.aws.ec2.scope import Scope

    started = time.monotonic()
    deadline = Deadline(args.deadline)
    try:
        session = open_session(deadline, args.region, args.profile)
        collected = collect(session, Scope(vpcs=frozenset(args.vpc)), deadline, _progress)
        if args.names and not collected.error:
            collected = _with_names(collected, session, deadline)
        clear()
        if collected.error:
            return _complain(collected.error, 3)
        write(collected, Path(args.output))
    except NoAws as error:
        return _complain(str(error), 2)
    except DeadlineExceeded:
        return _complain("there was no time left to ask AWS: give more with --deadline", 3)
    except OSError as error:
        return _complain(f"--output {args.output}: {error.strerror or error}", 2)
    vpcs = _count(collected.documents.get("Vpcs"))
    seconds = time.monotonic() - started
    print(f"{args.output}: {vpcs}, {collected.calls} calls, {seconds:.1f} s; {_gaps(collected.gaps)}")
    for gap in collected.gaps:
        print(f"  {gap.what}: {gap.reason} ({gap.action})", file=sys.stderr)
    return 3 if collected.gaps else 0


def _with_names(collected: Collected, session: Session, deadline: Deadline) -> Collected:
    """The same with private zones and Resolver rules of the VPCs that were collected."""
    from netcheck.aws.ec2.collect import Collected
    from netcheck.aws.route53.saved import collect_names

    _progress("private hosted zones")
    document = collected.documents.get("Vpcs")
    found = document.get("Vpcs") if isinstance(document, dict) else None
    vpcs = [str(vpc["VpcId"]) for vpc in found if isinstance(vpc, dict)] if isinstance(found, list) else []
    names = collect_names(session, vpcs, deadline)
    gaps = (*collected.gaps, *names.gaps)
    told: list[Json] = [{"what": gap.what, "action": gap.action, "reason": gap.reason} for gap in gaps]
    documents: dict[str, Json] = {**collected.documents, **names.documents, "Gaps": {"Gaps": told}}
    return Collected(documents, gaps, collected.calls + names.calls)


def _count(document: object) -> str:
    vpcs = document.get("Vpcs") if isinstance(document, dict) else None
    if not isinstance(vpcs, list):
        return "VPCs not known"
    return "1 VPC" if len(vpcs) == 1 else f"{len(vpcs)} VPCs"


def _gaps(gaps: Iterable[Gap]) -> str:
    """Each missing action once, with what it costs."""
    lost: dict[str, list[str]] = {}
    for gap in gaps:
        lost.setdefault(gap.action, []).append(gap.what)
    if not lost:
        return "nothing is missing"
    return "missing: " + ", ".join(f"{' '.join(whats)} ({action})" for action, whats in lost.items())


def _progress(text: str) -> None:
    """Say on a terminal what is being asked."""
    say(f"asking AWS: {text} ...")


def _complain(message: str, code: int) -> int:
    clear()
    print(f"netcheck: {message}", file=sys.stderr)
    return code

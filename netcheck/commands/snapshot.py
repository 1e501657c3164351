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
from netcheck.commands.progress import clear, show
from netcheck.core.context import Deadline, DeadlineExceeded
from netcheck.core.model import Json

if TYPE_CHECKING:
    from boto3.session import Session

    from netcheck.aws.ec2.collect import Collected

DEADLINE_S = 60.0
EPILOG = """All calls are read-only (ec2:Describe*, ec2:Get*, ec2:Search*; with --names also route53:List* and
route53resolver:List*). A denied call leaves a gap, which names the missing IAM action; everything else is
saved.

examples:
  netcheck snapshot --output aws --region eu-central-1

exit codes:
  0  everything was saved
  2  wrong usage, or no access to AWS (credentials, profile, Region)
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
        description="Saves the AWS configuration of a network: one JSON file for each API response.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--output", metavar="DIR", required=True, help="folder to write, created if missing")
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
        help=f"time limit in seconds (default {DEADLINE_S:g})",
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
        return _complain("the deadline passed before the first AWS call: increase --deadline", 3)
    except OSError as error:
        return _complain(f"--output {args.output}: {error.strerror or error}", 2)
    vpcs = _count(collected.documents.get("Vpcs"))
    seconds = time.monotonic() - started
    print(f"{args.output}: {vpcs}, {collected.calls} calls, {seconds:.1f} s; {_gaps(collected.gaps)}")
    for gap in collected.gaps:
        print(f"  {gap.what}: {gap.reason} ({gap.action})", file=sys.stderr)
    return 3 if collected.gaps else 0


def _with_names(collected: Collected, session: Session, deadline: Deadline) -> Collected:
    """Adds the private zones and Resolver rules of the collected VPCs."""
    from netcheck.aws.ec2.collect import Collected
    from netcheck.aws.route53.saved import collect_names

    _progress("private hosted zones")
    document = collected.documents.get("Vpcs")
    found = document.get("Vpcs") if isinstance(document, dict) else None
    vpcs = [str(vpc["VpcId"]) for vpc in found if isinstance(vpc, dict)] if isinstance(found, list) else []
    names = collect_names(session, vpcs, deadline)
    gaps = (*collected.gaps, *names.gaps)
    listed: list[Json] = [{"what": gap.what, "action": gap.action, "reason": gap.reason} for gap in gaps]
    documents: dict[str, Json] = {**collected.documents, **names.documents, "Gaps": {"Gaps": listed}}
    return Collected(documents, gaps, collected.calls + names.calls)


def _count(document: object) -> str:
    vpcs = document.get("Vpcs") if isinstance(document, dict) else None
    if not isinstance(vpcs, list):
        return "unknown number of VPCs"
    return "1 VPC" if len(vpcs) == 1 else f"{len(vpcs)} VPCs"


def _gaps(gaps: Iterable[Gap]) -> str:
    """Each missing action once, with the documents that it would give."""
    missing: dict[str, list[str]] = {}
    for gap in gaps:
        missing.setdefault(gap.action, []).append(gap.what)
    if not missing:
        return "nothing is missing"
    return "missing: " + ", ".join(f"{' '.join(whats)} ({action})" for action, whats in missing.items())


def _progress(text: str) -> None:
    """Show on a terminal what is being collected."""
    show(f"asking AWS: {text} ...")


def _complain(message: str, code: int) -> int:
    clear()
    print(f"netcheck: {message}", file=sys.stderr)
    return code

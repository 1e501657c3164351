"""`netcheck explain ID`: the meaning of a check, a concern, or a code in a report."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Mapping

from netcheck.core import aliases
from netcheck.core.components import Concern
from netcheck.core.model import Cause
from netcheck.diagnose.advice import ADVICE
from netcheck.engine import plugins
from netcheck.engine.check_docs import Page, listed, page, plain
from netcheck.path.codes import Code, concern_of
from netcheck.settings.config import UsageError

ANALYZER_CODE = """why a flow is blocked, an explanation code of the AWS VPC Reachability Analyzer

The finding names the resource and the change to make. AWS's list of these codes:
https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html"""

_CHECKS = {
    Concern.SECURITY_GROUP: "security.groups",
    Concern.NETWORK_ACL: "security.acls",
    Concern.INTERNET: "routes.nat",
}

EPILOG = """examples:
  netcheck explain tls.handshake
  netcheck explain tls
  netcheck explain TLS_CERTIFICATE_EXPIRED

exit codes:
  0  printed
  2  no such check, concern or code
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `netcheck explain` to the commands."""
    parser = commands.add_parser(
        "explain",
        help="explain a check or a code",
        description="Prints what a check verifies, when it fails and how to fix it; the checks of a concern; "
        "or the meaning of a code in a report.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "id", metavar="ID", help="a check (tls.handshake), a concern (tls) or a code of a report"
    )
    parser.add_argument("--plugins", metavar="DIR", help="also look in the .py files of this folder")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the explanation. Returns 2 for an unknown id."""
    try:
        pages = {check.id: page(check) for check in plugins.find(args.plugins).checks}
    except UsageError as error:
        print(f"netcheck: {error}", file=sys.stderr)
        return 2
    name = args.id if args.id in pages else _current(args.id)
    text = _explanation(name, pages)
    if text is None:
        near = difflib.get_close_matches(args.id, pages, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "netcheck checks lists them"
        print(f"netcheck: unknown check, concern or code {args.id!r}: {hint}", file=sys.stderr)
        return 2
    if name != args.id:
        print(f"{args.id} is now called {name}.\n")
    print(text)
    return 0


def _current(name: str) -> str:
    """Today's name of a check, a cause or code, or a concern; the name itself where it is none of them."""
    renamed = aliases.current_check(name)
    renamed = aliases.current_cause(renamed)
    concern, dot, star = renamed.partition(".")
    return f"{aliases.current_concern(concern)}{dot}{star}" if star in ("", "*") else renamed


def _explanation(name: str, pages: Mapping[str, Page]) -> str | None:
    if name in pages:
        return plain(pages[name])
    if concern := [entry for id, entry in pages.items() if id.startswith(f"{name.removesuffix('.*')}.")]:
        return listed(concern)
    if name.lower() in set(Cause):
        advice = ADVICE[Cause(name.lower())]
        return f"{name.upper()}: {advice.title}\n\nFix: {advice.mend}"
    if name.upper() in set(Code):
        return _analyzer_code(Code(name.upper()))
    return None


def _analyzer_code(code: Code) -> str:
    """What the code means, and which check reports it."""
    check = _CHECKS.get(concern_of(code), "routes.reaches")
    return f"{code}: {ANALYZER_CODE}\n\nSee also: netcheck explain {check}"

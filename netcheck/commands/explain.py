"""`netcheck explain ID`: one check's documentation."""

from __future__ import annotations

import argparse
import difflib
import sys

from netcheck import plugins
from netcheck.config import UsageError
from netcheck.documentation import page, plain

EPILOG = """examples:
  netcheck explain tls.handshake

exit codes:
  0  printed
  2  there is no such check
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `netcheck explain` to the commands."""
    parser = commands.add_parser(
        "explain",
        help="print one check's documentation",
        description="Prints what a check claims, when it fails, and what to do then.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("id", metavar="ID", help="a check's id, such as tls.handshake")
    parser.add_argument("--plugins", metavar="DIR", help="also look in the .py files of this folder")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the page. Returns 2 for an unknown id."""
    try:
        pages = {check.id: page(check) for check in plugins.find(args.plugins).checks}
    except UsageError as error:
        print(f"netcheck: {error}", file=sys.stderr)
        return 2
    if args.id not in pages:
        near = difflib.get_close_matches(args.id, pages, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "netcheck checks lists them"
        print(f"netcheck: there is no check {args.id!r}: {hint}", file=sys.stderr)
        return 2
    print(plain(pages[args.id]))
    return 0

"""`netcheck checks`: list every check."""

from __future__ import annotations

import argparse
import sys

from netcheck.engine import plugins
from netcheck.engine.check_docs import listed, markdown, page
from netcheck.settings.config import UsageError

EPILOG = """examples:
  netcheck checks
  netcheck checks --plugins mychecks

exit codes:
  0  listed
  2  wrong usage
  3  a plugin could not be loaded; all others are listed
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `netcheck checks` to the commands."""
    parser = commands.add_parser(
        "checks",
        help="list every check",
        description="Lists every check with its title.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--plugins", metavar="DIR", help="also list the checks in the .py files of this folder"
    )
    parser.add_argument(
        "--markdown", action="store_true", help="print their full documentation, as in docs/checks.md"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the list. Returns 3 when a plugin could not be loaded."""
    try:
        found = plugins.find(args.plugins)
    except UsageError as error:
        print(f"netcheck: {error}", file=sys.stderr)
        return 2
    if args.markdown:
        print(markdown(found.checks), end="")
    else:
        print(listed(page(check) for check in found.checks))
    for broken in found.broken:
        print(f"netcheck: {broken.source}: no checks loaded: {broken.reason}", file=sys.stderr)
    return 3 if found.broken else 0

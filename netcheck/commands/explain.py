"""`netcheck explain ID`: the meaning of a check, a concern, or a code in a report."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Mapping, Sequence

from netcheck.core import aliases
from netcheck.core.catalogue import Catalogue
from netcheck.core.check import Check
from netcheck.engine import plugins
from netcheck.engine.check_docs import Page, listed, page, plain, problem
from netcheck.settings.config import UsageError

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
        checks = plugins.find(args.plugins).checks
    except UsageError as error:
        print(f"netcheck: {error}", file=sys.stderr)
        return 2
    pages = {check.id: page(check) for check in checks}
    name = args.id if args.id in pages else _current(args.id)
    text = _explanation(name, pages, checks)
    if text is None:
        print(
            f"netcheck: unknown check, concern or code {args.id!r}: {_hint(args.id, checks)}", file=sys.stderr
        )
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


def _explanation(name: str, pages: Mapping[str, Page], checks: Sequence[Check]) -> str | None:
    if name in pages:
        return plain(pages[name])
    if concern := [entry for id, entry in pages.items() if id.startswith(f"{name.removesuffix('.*')}.")]:
        return listed(concern)
    catalogue = Catalogue.made_of(checks)
    declared = catalogue.problem(name.lower()) or catalogue.problem(name.upper())
    return problem(declared, name.upper(), checks) if declared else None


def _hint(name: str, checks: Sequence[Check]) -> str:
    """The ids and codes that look like this one."""
    known = {
        one.lower(): one for one in (*(check.id for check in checks), *Catalogue.made_of(checks).problems)
    }
    near = [known[one] for one in difflib.get_close_matches(name.lower(), known, n=3)]
    return f"did you mean {' or '.join(near)}?" if near else "netcheck checks lists them"

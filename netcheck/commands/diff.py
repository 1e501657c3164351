"""`netcheck diff BEFORE AFTER`: what changed, and which change explains what fails now."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace

from netcheck.settings.config import UsageError

FORMATS = ("text", "json", "markdown")
EPILOG = """Each of the two is one of
  a report      netcheck run --format json --output FILE
  a recording   netcheck run --record FILE: its AWS configuration is compared as well
  a folder      netcheck snapshot --output DIR: AWS configuration only

Between two recordings, each change of AWS's configuration is taken back alone on a copy, and the later
recording judged again: the change that makes a new root cause go is said to be the reason.

examples:
  netcheck diff yesterday.json today.json
  netcheck diff good.json.gz bad.json.gz --format markdown
  netcheck diff snapshot-monday snapshot-tuesday

exit codes:
  0  the same, or better
  1  something fails that did not, or there is a new root cause
  2  wrong usage, or a file that cannot be read
  3  nothing new fails, but something is not known any more

environment:
  NO_COLOR  no colours, also on a terminal
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `netcheck diff` to the commands."""
    parser = commands.add_parser(
        "diff",
        help="compare two reports, recordings or snapshots",
        description="Says what changed between two runs or two saved AWS configurations, and which change "
        "explains what fails now.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("before", metavar="BEFORE", help="report, recording or snapshot folder from before")
    parser.add_argument("after", metavar="AFTER", help="the same kind of thing from after")
    parser.add_argument("--format", choices=FORMATS, default="text", help="text, json or markdown")
    parser.add_argument("--no-color", action="store_true", help="no colours, also on a terminal")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare and print. Returns the exit code."""
    from netcheck.compare import render
    from netcheck.compare.compare import compare
    from netcheck.compare.sides import read_side
    from netcheck.report.style import style_of

    try:
        made = compare(read_side(args.before), read_side(args.after))
    except UsageError as error:
        print(f"netcheck: {error}", file=sys.stderr)
        return 2
    match args.format:
        case "json":
            sys.stdout.write(render.as_json(made))
        case "markdown":
            sys.stdout.write(render.markdown(made))
        case _:
            style = style_of(sys.stdout, os.environ)
            sys.stdout.write(render.text(made, replace(style, colour=style.colour and not args.no_color)))
    return 1 if made.worse else 3 if made.less_known else 0

"""`netcheck diff BEFORE AFTER`: what changed, and which change explains a new failure."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace

from netcheck.settings.config import UsageError

FORMATS = ("text", "json", "markdown")
EPILOG = """BEFORE and AFTER are each one of
  a report      netcheck run --format json --output FILE
  a recording   netcheck run --record FILE: its AWS configuration is compared as well
  a folder      netcheck snapshot --output DIR: AWS configuration only

Between two recordings, each change of the AWS configuration is undone alone on a copy, and the later
recording replayed: a change whose undoing removes a new root cause is its verified explanation.

examples:
  netcheck diff yesterday.json today.json
  netcheck diff good.json.gz bad.json.gz --format markdown
  netcheck diff snapshot-monday snapshot-tuesday

exit codes:
  0  the same, or better
  1  a new failure or root cause
  2  wrong usage, or a file that cannot be read
  3  no new failure, but something can no longer be determined

environment:
  NO_COLOR  no colours, even on a terminal
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `netcheck diff` to the commands."""
    parser = commands.add_parser(
        "diff",
        help="compare two reports, recordings or snapshots",
        description="Shows what changed between two runs or two saved AWS configurations, and which change "
        "explains a new failure.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("before", metavar="BEFORE", help="report, recording or snapshot folder from before")
    parser.add_argument("after", metavar="AFTER", help="the same from after")
    parser.add_argument("--format", choices=FORMATS, default="text", help="text, json or markdown")
    parser.add_argument("--no-color", action="store_true", help="no colours, even on a terminal")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare and print. Returns the exit code."""
    from netcheck.compare import render
    from netcheck.compare.compare import compare
    from netcheck.compare.sides import read_side
    from netcheck.report.style import style_of

    try:
        diff = compare(read_side(args.before), read_side(args.after))
    except UsageError as error:
        print(f"netcheck: {error}", file=sys.stderr)
        return 2
    match args.format:
        case "json":
            sys.stdout.write(render.as_json(diff))
        case "markdown":
            sys.stdout.write(render.markdown(diff))
        case _:
            style = style_of(sys.stdout, os.environ)
            sys.stdout.write(render.text(diff, replace(style, colour=style.colour and not args.no_color)))
    return 1 if diff.worse else 3 if diff.less_known else 0

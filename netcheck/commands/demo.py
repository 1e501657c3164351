"""`netcheck demo`: replay a recorded run, the main job without an AWS account or a network."""

from __future__ import annotations

import argparse
import sys
from importlib.resources import as_file, files

from netcheck.commands.run import report
from netcheck.engine.assessment import assess
from netcheck.engine.runner import ignore_event
from netcheck.settings.config import FORMATS, Config, UsageError

DEMOS = {
    "security-group": "a whole pipeline, whose brokers let its workers in at another port",
    "healthy": "everything works",
    "unreachable-broker": "one broker advertises an address that nobody can reach",
    "expired-certificate": "a broker's certificate has expired",
    "wrong-password": "ClickHouse refuses the sink's password",
}

NEXT = """All of these were recordings. What next:
  netcheck demo wrong-password      one of them alone (netcheck demo --help has all names)
  netcheck explain CLICKHOUSE_AUTH  what the code of a root cause means
  netcheck run --connector NAME     your own pipeline, with AWS credentials
  netcheck run --bootstrap HOST:PORT --clickhouse URL   your own pipeline, without
"""

EPILOG = f"""recordings:
{chr(10).join(f"  {name:<20} {text}" for name, text in DEMOS.items())}

examples:
  netcheck demo
  netcheck demo wrong-password --format json

exit codes: those of the recorded run, see netcheck run --help; 0 when all are replayed

environment:
  NO_COLOR  no colours, also on a terminal
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `netcheck demo` to the commands."""
    parser = commands.add_parser(
        "demo",
        help="replay a recorded run: no AWS account, no network",
        description="Replays a recording of a real run, made with netcheck run --record.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "name", metavar="NAME", nargs="?", choices=DEMOS, help="which recording (default: all, in turn)"
    )
    parser.add_argument("--format", choices=FORMATS, default="table", metavar="NAME", help=", ".join(FORMATS))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Replay one recording and return its exit code; all of them and return 0 when none is named."""
    if args.name:
        return replay(args.name, args.format)
    for name, text in DEMOS.items():
        print(f"$ netcheck demo {name}    # {text}\n")
        replay(name, args.format)
        print()
    if args.format == "table":
        print(NEXT, end="")
    return 0


def replay(name: str, format: str) -> int:
    """Judge one bundled recording again and print the report."""
    with as_file(files("netcheck") / "demo" / f"{name}.json.gz") as path:
        config = Config(replay=str(path), format=format)
        try:
            return report(assess(config, ignore_event), config)
        except UsageError as error:
            print(f"netcheck: {error}", file=sys.stderr)
            return 2

"""`netcheck demo`: replay a recorded run, without an AWS account or a network."""

from __future__ import annotations

import argparse
import sys
from importlib.resources import as_file, files

from netcheck.commands.run import report
from netcheck.engine.assessment import assess
from netcheck.engine.runner import ignore_event
from netcheck.settings.config import FORMATS, Config, UsageError

DEMOS = {
    "security-group": "a whole pipeline; the brokers' security group allows the workers another port",
    "healthy": "no failures",
    "unreachable-broker": "one broker advertises an unreachable address",
    "expired-certificate": "a broker's certificate has expired",
    "wrong-password": "ClickHouse rejects the sink's password",
}

NEXT = """These were recordings. Next steps:
  netcheck demo wrong-password      replay one of them (netcheck demo --help lists all)
  netcheck explain CLICKHOUSE_AUTH  explain the code of a root cause
  netcheck run --connector NAME     check your own pipeline, with AWS credentials
  netcheck run --bootstrap HOST:PORT --clickhouse URL   without AWS credentials
"""

EPILOG = f"""recordings:
{chr(10).join(f"  {name:<20} {text}" for name, text in DEMOS.items())}

examples:
  netcheck demo
  netcheck demo wrong-password --format json

exit codes: as for the recorded run, see netcheck run --help; 0 when all are replayed

environment:
  NO_COLOR  no colours, even on a terminal
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
        "name",
        metavar="NAME",
        nargs="?",
        choices=DEMOS,
        help="which recording (default: all, one after another)",
    )
    parser.add_argument("--format", choices=FORMATS, default="table", metavar="NAME", help=", ".join(FORMATS))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Replay one recording and return its exit code; without a name, replay all and return 0."""
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
    """Replay one bundled recording and print the report."""
    with as_file(files("netcheck") / "demo" / f"{name}.json.gz") as path:
        config = Config(replay=str(path), format=format)
        try:
            return report(assess(config, ignore_event), config)
        except UsageError as error:
            print(f"netcheck: {error}", file=sys.stderr)
            return 2

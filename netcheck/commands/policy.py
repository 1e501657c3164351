"""`netcheck policy`: the least IAM policy that netcheck itself needs."""

from __future__ import annotations

import argparse
import json

EPILOG = """Everything only reads, and no secret's value is ever asked for. What is left out of the policy
makes the answers that depend on it unknown, with the action named; the rest goes on.

statements, and what needs them:
  Network            netcheck snapshot, --connector, --source-subnet
  Pipeline           --connector, --cluster
  ExecutionRole      --connector
  Names              --connector, --source-subnet
  WorkerLogs         --connector, where the worker logs go to CloudWatch Logs
  WhereNetcheckRuns  only where netcheck itself runs as a Lambda function

examples:
  netcheck policy
  aws iam create-policy --policy-name netcheck --policy-document "$(netcheck policy)"

exit codes:
  0  printed
  2  wrong usage
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `netcheck policy` to the commands."""
    parser = commands.add_parser(
        "policy",
        help="print the least IAM policy that netcheck needs",
        description="Prints the least IAM policy that netcheck itself needs, as JSON.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print the policy. Returns the exit code."""
    from netcheck.aws.permissions import policy

    print(json.dumps(policy(), indent=2))
    return 0

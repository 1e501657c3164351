"""`netcheck policy`: the minimal IAM policy that netcheck itself needs."""

from __future__ import annotations

import argparse
import json
import sys

EPILOG = """All actions are read-only, and the value of a secret is never read. Without an action, the results
that depend on it are unknown and name the action; everything else works.

statements, and what needs them:
  Network            netcheck snapshot, netcheck fleet, --connector, --source-subnet
  Pipeline           netcheck fleet, --connector, --cluster
  ExecutionRole      --connector, netcheck fleet --only 'iam.*'
  Names              netcheck snapshot --names, netcheck fleet, --connector, --source-subnet
  WorkerLogs         --connector, where the worker logs go to CloudWatch Logs
  WhereNetcheckRuns  only where netcheck itself runs as a Lambda function

A Lambda function that keeps state, sends notifications or reads its logins from a secret needs more. Give the
same values as in its event to print those statements too, each for that one resource.

examples:
  netcheck policy
  aws iam create-policy --policy-name netcheck --policy-document "$(netcheck policy)"
  netcheck policy --state s3://my-bucket/netcheck --topic arn:aws:sns:eu-west-1:111122223333:alarms

exit codes:
  0  printed
  2  wrong usage
"""
FOR_LAMBDA = {
    "state": ("URL", "where the state is kept: s3://BUCKET/PREFIX or dynamodb://TABLE"),
    "topic": ("ARN", "the SNS topic for notifications of changes"),
    "bus": ("NAME|ARN", "the EventBridge bus for notifications of changes"),
    "report_bucket": ("BUCKET", "the bucket for reports too large to be returned"),
    "secret": ("ARN", "the secret in Secrets Manager that holds the logins"),
}


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `netcheck policy` to the commands."""
    parser = commands.add_parser(
        "policy",
        help="print the minimal IAM policy that netcheck needs",
        description="Prints the minimal IAM policy that netcheck itself needs, as JSON.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    group = parser.add_argument_group("values of a Lambda function's event, see docs/running.md")
    for name, (metavar, text) in FOR_LAMBDA.items():
        group.add_argument("--" + name.replace("_", "-"), metavar=metavar, help=text)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the policy. Returns the exit code."""
    from netcheck.aws.iam.permissions import policy

    document = policy()
    given = {name: value for name in FOR_LAMBDA if (value := getattr(args, name))}
    if given:
        from netcheck.awslambda.permissions import statements
        from netcheck.awslambda.store import parse_store

        try:
            state = parse_store(given.pop("state")) if "state" in given else None
        except ValueError as error:
            print(f"netcheck: --state: {error}", file=sys.stderr)
            return 2
        statement = document["Statement"]
        assert isinstance(statement, list)
        document = {**document, "Statement": [*statement, *statements(state, **given)]}
    print(json.dumps(document, indent=2))
    return 0

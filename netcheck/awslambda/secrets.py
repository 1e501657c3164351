"""Logins from a secret in Secrets Manager: JSON with the keys of a `--credentials` file."""

from __future__ import annotations

import json

from netcheck.awslambda.clients import Undelivered, call
from netcheck.core.arn import parse_arn
from netcheck.core.context import Deadline
from netcheck.settings.config import UsageError
from netcheck.settings.credentials_file import VARIABLES


def logins_of(arn: str, deadline: Deadline) -> dict[str, str]:
    """The secret's values, by their environment variables. Raises UsageError, whose text never contains a
    value.
    """
    parsed = parse_arn(arn)
    if parsed is None or parsed.service != "secretsmanager":
        raise UsageError("event: credentials: give the ARN of a secret in Secrets Manager")
    try:
        found = call(deadline, "secretsmanager", "GetSecretValue", parsed.region, SecretId=arn)
    except Undelivered as error:
        raise UsageError(f"event: credentials: {error}") from None
    try:
        values = json.loads(found.get("SecretString") or "")
    except (ValueError, RecursionError):
        values = None
    allowed = ", ".join(VARIABLES)
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise UsageError(f"event: credentials: the secret is not JSON with strings; its keys are {allowed}")
    if values.keys() - VARIABLES.keys():  # not naming the keys: one could be a plain-text secret
        raise UsageError(f"event: credentials: the secret has keys other than {allowed}")
    return {VARIABLES[key]: value for key, value in values.items()}

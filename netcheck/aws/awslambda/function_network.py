"""The network of a Lambda function, from the Lambda API, as the function's environment does not have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netcheck.aws.api.calls import ApiCall, ApiFailure, call_all
from netcheck.aws.api.session import NoAws, open_session, service_client
from netcheck.core.context import Deadline


@dataclass(frozen=True, slots=True)
class FunctionNetwork:
    """The VPC, subnets and security groups of a function; all empty for a function without a VPC.

    `error` says why they are unknown, and `action` is the missing IAM action.
    """

    vpc: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    error: str = ""
    action: str = ""


def function_network(
    deadline: Deadline, region: str | None, profile: str | None, function: str
) -> FunctionNetwork:
    """Get a function's VPC configuration (Lambda API reference, GetFunctionConfiguration)."""
    question = ApiCall("GetFunctionConfiguration", "VpcConfig", {"FunctionName": function}, "lambda")
    try:
        client = service_client(open_session(deadline, region, profile), "lambda", deadline)
    except NoAws as error:
        return FunctionNetwork("", (), (), str(error))
    [outcome] = call_all(client, [question], deadline)
    if isinstance(outcome, ApiFailure):
        return FunctionNetwork("", (), (), outcome.reason, question.action if outcome.denied else "")
    found = outcome.items[0] if outcome.items else {}
    config: Mapping[str, object] = found if isinstance(found, Mapping) else {}
    return FunctionNetwork(
        str(config.get("VpcId") or ""),
        _texts(config.get("SubnetIds")),
        _texts(config.get("SecurityGroupIds")),
    )


def _texts(given: object) -> tuple[str, ...]:
    return tuple(str(item) for item in given) if isinstance(given, list) else ()

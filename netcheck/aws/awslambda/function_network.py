"""Which network a Lambda function runs in: AWS is asked, as the function's own environment does not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netcheck.aws.api.calls import ApiCall, ApiFailure, call_all
from netcheck.aws.api.session import NoAws, open_session, service_client
from netcheck.core.context import Deadline


@dataclass(frozen=True, slots=True)
class FunctionNetwork:
    """The VPC, subnets and security groups of a function; all empty for one outside any VPC.

    `error` says why that is not known, and `action` the IAM action that would tell.
    """

    vpc: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    error: str = ""
    action: str = ""


def function_network(
    deadline: Deadline, region: str | None, profile: str | None, function: str
) -> FunctionNetwork:
    """Ask for a function's VPC configuration (Lambda API reference, GetFunctionConfiguration)."""
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

"""Whether the policy of a VPC endpoint allows calls to its service. Pure.

An endpoint policy is a resource policy of the endpoint: a call needs an Allow in it, besides the role's
policies, and no Deny. The default endpoint policy allows everything (AWS PrivateLink guide, Control access to
VPC endpoints using endpoint policies). `judge` says whether the policy allows the service at all, where that
does not depend on the caller and the action; `calls` evaluates the calls of a connector's role.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from netcheck.aws.ec2.endpoints import REGIONAL, Endpoint
from netcheck.core.model import Json
from netcheck.iam.evaluate import Answer, Outcome, Request, through_endpoint
from netcheck.iam.judge import context_of
from netcheck.iam.needs import Need
from netcheck.iam.policy import PolicyError, parse
from netcheck.iam.role_snapshot import RoleSnapshot

PREFIXES = {"monitoring": "cloudwatch", "email-smtp": "ses", "streams.dynamodb": "dynamodb"}
"""Host name to IAM prefix, where they differ (Service Authorization Reference)."""


class PolicyEffect(StrEnum):
    """The effect of a policy on calls to a service."""

    ALLOWS = "allows"
    DENIES = "denies"
    UNDECIDED = "undecided"


def service_of(host: str) -> str:
    """The IAM prefix of the service behind a host name (`secretsmanager`)."""
    plain = host.lower()
    if ".vpce." in plain:  # vpce-0a1b-xyz.secretsmanager.eu-west-1.vpce.amazonaws.com
        plain = plain.replace(".vpce.", ".").partition(".")[2]
    found = REGIONAL.fullmatch(plain)
    name = found["name"] if found else plain.partition(".")[0]
    name = name if name in PREFIXES else name.rpartition(".")[2]
    return PREFIXES.get(name, name).removesuffix("-fips")


def judge(policy: Json, service: str) -> PolicyEffect:
    """The effect of a policy document; None is the default policy."""
    if policy is None:
        return PolicyEffect.ALLOWS
    statements = list(_statements(policy))
    if not statements:
        return PolicyEffect.UNDECIDED if not isinstance(policy, dict) else PolicyEffect.DENIES
    touching = [one for one in statements if _touches(one, service)]
    denies = [one for one in touching if one.get("Effect") == "Deny"]
    allows = [one for one in touching if one.get("Effect") == "Allow"]
    if any(_is_whole(one, service) for one in denies) or not allows:
        return PolicyEffect.DENIES
    if not denies and any(_is_whole(one, service) for one in allows):
        return PolicyEffect.ALLOWS
    return PolicyEffect.UNDECIDED


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the connector's role makes, and the decision of the endpoint policy."""

    action: str
    resource: str
    answer: Answer


def calls(
    endpoint: Endpoint, service: str, role: str, seen: RoleSnapshot, needs: Sequence[Need]
) -> tuple[Call, ...]:
    """The decision of the endpoint policy on each call to this service that the role needs to make; empty if
    it needs none.
    """
    wanted = [
        (action, resource)
        for need in needs
        for action in need.actions
        if action.partition(":")[0] == service
        for resource in need.resources
    ]
    return tuple(_answered(endpoint, role, seen, wanted))


def _answered(
    endpoint: Endpoint, role: str, seen: RoleSnapshot, wanted: Sequence[tuple[str, str]]
) -> Iterator[Call]:
    try:
        policy = parse(f"the policy of {endpoint.id}", endpoint.policy)
    except PolicyError as error:
        yield from (Call(*each, Answer(Outcome.UNKNOWN, str(error))) for each in wanted)
        return
    by_endpoint = {"aws:sourcevpce": (endpoint.id,), "aws:sourcevpc": (endpoint.vpc,)}
    for action, resource in wanted:
        context = {**context_of(role, seen, action, resource), **by_endpoint}
        yield Call(action, resource, through_endpoint(Request(role, action, resource, context), policy))


def _statements(policy: Json) -> Iterable[Mapping[str, Any]]:
    given = policy.get("Statement") if isinstance(policy, dict) else None
    found = given if isinstance(given, list) else [given]
    return [one for one in found if isinstance(one, dict)]


def _list(given: object) -> list[str]:
    return [str(item) for item in given] if isinstance(given, list) else [] if given is None else [str(given)]


def _touches(statement: Mapping[str, Any], service: str) -> bool:
    """Whether a statement may apply to calls to this service. NotAction applies to nearly everything."""
    if "NotAction" in statement:
        return True
    prefixes = {action.partition(":")[0].lower() for action in _list(statement.get("Action"))}
    return service in prefixes or any("*" in prefix or "?" in prefix for prefix in prefixes)


def _is_whole(statement: Mapping[str, Any], service: str) -> bool:
    """Whether it applies to every action on every resource of this service by every principal."""
    every_action = {"*", "*:*", f"{service}:*"} & {
        action.lower() for action in _list(statement.get("Action"))
    }
    return bool(
        every_action
        and _is_everybody(statement.get("Principal"))
        and "*" in _list(statement.get("Resource"))
        and not statement.get("Condition")
    )


def _is_everybody(principal: object) -> bool:
    if isinstance(principal, dict):
        return "*" in _list(principal.get("AWS"))
    return principal == "*"

"""Whether the policy of a VPC endpoint lets calls to its service through, where that is simple to say. Pure.

An endpoint policy is a resource policy of the endpoint: a call needs an allow in it, besides what the role
allows, and no deny. Without a policy of its own an endpoint allows everything (AWS PrivateLink guide, Control
access to VPC endpoints using endpoint policies). `judge` says whether the service gets through at all, where
that does not depend on who calls what; `calls` whether the calls do that a connector's role makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from netcheck.aws.ec2.endpoints import REGIONAL, Endpoint
from netcheck.core.model import Json
from netcheck.iam.evaluate import Answer, Outcome, Request, through
from netcheck.iam.judge import context_of
from netcheck.iam.needs import Need
from netcheck.iam.policy import PolicyError, parse
from netcheck.iam.role_snapshot import RoleSnapshot

PREFIXES = {"monitoring": "cloudwatch", "email-smtp": "ses", "streams.dynamodb": "dynamodb"}
"""Host name to IAM prefix, where they differ (Service Authorization Reference)."""


class Judged(StrEnum):
    """What a policy says of a service's calls."""

    ALLOWS = "allows"
    DENIES = "denies"
    NOT_JUDGED = "not judged"


def service_of(host: str) -> str:
    """The IAM prefix of the service behind a host name: `secretsmanager` of its endpoint in a Region."""
    plain = host.lower()
    if ".vpce." in plain:  # vpce-0a1b-xyz.secretsmanager.eu-west-1.vpce.amazonaws.com
        plain = plain.replace(".vpce.", ".").partition(".")[2]
    found = REGIONAL.fullmatch(plain)
    name = found["name"] if found else plain.partition(".")[0]
    name = name if name in PREFIXES else name.rpartition(".")[2]
    return PREFIXES.get(name, name).removesuffix("-fips")


def judge(policy: Json, service: str) -> Judged:
    """Judge a policy document; None is the default policy."""
    if policy is None:
        return Judged.ALLOWS
    statements = list(_statements(policy))
    if not statements:
        return Judged.NOT_JUDGED if not isinstance(policy, dict) else Judged.DENIES
    touching = [one for one in statements if _touches(one, service)]
    denies = [one for one in touching if one.get("Effect") == "Deny"]
    allows = [one for one in touching if one.get("Effect") == "Allow"]
    if any(_is_whole(one, service) for one in denies) or not allows:
        return Judged.DENIES
    if not denies and any(_is_whole(one, service) for one in allows):
        return Judged.ALLOWS
    return Judged.NOT_JUDGED


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the connector's role makes, and what the policy says to it."""

    action: str
    resource: str
    answer: Answer


def calls(
    endpoint: Endpoint, service: str, role: str, seen: RoleSnapshot, needs: Sequence[Need]
) -> tuple[Call, ...]:
    """What the endpoint's policy says to each call to this service that the role needs; none where the
    connector's needs hold no call to it.
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
        yield Call(action, resource, through(Request(role, action, resource, context), policy))


def _statements(policy: Json) -> Iterable[Mapping[str, Any]]:
    given = policy.get("Statement") if isinstance(policy, dict) else None
    found = given if isinstance(given, list) else [given]
    return [one for one in found if isinstance(one, dict)]


def _list(given: object) -> list[str]:
    return [str(item) for item in given] if isinstance(given, list) else [] if given is None else [str(given)]


def _touches(statement: Mapping[str, Any], service: str) -> bool:
    """Whether a statement may be about this service's calls. NotAction is about nearly everything."""
    if "NotAction" in statement:
        return True
    prefixes = {action.partition(":")[0].lower() for action in _list(statement.get("Action"))}
    return service in prefixes or any("*" in prefix or "?" in prefix for prefix in prefixes)


def _is_whole(statement: Mapping[str, Any], service: str) -> bool:
    """Whether it is about every call of everybody to everything of this service."""
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

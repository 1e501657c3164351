"""The policy of a VPC endpoint against the calls that a connector's role makes through it."""

from __future__ import annotations

from typing import Any

import pytest

from netcheck.aws.ec2.endpoints import Endpoint
from netcheck.iam.endpoint_policy import calls
from netcheck.iam.needs import Need
from netcheck.iam.role_snapshot import Role, RoleSnapshot

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/orders-sink"
SECRET = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:shop/clickhouse-AbCdEf"
GET = "secretsmanager:GetSecretValue"
SEEN = RoleSnapshot(role=Role(ROLE, "/", {}, None, {"team": "shop"}))
NEEDS = (
    Need("Secret", (GET,), (SECRET,), (SECRET,), "password names it"),
    Need("Glue", ("glue:GetSchemaVersion",), ("*",), ("*",), "a converter"),
)


def endpoint(policy: Any) -> Endpoint:
    return Endpoint(
        "vpce-1", "vpc-a", "Interface", "available", "secretsmanager", True, False, (), (), (), (), (), policy
    )


def allow(**more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"} | more


def deny(**more: Any) -> dict[str, Any]:
    return allow(Effect="Deny", **more)


def when(operator: str, key: str, value: str) -> dict[str, Any]:
    return {"Condition": {operator: {key: value}}}


POLICIES: list[tuple[str, list[dict[str, Any]], str]] = [
    ("the action", [allow(Action=GET)], "allowed"),
    ("another action", [allow(Action="secretsmanager:PutSecretValue")], "denied"),
    ("the role", [allow(Principal={"AWS": ROLE})], "allowed"),
    ("another role", [allow(Principal={"AWS": f"{ROLE}-2"})], "denied"),
    ("the account, which is its root user here", [allow(Principal={"AWS": ACCOUNT})], "denied"),
    ("the secret", [allow(Resource=SECRET)], "allowed"),
    ("the secret by a pattern", [allow(Resource=f"{SECRET[:-7]}*")], "allowed"),
    ("another secret", [allow(Resource=f"{SECRET}-2")], "denied"),
    (
        "the account in a condition",
        [allow(**when("StringEquals", "aws:PrincipalAccount", ACCOUNT))],
        "allowed",
    ),
    ("another account", [allow(**when("StringEquals", "aws:PrincipalAccount", "1"))], "denied"),
    (
        "a deny of other accounts' roles",
        [allow(), deny(**when("StringNotEquals", "aws:PrincipalAccount", ACCOUNT))],
        "allowed",
    ),
    (
        "a deny of other accounts' secrets",
        [allow(), deny(**when("StringNotEquals", "aws:ResourceAccount", "1"))],
        "denied",
    ),
    ("a role's tag", [allow(**when("StringEquals", "aws:PrincipalTag/team", "shop"))], "allowed"),
    ("the endpoint itself", [allow(**when("StringEquals", "aws:SourceVpce", "vpce-1"))], "allowed"),
    ("another VPC", [allow(**when("StringEquals", "aws:SourceVpc", "vpc-b"))], "denied"),
    (
        "an organisation, which nobody here knows",
        [allow(**when("StringEquals", "aws:PrincipalOrgID", "o-1"))],
        "unknown",
    ),
    ("a deny of everything but", [allow(), deny(NotAction="secretsmanager:*") | {"Action": None}], "allowed"),
]


@pytest.mark.parametrize(("what", "statements", "expected"), POLICIES, ids=[row[0] for row in POLICIES])
def test_what_a_policy_says_to_the_call(what: str, statements: list[dict[str, Any]], expected: str) -> None:
    given = [{key: value for key, value in each.items() if value is not None} for each in statements]
    document = {"Version": "2012-10-17", "Statement": given}
    (call,) = calls(endpoint(document), "secretsmanager", ROLE, SEEN, NEEDS)
    assert (call.action, call.resource) == (GET, SECRET)
    assert call.answer.outcome == expected, (what, call.answer)


def test_a_secret_that_is_known_by_name_only_is_judged_for_every_ending() -> None:
    pattern = f"{SECRET[:-6]}??????"
    need = Need("Secret", (GET,), (pattern,), (pattern,), "")
    (whole,) = calls(
        endpoint({"Statement": allow(Resource=f"{SECRET[:-6]}*")}), "secretsmanager", ROLE, SEEN, [need]
    )
    assert whole.answer.outcome == "allowed"
    (part,) = calls(endpoint({"Statement": allow(Resource=SECRET)}), "secretsmanager", ROLE, SEEN, [need])
    assert part.answer.outcome == "unknown"


def test_a_policy_that_is_none_is_unknown() -> None:
    (call,) = calls(endpoint("{"), "secretsmanager", ROLE, SEEN, NEEDS)
    assert call.answer.outcome == "unknown"


def test_calls_to_other_services_are_none() -> None:
    assert calls(endpoint({"Statement": allow()}), "ssm", ROLE, SEEN, NEEDS) == ()

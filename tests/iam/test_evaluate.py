"""IAM's decisions, as a table of sentences, and against a naive oracle."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcheck.iam.evaluate import Answer, Outcome, Policies, Request, Unread, decide, trusts
from netcheck.iam.patterns import TooComplex, glob, matches, names, samples
from netcheck.iam.policy import PolicyError, parse
from netcheck.iam.variables import Context

ROLE = "arn:aws:iam::111122223333:role/orders"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1"
SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:orders-AbCdEf"
TOPIC = "arn:aws:kafka:eu-west-1:111122223333:topic/c/u-1/orders"
ALLOWED, DENIED, UNKNOWN = Outcome.ALLOWED, Outcome.DENIED, Outcome.UNKNOWN


def statement(
    effect: str = "Allow", action: Any = "s:Get", resource: Any = "*", **rest: Any
) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **rest}


def ask(
    *statements: dict[str, Any],
    action: str = "s:Get",
    resource: str = TOPIC,
    context: Context | None = None,
    version: str = "2012-10-17",
    boundary: list[dict[str, Any]] | None = None,
    policy: list[dict[str, Any]] | Unread | None = None,
    key: bool = False,
) -> Answer:
    def made(name: str, given: list[dict[str, Any]]) -> Any:
        return parse(name, {"Version": version, "Statement": given})

    return decide(
        Request(ROLE, action, resource, context or {}),
        Policies(
            (made("mine", list(statements)),),
            made("the boundary", boundary) if boundary is not None else None,
            made("its policy", policy) if isinstance(policy, list) else policy,
            key,
        ),
    )


def when(operator: str, key: str, *values: str) -> dict[str, Any]:
    return {"Condition": {operator: {key: list(values)}}}


MATCHING = [
    ("s:Get", TOPIC, ALLOWED),
    ("S:gEt", TOPIC, ALLOWED),
    ("s:G?t", TOPIC, ALLOWED),
    ("s:G?", TOPIC, DENIED),
    ("*", TOPIC, ALLOWED),
    ("s:Get", TOPIC.upper(), DENIED),
    ("s:Get", "arn:aws:kafka:*:*:topic/c/*/orders", ALLOWED),
    ("s:Get", "arn:aws:kafka:*", ALLOWED),
    ("s:Get", "arn:aws:kafka:eu-west-1:111122223333:topic/c/u-1/order?", ALLOWED),
    ("s:Get", "arn:aws:kafka:eu-west-1:111122223333:topic/c/u-1/orders?", DENIED),
    ("s:Get", "arn:aws:*:topic/c/u-1/orders", ALLOWED),
    ("s:Get", "arn:aws:k*a:eu-west-1:111122223333:topic/c/u-1/orders", ALLOWED),
    ("s:Get", "arn:aws:k*3:topic/c/u-1/orders", UNKNOWN),
    ("s:Get", "arn:aws:kafka:eu-west-1?111122223333:topic/c/u-1/orders", UNKNOWN),
]


@pytest.mark.parametrize(("action", "resource", "outcome"), MATCHING)
def test_actions_know_no_case_and_arns_do(action: str, resource: str, outcome: Outcome) -> None:
    assert ask(statement(action=action, resource=resource)).outcome is outcome


def test_a_denial_names_what_denies() -> None:
    answer = ask(statement(), statement("Deny", Sid="NoOrders"))
    assert answer == Answer(DENIED, "mine, statement NoOrders", explicit=True)
    assert ask(statement(action="s:Put")) == Answer(DENIED, "no statement allows it")
    assert ask(statement(), statement("Deny")).why == "mine, statement number 2"


NEGATED = [
    ({"NotAction": "s:Get", "Resource": "*"}, DENIED),
    ({"NotAction": ["s:Put"], "Resource": "*"}, ALLOWED),
    ({"Action": "s:Get", "NotResource": [SECRET]}, ALLOWED),
    ({"Action": "s:Get", "NotResource": [SECRET, TOPIC]}, DENIED),
]


@pytest.mark.parametrize(("given_statement", "outcome"), NEGATED)
def test_not_action_and_not_resource_are_the_rest(given_statement: dict[str, Any], outcome: Outcome) -> None:
    assert ask({"Effect": "Allow", **given_statement}).outcome is outcome


CONDITIONS: list[tuple[dict[str, Any], Mapping[str, tuple[str, ...] | None], Outcome]] = [
    (when("StringEquals", "aws:SourceVpc", "vpc-1"), {"aws:sourcevpc": ("vpc-1",)}, ALLOWED),
    (when("StringEquals", "AWS:requestedREGION", "eu-*"), {"aws:requestedregion": ("eu-west-1",)}, DENIED),
    (when("StringLike", "aws:RequestedRegion", "eu-*"), {"aws:requestedregion": ("eu-west-1",)}, ALLOWED),
    (when("StringNotLike", "k", "a*", "b*"), {"k": ("b1",)}, DENIED),
    (when("StringNotEquals", "k", "a"), {"k": None}, ALLOWED),
    (when("StringEquals", "k", "a"), {"k": None}, DENIED),
    (when("StringEqualsIfExists", "k", "a"), {"k": None}, ALLOWED),
    (when("StringEqualsIfExists", "k", "a"), {"k": ("b",)}, DENIED),
    (when("StringEqualsIgnoreCase", "k", "AB"), {"k": ("aB",)}, ALLOWED),
    (when("StringEquals", "k", "a"), {}, UNKNOWN),
    (when("StringEqualsIfExists", "k", "a"), {}, UNKNOWN),
    (when("BinaryEquals", "k", "YQ=="), {"k": ("a",)}, UNKNOWN),
    (when("Null", "k", "true"), {"k": None}, ALLOWED),
    (when("Null", "k", "false"), {"k": None}, DENIED),
    (when("Null", "k", "true"), {}, UNKNOWN),
    (when("Null", "k", "true", "false"), {"k": None}, ALLOWED),
    (when("Null", "k", "true", "false"), {"k": ("a",)}, ALLOWED),
    (when("Bool", "aws:SecureTransport", "true"), {"aws:securetransport": ("True",)}, ALLOWED),
    (when("IpAddress", "aws:SourceIp", "10.0.0.0/8", "fd00::/8"), {"aws:sourceip": ("10.1.2.3",)}, ALLOWED),
    (when("NotIpAddress", "aws:SourceIp", "10.0.0.0/8"), {"aws:sourceip": ("10.1.2.3",)}, DENIED),
    (when("ArnLike", "aws:SourceArn", "arn:aws:kafkaconnect:*:1:connector/o/*"),
     {"aws:sourcearn": ("arn:aws:kafkaconnect:eu-west-1:1:connector/o/u",)}, ALLOWED),
    (when("ArnEquals", "aws:SourceArn", "arn:aws:kafkaconnect:*"),
     {"aws:sourcearn": ("arn:aws:kafkaconnect:eu-west-1:1:connector/o/u",)}, DENIED),
    (when("ArnLike", "k", "arn:aws:secretsmanager:*:1:secret:orders-*"),
     {"k": ("arn:aws:secretsmanager:eu-west-1:1:secret:orders-AbCdEf",)}, ALLOWED),
    (when("ArnLike", "k", "arn:aws:secretsmanager:*:1:secret:*:x"),
     {"k": ("arn:aws:secretsmanager:eu-west-1:1:secret:orders-AbCdEf",)}, DENIED),
    (when("ArnLike", "k", "orders-*"), {"k": ("arn:aws:s3:::orders-1",)}, DENIED),
    (when("NumericLessThan", "k", "10"), {"k": ("9.5",)}, ALLOWED),
    (when("NumericLessThan", "k", "ten"), {"k": ("9.5",)}, DENIED),
    (when("DateGreaterThan", "k", "2026-01-01T00:00:00Z"), {"k": ("2026-01-01T00:00:01Z",)}, ALLOWED),
    (when("DateLessThan", "k", "0"), {"k": ("1970-01-01T00:00:01Z",)}, DENIED),
    (when("DateGreaterThan", "k", "0"), {"k": ("1970-01-01T00:00:01Z",)}, ALLOWED),
    (when("DateEquals", "k", "1767225600"), {"k": ("2026-01-01T00:00:00Z",)}, ALLOWED),
    (when("DateEquals", "k", "1767225600.5"), {"k": ("2026-01-01T00:00:00.500+00:00",)}, ALLOWED),
    (when("DateGreaterThan", "k", "-1"), {"k": ("1970-01-01",)}, ALLOWED),
    (when("DateLessThan", "k", "tomorrow"), {"k": ("2026-01-01T00:00:00Z",)}, DENIED),
    (when("ForAnyValue:StringEquals", "k", "a"), {"k": ("b", "a")}, ALLOWED),
    (when("ForAllValues:StringEquals", "k", "a"), {"k": ("b", "a")}, DENIED),
    (when("ForAllValues:StringEquals", "k", "a"), {"k": None}, ALLOWED),
    (when("ForAnyValue:StringNotEquals", "k", "a"), {"k": None}, DENIED),
    (when("StringEquals", "k", "a"), {"k": ("a", "b")}, UNKNOWN),
    (when("StringEquals", "k", "${aws:userid}"), {"k": ("1",), "aws:userid": ("1",)}, ALLOWED),
    (when("StringEquals", "k", "${aws:PrincipalAccount}"), {"k": ("1",)}, UNKNOWN),
    (when("StringLike", "k", "${*}x*"), {"k": ("*xyz",)}, ALLOWED),
    (when("StringLike", "k", "${*}x*"), {"k": ("axyz",)}, DENIED),
    (when("StringEquals", "k", "${aws:PrincipalTag/team, 'none'}"),
     {"k": ("none",), "aws:principaltag/team": None}, ALLOWED),
    ({"Condition": {"StringEquals": {"k": "a", "l": "b"}}}, {"k": ("x",)}, DENIED),
    ({"Condition": {"StringEquals": {"k": "a", "l": "b"}}}, {"k": ("a",)}, UNKNOWN),
]  # fmt: skip


COMPARED = [
    # operator, and whether a value before, at and after the policy's meets it
    ("Equals", (False, True, False)),
    ("NotEquals", (True, False, True)),
    ("LessThan", (True, False, False)),
    ("LessThanEquals", (True, True, False)),
    ("GreaterThan", (False, False, True)),
    ("GreaterThanEquals", (False, True, True)),
]


@pytest.mark.parametrize(("operator", "met"), COMPARED)
def test_numbers_and_dates_are_compared_by_value(operator: str, met: tuple[bool, ...]) -> None:
    for kind, wanted, values in (
        ("Numeric", "10", ("9.5", "10.0", "10.5")),
        ("Date", "2026-01-01T00:00:00Z", ("1767225599", "2026-01-01T01:00:00+01:00", "2026-01-02")),
    ):
        condition = when(f"{kind}{operator}", "k", wanted)
        outcomes = [ask(statement(**condition), context={"k": (value,)}).outcome for value in values]
        assert outcomes == [ALLOWED if holds else DENIED for holds in met]


NEGATIVE = [("StringNotEquals", "b"), ("StringNotEqualsIgnoreCase", "B"), ("StringNotLike", "b"),
            ("NotIpAddress", "10.0.0.2"), ("NumericNotEquals", "2"), ("DateNotEquals", "2"),
            ("ArnNotEquals", "arn:aws:s3:::b"), ("ArnNotLike", "arn:aws:s3:::b")]  # fmt: skip


@pytest.mark.parametrize(("operator", "other"), NEGATIVE)
def test_a_negative_operator_is_met_by_any_other_value_and_by_none(operator: str, other: str) -> None:
    own = {"b": "a", "B": "A", "2": "1", "10.0.0.2": "10.0.0.1"}.get(other, "arn:aws:s3:::a")
    condition = statement(**when(operator, "k", own))
    answers = [ask(condition, context={"k": value}).outcome for value in ((other,), (own,), None)]
    assert answers == [ALLOWED, DENIED, ALLOWED]


OF_A_TAG = [
    ("StringEquals", "x-${aws:PrincipalTag/team}", "x-a"),
    ("StringEqualsIgnoreCase", "x-${aws:PrincipalTag/team}", "X-A"),
    ("StringLike", "x-${aws:PrincipalTag/team}*", "x-abc"),
    ("ArnEquals", "arn:aws:s3:::${aws:PrincipalTag/team}", "arn:aws:s3:::a"),
    ("ArnLike", "arn:aws:s3:::${aws:PrincipalTag/team}*", "arn:aws:s3:::abc"),
]


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize(("operator", "wanted", "value"), OF_A_TAG)
def test_operators_of_texts_and_arns_take_variables(
    operator: str, wanted: str, value: str, negative: bool
) -> None:
    if negative:
        operator = operator.replace("String", "StringNot").replace("Arn", "ArnNot")
    context: Context = {"k": (value,), "aws:principaltag/team": ("a",)}
    answer = ask(statement(**when(operator, "k", wanted)), context=context)
    assert answer.outcome is (DENIED if negative else ALLOWED)


@pytest.mark.parametrize(
    ("operator", "value", "of_request"),
    [
        ("Bool", True, "true"),
        ("Bool", False, "false"),
        ("NumericEquals", 5, "5"),
        ("NumericEquals", 0.5, "0.5"),
    ],
)
@pytest.mark.parametrize("as_list", [False, True])
def test_a_condition_value_may_be_a_json_boolean_or_number(
    operator: str, value: Any, of_request: str, as_list: bool
) -> None:
    condition: dict[str, Any] = {"Condition": {operator: {"k": [value] if as_list else value}}}
    other = {"true": "false", "false": "true"}.get(of_request, "6")
    for of, outcome in ((of_request, ALLOWED), (other, DENIED)):
        assert ask(statement(**condition), context={"k": (of,)}).outcome is outcome
        deny = ask(statement(), statement("Deny", **condition), context={"k": (of,)})
        assert deny.explicit is (outcome is ALLOWED)


@pytest.mark.parametrize(("condition", "context", "outcome"), CONDITIONS)
def test_conditions_are_met_or_not_or_not_known(
    condition: dict[str, Any], context: Context, outcome: Outcome
) -> None:
    answer = ask(statement(**condition), context=context)
    assert answer.outcome is outcome
    if outcome is UNKNOWN:
        operators = condition["Condition"]
        keys = [key for block in operators.values() for key in block]
        assert any(name in answer.why for name in (*operators, *keys, "aws:PrincipalAccount"))


def test_what_is_not_known_of_a_deny_matters_only_where_something_allows() -> None:
    deny = statement("Deny", **when("StringEquals", "aws:SourceVpc", "vpc-1"))
    assert ask(deny).outcome is DENIED
    assert ask(deny, statement()).outcome is UNKNOWN
    assert ask(deny, policy=[{**statement(), "Principal": "*"}]).outcome is UNKNOWN


VARIABLES = [
    ("arn:aws:kafka:eu-west-1:${aws:PrincipalAccount}:topic/c/*", "2012-10-17", ALLOWED),
    ("arn:aws:kafka:eu-west-1:${aws:PrincipalAccount}:topic/c/*", "2008-10-17", DENIED),
    ("arn:aws:kafka:eu-west-1:*:topic/${aws:PrincipalTag/cluster}/*", "2012-10-17", UNKNOWN),
    ("arn:aws:kafka:eu-west-1:*:group/${aws:PrincipalTag/cluster}/*", "2012-10-17", DENIED),
    ("arn:aws:kafka:eu-west-1:*:topic/${aws:userid}/*", "2012-10-17", DENIED),
]


@pytest.mark.parametrize(("resource", "version", "outcome"), VARIABLES)
def test_variables_are_filled_in_where_they_are_known(resource: str, version: str, outcome: Outcome) -> None:
    context: Context = {"aws:principalaccount": ("111122223333",), "aws:userid": None}
    assert ask(statement(resource=resource), version=version, context=context).outcome is outcome


TO_ROLE = {**statement(), "Principal": {"AWS": ROLE}}
TO_ACCOUNT = {**statement(), "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}
TO_OTHERS = {**statement(), "Principal": {"AWS": "arn:aws:iam::999999999999:root"}}
NOT_TO_ACCOUNT = {**statement("Deny"), "Principal": {"AWS": "111122223333"}}
TO_BOTH = {
    **statement(),
    "Principal": {"AWS": ["arn:aws:iam::999999999999:root", "arn:aws:iam::111122223333:root"]},
}
UNREAD = Unread("the policy of the secret", "secretsmanager:GetResourcePolicy")
RESOURCE_POLICIES: list[tuple[str, list[dict[str, Any]], Any, bool, Outcome]] = [
    ("either side is enough: the resource's", [], [TO_ROLE], False, ALLOWED),
    ("either side is enough: the role's", [statement()], [TO_OTHERS], False, ALLOWED),
    ("neither side", [], [TO_OTHERS], False, DENIED),
    ("an account's statement grants its roles nothing", [], [TO_ACCOUNT], False, DENIED),
    ("an account's Deny denies its roles", [statement()], [NOT_TO_ACCOUNT], False, DENIED),
    ("it could not be read", [statement()], UNREAD, False, UNKNOWN),
    ("it could not be read, and it may allow", [], UNREAD, False, UNKNOWN),
    ("it need not be read", [statement("Deny")], UNREAD, False, DENIED),
    ("a key that hands the decision to IAM", [statement()], [TO_ACCOUNT], True, ALLOWED),
    ("a key that hands the decision to IAM, and IAM does not allow", [], [TO_ACCOUNT], True, DENIED),
    ("a key that hands it to two accounts", [statement()], [TO_BOTH], True, ALLOWED),
    ("a key whose second statement is for us", [statement()], [TO_OTHERS, TO_ACCOUNT], True, ALLOWED),
    ("a key that names the role itself", [], [TO_ROLE], True, ALLOWED),
    ("a key that does not know of us", [statement()], [TO_OTHERS], True, DENIED),
]


@pytest.mark.parametrize(
    ("own", "policy", "key", "outcome"),
    [row[1:] for row in RESOURCE_POLICIES],
    ids=[row[0] for row in RESOURCE_POLICIES],
)
def test_the_resource_has_its_say(
    own: list[dict[str, Any]], policy: Any, key: bool, outcome: Outcome
) -> None:
    answer = ask(*own, policy=policy, key=key)
    assert answer.outcome is outcome
    assert answer.action == (UNREAD.action if outcome is UNKNOWN else "")


def test_another_account_has_to_allow_too() -> None:
    foreign = TOPIC.replace("111122223333", "999999999999")
    assert ask(statement(), resource=foreign, policy=[TO_ACCOUNT]).outcome is ALLOWED
    assert ask(statement(), resource=foreign, policy=[TO_OTHERS]).outcome is DENIED
    assert ask(resource=foreign, policy=[TO_ROLE]).outcome is DENIED
    assert ask(statement(), resource=foreign).outcome is UNKNOWN


def test_a_boundary_has_to_allow_too() -> None:
    assert ask(statement(), boundary=[statement()]).outcome is ALLOWED
    assert ask(statement(), boundary=[statement(action="s:Put")]) == Answer(
        DENIED, "the permissions boundary does not allow it"
    )
    assert ask(statement(), boundary=[statement(), statement("Deny", Sid="X")]).explicit
    assert ask(boundary=[statement("Deny")], policy=[TO_ROLE]).outcome is DENIED


PATTERNS = [
    ("topic/c/u/in_*", ["topic/c/u/in_*"], ALLOWED),
    ("topic/c/u/in_*", ["topic/c/u/*"], ALLOWED),
    ("topic/c/u/in_*", ["topic/c/u/in_a*"], UNKNOWN),
    ("topic/c/u/in_*", ["topic/c/u/out_*"], DENIED),
    ("topic/c/u/in_?", ["topic/c/u/in_??", "topic/c/u/in_?"], ALLOWED),
    ("topic/c/u/a*", ["topic/c/u/a", "topic/c/u/a?*"], ALLOWED),
    ("topic/c/u/a*", ["topic/c/u/a", "topic/c/u/a??*"], UNKNOWN),
]


@pytest.mark.parametrize(("wanted", "granted", "outcome"), PATTERNS)
def test_what_is_said_of_a_pattern_is_so_for_all_of_it(
    wanted: str, granted: list[str], outcome: Outcome
) -> None:
    arn = "arn:aws:kafka:eu-west-1:111122223333:"
    answer = ask(statement(resource=[arn + each for each in granted]), resource=arn + wanted)
    assert answer.outcome is outcome


def test_a_deny_of_a_part_of_a_pattern_counts_whichever_of_its_actions_is_asked_for() -> None:
    prefix = SECRET.replace("orders-AbCdEf", "db-")
    for actions in ("s:Get", ["s:Get", "s:Put"], ["s:Put", "s:Get"]):
        deny = statement("Deny", actions, prefix + "a*")
        answer = ask(statement(), deny, resource=prefix + "??????")
        assert answer.outcome is UNKNOWN, answer
    assert ask(statement(), statement("Deny", "s:Put", prefix + "a*"), resource=prefix + "??????") == Answer(
        ALLOWED, "mine, statement number 1"
    )


TRUST = [
    ({"Service": "kafkaconnect.amazonaws.com"}, {}, ALLOWED),
    ({"Service": ["ec2.amazonaws.com"]}, {}, DENIED),
    (
        {"Service": "kafkaconnect.amazonaws.com"},
        when("StringEquals", "aws:SourceAccount", "111122223333"),
        ALLOWED,
    ),
    (
        {"Service": "kafkaconnect.amazonaws.com"},
        when("StringEquals", "aws:SourceAccount", "999999999999"),
        DENIED,
    ),
    ({"Service": "kafkaconnect.amazonaws.com"}, when("StringEquals", "sts:ExternalId", "1"), UNKNOWN),
    ({"AWS": "arn:aws:iam::111122223333:root"}, {}, DENIED),
]


@pytest.mark.parametrize(("principal", "condition", "outcome"), TRUST)
def test_a_trust_policy_trusts_a_service(principal: Any, condition: dict[str, Any], outcome: Outcome) -> None:
    document = {
        "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **condition}
    }
    request = Request(
        "kafkaconnect.amazonaws.com", "sts:AssumeRole", ROLE, {"aws:sourceaccount": ("111122223333",)}
    )
    assert trusts(request, parse("the trust policy", document)).outcome is outcome


BROKEN: list[tuple[object, str]] = [
    ("{", "is not JSON"),
    ([], "is not a JSON object"),
    ({"Version": "2020-01-01", "Statement": []}, "Version is '2020-01-01'"),
    ({}, "has no Statement"),
    ({"Statement": ["x"]}, "statement 1 is not a JSON object"),
    ({"Statement": {"Effect": "allow", "Action": "*", "Resource": "*"}}, "Effect is 'allow'"),
    ({"Statement": {"Effect": "Allow", "Resource": "*"}}, "neither Action nor NotAction"),
    ({"Statement": statement(NotAction="x")}, "both Action and NotAction"),
    ({"Statement": statement(Resources="x")}, "unknown element Resources"),
    ({"Statement": statement(action=1)}, "is not a string"),
    ({"Statement": statement(action=["s:Get", 1])}, "is not a string"),
    ({"Statement": statement(Condition=[])}, "Condition is not an object of objects"),
    ({"Statement": statement(Condition={"Bool": {"k": None}})}, "is not a string, a number"),
    ({"Statement": statement(Principal=1)}, "Principal"),
]


@pytest.mark.parametrize(("document", "said"), BROKEN)
def test_a_broken_policy_is_told_where_it_is_broken(document: object, said: str) -> None:
    with pytest.raises(PolicyError, match=re.escape(said)) as caught:
        parse("inline policy kafka", document)
    assert str(caught.value).startswith("inline policy kafka")


@pytest.mark.slow
def test_too_many_wildcards_are_not_known() -> None:
    text = "arn:aws:x:::*a" + "?" * 16
    with pytest.raises(TooComplex):
        samples("arn:aws:x:::*", [glob(text)])
    answer = ask(statement(resource=text), resource="arn:aws:x:::*")
    assert answer.outcome is UNKNOWN
    assert "too many wildcards" in answer.why


# Against a naive oracle

SIGNS = "ab:"
texts = st.text(SIGNS, max_size=4)
patterns = st.text(SIGNS + "*?", max_size=4)


@given(patterns, texts)
@settings(max_examples=300, deadline=None)
def test_a_pattern_matches_what_a_regular_expression_does(pattern: str, text: str) -> None:
    expression = "".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in pattern)
    assert matches(glob(pattern), text) is (re.fullmatch(expression, text) is not None)


@given(patterns.filter(lambda p: "*" in p or "?" in p), st.lists(patterns, max_size=3))
@settings(max_examples=150, deadline=None)
def test_samples_are_of_the_pattern_and_one_of_each_kind(wanted: str, others: list[str]) -> None:
    globs = [glob(other) for other in others]

    def kind(text: str) -> tuple[bool, ...]:
        return tuple(matches(each, text) for each in globs)

    found = samples(wanted, globs)
    assert all(matches(names(wanted), text) for text in found)
    every = ("".join(t) for n in range(6) for t in itertools.product(SIGNS + "z", repeat=n))
    assert {kind(text) for text in every if matches(names(wanted), text)} <= {kind(text) for text in found}


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {"Effect": draw(st.sampled_from(["Allow", "Deny"]))}
    made[draw(st.sampled_from(["Action", "NotAction"]))] = draw(
        st.sampled_from(["s:Get", "s:Put", "s:*", "*"])
    )
    made[draw(st.sampled_from(["Resource", "NotResource"]))] = draw(
        st.lists(patterns, min_size=1, max_size=2)
    )
    if draw(st.booleans()):
        operator = draw(st.sampled_from(["StringEquals", "StringNotEquals", "StringEqualsIfExists"]))
        made["Condition"] = {operator: {draw(st.sampled_from(["k", "l"])): draw(st.sampled_from(["1", "2"]))}}
    return made


def oracle(given_statements: list[dict[str, Any]], resource: str, context: Mapping[str, str | None]) -> bool:
    """Plain reading of the rules, everything known. No text has a colon, which wildcards could differ by."""

    def applies(each: dict[str, Any]) -> bool:
        action = each.get("Action", each.get("NotAction")) in ("s:Get", "s:*", "*")
        wanted: Any = each.get("Resource", each.get("NotResource"))
        covered = any(
            re.fullmatch("".join({"*": ".*", "?": "."}.get(s, s) for s in one), resource) for one in wanted
        )
        for operator, block in each.get("Condition", {}).items():
            for key, value in block.items():
                had = context[key]
                if not {
                    "StringEquals": had == value,
                    "StringNotEquals": had != value,
                    "StringEqualsIfExists": had in (None, value),
                }[operator]:
                    return False
        return action is ("Action" in each) and covered is ("Resource" in each)

    effects = {each["Effect"] for each in given_statements if applies(each)}
    return effects == {"Allow"}


@given(
    st.lists(statements(), min_size=1, max_size=4),
    st.text("ab", max_size=4),
    st.dictionaries(st.sampled_from(["k", "l"]), st.sampled_from(["1", "2", None])),
)
@settings(max_examples=400, deadline=None)
def test_what_is_decided_is_so_whatever_is_not_known(
    given_statements: list[dict[str, Any]], resource: str, context: dict[str, str | None]
) -> None:
    known: Context = {key: None if value is None else (value,) for key, value in context.items()}
    answer = ask(*given_statements, resource=resource, context=known)
    open_keys = sorted({"k", "l"} - context.keys())
    worlds = [
        oracle(given_statements, resource, context | dict(zip(open_keys, values, strict=True)))
        for values in itertools.product(["1", "2", "3", None], repeat=len(open_keys))
    ]
    if answer.outcome is not UNKNOWN:
        assert {outcome is True for outcome in worlds} == {answer.outcome is ALLOWED}
    elif not open_keys:
        pytest.fail("everything was known")

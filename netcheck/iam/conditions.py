"""Conditions of IAM policies: met, not met, or not known. Pure.

IAM user guide, "Condition operators" and "Set operators for multi-valued context keys": a key that is not in
the request fails a positive operator and meets a negated one; IfExists meets both; several values are
alternatives, and none of them may match under a negated operator. A key or operator that netcheck does not
know makes the result unknown, with its name: it never counts as met or not met.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from netcheck.iam.patterns import Glob, matches
from netcheck.iam.policy import Condition
from netcheck.iam.variables import Context, Filled, fill

ALL, ANY = "forallvalues:", "foranyvalue:"


@dataclass(frozen=True, slots=True)
class Truth:
    """`holds` is None if it is not known; `why` then names the key or operator."""

    holds: bool | None
    why: str = ""


YES, NO = Truth(True), Truth(False)


def all_of(truths: Sequence[Truth]) -> Truth:
    """Whether all hold: a single False decides, even if others are unknown."""
    if any(truth.holds is False for truth in truths):
        return NO
    return next((truth for truth in truths if truth.holds is None), YES)


def any_of(truths: Sequence[Truth]) -> Truth:
    """Whether any holds: a single True decides, even if others are unknown."""
    if any(truth.holds for truth in truths):
        return YES
    return next((truth for truth in truths if truth.holds is None), NO)


def negated(truth: Truth) -> Truth:
    return Truth(None if truth.holds is None else not truth.holds, truth.why)


def met(condition: Condition, context: Context, has_variables: bool) -> Truth:
    """Whether one key of a condition block is met by a request."""
    name = condition.operator.lower()
    several = next((prefix for prefix in (ALL, ANY) if name.startswith(prefix)), "")
    name = name.removeprefix(several)
    if name == "null":
        return _null(condition, context)
    if_exists = name.endswith("ifexists")
    operator = OPERATORS.get(name.removesuffix("ifexists"))
    key = condition.key.lower()
    if operator is None:
        return Truth(None, f"the condition operator {condition.operator} is not supported by netcheck")
    if key not in context:
        return Truth(None, f"the value of {condition.key} in the request is not known")
    values = context[key]
    if values is None:
        return Truth(if_exists or several == ALL or (operator.negative and several != ANY))
    wanted = [fill(value, context, has_variables and operator.variables) for value in condition.values]
    each = [_one(operator, value, wanted) for value in values]
    match several, len(values):
        case str(), 1:
            return each[0]
        case "forallvalues:", _:
            return all_of(each)
        case "foranyvalue:", _:
            return any_of(each)
        case _:
            return Truth(None, f"{condition.key} has several values, but {condition.operator} takes one")


def _null(condition: Condition, context: Context) -> Truth:
    key = condition.key.lower()
    if key not in context:
        return Truth(None, f"whether {condition.key} is in the request is not known")
    absent = context[key] is None
    return Truth(any(absent == (value.lower() == "true") for value in condition.values))


@dataclass(frozen=True, slots=True)
class _Operator:
    """`matches` compares a value of the request with one of the policy; ValueError for an invalid value."""

    matches: Callable[[str, Glob], bool]
    negative: bool = False
    variables: bool = False


def _one(operator: _Operator, value: str, wanted: Sequence[Filled]) -> Truth:
    """Compare one value of the request with all values of the policy."""
    found = any_of([_compared(operator, value, each) for each in wanted])
    return negated(found) if operator.negative else found


def _compared(operator: _Operator, value: str, wanted: Filled) -> Truth:
    if wanted.absent:
        return NO
    if wanted.pattern is None:
        return Truth(None, f"the policy variable {wanted.unknown} is not known")
    try:
        return Truth(operator.matches(value, wanted.pattern))
    except ValueError:
        return NO


def _text(pattern: Glob) -> str:
    """The value as written in the policy: only Like operators have wildcards."""
    return "".join(part if isinstance(part, str) else part.value for part in pattern)


def _equal(value: str, wanted: Glob) -> bool:
    return value == _text(wanted)


def _equal_ignoring_case(value: str, wanted: Glob) -> bool:
    return value.casefold() == _text(wanted).casefold()


def _like(value: str, wanted: Glob) -> bool:
    return matches(wanted, value)


def _arn(value: str, wanted: Glob) -> bool:
    """Compare each of the six parts of an ARN; the last may contain colons (ArnLike = ArnEquals)."""
    patterns, parts = _split(wanted), value.split(":", 5)
    return len(patterns) == len(parts) == 6 and all(
        matches(pattern, part) for pattern, part in zip(patterns, parts, strict=True)
    )


def _split(pattern: Glob) -> list[Glob]:
    found: list[Glob] = []
    rest = pattern
    while len(found) < 5 and ":" in rest:
        place = rest.index(":")
        found.append(rest[:place])
        rest = rest[place + 1 :]
    return [*found, rest]


def _truth(value: str, wanted: Glob) -> bool:
    return value.lower() == _text(wanted).lower()


def _in_range(value: str, wanted: Glob) -> bool:
    network = ipaddress.ip_network(_text(wanted), strict=False)
    address = ipaddress.ip_address(value)
    return address.version == network.version and address in network


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(text) from None
    if not number.is_finite():
        raise ValueError(text)
    return number


def _moment(text: str) -> Decimal:
    """A date: ISO 8601, or seconds since 1970."""
    if text.lstrip("-").replace(".", "", 1).isdigit():
        return _number(text)
    moment = datetime.fromisoformat(text)
    return Decimal(str((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))


def _ordered(
    read: Callable[[str], Decimal], test: Callable[[Decimal, Decimal], bool]
) -> Callable[[str, Glob], bool]:
    return lambda value, wanted: test(read(value), read(_text(wanted)))


OPERATORS = {
    "stringequals": _Operator(_equal, variables=True),
    "stringnotequals": _Operator(_equal, negative=True, variables=True),
    "stringequalsignorecase": _Operator(_equal_ignoring_case, variables=True),
    "stringnotequalsignorecase": _Operator(_equal_ignoring_case, negative=True, variables=True),
    "stringlike": _Operator(_like, variables=True),
    "stringnotlike": _Operator(_like, negative=True, variables=True),
    "arnequals": _Operator(_arn, variables=True),
    "arnlike": _Operator(_arn, variables=True),
    "arnnotequals": _Operator(_arn, negative=True, variables=True),
    "arnnotlike": _Operator(_arn, negative=True, variables=True),
    "bool": _Operator(_truth),
    "ipaddress": _Operator(_in_range),
    "notipaddress": _Operator(_in_range, negative=True),
    "numericequals": _Operator(_ordered(_number, lambda a, b: a == b)),
    "numericnotequals": _Operator(_ordered(_number, lambda a, b: a == b), negative=True),
    "numericlessthan": _Operator(_ordered(_number, lambda a, b: a < b)),
    "numericlessthanequals": _Operator(_ordered(_number, lambda a, b: a <= b)),
    "numericgreaterthan": _Operator(_ordered(_number, lambda a, b: a > b)),
    "numericgreaterthanequals": _Operator(_ordered(_number, lambda a, b: a >= b)),
    "dateequals": _Operator(_ordered(_moment, lambda a, b: a == b)),
    "datenotequals": _Operator(_ordered(_moment, lambda a, b: a == b), negative=True),
    "datelessthan": _Operator(_ordered(_moment, lambda a, b: a < b)),
    "datelessthanequals": _Operator(_ordered(_moment, lambda a, b: a <= b)),
    "dategreaterthan": _Operator(_ordered(_moment, lambda a, b: a > b)),
    "dategreaterthanequals": _Operator(_ordered(_moment, lambda a, b: a >= b)),
}
"""Without BinaryEquals: none of the relevant keys is binary."""

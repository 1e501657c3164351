"""IAM policy documents as data: the JSON grammar without evaluation. Pure.

Grammar and elements: IAM user guide, "Grammar of the IAM JSON policy language" and "IAM JSON policy elements
reference" (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VERSIONS = ("2008-10-17", "2012-10-17")
WITH_VARIABLES = "2012-10-17"
"""The only version with `${...}` variables; without a Version the older one applies (IAM user guide)."""
ELEMENTS = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)


class PolicyError(ValueError):
    """A document that IAM would reject. The message says where and why."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One key of a condition block. `operator` as written, with ForAnyValue: and IfExists."""

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `negated_actions` is True for NotAction, and so on; `name` identifies the statement.

    `resources` is None if the element is missing, as in a trust policy. `principals` are pairs of type (AWS,
    Service, ...) and value, None if the element is missing; ("*", "*") is everyone.
    """

    name: str
    allows: bool
    actions: tuple[str, ...]
    negated_actions: bool
    resources: tuple[str, ...] | None
    negated_resources: bool
    principals: tuple[tuple[str, str], ...] | None
    negated_principals: bool
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy. `name` identifies it: `inline policy kafka`, or the ARN of a managed policy."""

    name: str
    version: str
    statements: tuple[Statement, ...]

    @property
    def has_variables(self) -> bool:
        return self.version == WITH_VARIABLES


def parse(name: str, document: object) -> Policy:
    """Read a policy document: the object, or its JSON text. Raises PolicyError."""
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except (ValueError, RecursionError) as error:
            raise PolicyError(f"{name} is not JSON: {error}") from None
    if not isinstance(document, Mapping):
        raise PolicyError(f"{name} is not a JSON object")
    version = document.get("Version", VERSIONS[0])
    if version not in VERSIONS:
        raise PolicyError(f"{name}: Version is {version!r}; it must be {' or '.join(VERSIONS)}")
    given = document.get("Statement")
    statements = given if isinstance(given, list) else [given]
    if given is None:
        raise PolicyError(f"{name} has no Statement")
    return Policy(name, version, tuple(_statement(name, n, each) for n, each in enumerate(statements, 1)))


def _statement(policy: str, number: int, given: object) -> Statement:
    if not isinstance(given, Mapping):
        raise PolicyError(f"{policy}: statement {number} is not a JSON object")
    sid = given.get("Sid")
    name = f"{policy}, {f'statement {sid}' if isinstance(sid, str) and sid else f'statement number {number}'}"
    strange = sorted(str(key) for key in given if key not in ELEMENTS)
    if strange:
        raise PolicyError(f"{name}: unknown element {', '.join(strange)}")
    if given.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError(f"{name}: Effect is {given.get('Effect')!r}; it must be Allow or Deny")
    action = _either(given, "Action", name)
    if action is None:
        raise PolicyError(f"{name} has neither Action nor NotAction")
    resource, principal = _either(given, "Resource", name), _either(given, "Principal", name)
    return Statement(
        name=name,
        allows=given["Effect"] == "Allow",
        actions=_texts(given[action], f"{name}: {action}"),
        negated_actions=action.startswith("Not"),
        resources=None if resource is None else _texts(given[resource], f"{name}: {resource}"),
        negated_resources=resource == "NotResource",
        principals=None if principal is None else _principals(given[principal], f"{name}: {principal}"),
        negated_principals=principal == "NotPrincipal",
        conditions=_conditions(given.get("Condition", {}), name),
    )


def _either(given: Mapping[Any, Any], element: str, name: str) -> str | None:
    """Which of an element and its Not... form is present."""
    there = [key for key in (element, f"Not{element}") if key in given]
    if len(there) > 1:
        raise PolicyError(f"{name} has both {element} and Not{element}")
    return there[0] if there else None


def _texts(given: object, where: str) -> tuple[str, ...]:
    items = given if isinstance(given, list) else [given]
    if not all(isinstance(item, str) for item in items):
        raise PolicyError(f"{where} is not a string or a list of strings")
    return tuple(items)


def _principals(given: object, where: str) -> tuple[tuple[str, str], ...]:
    if given == "*":
        return (("*", "*"),)
    if not isinstance(given, Mapping):
        raise PolicyError(f'{where} is neither "*" nor a JSON object')
    return tuple(
        (str(kind), value) for kind, values in given.items() for value in _texts(values, f"{where}.{kind}")
    )


def _conditions(given: object, name: str) -> tuple[Condition, ...]:
    if not isinstance(given, Mapping) or not all(isinstance(block, Mapping) for block in given.values()):
        raise PolicyError(f"{name}: Condition is not an object of objects")
    return tuple(
        Condition(str(operator), str(key), _values(values, f"{name}: Condition {operator} {key}"))
        for operator, block in given.items()
        for key, values in block.items()
    )


def _values(given: object, where: str) -> tuple[str, ...]:
    """Condition values: strings, and the numbers and booleans that IAM also accepts."""
    found = []
    for item in given if isinstance(given, list) else [given]:
        match item:
            case bool():
                found.append("true" if item else "false")
            case str() | int() | float():
                found.append(str(item))
            case _:
                raise PolicyError(f"{where} is not a string, a number, a boolean or a list of them")
    return tuple(found)

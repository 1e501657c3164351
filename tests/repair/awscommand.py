"""Reads a command of the AWS CLI back into the API call that it makes, by botocore's model of the service.

Syntax: AWS CLI user guide, Shorthand syntax: `Key=value,Key=[{Key=value}]`.
"""

from __future__ import annotations

import shlex
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.model import ListShape, Shape, StructureShape
from botocore.validate import ParamValidator

Call = tuple[str, dict[str, Any]]
SESSION = botocore.session.Session()
FLAGS = {
    "egress": ("Egress", True),
    "ingress": ("Egress", False),
    "blackhole": ("Blackhole", True),
    "private-dns-enabled": ("PrivateDnsEnabled", True),
    "no-private-dns-enabled": ("PrivateDnsEnabled", False),
}
"""Options without a value, and what they stand for."""
GLOBAL = ("region", "profile", "output")


class CommandError(Exception):
    """This is no command that the AWS CLI would run."""


def call_of(text: str) -> Call:
    """The operation and its parameters, checked against the service's model."""
    program, service, name, *words = shlex.split(text)
    if program != "aws":
        raise CommandError(f"{program!r} is not the AWS CLI")
    model = SESSION.get_service_model(service)
    operations = {xform_name(each, "-"): each for each in model.operation_names}
    operation = model.operation_model(operations[name])
    assert isinstance(operation.input_shape, StructureShape)
    params = _params(words, operation.input_shape)
    report = ParamValidator().validate(params, operation.input_shape)
    if report.has_errors():
        raise CommandError(f"{text}: {report.generate_report()}")
    return operation.name, params


def _params(words: list[str], shape: StructureShape) -> dict[str, Any]:
    members = {xform_name(member, "-"): member for member in shape.members}
    found: dict[str, Any] = {}
    for option, values in _options(words):
        if option in GLOBAL:
            continue
        if option in FLAGS and not values:
            name, value = FLAGS[option]
            if name not in shape.members:
                raise CommandError(f"--{option} is no option here")
            found[name] = value
        elif option in members:
            found[members[option]] = _value(values, shape.members[members[option]])
        else:
            raise CommandError(f"--{option} is no option here: {sorted(members)}")
    return found


def _options(words: list[str]) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for word in words:
        if word.startswith("--"):
            found.append((word[2:], []))
        else:
            found[-1][1].append(word)
    return found


def _value(values: list[str], shape: Shape) -> Any:
    if isinstance(shape, ListShape):
        return [_value([each], shape.member) for each in values]
    if len(values) != 1:
        raise CommandError(f"{values} should be one value")
    if isinstance(shape, StructureShape):
        return _Shorthand(values[0]).pairs(shape, end="")
    return _scalar(values[0], shape)


def _scalar(text: str, shape: Shape) -> Any:
    match shape.type_name:
        case "integer" | "long":
            return int(text)
        case "boolean":
            return {"true": True, "false": False}[text]
        case _:
            return text


class _Shorthand:
    """Key=value pairs, with {} around structures and [] around lists."""

    def __init__(self, text: str) -> None:
        self.left = text

    def pairs(self, shape: StructureShape, end: str) -> dict[str, Any]:
        found = {}
        while True:
            key, equals, self.left = self.left.partition("=")
            if not equals or key not in shape.members:
                raise CommandError(f"{key!r} is none of {sorted(shape.members)}")
            found[key] = self.value(shape.members[key])
            if not self.left.startswith(","):
                break
            self.left = self.left[1:]
        self.eat(end)
        return found

    def value(self, shape: Shape) -> Any:
        if isinstance(shape, ListShape):
            self.eat("[")
            found = [self.value(shape.member)]
            while self.left.startswith(","):
                self.eat(",")
                found.append(self.value(shape.member))
            self.eat("]")
            return found
        if isinstance(shape, StructureShape):
            self.eat("{")
            return self.pairs(shape, "}")
        cut = min((self.left.index(sign) for sign in ",]}" if sign in self.left), default=len(self.left))
        text, self.left = self.left[:cut], self.left[cut:]
        return _scalar(text, shape)

    def eat(self, sign: str) -> None:
        if not self.left.startswith(sign) or (not sign and self.left):
            raise CommandError(f"expected {sign or 'the end'!r} before {self.left!r}")
        self.left = self.left[len(sign) :]

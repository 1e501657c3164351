"""The CloudFormation templates of deploy/, parsed; short forms such as `!Sub x` become {"Fn::Sub": "x"}."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SAM = DEPLOY / "sam" / "template.yaml"
ECS = DEPLOY / "ecs" / "template.yaml"


class _Loader(yaml.SafeLoader):
    """Reads the short forms of CloudFormation's functions."""


def _function(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    match node:
        case yaml.ScalarNode():
            value: Any = loader.construct_scalar(node)
            return {name: value.split(".", 1) if suffix == "GetAtt" else value}
        case yaml.SequenceNode():
            return {name: loader.construct_sequence(node, deep=True)}
        case _:
            raise AssertionError(f"a mapping with !{suffix}")


_Loader.add_multi_constructor("!", _function)


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(path.read_text(), _Loader)
    return found


def resources(path: Path, kind: str) -> list[dict[str, Any]]:
    """The properties of every resource of a type."""
    found = read(path)["Resources"].values()
    return [each["Properties"] for each in found if each["Type"] == kind]


def policies(path: Path) -> dict[str, dict[str, Any]]:
    """Every inline policy of a role, by name."""
    return {
        policy["PolicyName"]: policy["PolicyDocument"]
        for role in resources(path, "AWS::IAM::Role")
        for policy in role.get("Policies", ())
    }


def filled(value: Any, given: dict[str, str]) -> Any:
    """The value with its functions evaluated where possible: references by `given` or by name."""
    match value:
        case {"Ref": str(name)}:
            return given.get(name, name)
        case {"Fn::GetAtt": [str(name), *_]}:
            return given.get(name, f"arn:aws:iam::111122223333:role/{name}")
        case {"Fn::Sub": str(text)}:
            for name, known in given.items():
                text = text.replace("${" + name + "}", known)
            return text
        case dict():
            return {key: filled(each, given) for key, each in value.items()}
        case list():
            return [filled(each, given) for each in value]
        case _:
            return value

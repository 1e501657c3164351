"""The Terraform module parses, and every name is declared. The providers' schemas are not available here."""

from __future__ import annotations

import re
from typing import Any

import hcl2
import pytest

from netcheck.awslambda.metrics import NAMESPACE
from netcheck.awslambda.permissions import statements
from netcheck.awslambda.store import TableStore
from tests.deploy.templates import DEPLOY

FILES = sorted((DEPLOY / "terraform").glob("*.tf"))
TEXT = "\n".join(path.read_text() for path in FILES)
CODE = re.sub(r"^\s*#.*$", "", TEXT, flags=re.MULTILINE)
REFERENCE = re.compile(r"(?<![\w.\"])((?:data\.)?aws(?:cc)?_\w+\.\w+|var\.\w+|local\.\w+)")


def blocks(kind: str) -> list[dict[str, Any]]:
    found = []
    for path in FILES:
        with path.open() as file:
            found += hcl2.load(file).get(kind, [])
    return found


def declared() -> set[str]:
    """The names that an expression can use."""
    names = {f"var.{_bare(name)}" for block in blocks("variable") for name in block}
    names |= {f"local.{_bare(name)}" for block in blocks("locals") for name in block if "__" not in name}
    for prefix, kind in (("", "resource"), ("data.", "data")):
        names |= {
            f"{prefix}{_bare(kind_of)}.{_bare(name)}"
            for block in blocks(kind)
            for kind_of, named in block.items()
            for name in named
        }
    return names


def _bare(name: str) -> str:
    return name.strip('"')


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_parses(path: Any) -> None:
    with path.open() as file:
        assert hcl2.load(file)


def test_every_name_is_declared_and_every_variable_used() -> None:
    used = set(REFERENCE.findall(CODE))
    assert used <= declared(), used - declared()
    assert {name for name in declared() if name.startswith(("var.", "local."))} <= used


def test_the_connectors_name_is_the_only_required_variable() -> None:
    variables = {_bare(name): body for block in blocks("variable") for name, body in block.items()}
    assert [name for name, body in variables.items() if "default" not in body] == ["connector"]


def test_it_matches_the_template() -> None:
    for line in (
        'handler          = "netcheck.awslambda.handler"',
        'runtime          = "python3.13"',
        "input    = jsonencode({ connector = var.connector })",
        'policy = file("${path.module}/policy.json")',
        'hash_key     = "pipeline"',
        f'namespace  = "{NAMESPACE}"',
    ):
        assert line in TEXT, line
    assert TEXT.count("maximum_retry_attempts") == 2
    expected = statements(TableStore("states"), topic="arn:aws:sns:eu-west-1:111122223333:changes")
    for action in (action for statement in expected for action in statement["Action"]):  # type: ignore[attr-defined]
        assert f'"{action}"' in TEXT

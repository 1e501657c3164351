"""What keeps the contract between checks and the rest: knowledge of a check stands beside the check."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import netcheck
from netcheck.core.components import ComponentType, component_type
from netcheck.engine import plugins
from tests.architecture.sources import parsed

ROOT = Path(netcheck.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
IDS = {check.id for check in plugins.find().checks}
OLD_SPELLINGS = ROOT / "core" / "aliases.py"
PREFIXES = ROOT / "core" / "components.py"
A_SETTING = "connector.class"
"""Kafka Connect's setting is spelt as the check that looks at it."""


def literals(tree: ast.Module) -> Iterator[str]:
    """Every text of a module that is no docstring."""
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.value


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_outside_checks_names_a_check(path: Path) -> None:
    if path == OLD_SPELLINGS:
        return
    named = set(literals(parsed(path))) & IDS
    assert named <= {A_SETTING}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_reports_read_evidence_by_key(path: Path) -> None:
    """Evidence is for people; what is computed with has a field of its own."""
    if path.is_relative_to(ROOT / "report"):
        return
    for node in ast.walk(parsed(path)):
        read: ast.AST | None = None
        if isinstance(node, ast.Subscript):
            read = node.value
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            read = node.func.value
        assert not (isinstance(read, ast.Attribute) and read.attr == "evidence"), ast.unparse(node)


def test_no_check_writes_into_evidence_what_has_a_field() -> None:
    """Reports add these keys from the fields; diagnosis would not see what is in the evidence alone."""
    for path in sorted((ROOT.parent / "checks").glob("*.py")):
        assert "missing_permission" not in set(literals(parsed(path))), path.name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_ids_of_resources_are_classified_in_one_place(path: Path) -> None:
    if path == PREFIXES:
        return
    for node in ast.walk(parsed(path)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr in ("startswith", "removeprefix"):
            texts = [n.value for a in node.args for n in ast.walk(a) if isinstance(n, ast.Constant)]
            found = [t for t in texts if isinstance(t, str) and t.endswith("-") and _is_prefix(t)]
            assert not found, ast.unparse(node)


def _is_prefix(text: str) -> bool:
    return component_type(f"{text}0") is not ComponentType.OTHER


@pytest.mark.parametrize("path", sorted((ROOT / "diagnose").glob("*.py")), ids=lambda path: path.name)
def test_diagnosis_parses_no_sentence_and_no_suffix(path: Path) -> None:
    tree = parsed(path)
    called = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    # A result's key ends in its number: `rpartition` reads that, in one place.
    allowed = {"rpartition"} if path.name == "__init__.py" else set()
    parsing = {"startswith", "endswith", "partition", "rpartition", "split", "removeprefix", "removesuffix"}
    assert called & parsing <= allowed

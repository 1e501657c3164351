"""Copies of the engine with one bug each, to show that the lab would notice it.

A bug is a few lines added at the end of one file of the copy, where they replace a function by a wrong one.
The copy answers from a process of its own; the engine itself is not touched.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.lab.cloud import Documents
from tests.lab.sandbox import ROOT

ANSWERING = """
import json, sys
from netcheck.aws.ec2.snapshot import from_documents
from netcheck.path.query import answer
for line in sys.stdin:
    asked = json.loads(line)
    snapshot = from_documents(asked["documents"])
    print(json.dumps([answer(query, snapshot) for query in asked["queries"]]), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Bug:
    """``replacement`` is added to ``file``, a path inside the package."""

    name: str
    file: str
    replacement: str


BUGS = (
    Bug(
        "the answer's network ACLs are not asked",
        "path/trace_state.py",
        """
_right_check_acl = TraceState.check_acl
def _check_acl_forward_only(self, subnet, egress, flows):
    if self.leg is Leg.FORWARD:
        _right_check_acl(self, subnet, egress, flows)
TraceState.check_acl = _check_acl_forward_only
""",
    ),
    Bug(
        "the shortest prefix wins",
        "path/routing.py",
        """
_right_compile_table = compile_table
def compile_table(version, candidates, unresolved):
    right = _right_compile_table(version, candidates, unresolved)
    return CompiledTable(right.by_length[::-1], right.edges, right.candidates, right.unresolved)
""",
    ),
    Bug(
        "network ACL rules are tried out of order, what allows first",
        "path/filters.py",
        """
_right_compile_acl = compile_acl
def compile_acl(entries, version, protocol):
    return sorted(_right_compile_acl(entries, version, protocol), key=lambda line: not line.allow)
""",
    ),
    Bug(
        "a security group's port range is one port too long",
        "path/filters.py",
        """
_right_resolve = _resolve
def _resolve(*arguments):
    for item in _right_resolve(*arguments):
        yield item._replace(high=item.high + 1) if isinstance(item, GroupLine) else item
""",
    ),
    Bug(
        "network ACLs are asked inside a subnet",
        "path/forwarding.py",
        """
_right_stays_inside = _stays_inside
def _stays_inside(state, subnet, flows):
    return False
""",
    ),
    Bug(
        "a NAT gateway leaves the source address as it is",
        "path/trace_state.py",
        """
_right_translate = TraceState.translate
def _translate(self, segment):
    kept = segment._replace(region=self.segment.region) if segment.is_nat else segment
    _right_translate(self, kept)
TraceState.translate = _translate
""",
    ),
)


class CopiedEngine:
    """The engine, copied to a folder and perhaps broken there, answering from its own process."""

    def __init__(self, folder: Path, bug: Bug | None = None) -> None:
        package = shutil.copytree(
            ROOT / "netcheck", folder / "netcheck", ignore=shutil.ignore_patterns("__pycache__")
        )
        if bug:
            broken = package / bug.file
            broken.write_text(broken.read_text() + bug.replacement)  # raises for a file that is gone
        self._child = subprocess.Popen(
            [sys.executable, "-c", ANSWERING],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, documents: Documents, queries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.write(json.dumps({"documents": documents, "queries": queries}) + "\n")
        self._child.stdin.flush()
        answers: list[dict[str, Any]] = json.loads(self._child.stdout.readline())
        return answers

    def __enter__(self) -> CopiedEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.close()
        self._child.stdout.close()
        self._child.wait(timeout=10)

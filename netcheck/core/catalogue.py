"""Everything that the checks of a run declare, looked up by id, cause and code. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from netcheck.core.agent_problems import AGENT_PROBLEMS
from netcheck.core.model import Explains, Finding, Result
from netcheck.core.problem import Problem, Trait

if TYPE_CHECKING:
    from netcheck.core.check import Check

UNDECLARED = Problem("")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is declared: the checks by id, and every problem by its name.

    `families` are problems whose name has a `*`. A name is declared once; the first declaration holds.
    """

    checks: Mapping[str, Check]
    problems: Mapping[str, Problem]
    families: tuple[Problem, ...]

    @staticmethod
    def made_of(checks: Iterable[Check]) -> Catalogue:
        """The catalogue of these checks, and of what netcheck itself can report."""
        by_id = {check.id: check for check in checks}
        problems: dict[str, Problem] = {}
        for problem in (*AGENT_PROBLEMS, *(one for check in by_id.values() for one in check.problems)):
            problems.setdefault(problem.name, problem)
        return Catalogue(by_id, problems, tuple(one for one in problems.values() if "*" in one.name))

    def problem(self, name: str | None) -> Problem | None:
        """The declaration of a cause or code, None where there is none. A code may be a cause in capitals."""
        if not name:
            return None
        found = self.problems.get(name) or self.problems.get(name.lower())
        return found or next((one for one in self.families if fnmatchcase(name, one.name)), None)

    def cause_of(self, finding: Finding) -> Problem:
        """The declaration of a finding's cause; an empty one where it has none."""
        return self.problem(finding.cause) or UNDECLARED

    def has(self, result: Result, trait: Trait) -> bool:
        """Whether the cause of a result has this trait."""
        return self.cause_of(result.finding).has(trait)

    def depends_on(self) -> dict[str, frozenset[str]]:
        """For each check id, the ids of the checks whose failure on the same target explains it."""
        return {id: check.explained_by() for id, check in self.checks.items()}

    def explains(self, result: Result) -> tuple[Explains, ...]:
        """What follows from a failure: as the finding itself says, else its code, its cause and its check."""
        finding = result.finding
        if finding.explains is not None:
            return finding.explains
        check = self.checks.get(result.check)
        declared = (self.problem(finding.code), self.problem(finding.cause), check)
        rules = (rule for each in declared if each is not None for rule in each.explains)
        return tuple(dict.fromkeys(rules))

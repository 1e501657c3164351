"""Six bugs that such engines have had, each in a copy of ours: the lab must notice every one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.compare import judge
from tests.lab.flow import Outcome
from tests.lab.mutant import BUGS, Bug, CopiedEngine
from tests.lab.sandbox import Sandbox
from tests.lab.topology import Topology, generate

SEEDS = range(1000, 1012)
WRONG_VERDICTS = ("the engine lets pass what the kernel drops", "the engine stops what the kernel connects")
Tried = list[tuple[Topology, list[Outcome]]]


@pytest.fixture(scope="module")
def tried(lab: Sandbox) -> Tried:
    """The kernel's word on a dozen topologies, asked once for all the copies."""
    topologies = [generate(seed) for seed in SEEDS]
    return [(one, lab.ask(one.cloud.documents, one.flows, one.seed)) for one in topologies]


def wrong_verdicts(tried: Tried, folder: Path, bug: Bug | None) -> list[str]:
    """The wrong verdicts of a copy, up to the first topology that has any."""
    with CopiedEngine(folder, bug) as engine:
        for topology, outcomes in tried:
            found = judge(topology, outcomes, engine).differences
            wrong = [str(one) for one in found if one.what in WRONG_VERDICTS]
            if wrong:
                return wrong
    return []


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_seeded_bug_is_caught(tried: Tried, tmp_path: Path, bug: Bug) -> None:
    assert wrong_verdicts(tried, tmp_path, bug)


def test_a_copy_without_a_bug_is_not_accused(tried: Tried, tmp_path: Path) -> None:
    assert wrong_verdicts(tried, tmp_path, None) == []

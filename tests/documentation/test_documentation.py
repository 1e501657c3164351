"""What is said of checks and causes: complete, true, and the same everywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from checks.path_codes import PATH_CODES
from netcheck.core.catalogue import Catalogue
from netcheck.core.check import Check
from netcheck.core.model import Cause, Kind
from netcheck.core.problem import Problem
from netcheck.engine import plugins
from netcheck.engine.check_docs import anchor, causes, markdown, page, plain
from netcheck.path.codes import Code
from tests.commandline import netcheck

ROOT = Path(__file__).parents[2]
CHECKS = plugins.find().checks
PROBLEMS = Catalogue.made_of(CHECKS).problems
IDS = [check.id for check in CHECKS]


def test_the_list_of_checks_is_the_generated_one() -> None:
    kept = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
    done = netcheck("checks", "--markdown")
    assert (done.code, done.err) == (0, "")
    assert done.out == kept, "make docs writes it again"


def test_the_list_of_causes_is_the_generated_one() -> None:
    kept = (ROOT / "docs" / "causes.md").read_text(encoding="utf-8")
    assert kept == causes(CHECKS), "make docs writes it again"


@pytest.mark.parametrize("file", sorted((ROOT / "docs").glob("*.md")), ids=lambda file: file.name)
def test_a_page_names_checks_that_exist(file: Path) -> None:
    concerns = {id.partition(".")[0] for id in IDS}
    named = re.findall(r"`([a-z]+\.[a-z_-]+)`", file.read_text(encoding="utf-8"))
    ours = {name for name in named if name.partition(".")[0] in concerns}
    settings = {"security.protocol", "connector.class"}
    assert ours - settings <= {*IDS} | {name for name in ours if name.endswith((".py", ".md"))}


def test_every_check_has_its_place_in_the_list() -> None:
    text = markdown(CHECKS)
    anchors = re.findall(r'<a id="([^"]+)"></a>', text)
    assert anchors == sorted(anchors) == sorted(anchor(id) for id in IDS)
    assert len(set(anchors)) == len(IDS), "no two checks share an anchor"
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == sorted(IDS)


@pytest.mark.parametrize("check", CHECKS, ids=IDS)
def test_a_checks_documentation_is_complete(check: Check) -> None:
    entry = page(check)
    assert re.fullmatch(r"[a-z-]+\.[a-z_-]+", entry.id)
    assert 10 < len(entry.title) < 100 and entry.title[0].isupper() and not entry.title.endswith(("?", ":"))
    assert len(entry.body) > 40, "says when it fails"
    assert len(entry.fix) > 15, "says what to do"
    assert "Fix:" not in entry.body + entry.fix
    assert set(entry.kinds) <= set(Kind)


@pytest.mark.parametrize("check", CHECKS, ids=IDS)
def test_a_check_stands_on_checks_that_exist_and_are_asked_of_its_targets(check: Check) -> None:
    by_id = {other.id: other for other in CHECKS}
    assert check.explained_by() <= by_id.keys()
    assert check.id not in check.explained_by()
    for ground in check.explained_by():
        assert by_id[ground].kinds & check.kinds, f"{ground} is never asked of the same target"


def test_no_check_stands_on_itself_by_way_of_others() -> None:
    after = {check.id: check.explained_by() for check in CHECKS}
    for start in after:
        seen: set[str] = set()
        todo = list(after[start])
        while todo:
            name = todo.pop()
            assert name != start
            if name not in seen:
                seen.add(name)
                todo += after.get(name, frozenset())


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_advice(cause: Cause) -> None:
    declared = PROBLEMS[cause]
    assert not declared.title.endswith(".")
    assert declared.advice.endswith(".")
    assert declared.title and (declared.title + declared.advice).isprintable()


def test_every_cause_is_declared_once_and_each_has_its_own_title() -> None:
    declared = [one for check in CHECKS for one in check.problems]
    assert len({one.name for one in declared}) == len({id(one) for one in declared})
    causes = [one for one in PROBLEMS.values() if one.name.islower()]
    assert {one.name for one in causes} == set(Cause)
    assert len({one.title for one in causes}) == len(causes)


def test_every_code_of_the_path_engine_is_declared() -> None:
    assert {one.name for one in PATH_CODES} == set(Code)


@pytest.mark.parametrize("problem", list(PROBLEMS.values()), ids=lambda one: one.name)
def test_a_declaration_names_checks_and_causes_that_there_are(problem: Problem) -> None:
    ids = {check.id for check in CHECKS}
    assert problem.title and not problem.title.endswith(".")
    assert problem.refuted_by in {"", *ids}
    for rule in problem.explains:
        assert rule.causes <= set(PROBLEMS) and rule.checks <= ids


def test_a_page_for_a_terminal() -> None:
    check = next(check for check in CHECKS if check.id == "tls.handshake")
    text = plain(page(check))
    assert text.startswith("tls.handshake: ")
    assert "\n\nFix: " in text and "Depends on: " in text


def test_the_results_documentation_link_leads_to_its_place() -> None:
    done = netcheck("run", "--bootstrap", "127.0.0.1:1", "--format", "json")
    text = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
    for result in json.loads(done.out)["results"]:
        file, _, place = result["doc"].partition("#")
        assert file == "docs/checks.md"
        assert f'<a id="{place}"></a>' in text

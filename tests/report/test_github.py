"""GitHub's annotations, read back as the runner reads them."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from netcheck.core.model import Cause, Kind, Report, Status, Target
from netcheck.report.github import SHOWN, render
from tests.report.samples import BLOCKED, HOSTILE_MARKUP, MARKUP, REPORTS, report, result


class Annotation(NamedTuple):
    kind: str
    title: str
    message: str


def unescaped(text: str, *more: tuple[str, str]) -> str:
    """As the runner does it: `%25` last, so that nothing is unescaped twice."""
    for escape, sign in (("%0D", "\r"), ("%0A", "\n"), *more, ("%25", "%")):
        text = text.replace(escape, sign)
    return text


def annotated(made: Report) -> list[Annotation]:
    """What the runner makes of the text: a command ends its properties at the first `::`."""
    *lines, last = render(made).splitlines()
    assert not last.startswith("::")
    found = []
    for line in lines:
        kind, title, message = re.fullmatch(r"::(\w+) title=([^,:]*)::(.*)", line).groups()  # type: ignore[union-attr]
        found.append(Annotation(kind, unescaped(title, ("%3A", ":"), ("%2C", ",")), unescaped(message)))
    return found


@pytest.mark.parametrize("name", REPORTS)
def test_every_line_is_a_command_that_the_runner_reads(name: str) -> None:
    made = REPORTS[name]
    found = annotated(made)
    assert [a.kind for a in found] == sorted(
        (a.kind for a in found), key=["error", "warning", "notice"].index
    )
    assert sum(a.kind == "error" for a in found) == len(made.root_causes)
    assert sum(a.kind == "warning" for a in found) == made.count(Status.WARN)


def test_a_root_cause_has_its_title_its_place_and_its_fix() -> None:
    first = annotated(BLOCKED)[0]
    assert first.title == "netcheck: root cause 1: ENI_SG_RULES_MISMATCH"
    lines = first.message.split("\n")
    assert lines[0] == BLOCKED.root_causes[0].title
    assert lines[1] == "where: sg-0f9e8d7c6b5a40322"
    assert "fix: verified on a copy of the configuration: this change opens the path" in lines
    assert [line for line in lines if line.startswith("aws ec2 authorize-security-group-ingress ")]


def test_what_a_peer_says_starts_no_command_of_its_own() -> None:
    text = render(HOSTILE_MARKUP)
    assert not [line for line in text.splitlines()[:-1] if line.startswith("::error title=owned")]
    assert any(MARKUP in annotation.message for annotation in annotated(HOSTILE_MARKUP))
    evil = next(a for a in annotated(HOSTILE_MARKUP) if a.kind == "warning")
    assert evil.title == "netcheck: tls.expiry b-1.<b>evil</b>|`'\"&.example:9094"


@pytest.mark.parametrize(("targets", "shown"), [(SHOWN, SHOWN), (SHOWN + 1, SHOWN), (40, SHOWN)])
def test_no_more_than_github_shows(targets: int, shown: int) -> None:
    many = [
        result("tls.expiry", Target(Kind.KAFKA, f"b-{n}", 9096), Status.WARN, "soon", Cause.CLOCK_SKEW)
        for n in range(targets)
    ]
    found = annotated(report(*many))
    assert len(found) == shown
    if targets > shown:
        assert found[-1].message == f"{targets - shown + 1} more warnings: see the report"

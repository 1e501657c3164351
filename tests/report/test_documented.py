"""docs/report.md: what it shows is what is written, and it knows every format, gauge and fix."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from netcheck.report import prometheus
from netcheck.settings.config import FORMATS
from tests.report.samples import HEALTHY
from tests.report.test_golden import GOLDEN

DOC = (Path(__file__).parents[2] / "docs" / "report.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("begins", "page"),
    [
        ("```\n   path      subnet-", "run-blocked.1.txt"),
        ("```markdown\n", "run-wrong-password.1.md"),
        ("```xml\n", "run-wrong-password.1.xml"),
        ("```text\nnetcheck: ", "run-wrong-password.1.annotations"),
        ("```text\nnetcheck_", "run-wrong-password.1.prom"),
    ],
)
def test_every_sample_is_of_a_page_that_is_written(begins: str, page: str) -> None:
    sample = DOC[DOC.index(begins) :].split("```")[1].split("\n", 1)[1]
    written = (GOLDEN / page).read_text("utf-8").splitlines()
    lines = [line for line in sample.splitlines() if line]
    assert len(lines) >= 1
    assert [line for line in lines if line not in written] == []


def test_every_format_has_its_line() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|.*\[", DOC, flags=re.MULTILINE)) >= set(FORMATS) - {"table"}
    assert "| `table` |" in DOC


def test_every_gauge_has_its_line() -> None:
    written = re.findall(r"^# TYPE (\w+) gauge$", prometheus.render(HEALTHY), flags=re.MULTILINE)
    assert re.findall(r"^\| `(netcheck_\w+)` \|", DOC, flags=re.MULTILINE) == written


def test_the_alerts_are_yaml_and_of_gauges_that_there_are() -> None:
    (text,) = re.findall(r"```yaml\n(groups:.*?)```", DOC, flags=re.DOTALL)
    rules = yaml.safe_load(text)["groups"][0]["rules"]
    for rule in rules:
        (gauge,) = re.findall(r"netcheck_\w+", rule["expr"])
        assert f"# TYPE {gauge} gauge" in prometheus.render(HEALTHY)

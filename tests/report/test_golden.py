"""Reports as they were looked at and found good: tests/golden, named with the exit code.

After a change that is meant, write them again and look at the difference:

    NETCHECK_WRITE_GOLDEN=1 python -m pytest tests/report/test_golden.py && git diff tests/golden
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from netcheck.commands.run import exit_code
from netcheck.core.model import Report
from netcheck.engine.assessment import Assessment
from netcheck.report import formats, table
from netcheck.report.style import Style
from netcheck.settings.config import FORMATS
from tests.report.samples import REPORTS, TITLES

GOLDEN = Path(__file__).parent.parent / "golden"
STYLES = {
    "": Style(),
    "-narrow": Style(width=60),
    "-ascii": Style(unicode=False),
    "-colour": Style(colour=True),
}
ENDINGS = {
    "table": "txt",
    "json": "json",
    "junit": "xml",
    "markdown": "md",
    "html": "html",
    "prometheus": "prom",
    "github": "annotations",
}
OWN = re.compile(r"(<style>).*?(</style>)|(<script>).*?(</script>)", re.S)
"""The page's own style sheet and script: files of their own in netcheck/report, the same in every page."""


def kept(report: Report, format: str) -> str:
    """A report in a format, as it is kept."""
    page = formats.render(report, format, TITLES, Style())
    return OWN.sub(r"\1\2\3\4", page) if format == "html" else page


PAGES = {
    **{
        f"{name}.{ending}": kept(report, format)
        for name, report in REPORTS.items()
        for format, ending in ENDINGS.items()
    },
    **{
        f"{name}{ending}.txt": table.render(REPORTS[name], style, TITLES)
        for name in ("silent-brokers", "blocked")
        for ending, style in STYLES.items()
    },
}


def test_every_format_is_kept() -> None:
    assert tuple(ENDINGS) == FORMATS


def golden(page: str) -> Path:
    """Where a page is kept: run-wrong-password.1.txt."""
    stem, _, format = page.rpartition(".")
    name = next(name for name in sorted(REPORTS, key=len, reverse=True) if stem.startswith(name))
    code = exit_code(Assessment(REPORTS[name], (), None, False), strict=False)
    return GOLDEN / f"run-{stem}.{code}.{format}"


@pytest.mark.parametrize("page", PAGES)
def test_golden(page: str) -> None:
    path = golden(page)
    if os.environ.get("NETCHECK_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(PAGES[page], encoding="utf-8")
    assert path.is_file(), f"look at it, then keep it: see the top of this file\n{PAGES[page]}"
    assert PAGES[page] == path.read_text(encoding="utf-8")


def test_nothing_else_is_kept() -> None:
    assert {path.name for path in GOLDEN.glob("run-*")} == {golden(page).name for page in PAGES}


def test_the_exit_codes_are_those_of_the_contract() -> None:
    codes = {name: golden(f"{name}.txt").suffixes[0] for name in REPORTS}
    assert codes == {
        "healthy": ".0", "wrong-password": ".1", "silent-brokers": ".1", "warned": ".0", "unknown": ".3",
        "hostile": ".1", "nothing": ".3", "blocked": ".1", "markup": ".1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "code"), [("healthy", 0), ("warned", 1), ("unknown", 3), ("silent-brokers", 1)]
)
def test_strict_fails_on_warnings_too(name: str, code: int) -> None:
    assert exit_code(Assessment(REPORTS[name], (), None, False), strict=True) == code

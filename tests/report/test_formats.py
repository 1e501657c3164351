"""Every format by its name: an argument, a key of a file of options, and imported when it is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from netcheck.cli import main
from netcheck.config import BY_NAME, FORMATS
from netcheck.report.formats import render
from netcheck.report.style import Style
from tests.report.samples import REPORTS, TITLES

BEGINS = {
    "table": "✗ 1 root cause",
    "json": '{\n  "schema": "netcheck.report/1"',
    "junit": '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ',
    "markdown": "## ❌ netcheck: 1 root cause",
    "html": "<!doctype html>\n",
    "prometheus": "# HELP netcheck_info ",
    "github": "::error title=netcheck%3A root cause 1",
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("report", REPORTS)
def test_a_renderer_is_pure_and_ends_its_text(name: str, report: str) -> None:
    text = render(REPORTS[report], name, TITLES, Style())
    assert text.endswith("\n") and not text.endswith("\n\n")
    assert text == render(REPORTS[report], name, TITLES, Style())
    text.encode("utf-8")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_an_option_and_a_key(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert BY_NAME["format"].read(name) == name
    assert main(["demo", "wrong-password", "--format", name]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith(BEGINS[name])
    config = tmp_path / "run.yaml"
    config.write_text(f"bootstrap: 127.0.0.1:1\nonly: [tcp.connects]\nformat: {name}\n")
    assert main(["run", "--config", str(config), "--output", str(tmp_path / "report")]) == 1
    assert (tmp_path / "report").read_text("utf-8").startswith(BEGINS[name])


def test_a_format_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--bootstrap", "127.0.0.1:1", "--format", "pdf"]) == 2
    assert (
        "'pdf': one of table, json, junit, markdown, html, prometheus, github is wanted"
        in capsys.readouterr().err
    )
    with pytest.raises(ValueError, match="pdf"):
        render(REPORTS["healthy"], "pdf", TITLES, Style())


SHOW = """
import sys
from netcheck.cli import main
main(["demo", "healthy", "--format", sys.argv[1]])
ours = [name for name in sys.modules if name.startswith(("netcheck.report", "xml.etree"))]
print(*ours, file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("name", "unwanted"), [("json", {"html", "svg", "junit", "table"}), ("table", {"html"})]
)
def test_only_the_renderer_that_is_asked_for_is_imported(name: str, unwanted: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHOW, name], capture_output=True, text=True, timeout=60, check=True
    )
    loaded = {module.rpartition(".")[2] for module in done.stderr.split()}
    assert not loaded & (unwanted | {"ElementTree"})

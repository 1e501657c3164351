"""Every format by its name: an argument, a key of a file of options, and imported when it is asked for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families

from netcheck.commands.main import main
from netcheck.core.model import (
    Cause,
    Finding,
    Json,
    Kind,
    Layer,
    Report,
    Result,
    Side,
    Statement,
    Status,
    Target,
)
from netcheck.report.formats import render
from netcheck.report.style import Style
from netcheck.settings.config import BY_NAME, FORMATS
from tests.report.samples import HOSTILE_TEXT, MARKUP, REPORTS, TITLES, report

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
@pytest.mark.parametrize("which", REPORTS)
def test_a_renderer_is_pure_and_ends_its_text(name: str, which: str) -> None:
    text = render(REPORTS[which], name, TITLES, Style())
    assert text.endswith("\n") and not text.endswith("\n\n")
    assert text == render(REPORTS[which], name, TITLES, Style())
    text.encode("utf-8")


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("json", "html")])
def test_a_cause_in_hundreds_of_places_does_not_bury_its_fix(name: str) -> None:
    made = REPORTS["wrong-password"]
    [cause] = made.root_causes
    places = tuple(f"kafka://b-{number}.far.example:9094" for number in range(500))
    wide = replace(made, root_causes=(replace(cause, components=places),))
    more = len(render(wide, name, TITLES, Style())) - len(render(made, name, TITLES, Style()))
    assert more < 600


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
        "invalid format 'pdf'; choose table, json, junit, markdown, html, prometheus, github"
        in capsys.readouterr().err
    )
    with pytest.raises(ValueError, match="pdf"):
        render(REPORTS["healthy"], "pdf", TITLES, Style())


SHOW = """
import sys
from netcheck.commands.main import main
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


# --- whatever a peer says -------------------------------------------------------------------------------

# Without a comma: it parts the components of a root cause.
NASTY = st.text(
    st.sampled_from(list("<>&\"'`|*_[]()#@$%:=~\\/{}-!;\n\r\t\x00\x1b\x9b\u2028\u202e\ufeff\udcff\uffff ax1"))
)


def said(text: str) -> Report:
    """A report in which this text stands wherever a text from outside may."""
    target = Target(Kind.KAFKA, text, 9096)
    line = text.replace("\n", "")  # a fix may have lines of its own
    fix: list[Json] = [{"kind": kind, "text": line} for kind in ("text", "awscli")]
    finding = Finding(
        Status.FAIL,
        text,
        Cause.WRONG_PROTOCOL,
        Layer.TCP,
        {"said": text, text: [text], "fix": fix},
    )
    results = (
        Result(f"tcp.connects@{target}", "tcp.connects", target, finding, 0.1),
        *(
            Result(f"{status}.x@{target}", f"{status}.x", target, Finding(status, text), 0.1)
            for status in (Status.WARN, Status.UNKNOWN, Status.SKIP, Status.PASS)
        ),
    )
    made = report(*results)
    causes = tuple(
        replace(each, evidence=(Statement(Side.OBSERVED, text), Statement(Side.CONFIGURED, text)), doubt=text)
        for each in made.root_causes
    )
    return replace(
        made,
        root_causes=causes,
        vantage={"summary": text, "kind": text, text: text},
        pipeline={"connector": {"name": text}, "targets": [text], "values": {text: {"value": text}}},
    )


class Tags(HTMLParser):
    """The elements of a page, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))


def shape(text: str) -> dict[str, object]:
    """What there is beside texts: elements of pages, blocks of Markdown, kinds of lines."""
    made = said(text)
    pages = {name: render(made, name, TITLES, Style()) for name in FORMATS}
    json.loads(pages["json"])
    markdown = MarkdownIt("commonmark").enable("table").parse(pages["markdown"])
    families = text_string_to_metric_families(pages["prometheus"])
    return {
        "html": [(tag, attributes) for tag, attributes in Tags(pages["html"]).found if tag != "span"],
        "junit": [element.tag for element in ElementTree.fromstring(pages["junit"]).iter()],
        "markdown": [token.type for token in markdown],
        "github": [line.partition(" ")[0] for line in pages["github"].splitlines()],
        "prometheus": [(family.name, len(family.samples)) for family in families],
        "terminal": bool(re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]", pages["table"])),
    }


@settings(max_examples=50, deadline=None)
@given(NASTY)
def test_no_text_changes_what_a_page_is_made_of(text: str) -> None:
    assert shape(f"a{text}z") == shape("a plain text z")


@pytest.mark.parametrize(
    "text", [MARKUP, HOSTILE_TEXT, "a\n\n# b", "```\n~~~", "<details>", "|||", "  - x", "1. x"]
)
def test_nor_do_these(text: str) -> None:
    assert shape(f"a{text}z") == shape("a plain text z")

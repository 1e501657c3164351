"""The Markdown report, as a parser of CommonMark with GitHub's tables reads it."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from netcheck.core.model import Kind, Report, Status, Target
from netcheck.report.markdown import render
from tests.report.samples import BLOCKED, HOSTILE_MARKUP, MARKUP, REPORTS, TITLES, report, result

PARSER = MarkdownIt("commonmark").enable("table")
OURS = re.compile(r"</?details>|</?summary>|<!-- -->")


def tokens(made: Report) -> list[Token]:
    """Blocks, and what stands in them, in order."""
    found = []
    for token in PARSER.parse(render(made, TITLES)):
        found += [token, *(token.children or ())]
    return found


@pytest.mark.parametrize("name", REPORTS)
def test_there_is_no_markup_but_ours(name: str) -> None:
    found = tokens(REPORTS[name])
    inline = [token.content for token in found if token.type == "html_inline"]
    assert not [content for content in inline if not OURS.fullmatch(content)]
    blocks = "".join(token.content for token in found if token.type == "html_block")
    assert "<" not in re.sub(r"<summary>[^<]*</summary>", "", blocks).replace("<details>", "").replace(
        "</details>", ""
    )
    assert blocks.count("<details>") == blocks.count("</details>")
    assert not [token for token in found if token.type in ("link_open", "image")]


@pytest.mark.parametrize("name", REPORTS)
def test_every_row_of_a_table_has_all_its_cells(name: str) -> None:
    found = tokens(REPORTS[name])
    widths: list[list[int]] = []
    for token in found:
        if token.type == "table_open":
            widths.append([])
        elif token.type == "tr_open":
            widths[-1].append(0)
        elif token.type in ("td_open", "th_open"):
            widths[-1][-1] += 1
    for rows in widths:
        assert set(rows) in ({4}, {3})
    rows_open = sum(REPORTS[name].count(s) for s in (Status.FAIL, Status.WARN, Status.UNKNOWN))
    if rows_open:
        assert len(widths[0]) == rows_open + 1
    assert bool(widths) == bool(REPORTS[name].results)


def test_causes_and_fixes_stand_before_the_details() -> None:
    text = render(BLOCKED, TITLES)
    order = [
        "2 root causes",
        "### 1\\. sg-0f9e8d7c6b5a40322 does not allow inbound TCP",
        "```text",
        "```sh",
        "```hcl",
        "### 2\\.",
        "<details>",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    fences = [token for token in tokens(BLOCKED) if token.type == "fence"]
    assert [fence.info for fence in fences] == ["text", "sh", "hcl", "text"]
    assert "✗ sg-0f9e8d7c6b5a40322" in fences[0].content
    assert fences[1].content.rstrip("\n") == BLOCKED.root_causes[0].fix[0].text
    assert text.count("verified on a copy of the configuration") == 1


def test_what_a_peer_says_is_text_and_calls_nobody() -> None:
    found = tokens(HOSTILE_MARKUP)
    said = "".join(token.content for token in found if token.type in ("text", "text_special"))
    for part in (
        "</script><script>",
        "**bold**",
        "[link](javascript:alert(1))",
        "&lt;",
        "$x$",
        "::error title=",
    ):
        assert part in said
    text = render(HOSTILE_MARKUP, TITLES)
    outside = re.sub(r"(?s)(`{3,}).*?\n\1|`[^`]*`", "", text)
    assert "@somebody" not in outside and "#1 " not in outside.replace("# ", "")
    fence = next(token for token in found if token.type == "fence")
    assert MARKUP in fence.content


def test_a_comment_on_github_has_room_for_it() -> None:
    many = [
        result(
            "tcp.connects",
            Target(Kind.KAFKA, f"b-{n}.some-long-cluster-name.example.com", 9096),
            Status.FAIL,
            "x" * 200,
        )
        for n in range(500)
    ]
    text = render(report(*many), TITLES)
    assert len(text) < 65_536 and "... and 400 more" in text
    moot = [
        result("tls.handshake", one.target, Status.SKIP, f"{one.target.host} {'x' * 200}") for one in many
    ]
    text = render(report(*many, *moot), TITLES)
    assert len(text) < 65_536 and "... and 460 more reasons" in text

"""The HTML report: one file that asks nothing of anybody, obeys nobody, and can be read by everybody.

What a browser decides is asked of a real Chromium; the page is served by a real web server on loopback, whose
log shows what else was asked for.
"""

from __future__ import annotations

import html.parser
import json
import re
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from netcheck.report.html import render
from netcheck.report.json import document
from tests import needs
from tests.report.browser import Browser, Page, opened
from tests.report.samples import MARKUP, REPORTS, TITLES

PAGES = {name: render(report, TITLES) for name, report in REPORTS.items()}


# --- what can be told without a browser -----------------------------------------------------------------


class Reader(html.parser.HTMLParser):
    """Elements and attributes as a browser takes them, and a complaint where one is not closed."""

    VOID = frozenset({"meta", "link", "input", "br"})
    OWN = frozenset({"rect", "line", "circle"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.OWN:
            self.wrong.append(f"<{tag}/>")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")


@pytest.mark.parametrize("name", PAGES)
def test_every_element_is_closed_and_every_id_is_there_once(name: str) -> None:
    reader = Reader(PAGES[name])
    assert not reader.open and not reader.wrong
    ids = [str(attributes["id"]) for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = {str(a["href"])[1:] for _, a in reader.tags if str(a.get("href", "")).startswith("#")}
    wanted |= {str(a[key]) for _, a in reader.tags for key in ("aria-labelledby", "for") if key in a}
    assert wanted <= set(ids)


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_fetched_and_nothing_is_styled_or_run_from_an_attribute(name: str) -> None:
    for tag, attributes in Reader(PAGES[name]).tags:
        assert tag not in ("iframe", "object", "embed", "base", "img")
        assert not [key for key in attributes if key.startswith("on") or key in ("style", "src", "srcset")]
        if "href" in attributes:
            assert str(attributes["href"]).startswith(("#", "data:image/svg+xml,"))
    assert PAGES[name].count("<script") == 2 and PAGES[name].endswith("</html>\n")


@pytest.mark.parametrize("name", PAGES)
def test_the_report_is_in_the_page_as_json(name: str) -> None:
    (text,) = re.findall(r'<script type="application/json" id="report">(.*?)</script>', PAGES[name], re.S)
    assert not re.search("[<>&\u2028\u2029]", text)
    assert json.loads(text) == document(REPORTS[name])


def test_what_matters_stands_first() -> None:
    page = PAGES["blocked"]
    places = [page.index(part) for part in ("2 root causes", "<figure", "AWS CLI", 'id="results"')]
    assert places == sorted(places)
    assert "aws ec2 authorize-security-group-ingress" in page
    assert page.count("Verified on a copy of the configuration") == 1


def test_a_fix_that_was_not_proved_is_not_called_so() -> None:
    assert "Proved" not in PAGES["silent-brokers"] and "Proved" not in PAGES["markup"]


def test_the_same_report_is_the_same_page() -> None:
    assert render(REPORTS["blocked"], TITLES) == PAGES["blocked"]


# --- what a browser tells -------------------------------------------------------------------------------


class Served:
    """The pages on a web server of their own, and everything that was asked of it."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        for name, page in PAGES.items():
            (folder / f"{name}.html").write_text(page, encoding="utf-8")
        asked = self.asked

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                asked.append(self.path)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{name}.html"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    needs.chromium()
    made = Browser(tmp_path_factory.mktemp("profile"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(tmp_path_factory.mktemp("pages"))
    yield made
    made.close()


@pytest.mark.parametrize("name", PAGES)
def test_it_opens_without_a_complaint_and_asks_for_nothing_else(
    name: str, browser: Browser, served: Served
) -> None:
    before = len(served.asked)
    with opened(browser, served.url(name)) as page:
        assert page.evaluate("document.readyState") == "complete"
        assert page.complaints() == []
        assert [url for url in page.requests() if not url.startswith("data:")] == [served.url(name)]
        assert served.asked[before:] == [f"/{name}.html"]


def test_markup_in_names_is_shown_and_does_nothing(browser: Browser, served: Served) -> None:
    with opened(browser, served.url("markup")) as page:
        assert page.evaluate("window.owned") is None
        assert page.evaluate("document.images.length") == 0
        assert page.evaluate("document.body.textContent").count(MARKUP[:40]) > 4
        assert page.evaluate("document.querySelectorAll('b').length") == 0
        wrong = "Array.from(document.querySelectorAll('*')).filter((e) => e.hasAttribute('onclick')).length"
        assert page.evaluate(wrong) == 0
        assert page.complaints() == []


def test_the_policy_holds_even_where_a_script_gets_in(browser: Browser, served: Served) -> None:
    with opened(browser, served.url("blocked")) as page:
        page.evaluate(
            "{const s = document.createElement('script'); s.textContent = 'window.owned = 1';"
            "document.body.append(s);"
            "const i = document.createElement('img'); i.src = '/stolen.png'; document.body.append(i)}"
        )
        end = time.monotonic() + 30
        while len([text for text in page.complaints() if "Content Security Policy" in text]) < 2:
            assert time.monotonic() < end, page.complaints()
            page.evaluate("new Promise((done) => setTimeout(done, 50))")
        assert page.evaluate("window.owned") is None
        assert not [path for path in served.asked if "stolen" in path]


@pytest.mark.parametrize(
    ("name", "scheme", "width"),
    [
        ("blocked", "light", 1280),
        ("blocked", "dark", 1280),
        ("blocked", "light", 360),
        ("markup", "dark", 360),
        ("nothing", "light", 1280),
    ],
)
def test_axe_finds_no_barrier(name: str, scheme: str, width: int, browser: Browser, served: Served) -> None:
    with opened(browser, served.url(name), width=width, scheme=scheme) as page:
        page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
        page.evaluate(needs.AXE.read_text("utf-8"))
        found = page.evaluate(
            "axe.run().then((told) => ({violations: told.violations.map((v) => v.id + ': ' +"
            "v.nodes.map((n) => n.html + n.failureSummary).join()), passed: told.passes.length}))"
        )
        assert found["violations"] == []
        assert found["passed"] > 15


@pytest.mark.parametrize("width", [320, 768, 1280])
@pytest.mark.parametrize("name", ["blocked", "markup"])
def test_nothing_has_to_be_scrolled_sideways(name: str, width: int, browser: Browser, served: Served) -> None:
    with opened(browser, served.url(name), width=width) as page:
        page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def focus(page: Page) -> str:
    told: str = page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()")
    return told


def tab_to(page: Page, name: str, most: int = 60) -> list[str]:
    """Press Tab until something of that name has the focus; what had it on the way."""
    seen: list[str] = []
    while not seen or seen[-1] != name:
        assert len(seen) < most, seen
        page.press("Tab")
        seen.append(focus(page))
    return seen


def test_the_checklist_is_filtered_by_keyboard_alone(browser: Browser, served: Served) -> None:
    shown = "Array.from(document.querySelectorAll('#results tbody tr')).filter((r) => !r.hidden).length"
    total = len(REPORTS["blocked"].results)
    told = "document.getElementById('shown').textContent"
    with opened(browser, served.url("blocked")) as page:
        assert page.evaluate(told) == f"{total} of {total} results shown"
        assert tab_to(page, "words")[0] == "Skip to the checklist"
        page.write("TCP.connects B-2")
        assert (page.evaluate(shown), page.evaluate(told)) == (1, f"1 of {total} results shown")
        page.evaluate("document.getElementById('words').select()")
        page.write("clickhouse.cloud")
        assert page.evaluate(shown) == 5
        page.press("Tab")
        assert page.evaluate("document.activeElement.value") == "fail"
        page.press("Space")
        assert (page.evaluate(shown), page.evaluate(told)) == (3, f"3 of {total} results shown")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        assert page.evaluate("document.getElementById('shown').getAttribute('role')") == "status"


def test_evidence_and_fixes_open_by_keyboard(browser: Browser, served: Served) -> None:
    with opened(browser, served.url("blocked")) as page:
        tab_to(page, "Terraform")
        assert page.evaluate("document.activeElement.parentElement.open") is False
        page.press("Enter")
        assert page.evaluate("document.activeElement.parentElement.open") is True
        visible = "document.activeElement.parentElement.querySelector('code').checkVisibility()"
        assert page.evaluate(visible) is True


def test_a_command_is_copied_as_it_is(browser: Browser, served: Served) -> None:
    with opened(browser, served.url("blocked")) as page:
        page.evaluate(
            "window.setTimeout = () => 0;"  # what is said stays said
            "Object.defineProperty(navigator, 'clipboard', {value: {writeText: (t) => {window.got = t}}})"
        )
        tab_to(page, "Copy")
        page.press("Enter")
        (command,) = (fix.text for fix in REPORTS["blocked"].root_causes[0].fix if fix.kind == "awscli")
        assert page.evaluate("window.got") == command
        assert page.evaluate("document.getElementById('said').textContent") == "Copied"


def test_the_report_is_saved_as_json_without_a_request(browser: Browser, served: Served) -> None:
    with opened(browser, served.url("markup")) as page:
        page.evaluate(
            "URL.createObjectURL = (blob) => {window.saved = blob; return 'blob:none'};"
            "HTMLAnchorElement.prototype.click = function () {window.called = this.download}"
        )
        tab_to(page, "save")
        page.press("Enter")
        assert page.evaluate("window.called") == "netcheck-report.json"
        assert json.loads(page.evaluate("window.saved.text()")) == document(REPORTS["markup"])
        assert [url for url in page.requests() if not url.startswith("data:")] == [served.url("markup")]


def test_without_scripts_all_is_there_and_no_button_that_does_nothing(
    browser: Browser, served: Served
) -> None:
    with opened(browser, served.url("blocked"), scripts=False) as page:
        assert page.evaluate("document.querySelectorAll('#results tbody tr:not([hidden])').length") == len(
            REPORTS["blocked"].results
        )
        hidden = (
            "Array.from(document.querySelectorAll('button, form')).filter((e) => e.checkVisibility()).length"
        )
        assert page.evaluate(hidden) == 0
        assert page.complaints() == []


def test_it_prints_with_every_fix_and_without_what_is_for_hands(browser: Browser, served: Served) -> None:
    with opened(browser, served.url("blocked")) as page:
        paper = page.pdf()
        assert paper.startswith(b"%PDF-") and re.search(rb"/Type\s*/Page\b", paper)
        assert page.evaluate("document.querySelectorAll('details.remedy[open]').length") == 1
        page.media("print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate("document.querySelectorAll('details.remedy:not([open])').length") == 0
        assert page.evaluate("document.getElementById('filter').checkVisibility()") is False
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_the_first_screenful_has_what_is_broken_why_and_what_to_do(browser: Browser, served: Served) -> None:
    bottom = "document.querySelector({!r}).getBoundingClientRect().bottom"
    with opened(browser, served.url("blocked")) as page:
        for part in ("h1", ".pipeline svg.broad", "#cause-1-title", "#cause-1 .facts dd", "#cause-1 pre"):
            assert page.evaluate(bottom.format(part)) < 800, part


def test_dark_where_the_reader_wants_dark(browser: Browser, served: Served) -> None:
    shade = "getComputedStyle(document.body).backgroundColor"
    with opened(browser, served.url("blocked"), scheme="dark") as page:
        assert page.evaluate(shade) == "rgb(20, 23, 26)"
        page.media("screen", "light")
        assert page.evaluate(shade) == "rgb(247, 247, 245)"

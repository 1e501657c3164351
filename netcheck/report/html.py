"""The report as one HTML page: no request to anywhere, readable without scripts, printable.

Whatever came from a peer or from AWS goes through `_text` or `_code`: control characters are made visible,
and markup is escaped. The page's content security policy lets nothing run but its own script, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from itertools import groupby
from urllib.parse import quote

from netcheck.core.model import Json, Report, Result, RootCause, Status
from netcheck.core.shown_evidence import shown_evidence
from netcheck.core.version import VERSION
from netcheck.report import flow, svg
from netcheck.report.json import document
from netcheck.report.picture import Picture, Stage, of_cause
from netcheck.report.style import printable
from netcheck.report.words import (
    DONE,
    PROVED,
    WORST_FIRST,
    Remedy,
    by_key,
    counted,
    counts,
    doubt,
    headline,
    numbers,
    place,
    remedies,
    seen,
    where,
)

_ICON = {Status.PASS: "#1a7338", Status.WARN: "#b98300", Status.FAIL: "#b3201a", Status.UNKNOWN: "#6a3fb5"}
_NAME = re.compile(r"(?<!\S)(?=\S{3,60}(?!\S))(\S*-\S+)")
_HEIGHTS = {
    "name": "its name",
    "route": "a route",
    "filter": "a security group or network ACL",
    "service": "the service itself",
}
SEEN, PLACES = 3, 4
"""Findings and places shown of one root cause; the checklist has all."""


def render(report: Report, titles: Mapping[str, str]) -> str:
    """The report as an HTML document, ending in a newline. `titles` are the checks' claims by id."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            *_head(report),
            "<body>",
            '<a class="jump" href="#checks">Skip to the checklist</a>',
            *_header(report),
            "<main>",
            *_pipeline(report),
            *_causes(report),
            *_checklist(report, titles),
            *_about(report),
            "</main>",
            *_footer(),
            f'<script type="application/json" id="report">{_data(report)}</script>',
            f"<script>{_own('page.js')}</script>",
            "</body>",
            "</html>\n",
        ]
    )


def _head(report: Report) -> Iterator[str]:
    line = headline(report)
    policy = (
        f"default-src 'none'; style-src '{_hash('page.css')}'; script-src '{_hash('page.js')}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    icon = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" '
        f'fill="{_ICON[line.status]}"/></svg>'
    )
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(policy, quote=False)}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>netcheck: {_text(line.text)}, {_text(report.started)}</title>"
    yield f'<link rel="icon" href="data:image/svg+xml,{quote(icon)}">'
    yield f"<style>{_own('page.css')}</style>"
    yield "</head>"


@cache
def _own(name: str) -> str:
    """The page's own style sheet or script. Neither may hold what would end its element."""
    return (files("netcheck.report") / name).read_text("utf-8")


@cache
def _hash(name: str) -> str:
    """The source expression that allows it (CSP Level 3, 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(_own(name).encode()).digest()).decode()


def _data(report: Report) -> str:
    """The report as JSON inside a script element, which ends at `</`, whatever it is inside."""
    text = json.dumps(document(report), ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _header(report: Report) -> Iterator[str]:
    line = headline(report)
    more = line.more.removeprefix(", ")
    yield "<header>"
    yield f"<h1>{_mark(line.status, '')} {_text(line.text)}" + (
        f'<span class="more">, {_text(more)}</span></h1>' if more else "</h1>"
    )
    seen = f" from <strong>{_text(place(report))}</strong>" if place(report) else ""
    yield (
        f'<p class="about">netcheck looked{seen} on <time datetime="{_text(report.started)}">'
        f"{_text(_readable(report.started))}</time> for {report.seconds:.1f} s: {_text(counts(report))}.</p>"
    )
    yield "</header>"


def _readable(started: str) -> str:
    return started.replace("T", " at ").replace("Z", " UTC")


# --- the pipeline ---------------------------------------------------------------------------------------


def _pipeline(report: Report) -> Iterator[str]:
    drawn = flow.of(report)
    if not drawn.links:
        return
    shown = [_link_text(link) for link in drawn.links]
    label = f"The pipeline: {'; '.join(text for text, _ in shown)}."
    yield '<section aria-labelledby="pipeline">'
    yield '<h2 id="pipeline" class="away">The pipeline</h2>'
    yield '<figure class="pipeline">'
    yield svg.broad(drawn, label)
    yield svg.tall(drawn, label)
    linked = "; ".join(_text(text) + _causes_linked(causes) for text, causes in shown)
    own = drawn.workers.causes
    if own:
        linked += f"; the pipeline itself is not in order{_causes_linked(own)}"
    yield f"<figcaption>{linked}.</figcaption>"
    yield "</figure>"
    yield "</section>"


def _link_text(link: flow.Link) -> tuple[str, tuple[int, ...]]:
    rung = link.breaks
    if rung is None:
        word = {Status.PASS: "in order", Status.WARN: "works, with a warning"}.get(
            link.node.status, "not known"
        )
        return f"{link.node.name}: {word}", ()
    among = "" if rung.targets == 1 else f" on {rung.failed} of {rung.targets}"
    return f"{link.node.name}: breaks at {_HEIGHTS.get(rung.name, rung.name)}{among}", rung.causes


def _causes_linked(causes: Sequence[int]) -> str:
    links = (f'<a href="#cause-{number}">root cause {number}</a>' for number in causes)
    return f" ({', '.join(links)})" if causes else ""


# --- root causes ----------------------------------------------------------------------------------------


def _causes(report: Report) -> Iterator[str]:
    if not report.root_causes:
        return
    results = by_key(report)
    yield '<section aria-labelledby="causes">'
    yield f'<h2 id="causes">{"Root cause" if len(report.root_causes) == 1 else "Root causes"}</h2>'
    for number, cause in enumerate(report.root_causes, 1):
        yield f'<article class="cause" id="cause-{number}" aria-labelledby="cause-{number}-title">'
        title = f'<span class="number">{number}.</span> {_sentence(cause.title)}'
        yield f'<h3 id="cause-{number}-title">{title}</h3>'
        yield '<div class="both">'
        yield "<div>"
        yield from _facts(cause, results)
        yield "</div>"
        yield from _fixed(number, cause, results[cause.results[0]].check)
        yield "</div>"
        yield from _path(of_cause(report, cause))
        yield "</article>"
    yield "</section>"


def _facts(cause: RootCause, results: Mapping[str, Result]) -> Iterator[str]:
    yield '<dl class="facts">'
    yield f"<dt>What</dt><dd>{_code(cause.code)}</dd>"
    places = cause.components
    items = [f"<li>{_code(one)}</li>" for one in places[:PLACES]]
    items += [f"<li>and {len(places) - PLACES} more</li>"] if len(places) > PLACES else []
    yield f"<dt>Where</dt><dd><ul>{''.join(items)}</ul></dd>"
    sights = seen(cause, results)
    for label, group in groupby(sights[:SEEN], key=lambda sight: sight[0]):
        items = [f"<li>{_sentence(text)}</li>" for _, text in group]
        yield f"<dt>{label.capitalize()}</dt><dd><ul>{''.join(items)}</ul></dd>"
    if len(sights) > SEEN:
        yield f"<dt>Also</dt><dd>{len(sights) - SEEN} more of these: see the checklist</dd>"
    if unsure := doubt(cause):
        yield f'<dt>Not certain</dt><dd class="note">{_sentence(unsure)}</dd>'
    if cause.explains:
        checks = dict.fromkeys(results[key].check for key in cause.explains)
        names = ", ".join(_code(check) for check in checks)
        yield f"<dt>Explains</dt><dd>{counted(len(cause.explains), 'result')}: {names}</dd>"
    yield "</dl>"


def _path(picture: Picture | None) -> Iterator[str]:
    if picture is None:
        return
    yield '<figure class="path">'
    yield f"<figcaption>The path {_code(picture.source)} → {_code(picture.destination)}</figcaption>"
    yield '<div class="legs">'
    for title, leg in (("Forward", picture.there), ("Return", picture.back)):
        if leg:
            yield f"<div><p>{title}</p>"
            yield from _hops(leg, picture.whole)
            yield "</div>"
    yield "</div></figure>"


def _hops(leg: Iterable[Stage], whole: bool) -> Iterator[str]:
    """One direction, a line a hop. Past a break that stops everything the line is dotted."""
    beyond = False
    yield '<ol class="hops">'
    for stage in leg:
        way = f" {stage.way}" if stage.way else ""
        shown = f'<span class="kind">{_text(stage.kind)}{way}</span>' + (
            f" {_text(stage.text)}" if stage.text and not stage.code else ""
        )
        if stage.code:
            own = "" if stage.own else " (breaks here too)"
            why = " ".join(filter(None, (_text(stage.text), _code(stage.code))))
            shown = (
                f'<span class="at fail" aria-hidden="true">✗</span><strong>{_code(stage.component)}</strong> '
                f'<span class="away">breaks the path:</span>{shown}<span class="why">{why}{own}</span>'
            )
        else:
            shown = f"{_code(stage.component)} {shown}"
        beyond = beyond or (whole and bool(stage.code))
        yield f'<li class="{"beyond" if beyond else "on"}">{shown}</li>'
    yield "</ol>"


def _fixed(number: int, cause: RootCause, check: str) -> Iterator[str]:
    yield '<div class="fix">'
    yield f'<h4>Fix<span class="away"> of root cause {number}</span></h4>'
    if cause.fix and cause.fix_proved:
        yield f'<p class="proved">✓ {PROVED[0].upper()}{PROVED[1:]}</p>'
    opened = False
    for remedy in remedies(cause):
        if not remedy.code:
            yield from (f'<p class="text">{_sentence(line)}</p>' for line in remedy.lines if line)
            continue
        yield from _to_copy(remedy, "" if opened else " open", number)
        opened = True
    yield f'<p class="learn note">More: {_code(f"netcheck explain {check}")}</p>'
    yield "</div>"


def _to_copy(remedy: Remedy, opened: str, number: int) -> Iterator[str]:
    label = f"Copy {remedy.title} of root cause {number}"
    lines = "\n".join(_text(line) for line in remedy.lines)
    yield f'<details class="remedy"{opened}><summary>{_text(remedy.title)}</summary>'
    yield (
        f'<div class="copied"><pre><code>{lines}</code></pre>'
        f'<button type="button" data-copy data-script hidden aria-label="{_text(label)}">Copy</button></div>'
    )
    yield "</details>"


# --- the checklist --------------------------------------------------------------------------------------


def _checklist(report: Report, titles: Mapping[str, str]) -> Iterator[str]:
    yield '<section aria-labelledby="checks">'
    yield '<h2 id="checks">Every answer of every check</h2>'
    if not report.results:
        yield "<p>There is none.</p></section>"
        return
    yield from _filter(report)
    yield '<table id="results">'
    yield '<caption class="away">Results, what failed first</caption>'
    yield (
        '<thead><tr><th scope="col">Status</th><th scope="col">Check</th><th scope="col">Target</th>'
        '<th scope="col">Finding</th></tr></thead>'
    )
    yield "<tbody>"
    known = numbers(report)
    for result in sorted(report.results, key=_rank):
        yield from _row(result, known.get(result.key), titles)
    yield "</tbody></table></section>"


def _rank(result: Result) -> tuple[int, bool]:
    """What failed first, and what follows from something else after that."""
    return WORST_FIRST.index(result.status), result.caused_by is not None


def _filter(report: Report) -> Iterator[str]:
    yield '<form class="filter" id="filter" role="search" aria-label="Filter the results" data-script hidden>'
    yield (
        '<div><label for="words" class="for">Filter by text</label>'
        '<input type="search" id="words" autocomplete="off" spellcheck="false"></div>'
    )
    yield "<fieldset><legend>Status</legend>"
    for status in WORST_FIRST:
        if report.count(status):
            yield (
                f'<label><input type="checkbox" value="{status}" checked> '
                f"{_mark(status, DONE[status])} {report.count(status)}</label>"
            )
    yield "</fieldset>"
    yield '<p role="status" id="shown"></p>'
    yield "</form>"


def _row(result: Result, number: int | None, titles: Mapping[str, str]) -> Iterator[str]:
    title = titles.get(result.check)
    hint = f' title="{_text(title)}"' if title else ""
    link = f' <a href="#cause-{number}">root cause {number}</a>' if number else ""
    yield f'<tr data-status="{result.status}">'
    yield f'<td class="status">{_mark(result.status, str(result.status))}</td>'
    yield f'<th scope="row" class="check"><span{hint}>{_code(result.check)}</span></th>'
    yield f'<td class="target">{_code(where(result))}</td>'
    yield f"<td>{_sentence(result.finding.summary)}{link}{_evidence(result)}</td>"
    yield "</tr>"


def _evidence(result: Result) -> str:
    evidence = shown_evidence(result.finding)
    if not evidence:
        return ""
    lines = json.dumps(evidence, indent=1, ensure_ascii=False).split("\n")
    text = "\n".join(_text(line) for line in lines)
    about = f'<span class="away"> of {_text(result.check)} at {_text(where(result))}</span>'
    return f'<details class="evidence"><summary>Evidence{about}</summary><pre>{text}</pre></details>'


# --- the run --------------------------------------------------------------------------------------------


def _about(report: Report) -> Iterator[str]:
    yield '<section aria-labelledby="run">'
    yield '<h2 id="run">About this run</h2>'
    yield '<details class="run"><summary>Where it looked from, and the values it went by</summary>'
    yield '<dl class="facts">'
    for name, value in report.vantage.items():
        if value not in (None, [], ""):
            yield f"<dt>{_text(name.replace('_', ' '))}</dt><dd>{_value(value)}</dd>"
    values = report.pipeline.get("values")
    for name, value in values.items() if isinstance(values, dict) else ():
        if isinstance(value, dict):
            origin = f' <span class="note">from {_text(str(value.get("origin")))}</span>'
            yield f"<dt>{_text(name.replace('_', ' '))}</dt><dd>{_value(value.get('value'))}{origin}</dd>"
    targets = report.pipeline.get("targets")
    if targets:
        yield f"<dt>targets</dt><dd>{_value(targets)}</dd>"
    yield "</dl></details></section>"


def _value(value: Json) -> str:
    items = value if isinstance(value, list) else [value]
    shown = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in items]
    return ", ".join(_code(item) for item in shown)


def _footer() -> Iterator[str]:
    yield "<footer>"
    yield f"<span>Written by netcheck {VERSION}. This page asks nothing of any server.</span>"
    yield '<button type="button" id="save" data-script hidden>Save the report as JSON</button>'
    yield '<span id="said" role="status"></span>'
    yield "</footer>"


def _mark(status: Status, word: str) -> str:
    sign = f'<span aria-hidden="true">{svg.SIGNS[status]}</span>'
    return f'<span class="mark {status}">{sign}{f" {word}" if word else ""}</span>'


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"


def _sentence(text: str) -> str:
    """Words, and names that are not torn at their hyphens where they are short enough for one line."""
    parts = _NAME.split(printable(text))
    return "".join(
        f'<span class="whole">{escape(part, quote=True)}</span>' if number % 2 else escape(part, quote=True)
        for number, part in enumerate(parts)
    )


def _text(text: str) -> str:
    return escape(printable(text), quote=True)

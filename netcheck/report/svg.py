"""The pipeline as inline SVG: brokers, the path there rung by rung, workers, ClickHouse; the break is marked.

Two drawings of the same flow, one broad and one tall: style sheets show the one that there is room for.
Colours are classes of the page's style sheet; each rung also has its own sign, so that nothing is shown by
colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from netcheck.core.model import Status
from netcheck.report.flow import Flow, Link, Node, Rung
from netcheck.report.style import printable

SIGNS = {Status.PASS: "✓", Status.WARN: "!", Status.FAIL: "✗", Status.UNKNOWN: "?", Status.SKIP: "–"}
_BOX_W, _BOX_H, _WAY = 190, 84, 294
_ROW = 124
_TALL_W, _STEP = 340, 30


def broad(flow: Flow, label: str) -> str:
    """Side by side: Kafka, the workers, and on the right ClickHouse and AWS services one below the other."""
    right = [link for link in (flow.clickhouse, flow.aws) if link]
    rows = max(len(right), 1)
    height = (rows - 1) * _ROW + _BOX_H + 8
    middle = (rows - 1) * _ROW / 2
    left = _BOX_W + _WAY if flow.kafka else 0
    parts = [*_box(flow.workers, left, 0, (rows - 1) * _ROW + _BOX_H)]
    if flow.kafka:
        parts += _box(flow.kafka.node, 0, middle, _BOX_H)
        parts += _across(flow.kafka, left, -1, middle + _BOX_H / 2)
    for row, link in enumerate(right):
        parts += _box(link.node, left + _BOX_W + _WAY, row * _ROW, _BOX_H)
        parts += _across(link, left + _BOX_W, 1, row * _ROW + _BOX_H / 2)
    width = left + _BOX_W + (_WAY + _BOX_W if right else 0)
    return _drawing("broad", width, height, label, parts)


def tall(flow: Flow, label: str) -> str:
    """One below the other, for a narrow screen: Kafka above the workers, the others below them."""
    parts: list[str] = []
    y: float = 0
    if flow.kafka:
        parts += _box(flow.kafka.node, 0, 0, _BOX_H, _TALL_W)
        y = _BOX_H + _length(flow.kafka)
        parts += _down(flow.kafka, y, -1)
    parts += _box(flow.workers, 0, y, _BOX_H, _TALL_W)
    y += _BOX_H
    for number, link in enumerate(each for each in (flow.clickhouse, flow.aws) if each):
        if number:
            y += _STEP
            parts.append(_words("rung left", 20, y - 6, "and from the workers"))
        parts += _down(link, y, 1)
        y += _length(link)
        parts += _box(link.node, 0, y, _BOX_H, _TALL_W)
        y += _BOX_H
    return _drawing("tall", _TALL_W, y, label, parts)


def _drawing(kind: str, width: float, height: float, label: str, parts: list[str]) -> str:
    inside = "\n".join(parts)
    size = f'viewBox="-2 -2 {_n(width + 4)} {_n(height + 4)}"'
    return (
        f'<svg class="{kind}" {size} width="{_n(width + 4)}" role="img" aria-label="{_safe(label)}">\n'
        f"{inside}\n</svg>"
    )


def _box(node: Node, x: float, y: float, height: float, width: float = _BOX_W) -> Iterator[str]:
    broken = " broken" if node.causes else ""
    size = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
    yield f'<rect class="box{broken}" {size} rx="10"/>'
    lines = [line for line in node.lines if line][:2]
    if node.causes:
        lines = [*lines[:1], f"✗ {_root_causes(node.causes)}"]
    top = y + height / 2 - 9 * len(lines) + 5
    yield _words("name", x + width / 2, top, node.name)
    room = int((width - 16) / 7)
    for number, line in enumerate(lines, 1):
        kind = "break" if line.startswith("✗") else "line"
        yield _words(kind, x + width / 2, top + number * 19, _cut(line, room))


def _across(link: Link, start: float, way: int, y: float) -> Iterator[str]:
    """From the workers outwards: `way` is 1 to the right and -1 to the left."""
    places = _places(link, _WAY)
    ends = start + way * places[_whole(link)]
    yield f'<line class="way" x1="{_n(start)}" y1="{_n(y)}" x2="{_n(ends)}" y2="{_n(y)}"/>'
    if _whole(link) < len(places) - 1:
        far = start + way * _WAY
        yield f'<line class="way gone" x1="{_n(ends)}" y1="{_n(y)}" x2="{_n(far)}" y2="{_n(y)}"/>'
    for rung, place in zip(link.rungs, places, strict=False):
        x = start + way * place
        yield from _dot(rung, x, y)
        yield _words("rung", x, y - 20, rung.name)
    if link.breaks:
        x = start + way * _WAY / 2
        for number, line in enumerate(_called(link.breaks, 40)):
            yield _words("break", x, y + 32 + number * 17, line)


def _down(link: Link, start: float, way: int) -> Iterator[str]:
    """From the workers downwards (`way` is 1) or upwards (-1), each rung labelled."""
    x = 28.0
    places = _places(link, _length(link))
    ends, far = start + way * places[_whole(link)], start + way * places[-1]
    yield f'<line class="way" x1="{_n(x)}" y1="{_n(start)}" x2="{_n(x)}" y2="{_n(ends)}"/>'
    if ends != far:
        yield f'<line class="way gone" x1="{_n(x)}" y1="{_n(ends)}" x2="{_n(x)}" y2="{_n(far)}"/>'
    for rung, place in zip(link.rungs, places, strict=False):
        y = start + way * place
        yield from _dot(rung, x, y)
        label = f"{rung.name}: {_called(rung, 32)[0]}" if rung is link.breaks else rung.name
        kind = "break left" if rung is link.breaks else "rung left"
        yield _words(kind, x + 20, y + 4, _cut(label, 46))


def _length(link: Link) -> float:
    return (len(link.rungs) + 1) * _STEP


def _places(link: Link, length: float) -> list[float]:
    """Where the rungs are, and last the far end."""
    count = len(link.rungs)
    return [length * (number + 1) / (count + 1) for number in range(count)] + [length]


def _whole(link: Link) -> int:
    """Where the path ends: nothing passes a break of every target."""
    for number, rung in enumerate(link.rungs):
        if rung.status is Status.FAIL and rung.failed == rung.targets:
            return number
    return len(link.rungs)


def _called(rung: Rung, room: int) -> list[str]:
    """The label of a break, in two short lines."""
    label = f"✗ {rung.component}" if rung.component else f"✗ {rung.name} fails"
    if rung.targets > 1 and not rung.component:
        label += f" on {rung.failed} of {rung.targets}"
    return [_cut(label, room), *([_root_causes(rung.causes)] if rung.causes else [])]


def _root_causes(causes: tuple[int, ...]) -> str:
    return f"root cause{'s' if len(causes) > 1 else ''} {', '.join(map(str, causes))}"


def _dot(rung: Rung, x: float, y: float) -> Iterator[str]:
    size = 12 if rung.causes else 9
    yield f'<circle class="dot {rung.status}" cx="{_n(x)}" cy="{_n(y)}" r="{size}"/>'
    yield f'<text class="sign {rung.status}" x="{_n(x)}" y="{_n(y + 4.2)}">{SIGNS[rung.status]}</text>'


def _words(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}">{_safe(text)}</text>'


def _cut(text: str, room: int) -> str:
    """Names are cut in the middle: their ends differ."""
    text = printable(text)
    if len(text) <= room:
        return text
    return f"{text[: room // 2 - 1]}…{text[-(room - room // 2) :]}"


def _safe(text: str) -> str:
    return escape(printable(text), quote=True)


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")

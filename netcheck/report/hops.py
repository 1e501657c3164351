"""One traced path for a terminal: forward and return, hop by hop, with what blocks it marked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from netcheck.aws.ec2.addresses import format_address, range_as_prefixes
from netcheck.aws.ec2.entities import ICMP, ICMPV6, TCP, UDP, protocol_text
from netcheck.core.evidence import Reachability
from netcheck.core.model import Status
from netcheck.path.flows import Region, by_ports
from netcheck.path.query import as_json, steps
from netcheck.path.verdict import Blocker, Leg, Path
from netcheck.report.drawing import draw
from netcheck.report.picture import of_answer
from netcheck.report.style import Style, printable

_STATUS = {
    Reachability.REACHABLE: Status.PASS,
    Reachability.PARTIAL: Status.WARN,
    Reachability.BLOCKED: Status.FAIL,
    Reachability.UNKNOWN: Status.UNKNOWN,
}


def render(path: Path, style: Style) -> str:
    """Return the path as lines of text, without a closing newline."""
    status = _STATUS[path.verdict]
    arrow = "→" if style.unicode else "->"
    destination = format_address(path.version, path.destination)
    what = f"{path.source} {arrow} {destination}, {_protocol(path)}"
    lines = [f"{style.mark(status)} {style.bold(path.verdict.value)}  {printable(what)}", ""]
    lines += _way(path, style)
    lines += _blockers(path.blockers, style)
    if path.verdict is Reachability.PARTIAL:
        lines += _section("passes only", _passing(path), style)
    lines += _section("not known", (_with_action(u.text, u.action) for u in path.unknowns), style)
    lines += _section("assumed", path.assumptions, style)
    text = "\n".join(lines).rstrip()
    return text if style.unicode else text.replace("→", "->")


def _protocol(path: Path) -> str:
    if path.port is not None:
        return f"{protocol_text(path.protocol)} port {path.port}"
    return protocol_text(path.protocol) if path.protocol in (ICMP, ICMPV6) else f"protocol {path.protocol}"


def _way(path: Path, style: Style) -> Iterator[str]:
    """Both directions, drawn as in a report."""
    answer = as_json(path) | {"steps": steps(path)}
    components = [blocker.component for blocker in path.blockers]
    for line in draw(of_answer(answer, components), style, style.width - 2, fold=False):
        yield f"  {line}"
    yield ""


def _blockers(blockers: Sequence[Blocker], style: Style) -> Iterator[str]:
    if not blockers:
        return
    yield f"  {style.bold('blocked by')}"
    for blocker in blockers:
        leg = "on the return path: " if blocker.leg is Leg.RETURN else ""
        yield f"  {style.mark(Status.FAIL)} {leg}{printable(blocker.text)} {style.dim(blocker.code.value)}"
        for explanation in blocker.explanations:
            yield f"      {printable(explanation.text)} {style.dim(explanation.code.value)}"
    yield ""


def _passing(path: Path) -> Iterator[str]:
    yield from _rectangles(path.version, path.passing, path.protocol in (TCP, UDP))
    for translation in path.translations:
        for line in _rectangles(path.version, translation.region, True):
            yield f"and only where {translation.component} chooses {line}"


def _rectangles(version: int, region: Region, has_ports: bool) -> Iterator[str]:
    for addresses, ports in by_ports(region):
        blocks = [str(b) for first, last in addresses for b in range_as_prefixes(version, first, last)]
        spans = [str(low) if low == high else f"{low}-{high}" for low, high in ports]
        yield ", ".join(blocks) + (f" from source ports {', '.join(spans)}" if has_ports else "")


def _with_action(text: str, action: str) -> str:
    return f"{text.rstrip('.')}. Needs {action}." if action else text


def _section(title: str, texts: Iterable[str], style: Style) -> Iterator[str]:
    found = list(texts)
    if not found:
        return
    yield f"  {style.bold(title)}"
    for text in found:
        yield f"    {printable(text)}"
    yield ""

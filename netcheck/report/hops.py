"""One traced path for a terminal: the way there and back, hop by hop, with what stops it marked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from netcheck.aws.addresses import format_address, range_as_prefixes
from netcheck.aws.entities import ICMP, ICMPV6, TCP, UDP, protocol_text
from netcheck.model import Status
from netcheck.path.flows import Region, by_ports
from netcheck.path.verdict import Blocker, Hop, Leg, Path, Verdict
from netcheck.report.style import Style

_STATUS = {
    Verdict.REACHABLE: Status.PASS,
    Verdict.PARTIAL: Status.WARN,
    Verdict.BLOCKED: Status.FAIL,
    Verdict.UNKNOWN: Status.UNKNOWN,
}
_RED = "31;1"


def render(path: Path, style: Style) -> str:
    """Return the path as lines of text, without a closing newline."""
    status = _STATUS[path.verdict]
    arrow = "→" if style.unicode else "->"
    destination = format_address(path.version, path.destination)
    what = f"{path.source} {arrow} {destination}, {_protocol(path)}"
    lines = [f"{style.mark(status)} {style.bold(path.verdict.value)}  {what}", ""]
    lines += _leg("there", path.forward, _on_leg(path, Leg.FORWARD), style)
    lines += _leg("back", path.returning, _on_leg(path, Leg.RETURN), style)
    lines += _blockers(path.blockers, style)
    if path.verdict is Verdict.PARTIAL:
        lines += _section("passes only", _passing(path), style)
    lines += _section("not known", (_with_action(u.text, u.action) for u in path.unknowns), style)
    lines += _section("assumed", path.assumptions, style)
    text = "\n".join(lines).rstrip()
    return text if style.unicode else text.replace("→", "->")


def _protocol(path: Path) -> str:
    if path.port is not None:
        return f"{protocol_text(path.protocol)} port {path.port}"
    return protocol_text(path.protocol) if path.protocol in (ICMP, ICMPV6) else f"protocol {path.protocol}"


def _on_leg(path: Path, leg: Leg) -> list[Blocker]:
    return [blocker for blocker in path.blockers if blocker.leg is leg]


def _leg(title: str, hops: Sequence[Hop], blockers: list[Blocker], style: Style) -> Iterator[str]:
    if not hops:
        return
    width = max(len(hop.component) for hop in hops)
    yield f"  {style.bold(title)}"
    for hop in hops:
        stopped = any(_is_at(blocker, hop) for blocker in blockers)
        mark = style.mark(Status.FAIL) if stopped else " "
        name = hop.component.ljust(width)
        shown = style.paint(name, _RED) if stopped else name
        yield (
            f"  {mark} {shown}  {style.dim(_detail(hop))}".rstrip()
            if _detail(hop)
            else f"  {mark} {shown}".rstrip()
        )
    yield ""


def _detail(hop: Hop) -> str:
    way = {"egress": "out  ", "ingress": "in   ", None: ""}[hop.direction]
    return f"{way}{hop.detail}" if hop.detail else way.rstrip()


def _is_at(blocker: Blocker, hop: Hop) -> bool:
    """A packet may meet the same ACL twice, outbound and inbound."""
    same_way = hop.direction is None or blocker.direction is None or hop.direction == blocker.direction
    return blocker.component == hop.component and same_way


def _blockers(blockers: Sequence[Blocker], style: Style) -> Iterator[str]:
    if not blockers:
        return
    yield f"  {style.bold('blocked by')}"
    for blocker in blockers:
        way = "on the way back: " if blocker.leg is Leg.RETURN else ""
        yield f"  {style.mark(Status.FAIL)} {way}{blocker.text} {style.dim(blocker.code.value)}"
        for explanation in blocker.explanations:
            yield f"      {explanation.text} {style.dim(explanation.code.value)}"
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
        yield f"    {text}"
    yield ""

"""Queries and answers as plain data: one JSON object in, one out.

A query: {"id", "from", "to", "port", "protocol"?, "source_port"?, "security_groups"?, "source_address"?}.
The answer is described in docs/path-engine.md; a query that cannot be answered yields {"id", "error"}.
"""

from __future__ import annotations

from collections.abc import Mapping

from netcheck.aws.ec2.addresses import format_address, parse_address, range_as_prefixes
from netcheck.aws.ec2.entities import ICMP, ICMPV6, PROTOCOL_NAMES, TCP, UDP
from netcheck.aws.ec2.snapshot import Snapshot
from netcheck.core.components import ComponentType, component_type
from netcheck.core.evidence import Reachability
from netcheck.path.codes import Code
from netcheck.path.flows import EPHEMERAL, Range, Region, by_ports
from netcheck.path.resolver import is_link_local_resolver
from netcheck.path.trace import (
    Destination,
    QuestionError,
    Source,
    from_address,
    from_instance,
    from_interface,
    from_subnet,
    trace_with_state,
)
from netcheck.path.trace_state import TraceState
from netcheck.path.verdict import Blocker, Path, Unknown

_PROTOCOLS = {"tcp": TCP, "udp": UDP, "icmp": ICMP, "icmpv6": ICMPV6}
_NOT_A_NAME = "; give an address, not a name"
_ECHO_REQUEST = {ICMP: 8, ICMPV6: 128}


def answer(query: Mapping[str, object], snapshot: Snapshot) -> dict[str, object]:
    """Answer one query; an invalid query yields an error, never an exception."""
    try:
        path = ask(query, snapshot)
    except QuestionError as reason:
        return {"id": query.get("id"), "error": str(reason)}
    return {"id": query.get("id"), **as_json(path)}


def ask(query: Mapping[str, object], snapshot: Snapshot) -> Path:
    """Answer one query with the typed path. Raises QuestionError."""
    return ask_with_state(query, snapshot)[0]


def ask_with_state(query: Mapping[str, object], snapshot: Snapshot) -> tuple[Path, TraceState]:
    """Like `ask`, with the final state of the trace. Raises QuestionError."""
    protocol = _protocol(query.get("protocol"))
    source = _source(query, snapshot)
    name, port = _target(query)
    destination = _destination(snapshot, name, source)
    if protocol == (ICMPV6 if destination.version == 4 else ICMP):
        right = "icmp" if destination.version == 4 else "icmpv6"
        shown = format_address(destination.version, destination.address)
        raise QuestionError(
            f"'protocol': {shown} is an IPv{destination.version} address, which needs {right}"
        )
    return trace_with_state(
        snapshot,
        source,
        destination,
        protocol,
        _port(protocol, port, name),
        _source_ports(query.get("source_port")),
    )


def _protocol(value: object) -> int:
    if value is None:
        return TCP
    text = str(value).lower() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if text in _PROTOCOLS:
        return _PROTOCOLS[text]
    if text.isascii() and text.isdigit() and int(text) <= 255:
        return int(text)
    raise QuestionError(f"protocol {value!r}: expected tcp, udp, icmp, icmpv6 or one protocol number (0-255)")


def _text(query: Mapping[str, object], key: str) -> str:
    value = query.get(key)
    if not isinstance(value, str) or not value.strip():
        raise QuestionError(f"{key!r}: expected text, found {value!r}")
    return value.strip()


def _groups(query: Mapping[str, object]) -> list[str] | None:
    value = query.get("security_groups")
    if value is None:
        return None
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise QuestionError("'security_groups': expected a list of security group ids")
    return [str(item) for item in value]


def _source(query: Mapping[str, object], snapshot: Snapshot) -> Source:
    name = _text(query, "from")
    groups = _groups(query)
    spoofed = query.get("source_address")
    if spoofed is not None and not isinstance(spoofed, str):
        raise QuestionError("'source_address': expected an address")
    try:
        kind = component_type(name)
        if kind is ComponentType.SUBNET:
            return from_subnet(snapshot, name, groups)
        if kind in (ComponentType.NETWORK_INTERFACE, ComponentType.INSTANCE):
            if groups:
                raise QuestionError(f"'security_groups' apply to a subnet; {name} already has groups")
            if kind is ComponentType.INSTANCE:
                return from_instance(snapshot, name)
            return from_interface(snapshot, name, spoofed)
        if name in snapshot.subnets:
            return from_subnet(snapshot, name, groups)
        if name in snapshot.interfaces:
            return from_interface(snapshot, name, spoofed)
        source = from_address(snapshot, name, groups)
    except ValueError:
        raise QuestionError(
            f"'from': {name!r} is neither an address nor the id of a network interface, instance or subnet"
            + _NOT_A_NAME * ("." in name),
            Code.NO_SOURCE_OR_DESTINATION,
        ) from None
    if groups and source.interface is not None:
        raise QuestionError(f"'security_groups' apply to a subnet; {source.interface.id} already has groups")
    return source


def _target(query: Mapping[str, object]) -> tuple[str, int | None]:
    """The destination's name or address, and its port, which may be part of `to` or its own key."""
    to = _text(query, "to")
    port = query.get("port")
    if port is not None and (not isinstance(port, int) or isinstance(port, bool)):
        raise QuestionError(f"'port': expected a number, found {port!r}")
    name, written = _split_port(to)
    if written is not None and port is not None and port != written:
        raise QuestionError(f"'to' says port {written}, 'port' says {port}")
    return name, port if written is None else written


def _split_port(to: str) -> tuple[str, int | None]:
    if to.startswith("["):
        name, bracket, rest = to[1:].partition("]")
        if bracket and (not rest or rest.startswith(":")):
            return name, _number(rest[1:], to) if rest else None
    elif to.count(":") == 1:
        name, _, rest = to.partition(":")
        return name, _number(rest, to)
    return to, None


def _number(text: str, where: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 5:
        return int(text)
    raise QuestionError(f"{where!r}: {text!r} is not a port")


def _destination(snapshot: Snapshot, name: str, sender: Source) -> Destination:
    interface = snapshot.interfaces.get(name)
    if interface is None and component_type(name) is ComponentType.INSTANCE:
        source = from_instance(snapshot, name)
        interface = source.interface
    if interface is not None:
        spoken = {version for version, _ in sender.addresses}
        for version in sorted((4, 6), key=lambda version: version not in spoken):
            if interface.addresses.get(version):
                return Destination(version, interface.addresses[version][0], interface)
        raise QuestionError(f"{name} has no address", Code.UNASSOCIATED_COMPONENT)
    if component_type(name) is ComponentType.NETWORK_INTERFACE:
        from_interface(snapshot, name)
    try:
        version, number = parse_address(name)
    except ValueError:
        raise QuestionError(
            f"'to': {name!r} is neither an address nor the id of a network interface or instance"
            + _NOT_A_NAME * ("." in name),
            Code.NO_SOURCE_OR_DESTINATION,
        ) from None
    if not is_link_local_resolver(version, number):
        _require_unicast(name, version, number)
    return Destination(version, number)


def _require_unicast(name: str, version: int, number: int) -> None:
    if version == 4:
        unusable = number >> 24 in (0, 127) or number >> 28 >= 14 or number >> 16 == 169 << 8 | 254
    else:
        unusable = number <= 1 or number >> 120 == 0xFF or number >> 118 == 0xFE80 >> 6
        unusable = unusable or number >> 32 == 0xFFFF  # an IPv4 address written as IPv6 (RFC 4291, 2.5.5.2)
    if unusable:
        raise QuestionError(f"'to': {name} is not an address that a VPC routes")


def _port(protocol: int, port: int | None, to: str) -> int:
    if protocol in (TCP, UDP):
        if port is None:
            raise QuestionError(f"'to' needs a port ('port'): {f'[{to}]' if ':' in to else to}:9094")
        if not 0 <= port <= 65535:
            raise QuestionError(f"'port': expected a number from 0 to 65535, found {port!r}")
        return port
    if protocol in (ICMP, ICMPV6):
        kind = _ECHO_REQUEST[protocol] if port is None else port
        if not 0 <= kind <= 255:
            raise QuestionError(f"'port': expected an ICMP type from 0 to 255, found {port!r}")
        return kind << 8
    return 0


def _source_ports(value: object) -> list[Range]:
    if value is None:
        return [EPHEMERAL]
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    low, dash, high = text.partition("-")
    parts = (low.strip(), high.strip() if dash else low.strip())
    if all(part.isascii() and part.isdigit() and len(part) <= 5 for part in parts):
        first, last = int(parts[0]), int(parts[1])
        if first <= last <= 65535:
            return [(first, last)]
    raise QuestionError(f"'source_port': expected N or A-B within 0-65535, found {value!r}")


def as_json(path: Path) -> dict[str, object]:
    """The answer's fields, in the contract's order."""
    version = path.version
    made: dict[str, object] = {
        "source": path.source,
        "destination": format_address(version, path.destination),
        "port": path.port,
        "protocol": PROTOCOL_NAMES.get(path.protocol, str(path.protocol)).lower(),
        "verdict": path.verdict.value,
        "blocked_by": [_blocker(blocker) for blocker in path.blockers],
    }
    if path.verdict is Reachability.PARTIAL:
        made["passing"] = _passing(version, path)
    made["hops"] = {
        "forward": [hop.component for hop in path.forward],
        "return": [hop.component for hop in path.returning],
    }
    made["gaps"] = [_gap(unknown) for unknown in path.unknowns]
    made["assumptions"] = list(path.assumptions)
    return made


def steps(path: Path) -> dict[str, list[dict[str, str | None]]]:
    """The hops of both legs with the rule or route that applied: the data for drawing the path."""
    return {
        leg: [{"component": hop.component, "direction": hop.direction, "text": hop.detail} for hop in hops]
        for leg, hops in (("forward", path.forward), ("return", path.returning))
    }


def _blocker(blocker: Blocker) -> dict[str, object]:
    made: dict[str, object] = {
        "code": blocker.code.value,
        "leg": blocker.leg.value,
        "component": blocker.component,
        "direction": blocker.direction,
        "rule": blocker.rule,
        "text": blocker.text,
    }
    if blocker.explanations:
        made["explanations"] = [
            {"code": e.code.value, "component": e.component, "text": e.text} for e in blocker.explanations
        ]
    return made


def _gap(unknown: Unknown) -> dict[str, object]:
    return {
        "code": unknown.code.value,
        "component": unknown.component,
        "what": unknown.what,
        "action": unknown.action,
        "text": unknown.text,
    }


def _rectangles(version: int, region: Region, has_ports: bool) -> list[dict[str, object]]:
    found = []
    for addresses, ports in by_ports(region):
        blocks = [
            str(block) for first, last in addresses for block in range_as_prefixes(version, first, last)
        ]
        shown = [[low, high] for low, high in ports] if has_ports else []
        found.append({"source_addresses": blocks, "source_ports": shown})
    return found


def _passing(version: int, path: Path) -> list[dict[str, object]]:
    has_ports = path.protocol in (TCP, UDP)
    found = _rectangles(version, path.passing, has_ports)
    if path.translations:
        translated = [
            {"component": t.component, "passing": _rectangles(version, t.region, has_ports)}
            for t in path.translations
        ]
        for rectangle in found:
            rectangle["translated"] = translated
    return found

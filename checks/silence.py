"""Conclusions of follow-up probes: from observations to one cause and a one-line summary. Pure functions.

A specific cause needs evidence beyond plain silence, observed twice; without it the silence keeps its general
cause. docs/separating.md has the tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from netcheck.core.model import Cause
from netcheck.core.text import MOST_NAMED, first_few
from netcheck.engine.follow_up_facts import Siblings
from netcheck.probe.dns.loss import Loss, Losses
from netcheck.probe.tls.hello import OTHER_NAME, SMALL_SEGMENT, Hello, Hellos, Variation
from netcheck.probe.transport.ports import Ports
from netcheck.probe.transport.source_ports import SourcePortAttempt, SourcePorts, answered
from netcheck.probe.transport.tcp import Connection, Connections

if TYPE_CHECKING:
    from netcheck.probe.http.client import HttpAnswer


@dataclass(frozen=True, slots=True)
class Verdict:
    """`cause` is None if the probe rules out what it looked for. `text` is the evidence."""

    cause: Cause | None
    text: str


# --- silence of a port ------------------------------------------------------------------------------------


def of_source_ports(where: str, seen: SourcePorts) -> Verdict | None:
    """Whether answers depend on the source port. None if there was too little time to determine it."""
    if not seen.rounds:
        return None
    first = seen.rounds[0]
    heard = [one.port for one in first if answered(one)]
    tried = [one for one in first if answered(one) is not None]
    if heard and len(heard) == len(tried):
        text = f"{where} was silent, but now answers all of {len(heard)} source ports"
        return Verdict(Cause.INTERMITTENT, text)
    if heard and _is_a_rule(seen.rounds):
        every = sorted((one for tries in seen.rounds for one in tries), key=lambda one: one.port)
        text = (
            f"{where} answers source ports {_spans(every, heard=True)} and never "
            f"{_spans(every, heard=False)}: a stateless filter such as a network ACL; a security group "
            "cannot do that"
        )
        return Verdict(Cause.SOURCE_PORT_FILTERED, text)
    if heard:
        return Verdict(Cause.INTERMITTENT, f"{where} answers {len(heard)} of {len(tried)} connections")
    return Verdict(None, f"it is silent to all of {len(tried)} source ports between 1024 and 65535")


def _is_a_rule(rounds: Sequence[Sequence[SourcePortAttempt]]) -> bool:
    """Whether a rule explains this rather than chance: the same result in both rounds, one range of ports,
    and each answer to the first SYN.
    """
    if len(rounds) < 2:
        return False
    first, second = ([answered(one) for one in tries] for tries in rounds)
    known = [one for one in first if one is not None]
    changes = sum(left != right for left, right in zip(known, known[1:] + known[:1], strict=True))
    clean = not any(one.retransmits for tries in rounds for one in tries if answered(one))
    return first == second and changes == 2 and clean


def _spans(tried: Iterable[SourcePortAttempt], *, heard: bool) -> str:
    """`1024-32767 and 61000-65535`: the first to the last port of each run with the same answer."""
    known = [one for one in tried if answered(one) is not None]
    runs = [list(run) for same, run in groupby(known, key=lambda one: answered(one) is heard) if same]
    return " and ".join(f"{run[0].port}-{run[-1].port}" for run in runs)


def of_ports(where: str, port: int, seen: Ports, siblings: Siblings) -> Verdict:
    """Whether one port is silent, one host, or one port of one host."""
    if any(one.answered for one in seen.asked if one.port == port):
        return Verdict(None, f"{where} answers now")
    others = [one for one in seen.asked if one.port != port]
    heard = [one for one in others if one.answered]
    answering = ", ".join(f"{one.port} ({'open' if one.cause is None else 'refused'})" for one in heard)
    near = first_few(siblings.answering, MOST_NAMED)
    match bool(heard), bool(siblings.answering):
        case True, True:
            text = (
                f"only {where} is silent: its host answers on {answering}, and {near} on port {port}: this "
                "listener hangs, or a rule for this port and this host drops packets"
            )
            return Verdict(Cause.LISTENER_SILENT, text)
        case True, False:
            text = (
                f"only port {port} is silent: the host of {where} answers on {answering}, so the route works "
                "in both directions; a rule for the port drops packets, or its listener hangs"
            )
            return Verdict(Cause.PORT_SILENT, text)
        case False, True:
            silent = ", ".join(str(one.port) for one in others)
            text = (
                f"only this host is silent: {where} does not answer, nor do its ports {silent}, but {near} "
                f"{'answers' if len(siblings.answering) == 1 else 'answer'} on port {port}"
            )
            return Verdict(Cause.HOST_SILENT, text)
        case _:
            also = f", nor do {first_few(siblings.silent, MOST_NAMED)}" if siblings.silent else ""
            return Verdict(None, f"its other ports do not answer either{also}")


def of_internet(where: str, neutral: str, seen: Connections) -> Verdict:
    """Whether any public host answers from here, according to a neutral host."""
    if seen.cause is None:
        text = (
            f"the internet is reachable ({neutral} answers from here): {where} is down, or a rule for its "
            "port or address blocks it, at this end or at its own"
        )
        return Verdict(Cause.PUBLIC_HOST_SILENT, text)
    if any(one.cause is not Cause.TIMED_OUT for one in seen.connections):
        return Verdict(None, f"{neutral} gives no conclusive answer: {seen.detail}")
    text = f"nothing public answers from here: {where} is silent, and so is {neutral}"
    return Verdict(Cause.NO_INTERNET, text)


def of_families(where: str, seen: Connections) -> str | None:
    """The evidence that all addresses of one IP version connect and none of the other; None otherwise."""
    by_family = {family: [one for one in seen.connections if one.family == family] for family in (4, 6)}
    for works, fails in ((4, 6), (6, 4)):
        good, bad = by_family[works], by_family[fails]
        if good and bad and all(map(_connected, good)) and not any(map(_connected, bad)):
            if all(one.cause is Cause.NETWORK_UNREACHABLE for one in bad):
                return None
            addresses = ", ".join(one.address for one in bad)
            return f"{where} connects over IPv{works} but not over IPv{fails} ({addresses}: {bad[0].detail})"
    return None


def _connected(one: Connection) -> bool:
    return one.cause is None


# --- silence of TLS ---------------------------------------------------------------------------------------

_HUNG_UP = frozenset(
    {
        Cause.TLS_CLOSED_AFTER_CLIENT_HELLO,
        Cause.TLS_RESET_AFTER_CLIENT_HELLO,
        Cause.CONNECTION_CLOSED,
        Cause.CONNECTION_RESET,
    }
)
_NO_ANSWER = _HUNG_UP | {Cause.TLS_SILENT_AFTER_CLIENT_HELLO, Cause.TLS_STALLED}
_UNKNOWN = frozenset({Cause.TIMED_OUT, Cause.DEADLINE, Cause.RESOURCES, Cause.CONNECTION_REFUSED})


def of_hellos(where: str, seen: Hellos) -> Verdict | None:
    """What blocks a ClientHello or its answer. None if that cannot be determined: there was too little time,
    or the listener does not speak TLS.
    """
    if not seen.rounds or any(one.cause is Cause.TLS_NOT_SUPPORTED for one in _all(seen, *Variation)):
        return (
            None  # a listener of another protocol takes each ClientHello's random bytes for another request
        )
    plain = _outcomes(seen, Variation.NOTHING)
    if any(plain):
        text = f"{where} did not answer TLS, then answered {plain.count(True)} of {len(plain)} times"
        return Verdict(Cause.INTERMITTENT, text)
    if len(seen.rounds) > 1 and not set(plain) - {False}:
        verdict = _of_size(where, seen) or _of_name(where, seen) or _of_arrival(where, seen)
        if verdict is not None:
            return verdict
    return Verdict(None, _ruled_out(seen))


def _of_size(where: str, seen: Hellos) -> Verdict | None:
    small = _outcomes(seen, Variation.SMALL_SEGMENTS)
    # A full segment that arrived, whatever its content, proves that full segments pass.
    whole = any(one.received > SMALL_SEGMENT for one in _all(seen, *_FULL_SIZE))
    if not small or not all(small) or whole:
        return None
    count = len(_outcomes(seen, Variation.NOTHING))
    text = (
        f"{where} answers TLS in segments of {SMALL_SEGMENT} bytes, {len(small)} of {len(small)} times, and "
        f"never in full ones, 0 of {count}: full-size packets are lost on the path, without an ICMP error"
    )
    return Verdict(Cause.MTU_BLACK_HOLE, text)


_FULL_SIZE = (Variation.NOTHING, Variation.NO_NAME, Variation.OTHER_NAME)


def _of_name(where: str, seen: Hellos) -> Verdict | None:
    variations = ((Variation.NO_NAME, "without a name"), (Variation.OTHER_NAME, f"to {OTHER_NAME}"))
    heard = [
        words for variation, words in variations if (seen_all := _outcomes(seen, variation)) and all(seen_all)
    ]
    if not heard:
        return None
    hung_up = all(one.cause in _HUNG_UP for one in _all(seen, Variation.NOTHING))
    text = (
        f"{where} answers TLS {' and '.join(heard)}, but {'hangs up on' if hung_up else 'is silent to'} "
        f"{seen.server_name}"
    )
    return Verdict(Cause.TLS_NAME_REFUSED if hung_up else Cause.TLS_NAME_FILTERED, text)


def _of_arrival(where: str, seen: Hellos) -> Verdict | None:
    hellos, bytes_sent = _all(seen, Variation.NOTHING), _all(seen, Variation.ONE_BYTE)
    if not bytes_sent or any(one.acknowledged is not False for one in hellos):
        return None
    again = max(one.retransmits or 0 for one in hellos)
    if all(one.acknowledged for one in bytes_sent):
        text = (
            f"{where} acknowledges a single byte but no ClientHello, sent {again + 1} times: a firewall on "
            "the path inspects the data and drops TLS"
        )
        return Verdict(Cause.TLS_HELLO_FILTERED, text)
    if any(one.acknowledged is not False for one in bytes_sent):
        return None
    text = (
        f"{where} accepts the connection, but no data sent on it arrives: not a single byte was "
        f"acknowledged, sent {again + 1} times"
    )
    return Verdict(Cause.PACKET_LOSS, text)


def _ruled_out(seen: Hellos) -> str:
    hellos = _all(seen, Variation.NOTHING)
    arrived = ", although its host received it" if hellos and all(one.acknowledged for one in hellos) else ""
    tried = "small segments, " if _all(seen, Variation.SMALL_SEGMENTS) else ""
    named = "no name, another name" if _all(seen, Variation.NO_NAME) else "unchanged"
    return f"no variation of the ClientHello is answered ({tried}{named}){arrived}"


def _all(seen: Hellos, *variations: Variation) -> list[Hello]:
    return [one for hellos in seen.rounds for one in hellos if one.variation in variations]


def _outcomes(seen: Hellos, variation: Variation) -> list[bool | None]:
    return [_is_answered(one) for one in _all(seen, variation)]


def _is_answered(one: Hello) -> bool | None:
    """Whether TLS got an answer, even a refusal. None if the TCP connection failed."""
    if one.cause in _UNKNOWN:
        return None
    return one.cause not in _NO_ANSWER


# --- names and slowness -----------------------------------------------------------------------------------

FEWEST_LOST = 2
"""Queries of ten. A single loss may be chance."""


def of_loss(seen: Losses) -> tuple[Cause, str] | None:
    """Which name server drops queries. None if none does, if all do alike, or if there was too little time to
    determine it.
    """
    heard = [one for one in seen.servers if one.cause is None]
    dead = [one for one in heard if not one.answered and not one.control_answered]
    mute = [one for one in heard if not one.answered and one.control_answered]
    lossy = [one for one in heard if one.answered and one.lost >= FEWEST_LOST]
    measured = "; ".join(_described(one) for one in seen.servers)
    if lossy:
        return Cause.DNS_LOSSY, f"queries for {seen.host} are lost: {measured}"
    if mute:
        return (
            Cause.DNS_NAME_SILENT,
            f"queries for {seen.host} get no answer, but those for other names do: {measured}",
        )
    if dead and len(dead) < len(heard):
        text = f"lookups that try {', '.join(one.address for one in dead)} first wait for 5 s: {measured}"
        return Cause.DNS_SERVER_DEAD, text
    return None


def _described(one: Loss) -> str:
    loss = f" ({100 * one.lost // one.asked} % lost)" if one.asked else ""
    return f"{one.address} answered {one.answered} of {one.asked}{loss}"


SLOW_CONNECT = 0.5
"""Seconds. A connection within a Region takes milliseconds, around the world a quarter of a second."""

QUICK = 1.0
"""Seconds to the first byte of /ping from which a service that is not idle counts as slow."""


def of_second_answer(
    where: str, first: HttpAnswer, again: HttpAnswer, connecting: float
) -> tuple[Cause, str]:
    """Why ClickHouse's first answer was slow, from a second one and the seconds that a connection took."""
    began = first.first_byte or first.seconds
    then = again.first_byte or again.seconds
    if again.cause in (None, Cause.CLICKHOUSE_SLOW_WAKE) and then < QUICK:
        text = f"{where} answered only after {began:.0f} s, then within {then * 1000:.0f} ms: it was idle"
        return Cause.CLICKHOUSE_SLOW_WAKE, text
    how = f"after {began:.0f} s and again only after {then:.1f} s"
    if connecting >= SLOW_CONNECT:
        text = f"{where} answers {how}, and connecting alone takes {connecting:.1f} s: the network is slow"
        return Cause.NETWORK_SLOW, text
    text = f"{where} answers {how}, and connects in {connecting * 1000:.0f} ms: it is slow, and was not idle"
    return Cause.CLICKHOUSE_SLOW, text

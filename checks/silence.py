"""What a closer look comes to: from observations to one cause and the evidence for it in one line. Pure.

A cause is only named on evidence that plain silence cannot give, and that was there twice; where it is not,
the silence keeps its own, less exact cause. docs/separating.md has the tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from netcheck.core.model import Cause
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
    """`cause` is None where the closer look rules out what it looked for. `text` is the evidence."""

    cause: Cause | None
    text: str


# --- silence of a port ------------------------------------------------------------------------------------


def of_source_ports(where: str, seen: SourcePorts) -> Verdict | None:
    """Whether answers depend on the source port. None where there was not time enough to tell."""
    if not seen.rounds:
        return None
    first = seen.rounds[0]
    heard = [one.port for one in first if answered(one)]
    tried = [one for one in first if answered(one) is not None]
    if heard and len(heard) == len(tried):
        text = f"{where} was silent, and answers now, from all of {len(heard)} source ports"
        return Verdict(Cause.INTERMITTENT, text)
    if heard and _is_a_rule(seen.rounds):
        every = sorted((one for tries in seen.rounds for one in tries), key=lambda one: one.port)
        text = (
            f"{where} answers from source ports {_spans(every, heard=True)} and never from "
            f"{_spans(every, heard=False)}: a filter without memory, as a network ACL is; a security group "
            "cannot do that"
        )
        return Verdict(Cause.SOURCE_PORT_FILTERED, text)
    if heard:
        return Verdict(Cause.INTERMITTENT, f"{where} answers {len(heard)} of {len(tried)} connections")
    return Verdict(None, f"it is silent from all of {len(tried)} source ports between 1024 and 65535")


def _is_a_rule(rounds: Sequence[Sequence[SourcePortAttempt]]) -> bool:
    """Whether this is a rule's work and not chance: the same in both rounds, from one range of ports, and
    each answer to the first SYN.
    """
    if len(rounds) < 2:
        return False
    first, second = ([answered(one) for one in tries] for tries in rounds)
    known = [one for one in first if one is not None]
    changes = sum(left != right for left, right in zip(known, known[1:] + known[:1], strict=True))
    clean = not any(one.retransmits for tries in rounds for one in tries if answered(one))
    return first == second and changes == 2 and clean


def _spans(tried: Iterable[SourcePortAttempt], *, heard: bool) -> str:
    """`1024-32767 and 61000-65535`: from the first to the last port of each run that had the same answer."""
    known = [one for one in tried if answered(one) is not None]
    runs = [list(run) for same, run in groupby(known, key=lambda one: answered(one) is heard) if same]
    return " and ".join(f"{run[0].port}-{run[-1].port}" for run in runs)


def of_ports(where: str, port: int, seen: Ports, siblings: Siblings) -> Verdict:
    """Whether it is one port that is silent, one host, or one port of one host."""
    if any(one.answered for one in seen.asked if one.port == port):
        return Verdict(None, f"{where} answers by now")
    others = [one for one in seen.asked if one.port != port]
    heard = [one for one in others if one.answered]
    told = ", ".join(f"{one.port} ({'open' if one.cause is None else 'refused'})" for one in heard)
    near = _some(siblings.answering)
    match bool(heard), bool(siblings.answering):
        case True, True:
            text = (
                f"only {where} is silent: its host answers on {told}, and {near} on port {port}: this one "
                "listener hangs, or a rule for this port and this host"
            )
            return Verdict(Cause.LISTENER_SILENT, text)
        case True, False:
            text = (
                f"only port {port} is silent: the host of {where} answers on {told}, so the route is good "
                "both ways and a rule for the port drops it, or its listener hangs"
            )
            return Verdict(Cause.PORT_SILENT, text)
        case False, True:
            silent = ", ".join(str(one.port) for one in others)
            text = (
                f"only this host is silent: {where} does not answer, nor do its ports {silent}, while {near} "
                f"{'answers' if len(siblings.answering) == 1 else 'answer'} on port {port}"
            )
            return Verdict(Cause.HOST_SILENT, text)
        case _:
            also = f", nor do {_some(siblings.silent)}" if siblings.silent else ""
            return Verdict(None, f"its other ports do not answer either{also}")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def of_internet(where: str, neutral: str, seen: Connections) -> Verdict:
    """Whether anything public answers from here, asked of a neutral host."""
    if seen.cause is None:
        text = (
            f"the internet is there, {neutral} answers from here: {where} is down, or a rule for its port or "
            "address keeps it from answering, at this end or at its own"
        )
        return Verdict(Cause.PUBLIC_HOST_SILENT, text)
    if any(one.cause is not Cause.TIMED_OUT for one in seen.connections):
        return Verdict(None, f"{neutral} does not help to tell: {seen.detail}")
    text = f"nothing public answers from here: {where} is silent, and so is {neutral}"
    return Verdict(Cause.NO_INTERNET, text)


def of_families(where: str, seen: Connections) -> str | None:
    """The evidence that all addresses of one family connect and none of the other; None where that is not."""
    by_family = {family: [one for one in seen.connections if one.family == family] for family in (4, 6)}
    for works, fails in ((4, 6), (6, 4)):
        good, bad = by_family[works], by_family[fails]
        if good and bad and all(map(_connected, good)) and not any(map(_connected, bad)):
            if all(one.cause is Cause.NETWORK_UNREACHABLE for one in bad):
                return None
            addresses = ", ".join(one.address for one in bad)
            return f"{where} connects over IPv{works} and not over IPv{fails} ({addresses}: {bad[0].detail})"
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
    """What stands in the way of a ClientHello or its answer. None where that cannot be told: the time did not
    suffice, or whoever listens does not speak TLS.
    """
    if not seen.rounds or any(one.cause is Cause.TLS_NOT_SUPPORTED for one in _all(seen, *Variation)):
        return None  # whoever speaks something else takes each ClientHello's random bytes for another request
    plain = _outcomes(seen, Variation.NOTHING)
    if any(plain):
        text = f"{where} did not answer TLS, and then answers {plain.count(True)} of {len(plain)} times"
        return Verdict(Cause.INTERMITTENT, text)
    if len(seen.rounds) > 1 and not set(plain) - {False}:
        verdict = _of_size(where, seen) or _of_name(where, seen) or _of_arrival(where, seen)
        if verdict is not None:
            return verdict
    return Verdict(None, _ruled_out(seen))


def _of_size(where: str, seen: Hellos) -> Verdict | None:
    small = _outcomes(seen, Variation.SMALL_SEGMENTS)
    # A full segment that came through, whatever it answered, is proof that full segments do.
    whole = any(one.received > SMALL_SEGMENT for one in _all(seen, *_FULL_SIZE))
    if not small or not all(small) or whole:
        return None
    count = len(_outcomes(seen, Variation.NOTHING))
    text = (
        f"{where} answers TLS in segments of {SMALL_SEGMENT} bytes, {len(small)} of {len(small)} times, and "
        f"never in full ones, 0 of {count}: packets of full size are lost on the way, and nobody says so"
    )
    return Verdict(Cause.MTU_BLACK_HOLE, text)


_FULL_SIZE = (Variation.NOTHING, Variation.NO_NAME, Variation.OTHER_NAME)


def _of_name(where: str, seen: Hellos) -> Verdict | None:
    ways = ((Variation.NO_NAME, "without a name"), (Variation.OTHER_NAME, f"to {OTHER_NAME}"))
    heard = [words for way, words in ways if (told := _outcomes(seen, way)) and all(told)]
    if not heard:
        return None
    hung_up = all(one.cause in _HUNG_UP for one in _all(seen, Variation.NOTHING))
    text = (
        f"{where} answers TLS {' and '.join(heard)}, and {'hangs up on' if hung_up else 'is silent to'} "
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
            f"{where} acknowledges a single byte and no ClientHello, sent {again + 1} times: something on "
            "the way reads what is sent, and drops TLS"
        )
        return Verdict(Cause.TLS_HELLO_FILTERED, text)
    if any(one.acknowledged is not False for one in bytes_sent):
        return None
    text = (
        f"{where} takes the connection, and nothing that is sent then arrives: not a single byte of it was "
        f"acknowledged, sent {again + 1} times"
    )
    return Verdict(Cause.PACKET_LOSS, text)


def _ruled_out(seen: Hellos) -> str:
    hellos = _all(seen, Variation.NOTHING)
    arrived = "; its host has received it" if hellos and all(one.acknowledged for one in hellos) else ""
    tried = "small segments, " if _all(seen, Variation.SMALL_SEGMENTS) else ""
    named = "no name, another name" if _all(seen, Variation.NO_NAME) else "the same again"
    return f"no variation of the ClientHello is answered ({tried}{named}){arrived}"


def _all(seen: Hellos, *variations: Variation) -> list[Hello]:
    return [one for hellos in seen.rounds for one in hellos if one.variation in variations]


def _outcomes(seen: Hellos, variation: Variation) -> list[bool | None]:
    return [_is_answered(one) for one in _all(seen, variation)]


def _is_answered(one: Hello) -> bool | None:
    """Whether TLS was answered, be it with a refusal. None where the connection did not even come about."""
    if one.cause in _UNKNOWN:
        return None
    return one.cause not in _NO_ANSWER


# --- names and slowness -----------------------------------------------------------------------------------

FEWEST_LOST = 2
"""Questions of ten. One may be lost anywhere."""


def of_loss(seen: Losses) -> tuple[Cause, str] | None:
    """Which name server loses questions. None where none does, where all do alike, or where there was not
    time enough to tell.
    """
    heard = [one for one in seen.servers if one.cause is None]
    dead = [one for one in heard if not one.answered and not one.control_answered]
    mute = [one for one in heard if not one.answered and one.control_answered]
    lossy = [one for one in heard if one.answered and one.lost >= FEWEST_LOST]
    told = "; ".join(_told(one) for one in seen.servers)
    if lossy:
        return Cause.DNS_LOSSY, f"questions for {seen.host} get lost: {told}"
    if mute:
        return (
            Cause.DNS_NAME_SILENT,
            f"questions for {seen.host} are not answered, for other names they are: {told}",
        )
    if dead and len(dead) < len(heard):
        text = f"look-ups that begin at {', '.join(one.address for one in dead)} wait for 5 s: {told}"
        return Cause.DNS_SERVER_DEAD, text
    return None


def _told(one: Loss) -> str:
    loss = f" ({100 * one.lost // one.asked} % lost)" if one.asked else ""
    return f"{one.address} answered {one.answered} of {one.asked}{loss}"


SLOW_CONNECT = 0.5
"""Seconds. A connection within a Region takes milliseconds, around the world a quarter of a second."""

QUICK = 1.0
"""Seconds to the first byte of /ping from which on a service that is awake is slow."""


def of_second_answer(
    where: str, first: HttpAnswer, again: HttpAnswer, connecting: float
) -> tuple[Cause, str]:
    """Why ClickHouse's first answer was slow, from a second one and the seconds that a connection took."""
    began = first.first_byte or first.seconds
    then = again.first_byte or again.seconds
    if again.cause in (None, Cause.CLICKHOUSE_SLOW_WAKE) and then < QUICK:
        text = (
            f"{where} answered only after {began:.0f} s, and again within {then * 1000:.0f} ms: it was asleep"
        )
        return Cause.CLICKHOUSE_SLOW_WAKE, text
    how = f"after {began:.0f} s and again only after {then:.1f} s"
    if connecting >= SLOW_CONNECT:
        text = f"{where} answers {how}, and connecting alone takes {connecting:.1f} s: the network is slow"
        return Cause.NETWORK_SLOW, text
    text = (
        f"{where} answers {how}, and connects in {connecting * 1000:.0f} ms: it is slow, and was not asleep"
    )
    return Cause.CLICKHOUSE_SLOW, text

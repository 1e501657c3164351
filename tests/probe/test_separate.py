"""What a closer look comes to, from loopback peers and as tables: a cause only on evidence that was there
twice, and none where chance, one bad backend of several, or a server that is simply silent looks alike.
"""

from __future__ import annotations

import contextlib
import random
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from checks import silence
from checks.silence import Verdict
from netcheck.core.codec import decode, encode
from netcheck.core.context import Deadline
from netcheck.core.credentials import Trust
from netcheck.core.model import Cause
from netcheck.engine.follow_up_facts import Siblings
from netcheck.probe.clickhouse.https import ping, ping_again
from netcheck.probe.dns.loss import Loss, Losses, count_lost
from netcheck.probe.http.client import HttpAnswer
from netcheck.probe.tls.hello import Hello, Hellos, Variation, vary_hello
from netcheck.probe.transport.ports import Port, Ports, ask_ports
from netcheck.probe.transport.source_ports import SourcePortAttempt, SourcePorts, sweep
from netcheck.probe.transport.tcp import Connection, Connections
from tests.bounds import LONG, STEP
from tests.servers import peers
from tests.servers.certificates import Certificates
from tests.servers.dns import DnsServer, Fault

HOST = "127.0.0.1"
WHERE = "b-1.example:9098"
SILENT, OPEN = Cause.TIMED_OUT, None

# --- source ports -----------------------------------------------------------------------------------------

PLACES = (1024, 32767, 32768, 49151, 49152, 60999, 61000, 65535)


def tries(pattern: str, retransmits: int = 0, beside: int = 0) -> tuple[SourcePortAttempt, ...]:
    """`x` connects, `r` is refused, `.` is silent, `?` is not known."""
    causes = {"x": OPEN, "r": Cause.CONNECTION_REFUSED, ".": SILENT, "?": Cause.RESOURCES}
    return tuple(
        SourcePortAttempt(
            port + (beside if number % 2 == 0 else -beside), causes[mark], 1 if mark == "." else retransmits
        )
        for number, (port, mark) in enumerate(zip(PLACES, pattern, strict=True))
    )


def swept(*patterns: str, retransmits: int = 0) -> SourcePorts:
    rounds = tuple(tries(one, retransmits, number) for number, one in enumerate(patterns))
    return SourcePorts("10.0.2.11", 9098, rounds, 1.0)


FILTERED, NOW_AND_THEN = Cause.SOURCE_PORT_FILTERED, Cause.INTERMITTENT
SWEEPS: list[tuple[str, SourcePorts, Cause | None, str]] = [
    ("nothing from anywhere", swept("........"), None, "silent to all of 8 source ports"),
    ("below Linux's range", swept("xx......", "xx......"), FILTERED, "1024-32767 and never 32768-65535"),
    ("above Linux's range", swept("......xx", "......xx"), FILTERED, "answers source ports 61000-65535"),
    ("at both sides of it", swept("xx....xx", "xx....xx"), FILTERED, "1024-32767 and 61000-65535 and never"),
    ("from 40000 on", swept("...xxxxx", "...xxxxx"), FILTERED, "answers source ports 49150-65535"),
    ("a refusal has crossed as well", swept("rr......", "rr......"), FILTERED, "1024-32767"),
    ("a place that was taken", swept("x?......", "x?......"), FILTERED, "1024-1025"),
    ("everything by now", swept("xxxxxxxx"), NOW_AND_THEN, "now answers all of 8"),
    ("everything but what could not be tried", swept("xxxx?xxx"), NOW_AND_THEN, "all of 7 source ports"),
    ("here and there", swept("x.x..x..", "x.x..x.."), NOW_AND_THEN, "answers 3 of 8"),
    ("a range, and another one the second time", swept("xx......", "....xx.."), NOW_AND_THEN, "2 of 8"),
    (
        "a range, with SYNs that were lost",
        swept("xx......", "xx......", retransmits=1),
        NOW_AND_THEN,
        "2 of 8",
    ),
    ("a range, seen once only", swept("xx......"), NOW_AND_THEN, "answers 2 of 8"),
]


@pytest.mark.parametrize(("says", "seen", "cause", "words"), SWEEPS, ids=[row[0] for row in SWEEPS])
def test_a_sweep_of_source_ports(says: str, seen: SourcePorts, cause: Cause | None, words: str) -> None:
    verdict = silence.of_source_ports(WHERE, seen)
    assert verdict is not None and verdict.cause is cause, says
    assert words in verdict.text


def test_a_sweep_without_a_round_shows_nothing() -> None:
    assert silence.of_source_ports(WHERE, swept()) is None


def test_one_dead_backend_of_two_is_hardly_ever_taken_for_a_rule() -> None:
    """A load balancer picks the backend by a hash of the connection: each port falls as a coin does."""
    chance = random.Random(5)

    def toss() -> str:
        return "".join(chance.choice("x.") for _ in PLACES)

    blamed = sum(
        verdict is not None and verdict.cause is FILTERED
        for _ in range(1500)
        if (verdict := silence.of_source_ports(WHERE, swept(toss(), toss())))
    )
    assert blamed <= 6


def near(port: int, place: int) -> bool:
    """Whether a port is that of a place, or beside it: this machine's programs may have the first."""
    return abs(port - place) < 8


def test_a_silent_port_is_swept_in_one_round_and_half_of_the_time() -> None:
    with peers.syn_drop() as peer:
        seen = sweep(Deadline(2 * STEP), HOST, peer.port)
    [first] = seen.rounds
    assert all(near(one.port, place) for one, place in zip(first, PLACES, strict=True))
    assert {one.cause for one in first} == {SILENT}
    assert silence.of_source_ports(WHERE, seen) == Verdict(
        None, f"it is silent to all of 8 source ports{WIDE}"
    )


WIDE = " between 1024 and 65535"


def test_a_source_port_that_is_taken_is_left_to_whoever_has_it() -> None:
    with socket.socket() as taken, peers.refused() as peer:
        with contextlib.suppress(OSError):  # then somebody else has it, which is as good
            taken.bind((HOST, 49152))
            taken.listen()
        [first] = sweep(Deadline(LONG), HOST, peer.port).rounds
    assert first[4].port != 49152
    assert all(near(one.port, place) for one, place in zip(first, PLACES, strict=True))


def test_the_same_port_can_be_swept_again_at_once() -> None:
    with peers.silent() as peer:
        for _ in range(3):
            [first] = sweep(Deadline(LONG), HOST, peer.port).rounds
            assert {one.cause for one in first} == {OPEN}


def test_two_seconds_are_enough_for_two_rounds() -> None:
    """As the message for less says: what passes between the deadline and the first round is not missed."""
    with peers.syn_drop() as peer:
        assert len(sweep(Deadline(2.0), HOST, peer.port).rounds) == 1
    with peers.silent() as peer:
        [hellos] = vary_hello(Deadline(2.0), HOST, peer.port, "ch.example", EVERY).rounds
    assert {one.cause for one in hellos if one.variation is not Variation.ONE_BYTE} == {
        Cause.TLS_SILENT_AFTER_CLIENT_HELLO
    }


def test_too_short_a_time_is_no_silence() -> None:
    with peers.syn_drop() as peer:
        assert sweep(Deadline(1.2), HOST, peer.port).rounds == ()


# --- ports and hosts --------------------------------------------------------------------------------------


def asked(**marks: str) -> Ports:
    """`p9092="x"`: what each port said, in the marks of `tries`."""
    causes = {"x": OPEN, "r": Cause.CONNECTION_REFUSED, ".": SILENT, "h": Cause.HOST_UNREACHABLE}
    ports = [Port("10.0.2.11", int(name[1:]), causes[mark], "") for name, mark in marks.items()]
    return Ports(tuple(ports), 1.0)


OTHERS = Siblings(("b-2.example", "b-3.example"), ())
ALL_SILENT = Siblings((), ("b-2.example", "b-3.example"))
MATRIX: list[tuple[str, Ports, Siblings, Cause | None, str]] = [
    (
        "its host refuses on other ports",
        asked(p9098=".", p9092="r"),
        Siblings(),
        Cause.PORT_SILENT,
        "9092 (refused)",
    ),
    ("another port answers", asked(p9098=".", p9094="x"), ALL_SILENT, Cause.PORT_SILENT, "9094 (open)"),
    ("others answer", asked(p9098=".", p9092="."), OTHERS, Cause.HOST_SILENT, "nor do its ports 9092"),
    ("both", asked(p9098=".", p9092="r"), OTHERS, Cause.LISTENER_SILENT, "this listener hangs"),
    ("neither", asked(p9098=".", p9092="."), ALL_SILENT, None, "nor do b-2.example, b-3.example"),
    ("a router speaks, not the host", asked(p9098=".", p9092="h"), Siblings(), None, "do not answer either"),
    ("it answers by now", asked(p9098="x", p9092="r"), OTHERS, None, "answers now"),
]


@pytest.mark.parametrize(
    ("says", "seen", "siblings", "cause", "words"), MATRIX, ids=[row[0] for row in MATRIX]
)
def test_ports_and_hosts(says: str, seen: Ports, siblings: Siblings, cause: Cause | None, words: str) -> None:
    verdict = silence.of_ports(WHERE, 9098, seen, siblings)
    assert verdict.cause is cause, says
    assert words in verdict.text


def test_ports_are_asked_in_parallel_and_told_in_order() -> None:
    with peers.syn_drop() as mute, peers.refused() as closed, peers.silent() as listening:
        ports = (mute.port, closed.port, listening.port)
        seen = ask_ports(Deadline(STEP), (HOST,), ports)
    assert [(one.port, one.cause) for one in seen.asked] == list(
        zip(ports, (SILENT, Cause.CONNECTION_REFUSED, OPEN), strict=True)
    )
    assert decode(Ports, encode(seen)) == seen


# --- the internet, and families ---------------------------------------------------------------------------


def connections(*outcomes: tuple[str, Cause | None]) -> Connections:
    every = tuple(
        Connection(address, 6 if ":" in address else 4, None, None, None, cause, "", 1.0)
        for address, cause in outcomes
    )
    failed = [one.cause for one in every if one.cause is not None]
    return Connections(443, every, failed[0] if len(failed) == len(every) else None, "", 1.0)


@pytest.mark.parametrize(
    ("says", "seen", "cause"),
    [
        ("the control host answers", connections(("52.94.5.5", OPEN)), Cause.PUBLIC_HOST_SILENT),
        ("it is silent as well", connections(("52.94.5.5", SILENT)), Cause.NO_INTERNET),
        ("this host has no way out at all", connections(("52.94.5.5", Cause.NETWORK_UNREACHABLE)), None),
        ("something refuses", connections(("52.94.5.5", Cause.CONNECTION_REFUSED)), None),
    ],
)
def test_the_internet_is_there_or_not(says: str, seen: Connections, cause: Cause | None) -> None:
    assert silence.of_internet("ch.example:8443", "sts.eu-west-1.amazonaws.com:443", seen).cause is cause, (
        says
    )


V4, V6 = "10.0.3.20", "fd00::20"


@pytest.mark.parametrize(
    ("says", "seen", "split"),
    [
        ("both work", connections((V4, OPEN), (V6, OPEN)), False),
        ("neither works", connections((V4, SILENT), (V6, SILENT)), False),
        ("IPv6 is silent", connections((V4, OPEN), (V6, SILENT)), True),
        ("IPv4 is silent", connections((V4, SILENT), (V6, OPEN)), True),
        ("IPv6 is refused", connections((V4, OPEN), (V6, Cause.CONNECTION_REFUSED)), True),
        ("this host has no IPv6", connections((V4, OPEN), (V6, Cause.NETWORK_UNREACHABLE)), False),
        (
            "one IPv4 address is silent as well",
            connections((V4, OPEN), ("10.0.3.21", SILENT), (V6, SILENT)),
            False,
        ),
        ("one family only", connections((V4, OPEN), ("10.0.3.21", SILENT)), False),
    ],
)
def test_families_are_split_or_not(says: str, seen: Connections, split: bool) -> None:
    assert bool(silence.of_families("ch.example:8443", seen)) is split, says


# --- TLS --------------------------------------------------------------------------------------------------

MUTE, RESET = Cause.TLS_SILENT_AFTER_CLIENT_HELLO, Cause.TLS_RESET_AFTER_CLIENT_HELLO
V = Variation
EVERY = (V.NOTHING, V.NOTHING, V.SMALL_SEGMENTS, V.SMALL_SEGMENTS, V.NO_NAME, V.OTHER_NAME, V.ONE_BYTE)
MARKS: dict[str, tuple[Cause | None, int, bool | None]] = {
    "x": (None, 5000, True),
    "a": (Cause.TLS_HANDSHAKE_FAILURE, 7, True),
    ".": (MUTE, 0, True),
    "-": (MUTE, 0, False),
    "~": (Cause.TLS_STALLED, 900, True),
    "r": (RESET, 0, True),
    "?": (Cause.TIMED_OUT, 0, None),
    "h": (Cause.TLS_NOT_SUPPORTED, 120, True),
    "1": (None, 0, True),
    "0": (Cause.TIMED_OUT, 0, False),
}


def said(*rounds: str) -> Hellos:
    """One mark for each of EVERY, in that order."""
    made = tuple(
        tuple(
            Hello(variation, *_outcome(mark), 3 if mark in "-0" else 0, 1.0)
            for variation, mark in zip(EVERY, marks, strict=True)
        )
        for marks in rounds
    )
    return Hellos("10.0.3.20", 8443, "ch.example", made, 2.0)


def _outcome(mark: str) -> tuple[Cause | None, str, int, bool | None]:
    cause, received, acknowledged = MARKS[mark]
    return cause, "", received, acknowledged


HELLOS: list[tuple[str, Hellos, Cause | None]] = [
    ("the server is silent whatever is said", said("......1"), None),
    ("small segments are answered", said("..xx..1", "..xx..1"), Cause.MTU_BLACK_HOLE),
    ("the same, of a handshake that stalls", said("~~xx~~1", "~~xx~~1"), Cause.MTU_BLACK_HOLE),
    ("small answers come through in full segments", said("..xxaa1", "..xxaa1"), Cause.MTU_BLACK_HOLE),
    ("large answers come through in full segments", said("..xxxx1", "..xxxx1"), Cause.TLS_NAME_FILTERED),
    ("small segments, once", said("..xx..1", "......1"), None),
    ("small segments, half of them", said("..x...1", "..x...1"), None),
    ("small segments, then full ones", said("..xx..1", "x.xx..1"), Cause.INTERMITTENT),
    ("other names are answered", said("....xx1", "....xx1"), Cause.TLS_NAME_FILTERED),
    ("no name is answered with an alert", said("....a.1", "....a.1"), Cause.TLS_NAME_FILTERED),
    ("other names are answered once", said("....xx1", "......1"), None),
    ("other names are answered, ours is reset", said("rrrrxx1", "rrrrxx1"), Cause.TLS_NAME_REFUSED),
    ("every name is reset", said("rrrrrr1"), None),
    ("a byte arrives, a ClientHello does not", said("------1", "------1"), Cause.TLS_HELLO_FILTERED),
    ("nothing arrives", said("------0", "------0"), Cause.PACKET_LOSS),
    ("nothing arrives, once", said("------0", "------1"), None),
    ("some arrive", said("-.-.--0", "-.-.--0"), None),
    ("it does not even connect any more", said("???????", "???????"), None),
    ("it is answered by now", said("xxxxxx1", "xxxxxx1"), Cause.INTERMITTENT),
    ("it is answered now and then", said("x.x.x.1", "..xx..1"), Cause.INTERMITTENT),
]


@pytest.mark.parametrize(("says", "seen", "cause"), HELLOS, ids=[row[0] for row in HELLOS])
def test_variations_of_a_client_hello(says: str, seen: Hellos, cause: Cause | None) -> None:
    verdict = silence.of_hellos("ch.example:8443", seen)
    assert verdict is not None and verdict.cause is cause, f"{says}: {verdict}"


@pytest.mark.parametrize("seen", [said(), said("..h...1", "..h...1")], ids=["no time", "not TLS"])
def test_what_cannot_be_told_of_tls(seen: Hellos) -> None:
    assert silence.of_hellos("ch.example:8443", seen) is None


def test_one_dead_backend_of_two_is_hardly_ever_taken_for_the_path() -> None:
    chance = random.Random(7)

    def toss() -> str:
        return "".join(chance.choice("x.") for _ in range(6)) + "1"

    verdicts = (silence.of_hellos("ch.example:8443", said(toss(), toss())) for _ in range(1500))
    blamed = [one.cause for one in verdicts if one and one.cause not in (None, Cause.INTERMITTENT)]
    # Four hellos that are not answered, of four: 1 in 16; and then those with another name, twice.
    assert len(blamed) <= 1500 * (1 / 16) * (1 / 2)


VARIED: dict[str, tuple[Callable[[], peers.Peer], int, int | None]] = {
    "accepts and is silent": (peers.silent, 1, len(EVERY)),
    "never accepts": (peers.never_accepts, 1, None),
    "resets after the first bytes": (peers.resets_after_first_bytes, 1, len(EVERY)),
}


@pytest.mark.parametrize("says", VARIED)
def test_a_peer_that_treats_every_hello_alike_is_asked_once(says: str) -> None:
    make, rounds, connections_made = VARIED[says]
    with make() as peer:
        seen = vary_hello(Deadline(2 * STEP), HOST, peer.port, "ch.example", EVERY)
        # The peer counts in a thread of its own, which may be behind.
        for _ in range(500):
            if connections_made is None or peer.connections >= connections_made:
                break
            time.sleep(0.01)
        count = peer.connections
    assert len(seen.rounds) == rounds
    assert connections_made in (None, count)
    verdict = silence.of_hellos(WHERE, seen)
    assert verdict is not None and verdict.cause is None
    assert decode(Hellos, encode(seen)) == seen


def test_a_server_that_answers_is_asked_twice_and_told_nothing(certificates: Certificates) -> None:
    with peers.silent(tls=certificates.good.server_context()) as peer:
        seen = vary_hello(Deadline(LONG), HOST, peer.port, "ch.example", EVERY)
    assert [len(hellos) for hellos in seen.rounds] == [7, 7]
    assert peer.received == b"", "nothing is sent inside TLS"
    verdict = silence.of_hellos(WHERE, seen)
    assert verdict is not None and verdict.cause is Cause.INTERMITTENT


# --- name servers -----------------------------------------------------------------------------------------


def loss(address: str, answered: int, control: int = 3, cause: Cause | None = None) -> Loss:
    return Loss(address, 53, 10, answered, 3, control, cause, 1.0)


ONE, TWO = "10.0.0.2", "10.0.0.3"
LOSSES: list[tuple[str, tuple[Loss, ...], Cause | None]] = [
    ("all answer", (loss(ONE, 10), loss(TWO, 10)), None),
    ("one question of ten is lost", (loss(ONE, 9), loss(TWO, 10)), None),
    ("three of ten are lost", (loss(ONE, 7), loss(TWO, 10)), Cause.DNS_LOSSY),
    ("one is dead", (loss(ONE, 0, 0), loss(TWO, 10)), Cause.DNS_SERVER_DEAD),
    ("all are dead", (loss(ONE, 0, 0), loss(TWO, 0, 0)), None),
    ("one answers for other names only", (loss(ONE, 0), loss(TWO, 10)), Cause.DNS_NAME_SILENT),
    ("all answer for other names only", (loss(ONE, 0), loss(TWO, 0)), Cause.DNS_NAME_SILENT),
    ("one is not there", (loss(ONE, 0, 0, Cause.CONNECTION_REFUSED), loss(TWO, 10)), None),
    ("there was no time", (), None),
]


@pytest.mark.parametrize(("says", "servers", "cause"), LOSSES, ids=[row[0] for row in LOSSES])
def test_questions_that_get_lost(says: str, servers: tuple[Loss, ...], cause: Cause | None) -> None:
    outcome = silence.of_loss(Losses("ch.example", servers, True, 1.0))
    assert (outcome and outcome[0]) == cause, says


@contextlib.contextmanager
def resolv_conf(*servers: DnsServer) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "resolv.conf")
        path.write_text("".join(f"nameserver [{one.host}]:{one.port}\n" for one in servers))
        yield str(path)


def test_each_name_server_is_asked_ten_times_and_three_times_for_another_name() -> None:
    zone: dict[str, Any] = {"known.example.test": ["60 A 10.0.1.4"], "mute.example.test": Fault.SILENT}
    with DnsServer(zone) as first, DnsServer(zone) as second, resolv_conf(first, second) as path:
        known = count_lost(Deadline(LONG), "known.example.test", path)
        mute = count_lost(Deadline(LONG), "mute.example.test", path)
        asked_for = [query.name for query in first.queries]
    assert [(one.asked, one.answered, one.control_answered) for one in known.servers] == [(10, 10, 3)] * 2
    assert [(one.asked, one.answered, one.control_answered) for one in mute.servers] == [(10, 0, 3)] * 2
    assert len(asked_for) == 26
    assert decode(Losses, encode(mute)) == mute


def test_without_time_for_all_questions_none_is_asked() -> None:
    with DnsServer() as server, resolv_conf(server) as path:
        seen = count_lost(Deadline(1.0), "known.example.test", path)
        assert (seen.enough, seen.servers, server.queries) == (False, (), [])


# --- a slow first answer ----------------------------------------------------------------------------------


def pong(first_byte: float | None, cause: Cause | None = None) -> HttpAnswer:
    return HttpAnswer(200, "OK", (), "Ok.", first_byte, cause, "", first_byte or 5.0)


SLOW = [
    ("it was asleep", 25.0, pong(0.02), 0.002, Cause.CLICKHOUSE_SLOW_WAKE),
    ("it is slow each time", 4.0, pong(3.6, Cause.CLICKHOUSE_SLOW_WAKE), 0.002, Cause.CLICKHOUSE_SLOW),
    ("it does not answer again", 4.0, pong(None, Cause.HTTP_SILENT), 0.002, Cause.CLICKHOUSE_SLOW),
    ("the network is slow", 4.0, pong(3.6, Cause.CLICKHOUSE_SLOW_WAKE), 1.1, Cause.NETWORK_SLOW),
    ("it was asleep behind a slow network", 25.0, pong(0.9), 1.1, Cause.CLICKHOUSE_SLOW_WAKE),
]


@pytest.mark.parametrize(
    ("says", "first", "again", "connecting", "cause"), SLOW, ids=[row[0] for row in SLOW]
)
def test_why_a_first_answer_was_slow(
    says: str, first: float, again: HttpAnswer, connecting: float, cause: Cause
) -> None:
    outcome = silence.of_second_answer(WHERE, pong(first, Cause.CLICKHOUSE_SLOW_WAKE), again, connecting)
    assert outcome[0] is cause, says


def test_a_second_ping_is_a_ping() -> None:
    with peers.http(body=b"Ok.\n") as peer:
        answers = [ask(Deadline(10), HOST, peer.port, HOST, False, Trust()) for ask in (ping, ping_again)]
    assert [one.cause for one in answers] == [None, None]

"""Counts the queries that each name server leaves unanswered: several for one name, a few for another.

A resolver waits 5 s for a server before it queries the next (resolv.conf(5), `timeout`): of two servers, a
dead one costs every other lookup 5 s, and one that loses packets some of them.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netcheck.core.context import Deadline
from netcheck.core.model import Cause
from netcheck.probe.dns.resolve import RESOLV_CONF, read_name_servers
from netcheck.probe.transport.background import in_background
from netcheck.probe.transport.failure import cause_of

if TYPE_CHECKING:
    from dns.message import QueryMessage
    from dns.name import Name

QUESTIONS = 10
CONTROLS = 3
CONTROL = "localhost"
"""A name that every name server answers without querying others (RFC 6761, 6.3)."""

_EVERY = 0.1
"""Seconds between two queries to one server, to stay below its rate limits."""

_PATIENCE = 2.0
"""Seconds to wait for the last answer. A name server takes milliseconds, or less than a second when it has to
query others."""


@dataclass(frozen=True, slots=True)
class Loss:
    """One name server: the number of UDP queries for the name and for the control name, none repeated, and
    the number of answers of any kind. `cause` is that of a socket error (an ICMP error).
    """

    address: str
    port: int
    asked: int
    answered: int
    control_asked: int
    control_answered: int
    cause: Cause | None
    seconds: float

    @property
    def lost(self) -> int:
        return self.asked - self.answered


@dataclass(frozen=True, slots=True)
class Losses:
    """Every name server of this host. `enough` is False where there was not enough time to measure loss."""

    host: str
    servers: tuple[Loss, ...]
    enough: bool
    seconds: float


def count_lost(deadline: Deadline, host: str, resolv_conf: str = RESOLV_CONF) -> Losses:
    """Query every name server for `host` QUESTIONS times and for CONTROL CONTROLS times, in parallel, without
    retransmission.
    """
    start = time.monotonic()
    needed = (QUESTIONS + CONTROLS) * _EVERY + _PATIENCE / 2
    if deadline.left() < needed:
        return Losses(host, (), False, 0.0)
    from netcheck.probe.dns.wire import absolute

    try:
        name = absolute(host)
    except ValueError:
        return Losses(host, (), False, 0.0)
    step = deadline.step((QUESTIONS + CONTROLS) * _EVERY + _PATIENCE)
    begun = [_begin(step, place, name) for place in read_name_servers(resolv_conf)]
    servers = tuple(future.result() for future in begun)
    return Losses(host, servers, True, time.monotonic() - start)


def _begin(deadline: Deadline, place: tuple[str, int], name: Name) -> Future[Loss]:
    return in_background(lambda: _Count(deadline, place, name).run())


class _Count:
    """The queries to one name server, on one connected socket, which receives ICMP errors."""

    def __init__(self, deadline: Deadline, place: tuple[str, int], name: Name) -> None:
        self._deadline = deadline
        self._place = place
        self._queries = [_query(one) for one in _order(name)]
        first = self._queries[0].id
        for number, query in enumerate(self._queries):
            query.id = (first + number) % 65536
        self._name = name
        self._open = {query.id: query for query in self._queries}
        self._sent = 0

    def run(self) -> Loss:
        start = time.monotonic()
        family = socket.AF_INET6 if ":" in self._place[0] else socket.AF_INET
        cause = None
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as connected:
                connected.setblocking(False)
                connected.connect(self._place)
                self._converse(connected, start)
        except OSError as error:
            cause = cause_of(error, family)
        asked = self._queries[: self._sent]
        own = [query for query in asked if query.question[0].name == self._name]
        others = len(asked) - len(own)
        unanswered = [query for query in own if query.id in self._open]
        unanswered_others = sum(query.id in self._open for query in asked) - len(unanswered)
        return Loss(
            *self._place,
            asked=len(own),
            answered=len(own) - len(unanswered),
            control_asked=others,
            control_answered=others - unanswered_others,
            cause=cause,
            seconds=time.monotonic() - start,
        )

    def _converse(self, connected: socket.socket, start: float) -> None:
        poll = select.poll()
        poll.register(connected, select.POLLIN)
        while self._open and (left := self._deadline.left()) > 0:
            due = start + self._sent * _EVERY - time.monotonic()
            if self._sent < len(self._queries) and due <= 0:
                connected.send(self._queries[self._sent].to_wire())
                self._sent += 1
                continue
            wait = left if self._sent == len(self._queries) else min(left, due)
            if poll.poll(wait * 1000):
                self._take(connected.recv(65535))

    def _take(self, data: bytes) -> None:
        """Count any answer to one of our queries: a REFUSED was not lost."""
        query = self._open.get(int.from_bytes(data[:2], "big"))
        if query is None:
            return
        import dns.exception
        import dns.message

        try:
            reply = dns.message.from_wire(data, ignore_trailing=True)
        except (dns.exception.DNSException, ValueError, struct.error):
            return
        if query.is_response(reply):
            del self._open[query.id]


def _order(name: Name) -> list[Name]:
    """The names to query: the control name at the start, in the middle and at the end."""
    from netcheck.probe.dns.wire import absolute

    control, part = absolute(CONTROL), QUESTIONS // (CONTROLS - 1)
    return [control, *([name] * part), control, *([name] * (QUESTIONS - part)), control]


def _query(name: Name) -> QueryMessage:
    import dns.message

    return dns.message.make_query(name, "A")

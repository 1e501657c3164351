"""Real connections through a built plan, many at once, and what became of each.

A flow is finished when it is answered, or when the log names the component that dropped a packet of it. So
nobody waits for a timeout: silence without a logged drop is not an answer but a fault of the lab.
"""

from __future__ import annotations

import random
import select
import socket
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tests.lab import nflog
from tests.lab.cloud import Documents
from tests.lab.compile import compile_account, uses_v6
from tests.lab.flow import CROSSED, INTERNET, NEW, UNASKED, Drop, Flow, Outcome
from tests.lab.kernel import LabBroken, World
from tests.lab.plan import Pin, Plan
from tests.lab.rules import LISTENER

# 8 is IP_PKTINFO of linux/in.h, which the socket module does not name before Python 3.14.
PACKET_INFO = ((socket.IPPROTO_IP, 8), (socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO))
QUESTION = b"?"
BURST = 32
CHUNK = 400
# Seconds for what is neither answered nor logged; the second SYN goes out after one.
FIRST_PATIENCE, LAST_PATIENCE = 0.5, 2.5
RESET_AT_CLOSE = struct.pack("ii", 1, 0)
# The edges that people write into network ACLs for a NAT gateway's ports, and their neighbours.
NAT_EDGES = (1024, 65535, 32767, 32768, 60999, 61000, 49151, 49152, 40000, 1025, 30000, 50000)
Wire = tuple[str, str, int, str, int]


def choose_pins(flows: Iterable[Flow], seed: int) -> dict[Flow, Pin]:
    """A NAT port for each flow, edges first, unique for each destination and port."""
    chooser = random.Random(seed)
    used: dict[tuple[str, str, int], set[int]] = {}
    pins = {}
    for flow in flows:
        if ":" in flow.destination or flow.source == INTERNET:
            continue
        taken = used.setdefault((flow.protocol, flow.destination, flow.port), set())
        free = [port for port in NAT_EDGES if port not in taken]
        port = chooser.choice(free) if free else chooser.randint(1024, 65535)
        while port in taken:
            port = chooser.randint(1024, 65535)
        taken.add(port)
        pins[flow] = Pin(flow.protocol, flow.address, flow.source_port, flow.destination, flow.port, port)
    return pins


@dataclass(slots=True)
class Attempt:
    """One flow under way; ``sock`` is None before it starts and when it is finished."""

    flow: Flow
    sock: socket.socket | None = None
    outcome: Outcome | None = None
    crossed: set[str] = field(default_factory=set)

    def conclusion(self) -> Outcome | None:
        if self.outcome is None:
            return None
        return replace(self.outcome, crossed=tuple(sorted(self.crossed)))


Wires = dict[Wire, tuple[Attempt, str]]


@dataclass(slots=True)
class Prober:
    """Listeners and log readers of one world."""

    world: World
    plan: Plan
    pins: dict[Flow, Pin]
    poller: select.epoll = field(default_factory=select.epoll)
    logs: dict[int, socket.socket] = field(default_factory=dict)
    listeners: dict[int, socket.socket] = field(default_factory=dict)
    echoes: dict[int, socket.socket] = field(default_factory=dict)
    open_attempts: dict[int, Attempt] = field(default_factory=dict)
    accepted: list[socket.socket] = field(default_factory=list)
    rings: dict[tuple[str, str, int], Outcome] = field(default_factory=dict)

    def open(self, *, v6: bool, udp: bool) -> None:
        for name, namespace in self.plan.namespaces.items():
            with self.world.inside(name):
                if not namespace.listens or namespace.forwards:
                    self._watch(self.logs, nflog.listen())
                if namespace.listens:
                    for kind in (socket.AF_INET, socket.AF_INET6) if v6 else (socket.AF_INET,):
                        self._serve(kind, udp=udp)

    def _watch(self, held: dict[int, socket.socket], sock: socket.socket) -> None:
        held[sock.fileno()] = sock
        self.poller.register(sock.fileno(), select.EPOLLIN)

    def _serve(self, kind: socket.AddressFamily, *, udp: bool) -> None:
        anywhere = "::" if kind == socket.AF_INET6 else "0.0.0.0"
        types = (socket.SOCK_STREAM, socket.SOCK_DGRAM) if udp else (socket.SOCK_STREAM,)
        for sort in types:
            sock = socket.socket(kind, sort)
            sock.setblocking(False)
            if kind == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((anywhere, LISTENER))
            if sort == socket.SOCK_DGRAM:
                for level, option in PACKET_INFO:
                    if level == socket.IPPROTO_IP or kind == socket.AF_INET6:
                        sock.setsockopt(level, option, 1)
            if sort == socket.SOCK_STREAM:
                sock.listen(4096)
                self._watch(self.listeners, sock)
            else:
                self._watch(self.echoes, sock)

    def close(self) -> None:
        for held in (self.logs, self.listeners, self.echoes):
            for sock in held.values():
                sock.close()
        self._hang_up()
        self.poller.close()

    def _hang_up(self) -> None:
        for sock in self.accepted:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
            sock.close()
        self.accepted.clear()

    # --- flows

    def run(self, flows: list[Flow], patience: float) -> list[Outcome | None]:
        """Outcomes in the order of the flows; None for silence unexplained after ``patience`` seconds."""
        outcomes: list[Outcome | None] = []
        for start in range(0, len(flows), CHUNK):
            outcomes += self._run_chunk(flows[start : start + CHUNK], patience)
        return outcomes

    def _run_chunk(self, flows: list[Flow], patience: float) -> list[Outcome | None]:
        attempts = [Attempt(flow) for flow in flows]
        wires = self._wires(attempts)
        for started, attempt in enumerate(attempts, 1):
            with self.world.inside(attempt.flow.source):
                sock = attempt.sock = _start(attempt.flow)
            self.open_attempts[sock.fileno()] = attempt
            answer = select.EPOLLOUT if attempt.flow.protocol == "tcp" else select.EPOLLIN
            self.poller.register(sock.fileno(), answer | select.EPOLLERR)
            if started % BURST == 0:
                self._look(wires, 0)
        deadline = time.monotonic() + patience
        while self.open_attempts and time.monotonic() < deadline:
            self._look(wires, deadline - time.monotonic())
        for attempt in attempts:
            flow = attempt.flow
            self._finish(attempt, self.rings.get((flow.protocol, flow.destination, flow.port)))
        self._look(wires, 0)
        self._hang_up()
        return [attempt.conclusion() for attempt in attempts]

    def _wires(self, attempts: list[Attempt]) -> Wires:
        """How packets of each flow look, and how beyond the gateways that rewrite them."""
        wires: Wires = {}
        for attempt in attempts:
            flow = attempt.flow
            _add_wire(wires, attempt, (flow.address, flow.source_port), flow.destination)
        for attempt in attempts:
            flow = attempt.flow
            near = [(flow.address, flow.source_port)]
            if flow in self.pins:
                near += [(address, self.pins[flow].nat_port) for address in self.plan.nat_addresses]
            public = self.plan.public_addresses
            near += [(public[one], port) for one, port in near if one in public]
            far = [flow.destination, *(one for one in public if public[one] == flow.destination)]
            for end in near:
                for destination in far:
                    _add_wire(wires, attempt, end, destination)
        return wires

    def _look(self, wires: Wires, patience: float) -> None:
        # The log first: what it says of a packet happened before that packet was answered.
        ready = [fd for fd, _ in self.poller.poll(max(0.0, patience), 1024)]
        for fd in sorted(ready, key=lambda fd: fd not in self.logs):
            if fd in self.logs:
                for dropped in nflog.read(self.logs[fd]):
                    self._logged(wires, dropped)
            elif fd in self.listeners:
                self._accept(self.listeners[fd])
            elif fd in self.echoes:
                self._echo(self.echoes[fd])
            elif fd in self.open_attempts:
                self._answered(self.open_attempts[fd])

    def _logged(self, wires: Wires, dropped: nflog.Dropped) -> None:
        """What the log says of a packet: dropped by whom, or only that it came by."""
        wire = (dropped.protocol, dropped.source, dropped.source_port, dropped.destination, dropped.port)
        kind, component, detail = dropped.label.split("|")
        if wire not in wires:
            if kind == Drop.ROUTE_LOOP:
                # Going round through NAT gateways the source port changes: known by where it went.
                key = (dropped.protocol, dropped.destination, dropped.port)
                self.rings[key] = Outcome(False, Drop.ROUTE_LOOP, component, detail, "forward")
            return
        attempt, leg = wires[wire]
        if kind == CROSSED:
            attempt.crossed.add(leg)
        elif kind != NEW:
            self._finish(attempt, Outcome(False, Drop(kind), component, detail, leg))
        elif leg == "return":
            # An answer that a stateful gateway takes for a new conversation does not reach who asked.
            self._finish(attempt, Outcome(False, Drop(detail), component, UNASKED, leg))

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                self.accepted.append(listener.accept()[0])
            except BlockingIOError:
                return

    @staticmethod
    def _echo(sock: socket.socket) -> None:
        while True:
            try:
                data, asked, _, peer = sock.recvmsg(64, 256)
            except BlockingIOError:
                return
            # Answer from the address that was asked, though another route leads back; and never an answer.
            if data == QUESTION:
                sock.sendmsg([b"!"], asked, 0, peer)

    def _answered(self, attempt: Attempt) -> None:
        assert attempt.sock is not None
        error = attempt.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise LabBroken(f"{attempt.flow}: errno {error}, but the lab only answers or keeps silent")
        self._finish(attempt, Outcome(True))

    def _finish(self, attempt: Attempt, outcome: Outcome | None) -> None:
        """The first thing known of a flow is final: its packets all look alike to every filter."""
        attempt.outcome = attempt.outcome or outcome
        if attempt.sock is not None:
            del self.open_attempts[attempt.sock.fileno()]
            self.poller.unregister(attempt.sock.fileno())
            attempt.sock.close()
            attempt.sock = None


def _add_wire(wires: Wires, attempt: Attempt, end: tuple[str, int], destination: str) -> None:
    flow = attempt.flow
    wires.setdefault((flow.protocol, *end, destination, flow.port), (attempt, "forward"))
    wires.setdefault((flow.protocol, destination, flow.port, *end), (attempt, "return"))


def _start(flow: Flow) -> socket.socket:
    kind = socket.AF_INET6 if ":" in flow.destination else socket.AF_INET
    sock = socket.socket(kind, socket.SOCK_STREAM if flow.protocol == "tcp" else socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((flow.address, flow.source_port))
    if flow.protocol == "tcp":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        sock.connect_ex((flow.destination, flow.port))
    else:
        sock.connect((flow.destination, flow.port))
        sock.send(QUESTION)
    return sock


def ask(documents: Documents, flows: list[Flow], seed: int = 0) -> list[Outcome]:
    """Build the account and try every flow. Raises LabBroken when a silence stays unexplained.

    What the first try leaves open, on a busy machine, is tried again in a new world: in the old one a second
    attempt would meet the remains of the first.
    """
    pins = choose_pins(flows, seed)
    answered = dict(zip(flows, _try(documents, flows, pins, FIRST_PATIENCE), strict=True))
    for _ in range(2):
        left = [flow for flow, outcome in answered.items() if outcome is None]
        if left:
            answered |= dict(zip(left, _try(documents, left, pins, LAST_PATIENCE), strict=True))
    outcomes = []
    for flow in flows:
        outcome = answered[flow]
        if outcome is None:
            raise LabBroken(f"no answer and no drop logged: {flow}")
        outcomes.append(outcome)
    return outcomes


def _try(
    documents: Documents, flows: list[Flow], pins: dict[Flow, Pin], patience: float
) -> list[Outcome | None]:
    v6 = uses_v6(documents)
    plan = compile_account(documents, pins.values())
    world = World()
    try:
        world.build(plan, v6=v6)
        prober = Prober(world, plan, pins)
        try:
            prober.open(v6=v6, udp=any(flow.protocol == "udp" for flow in flows))
            return prober.run(flows, patience)
        finally:
            prober.close()
    finally:
        world.close()

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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from tests.lab import nflog
from tests.lab.cloud import Documents
from tests.lab.compile import compile_account, uses_v6
from tests.lab.flow import CROSSED, INTERNET, TRANSLATED, Drop, Flow, Outcome
from tests.lab.kernel import LabBroken, World
from tests.lab.plan import Pin, Plan
from tests.lab.rules import LISTENER

# 8 is IP_PKTINFO of linux/in.h, which the socket module does not name before Python 3.14.
PACKET_INFO = ((socket.IPPROTO_IP, 8), (socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO))
QUESTION = b"?"
BURST = 32
CHUNK = 400
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
    """One flow under way."""

    number: int
    flow: Flow
    sock: socket.socket
    outcome: Outcome | None = None
    crossed: set[str] = field(default_factory=set)


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
        attempts: dict[int, Attempt] = {}
        ordered: list[Attempt] = []
        wires: dict[Wire, tuple[Attempt, str]] = {}
        by_source = sorted(range(len(flows)), key=lambda number: flows[number].source)
        since_look = 0
        for number in by_source:
            flow = flows[number]
            with self.world.inside(flow.source):
                sock = self._start(flow)
            attempt = Attempt(number, flow, sock)
            attempts[sock.fileno()] = attempt
            ordered.append(attempt)
            for wire, leg in self._wires(flow):
                wires[wire] = (attempt, leg)
            self.poller.register(sock.fileno(), select.EPOLLIN | select.EPOLLOUT | select.EPOLLERR)
            since_look += 1
            if since_look == BURST:
                self._look(attempts, wires, 0)
                since_look = 0
        deadline = time.monotonic() + patience
        while any(attempt.outcome is None for attempt in ordered) and time.monotonic() < deadline:
            self._look(attempts, wires, deadline - time.monotonic())
        for attempt in ordered:
            flow = attempt.flow
            ring = self.rings.get((flow.protocol, flow.destination, flow.port))
            self._finish(attempts, attempt, attempt.outcome or ring)
        self._look(attempts, wires, 0)
        self._hang_up()
        ordered.sort(key=lambda attempt: attempt.number)
        return [
            replace(attempt.outcome, crossed=tuple(sorted(attempt.crossed))) if attempt.outcome else None
            for attempt in ordered
        ]

    @staticmethod
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

    def _wires(self, flow: Flow) -> Iterator[tuple[Wire, str]]:
        """How packets of this flow look on either side of the gateways that rewrite them."""
        near = [(flow.address, flow.source_port)]
        if flow in self.pins:
            near += [(address, self.pins[flow].nat_port) for address in self.plan.nat_addresses]
        near += [
            (self.plan.public_addresses[one], port) for one, port in near if one in self.plan.public_addresses
        ]
        far = [flow.destination]
        far += [
            private for private, public in self.plan.public_addresses.items() if public == flow.destination
        ]
        for address, port in near:
            for destination in far:
                yield (flow.protocol, address, port, destination, flow.port), "forward"
                yield (flow.protocol, destination, flow.port, address, port), "return"

    def _look(
        self, attempts: dict[int, Attempt], wires: dict[Wire, tuple[Attempt, str]], patience: float
    ) -> None:
        for fd, _ in self.poller.poll(max(0.0, patience), 1024):
            if fd in self.logs:
                for dropped in nflog.read(self.logs[fd]):
                    self._logged(attempts, wires, dropped)
            elif fd in self.listeners:
                self._accept(self.listeners[fd])
            elif fd in self.echoes:
                self._echo(self.echoes[fd])
            elif fd in attempts:
                self._answered(attempts, attempts[fd])

    def _logged(
        self, attempts: dict[int, Attempt], wires: dict[Wire, tuple[Attempt, str]], dropped: nflog.Dropped
    ) -> None:
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
        elif kind != TRANSLATED:
            self._finish(attempts, attempt, Outcome(False, Drop(kind), component, detail, leg))
        elif leg == "return":
            # What a NAT gateway takes for a new conversation comes from an address that nobody asked.
            self._finish(attempts, attempt, Outcome(False, Drop.NAT_NO_FLOW, component, detail, leg))

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

    def _answered(self, attempts: dict[int, Attempt], attempt: Attempt) -> None:
        error = attempt.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise LabBroken(f"{attempt.flow}: errno {error}, but the lab only answers or keeps silent")
        if attempt.flow.protocol == "udp":
            self.poller.modify(attempt.sock.fileno(), select.EPOLLIN)
            try:
                attempt.sock.recv(64)
            except BlockingIOError:
                return
        self._finish(attempts, attempt, Outcome(True))

    def _finish(self, attempts: dict[int, Attempt], attempt: Attempt, outcome: Outcome | None) -> None:
        """The first thing known of a flow is final: its packets all look alike to every filter."""
        if attempt.outcome is None:
            attempt.outcome = outcome
        if attempts.pop(attempt.sock.fileno(), None):
            self.poller.unregister(attempt.sock.fileno())
            attempt.sock.close()


def ask(documents: Documents, flows: list[Flow], seed: int = 0) -> list[Outcome]:
    """Build the account and try every flow. Raises LabBroken when a silence stays unexplained."""
    v6 = uses_v6(documents)
    pins = choose_pins(flows, seed)
    plan = compile_account(documents, pins.values())
    world = World()
    try:
        world.build(plan, v6=v6)
        prober = Prober(world, plan, pins)
        try:
            prober.open(v6=v6, udp=any(flow.protocol == "udp" for flow in flows))
            outcomes = prober.run(flows, 0.4)
            unexplained = [number for number, outcome in enumerate(outcomes) if outcome is None]
            again = prober.run([flows[number] for number in unexplained], 2.5)
            for number, outcome in zip(unexplained, again, strict=True):
                if outcome is None:
                    raise LabBroken(f"no answer and no drop logged: {flows[number]}")
                outcomes[number] = outcome
        finally:
            prober.close()
    finally:
        world.close()
    return [outcome for outcome in outcomes if outcome is not None]

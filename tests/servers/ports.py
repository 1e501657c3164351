"""Free ports for servers that cannot choose their own, without a race.

    with ReservedPorts(3) as ports:
        start_server(ports.numbers)     # they bind and listen
        wait_until_it_answers()

Each port is held by a bound socket that does not listen. Linux then gives it to nobody who asks for any free
port (neither bind to 0 nor an outgoing connection), but lets a server that sets SO_REUSEADDR, as Java's and
ClickHouse's do, listen on it. Two test runs on one machine so never meet.
"""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self


class ReservedPorts:
    """`numbers` are ports of `host` that nobody else can be given until the block is left."""

    def __init__(self, count: int, host: str = "127.0.0.1") -> None:
        self._held: list[socket.socket] = []
        for _ in range(count):
            held = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind((host, 0))
            self._held.append(held)
        self.numbers: list[int] = [held.getsockname()[1] for held in self._held]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for held in self._held:
            held.close()

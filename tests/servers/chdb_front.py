"""Today's ClickHouse (the chdb engine) behind HTTPS on a free loopback port, as clickhouse-connect wants it.

    with ChdbFront() as server:                     # ChdbFront(certificates, leaf=..., waking_s=5, tls=False)
        server.url                                  # "https://127.0.0.1:40123"
        server.host, server.port
        server.users                                # name -> password
        server.certificates.authority.certificate   # what a client has to trust

In a test, take the session fixture `chdb_server`. `statements` make other tables than those below. `waking_s`
makes it an idle service: the first request (and those that come meanwhile) is held that long, later ones are
answered at once.

Users: default (no password), admin, sink; all may do everything. Databases: `orders` with the tables
`events` and `lines`, and `empty`. Wrong login: 403 and code 516; unknown database: 404 and 81; unknown
table: 404 and 60; `/ping`. Binary inserts are not taken (501 and code 48).
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.certificates import Certificates, Leaf
from tests.servers.process import Process

START_S = 30.0
USERS = {"default": "", "admin": "admin-secret", "sink": "sink-secret"}
STATEMENTS = (
    "CREATE DATABASE orders",
    "CREATE DATABASE empty",
    "CREATE TABLE orders.events (day Date, id UInt64, body String) ENGINE = MergeTree ORDER BY id",
    "CREATE TABLE orders.lines (id UInt64, price Float64) ENGINE = MergeTree ORDER BY id",
)


class ChdbFront:
    """Starts on entering the block, and takes `start_seconds`. See the module's docstring."""

    def __init__(
        self,
        certificates: Certificates | None = None,
        *,
        leaf: Leaf | None = None,
        waking_s: float = 0.0,
        tls: bool = True,
        host: str = "127.0.0.1",
        port: int = 0,
        statements: Sequence[str] = STATEMENTS,
    ) -> None:
        self.host = host
        self.port = port
        self.users = dict(USERS)
        self.start_seconds = 0.0
        self._scheme = "https" if tls else "http"
        self._waking_s = waking_s
        self._statements = list(statements)
        self._cleanup = contextlib.ExitStack()
        self._folder = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="chdb-")))
        self.certificates = certificates or Certificates(self._folder)
        self._leaf = (leaf or self.certificates.good) if tls else None
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self.host}:{self.port}"

    def __enter__(self) -> Self:
        began = time.monotonic()
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        self.start_seconds = time.monotonic() - began
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the server and remove all that it wrote."""
        if self._process is not None:
            self._process.kill()
        self._cleanup.close()

    def _start(self) -> None:
        settings, port_file = self._folder / "settings.json", self._folder / "port"
        settings.write_text(
            json.dumps(
                {
                    "statements": self._statements,
                    "users": self.users,
                    "waking_s": self._waking_s,
                    "certificate": self._leaf and str(self._leaf.certificate),
                    "key": self._leaf and str(self._leaf.key),
                    "address": [self.host, self.port],
                    "port_file": str(port_file),
                }
            )
        )
        engine = Path(__file__).with_name("chdb_engine.py")
        self._process = Process(
            [sys.executable, str(engine), str(settings)],
            self._folder / "server.log",
            # The engine keeps its tables there, and would not remove them when killed.
            environment={"TMPDIR": str(self._folder)},
        )
        # Its socket listens before the file is there, and asking would wake it.
        self._process.wait_until(port_file.exists, START_S)
        self.port = int(port_file.read_text())

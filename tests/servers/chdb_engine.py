"""Behind chdb_front.py: the ClickHouse engine of today (chdb) with ClickHouse's HTTP interface in front.

Run by ChdbFront as a process of its own, since the engine's threads and memory should not be the tests'.
Reads its settings as JSON from the file given as its only argument, and writes the port it got to
`port_file` when it listens.

Only the wire is ours: statuses, headers and error codes as ClickHouse's HTTPHandler gives them. The SQL, its
results and its error messages are the engine's.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import re
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chdb import session

# src/Server/HTTP/exceptionCodeToHTTPStatus.cpp: what is not named there is 500.
STATUSES = (
    (403, {192, 193, 516}),
    (404, {46, 47, 50, 56, 60, 73, 81, 115}),
    (400, {6, 26, 27, 36, 38, 41, 42, 43, 44, 53, 62, 69, 70, 72}),
    (501, {48}),
)


class Engine:
    """One in-memory database server's worth of SQL. The engine takes one statement at a time."""

    def __init__(self, statements: list[str]) -> None:
        new_session: Any = session.Session  # chdb has no annotations
        self._session = new_session()
        self._lock = threading.Lock()
        for statement in statements:
            self._session.query(statement)

    def query(self, sql: str, database: str, output_format: str) -> bytes:
        """Run one statement; RuntimeError carries ClickHouse's own message."""
        with self._lock:
            self._session.query(f"USE `{database}`")
            result = self._session.query(sql, output_format)
            return b"" if result is None else bytes(result.bytes() or b"")


class Waking:
    """A service that slept: the first request waits `seconds`, and so do all others until then."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._awake = threading.Event()
        self._asked = threading.Lock()
        if not seconds:
            self._awake.set()

    def wait(self) -> None:
        if self._asked.acquire(blocking=False):
            threading.Timer(self._seconds, self._awake.set).start()
        self._awake.wait()


class Refused(Exception):
    """A ClickHouse error of the front itself."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {text}")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body in one segment, without waiting for the client's acknowledgement of the first.
    wbufsize = -1
    disable_nagle_algorithm = True
    engine: Engine
    users: dict[str, str]
    waking: Waking
    engine_version: str

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""

    def _serve(self) -> None:
        body = self._body()
        self.waking.wait()
        url = urlsplit(self.path)
        match url.path:
            case "/ping" | "/replicas_status":
                self._answer(200, b"Ok.\n")
            case "/":
                self._query({name: values[-1] for name, values in parse_qs(url.query, True).items()}, body)
            case _:
                hint = f"There is no handle {url.path}\n\nUse / or /ping for health checks.\n"
                self._answer(404, hint.encode())

    def _query(self, parameters: dict[str, str], body: bytes) -> None:
        wanted = self.headers.get("X-ClickHouse-Format") or parameters.get("default_format") or "TabSeparated"
        database = self.headers.get("X-ClickHouse-Database") or parameters.get("database") or "default"
        try:
            self._log_in(parameters)
            sql = "\n".join(part for part in (parameters.get("query", ""), _text(body)) if part)
            data = self.engine.query(sql, database, wanted)
        except (Refused, RuntimeError) as error:
            self._refuse(str(error))
        else:
            self._answer(200, data, ("X-ClickHouse-Format", wanted), ("X-ClickHouse-Timezone", "UTC"))

    def _log_in(self, parameters: dict[str, str]) -> None:
        user = self.headers.get("X-ClickHouse-User") or parameters.get("user", "default")
        password = self.headers.get("X-ClickHouse-Key") or parameters.get("password", "")
        scheme, _, login = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            user, _, password = base64.b64decode(login).decode().partition(":")
        known = self.users.get(user)
        if known is None or not hmac.compare_digest(known.encode(), password.encode()):
            raise Refused(
                516,
                f"{user}: Authentication failed: password is incorrect, or there is no user with such name."
                " (AUTHENTICATION_FAILED)",
            )

    def _refuse(self, message: str) -> None:
        found = re.match(r"Code: (\d+)", message)
        code = int(found[1]) if found else 1001
        status = next((status for status, codes in STATUSES if code in codes), 500)
        text = f"{message.strip()} (version {self.engine_version} (official build))\n"
        self._answer(status, text.encode(), ("X-ClickHouse-Exception-Code", str(code)))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-ClickHouse-Server-Display-Name", "chdb")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Does each TLS handshake in the connection's own thread, so that a silent client holds up nobody."""

    daemon_threads = True
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(60)
        # A client that leaves, or that refuses our certificate, is a test doing its work.
        with contextlib.suppress(OSError):
            if self.tls is None:
                super().finish_request(request, client_address)
                return
            with self.tls.wrap_socket(request, server_side=True) as connection:
                super().finish_request(connection, client_address)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Refused(48, "This front takes statements as text only. (NOT_IMPLEMENTED)") from error


def main(settings: dict[str, Any]) -> None:
    engine = Engine(settings["statements"])
    Handler.engine = engine
    Handler.engine_version = engine.query("SELECT version()", "default", "TabSeparated").decode().strip()
    Handler.users = settings["users"]
    Handler.waking = Waking(settings["waking_s"])
    server = Server(tuple(settings["address"]), Handler)
    if settings["certificate"]:
        server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.tls.load_cert_chain(settings["certificate"], settings["key"])
    port_file = Path(settings["port_file"])
    # Renamed, so that a reader never sees half a number.
    port_file.with_suffix(".part").write_text(str(server.server_address[1]))
    port_file.with_suffix(".part").rename(port_file)
    server.serve_forever()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))

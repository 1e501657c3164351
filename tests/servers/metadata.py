"""The metadata services of EC2 and ECS on loopback, and ClickHouse Cloud's API: plain HTTP by a table.

    with Pages({("GET", "/v1/organizations"): (200, "...")}) as pages:
        pages.url, pages.seen            # what was asked: (method, path, headers)

Never the real ones: nothing here goes to a link-local address.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

Page = tuple[int, str]
SILENT: Page = (0, "")


class Pages:
    """A server with these pages; any other is 404. A status of 0: the connection stays open, unanswered."""

    def __init__(self, pages: Mapping[tuple[str, str], Page]) -> None:
        self.pages = pages
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self._closing = threading.Event()
        own = self

        class Handler(BaseHTTPRequestHandler):
            def serve(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                own.seen.append((self.command, self.path, headers))
                status, body = own.pages.get((self.command, self.path), (404, ""))
                if not status:
                    own._closing.wait(10)
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = serve

            def log_message(self, format: str, *args: object) -> None:
                """Stay silent: what was asked is in `seen`."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

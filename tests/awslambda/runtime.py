"""Lambda on this machine: its runtime API, and the function's own process with AWS's runtime client.

    with Function("netcheck.awslambda.handler", environment) as function:
        answer = function.invoke({"connector": "orders-sink"}, seconds=30)

The process is `python -m awslambdaric HANDLER`, as AWS starts it in a container image; the API is that of
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. As in Lambda, an invocation that is not done
in its time ends with the process killed.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
ARN = "arn:aws:lambda:eu-west-1:111122223333:function:netcheck"
PATIENCE_S = 60.0
LATE_S = 20.0
"""How much later than Lambda this runtime ends an invocation: it measures the function, not the machine."""
LAMBDA_LIMIT = 6_291_556
"""Lambda's limit for a response, in bytes (Lambda developer guide, quotas)."""


@dataclass(frozen=True, slots=True)
class Invocation:
    id: str
    event: bytes
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an invocation. `error` is Lambda's error document, None if the handler returned."""

    value: Any
    error: dict[str, Any] | None
    seconds: float
    size: int
    request: str


class TimedOut(Exception):
    """The invocation timed out; the process was killed."""


class Function:
    """One container of a function."""

    def __init__(
        self,
        handler: str,
        environment: Mapping[str, str],
        *,
        cwd: Path = ROOT,
        python: Sequence[str] = (sys.executable,),
    ) -> None:
        self._handler = handler
        self._environment = environment
        self._cwd = cwd
        self._python = python
        self._invocations: queue.SimpleQueue[Invocation] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[str, str, bytes]] = queue.SimpleQueue()
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self._output = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [*self._python, "-m", "awslambdaric", self._handler],
            cwd=self._cwd,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=function_environment() | dict(self._environment) | {"AWS_LAMBDA_RUNTIME_API": self._api()},
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE_S)
        self._output.close()

    def _api(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def start(self, event: Any, *, seconds: float = 30.0) -> str:
        """Start an invocation with a timeout, and return its request id."""
        request = str(uuid.uuid4())
        deadline_ms = int((time.time() + seconds) * 1000)
        self._invocations.put(Invocation(request, json.dumps(event).encode(), deadline_ms))
        return request

    def invoke(self, event: Any, *, seconds: float = 30.0, late: float = LATE_S) -> Outcome:
        """Invoke and wait. Raises TimedOut as Lambda would, `late` seconds later, and SystemError when the
        process ends.
        """
        began = time.monotonic()
        request = self.start(event, seconds=seconds)
        while True:
            try:
                kind, answered, body = self._answers.get(timeout=0.1)
                break
            except queue.Empty:
                pass
            if self.process.poll() is not None:
                raise SystemError(f"the function ended by itself: {self.log()[-2000:]}")
            if time.monotonic() - began > seconds + late:
                self.process.kill()
                raise TimedOut(self.log()[-2000:])
        assert kind == "init" or answered == request
        spent = time.monotonic() - began
        value = json.loads(body)
        error = None if kind == "response" else value
        return Outcome(value if error is None else None, error, spent, len(body), request)

    def log(self) -> str:
        """Everything that the function has written."""
        return os.pread(self._output.fileno(), 1 << 24, 0).decode()

    def lines(self) -> list[dict[str, Any]]:
        """The lines of its log that are JSON."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]

    def resident_kb(self) -> int:
        """The process's resident memory (proc(5), statm)."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 1024

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def files(self) -> list[str]:
        """The targets of its open file descriptors."""
        links = Path(f"/proc/{self.process.pid}/fd").iterdir()
        return sorted(str(link.readlink()) for link in links if link.is_symlink())

    def next(self) -> Invocation | None:
        """The next invocation; None after the last."""
        while not self._closing.is_set():
            try:
                return self._invocations.get(timeout=0.05)
            except queue.Empty:
                continue
        return None

    def answered(self, kind: str, request: str, body: bytes) -> None:
        self._answers.put((kind, request, body))


def function_environment() -> dict[str, str]:
    """The environment of every function, and of ours only what Python needs."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_LAMBDA_FUNCTION_NAME": "netcheck",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/netcheck",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/11/[$LATEST]0123456789abcdef",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent/config",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, function: Function) -> None:
        self.function = function
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A function that is killed closes its connection."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""

    def do_GET(self) -> None:
        assert self.path == "/2018-06-01/runtime/invocation/next", self.path
        invocation = self.server.function.next()
        if invocation is None:
            self.close_connection = True
            return
        self._reply(
            200,
            invocation.event,
            {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": invocation.id,
                "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
                "Lambda-Runtime-Invoked-Function-Arn": ARN,
                "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
            },
        )

    def do_POST(self) -> None:
        body = self._body()
        *_, request, kind = self.path.split("/")
        if kind == "response" and len(body) > LAMBDA_LIMIT:
            self._reply(413, b'{"errorType": "RequestEntityTooLarge", "errorMessage": "too large"}')
            kind, body = "error", b'{"errorType": "Function.ResponseSizeTooLarge"}'
        else:
            self._reply(202, b'{"status": "OK"}')
        self.server.function.answered("init" if request == "init" else kind, request, body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response_only(status)
        for name, value in ({"Content-Length": str(len(body))} | dict(headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

"""AWS's API on a free loopback port: real boto3, and netcheck as a subprocess, call it as they call AWS.

    world = World(read_folder(folder), {"kafka": {"ListNodes": {"NodeInfoList": [...]}}}, page_size=2)
    with AwsEndpoint(world) as aws:
        aws.client("ec2").describe_vpcs()
        subprocess.run([...], env=os.environ | aws.environment())     # or monkeypatch.setenv each of them
        aws.deny("ec2", "DescribeVpcs")                               # the service's own kind of denial
        aws.fail("ec2", "DescribeVpcs", throttled(), times=2)         # then fine; after=1: the second page
        aws.fail("*", "*", slow(30) | dropped() | html_page() | expired_token() | clock_off(minutes=47) ...)
        aws.calls                                             # Call(service, operation, region, params)

Wire formats are aws_wire's, answers aws_world's. Leaving the block raises FixtureError if a call could not be
answered because the test's own data is wrong or missing: such a call must not pass for a fault of AWS.
"""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import socket
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

from tests.servers.aws_wire import Call, NotOurs, Reply, Request, answer, error, read_request
from tests.servers.aws_world import AwsError, FixtureError, World
from tests.servers.certificates import Leaf

REGION = "eu-west-1"
PATIENCE_S = 60.0
_DENIAL = {
    "ec2": ("UnauthorizedOperation", 403),
    "query": ("AccessDenied", 403),
    "rest-xml": ("AccessDenied", 403),
    "json": ("AccessDeniedException", 400),
    "rest-json": ("AccessDeniedException", 403),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with a call. `error` None and no `reply`: only what else is said here."""

    error: AwsError | None = None
    reply: Reply | None = None
    denied: bool = False
    delay: float = 0.0
    drop: bool = False
    clock: datetime.timedelta = datetime.timedelta()


def aws_error(code: str, message: str = "", status: int = 400) -> Fault:
    """Any error of AWS's, by its code."""
    return Fault(AwsError(code, message, status))


def throttled() -> Fault:
    """EC2's way of saying: slower."""
    return aws_error("RequestLimitExceeded", "Request limit exceeded.", 503)


def expired_token() -> Fault:
    """A session token past its end."""
    return aws_error("ExpiredToken", "The security token included in the request is expired", 403)


def clock_off(minutes: int) -> Fault:
    """AWS's clock is that many minutes ahead of ours, so that it refuses the signature."""
    refusal = AwsError("RequestExpired", "Request has expired.", 400)
    return Fault(refusal, clock=datetime.timedelta(minutes=minutes))


def html_page(status: int = 200, body: bytes = b"<html><body>Please sign in<br></body></html>") -> Fault:
    """A captive portal or proxy answers in AWS's place."""
    return Fault(reply=Reply(status, {"Content-Type": "text/html"}, body))


def dropped() -> Fault:
    """The connection closes without an answer."""
    return Fault(drop=True)


def slow(seconds: float) -> Fault:
    """The right answer, late."""
    return Fault(delay=seconds)


@dataclass(slots=True)
class _Injected:
    service: str
    operation: str
    fault: Fault
    after: int
    times: float

    def fits(self, call: Call) -> bool:
        return self.service in ("*", call.service) and self.operation in ("*", call.operation)


class AwsEndpoint:
    """The service. `tls` is a certificate to serve, `latency` seconds that every answer takes.

    Attributes: url, calls, wrong (what the test's own data could not answer).
    """

    def __init__(self, world: World, *, tls: Leaf | None = None, latency: float = 0.0) -> None:
        self.world = world
        self.calls: list[Call] = []
        self.wrong: list[str] = []
        self.latency = latency
        self._tls = tls
        self._faults: list[_Injected] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = _Server(self, tls)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join(PATIENCE_S)
        if self.wrong and kind is None:
            raise FixtureError("; ".join(dict.fromkeys(self.wrong)))

    def fail(
        self, service: str, operation: str, fault: Fault, *, times: float = float("inf"), after: int = 0
    ) -> None:
        """From the call after `after` fitting ones, let `times` of them go wrong. "*" fits everything."""
        with self._lock:
            self._faults.append(_Injected(service, operation, fault, after, times))

    def deny(self, service: str, operation: str) -> None:
        """Refuse an operation, with the code and status this service refuses with."""
        self.fail(service, operation, Fault(denied=True))

    def mend(self) -> None:
        """Forget all faults, and the calls so far."""
        with self._lock:
            self._faults.clear()
            self.calls.clear()

    def count(self) -> Counter[str]:
        """How often each operation was called."""
        with self._lock:
            return Counter(call.operation for call in self.calls)

    def environment(self) -> dict[str, str]:
        """The variables that lead boto3 here, and nowhere else."""
        bundle = {"AWS_CA_BUNDLE": str(self._tls.certificate)} if self._tls else {}
        return leading_to(self.url) | bundle

    def client(self, service: str, **config: Any) -> Any:
        """A boto3 client that calls this endpoint, whatever the environment says."""
        variables = self.environment()
        session: Any = boto3.Session(
            variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"], region_name=REGION
        )
        return session.client(
            service,
            endpoint_url=self.url,
            verify=variables.get("AWS_CA_BUNDLE"),
            config=Config(proxies={}, retries={"total_max_attempts": 1}, **config),
        )

    def respond(self, request: Request) -> tuple[Reply | None, datetime.timedelta]:
        """The answer to one request, None to hang up; and how far our clock is off."""
        try:
            protocol, call = read_request(request)
        except NotOurs as unread:
            return self._fixture(str(unread)), datetime.timedelta()
        with self._lock:
            self.calls.append(call)
            fault = self._due(call)
        self._closing.wait(self.latency + fault.delay)
        return self._answered(protocol, call, fault), fault.clock

    def _due(self, call: Call) -> Fault:
        for injected in self._faults:
            if not injected.fits(call):
                continue
            if injected.after > 0:
                injected.after -= 1
            elif injected.times > 0:
                injected.times -= 1
                return injected.fault
        return Fault()

    def _answered(self, protocol: str, call: Call, fault: Fault) -> Reply | None:
        if fault.drop:
            return None
        if fault.reply:
            return fault.reply
        try:
            if fault.denied:
                raise _denial(protocol, call)
            if fault.error:
                raise fault.error
            return answer(protocol, call, self.world.answer(call))
        except AwsError as refused:
            return error(protocol, call, refused.code, refused.message, refused.status)
        except FixtureError as wrong:
            return self._fixture(str(wrong))

    def _fixture(self, wrong: str) -> Reply:
        self.wrong.append(wrong)
        return Reply(501, {"Content-Type": "text/plain"}, wrong.encode())


def _denial(protocol: str, call: Call) -> AwsError:
    code, status = _DENIAL[protocol]
    action = f"{call.service}:{call.operation}"
    return AwsError(
        code,
        "You are not authorized to perform this operation. User: arn:aws:iam::111122223333:user/netcheck is "
        f"not authorized to perform: {action} because no identity-based policy allows the {action} action",
        status,
    )


def leading_to(url: str) -> dict[str, str]:
    """The environment variables that lead boto3 to this endpoint, with credentials and Region."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent/config",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
        "NO_PROXY": "127.0.0.1",
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that server_close joins them
    request_queue_size = 128

    def __init__(self, endpoint: AwsEndpoint, tls: Leaf | None) -> None:
        self.endpoint = endpoint
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls is not None:
            context = tls.server_context()
            # The handshake is done by the first read, in the connection's own thread.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A client that goes away, or does not trust us, is a test's business; anything else is our bug."""
        if not isinstance(sys.exc_info()[1], OSError):
            self.endpoint.wrong.append(f"the endpoint itself failed: {sys.exc_info()[1]!r}")


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # One write an answer and no Nagle: two small writes cost 40 ms of delayed acknowledgement each.
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent: calls are in AwsEndpoint.calls."""

    def handle_expect_100(self) -> bool:
        """S3's clients wait for this before they send a body; else it would lie in the buffer."""
        go_on = super().handle_expect_100()
        self.wfile.flush()
        return go_on

    def serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        reply, clock = self.server.endpoint.respond(Request(self.command, self.path, self.headers, body))
        if reply is None:
            self.close_connection = True
            return
        self.send_response_only(reply.status)
        moment = datetime.datetime.now(datetime.UTC) + clock
        given = {"Date": email.utils.format_datetime(moment, usegmt=True), **reply.headers}
        for name, value in ({"Content-Length": str(len(reply.body))} | given).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do_PATCH = serve

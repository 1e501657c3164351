"""ClickHouse over HTTP: against 18.16, against today's engine, and against what is put in front of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from netcheck.core import codec
from netcheck.core.context import Deadline
from netcheck.core.credentials import ClickHouseLogin, Trust
from netcheck.core.model import Cause
from netcheck.core.secret import Secret
from netcheck.probe.clickhouse import https
from netcheck.probe.clickhouse.https import ClickHouseLookUp
from netcheck.probe.clickhouse.tables import Tables
from netcheck.probe.http.client import HttpAnswer
from tests.bounds import LONG, STEP, ends_within
from tests.servers import peers
from tests.servers.certificates import Certificates
from tests.servers.chdb_front import ChdbFront
from tests.servers.clickhouse import ClickHouse
from tests.servers.peers import Conversation, Peer

CANARY = "canary-9b61f0aa72"


@pytest.fixture(scope="module")
def trust(certificates: Certificates) -> Trust:
    return Trust(str(certificates.authority.certificate))


def ping(peer: Peer, tls: bool = False, seconds: float = STEP) -> HttpAnswer:
    return https.ping(Deadline(seconds), peer.host, peer.port, "localhost", tls, Trust())


def login(user: str = "sink", password: str = "sink-secret", database: str = "orders") -> ClickHouseLogin:
    return ClickHouseLogin(user, Secret(password), database)


def look_up(peer: Peer, seconds: float = STEP) -> ClickHouseLookUp:
    given = login(password=CANARY)
    return https.look_up(Deadline(seconds), peer.host, peer.port, "localhost", False, Trust(), given)


# /ping

PORTS = [
    ("HTTPS to the HTTPS port", "https", True, None),
    ("HTTP to the HTTP port", "http", False, None),
    ("HTTP to the HTTPS port", "https", False, Cause.PLAINTEXT_ON_TLS_PORT),
    ("HTTPS to the HTTP port", "http", True, Cause.TLS_NOT_SUPPORTED),
    ("HTTPS to the native TLS port", "native_tls", True, Cause.CLICKHOUSE_NATIVE_PORT),
    ("HTTP to the native port", "native", False, Cause.CLICKHOUSE_NATIVE_PORT),
    ("HTTP to the native TLS port", "native_tls", False, Cause.PLAINTEXT_ON_TLS_PORT),
    ("HTTPS to the native port", "native", True, Cause.TLS_NOT_SUPPORTED),
]


@pytest.mark.parametrize("sentence, port, tls, cause", PORTS)
def test_ping_to_each_port_of_a_real_server(
    clickhouse_server: ClickHouse, trust: Trust, sentence: str, port: str, tls: bool, cause: Cause | None
) -> None:
    number = getattr(clickhouse_server, port)
    answer = https.ping(Deadline(LONG), clickhouse_server.host, number, "localhost", tls, trust)
    assert answer.cause is cause, (sentence, answer)
    assert codec.decode(HttpAnswer, codec.encode(answer)) == answer


def page(status: str, body: bytes = b"<html>hello</html>", **headers: str) -> Callable[[], Peer]:
    return lambda: peers.http(
        status, body, {name.replace("_", "-"): value for name, value in headers.items()}
    )


THROWN = b"Code: 159. DB::Exception: Timeout exceeded. (TIMEOUT_EXCEEDED)"
IN_FRONT: list[tuple[str, Callable[[], Peer], Cause]] = [
    ("a captive portal", peers.captive_portal, Cause.HTTP_REDIRECTED),
    ("a redirect without a place", page("301 Moved"), Cause.HTTP_REDIRECTED),
    ("a balancer without a backend", peers.load_balancer_503, Cause.HTTP_LOAD_BALANCER),
    ("a bad gateway", page("502 Bad Gateway"), Cause.HTTP_LOAD_BALANCER),
    ("a gateway that gave up", page("504 Gateway Timeout"), Cause.HTTP_LOAD_BALANCER),
    ("another web server", page("200 OK"), Cause.CLICKHOUSE_NOT_CLICKHOUSE),
    ("another web server's 404", page("404 Not Found"), Cause.CLICKHOUSE_NOT_CLICKHOUSE),
    ("a page that contains Ok.", page("200 OK", b"All is Ok."), Cause.CLICKHOUSE_NOT_CLICKHOUSE),
    ("an empty answer", page("204 No Content", b""), Cause.CLICKHOUSE_NOT_CLICKHOUSE),
    ("a proxy that wants a login", page("407 Proxy Authentication Required"), Cause.HTTP_ERROR),
    ("a refusal by another server", page("403 Forbidden"), Cause.HTTP_ERROR),
    ("an error of another server", page("500 Internal Server Error"), Cause.HTTP_ERROR),
    ("an exception", page("500 Internal Server Error", THROWN), Cause.CLICKHOUSE_EXCEPTION),
    (
        "an exception by its header",
        page("500 Error", b"", X_ClickHouse_Exception_Code="159"),
        Cause.CLICKHOUSE_EXCEPTION,
    ),
    (
        "a refusal of ClickHouse's",
        page("403 Forbidden", b"", X_ClickHouse_Timezone="UTC"),
        Cause.CLICKHOUSE_AUTH,
    ),
    (
        "nginx that wants HTTPS",
        page("400 Bad Request", b"<html>The plain HTTP request was sent to HTTPS port</html>"),
        Cause.PLAINTEXT_ON_TLS_PORT,
    ),
    (
        "a Go server that wants HTTPS",
        page("400 Bad Request", b"Client sent an HTTP request to an HTTPS server."),
        Cause.PLAINTEXT_ON_TLS_PORT,
    ),
    ("a bad request to another server", page("400 Bad Request"), Cause.HTTP_ERROR),
    (
        "a page about HTTPS ports",
        page("200 OK", b"<html>The plain HTTP request was sent to HTTPS port</html>"),
        Cause.CLICKHOUSE_NOT_CLICKHOUSE,
    ),
    ("a 404 of ClickHouse's", page("404 Not Found", b"", X_ClickHouse_Timezone="UTC"), Cause.HTTP_ERROR),
    ("silence", peers.silent, Cause.HTTP_SILENT),
    ("a hang-up", peers.closes_after_first_bytes, Cause.CONNECTION_CLOSED),
    ("an SSH server", peers.ssh_banner, Cause.WRONG_PROTOCOL),
    ("half an answer", peers.drips_http, Cause.HTTP_SILENT),
    ("nothing listens", peers.refused, Cause.CONNECTION_REFUSED),
]


@pytest.mark.parametrize("sentence, make, cause", IN_FRONT, ids=[row[0] for row in IN_FRONT])
def test_what_answers_instead_has_its_cause_in_time(
    sentence: str, make: Callable[[], Peer], cause: Cause
) -> None:
    with make() as peer, ends_within(2 * STEP):
        answer, looked = ping(peer), look_up(peer)
    assert (answer.cause, looked.cause) == (cause, cause), (sentence, answer, looked)
    assert looked.version is None


def test_a_reset_after_the_client_hello_is_an_access_list(trust: Trust) -> None:
    with peers.resets_after_first_bytes() as peer:
        answer = https.ping(Deadline(STEP), peer.host, peer.port, "localhost", True, trust)
    assert answer.cause is Cause.TLS_RESET_AFTER_CLIENT_HELLO


def test_a_service_that_wakes_up_slowly_is_distinguished_from_one_that_is_awake() -> None:
    with peers.http("200 OK", b"Ok.\n", delay_s=https.SLOW_WAKE + 0.1) as peer:
        slow = ping(peer, seconds=LONG)
    with peers.http("200 OK", b"Ok.\n", delay_s=0.3) as peer:
        awake = ping(peer, seconds=LONG)
    assert (slow.cause, awake.cause) == (Cause.CLICKHOUSE_SLOW_WAKE, None)
    assert slow.first_byte is not None
    assert slow.first_byte > https.SLOW_WAKE


# The look-ups.

OLD = [
    ("an old server", login(), Cause.CLICKHOUSE_TOO_OLD, None),
    ("a wrong password", login(password=CANARY), Cause.CLICKHOUSE_AUTH, 193),
    ("an unknown user", login(user="nobody"), Cause.CLICKHOUSE_AUTH, 192),
    ("no password", login(password=""), Cause.CLICKHOUSE_AUTH, 194),
    ("a user of other addresses", login("remote", "remote-secret"), Cause.CLICKHOUSE_AUTH, None),
    ("an unknown database", login(database="nowhere"), Cause.CLICKHOUSE_NO_DATABASE, 81),
]


@pytest.mark.parametrize("sentence, given, cause, code", OLD)
@pytest.mark.parametrize("tls", [True, False])
def test_looking_up_in_18_16(
    clickhouse_server: ClickHouse,
    trust: Trust,
    tls: bool,
    sentence: str,
    given: ClickHouseLogin,
    cause: Cause,
    code: int | None,
) -> None:
    port = clickhouse_server.https if tls else clickhouse_server.http
    seen = https.look_up(Deadline(LONG), clickhouse_server.host, port, "localhost", tls, trust, given)
    assert seen.cause is cause, (sentence, seen)
    assert code in (None, seen.code)
    assert CANARY not in repr(seen)
    assert seen.version == ("18.16.1" if cause is Cause.CLICKHOUSE_TOO_OLD else None)


TODAY = [
    ("everything is there", login(), None, None),
    ("a wrong password", login(password=CANARY), Cause.CLICKHOUSE_AUTH, 516),
    ("an unknown user", login(user="nobody"), Cause.CLICKHOUSE_AUTH, 516),
    ("an unknown database", login(database="nowhere"), Cause.CLICKHOUSE_NO_DATABASE, 81),
    ("a database without tables", login(database="empty"), Cause.CLICKHOUSE_NO_TABLES, None),
]


@pytest.mark.parametrize("sentence, given, cause, code", TODAY)
def test_looking_up_in_todays_engine(
    chdb_server: ChdbFront,
    trust: Trust,
    sentence: str,
    given: ClickHouseLogin,
    cause: Cause | None,
    code: int | None,
) -> None:
    seen = https.look_up(Deadline(LONG), chdb_server.host, chdb_server.port, "localhost", True, trust, given)
    assert (seen.cause, seen.code) == (cause, code), (sentence, seen)
    assert CANARY not in repr(seen)
    assert codec.decode(ClickHouseLookUp, codec.encode(seen)) == seen
    if cause is None:
        assert (seen.tables, seen.table_names) == (2, ("events", "lines"))
        assert seen.databases is not None
        assert seen.databases >= 3


def test_a_proxy_of_the_environment_is_not_asked(
    chdb_server: ChdbFront, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    with peers.http() as proxy:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        host, port = chdb_server.host, chdb_server.port
        seen = https.look_up(Deadline(LONG), host, port, "localhost", True, trust, login())
        assert (seen.cause, proxy.connections) == (None, 0)


@pytest.mark.parametrize("kind", ["expired", "self_signed", "wrong_host"])
def test_a_password_is_not_sent_over_tls_that_cannot_be_verified(
    certificates: Certificates, trust: Trust, kind: str
) -> None:
    with peers.http(tls=getattr(certificates, kind).server_context()) as peer:
        given = login(password=CANARY)
        seen = https.look_up(Deadline(STEP), peer.host, peer.port, "localhost", True, trust, given)
        assert str(seen.cause).startswith("tls_")
        assert peer.received == b""


# Servers that answer the first question well, and then turn nasty: the look for tables is behind a wall.


def _ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nX-ClickHouse-Timezone: UTC\r\nContent-Length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )


def nasty(then: Callable[[Conversation], None]) -> Peer:
    """Says it is 24.8, and from the second connection on does `then`."""

    def serve(conversation: Conversation) -> None:
        first = conversation.receive()
        if b"GET /?database" in first:
            conversation.send(_ok(b"24.8.1.1\n"))
            conversation.linger()
        elif first:
            then(conversation)

    return Peer(serve)


LATER: list[tuple[str, Callable[[Conversation], None], Cause]] = [
    ("is silent", Conversation.hold, Cause.HTTP_SILENT),
    ("hangs up", lambda _: None, Cause.CONNECTION_CLOSED),
    ("resets", Conversation.reset, Cause.CONNECTION_RESET),
    ("drips", lambda conversation: conversation.drip(_ok(bytes(500)), 0.05), Cause.HTTP_SILENT),
    ("sends zeros", lambda conversation: conversation.send(_ok(bytes(500))), Cause.CLICKHOUSE_MALFORMED),
    ("sends other text", lambda conversation: conversation.send(_ok(b"hello\n")), Cause.CLICKHOUSE_MALFORMED),
    (
        "sends 5 MiB",
        lambda conversation: conversation.send(_ok(b"x" * (5 << 20))),
        Cause.CLICKHOUSE_MALFORMED,
    ),
    (
        "throws",
        lambda conversation: conversation.send(
            b"HTTP/1.1 500 Error\r\nX-ClickHouse-Exception-Code: 241\r\nContent-Length: 42\r\n\r\n"
            b"Code: 241. DB::Exception: Memory limit...."
        ),
        Cause.CLICKHOUSE_EXCEPTION,
    ),
]


@pytest.mark.parametrize("sentence, then, cause", LATER, ids=[row[0] for row in LATER])
def test_a_server_that_turns_nasty_does_not_get_through_the_wall(
    sentence: str, then: Callable[[Conversation], None], cause: Cause
) -> None:
    with nasty(then) as peer, ends_within(STEP):
        seen = look_up(peer)
    assert seen.cause is cause, (sentence, seen)
    assert seen.version == "24.8.1.1"
    assert seen.tables is None


@pytest.mark.parametrize(
    ("tables", "cause"),
    [
        (Tables(0, (), 3, database_visible=False), Cause.CLICKHOUSE_NO_DATABASE),
        (Tables(0, (), 3, database_visible=True), Cause.CLICKHOUSE_NO_TABLES),
        (Tables(1, ("events",), 3, database_visible=True), None),
    ],
)
def test_a_database_that_the_user_does_not_see_is_distinguished_from_one_without_tables(
    tables: Tables, cause: Cause | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https, "look", lambda *_: tables)
    with nasty(lambda _: None) as peer:
        seen = look_up(peer)
    assert (seen.cause, seen.tables, seen.databases) == (cause, tables.count, 3)
    assert ("'orders'" in seen.detail) is (cause is not None)


@pytest.mark.parametrize(
    "version, old", [("23.2.7.32", True), ("22.8.1.1", True), ("23.3.1.1", False), ("9.9.1", True)]
)
def test_the_sink_wants_23_3(version: str, old: bool) -> None:
    with peers.http("200 OK", version.encode() + b"\n", {"X-ClickHouse-Timezone": "UTC"}) as peer:
        assert (look_up(peer).cause is Cause.CLICKHOUSE_TOO_OLD) is old


# Secrets.


@pytest.fixture
def everything_logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Whatever any library logs at any level, with all logging turned on."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.name}: {self.format(record)}")

    root, keep = logging.getLogger(), Keep()
    monkeypatch.setattr(root, "level", logging.DEBUG)
    root.addHandler(keep)
    yield lines
    root.removeHandler(keep)


def _echo(padding: int) -> Callable[[Conversation], None]:
    def echo(conversation: Conversation) -> None:
        login = conversation.peer.received.partition(b"Authorization: ")[2][:80]
        words = b"Code: 999. DB::Exception: " + login + b"." * padding + CANARY.encode() * 20
        conversation.send(b"HTTP/1.1 500 Error\r\nX-ClickHouse-Exception-Code: 999\r\n\r\n" + words)
        conversation.linger()

    return echo


@pytest.mark.parametrize("padding", range(0, len(CANARY), 3))
def test_a_server_that_echoes_the_password_gives_nothing_away(
    everything_logged: list[str], padding: int
) -> None:
    """Wherever what it says is cut short: half a password is too much."""
    echo = _echo(padding)
    with peers.Peer(lambda conversation: (conversation.receive(), echo(conversation))[1]) as peer:
        first = look_up(peer)
    with nasty(echo) as peer:
        second = look_up(peer)
    assert (first.code, second.code) == (999, 999)
    assert not [line for line in everything_logged if line.startswith(("clickhouse_connect", "urllib3"))]
    for text in (repr(first), repr(second), *everything_logged):
        assert CANARY[:5] not in text
        assert "Y2FuYXJ5LTliNjFm" not in text
        assert "NhbmFyeS05YjYxZj" not in text
        assert "jYW5hcnktOWI2MWYw" not in text

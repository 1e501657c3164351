"""The native Hello: to a real server's ports, and to what else may answer there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from netcheck.core import codec
from netcheck.core.context import Deadline
from netcheck.core.credentials import ClickHouseLogin, Trust
from netcheck.core.model import Cause
from netcheck.core.secret import Secret
from netcheck.probe.clickhouse import native
from netcheck.probe.clickhouse.native import NativeHello
from netcheck.probe.tls.stream import Tls
from tests.bounds import STEP, ends_within
from tests.servers import peers
from tests.servers.certificates import Certificates
from tests.servers.clickhouse import ClickHouse
from tests.servers.peers import Peer

CANARY = "canary-2c8d0e11f4"


@pytest.fixture(scope="module")
def tls(certificates: Certificates) -> Tls:
    return Tls("localhost", Trust(str(certificates.authority.certificate)))


def login(user: str = "sink", password: str = "sink-secret", database: str = "orders") -> ClickHouseLogin:
    return ClickHouseLogin(user, Secret(password), database)


def hello(peer: Peer, tls: Tls | None = None, given: ClickHouseLogin | None = None) -> NativeHello:
    return native.hello(Deadline(STEP), peer.host, peer.port, "localhost", tls, given)


PORTS = [
    ("TLS to the native TLS port", "native_tls", True, None),
    ("plaintext to the native port", "native", False, None),
    ("plaintext to the native TLS port", "native_tls", False, Cause.PLAINTEXT_ON_TLS_PORT),
    ("TLS to the native port", "native", True, Cause.TLS_NOT_SUPPORTED),
    ("the HTTPS port by mistake", "https", True, Cause.CLICKHOUSE_HTTP_PORT),
    ("the HTTP port by mistake", "http", False, Cause.CLICKHOUSE_HTTP_PORT),
    ("TLS to the HTTP port", "http", True, Cause.TLS_NOT_SUPPORTED),
]


@pytest.mark.parametrize("sentence, port, secure, cause", PORTS)
def test_a_hello_without_a_login_to_each_port_of_a_real_server(
    clickhouse_server: ClickHouse, tls: Tls, sentence: str, port: str, secure: bool, cause: Cause | None
) -> None:
    number = getattr(clickhouse_server, port)
    seen = native.hello(
        Deadline(2 * STEP), clickhouse_server.host, number, "localhost", tls if secure else None, None
    )
    assert seen.cause is cause, (sentence, seen)
    assert not seen.logged_in
    assert codec.decode(NativeHello, codec.encode(seen)) == seen


LOGINS = [
    ("the right password", login(), None, None),
    ("a wrong password", login(password=CANARY), Cause.CLICKHOUSE_AUTH, 193),
    ("an unknown user", login(user="nobody"), Cause.CLICKHOUSE_AUTH, 192),
    ("no password", login(password=""), Cause.CLICKHOUSE_AUTH, 194),
    ("a user of other addresses", login("remote", "remote-secret"), Cause.CLICKHOUSE_AUTH, None),
    ("an unknown database", login(database="nowhere"), Cause.CLICKHOUSE_NO_DATABASE, 81),
]


@pytest.mark.parametrize("sentence, given, cause, code", LOGINS)
@pytest.mark.parametrize("secure", [True, False])
def test_logging_in_to_a_real_server(
    clickhouse_server: ClickHouse,
    tls: Tls,
    secure: bool,
    sentence: str,
    given: ClickHouseLogin,
    cause: Cause | None,
    code: int | None,
) -> None:
    port = clickhouse_server.native_tls if secure else clickhouse_server.native
    seen = native.hello(
        Deadline(2 * STEP), clickhouse_server.host, port, "localhost", tls if secure else None, given
    )
    assert seen.cause is cause, (sentence, seen)
    assert code in (None, seen.code)
    assert CANARY not in repr(seen)
    if cause is None:
        assert (seen.server, seen.version, seen.logged_in) == ("ClickHouse", "18.16", True)
        assert seen.revision == 54412


def exception(code: int, message: bytes, name: bytes = b"DB::Exception") -> bytes:
    text = b"".join(bytes([len(part)]) + part for part in (name, message, b""))
    return b"\x02" + code.to_bytes(4, "little", signed=True) + text + b"\0"


def raw(data: bytes) -> Callable[[], Peer]:
    return lambda: peers.answers(data)


NO_USER = exception(101, b"DB::NetException: Unexpected packet from client (no user in Hello package)")
ANSWERS: list[tuple[str, Callable[[], Peer], Cause | None]] = [
    ("today's refusal of a Hello without a user", raw(NO_USER), None),
    ("today's refusal of a password", raw(exception(516, b"Authentication failed")), Cause.CLICKHOUSE_AUTH),
    ("too many connections", raw(exception(202, b"TOO_MANY")), Cause.CLICKHOUSE_EXCEPTION),
    ("nothing listens", peers.refused, Cause.CONNECTION_REFUSED),
    ("nothing answers the SYN", peers.syn_drop, Cause.TIMED_OUT),
    ("never accepts", peers.never_accepts, Cause.CLICKHOUSE_SILENT),
    ("is silent", peers.silent, Cause.CLICKHOUSE_SILENT),
    ("closes", peers.closes_after_first_bytes, Cause.CONNECTION_CLOSED),
    ("resets", peers.resets_after_first_bytes, Cause.CONNECTION_RESET),
    ("another web server", peers.http, Cause.WRONG_PROTOCOL),
    ("ClickHouse's HTTP port", lambda: peers.http(body=b"Ok.\n"), Cause.CLICKHOUSE_HTTP_PORT),
    ("an SSH server", peers.ssh_banner, Cause.WRONG_PROTOCOL),
    ("a TLS alert", lambda: peers.tls_alert("internal_error"), Cause.PLAINTEXT_ON_TLS_PORT),
    ("a number that is too long", raw(b"\xff" * 4000), Cause.CLICKHOUSE_MALFORMED),
    ("a name of 2^63 letters", raw(b"\0" + b"\xff" * 8 + b"\x7f" + b"x" * 100), Cause.CLICKHOUSE_MALFORMED),
    ("a Hello of another server", raw(b"\0\x05MySQL\x08\x00\x01\x00"), Cause.CLICKHOUSE_MALFORMED),
    ("half a Hello", raw(b"\0\x0aClick"), Cause.CLICKHOUSE_MALFORMED),
    ("an unknown exception", raw(exception(193, b"no", b"Exception")), Cause.CLICKHOUSE_MALFORMED),
    ("an exception without a number", raw(exception(0, b"no")), Cause.CLICKHOUSE_MALFORMED),
    ("another packet", raw(b"\x04" * 50), Cause.CLICKHOUSE_MALFORMED),
]


@pytest.mark.parametrize("sentence, make, cause", ANSWERS, ids=[row[0] for row in ANSWERS])
def test_each_answer_has_its_cause_in_time(
    sentence: str, make: Callable[[], Peer], cause: Cause | None
) -> None:
    with make() as peer, ends_within(STEP):
        seen = hello(peer)
    assert seen.cause is cause, (sentence, seen)


def test_a_drip_of_single_bytes_ends_with_the_deadline() -> None:
    def drip(conversation: peers.Conversation) -> None:
        conversation.receive()
        conversation.drip(b"\0\x7f" + b"x" * 100, 0.2)

    with Peer(drip) as peer, ends_within(STEP):
        seen = hello(peer)
    assert seen.cause is Cause.CLICKHOUSE_SILENT


def test_a_refused_hello_without_a_user_is_no_pass_for_who_logs_in() -> None:
    with peers.answers(NO_USER) as peer:
        seen = hello(peer, given=login())
    assert (seen.cause, seen.code, seen.logged_in) == (Cause.CLICKHOUSE_EXCEPTION, 101, False)


def test_a_hello_without_a_login_names_no_user() -> None:
    with peers.answers(NO_USER) as peer:
        hello(peer)
        assert peer.received.endswith(b"\0\0\0")
        assert b"default" not in peer.received


def test_a_password_is_not_sent_over_tls_that_is_not_verified(certificates: Certificates, tls: Tls) -> None:
    with peers.silent(certificates.expired.server_context()) as peer:
        seen = hello(peer, tls, login(password=CANARY))
        assert seen.cause is Cause.TLS_CERTIFICATE_EXPIRED
        assert peer.received == b""
        with pytest.raises(ValueError, match="verified"):
            hello(peer, Tls("localhost", Trust(), verify=False), login())


def test_a_server_that_echoes_the_password_gives_nothing_away() -> None:
    with peers.answers(exception(193, f"wrong: {CANARY}".encode())) as peer:
        seen = hello(peer, given=login(password=CANARY))
    assert seen.cause is Cause.CLICKHOUSE_AUTH
    assert CANARY not in repr(seen)

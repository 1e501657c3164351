"""`netcheck run` against two real ClickHouse servers, of 2018 and of today, asked rightly and wrongly."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import needs
from tests.e2e.command import run
from tests.servers import peers
from tests.servers.certificates import Certificates
from tests.servers.chdb_front import ChdbFront
from tests.servers.clickhouse import ClickHouse

SINK = {"NETCHECK_CLICKHOUSE_PASSWORD": "sink-secret"}
WRONG = {"NETCHECK_CLICKHOUSE_PASSWORD": "not-this-one"}


@dataclass(frozen=True)
class Row:
    """`given` is for `option`, ports by name in braces; `cause` is the one root cause, None for healthy."""

    says: str
    option: str
    given: str
    cause: str | None = None
    shown_by: str | None = None
    logins: dict[str, str] | None = None
    trusted: bool = True


HTTP, NATIVE = "--clickhouse", "--clickhouse-native"
TODAY = [
    Row("without a login it answers /ping", HTTP, "https://127.0.0.1:{https}"),
    Row("a login finds its tables", HTTP, "https://sink@127.0.0.1:{https}/orders", logins=SINK),
    Row(
        "a wrong password is refused",
        HTTP,
        "https://sink@127.0.0.1:{https}/orders",
        "clickhouse_auth",
        "clickhouse.login",
        WRONG,
    ),
    Row(
        "an unknown user is refused",
        HTTP,
        "https://nobody@127.0.0.1:{https}/orders",
        "clickhouse_auth",
        "clickhouse.login",
        SINK,
    ),
    Row(
        "a database that is not there",
        HTTP,
        "https://sink@127.0.0.1:{https}/ordres",
        "clickhouse_no_database",
        "clickhouse.tables",
        SINK,
    ),
    Row(
        "a database without tables",
        HTTP,
        "https://sink@127.0.0.1:{https}/empty",
        "clickhouse_no_tables",
        "clickhouse.tables",
        SINK,
    ),
    Row(
        "plain HTTP to the TLS port",
        HTTP,
        "http://127.0.0.1:{https}",
        "plaintext_on_tls_port",
        "clickhouse.ping",
    ),
    Row(
        "an authority that is not trusted",
        HTTP,
        "https://127.0.0.1:{https}",
        "tls_untrusted",
        "tls.certificate",
        trusted=False,
    ),
    Row(
        "the native protocol to the HTTPS port",
        NATIVE,
        "127.0.0.1:{https}",
        "clickhouse_http_port",
        "clickhouse.native",
    ),
]
OLD = [
    Row("HTTPS answers /ping", HTTP, "https://127.0.0.1:{https}"),
    Row("plain HTTP answers /ping", HTTP, "http://127.0.0.1:{http}"),
    Row("native TLS answers Hello", NATIVE, "127.0.0.1:{native_tls}"),
    Row(
        "native TLS takes the login",
        NATIVE,
        "127.0.0.1:{native_tls}",
        logins=SINK | {"NETCHECK_CLICKHOUSE_USER": "sink"},
    ),
    Row(
        "native TLS refuses a wrong password",
        NATIVE,
        "127.0.0.1:{native_tls}",
        "clickhouse_auth",
        "clickhouse.native",
        WRONG | {"NETCHECK_CLICKHOUSE_USER": "sink"},
    ),
    Row(
        "a server of 2018 is too old for the sink",
        HTTP,
        "https://sink@127.0.0.1:{https}/orders",
        "clickhouse_too_old",
        "clickhouse.version",
        SINK,
    ),
    Row(
        "HTTPS refuses a wrong password",
        HTTP,
        "https://sink@127.0.0.1:{https}/orders",
        "clickhouse_auth",
        "clickhouse.login",
        WRONG,
    ),
    Row(
        "HTTP refuses a wrong password",
        HTTP,
        "http://sink@127.0.0.1:{http}/orders",
        "clickhouse_auth",
        "clickhouse.login",
        WRONG,
    ),
    Row(
        "a user who may not log in from here",
        HTTP,
        "https://remote@127.0.0.1:{https}/orders",
        "clickhouse_auth",
        "clickhouse.login",
        {"NETCHECK_CLICKHOUSE_PASSWORD": "remote-secret"},
    ),
    Row(
        "plain HTTP to the TLS port",
        HTTP,
        "http://127.0.0.1:{https}",
        "plaintext_on_tls_port",
        "clickhouse.ping",
    ),
    Row(
        "HTTPS to the native TLS port",
        HTTP,
        "https://127.0.0.1:{native_tls}",
        "clickhouse_native_port",
        "clickhouse.ping",
    ),
    Row(
        "HTTP to the native port",
        HTTP,
        "http://127.0.0.1:{native}",
        "clickhouse_native_port",
        "clickhouse.ping",
    ),
    Row(
        "native TLS to the HTTPS port",
        NATIVE,
        "127.0.0.1:{https}",
        "clickhouse_http_port",
        "clickhouse.native",
    ),
    Row(
        "native TLS to the plain native port",
        NATIVE,
        "127.0.0.1:{native}",
        "tls_not_supported",
        "tls.handshake",
    ),
    Row(
        "native TLS to the plain HTTP port", NATIVE, "127.0.0.1:{http}", "tls_not_supported", "tls.handshake"
    ),
]


def judge(row: Row, ports: dict[str, int], certificates: Certificates) -> None:
    trust = ("--ca", str(certificates.authority.certificate)) if row.trusted else ()
    ran = run(row.option, row.given.format(**ports), *trust, logins=row.logins)
    assert ran.causes == ([row.cause] if row.cause else [])
    assert ran.code == (1 if row.cause else 0)
    if row.shown_by:
        assert {key.split("@")[0] for key in ran.report["root_causes"][0]["shown_by"]} == {row.shown_by}
    assert ran.report["summary"]["unknown"] == 0
    for name, value in (row.logins or {}).items():
        assert "PASSWORD" not in name or value not in json.dumps(ran.report)


@pytest.mark.parametrize("row", TODAY, ids=[row.says for row in TODAY])
def test_clickhouse_of_today(chdb_server: ChdbFront, row: Row) -> None:
    judge(row, {"https": chdb_server.port}, chdb_server.certificates)


@pytest.mark.parametrize("row", OLD, ids=[row.says for row in OLD])
def test_clickhouse_of_2018(clickhouse_server: ClickHouse, row: Row) -> None:
    server = clickhouse_server
    ports = {name: getattr(server, name) for name in ("https", "http", "native", "native_tls")}
    judge(row, ports, server.certificates)


def test_tls_to_the_plain_http_port_fails_at_tls(clickhouse_server: ClickHouse) -> None:
    """The server reads the random bytes of a ClientHello as a request line: with a blank early in them it
    waits for more and is silent, without one it answers 400.
    """
    ran = run(HTTP, f"https://127.0.0.1:{clickhouse_server.http}", "--deadline", "12")
    assert ran.causes in (["tls_not_supported"], ["tls_silent_after_client_hello"])
    assert ran.results("tls.handshake")[0]["status"] == "fail"


def test_the_tables_are_those_of_the_database(chdb_server: ChdbFront) -> None:
    trust = str(chdb_server.certificates.authority.certificate)
    ran = run(HTTP, f"https://sink@127.0.0.1:{chdb_server.port}/orders", "--ca", trust, logins=SINK)
    [tables] = ran.results("clickhouse.tables")
    assert "events" in tables["summary"] and "lines" in tables["summary"]


def test_an_idle_service_that_wakes_is_a_warning_and_with_strict_a_failure(
    certificates: Certificates, tmp_path: Path
) -> None:
    needs.chdb()
    kept = str(tmp_path / "waking.json")
    with ChdbFront(certificates, waking_s=4) as server:
        ran = run(HTTP, server.url, "--ca", str(certificates.authority.certificate), "--record", kept)
    [ping] = ran.results("clickhouse.ping")
    assert (ping["status"], ping["cause"], ran.code) == ("warn", "clickhouse_slow_wake", 0)
    assert "then within" in ping["summary"], "the second answer is quick: it was idle, not slow"
    assert run("--replay", kept, "--strict").code == 1


def test_an_access_list_that_resets_after_the_client_hello() -> None:
    with peers.resets_after_first_bytes() as peer:
        ran = run(HTTP, f"https://sink@127.0.0.1:{peer.port}", logins=SINK)
    assert ran.causes == ["tls_reset_after_client_hello"]
    assert ran.results("clickhouse.login")[0]["caused_by"] == ran.report["root_causes"][0]["shown_by"][0]


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("expired", "tls_certificate_expired"),
        ("not_yet_valid", "tls_certificate_not_yet_valid"),
        ("wrong_host", "tls_hostname_mismatch"),
        ("self_signed", "tls_self_signed"),
        ("intercepted", "tls_untrusted"),
        ("missing_intermediate", "tls_untrusted"),
    ],
)
def test_a_wrong_certificate_is_the_one_cause_and_no_password_is_sent(
    certificates: Certificates, kind: str, cause: str
) -> None:
    with peers.http(tls=getattr(certificates, kind).server_context()) as peer:
        trust = str(certificates.authority.certificate)
        ran = run(HTTP, f"https://sink@127.0.0.1:{peer.port}", "--ca", trust, logins=SINK)
    assert ran.causes == [cause]
    assert b"Authorization" not in peer.received and b"sink" not in peer.received

"""What a check makes of an observation: each replayed as it would stand in a recording."""

from __future__ import annotations

from collections.abc import Callable

from checks import clickhouse as clickhouse_checks
from checks import dns as dns_checks
from checks import kafka as kafka_checks
from checks import tls as tls_checks
from netcheck.core.catalogue import Catalogue
from netcheck.core.check import Check
from netcheck.core.codec import encode
from netcheck.core.context import Context, Deadline, PrerequisiteFailed, Skip
from netcheck.core.credentials import ClickHouseLogin, Trust
from netcheck.core.model import Cause, Finding, Json, Kind, Result, Security, Status, Target
from netcheck.core.recording import Player, Recording, question_of
from netcheck.core.secret import Secret
from netcheck.diagnose import explain
from netcheck.probe.clickhouse.https import ClickHouseLookUp, look_up, ping
from netcheck.probe.dns import resolve
from netcheck.probe.http.client import HttpAnswer
from netcheck.probe.kafka import broker
from netcheck.probe.tls import handshake
from netcheck.probe.tls.certificate import Certificate
from netcheck.probe.transport import tcp
from netcheck.settings.config import Config

HOST, ADDRESS = "b-1.example", "10.0.0.7"
BROKER = Target(Kind.KAFKA, HOST, 9092, Security.PLAINTEXT)
LOGIN = ClickHouseLogin("sink", Secret("***"), "events")
Asked = tuple[Callable[..., object], tuple[object, ...], object]


def findings(
    check: Check, target: Target, *observed: Asked, login: ClickHouseLogin | None = None
) -> list[Finding]:
    """What the check yields about these observations."""
    answers: dict[str, Json] = {
        question_of(probe, args): {"answer": encode(seen)} for probe, args, seen in observed
    }
    player = Player(Recording({}, "", 0.0, answers))
    return list(check.run(target, Context(Config(clickhouse_login=login), Deadline(10), player)))


def only(found: list[Finding]) -> Finding:
    (one,) = found
    return one


def skipped(check: Check, target: Target, *observed: Asked, login: ClickHouseLogin | None = None) -> str:
    """The name of the exception that says why there is nothing to find."""
    try:
        findings(check, target, *observed, login=login)
    except Skip as reason:
        return type(reason).__name__
    return ""


def resolution(host: str, cause: Cause | None, *addresses: str) -> Asked:
    found = tuple(resolve.Address(each, 4, True) for each in addresses)
    return resolve.resolve, (host,), resolve.Resolution(host, found, "", cause, "EAI_AGAIN: no luck", 0.1)


def name_server(cause: Cause | None, detail: str) -> resolve.NameServer:
    asked = resolve.TransportAnswers((), cause, detail, 0.1)
    return resolve.NameServer("10.0.0.2", 53, asked, asked, cause, detail)


def name_servers(*servers: resolve.NameServer) -> Asked:
    first = servers[0]
    return resolve.ask_servers, (HOST,), resolve.NameServers(HOST, servers, first.cause, first.detail, 0.1)


def test_an_address_that_this_host_cannot_use_is_not_passed_over() -> None:
    target = Target(Kind.KAFKA, "::1", 9094)
    [found] = findings(dns_checks.Resolves(), target, resolution("::1", Cause.DNS_NO_ADDRESS))
    assert (found.status, found.cause) == (Status.FAIL, Cause.DNS_NO_ADDRESS)
    assert skipped(dns_checks.Resolves(), target, resolution("::1", None, "::1")) == "Skip"


def test_a_name_server_that_refuses_the_connection_is_not_the_targets_refusal() -> None:
    refused = name_server(Cause.CONNECTION_REFUSED, "Connection refused")
    servers = name_servers(refused)
    [found] = findings(dns_checks.Resolves(), BROKER, resolution(HOST, Cause.DNS_RESOLVER_FAILED), servers)
    assert (found.status, found.cause) == (Status.FAIL, Cause.DNS_RESOLVER_FAILED)
    assert "Connection refused" in found.summary
    [found] = findings(dns_checks.ServersAgree(), BROKER, resolution(HOST, None, ADDRESS), servers)
    assert (found.status, found.cause) == (Status.WARN, Cause.DNS_RESOLVER_FAILED)


def test_a_name_server_that_fails_is_told_by_its_own_cause() -> None:
    servers = name_servers(name_server(Cause.DNS_SERVFAIL, "SERVFAIL"))
    [found] = findings(dns_checks.Resolves(), BROKER, resolution(HOST, Cause.DNS_RESOLVER_FAILED), servers)
    assert found.cause is Cause.DNS_SERVFAIL


def connected(port: int) -> tuple[Asked, ...]:
    one = tcp.Connection(ADDRESS, 4, None, None, None, None, "", 0.01)
    seen = tcp.Connections(port, (one,), None, "", 0.01)
    return resolution(HOST, None, ADDRESS), (tcp.connect, ((ADDRESS,), port), seen)


def look_up_of(version: str | None, cause: Cause | None, code: int | None = None) -> tuple[Asked, ...]:
    seen = ClickHouseLookUp(200, version, None, (), None, code, cause, "no such luck", 0.1)
    awake = HttpAnswer(200, "OK", (), "Ok.", 0.01, None, "", 0.1)
    pinged = (ping, (ADDRESS, 8123, HOST, False, Trust()), awake)
    return *connected(8123), pinged, (look_up, (ADDRESS, 8123, HOST, False, Trust(), LOGIN), seen)


CLICKHOUSE = Target(Kind.CLICKHOUSE_HTTPS, HOST, 8123, Security.PLAINTEXT)
AFTER_THE_VERSION = (Cause.CLICKHOUSE_EXCEPTION, Cause.CONNECTION_RESET, Cause.HTTP_SILENT)


def test_who_is_told_the_version_is_logged_in_whatever_comes_later() -> None:
    for cause in AFTER_THE_VERSION:
        seen = look_up_of("25.3.1.1", cause, 497)
        [login] = findings(clickhouse_checks.TakesLogin(), CLICKHOUSE, *seen, login=LOGIN)
        [tables] = findings(clickhouse_checks.HasTables(), CLICKHOUSE, *seen, login=LOGIN)
        assert (login.status, tables.status, tables.cause) == (Status.PASS, Status.FAIL, cause)
        assert "no such luck" in tables.summary


def test_without_a_version_the_login_has_failed_and_the_tables_were_not_asked_for() -> None:
    seen = look_up_of(None, Cause.CLICKHOUSE_EXCEPTION, 497)
    [login] = findings(clickhouse_checks.TakesLogin(), CLICKHOUSE, *seen, login=LOGIN)
    assert (login.status, login.cause) == (Status.FAIL, Cause.CLICKHOUSE_EXCEPTION)
    for version, cause in ((None, Cause.CLICKHOUSE_EXCEPTION), ("22.1.1.1", Cause.CLICKHOUSE_TOO_OLD)):
        seen = look_up_of(version, cause)
        assert (
            skipped(clickhouse_checks.HasTables(), CLICKHOUSE, *seen, login=LOGIN)
            == PrerequisiteFailed.__name__
        )


def test_a_reset_after_the_version_is_not_explained_by_anything_below() -> None:
    seen = look_up_of("25.3.1.1", Cause.CONNECTION_RESET)
    checks = [clickhouse_checks.TakesLogin(), clickhouse_checks.IsNewEnough(), clickhouse_checks.HasTables()]
    results = [
        Result(check.id, check.id, CLICKHOUSE, only(findings(check, CLICKHOUSE, *seen, login=LOGIN)), 0.1)
        for check in checks
    ]
    told = explain(results, Catalogue.made_of(checks))
    assert [(one.check, one.caused_by) for one in told if one.status is Status.FAIL] == [
        ("clickhouse.tables", None)
    ]


TLS_BROKER = Target(Kind.KAFKA, HOST, 9094)


def certificate(name: str, days: float) -> Certificate:
    return Certificate(name, "CN=CA", "CA", "2020-01-01", "2030-01-01", days, (), "1", "00", False)


def shaken(cause: Cause | None, *chain: Certificate) -> tuple[Asked, ...]:
    seen = handshake.Handshake(
        ADDRESS,
        9094,
        HOST,
        HOST,
        "the system's",
        None,
        None,
        chain,
        cause is not Cause.TLS_HOSTNAME_MISMATCH,
        cause,
        cause,
        "",
        None,
        False,
        None,
        None,
        None,
        1,
        0.01,
        0.01,
        cause,
        "",
        0.1,
    )
    return *connected(9094), (handshake.handshake, (ADDRESS, 9094, HOST, Trust()), seen)


def test_a_certificate_that_is_wrong_in_two_ways_is_told_of_both() -> None:
    for cause in (Cause.TLS_HOSTNAME_MISMATCH, Cause.TLS_UNTRUSTED):
        seen = shaken(cause, certificate("CN=old", -3.0))
        checks = [tls_checks.CertificateIsGood(), tls_checks.StaysValid()]
        results = [
            Result(check.id, check.id, TLS_BROKER, only(findings(check, TLS_BROKER, *seen)), 0.1)
            for check in checks
        ]
        told = explain(results, Catalogue.made_of(checks))
        assert [(one.finding.cause, one.status, one.caused_by) for one in told] == [
            (cause, Status.FAIL, None),
            (Cause.TLS_CERTIFICATE_EXPIRED, Status.FAIL, None),
        ]


def test_an_expired_certificate_is_told_of_once() -> None:
    seen = shaken(Cause.TLS_CERTIFICATE_EXPIRED, certificate("CN=old", -3.0))
    assert skipped(tls_checks.StaysValid(), TLS_BROKER, *seen) == "Skip"


def test_an_expired_certificate_that_no_client_needs_is_a_warning() -> None:
    seen = shaken(None, certificate("CN=new", 90.0), certificate("CN=leftover", -900.0))
    [found] = findings(tls_checks.StaysValid(), TLS_BROKER, *seen)
    assert (found.status, found.cause) == (Status.WARN, Cause.TLS_CERTIFICATE_EXPIRED)


def test_one_odd_broker_does_not_keep_the_others_from_being_checked() -> None:
    good = (broker.Broker(1, "b-1.example", 9092, None), broker.Broker(3, "b-3.example", 9092, None))
    detail = "broker 2 is advertised as 'b-2' with the invalid port 0"
    stage, cause = broker.Stage.METADATA, Cause.KAFKA_MALFORMED
    listed = broker.KafkaMetadata(stage, "c", 1, good, (), 0, cause, detail, 0.1)
    hello = broker.KafkaHello(broker.Stage.DONE, "3.0", 60, (), None, None, "", 0.1)
    place = (ADDRESS, 9092, HOST, Security.PLAINTEXT, Trust())
    asked = (broker.metadata, (*place, None), listed), (broker.hello, (*place, "SCRAM-SHA-512"), hello)
    [found] = findings(kafka_checks.AdvertisesBrokers(), BROKER, *connected(9092), *asked)
    assert (found.status, found.cause) == (Status.FAIL, cause)
    assert "advertised.listeners" in found.summary and detail in found.summary
    assert [target.host for target in found.discovered] == ["b-1.example", "b-3.example"]

"""`netcheck demo`: the bundled recordings give the results that their names say, without any socket."""

from __future__ import annotations

import gzip
import json
import re
import socket
from importlib.resources import files
from typing import Any, NoReturn

import pytest

from netcheck.commands.demo import DEMOS
from netcheck.commands.main import main
from tests.e2e import contract

B2, B3 = (f"kafka://b-{number}.orders.kafka.example:9096" for number in (2, 3))
CLICKHOUSE = "clickhouse-https://orders.clickhouse.example:8443"
EXPECTED = {
    "security-group": [("ENI_SG_RULES_MISMATCH", "sg-brokers", ["security.groups"] * 3)],
    "healthy": [],
    "unreachable-broker": [("HOST_SILENT", B3, ["tcp.other-ports"])],
    "expired-certificate": [("TLS_CERTIFICATE_EXPIRED", B2, ["tls.certificate"])],
    "wrong-password": [("CLICKHOUSE_AUTH", CLICKHOUSE, ["clickhouse.login"])],
}
SECRETS = ("connect-secret", "sink-secret", "admin-secret", "a-password-of-last-year")


IN_THE_LAB = ("10.0.", "52.95.121.", "63.32.1.")
"""The VPC, and the addresses that stand for AWS and ClickHouse."""


class NetworkTouched(AssertionError):
    """A replay must not get this far."""


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> NoReturn:
        raise NetworkTouched

    for name in ("socket", "create_connection", "getaddrinfo", "gethostbyname", "socketpair", "gethostname"):
        monkeypatch.setattr(socket, name, forbidden)


def replayed(name: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = main(["demo", name, "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


def recording(name: str) -> str:
    return gzip.decompress((files("netcheck") / "demo" / f"{name}.json.gz").read_bytes()).decode()


def test_there_is_an_expectation_for_every_demo() -> None:
    assert EXPECTED.keys() == DEMOS.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recording_has_the_result_of_its_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = replayed(name, capsys)
    contract.hold(report, code)
    causes = [
        (cause["code"], cause["component"], [key.split("@")[0] for key in cause["shown_by"]])
        for cause in report["root_causes"]
    ]
    assert causes == EXPECTED[name]
    assert code == (1 if EXPECTED[name] else 0)
    assert report["summary"]["unknown"] == 0 and report["summary"]["warn"] == 0
    assert report["summary"]["pass"] >= 30


def test_the_healthy_pipeline_passes_from_name_to_table(capsys: pytest.CaptureFixture[str]) -> None:
    _, report = replayed("healthy", capsys)
    passed = {result["check"] for result in report["results"] if result["status"] == "pass"}
    assert passed >= {
        *("dns.resolves", "dns.servers", "tcp.connects", "tls.handshake", "tls.certificate", "tls.expiry"),
        *("kafka.protocol", "kafka.sasl", "kafka.login", "kafka.brokers"),
        *("clickhouse.ping", "clickhouse.login", "clickhouse.version", "clickhouse.tables"),
    }


def test_the_unreachable_broker_was_discovered_from_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, report = replayed("unreachable-broker", capsys)
    given = report["pipeline"]["targets"]
    assert B3 not in given
    assert B3 in {result["target"] for result in report["results"]}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recording_reveals_nothing_about_its_machine(name: str) -> None:
    text = recording(name)
    for trace in (*SECRETS, "/tmp", "/home", "/root", "127.0.0.1"):
        assert trace not in text, trace
    document = json.loads(text)
    looked = [
        answer for question, answer in document["answers"].items() if question.startswith("vantage.look")
    ]
    assert [vantage["answer"]["host"] for vantage in looked] == ["worker-a"]
    addresses = set(re.findall(r'"address": "([^"]+)"', text))
    assert addresses and all(address.startswith(IN_THE_LAB) for address in addresses)


def test_without_a_name_all_are_shown_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    shown = capsys.readouterr().out
    places = [shown.index(f"$ netcheck demo {name} ") for name in EXPECTED]
    assert places == sorted(places)
    assert "All checks passed from here" in shown
    assert shown.count("1 root cause") >= 3
    assert "\x1b" not in shown


def test_an_unknown_demo_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["demo", "sunshine"])
    assert ended.value.code == 2
    assert "healthy" in capsys.readouterr().err

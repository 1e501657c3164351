"""Invalid input of every kind: one clear line, exit code 2, no traceback, no secret."""

# ruff: noqa: E501 - the tables are easier to read unbroken
from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commandline import Done, netcheck
from tests.servers.certificates import Certificates

CANARY = "Kanarie-7f3a"
BROKER = ("--bootstrap", "127.0.0.1:9094")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("NETCHECK_", "AWS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def refused(*arguments: str) -> str:
    """What is said; the rest is held for every refusal."""
    done = netcheck(*arguments)
    assert done.code == 2, done
    assert done.out == ""
    assert done.err.startswith("netcheck: ")
    assert done.err.count("\n") == 1 and done.err.endswith("\n"), f"one line is wanted: {done.err!r}"
    assert CANARY not in done.err
    return done.err


ARGUMENTS: list[tuple[str, tuple[str, ...], str]] = [
    ("nothing to check", (), "nothing to check: add --bootstrap"),
    ("no port", ("--bootstrap", "b-1"), "--bootstrap: 'b-1': write host:port"),
    ("one bad among good ones", ("--bootstrap", "b-1:9094,b-2"), "--bootstrap: 'b-2'"),
    ("a scheme", ("--bootstrap", "https://b-1:9094"), "leave out the scheme https://"),
    ("port 0", ("--bootstrap", "b-1:0"), "ports are 1 to 65535"),
    ("port 70000", ("--clickhouse-native", "ch:70000"), "--clickhouse-native: 'ch:70000'"),
    ("port abc", ("--clickhouse-native", "ch:abc"), "'abc' is not a port"),
    ("bad IPv6", ("--bootstrap", "::1:9094"), "in brackets"),
    ("a name that is not ASCII", ("--bootstrap", "brøker:9094"), "xn-- form"),
    ("control characters", ("--bootstrap", "b\x1b[31m\n:9094"), "not a host name"),
    ("an empty option", ("--bootstrap", " "), "--bootstrap is empty"),
    ("a password in the URL", ("--clickhouse", f"https://sink:{CANARY}@ch:8443"), "holds a password"),
    ("a password without a scheme", ("--clickhouse", f"sink:{CANARY}@ch:8443"), "***@ch:8443"),
    ("an unknown scheme", ("--clickhouse", "clickhouse://ch:9000"), "write https:// or http://"),
    ("security protocol", (*BROKER, "--security-protocol", "TLS"), "choose PLAINTEXT, SSL, SASL"),
    ("mechanism", (*BROKER, "--sasl-mechanism", "GSSAPI"), "invalid SASL mechanism 'GSSAPI'; choose SCRAM-SHA-512"),
    ("no deadline", (*BROKER, "--deadline", "0"), "--deadline: must be a number of seconds"),
    ("a deadline that is no number", (*BROKER, "--deadline", "soon"), "--deadline: must be a number of seconds"),
    ("a deadline that is not a number", (*BROKER, "--deadline", "nan"), "--deadline: must be a number of seconds"),
    ("a deadline without end", (*BROKER, "--timeout", "inf"), "--timeout: must be a number of seconds"),
    ("a format", (*BROKER, "--format", "pdf"), "--format: invalid format 'pdf'; choose table, json"),
    ("an option without its value", (*BROKER, "--deadline"), "expected one argument; see netcheck run --help"),
    ("an unknown option", (*BROKER, f"--secret={CANARY}"), "unknown option --secret; see netcheck --help"),
    ("a password as an argument", (*BROKER, "--kafka-password", CANARY), "environment or --credentials"),
    ("an unexpected argument", (CANARY, *BROKER), "unexpected argument; see netcheck --help"),
    ("an unexpected endpoint", (*BROKER, "--strict", "[::1]:9"), "unexpected argument '[::1]:9'; see"),
    ("only an unknown check", (*BROKER, "--only", "tls.hanshake"), "--only tls.hanshake: no check has such"),
    ("an unknown glob", (*BROKER, "--skip", "ftp.*"), "--skip ftp.*: no check has such an id"),
    ("no check is left", (*BROKER, "--only", "clickhouse.*"), "--only and --skip leave no check"),
    ("all checks skipped", (*BROKER, "--skip", "*"), "--only and --skip leave no check"),
    ("no trust store", (*BROKER, "--ca", "no.pem"), "--ca no.pem: no such file"),
    ("a name too long", (*BROKER, "--ca", "a" * 5000), "no such file"),
    ("a folder as a trust store", (*BROKER, "--ca", "."), "--ca: trust store .: it is a folder"),
    ("no credentials file", (*BROKER, "--credentials", "no.yaml"), "--credentials no.yaml: no such file"),
    ("a folder as credentials", (*BROKER, "--credentials", "."), "Is a directory"),
    ("no plugin folder", (*BROKER, "--plugins", "none"), "--plugins none: no such file"),
    ("no configuration", (*BROKER, "--config", "no.yaml"), "no.yaml: No such file or directory"),
    ("output is a folder", (*BROKER, "--output", "."), "--output .: is a folder"),
    ("output in no folder", (*BROKER, "--output", "no/report.txt"), "--output no/report.txt: no such folder no"),
    ("output with a name too long", (*BROKER, "--output", "a" * 5000), "File name too long"),
    ("recording is a folder", (*BROKER, "--record", "."), "--record .: is a folder"),
    ("recording in no folder", (*BROKER, "--record", "no/x.json"), "--record no/x.json: no such folder no"),
    ("no recording", ("--replay", "no.json"), "--replay: no.json: No such file or directory"),
    ("a folder as a recording", ("--replay", "."), "--replay: .: Is a directory"),
    ("replay and targets", ("--replay", "x.json", *BROKER), "leave out --bootstrap"),
    ("replay and record", ("--replay", "x.json", "--record", "y.json"), "leave"),
    ("an AWS service without a Region", ("--aws-service", "sts"), "the Region is unknown: add --region"),
    ("an unknown AWS service", ("--aws-service", "secretmanager", "--region", "eu-central-1"),
     "did you mean secretsmanager"),
    ("an unknown Region", ("--aws-service", "sts", "--region", "moon-1"), "unknown Region 'moon-1'"),
    ("an AWS endpoint with a bad port", ("--aws-service", "https://x:99999"), "--aws-service: "),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"), [row[1:] for row in ARGUMENTS], ids=[row[0] for row in ARGUMENTS]
)
def test_arguments(arguments: tuple[str, ...], words: str) -> None:
    assert words in refused("run", *arguments)


def test_an_unknown_command() -> None:
    assert "invalid choice: 'rnu'" in refused("rnu")


def test_no_command() -> None:
    assert "required: COMMAND" in refused()


# --- YAML -----------------------------------------------------------------------------------------------

CONFIGS: list[tuple[str, bytes, str]] = [
    ("not YAML", b"bootstrap: [b-1:9094\ndeadline: 5\n", "run.yaml:2: not valid YAML: "),
    ("tabs", b"bootstrap:\n\t- b-1:9094\n", "run.yaml:2: not valid YAML: "),
    ("an unknown key", b"deadline: 5\nbootstap: b-1:9094\n", "run.yaml:2: unknown key 'bootstap': did you mean bootstrap?"),
    ("a key far from all", b"xyz: 1\n", "run.yaml:1: unknown key 'xyz': the keys are connector, "),
    ("a key twice", b"deadline: 5\nbootstrap: b-1:9094\ndeadline: 6\n", "run.yaml:3: duplicate key deadline, first on line 1"),
    ("with dash and underscore", b"aws-service: sts\naws_service: glue\n", "run.yaml:2: duplicate key aws_service"),
    ("a number for a text", b"bootstrap: 9094\n", "run.yaml:1: bootstrap: must be a string"),
    ("a list for a text", b"ca:\n  - a.pem\n", "run.yaml:1: ca: must be a string"),
    ("a mapping for a text", b"clickhouse: {url: x}\n", "run.yaml:1: clickhouse: must be a string"),
    ("nothing", b"bootstrap:\n", "run.yaml:1: bootstrap is empty"),
    ("a text for a switch", b"strict: maybe\n", "run.yaml:1: strict: must be true or false"),
    ("a bad value in a list", b"bootstrap:\n  - b-1:9094\n  - b-2\n", "run.yaml:1: bootstrap: 'b-2': write host:port"),
    ("a date that is none", b"region: 2026-13-45\n", "run.yaml:1: region: YAML cannot read this value"),
    ("a huge number", b"deadline: " + b"9" * 5000, "run.yaml:1: deadline: "),
    ("a large number", b"deadline: " + b"9" * 400, "run.yaml:1: deadline: must be a number of seconds"),
    ("an object", b"region: !!python/object:os.system x\n", "run.yaml:1: not valid YAML: "),
    ("a list at the top", b"- bootstrap: b-1:9094\n", "run.yaml:1: expected keys with values"),
    ("a text at the top", CANARY.encode(), "run.yaml:1: expected keys with values"),
    ("a list as a key", b"? [a, b]\n: c\n", "run.yaml:1: unknown key"),
    ("two documents", b"deadline: 5\n---\ndeadline: 6\n", "run.yaml:2: not valid YAML: "),
    ("not UTF-8", b"region: \xff\xfe\n", "run.yaml: not UTF-8 text"),
    ("control characters", b"region: \x01\n", "run.yaml: not valid YAML"),
    ("a NUL in a text", b'output: "a\\0b"\nbootstrap: b-1:9094\n', "run.yaml:1: output: must not contain a NUL character"),
    ("nested too deep", b"region: " + b"[" * 20000, "run.yaml: not valid YAML"),
    ("too large", b"#" * (1 << 20) + b"\nregion: x\n", "run.yaml: larger than 1 MiB"),
    ("a list that holds itself", b"bootstrap: &a [*a]\n", "recursive"),
    ("an empty file", b"", "nothing to check"),
    ("nothing but a comment", b"# nothing yet\n", "nothing to check"),
    ("credentials by mistake", f"kafka_password: {CANARY}\n".encode(), "run.yaml:1: unknown key 'kafka_password'"),
    ("the environment by mistake", f"NETCHECK_KAFKA_PASSWORD={CANARY}\n".encode(), "expected keys with values"),
    ("a password in the URL", f"clickhouse: https://sink:{CANARY}@ch:8443\n".encode(), "run.yaml:1: clickhouse: the ClickHouse URL holds a password"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "words"), [row[1:] for row in CONFIGS], ids=[row[0] for row in CONFIGS])
def test_configuration_files(content: bytes, words: str) -> None:
    Path("run.yaml").write_bytes(content)
    assert words in refused("run", "--config", "run.yaml")


def test_a_billion_laughs_file_is_rejected() -> None:
    lines = ["  a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    Path("run.yaml").write_text("\n".join(["deadline:", *lines]) + "\n")
    assert "run.yaml:1: deadline: must be a number of seconds" in refused("run", "--config", "run.yaml")


CREDENTIALS: list[tuple[str, str, str]] = [
    ("an alias", f"kafka_password: *{CANARY}", "login.yaml:1: not valid YAML: found undefined alias '...'"),
    (
        "a tag",
        f"kafka_password: !{CANARY}",
        "login.yaml:1: not valid YAML: could not determine a constructor",
    ),
    ("a tag with a quote", f"kafka_password: !{CANARY}'\"x", "login.yaml:1: not valid YAML"),
    ("a directive", f"kafka_password: %{CANARY}", "login.yaml:1: not valid YAML: "),
    ("an at sign", f"kafka_password: @{CANARY}", "login.yaml:1: not valid YAML: "),
    ("a quote that stays open", f"kafka_password: 'x\n{CANARY}", "not valid YAML"),
    ("a colon", f"kafka_password: {CANARY}: x", "login.yaml:1: not valid YAML: "),
    ("a number", "kafka_password: 0123", "login.yaml:1: kafka_password: must be a string; put it in quotes"),
    ("a number with a point", "clickhouse_password: 1.10", "put it in quotes"),
    ("yes", "kafka_password: yes", "put it in quotes"),
    ("nothing", "kafka_password:", "put it in quotes"),
    ("a list", f"kafka_password: [{CANARY}]", "put it in quotes"),
    ("a mapping", f"kafka_password: {{{CANARY}: {CANARY}}}", "put it in quotes"),
    ("only the password", CANARY, "expected keys with values"),
    ("an unknown key", f"kafka_pasword: {CANARY}", "did you mean kafka_password?"),
    (
        "a mechanism",
        "kafka_mechanism: GSSAPI",
        "kafka_mechanism: invalid SASL mechanism 'GSSAPI'; choose SCRAM-SHA-512",
    ),
    ("a password and no user", f"kafka_password: {CANARY}", "set NETCHECK_KAFKA_USERNAME too"),
]


@pytest.mark.parametrize(
    ("content", "words"), [row[1:] for row in CREDENTIALS], ids=[row[0] for row in CREDENTIALS]
)
def test_credentials_files(content: str, words: str) -> None:
    Path("login.yaml").write_text(content + "\n")
    assert words in refused("run", *BROKER, "--credentials", "login.yaml")


# --- trust stores ---------------------------------------------------------------------------------------


@pytest.fixture(params=["wrong", "damaged", "no certificate", "empty", "text", "cut"])
def bad_store(
    request: pytest.FixtureRequest,
    certificates: Certificates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[Path, str]]:
    monkeypatch.setenv("NETCHECK_CA_PASSWORD", CANARY)
    store, pem = tmp_path / "store.p12", certificates.authority.certificate.read_bytes()
    match request.param:
        case "wrong":
            store.write_bytes(certificates.authority.truststore_pkcs12("another").read_bytes())
            yield store, "password"
        case "damaged":
            store.write_bytes(pem[:60] + b"!!!!" + pem[70:])
            yield store, "store.p12"
        case "no certificate":
            store.write_text(ssl.DER_cert_to_PEM_cert(b"\x30\x03\x02\x01\x05"))
            yield store, "a certificate in it cannot be read"
        case "empty":
            store.write_bytes(b"")
            yield store, "it is empty"
        case "text":
            store.write_text("hello\n")
            yield store, "not PEM, PKCS12 or JKS"
        case "cut":
            store.write_bytes(certificates.authority.truststore_pkcs12(CANARY).read_bytes()[:200])
            yield store, "store.p12"


def test_trust_stores(bad_store: tuple[Path, str]) -> None:
    path, words = bad_store
    said = refused("run", *BROKER, "--ca", str(path))
    assert words in said and str(path) in said


def test_every_run_option_is_a_configuration_key_of_the_same_name() -> None:
    """The command line takes precedence over the file, and both have the same options."""
    Path("run.yaml").write_text(
        "bootstrap: [127.0.0.1:1, 127.0.0.1:2]\ndeadline: 30\ntimeout: 5.5\nonly: tcp.*\nformat: json\n"
    )
    from_file = netcheck("run", "--config", "run.yaml", "--format", "table")
    from_arguments = netcheck(
        "run",
        "--bootstrap",
        "127.0.0.1:1",
        "127.0.0.1:2",
        "--deadline",
        "30",
        "--timeout",
        "5.5",
        "--only",
        "tcp.*",
    )
    assert times_aside(from_file) == times_aside(from_arguments)
    assert from_file.code == 1


def times_aside(done: Done) -> list[str]:
    return [line for line in done.out.splitlines() if " s, from " not in line]

"""A secret is used and never shown: not by a repr, a report, a recording, an error or a peer's echo."""

from __future__ import annotations

import base64
import copy
import dataclasses
import json
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from netcheck.core.codec import encode
from netcheck.core.credentials import ClickHouseLogin, KafkaLogin, Trust
from netcheck.core.secret import HIDDEN, Scrubber, Secret
from netcheck.settings.config import Config, build
from netcheck.settings.credentials_file import read_logins
from tests.commandline import netcheck
from tests.servers import peers
from tests.servers.certificates import Certificates

CANARY = "Kanarie+7f3a/'\"\\x"
"""With every sign that one or another encoding writes in its own way."""
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "in a sentence": lambda s: f"bad password '{s}' for user",
    "quoted for a URL": lambda s: quote(s, safe=""),
    "quoted for a form": quote_plus,
    "JSON": json.dumps,
    "JSON in JSON's own letters": lambda s: json.dumps({"password": s}, ensure_ascii=False),
    "repr": repr,
    "SQL": lambda s: "'" + s.replace("\\", "\\\\").replace("'", "\\'") + "'",
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "Basic login": lambda s: "Basic " + base64.b64encode(f"sink:{s}".encode()).decode(),
    "Basic login, a longer user": lambda s: "Basic " + base64.b64encode(f"sink1:{s}".encode()).decode(),
    "Basic login, a yet longer user": lambda s: "Basic " + base64.b64encode(f"sink12:{s}".encode()).decode(),
    "SASL PLAIN": lambda s: base64.b64encode(f"\0sink\0{s}".encode()).decode(),
    "base64 for URLs": lambda s: base64.urlsafe_b64encode(f"sink:{s}".encode()).decode(),
}


def spelled(secret: str) -> set[str]:
    """The secret in all its spellings, and what no neighbour changes of those in base64."""
    return {
        quote(secret, safe=""),
        secret,
        json.dumps(secret)[1:-1],
        base64.b64encode(secret.encode()).decode()[:-4],
    }


HOLDERS = [
    Secret(CANARY),
    Trust("store.p12", Secret(CANARY)),
    KafkaLogin("PLAIN", "sink", Secret(CANARY)),
    ClickHouseLogin("sink", Secret(CANARY)),
    Config(clickhouse_login=ClickHouseLogin("sink", Secret(CANARY)), trust=Trust("x", Secret(CANARY))),
]


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: type(holder).__name__)
def test_a_secret_is_not_shown(holder: object) -> None:
    texts = [repr(holder), str(holder), f"{holder}", f"{holder!s:>60}", repr([holder]), repr({"x": holder})]
    assert not [text for text in [*texts, json.dumps(encode(holder))] if "Kanarie" in text]


@pytest.mark.parametrize("write", [pickle.dumps, copy.deepcopy, json.dumps])
@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: type(holder).__name__)
def test_a_secret_is_not_written(holder: object, write: Callable[[object], object]) -> None:
    with pytest.raises(TypeError) as caught:
        write(holder)
    assert "Kanarie" not in str(caught.value)


@pytest.mark.parametrize("take_apart", [dataclasses.asdict, dataclasses.astuple])
@pytest.mark.parametrize("holder", HOLDERS[1:], ids=lambda holder: type(holder).__name__)
def test_a_walk_over_dataclasses_does_not_take_a_secret_apart(
    holder: object, take_apart: Callable[[object], object]
) -> None:
    with pytest.raises(TypeError, match="not written"):
        take_apart(holder)


def test_a_traceback_does_not_show_it() -> None:
    def fails(secret: Secret) -> None:
        raise ValueError(f"cannot log in with {secret}")

    try:
        fails(Secret(CANARY))
    except ValueError as error:
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "Kanarie" not in text and HIDDEN in text


def test_secrets_compare_and_hash_by_value() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret("a") != "a"
    assert Secret("a").reveal() == "a"


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_the_scrubber_knows_a_secret_however_it_is_spelled(spell: Callable[[str], str]) -> None:
    text = f"before {spell(CANARY)} after"
    clean = Scrubber([CANARY])(text)
    assert clean.startswith("before ") and clean.endswith(" after") and HIDDEN in clean
    assert not [form for form in spelled(CANARY) if form in clean]


def test_the_scrubber_reaches_into_trees_and_their_keys() -> None:
    tree = {"hunter2": [1, None, True, 2.5, "say hunter2", {"deep": "hunter2hunter2"}]}
    assert Scrubber(["hunter2"]).tree(tree) == {  # type: ignore[arg-type]
        "***": [1, None, True, 2.5, "say ***", {"deep": "******"}]
    }


@pytest.mark.parametrize("secret", ["", "a", "ab"])
def test_a_secret_too_short_to_tell_apart_leaves_sentences_alone(secret: str) -> None:
    assert Scrubber([secret])("a cab at the abbey") == "a cab at the abbey"


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="*"), max_size=30)


@settings(max_examples=500, deadline=None)
@given(TEXTS.filter(lambda s: len(s) >= 4), TEXTS, TEXTS, st.sampled_from(sorted(SPELLINGS)))
def test_no_secret_comes_through_the_scrubber(secret: str, before: str, after: str, spelling: str) -> None:
    assume(secret.strip())
    inside = SPELLINGS[spelling](before + ":" + secret if "base64" in spelling else secret)
    clean = Scrubber([secret])(before + inside + after)
    assert secret not in clean
    assert Scrubber([secret])(clean) == clean


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=12), st.text("abcXYZ019+/_-äß", min_size=4, max_size=40), st.binary(max_size=12))
def test_base64_around_a_secret_gives_it_away_at_no_offset(before: bytes, secret: str, after: bytes) -> None:
    clean = Scrubber([secret])(base64.b64encode(before + secret.encode() + after).decode())
    assert HIDDEN in clean


@given(TEXTS)
def test_without_secrets_every_text_comes_through_unchanged(text: str) -> None:
    assert Scrubber([])(text) == text


# --- from the environment, a file, an argument: through a whole run -------------------------------------

PLACES = [
    "NETCHECK_KAFKA_PASSWORD",
    "NETCHECK_CLICKHOUSE_PASSWORD",
    "NETCHECK_CA_PASSWORD",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "--credentials",
]
ECHOES = ("plain", "quoted for a URL", "Basic login", "JSON")


@pytest.fixture(params=PLACES)
def given_secret(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[list[str]]:
    """The canary in one of the places a secret can come from; the arguments that go with it."""
    monkeypatch.setenv("NETCHECK_KAFKA_USERNAME", "sink")
    if request.param == "--credentials":
        lines = [
            f"{key}: {json.dumps(CANARY)}\n"
            for key in ("kafka_password", "clickhouse_password", "ca_password")
        ]
        (tmp_path / "login.yaml").write_text("".join(lines))
        yield ["--credentials", str(tmp_path / "login.yaml")]
    else:
        monkeypatch.setenv(request.param, CANARY)
        yield []


ECHO = '''
import os
from netcheck.core.check import Check
from netcheck.core.model import Cause, Finding, Status, Target

class Echo(Check):
    """It says what it was told."""
    id, kinds = "zz.echo", frozenset({"kafka"})
    def run(self, target, ctx):
        text = CANARY
        yield Finding(Status.FAIL, text, Cause.KAFKA_AUTH, evidence={text: [text]},
                      discovered=(Target("kafka", "b-" + text, 9094),) if target.host == "127.0.0.1" else ())
        raise RuntimeError(text)

'''
BROKEN = "raise RuntimeError(CANARY)"


@pytest.mark.parametrize("format", ["table", "json"])
@pytest.mark.parametrize("spelling", ECHOES)
def test_no_output_shows_what_was_given_as_a_secret(
    given_secret: list[str], spelling: str, format: str, tmp_path: Path, certificates: Certificates
) -> None:
    """The peer echoes it in every answer, a plugin in its findings, its evidence, its errors and a name."""
    echoed = SPELLINGS[spelling](CANARY)
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "echo.py").write_text(ECHO.replace("CANARY", repr(echoed)))
    (plugins / "broken.py").write_text(BROKEN.replace("CANARY", repr(echoed)))
    answer = f"HTTP/1.1 403 Forbidden\r\nX-Echo: {echoed}\r\nContent-Length: {len(echoed)}\r\n\r\n{echoed}"
    with peers.answers(answer.encode()) as kafka, peers.answers(answer.encode()) as clickhouse:
        done = netcheck(
            "run", "--bootstrap", f"127.0.0.1:{kafka.address[1]}", "--security-protocol", "SASL_PLAINTEXT",
            "--sasl-mechanism", "PLAIN", "--clickhouse", f"http://sink@127.0.0.1:{clickhouse.address[1]}/db",
            "--ca", str(certificates.authority.certificate), "--timeout", "10", "--deadline", "100",
            "--plugins", str(plugins), "--format", format, "--record", str(tmp_path / "run.json"),
            *given_secret,
        )  # fmt: skip
    assert done.code == 1, done.err
    assert "zz.echo" in done.out and "broken.py" in done.out
    recorded = (tmp_path / "run.json").read_text()
    for text in (done.out, done.err, recorded):
        assert "Kanarie" not in text
        assert not [form for form in spelled(CANARY) if form in text]


MISTAKES: list[tuple[str, list[str]]] = [
    ("the URL", ["--clickhouse", f"https://sink:{CANARY}@127.0.0.1:8443"]),
    ("a bootstrap broker", ["--bootstrap", f"sink:{CANARY}@127.0.0.1:9094"]),
    ("an unknown option", ["--bootstrap", "127.0.0.1:9", f"--password={CANARY}"]),
    ("an unknown option and its value", ["--bootstrap", "127.0.0.1:9", "--password", CANARY]),
]


@pytest.mark.parametrize("arguments", [row[1] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_secret_given_as_an_argument_by_mistake_is_not_repeated(arguments: list[str]) -> None:
    done = netcheck("run", *arguments)
    assert done.code == 2
    assert "Kanarie" not in done.out + done.err


def test_credentials_given_as_configuration_by_mistake_are_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(f"kafka_password: {json.dumps(CANARY)}\n")
    done = netcheck("run", "--config", str(tmp_path / "run.yaml"))
    assert done.code == 2
    assert "kafka_password" in done.err and "Kanarie" not in done.err


def test_the_configuration_never_shows_its_logins() -> None:
    environment = dict.fromkeys(PLACES[:3], CANARY) | {"NETCHECK_KAFKA_USERNAME": "sink"}
    config = read_logins(build({"bootstrap": (("b-1", 9096),)}, environment), environment)
    assert config.kafka_login and config.kafka_login.password == Secret(CANARY)
    assert config.trust.password == Secret(CANARY)
    assert "Kanarie" not in repr(config)

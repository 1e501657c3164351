"""SASL exchanges, without a network: what a dishonest broker can say, and what an independent judge says
of ours.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from netcheck.core.context import Deadline
from netcheck.core.credentials import KafkaLogin
from netcheck.core.model import Cause
from netcheck.core.secret import Secret
from netcheck.probe.kafka import msk_iam, sasl
from netcheck.probe.transport.failure import Failed

PASSWORD = "correct horse"
BROKER = "b-1.demo.abc123.c2.kafka.eu-west-1.amazonaws.com"
KEYS = msk_iam.AwsKeys("AKIAEXAMPLE", Secret("secret/key+1"), None)
TEMPORARY = msk_iam.AwsKeys("ASIAEXAMPLE", Secret("secret/key+2"), Secret("session/token+=="))


def exchange(mechanism: str = "SCRAM-SHA-256", user: str = "connect") -> sasl.Exchange:
    return sasl.prepare(Deadline(5), KafkaLogin(mechanism, user, Secret(PASSWORD)), BROKER).start()


class Server:
    """The other side of RFC 5802, written from the RFC."""

    def __init__(
        self, digest: str, password: str = PASSWORD, salt: bytes = b"saltsalt", iterations: int = 4096
    ) -> None:
        self.digest, self.salt, self.iterations = digest, salt, iterations
        self.salted = hashlib.pbkdf2_hmac(digest, password.encode(), salt, iterations)
        self.first = ""
        self.challenge = ""

    def answer(self, client_first: bytes) -> bytes:
        assert client_first.startswith(b"n,,")
        self.first = client_first[3:].decode()
        nonce = self.first.split(",r=")[1] + "SERVER"
        self.challenge = f"r={nonce},s={base64.b64encode(self.salt).decode()},i={self.iterations}"
        return self.challenge.encode()

    def verdict(self, client_final: bytes) -> bytes:
        without, _, proof = client_final.decode().rpartition(",p=")
        said = f"{self.first},{self.challenge},{without}".encode()
        client_key = hmac.new(self.salted, b"Client Key", self.digest).digest()
        signature = hmac.new(hashlib.new(self.digest, client_key).digest(), said, self.digest).digest()
        assert bytes(a ^ b for a, b in zip(client_key, signature, strict=True)) == base64.b64decode(proof)
        server_key = hmac.new(self.salted, b"Server Key", self.digest).digest()
        return b"v=" + base64.b64encode(hmac.new(server_key, said, self.digest).digest())


@pytest.mark.parametrize("mechanism, digest", [("SCRAM-SHA-256", "sha256"), ("SCRAM-SHA-512", "sha512")])
def test_a_server_written_from_the_rfc_and_we_accept_each_other(mechanism: str, digest: str) -> None:
    server, ours = Server(digest), exchange(mechanism, "a=b,c")
    first = next(ours)
    assert b"n=a=3Db=2Cc," in first
    final = ours.send(server.answer(first))
    with pytest.raises(StopIteration):
        ours.send(server.verdict(final))


def _challenged(challenge: Callable[[str], str]) -> Failed:
    ours = exchange()
    nonce = next(ours).decode().split(",r=")[1]
    with pytest.raises(Failed) as caught:
        ours.send(challenge(nonce).encode())
    return caught.value


SALT = "c2FsdHNhbHQ="


@pytest.mark.parametrize(
    "sentence, challenge",
    [
        ("an empty challenge", lambda _: ""),
        ("a challenge without a salt", lambda nonce: f"r={nonce}X,i=4096"),
        ("an empty salt", lambda nonce: f"r={nonce}X,s=,i=4096"),
        ("a salt that is no base64", lambda nonce: f"r={nonce}X,s=!!!!,i=4096"),
        ("somebody else's nonce", lambda _: f"r=abc,s={SALT},i=4096"),
        ("our nonce and nothing of the broker's", lambda nonce: f"r={nonce},s={SALT},i=4096"),
        ("no iterations", lambda nonce: f"r={nonce}X,s={SALT}"),
        ("iterations that are no number", lambda nonce: f"r={nonce}X,s={SALT},i=many"),
        ("2^31 iterations", lambda nonce: f"r={nonce}X,s={SALT},i=2147483648"),
        ("a thousand digits of iterations", lambda nonce: f"r={nonce}X,s={SALT},i={'9' * 1000}"),
        ("one iteration, to guess the password offline", lambda nonce: f"r={nonce}X,s={SALT},i=1"),
        ("a negative count", lambda nonce: f"r={nonce}X,s={SALT},i=-4096"),
        ("an attribute that must be understood", lambda nonce: f"m=x,r={nonce}X,s={SALT},i=4096"),
        ("a nonce given twice", lambda nonce: f"r={nonce}X,r={nonce}Y,s={SALT},i=4096"),
    ],
)
def test_a_challenge_that_no_honest_broker_sends_is_malformed(
    sentence: str, challenge: Callable[[str], str]
) -> None:
    assert _challenged(challenge).cause is Cause.KAFKA_MALFORMED, sentence


@pytest.mark.parametrize(
    "sentence, verdict, cause",
    [
        ("a wrong signature", b"v=" + base64.b64encode(bytes(32)), Cause.KAFKA_AUTH),
        ("a short signature", b"v=AAAA", Cause.KAFKA_AUTH),
        ("an error, as the RFC has it", b"e=other-error", Cause.KAFKA_AUTH),
        ("no signature at all", b"", Cause.KAFKA_MALFORMED),
        ("an empty signature", b"v=", Cause.KAFKA_MALFORMED),
        ("bytes that are no text", b"\xff\xfe=", Cause.KAFKA_MALFORMED),
    ],
)
def test_a_broker_that_cannot_prove_the_password_never_passes(
    sentence: str, verdict: bytes, cause: Cause
) -> None:
    ours = exchange()
    ours.send(Server("sha256").answer(next(ours)))
    with pytest.raises(Failed) as caught:
        ours.send(verdict)
    assert caught.value.cause is cause, sentence


def test_a_broker_with_another_password_never_passes() -> None:
    ours, server = exchange(), Server("sha256", "another")
    final = ours.send(server.answer(next(ours)))
    with pytest.raises(AssertionError):
        server.verdict(final)
    with pytest.raises(Failed):
        ours.send(b"v=" + base64.b64encode(hmac.new(server.salted, b"x", "sha256").digest()))


def test_plain_is_user_and_password_between_zero_bytes() -> None:
    assert next(exchange("PLAIN")) == b"\0connect\0correct horse"


def test_a_refused_token_is_acknowledged_and_never_a_pass() -> None:
    ours = sasl.prepare(Deadline(5), KafkaLogin("OAUTHBEARER", password=Secret("t.o.k")), BROKER).start()
    assert next(ours) == b"n,,\x01auth=Bearer t.o.k\x01\x01"
    assert ours.send(b'{"status":"invalid_token"}') == b"\x01"
    with pytest.raises(Failed) as caught:
        ours.send(b"")
    assert caught.value.cause is Cause.KAFKA_AUTH


@pytest.mark.parametrize(
    "login", [KafkaLogin("PLAIN", "", Secret("x")), KafkaLogin("SCRAM-SHA-512", "connect")]
)
def test_a_login_without_a_user_or_a_password_is_no_credentials(login: KafkaLogin) -> None:
    with pytest.raises(Failed) as caught:
        sasl.prepare(Deadline(5), login, BROKER)
    assert caught.value.cause is Cause.KAFKA_NO_CREDENTIALS


def _signed_by_hand(keys: msk_iam.AwsKeys, host: str, region: str, when: str) -> dict[str, str]:
    """The query of the same presigned request, written from the IAM user guide, "Create a signed AWS API
    request", for that moment.
    """
    scope = f"{when[:8]}/{region}/kafka-cluster/aws4_request"
    query = {
        "Action": "kafka-cluster:Connect",
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{keys.access_key}/{scope}",
        "X-Amz-Date": when,
        "X-Amz-Expires": "900",
        "X-Amz-SignedHeaders": "host",
    }
    if keys.token is not None:
        query["X-Amz-Security-Token"] = keys.token.reveal()
    canonical_query = "&".join(f"{name}={quote(query[name], safe='')}" for name in sorted(query))
    empty = hashlib.sha256(b"").hexdigest()
    canonical = f"GET\n/\n{canonical_query}\nhost:{host}\n\nhost\n{empty}"
    to_sign = f"AWS4-HMAC-SHA256\n{when}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{keys.secret_key.reveal()}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return query | {"X-Amz-Signature": hmac.digest(key, to_sign.encode(), "sha256").hex()}


BOTH = pytest.mark.parametrize("keys", [KEYS, TEMPORARY], ids=["long-lived keys", "temporary keys"])


@BOTH
def test_an_iam_login_has_the_parameters_and_the_signature_of_the_guide(keys: msk_iam.AwsKeys) -> None:
    ours = json.loads(msk_iam.payload(keys, BROKER, "eu-west-1"))
    guide = _signed_by_hand(keys, BROKER, "eu-west-1", ours["x-amz-date"])
    fixed = {"version": "2020_10_22", "host": BROKER, "user-agent": "netcheck"}
    assert ours == fixed | {name.lower(): value for name, value in guide.items()}


@BOTH
def test_an_iam_token_is_the_presigned_url_of_the_guide(keys: msk_iam.AwsKeys) -> None:
    token = msk_iam.token(keys, "eu-west-1")
    url = urlsplit(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode())
    query = dict(parse_qsl(url.query))
    assert (url.scheme, url.netloc, url.path) == ("https", "kafka.eu-west-1.amazonaws.com", "/")
    assert query.pop("User-Agent") == "netcheck"
    assert query == _signed_by_hand(keys, url.netloc, "eu-west-1", query["X-Amz-Date"])


ALONE = """
import socket, logging, os, sys
logging.basicConfig(level=logging.DEBUG)
from netcheck.core.secret import Secret
from netcheck.probe.kafka import msk_iam
assert "botocore" not in sys.modules

def forbid(event, arguments):
    if event.startswith("socket.") or (event == "open" and ".aws" in str(arguments[0])):
        os._exit(99)

import botocore.session
botocore.session.Session = None  # whoever looks for credentials needs one
sys.addaudithook(forbid)
keys = msk_iam.AwsKeys("AKIAEXAMPLE", Secret("secret/key+1"), Secret("session/token"))
print(msk_iam.payload(keys, "b-1.example.test", "eu-west-1").decode())
"""


def test_signing_asks_nobody_and_logs_no_secret(tmp_path: Path) -> None:
    """Neither the environment nor a profile nor the network: the keys are those that were given."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "AKIAWRONG",
        "AWS_SECRET_ACCESS_KEY": "wrong",
        "AWS_PROFILE": "nobody",
        "AWS_REGION": "us-east-1",
    }
    done = subprocess.run(
        [sys.executable, "-c", ALONE], capture_output=True, text=True, timeout=60, env=environment
    )
    assert done.returncode == 0, done.stderr
    message = json.loads(done.stdout)
    assert (
        message["x-amz-credential"].startswith("AKIAEXAMPLE/")
        and "/eu-west-1/" in message["x-amz-credential"]
    )
    assert "session/token" not in done.stderr and "session%2Ftoken" not in done.stderr


def test_keys_show_no_secret() -> None:
    assert "secret/key" not in repr(TEMPORARY) and "session/token" not in repr(TEMPORARY)


REGIONS = [
    ("the broker's name", None, BROKER, "us-east-1", "eu-west-1"),
    ("the login, before the broker's name", "us-west-2", BROKER, "us-east-1", "us-west-2"),
    (
        "the name of a serverless cluster",
        None,
        "boot-x.c1.kafka-serverless.us-east-2.amazonaws.com",
        "",
        "us-east-2",
    ),
    ("the environment, for any other name", None, "kafka.example.test", "ap-south-1", "ap-south-1"),
]


@pytest.mark.parametrize("sentence, given, host, environment, expected", REGIONS)
def test_the_region_comes_from(
    sentence: str,
    given: str | None,
    host: str,
    environment: str,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_REGION", environment)
    assert msk_iam.region_of(KafkaLogin("AWS_MSK_IAM", region=given), host) == expected, sentence


def test_without_a_region_there_is_nothing_to_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(Failed) as caught:
        msk_iam.region_of(KafkaLogin("AWS_MSK_IAM"), "kafka.example.test")
    assert caught.value.cause is Cause.KAFKA_NO_CREDENTIALS

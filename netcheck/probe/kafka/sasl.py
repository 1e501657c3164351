"""SASL logins to Kafka, without I/O: the messages to send, and the validation of the answers.

An exchange is a generator: it yields the data of the next SaslAuthenticate request and is sent that of the
response. It returns when the login is complete, and raises Failed for an answer that a correct broker would
not send.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable, Generator
from dataclasses import dataclass

from netcheck.core.context import Deadline
from netcheck.core.credentials import KafkaLogin
from netcheck.core.model import Cause
from netcheck.probe.kafka import msk_iam
from netcheck.probe.transport.failure import Failed

Exchange = Generator[bytes, bytes, None]

FEWEST_ITERATIONS = 4096
"""The minimum in Kafka's client (org.apache.kafka.common.security.scram.internals.ScramMechanism)."""

MOST_ITERATIONS = 200_000
"""Kafka's brokers allow 16384. A peer that requests 2^31 would keep us busy for an hour."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A login that is ready to start. `hidden` are the texts to redact if a peer echoes them."""

    mechanism: str
    start: Callable[[], Exchange]
    hidden: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Prepared({self.mechanism})"


def prepare(deadline: Deadline, login: KafkaLogin, host: str) -> Prepared:
    """Prepare a login to the broker with that host name. Raises Failed with KAFKA_NO_CREDENTIALS.

    The IAM mechanisms load the AWS credentials here, before connecting.
    """
    match login.mechanism:
        case "SCRAM-SHA-256" | "SCRAM-SHA-512" | "PLAIN":
            return _with_password(login)
        case "OAUTHBEARER" if login.password is not None:
            return _with_token(login.password.reveal(), ())
        case "OAUTHBEARER":
            region = msk_iam.region_of(login, host)
            keys = msk_iam.aws_keys(deadline)
            return _with_token(msk_iam.token(keys, region), _hidden(keys))
        case "AWS_MSK_IAM":
            region = msk_iam.region_of(login, host)
            keys = msk_iam.aws_keys(deadline)
            return Prepared(
                login.mechanism, lambda: _one_message(msk_iam.payload(keys, host, region)), _hidden(keys)
            )
        case other:
            raise ValueError(f"unknown SASL mechanism: {other}")


def _with_password(login: KafkaLogin) -> Prepared:
    if not login.username or login.password is None:
        missing = "user name" if not login.username else "password"
        raise Failed(Cause.KAFKA_NO_CREDENTIALS, f"{login.mechanism} needs a {missing}, and none was given")
    user, password = login.username, login.password.reveal()
    if login.mechanism == "PLAIN":
        # RFC 4616, without an authorization identity.
        return Prepared("PLAIN", lambda: _one_message(f"\0{user}\0{password}".encode()), (password,))
    digest = "sha256" if login.mechanism == "SCRAM-SHA-256" else "sha512"
    return Prepared(login.mechanism, lambda: _scram(user, password, digest), (password,))


def _with_token(token: str, hidden: tuple[str, ...]) -> Prepared:
    return Prepared("OAUTHBEARER", lambda: _bearer(token), (token, *hidden))


def _hidden(keys: msk_iam.AwsKeys) -> tuple[str, ...]:
    token = () if keys.token is None else (keys.token.reveal(),)
    return (keys.secret_key.reveal(), *token)


def _one_message(message: bytes) -> Exchange:
    """A login of one message, accepted unless the broker reports an error."""
    yield message


def _bearer(token: str) -> Exchange:
    """RFC 7628. A rejection is an answer with text, which the client acknowledges with one byte; then the
    broker reports an error.
    """
    if (yield f"n,,\x01auth=Bearer {token}\x01\x01".encode()):
        yield b"\x01"
        raise Failed(Cause.KAFKA_AUTH, "the broker rejected the token and then reported no error")


def _scram(user: str, password: str, digest: str) -> Exchange:
    """RFC 5802. At the end the broker has to prove that it knows the password too."""
    nonce = base64.b64encode(secrets.token_bytes(24)).decode()
    first = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={nonce}"
    challenge = yield f"n,,{first}".encode()

    server_first = _attributes(challenge)
    server_nonce = server_first.get("r", "")
    if not server_nonce.startswith(nonce) or server_nonce == nonce:
        raise Failed(Cause.KAFKA_MALFORMED, "the SCRAM challenge does not continue our nonce")
    salted = hashlib.pbkdf2_hmac(
        digest, password.encode(), _decoded(server_first, "s"), _iterations(server_first)
    )

    final = f"c=biws,r={server_nonce}"
    messages = b",".join((first.encode(), challenge, final.encode()))
    client_key = hmac.digest(salted, b"Client Key", digest)
    signature = hmac.digest(hashlib.new(digest, client_key).digest(), messages, digest)
    proof = bytes(ours ^ theirs for ours, theirs in zip(client_key, signature, strict=True))
    verdict = _attributes((yield f"{final},p={base64.b64encode(proof).decode()}".encode()))

    if "e" in verdict:
        raise Failed(Cause.KAFKA_AUTH, f"the broker rejected the login: {verdict['e']}")
    expected = hmac.digest(hmac.digest(salted, b"Server Key", digest), messages, digest)
    if not hmac.compare_digest(_decoded(verdict, "v"), expected):
        raise Failed(Cause.KAFKA_AUTH, "the broker could not prove that it knows this user's password")


def _attributes(message: bytes) -> dict[str, str]:
    """`r=abc,s=def` as a mapping. Raises Failed."""
    try:
        pairs = [part.partition("=") for part in message.decode().split(",")]
    except UnicodeDecodeError:
        pairs = []
    attributes = {name: value for name, mark, value in pairs if mark and len(name) == 1}
    if not attributes or len(attributes) != len(pairs) or "m" in attributes:
        raise Failed(Cause.KAFKA_MALFORMED, "the broker's SCRAM message cannot be parsed")
    return attributes


def _decoded(attributes: dict[str, str], name: str) -> bytes:
    try:
        value = base64.b64decode(attributes[name], validate=True)
    except (KeyError, binascii.Error, ValueError):
        value = b""
    if not value:
        raise Failed(Cause.KAFKA_MALFORMED, f"the broker's SCRAM message has no usable {name}=")
    return value


def _iterations(attributes: dict[str, str]) -> int:
    text = attributes.get("i", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise Failed(Cause.KAFKA_MALFORMED, "the SCRAM challenge has no usable iteration count")
    count = int(text)
    if not FEWEST_ITERATIONS <= count <= MOST_ITERATIONS:
        raise Failed(Cause.KAFKA_MALFORMED, f"the SCRAM challenge requires {count} iterations")
    return count

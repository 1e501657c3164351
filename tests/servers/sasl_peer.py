"""A Kafka listener with MSK's IAM login, as MSK does it: AWS_MSK_IAM, and OAUTHBEARER with MSK's tokens.

    keys = AwsKeys("AKIAEXAMPLE", "wJalrSecret")                # session_token="..." for temporary ones
    with sasl_peer(keys, region="us-east-1", tls=certificates.good.server_context()) as peer:
        ...log in at peer.address...
        peer.verdicts       # [] or ["ok"], ["bad signature"], ...: what was decided of each login, and why

    with sasl_peer(keys, refusal=TOO_MANY_CONNECTS): ...        # refuses every login so, whatever it is worth

The signature (AWS Signature Version 4) is really computed and compared: of the payload's fields for
AWS_MSK_IAM, of the presigned URL that a token is for OAUTHBEARER. A login is refused like by MSK, with
nothing but "[uuid]: Access denied": the true reason is in `verdicts`. After a login, Metadata names this
listener as the only broker; before it, the connection is dropped, as brokers do.

Sources: the aws-msk-iam-auth and aws-msk-iam-sasl-signer libraries' READMEs, RFC 7628, AWS "Create a
signed request".
"""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import hmac
import json
import socket
import ssl
import struct
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

from tests.servers import kafka_wire
from tests.servers.kafka_wire import Reader, blob, string
from tests.servers.peers import Conversation, Peer, pump

TOO_MANY_CONNECTS = "Too many connects"
ACTION = "kafka-cluster:Connect"
SKEW_S = 300
_UNSUPPORTED_MECHANISM, _ILLEGAL_STATE, _UNSUPPORTED_VERSION, _LOGIN_FAILED = 33, 34, 35, 58
_APIS = {
    kafka_wire.API_VERSIONS: (0, 2),
    kafka_wire.METADATA: (1, 2),
    kafka_wire.SASL_HANDSHAKE: (0, 1),
    kafka_wire.SASL_AUTHENTICATE: (0, 1),
}

_BEHIND = {kafka_wire.METADATA: (1, 12)}
"""What a broker behind this one does more."""


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """Credentials that the listener knows."""

    access_key: str
    secret_key: str
    session_token: str | None = None


class SaslPeer(Peer):
    """A Peer with `verdicts`: "ok", or why a login was refused, in the order of the logins."""

    def __init__(
        self,
        keys: AwsKeys,
        *,
        region: str,
        mechanisms: Sequence[str],
        refusal: str | None,
        tls: ssl.SSLContext | None,
        host: str = "127.0.0.1",
        upstream: tuple[str, int] | None = None,
    ) -> None:
        self.keys = keys
        self.region = region
        self.mechanisms = tuple(mechanisms)
        self.refusal = refusal
        self.upstream = upstream
        self.verdicts: list[str] = []
        super().__init__(lambda conversation: _Session(self, conversation).serve(), tls=tls, host=host)


def sasl_peer(
    keys: AwsKeys,
    *,
    region: str = "us-east-1",
    mechanisms: Sequence[str] = ("AWS_MSK_IAM", "OAUTHBEARER"),
    refusal: str | None = None,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
    upstream: tuple[str, int] | None = None,
) -> SaslPeer:
    """Such a listener. `refusal` is what every login is answered with, however good it is; `upstream` a
    broker's plain listener that goes on with a connection once it has logged in.
    """
    return SaslPeer(
        keys,
        region=region,
        mechanisms=mechanisms,
        refusal=refusal,
        tls=tls,
        host=host,
        upstream=upstream,
    )


class _Session:
    """One client's connection."""

    def __init__(self, peer: SaslPeer, conversation: Conversation) -> None:
        self._peer = peer
        self._connection = conversation.socket
        self._mechanism: str | None = None
        self._logged_in = False
        self._failed_token = False

    def serve(self) -> None:
        while True:
            request = Reader(kafka_wire.read_frame(self._connection))
            key, version, correlation = request.number("h"), request.number("h"), request.number("i")
            request.string()
            body, over = self._answer(key, version, request)
            if body is not None:
                self._connection.sendall(blob(struct.pack(">i", correlation) + body))
            if over:
                return
            if self._logged_in and self._peer.upstream:
                self._go_on(self._peer.upstream)
                return

    def _go_on(self, upstream: tuple[str, int]) -> None:
        with socket.create_connection(upstream, 10) as broker:
            back = threading.Thread(target=pump, args=(broker, self._connection), daemon=True)
            back.start()
            pump(self._connection, broker)
            back.join(5)

    def _answer(self, key: int, version: int, request: Reader) -> tuple[bytes | None, bool]:
        """The response's body, and whether the connection then ends."""
        apis = _APIS | (_BEHIND if self._peer.upstream else {})
        lowest, highest = apis.get(key, (1, 0))
        match key:
            case kafka_wire.API_VERSIONS:
                return _api_versions(version, apis), False
            case _ if not lowest <= version <= highest:
                return None, True
            case kafka_wire.SASL_HANDSHAKE:
                return self._handshake(request.string()), False
            case kafka_wire.SASL_AUTHENTICATE:
                code, message, token = self._authenticate(request.blob())
                lifetime = struct.pack(">q", 0) if version else b""
                return struct.pack(">h", code) + string(message) + blob(token) + lifetime, bool(code)
            case kafka_wire.METADATA if self._logged_in:
                return self._metadata(version), False
        return None, True

    def _handshake(self, mechanism: str | None) -> bytes:
        offered = self._peer.mechanisms
        self._mechanism = mechanism if mechanism in offered else None
        code = 0 if self._mechanism else _UNSUPPORTED_MECHANISM
        return struct.pack(">hi", code, len(offered)) + b"".join(string(name) for name in offered)

    def _authenticate(self, token: bytes) -> tuple[int, str | None, bytes]:
        if self._mechanism is None:
            return _ILLEGAL_STATE, "SaslHandshake comes first", b""
        if self._failed_token:
            return _LOGIN_FAILED, _denied(), b""
        peer = self._peer
        judge = judge_payload if self._mechanism == "AWS_MSK_IAM" else judge_token
        verdict = judge(token, peer.keys, peer.region)
        peer.verdicts.append(verdict)
        if peer.refusal is not None:
            return _LOGIN_FAILED, peer.refusal, b""
        if verdict == "ok":
            self._logged_in = True
            iam = {"version": "2020_10_22", "request-id": str(uuid.uuid4())}
            return 0, None, json.dumps(iam).encode() if self._mechanism == "AWS_MSK_IAM" else b""
        if self._mechanism == "OAUTHBEARER":
            # RFC 7628, 3.2.2: the reason first, and the refusal once the client has acknowledged it.
            self._failed_token = True
            return 0, None, b'{"status":"invalid_token"}'
        return _LOGIN_FAILED, _denied(), b""

    def _metadata(self, version: int) -> bytes:
        broker = struct.pack(">i", 1) + string(self._peer.host) + struct.pack(">i", self._peer.port)
        cluster = string("netcheck-iam") if version > 1 else b""
        return struct.pack(">i", 1) + broker + string(None) + cluster + struct.pack(">ii", 1, 0)


def judge_payload(token: bytes, keys: AwsKeys, region: str) -> str:
    """What an AWS_MSK_IAM payload is worth: "ok" or why not."""
    try:
        fields: dict[str, str] = json.loads(token)
        query = {_QUERY_NAMES[name]: fields[name] for name in _QUERY_NAMES if name in fields}
        if fields["version"] != "2020_10_22" or not fields["user-agent"]:
            return "wrong version, or no user agent"
        return _judge(query, fields["x-amz-signature"], fields["host"], keys, (region, "kafka-cluster"))
    except (ValueError, KeyError) as error:
        return f"malformed: {error!r}"


def judge_token(message: bytes, keys: AwsKeys, region: str) -> str:
    """What an OAUTHBEARER initial response with an MSK token, a presigned URL in base64, is worth."""
    try:
        token = message.decode().split("auth=Bearer ")[1].split("\x01")[0]
        url = urlsplit(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode())
        # The signer adds the user agent after it has signed.
        query = {name: value for name, value in parse_qsl(url.query, True) if name != "User-Agent"}
        if url.netloc != f"kafka.{region}.amazonaws.com":
            return f"for another host: {url.netloc}"
        return _judge(query, query.pop("X-Amz-Signature"), url.netloc, keys, (region, "kafka-cluster"))
    except (IndexError, ValueError, KeyError, binascii.Error) as error:
        return f"malformed: {error!r}"


_QUERY_NAMES = {
    "action": "Action",
    "x-amz-algorithm": "X-Amz-Algorithm",
    "x-amz-credential": "X-Amz-Credential",
    "x-amz-date": "X-Amz-Date",
    "x-amz-expires": "X-Amz-Expires",
    "x-amz-security-token": "X-Amz-Security-Token",
    "x-amz-signedheaders": "X-Amz-SignedHeaders",
}


def _judge(query: Mapping[str, str], signature: str, host: str, keys: AwsKeys, scope: tuple[str, str]) -> str:
    """Check a presigned GET of https://host/?query, signed for region and service `scope`."""
    access_key, day, *rest = query["X-Amz-Credential"].split("/")
    when = datetime.datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    age_s = (datetime.datetime.now(datetime.UTC) - when).total_seconds()
    if query["X-Amz-Algorithm"] != "AWS4-HMAC-SHA256" or query["X-Amz-SignedHeaders"] != "host":
        return "another algorithm, or other headers"
    if query["Action"] != ACTION:
        return f"another action: {query['Action']}"
    if access_key != keys.access_key:
        return f"unknown access key {access_key}"
    if query.get("X-Amz-Security-Token") != keys.session_token:
        return "another session token"
    if rest != [*scope, "aws4_request"]:
        return f"signed for {'/'.join(rest)}"
    if age_s > int(query["X-Amz-Expires"]) or age_s < -SKEW_S:
        return f"expired, or from the future: {age_s:.0f} s old"
    wanted = _signature(query, host, keys.secret_key, f"{day}/{'/'.join(rest)}")
    return "ok" if hmac.compare_digest(wanted, signature) else "bad signature"


def _signature(query: Mapping[str, str], host: str, secret: str, scope: str) -> str:
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query.items())
    canonical_query = "&".join(f"{name}={value}" for name, value in pairs)
    nothing = hashlib.sha256(b"").hexdigest()
    request = "\n".join(["GET", "/", canonical_query, f"host:{host}", "", "host", nothing])
    digest = hashlib.sha256(request.encode()).hexdigest()
    to_sign = "\n".join(["AWS4-HMAC-SHA256", query["X-Amz-Date"], scope, digest])
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, to_sign.encode(), "sha256").hexdigest()


def _denied() -> str:
    return f"[{uuid.uuid4()}]: Access denied"


def _api_versions(version: int, apis: Mapping[int, tuple[int, int]]) -> bytes:
    """A broker answers a version it does not know in version 0, with the error and what it does know."""
    rows = b"".join(struct.pack(">hhh", key, *versions) for key, versions in apis.items())
    known = version <= _APIS[kafka_wire.API_VERSIONS][1]
    throttle = struct.pack(">i", 0) if known and version else b""
    return struct.pack(">hi", 0 if known else _UNSUPPORTED_VERSION, len(apis)) + rows + throttle

"""A Kafka listener whose every answer a test writes: what real brokers do not do, or only MSK's do.

    with broker(authenticate=[refusal("Access denied")]) as peer: ...

Frames are packed by hand, in versions without tagged fields: independent of the codec under test.
"""

from __future__ import annotations

import ssl
import struct
from collections.abc import Callable, Sequence

from tests.servers.peers import Conversation, Peer

API_VERSIONS, SASL_HANDSHAKE, SASL_AUTHENTICATE, METADATA = 18, 17, 36, 3
APIS = ((API_VERSIONS, 0, 2), (METADATA, 1, 2), (SASL_HANDSHAKE, 0, 1), (SASL_AUTHENTICATE, 0, 0))

Answer = bytes | Callable[[bytes], bytes] | None
"""The body of a response; a function of the request's body; None to hang up."""


def string(text: str | None) -> bytes:
    if text is None:
        return struct.pack(">h", -1)
    return struct.pack(">h", len(text.encode())) + text.encode()


def api_versions(apis: Sequence[tuple[int, int, int]] = APIS, error: int = 0) -> bytes:
    return struct.pack(">hi", error, len(apis)) + b"".join(struct.pack(">hhh", *api) for api in apis)


def mechanisms(*names: str, error: int = 0) -> bytes:
    return struct.pack(">hi", error, len(names)) + b"".join(map(string, names))


def authenticated(data: bytes = b"") -> bytes:
    return struct.pack(">h", 0) + string(None) + struct.pack(">i", len(data)) + data


def refusal(message: str, error: int = 58) -> bytes:
    return struct.pack(">h", error) + string(message) + struct.pack(">i", 0)


def metadata(*brokers: tuple[int, str, int, str | None], cluster: str | None = "scripted") -> bytes:
    """Metadata version 2."""
    packed = b"".join(
        struct.pack(">i", b[0]) + string(b[1]) + struct.pack(">i", b[2]) + string(b[3]) for b in brokers
    )
    return struct.pack(">i", len(brokers)) + packed + string(cluster) + struct.pack(">ii", 1, 0)


ONE_BROKER = metadata((1, "b-1.example.test", 9094, "use1-az1"))


class Script:
    """The answers to each kind of request. A list of SaslAuthenticate answers is used up over all
    connections.
    """

    def __init__(self, answers: dict[int, Answer], authenticate: Sequence[Answer]) -> None:
        self.answers = answers
        self.authenticate = list(authenticate)
        self.requests: list[int] = []

    def serve(self, conversation: Conversation) -> None:
        buffer = b""
        while data := conversation.receive():
            buffer += data
            while len(buffer) >= 4 and len(buffer) >= 4 + (size := int.from_bytes(buffer[:4], "big")):
                request, buffer = buffer[4 : 4 + size], buffer[4 + size :]
                if not self._answer(conversation, request):
                    return

    def _answer(self, conversation: Conversation, request: bytes) -> bool:
        key, _, correlation, client = struct.unpack_from(">hhih", request)
        self.requests.append(key)
        body = request[10 + max(client, 0) :]
        answer = (
            self.authenticate.pop(0)
            if key == SASL_AUTHENTICATE and self.authenticate
            else self.answers.get(key)
        )
        if callable(answer):
            answer = answer(body)
        if answer is None:
            return False
        conversation.send(struct.pack(">ii", len(answer) + 4, correlation) + answer)
        return True


class ScriptedBroker(Peer):
    """A peer with a script; `requests` are the API keys it was asked, in order."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None) -> None:
        super().__init__(script.serve, tls=tls)
        self.script = script

    @property
    def requests(self) -> list[int]:
        return self.script.requests


def broker(
    *,
    api: Answer = api_versions(),  # noqa: B008 - immutable
    handshake: Answer = mechanisms("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "AWS_MSK_IAM", "OAUTHBEARER"),  # noqa: B008
    authenticate: Sequence[Answer] = (),
    describe: Answer = ONE_BROKER,
    tls: ssl.SSLContext | None = None,
) -> ScriptedBroker:
    """A listener that answers like that; without `authenticate` every login succeeds with an empty
    answer.
    """
    answers: dict[int, Answer] = {
        API_VERSIONS: api,
        SASL_HANDSHAKE: handshake,
        SASL_AUTHENTICATE: authenticated(),
        METADATA: describe,
    }
    return ScriptedBroker(Script(answers, authenticate), tls)


def auth_data(body: bytes) -> bytes:
    """What a SaslAuthenticate request (version 0) carries."""
    return body[4:]

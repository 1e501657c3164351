"""Kafka requests and responses over one connection, with kafka-python as the codec only.

Its clients, connections and KafkaProtocol are not used: they log what they send, including secrets. It takes
70 ms to import, so only a run with a Kafka broker imports it.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from netcheck.core.model import Cause
from netcheck.probe.tls.stream import Stream
from netcheck.probe.transport.failure import Failed
from netcheck.probe.transport.recognise import recognise

CLIENT_ID = "netcheck"
SMALL_FRAME = 1 << 16
LARGEST_FRAME = 2 << 20
"""Bytes. The metadata of a cluster with a thousand brokers, without topics, is about a tenth of that."""

_API_VERSIONS, _SASL_HANDSHAKE, _SASL_AUTHENTICATE, _METADATA = 18, 17, 36, 3
_UNSUPPORTED_VERSION = 35

# What the codec raises for invalid bytes.
_UNDECODABLE = (ValueError, struct.error, IndexError, KeyError, TypeError, AssertionError, OverflowError)


@dataclass(frozen=True, slots=True)
class Apis:
    """The APIs that a broker supports: API key -> (oldest, newest version)."""

    versions: dict[int, tuple[int, int]]

    @property
    def broker_version(self) -> str:
        """The oldest release with these versions, such as "3.6"; the broker may be newer."""
        from kafka.protocol.broker_version_data import BrokerVersionData

        return ".".join(map(str, BrokerVersionData(api_versions=self.versions).broker_version))

    def best(self, api: int, name: str, oldest: int, newest: int) -> int:
        """The newest version of an API between `oldest` and `newest` that the broker supports. Raises
        Failed.
        """
        theirs_oldest, theirs_newest = self.versions.get(api, (1, 0))
        if max(oldest, theirs_oldest) > min(newest, theirs_newest):
            offered = (
                f"supports {theirs_oldest} to {theirs_newest}"
                if api in self.versions
                else "does not support it"
            )
            detail = f"{name} is required in version {oldest} to {newest}, and the broker {offered}"
            raise Failed(Cause.KAFKA_UNSUPPORTED_VERSION, detail)
        return min(newest, theirs_newest)


@dataclass(frozen=True, slots=True)
class SaslHandshakeResult:
    """The response to SaslHandshake: an error code, and the mechanisms that the listener offers."""

    error: int
    mechanisms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SaslAuthenticateResult:
    """The response to SaslAuthenticate."""

    error: int
    message: str
    data: bytes


class Conversation:
    """One connection to a broker, with one request at a time. Its methods raise Failed and nothing else."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._correlation = 0
        self._buffer = bytearray()

    @property
    def received(self) -> int:
        """The number of received bytes."""
        return self._stream.received

    def api_versions(self) -> Apis:
        """The broker's APIs. Every broker answers version 0, also before a login."""
        from kafka.protocol.metadata import ApiVersionsRequest, ApiVersionsResponse

        answer = self._send(ApiVersionsRequest(version=0), ApiVersionsResponse, SMALL_FRAME)
        if answer.error_code == _UNSUPPORTED_VERSION:
            raise Failed(Cause.KAFKA_UNSUPPORTED_VERSION, "the broker does not support ApiVersions version 0")
        if answer.error_code:
            raise Failed(Cause.KAFKA_ERROR, f"ApiVersions: {error_name(answer.error_code)}")
        versions = {api.api_key: (api.min_version, api.max_version) for api in answer.api_keys or ()}
        if _API_VERSIONS not in versions or any(not 0 <= low <= high for low, high in versions.values()):
            raise Failed(Cause.KAFKA_MALFORMED, "the list of APIs is invalid")
        return Apis(versions)

    def sasl_handshake(self, apis: Apis, mechanism: str) -> SaslHandshakeResult:
        """Request a mechanism, without credentials. Version 1, as version 0 is not followed by
        SaslAuthenticate.
        """
        from kafka.protocol.sasl import SaslHandshakeRequest, SaslHandshakeResponse

        apis.best(_SASL_HANDSHAKE, "SaslHandshake", 1, 1)
        request = SaslHandshakeRequest(version=1, mechanism=mechanism)
        answer = self._send(request, SaslHandshakeResponse, SMALL_FRAME)
        return SaslHandshakeResult(answer.error_code, tuple(name for name in answer.mechanisms or () if name))

    def sasl_authenticate(self, apis: Apis, data: bytes) -> SaslAuthenticateResult:
        """One step of a login."""
        from kafka.protocol.sasl import SaslAuthenticateRequest, SaslAuthenticateResponse

        version = apis.best(_SASL_AUTHENTICATE, "SaslAuthenticate", 0, 2)
        request = SaslAuthenticateRequest(version=version, auth_bytes=data)
        answer = self._send(request, SaslAuthenticateResponse, SMALL_FRAME)
        return SaslAuthenticateResult(
            answer.error_code, answer.error_message or "", bytes(answer.auth_bytes or b"")
        )

    def metadata(self, apis: Apis) -> Any:
        """The cluster and its brokers. Requests no topic, and forbids the broker to create one.

        From version 1 an empty list of topics means none; in version 0 it means all.
        """
        from kafka.protocol.metadata import MetadataRequest, MetadataResponse

        version = apis.best(_METADATA, "Metadata", 1, 12)
        request = MetadataRequest(version=version, topics=[], allow_auto_topic_creation=False)
        return self._send(request, MetadataResponse, LARGEST_FRAME)

    def topics(self, apis: Apis, names: Sequence[str] | None) -> Any:
        """The metadata of these topics, or of all that the login can see. Creates none: version 4 is the
        first that can forbid it (KIP-204).
        """
        from kafka.protocol.metadata import MetadataRequest, MetadataResponse

        version = apis.best(_METADATA, "Metadata", 4, 12)
        requested = None if names is None else [MetadataRequest.MetadataRequestTopic(name=n) for n in names]
        request = MetadataRequest(version=version, topics=requested, allow_auto_topic_creation=False)
        return self._send(request, MetadataResponse, LARGEST_FRAME)

    def _send(self, request: Any, response: Any, limit: int) -> Any:
        if self._buffer:
            raise Failed(Cause.KAFKA_MALFORMED, f"received {len(self._buffer)} bytes without a request")
        self._correlation += 1
        request.with_header(correlation_id=self._correlation, client_id=CLIENT_ID)
        try:
            self._stream.send(bytes(request.encode(framed=True, header=True)))
            frame = io.BytesIO(self._frame(limit))
        except Failed as failure:
            if failure.cause is Cause.TIMED_OUT:
                raise Failed(Cause.KAFKA_SILENT, self._silence(request)) from failure
            raise
        try:
            header = response.parse_header(frame, version=request.API_VERSION)
            if header.correlation_id == self._correlation:
                return response.decode(frame, version=request.API_VERSION)
        except _UNDECODABLE as error:
            raise self._not_kafka(f"{request.name}: the response cannot be decoded") from error
        raise self._not_kafka(f"{request.name}: the response belongs to another request")

    def _frame(self, limit: int) -> bytes:
        """The next frame: four bytes of length, then as many bytes."""
        while len(self._buffer) < 4:
            self._more("of a frame's length")
        size = int.from_bytes(self._buffer[:4], "big", signed=True)
        if not 4 <= size <= limit:
            raise self._not_kafka(f"a frame with an invalid length of {size} bytes")
        while len(self._buffer) < 4 + size:
            self._more(f"of a frame of {size} bytes")
        frame = bytes(self._buffer[4 : 4 + size])
        del self._buffer[: 4 + size]
        return frame

    def _more(self, what: str) -> None:
        data = self._stream.receive()
        if data:
            self._buffer += data
        elif self._buffer:
            raise self._not_kafka(f"connection closed after {len(self._buffer)} bytes {what}")
        else:
            raise Failed(Cause.CONNECTION_CLOSED, "connection closed without a response")

    def _not_kafka(self, what: str) -> Failed:
        """The failure for bytes that are not a Kafka response, with the other protocol where it is
        recognised.
        """
        first = self._stream.first_bytes
        known = recognise(first)
        if known is None or known == "Kafka":
            # After the first response these bytes are not those of the invalid one.
            start = f"; it starts with {first[:24]!r}" if self._correlation == 1 else ""
            return Failed(Cause.KAFKA_MALFORMED, what + start)
        if known.startswith("TLS") and self._stream.tls_version is None:
            return Failed(Cause.PLAINTEXT_ON_TLS_PORT, f"received {known}: this port expects TLS")
        return Failed(Cause.WRONG_PROTOCOL, f"{known} answered: {first[:32]!r}")

    def _silence(self, request: Any) -> str:
        received = f"{len(self._buffer)} bytes of a response, then silence" if self._buffer else "no response"
        return f"{request.name}: {received}"


def error_name(code: int) -> str:
    """`SASL_AUTHENTICATION_FAILED (58)`, as in Kafka's documentation; `UNKNOWN (1234)` for a newer code."""
    from kafka.errors import for_code

    return f"{for_code(code).message} ({code})"

"""Kafka, one broker at a time: API versions, SASL mechanisms, login, advertised brokers and topics.

Side effects: a login counts against the broker's limit of new connections (MSK: 100 a second with IAM, far
fewer on small brokers), so there is at most one per probe, and one more after `Too many connects`. A request
that names topics forbids the broker to create them; no consumer group is joined.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import Any

from netcheck.core.context import Deadline
from netcheck.core.credentials import KafkaLogin, Trust
from netcheck.core.model import Cause, Security
from netcheck.core.secret import Scrubber
from netcheck.probe.kafka import sasl
from netcheck.probe.kafka.topics import Topic, of_names, of_pattern, pattern_of
from netcheck.probe.kafka.wire import Apis, Conversation, error_name
from netcheck.probe.tls.reprobe import (
    CONNECTION_TERMINATED,
    LONGEST,
    TLS_CONNECTION_TERMINATED,
    plaintext_to_tls,
)
from netcheck.probe.tls.stream import Tls, open_stream
from netcheck.probe.transport.failure import Failed

MOST_BROKERS = 2000
SLOW_DOWN = 1.0
"""Seconds to wait after `Too many connects`
(https://docs.aws.amazon.com/msk/latest/developerguide/limits.html).
"""

_SASL_STEPS = 4
_LONG_ENOUGH_TO_BE_MEANT = 8
_HOST = re.compile(
    r"(?=.{1,255}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?"
)
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_TEXT = 200
_MOST_FAULTS = 3
_LONGEST_SHOWN = 60


class _Error(IntEnum):
    """The Kafka error codes that this probe handles
    (https://kafka.apache.org/protocol#protocol_error_codes).
    """

    NONE = 0
    UNSUPPORTED_SASL_MECHANISM = 33
    ILLEGAL_SASL_STATE = 34
    SASL_AUTHENTICATION_FAILED = 58


class Stage(StrEnum):
    """The progress of a conversation: the step that failed, or `done`."""

    LOGIN = "login"
    CONNECT = "connect"
    API_VERSIONS = "api_versions"
    SASL_HANDSHAKE = "sasl_handshake"
    SASL_AUTHENTICATE = "sasl_authenticate"
    METADATA = "metadata"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class KafkaHello:
    """What a broker answers without a login.

    `broker_version` is the oldest release with the broker's API versions; `apis` is their number.
    `mechanisms` are the SASL mechanisms that the listener offers. `sasl` is whether it requires a SASL login,
    None where that was not tested.
    """

    stage: Stage
    broker_version: str | None
    apis: int
    mechanisms: tuple[str, ...]
    sasl: bool | None
    cause: Cause | None
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker as advertised by a broker. A client connects to `host`:`port` next; on MSK `rack` is the
    Availability Zone.
    """

    node_id: int
    host: str
    port: int
    rack: str | None


@dataclass(frozen=True, slots=True)
class KafkaMetadata:
    """The cluster as described by one broker, and the progress of the conversation.

    `mechanisms` are those that the listener offers, where they were requested; `attempts` is the number of
    logins.
    """

    stage: Stage
    cluster_id: str | None
    controller: int | None
    brokers: tuple[Broker, ...]
    mechanisms: tuple[str, ...]
    attempts: int
    cause: Cause | None
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class KafkaTopics:
    """The requested topics as described by one broker, and the progress of the conversation.

    `told` is the number of topics in the response: with a pattern, all that the login can see.
    """

    stage: Stage
    topics: tuple[Topic, ...]
    told: int
    attempts: int
    cause: Cause | None
    detail: str
    seconds: float


@dataclass(slots=True)
class _Seen:
    """The results of a conversation so far; kept when it fails."""

    stage: Stage = Stage.CONNECT
    apis: Apis | None = None
    mechanisms: tuple[str, ...] = ()
    sasl: bool | None = None
    attempts: int = 0
    cluster_id: str | None = None
    controller: int | None = None
    brokers: tuple[Broker, ...] = ()
    topics: tuple[Topic, ...] = ()
    told: int = 0
    scrub: Scrubber = field(default_factory=lambda: Scrubber(()))


@dataclass(frozen=True, slots=True)
class _Listener:
    """A listener's address, and its security protocol."""

    address: str
    port: int
    server_name: str
    security: Security
    trust: Trust

    @contextlib.contextmanager
    def conversation(self, deadline: Deadline, *, verify: bool) -> Iterator[Conversation]:
        tls = Tls(self.server_name, self.trust, verify) if self.security.tls else None
        with open_stream(deadline, self.address, self.port, tls=tls) as stream:
            yield Conversation(stream)


def hello(
    deadline: Deadline,
    address: str,
    port: int,
    server_name: str,
    security: Security,
    trust: Trust,
    mechanism: str,
) -> KafkaHello:
    """Request a broker's API versions, and a SASL listener's mechanisms. Sends no credentials.

    TLS is not verified: nothing secret is sent, and another probe reports the certificate.
    """
    listener = _Listener(address, port, server_name, security, trust)
    started, seen = time.monotonic(), _Seen()
    failure = None
    try:
        with listener.conversation(deadline, verify=False) as broker:
            _greet(broker, seen)
            if security.sasl:
                _choose_mechanism(broker, seen, mechanism)
            seen.stage = Stage.DONE
    except Failed as first:
        failure = _refined(deadline, listener, seen, first)
    return KafkaHello(
        seen.stage,
        seen.apis.broker_version if seen.apis else None,
        len(seen.apis.versions) if seen.apis else 0,
        seen.mechanisms,
        seen.sasl,
        failure.cause if failure else None,
        _plain(failure.detail) if failure else "",
        time.monotonic() - started,
    )


def metadata(
    deadline: Deadline,
    address: str,
    port: int,
    server_name: str,
    security: Security,
    trust: Trust,
    login: KafkaLogin | None,
) -> KafkaMetadata:
    """Log in where there is a login and the listener requires one, and request the cluster's brokers.

    With a login TLS is verified first, as secrets follow. After `Too many connects` it retries once, a second
    later.
    """
    listener = _Listener(address, port, server_name, security, trust)
    started, seen = time.monotonic(), _Seen()
    failure = _described(
        deadline,
        listener,
        login if security.sasl else None,
        seen,
        lambda broker, apis: _keep(broker.metadata(apis), seen),
    )
    return KafkaMetadata(
        seen.stage,
        seen.cluster_id,
        seen.controller,
        seen.brokers,
        seen.mechanisms,
        seen.attempts,
        failure.cause if failure else None,
        _plain(seen.scrub(failure.detail)) if failure else "",
        time.monotonic() - started,
    )


def topics(
    deadline: Deadline,
    address: str,
    port: int,
    server_name: str,
    security: Security,
    trust: Trust,
    login: KafkaLogin | None,
    names: tuple[str, ...],
    pattern: str,
) -> KafkaTopics:
    """The same conversation for topics: those with these names, or all that match `pattern`, which
    `pattern_of` must accept.
    """
    listener = _Listener(address, port, server_name, security, trust)
    started, seen = time.monotonic(), _Seen()

    def ask(broker: Conversation, apis: Apis) -> None:
        answer = broker.topics(apis, None if pattern else names)
        _keep_topics(answer.topics or (), names, pattern, seen)

    failure = _described(deadline, listener, login if security.sasl else None, seen, ask)
    return KafkaTopics(
        seen.stage,
        seen.topics,
        seen.told,
        seen.attempts,
        failure.cause if failure else None,
        _plain(seen.scrub(failure.detail)) if failure else "",
        time.monotonic() - started,
    )


_Request = Callable[[Conversation, Apis], None]
"""The request of a conversation, after the login."""


def _described(
    deadline: Deadline, listener: _Listener, login: KafkaLogin | None, seen: _Seen, request: _Request
) -> Failed | None:
    """Fill in `seen`, and return the failure that ended the conversation, if any."""
    try:
        prepared = None
        if login is not None:
            seen.stage = Stage.LOGIN
            prepared = sasl.prepare(deadline, login, listener.server_name)
            seen.scrub = Scrubber(prepared.hidden)
        try:
            _describe(deadline, listener, prepared, seen, request)
        except Failed as failure:
            if failure.cause is not Cause.KAFKA_TOO_MANY_CONNECTS or deadline.left() <= SLOW_DOWN:
                raise
            time.sleep(SLOW_DOWN)
            _describe(deadline, listener, prepared, seen, request)
    except Failed as failure:
        if prepared is None and seen.stage is Stage.METADATA and failure.cause in CONNECTION_TERMINATED:
            return _wants_sasl(deadline, listener, seen, failure)
        return _refined(deadline, listener, seen, failure)
    return None


def _describe(
    deadline: Deadline, listener: _Listener, prepared: sasl.Prepared | None, seen: _Seen, request: _Request
) -> None:
    seen.stage = Stage.CONNECT
    with listener.conversation(deadline, verify=prepared is not None) as broker:
        apis = _greet(broker, seen)
        if prepared is not None:
            _choose_mechanism(broker, seen, prepared.mechanism)
            _log_in(broker, apis, prepared, seen)
        seen.stage = Stage.METADATA
        request(broker, apis)
        seen.stage = Stage.DONE


def _greet(broker: Conversation, seen: _Seen) -> Apis:
    seen.stage = Stage.API_VERSIONS
    seen.apis = broker.api_versions()
    return seen.apis


def _choose_mechanism(broker: Conversation, seen: _Seen, mechanism: str) -> None:
    """SaslHandshake: whether the listener accepts this mechanism, and which ones it offers."""
    assert seen.apis is not None
    seen.stage = Stage.SASL_HANDSHAKE
    answer = broker.sasl_handshake(seen.apis, mechanism)
    seen.mechanisms = tuple(_plain(seen.scrub(name)) for name in answer.mechanisms[:20])
    match answer.error:
        case _Error.NONE:
            seen.sasl = True
        case _Error.UNSUPPORTED_SASL_MECHANISM:
            seen.sasl = True
            offered = ", ".join(seen.mechanisms) or "nothing"
            raise Failed(
                Cause.KAFKA_SASL_MECHANISM, f"the listener does not accept {mechanism}; it offers {offered}"
            )
        case _Error.ILLEGAL_SASL_STATE:
            seen.sasl = False
            raise Failed(Cause.KAFKA_SASL_NOT_ENABLED, "the listener has no SASL: ILLEGAL_SASL_STATE (34)")
        case code:
            raise Failed(Cause.KAFKA_ERROR, f"SaslHandshake: {error_name(code)}")


def _log_in(broker: Conversation, apis: Apis, prepared: sasl.Prepared, seen: _Seen) -> None:
    seen.stage = Stage.SASL_AUTHENTICATE
    seen.attempts += 1
    exchange = prepared.start()
    message = next(exchange)
    for _ in range(_SASL_STEPS):
        answer = broker.sasl_authenticate(apis, message)
        if answer.error:
            raise _refused(answer.error, answer.message)
        try:
            message = exchange.send(answer.data)
        except StopIteration:
            return
    raise Failed(Cause.KAFKA_MALFORMED, f"the login did not finish within {_SASL_STEPS} steps")


def _refused(code: int, message: str) -> Failed:
    """The failure of a login. MSK and Kafka give the reason only in the text; the code is always the same."""
    detail = f"{error_name(code)}: {message}"
    if code != _Error.SASL_AUTHENTICATION_FAILED:
        return Failed(Cause.KAFKA_ERROR, detail)
    text = message.lower()
    if "too many connects" in text:
        return Failed(Cause.KAFKA_TOO_MANY_CONNECTS, detail)
    return Failed(Cause.KAFKA_ACCESS_DENIED if "access denied" in text else Cause.KAFKA_AUTH, detail)


def _keep(answer: Any, seen: _Seen) -> None:
    """Keep the metadata, unless it is invalid. Raises Failed."""
    if not answer.brokers:
        raise Failed(Cause.KAFKA_NO_BROKERS, "the broker advertises no broker at all, not even itself")
    if len(answer.brokers) > MOST_BROKERS:
        raise Failed(Cause.KAFKA_MALFORMED, f"{len(answer.brokers)} brokers are advertised")
    seen.cluster_id = _optional(answer.cluster_id, seen.scrub)
    seen.controller = answer.controller_id
    brokers = tuple(
        Broker(broker.node_id, broker.host or "", broker.port, _optional(broker.rack, seen.scrub))
        for broker in answer.brokers
    )
    faults = {broker: _fault(broker, seen.scrub) for broker in brokers}
    # An invalid broker must not keep the others from being checked.
    seen.brokers = tuple(broker for broker in brokers if faults[broker] is None)
    invalid = [fault for fault in faults.values() if fault is not None]
    if invalid:
        more = f"; and {len(invalid) - _MOST_FAULTS} more" if len(invalid) > _MOST_FAULTS else ""
        raise Failed(Cause.KAFKA_MALFORMED, "; ".join(invalid[:_MOST_FAULTS]) + more)


def _keep_topics(answered: Sequence[Any], names: tuple[str, ...], pattern: str, seen: _Seen) -> None:
    """Keep the requested topics of the response, and no others."""
    seen.told = len(answered)
    matcher = pattern_of(pattern) if pattern else None
    seen.topics = of_pattern(answered, matcher) if matcher else of_names(answered, names)


def _fault(broker: Broker, scrub: Scrubber) -> str | None:
    """Why no client can connect to this advertised broker, whatever the network; None if one can."""
    scrubbed = scrub(broker.host)
    host = _plain(scrubbed)[:_LONGEST_SHOWN]
    if not (1 <= broker.port <= 65535):
        return f"broker {broker.node_id} is advertised as {host!r} with the invalid port {broker.port}"
    if not _is_host(broker.host):
        return f"broker {broker.node_id} is advertised as {host!r}, which is not a host name"
    # A short password may be part of a host name by chance; a long one is there because a peer echoes it.
    if scrubbed != broker.host and len(broker.host) - len(scrubbed) + 3 >= _LONG_ENOUGH_TO_BE_MEANT:
        return f"broker {broker.node_id} is advertised with a name that contains the password"
    return None


def _is_host(text: str) -> bool:
    """Whether it is a host name or an address. An address with a zone (`fe80::1%eth0`) is valid on one host
    only, and what ends in a number can only be an IPv4 address (RFC 1123 section 2.1).
    """
    if ":" in text or text.removesuffix(".").rpartition(".")[2].isdigit():
        try:
            ipaddress.ip_address(text)
        except ValueError:
            return False
        return "%" not in text
    return _HOST.fullmatch(text) is not None


def _wants_sasl(deadline: Deadline, listener: _Listener, seen: _Seen, failure: Failed) -> Failed:
    """The failure of a broker that closed the connection on a metadata request without a login.

    A Kafka listener with SASL answers ApiVersions without a login and closes the connection on any other
    request. SaslHandshake on a new connection shows whether it has SASL; where that fails, the sequence is
    evidence enough.
    """
    with (
        contextlib.suppress(Failed),
        listener.conversation(deadline.step(LONGEST), verify=False) as broker,
    ):
        answer = broker.sasl_handshake(broker.api_versions(), "PLAIN")
        if answer.error == _Error.ILLEGAL_SASL_STATE:
            return failure
        seen.mechanisms = tuple(_plain(name) for name in answer.mechanisms[:20])
    offered = f"; it offers {', '.join(seen.mechanisms)}" if seen.mechanisms else ""
    detail = f"answered ApiVersions, then closed the connection on Metadata without a login{offered}"
    return Failed(Cause.KAFKA_SASL_REQUIRED, detail)


def _refined(deadline: Deadline, listener: _Listener, seen: _Seen, failure: Failed) -> Failed:
    """A more exact failure, where a second connection shows that only one side uses TLS."""
    if listener.security.tls:
        if (
            seen.stage is Stage.CONNECT
            and failure.cause in TLS_CONNECTION_TERMINATED
            and _speaks_plaintext(deadline, listener)
        ):
            return Failed(
                Cause.TLS_NOT_SUPPORTED, "the broker answers without TLS: this is a plaintext listener"
            )
    elif seen.stage is Stage.API_VERSIONS:
        return plaintext_to_tls(deadline, listener.address, listener.port, listener.server_name, failure)
    return failure


def _speaks_plaintext(deadline: Deadline, listener: _Listener) -> bool:
    security = Security.SASL_PLAINTEXT if listener.security.sasl else Security.PLAINTEXT
    try:
        with replace(listener, security=security).conversation(
            deadline.step(LONGEST), verify=False
        ) as broker:
            broker.api_versions()
    except Failed:
        return False
    return True


def _optional(text: str | None, scrub: Scrubber) -> str | None:
    return None if text is None else _plain(scrub(text))


def _plain(text: str) -> str:
    """A peer's text, shortened and printable."""
    return _UNPRINTABLE.sub("?", text[:_TEXT])

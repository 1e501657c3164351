"""Kafka, one broker at a time: what it speaks, how it wants to be logged in to, and which brokers it
advertises.

Side effects: a login counts against the broker's rate of connections (MSK: 100 a second with IAM, far less
on small brokers), so there is at most one a question, and one more where the broker asked to slow down. A
request that names topics forbids the broker to create them; no group is joined.
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
from netcheck.probe.tls.reprobe import HUNG_UP, HUNG_UP_ON_TLS, LONGEST, plaintext_to_tls
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
    """Kafka's error codes that mean something to us
    (https://kafka.apache.org/protocol#protocol_error_codes).
    """

    NONE = 0
    UNSUPPORTED_SASL_MECHANISM = 33
    ILLEGAL_SASL_STATE = 34
    SASL_AUTHENTICATION_FAILED = 58


class Stage(StrEnum):
    """How far a conversation came: the step that ended it, or `done`."""

    LOGIN = "login"
    CONNECT = "connect"
    API_VERSIONS = "api_versions"
    SASL_HANDSHAKE = "sasl_handshake"
    SASL_AUTHENTICATE = "sasl_authenticate"
    METADATA = "metadata"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class KafkaHello:
    """What a broker says to anybody.

    `broker_version` is the release that the broker's API versions belong to, at least; `apis` is their
    number. `mechanisms` are the SASL mechanisms that the listener offers. `sasl` is whether it wants a
    SASL login, None where that was not asked.
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
    """A broker as another one advertises it. A client goes to `host`:`port` next; `rack` is the zone on
    MSK.
    """

    node_id: int
    host: str
    port: int
    rack: str | None


@dataclass(frozen=True, slots=True)
class KafkaMetadata:
    """The cluster as one broker describes it to us, and how far we came.

    `mechanisms` are those that a listener offers, where it was asked; `attempts` counts connections with a
    login.
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
    """The topics that were asked for as one broker tells of them, and how far we came.

    `told` counts the topics in its answer: where a pattern was asked for, all that the login may see.
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
    """What a conversation has brought to light so far; kept when it fails."""

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
class _Place:
    """Where a listener is, and how it is spoken to."""

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
    """Ask a broker for its API versions, and a SASL listener for its mechanisms. Sends no credentials.

    TLS is not verified: nothing secret is sent, and what is wrong with a certificate is another question.
    """
    place = _Place(address, port, server_name, security, trust)
    started, seen = time.monotonic(), _Seen()
    failure = None
    try:
        with place.conversation(deadline, verify=False) as broker:
            _greet(broker, seen)
            if security.sasl:
                _choose(broker, seen, mechanism)
            seen.stage = Stage.DONE
    except Failed as first:
        failure = _looked_at_again(deadline, place, seen, first)
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
    """Log in where there is a login and the listener wants one, and ask which brokers the cluster has.

    With a login TLS is verified first, as secrets follow. `Too many connects` is tried once more, a second
    later.
    """
    place = _Place(address, port, server_name, security, trust)
    started, seen = time.monotonic(), _Seen()
    failure = _described(
        deadline,
        place,
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
    """The same conversation, about topics: those of these names, or all that match `pattern`, which is one
    that `pattern_of` takes.
    """
    place = _Place(address, port, server_name, security, trust)
    started, seen = time.monotonic(), _Seen()

    def ask(broker: Conversation, apis: Apis) -> None:
        answer = broker.topics(apis, None if pattern else names)
        _keep_topics(answer.topics or (), names, pattern, seen)

    failure = _described(deadline, place, login if security.sasl else None, seen, ask)
    return KafkaTopics(
        seen.stage,
        seen.topics,
        seen.told,
        seen.attempts,
        failure.cause if failure else None,
        _plain(seen.scrub(failure.detail)) if failure else "",
        time.monotonic() - started,
    )


_Question = Callable[[Conversation, Apis], None]
"""What is asked once a conversation stands."""


def _described(
    deadline: Deadline, place: _Place, login: KafkaLogin | None, seen: _Seen, asks: _Question
) -> Failed | None:
    """Fill in `seen`; the failure that ended it, if any."""
    try:
        prepared = None
        if login is not None:
            seen.stage = Stage.LOGIN
            prepared = sasl.prepare(deadline, login, place.server_name)
            seen.scrub = Scrubber(prepared.hidden)
        try:
            _describe(deadline, place, prepared, seen, asks)
        except Failed as failure:
            if failure.cause is not Cause.KAFKA_TOO_MANY_CONNECTS or deadline.left() <= SLOW_DOWN:
                raise
            time.sleep(SLOW_DOWN)
            _describe(deadline, place, prepared, seen, asks)
    except Failed as failure:
        if prepared is None and seen.stage is Stage.METADATA and failure.cause in HUNG_UP:
            return _wants_sasl(deadline, place, seen, failure)
        return _looked_at_again(deadline, place, seen, failure)
    return None


def _describe(
    deadline: Deadline, place: _Place, prepared: sasl.Prepared | None, seen: _Seen, asks: _Question
) -> None:
    seen.stage = Stage.CONNECT
    with place.conversation(deadline, verify=prepared is not None) as broker:
        apis = _greet(broker, seen)
        if prepared is not None:
            _choose(broker, seen, prepared.mechanism)
            _log_in(broker, apis, prepared, seen)
        seen.stage = Stage.METADATA
        asks(broker, apis)
        seen.stage = Stage.DONE


def _greet(broker: Conversation, seen: _Seen) -> Apis:
    seen.stage = Stage.API_VERSIONS
    seen.apis = broker.api_versions()
    return seen.apis


def _choose(broker: Conversation, seen: _Seen, mechanism: str) -> None:
    """SaslHandshake: whether the listener takes this mechanism, and which others it has."""
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
                Cause.KAFKA_SASL_MECHANISM, f"the listener does not take {mechanism}; it offers {offered}"
            )
        case _Error.ILLEGAL_SASL_STATE:
            seen.sasl = False
            raise Failed(
                Cause.KAFKA_SASL_NOT_ENABLED, "the listener takes no SASL login: ILLEGAL_SASL_STATE (34)"
            )
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
    raise Failed(Cause.KAFKA_MALFORMED, f"the login did not end within {_SASL_STEPS} steps")


def _refused(code: int, message: str) -> Failed:
    """Why a login failed. MSK and Kafka say so in the text; the code is the same for all of them."""
    detail = f"{error_name(code)}: {message}"
    if code != _Error.SASL_AUTHENTICATION_FAILED:
        return Failed(Cause.KAFKA_ERROR, detail)
    text = message.lower()
    if "too many connects" in text:
        return Failed(Cause.KAFKA_TOO_MANY_CONNECTS, detail)
    return Failed(Cause.KAFKA_ACCESS_DENIED if "access denied" in text else Cause.KAFKA_AUTH, detail)


def _keep(answer: Any, seen: _Seen) -> None:
    """Take what the metadata says, unless it makes no sense. Raises Failed."""
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
    # One that makes no sense must not hide the others from being checked.
    seen.brokers = tuple(broker for broker in brokers if faults[broker] is None)
    told = [fault for fault in faults.values() if fault is not None]
    if told:
        more = f"; and {len(told) - _MOST_FAULTS} more" if len(told) > _MOST_FAULTS else ""
        raise Failed(Cause.KAFKA_MALFORMED, "; ".join(told[:_MOST_FAULTS]) + more)


def _keep_topics(answered: Sequence[Any], names: tuple[str, ...], pattern: str, seen: _Seen) -> None:
    """Take what is told of the topics that were asked for, and of no other."""
    seen.told = len(answered)
    wanted = pattern_of(pattern) if pattern else None
    seen.topics = of_pattern(answered, wanted) if wanted else of_names(answered, names)


def _fault(broker: Broker, scrub: Scrubber) -> str | None:
    """Why no client could go there, whatever the network; None where one could."""
    scrubbed = scrub(broker.host)
    host = _plain(scrubbed)[:_LONGEST_SHOWN]
    if not (1 <= broker.port <= 65535):
        return f"broker {broker.node_id} is advertised at port {broker.port} of {host!r}"
    if not _is_host(broker.host):
        return f"broker {broker.node_id} is advertised as {host!r}, which is no host name"
    # A short password may well be part of a host name; a long one is there because somebody echoes it.
    if scrubbed != broker.host and len(broker.host) - len(scrubbed) + 3 >= _LONG_ENOUGH_TO_BE_MEANT:
        return f"broker {broker.node_id} is advertised by a name that holds the password"
    return None


def _is_host(text: str) -> bool:
    """Whether it is a name or an address. One with a zone (`fe80::1%eth0`) is of use to one host only, and
    what ends in a number is an IPv4 address or nothing (RFC 1123 section 2.1).
    """
    if ":" in text or text.removesuffix(".").rpartition(".")[2].isdigit():
        try:
            ipaddress.ip_address(text)
        except ValueError:
            return False
        return "%" not in text
    return _HOST.fullmatch(text) is not None


def _wants_sasl(deadline: Deadline, place: _Place, seen: _Seen, failure: Failed) -> Failed:
    """The connection ended when it was asked for metadata without a login: does the listener want one?

    A Kafka listener with SASL answers ApiVersions to anybody and hangs up on anything else. SaslHandshake,
    on a new connection, tells for certain; where that cannot be had, the sequence speaks for itself.
    """
    with (
        contextlib.suppress(Failed),
        place.conversation(deadline.step(LONGEST), verify=False) as broker,
    ):
        answer = broker.sasl_handshake(broker.api_versions(), "PLAIN")
        if answer.error == _Error.ILLEGAL_SASL_STATE:
            return failure
        seen.mechanisms = tuple(_plain(name) for name in answer.mechanisms[:20])
    offered = f"; it offers {', '.join(seen.mechanisms)}" if seen.mechanisms else ""
    detail = f"it answered ApiVersions and hung up when asked for metadata without a login{offered}"
    return Failed(Cause.KAFKA_SASL_REQUIRED, detail)


def _looked_at_again(deadline: Deadline, place: _Place, seen: _Seen, failure: Failed) -> Failed:
    """A better account of a failure, where a second connection can tell: is it TLS on one side only?"""
    if place.security.tls:
        if (
            seen.stage is Stage.CONNECT
            and failure.cause in HUNG_UP_ON_TLS
            and _speaks_plaintext(deadline, place)
        ):
            return Failed(
                Cause.TLS_NOT_SUPPORTED, "it answers Kafka without TLS: this is a plaintext listener"
            )
    elif seen.stage is Stage.API_VERSIONS:
        return plaintext_to_tls(deadline, place.address, place.port, place.server_name, failure)
    return failure


def _speaks_plaintext(deadline: Deadline, place: _Place) -> bool:
    security = Security.SASL_PLAINTEXT if place.security.sasl else Security.PLAINTEXT
    try:
        with replace(place, security=security).conversation(deadline.step(LONGEST), verify=False) as broker:
            broker.api_versions()
    except Failed:
        return False
    return True


def _optional(text: str | None, scrub: Scrubber) -> str | None:
    return None if text is None else _plain(scrub(text))


def _plain(text: str) -> str:
    """A peer's words, short and printable."""
    return _UNPRINTABLE.sub("?", text[:_TEXT])

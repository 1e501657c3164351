"""The closer look: asked for only where something failed that has more than one explanation.

Every fact here raises NotApplicable where there is nothing to tell apart, where what failed is known well
enough already, and where a recording was made without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from netcheck.core.context import (
    Context,
    Deadline,
    DeadlineExceeded,
    FactUnavailable,
    NotApplicable,
    NotRecorded,
    Skip,
)
from netcheck.core.hostport import is_address
from netcheck.core.model import Cause, Kind, Target
from netcheck.engine import facts, targets
from netcheck.pipeline.msk_listeners import VPC_PORTS, ports_beside
from netcheck.probe.dns.loss import Losses, count_lost
from netcheck.probe.tls.hello import Hellos, Variation, vary_hello
from netcheck.probe.transport.ports import Ports, ask_ports
from netcheck.probe.transport.source_ports import SourcePorts, sweep
from netcheck.probe.transport.tcp import Connections

if TYPE_CHECKING:
    from netcheck.probe.http.client import HttpAnswer

P = ParamSpec("P")
T = TypeVar("T")


CLICKHOUSE_PORTS = (8443, 9440, 8123, 9000, 443)
"""https://clickhouse.com/docs/guides/sre/network-ports, and 443, which ClickHouse Cloud has open too."""

MOST_ADDRESSES = 2
MOST_SIBLINGS = 12

SILENT_IN_TLS = (Variation.NOTHING, Variation.NOTHING, Variation.SMALL_SEGMENTS, Variation.SMALL_SEGMENTS)
NAMES = (Variation.NO_NAME, Variation.OTHER_NAME)
TLS_UNANSWERED = frozenset({Cause.TLS_SILENT_AFTER_CLIENT_HELLO, Cause.TLS_STALLED})
TLS_HUNG_UP = frozenset({Cause.TLS_CLOSED_AFTER_CLIENT_HELLO, Cause.TLS_RESET_AFTER_CLIENT_HELLO})

NEUTRAL_SERVICES = ("sts", "ec2")
"""AWS services that every Region has at a public address; the second where the first is what is silent."""


@dataclass(frozen=True, slots=True)
class Siblings:
    """Other hosts of the same kind on the same port, by name: those that connect, those that are silent."""

    answering: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


def silence(ctx: Context, target: Target) -> Connections:
    """The connections of a target that met silence only, where AWS's configuration does not tell why."""
    seen = needed(ctx, facts.connections, target.host, target.port)
    if seen.cause is not Cause.TIMED_OUT:
        raise NotApplicable("it answers, or what stands in the way says so itself")
    if _is_blocked(ctx, target):
        raise NotApplicable("AWS's configuration has what stops it")
    return seen


def needed(ctx: Context, fact: Callable[Concatenate[Context, P], T], *args: P.args, **kw: P.kwargs) -> T:
    """A fact, or NotApplicable where it cannot be had: the check that it belongs to says so."""
    try:
        return ctx.get(fact, *args, **kw)
    except (Skip, DeadlineExceeded, NotRecorded, FactUnavailable) as error:
        raise NotApplicable(str(error)) from None


def had(ctx: Context, fact: Callable[Concatenate[Context, P], T], *args: P.args, **kw: P.kwargs) -> T | None:
    """A fact, None where it cannot be had."""
    try:
        return ctx.get(fact, *args, **kw)
    except (Skip, DeadlineExceeded, NotRecorded, FactUnavailable):
        return None


def _is_blocked(ctx: Context, target: Target) -> bool:
    """Whether AWS's configuration stops the way there from every worker subnet. Where it stops it from some,
    or for some source ports only, it takes a closer look to say whether that is why.
    """
    if not ctx.config.source_subnet:
        return False
    from netcheck.path.verdict import Verdict

    traced = had(ctx, facts.paths, target) or ()
    return bool(traced) and all(one.path.verdict is Verdict.BLOCKED for one in traced)


def silent_addresses(seen: Connections) -> tuple[str, ...]:
    """Those to look at, IPv4 first, as a JVM has it."""
    silent = [one for one in seen.connections if one.cause is Cause.TIMED_OUT]
    return tuple(one.address for one in sorted(silent, key=lambda one: one.family))[:MOST_ADDRESSES]


def source_ports(ctx: Context, target: Target) -> SourcePorts:
    """Connections to the silent target from source ports all over the range."""
    address = silent_addresses(ctx.get(silence, target))[0]
    return _observed(ctx, sweep, address, target.port)


def _observed(ctx: Context, probe: Callable[Concatenate[Deadline, P], T], *args: P.args, **kw: P.kwargs) -> T:
    """An observation that only a run of a version with this check has recorded."""
    try:
        return ctx.observe(probe, *args, **kw)
    except NotRecorded as error:
        raise NotApplicable(str(error)) from None


def other_ports(ctx: Context, target: Target) -> Ports:
    """What the silent target's host says on the other ports that its kind has, and on its own once more."""
    addresses = silent_addresses(ctx.get(silence, target))
    return _observed(ctx, ask_ports, addresses, (target.port, *_other_ports(target)))


def _other_ports(target: Target) -> tuple[int, ...]:
    own = ports_beside(target.port) if target.kind is Kind.KAFKA else CLICKHOUSE_PORTS
    return tuple(port for port in own if port != target.port)


def siblings(ctx: Context, target: Target) -> Siblings:
    """The other brokers on the same port, as far as this run knows any. Asks nothing that it does not ask
    anyway.
    """
    if target.kind is not Kind.KAFKA:
        return Siblings()
    own = {one.address for one in ctx.get(silence, target).connections}
    answering, silent = [], []
    for host in list(dict.fromkeys(_brokers(ctx, target)))[:MOST_SIBLINGS]:
        seen = had(ctx, facts.connections, host, target.port)
        if seen is None or own & {one.address for one in seen.connections}:
            continue
        if seen.cause is None:
            answering.append(host)
        elif seen.cause is Cause.TIMED_OUT:
            silent.append(host)
    return Siblings(tuple(answering), tuple(silent))


def _brokers(ctx: Context, target: Target) -> Iterator[str]:
    """The hosts of this run's brokers on the target's port, but for its own."""
    for host, port in ctx.config.bootstrap:
        if port == target.port and host != target.host:
            yield host
    cluster = ctx.get(facts.pipeline).cluster
    for node in cluster.nodes if cluster and target.port in VPC_PORTS else ():
        for name in node.names:
            if name.lower() != target.host:
                yield name.lower()


@dataclass(frozen=True, slots=True)
class Neutral:
    """A public host that has nothing to do with the silent one, and what its connections came to."""

    endpoint: str
    connections: Connections


def neutral(ctx: Context, target: Target) -> Neutral:
    """Whether anything public answers from here: another target of this run that does, else an AWS endpoint
    of the Region. Raises NotApplicable for a private target, Skip where nothing is known to ask.
    """
    silent = silent_addresses(ctx.get(silence, target))
    if not set(silent) <= set(_public(ctx, target.host)):
        raise NotApplicable("its address is private")
    for other in _others(ctx, target):
        seen = had(ctx, facts.connections, other.host, other.port)
        if seen is not None and seen.cause is None:
            return Neutral(other.endpoint, seen)
    endpoint = _regional(ctx, target)
    if endpoint is None:
        raise Skip("whether anything public answers from here was not asked: give --region")
    if not _public(ctx, endpoint):
        raise Skip(
            f"whether anything public answers from here is not known: {endpoint} has no public address"
        )
    return Neutral(f"{endpoint}:443", needed(ctx, facts.connections, endpoint, 443))


def _public(ctx: Context, host: str) -> tuple[str, ...]:
    """The public addresses of a name, none where it has a private one as well."""
    seen = had(ctx, facts.resolution, host)
    if seen is None or any(one.private for one in seen.addresses):
        return ()
    return tuple(one.address for one in seen.addresses)


def _others(ctx: Context, target: Target) -> Iterator[Target]:
    """The other public targets that this run was given."""
    for other in targets.named(ctx.config):
        if other.host != target.host and _public(ctx, other.host):
            yield other


def _regional(ctx: Context, target: Target) -> str | None:
    """The AWS endpoint to ask: that of the Region, as AWS names it in the common Regions and in China's."""
    region = ctx.config.region
    if not region or region.startswith(("us-iso", "eu-iso")):
        return None
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    hosts = (f"{service}.{region}.{domain}" for service in NEUTRAL_SERVICES)
    return next(host for host in hosts if host != target.host)


def hellos(ctx: Context, target: Target) -> Hellos:
    """Variations of a TLS handshake that got no answer, or that was hung up on."""
    seen = needed(ctx, facts.handshake, target)
    named = () if is_address(target.host) else NAMES
    match seen.cause:
        case cause if cause in TLS_UNANSWERED:
            variations = (*SILENT_IN_TLS, *named, Variation.ONE_BYTE)
        case cause if cause in TLS_HUNG_UP and named:
            variations = (Variation.NOTHING, Variation.NOTHING, *named)
        case _:
            raise NotApplicable("TLS is answered, or not asked for")
    if needed(ctx, facts.plain_after_all, target):
        raise NotApplicable("what listens there does not speak TLS")
    return _observed(ctx, vary_hello, seen.address, target.port, target.host, variations)


def losses(ctx: Context, host: str) -> Losses:
    """How many questions for a name each name server leaves unanswered."""
    return ctx.observe(count_lost, host)


def second_ping(ctx: Context, target: Target) -> HttpAnswer:
    """GET /ping once more, right after a first answer that was slow: nothing sleeps by then."""
    from netcheck.probe.clickhouse.https import ping_again

    address, tls = ctx.get(facts.reachable, target), target.security.tls
    return ctx.observe(ping_again, address, target.port, target.host, tls, ctx.config.trust)

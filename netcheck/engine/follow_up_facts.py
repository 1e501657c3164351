"""Follow-up probes: made only where something failed that has more than one explanation.

Every fact here raises NotApplicable where there is nothing to distinguish, where the failure is already
explained, and where a recording does not have the observation.
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
from netcheck.core.evidence import Reachability
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
"""https://clickhouse.com/docs/guides/sre/network-ports, and 443, which ClickHouse Cloud opens too."""

MOST_ADDRESSES = 2
MOST_SIBLINGS = 12

SILENT_IN_TLS = (Variation.NOTHING, Variation.NOTHING, Variation.SMALL_SEGMENTS, Variation.SMALL_SEGMENTS)
NAMES = (Variation.NO_NAME, Variation.OTHER_NAME)
TLS_UNANSWERED = frozenset({Cause.TLS_SILENT_AFTER_CLIENT_HELLO, Cause.TLS_STALLED})
TLS_HUNG_UP = frozenset({Cause.TLS_CLOSED_AFTER_CLIENT_HELLO, Cause.TLS_RESET_AFTER_CLIENT_HELLO})

CONTROL_SERVICES = ("sts", "ec2")
"""AWS services with a public endpoint in every Region; the second is for when the first is the silent target.
"""


@dataclass(frozen=True, slots=True)
class Siblings:
    """Other hosts of the same kind on the same port, by name: those that answer, those that are silent."""

    answering: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


def silence(ctx: Context, target: Target) -> Connections:
    """The connections of a target that only got silence, where AWS's configuration does not explain it."""
    seen = required(ctx, facts.connections, target.host, target.port)
    if seen.cause is not Cause.TIMED_OUT:
        raise NotApplicable("it answers, or an error explains the failure")
    if _is_blocked(ctx, target):
        raise NotApplicable("AWS's configuration explains the silence")
    return seen


def required(ctx: Context, fact: Callable[Concatenate[Context, P], T], *args: P.args, **kw: P.kwargs) -> T:
    """A fact, or NotApplicable where it is unavailable, which its own check reports."""
    try:
        return ctx.get(fact, *args, **kw)
    except (Skip, DeadlineExceeded, NotRecorded, FactUnavailable) as error:
        raise NotApplicable(str(error)) from None


def available(
    ctx: Context, fact: Callable[Concatenate[Context, P], T], *args: P.args, **kw: P.kwargs
) -> T | None:
    """A fact, None where it is unavailable."""
    try:
        return ctx.get(fact, *args, **kw)
    except (Skip, DeadlineExceeded, NotRecorded, FactUnavailable):
        return None


def _is_blocked(ctx: Context, target: Target) -> bool:
    """Whether AWS's configuration blocks the path from every worker subnet. Where it blocks only some subnets
    or some source ports, a follow-up probe has to show whether that is the cause.
    """
    if not ctx.config.source_subnet:
        return False
    traced = available(ctx, facts.paths, target) or ()
    return bool(traced) and all(one.path.verdict is Reachability.BLOCKED for one in traced)


def silent_addresses(seen: Connections) -> tuple[str, ...]:
    """The silent addresses to probe again, IPv4 first, as a JVM prefers it."""
    silent = [one for one in seen.connections if one.cause is Cause.TIMED_OUT]
    return tuple(one.address for one in sorted(silent, key=lambda one: one.family))[:MOST_ADDRESSES]


def source_ports(ctx: Context, target: Target) -> SourcePorts:
    """Connections to the silent target from source ports across the whole range."""
    address = silent_addresses(ctx.get(silence, target))[0]
    return _observed(ctx, sweep, address, target.port)


def _observed(ctx: Context, probe: Callable[Concatenate[Deadline, P], T], *args: P.args, **kw: P.kwargs) -> T:
    """An observation that recordings of older versions do not have."""
    try:
        return ctx.observe(probe, *args, **kw)
    except NotRecorded as error:
        raise NotApplicable(str(error)) from None


def other_ports(ctx: Context, target: Target) -> Ports:
    """Connections to the other ports of the silent target's kind on its host, and to its own port again."""
    addresses = silent_addresses(ctx.get(silence, target))
    return _observed(ctx, ask_ports, addresses, (target.port, *_other_ports(target)))


def _other_ports(target: Target) -> tuple[int, ...]:
    own = ports_beside(target.port) if target.kind is Kind.KAFKA else CLICKHOUSE_PORTS
    return tuple(port for port in own if port != target.port)


def siblings(ctx: Context, target: Target) -> Siblings:
    """The other brokers on the same port, as far as this run knows any. Makes no connection that the run does
    not make anyway.
    """
    if target.kind is not Kind.KAFKA:
        return Siblings()
    own = {one.address for one in ctx.get(silence, target).connections}
    answering, silent = [], []
    for host in list(dict.fromkeys(_brokers(ctx, target)))[:MOST_SIBLINGS]:
        seen = available(ctx, facts.connections, host, target.port)
        if seen is None or own & {one.address for one in seen.connections}:
            continue
        if seen.cause is None:
            answering.append(host)
        elif seen.cause is Cause.TIMED_OUT:
            silent.append(host)
    return Siblings(tuple(answering), tuple(silent))


def _brokers(ctx: Context, target: Target) -> Iterator[str]:
    """The hosts of this run's brokers on the target's port, without the target's own."""
    for host, port in ctx.config.bootstrap:
        if port == target.port and host != target.host:
            yield host
    cluster = ctx.get(facts.pipeline).cluster
    for node in cluster.nodes if cluster and target.port in VPC_PORTS else ():
        for name in node.names:
            if name.lower() != target.host:
                yield name.lower()


@dataclass(frozen=True, slots=True)
class ControlHost:
    """A public host that is independent of the silent one, and the connections to it."""

    endpoint: str
    connections: Connections


def control_host(ctx: Context, target: Target) -> ControlHost:
    """Whether this host can reach anything public: another target of this run that answers, else an AWS
    endpoint of the Region. Raises NotApplicable for a private target, Skip where there is no public host to
    try.
    """
    silent = silent_addresses(ctx.get(silence, target))
    if not set(silent) <= set(_public(ctx, target.host)):
        raise NotApplicable("its address is private")
    for other in _others(ctx, target):
        seen = available(ctx, facts.connections, other.host, other.port)
        if seen is not None and seen.cause is None:
            return ControlHost(other.endpoint, seen)
    endpoint = _regional(ctx, target)
    if endpoint is None:
        raise Skip("internet access was not tested: add --region")
    if not _public(ctx, endpoint):
        raise Skip(f"internet access was not tested: {endpoint} has no public address")
    return ControlHost(f"{endpoint}:443", required(ctx, facts.connections, endpoint, 443))


def _public(ctx: Context, host: str) -> tuple[str, ...]:
    """The public addresses of a name, none where it also has a private one."""
    seen = available(ctx, facts.resolution, host)
    if seen is None or any(one.private for one in seen.addresses):
        return ()
    return tuple(one.address for one in seen.addresses)


def _others(ctx: Context, target: Target) -> Iterator[Target]:
    """The other public targets of this run."""
    for other in targets.named(ctx.config):
        if other.host != target.host and _public(ctx, other.host):
            yield other


def _regional(ctx: Context, target: Target) -> str | None:
    """The AWS endpoint to connect to: a service of the Region, in the aws and aws-cn partitions."""
    region = ctx.config.region
    if not region or region.startswith(("us-iso", "eu-iso")):
        return None
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    hosts = (f"{service}.{region}.{domain}" for service in CONTROL_SERVICES)
    return next(host for host in hosts if host != target.host)


def hellos(ctx: Context, target: Target) -> Hellos:
    """Variations of a TLS handshake that got no answer, or whose connection was closed."""
    seen = required(ctx, facts.handshake, target)
    named = () if is_address(target.host) else NAMES
    match seen.cause:
        case cause if cause in TLS_UNANSWERED:
            variations = (*SILENT_IN_TLS, *named, Variation.ONE_BYTE)
        case cause if cause in TLS_HUNG_UP and named:
            variations = (Variation.NOTHING, Variation.NOTHING, *named)
        case _:
            raise NotApplicable("TLS is answered, or not used")
    if required(ctx, facts.plaintext_answer, target):
        raise NotApplicable("this port does not use TLS")
    return _observed(ctx, vary_hello, seen.address, target.port, target.host, variations)


def losses(ctx: Context, host: str) -> Losses:
    """How many queries for a name each name server leaves unanswered."""
    return ctx.observe(count_lost, host)


def second_ping(ctx: Context, target: Target) -> HttpAnswer:
    """GET /ping again, right after a slow first answer, when the service is no longer idle."""
    from netcheck.probe.clickhouse.https import ping_again

    address, tls = ctx.get(facts.reachable, target), target.security.tls
    return ctx.observe(ping_again, address, target.port, target.host, tls, ctx.config.trust)

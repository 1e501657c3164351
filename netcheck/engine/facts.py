"""Facts: what several checks need, from name resolution up to the protocol, each determined once a run.

A fact is a function of the context; `ctx.get(fact, ...)` caches it. A fact whose prerequisite is missing (no
address, no connection) raises PrerequisiteFailed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netcheck.core.context import Context, FactUnavailable, PrerequisiteFailed, Skip
from netcheck.core.model import Cause, Json, Kind, Target
from netcheck.probe.dns.resolve import NameServers, Resolution, ask_servers, resolve
from netcheck.probe.host import vantage as vantage_probe
from netcheck.probe.tls.handshake import Handshake
from netcheck.probe.tls.handshake import handshake as shake_hands
from netcheck.probe.transport.tcp import Connections, connect

if TYPE_CHECKING:
    from netcheck.aws.ec2.endpoints import Access
    from netcheck.aws.ec2.snapshot import Snapshot
    from netcheck.aws.ec2.source import Documents
    from netcheck.aws.msk.neighbours import Neighbours
    from netcheck.aws.route53.model import Listed, Lookups
    from netcheck.core.credentials import KafkaLogin
    from netcheck.engine.vantage_parity import ParityResult
    from netcheck.iam.role_snapshot import RoleSnapshot
    from netcheck.path.aggregate import Traced
    from netcheck.path.name_resolution import NameResolution
    from netcheck.pipeline.model import Pipeline
    from netcheck.probe.clickhouse.cloud import CloudService, CloudServices
    from netcheck.probe.clickhouse.https import ClickHouseLookUp
    from netcheck.probe.clickhouse.native import NativeHello
    from netcheck.probe.http.aws_service import AwsAnswer
    from netcheck.probe.http.client import HttpAnswer
    from netcheck.probe.kafka.broker import KafkaHello, KafkaMetadata, KafkaTopics
    from netcheck.probe.tls.stream import Tls

WAKING_SECONDS = 45.0
"""Time limit for ClickHouse's first answer: an idle Cloud service wakes in 20 to 30 s, rarely more
(https://clickhouse.com/docs/manage/scaling)."""

COLLECTING_SECONDS = 30.0
"""Time limit for AWS to describe its configuration: three rounds of calls, and room for throttling."""

WORKERS_UNKNOWN = "worker subnets unknown: add --source-subnet and --source-security-group"
"""The reason of a check that is skipped because it needs the workers' subnets."""

ABOUT_THE_CERTIFICATE = frozenset(
    {
        Cause.TLS_CERTIFICATE_EXPIRED,
        Cause.TLS_CERTIFICATE_NOT_YET_VALID,
        Cause.TLS_CERTIFICATE_INVALID,
        Cause.TLS_HOSTNAME_MISMATCH,
        Cause.TLS_UNTRUSTED,
        Cause.TLS_SELF_SIGNED,
        Cause.TLS_INTERCEPTED,
    }
)
"""Causes for which a client rejects a handshake that the server accepts."""


def vantage_host(ctx: Context) -> vantage_probe.Vantage:
    """This host, its name servers and proxy settings."""
    return ctx.observe(vantage_probe.look)


def vantage(ctx: Context) -> dict[str, Json]:
    """The vantage of this run: the host it probes from, with a readable `summary`."""
    seen = ctx.get(vantage_host)
    return {
        "kind": "host",
        "host": seen.host,
        "addresses": list(seen.addresses),
        "name_servers": list(seen.name_servers),
        "proxy_variables": list(seen.proxies),
        "system": seen.system,
        "summary": f"{seen.host}" + (f" ({', '.join(seen.addresses)})" if seen.addresses else ""),
    }


def pipeline(ctx: Context) -> Pipeline:
    """The discovered pipeline; empty where nothing was looked up."""
    from netcheck.pipeline.model import Pipeline

    return ctx.pipeline or Pipeline()


def resolution(ctx: Context, host: str) -> Resolution:
    """A name resolved by this host's resolver, like every program here resolves it."""
    return ctx.observe(resolve, host)


def name_servers(ctx: Context, host: str) -> NameServers:
    """The answers of each configured name server."""
    return ctx.observe(ask_servers, host)


def connections(ctx: Context, host: str, port: int) -> Connections:
    """A TCP connection to every address of a name, of the IP version that the port is for.

    Raises PrerequisiteFailed when there is no address, Skip for an IPv6 port where this host has no IPv6.
    """
    found = ctx.get(resolution, host).addresses
    if not found:
        raise PrerequisiteFailed("no address to connect to")
    if ctx.get(is_over_ipv6, host, port):
        if not any(":" in address for address in ctx.get(vantage_host).addresses):
            raise Skip(f"port {port} listens over IPv6, and this host has no IPv6 address")
        found = tuple(address for address in found if address.family == 6)
        if not found:
            raise PrerequisiteFailed(f"port {port} listens over IPv6, and the name has no IPv6 address")
    return ctx.observe(connect, tuple(address.address for address in found), port)


def is_over_ipv6(ctx: Context, host: str, port: int) -> bool:
    """Whether a port is one of MSK's IPv6 listeners, which do not answer on the broker's IPv4 addresses
    (https://docs.aws.amazon.com/msk/latest/developerguide/port-info.html).
    """
    from netcheck.pipeline.msk_listeners import listener_for

    listener = listener_for(ctx.get(pipeline).cluster, host, port)
    return listener is not None and listener.ipv6


def reachable(ctx: Context, target: Target) -> str:
    """The address for protocol probes: the first that connects, as clients choose.

    Raises PrerequisiteFailed when none connects.
    """
    seen = ctx.get(connections, target.host, target.port)
    connected = [connection.address for connection in seen.connections if connection.cause is None]
    if not connected:
        raise PrerequisiteFailed(f"no TCP connection ({seen.cause}: {seen.detail})")
    return connected[0]


def handshake(ctx: Context, target: Target) -> Handshake:
    """A TLS handshake, verified with this run's trust store. Raises Skip for a plaintext target."""
    if not target.security.tls:
        raise Skip("the target does not use TLS")
    address = ctx.get(reachable, target)
    return ctx.observe(shake_hands, address, target.port, target.host, ctx.config.trust)


def documents(ctx: Context) -> Documents:
    """AWS's responses about the workers' subnets: from AWS now, or from a snapshot.

    Raises FactUnavailable when AWS cannot be called at all.
    """
    from netcheck.aws.ec2.source import collected, saved

    config = ctx.config
    if config.snapshot:
        seen = ctx.observe_for(COLLECTING_SECONDS, saved, config.snapshot)
    else:
        where = (config.region, config.profile)
        sources = (config.source_subnet, config.source_security_group)
        seen = ctx.observe_for(COLLECTING_SECONDS, collected, *where, *sources)
    if seen.error:
        raise FactUnavailable(seen.error)
    return seen


def snapshot(ctx: Context) -> Snapshot:
    """AWS's configuration around the workers' subnets; what could not be collected is a gap in it."""
    from netcheck.aws.ec2.snapshot import SnapshotError, from_regions

    try:
        return from_regions(ctx.get(documents).regions)
    except SnapshotError as error:
        raise FactUnavailable(str(error)) from error


def paths(ctx: Context, target: Target) -> tuple[Traced, ...]:
    """The path from every worker subnet to every address of a target, by AWS's configuration.

    Over IPv4 where the target has an IPv4 address, as a JVM prefers it, unless its port is an IPv6 listener.
    Raises Skip when the worker subnets are unknown, and PrerequisiteFailed when the name has no address.
    """
    from netcheck.aws.ec2.entities import TCP
    from netcheck.path.aggregate import Traced
    from netcheck.path.trace import Destination, QuestionError, from_subnet, trace

    config = ctx.config
    if not config.source_subnet:
        raise Skip(WORKERS_UNKNOWN)
    known, groups = ctx.get(snapshot), config.source_security_group or None
    over_ipv6 = ctx.get(is_over_ipv6, target.host, target.port)
    pairs = [
        (subnet, address)
        for subnet in config.source_subnet
        for address in (_ipv6_of(ctx, target) if over_ipv6 else worker_addresses(ctx, subnet, target.host))
    ]
    if not pairs:
        raise PrerequisiteFailed("no address to trace a path to")
    try:
        return tuple(
            Traced(
                subnet,
                address,
                trace(
                    known, from_subnet(known, subnet, groups), Destination.parse(address), TCP, target.port
                ),
            )
            for subnet, address in pairs
        )
    except QuestionError as error:
        raise FactUnavailable(str(error)) from error


def tls_is_broken(ctx: Context, target: Target) -> bool:
    """Whether the TLS handshake fails for a reason other than the certificate: no protocol above it can be
    probed.
    """
    cause = ctx.get(handshake, target).cause
    return cause is not None and cause not in ABOUT_THE_CERTIFICATE


def kafka_hello(ctx: Context, target: Target) -> KafkaHello:
    """What the broker answers without a login: its API versions and, on a SASL listener, the mechanisms."""
    from netcheck.probe.kafka.broker import hello

    address, mechanism = ctx.get(reachable, target), _mechanism(ctx, target)
    return ctx.observe(hello, address, target.port, target.host, target.security, ctx.config.trust, mechanism)


def kafka_login(ctx: Context, target: Target) -> KafkaLogin | None:
    """The login for a broker's listener; None where the given one is for another listener of the cluster."""
    login = ctx.config.kafka_login if target.security.sasl else None
    if login and not ctx.config.sasl_mechanism:
        iam = "AWS_MSK_IAM"
        if (login.mechanism == iam) != (_mechanism(ctx, target) == iam):
            return None
    return login


def _mechanism(ctx: Context, target: Target) -> str:
    """The SASL mechanism to request: the configured one, else that of MSK's listener."""
    from netcheck.pipeline.msk_listeners import listener_for

    if ctx.config.sasl_mechanism:
        return ctx.config.sasl_mechanism
    listener = listener_for(ctx.get(pipeline).cluster, target.host, target.port)
    return (listener and listener.mechanism) or "SCRAM-SHA-512"


def kafka_metadata(ctx: Context, target: Target) -> KafkaMetadata:
    """The cluster's brokers as this broker advertises them, after a login where there is one."""
    from netcheck.probe.kafka.broker import metadata

    config, address = ctx.config, ctx.get(reachable, target)
    login = ctx.get(kafka_login, target)
    return ctx.observe(metadata, address, target.port, target.host, target.security, config.trust, login)


def kafka_topics(ctx: Context, target: Target, names: tuple[str, ...], pattern: str) -> KafkaTopics:
    """This broker's metadata of the topics with these names, or of all that match the pattern."""
    from netcheck.probe.kafka.broker import topics

    where = (ctx.get(reachable, target), target.port, target.host, target.security, ctx.config.trust)
    return ctx.observe(topics, *where, ctx.get(kafka_login, target), names, pattern)


def clickhouse_ping(ctx: Context, target: Target) -> HttpAnswer:
    """GET /ping, with enough time for an idle service to wake."""
    from netcheck.probe.clickhouse.https import ping

    address, tls = ctx.get(reachable, target), target.security.tls
    if tls and ctx.get(handshake, target).cause in (Cause.TLS_SILENT_AFTER_CLIENT_HELLO, Cause.TLS_STALLED):
        raise PrerequisiteFailed("TLS gets no answer, so HTTP would get none either")
    # Only a server that answers TLS can be an idle service.
    seconds = ctx.config.timeout if tls and ctx.get(tls_is_broken, target) else WAKING_SECONDS
    return ctx.observe_for(seconds, ping, address, target.port, target.host, tls, ctx.config.trust)


def plain_ping(ctx: Context, target: Target) -> HttpAnswer:
    """GET /ping without TLS, for a target that should use TLS: a plain HTTP server may take a ClientHello for
    the start of a request line and wait for its end.
    """
    from netcheck.probe.clickhouse.https import ping

    return ctx.observe(ping, ctx.get(reachable, target), target.port, target.host, False, ctx.config.trust)


def clickhouse_look_up(ctx: Context, target: Target) -> ClickHouseLookUp:
    """What the sink queries on start. Raises Skip without a login, PrerequisiteFailed without a ping."""
    from netcheck.probe.clickhouse.https import look_up

    login = ctx.config.clickhouse_login
    if login is None:
        raise Skip("no ClickHouse password: set NETCHECK_CLICKHOUSE_PASSWORD or use --credentials")
    if ctx.get(clickhouse_ping, target).cause not in (None, Cause.CLICKHOUSE_SLOW_WAKE):
        raise PrerequisiteFailed("ClickHouse did not answer /ping with Ok")
    address, tls = ctx.get(reachable, target), target.security.tls
    return ctx.observe(look_up, address, target.port, target.host, tls, ctx.config.trust, login)


def native_hello(ctx: Context, target: Target) -> NativeHello:
    """The native protocol's Hello, with a login where there is one."""
    from netcheck.probe.clickhouse.native import hello

    login = ctx.config.clickhouse_login
    tls = _tls(ctx, target, verify=login is not None)
    return ctx.observe(hello, ctx.get(reachable, target), target.port, target.host, tls, login)


def aws_answer(ctx: Context, target: Target) -> AwsAnswer:
    """An unsigned request to an AWS endpoint."""
    from netcheck.probe.http.aws_service import knock

    address = ctx.get(reachable, target)
    return ctx.observe(knock, address, target.port, target.host, target.security.tls, ctx.config.trust)


def plaintext_answer(ctx: Context, target: Target) -> str | None:
    """Where the peer closed the TLS connection or was silent: its answer in plaintext, if it gave one."""
    if ctx.get(handshake, target).cause is Cause.TLS_SILENT_AFTER_CLIENT_HELLO:
        clickhouse = target.kind in (Kind.CLICKHOUSE_HTTPS, Kind.CLICKHOUSE_NATIVE)
        if not clickhouse or not ctx.get(plain_ping, target).status:
            return None
        return f"plain HTTP answers on this port with status {ctx.get(plain_ping, target).status}"
    match target.kind:
        case Kind.KAFKA:
            seen: KafkaHello | HttpAnswer | NativeHello = ctx.get(kafka_hello, target)
        case Kind.CLICKHOUSE_HTTPS:
            seen = ctx.get(clickhouse_ping, target)
        case Kind.CLICKHOUSE_NATIVE:
            seen = ctx.get(native_hello, target)
        case _:
            return None
    return seen.detail if seen.cause is Cause.TLS_NOT_SUPPORTED else None


def _tls(ctx: Context, target: Target, *, verify: bool) -> Tls | None:
    from netcheck.probe.tls.stream import Tls

    return Tls(target.host, ctx.config.trust, verify) if target.security.tls else None


NAMES_SECONDS = 15.0
"""Time limit for Route 53 to describe a VPC's name resolution: two rounds of calls."""
CLICKHOUSE_PRIVATE = ".vpce.aws.clickhouse.cloud"
"""The end of ClickHouse Cloud's PrivateLink names (ClickHouse documentation, AWS PrivateLink)."""


def access(ctx: Context) -> Access:
    """VPC endpoints and the VPCs' DNS settings, from the same documents as the snapshot."""
    from netcheck.aws.ec2.endpoints import read

    return read(ctx.get(documents).regions)


def worker_vpcs(ctx: Context) -> tuple[str, ...]:
    """The VPCs of the workers' subnets. Raises Skip when the worker subnets are unknown, and FactUnavailable
    when none of them is in the snapshot: a check of no VPC would find nothing wrong.
    """
    if not ctx.config.source_subnet:
        raise Skip(WORKERS_UNKNOWN)
    known = ctx.get(snapshot)
    held = (known.subnets[name].vpc for name in ctx.config.source_subnet if name in known.subnets)
    if not (vpcs := tuple(dict.fromkeys(held))):
        gap = known.missing("Subnets")
        reason = f": {gap.reason}" if gap else ": AWS returned none of the worker subnets"
        raise FactUnavailable(f"the workers' VPC is unknown{reason}", gap.action if gap else None)
    return vpcs


def lookups(ctx: Context, vpc: str) -> Lookups:
    """Private hosted zones, Resolver rules and DNS Firewall of a VPC, from AWS or from a snapshot."""
    from netcheck.aws.route53.saved import saved_lookups
    from netcheck.aws.route53.zones import look_up

    if ctx.config.snapshot:
        return saved_lookups(_merged(ctx.get(documents)), vpc)
    return ctx.observe_for(NAMES_SECONDS, look_up, ctx.config.region, ctx.config.profile, vpc)


def _merged(seen: Documents) -> dict[str, Json]:
    """The name resolution documents of all Regions of a snapshot: a VPC is in one of them."""
    from netcheck.aws.route53.saved import RULES, ZONES

    found: dict[str, Json] = {}
    for stem in (ZONES, RULES):
        documents = [region[stem] for region in seen.regions.values() if stem in region]
        members = [document.get(stem) for document in documents if isinstance(document, dict)]
        items = [item for each in members if isinstance(each, list) for item in each]
        if documents:
            found[stem] = {stem: items}
    return found


def blocked_lists(ctx: Context, lists: tuple[str, ...], host: str) -> Listed:
    """Which of these DNS Firewall domain lists contain the name."""
    from netcheck.aws.route53.zones import listed

    return ctx.observe_for(NAMES_SECONDS, listed, ctx.config.region, ctx.config.profile, lists, host)


def name_resolution(ctx: Context, vpc: str, host: str) -> NameResolution:
    """What a name resolves to in a VPC. What cannot be determined is `unknown` in it."""
    from netcheck.aws.route53.model import Zone
    from netcheck.aws.route53.saved import saved_records
    from netcheck.aws.route53.zones import records
    from netcheck.path.name_resolution import NameResolution, by_route53, resolving, without_route53

    known, endpoints = ctx.get(snapshot), ctx.get(access)
    early = without_route53(known, endpoints, vpc, host)
    if early is not None:
        return early
    chosen = resolving(endpoints, vpc, host, ctx.get(lookups, vpc))
    if isinstance(chosen, NameResolution):
        return chosen
    found = None
    if isinstance(chosen, Zone) and not chosen.service and ctx.config.snapshot:
        found = saved_records(_merged(ctx.get(documents)), vpc, chosen.id, chosen.name, host.lower())
    elif isinstance(chosen, Zone) and not chosen.service:
        where = (ctx.config.region, ctx.config.profile)
        found = ctx.observe_for(NAMES_SECONDS, records, *where, chosen.id, chosen.name, host.lower())
    return by_route53(known, endpoints, host, chosen, found)


def _ipv6_of(ctx: Context, target: Target) -> tuple[str, ...]:
    return tuple(found.address for found in ctx.get(resolution, target.host).addresses if found.family == 6)


def worker_addresses(ctx: Context, subnet: str, host: str) -> tuple[str, ...]:
    """The addresses that a name resolves to for a worker in this subnet: IPv4 where there are any.

    Those of a VPC endpoint or a private hosted zone of the workers' VPC where AWS's configuration resolves
    the name to it; else what the name resolves to on this host.
    """
    from netcheck.path.name_resolution import ResolvedBy

    live = ctx.get(resolution, host).addresses
    here = tuple(one.address for one in live if one.family == 4) or tuple(one.address for one in live)
    home = ctx.get(snapshot).subnets.get(subnet)
    if home is None:
        return here
    private = not here or host.lower().endswith(CLICKHOUSE_PRIVATE)
    if not private and not ctx.get(access).serving(home.vpc, host):
        return here
    seen = ctx.get(name_resolution, home.vpc, host)
    if seen.by in (ResolvedBy.OWN_SERVERS, ResolvedBy.FORWARD) and here:
        return here
    return seen.addresses or here


def execution_role(ctx: Context) -> RoleSnapshot:
    """The connector's execution role and the policies that apply to it. Raises Skip where no connector names
    a role, and FactUnavailable when AWS cannot be called at all; what else is missing is listed in it.
    """
    from netcheck.aws.iam.roles import look
    from netcheck.iam.role_questions import role_questions

    known = ctx.get(pipeline)
    if known.connector is None or known.connector.role_arn is None:
        raise Skip("the connector's execution role is unknown: add --connector")
    question = role_questions(known, known.connector.role_arn)
    seen = ctx.observe_for(COLLECTING_SECONDS, look, ctx.config.region, ctx.config.profile, question)
    if seen.error:
        raise FactUnavailable(seen.error)
    return seen


def neighbours(ctx: Context, own: str) -> Neighbours:
    """The other connectors of the account and Region, without the one with this ARN."""
    from netcheck.aws.msk.neighbours import neighbours

    where = (ctx.get(pipeline).region or ctx.config.region, ctx.config.profile)
    return ctx.observe_for(COLLECTING_SECONDS, neighbours, *where, own)


def cloud_services(ctx: Context) -> CloudServices:
    """ClickHouse Cloud's services, as its API lists them. Raises Skip without a key."""
    from netcheck.core.credentials import Trust
    from netcheck.probe.clickhouse.cloud import services

    key = ctx.config.cloud_key
    if key is None:
        raise Skip("no ClickHouse Cloud API key: set NETCHECK_CLICKHOUSE_CLOUD_KEY_ID and ..._KEY_SECRET")
    return ctx.observe(services, key, ctx.config.cloud_api, Trust())


def cloud_service(ctx: Context, target: Target) -> CloudService:
    """ClickHouse Cloud's description of a target. Raises FactUnavailable where the API lists no services, and
    Skip where the target is not one of them.
    """
    seen = ctx.get(cloud_services)
    if seen.cause is not None:
        raise FactUnavailable(f"ClickHouse Cloud's API did not list its services: {seen.detail}")
    host = target.host.lower()
    hosts = {host, host.replace(CLICKHOUSE_PRIVATE, ".aws.clickhouse.cloud")}
    found = next((one for one in seen.services if hosts & set(one.hosts)), None)
    if found is None:
        raise Skip(f"{target.host} is not one of the {len(seen.services)} services that the API key can see")
    return found


def identity(ctx: Context) -> vantage_probe.Identity:
    """This host's identity in AWS. A Lambda function's network comes from AWS, an ECS task's from the
    snapshot.
    """
    from netcheck.aws.awslambda.function_network import function_network
    from netcheck.engine.vantage_parity import Workers, located

    seen = ctx.observe(vantage_probe.identify)
    if seen.function is not None:
        where = ctx.observe(function_network, ctx.config.region, ctx.config.profile, seen.function)
        if where.error:
            return replace(seen, kind="unknown", detail=where.error)
        kind = "lambda" if where.subnets else "outside"
        return replace(
            seen, kind=kind, subnets=where.subnets, vpc=where.vpc, security_groups=where.security_groups
        )
    if seen.kind != "ecs":
        return seen
    config = ctx.config
    return located(seen, _known(ctx), Workers(config.source_subnet, config.source_security_group))


def parity(ctx: Context) -> ParityResult:
    """How this vantage differs from that of the workers, as far as both are known."""
    from netcheck.engine.vantage_parity import Workers, compare

    workers = Workers(ctx.config.source_subnet, ctx.config.source_security_group)
    known = _known(ctx)
    endpoints = ctx.get(access) if known is not None else None
    return compare(ctx.get(identity), ctx.get(vantage_host), workers, known, endpoints)


def place(ctx: Context) -> dict[str, Json]:
    """This vantage's place in AWS, for the report."""
    who, compared = ctx.get(identity), ctx.get(parity)
    return {
        "kind": who.kind,
        "eni": who.interface,
        "subnet": ", ".join(who.subnets) or None,
        "subnets": list(who.subnets),
        "zone": who.zone,
        "security_groups": list(who.security_groups or ()),
        "interface_addresses": list(who.addresses),
        "parity": str(compared.parity),
        "parity_unknown": compared.why,
    }


def _known(ctx: Context) -> Snapshot | None:
    """The snapshot, None where it is unavailable."""
    try:
        return ctx.get(snapshot)
    except FactUnavailable:
        return None

"""What several checks need to know, from the name up to the protocol: each asked of the network once a
run.

A fact is a function of the context; `ctx.get(fact, ...)` remembers it. A fact whose ground is missing (no
address, no connection) raises PrerequisiteFailed: whoever asks has nothing to ask about.
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
"""How long the first answer of ClickHouse is waited for: an idle Cloud service wakes in 20 to 30 s, rarely
more (https://clickhouse.com/docs/manage/scaling)."""

COLLECTING_SECONDS = 30.0
"""How long AWS may take to tell its configuration: three rounds of calls, and room for throttling."""

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
"""What a client may mind of a handshake that the server is content with."""


def looked(ctx: Context) -> vantage_probe.Vantage:
    """This host, its name servers and proxy settings."""
    return ctx.observe(vantage_probe.look)


def vantage(ctx: Context) -> dict[str, Json]:
    """Where this run looks from, with a `summary` to read."""
    seen = ctx.get(looked)
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
    """What discovery found of the pipeline: empty where nothing was looked up."""
    from netcheck.pipeline.model import Pipeline

    return ctx.pipeline or Pipeline()


def resolution(ctx: Context, host: str) -> Resolution:
    """What this host resolves a name to, as every program here does."""
    return ctx.observe(resolve, host)


def name_servers(ctx: Context, host: str) -> NameServers:
    """What each configured name server answers on its own."""
    return ctx.observe(ask_servers, host)


def connections(ctx: Context, host: str, port: int) -> Connections:
    """A connection to every address of a name, of the family that the port is for.

    Raises PrerequisiteFailed when there is no address, Skip for a port over IPv6 where this host speaks none.
    """
    found = ctx.get(resolution, host).addresses
    if not found:
        raise PrerequisiteFailed("no address to connect to")
    if ctx.get(is_over_ipv6, host, port):
        if not any(":" in address for address in ctx.get(looked).addresses):
            raise Skip(f"port {port} listens over IPv6, which this host does not speak")
        found = tuple(address for address in found if address.family == 6)
        if not found:
            raise PrerequisiteFailed(f"port {port} listens over IPv6, and the name has no IPv6 address here")
    return ctx.observe(connect, tuple(address.address for address in found), port)


def is_over_ipv6(ctx: Context, host: str, port: int) -> bool:
    """Whether a broker's port is one of MSK's listeners over IPv6, where its IPv4 addresses do not answer
    (https://docs.aws.amazon.com/msk/latest/developerguide/port-info.html).
    """
    from netcheck.pipeline.msk_listeners import listener_for

    listener = listener_for(ctx.get(pipeline).cluster, host, port)
    return listener is not None and listener.ipv6


def reachable(ctx: Context, target: Target) -> str:
    """The address to talk to: the first that connects, as clients choose.

    Raises PrerequisiteFailed when none does.
    """
    seen = ctx.get(connections, target.host, target.port)
    connected = [one.address for one in seen.connections if one.cause is None]
    if not connected:
        raise PrerequisiteFailed(f"no connection to talk over ({seen.cause}: {seen.detail})")
    return connected[0]


def handshake(ctx: Context, target: Target) -> Handshake:
    """A TLS handshake, judged with the trust store of this run. Raises Skip for a plain-text target."""
    if not target.security.tls:
        raise Skip("the target is spoken to without TLS")
    address = ctx.get(reachable, target)
    return ctx.observe(shake_hands, address, target.port, target.host, ctx.config.trust)


def documents(ctx: Context) -> Documents:
    """AWS's own answers around the workers' subnets: as AWS gives them now, or as they were saved.

    Raises FactUnavailable when AWS cannot be asked at all.
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
    """AWS's configuration around the workers' subnets; what AWS does not say is a gap inside."""
    from netcheck.aws.ec2.snapshot import SnapshotError, from_regions

    try:
        return from_regions(ctx.get(documents).regions)
    except SnapshotError as error:
        raise FactUnavailable(str(error)) from error


def paths(ctx: Context, target: Target) -> tuple[Traced, ...]:
    """The way from every worker subnet to every address of a target, as AWS is configured.

    Over IPv4 where the target has such an address, as a JVM prefers it, unless its port is one for IPv6.
    Raises Skip when nobody said where the workers are, and PrerequisiteFailed when the name has no address.
    """
    from netcheck.aws.ec2.entities import TCP
    from netcheck.path.aggregate import Traced
    from netcheck.path.trace import Destination, QuestionError, from_subnet, trace

    config = ctx.config
    if not config.source_subnet:
        raise Skip("where the workers are was not said: give --source-subnet and --source-security-group")
    known, groups = ctx.get(snapshot), config.source_security_group or None
    over_ipv6 = ctx.get(is_over_ipv6, target.host, target.port)
    pairs = [
        (subnet, one)
        for subnet in config.source_subnet
        for one in (_ipv6_of(ctx, target) if over_ipv6 else workers_see(ctx, subnet, target.host))
    ]
    if not pairs:
        raise PrerequisiteFailed("no address to find a way to")
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
    """Whether TLS does not come about, whatever the certificate says: nothing above it can be asked for."""
    cause = ctx.get(handshake, target).cause
    return cause is not None and cause not in ABOUT_THE_CERTIFICATE


def kafka_hello(ctx: Context, target: Target) -> KafkaHello:
    """What the broker says to anybody: its API versions and, of a SASL listener, the mechanisms."""
    from netcheck.probe.kafka.broker import hello

    address, mechanism = ctx.get(reachable, target), _mechanism(ctx, target)
    return ctx.observe(hello, address, target.port, target.host, target.security, ctx.config.trust, mechanism)


def kafka_login(ctx: Context, target: Target) -> KafkaLogin | None:
    """The login for a broker's listener; None where the one that was given is for another listener of the
    cluster.
    """
    login = ctx.config.kafka_login if target.security.sasl else None
    if login and not ctx.config.sasl_mechanism:
        iam = "AWS_MSK_IAM"
        if (login.mechanism == iam) != (_mechanism(ctx, target) == iam):
            return None
    return login


def _mechanism(ctx: Context, target: Target) -> str:
    """The SASL mechanism to ask a listener for: the run's, else that of MSK's listener."""
    from netcheck.pipeline.msk_listeners import listener_for

    if ctx.config.sasl_mechanism:
        return ctx.config.sasl_mechanism
    listener = listener_for(ctx.get(pipeline).cluster, target.host, target.port)
    return (listener and listener.mechanism) or "SCRAM-SHA-512"


def kafka_metadata(ctx: Context, target: Target) -> KafkaMetadata:
    """The cluster's brokers as this one advertises them, after a login where there is one."""
    from netcheck.probe.kafka.broker import metadata

    config, address = ctx.config, ctx.get(reachable, target)
    login = ctx.get(kafka_login, target)
    return ctx.observe(metadata, address, target.port, target.host, target.security, config.trust, login)


def kafka_topics(ctx: Context, target: Target, names: tuple[str, ...], pattern: str) -> KafkaTopics:
    """What this broker tells of the topics of these names, or of all that match the pattern."""
    from netcheck.probe.kafka.broker import topics

    where = (ctx.get(reachable, target), target.port, target.host, target.security, ctx.config.trust)
    return ctx.observe(topics, *where, ctx.get(kafka_login, target), names, pattern)


def clickhouse_ping(ctx: Context, target: Target) -> HttpAnswer:
    """GET /ping, with time for an idle service to wake."""
    from netcheck.probe.clickhouse.https import ping

    address, tls = ctx.get(reachable, target), target.security.tls
    if tls and ctx.get(handshake, target).cause in (Cause.TLS_SILENT_AFTER_CLIENT_HELLO, Cause.TLS_STALLED):
        raise PrerequisiteFailed("TLS gets no answer, and HTTP would wait for it again")
    # Only who answers TLS can be asleep behind it.
    seconds = ctx.config.timeout if tls and ctx.get(tls_is_broken, target) else WAKING_SECONDS
    return ctx.observe_for(seconds, ping, address, target.port, target.host, tls, ctx.config.trust)


def plain_ping(ctx: Context, target: Target) -> HttpAnswer:
    """GET /ping without TLS, of a target that should speak it: a plain HTTP server may take a ClientHello for
    the beginning of a request line, and wait for its end.
    """
    from netcheck.probe.clickhouse.https import ping

    return ctx.observe(ping, ctx.get(reachable, target), target.port, target.host, False, ctx.config.trust)


def clickhouse_look_up(ctx: Context, target: Target) -> ClickHouseLookUp:
    """What the sink looks up at its start. Raises Skip without a login, PrerequisiteFailed without a ping."""
    from netcheck.probe.clickhouse.https import look_up

    login = ctx.config.clickhouse_login
    if login is None:
        raise Skip("no ClickHouse password given: set NETCHECK_CLICKHOUSE_PASSWORD or use --credentials")
    if ctx.get(clickhouse_ping, target).cause not in (None, Cause.CLICKHOUSE_SLOW_WAKE):
        raise PrerequisiteFailed("ClickHouse did not answer /ping as it should")
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


def plain_after_all(ctx: Context, target: Target) -> str | None:
    """Where the peer hung up on TLS or was silent: how it answered its protocol in plain text, if it did."""
    if ctx.get(handshake, target).cause is Cause.TLS_SILENT_AFTER_CLIENT_HELLO:
        clickhouse = target.kind in (Kind.CLICKHOUSE_HTTPS, Kind.CLICKHOUSE_NATIVE)
        if not clickhouse or not ctx.get(plain_ping, target).status:
            return None
        return f"plain HTTP answers there with status {ctx.get(plain_ping, target).status}"
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
"""How long Route 53 may take to tell what a VPC's names lead to: two rounds of calls."""
CLICKHOUSE_PRIVATE = ".vpce.aws.clickhouse.cloud"
"""What ClickHouse Cloud's PrivateLink names end in (ClickHouse documentation, AWS PrivateLink)."""


def access(ctx: Context) -> Access:
    """VPC endpoints and the VPCs' DNS settings, from the same documents as the snapshot."""
    from netcheck.aws.ec2.endpoints import read

    return read(ctx.get(documents).regions)


def worker_vpcs(ctx: Context) -> tuple[str, ...]:
    """The VPCs of the workers' subnets. Raises Skip when nobody said where the workers are, and
    FactUnavailable where none of the subnets is known: a check of no VPC would find nothing wrong.
    """
    if not ctx.config.source_subnet:
        raise Skip("where the workers are was not said: give --source-subnet and --source-security-group")
    known = ctx.get(snapshot)
    held = (known.subnets[name].vpc for name in ctx.config.source_subnet if name in known.subnets)
    if not (vpcs := tuple(dict.fromkeys(held))):
        gap = known.missing("Subnets")
        reason = f": {gap.reason}" if gap else ", as AWS does not name the workers' subnets"
        raise FactUnavailable(f"the workers' VPC is not known{reason}", gap.action if gap else None)
    return vpcs


def lookups(ctx: Context, vpc: str) -> Lookups:
    """Private zones, Resolver rules and DNS Firewall of a VPC; of a snapshot what it holds of them."""
    from netcheck.aws.route53.saved import saved_lookups
    from netcheck.aws.route53.zones import look_up

    if ctx.config.snapshot:
        return saved_lookups(_merged(ctx.get(documents)), vpc)
    return ctx.observe_for(NAMES_SECONDS, look_up, ctx.config.region, ctx.config.profile, vpc)


def _merged(seen: Documents) -> dict[str, Json]:
    """How names are looked up, of all Regions of a snapshot: a VPC is in one of them."""
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
    """Which of these DNS Firewall domain lists hold the name."""
    from netcheck.aws.route53.zones import listed

    return ctx.observe_for(NAMES_SECONDS, listed, ctx.config.region, ctx.config.profile, lists, host)


def name_resolution(ctx: Context, vpc: str, host: str) -> NameResolution:
    """What a name leads to for the hosts of a VPC. What cannot be learnt is `unknown` inside."""
    from netcheck.aws.route53.model import Zone
    from netcheck.aws.route53.saved import saved_records
    from netcheck.aws.route53.zones import records
    from netcheck.path.name_resolution import NameResolution, by_route53, resolving, without_route53

    known, ways = ctx.get(snapshot), ctx.get(access)
    early = without_route53(known, ways, vpc, host)
    if early is not None:
        return early
    chosen = resolving(ways, vpc, host, ctx.get(lookups, vpc))
    if isinstance(chosen, NameResolution):
        return chosen
    found = None
    if isinstance(chosen, Zone) and not chosen.service and ctx.config.snapshot:
        found = saved_records(_merged(ctx.get(documents)), vpc, chosen.id, chosen.name, host.lower())
    elif isinstance(chosen, Zone) and not chosen.service:
        where = (ctx.config.region, ctx.config.profile)
        found = ctx.observe_for(NAMES_SECONDS, records, *where, chosen.id, chosen.name, host.lower())
    return by_route53(known, ways, host, chosen, found)


def _ipv6_of(ctx: Context, target: Target) -> tuple[str, ...]:
    return tuple(one.address for one in ctx.get(resolution, target.host).addresses if one.family == 6)


def workers_see(ctx: Context, subnet: str, host: str) -> tuple[str, ...]:
    """The addresses that a worker in this subnet gets for a name: IPv4 where there are any.

    Those of a VPC endpoint or a private zone of the workers' VPC where AWS's configuration says that the name
    leads there; else what the name resolves to here.
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
    """The connector's execution role and what bears on it. Raises Skip where no connector names a role, and
    FactUnavailable when AWS cannot be asked at all; what it does not say of the rest is told inside.
    """
    from netcheck.aws.iam.roles import look
    from netcheck.iam.role_questions import asked

    known = ctx.get(pipeline)
    if known.connector is None or known.connector.role_arn is None:
        raise Skip("which role the connector runs with is not known: give --connector")
    question = asked(known, known.connector.role_arn)
    seen = ctx.observe_for(COLLECTING_SECONDS, look, ctx.config.region, ctx.config.profile, question)
    if seen.error:
        raise FactUnavailable(seen.error)
    return seen


def neighbours(ctx: Context, own: str) -> Neighbours:
    """The connectors beside the one with this ARN."""
    from netcheck.aws.msk.neighbours import neighbours

    where = (ctx.get(pipeline).region or ctx.config.region, ctx.config.profile)
    return ctx.observe_for(COLLECTING_SECONDS, neighbours, *where, own)


def cloud_services(ctx: Context) -> CloudServices:
    """ClickHouse Cloud's services, as its API lists them. Raises Skip without a key."""
    from netcheck.core.credentials import Trust
    from netcheck.probe.clickhouse.cloud import services

    key = ctx.config.cloud_key
    if key is None:
        raise Skip(
            "no ClickHouse Cloud API key given: set NETCHECK_CLICKHOUSE_CLOUD_KEY_ID and ..._KEY_SECRET"
        )
    return ctx.observe(services, key, ctx.config.cloud_api, Trust())


def cloud_service(ctx: Context, target: Target) -> CloudService:
    """ClickHouse Cloud's account of a target. Raises FactUnavailable where the API does not tell, and Skip
    where the target is none of the services that the key may see.
    """
    seen = ctx.get(cloud_services)
    if seen.cause is not None:
        raise FactUnavailable(f"ClickHouse Cloud's API did not list its services: {seen.detail}")
    host = target.host.lower()
    hosts = {host, host.replace(CLICKHOUSE_PRIVATE, ".aws.clickhouse.cloud")}
    found = next((one for one in seen.services if hosts & set(one.hosts)), None)
    if found is None:
        raise Skip(f"{target.host} is none of the {len(seen.services)} services that the API key may see")
    return found


def identity(ctx: Context) -> vantage_probe.Identity:
    """Who this host is to AWS; of a Lambda function AWS says where it runs, of an ECS task the snapshot."""
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
    """How this vantage differs from the workers', as far as both are known."""
    from netcheck.engine.vantage_parity import Workers, compare

    workers = Workers(ctx.config.source_subnet, ctx.config.source_security_group)
    known = _known(ctx)
    ways = ctx.get(access) if known is not None else None
    return compare(ctx.get(identity), ctx.get(looked), workers, known, ways)


def place(ctx: Context) -> dict[str, Json]:
    """Where this run looks from, to AWS, for the report."""
    who = ctx.get(identity)
    return {
        "kind": who.kind,
        "eni": who.interface,
        "subnet": ", ".join(who.subnets) or None,
        "zone": who.zone,
        "security_groups": list(who.security_groups or ()),
        "interface_addresses": list(who.addresses),
        "parity": str(ctx.get(parity).parity),
    }


def _known(ctx: Context) -> Snapshot | None:
    """The snapshot, None where it cannot be had."""
    try:
        return ctx.get(snapshot)
    except FactUnavailable:
        return None

"""ClickHouse over PrivateLink or the internet: does the service accept the workers' connections?"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from checks import path_findings
from checks.connector_findings import CONNECTION_TERMINATED
from netcheck.aws.ec2.addresses import format_address
from netcheck.core.check import Check
from netcheck.core.context import Context, FactUnavailable, PrerequisiteFailed, Skip
from netcheck.core.evidence import Reachability
from netcheck.core.model import Cause, Explains, Finding, Json, Kind, Layer, Status, Target
from netcheck.core.problem import Problem
from netcheck.engine import facts

if TYPE_CHECKING:
    from netcheck.aws.ec2.endpoints import Endpoint
    from netcheck.aws.ec2.snapshot import Snapshot
    from netcheck.path.aggregate import Traced
    from netcheck.probe.clickhouse.cloud import CloudService

CLICKHOUSE = frozenset({Kind.CLICKHOUSE_HTTPS, Kind.CLICKHOUSE_NATIVE})
PUBLIC_CLOUD = ".aws.clickhouse.cloud"
WAKING = frozenset({"idle", "awaking"})
DOWN = frozenset(
    {"stopped", "stopping", "terminating", "terminated", "softdeleting", "softdeleted", "failed"}
)

ENDPOINT_PROBLEMS = (
    Problem(
        Cause.PRIVATELINK_NO_RECORD,
        "ClickHouse's private name has no record in the workers' VPC",
        "Enable the endpoint's private DNS, or associate a private hosted zone for the name with this VPC, "
        "with an alias record for the endpoint.",
        refuted_by="dns.resolves",
    ),
    Problem(
        Cause.PRIVATELINK_UNUSED,
        "traffic to ClickHouse uses the internet although PrivateLink is set up",
        "Set the connector's hostname to the service's private name (*.vpce.aws.clickhouse.cloud).",
    ),
)

ACCESS_LIST_PROBLEMS = (
    Problem(
        Cause.CLICKHOUSE_ACCESS_LIST,
        "ClickHouse Cloud does not accept connections from the workers",
        "Add the addresses of all NAT gateways to the service's IP access list, or, for PrivateLink, the "
        "id of the VPC endpoint to its private endpoints (Settings, Security).",
        refuted_by="tls.handshake",
    ),
    Problem("CLICKHOUSE_PRIVATE_ENDPOINT", "the service does not accept the VPC endpoint"),
)

SERVICE_PROBLEMS = (
    Problem(
        Cause.CLICKHOUSE_STOPPED,
        "the ClickHouse Cloud service is stopped",
        "Start it in the console: a connection wakes an idle service, never a stopped one.",
        refuted_by="clickhouse.ping",
    ),
    Problem(
        Cause.CLICKHOUSE_IDLE,
        "the ClickHouse Cloud service is idle",
        "The first connection wakes it, in 20 to 60 seconds: set timeoutSeconds=60 and retryCount=5 in "
        "the sink, or turn idling off.",
    ),
)


class EndpointIsUp(Check):
    """ClickHouse's private name resolves to an available VPC endpoint of the workers' VPC.

    For a name under vpce.aws.clickhouse.cloud, and for any name that resolves to a VPC endpoint. It fails
    when nothing in the VPC resolves the name (neither the endpoint's private DNS nor a private hosted zone)
    and when the endpoint is pending acceptance, rejected or failed. It warns when the connector uses the
    public name although the VPC has an endpoint for the same service: traffic then uses the internet.

    Fix: enable the endpoint's private DNS, or associate a private hosted zone for the name with the VPC, with
    an alias record for the endpoint; add the endpoint's id to the ClickHouse service's private endpoints.
    """

    id = "privatelink.endpoint"
    kinds = CLICKHOUSE
    problems = ENDPOINT_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        private = target.host.lower().endswith(facts.CLICKHOUSE_PRIVATE)
        for vpc in ctx.get(facts.worker_vpcs):
            endpoint = _endpoint(vpc, target, ctx)
            if endpoint is not None:
                yield _state(endpoint, target)
            elif private:
                yield from _unnamed(vpc, target, ctx)
            else:
                yield from _in_public(vpc, target, ctx)


class LetsWorkersIn(Check):
    """ClickHouse Cloud accepts the workers' connections, by address or by endpoint.

    Over the internet, workers connect from the public addresses of their subnets' NAT gateways: the check
    lists all of them, ready for the service's IP access list. With a ClickHouse Cloud API key it compares
    them with the list, and over PrivateLink the VPC endpoint's id with the service's private endpoints. A
    refusal by either looks like a connection reset during the TLS handshake.

    Fix: ClickHouse Cloud, Settings, Security: add every address (each as /32) to the IP access list; for
    PrivateLink add the endpoint's id to the private endpoints.
    """

    id = "clickhouse.access_list"
    kinds = CLICKHOUSE
    depends_on = frozenset(
        {"dns.resolves", "routes.reaches", "routes.nat", "security.groups", "security.acls"}
    )
    problems = ACCESS_LIST_PROBLEMS
    explains = (Explains(CONNECTION_TERMINATED, CLICKHOUSE, same_target=True),)

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        traced = ctx.get(facts.paths, target)
        service = _service(target, ctx)
        endpoints = [_endpoint(vpc, target, ctx) for vpc in ctx.get(facts.worker_vpcs)]
        found = [one for one in endpoints if one is not None]
        if found:
            yield from _by_endpoint(found, service, target)
            return
        public = path_findings.to_internet(traced)
        if not public:
            raise Skip("workers connect from private addresses")
        if any(one.path.verdict in (Reachability.BLOCKED, Reachability.UNKNOWN) for one in public):
            raise PrerequisiteFailed("the path from the workers to the NAT gateways is unknown")
        addresses = _nat_addresses(ctx.get(facts.snapshot), public)
        if not addresses:
            raise PrerequisiteFailed(
                "the workers' traffic does not leave through NAT gateways of this account"
            )
        yield from _by_address(addresses, service)


class ServiceRuns(Check):
    """The ClickHouse Cloud service runs.

    Queries ClickHouse Cloud's API with an API key, which does not wake the service. It fails when the service
    is stopped, because a connection does not start it, and warns when it is idle: the first connection then
    waits 20 to 60 seconds, and a sink with a shorter timeoutSeconds gives up.

    Fix: start the service in the console; for an idle one set timeoutSeconds=60 and retryCount=5 in the sink.
    """

    id = "clickhouse.service"
    kinds = CLICKHOUSE
    problems = SERVICE_PROBLEMS
    explains = (
        Explains(
            CONNECTION_TERMINATED
            | {Cause.TLS_SILENT_AFTER_CLIENT_HELLO, Cause.TLS_STALLED, Cause.HTTP_SILENT},
            CLICKHOUSE,
            same_target=True,
        ),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.cloud_service, target)
        evidence: dict[str, Json] = {"service": seen.id, "name": seen.name, "state": seen.state}
        text = f"{seen.name} ({seen.id}) is {seen.state}"
        if seen.state in DOWN:
            cause, layer = Cause.CLICKHOUSE_STOPPED, Layer.CLICKHOUSE
            yield Finding(Status.FAIL, text, cause, layer, evidence, component=seen.id)
        elif seen.state in WAKING:
            cause, layer = Cause.CLICKHOUSE_IDLE, Layer.CLICKHOUSE
            yield Finding(Status.WARN, text, cause, layer, evidence, component=seen.id)
        else:
            yield Finding(Status.PASS, text, None, Layer.CLICKHOUSE, evidence)


def _endpoint(vpc: str, target: Target, ctx: Context) -> Endpoint | None:
    """The VPC endpoint that the workers' traffic to this target goes to, in this VPC."""
    known, access = ctx.get(facts.snapshot), ctx.get(facts.access)
    subnets = [name for name in ctx.config.source_subnet if name in known.subnets]
    here = [name for name in subnets if known.subnets[name].vpc == vpc]
    if access.serving(vpc, target.host) or target.host.lower().endswith(facts.CLICKHOUSE_PRIVATE):
        named = ctx.get(facts.name_resolution, vpc, target.host).endpoint
        if named:
            return access.endpoints.get(named)
    for subnet in here[:1]:
        for address in ctx.get(facts.worker_addresses, subnet, target.host):
            interface = known.host(vpc, *_number(address))
            found = known.endpoint_of_interface.get(interface.id) if interface else None
            if found is not None:
                return access.endpoints.get(found.id)
    return None


def _number(address: str) -> tuple[int, int]:
    parsed = ipaddress.ip_address(address)
    return parsed.version, int(parsed)


def _state(endpoint: Endpoint, target: Target) -> Finding:
    evidence: dict[str, Json] = {
        "endpoint": endpoint.id,
        "service": endpoint.service,
        "state": endpoint.state,
    }
    if endpoint.state.lower() == "available":
        return Finding(
            Status.PASS,
            f"{target.host} resolves to {endpoint.id}, which is available",
            None,
            Layer.AWS,
            evidence,
        )
    text = f"{target.host} resolves to {endpoint.id}, which is {endpoint.state}"
    return Finding(
        Status.FAIL,
        text,
        Cause.ENDPOINT_NOT_AVAILABLE,
        Layer.AWS,
        evidence,
        code="BAD_STATE",
        component=endpoint.id,
    )


def _unnamed(vpc: str, target: Target, ctx: Context) -> Iterator[Finding]:
    """A private name that does not resolve to any known endpoint."""

    from netcheck.path.name_resolution import ResolvedBy

    seen = ctx.get(facts.name_resolution, vpc, target.host)
    evidence: dict[str, Json] = {"vpc": vpc, "by": str(seen.by)}
    match seen.by:
        case ResolvedBy.PUBLIC if _public_answer(target, ctx):
            text = f"{target.host} is a PrivateLink name but resolves to public addresses from here"
            yield Finding(Status.WARN, text, Cause.PRIVATELINK_NO_RECORD, Layer.DNS, evidence, component=vpc)
        case ResolvedBy.PUBLIC:
            text = f"neither an endpoint's private DNS nor a private zone in {vpc} resolves {target.host}"
            yield Finding(
                Status.FAIL, text, Cause.PRIVATELINK_NO_RECORD, Layer.DNS, evidence,
                code="PRIVATELINK_NO_RECORD", component=vpc,
            )  # fmt: skip
        case ResolvedBy.ZONE if seen.held:
            yield Finding(Status.PASS, seen.text, None, Layer.DNS, evidence)
        case ResolvedBy.ZONE | ResolvedBy.NOBODY:
            raise PrerequisiteFailed(seen.text)
        case ResolvedBy.UNKNOWN if not ctx.config.snapshot:
            needed = (seen.missing.action,) if seen.missing and seen.missing.action else ()
            text = f"whether {target.host} resolves to a VPC endpoint is unknown: {seen.text}"
            yield Finding(
                Status.UNKNOWN, text, Cause.PATH_UNKNOWN, Layer.DNS, evidence,
                component=vpc, missing_permissions=needed,
            )  # fmt: skip
        case _:
            raise Skip(seen.text)


def _public_answer(target: Target, ctx: Context) -> bool:
    return any(not one.private for one in ctx.get(facts.resolution, target.host).addresses)


def _in_public(vpc: str, target: Target, ctx: Context) -> Iterator[Finding]:
    """A public name: a warning if PrivateLink to the same service is set up."""
    host = target.host.lower()
    if not host.endswith(PUBLIC_CLOUD):
        raise Skip("the target does not use PrivateLink")
    private = host.removesuffix(PUBLIC_CLOUD) + facts.CLICKHOUSE_PRIVATE
    seen = None if ctx.config.snapshot else ctx.get(facts.name_resolution, vpc, private)
    endpoint = seen.endpoint if seen is not None else ""
    for one in () if endpoint else _attached(vpc, target, ctx):
        endpoint = one.id
    if not endpoint:
        raise Skip("traffic uses the internet; this VPC has no known PrivateLink endpoint for the service")
    evidence: dict[str, Json] = {"vpc": vpc, "endpoint": endpoint, "private_name": private}
    text = f"{target.host} is reached over the internet although {endpoint} serves the same service"
    yield Finding(Status.WARN, text, Cause.PRIVATELINK_UNUSED, Layer.DNS, evidence, component=endpoint)


def _attached(vpc: str, target: Target, ctx: Context) -> list[Endpoint]:
    """The endpoints of this VPC that ClickHouse Cloud lists for the service; none without an API key."""
    service = _service(target, ctx)
    ids = set(service.private_endpoints) if service else set()
    return [one for one in ctx.get(facts.access).of_vpc(vpc) if one.id in ids and one.state == "available"]


def _service(target: Target, ctx: Context) -> CloudService | None:
    """ClickHouse Cloud's data about the service, None if unavailable."""
    try:
        return ctx.get(facts.cloud_service, target)
    except (Skip, FactUnavailable):
        return None


def _nat_addresses(known: Snapshot, public: Sequence[Traced]) -> dict[str, dict[str, Json]]:
    """Every public address that workers may connect from: its NAT gateway, zone and the subnets behind it."""
    found: dict[str, dict[str, Json]] = {}
    for one in public:
        for nat in (known.nats[hop.component] for hop in one.path.forward if hop.component in known.nats):
            home = known.subnets.get(nat.subnet) if nat.subnet else None
            for address in nat.addresses:
                if address.public is not None:
                    zone = address.zone or (home.zone if home else "")
                    entry = found.setdefault(
                        format_address(4, address.public), {"nat": nat.id, "zone": zone, "subnets": []}
                    )
                    subnets = entry["subnets"]
                    assert isinstance(subnets, list)
                    if one.source not in subnets:
                        subnets.append(one.source)
    return found


def _by_address(addresses: dict[str, dict[str, Json]], service: CloudService | None) -> Iterator[Finding]:
    cidrs = [f"{address}/32" for address in sorted(addresses, key=ipaddress.ip_address)]
    evidence: dict[str, Json] = {"cidrs": list(cidrs), "from": dict(addresses)}
    if service is None:
        text = f"workers connect from {', '.join(cidrs)}: add all of them to the IP access list"
        yield Finding(Status.PASS, text, None, Layer.CLICKHOUSE, evidence)
        return
    evidence["access_list"] = list(service.access_list)
    absent = [cidr for cidr in cidrs if not _is_listed(cidr, service.access_list)]
    if not absent:
        text = f"the IP access list of {service.name} contains {', '.join(cidrs)}"
        yield Finding(Status.PASS, text, None, Layer.CLICKHOUSE, evidence)
        return
    evidence["absent"] = list(absent)
    text = f"the IP access list of {service.name} lacks {', '.join(absent)}, which workers connect from"
    yield Finding(
        Status.FAIL, text, Cause.CLICKHOUSE_ACCESS_LIST, Layer.CLICKHOUSE, evidence,
        code="CLICKHOUSE_ACCESS_LIST", component=service.id,
    )  # fmt: skip


def _is_listed(cidr: str, listed: Sequence[str]) -> bool:
    address = ipaddress.ip_network(cidr)
    for source in listed:
        try:
            block = ipaddress.ip_network(source.strip(), strict=False)
        except ValueError:
            continue
        if block.version == 4 and address.version == 4 and address.subnet_of(block):
            return True
    return False


def _by_endpoint(
    endpoints: Sequence[Endpoint], service: CloudService | None, target: Target
) -> Iterator[Finding]:
    ids = ", ".join(one.id for one in endpoints)
    evidence: dict[str, Json] = {"endpoints": [one.id for one in endpoints]}
    if service is None:
        text = f"workers reach {target.host} through {ids}: add it to the service's private endpoints"
        yield Finding(Status.PASS, text, None, Layer.CLICKHOUSE, evidence)
        return
    absent = [one.id for one in endpoints if one.id not in service.private_endpoints]
    if not absent:
        text = f"{service.name} lists {ids} among its private endpoints"
        yield Finding(Status.PASS, text, None, Layer.CLICKHOUSE, evidence)
        return
    text = (
        f"{service.name} does not list {', '.join(absent)} among its private endpoints: it resets connections"
    )
    yield Finding(
        Status.FAIL, text, Cause.CLICKHOUSE_ACCESS_LIST, Layer.CLICKHOUSE, evidence,
        code="CLICKHOUSE_PRIVATE_ENDPOINT", component=service.id,
    )  # fmt: skip

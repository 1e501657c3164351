"""Discovers the pipeline and the targets of a run from its configuration.

For each value the order of precedence is: argument, connector file, connector in MSK Connect, cluster.
`Pipeline.origins` records the source of every value.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from netcheck.core.arn import parse_arn
from netcheck.core.context import Context, DeadlineExceeded, NotRecorded
from netcheck.core.credentials import KafkaLogin
from netcheck.core.hostport import EndpointError, Url, parse_host
from netcheck.core.model import PIPELINE, Kind, Security, Target
from netcheck.engine import targets
from netcheck.pipeline import clickhouse_sink, required_services
from netcheck.pipeline.model import Connector, Missing, Pipeline
from netcheck.pipeline.msk_listeners import endpoints
from netcheck.settings.config import Config, UsageError

if TYPE_CHECKING:
    from netcheck.aws.msk.lookup import LookedUp

LOOKING_UP_SECONDS = 30.0
"""Time limit for MSK Connect and MSK to describe a pipeline: three rounds of calls, and throttling."""
ARGUMENT = "argument"


@dataclass(frozen=True, slots=True)
class Discovered:
    """The result of discovery: the configuration with discovered values filled in, the pipeline, and every
    target in the order of the report.
    """

    config: Config
    pipeline: Pipeline
    targets: tuple[Target, ...]


def discover(ctx: Context) -> Discovered:
    """Discover what the configuration leaves out. Raises UsageError for contradictions."""
    config = ctx.config
    file = _file(ctx) if config.connector_config else None
    looked_up = _look_up(ctx) if config.connector or config.cluster else None
    found = _Discovery(config, file, looked_up)
    effective = found.effective()
    if config.snapshot and config.source_subnet:
        _check_subnets(ctx, config.snapshot)
    return Discovered(effective, found.pipeline(effective), found.targets(effective))


def _check_subnets(ctx: Context, folder: str) -> None:
    """Raise UsageError for a subnet that is not in the snapshot, which lists all of them: probably a typo.
    Without a snapshot AWS reports a missing subnet later, in parallel with everything else.
    """
    from netcheck.aws.ec2.source import saved

    seen = ctx.observe_for(LOOKING_UP_SECONDS, saved, folder)
    documents = [region.get("Subnets") for region in seen.regions.values()]
    known: set[str] = set()
    for document in documents:
        match document:
            case {"Subnets": list(subnets)}:
                known |= {str(subnet.get("SubnetId")) for subnet in subnets if isinstance(subnet, dict)}
            case _:
                return
    if seen.error:
        return
    for name in ctx.config.source_subnet:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"--source-subnet {name}: not in the snapshot {folder}{hint}")


def _file(ctx: Context) -> Connector:
    from netcheck.aws.msk.connector_file import read

    path = ctx.config.connector_config
    assert path
    seen = ctx.observe(read, path)
    if seen.connector is None:
        raise UsageError(f"--connector-config {path}: {seen.error}")
    return seen.connector


def _look_up(ctx: Context) -> LookedUp:
    from netcheck.aws.msk.lookup import LookedUp, LookupRequest, look_up

    config = ctx.config
    region = _region(config)
    hosts = tuple(host for host, _ in config.bootstrap)
    wanted = LookupRequest(config.connector, config.cluster, hosts, interfaces=config.snapshot is None)
    try:
        seen = ctx.observe_for(LOOKING_UP_SECONDS, look_up, region, config.profile, wanted)
    except (DeadlineExceeded, NotRecorded) as error:
        what = "the connector" if config.connector else "the MSK cluster"
        return LookedUp(region=region, missing=(Missing(what, "", str(error)),))
    if seen.trouble:
        raise UsageError(seen.trouble)
    return seen


def _region(config: Config) -> str | None:
    """The Region of the ARNs, else the configured one. Raises UsageError when two ARNs disagree."""
    arns = [parse_arn(name) for name in (config.connector, config.cluster) if name]
    regions = dict.fromkeys(arn.region for arn in arns if arn)
    if len(regions) > 1:
        raise UsageError(
            f"--connector and --cluster must be in one Region, but these ARNs are in {' and '.join(regions)}"
        )
    return next(iter(regions), config.region)


class _Discovery:
    """One discovery: what was found, and the source of each value."""

    def __init__(self, config: Config, file: Connector | None, looked_up: LookedUp | None) -> None:
        self._config = config
        self._lookup = looked_up
        self._file = file
        self._origins: dict[str, str] = {}
        self._missing: list[Missing] = list(looked_up.missing) if looked_up else []
        self._cluster = looked_up.cluster if looked_up else None
        self._connector = self._merged(looked_up.connector if looked_up else None)

    def _merged(self, described: Connector | None) -> Connector | None:
        """The connector: the file's values first, then those that AWS described."""
        if described is None or self._file is None:
            return self._file or described
        file = self._file
        return replace(
            described,
            settings=file.settings,
            bootstrap=file.bootstrap or described.bootstrap,
            authentication=file.authentication or described.authentication,
            encryption=file.encryption or described.encryption,
            subnets=file.subnets or described.subnets,
            security_groups=file.security_groups or described.security_groups,
            role_arn=file.role_arn or described.role_arn,
        )

    # Origins of values

    def _of_connector(self, field: str) -> str:
        """The origin of a connector's field: the file, where it has the field."""
        connector = self._connector
        assert connector
        if self._file and getattr(self._file, field):
            return f"connector-config {self._config.connector_config}"
        return f"connector {connector.name}"

    def _choose(self, name: str, given: object, found: object, origin: str) -> bool:
        """Record the origin of a value. True where the discovered value is used."""
        if given:
            self._origins[name] = ARGUMENT
        elif found:
            self._origins[name] = origin
        return bool(found and not given)

    # The effective configuration

    def effective(self) -> Config:
        """The configuration with discovered values filled in."""
        config = self._with_region(self._config)
        if self._connector:
            config = self._with_connector(config, self._connector)
        self._choose("cluster", config.cluster, self._cluster, "the bootstrap servers' names")
        if not self._connector and self._lookup:
            self._choose("bootstrap", config.bootstrap, self._lookup.bootstrap, "cluster")
        return config

    def _with_region(self, config: Config) -> Config:
        region = _region(config)
        if region != config.region:
            self._origins["region"] = "the ARN"
        elif region:
            self._origins["region"] = "argument or environment"
        elif self._lookup and self._lookup.region:
            region = self._lookup.region
            self._origins["region"] = "the AWS profile"
        elif self._file and (arn := parse_arn(self._file.arn or "")):
            region = arn.region
            self._origins["region"] = f"connector-config {config.connector_config}"
        return replace(config, region=region)

    def _with_connector(self, config: Config, connector: Connector) -> Config:
        config = self._with_kafka(config, connector)
        config = self._with_network(config, connector)
        if self._choose("clickhouse", config.clickhouse or config.clickhouse_native, True, ""):
            config = self._with_clickhouse(config, connector)
        return self._with_services(config, connector)

    def _with_kafka(self, config: Config, connector: Connector) -> Config:
        brokers = endpoints(connector.bootstrap)
        if self._choose("bootstrap", config.bootstrap, brokers, self._of_connector("bootstrap")):
            config = replace(config, bootstrap=brokers)
        security = _security_of(connector)
        origin = self._of_connector("authentication")
        if self._choose("security_protocol", config.security_protocol, security, origin):
            config = replace(config, security_protocol=security)
        iam = connector.authentication == "IAM"
        if self._choose("sasl_mechanism", config.sasl_mechanism, iam, origin):
            login = KafkaLogin("AWS_MSK_IAM", region=config.region)
            config = replace(config, sasl_mechanism="AWS_MSK_IAM", kafka_login=login)
        return config

    def _with_network(self, config: Config, connector: Connector) -> Config:
        given = config.source_subnet
        if self._choose("source_subnet", given, connector.subnets, self._of_connector("subnets")):
            config = replace(config, source_subnet=connector.subnets)
        origin, groups = self._of_connector("security_groups"), connector.security_groups
        # The connector's groups do not belong to subnets that the user chose.
        if self._choose("source_security_group", config.source_security_group, groups and not given, origin):
            config = replace(config, source_security_group=groups)
        return config

    def _with_clickhouse(self, config: Config, connector: Connector) -> Config:
        del self._origins["clickhouse"]
        if not clickhouse_sink.is_sink(connector.settings):
            return config
        read = clickhouse_sink.read(connector.settings)
        url = self._clickhouse_url(read)
        if url is None:
            return config
        self._origins["clickhouse"] = self._of_connector("settings")
        login = config.clickhouse_login
        if login:
            user = read.username if login.user == clickhouse_sink.USER else login.user
            login = replace(login, user=user, database=read.database)
        return replace(config, clickhouse=url, clickhouse_login=login)

    def _clickhouse_url(self, read: clickhouse_sink.Sink) -> Url | None:
        """The URL that the running task builds. None where it is invalid, which a check reports."""
        unknown = [
            name
            for name in ("hostname", "port", "ssl")
            if clickhouse_sink.is_reference(read.raw.get(name, ""))
        ]
        if unknown or (read.tls is None and read.hostname):
            names = ", ".join(unknown) or "ssl"
            reason = f"a config provider fills in {names}: add --clickhouse URL"
            self._missing.append(Missing("ClickHouse's URL", "", reason))
            return None
        try:
            host = parse_host(read.hostname or "")
        except EndpointError:
            return None
        if read.port is None or not 1 <= read.port <= 65535:
            return None
        return Url(bool(read.tls), host, read.port, read.username, read.database)

    def _with_services(self, config: Config, connector: Connector) -> Config:
        needed = required_services.needed(connector)
        if self._choose("aws_service", config.aws_service, needed, self._of_connector("settings")):
            found = [url for each in needed if (url := self._service_url(each, config.region))]
            config = replace(config, aws_service=tuple(dict.fromkeys(found)))
        return config

    def _service_url(self, needed: required_services.Needed, region: str | None) -> str | None:
        if needed.endpoint:
            return needed.endpoint
        if region and needed.region in (None, region):
            return needed.service
        try:
            return f"https://{targets.regional_endpoint(needed.service, needed.region).host}"
        except UsageError:
            reason = "the Region is unknown: add --region"
            if needed.region:
                reason = f"{needed.why} names a Region that does not exist: {needed.region}"
            self._missing.append(Missing(f"the endpoint of {needed.service}", "", reason))
            return None

    # Results

    def pipeline(self, config: Config) -> Pipeline:
        """The discovered pipeline. Call `effective` first, which records the origins."""
        looked_up = self._lookup
        account = looked_up.account if looked_up else None
        if account is None and self._connector and (arn := parse_arn(self._connector.arn or "")):
            account = arn.account
        return Pipeline(
            connector=self._connector,
            cluster=self._cluster,
            region=config.region if looked_up or self._connector else None,
            account=account,
            worker_interfaces=looked_up.interfaces if looked_up else (),
            origins=dict(self._origins),
            missing=tuple(dict.fromkeys(self._missing)),
        )

    def targets(self, config: Config) -> tuple[Target, ...]:
        """Every target of the run. Raises UsageError when there is none and nothing to discover one from."""
        if not self._connector and not self._lookup:
            return targets.of_arguments(config)
        found = dict.fromkeys([*targets.named(config), *self._brokers(config)])
        kinds = list(Kind)
        return (*sorted(found, key=lambda target: kinds.index(target.kind)), PIPELINE)

    def _brokers(self, config: Config) -> Iterator[Target]:
        """The brokers beyond the bootstrap servers; of a cluster that was named alone, all listeners."""
        if self._lookup and not self._connector and not config.bootstrap and not config.connector:
            yield from targets.listening(self._lookup.bootstrap, self._cluster)
        elif self._cluster and self._origins.get("bootstrap") != ARGUMENT:
            yield from targets.other_brokers(config, self._cluster)


def _security_of(connector: Connector) -> Security | None:
    """The security protocol for a connector's authentication and encryption; None where they are unknown."""
    match connector.authentication, connector.encryption:
        case "IAM", _:
            return Security.SASL_SSL
        case _, "TLS":
            return Security.SSL
        case _, "PLAINTEXT":
            return Security.PLAINTEXT
    return None

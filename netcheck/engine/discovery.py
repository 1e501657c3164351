"""From a configuration to what is known of the pipeline, and to the targets of a run.

What was given as an argument wins; then comes a connector's file, then the connector in MSK Connect, then the
cluster. `Pipeline.origins` says of every value where it came from.
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
"""How long MSK Connect and MSK may take to describe a pipeline: three rounds of calls, and throttling."""
ARGUMENT = "argument"


@dataclass(frozen=True, slots=True)
class Discovered:
    """What a run goes by: the configuration with what was found where nothing was said, the pipeline, and
    every target, in the order they are reported.
    """

    config: Config
    pipeline: Pipeline
    targets: tuple[Target, ...]


def discover(ctx: Context) -> Discovered:
    """Find everything that the configuration leaves out. Raises UsageError for what cannot be as asked."""
    config = ctx.config
    file = _file(ctx) if config.connector_config else None
    looked = _look_up(ctx) if config.connector or config.cluster else None
    found = _Discovery(config, file, looked)
    effective = found.effective()
    if config.snapshot and config.source_subnet:
        _check_subnets(ctx, config.snapshot)
    return Discovered(effective, found.pipeline(effective), found.targets(effective))


def _check_subnets(ctx: Context, folder: str) -> None:
    """Raise UsageError for a subnet that a snapshot, which has all of them, does not have: a slip of the
    pen, most likely. What AWS itself has is asked later, beside everything else.
    """
    from netcheck.aws.ec2.source import saved

    seen = ctx.observe_for(LOOKING_UP_SECONDS, saved, folder)
    documents = [region.get("Subnets") for region in seen.regions.values()]
    there: set[str] = set()
    for document in documents:
        match document:
            case {"Subnets": list(subnets)}:
                there |= {str(one.get("SubnetId")) for one in subnets if isinstance(one, dict)}
            case _:
                return
    if seen.error:
        return
    for name in ctx.config.source_subnet:
        if name not in there:
            near = difflib.get_close_matches(name, sorted(there), n=1)
            hint = f", did you mean {near[0]}?" if near else ""
            raise UsageError(f"--source-subnet {name}: the snapshot {folder} has no such subnet{hint}")


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
    """The Region of the ARNs; else the one that was given. Raises UsageError when two ARNs disagree."""
    arns = [parse_arn(name) for name in (config.connector, config.cluster) if name]
    regions = dict.fromkeys(arn.region for arn in arns if arn)
    if len(regions) > 1:
        raise UsageError(
            f"--connector and --cluster: a connector and its cluster are in one Region, these ARNs are in "
            f"{' and '.join(regions)}"
        )
    return next(iter(regions), config.region)


class _Discovery:
    """What was found, and which value comes from where."""

    def __init__(self, config: Config, file: Connector | None, looked: LookedUp | None) -> None:
        self._config = config
        self._looked = looked
        self._file = file
        self._origins: dict[str, str] = {}
        self._missing: list[Missing] = list(looked.missing) if looked else []
        self._cluster = looked.cluster if looked else None
        self._connector = self._merged(looked.connector if looked else None)

    def _merged(self, told: Connector | None) -> Connector | None:
        """The connector as the file has it, with what only AWS tells where both are there."""
        if told is None or self._file is None:
            return self._file or told
        file = self._file
        return replace(
            told,
            settings=file.settings,
            bootstrap=file.bootstrap or told.bootstrap,
            authentication=file.authentication or told.authentication,
            encryption=file.encryption or told.encryption,
            subnets=file.subnets or told.subnets,
            security_groups=file.security_groups or told.security_groups,
            role_arn=file.role_arn or told.role_arn,
        )

    # Where values come from

    def _of_connector(self, field: str) -> str:
        """The origin of a connector's field: the file, where that says it."""
        connector = self._connector
        assert connector
        if self._file and getattr(self._file, field):
            return f"connector-config {self._config.connector_config}"
        return f"connector {connector.name}"

    def _choose(self, name: str, given: object, found: object, origin: str) -> bool:
        """Note where a value comes from. True where what was found is to be used."""
        if given:
            self._origins[name] = ARGUMENT
        elif found:
            self._origins[name] = origin
        return bool(found and not given)

    # The configuration that the run goes by

    def effective(self) -> Config:
        """The configuration, filled in."""
        config = self._with_region(self._config)
        if self._connector:
            config = self._with_connector(config, self._connector)
        self._choose("cluster", config.cluster, self._cluster, "the bootstrap servers' names")
        if not self._connector and self._looked:
            self._choose("bootstrap", config.bootstrap, self._looked.bootstrap, "cluster")
        return config

    def _with_region(self, config: Config) -> Config:
        region = _region(config)
        if region != config.region:
            self._origins["region"] = "the ARN"
        elif region:
            self._origins["region"] = "argument or environment"
        elif self._looked and self._looked.region:
            region = self._looked.region
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
        # The connector's groups do not go with subnets of somebody's own choice.
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
        """The URL that the running task builds. None where that is no URL, which is for a check to say."""
        unknown = [
            name
            for name in ("hostname", "port", "ssl")
            if clickhouse_sink.is_reference(read.raw.get(name, ""))
        ]
        if unknown or (read.tls is None and read.hostname):
            names = ", ".join(unknown) or "ssl"
            reason = f"the setting {names} is filled in by a config provider: give --clickhouse URL"
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
            reason = "the Region is not known: give --region"
            if needed.region:
                reason = f"{needed.why} names a Region that does not exist: {needed.region}"
            self._missing.append(Missing(f"the endpoint of {needed.service}", "", reason))
            return None

    # What comes of it

    def pipeline(self, config: Config) -> Pipeline:
        """What is known of the pipeline, after `effective`."""
        looked = self._looked
        account = looked.account if looked else None
        if account is None and self._connector and (arn := parse_arn(self._connector.arn or "")):
            account = arn.account
        return Pipeline(
            connector=self._connector,
            cluster=self._cluster,
            region=config.region if looked or self._connector else None,
            account=account,
            worker_interfaces=looked.interfaces if looked else (),
            origins=dict(self._origins),
            missing=tuple(dict.fromkeys(self._missing)),
        )

    def targets(self, config: Config) -> tuple[Target, ...]:
        """Every target of the run. Raises UsageError when nothing was named, and nothing was asked for."""
        if not self._connector and not self._looked:
            return targets.of_arguments(config)
        found = dict.fromkeys([*targets.named(config), *self._brokers(config)])
        kinds = list(Kind)
        return (*sorted(found, key=lambda target: kinds.index(target.kind)), PIPELINE)

    def _brokers(self, config: Config) -> Iterator[Target]:
        """The brokers beyond the bootstrap servers; where only a cluster was named, all that listens."""
        if self._looked and not self._connector and not config.bootstrap and not config.connector:
            yield from targets.listening(self._looked.bootstrap, self._cluster)
        elif self._cluster and self._origins.get("bootstrap") != ARGUMENT:
            yield from targets.other_brokers(config, self._cluster)


def _security_of(connector: Connector) -> Security | None:
    """What MSK Connect makes of a connector's authentication and encryption; None where it is not known."""
    match connector.authentication, connector.encryption:
        case "IAM", _:
            return Security.SASL_SSL
        case _, "TLS":
            return Security.SSL
        case _, "PLAINTEXT":
            return Security.PLAINTEXT
    return None

"""Converts configured and discovered values to targets."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from urllib.parse import urlsplit

from netcheck.core.hostport import EndpointError, Url, parse_url, shown
from netcheck.core.model import PIPELINE, Kind, Security, Target
from netcheck.pipeline.model import Cluster
from netcheck.pipeline.msk_listeners import BY_PORT, BY_STRING, VPC_PORTS, Login, Reach, endpoints
from netcheck.settings.config import Config, UsageError

PLAIN_NATIVE_PORT = 9000
"""ClickHouse's native protocol without TLS. Any other port is assumed to use TLS, like 9440
(https://clickhouse.com/docs/guides/sre/network-ports)."""

CONNECTED_BY = {Login.NONE: "TLS", Login.IAM: "SASL_IAM", Login.SCRAM: "SASL_SCRAM"}
"""A listener's login as in VpcConnection.Authentication of the MSK API."""


def of_arguments(config: Config) -> tuple[Target, ...]:
    """Every target that the configuration names, and the pipeline, which a worker log belongs to. Raises
    UsageError when there is nothing to check.
    """
    found = named(config)
    if not found and not config.worker_log:
        raise UsageError(
            "nothing to check: add --bootstrap HOST:PORT, --clickhouse URL, --clickhouse-native HOST:PORT "
            "or --aws-service NAME, or --connector to discover them (netcheck demo shows a run without any)"
        )
    return (*dict.fromkeys(found), PIPELINE)


def named(config: Config) -> list[Target]:
    """Every target that the configuration names, possibly none."""
    return [
        *brokers(config),
        *_clickhouse(config),
        *(_aws_service(name, config.region) for name in config.aws_service),
    ]


def brokers(config: Config) -> list[Target]:
    """The bootstrap servers."""
    return [kafka_target(host, port, _security_protocol(config, port)) for host, port in config.bootstrap]


def _security_protocol(config: Config, port: int) -> Security | None:
    """The configured security protocol; a login implies a listener that accepts it."""
    if config.security_protocol or port in BY_PORT:
        return config.security_protocol
    return Security.SASL_SSL if config.sasl_mechanism or config.kafka_login else None


def kafka_target(host: str, port: int, security: Security | None) -> Target:
    """A broker with this security protocol; without one, MSK's for that port, or TLS on any other port."""
    by_port = BY_PORT[port].security if port in BY_PORT else Security.SSL
    return Target(Kind.KAFKA, host, port, security or by_port)


def other_brokers(config: Config, cluster: Cluster) -> Iterator[Target]:
    """The brokers that the bootstrap servers do not name, at the same listener.

    Only for listeners inside the VPC: the others have other names, which ListNodes does not return.
    """
    names = [name for node in cluster.nodes for name in node.names]
    hosts = {host for host, _ in config.bootstrap}
    for port in dict.fromkeys(port for host, port in config.bootstrap if host in names):
        if port in VPC_PORTS:
            yield from (kafka_target(n, port, config.security_protocol) for n in names if n not in hosts)


def listening(strings: Mapping[str, str], cluster: Cluster | None) -> Iterator[Target]:
    """The listeners of a cluster that a client here may use: those inside the VPC over IPv4 and IPv6, the
    public ones, and those for managed VPC connections where this account has an available one.
    """
    connections = cluster.vpc_connections if cluster else ()
    connected = {each.authentication for each in connections if each.state == "AVAILABLE"}
    for name, text in strings.items():
        listener = BY_STRING.get(name)
        if listener is None:
            continue
        if listener.reach is Reach.VPC_CONNECTION and CONNECTED_BY[listener.login] not in connected:
            continue
        for host, port in endpoints(text):
            yield Target(Kind.KAFKA, host, port, listener.security)


def _clickhouse(config: Config) -> list[Target]:
    found = []
    if url := config.clickhouse:
        found.append(Target(Kind.CLICKHOUSE_HTTPS, url.host, url.port, _security(url.tls)))
    if config.clickhouse_native:
        host, port = config.clickhouse_native
        found.append(Target(Kind.CLICKHOUSE_NATIVE, host, port, _security(port != PLAIN_NATIVE_PORT)))
    return found


def _security(tls: bool) -> Security:
    return Security.SSL if tls else Security.PLAINTEXT


def _aws_service(name: str, region: str | None) -> Target:
    """`name` is botocore's name of a service, or the URL of an endpoint (`https://vpce-...`)."""
    url = _endpoint_url(name) if "://" in name else regional_endpoint(name, region)
    return Target(Kind.AWS_SERVICE, url.host, url.port, _security(url.tls))


def _endpoint_url(text: str) -> Url:
    try:
        url = parse_url(text)
    except EndpointError as error:
        raise UsageError(f"--aws-service: {error}") from None
    if text.count(":") > 1:
        return url
    return Url(url.tls, url.host, 443 if url.tls else 80, None, None)


@cache
def regional_endpoint(name: str, region: str | None) -> Url:
    """The public endpoint of a service, by botocore's name. Raises UsageError for an unknown service or
    Region.

    Cached: botocore reads megabytes of data to answer, and the answer does not change.
    """
    if not region:
        raise UsageError(
            f"--aws-service {shown(name)}: the Region is unknown: add --region or set AWS_REGION"
        )
    from botocore.config import Config as ClientConfig
    from botocore.exceptions import BotoCoreError

    from netcheck.aws.api.session import core_session

    try:
        session = core_session()
    except BotoCoreError as error:  # AWS_PROFILE names no profile, or the AWS configuration cannot be read
        raise UsageError(f"--aws-service {shown(name)}: {error}") from None
    # The workers' endpoint, whatever endpoint this host's AWS configuration sets.
    public = ClientConfig(
        ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]  # the stubs do not know it yet
        use_dualstack_endpoint=False,
        use_fips_endpoint=False,
    )
    services = session.get_available_services()
    if name not in services:
        near = difflib.get_close_matches(name, services, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UsageError(f"--aws-service {shown(name)}: not an AWS service{hint}")
    try:
        session.get_partition_for_region(region)
        # With dummy credentials: otherwise botocore looks for real ones, also in the instance metadata.
        client = session.create_client(
            name,
            region_name=region,
            config=public,
            aws_access_key_id="nobody",
            aws_secret_access_key="nobody",
        )
    except BotoCoreError:
        raise UsageError(
            f"--aws-service {shown(name)}: unknown Region {shown(region)}; write it like eu-central-1"
        ) from None
    return parse_url(f"https://{urlsplit(client.meta.endpoint_url).hostname}:443")

"""From a configuration to the targets of a run."""

from __future__ import annotations

import difflib
from urllib.parse import urlsplit

from netcheck.config import Config, UsageError
from netcheck.endpoint import EndpointError, Url, parse_url, shown
from netcheck.model import PIPELINE, Kind, Security, Target

MSK_SECURITY = {
    9092: Security.PLAINTEXT,
    9094: Security.SSL,
    9096: Security.SASL_SSL,
    9098: Security.SASL_SSL,
    9194: Security.SSL,
    9196: Security.SASL_SSL,
    9198: Security.SASL_SSL,
    20092: Security.PLAINTEXT,
    20094: Security.SSL,
    20096: Security.SASL_SSL,
    20098: Security.SASL_SSL,
}
"""What MSK speaks on each of its ports; any other port is taken for TLS
(https://docs.aws.amazon.com/msk/latest/developerguide/port-info.html)."""

PLAIN_NATIVE_PORT = 9000
"""ClickHouse's native protocol without TLS; on any other port it is taken to be inside TLS, as on 9440
(https://clickhouse.com/docs/guides/sre/network-ports)."""


def targets(config: Config) -> tuple[Target, ...]:
    """Every target of the run, in the order they are reported. Raises UsageError when there is none."""
    found = [
        *(kafka_target(host, port, config.security_protocol) for host, port in config.bootstrap),
        *_clickhouse(config),
        *(_aws_service(name, config.region) for name in config.aws_service),
    ]
    if not found:
        raise UsageError(
            "nothing to check: give --bootstrap HOST:PORT, --clickhouse URL, --clickhouse-native HOST:PORT "
            "or --aws-service NAME (netcheck demo shows a run without any)"
        )
    return (*dict.fromkeys(found), PIPELINE)


def kafka_target(host: str, port: int, security: Security | None) -> Target:
    """A broker, spoken to as told, or as MSK does on that port."""
    return Target(Kind.KAFKA, host, port, security or MSK_SECURITY.get(port, Security.SSL))


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
    """`name` is a service as botocore calls it, or the URL of one of its endpoints (`https://vpce-...`)."""
    url = _endpoint_url(name) if "://" in name else _regional_endpoint(name, region)
    return Target(Kind.AWS_SERVICE, url.host, url.port, _security(url.tls))


def _endpoint_url(text: str) -> Url:
    try:
        url = parse_url(text)
    except EndpointError as error:
        raise UsageError(f"--aws-service: {error}") from None
    if text.count(":") > 1:
        return url
    return Url(url.tls, url.host, 443 if url.tls else 80, None, None)


def _regional_endpoint(name: str, region: str | None) -> Url:
    if not region:
        raise UsageError(f"--aws-service {shown(name)}: which Region? give --region, or set AWS_REGION")
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    session = Session()
    services = session.get_available_services()
    if name not in services:
        near = difflib.get_close_matches(name, services, n=3)
        hint = f", did you mean {' or '.join(near)}?" if near else ""
        raise UsageError(f"--aws-service {shown(name)}: no AWS service has this name{hint}")
    try:
        session.get_partition_for_region(region)
        client = session.create_client(name, region_name=region)
    except BotoCoreError:
        raise UsageError(
            f"--aws-service {shown(name)}: there is no Region {shown(region)}, write it as in eu-central-1"
        ) from None
    return parse_url(f"https://{urlsplit(client.meta.endpoint_url).hostname}:443")

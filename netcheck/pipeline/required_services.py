"""The AWS services that a connector's workers call, by its settings and its worker configuration. Pure.

Not among them: the destinations of worker logs (CloudWatch Logs, Firehose, S3), which MSK Connect itself
delivers to (https://docs.aws.amazon.com/msk/latest/developerguide/msk-connect-logging.html); KMS, which
Secrets Manager and SSM call; and the MSK API, which no worker calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netcheck.pipeline import config_providers, redaction
from netcheck.pipeline.model import Connector

GLUE_CONVERTERS = "com.amazonaws.services.schemaregistry."
"""Package of AWS Glue Schema Registry's converters (github.com/awslabs/aws-glue-schema-registry)."""

SIDES = ("key", "value")


@dataclass(frozen=True, slots=True)
class Needed:
    """One service, the setting that requires it, and the Region or endpoint URL that it names, if any."""

    service: str
    why: str
    region: str | None = None
    endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """A config provider that settings refer to: its alias, class and parameters."""

    alias: str
    java_class: str
    parameters: Mapping[str, str]

    @property
    def service(self) -> str | None:
        """The AWS service it reads from; None for a provider that is not known to be AWS's."""
        return config_providers.store_of(self.java_class)


@dataclass(frozen=True, slots=True)
class Converter:
    """The converter of keys or values, and its own settings."""

    side: str
    java_class: str
    settings: Mapping[str, str]

    @property
    def registry(self) -> str | None:
        """Its schema registry: `glue`, a Confluent registry's URL, or None."""
        if self.java_class.strip().startswith(GLUE_CONVERTERS):
            return "glue"
        return self.settings.get("schema.registry.url")


def needed(connector: Connector) -> tuple[Needed, ...]:
    """The required services, once for each Region and endpoint."""
    return tuple(dict.fromkeys([*_registries(connector), *_sources(connector), *_tokens(connector)]))


def converters(connector: Connector) -> tuple[Converter, ...]:
    """The effective converters: the connector's, else those of its worker configuration."""
    found = []
    for side in SIDES:
        name = f"{side}.converter"
        for given in (connector.settings, _worker(connector)):
            if name in given:
                own = {k.removeprefix(f"{name}."): v for k, v in given.items() if k.startswith(f"{name}.")}
                found.append(Converter(side, given[name], own))
                break
    return tuple(found)


def providers(connector: Connector) -> tuple[Provider, ...]:
    """The config providers that the settings refer to; a worker calls no other."""
    worker = _worker(connector)
    used = redaction.references(connector.settings) | redaction.references(worker)
    names = [name.strip() for name in worker.get("config.providers", "").split(",")]
    return tuple(_provider(worker, name) for name in names if name in used)


def _provider(worker: Mapping[str, str], alias: str) -> Provider:
    prefix = f"config.providers.{alias}."
    own = f"{prefix}param."
    parameters = {key.removeprefix(own): value for key, value in worker.items() if key.startswith(own)}
    return Provider(alias, worker.get(f"{prefix}class", ""), parameters)


def _worker(connector: Connector) -> Mapping[str, str]:
    return connector.worker_configuration.properties if connector.worker_configuration else {}


def _registries(connector: Connector) -> Iterator[Needed]:
    for converter in converters(connector):
        if converter.registry != "glue":
            continue
        why, own = f"{converter.side}.converter", converter.settings
        yield Needed("glue", why, own.get("region"), own.get("endpoint"))
        if own.get("assumeRoleArn"):
            yield Needed("sts", f"{why}.assumeRoleArn", own.get("region"))


def _sources(connector: Connector) -> Iterator[Needed]:
    for provider in providers(connector):
        if provider.service:
            given = provider.parameters
            region = given.get("region") or given.get("aws.region")
            yield Needed(
                provider.service, f"config.providers.{provider.alias}", region, given.get("endpoint")
            )


def _tokens(connector: Connector) -> Iterator[Needed]:
    """IAM authentication: workers get their role's credentials from STS in their Region."""
    if connector.authentication == "IAM":
        yield Needed("sts", "authenticationType IAM")

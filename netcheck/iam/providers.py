"""Secrets, parameters and objects that a connector's settings reference through config providers. Pure.

A reference is `${provider:path:key}` (Kafka's ConfigTransformer); what path and key mean is up to the class
of the provider: those of github.com/aws-samples/msk-config-providers (Amazon MSK developer guide,
"Configuration provider setup") and of github.com/jcustenborder/kafka-config-provider-aws.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from netcheck.pipeline.config_providers import REFERENCE, Store, store_of

NAMED = re.compile(r"config\.providers\.([^.]+)\.class")
REGIONS = ("param.region", "param.aws.region")
"""Settings of a provider with its Region."""
WITH_PREFIX = "com.github.jcustenborder."
PREFIX = "param.secret.prefix"
"""The provider that prefixes every secret's name, and the setting with the prefix."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A config provider: its store, and the prefix of names in it."""

    store: Store
    region: str | None
    prefix: str

    def secret(self, path: str) -> str:
        """The secret's name or ARN. `%3A` stands for a colon in Amazon's provider; the one with a prefix
        joins both as java.nio.file.Paths does.
        """
        name = unquote(path.partition("?")[0])
        return re.sub("/+", "/", f"{self.prefix}/{name}").rstrip("/") if self.prefix else name


@dataclass(frozen=True, slots=True, order=True)
class Named:
    """A reference in a setting. `name` is the secret's name or ARN, the parameter's name, or `bucket/key`;
    `region` is None for the connector's Region.
    """

    store: Store
    name: str
    region: str | None
    setting: str


def named(settings: Mapping[str, str], worker: Mapping[str, str]) -> tuple[Named, ...]:
    """All references of these settings to AWS's stores, each once, with the first setting that has it."""
    providers = dict(_providers({**settings, **worker}))
    found: dict[tuple[Store, str, str | None], Named] = {}
    for setting, value in {**worker, **settings}.items():
        for alias, path, key in REFERENCE.findall(value):
            if alias not in providers:
                continue
            one = _named(providers[alias], path, key, setting)
            if one is not None:
                found.setdefault((one.store, one.name, one.region), one)
    return tuple(sorted(found.values()))


def _providers(settings: Mapping[str, str]) -> Iterator[tuple[str, Provider]]:
    for setting, value in settings.items():
        match = NAMED.fullmatch(setting)
        store = store_of(value) if match else None
        if match and store:
            own = f"config.providers.{match[1]}."
            region = next((found for each in REGIONS if (found := settings.get(own + each))), None)
            prefix = settings.get(own + PREFIX, "") if value.strip().startswith(WITH_PREFIX) else ""
            yield match[1], Provider(store, region, prefix)


def _named(provider: Provider, path: str, key: str, setting: str) -> Named | None:
    region = provider.region
    match provider.store:
        case Store.SECRETS:  # ${sm:name:key}
            name = provider.secret(path)
        case Store.PARAMETERS:  # ${ssm::/path/name}
            name = unquote((path + key).partition("?")[0])
        case Store.OBJECTS:  # ${s3import:region:bucket/key}
            name, region = key.partition("?")[0], path or region
            if "/" not in name:
                return None
    return Named(provider.store, name, region, setting) if name else None

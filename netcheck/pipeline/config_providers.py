"""Config providers: the references in a connector's settings that a worker replaces with values. Pure.

A reference is `${provider:path:key}` or `${provider:key}` (Kafka's ConfigTransformer). What path and key mean
depends on the provider's class. AWS's classes are in github.com/aws-samples/msk-config-providers (Amazon MSK
developer guide, "Configuration provider setup"); Jeremy Custenborder's have the same simple names and are in
github.com/jcustenborder/kafka-config-provider-aws.
"""

from __future__ import annotations

import re
from enum import StrEnum

REFERENCE = re.compile(r"\$\{([^}:\s]+):(?=[^}])(?:([^}:]*):)?([^}]*)\}")
"""Groups: the provider's alias, the path ("" without one) and the key."""


class Store(StrEnum):
    """The AWS service that a config provider reads from, as botocore names it."""

    SECRETS = "secretsmanager"
    PARAMETERS = "ssm"
    OBJECTS = "s3"


_SIMPLE_NAMES = {
    Store.SECRETS: "SecretsManagerConfigProvider",
    Store.PARAMETERS: "SsmParamStoreConfigProvider",
    Store.OBJECTS: "S3ImportConfigProvider",
}
_STORES = {name: store for store, name in _SIMPLE_NAMES.items()}
_MSK_PACKAGE = "com.amazonaws.kafka.config.providers"
_KAFKA_PACKAGE = "org.apache.kafka.common.config.provider"

_USUAL_CLASSES = {
    "secretsmanager": f"{_MSK_PACKAGE}.{_SIMPLE_NAMES[Store.SECRETS]}",
    "ssm": f"{_MSK_PACKAGE}.{_SIMPLE_NAMES[Store.PARAMETERS]}",
    "s3import": f"{_MSK_PACKAGE}.{_SIMPLE_NAMES[Store.OBJECTS]}",
    "file": f"{_KAFKA_PACKAGE}.FileConfigProvider",
    "env": f"{_KAFKA_PACKAGE}.EnvVarConfigProvider",
}


def store_of(java_class: str) -> Store | None:
    """The AWS service that a provider of this class reads from; None for a class that is not known."""
    return _STORES.get(java_class.strip().rpartition(".")[2])


def usual_class(alias: str) -> str | None:
    """The class that the documentation configures under this alias; None for another alias."""
    return _USUAL_CLASSES.get(alias.lower())

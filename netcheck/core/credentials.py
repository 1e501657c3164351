"""What one logs in with, and what one trusts. Pure data; the secret parts are `Secret`."""

from __future__ import annotations

from dataclasses import dataclass

from netcheck.core.secret import Secret


@dataclass(frozen=True, slots=True)
class Trust:
    """A trust store as a connector has it: PEM, PKCS12 or JKS. `path` None means the system's own roots."""

    path: str | None = None
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class KafkaLogin:
    """A SASL login by `mechanism`: SCRAM-SHA-256, SCRAM-SHA-512, PLAIN, AWS_MSK_IAM or OAUTHBEARER.

    AWS_MSK_IAM takes its credentials from the AWS environment, as the connector does; OAUTHBEARER takes its
    token from `password`, or, without one, an MSK IAM token from the AWS environment.
    """

    mechanism: str
    username: str = ""
    password: Secret | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class ClickHouseLogin:
    """A ClickHouse user, its password and the database the sink writes to."""

    user: str
    password: Secret
    database: str = "default"


@dataclass(frozen=True, slots=True)
class CloudKey:
    """A ClickHouse Cloud API key; a read-only one will do. `id` names it, and gives nothing away."""

    id: str
    secret: Secret

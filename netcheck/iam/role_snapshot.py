"""An execution role as AWS describes it, and what is to be asked about it. Pure data, fit for a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netcheck.core.model import Json
from netcheck.pipeline.model import Missing


@dataclass(frozen=True, slots=True)
class Tried:
    """Actions to simulate on resources, each with each: `("*",)` for actions that know no resources."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What to look at. Secrets by name or ARN; `cluster` is the ARN of one that has a policy of its own."""

    role: str
    cluster: str | None = None
    secrets: tuple[str, ...] = ()
    scram_secrets: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    tried: tuple[Tried, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A policy document as AWS gives it. `name` is how a person finds it; `of` is whose it is: the ARN or
    name of a resource, "" for the role itself. `document` is None where there is none, or where it could not
    be read: `action` is then the IAM action that reads it.
    """

    of: str
    name: str
    document: Json
    action: str = ""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret: as it was asked for, as it is called, and the key it names (None: Secrets Manager's own)."""

    asked: str
    arn: str
    name: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Key:
    """A KMS key: as a secret names it, its ARN, who manages it (AWS, CUSTOMER), its spec and its state."""

    asked: str
    arn: str
    manager: str
    spec: str
    state: str


@dataclass(frozen=True, slots=True)
class Simulated:
    """What IAM itself decides: allowed, explicitDeny or implicitDeny. `lacks` are condition keys whose values
    it would have needed."""

    action: str
    resource: str
    decision: str
    lacks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """The role itself. `path` tells a service-linked role; `boundary` is an ARN."""

    arn: str
    path: str
    trust: Json
    boundary: str | None
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RoleSnapshot:
    """Everything that AWS said. `error` says why AWS could not be asked at all, "" otherwise.

    `absent` names what AWS says does not exist: the role, secrets, keys.
    """

    role: Role | None = None
    policies: tuple[Document, ...] = ()
    boundary: Document | None = None
    resources: tuple[Document, ...] = ()
    secrets: tuple[Secret, ...] = ()
    keys: tuple[Key, ...] = ()
    simulated: tuple[Simulated, ...] = ()
    absent: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    error: str = ""

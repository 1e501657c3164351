"""An execution role as AWS describes it, and what to query about it. Pure data, recorded as is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netcheck.core.model import Json
from netcheck.pipeline.model import Missing


@dataclass(frozen=True, slots=True)
class SimulationRequest:
    """Actions to simulate on resources, in all combinations: `("*",)` for actions without resources."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoleQuestions:
    """What to query. Secrets by name or ARN; `cluster` is the ARN of a cluster that has a cluster policy."""

    role: str
    cluster: str | None = None
    secrets: tuple[str, ...] = ()
    scram_secrets: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    tried: tuple[SimulationRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A policy document as AWS returns it. `name` identifies it; `of` is the ARN or name of its resource, ""
    for the role. `document` is None if there is none, or if it could not be read: `action` is then the IAM
    action that reads it.
    """

    of: str
    name: str
    document: Json
    action: str = ""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret: as requested, its ARN and name, and its KMS key (None: the AWS managed key)."""

    asked: str
    arn: str
    name: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Key:
    """A KMS key: as a secret names it, its ARN, its manager (AWS, CUSTOMER), its spec and its state."""

    asked: str
    arn: str
    manager: str
    spec: str
    state: str


@dataclass(frozen=True, slots=True)
class Simulated:
    """A result of IAM's simulation: allowed, explicitDeny or implicitDeny. `lacks` are the condition keys
    without a value in it."""

    action: str
    resource: str
    decision: str
    lacks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """The role. `path` identifies a service-linked role; `boundary` is an ARN."""

    arn: str
    path: str
    trust: Json
    boundary: str | None
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RoleSnapshot:
    """Everything that AWS returned. `error` says why no call was possible, "" otherwise.

    `absent` names what does not exist: the role, secrets, keys.
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

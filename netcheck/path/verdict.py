"""A traced path: hops, blockers, gaps and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from netcheck.aws.ec2.entities import NaclEntry, Route, SecurityGroupRule, TransitRoute
from netcheck.core.components import Concern
from netcheck.core.evidence import Reachability
from netcheck.path.codes import Code, concern_of
from netcheck.path.flows import Region


class Leg(StrEnum):
    FORWARD = "forward"
    RETURN = "return"


# Hops, blockers and paths are made for every question, so they are NamedTuples: quicker to build.
class Hop(NamedTuple):
    """A component on the path and the rule or route that applied."""

    component: str
    rule: NaclEntry | SecurityGroupRule | Route | TransitRoute | None = None
    direction: str | None = None
    """"egress" or "ingress" for a filter."""

    @property
    def detail(self) -> str:
        return "" if self.rule is None else self.rule.text


@dataclass(frozen=True, slots=True)
class Explanation:
    """Background of a blocker: a less preferred route, a security group reference that does not apply."""

    code: Code
    component: str
    text: str


class Blocker(NamedTuple):
    """A component that blocks all or some of the flows: the place to fix it.

    `brief` is `text` without the senders' addresses and the full stop, empty where the text names no senders.
    """

    code: Code
    leg: Leg
    component: str
    direction: str | None
    rule: int | str | None
    text: str
    explanations: tuple[Explanation, ...] = ()
    brief: str = ""

    @property
    def concern(self) -> Concern:
        return concern_of(self.code, self.component)


@dataclass(frozen=True, slots=True)
class Unknown:
    """Missing information that the verdict depends on. `action` is the IAM action that returns it."""

    code: Code
    component: str
    what: str
    action: str
    text: str


@dataclass(frozen=True, slots=True)
class Translation:
    """The source addresses and ports of a NAT gateway that pass.

    A NAT gateway picks any free port of 1024-65535, so the sender cannot choose which connection passes.
    """

    component: str
    region: Region


class Path(NamedTuple):
    """The answer to one query. `passing` is exact, in terms of the source; empty if it is not known."""

    verdict: Reachability
    source: str
    destination: int
    version: int
    protocol: int
    port: int | None
    forward: tuple[Hop, ...]
    returning: tuple[Hop, ...]
    blockers: tuple[Blocker, ...]
    unknowns: tuple[Unknown, ...]
    assumptions: tuple[str, ...]
    passing: Region
    translations: tuple[Translation, ...]

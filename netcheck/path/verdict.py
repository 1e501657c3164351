"""What a traced path is: hops, blockers, gaps and the verdict they amount to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from netcheck.aws.ec2.entities import NaclEntry, Route, SecurityGroupRule, TransitRoute
from netcheck.core.components import Concern
from netcheck.path.codes import Code, concern_of
from netcheck.path.flows import Region


class Verdict(StrEnum):
    REACHABLE = "reachable"
    PARTIAL = "partial"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


class Leg(StrEnum):
    FORWARD = "forward"
    RETURN = "return"


# Hops, blockers and paths are made for every question, so they are NamedTuples: quicker to build.
class Hop(NamedTuple):
    """One component the packet goes through and the rule or route of it that applied."""

    component: str
    rule: NaclEntry | SecurityGroupRule | Route | TransitRoute | None = None
    direction: str | None = None
    """"egress" or "ingress" for a filter."""

    @property
    def detail(self) -> str:
        return "" if self.rule is None else self.rule.text


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a blocker is as it is: the route that lost, the reference that was dropped on the way."""

    code: Code
    component: str
    text: str


class Blocker(NamedTuple):
    """A component that blocks all or some of the flows: the place to fix it."""

    code: Code
    leg: Leg
    component: str
    direction: str | None
    rule: int | str | None
    text: str
    explanations: tuple[Explanation, ...] = ()

    @property
    def concern(self) -> Concern:
        return concern_of(self.code, self.component)


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something the verdict depends on and that is not known. `action` is the IAM action that would tell."""

    code: Code
    component: str
    what: str
    action: str
    text: str


@dataclass(frozen=True, slots=True)
class Translation:
    """A NAT gateway chose other sources: only these of its own addresses and ports pass.

    A NAT gateway takes any free port of 1024-65535, so which connection passes is not the sender's choice.
    """

    component: str
    region: Region


class Path(NamedTuple):
    """The answer to one question. `passing` is exact, in terms of the source; empty if that is not known."""

    verdict: Verdict
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

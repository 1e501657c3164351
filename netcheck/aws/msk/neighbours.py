"""The other connectors of the account and Region, which may keep their state in the same place.

Two rounds of calls: a list, then in parallel the settings of each, which the list does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netcheck.aws.api.calls import ApiFailure, ApiResult, call_all
from netcheck.aws.api.session import NoAws, open_session, service_client
from netcheck.aws.msk import connectors
from netcheck.core.context import Deadline
from netcheck.pipeline import redaction
from netcheck.pipeline.model import Missing

MOST_DESCRIBED = 24
"""Maximum number of described connectors: two rounds of the maximum number of parallel calls."""
OF_STATE = frozenset(
    {"connector.class", "hostname", "exactlyOnce", "zkPath", "zkDatabase", "topics", "topics.regex"}
)
"""Settings that determine whether a sink keeps state, where, and of what; no other leaves this module."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another connector, with only those settings that are in OF_STATE."""

    name: str
    arn: str
    state: str
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The other connectors. `missing` are those that could not be described, by name, or the list itself;
    `unseen` are the names of those above the limit.
    """

    described: tuple[Neighbour, ...] = ()
    missing: tuple[Missing, ...] = ()
    unseen: tuple[str, ...] = ()


def neighbours(deadline: Deadline, region: str | None, profile: str | None, own: str) -> Neighbours:
    """Describe the connectors other than the one with the ARN `own`, those with the same plugin first."""
    what = "the other connectors"
    try:
        session = open_session(deadline, region, profile)
        client = service_client(session, connectors.SERVICE, deadline)
    except NoAws as error:
        return Neighbours(missing=(Missing(what, "", str(error)),))
    try:
        return _described(client, deadline, own, what)
    finally:
        client.close()


def _described(client: Any, deadline: Deadline, own: str, what: str) -> Neighbours:
    listing = connectors.every()
    (listed,) = call_all(client, [listing], deadline)
    if isinstance(listed, ApiFailure):
        return Neighbours(missing=(Missing(what, listing.action if listed.denied else "", listed.reason),))
    others = _others(listed, own)
    chosen = others[:MOST_DESCRIBED]
    calls = [connectors.described(raw["connectorArn"]) for raw in chosen]
    described: list[Neighbour] = []
    missing: list[Missing] = []
    for raw, call, outcome in zip(chosen, calls, call_all(client, calls, deadline), strict=True):
        if isinstance(outcome, ApiFailure):
            action = call.action if outcome.denied else ""
            missing.append(Missing(raw["connectorName"], action, outcome.reason))
        else:
            described += [_neighbour(item) for item in outcome.items if isinstance(item, dict)]
    unseen = tuple(raw["connectorName"] for raw in others[MOST_DESCRIBED:])
    return Neighbours(tuple(described), tuple(missing), unseen)


def _others(listed: ApiResult, own: str) -> list[Any]:
    """Every connector except this one and those being deleted: first those with the same plugin."""
    every: list[Any] = listed.items
    ours: set[str] = set()
    for raw in every:
        if raw["connectorArn"] == own:
            ours = set(connectors.plugins_of(raw))
    there = [raw for raw in every if raw["connectorArn"] != own and raw.get("connectorState") != "DELETING"]
    return sorted(there, key=lambda raw: (not ours & set(connectors.plugins_of(raw)), raw["connectorName"]))


def _neighbour(raw: Mapping[str, Any]) -> Neighbour:
    given = {str(key): str(value) for key, value in raw.get("connectorConfiguration", {}).items()}
    shown = redaction.public({key: value for key, value in given.items() if key in OF_STATE})
    return Neighbour(
        raw.get("connectorName", ""), raw.get("connectorArn", ""), raw.get("connectorState", ""), shown
    )

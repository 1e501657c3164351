"""One account and Region with many connectors: every API call is made once, below a rate limit."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netcheck.aws.api.calls import ApiCall, ApiFailure, ApiResult, Outcome, call_all
from netcheck.aws.api.session import open_session, service_client
from netcheck.aws.ec2.collect import REGION_WIDE, collect_from
from netcheck.aws.ec2.scope import Scope, chunks, filtered
from netcheck.aws.ec2.source import Documents
from netcheck.aws.msk import connectors
from netcheck.aws.msk.lookup import LookedUp, LookupRequest, converse
from netcheck.core.context import Deadline

if TYPE_CHECKING:
    from boto3.session import Session

CALLS_A_SECOND = 10.0
"""MSK and MSK Connect document no rate. EC2's token buckets for Describe calls refill with 10 to 20 tokens a
second (EC2 developer guide, Request throttling); calls that AWS still throttles are retried (calls.call_all).
"""
NO_MORE = frozenset(
    {
        *("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"),
        *("InvalidClientTokenId", "UnrecognizedClientException"),
    }
)
"""Error codes after which no call succeeds: the credentials have expired, or were revoked."""


@dataclass(frozen=True, slots=True)
class Member:
    """A connector of the account. `vpc` is None where its subnets are not visible."""

    arn: str
    name: str
    state: str
    subnets: tuple[str, ...]
    vpc: str | None = None


class Account:
    """Calls AWS with one session, caches the responses, and makes at most `rate` calls a second."""

    def __init__(self, region: str | None, profile: str | None, rate: float, deadline: Deadline) -> None:
        """Raises NoAws and DeadlineExceeded."""
        self._session: Session = open_session(deadline, region, profile)
        self.region: str = self._session.region_name
        self._clients: dict[str, Any] = {}
        self._rate = rate
        self._deadline = deadline
        self._known: dict[str, Outcome] = {}
        self._refused = ""
        self.calls = 0

    @property
    def ended(self) -> str:
        """Why no further call succeeds: the credentials or the deadline have expired; "" while calls succeed.
        Anything evaluated since then may be incomplete.
        """
        return self._refused or ("" if self._deadline.left() else "no time left")

    def call(self, calls: Sequence[ApiCall]) -> list[Outcome]:
        """The outcomes, in order; AWS is called only for what is not cached."""
        keys = [_key(one) for one in calls]
        new = {
            key: one
            for key, one in zip(keys, calls, strict=True)
            if not isinstance(self._known.get(key), ApiResult)
        }
        step = max(1, int(self._rate))
        todo = list(new.items())
        for start in range(0, len(todo), step):
            self._call_new(todo[start : start + step])
        return [self._known[key] for key in keys]

    def _call_new(self, some: Sequence[tuple[str, ApiCall]]) -> None:
        began = time.monotonic()
        for _, one in some:
            if one.service not in self._clients:
                self._clients[one.service] = service_client(self._session, one.service, self._deadline)
        outcomes = call_all(self._clients, [one for _, one in some], self._deadline)
        self._known.update(zip((key for key, _ in some), outcomes, strict=True))
        refused = (one.reason for one in outcomes if isinstance(one, ApiFailure) and one.code in NO_MORE)
        self._refused = self._refused or next(refused, "")
        calls = sum(outcome.calls for outcome in outcomes)
        self.calls += calls
        pause = calls / self._rate - (time.monotonic() - began)
        if pause > 0:
            time.sleep(min(pause, self._deadline.left()))

    def members(self) -> list[Member] | ApiFailure:
        """Every connector, with the VPC of its subnets. One call per page, and one per 200 subnets."""
        (listed,) = self.call([connectors.named("")])
        if isinstance(listed, ApiFailure):
            return listed
        raw: list[Any] = list(listed.items)
        homes = self._homes({subnet for one in raw for subnet in connectors.subnets_of(one)})
        return [
            Member(
                one["connectorArn"],
                one.get("connectorName", ""),
                one.get("connectorState", ""),
                subnets := connectors.subnets_of(one),
                next((homes[subnet] for subnet in subnets if subnet in homes), None),
            )
            for one in raw
        ]

    def _homes(self, subnets: Iterable[str]) -> dict[str, str]:
        """The VPC of each subnet. Uses filters, not ids: a deleted subnet must not fail the call for the
        others.
        """
        calls = [
            ApiCall("DescribeSubnets", "Subnets", filtered("subnet-id", some))
            for some in chunks(sorted(subnets))
        ]
        found: list[Any] = [
            item for outcome in self.call(calls) if isinstance(outcome, ApiResult) for item in outcome.items
        ]
        return {item["SubnetId"]: item["VpcId"] for item in found}

    def describe(self, members: Sequence[Member]) -> None:
        """Make the calls for single connectors in parallel, so that a lookup finds them cached: only
        DescribeConnector returns the settings.
        """
        self.call([call for member in members for call in _of(member)])

    def look_up(self, wanted: LookupRequest) -> LookedUp:
        """Look up a pipeline, from cached responses and further calls."""
        return converse(wanted, self.region, self.call)

    def network(self, scope: Scope) -> Documents:
        """The path engine's input for a VPC and those linked with it."""
        collected = collect_from(self.call, self.region, scope)
        return Documents({"": collected.documents}, collected.error)

    def forget(self, members: Iterable[Member]) -> None:
        """Drop cached responses that only these connectors and their VPC need; keep the shared ones."""
        gone = {_key(call) for member in members for call in _of(member)}
        shared = {_key(call) for call in REGION_WIDE.values()}
        self._known = {
            key: outcome
            for key, outcome in self._known.items()
            if key not in gone and (key in shared or not key.startswith("ec2:"))
        }

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


def _of(member: Member) -> tuple[ApiCall, ...]:
    """The calls that are needed for each single connector."""
    return connectors.described(member.arn), connectors.operations(member.arn)


def _key(call: ApiCall) -> str:
    return f"{call.action}{json.dumps(call.params, sort_keys=True)}"

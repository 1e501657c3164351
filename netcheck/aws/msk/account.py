"""One account and Region that is asked about many connectors: every question once, and at a gentle pace."""

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
"""MSK and MSK Connect publish no rate. EC2's buckets of describe calls refill with 10 to 20 a second (EC2
developer guide, Request throttling); whatever AWS still throttles is waited for (calls.ask)."""
NO_MORE = frozenset(
    {
        *("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"),
        *("InvalidClientTokenId", "UnrecognizedClientException"),
    }
)
"""Codes after which no call succeeds: the credentials came to their end, or were taken away."""


@dataclass(frozen=True, slots=True)
class Member:
    """A connector of the account. `vpc` is None where its subnets cannot be seen."""

    arn: str
    name: str
    state: str
    subnets: tuple[str, ...]
    vpc: str | None = None


class Account:
    """Asks with one session, remembers what it was told, and keeps to `rate` calls a second."""

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
        """Why AWS tells nothing more, "" while it does: the credentials came to their end, or the time did.
        What was judged since then may lack anything.
        """
        return self._refused or ("" if self._deadline.left() else "no time left")

    def asked(self, questions: Sequence[ApiCall]) -> list[Outcome]:
        """The outcomes, in order; AWS is asked what it has not been asked before."""
        keys = [_key(question) for question in questions]
        new = {
            key: question
            for key, question in zip(keys, questions, strict=True)
            if not isinstance(self._known.get(key), ApiResult)
        }
        step = max(1, int(self._rate))
        todo = list(new.items())
        for start in range(0, len(todo), step):
            self._ask(todo[start : start + step])
        return [self._known[key] for key in keys]

    def _ask(self, some: Sequence[tuple[str, ApiCall]]) -> None:
        began = time.monotonic()
        for _, question in some:
            if question.service not in self._clients:
                self._clients[question.service] = service_client(
                    self._session, question.service, self._deadline
                )
        told = call_all(self._clients, [question for _, question in some], self._deadline)
        self._known.update(zip((key for key, _ in some), told, strict=True))
        refused = (one.reason for one in told if isinstance(one, ApiFailure) and one.code in NO_MORE)
        self._refused = self._refused or next(refused, "")
        calls = sum(outcome.calls for outcome in told)
        self.calls += calls
        pause = calls / self._rate - (time.monotonic() - began)
        if pause > 0:
            time.sleep(min(pause, self._deadline.left()))

    def members(self) -> list[Member] | ApiFailure:
        """Every connector, with the VPC of its subnets. A call a page, and one for every 200 subnets."""
        (listed,) = self.asked([connectors.named("")])
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
        """The VPC of each subnet. Filters rather than ids: a subnet that is gone must not fail the others."""
        questions = [
            ApiCall("DescribeSubnets", "Subnets", filtered("subnet-id", some))
            for some in chunks(sorted(subnets))
        ]
        found: list[Any] = [
            item
            for outcome in self.asked(questions)
            if isinstance(outcome, ApiResult)
            for item in outcome.items
        ]
        return {item["SubnetId"]: item["VpcId"] for item in found}

    def describe(self, members: Sequence[Member]) -> None:
        """Ask for what only describes one connector, side by side, so that looking each up waits for
        nothing: settings stand in DescribeConnector only.
        """
        self.asked([question for one in members for question in _of(one)])

    def look_up(self, wanted: LookupRequest) -> LookedUp:
        """A pipeline, from what was told and what has still to be asked."""
        return converse(wanted, self.region, self.asked)

    def network(self, scope: Scope) -> Documents:
        """What the path engine reads of a VPC and those it is joined with."""
        told = collect_from(self.asked, self.region, scope)
        return Documents({"": told.documents}, told.error)

    def forget(self, members: Iterable[Member]) -> None:
        """Let go of what only these connectors and their VPC needed; what all of the Region shares stays."""
        gone = {_key(question) for one in members for question in _of(one)}
        shared = {_key(question) for question in REGION_WIDE.values()}
        self._known = {
            key: outcome
            for key, outcome in self._known.items()
            if key not in gone and (key in shared or not key.startswith("ec2:"))
        }

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


def _of(member: Member) -> tuple[ApiCall, ...]:
    """What has to be asked of each connector on its own."""
    return connectors.described(member.arn), connectors.operations(member.arn)


def _key(question: ApiCall) -> str:
    return f"{question.action}{json.dumps(question.params, sort_keys=True)}"

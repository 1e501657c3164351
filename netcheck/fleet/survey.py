"""Checks the connectors of an account one by one, VPC by VPC, and yields each as soon as it is checked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from netcheck.aws.msk.account import Account, Member
from netcheck.core import aliases
from netcheck.core.arn import parse_arn
from netcheck.core.check import Check, Survey
from netcheck.core.model import Json, Report, Status
from netcheck.fleet.shared import Shared
from netcheck.report.fleet import WORST_FIRST
from netcheck.settings.config import Config, UsageError

SCHEMA = "netcheck.fleet/1"


def left_out(checks: Iterable[Check], only: Sequence[str], *, live: bool) -> tuple[str, ...]:
    """The ids of the checks that a survey does not run: live ones without `live`, and those that cost calls
    for each connector where no glob of `only` names them.
    """
    return tuple(
        check.id
        for check in checks
        if (check.survey is Survey.LIVE and not live)
        or (check.survey is Survey.ON_REQUEST and not any(aliases.matches(check.id, glob) for glob in only))
    )


class Ended(Exception):
    """The account cannot be read any further; the message is one line. Other connectors are still to do."""


@dataclass(frozen=True, slots=True)
class SurveyedConnector:
    """A connector and its report; `error` is one line where there is no report."""

    account: str
    member: Member
    report: Report | None
    error: str = ""

    @property
    def status(self) -> Status:
        """The worst status of its results."""
        if self.report is None:
            return Status.UNKNOWN
        return next(status for status in WORST_FIRST if status is Status.SKIP or self.report.count(status))

    def document(self) -> dict[str, Json]:
        """The connector's line in the output."""
        from netcheck.report.json import document

        return {
            "schema": SCHEMA,
            "account": self.account,
            "connector": self.member.name,
            "arn": self.member.arn,
            "state": self.member.state,
            "vpc": self.member.vpc,
            "status": str(self.status),
            "error": self.error,
            "report": document(self.report) if self.report else None,
        }


def survey(
    account: Account, members: Sequence[Member], config: Config, done: Collection[str], *, live: bool
) -> Iterator[SurveyedConnector]:
    """Check every connector whose ARN is not in `done`, with `config` for everything but the connector.

    Raises Ended instead of yielding a connector that could not be read completely.
    """
    vpcs = {subnet: member.vpc for member in members if member.vpc for subnet in member.subnets}
    shared = Shared(account, vpcs, live=live)
    todo = sorted(
        (member for member in members if member.arn not in done),
        key=lambda member: (member.vpc or "", member.name),
    )
    for _, group in groupby(todo, key=lambda member: member.vpc):
        same_vpc = list(group)
        account.describe(same_vpc)
        for member in same_vpc:
            surveyed = _surveyed(member, replace(config, connector=member.arn, region=account.region), shared)
            if account.ended:
                raise Ended(account.ended)
            yield surveyed
        shared.forget()
        account.forget(same_vpc)


def _surveyed(member: Member, config: Config, shared: Shared) -> SurveyedConnector:
    from netcheck.engine.assessment import assess
    from netcheck.engine.runner import ignore_event

    arn = parse_arn(member.arn)
    owner = arn.account if arn else ""
    try:
        return SurveyedConnector(owner, member, assess(config, ignore_event, observer=shared).report)
    except UsageError as error:
        return SurveyedConnector(owner, member, None, str(error))

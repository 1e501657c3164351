"""Judges the connectors of an account one by one, VPC by VPC, and hands each on as soon as it is known."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from netcheck.aws.msk.account import Account, Member
from netcheck.core.arn import parse_arn
from netcheck.core.model import Json, Report, Status
from netcheck.fleet.shared import Shared
from netcheck.report.fleet import WORST_FIRST
from netcheck.settings.config import Config, UsageError

SCHEMA = "netcheck.fleet/1"
LIVE = (
    *("dns.*", "tcp.*", "tls.*", "kafka.*", "aws-service.answers", "vantage.*", "logs.*"),
    *("clickhouse.ping", "clickhouse.login", "clickhouse.version", "clickhouse.tables", "clickhouse.native"),
)
"""The checks that send something to a peer, and those that compare with what a worker said."""
PER_ROLE = ("iam.*",)
"""Half a dozen calls for each execution role: asked for with --only."""


class Ended(Exception):
    """The account tells nothing more; the message is one line. Connectors not handed on are still to do."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A connector and its report; `error` where there is none, in one line."""

    account: str
    member: Member
    report: Report | None
    error: str = ""

    @property
    def status(self) -> Status:
        """The worst of its results."""
        if self.report is None:
            return Status.UNKNOWN
        return next(status for status in WORST_FIRST if status is Status.SKIP or self.report.count(status))

    def document(self) -> dict[str, Json]:
        """One line of a fleet's output."""
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
) -> Iterator[Judged]:
    """Judge every connector whose ARN is not `done`. `config` says how; the connector is filled in.

    Raises Ended, in place of handing on a connector that could not be asked about to its end.
    """
    homes = {subnet: one.vpc for one in members if one.vpc for subnet in one.subnets}
    shared = Shared(account, homes, live=live)
    todo = sorted((one for one in members if one.arn not in done), key=lambda one: (one.vpc or "", one.name))
    for _, group in groupby(todo, key=lambda one: one.vpc):
        together = list(group)
        account.describe(together)
        for one in together:
            judged = _judged(one, replace(config, connector=one.arn, region=account.region), shared)
            if account.ended:
                raise Ended(account.ended)
            yield judged
        shared.forget()
        account.forget(together)


def _judged(member: Member, config: Config, shared: Shared) -> Judged:
    from netcheck.engine.assessment import assess
    from netcheck.engine.runner import ignore_event

    arn = parse_arn(member.arn)
    owner = arn.account if arn else ""
    try:
        return Judged(owner, member, assess(config, ignore_event, observer=shared).report)
    except UsageError as error:
        return Judged(owner, member, None, str(error))

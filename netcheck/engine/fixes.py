"""Root causes in AWS's configuration get the changes that fix them, each verified on a copy of it."""

from __future__ import annotations

from collections.abc import Sequence

from netcheck.core.context import Context, DeadlineExceeded, FactUnavailable, NotRecorded
from netcheck.core.model import Result, RootCause
from netcheck.engine import facts

FIXING_SECONDS = 10.0
"""How long proving may take, of the run's own time: an account of thousands of interfaces takes some tenths
of a second to be read again for each change that is tried."""


def attach_fixes(
    causes: tuple[RootCause, ...], results: Sequence[Result], context: Context
) -> tuple[RootCause, ...]:
    """The same root causes. Costs nothing, and imports nothing, where none is in AWS's configuration."""
    shown = {key for cause in causes for key in cause.results}
    if not any(_is_fixable(result) for result in results if result.key in shown):
        return causes
    from netcheck.repair.private_dns import attach_private_dns_fixes
    from netcheck.repair.prove import prove

    try:
        documents = context.get(facts.documents)
    except (DeadlineExceeded, FactUnavailable, NotRecorded):
        return causes
    time = context.deadline.step(FIXING_SECONDS)
    groups = context.config.source_security_group
    causes = prove(causes, results, documents.regions, groups, lambda: not time.left())
    return attach_private_dns_fixes(causes, results, documents.regions, groups, lambda: not time.left())


def _is_fixable(result: Result) -> bool:
    """Whether it is about paths through AWS, or about an endpoint that a name does not lead to."""
    return bool(result.finding.paths or result.finding.subnets)

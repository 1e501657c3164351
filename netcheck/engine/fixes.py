"""Root causes in AWS's configuration get the changes that mend them, each proved on a copy of it."""

from __future__ import annotations

from collections.abc import Sequence

from netcheck.core.context import Context, DeadlineExceeded, FactUnavailable, NotRecorded
from netcheck.core.model import Cause, Result, RootCause
from netcheck.engine import facts

MENDING_SECONDS = 10.0
"""How long proving may take, of the run's own time: an account of thousands of interfaces takes some tenths
of a second to be read again for each change that is tried."""


def mended(
    causes: tuple[RootCause, ...], results: Sequence[Result], context: Context
) -> tuple[RootCause, ...]:
    """The same root causes. Costs nothing, and imports nothing, where none is in AWS's configuration."""
    shown = {key for cause in causes for key in cause.results}
    if not any(_is_mendable(result) for result in results if result.key in shown):
        return causes
    from netcheck.repair.private_dns import attach_private_dns_fixes
    from netcheck.repair.prove import prove

    try:
        documents = context.get(facts.documents)
    except (DeadlineExceeded, FactUnavailable, NotRecorded):
        return causes
    time = context.deadline.step(MENDING_SECONDS)
    groups = context.config.source_security_group
    causes = prove(causes, results, documents.regions, groups, lambda: not time.left())
    return attach_private_dns_fixes(causes, results, documents.regions, groups, lambda: not time.left())


def _is_mendable(result: Result) -> bool:
    return "paths" in result.finding.evidence or result.finding.cause is Cause.ENDPOINT_PRIVATE_DNS_OFF

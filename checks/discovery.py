"""Was everything found that describes the pipeline?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netcheck.core.check import Check
from netcheck.core.context import Context, Skip
from netcheck.core.model import Cause, Finding, Json, Kind, Layer, Status, Target
from netcheck.core.text import first_few
from netcheck.engine import facts
from netcheck.pipeline.model import Missing, Pipeline

MOST_NAMED = 4


class Complete(Check):
    """Everything that describes the pipeline could be read.

    The connector, its operations, worker configuration and plugins in MSK Connect; the cluster, its
    bootstrap servers, brokers and SCRAM secrets in MSK; the workers' network interfaces in EC2. What
    cannot be read is unknown, with the IAM action that is missing, and so is what other checks would have
    made of it. It never fails: it speaks of netcheck, not of the pipeline.

    Fix: give the identity that runs netcheck the actions that are named (`netcheck policy` prints all of
    them), or give what is missing as arguments.
    """

    id = "discover.complete"
    kinds = frozenset({Kind.PIPELINE})

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        pipeline = ctx.get(facts.pipeline)
        if not pipeline.missing and not pipeline.connector and not pipeline.cluster:
            raise Skip("no connector and no cluster was named: there was nothing to look up")
        for group in _grouped(pipeline.missing):
            yield _unknown(group)
        if not pipeline.missing:
            yield Finding(Status.PASS, f"{_read(pipeline)} could be read", None, Layer.AWS)


def _grouped(missing: Sequence[Missing]) -> list[list[Missing]]:
    """What one permission would give, or what one reason keeps away, together."""
    groups: dict[str, list[Missing]] = {}
    for each in missing:
        groups.setdefault(each.action or each.reason, []).append(each)
    return list(groups.values())


def _unknown(group: Sequence[Missing]) -> Finding:
    first = group[0]
    whats = list(dict.fromkeys(each.what for each in group))
    evidence: dict[str, Json] = {"missing": [*whats]}
    needed = (first.action,) if first.action else ()
    verb = "is" if len(whats) == 1 and not whats[0].endswith("s") else "are"
    text = f"{first_few(whats, MOST_NAMED)} {verb} not known: {first.reason}"
    return Finding(
        Status.UNKNOWN, text, Cause.FACT_UNAVAILABLE, Layer.AWS, evidence, missing_permissions=needed
    )


def _read(pipeline: Pipeline) -> str:
    found = []
    if pipeline.connector:
        found.append(f"the connector {pipeline.connector.name}")
    if pipeline.cluster:
        found.append(f"the cluster {pipeline.cluster.name}")
    return " and ".join(found)

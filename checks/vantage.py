"""Does netcheck look from where the workers are?"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.core.check import Check, Survey
from netcheck.core.context import Context, Skip
from netcheck.core.model import Cause, Finding, Json, Kind, Layer, Status, Target
from netcheck.core.problem import Problem
from netcheck.engine import facts

VANTAGE_PROBLEMS = (
    Problem(
        Cause.VANTAGE_DIFFERS,
        "netcheck does not look from where the workers are",
        "Run it in one of the workers' subnets with the workers' security groups (the container or the "
        "Lambda function in deploy/).",
    ),
)


class LooksFromTheWorkers(Check):
    """This run looks from one of the workers' subnets, with the workers' security groups.

    EC2, ECS or Lambda are asked who this host is. It warns of each difference that changes what is seen:
    another subnet, zone, route table or security group, another name server, a proxy in the environment. From
    outside of AWS it is skipped: what is observed there says nothing certain of the workers, and what AWS's
    configuration says of them holds all the same. Only from the same place is silence certain to be the
    workers' own.

    Fix: run netcheck in one of the workers' subnets, with the workers' security groups. In a container on EC2
    the instance's metadata hop limit has to be 2.
    """

    id = "vantage.parity"
    kinds = frozenset({Kind.PIPELINE})
    survey = Survey.LIVE
    problems = VANTAGE_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002 - the same for all
        from netcheck.engine.vantage_parity import Parity

        if not ctx.config.source_subnet:
            raise Skip(facts.WORKERS_UNKNOWN)
        identity, seen = ctx.get(facts.identity), ctx.get(facts.parity)
        evidence: dict[str, Json] = dict(ctx.get(facts.place))
        if identity.kind == "outside":
            raise Skip("this run looks from outside of AWS: it observes its own way, not the workers'")
        if seen.parity is Parity.UNKNOWN:
            raise Skip(f"whether this run looks from where the workers are is not known: {seen.why}")
        for difference in seen.differences:
            yield Finding(Status.WARN, difference, Cause.VANTAGE_DIFFERS, Layer.AGENT, evidence)
        if not seen.differences:
            text = f"looks from {', '.join(identity.subnets)} with the workers' security groups"
            yield Finding(Status.PASS, text, None, Layer.AGENT, evidence)

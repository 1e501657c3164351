"""Does netcheck run where the workers are?"""

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
        "netcheck does not run where the workers are",
        "Run it in one of the workers' subnets with the workers' security groups (the container or the "
        "Lambda function in deploy/).",
    ),
)


class LooksFromTheWorkers(Check):
    """This host is in one of the workers' subnets, with the workers' security groups.

    Reads this host's identity from EC2, ECS or Lambda. It warns about each difference that changes the
    observations: another subnet, zone, route table or security group, another name server, a proxy in the
    environment. Outside AWS it is skipped: observations from there prove nothing about the workers, while
    conclusions from AWS's configuration still apply. Only from the same place is observed silence certain to
    affect the workers too.

    Fix: run netcheck in one of the workers' subnets, with the workers' security groups. In a container on EC2
    the instance's metadata hop limit must be 2.
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
            raise Skip("netcheck runs outside AWS: it observes its own network path, not the workers'")
        if seen.parity is Parity.UNKNOWN:
            raise Skip(f"whether netcheck runs where the workers are is unknown: {seen.why}")
        for difference in seen.differences:
            yield Finding(Status.WARN, difference, Cause.VANTAGE_DIFFERS, Layer.AGENT, evidence)
        if not seen.differences:
            text = f"runs in {', '.join(identity.subnets)} with the workers' security groups"
            yield Finding(Status.PASS, text, None, Layer.AGENT, evidence)

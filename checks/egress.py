"""Do the AWS services answer that the connector uses?"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck import facts
from netcheck.check import Check, answer, warning
from netcheck.context import Context
from netcheck.model import Cause, Finding, Kind, Layer, Target

MOST_SKEW_SECONDS = 240.0
"""AWS refuses a signature that is five minutes off
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html)."""


class Answers(Check):
    """The AWS endpoint answers.

    One unsigned HTTPS request: AWS's own refusal is the answer that is hoped for, since it proves the
    whole path. It fails when something else answers in its place (a proxy's page, a load balancer), and
    warns when this host's clock is so far off that AWS would refuse its signatures.

    Fix: without a NAT gateway give the VPC an interface endpoint for the service, with private DNS and
    port 443 open to the workers; exempt AWS's names from a proxy.
    """

    id = "egress.answers"
    kinds = frozenset({Kind.AWS_SERVICE})
    after = frozenset({"tcp.connects", "tls.handshake", "tls.certificate"})

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.aws_answer, target)
        if seen.cause is not None:
            text = f"{target.endpoint} does not answer as AWS does: {seen.detail}"
            yield answer(seen.cause, text, Layer.AWS, seen)
        elif seen.clock_skew is not None and abs(seen.clock_skew) > MOST_SKEW_SECONDS:
            way = "behind" if seen.clock_skew > 0 else "ahead of"
            text = (
                f"this host's clock is {abs(seen.clock_skew):.0f} s {way} AWS's: signatures will be refused"
            )
            yield warning(Cause.CLOCK_SKEW, text, Layer.AGENT, seen)
        else:
            yield answer(None, f"AWS answers with HTTP {seen.status}", Layer.AWS, seen)

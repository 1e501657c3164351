"""Is the path short enough?"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.core.check import Check
from netcheck.core.context import Context, PrerequisiteFailed
from netcheck.core.model import Explains, Finding, Fix, Kind, Layer, Status, Target
from netcheck.core.problem import Problem
from netcheck.engine import facts

WARN_MILLISECONDS, FAIL_MILLISECONDS = 50.0, 1000.0


class Near(Check):
    """The target is less than 50 ms away.

    It warns when the fastest TCP connection took longer: a broker in another Region is slow to read from, and
    traffic between Regions costs money. It fails above a second: requests then time out.

    Fix: run the workers in the Region of the cluster.
    """

    id = "latency.near"
    kinds = frozenset({Kind.KAFKA, Kind.CLICKHOUSE_HTTPS})
    depends_on = frozenset({"tcp.connects"})
    problems = (
        Problem(
            "acme_far_away",
            "the target is far away",
            "Run the workers in the Region of the target, or peer the two Regions.",
            meaning="Every request waits for at least one round trip; Kafka's fetch sessions need several.",
            explains=(Explains(frozenset({"kafka_silent", "http_silent"}), same_target=True),),
        ),
        Problem("ACME_OTHER_CONTINENT", "the target is on another continent"),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.connections, target.host, target.port)
        times = [one.seconds * 1000 for one in seen.connections if one.cause is None]
        if not times:
            raise PrerequisiteFailed("no connection to time")
        yield self._judge(target, round(min(times), 1))

    @staticmethod
    def _judge(target: Target, fastest: float) -> Finding:
        text, evidence = f"{target.endpoint} is {fastest} ms away", {"milliseconds": fastest}
        if fastest < WARN_MILLISECONDS:
            return Finding(Status.PASS, text, None, Layer.TCP, evidence)
        if fastest < FAIL_MILLISECONDS:
            return Finding(Status.WARN, text, "acme_far_away", Layer.TCP, evidence)
        return Finding(
            Status.FAIL,
            text,
            "acme_far_away",
            Layer.TCP,
            evidence,
            code="ACME_OTHER_CONTINENT",
            components=(target.host,),
            fixes=(Fix("text", f"Move the workers nearer to {target.host}."),),
        )

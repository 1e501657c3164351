"""Is the path short enough?"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.core.check import Check
from netcheck.core.context import Context, PrerequisiteFailed
from netcheck.core.model import Finding, Kind, Layer, Status, Target
from netcheck.engine import facts

MOST_MILLISECONDS = 50.0


class Near(Check):
    """The target is less than 50 ms away.

    It warns when the fastest TCP connection took longer: a broker in another Region is slow to read from, and
    what crosses Regions costs money.

    Fix: run the workers in the Region of the cluster.
    """

    id = "latency.near"
    kinds = frozenset({Kind.KAFKA, Kind.CLICKHOUSE_HTTPS})
    after = frozenset({"tcp.connects"})

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.connections, target.host, target.port)
        times = [one.seconds * 1000 for one in seen.connections if one.cause is None]
        if not times:
            raise PrerequisiteFailed("no connection to time")
        fastest = round(min(times), 1)
        near = fastest < MOST_MILLISECONDS
        yield Finding(
            Status.PASS if near else Status.WARN,
            f"{target.endpoint} is {fastest} ms away",
            layer=Layer.TCP,
            evidence={"milliseconds": fastest},
        )

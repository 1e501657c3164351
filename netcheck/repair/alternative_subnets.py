"""Subnets from which blocked queries already pass: for blockers that no narrow change removes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netcheck.aws.ec2.snapshot import Snapshot
from netcheck.core.evidence import Reachability
from netcheck.path.query import ask
from netcheck.path.trace import QuestionError
from netcheck.repair.search import Query

_MOST_NAMED = 3


def alternative_subnets(queries: Sequence[Query], snapshot: Snapshot) -> Iterator[str]:
    """A sentence naming other subnets of the VPC from which these queries pass, if there are any."""
    sources = [snapshot.subnets.get(str(query["from"])) for query in queries]
    vpcs = {source.vpc for source in sources if source is not None}
    if len(vpcs) != 1 or not all(sources):
        return
    blocked = {source.id for source in sources if source is not None}
    others = [
        subnet.id for subnet in snapshot.subnets.values() if subnet.vpc in vpcs and subnet.id not in blocked
    ]
    working = [
        name for name in others if all(_passes({**query, "from": name}, snapshot) for query in queries)
    ]
    if working:
        named = ", ".join(working[:_MOST_NAMED])
        yield (
            f"Without changing the network: recreate the connector in {named}, from which this path works. "
            "The subnets of an existing connector cannot be changed."
        )


def _passes(query: Query, snapshot: Snapshot) -> bool:
    try:
        return ask(query, snapshot).verdict is Reachability.REACHABLE
    except QuestionError:
        return False

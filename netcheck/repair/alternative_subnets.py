"""Where no narrow change helps: subnets from which all of it works as AWS is configured now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netcheck.aws.ec2.snapshot import Snapshot
from netcheck.path.query import ask
from netcheck.path.trace import QuestionError
from netcheck.path.verdict import Verdict
from netcheck.repair.search import Query

_MOST_NAMED = 3


def alternative_subnets(queries: Sequence[Query], snapshot: Snapshot) -> Iterator[str]:
    """A sentence that names other subnets of the VPC from which these questions pass, if there are any."""
    homes = [snapshot.subnets.get(str(query["from"])) for query in queries]
    vpcs = {home.vpc for home in homes if home is not None}
    if len(vpcs) != 1 or not all(homes):
        return
    bad = {home.id for home in homes if home is not None}
    others = [
        subnet.id for subnet in snapshot.subnets.values() if subnet.vpc in vpcs and subnet.id not in bad
    ]
    good = [name for name in others if all(_passes({**query, "from": name}, snapshot) for query in queries)]
    if good:
        named = ", ".join(good[:_MOST_NAMED])
        yield (
            f"A way without any change to the network: make the connector again in {named}, from where this "
            "passes. The subnets of a connector cannot be changed."
        )


def _passes(query: Query, snapshot: Snapshot) -> bool:
    try:
        return ask(query, snapshot).verdict is Verdict.REACHABLE
    except QuestionError:
        return False

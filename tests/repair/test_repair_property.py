"""Whatever a report calls proved prints all of it: its commands alone make every question of it pass."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from checks.path_findings import blocked
from netcheck.aws.ec2.snapshot import Snapshot, from_parts
from netcheck.core.components import Concern
from netcheck.core.evidence import Reachability
from netcheck.core.model import Cause, Kind, Layer, Result, RootCause, Target
from netcheck.diagnose.roots import root_causes
from netcheck.path.aggregate import Traced
from netcheck.path.query import ask
from netcheck.repair.apply import Parts, applied
from netcheck.repair.awscli import command
from netcheck.repair.place import region_of
from netcheck.repair.prove import prove
from netcheck.repair.search import repair
from tests.diagnose.made import CATALOGUE
from tests.lab.topology import generate
from tests.path.world import World
from tests.repair.test_repair import FIXED, WORKERS, peer_by_nat

Queries = list[dict[str, Any]]

SEEDS = range(16)
TOGETHER = 6


def _from_worlds() -> Iterator[tuple[str, Parts, Queries]]:
    for name, world, to, _ in FIXED:
        yield name, (("", world().documents),), [WORKERS | to]
    brokers = [WORKERS | {"to": f"10.9.1.{last}", "port": 9094} for last in (7, 8)]
    yield "led astray by a NAT gateway", (("", peer_by_nat().documents),), brokers
    yield "led astray, and let in by nobody", (("", _closed().documents),), brokers


def _closed() -> World:
    world = peer_by_nat()
    world.find("SecurityGroups", "sg-c")["IpPermissions"] = []
    return world


def _from_topologies() -> Iterator[tuple[str, Parts, Queries]]:
    for seed in SEEDS:
        topology = generate(seed)
        flows = random.Random(seed).sample(topology.flows, min(4 * TOGETHER, len(topology.flows)))
        parts: Parts = (("", topology.cloud.documents),)
        snapshot = from_parts(parts)
        queries = [
            {"from": flow.source, "to": flow.destination, "protocol": flow.protocol}
            | ({"port": flow.port} if flow.protocol in ("tcp", "udp") else {})
            for flow in flows
        ]
        blocked = [one for one in queries if ask(one, snapshot).verdict is Reachability.BLOCKED]
        yield f"seed {seed}", parts, blocked[:TOGETHER]


def _found(queries: Queries, snapshot: Snapshot, keep: slice) -> list[Result]:
    """Findings of the configured side as its checks make them; `keep` is how many of each question."""
    found = []
    for query in queries:
        target = Target(Kind.KAFKA, query["to"], query.get("port", 1))
        traced = [Traced(query["from"], query["to"], ask(query, snapshot))]
        findings = list(blocked(traced, target, set(Concern), Cause.PATH_NO_ROUTE, Layer.ROUTE))
        for number, finding in enumerate(findings[keep]):
            check = f"{query['from']}.{query.get('protocol', 'tcp')}.{number}"
            found.append(Result(f"{check}@{target}", check, target, finding, 0.0))
    return found


ALL, FIRST = slice(None), slice(1)


@pytest.mark.parametrize("keep", [ALL, FIRST], ids=["all that stops is found", "only the first thing is"])
@pytest.mark.parametrize("cases", [_from_worlds, _from_topologies], ids=["worlds", "random networks"])
def test_the_printed_commands_of_proved_causes_are_all_that_is_needed(
    cases: Callable[[], Iterator[tuple[str, Parts, Queries]]], keep: slice
) -> None:
    proved = 0
    for name, parts, queries in cases():
        results = _found(queries, from_parts(parts), keep)
        groups: list[str] = next(
            (query["security_groups"] for query in queries if "security_groups" in query), []
        )
        causes = prove(root_causes(results, CATALOGUE), results, dict(parts), groups)
        sure = [cause for cause in causes if cause.fix_proved]
        after = from_parts(applied(parts, _printed(sure, parts, queries)))
        for query in _asked(sure, results, queries):
            proved += 1
            assert ask(query, after).verdict is Reachability.REACHABLE, (name, query, [c.fix for c in sure])
    assert proved >= len(FIXED)


def _printed(causes: list[RootCause], parts: Parts, queries: Queries) -> list[Any]:
    """The changes whose commands are printed, each once, however often."""
    done = repair(parts, queries)
    snapshot = from_parts(done.parts)
    meant = {command(one, region_of(one, done.parts, snapshot)): one for one in done.changes}
    lines = [fix.text for cause in causes for fix in cause.fix if fix.kind == "awscli"]
    return [meant[line] for line in dict.fromkeys(lines)]


def _asked(causes: list[RootCause], results: list[Result], queries: Queries) -> Queries:
    """The questions of these causes."""
    shown = {key for cause in causes for key in cause.results}
    paths = [path for one in results if one.key in shown for path in one.finding.paths]
    told = {(path.source, path.destination, path.port, path.protocol) for path in paths}
    return [q for q in queries if (q["from"], q["to"], q.get("port"), q.get("protocol", "tcp")) in told]

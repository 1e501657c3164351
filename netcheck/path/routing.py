"""Route selection: longest prefix, then AWS's route priority.

Source: VPC user guide, Route priority: longest prefix first; among equal destinations static routes before
prefix list routes before propagated ones; a local route is preferred over propagated routes inside it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from netcheck.aws.ec2.addresses import BITS, Prefix
from netcheck.aws.ec2.entities import Route, RouteTable, TransitRoute
from netcheck.aws.ec2.snapshot import Snapshot

RouteT = TypeVar("RouteT", Route, TransitRoute)

STATIC, FROM_PREFIX_LIST, PROPAGATED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Candidate(Generic[RouteT]):
    """A CIDR block of a route. Of equal blocks the lowest rank wins."""

    prefix: Prefix
    rank: int
    route: RouteT


@dataclass(frozen=True, slots=True)
class Hit(Generic[RouteT]):
    """The best route for an address, and a route with the same priority, if any."""

    prefix: Prefix
    route: RouteT
    ambiguous_with: RouteT | None


@dataclass(frozen=True, slots=True)
class CompiledTable(Generic[RouteT]):
    """A route table of one IP version, ready for lookups."""

    by_length: tuple[tuple[int, Mapping[int, Hit[RouteT]]], ...]
    """(bits to shift away, network → hit), longest prefix first."""
    edges: tuple[int, ...]
    """Addresses at which the winner may change, sorted."""
    candidates: tuple[Candidate[RouteT], ...]
    unresolved: tuple[RouteT, ...]
    """Routes to prefix lists whose entries were not collected."""

    def lookup(self, address: int) -> Hit[RouteT] | None:
        for shift, hits in self.by_length:
            hit = hits.get(address >> shift)
            if hit is not None:
                return hit
        return None

    def split(self, first: int, last: int) -> Iterator[tuple[int, int, Hit[RouteT] | None]]:
        """Split first..last where the winning route changes."""
        position = bisect_right(self.edges, first)
        while position < len(self.edges) and self.edges[position] <= last:
            yield first, self.edges[position] - 1, self.lookup(first)
            first = self.edges[position]
            position += 1
        yield first, last, self.lookup(first)

    def losers(self, address: int, winner: Hit[RouteT]) -> Iterator[Candidate[RouteT]]:
        """Other routes that match the address but lose to `winner`."""
        for candidate in self.candidates:
            if (
                candidate.route is not winner.route
                and candidate.prefix.first <= address <= candidate.prefix.last
            ):
                yield candidate


def _best(candidates: list[Candidate[RouteT]]) -> Hit[RouteT]:
    ordered = sorted(candidates, key=lambda candidate: candidate.rank)
    winner = ordered[0]
    rival = next(
        (
            other.route
            for other in ordered[1:]
            if other.rank == winner.rank and other.route != winner.route and other.prefix == winner.prefix
        ),
        None,
    )
    return Hit(winner.prefix, winner.route, rival)


def compile_table(
    version: int, candidates: Iterable[Candidate[RouteT]], unresolved: tuple[RouteT, ...]
) -> CompiledTable[RouteT]:
    """Index the candidates of one IP version by prefix length."""
    mine = tuple(
        sorted((c for c in candidates if c.prefix.version == version), key=lambda c: (*c.prefix, c.rank))
    )
    grouped: dict[int, dict[int, list[Candidate[RouteT]]]] = {}
    edges = set()
    for candidate in mine:
        shift = BITS[version] - candidate.prefix.length
        grouped.setdefault(shift, {}).setdefault(candidate.prefix.first >> shift, []).append(candidate)
        edges |= {candidate.prefix.first, candidate.prefix.last + 1}
    by_length = tuple(
        (shift, {network: _best(found) for network, found in networks.items()})
        for shift, networks in sorted(grouped.items())
    )
    return CompiledTable(by_length, tuple(sorted(edges)), mine, unresolved)


def table_candidates(
    table: RouteTable, prefix_lists: Mapping[str, tuple[Prefix, ...]]
) -> tuple[list[Candidate[Route]], tuple[Route, ...]]:
    """Every CIDR block of a VPC route table, and the routes whose prefix list is not known."""
    found: list[Candidate[Route]] = []
    unresolved = []
    for route in table.routes:
        if isinstance(route.destination, Prefix):
            found.append(Candidate(route.destination, PROPAGATED if route.propagated else STATIC, route))
        elif route.destination in prefix_lists:
            blocks = prefix_lists[route.destination]
            found += [Candidate(block, FROM_PREFIX_LIST, route) for block in blocks]
        else:
            unresolved.append(route)
    local = [c.prefix for c in found if c.route.target == "local"]
    kept = [c for c in found if c.rank != PROPAGATED or not any(_inside(c.prefix, block) for block in local)]
    return kept, tuple(unresolved)


def _inside(prefix: Prefix, block: Prefix) -> bool:
    return prefix.version == block.version and block.first <= prefix.first and prefix.last <= block.last


def compiled(snapshot: Snapshot, table: RouteTable, version: int) -> CompiledTable[Route]:
    """The table ready for lookups, compiled on first use and cached in the snapshot."""
    key = ("table", table.id, version)
    found = snapshot.memo.get(key)
    if not isinstance(found, CompiledTable):
        found = compile_table(version, *table_candidates(table, snapshot.prefix_lists))
        snapshot.memo[key] = found
    return found

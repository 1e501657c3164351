"""Network ACL order, security groups and longest prefix match, each against a naive reading of the rules."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from netcheck.aws.ec2.addresses import Prefix
from netcheck.aws.ec2.entities import (
    ALL_PROTOCOLS,
    TCP,
    UDP,
    GroupReference,
    NaclEntry,
    Route,
    SecurityGroupRule,
)
from netcheck.path.filters import (
    CompiledGroups,
    GroupLine,
    ask_acl,
    ask_groups,
    compile_acl,
)
from netcheck.path.routing import PROPAGATED, STATIC, Candidate, compile_table

# Addresses of eight bits at the top of a 32-bit space: small enough to try every one of them.
lengths = st.integers(0, 8)
blocks = st.tuples(st.integers(0, 255), lengths).map(lambda pair: _block(pair[0], pair[1]))
ports = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda pair: (min(pair), max(pair)))


def _block(number: int, length: int) -> Prefix:
    span = 1 << (32 - length)
    first = (number << 24) // span * span
    return Prefix(4, first, first + span - 1)


entries = st.lists(
    st.builds(
        lambda number, protocol, span, block, allow: NaclEntry(
            number, protocol, span[0], span[1], block, allow
        ),
        st.integers(1, 40),
        st.sampled_from([ALL_PROTOCOLS, TCP, UDP]),
        ports,
        blocks,
        st.booleans(),
    ),
    max_size=8,
    unique_by=lambda entry: entry.number,
)


def naive_acl(found: list[NaclEntry], address: int, port: int) -> NaclEntry | None:
    """The VPC user guide, read aloud: lowest number first, the first match decides."""
    for number in range(1, 41):
        for entry in found:
            applies = entry.number == number and entry.protocol in (ALL_PROTOCOLS, TCP)
            covers = entry.prefix.first <= address <= entry.prefix.last and entry.first <= port <= entry.last
            if applies and covers:
                return entry
    return None


@given(entries, blocks, ports)
def test_an_acl_decides_every_address_and_port_as_the_lowest_matching_rule_does(
    found: list[NaclEntry], block: Prefix, span: tuple[int, int]
) -> None:
    answer = ask_acl(tuple(compile_acl(found, 4, TCP)), (block.first, block.last, *span))
    for address in range(block.first, block.last + 1, 1 << 24):
        for port in range(span[0], span[1] + 1):
            decided = naive_acl(found, address, port)
            denying = [e for e, (a, b, p, q) in answer.denied if a <= address <= b and p <= port <= q]
            if decided is not None and decided.allow:
                assert denying == []
            else:
                assert denying == [decided]


routes = st.lists(
    st.builds(
        lambda block, rank, target: Candidate(
            block, rank, Route(block, "GatewayId", target, "active", False)
        ),
        blocks,
        st.sampled_from([STATIC, PROPAGATED]),
        st.sampled_from(["igw-1", "igw-2", "igw-3"]),
    ),
    max_size=8,
    unique_by=lambda candidate: (candidate.prefix, candidate.rank),
)


def naive_lookup(found: list[Candidate[Route]], address: int) -> Route | None:
    matching = [c for c in found if c.prefix.first <= address <= c.prefix.last]
    matching.sort(key=lambda c: (-c.prefix.length, c.rank))
    return matching[0].route if matching else None


@given(routes, blocks)
def test_the_longest_prefix_wins_and_a_range_is_split_where_the_winner_changes(
    found: list[Candidate[Route]], block: Prefix
) -> None:
    table = compile_table(4, found, ())
    pieces = list(table.split(block.first, block.last))
    assert pieces[0][0] == block.first and pieces[-1][1] == block.last
    assert all(one[1] + 1 == two[0] for one, two in itertools.pairwise(pieces))
    for address in range(block.first, block.last + 1, 1 << 24):
        expected = naive_lookup(found, address)
        hit = table.lookup(address)
        assert (hit.route if hit else None) == expected
        (piece,) = [p for p in pieces if p[0] <= address <= p[1]]
        assert (piece[2].route if piece[2] else None) == expected


peers = st.one_of(
    blocks, st.sampled_from(["sg-a", "sg-b"]).map(lambda name: GroupReference(name, None, None))
)
rules = st.lists(
    st.builds(lambda span, peer: SecurityGroupRule(TCP, span[0], span[1], peer), ports, peers), max_size=8
)


@given(rules, blocks, st.integers(0, 9), st.sets(st.sampled_from(["sg-a", "sg-b"])))
def test_groups_admit_exactly_what_some_rule_admits(
    found: list[SecurityGroupRule], block: Prefix, port: int, held: set[str]
) -> None:
    lines = tuple(
        GroupLine(r.first, r.last, r.peer.first, r.peer.last, r, "sg-x")
        for r in found
        if isinstance(r.peer, Prefix)
    )
    references = tuple((r, "sg-x") for r in found if isinstance(r.peer, GroupReference))
    compiled = CompiledGroups(lines, references, (), (), frozenset())
    answer = ask_groups(compiled, port, block.first, block.last, frozenset(held))
    for address in range(block.first, block.last + 1, 1 << 24):
        admitted = any(
            r.first <= port <= r.last
            and (
                r.peer.first <= address <= r.peer.last
                if isinstance(r.peer, Prefix)
                else isinstance(r.peer, GroupReference) and r.peer.group in held
            )
            for r in found
        )
        assert admitted == (not any(a <= address <= b for a, b in answer.denied))

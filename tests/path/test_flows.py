"""Set algebra against the plainest oracle there is: sets of points."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from netcheck.aws.ec2.addresses import parse_prefix, range_as_prefixes
from netcheck.path import flows

SIDE = range(12)
spans = st.tuples(st.sampled_from(SIDE), st.sampled_from(SIDE)).map(lambda pair: (min(pair), max(pair)))
rectangles = st.tuples(spans, spans).map(lambda pair: (*pair[0], *pair[1]))
regions = st.lists(rectangles, max_size=5)


def points(region: list[flows.Rectangle] | flows.Region) -> set[tuple[int, int]]:
    return {(x, y) for a, b, p, q in region for x in range(a, b + 1) for y in range(p, q + 1)}


@given(rectangles, rectangles)
def test_what_is_left_of_a_rectangle_is_the_rest_and_disjoint(
    one: flows.Rectangle, other: flows.Rectangle
) -> None:
    left = flows.without(one, other)
    assert points(left) == points([one]) - points([other])
    assert sum(len(points([piece])) for piece in left) == len(points(left))


@given(regions, regions)
def test_subtraction_takes_away_exactly_those_points(
    one: list[flows.Rectangle], other: list[flows.Rectangle]
) -> None:
    assert points(flows.subtract(one, other)) == points(one) - points(other)


@given(regions)
def test_told_by_ports_a_region_is_the_same_and_no_point_is_told_twice(region: list[flows.Rectangle]) -> None:
    told = flows.by_ports(region)
    listed = [
        (address, port)
        for addresses, ports in told
        for a, b in addresses
        for p, q in ports
        for address, port in itertools.product(range(a, b + 1), range(p, q + 1))
    ]
    assert set(listed) == points(region)
    assert len(listed) == len(set(listed))


@given(st.lists(spans, max_size=6), spans)
def test_taking_a_range_away_leaves_the_other_numbers(ranges: list[flows.Range], taken: flows.Range) -> None:
    numbers = {n for a, b in ranges for n in range(a, b + 1)}
    left = {n for a, b in flows.subtract_ranges(ranges, *taken) for n in range(a, b + 1)}
    assert left == numbers - set(range(taken[0], taken[1] + 1))


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**12))
def test_a_range_is_told_as_the_fewest_blocks(first: int, size: int) -> None:
    last = min(first + size, 2**32 - 1)
    blocks = range_as_prefixes(4, first, last)
    assert blocks[0].first == first and blocks[-1].last == last
    assert all(one.last + 1 == two.first for one, two in itertools.pairwise(blocks))
    for one, two in itertools.pairwise(blocks):  # two neighbours never make one larger block
        merged = one.length == two.length and (one.first >> (32 - one.length)) % 2 == 0
        assert not merged


def test_a_block_prints_as_it_was_written() -> None:
    for text in ("0.0.0.0/0", "10.0.1.0/25", "10.0.1.7/32", "::/0", "2001:db8::/56", "2001:db8::7/128"):
        assert str(parse_prefix(text)) == text

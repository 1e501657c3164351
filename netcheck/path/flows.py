"""Sets of flows: exact unions of rectangles (source addresses × source ports).

A worker may get any address of its subnet and any ephemeral port. The engine therefore never samples: it
traces the whole set, and a filter removes a set of rectangles from it. All bounds are inclusive.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

Range = tuple[int, int]
Rectangle = tuple[int, int, int, int]
"""First and last address, first and last port."""
Region = tuple[Rectangle, ...]

EPHEMERAL: Range = (32768, 60999)
"""Linux's default net.ipv4.ip_local_port_range (kernel documentation, ip-sysctl)."""
TRANSLATED: Range = (1024, 65535)
"""Source ports of a NAT gateway (VPC user guide, NAT gateway basics)."""


def overlap(one: Rectangle, other: Rectangle) -> Rectangle | None:
    """The intersection of two rectangles, or None."""
    a, b = max(one[0], other[0]), min(one[1], other[1])
    p, q = max(one[2], other[2]), min(one[3], other[3])
    return (a, b, p, q) if a <= b and p <= q else None


def without(one: Rectangle, taken: Rectangle) -> list[Rectangle]:
    """`one` minus `taken`, as at most four disjoint rectangles."""
    shared = overlap(one, taken)
    if shared is None:
        return [one]
    a, b, p, q = shared
    rest = []
    if one[0] < a:
        rest.append((one[0], a - 1, one[2], one[3]))
    if b < one[1]:
        rest.append((b + 1, one[1], one[2], one[3]))
    if one[2] < p:
        rest.append((a, b, one[2], p - 1))
    if q < one[3]:
        rest.append((a, b, q + 1, one[3]))
    return rest


def subtract(region: Iterable[Rectangle], taken: Iterable[Rectangle]) -> Region:
    """The part of `region` outside all of `taken`; disjoint if `region` is."""
    left = list(region)
    for rectangle in taken:
        left = [part for one in left for part in without(one, rectangle)]
        if not left:
            break
    return tuple(left)


def join_ranges(ranges: Iterable[Range]) -> list[Range]:
    """The same numbers as sorted ranges that neither overlap nor adjoin."""
    joined: list[Range] = []
    ordered = sorted(ranges)
    if len(ordered) == 1:
        return ordered
    for first, last in ordered:
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def subtract_ranges(ranges: Iterable[Range], first: int, last: int) -> list[Range]:
    """The numbers of `ranges` that are not in first..last."""
    left = []
    for a, b in ranges:
        if b < first or last < a:
            left.append((a, b))
            continue
        if a < first:
            left.append((a, first - 1))
        if last < b:
            left.append((last + 1, b))
    return left


def by_ports(region: Iterable[Rectangle]) -> list[tuple[list[Range], list[Range]]]:
    """The region as few (addresses, ports) pairs: addresses with the same ports form one pair."""
    rectangles = list(region)
    edges = sorted({r[0] for r in rectangles} | {r[1] + 1 for r in rectangles})
    grouped: dict[tuple[Range, ...], list[Range]] = {}
    for first, after in pairwise(edges):
        ports = tuple(join_ranges((r[2], r[3]) for r in rectangles if r[0] <= first and after - 1 <= r[1]))
        if ports:
            grouped.setdefault(ports, []).append((first, after - 1))
    return [(join_ranges(addresses), list(ports)) for ports, addresses in grouped.items()]

"""Addresses and prefixes as plain integers.

The path engine compares and splits address ranges millions of times: `ipaddress` objects are too slow for
that, and cannot express "the part of this subnet that passes". Text is converted to integers once, here.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

BITS = {4: 32, 6: 128}
_IPV4 = re.compile(r"\.".join([r"(0|[1-9][0-9]{0,2})"] * 4))
LARGEST = {4: (1 << 32) - 1, 6: (1 << 128) - 1}


class Prefix(NamedTuple):
    """A CIDR block: every address from `first` to `last`, both included."""

    version: int
    first: int
    last: int

    @property
    def length(self) -> int:
        return BITS[self.version] - (self.last - self.first).bit_length()

    def __str__(self) -> str:
        return f"{format_address(self.version, self.first)}/{self.length}"

    def holds(self, version: int, address: int) -> bool:
        return self.version == version and self.first <= address <= self.last


def parse_address(text: str) -> tuple[int, int]:
    """Return (version, number) of an IPv4 or IPv6 address. Raises ValueError if it is neither."""
    if ":" not in text:
        found = _IPV4.fullmatch(text)
        if found is not None:
            a, b, c, d = map(int, found.groups())
            if a < 256 and b < 256 and c < 256 and d < 256:
                return 4, a << 24 | b << 16 | c << 8 | d
        raise ValueError(f"{text!r} is not an IPv4 or IPv6 address")
    return 6, int(ipaddress.IPv6Address(text))


def parse_prefix(text: str) -> Prefix:
    """Return the CIDR block `text` (10.0.0.0/16). Raises ValueError if it is not exactly one."""
    host, slash, length_text = text.partition("/")
    if not slash or not (length_text.isascii() and length_text.isdigit()):
        raise ValueError(f"{text!r} is not a CIDR block like 10.0.0.0/16")
    version, first = parse_address(host)
    length = int(length_text)
    if length > BITS[version]:
        raise ValueError(f"{text!r} has a prefix length above {BITS[version]}")
    span = (1 << (BITS[version] - length)) - 1
    if first & span:
        raise ValueError(f"{text!r} has bits set after its prefix")
    return Prefix(version, first, first | span)


def format_address(version: int, number: int) -> str:
    """Print an address as AWS does (IPv6 compressed)."""
    if version == 4:
        return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return str(ipaddress.IPv6Address(number))


def range_as_prefixes(version: int, first: int, last: int) -> list[Prefix]:
    """Return the fewest CIDR blocks that together are exactly first..last."""
    found = []
    while first <= last:
        largest_aligned = first & -first if first else 1 << BITS[version]
        size = min(largest_aligned, 1 << ((last - first + 1).bit_length() - 1))
        found.append(Prefix(version, first, first + size - 1))
        first += size
    return found

"""What one name server said to one question, as an observation that can be recorded."""

from __future__ import annotations

from dataclasses import dataclass

from netcheck.core.model import Cause


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """What one server said to one question.

    `cause` is None when it gave addresses; `dns_no_address` when the name is there without any of this type.
    `aliases` are the names that CNAMEs led to, in order; `ttl` the lowest of the records used, in seconds;
    `soa_zone` and `soa_primary` are of a negative answer: the zone that denied the name, and its first
    server.
    """

    type: str
    addresses: tuple[str, ...]
    aliases: tuple[str, ...]
    ttl: int | None
    soa_zone: str
    soa_primary: str
    truncated: bool
    cause: Cause | None
    detail: str
    seconds: float

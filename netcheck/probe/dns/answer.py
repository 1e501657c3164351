"""A name server's answer to one query, as an observation that can be recorded."""

from __future__ import annotations

from dataclasses import dataclass

from netcheck.core.model import Cause


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """A name server's answer to one query.

    `cause` is None when there are addresses, and `dns_no_address` when the name exists without a record of
    this type. `aliases` are the targets of the CNAMEs, in order; `ttl` is the lowest of the records used, in
    seconds. `soa_zone` and `soa_primary` are the zone and the primary server in the SOA record of a negative
    answer.
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

"""What determines name resolution in a VPC, as AWS describes it. Pure data that a recording can hold."""

from __future__ import annotations

from dataclasses import dataclass

from netcheck.pipeline.model import Missing


@dataclass(frozen=True, slots=True)
class Zone:
    """A private hosted zone of a VPC. `service` is the AWS service that created it, "" for a user's;
    `account` is the account that owns it.
    """

    id: str
    name: str
    account: str
    service: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A Resolver rule of a VPC: `kind` is FORWARD, SYSTEM, RECURSIVE or DELEGATE."""

    id: str
    domain: str
    kind: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FirewallRule:
    """One DNS Firewall rule, in order of evaluation. A `managed` domain list is AWS's, whose contents are not
    readable.
    """

    group: str
    name: str
    action: str
    domains: str
    managed: bool


@dataclass(frozen=True, slots=True)
class Lookups:
    """What determines name resolution in a VPC. `missing` is what could not be read; `error` says why nothing
    could.
    """

    zones: tuple[Zone, ...]
    rules: tuple[Rule, ...]
    firewall: tuple[FirewallRule, ...]
    missing: tuple[Missing, ...]
    error: str

    def lacks(self, *what: str) -> Missing | None:
        return next((one for one in self.missing if one.what in what), None)


@dataclass(frozen=True, slots=True)
class Records:
    """A zone's records for one name: addresses, CNAMEs, or alias targets; `missing` if they could not be
    read.

    `delegated`: the zone delegates the name to other name servers.
    """

    values: tuple[str, ...]
    aliases: tuple[str, ...]
    missing: Missing | None
    delegated: bool = False

    @property
    def there(self) -> bool:
        return bool(self.values or self.aliases)


@dataclass(frozen=True, slots=True)
class Listed:
    """The domain lists, of those given, that contain the name."""

    lists: tuple[str, ...]
    missing: tuple[Missing, ...]

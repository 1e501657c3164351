"""What decides a name in a VPC, as AWS describes it. Pure data, fit for a recording."""

from __future__ import annotations

from dataclasses import dataclass

from netcheck.pipeline.model import Missing


@dataclass(frozen=True, slots=True)
class Zone:
    """A private hosted zone of a VPC. `service` is the AWS service that made it, "" for a person's;
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
    """One DNS Firewall rule, in the order in which it is tried. `managed` lists are AWS's own, which nobody
    can read.
    """

    group: str
    name: str
    action: str
    domains: str
    managed: bool


@dataclass(frozen=True, slots=True)
class Lookups:
    """What decides a name in a VPC. `missing` says what could not be learnt; `error` why nothing could."""

    zones: tuple[Zone, ...]
    rules: tuple[Rule, ...]
    firewall: tuple[FirewallRule, ...]
    missing: tuple[Missing, ...]
    error: str

    def lacks(self, *what: str) -> Missing | None:
        return next((one for one in self.missing if one.what in what), None)


@dataclass(frozen=True, slots=True)
class Records:
    """What a zone holds for one name: addresses, CNAMEs, or names of aliases; `missing` if that is not told.

    `delegated`: the zone hands the name on to other servers.
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
    """The domain lists, of those asked, that hold the name."""

    lists: tuple[str, ...]
    missing: tuple[Missing, ...]

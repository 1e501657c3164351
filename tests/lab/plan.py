"""What is to be built: namespaces with their links, addresses, routes and rules, as the tools read them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pin:
    """The source port that every NAT gateway shall give to this connection."""

    protocol: str
    address: str
    source_port: int
    destination: str
    port: int
    nat_port: int


@dataclass(slots=True)
class Namespace:
    """One network namespace: ``links`` are (own interface, other namespace, its interface)."""

    name: str
    forwards: bool
    listens: bool = False
    links: list[tuple[str, str, str]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    commands6: list[str] = field(default_factory=list)
    ruleset: str = ""
    # Loaded after it: one transaction may not be larger than a netlink socket's buffer.
    second_ruleset: str = ""

    def route(self, kind: str, prefix: str, rest: str) -> None:
        where = self.commands6 if ":" in prefix else self.commands
        where.append(f"route add {kind} {prefix} {rest}".replace("  ", " "))

    def address(self, address: str, device: str) -> None:
        if ":" in address:
            self.commands6.append(f"addr add {address}/128 dev {device} nodad")
        else:
            self.commands.append(f"addr add {address}/32 dev {device}")


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is to be built. ``nat_addresses`` lets a logged packet be recognised behind a NAT gateway."""

    namespaces: dict[str, Namespace]
    nat_addresses: tuple[str, ...]
    public_addresses: dict[str, str]

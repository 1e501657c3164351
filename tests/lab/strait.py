"""A strait: netcheck on one shore, servers on the other, a router between them that does as it is told.

    with Strait(rules="tcp dport 9098 drop") as strait:
        with strait.over_there(): ...open listening sockets...
        with strait.over_here(): ...netcheck...
        strait.calls()      # every connection that was tried: (address, port, source port)

Three network namespaces with real packets. Only inside the sandbox (straits.py); many may be open at once,
one a thread, as a thread has its namespace to itself.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from tests.lab.kernel import World
from tests.lab.plan import Namespace, Plan

HERE = "10.0.1.50"
HERE6 = "fd00:1::50"
BROKERS = ("10.0.2.11", "10.0.2.12", "10.0.2.13")
SERVER = "10.0.3.20"
SERVER6 = "fd00:3::20"
PUBLIC = "52.16.10.20"
NEUTRAL = "52.94.5.5"
NAME_SERVERS = ("10.0.0.2", "10.0.0.3")
THERE = (*BROKERS, SERVER, PUBLIC, NEUTRAL, *NAME_SERVERS)

_RULES = """table inet strait {{
    set calls {{
        type ipv4_addr . inet_service . inet_service
        flags dynamic
        size 8192
    }}
    set seen {{
        type inet_service
        flags dynamic
        size 8192
    }}
    chain forward {{
        type filter hook forward priority 0
        iifname "r0" meta nfproto ipv4 tcp flags & (syn|ack) == syn \
add @calls {{ ip daddr . tcp dport . tcp sport }}
        {rules}
    }}
    chain output {{
        type filter hook output priority 0
        {says}
    }}
}}
"""


class Strait:
    """`rules` are nft's, of the router's forward hook, both directions; `r0` is the interface to this shore.

    With `narrow`, the router's way to this shore takes packets of 1300 bytes; whether it says so is for
    `says`, rules of what the router itself sends.
    """

    def __init__(self, rules: str = "", *, says: str = "", narrow: bool = False) -> None:
        self._world = World()
        here, router, there = (Namespace(name, forwards=name == "router") for name in SHORES)
        router.links = [("r0", "here", "h0"), ("r1", "there", "t0")]
        here.address(HERE, "h0")
        here.address(HERE6, "h0")
        for address in (*THERE, SERVER6):
            there.address(address, "t0")
        for shore, device in ((here, "h0"), (there, "t0")):
            shore.route("", "0.0.0.0/0", f"dev {device}")
            shore.route("", "::/0", f"dev {device}")
        for prefix, device in (
            (f"{HERE}/32", "r0"),
            ("0.0.0.0/0", "r1"),
            (f"{HERE6}/128", "r0"),
            ("::/0", "r1"),
        ):
            router.route("", prefix, f"dev {device}")
        if narrow:
            router.commands.append("link set r0 mtu 1300")
        # What a router forwards is dropped or not by the rules; what it says itself needs an address.
        router.address("10.9.9.9", "r0")
        router.ruleset = _RULES.format(rules=rules.replace("\n", "\n        "), says=says)
        self._plan = Plan({one.name: one for one in (here, router, there)}, (), {})

    def __enter__(self) -> Self:
        self._world.build(self._plan, v6=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._world.close()

    def over_here(self) -> AbstractContextManager[None]:
        return self._world.inside("here")

    def over_there(self) -> AbstractContextManager[None]:
        return self._world.inside("there")

    def calls(self) -> list[tuple[str, int, int]]:
        """Every connection over IPv4 that was tried from here: address, port, source port."""
        with self._world.inside("router"):
            command = ["nft", "-j", "list", "set", "inet", "strait", "calls"]
            said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
        sets = [one["set"] for one in json.loads(said)["nftables"] if "set" in one]
        return sorted(tuple(element["concat"]) for element in sets[0].get("elem", []))


SHORES = ("here", "router", "there")

"""Where this run looks from: the host, its name servers and its proxy settings. Nothing is sent."""

from __future__ import annotations

import os
import platform
import socket
from dataclasses import dataclass
from pathlib import Path

from netcheck.context import Deadline

RESOLV_CONF = Path("/etc/resolv.conf")
PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
ELSEWHERE = (("192.0.2.1", socket.AF_INET), ("2001:db8::1", socket.AF_INET6))
"""Addresses for documentation (RFC 5737, RFC 3849): only the kernel's choice of a source address is asked for."""


@dataclass(frozen=True, slots=True)
class Vantage:
    """This host. `addresses` are those it would use towards the internet; `proxies` are variable names."""

    host: str
    addresses: tuple[str, ...]
    name_servers: tuple[str, ...]
    proxies: tuple[str, ...]
    system: str


def look(deadline: Deadline) -> Vantage:
    """Describe this host. Never waits: a datagram socket that is connected sends nothing."""
    deadline.remaining()
    return Vantage(
        socket.gethostname(),
        tuple(found for address, family in ELSEWHERE if (found := _source_address(address, family))),
        _name_servers(RESOLV_CONF),
        tuple(sorted({name for name in os.environ if name.lower() in PROXY_VARIABLES})),
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
    )


def _source_address(address: str, family: socket.AddressFamily) -> str | None:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 53))
            source: str = probe.getsockname()[0]
            return source
    except OSError:
        return None


def _name_servers(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return ()
    words = [line.split() for line in lines]
    return tuple(line[1] for line in words if len(line) > 1 and line[0] == "nameserver")

"""Reads `host:port` and URLs as people type them, and says what is wrong with the ones that will not do."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", re.IGNORECASE)
"""A label of a host name: RFC 1123 section 2.1, and the underscore that real DNS names use."""
LONGEST_NAME = 253


class EndpointError(ValueError):
    """The text is not an endpoint; the message says why and what to write, and never holds a password."""


@dataclass(frozen=True, slots=True)
class Url:
    """The parts of an `http(s)://user@host:port/database` URL."""

    tls: bool
    host: str
    port: int
    user: str | None
    database: str | None


def parse_endpoint(text: str) -> tuple[str, int]:
    """Split `host:port` (`[v6]:port` for IPv6). Raises EndpointError."""
    text = text.strip()
    if "://" in text:
        scheme, _, rest = text.partition("://")
        raise EndpointError(f"{shown(text)}: leave out the scheme {scheme}://, write {shown(rest)}")
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        raise EndpointError(f"{shown(text)}: write host:port, and an IPv6 address in brackets, [::1]:9094")
    return parse_host(host), parse_port(port, text)


def parse_host(text: str) -> str:
    """A host name or address, without brackets, in lower case. Raises EndpointError."""
    if "://" in text:
        raise EndpointError(
            f"{shown(text)}: a host name holds no scheme, write it without {text.split('://')[0]}://"
        )
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if "%" in bare:  # a zone id is this machine's name for a link, nothing that a worker could use
        raise EndpointError(f"{shown(text)}: leave out the zone, what follows the %")
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    if not bare.isascii():
        raise EndpointError(f"{shown(text)}: has letters that DNS does not carry, write its xn-- form")
    labels = bare.removesuffix(".").split(".")
    if len(bare) > LONGEST_NAME or not all(len(x) <= 63 and LABEL.fullmatch(x) for x in labels):
        raise EndpointError(f"{shown(text)}: not a host name (letters, digits, '-' and '.') or an address")
    if labels[-1].isdigit():
        raise EndpointError(f"{shown(text)}: looks like an IPv4 address, and is not a valid one")
    return bare.lower()


def is_address(text: str) -> bool:
    """Whether this is a bare IPv4 or IPv6 address rather than a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def parse_port(text: str, whole: str) -> int:
    """A TCP port, 1 to 65535. Raises EndpointError."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 65535):
        raise EndpointError(f"{shown(whole)}: {shown(text)} is not a port, ports are 1 to 65535")
    return int(text)


def parse_url(text: str) -> Url:
    """Read a ClickHouse URL: `https://[user@]host[:port][/database]`, or a bare `host:port`.

    Without a scheme it is HTTPS, but for ClickHouse's plain ports 8123 and 80. Raises EndpointError,
    also where the URL holds a password: an argument is seen by every process on the machine.
    """
    text = text.strip()
    scheme, separator, _ = text.partition("://")
    if not separator:
        host, port = parse_endpoint(text)
        return Url(port not in (8123, 80), host, port, None, None)
    if scheme.lower() not in ("http", "https"):
        raise EndpointError(f"{shown(text)}: write https:// or http://")
    try:
        parts = urlsplit(text)
        given_port = parts.port
    except ValueError:
        raise EndpointError(f"{shown(text)}: not a URL with a port from 1 to 65535") from None
    if parts.password is not None:
        raise EndpointError(
            "the ClickHouse URL holds a password: leave it out, and set NETCHECK_CLICKHOUSE_PASSWORD "
            "or use --credentials FILE"
        )
    tls = scheme.lower() == "https"
    port = (8443 if tls else 8123) if given_port is None else parse_port(str(given_port), text)
    database = unquote(parts.path.strip("/")) or None
    if "@" in parts.path:  # what stands before it was meant for a login, its / not written as %2F
        raise EndpointError(f"{shown(text)}: write / and @ in a user's name as %2F and %40")
    if set(database or "") & set("/;=") or parts.query or parts.fragment:
        raise EndpointError(f"{shown(text)}: after the port there may be one /database, and nothing else")
    user = unquote(parts.username) if parts.username else None
    return Url(tls, parse_host(parts.hostname or ""), port, user, database)


def shown(text: str) -> str:
    """The text as an error message may show it: quoted, short, and without what may be a password.

    Everything before the last @ is left out: a password may hold any sign, / and @ among them. So is what
    comes after ? ; # (JDBC's parameters among it) and after `password=`.
    """
    text = re.sub(r"^([a-z]+://)?.*@", r"\1***@", text, flags=re.IGNORECASE | re.DOTALL)
    text = re.sub(r"([?;#]|pass\w*=).+", r"\1***", text, flags=re.IGNORECASE | re.DOTALL)
    return repr(text if len(text) <= 80 else text[:77] + "...")

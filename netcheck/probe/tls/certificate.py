"""Reads certificates: names, dates and fingerprints for the report."""

from __future__ import annotations

import _ssl
import contextlib
import datetime
import hashlib
import ipaddress
import ssl
import time
from dataclasses import dataclass
from typing import Any

from netcheck.core.model import Cause

_SHORT = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "localityName": "L",
    "stateOrProvinceName": "ST",
}

_Name = tuple[tuple[tuple[str, str], ...], ...]
"""A distinguished name as `ssl` returns it: relative names of one or more (type, value)."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate of the chain that a server sent.

    `subject` and `issuer` as `CN=..., O=...`; `not_before` and `not_after` ISO 8601 in UTC, and
    `expires_in_days` as of the moment of the probe, negative once expired (None where the date cannot be
    read); `names` the subject alternative names; `serial` and `sha256` in hexadecimal; `self_signed` where
    issuer and subject are the same.
    """

    subject: str
    issuer: str
    issuer_organisation: str
    not_before: str
    not_after: str
    expires_in_days: float | None
    names: tuple[str, ...]
    serial: str
    sha256: str
    self_signed: bool


def sent_chain(tls: ssl.SSLObject) -> tuple[Certificate, ...]:
    """The chain as the server sent it, leaf first, also after a failed verification. Empty when the server
    sent none.
    """
    return tuple(_certificate(one) for one in _chain(tls, "get_unverified_chain"))


def anchor(tls: ssl.SSLObject) -> bytes | None:
    """The trust anchor that a verified chain ends in, in DER."""
    verified = _chain(tls, "get_verified_chain")
    return _der(verified[-1]) if verified else None


def out_of_date(tls: ssl.SSLObject, anchors: frozenset[bytes]) -> Cause | None:
    """The cause if a certificate below the trust anchor has expired or is not valid yet, else None.

    The anchor's dates do not count: RFC 5280 (6.1) and a JVM ignore them, while OpenSSL checks them. A date
    that cannot be parsed makes the certificate invalid.
    """
    now = time.time()
    for one in _chain(tls, "get_verified_chain")[:-1]:
        if _der(one) in anchors:
            return None  # an anchor below a root that is also trusted: a JVM checks no further
        info = _info(one)
        not_before, not_after = _seconds(info.get("notBefore")), _seconds(info.get("notAfter"))
        if not_before is None or not_after is None:
            return Cause.TLS_CERTIFICATE_INVALID
        if now < not_before:
            return Cause.TLS_CERTIFICATE_NOT_YET_VALID
        if now > not_after:
            return Cause.TLS_CERTIFICATE_EXPIRED
    return None


def matches(certificate: Certificate, host: str) -> bool:
    """Whether a certificate is for `host`, by its alternative names (RFC 9525, 6.3: a `*` is the whole first
    label).
    """
    names = certificate.names
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return any(_is_for(name.lower(), host.rstrip(".").lower()) for name in names)
    return any(_address(name) == address for name in names)


def _is_for(name: str, host: str) -> bool:
    if name.startswith("*."):
        _, _, rest = host.partition(".")
        return rest == name[2:]
    return name == host


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _chain(tls: ssl.SSLObject, which: str) -> list[Any]:
    """The chain from SSLObject's internal object: the public methods of these names exist since Python 3.13
    and return only bytes.
    """
    inside: Any = tls._sslobj  # type: ignore[attr-defined]
    return getattr(inside, which)() or []


def _der(certificate: Any) -> bytes:
    encoded: bytes = certificate.public_bytes(_ssl.ENCODING_DER)
    return encoded


def _certificate(one: Any) -> Certificate:
    sha256 = hashlib.sha256(_der(one)).hexdigest()
    info = _info(one)
    subject: _Name = info.get("subject", ())
    issuer: _Name = info.get("issuer", ())
    not_before, not_after = _seconds(info.get("notBefore")), _seconds(info.get("notAfter"))
    return Certificate(
        subject=_text(subject),
        issuer=_text(issuer),
        issuer_organisation=_organisation(issuer),
        not_before=_iso(not_before),
        not_after=_iso(not_after),
        expires_in_days=None if not_after is None else round((not_after - time.time()) / 86400, 3),
        names=tuple(_alternative(*name) for name in info.get("subjectAltName", ())),
        serial=str(info.get("serialNumber", "")),
        sha256=sha256,
        self_signed=bool(subject) and subject == issuer,
    )


def _info(one: Any) -> dict[str, Any]:
    """A certificate's fields as decoded by OpenSSL; empty where it cannot be decoded."""
    with contextlib.suppress(ValueError, ssl.SSLError):
        info: dict[str, Any] = one.get_info()
        return info
    return {}


def _text(name: _Name) -> str:
    """The name as text, most specific part first."""
    return ", ".join(f"{_SHORT.get(key, key)}={value}" for part in reversed(name) for key, value in part)


def _organisation(name: _Name) -> str:
    return next((value for part in name for key, value in part if key == "organizationName"), "")


def _alternative(kind: str, value: str) -> str:
    """An IP address in its compressed form, which `ssl` does not return; anything else unchanged."""
    address = _address(value) if kind == "IP Address" else None
    return value if address is None else str(address)


def _seconds(date: str | None) -> float | None:
    if date is None:
        return None
    try:
        return float(ssl.cert_time_to_seconds(date))
    except ValueError:
        return None


def _iso(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat().replace("+00:00", "Z")

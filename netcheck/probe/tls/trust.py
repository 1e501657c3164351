"""Reads trust stores in a connector's formats (PEM, PKCS12, JKS), and builds TLS contexts that trust them."""

from __future__ import annotations

import functools
import importlib.util
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netcheck.core.credentials import Trust
from netcheck.probe.tls import jks
from netcheck.probe.tls.session import ObservedSSLObject, Verifier, observe

_PEM_BEGIN = b"-----BEGIN "
_JCEKS_MAGIC = b"\xce\xce\xce\xce"
_MAX_SIZE = 32 << 20

# A JVM can also negotiate RSA key exchange, SHA-1 MACs and 1024-bit keys, which Python disables by default.
# Without them we would blame a server that the connector can use.
_CIPHERS = "DEFAULT:@SECLEVEL=1"
_OP_LEGACY_SERVER_CONNECT = 0x4
_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME: `Session` checks the dates itself, like a JVM without the trust anchor's."""

_ALWAYS = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
_AS_A_JVM = ssl.VerifyFlags(_ALWAYS | _NO_CHECK_TIME)
_STRICT = _ALWAYS | ssl.VERIFY_X509_STRICT

_ONE_AT_A_TIME = threading.Lock()
"""Loading takes tens of milliseconds of CPU time: it is done once for all brokers that are probed in
parallel.
"""


class TrustError(Exception):
    """A trust store that cannot be used. The message is one line: what is wrong, where, and the fix."""

    def __init__(self, what: str, where: str, fix: str) -> None:
        super().__init__(f"trust store {where}: {what}. {fix}")
        self.what = what
        self.where = where
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Roots:
    """The certificates of a trust store.

    `source` describes where they came from; `certificates` are DER, or None where OpenSSL reads the
    system's from its default paths.
    """

    source: str
    certificates: tuple[bytes, ...] | None


def load(trust: Trust) -> Roots:
    """Read the trust store, or the system's roots where `trust` names none.

    Like in the JVM, every certificate in a store is trusted, also an intermediate one, and of a private key's
    entry its certificate (sun.security.validator.TrustStoreUtil). Raises TrustError.
    """
    return _system() if trust.path is None else _load_file(trust.path, trust, _stamp(trust.path))


def verifier(trust: Trust, *, verify: bool = True, strict: bool = False) -> Verifier:
    """The verifier of a client with this trust store, shared by all connections. Raises TrustError.

    By default it verifies like a JVM: hostname and chain, with every certificate of the store a trust anchor,
    whatever its dates (X509_V_FLAG_PARTIAL_CHAIN), and without RFC 5280's stricter rules. `strict` adds these
    (VERIFY_X509_STRICT, the default of Python 3.13 and of other recent clients). Without `verify` nothing is
    verified: never send a secret over such a connection.
    """
    stamp = None if trust.path is None else _stamp(trust.path)
    with _ONE_AT_A_TIME:
        return _verifier(trust, stamp, verify, strict)


def public_roots() -> frozenset[bytes]:
    """The roots that browsers trust, in DER: Mozilla's list as shipped by certifi; empty without certifi.

    Not the system's roots: a company that intercepts TLS installs its root there, and a connector's JVM on
    MSK Connect does not have that root.
    """
    with _ONE_AT_A_TIME:
        return _public_roots()


def public_organisations() -> frozenset[str]:
    """The organisations behind `public_roots()`, and Let's Encrypt, whose roots are ISRG's."""
    with _ONE_AT_A_TIME:
        return _public_organisations()


def public_verifier() -> Verifier:
    """A verifier that trusts `public_roots()` and ignores the hostname. Raises TrustError without certifi."""
    with _ONE_AT_A_TIME:
        return _public_verifier()


@functools.lru_cache(maxsize=1)
def _public_roots() -> frozenset[bytes]:
    bundle = _certifi()
    return frozenset() if bundle is None else frozenset(_pem_certificates(bundle.read_bytes()))


@functools.lru_cache(maxsize=1)
def _public_organisations() -> frozenset[str]:
    if not _public_roots():
        return frozenset()
    subjects: list[Any] = [one["subject"] for one in _public_verifier().context.get_ca_certs()]
    names = (name for subject in subjects for part in subject for name in part)
    return frozenset(value for key, value in names if key == "organizationName") | {"Let's Encrypt"}


@functools.lru_cache(maxsize=1)
def _public_verifier() -> Verifier:
    bundle = _certifi()
    if bundle is None:
        raise TrustError("certifi is not installed", "of public roots", "Install certifi.")
    made = _client_context()
    made.check_hostname = False
    made.load_verify_locations(bundle)
    return Verifier(made)


@functools.lru_cache(maxsize=16)
def _verifier(trust: Trust, stamp: tuple[int, int] | None, verify: bool, strict: bool) -> Verifier:
    made = _client_context()
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
        return Verifier(made)
    if strict:
        made.verify_flags = _STRICT
    roots = _system() if trust.path is None else _load_file(trust.path, trust, stamp)
    if roots.certificates is None:
        made.load_default_certs()
        return Verifier(made)
    try:
        made.load_verify_locations(cadata=b"".join(roots.certificates))
    except (ssl.SSLError, ValueError) as error:  # ValueError: of no bytes at all
        what = f"a certificate in it cannot be read ({getattr(error, 'reason', error)})"
        raise TrustError(what, str(trust.path), "Export it again.") from error
    return Verifier(made, frozenset(roots.certificates))


def _client_context() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(_CIPHERS)
    made.verify_flags = _AS_A_JVM
    made.options |= _OP_LEGACY_SERVER_CONNECT
    made.sslobject_class = ObservedSSLObject
    observe(made)
    return made


def _stamp(path: str) -> tuple[int, int] | None:
    """A value that changes with the file; None where there is no file, which loading it reports."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size


def _system() -> Roots:
    """The system's roots; certifi's where the system has none, as slim container images do."""
    places = ssl.get_default_verify_paths()
    folder = Path(places.capath) if places.capath else None
    if places.cafile or (folder is not None and any(folder.glob("*.0"))):
        return Roots("the system's root certificates", None)
    bundle = _certifi()
    if bundle is None:
        raise TrustError(
            "this host has no root certificates",
            "of the system",
            "Install the package ca-certificates, or add --ca FILE with root certificates.",
        )
    return Roots("certifi's root certificates", tuple(_pem_certificates(bundle.read_bytes())))


def _certifi() -> Path | None:
    if importlib.util.find_spec("certifi") is None:
        return None
    import certifi

    return Path(certifi.where())


@functools.lru_cache(maxsize=16)
def _load_file(path: str, trust: Trust, stamp: tuple[int, int] | None) -> Roots:  # noqa: ARG001 - the cache's key
    data = _read(path)
    password = None if trust.password is None else trust.password.reveal()
    kind, certificates = _parse(path, data, password)
    return Roots(f"{path} ({kind})", certificates)


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MAX_SIZE + 1)
    except IsADirectoryError as error:
        raise TrustError("it is a folder", path, "Name the file inside it.") from error
    except FileNotFoundError as error:
        raise TrustError("no such file", path, "Check the path.") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise TrustError(f"it cannot be read ({reason})", path, "Check its permissions.") from error
    if not data:
        raise TrustError("it is empty", path, "Export the trust store again.")
    if len(data) > _MAX_SIZE:
        raise TrustError(f"it is larger than {_MAX_SIZE >> 20} MB", path, "Is it a trust store?")
    return data


def _parse(path: str, data: bytes, password: str | None) -> tuple[str, tuple[bytes, ...]]:
    """Detect the format by the content of the file: its name is often wrong."""
    if data.startswith(jks.MAGIC):
        return "JKS", _jks(path, data, password)
    if data.startswith(_JCEKS_MAGIC):
        fix = "Convert it with `keytool -importkeystore -deststoretype PKCS12`."
        raise TrustError("it is a JCEKS, which is not supported", path, fix)
    if _PEM_BEGIN in data:
        return "PEM", _pem(path, data)
    match _first_member(data):
        case 0x02:
            return "PKCS12", _pkcs12(path, data, password)
        case 0x30:
            return "DER", (data,)
        case _:
            fix = "Name a PEM, PKCS12 or JKS file."
            raise TrustError("it is not PEM, PKCS12 or JKS", path, fix)


def _first_member(data: bytes) -> int | None:
    """The tag of an ASN.1 SEQUENCE's first member: an INTEGER in a PKCS12, a SEQUENCE in a certificate."""
    if len(data) < 4 or data[0] != 0x30:
        return None
    start = 2 if data[1] < 0x80 else 2 + (data[1] & 0x7F)
    return data[start] if start < len(data) else None


def _jks(path: str, data: bytes, password: str | None) -> tuple[bytes, ...]:
    try:
        store = jks.read(data, password)
    except jks.WrongPassword as error:
        raise TrustError("the password is wrong", path, "Check the trust store's password.") from error
    except jks.Damaged as error:
        raise TrustError(f"it is damaged: {error}", path, "Copy it again, in binary mode.") from error
    if not store.trusted and store.own:
        fix = "Name the trust store, or import the CA certificate with `keytool -importcert`."
        raise TrustError("it holds private keys and no trusted certificate: it is a key store", path, fix)
    return _some(path, store.trusted + store.own)


def _pkcs12(path: str, data: bytes, password: str | None) -> tuple[bytes, ...]:
    try:
        from cryptography.hazmat.primitives.serialization import Encoding, pkcs12
    except ImportError as error:
        fix = "Install it with `pip install 'netcheck[pkcs12]'`, or name a PEM or JKS file."
        raise TrustError("reading PKCS12 needs the package cryptography", path, fix) from error
    try:
        store = pkcs12.load_pkcs12(data, None if password is None else password.encode())
    except ValueError as error:
        what = "it needs a password" if password is None else "the password is wrong, or the file is damaged"
        raise TrustError(what, path, "Check the trust store's password.") from error
    # Beside a private key, certificates without an alias are that key's chain, which a JVM does not trust.
    trusted = [one for one in store.additional_certs if store.key is None or one.friendly_name is not None]
    held = tuple(one.certificate.public_bytes(Encoding.DER) for one in trusted)
    if not held and store.key is not None:
        fix = "Name the trust store, or import the CA certificate with `keytool -importcert`."
        raise TrustError("it holds a private key and no trusted certificate: it is a key store", path, fix)
    return _some(path, held)


def _pem(path: str, data: bytes) -> tuple[bytes, ...]:
    try:
        return _some(path, tuple(_pem_certificates(data)))
    except ValueError as error:
        raise TrustError(f"it is damaged: {error}", path, "Copy it again.") from error


def _pem_certificates(data: bytes) -> list[bytes]:
    """The certificates of a PEM file, in DER. Raises ValueError."""
    found = []
    end = b"-----END CERTIFICATE-----"
    for part in data.split(b"-----BEGIN CERTIFICATE-----")[1:]:
        body, mark, _ = part.partition(end)
        if not mark:
            raise ValueError("a certificate in it has no END line")
        text = f"-----BEGIN CERTIFICATE-----\n{body.decode('ascii').strip()}\n-----END CERTIFICATE-----\n"
        found.append(ssl.PEM_cert_to_DER_cert(text))
    return found


def _some(path: str, certificates: tuple[bytes, ...]) -> tuple[bytes, ...]:
    if not certificates:
        fix = "Import the CA certificate into it."
        raise TrustError("it contains no certificate", path, fix)
    return certificates

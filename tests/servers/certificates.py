"""Certificates for the tests: an authority of our own, and every way in which a certificate can be wrong.

    with tempfile.TemporaryDirectory() as folder:
        certificates = Certificates(Path(folder))
        certificates.authority.certificate      # PEM file: what a client has to trust
        certificates.good                       # Leaf: .certificate .key (PEM files), .server_context()
        certificates.expired.server_context()   # an ssl.SSLContext that serves the expired one
        certificates.client.certificate         # a client certificate, for mutual TLS
        certificates.authority.issue("b-1.example.test", "10.0.0.4")        # any names
        certificates.authority.truststore_pkcs12("secret")                  # trust stores as MSK clients use
        certificates.authority.truststore_jks("secret")                     # needs.keytool() first

In a test, take the session fixture `certificates` (tests/conftest.py). The attributes of Certificates are
made on first use; keys are P-256, so each takes about a millisecond.

All of them are genuine X.509: whether one is refused, and why, is for the TLS library under test to say.
"""

from __future__ import annotations

import datetime
import ipaddress
import itertools
import ssl
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HERE = ("localhost", "127.0.0.1", "::1")
_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate and its key, as PEM files. `certificate` is what a server sends: leaf, then chain."""

    certificate: Path
    key: Path
    names: tuple[str, ...]

    def server_context(self, minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> ssl.SSLContext:
        """A server's context that presents this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = minimum
        context.load_cert_chain(self.certificate, self.key)
        return context

    def keystore_pem(self) -> Path:
        """One PEM file with the key first and then the chain, as Kafka's `ssl.keystore.type=PEM` wants it."""
        combined = self.certificate.with_suffix(".keystore.pem")
        combined.write_bytes(self.key.read_bytes() + self.certificate.read_bytes())
        return combined


@dataclass(frozen=True, slots=True)
class Shape:
    """How an authority's certificates are built. The defaults are what RFC 5280 asks for.

    Both departures pass OpenSSL's ordinary verification and fail ssl.VERIFY_X509_STRICT, which Python 3.13
    turned on by default: such an authority works from an old Python and not from a new one.
    """

    authority_key_identifier: bool = True
    critical_basic_constraints: bool = True


class Authority:
    """A certificate authority that writes everything it makes as PEM files into `folder`.

    `issuer=None` makes a root. Attributes: `certificate` (PEM path), `folder`.
    """

    def __init__(
        self,
        folder: Path,
        organization: str = "netcheck test authority",
        *,
        issuer: Authority | None = None,
        shape: Shape | None = None,
    ) -> None:
        self.folder = folder
        self._shape = shape or Shape()
        self._issuer = issuer
        self._serials = itertools.count(1)
        self._stem = "".join(letter if letter.isalnum() else "-" for letter in organization.lower())
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f"{organization} CA", organization)
        signer = issuer or self
        self.x509 = signer._sign(
            self._name,
            self._key.public_key(),
            _now() - 30 * _DAY,
            _now() + 365 * _DAY,
            [
                (x509.BasicConstraints(ca=True, path_length=None), self._shape.critical_basic_constraints),
                (_key_usage(authority=True), True),
            ],
        )
        self.certificate = folder / f"{self._stem}.pem"
        self.certificate.write_bytes(self.x509.public_bytes(Encoding.PEM))

    def issue(
        self,
        *names: str,
        not_before: datetime.datetime | None = None,
        not_after: datetime.datetime | None = None,
        client: bool = False,
        send_chain: bool = True,
        organization: str = "netcheck test",
    ) -> Leaf:
        """Issue a certificate for DNS names and IP addresses; with `client`, for a client so named."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        certificate = self._sign(
            _name(names[0], organization),
            key.public_key(),
            not_before or _now() - _DAY,
            not_after or _now() + 90 * _DAY,
            [
                (x509.SubjectAlternativeName(_general_names(names)), False),
                (x509.BasicConstraints(ca=False, path_length=None), True),
                (_key_usage(authority=False), True),
                (x509.ExtendedKeyUsage([usage]), False),
            ],
        )
        chain = self._intermediates() if send_chain else ()
        return _write(self.folder / f"{self._stem}-{next(self._serials)}", (certificate, *chain), key, names)

    def client_context(self, *, strict: bool = False) -> ssl.SSLContext:
        """A client's context that trusts this authority and nothing else."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        if strict:
            context.verify_flags |= ssl.VERIFY_X509_STRICT
        else:
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context

    def truststore_pkcs12(self, password: str) -> Path:
        """A PKCS12 trust store marked the way Java wants it: for Kafka's `ssl.truststore.location`."""
        path = self.folder / f"{self._stem}-{password}.p12"
        entry = pkcs12.PKCS12Certificate(self.x509, b"netcheck")
        path.write_bytes(
            pkcs12.serialize_java_truststore([entry], BestAvailableEncryption(password.encode()))
        )
        return path

    def truststore_jks(self, password: str) -> Path:
        """A JKS trust store written by the JDK's own keytool (6 characters of password at least)."""
        path = self.folder / f"{self._stem}-{password}.jks"
        path.unlink(missing_ok=True)
        subprocess.run(
            [
                *("keytool", "-importcert", "-noprompt", "-storetype", "JKS", "-alias", "netcheck"),
                *("-file", str(self.certificate), "-keystore", str(path), "-storepass", password),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )
        return path

    def _intermediates(self) -> tuple[x509.Certificate, ...]:
        return () if self._issuer is None else (self.x509, *self._issuer._intermediates())

    def _sign(
        self,
        subject: x509.Name,
        public_key: ec.EllipticCurvePublicKey,
        not_before: datetime.datetime,
        not_after: datetime.datetime,
        extensions: list[tuple[x509.ExtensionType, bool]],
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before)
            .not_valid_after(not_after)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
        )
        if self._shape.authority_key_identifier:
            ours = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
            builder = builder.add_extension(ours, False)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._key, hashes.SHA256())


class Certificates:
    """One of every kind, all for `names` (default: localhost, 127.0.0.1, ::1) unless it says otherwise."""

    def __init__(self, folder: Path, names: tuple[str, ...] = HERE) -> None:
        self.folder = folder
        self.names = names

    @cached_property
    def authority(self) -> Authority:
        """The authority that clients of the tests trust."""
        return Authority(self.folder)

    @staticmethod
    def days_ago(days: int) -> datetime.datetime:
        """That moment, for a certificate's dates."""
        return _now() - days * _DAY

    @cached_property
    def good(self) -> Leaf:
        """Nothing wrong with it."""
        return self.authority.issue(*self.names)

    @cached_property
    def expired(self) -> Leaf:
        """Ran out yesterday."""
        return self.authority.issue(*self.names, not_before=_now() - 20 * _DAY, not_after=_now() - _DAY)

    @cached_property
    def expiring(self) -> Leaf:
        """Valid, but only for five more days."""
        return self.authority.issue(*self.names, not_after=_now() + 5 * _DAY)

    @cached_property
    def not_yet_valid(self) -> Leaf:
        """Valid from tomorrow: usually the client's clock is wrong."""
        return self.authority.issue(*self.names, not_before=_now() + _DAY)

    @cached_property
    def wrong_host(self) -> Leaf:
        """Valid, but for another host's names."""
        return self.authority.issue("elsewhere.example.test", "192.0.2.7")

    @cached_property
    def self_signed(self) -> Leaf:
        """A leaf that signed itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(self.names[0], "netcheck test")
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_now() - _DAY)
            .not_valid_after(_now() + 90 * _DAY)
            .add_extension(x509.SubjectAlternativeName(_general_names(self.names)), False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
            .sign(key, hashes.SHA256())
        )
        return _write(self.folder / "self-signed", (certificate,), key, self.names)

    @cached_property
    def interceptor(self) -> Authority:
        """The authority of a TLS-inspecting proxy: nobody outside the company trusts it."""
        return Authority(self.folder, "Corp Proxy")

    @cached_property
    def intercepted(self) -> Leaf:
        """What such a proxy presents: the real names, issued by Corp Proxy CA, that root sent along."""
        leaf = self.interceptor.issue(*self.names)
        root = self.interceptor.certificate.read_bytes()
        leaf.certificate.write_bytes(leaf.certificate.read_bytes() + root)
        return leaf

    @cached_property
    def intermediate(self) -> Authority:
        """An intermediate authority, signed by `authority`."""
        return Authority(self.folder, "netcheck test intermediate", issuer=self.authority)

    @cached_property
    def full_chain(self) -> Leaf:
        """Issued by the intermediate, which the server sends along."""
        return self.intermediate.issue(*self.names)

    @cached_property
    def missing_intermediate(self) -> Leaf:
        """Issued by the intermediate, which the server forgets to send."""
        return self.intermediate.issue(*self.names, send_chain=False)

    @cached_property
    def without_key_identifier(self) -> Authority:
        """Its certificates lack the Authority Key Identifier: only the strict X.509 mode minds."""
        return Authority(self.folder, "netcheck no key id", shape=Shape(authority_key_identifier=False))

    @cached_property
    def constraints_not_critical(self) -> Authority:
        """Its own certificate's basicConstraints are not critical: only the strict X.509 mode minds."""
        return Authority(self.folder, "netcheck lax CA", shape=Shape(critical_basic_constraints=False))

    @cached_property
    def client(self) -> Leaf:
        """A client certificate that `authority` issued, for CN=netcheck-client."""
        return self.authority.issue("netcheck-client", client=True)

    @cached_property
    def stranger(self) -> Leaf:
        """A client certificate of an authority that no server here trusts."""
        return self.interceptor.issue("netcheck-stranger", client=True)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def _name(common_name: str, organization: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _general_names(names: Iterable[str]) -> list[x509.GeneralName]:
    return [_general_name(name) for name in names]


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(
    stem: Path, chain: tuple[x509.Certificate, ...], key: ec.EllipticCurvePrivateKey, names: tuple[str, ...]
) -> Leaf:
    certificate_path, key_path = stem.with_suffix(".pem"), stem.with_suffix(".key")
    certificate_path.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in chain))
    key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return Leaf(certificate_path, key_path, names)

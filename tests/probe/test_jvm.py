"""What the probe says a JVM would say of a server's certificate, held against what a JVM says."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import subprocess
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from netcheck.core.context import Deadline
from netcheck.core.credentials import Trust
from netcheck.core.secret import Secret
from netcheck.probe.tls.handshake import handshake
from tests import needs
from tests.servers import peers

PASSWORD = "changeit"
DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Signed:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key


def _issue(
    common_name: str,
    issuer: Signed | None = None,
    *,
    names: Iterable[str] = (),
    days: tuple[int, int] = (-10, 90),
    authority: bool | None = None,
    usage: x509.ObjectIdentifier | None = None,
    key: Key | None = None,
    key_identifiers: bool = True,
    critical: bool = True,
    key_usage: bool = False,
) -> Signed:
    """A certificate with just the extensions that are asked for; `issuer=None` signs itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + days[0] * DAY)
        .not_valid_after(NOW + days[1] * DAY)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(one) for one in names]), False)
    if authority is not None:
        builder = builder.add_extension(x509.BasicConstraints(authority, None), critical)
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
    if key_usage:
        bits = dict.fromkeys(_KEY_USAGES, False) | {"digital_signature": True}
        builder = builder.add_extension(x509.KeyUsage(**bits), True)
    if key_identifiers:
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        theirs = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(own, False).add_extension(theirs, False)
    return Signed(builder.sign(signer, hashes.SHA256()), key)


_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass(frozen=True)
class Case:
    """A server that sends `chain` (leaf first), a client that asks for `name` and trusts `trusted`."""

    sentence: str
    chain: tuple[Signed, ...]
    trusted: tuple[Signed, ...]
    name: str = "b-1.example.test"
    oldest_ciphers: str = ""
    jvm_is_laxer: bool = False
    """Known and left: a `*` anywhere in a name, which RFC 9525 forbids; any purpose for a server's own
    certificate in the trust store."""


def _cases() -> list[Case]:
    root = _issue("root", authority=True)
    other = _issue("another root", authority=True)
    middle = _issue("middle", root, authority=True)
    old_root = _issue("old root", authority=True, days=(-90, -10))
    plain_root = _issue("plain root", key_identifiers=False)
    lax_root = _issue("lax root", authority=True, critical=False)
    no_authority = _issue("no authority", root, authority=False)
    good = ("b-1.example.test", "127.0.0.1")
    leaf = _issue("leaf", root, names=good)
    alone = _issue("alone", names=good)
    late = _issue("late", names=good, days=(-20, -1))
    early = _issue("early", names=good, days=(1, 20))
    stale = _issue("stale", root, names=good, days=(-20, -1))
    old_middle = _issue("old middle", root, authority=True, days=(-20, -1))
    of_old_middle = _issue("x", old_middle, names=good)
    for_clients = _issue("x", names=good, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    return [
        Case("a good one", (leaf,), (root,)),
        Case("a good one by its address", (leaf,), (root,), "127.0.0.1"),
        Case("in capitals", (leaf,), (root,), "B-1.EXAMPLE.test"),
        Case("an address that it is not for", (leaf,), (root,), "127.0.0.2"),
        Case("another name", (leaf,), (root,), "b-2.example.test"),
        Case("an address, and only a name in it", (_issue("x", root, names=good[:1]),), (root,), "127.0.0.1"),
        Case("expired", (_issue("x", root, names=good, days=(-20, -1)),), (root,)),
        Case("not yet valid", (_issue("x", root, names=good, days=(1, 20)),), (root,)),
        Case("an unknown authority", (leaf,), (other,)),
        Case("self-signed and unknown", (alone,), (root,)),
        Case("self-signed and in the trust store", (alone,), (alone,)),
        Case("expired and in the trust store itself", (late,), (late,)),
        Case("not yet valid and in the trust store itself", (early,), (early,)),
        Case("of an authority, expired, and in the trust store itself", (stale,), (stale,)),
        Case("expired, beside its authority in the trust store", (stale,), (root, stale)),
        Case(
            "an expired root that is sent along", (_issue("x", old_root, names=good), old_root), (old_root,)
        ),
        Case("an expired intermediate in the trust store", (of_old_middle,), (old_middle,)),
        Case("an expired intermediate, sent and trusted", (of_old_middle, old_middle), (old_middle,)),
        Case("an expired intermediate beside its root", (of_old_middle,), (root, old_middle)),
        Case("a chain in the wrong order", (_issue("x", middle, names=good), root, middle), (root,)),
        Case("a stranger in the chain", (leaf, other), (root,)),
        Case(
            "for clients only, and in the trust store itself",
            (for_clients,),
            (for_clients,),
            jvm_is_laxer=True,
        ),
        Case("for another host, and in the trust store itself", (leaf,), (leaf,), "b-2.example.test"),
        Case("in the trust store itself, without its authority", (leaf,), (leaf,)),
        Case("with its intermediate", (_issue("x", middle, names=good), middle), (root,)),
        Case("without its intermediate", (_issue("x", middle, names=good),), (root,)),
        Case("only the intermediate is trusted", (_issue("x", middle, names=good),), (middle,)),
        Case("the root is sent along", (leaf, root), (root,)),
        Case("an expired root in the trust store", (_issue("x", old_root, names=good),), (old_root,)),
        Case(
            "an expired intermediate",
            (
                _issue("x", expired := _issue("m", root, authority=True, days=(-20, -1)), names=good),
                expired,
            ),
            (root,),
        ),
        Case("an authority without a key identifier", (_issue("x", plain_root, names=good),), (plain_root,)),
        Case("constraints that are not critical", (_issue("x", lax_root, names=good),), (lax_root,)),
        Case("no key identifiers", (_issue("x", root, names=good, key_identifiers=False),), (root,)),
        Case(
            "issued by what is no authority", (_issue("x", no_authority, names=good), no_authority), (root,)
        ),
        Case("a wildcard", (_issue("x", root, names=["*.example.test"]),), (root,)),
        Case(
            "a wildcard is one label",
            (_issue("x", root, names=["*.example.test"]),),
            (root,),
            "a.b.example.test",
        ),
        Case(
            "a wildcard is not none", (_issue("x", root, names=["*.example.test"]),), (root,), "example.test"
        ),
        Case(
            "a wildcard in the middle",
            (_issue("x", root, names=["b-1.*.test"]),),
            (root,),
            jvm_is_laxer=True,
        ),
        Case(
            "a wildcard for a part of a label",
            (_issue("x", root, names=["b-*.example.test"]),),
            (root,),
            jvm_is_laxer=True,
        ),
        Case("only a common name", (_issue("b-1.example.test", root),), (root,)),
        Case("a wrong common name", (_issue("b-2.example.test", root),), (root,)),
        Case(
            "a common name beside another alternative name",
            (_issue("b-1.example.test", root, names=["b-2.example.test"]),),
            (root,),
        ),
        Case(
            "for clients only",
            (_issue("x", root, names=good, usage=ExtendedKeyUsageOID.CLIENT_AUTH),),
            (root,),
        ),
        Case("for servers", (_issue("x", root, names=good, usage=ExtendedKeyUsageOID.SERVER_AUTH),), (root,)),
        Case("with a key usage", (_issue("x", root, names=good, key_usage=True),), (root,)),
        Case(
            "RSA of 2048 bits",
            (_issue("x", root, names=good, key=rsa.generate_private_key(65537, 2048)),),
            (root,),
        ),
        Case(
            "RSA of 1024 bits",
            (_issue("x", root, names=good, key=rsa.generate_private_key(65537, 1024)),),
            (root,),
        ),
        Case("an old cipher suite", (leaf,), (root,), oldest_ciphers="ECDHE-ECDSA-AES128-SHA"),
        Case(
            "RSA key exchange",
            (_issue("x", root, names=good, key=rsa.generate_private_key(65537, 2048)),),
            (root,),
            oldest_ciphers="AES128-SHA",
        ),
    ]


CASES = _cases()


def _server(case: Case, stem: Path) -> ssl.SSLContext:
    certificates, key = stem.with_suffix(".pem"), stem.with_suffix(".key")
    certificates.write_bytes(b"".join(one.certificate.public_bytes(Encoding.PEM) for one in case.chain))
    key.write_bytes(case.chain[0].key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(f"{case.oldest_ciphers or 'DEFAULT'}:@SECLEVEL=0")
    if case.oldest_ciphers:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificates, key)
    return context


def _store(case: Case, stem: Path) -> Path:
    path = stem.with_suffix(".p12")
    entries = [pkcs12.PKCS12Certificate(one.certificate, b"a%d" % i) for i, one in enumerate(case.trusted)]
    path.write_bytes(pkcs12.serialize_java_truststore(entries, BestAvailableEncryption(PASSWORD.encode())))
    return path


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """By sentence: what the JVM said, and what the probe said it would."""
    needs.program("java", "openjdk-17-jdk-headless")
    folder = tmp_path_factory.mktemp("jvm")
    with ExitStack() as stack:
        lines, ours = [], []
        for number, case in enumerate(CASES):
            stem = folder / f"case-{number}"
            peer = stack.enter_context(peers.silent(_server(case, stem)))
            store = _store(case, stem)
            lines.append(f"{peer.port} {case.name} {store} {PASSWORD}")
            trust = Trust(str(store), Secret(PASSWORD))
            seen = handshake(Deadline(5), peer.host, peer.port, case.name, trust)
            ours.append("accepted" if seen.verdict_jvm is None else f"{seen.verdict_jvm}: {seen.detail}")
        judge = subprocess.run(
            ["java", str(Path(__file__).with_name("Judge.java"))],
            input="\n".join(lines),
            capture_output=True,
            text=True,
            timeout=100,
        )
    if "compiler" in judge.stderr:
        needs.skip_or_fail(
            "this java cannot run a source file: Debian has the compiler in openjdk-17-jdk-headless"
        )
    theirs = judge.stdout.splitlines()
    assert len(theirs) == len(CASES), judge.stderr
    return {case.sentence: pair for case, pair in zip(CASES, zip(theirs, ours, strict=True), strict=True)}


@pytest.mark.parametrize("sentence", [case.sentence for case in CASES])
def test_the_probe_says_what_a_jvm_says(sentence: str, verdicts: dict[str, tuple[str, str]]) -> None:
    theirs, ours = verdicts[sentence]
    accepted = (theirs == "accepted", ours == "accepted")
    (case,) = (one for one in CASES if one.sentence == sentence)
    if case.jvm_is_laxer:
        assert accepted == (True, False), f"no longer a difference: JVM: {theirs}; netcheck: {ours}"
    else:
        assert accepted in ((True, True), (False, False)), f"JVM: {theirs}; netcheck: {ours}"

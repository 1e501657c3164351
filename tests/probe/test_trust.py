"""Trust stores: every format a connector uses, and one clear line for each way in which one is unusable."""

from __future__ import annotations

import hashlib
import os
import ssl
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    load_pem_private_key,
    pkcs12,
)

from netcheck.core.credentials import Trust
from netcheck.core.secret import Secret
from netcheck.probe.tls.trust import TrustError, load, public_organisations, public_roots, verifier
from tests import needs
from tests.servers.certificates import Certificates

PASSWORD = "canary-store-password"


def _der(certificates: Certificates) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificates.authority.certificate.read_text())


def _jks(*entries: bytes, version: int = 2, password: str = PASSWORD) -> bytes:
    """A JKS as the JDK writes it."""
    body = b"\xfe\xed\xfe\xed" + struct.pack(">II", version, len(entries)) + b"".join(entries)
    return body + hashlib.sha1(password.encode("utf-16-be") + b"Mighty Aphrodite" + body).digest()


def _utf(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()


def _block(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _certificate(der: bytes, version: int) -> bytes:
    return (_utf("X.509") if version == 2 else b"") + _block(der)


def _trusted(der: bytes, version: int = 2) -> bytes:
    return struct.pack(">I", 2) + _utf("ca") + struct.pack(">Q", 0) + _certificate(der, version)


def _private_key(der: bytes, version: int = 2) -> bytes:
    head = struct.pack(">I", 1) + _utf("key") + struct.pack(">Q", 0) + _block(b"encrypted")
    return head + struct.pack(">I", 1) + _certificate(der, version)


def _key_store(certificates: Certificates) -> bytes:
    key = load_pem_private_key(certificates.good.key.read_bytes(), None)
    leaf = x509.load_pem_x509_certificate(certificates.good.certificate.read_bytes())
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    encrypted = BestAvailableEncryption(PASSWORD.encode())
    chain = [certificates.authority.x509]
    return pkcs12.serialize_key_and_certificates(b"broker", key, leaf, chain, encrypted)


Write = Callable[[Certificates], bytes]

READABLE: list[tuple[str, Write, str | None]] = [
    ("a PEM file", lambda c: c.authority.certificate.read_bytes(), None),
    (
        "a PEM file with text around and Windows line ends",
        lambda c: b"Bag Attributes\r\n" + c.authority.certificate.read_bytes().replace(b"\n", b"\r\n"),
        None,
    ),
    ("a certificate in DER", _der, None),
    ("a JKS", lambda c: _jks(_trusted(_der(c))), PASSWORD),
    ("a JKS of version 1", lambda c: _jks(_trusted(_der(c), 1), version=1), PASSWORD),
    ("a JKS without a password given", lambda c: _jks(_trusted(_der(c))), None),
    (
        "a JKS with a private key as well",
        lambda c: _jks(_private_key(_der(c)), _trusted(_der(c))),
        PASSWORD,
    ),
    ("a PKCS12", lambda c: c.authority.truststore_pkcs12(PASSWORD).read_bytes(), PASSWORD),
]


@pytest.mark.parametrize(("sentence", "write", "password"), READABLE, ids=[row[0] for row in READABLE])
def test_readable(
    sentence: str, write: Write, password: str | None, certificates: Certificates, tmp_path: Path
) -> None:
    path = tmp_path / "truststore"
    path.write_bytes(write(certificates))
    trust = Trust(str(path), None if password is None else Secret(password))
    roots = load(trust)
    assert roots.certificates is not None
    assert set(roots.certificates) == {_der(certificates)}, sentence
    assert verifier(trust).context.cert_store_stats()["x509"] == 1


UNUSABLE: list[tuple[str, Write, str | None, str]] = [
    ("an empty file", lambda _: b"", None, "it is empty"),
    ("some text", lambda _: b"hello", None, "not PEM, PKCS12 or JKS"),
    ("a private key in PEM", lambda c: c.good.key.read_bytes(), None, "it contains no certificate"),
    (
        "a PEM file that breaks off",
        lambda c: c.authority.certificate.read_bytes()[:300],
        None,
        "it is damaged: a certificate in it has no END line",
    ),
    (
        "a PEM file with a strange letter",
        lambda c: c.authority.certificate.read_bytes().replace(b"M", "Ü".encode(), 1),
        None,
        "it is damaged",
    ),
    ("the wrong password of a JKS", lambda c: _jks(_trusted(_der(c))), "wrong", "the password is wrong"),
    (
        "a JKS with a flipped byte",
        lambda c: _jks(_trusted(_der(c))).replace(b"X.509", b"X.508"),
        PASSWORD,
        "the password is wrong",
    ),
    ("a JKS that breaks off", lambda c: _jks(_trusted(_der(c)))[:-100], PASSWORD, "it is damaged"),
    ("a JKS of version 7", lambda c: _jks(_trusted(_der(c)), version=7), PASSWORD, "its version is 7"),
    ("a JKS with nothing in it", lambda _: _jks(), PASSWORD, "it contains no certificate"),
    ("a key store in JKS", lambda c: _jks(_private_key(_der(c))), PASSWORD, "it is a key store"),
    ("a key store with its chain in PKCS12", lambda c: _key_store(c), PASSWORD, "it is a key store"),
    ("a JCEKS", lambda _: b"\xce\xce\xce\xce" + bytes(60), PASSWORD, "a JCEKS"),
    (
        "the wrong password of a PKCS12",
        lambda c: c.authority.truststore_pkcs12(PASSWORD).read_bytes(),
        "wrong",
        "the password is wrong, or the file is damaged",
    ),
    (
        "no password for a PKCS12",
        lambda c: c.authority.truststore_pkcs12(PASSWORD).read_bytes(),
        None,
        "it needs a password",
    ),
    (
        "a PKCS12 that breaks off",
        lambda c: c.authority.truststore_pkcs12(PASSWORD).read_bytes()[:-40],
        PASSWORD,
        "the file is damaged",
    ),
]


@pytest.mark.parametrize(
    ("sentence", "write", "password", "what"), UNUSABLE, ids=[row[0] for row in UNUSABLE]
)
def test_unusable(
    sentence: str, write: Write, password: str | None, what: str, certificates: Certificates, tmp_path: Path
) -> None:
    path = tmp_path / "truststore"
    path.write_bytes(write(certificates))
    _is_refused(Trust(str(path), None if password is None else Secret(password)), what, sentence)


def _is_refused(trust: Trust, what: str, sentence: str) -> None:
    for use in (load, verifier):
        with pytest.raises(TrustError) as refusal:
            use(trust)
        message = str(refusal.value)
        assert what in message, sentence
        assert str(trust.path) in message, "it says where"
        assert refusal.value.fix, "it says how to fix it"
        assert "\n" not in message
        assert PASSWORD not in message
        assert PASSWORD not in repr(refusal.value)


def test_a_folder_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    _is_refused(Trust(str(tmp_path)), "it is a folder", "a folder")
    _is_refused(Trust(str(tmp_path / "nowhere")), "no such file", "nothing there")
    _is_refused(Trust("a\0b"), "it cannot be read", "no path at all")


def test_a_file_that_may_not_be_read(certificates: Certificates, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        needs.program("setpriv", "util-linux")
        prefix = ["setpriv", "--reuid=65534", "--clear-groups"]
    else:
        prefix = []
    tmp_path.chmod(0o755)
    path = tmp_path / "truststore.pem"
    path.write_bytes(certificates.authority.certificate.read_bytes())
    path.chmod(0)
    done = subprocess.run(
        [*prefix, sys.executable, "-c", f"open({str(path)!r})"], capture_output=True, text=True, timeout=90
    )
    if "PermissionError" not in done.stderr:
        needs.skip_or_fail("no user here that may not read a file")
    script = (
        "import sys; from netcheck.probe.tls.trust import *; from netcheck.core.credentials import Trust\n"
        "try: load(Trust(sys.argv[1]))\n"
        "except TrustError as error: print(error)"
    )
    done = subprocess.run(
        [*prefix, sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=90
    )
    assert "it cannot be read (Permission denied)" in done.stdout, done.stderr


def test_the_jdk_writes_what_we_read(certificates: Certificates, tmp_path: Path) -> None:
    needs.keytool()
    path = certificates.authority.truststore_jks(PASSWORD).rename(tmp_path / "truststore.jks")
    assert load(Trust(str(path), Secret(PASSWORD))).certificates == (_der(certificates),)
    _is_refused(Trust(str(path), Secret("another one")), "the password is wrong", "keytool's JKS")


@pytest.mark.parametrize("options", [[], ["-J-Dkeystore.pkcs12.legacy"]], ids=["as of now", "as of JDK 8"])
def test_the_jdk_writes_the_pkcs12_that_we_read(
    options: list[str], certificates: Certificates, tmp_path: Path
) -> None:
    needs.keytool()
    path = tmp_path / "truststore.p12"
    subprocess.run(
        [
            *("keytool", *options, "-importcert", "-noprompt", "-storetype", "PKCS12", "-alias", "ca"),
            *("-file", str(certificates.authority.certificate)),
            *("-keystore", str(path), "-storepass", PASSWORD),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert load(Trust(str(path), Secret(PASSWORD))).certificates == (_der(certificates),)


def test_pkcs12_without_cryptography_says_what_to_install(certificates: Certificates) -> None:
    path = certificates.authority.truststore_pkcs12(PASSWORD)
    script = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from netcheck.probe.tls.trust import *; from netcheck.core.credentials import Trust\n"
        "try: load(Trust(sys.argv[1]))\n"
        "except TrustError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=90
    )
    assert "pip install 'netcheck[pkcs12]'" in done.stdout, done.stderr


def test_a_host_without_roots_takes_those_of_certifi(tmp_path: Path) -> None:
    script = (
        "from netcheck.probe.tls.trust import *; from netcheck.core.credentials import Trust\n"
        "print(load(Trust()).source, verifier(Trust()).context.cert_store_stats()['x509_ca'])"
    )
    slim = {**os.environ, "SSL_CERT_FILE": str(tmp_path / "none.pem"), "SSL_CERT_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=90, env=slim
    )
    source, _, count = done.stdout.strip().rpartition(" ")
    assert (source, int(count) > 50) == ("certifi's root certificates", True), done.stderr


def test_a_trust_store_that_changes_is_read_again(certificates: Certificates, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(certificates.authority.certificate.read_bytes())
    assert verifier(Trust(str(path))).context.cert_store_stats()["x509"] == 1
    path.write_bytes(path.read_bytes() + certificates.interceptor.certificate.read_bytes())
    assert verifier(Trust(str(path))).context.cert_store_stats()["x509"] == 2


def test_public_roots_are_those_of_browsers() -> None:
    assert len(public_roots()) > 50
    assert {"Amazon", "Let's Encrypt", "DigiCert Inc"} <= public_organisations()

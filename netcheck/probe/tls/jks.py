"""Reads the certificates of a Java key store (JKS), versions 1 and 2, and checks its password.

The format is that of the JDK's sun.security.provider.JavaKeyStore: a header, the entries, and a SHA-1 over
the password in UTF-16, a constant phrase and everything before it. Private keys are skipped, never decrypted.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

MAGIC = b"\xfe\xed\xfe\xed"
_PHRASE = b"Mighty Aphrodite"
_DIGEST_SIZE = 20


class Damaged(Exception):
    """The file is not a complete JKS."""


class WrongPassword(Exception):
    """The file is complete, but its digest does not match this password."""


@dataclass(frozen=True, slots=True)
class KeyStore:
    """The contents of a JKS: the trusted certificates, and the first certificate of each private key, in
    DER.
    """

    trusted: tuple[bytes, ...]
    own: tuple[bytes, ...]


def read(data: bytes, password: str | None) -> KeyStore:
    """Parse a JKS. Without a password the digest is not checked, like in the JVM.

    Raises Damaged, or WrongPassword where only the digest is wrong.
    """
    if len(data) < len(MAGIC) + 8 + _DIGEST_SIZE or not data.startswith(MAGIC):
        raise Damaged("it does not start like a JKS")
    body, digest = data[:-_DIGEST_SIZE], data[-_DIGEST_SIZE:]
    store = _Reader(body).key_store()
    if password is not None:
        expected = hashlib.sha1(password.encode("utf-16-be") + _PHRASE + body, usedforsecurity=False).digest()
        if not hmac.compare_digest(expected, digest):
            raise WrongPassword
    return store


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = len(MAGIC)

    def key_store(self) -> KeyStore:
        version = self._number(4)
        if version not in (1, 2):
            raise Damaged(f"its version is {version}, not 1 or 2")
        trusted: list[bytes] = []
        own: list[bytes] = []
        for _ in range(self._number(4)):
            tag = self._number(4)
            self._take(self._number(2))  # the alias
            self._take(8)  # the date
            match tag:
                case 1:
                    self._take(self._number(4))  # the encrypted key
                    own += [self._certificate(version) for _ in range(self._number(4))][:1]
                case 2:
                    trusted.append(self._certificate(version))
                case _:
                    raise Damaged(f"it has an entry of unknown type {tag}")
        if self._at != len(self._data):
            raise Damaged("there is data after its last entry")
        return KeyStore(tuple(trusted), tuple(own))

    def _certificate(self, version: int) -> bytes:
        if version == 2:
            self._take(self._number(2))  # the type, always X.509
        return self._take(self._number(4))

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise Damaged("it ends in the middle of an entry")
        taken, self._at = self._data[self._at : end], end
        return taken

"""Redacts the secrets in connector and worker settings before anything else reads them.

A value that may be a secret becomes stars, unless it is only a config provider's reference
(`${secretsManager:orders/clickhouse:password}`), which names where the secret is stored and reveals nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from netcheck.core.secret import HIDDEN, Scrubber
from netcheck.pipeline.config_providers import REFERENCE

SECRET_WORDS = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|jaas|credentials?|authorization"
    r"|api[._-]?key|access[._-]?key|private[._-]?key"
)
SECRET_KEY = re.compile(rf"{SECRET_WORDS}|user[._-]?info|\bkey$", re.IGNORECASE)
"""`ssl.key.password`, `ssl.keystore.key`, `sasl.jaas.config`, `basic.auth.user.info`, after any prefix
(`consumer.override.`, `producer.`, `value.converter.`)."""
NEVER_SECRET = frozenset({"topics", "topics.regex", "topic2TableMap", "config.providers"})
OF_A_PROVIDER = frozenset({"param.secret.prefix", "param.secret.ttl.ms"})
"""Where a config provider finds secrets, and how long it keeps them
(github.com/jcustenborder/kafka-config-provider-aws)."""
ALIASED = re.compile(r"^(?:.*\.)?(?:config\.providers|transforms|predicates)\.[^.]+\.")
"""Prefixes with a user-chosen name: a config provider called `secretsManager` is not a secret."""
LITERAL = re.compile(
    rf"""((?:^|(?<=[\s,;&?{{"']))[\w.-]*(?:{SECRET_WORDS})[\w.-]*["']?\s*[=:]\s*)"""
    r"""("[^"]*"?|'[^']*'?|(?:Basic|Bearer)\s+[^\s,;&]+|[^\s,;&}"']+)""",
    re.IGNORECASE,
)
"""A secret inside a value: `?ssl=true&password=...` (jdbcConnectionProperties), `password="..."`, JSON."""
USER_INFO = re.compile(r"(://)([^/\s]*)@")
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*", re.DOTALL)
PLAIN_HOST = r"(?:[A-Za-z0-9-]+\.)+[A-Za-z][A-Za-z0-9-]+:[0-9]{1,5}"
IN_URL = re.compile(rf"(?<=://){PLAIN_HOST}(?=[/?#,;\s\"'\])}}]|$)")
HOSTS = re.compile(rf"\s*{PLAIN_HOST}(?:\s*,\s*{PLAIN_HOST})*\s*")
"""`secretsmanager.eu-west-1.amazonaws.com:443` is a host and its port, not a secret and its value, where it
is a whole setting or the authority of a URL."""
HELD = re.compile("\ufdd0(\\d+)\ufdd1")
"""The placeholder of such a host or of a reference while the text around it is searched. Its code points are
Unicode noncharacters, which no text contains."""


def public(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings with stars in place of everything that is or may be a secret."""
    return {key: _public(key, value) for key, value in settings.items()}


def redactor(*settings: Mapping[str, str]) -> Callable[[str], str]:
    """A function that redacts every secret of these settings in free text, such as an error message."""
    return Scrubber(_secrets(settings))


def is_reference(value: str) -> bool:
    """Whether the whole value is one config provider's reference."""
    return REFERENCE.fullmatch(value.strip()) is not None


def references(settings: Mapping[str, str]) -> frozenset[str]:
    """The aliases of the config providers that these settings refer to."""
    return frozenset(found[1] for value in settings.values() for found in REFERENCE.finditer(value))


def _public(key: str, value: str) -> str:
    if not value or key in NEVER_SECRET or is_reference(value):
        return value
    if _is_secret(key):
        return HIDDEN
    text, kept = _with_placeholders(value)
    text = PRIVATE_KEY.sub(HIDDEN, text)
    text = USER_INFO.sub(rf"\1{HIDDEN}@", text)
    text = LITERAL.sub(lambda found: found[0] if HELD.fullmatch(found[2]) else found[1] + HIDDEN, text)
    return HELD.sub(lambda held: kept[int(held[1])], text)


def _with_placeholders(value: str) -> tuple[str, list[str]]:
    """The value with a placeholder for each reference and each plain host, and the originals."""
    kept: list[str] = []

    def hold(found: re.Match[str]) -> str:
        kept.append(found[0])
        return f"\ufdd0{len(kept) - 1}\ufdd1"

    text = REFERENCE.sub(hold, value.replace("\ufdd0", ""))
    return HOSTS.sub(hold, text) if HOSTS.fullmatch(text) else IN_URL.sub(hold, text), kept


def _is_secret(key: str) -> bool:
    name = ALIASED.sub("", key)
    return name not in OF_A_PROVIDER and SECRET_KEY.search(name) is not None


def _secrets(settings: Iterable[Mapping[str, str]]) -> Iterator[str]:
    for each in settings:
        for key, value in each.items():
            if not is_reference(value):
                yield from _secrets_in(key, value)


def _secrets_in(key: str, text: str) -> Iterator[str]:
    """The secrets in a value, whole and in the parts that a message may quote, without references."""
    if _is_secret(key):
        plain = REFERENCE.sub("", text)
        yield plain
        yield from plain.split(":")
    held, kept = _with_placeholders(text)
    for secret in _within(held):
        yield HELD.sub(lambda found: REFERENCE.sub("", kept[int(found[1])]), secret)


def _within(text: str) -> Iterator[str]:
    """The secrets inside a value that is not secret as a whole."""
    for found in PRIVATE_KEY.findall(text):
        yield from (line for line in found.splitlines() if not line.startswith("-----"))
    for found in USER_INFO.finditer(text):
        yield from found[2].split(":")
    for found in LITERAL.finditer(text):
        secret = found[2].strip("\"'")
        yield secret
        yield secret.rpartition(" ")[2]

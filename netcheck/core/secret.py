"""Secrets: values that are used and never shown."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from netcheck.core.model import Json

HIDDEN = "***"
SHORTEST_SCRUBBED = 3
"""A secret shorter than this is not searched for in text: it would blot out half of every sentence."""
SHORTEST_BASE64 = 4


class Secret:
    """A value that only `reveal()` gives away; its repr, str and format are stars.

    Not a dataclass: `dataclasses.asdict` of whatever holds it would take it apart.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not written anywhere")


class Scrubber:
    """Replaces every known secret in a text by stars, also where it is quoted, escaped or in base64.

    The last line of defence: nothing should carry a secret this far, but a peer may echo
    what it was sent, and a library may put it into an error message.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= SHORTEST_SCRUBBED for form in _forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN)
        return text

    def tree(self, value: Json) -> Json:
        """The same for every text in a JSON value, keys too."""
        match value:
            case str():
                return self(value)
            case list():
                return [self.tree(item) for item in value]
            case dict():
                return {self(key): self.tree(item) for key, item in value.items()}
            case _:
                return value


def _forms(secret: str) -> set[str]:
    raw = secret.encode(errors="surrogateescape")  # the environment may hold bytes that are no text
    spelled = {
        secret,
        quote(secret, safe="", errors="surrogateescape"),
        quote_plus(secret, errors="surrogateescape"),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        secret.replace("\\", "\\\\").replace("'", "\\'"),  # as SQL quotes it
    }
    # Inside a longer base64 text (`user:password`) the secret starts at one of three offsets:
    # what no neighbour can change is the middle of each of the three encodings.
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        middle = encoded[(offset * 8 + 5) // 6 : len(encoded) - 1]
        if len(middle) >= SHORTEST_BASE64:
            spelled |= {middle, middle.translate(str.maketrans("+/", "-_"))}
    return spelled

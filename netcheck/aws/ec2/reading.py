"""Reads untrusted JSON: every wrong type or missing key becomes one message with its location."""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.aws.ec2.addresses import Prefix, parse_address, parse_prefix


class SnapshotError(Exception):
    """The snapshot cannot be used. The message has the file, the location in it, the reason and the fix."""


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "a string"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case dict():
            return "an object"
    return type(value).__name__


class JsonObject:
    """One JSON object and its location. Unknown keys are ignored."""

    __slots__ = ("_key", "_parent", "_value")

    def __init__(self, value: object, parent: JsonObject | None, key: str) -> None:
        self._parent = parent
        self._key = key
        if type(value) is not dict:
            raise SnapshotError(
                f"{self.where}: expected an object, found {_kind(value)}. "
                "Collect the snapshot again, or restore this file as `aws ec2 describe-...` printed it."
            )
        self._value: dict[str, object] = value

    @property
    def where(self) -> str:
        if self._parent is None:
            return self._key
        return (
            f"{self._parent.where}: {self._key}"
            if self._parent._parent is None
            else (f"{self._parent.where}.{self._key}")
        )

    def fail(self, key: str, reason: str) -> SnapshotError:
        return SnapshotError(
            f"{self.where}.{key}: {reason}. "
            "Collect the snapshot again, or restore this file as `aws ec2 describe-...` printed it."
        )

    def has(self, key: str) -> bool:
        return self._value.get(key) is not None

    def _wrong(self, key: str, value: object, expected: str) -> SnapshotError:
        if value is None:
            return self.fail(key, f"missing; expected {expected}")
        return self.fail(key, f"expected {expected}, found {_kind(value)}")

    def text(self, key: str) -> str:
        value = self._value.get(key)
        if type(value) is not str or not value:
            raise self._wrong(key, value, "a string")
        return value

    def maybe_text(self, key: str) -> str | None:
        return None if self._value.get(key) in (None, "") else self.text(key)

    def text_or(self, key: str, default: str) -> str:
        return self.maybe_text(key) or default

    def one_of(self, key: str, *allowed: str) -> str:
        """A string that must be one of these: an unknown value must not be mistaken for a harmless one."""
        text = self.text(key)
        if text not in allowed:
            raise self.fail(key, f"unknown value {text!r}; expected {' or '.join(allowed)}")
        return text

    def number(self, key: str) -> int:
        value = self._value.get(key)
        if type(value) is not int:
            raise self._wrong(key, value, "a whole number")
        return value

    def number_or(self, key: str, default: int) -> int:
        return default if self._value.get(key) is None else self.number(key)

    def flag(self, key: str) -> bool:
        value = self._value.get(key)
        if type(value) is not bool:
            raise self._wrong(key, value, "true or false")
        return value

    def flag_or(self, key: str, default: bool) -> bool:
        return default if self._value.get(key) is None else self.flag(key)

    def child(self, key: str) -> JsonObject:
        value = self._value.get(key)
        if value is None:
            raise self._wrong(key, value, "an object")
        return JsonObject(value, self, key)

    def maybe_child(self, key: str) -> JsonObject | None:
        return None if self._value.get(key) is None else self.child(key)

    def items(self, key: str) -> Iterator[JsonObject]:
        """The objects of a list; none if the list is absent."""
        value = self._value.get(key)
        if value is None:
            return
        if type(value) is not list:
            raise self._wrong(key, value, "a list")
        for position, item in enumerate(value):
            yield JsonObject(item, self, f"{key}[{position}]")

    def required_items(self, key: str) -> list[JsonObject]:
        if self._value.get(key) is None:
            raise self._wrong(key, None, "a list")
        return list(self.items(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings; none if the list is absent."""
        return () if self._value.get(key) is None else self.required_texts(key)

    def required_texts(self, key: str) -> tuple[str, ...]:
        value = self._value.get(key)
        if type(value) is not list or not all(type(item) is str and item for item in value):
            raise self._wrong(key, value, "a list of strings")
        return tuple(value)

    def prefix(self, key: str) -> Prefix:
        try:
            return parse_prefix(self.text(key))
        except ValueError as reason:
            raise self.fail(key, str(reason)) from None

    def address(self, key: str) -> tuple[int, int]:
        try:
            return parse_address(self.text(key))
        except ValueError as reason:
            raise self.fail(key, str(reason)) from None

    def address_of(self, key: str, version: int) -> int:
        found, number = self.address(key)
        if found != version:
            raise self.fail(key, f"expected an IPv{version} address")
        return number

"""Whether an answer in ClickHouse's Native format is what it claims to be, before a decoder in C is let
loose on it.

clickhouse-connect believes the number of rows that a block names: a wrong one costs gigabytes, or the
process. Only the few types that are asked for here are let through. Format:
https://clickhouse.com/docs/interfaces/formats/Native
"""

from __future__ import annotations

from netcheck.core.model import Cause
from netcheck.probe.transport.failure import Failed

_WIDTHS = {"UInt8": 1, "UInt64": 8}
_MOST_COLUMNS = 16
_LONGEST_VARINT = 10


def must_be_sound(body: bytes) -> None:
    """Raises Failed, `clickhouse_malformed`, unless `body` is a sequence of whole blocks of known types."""
    reader = _Reader(body)
    while not reader.at_end():
        columns, rows = reader.number(), reader.number()
        # Every type here takes a byte a row at least.
        if columns > _MOST_COLUMNS or rows > len(body):
            raise _unsound(f"a block of {columns} columns and {rows} rows in {len(body)} bytes")
        for _ in range(columns):
            reader.text()
            _pass_over(reader, reader.text().decode("latin-1"), rows)


def _pass_over(reader: _Reader, kind: str, rows: int) -> None:
    """Skip the values of one column."""
    if kind in _WIDTHS:
        reader.skip(_WIDTHS[kind] * rows)
    elif kind == "String":
        for _ in range(rows):
            reader.text()
    elif kind == "Array(String)":
        ends = [int.from_bytes(reader.skip(8), "little") for _ in range(rows)]
        if ends != sorted(ends) or (ends and ends[-1] > reader.size):
            raise _unsound("an array whose parts overlap")
        _pass_over(reader, "String", ends[-1] if ends else 0)
    else:
        raise _unsound(f"a column of type {kind[:40]!r}, which was not asked for")


class _Reader:
    """A position in bytes that is never moved past their end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self.size = len(data)

    def at_end(self) -> bool:
        return self._at == self.size

    def skip(self, count: int) -> bytes:
        if count > self.size - self._at:
            raise _unsound("it ends too early")
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self) -> int:
        value = 0
        for place in range(_LONGEST_VARINT):
            byte = self.skip(1)[0]
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value
        raise _unsound("a number without end")

    def text(self) -> bytes:
        return self.skip(self.number())


def _unsound(what: str) -> Failed:
    return Failed(Cause.CLICKHOUSE_MALFORMED, f"an answer in the Native format makes no sense: {what}")

"""Validates a response in ClickHouse's Native format before a decoder in C reads it.

clickhouse-connect trusts the number of rows in a block: a wrong one costs gigabytes, or crashes the process.
Only the few types that our queries return are accepted. Format:
https://clickhouse.com/docs/interfaces/formats/Native
"""

from __future__ import annotations

from netcheck.core.model import Cause
from netcheck.probe.transport.failure import Failed

_WIDTHS = {"UInt8": 1, "UInt64": 8}
_MOST_COLUMNS = 16
_LONGEST_VARINT = 10


def must_be_sound(body: bytes) -> None:
    """Raise Failed, `clickhouse_malformed`, unless `body` is a sequence of complete blocks of known types."""
    reader = _Reader(body)
    while not reader.at_end():
        columns, rows = reader.number(), reader.number()
        # Every type here takes at least one byte per row.
        if columns > _MOST_COLUMNS or rows > len(body):
            raise _unsound(f"a block of {columns} columns and {rows} rows in {len(body)} bytes")
        for _ in range(columns):
            reader.text()
            _skip_column(reader, reader.text().decode("latin-1"), rows)


def _skip_column(reader: _Reader, kind: str, rows: int) -> None:
    """Skip the values of one column."""
    if kind in _WIDTHS:
        reader.skip(_WIDTHS[kind] * rows)
    elif kind == "String":
        for _ in range(rows):
            reader.text()
    elif kind == "Array(String)":
        ends = [int.from_bytes(reader.skip(8), "little") for _ in range(rows)]
        if ends != sorted(ends) or (ends and ends[-1] > reader.size):
            raise _unsound("an array with invalid offsets")
        _skip_column(reader, "String", ends[-1] if ends else 0)
    else:
        raise _unsound(f"a column of the unexpected type {kind[:40]!r}")


class _Reader:
    """A position in bytes that never moves past their end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self.size = len(data)

    def at_end(self) -> bool:
        return self._at == self.size

    def skip(self, count: int) -> bytes:
        if count > self.size - self._at:
            raise _unsound("it is truncated")
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self) -> int:
        value = 0
        for place in range(_LONGEST_VARINT):
            byte = self.skip(1)[0]
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value
        raise _unsound("a number that is too long")

    def text(self) -> bytes:
        return self.skip(self.number())


def _unsound(what: str) -> Failed:
    return Failed(Cause.CLICKHOUSE_MALFORMED, f"invalid response in the Native format: {what}")

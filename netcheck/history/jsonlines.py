"""A history in a file: one line of JSON a result, a run at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable


def append(path: str, lines: Iterable[bytes]) -> None:
    """Append the lines of one run in one write, so that two runs at once do not tear each other's.

    With O_APPEND the system puts each write at the file's end in one piece (POSIX write(2); not so on NFS).
    A line that an earlier run could not finish, as the disk was full, is closed first. Raises OSError.
    """
    data = b"".join(lines)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        size = os.fstat(handle).st_size
        torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        data = b"\n" * torn + data
        if os.write(handle, data) != len(data):
            raise OSError("the disk took only a part of it")
    finally:
        os.close(handle)

"""A history in a file: one line of JSON per result, one run at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable

LONGEST_WAIT_SECONDS = 2.0
"""How long to wait for another run that is writing; then the lines are appended without checking the last."""


def append(path: str, lines: Iterable[bytes]) -> None:
    """Append the lines of one run in one write, so that concurrent runs do not interleave.

    With O_APPEND each write is atomic at the end of the file (POSIX write(2); not on NFS). A line that an
    earlier run could not finish because the disk was full is terminated first. Raises OSError.
    """
    data = b"".join(lines)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        data = b"\n" * (_locked(handle) and _ends_mid_line(handle)) + data
        if os.write(handle, data) != len(data):
            raise OSError("only a part could be written")
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    """Whether no other run is writing: during another's write the file may end mid-line."""
    end = time.monotonic() + LONGEST_WAIT_SECONDS
    while time.monotonic() < end:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
        except OSError:  # a file system without locks
            return False
        else:
            return True
    return False


def _ends_mid_line(handle: int) -> bool:
    size = os.fstat(handle).st_size
    return size > 0 and os.pread(handle, 1, size - 1) != b"\n"

"""A history in a file: one line of JSON a result, a run at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable

LONGEST_WAIT_SECONDS = 2.0
"""For another run that is writing at this moment; then the lines are appended without a look at the last."""


def append(path: str, lines: Iterable[bytes]) -> None:
    """Append the lines of one run in one write, so that two runs at once do not tear each other's.

    With O_APPEND the system puts each write at the file's end in one piece (POSIX write(2); not so on NFS).
    A line that an earlier run could not finish, as the disk was full, is closed first. Raises OSError.
    """
    data = b"".join(lines)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        data = b"\n" * (_locked(handle) and _ends_torn(handle)) + data
        if os.write(handle, data) != len(data):
            raise OSError("the disk took only a part of it")
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    """Whether nobody else writes now: in the middle of another's write the file ends anywhere."""
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


def _ends_torn(handle: int) -> bool:
    size = os.fstat(handle).st_size
    return size > 0 and os.pread(handle, 1, size - 1) != b"\n"

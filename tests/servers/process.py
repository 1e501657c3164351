"""A server's process that cannot outlive the one that started it.

    process = Process(["some-server", "--port", "4711"], log=folder / "server.log")
    process.wait_until(answers, seconds=30)     # polls; raises ServerFailed with the end of the log
    process.stop()

On Linux the kernel kills it as soon as the thread that started it ends, however that ends
(PR_SET_PDEATHSIG, by way of util-linux' setpriv): so start servers from a thread that lives as long as
they shall. Elsewhere only stop() ends it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

POLL_S = 0.02
STOP_S = 5.0


class ServerFailed(RuntimeError):
    """The server ended, or was not ready in time. The message has the end of its log."""


class Process:
    """One running program; attributes `pid` and `log` (the file with all that it printed)."""

    def __init__(
        self, command: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None
    ) -> None:
        setpriv = shutil.which("setpriv")
        bound = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*bound, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                cwd=log.parent,
            )
        self.pid = self._process.pid
        if setpriv:
            self._wait_for_bond(Path(setpriv).resolve())

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Poll `ready` until it is true; raise ServerFailed if the program ends or the time runs out."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self._process.poll() is not None:
                raise ServerFailed(f"ended with exit code {self._process.returncode}\n{self._end_of_log()}")
            if time.monotonic() > deadline:
                raise ServerFailed(f"not ready after {seconds:.0f} s\n{self._end_of_log()}")
            time.sleep(POLL_S)

    def stop(self, seconds: float = STOP_S) -> None:
        """Ask it to end, and after so many seconds make it."""
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, for servers that have nothing worth keeping."""
        self._process.kill()
        self._process.wait(STOP_S)

    def _wait_for_bond(self, setpriv: Path) -> None:
        """Until setpriv has become the program, we could be killed without it."""
        deadline = time.monotonic() + STOP_S
        # A program that has ended already has no executable any more.
        with contextlib.suppress(OSError):
            while Path(f"/proc/{self.pid}/exe").readlink() == setpriv and time.monotonic() < deadline:
                time.sleep(0.001)

    def _end_of_log(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

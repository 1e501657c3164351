"""Wall-clock seconds, CPU seconds and peak memory of a command; printing of figures."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of a command. `peak_mb` is its largest resident set in MB of 10^6 bytes."""

    code: int
    output: str
    seconds: float
    cpu_s: float
    peak_mb: float


def measure(
    command: Sequence[str], *, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Measured:
    """Run a command to its end. Its output goes to a file, so that no pipe delays it."""
    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environment,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        # Linux counts ru_maxrss in units of 1024 bytes (getrusage(2)).
        peak = usage.ru_maxrss * 1024 / 1e6
        spent = usage.ru_utime + usage.ru_stime
        return Measured(process.returncode, output.read(), seconds, spent, peak)


def show(name: str, value: float, unit: str, limit: float | None = None) -> None:
    """Print one figure and, if it has a goal, whether it meets it."""
    goal = (
        "" if limit is None else f"   goal: at most {limit:g}{unit}, {'met' if value <= limit else 'MISSED'}"
    )
    print(f"{name:<66} {value:8.3f}{unit}{goal}", flush=True)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)

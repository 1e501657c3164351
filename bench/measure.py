"""A command's wall-clock seconds, processor seconds and peak memory; and how figures are printed."""

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
    processor_s: float
    peak_mb: float


def measure(
    command: Sequence[str], *, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Measured:
    """Run it to its end. Its output goes to a file, so that no pipe is in the way."""
    with tempfile.TemporaryFile("w+") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environment,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        # Linux counts ru_maxrss in units of 1024 bytes (getrusage(2)).
        peak = usage.ru_maxrss * 1024 / 1e6
        spent = usage.ru_utime + usage.ru_stime
        return Measured(process.returncode, output.read(), seconds, spent, peak)


def told(what: str, value: float, unit: str, most: float | None = None) -> None:
    """Print one figure, and where it has an aim, whether it is met."""
    aim = "" if most is None else f"   aim: at most {most:g}{unit}, {'met' if value <= most else 'MISSED'}"
    print(f"{what:<66} {value:8.3f}{unit}{aim}", flush=True)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)

"""The sandbox with the labs, from outside: give it jobs, get their reports.

with Stage(labs=4) as stage:
    for ran in stage.run([job("S01", row.data)]): ...
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.lab.kernel import LabBroken
from tests.lab.sandbox import PATH, ROOT

WAYS = (("-U", "-r"), ())
START_S = 180.0
PATIENCE_S = 240.0
"""The longest silence while jobs are under way."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a job. `broken` is the lab's own trouble; then nothing is said about netcheck."""

    name: str
    code: int
    report: Mapping[str, Any]
    errors: str
    seconds: float
    broken: str


def job(
    name: str,
    data: Mapping[str, Any] | None = None,
    *arguments: str,
    pipeline: Mapping[str, Any] | None = None,
    command: bool = False,
) -> dict[str, Any]:
    """One run: in the pipeline of a row's data, or in this one. `command`: the installed command itself."""
    what = {"data": data or {}} if pipeline is None else {"pipeline": pipeline}
    return {"name": name, "arguments": list(arguments), "command": command, **what}


class Stage:
    """The sandbox. Starting it takes the time that Kafka takes. Raises LabBroken where there can be none."""

    def __init__(self, labs: int = 4, *, old: bool = True) -> None:
        program = [sys.executable, "-m", "tests.lab.faults.inside", str(labs), *(["old"] if old else [])]
        why = []
        for way in WAYS:
            own = ["--net", "--uts", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
            self._child = subprocess.Popen(
                ["unshare", *way, *own, *program],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PATH": PATH},
            )
            self._said = b""
            try:
                first = self._next(START_S)
            except LabBroken as broken:
                why.append(f"unshare {' '.join(way)}: {broken}")
                self.close()
                continue
            if "ready" in first:
                return
            why.append(str(first))
            self.close()
        raise LabBroken("; ".join(why))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        assert self._child.stdin is not None and self._child.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.close()
        try:
            self._child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait(timeout=5)
        self._child.stdout.close()

    def send(self, one: Mapping[str, Any]) -> None:
        """Give the labs one more job; they take them in turn."""
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(one, default=str).encode() + b"\n")
        self._child.stdin.flush()

    def receive(self) -> Ran:
        """The next job that is done, in whatever order."""
        answer = self._next(PATIENCE_S)
        if "name" not in answer:
            raise LabBroken(str(answer))
        return Ran(
            answer["name"],
            answer.get("code", -1),
            answer.get("report") or {},
            answer.get("errors", ""),
            answer.get("seconds", 0.0),
            answer.get("broken", "") or ("" if answer.get("report") else f"no report: {answer}"),
        )

    def _next(self, patience: float) -> dict[str, Any]:
        assert self._child.stdout is not None
        deadline = time.monotonic() + patience
        descriptor = self._child.stdout.fileno()
        while b"\n" not in self._said:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise LabBroken(f"the labs gave no answer within {patience:.0f} s: {self._said[-500:]!r}")
            data = os.read(descriptor, 1 << 20)
            if not data:
                raise LabBroken(f"the labs ended: {self._said[-2000:]!r}")
            self._said += data
        line, _, self._said = self._said.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

"""`netcheck run` as people run it: the installed command, in a process of its own, its report read back.

    ran = run("--bootstrap", "127.0.0.1:9094", logins={"NETCHECK_KAFKA_USERNAME": "connect", ...})
    ran.code, ran.causes, ran.report["results"]

Every report that comes back is held against the contract first (contract.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e import contract

NETCHECK = str(Path(sys.executable).with_name("netcheck"))
PATIENCE_S = 60.0
OURS = ("NETCHECK_", "AWS_")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class Ran:
    """One finished run: exit code, the report as JSON gave it, standard error, and its seconds."""

    code: int
    report: dict[str, Any]
    errors: str
    seconds: float

    @property
    def causes(self) -> list[str]:
        """The root causes, worst first, as (lower-case) causes."""
        return [cause["code"].lower() for cause in self.report["root_causes"]]

    def results(self, check: str, *, among: str = "") -> list[dict[str, Any]]:
        """The results of one check, those whose target holds `among`."""
        return [r for r in self.report["results"] if r["check"] == check and among in r["target"]]

    def statuses(self, check: str) -> set[str]:
        return {result["status"] for result in self.results(check)}

    def targets(self) -> set[str]:
        return {result["target"] for result in self.report["results"]}


def environment(logins: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process' environment, without anything that netcheck would listen to, but for `logins`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(OURS) and name.lower() not in PROXIES
    }
    return {**kept, **(logins or {})}


def spoken(
    *arguments: str,
    logins: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    before: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """Run netcheck with these arguments; what it said, as text. `before` goes in front of the command."""
    return subprocess.run(
        [*before, NETCHECK, *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
        env=environment(logins),
        cwd=cwd,
        check=False,
    )


def run(*arguments: str, logins: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ran:
    """`netcheck run ... --format json`. Asserts that the report keeps the contract."""
    began = time.monotonic()
    ran = spoken("run", *arguments, "--format", "json", logins=logins, cwd=cwd)
    seconds = time.monotonic() - began
    return read(ran, seconds, strict="--strict" in arguments)


def read(ran: subprocess.CompletedProcess[str], seconds: float = 0.0, *, strict: bool = False) -> Ran:
    """The report that a run printed as JSON. Asserts that it keeps the contract."""
    assert ran.stdout.startswith("{"), f"no report; exit code {ran.returncode}\n{ran.stderr}"
    report = json.loads(ran.stdout)
    contract.hold(report, ran.returncode, strict=strict)
    return Ran(ran.returncode, report, ran.stderr, seconds)

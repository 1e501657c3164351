"""A process in namespaces of its own, so that no packet of the lab can leave this machine.

Works as root and, where the system allows user namespaces, as anybody. Nothing is left behind: the kernel
removes the namespaces with the process.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.lab.cloud import Cloud, Documents
from tests.lab.flow import Drop, Flow, Outcome
from tests.lab.kernel import LabBroken

ROOT = Path(__file__).resolve().parents[2]
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
# A user namespace makes it work without root; root in a container may be refused one and need none.
WAYS = (("-U", "-r", "-n"), ("-n",))


class Sandbox:
    """Answers questions one at a time, in its own process."""

    def __init__(self, way: tuple[str, ...] | None = None) -> None:
        if way is None:
            way = _probe()[0]
        if way is None:
            raise LabBroken(_probe()[1])
        command = ["unshare", *way, "-f", "--kill-child", sys.executable, "-m", "tests.lab.inside"]
        self._child = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PATH": PATH, "PYTHONUNBUFFERED": "1"},
        )
        assert self._child.stdout is not None
        os.set_blocking(self._child.stdout.fileno(), False)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdout.close()
        self._child.stdin.close()
        try:
            self._child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait(timeout=5)

    def ask(
        self, documents: Documents, flows: list[Flow], seed: int = 0, patience: float = 60
    ) -> list[Outcome]:
        """What the kernel does with each flow. Raises LabBroken when the lab fails or takes too long."""
        assert self._child.stdin is not None
        question = {"documents": documents, "flows": [asdict(flow) for flow in flows], "seed": seed}
        try:
            self._child.stdin.write(json.dumps(question).encode() + b"\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            raise LabBroken(f"the sandbox ended: {self._read_line(5)!r}") from None
        line = self._read_line(patience)
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:
            raise LabBroken(f"the sandbox said {line.decode(errors='replace')}") from None
        if "broken" in answer:
            raise LabBroken(answer["broken"])
        return [
            Outcome(
                **{
                    **one,
                    "drop": Drop(one["drop"]) if one["drop"] else None,
                    "crossed": tuple(one["crossed"]),
                }
            )
            for one in answer["outcomes"]
        ]

    def _read_line(self, patience: float) -> bytes:
        """One line of the child's, or everything it said before it ended."""
        assert self._child.stdout is not None
        deadline = time.monotonic() + patience
        said = bytearray()
        while not said.endswith(b"\n") or not said.startswith(b"{"):
            left = deadline - time.monotonic()
            if left <= 0:
                raise LabBroken(f"the sandbox gave no answer within {patience} s: {bytes(said[-500:])!r}")
            if select.select([self._child.stdout], [], [], left)[0]:
                data = os.read(self._child.stdout.fileno(), 1 << 16)
                if not data:
                    break
                said += data
        return bytes(said)


@cache
def _probe() -> tuple[tuple[str, ...] | None, str]:
    """The way into a sandbox that works here, or None and why not. Tried once a process."""
    if not sys.platform.startswith("linux"):
        return None, "the lab is made of Linux network namespaces; this is not Linux"
    for program, package in (("nft", "nftables"), ("ip", "iproute2"), ("unshare", "util-linux")):
        if shutil.which(program, path=PATH) is None:
            return None, f"the lab needs the program {program} (Debian and Ubuntu: apt-get install {package})"
    cloud = Cloud()
    vpc = cloud.vpc("10.0.0.0/16")
    subnet = cloud.subnet(vpc, "10.0.0.0/24")
    group = cloud.default_group[vpc]
    one, _ = (cloud.eni(subnet, f"10.0.0.{host}", group) for host in (10, 11))
    flow = Flow(one, "10.0.0.10", 40000, "10.0.0.11", 443)
    why = []
    for way in WAYS:
        try:
            with Sandbox(way) as sandbox:
                outcomes = sandbox.ask(cloud.documents, [flow], patience=15)
        except LabBroken as broken:
            why.append(f"unshare {' '.join(way)}: {broken}")
            continue
        if outcomes[0].connected:
            return way, ""
        why.append(f"unshare {' '.join(way)}: {outcomes[0]}")
    return None, "no sandbox of network namespaces can be made here: " + "; ".join(why)


def missing() -> str | None:
    """Why the lab cannot run here, or None."""
    return _probe()[1] or None

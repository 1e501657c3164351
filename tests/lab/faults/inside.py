"""The process in the sandbox: runs what it is told, a job a line on standard input, an answer a line on
standard output.

    {"name": "S01", "data": {...}, "arguments": [...], "command": false}
    {"name": "S01", "code": 1, "report": {...}, "errors": "", "seconds": 1.4}

Several jobs at once, each in a site of its own: `python -m tests.lab.faults.inside LABS [old]`.
"""

from __future__ import annotations

import json
import socket
import sys
import tempfile
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.lab.kernel import LabBroken, raise_file_limit, refuse_real_network


def main() -> None:
    try:
        refuse_real_network()
    except LabBroken as broken:
        _say({"broken": str(broken)})
        return
    raise_file_limit()
    socket.sethostname("worker-a")  # which recordings tell
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        _serve(Path(folder), int(sys.argv[1]), "old" in sys.argv[2:])


def _serve(folder: Path, labs: int, old: bool) -> None:
    from tests.lab.faults.zygote import Zygote

    # Before anything that has threads.
    zygote = Zygote(folder)
    try:
        from tests.lab.faults import backends

        with backends.running(folder, old=old) as running:
            _say({"ready": True})
            with ThreadPoolExecutor(labs) as pool:
                for line in sys.stdin:
                    pool.submit(_job, json.loads(line), running, zygote)
    finally:
        zygote.close()


def _job(job: dict[str, Any], backends: Any, zygote: Any) -> None:
    try:
        answer = _run(job, backends, zygote)
    except Exception:  # noqa: BLE001 - it is told, and the next job is another's
        answer = {"broken": traceback.format_exc()}
    _say({"name": job["name"], **answer})


def _run(job: dict[str, Any], backends: Any, zygote: Any) -> dict[str, Any]:
    from tests.lab.faults.rows import pipeline
    from tests.lab.faults.site import Site

    made = job["pipeline"] if "pipeline" in job else pipeline(job["data"])
    with Site(made, backends, zygote) as site:
        ended = site.run(*job["arguments"], command=job["command"])
    report = json.loads(ended.out) if ended.out.startswith("{") else None
    return {"code": ended.code, "report": report, "errors": ended.err, "seconds": ended.seconds}


_ONE_AT_A_TIME = threading.Lock()
_OUTPUT = open(1, "wb", closefd=False)  # noqa: SIM115 - as long as the process
"""Buffered, as a raw write of a long line may end in its middle."""


def _say(answer: dict[str, Any]) -> None:
    with _ONE_AT_A_TIME:
        _OUTPUT.write(json.dumps(answer).encode() + b"\n")
        _OUTPUT.flush()


if __name__ == "__main__":
    main()

"""Demos can be made again: `tools/record_demos.py` gives recordings that are judged as those that ship."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from netcheck.commands.demo import DEMOS
from tests import needs
from tests.e2e import island
from tests.e2e.command import environment, run

PROGRAM = island.ROOT / "tools" / "record_demos.py"
SHIPPED = island.ROOT / "netcheck" / "demo"


def verdicts(recording: Path) -> list[tuple[Any, ...]]:
    """Everything a recording comes to, but for what was measured: checks, targets, statuses, causes, why."""
    report = run("--replay", str(recording)).report
    names = ("key", "status", "cause", "layer", "caused_by")
    return [tuple(result[name] for name in names) for result in report["results"]]


def test_recorded_again_every_demo_comes_to_the_same(tmp_path: Path) -> None:
    needs.kafka_broker()
    needs.chdb()
    if reason := island.missing():
        needs.skip_or_fail(reason)
    command = [sys.executable, str(PROGRAM), "--output", str(tmp_path)]
    made = subprocess.run(
        command, capture_output=True, text=True, timeout=280, env=environment(), check=False
    )
    assert made.returncode == 0, made.stderr
    for name in DEMOS:
        assert verdicts(tmp_path / f"{name}.json.gz") == verdicts(SHIPPED / f"{name}.json.gz"), name

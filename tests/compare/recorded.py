"""Runs of one pipeline in a changing AWS account, with `netcheck run` against a local AWS API."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.commandline import Done, netcheck
from tests.scenarios.pipelines import SENDS_PACKETS, built, world
from tests.scenarios.test_scenarios import Outside
from tests.servers.aws_endpoint import AwsEndpoint

SELECTION = ("--skip", *SENDS_PACKETS, "--deadline", "300", "--timeout", "60")


def run(patches: tuple[Mapping[str, Any], ...], *arguments: str) -> Done:
    """Run in the account of `tests/scenarios/base.yaml` with these patches."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        pipeline = built({"patch": patches})
        outside = Outside(pipeline["dns"], monkeypatch)
        with AwsEndpoint(world(pipeline)) as aws:
            for variable, value in aws.environment().items():
                monkeypatch.setenv(variable, value)
            done = netcheck("run", *pipeline["arguments"], *SELECTION, *arguments)
        assert outside.left == []
    return done


def record(path: Path, *patches: Mapping[str, Any]) -> Path:
    """The recording of such a run."""
    done = run(patches, "--record", str(path))
    assert done.code in (0, 1), done.err
    return path

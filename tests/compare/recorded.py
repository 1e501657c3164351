"""Recordings of one pipeline in an AWS account that changes: made by `netcheck run` against a local AWS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.commandline import netcheck
from tests.scenarios.pipelines import SENDS_PACKETS, built, world
from tests.scenarios.test_scenarios import Outside
from tests.servers.aws_endpoint import AwsEndpoint

EVERYTHING_PRIVATE = ("--skip", *SENDS_PACKETS, "--deadline", "60")


def record(path: Path, *patch: Mapping[str, Any], json: Path | None = None, only: tuple[str, ...] = ()) -> Path:
    """Run in the account of `tests/scenarios/base.yaml` with these patches, and keep the recording."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        pipeline = built({"patch": patch})
        outside = Outside(pipeline["dns"], monkeypatch)
        with AwsEndpoint(world(pipeline)) as aws:
            for variable, value in aws.environment().items():
                monkeypatch.setenv(variable, value)
            given = ("run", *pipeline["arguments"], *(only or EVERYTHING_PRIVATE), "--record", str(path))
            done = netcheck(*given, "--format", "json", *(("--output", str(json)) if json else ()))
        assert done.code in (0, 1), done.err
        assert outside.left == []
    return path

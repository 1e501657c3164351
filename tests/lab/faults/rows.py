"""The matrix: rows as data, each a patch of the healthy pipeline and what netcheck has to say of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.lab.faults import backends
from tests.scenarios.pipelines import built

FOLDER = Path(__file__).with_name("rows")
CLOUD_ADDRESSES = ("198.51.100.11", "198.51.100.12", "198.51.100.13")
BROKER_ADDRESSES = {1: "10.0.11.21", 2: "10.0.12.22", 3: "10.0.13.23"}


def healthy() -> dict[str, Any]:
    """What is live in the healthy pipeline: see doors.py and site.py."""
    doors: dict[str, Any] = {
        f"{address}:9098": {"iam": "good", "backend": f"{number}.IAM"}
        for number, address in BROKER_ADDRESSES.items()
    }
    doors |= {f"{address}:8443": {"tls": "good", "backend": "clickhouse"} for address in CLOUD_ADDRESSES}
    doors |= {f"203.0.113.{host}:443": {"aws": "good"} for host in (80, 81, 82)}
    return {
        "doors": doors,
        "resolvers": ["10.0.0.2"],
        "name_servers": {"10.0.0.2": "vpc"},
        "at_the_worker": ["10.0.0.2"],
        "drops": [],
        "links": {},
        "environment": {},
        "zones": {},
    }


def pipeline(row: Mapping[str, Any]) -> dict[str, Any]:
    """The pipeline of a row."""
    made = built({**row, "patch": [{"at": "live", "set": healthy()}, *row.get("patch", ())]})
    return made

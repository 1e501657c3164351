"""How a plugin tests its check: on given facts, and on a recording of a real run."""

from __future__ import annotations

from pathlib import Path

import pytest
from netcheck_example.latency import Near

import netcheck
from netcheck.core.model import Finding, Kind, Layer, Result, Status, Target
from netcheck.engine import facts
from netcheck.probe.transport.tcp import Connection, Connections
from netcheck.testing import on_facts, on_recording, root_causes

BROKER = Target(Kind.KAFKA, "b-1.example", 9094)
RECORDED = Path(netcheck.__file__).parent / "demo" / "healthy.json.gz"


def connected(seconds: float) -> Connections:
    one = Connection("10.0.0.7", 4, None, None, None, None, "", seconds)
    return Connections(9094, (one,), None, "", seconds)


@pytest.mark.parametrize(
    ("seconds", "status", "code"),
    [(0.004, "pass", None), (0.120, "warn", None), (1.5, "fail", "ACME_OTHER_CONTINENT")],
)
def test_the_distance_decides(seconds: float, status: str, code: str | None) -> None:
    (result,) = on_facts(Near(), BROKER, {facts.connections: connected(seconds)})
    assert (result.status, result.finding.code) == (status, code)


def test_silence_of_a_far_broker_follows_and_the_fix_is_ours() -> None:
    silent = Finding(Status.FAIL, "no answer to ApiVersions", "kafka_silent", Layer.KAFKA)
    below = Result(f"kafka.protocol@{BROKER}", "kafka.protocol", BROKER, silent, 0.1)
    far = on_facts(Near(), BROKER, {facts.connections: connected(1.5)})
    (cause,) = root_causes([*far, below], [Near()])
    assert (cause.code, cause.explains) == ("ACME_OTHER_CONTINENT", (below.key,))
    assert cause.fix[0].text == "Move the workers nearer to b-1.example."


def test_a_recorded_run_is_judged_with_no_network() -> None:
    results = on_recording(Near(), RECORDED)
    assert results and {result.status for result in results} == {Status.PASS}

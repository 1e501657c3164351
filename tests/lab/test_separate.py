"""What looks the same from one socket is told apart: real packets, routers, name servers and TLS on a strait.

All scenes are played at once, in one sandbox: most of the time is waiting for silence.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests import needs
from tests.lab import sandbox
from tests.lab.scenes import EVERY_BROKER, SCENES, Scene

PATIENCE_S = 150.0
WAYS = (("-U", "-r"), ())
NAMESPACES = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
BY_NAME = {scene.says: scene for scene in SCENES}
CLOSER = {"tcp.source-ports", "tcp.other-ports", "tcp.internet", "tls.path"}


@dataclass(frozen=True, slots=True)
class Played:
    """What came of every scene; why none can be played here; or how playing them broke, told once for all."""

    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    missing: str = ""
    broken: str = ""


@functools.cache
def played() -> Played:
    way = _way()
    if isinstance(way, str):
        return Played(missing=way)
    try:
        done = _run(*way, sys.executable, "-m", "tests.lab.straits")
    except subprocess.TimeoutExpired as error:
        return Played(broken=str(error))
    return Played(json.loads(done.stdout)) if done.returncode == 0 else Played(broken=done.stderr)


def _way() -> tuple[str, ...] | str:
    """How a sandbox is made here, or why none can be."""
    if why := sandbox.missing():
        return why
    tried = []
    for way in WAYS:
        command = ("unshare", *way, *NAMESPACES)
        done = _run(*command, "mount", "--bind", "/etc/hosts", "/etc/hosts")
        if done.returncode == 0:
            return command
        tried.append(done.stderr.strip())
    return "no strait can be made here: " + "; ".join(tried)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=sandbox.ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=_environment(),
        check=False,
    )


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "NETCHECK_"))}
    return kept | {"PATH": sandbox.PATH}


def outcome(scene: Scene) -> dict[str, Any]:
    every = played()
    if every.missing:
        needs.skip_or_fail(every.missing)
    assert not every.broken, every.broken
    found = every.answers[scene.says]
    assert "broken" not in found, found
    return found


def failed(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [result for result in report["results"] if result["status"] in ("fail", "warn", "unknown")]


every_scene = pytest.mark.parametrize("scene", SCENES, ids=lambda scene: f"{scene.group}: {scene.says}")


@every_scene
def test_each_of_a_group_that_looks_alike_has_its_own_cause(scene: Scene) -> None:
    report = outcome(scene)["report"]
    told = [one for one in report["results"] if one["check"] == scene.check and one["target"] in scene.at]
    assert {one["target"] for one in told} == scene.at
    for one in told:
        expected = (scene.status if scene.cause else "pass", scene.cause)
        assert (one["status"], one["cause"]) == expected, one["summary"]
        assert scene.words in one["summary"]
    tops = [one for one in failed(report) if one["caused_by"] is None]
    assert {one["target"] for one in tops} == (scene.at if scene.cause else set()), "only these are blamed"
    assert {one["check"] for one in tops} <= {scene.check}, "everything else follows from it"
    roots = [cause["code"].lower() for cause in report["root_causes"]]
    assert roots == ([scene.code or scene.cause] if scene.cause and scene.status == "fail" else [])


@every_scene
def test_a_recording_comes_to_the_same(scene: Scene) -> None:
    found = outcome(scene)
    names = ("key", "status", "cause", "summary", "evidence", "caused_by")
    report, again = (
        [{name: one[name] for name in names} for one in found[which]["results"]]
        for which in ("report", "replayed")
    )
    assert again == report


@pytest.mark.parametrize(
    ("group", "causes"),
    [
        (
            "silence of a port",
            {
                "port_silent",
                "source_port_filtered",
                "host_silent",
                "listener_silent",
                "intermittent",
                "timed_out",
                "connection_refused",
                "host_unreachable",
            },
        ),
        ("silence of a public host", {"no_internet", "public_host_silent", "port_silent", "timed_out"}),
        ("works from one host and not from the other", {"family_split"}),
        (
            "TLS gets no answer",
            {
                "mtu_black_hole",
                "tls_hello_filtered",
                "packet_loss",
                "tls_name_filtered",
                "tls_name_refused",
                "tls_reset_after_client_hello",
                "tls_silent_after_client_hello",
                "intermittent",
            },
        ),
        (
            "names that resolve slowly or not at all",
            {"dns_server_dead", "dns_lossy", "dns_name_silent", "dns_timed_out"},
        ),
        ("a slow first answer", {"network_slow", "clickhouse_slow"}),
        ("silence that AWS's configuration may explain", {"path_security_group", "port_silent"}),
    ],
)
def test_the_scenes_of_a_group_have_distinct_causes(group: str, causes: set[str]) -> None:
    scenes = [scene for scene in SCENES if scene.group == group]
    found: set[str] = set()
    for scene in scenes:
        found |= {one["cause"] for one in failed(outcome(scene)["report"]) if one["caused_by"] is None}
    assert found == causes


def test_where_all_is_well_nothing_is_asked_and_nothing_is_told() -> None:
    found = outcome(BY_NAME["everything works"])
    assert len(found["calls"]) == len(EVERY_BROKER)
    assert not CLOSER & {one["check"] for one in found["report"]["results"]}
    assert found["report"]["summary"]["skip"] == 0


@pytest.mark.parametrize("says", ["the port is closed", "a firewall rejects with ICMP"])
def test_what_says_itself_why_it_does_not_connect_is_not_asked_again(says: str) -> None:
    found = outcome(BY_NAME[says])
    assert len(found["calls"]) == len(EVERY_BROKER)
    assert not CLOSER & {one["check"] for one in found["report"]["results"]}


def test_what_aws_configuration_explains_is_not_asked_again() -> None:
    found = outcome(BY_NAME["AWS's configuration explains the silence"])
    assert len([port for _, port, _ in found["calls"] if port != 80]) == 1
    assert not CLOSER & {one["check"] for one in found["report"]["results"]}


# The plain connection, eight source ports twice, five ports; and of TLS the handshake, 14 variations, and
# the plain-text ping that there was before.
MOST_CALLS = 22


@every_scene
def test_a_closer_look_is_bounded(scene: Scene) -> None:
    found = outcome(scene)
    for address, count in Counter(address for address, _, _ in found["calls"]).items():
        assert count <= MOST_CALLS, address


@every_scene
def test_a_host_that_answers_is_called_once(scene: Scene) -> None:
    """Of three brokers of which one is silent the two others are not bothered."""
    found = outcome(scene)
    connected = {
        one["target"]: [each["address"] for each in one["evidence"]["connections"]]
        for one in found["report"]["results"]
        if one["check"] == "tcp.connects" and one["status"] == "pass" and one["target"].startswith("kafka:")
    }
    calls = Counter(address for address, _, _ in found["calls"])
    for target, addresses in connected.items():
        assert [calls[address] for address in addresses] == [1] * len(addresses), target

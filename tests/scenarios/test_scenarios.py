"""Every scenario of this folder: the misconfiguration, and the finding, cause and fix that it is to give."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

from netcheck.core.catalogue import Catalogue
from netcheck.engine import plugins
from tests.commandline import netcheck
from tests.scenarios.pipelines import SENDS_PACKETS, built, failing, scenarios, world
from tests.servers.aws_endpoint import AwsEndpoint

SCENARIOS = scenarios()
REGEX = ("summary",)
PLAIN = ("check", "status", "cause", "code", "component")

PROBLEMS = Catalogue.made_of(plugins.find().checks).problems


class Outside:
    """This host's resolver and network, but that names are the scenario's and nothing leaves the host."""

    def __init__(self, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: list[str] = []
        self._names = names
        self._resolve = socket.getaddrinfo
        self._connect = socket.socket.connect
        monkeypatch.setattr(socket, "getaddrinfo", self.getaddrinfo)
        outside = self

        def connect(own: socket.socket, address: Any) -> None:
            if own.type == socket.SOCK_STREAM and own.family in (socket.AF_INET, socket.AF_INET6):
                outside.keep_in(address)
            outside._connect(own, address)

        monkeypatch.setattr(socket.socket, "connect", connect)

    def keep_in(self, address: Any) -> None:
        if address[0] not in ("127.0.0.1", "::1"):
            self.left.append(str(address))
            raise OSError(101, "Network is unreachable")

    def getaddrinfo(self, host: Any, port: Any, *args: Any, **kw: Any) -> Any:
        if host in ("127.0.0.1", "localhost", "::1"):
            return self._resolve(host, port, *args, **kw)
        name = str(host).rstrip(".").lower()
        if name not in self._names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port or 0, 0, 0) if ":" in address else (address, port or 0),
            )
            for address in self._names[name]
        ]


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = SCENARIOS[name]
    report, code = judged(scenario, monkeypatch)
    shown = "\n".join(_shown(result) for result in report["results"] if result["status"] != "skip")
    for wanted in scenario.get("expect", ()):
        assert [r for r in report["results"] if _fits(r, wanted, report)], f"nothing is {wanted} in\n{shown}"
    if scenario.get("others") != "any":
        extra = [
            r for r in failing(report["results"]) if not any(_fits(r, w, report) for w in _wanted(scenario))
        ]
        assert not extra, f"not expected: {[_shown(r) for r in extra]} in\n{shown}"
    statuses = {wanted.get("status") for wanted in _wanted(scenario)}
    assert code == scenario.get("exit", 1 if "fail" in statuses else 0), shown


def judged(scenario: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, int]:
    """The report of a run in a scenario's AWS account, and the exit code."""
    pipeline = built(scenario)
    outside = Outside(pipeline["dns"], monkeypatch)
    selection = ("--only", *scenario["only"]) if "only" in scenario else ("--skip", *SENDS_PACKETS)
    with AwsEndpoint(world(pipeline)) as aws:
        for action in pipeline["deny"]:
            aws.deny(*action.split(":"))
        for variable, value in aws.environment().items():
            monkeypatch.setenv(variable, value)
        done = netcheck("run", *pipeline["arguments"], *selection, "--format", "json", "--deadline", "30")
    assert done.out, done.err
    assert outside.left == [], "a check sent packets: name it in SENDS_PACKETS"
    return json.loads(done.out), done.code


def _wanted(scenario: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scenario.get("expect", [])
    return found


def _fits(result: Any, wanted: dict[str, Any], report: Any) -> bool:
    told = result | {each: _of_root(result, report, each) for each in ("code", "component")}
    return (
        all(told.get(key) == wanted[key] for key in PLAIN if key in wanted)
        and all(re.search(wanted[key], told[key]) for key in REGEX if key in wanted)
        and fnmatchcase(result["target"], wanted.get("target", "*"))
        and ("fix" not in wanted or any(re.search(wanted["fix"], text) for text in _fixes(result, report)))
    )


def _of_root(result: Any, report: Any, name: str) -> Any:
    """Code and component stand in the root cause that the result shows."""
    return next((root[name] for root in report["root_causes"] if result["key"] in root["shown_by"]), None)


def _fixes(result: Any, report: Any) -> Iterator[str]:
    for root in report["root_causes"]:
        if result["key"] in root["shown_by"]:
            yield from (fix["text"] for fix in root["fix"])
    yield json.dumps(result["evidence"].get("fix", ""), ensure_ascii=False)
    if result["cause"]:
        yield PROBLEMS[result["cause"]].advice


def _shown(result: Any) -> str:
    why = f" ({result['caused_by']})" if result["caused_by"] else ""
    return f"{result['status']:8} {result['key']} {result['cause']}: {result['summary']}{why}"

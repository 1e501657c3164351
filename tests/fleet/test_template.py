"""The template for many accounts is valid for CloudFormation and Step Functions, and probes no peer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from netcheck.awslambda.event import OWN, read
from netcheck.awslambda.metrics import Detail
from netcheck.core import aliases
from netcheck.core.check import Survey
from netcheck.core.context import Deadline
from netcheck.engine import plugins
from netcheck.settings.config import BY_NAME

TEMPLATE = Path(__file__).parents[2] / "deploy" / "fleet" / "template.yaml"


class _Loader(yaml.SafeLoader):
    """Loads the short form of a function (`!Ref`) as its argument."""


def _argument(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    assert isinstance(node, (yaml.SequenceNode, yaml.MappingNode))
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


_Loader.add_multi_constructor("!", _argument)


def template() -> Any:
    return yaml.load(TEMPLATE.read_text("utf-8"), _Loader)


def states(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in machine["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


def test_cfn_lint_finds_nothing() -> None:
    # cfn-lint also checks the state machine's definition.
    ran = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), TEMPLATE],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ran.returncode, ran.stdout) == (0, "")


def test_the_function_gets_known_keys_and_probes_no_peer() -> None:
    machine = template()["Resources"]["Fleet"]["Properties"]["Definition"]
    event = dict(states(machine))["Connectors"]["ItemSelector"]
    assert {key.removesuffix(".$") for key in event} <= BY_NAME.keys() | OWN.keys()
    for check in plugins.find().checks:
        skipped = any(aliases.matches(check.id, glob) for glob in event["skip"])
        assert skipped == (check.survey is Survey.LIVE), check.id


def test_a_fleet_does_not_affect_the_functions_scheduled_runs() -> None:
    machine = template()["Resources"]["Fleet"]["Properties"]["Definition"]
    event = dict(states(machine))["Connectors"]["ItemSelector"]
    given = {key.removesuffix(".$"): value for key, value in event.items()}
    given |= {"connector": "orders-sink", "region": "eu-west-1", "profile": "netcheck"}
    environment = {
        "NETCHECK_STATE": "dynamodb://states",
        "NETCHECK_TOPIC": "arn:aws:sns:eu-west-1:111122223333:changes",
        "NETCHECK_METRICS": "all",
    }
    invocation = read(given, environment, Deadline(60))
    assert (invocation.state, invocation.topic, invocation.metrics) == (None, None, Detail.NONE)


def test_nothing_is_null() -> None:
    # CloudFormation: "'null' values are not allowed in templates", also within a Definition.
    found, left = [], [template()]
    while left:
        value = left.pop()
        left += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        found += [value] * (value is None)
    assert found == []


def test_every_task_is_retried_with_backoff() -> None:
    machine = template()["Resources"]["Fleet"]["Properties"]["Definition"]
    tasks = [state for _, state in states(machine) if state["Type"] == "Task"]
    assert len(tasks) == 4
    for task in tasks:
        assert task["Retry"][0]["BackoffRate"] == 2 and task["Retry"][0]["JitterStrategy"] == "FULL"

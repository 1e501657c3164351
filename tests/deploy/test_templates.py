"""The CloudFormation templates: linted, with netcheck's own policy, and one required parameter."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from cfnlint.api import lint_all

from netcheck.aws.iam.permissions import policy
from netcheck.awslambda.event import KEYS, OWN
from netcheck.awslambda.permissions import statements
from netcheck.awslambda.store import TableStore
from tests.deploy.templates import DEPLOY, ECS, SAM, filled, policies, read, resources
from tools import write_deployments

TEMPLATES = {"sam": SAM, "ecs": ECS}
GIVEN = {
    "Connector": "orders-sink",
    "Image": "registry.example/netcheck:1",
    "LogDays": "30",
}


def lint(text: str) -> list[str]:
    """Errors and warnings; informational findings are a matter of style."""
    return [str(found) for found in lint_all(text) if not found.rule.id.startswith("I")]


@pytest.mark.parametrize("name", TEMPLATES)
def test_cfn_lint_finds_nothing(name: str) -> None:
    assert lint(TEMPLATES[name].read_text()) == []


def test_cfn_lint_finds_errors() -> None:
    text = SAM.read_text()
    wrong = text.replace("GetAtt WorkersRole.Arn", "GetAtt WorkersRole.Address").replace(
        "python3.13", "python2.7"
    )
    found = " ".join(lint(wrong))
    assert "Address" in found and "python2.7" in found


@pytest.mark.parametrize("name", TEMPLATES)
def test_its_policy_is_that_of_netcheck_policy(name: str) -> None:
    assert policies(TEMPLATES[name])["netcheck"] == policy(), "run python tools/write_deployments.py"


def test_the_terraform_policy_is_that_of_netcheck_policy() -> None:
    assert json.loads(write_deployments.POLICY.read_text()) == policy(), (
        "run python tools/write_deployments.py"
    )


@pytest.mark.parametrize("path", write_deployments.TEMPLATES, ids=lambda path: path.parent.name)
def test_the_generated_parts_are_up_to_date(path: Path) -> None:
    assert write_deployments.written(path.read_text()) == path.read_text()
    for function in resources(path, "AWS::Lambda::Function"):
        assert function["Code"]["ZipFile"] == (DEPLOY / "workers.py").read_text()
        assert len(function["Code"]["ZipFile"]) <= 4096, "the limit of CloudFormation"


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_connectors_name_is_the_only_required_parameter(name: str) -> None:
    parameters = read(TEMPLATES[name])["Parameters"]
    required = {key for key, parameter in parameters.items() if "Default" not in parameter}
    assert required - {"Image"} == {"Connector"}


def test_the_functions_event_is_valid() -> None:
    [function] = resources(SAM, "AWS::Serverless::Function")
    given = function["Events"]["Scheduled"]["Properties"]["Input"]
    event = json.loads(filled(given, GIVEN))
    assert event == {"connector": "orders-sink"} and event.keys() <= {*KEYS}
    variables = function["Environment"]["Variables"]
    assert {name.removeprefix("NETCHECK_").lower() for name in variables} <= set(OWN)


def test_several_connectors_of_a_region_can_have_stacks() -> None:
    # Names contain the connector's name, and SAM generates none.
    [function] = resources(SAM, "AWS::Serverless::Function")
    assert function["Events"]["Scheduled"]["Properties"]["OmitName"] is True
    for path in TEMPLATES.values():
        for resource in read(path)["Resources"].values():
            named = [v for k, v in resource["Properties"].items() if k in ("FunctionName", "Family", "Name")]
            assert all("${Connector}" in filled(each, {}) for each in named if each), named


@pytest.mark.parametrize(("path", "most"), [(SAM, 64), (ECS, 255)], ids=["sam", "ecs"])
def test_the_name_made_from_a_connectors_name_is_valid(path: Path, most: int) -> None:
    # CreateFunction: 64 letters, digits, - and _; RegisterTaskDefinition: 255 of the same.
    pattern = read(path)["Parameters"]["Connector"]["AllowedPattern"]
    assert re.fullmatch(pattern, "orders_sink-1") and not re.fullmatch(pattern, "orders.sink")
    assert not re.fullmatch(pattern, "x" * (most - len("netcheck-") + 1))


def test_a_run_is_not_retried() -> None:
    [function] = resources(SAM, "AWS::Serverless::Function")
    assert function["EventInvokeConfig"]["MaximumRetryAttempts"] == 0
    assert function["Events"]["Scheduled"]["Properties"]["RetryPolicy"]["MaximumRetryAttempts"] == 0
    assert "DeadLetterQueue" not in function


def test_it_sends_changes_with_minimal_permissions() -> None:
    [changes] = resources(SAM, "AWS::IAM::RolePolicy")
    expected = statements(TableStore("states"), topic="arn:aws:sns:eu-west-1:111122223333:changes")
    given = changes["PolicyDocument"]["Statement"]
    assert [each["Action"] for each in given] == [each["Action"] for each in expected]
    assert [each["Resource"] for each in given] == [{"Fn::GetAtt": ["States", "Arn"]}, {"Ref": "Changes"}]


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_other_permission_is_for_all_resources(name: str) -> None:
    wide = {
        (policy_name, action)
        for policy_name, document in policies(TEMPLATES[name]).items()
        for statement in document["Statement"]
        if statement["Resource"] == "*" and statement["Effect"] == "Allow" and policy_name != "netcheck"
        for action in statement["Action"]
    }
    of_lambda = {
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:UnassignPrivateIpAddresses",
    }
    looking = {
        ("find-the-workers", f"kafkaconnect:{each}") for each in ("ListConnectors", "DescribeConnector")
    }
    assert wide == looking | ({("lambda", each) for each in of_lambda} if name == "sam" else set())


def test_the_alarms_watch_existing_metrics() -> None:
    from netcheck.awslambda.metrics import NAMESPACE, Detail, documents, undelivered
    from tests.awslambda.reports import report

    sent: list[Any] = [*documents(report(), "x", Detail.SUMMARY), undelivered("x", 0)]
    names = {metric["Name"] for one in sent for metric in one["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    alarms = resources(SAM, "AWS::CloudWatch::Alarm")
    ours = [alarm for alarm in alarms if alarm["Namespace"] == NAMESPACE]
    assert {alarm["MetricName"] for alarm in ours} == {"Fail", "Undelivered"} <= names
    assert all(alarm["Dimensions"] == [{"Name": "Pipeline", "Value": {"Ref": "Connector"}}] for alarm in ours)
    assert len(alarms) == 3


# ECS


def lowered(value: Any) -> Any:
    """CloudFormation's member names, as in the ECS API."""
    match value:
        case dict():
            keep = any(key.startswith("awslogs-") for key in value)
            return {key if keep else key[0].lower() + key[1:]: lowered(each) for key, each in value.items()}
        case list():
            return [lowered(each) for each in value]
        case _:
            return value


def problems(service: str, operation: str, given: dict[str, Any]) -> str:
    model: Any = botocore.session.Session().get_service_model(service).operation_model(operation)
    return str(ParamValidator().validate(given, model.input_shape).generate_report())


def test_the_task_definition_is_valid() -> None:
    [task] = resources(ECS, "AWS::ECS::TaskDefinition")
    given = lowered(filled(task, GIVEN))
    assert problems("ecs", "RegisterTaskDefinition", given) == ""
    assert "cpus" in problems("ecs", "RegisterTaskDefinition", given | {"cpus": "256"})
    [container] = given["containerDefinitions"]
    assert container["command"] == ["run", "--connector", "orders-sink", "--format", "json"]
    assert container["readonlyRootFilesystem"] is True
    user = re.search(r"^USER (\S+)", (DEPLOY.parent / "Dockerfile").read_text(), re.MULTILINE)
    assert user is not None and container["user"] == user[1]


def test_the_schedule_is_valid() -> None:
    [schedule] = resources(ECS, "AWS::Scheduler::Schedule")
    target = filled(schedule["Target"], GIVEN)
    workers = {"Subnets": ["subnet-1"], "SecurityGroups": ["sg-1"], "AssignPublicIp": "DISABLED"}
    network = target["EcsParameters"]["NetworkConfiguration"]
    assert network["AwsvpcConfiguration"].keys() == workers.keys()
    network["awsvpcConfiguration"] = network.pop("AwsvpcConfiguration") | workers
    given = {**filled(schedule, GIVEN), "Name": "netcheck", "Target": target}
    assert problems("scheduler", "CreateSchedule", given) == ""

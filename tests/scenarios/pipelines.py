"""From a scenario's data to the AWS it describes, and to the checks that are run in it."""

from __future__ import annotations

import base64
import copy
import datetime
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.servers.aws_world import AwsError, Services, World

FOLDER = Path(__file__).parent
ACCOUNT = "111122223333"
REGION = "eu-west-1"
SENDS_PACKETS = ("dns.*", "tcp.*", "tls.*", "kafka.*", "clickhouse.*", "aws-service.answers")
"""Checks that send packets to targets: a scenario has none to send to."""


class ScenarioError(Exception):
    """The scenario's data is wrong."""


class Loader(yaml.SafeLoader):
    """Times stay texts, as AWS's answers have them once they are JSON."""


Loader.yaml_implicit_resolvers = {
    sign: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for sign, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def base() -> dict[str, Any]:
    """The healthy pipeline, every time a new copy."""
    text = (FOLDER / "base.yaml").read_text("utf-8")
    data: dict[str, Any] = copy.deepcopy(yaml.load(text, Loader))
    return data


def scenarios() -> dict[str, dict[str, Any]]:
    """Every scenario of the folder by its name."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        if path.name == "base.yaml":
            continue
        for document in yaml.load_all(path.read_text("utf-8"), Loader):
            if document["name"] in found:
                raise ScenarioError(f"{path.name}: {document['name']} stands twice")
            found[document["name"]] = document
    return found


def built(scenario: Mapping[str, Any]) -> dict[str, Any]:
    """The pipeline of a scenario: the base with its patches."""
    pipeline = built(scenarios()[scenario["like"]]) if "like" in scenario else base()
    for patch in scenario.get("patch", ()):
        applied(pipeline, patch)
    for section in ("services", "dns"):
        pipeline[section] = merged(pipeline.get(section, {}), scenario.get(section, {}))
    pipeline["deny"] = [*pipeline.get("deny", ()), *scenario.get("deny", ())]
    pipeline["arguments"] = scenario.get("arguments", pipeline["arguments"])
    return pipeline


def merged(one: Any, other: Any) -> Any:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return other
    return one | {key: merged(one.get(key), value) for key, value in other.items()}


def applied(pipeline: Any, patch: Mapping[str, Any]) -> None:
    *way, last = patch["at"].split("/")
    holder = pipeline
    for step in way:
        holder = holder[_place(holder, step, patch["at"])]
    place = _place(holder, last, patch["at"], new="set" in patch)
    match patch:
        case {"set": value}:
            holder[place] = copy.deepcopy(value)
        case {"add": value}:
            holder[place].append(copy.deepcopy(value))
        case {"drop": True}:
            del holder[place]
        case _:
            raise ScenarioError(f"{patch['at']}: set, add or drop is wanted")


def _place(holder: Any, step: str, whole: str, new: bool = False) -> Any:
    if isinstance(holder, dict):
        if step not in holder and not new:
            raise ScenarioError(f"{whole}: there is no {step}")
        return step
    key, found, value = step.partition("=")
    if not found:
        return int(step)
    for number, item in enumerate(holder):
        if str(item.get(key)) == value:
            return number
    raise ScenarioError(f"{whole}: nothing has {step}")


def world(pipeline: Mapping[str, Any]) -> World:
    """The AWS account that a pipeline is in."""
    services: dict[str, dict[str, Any]] = {
        "kafkaconnect": _kafka_connect(pipeline),
        "kafka": _kafka(pipeline),
        "iam": _iam(pipeline),
        "secretsmanager": _secrets_manager(pipeline),
        "kms": _kms(pipeline),
        "logs": {"FilterLogEvents": {"events": [_event(*each) for each in pipeline.get("log", ())]}},
        "route53": {"ListHostedZonesByVPC": {"HostedZoneSummaries": [], "MaxItems": "100"}},
        "route53resolver": {
            "ListResolverRuleAssociations": {"ResolverRuleAssociations": []},
            "ListResolverRules": {"ResolverRules": []},
            "ListFirewallRuleGroupAssociations": {"FirewallRuleGroupAssociations": []},
            "ListFirewallDomainLists": {"FirewallDomainLists": []},
        },
    }
    for service, answers in pipeline.get("services", {}).items():
        services.setdefault(service, {}).update(answers)
    given: Services = services
    return World(pipeline["ec2"], given)


def _kafka_connect(pipeline: Mapping[str, Any]) -> dict[str, Any]:
    connector = _timed(pipeline["connector"])
    listed = {k: v for k, v in connector.items() if k not in ("connectorConfiguration", "stateDescription")}
    whole = [{**connector, **other} for other in pipeline.get("other_connectors", ())]
    others = [{k: v for k, v in each.items() if k in listed} for each in whole]
    configured = connector.get("workerConfiguration", {})
    content = base64.b64encode(pipeline["worker_properties"].encode()).decode()
    return {
        "ListConnectors": lambda params: {
            "connectors": [
                each
                for each in [listed, *others]
                if each["connectorName"].startswith(params.get("connectorNamePrefix", ""))
            ]
        },
        "DescribeConnector": _one_of([connector, *whole], "connectorArn"),
        "ListConnectorOperations": {"connectorOperations": [_timed(each) for each in pipeline["operations"]]},
        "DescribeConnectorOperation": lambda _: _timed(pipeline["operation"]),
        "DescribeWorkerConfiguration": {
            "workerConfigurationArn": configured.get("workerConfigurationArn", "arn:none"),
            "name": "orders-workers",
            "latestRevision": {
                "revision": configured.get("revision", 1),
                "propertiesFileContent": content,
                "creationTime": _time("2026-01-09T09:00:00Z"),
            },
        },
        "DescribeCustomPlugin": _one_of(pipeline["plugins"], "customPluginArn"),
    }


def _kafka(pipeline: Mapping[str, Any]) -> dict[str, Any]:
    cluster = pipeline["cluster"]
    clusters = [cluster] if cluster else []
    serverless = bool(cluster) and cluster["ClusterType"] == "SERVERLESS"

    def listed(params: Mapping[str, Any]) -> dict[str, Any]:
        name, kind = params.get("ClusterNameFilter", ""), params.get("ClusterTypeFilter")
        fitting = (c for c in clusters if c["ClusterName"].startswith(name))
        return {"ClusterInfoList": [c for c in fitting if kind in (None, c["ClusterType"])]}

    def provisioned(answer: Mapping[str, Any]) -> Any:
        def answered(_: Mapping[str, Any]) -> Mapping[str, Any]:
            if serverless:
                message = "This operation cannot be performed on serverless clusters."
                raise AwsError("BadRequestException", message, 400)
            return answer

        return answered

    nodes = [
        {"NodeType": "BROKER", "BrokerNodeInfo": {**node, "BrokerId": float(node["BrokerId"])}}
        for node in pipeline["nodes"]
    ]
    return {
        "ListClustersV2": listed,
        "DescribeClusterV2": lambda params: {"ClusterInfo": _the(cluster, "ClusterArn")(params)},
        "GetBootstrapBrokers": pipeline["bootstrap"],
        "ListNodes": provisioned({"NodeInfoList": nodes}),
        "ListScramSecrets": provisioned({"SecretArnList": pipeline["scram_secrets"]}),
        "ListVpcConnections": {"VpcConnections": pipeline["vpc_connections"]},
        "GetClusterPolicy": _absent("NotFoundException", "There is no policy for this cluster."),
    }


def _iam(pipeline: Mapping[str, Any]) -> dict[str, Any]:
    role, arn = pipeline["role"], pipeline["connector"].get("serviceExecutionRoleArn", "")
    name = arn.rpartition("/")[2] or "none"
    boundary = (
        {"PermissionsBoundary": {"PermissionsBoundaryArn": role["boundary"]}} if role["boundary"] else {}
    )
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "kafkaconnect.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    policies = {arn: json.dumps(document) for arn, document in role["managed"].items()}
    created = _time("2026-01-01T00:00:00Z")

    def text(params: Mapping[str, Any]) -> dict[str, Any]:
        document = policies[params["PolicyArn"]]
        return {"PolicyVersion": {"Document": document, "VersionId": "v1", "IsDefaultVersion": True}}

    def inline(params: Mapping[str, Any]) -> dict[str, Any]:
        named = params["PolicyName"]
        return {"RoleName": name, "PolicyName": named, "PolicyDocument": json.dumps(role["inline"][named])}

    return {
        "GetRole": {
            "Role": {
                "Path": "/",
                "RoleName": name,
                "RoleId": "AROAEXAMPLEEXAMPLE000",
                "Arn": arn or "arn:aws:iam::111122223333:role/none",
                "CreateDate": created,
                "AssumeRolePolicyDocument": json.dumps(role.get("trust", trust)),
                **boundary,
            }
        },
        "ListRolePolicies": {"PolicyNames": sorted(role["inline"]), "IsTruncated": False},
        "GetRolePolicy": inline,
        "ListAttachedRolePolicies": {
            "AttachedPolicies": [
                {"PolicyName": each.rpartition("/")[2], "PolicyArn": each}
                for each in policies
                if each != role["boundary"]
            ],
            "IsTruncated": False,
        },
        "GetPolicy": lambda params: {"Policy": {"Arn": params["PolicyArn"], "DefaultVersionId": "v1"}},
        "GetPolicyVersion": text,
        "SimulatePrincipalPolicy": _absent(
            "AccessDenied", "not authorized to perform: iam:SimulatePrincipalPolicy"
        ),
    }


def _secrets_manager(pipeline: Mapping[str, Any]) -> dict[str, Any]:
    secrets = pipeline["secrets"]

    def described(params: Mapping[str, Any]) -> Any:
        for name, secret in secrets.items():
            if params["SecretId"] in (name, secret["ARN"]):
                return {key: value for key, value in secret.items() if key != "policy"}
        raise AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")

    def policy(params: Mapping[str, Any]) -> Any:
        secret = described(params)
        document = next(each.get("policy") for each in secrets.values() if each["ARN"] == secret["ARN"])
        shown = {"ResourcePolicy": json.dumps(document)} if document else {}
        return {"ARN": secret["ARN"], "Name": secret["Name"], **shown}

    return {"DescribeSecret": described, "GetResourcePolicy": policy}


def _kms(pipeline: Mapping[str, Any]) -> dict[str, Any]:
    keys = pipeline["keys"]

    def key(params: Mapping[str, Any]) -> Any:
        if params["KeyId"] not in keys:
            raise AwsError("NotFoundException", f"Key '{params['KeyId']}' does not exist")
        return keys[params["KeyId"]]

    return {
        "DescribeKey": lambda params: {"KeyMetadata": key(params)["metadata"]},
        "GetKeyPolicy": lambda params: {"Policy": json.dumps(key(params)["policy"]), "PolicyName": "default"},
    }


def _absent(code: str, message: str) -> Any:
    def refused(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise AwsError(code, message, 403 if code == "AccessDenied" else 404)

    return refused


def _the(thing: Mapping[str, Any], key: str) -> Any:
    return _one_of([thing] if thing else [], key)


def _one_of(things: list[Any], key: str) -> Any:
    def answered(params: Mapping[str, Any]) -> Any:
        for thing in things:
            if thing[key] in params.values():
                return thing
        raise AwsError("NotFoundException", "The resource does not exist.", 404)

    return answered


def _timed(given: Mapping[str, Any]) -> dict[str, Any]:
    """botocore's serialiser wants real times where the data has texts."""
    return {
        key: _time(value) if key in ("creationTime", "endTime") else value for key, value in given.items()
    }


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def _event(moment: str, message: str) -> dict[str, Any]:
    """A line of a worker's log, and when it was written."""
    millis = int(_time(moment).timestamp() * 1000)
    return {"logStreamName": "worker-1", "timestamp": millis, "message": message, "eventId": str(millis)}


def failing(results: list[Any]) -> Iterator[Any]:
    """What speaks against the pipeline, but for consequences of something else that does."""
    yield from (r for r in results if r["status"] in ("fail", "warn") and not r["caused_by"])

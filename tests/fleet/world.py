"""An account with many connectors: copies of the healthy pipeline's VPC and cluster, with several sinks."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from typing import Any

from tests.scenarios.pipelines import base, world
from tests.servers.aws_world import AwsError, World

IDS = re.compile(
    r"\b(vpc|subnet|rtb|rtbassoc|acl|aclassoc|sg|sgr|eni|nat|igw|vpce|dopt|eipalloc|i)-[a-z0-9-]+"
)
CLUSTER = re.compile(r"\borders(?=\.a1b2c3|/9c8b7a65)|\ba1b2c3\b|9c8b7a65(?=-4321)")


def copied(number: int) -> dict[str, Any]:
    """The healthy pipeline with other ids: its VPC, its cluster and its connector."""
    text = json.dumps(base())
    text = IDS.sub(lambda found: f"{found[0]}-{number:02d}", text)
    text = CLUSTER.sub(lambda found: f"{found[0]}{number:02d}", text)
    pipeline: dict[str, Any] = json.loads(text)
    pipeline["cluster"]["ClusterName"] = f"orders{number:02d}"
    return pipeline


def names(pipelines: list[dict[str, Any]]) -> dict[str, list[str]]:
    """The addresses of every name of these pipelines."""
    return {name: addresses for one in pipelines for name, addresses in one["dns"].items()}


def sinks(pipeline: Mapping[str, Any], number: int, count: int) -> list[dict[str, Any]]:
    """Connectors in the pipeline's VPC that differ only in their name."""
    found = []
    for each in range(count):
        one = copy.deepcopy(pipeline["connector"])
        one["connectorName"] = f"sink-{number:02d}-{each:02d}"
        one["connectorArn"] = one["connectorArn"].replace("/orders-sink/", f"/{one['connectorName']}/")
        found.append(one)
    return found


def account(pipelines: list[dict[str, Any]], each: int) -> World:
    """One account and Region with all pipelines and `each` connectors in every VPC."""
    whole = copy.deepcopy(pipelines[0])
    for other in pipelines[1:]:
        for key, items in other["ec2"].items():
            known = whole["ec2"].setdefault(key, [])
            known.extend(item for item in items if item not in known)
    answers = world(whole)
    parts = [world(one) for one in pipelines]
    connectors = {
        sink["connectorArn"]: (sink, part)
        for number, (pipeline, part) in enumerate(zip(pipelines, parts, strict=True))
        for sink in sinks(pipeline, number, each)
    }
    kafka, connect = answers.services["kafka"], answers.services["kafkaconnect"]
    timed = parts[0].services["kafkaconnect"]["DescribeConnector"]
    moment = timed({"connectorArn": pipelines[0]["connector"]["connectorArn"]})["creationTime"]  # type: ignore[operator]

    def listed(params: Mapping[str, Any]) -> dict[str, Any]:
        left_out = ("connectorConfiguration", "stateDescription")
        return {
            "connectors": [
                {key: value for key, value in sink.items() if key not in left_out} | {"creationTime": moment}
                for sink, _ in connectors.values()
                if sink["connectorName"].startswith(params.get("connectorNamePrefix", ""))
            ]
        }

    def described(params: Mapping[str, Any]) -> dict[str, Any]:
        if params["connectorArn"] not in connectors:
            raise AwsError("NotFoundException", "The resource does not exist.", 404)
        return {**connectors[params["connectorArn"]][0], "creationTime": moment}

    def by_cluster(operation: str) -> Any:
        own = {one["cluster"]["ClusterArn"]: part for one, part in zip(pipelines, parts, strict=True)}

        def answered(params: Mapping[str, Any]) -> Any:
            answer = own[params["ClusterArn"]].services["kafka"][operation]
            return answer(dict(params)) if callable(answer) else answer

        return answered

    def clusters(params: Mapping[str, Any]) -> dict[str, Any]:
        start = params.get("ClusterNameFilter", "")
        found = [one["cluster"] for one in pipelines]
        return {"ClusterInfoList": [one for one in found if one["ClusterName"].startswith(start)]}

    connect |= {"ListConnectors": listed, "DescribeConnector": described}
    kafka |= {"ListClustersV2": clusters}
    kafka |= {name: by_cluster(name) for name in ("GetBootstrapBrokers", "ListNodes", "ListScramSecrets")}
    return answers

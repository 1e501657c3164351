"""The custom resource of the templates returns the workers' subnets and groups, and always responds."""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.deploy.templates import DEPLOY
from tests.scenarios.pipelines import base, world
from tests.servers.aws_endpoint import AwsEndpoint

ARN = "arn:aws:cloudformation:eu-west-1:111122223333:stack/netcheck/1"


@pytest.fixture
def response_url() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """CloudFormation's response URL, and what was sent to it."""
    requests: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response_only(200)
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", requests
    server.shutdown()
    server.server_close()
    thread.join(10)


def responded(
    response_url: tuple[str, list[dict[str, Any]]],
    connector: str,
    monkeypatch: pytest.MonkeyPatch,
    **more: str,
) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location("workers", DEPLOY / "workers.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    url, requests = response_url
    event = {
        "RequestType": "Create",
        "ResponseURL": url,
        "StackId": ARN,
        "RequestId": "request-1",
        "LogicalResourceId": "Workers",
        "ResourceProperties": {"ServiceToken": "x", "Connector": connector},
        **more,
    }
    with AwsEndpoint(world(base())) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        module.handler(event, None)
        [answer] = requests
        assert answer["StackId"] == ARN and answer["RequestId"] == "request-1"
        return {**answer, "calls": [call.operation for call in aws.calls]}


def test_it_returns_the_workers_subnets_and_groups(
    response_url: tuple[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc = base()["connector"]["kafkaCluster"]["apacheKafkaCluster"]["vpc"]
    answer = responded(response_url, "orders-sink", monkeypatch)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "workers-of-orders-sink")
    assert answer["Data"] == {
        "Subnets": ",".join(vpc["subnets"]),
        "SecurityGroups": ",".join(vpc["securityGroups"]),
    }


@pytest.mark.parametrize("name", ["orders", "nothing"])
def test_a_missing_connector_fails_the_stack_with_a_reason(
    name: str, response_url: tuple[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = responded(response_url, name, monkeypatch)
    assert answer["Status"] == "FAILED" and f"no connector {name}" in answer["Reason"]


def test_a_stack_can_be_deleted_after_its_connector(
    response_url: tuple[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = responded(response_url, "nothing", monkeypatch, RequestType="Delete")
    assert (answer["Status"], answer["calls"]) == ("SUCCESS", [])

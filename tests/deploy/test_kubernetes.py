"""The Kubernetes manifests: valid by Kubernetes' schemas, and with minimal privileges."""

from __future__ import annotations

import re
import string
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from netcheck.settings.config import BY_NAME
from tests.deploy.templates import DEPLOY

FILES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
GIVEN = {
    "CONNECTOR": "orders-sink",
    "IMAGE": "registry.example/netcheck:1",
    "REGION": "eu-west-1",
    "ROLE": "arn:aws:iam::111122223333:role/netcheck",
}


def manifests(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(string.Template(path.read_text()).substitute(GIVEN)))


def all_of(kind: str) -> dict[str, Any]:
    [found] = [each for path in FILES for each in manifests(path) if each["kind"] == kind]
    return dict(found)


def pods() -> dict[str, dict[str, Any]]:
    return {
        "Job": all_of("Job")["spec"]["template"]["spec"],
        "CronJob": all_of("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"],
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_is_valid(path: Path) -> None:
    for manifest in manifests(path):
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_an_invalid_one_is_noticed() -> None:
    job = all_of("Job")
    job["spec"]["template"]["spec"]["container"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)


def test_job_and_cron_job_run_the_same() -> None:
    assert pods()["Job"] == pods()["CronJob"]


def test_it_runs_without_privileges_and_writes_nothing() -> None:
    pod = pods()["Job"]
    [container] = pod["containers"]
    user = re.search(r"^USER (\d+):(\d+)", (DEPLOY.parent / "Dockerfile").read_text(), re.MULTILINE)
    assert user is not None
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]) == (
        int(user[1]),
        int(user[2]),
    )
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_it_runs_with_the_service_account_that_has_the_role() -> None:
    account = all_of("ServiceAccount")
    assert pods()["Job"]["serviceAccountName"] == account["metadata"]["name"]
    assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] == GIVEN["ROLE"]
    namespaces = {all_of(kind)["metadata"]["namespace"] for kind in ("Job", "CronJob", "ServiceAccount")}
    assert namespaces == {all_of("Namespace")["metadata"]["name"]}


def test_its_arguments_are_netchecks() -> None:
    command, *options = pods()["Job"]["containers"][0]["args"]
    flags = [word.removeprefix("--").replace("-", "_") for word in options if word.startswith("--")]
    assert command == "run" and set(flags) <= set(BY_NAME)

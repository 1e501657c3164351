"""A connector's pipeline and the account its execution role is in, healthy until a test changes it."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netcheck.core.context import Context, Deadline
from netcheck.core.model import PIPELINE, Finding
from netcheck.core.recording import Live
from netcheck.pipeline.model import Cluster, Connector, Pipeline, WorkerConfiguration
from netcheck.settings.config import Config
from tests.servers.aws_world import AwsError

ACCOUNT, REGION = "111122223333", "eu-west-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service/orders-sink"
ID = "0bce1b02-99f5-4f9d-8a38-d15ee190ad24-2"
CONNECTOR = f"arn:aws:kafkaconnect:{REGION}:{ACCOUNT}:connector/orders-sink/{ID}"
CLUSTER = f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/orders/6f3e-1"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:orders/clickhouse-AbCdEf"
SCRAM = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:AmazonMSK_orders-GhIjKl"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1111-2222"
MANAGED = f"arn:aws:iam::{ACCOUNT}:policy/orders-kafka"
PROVIDERS = "com.amazonaws.kafka.config.providers"
SETTINGS = {
    "connector.class": "com.clickhouse.kafka.connect.ClickHouseSinkConnector",
    "topics": "orders, refunds",
    "password": "${secretsManager:orders/clickhouse:password}",
    "config.providers": "secretsManager",
    "config.providers.secretsManager.class": f"{PROVIDERS}.SecretsManagerConfigProvider",
}


def connector(**changed: Any) -> Connector:
    given: dict[str, Any] = {
        "name": "orders-sink",
        "settings": SETTINGS,
        "arn": CONNECTOR,
        "authentication": "IAM",
        "encryption": "TLS",
        "role_arn": ROLE,
    }
    return Connector(**(given | changed))


def cluster(**changed: Any) -> Cluster:
    given: dict[str, Any] = {
        "arn": CLUSTER,
        "name": "orders",
        "kind": "PROVISIONED",
        "state": "ACTIVE",
        "authentication": frozenset({"IAM"}),
    }
    return Cluster(**(given | changed))


def pipeline(
    settings: Mapping[str, str] | None = None, worker: Mapping[str, str] | None = None, **of: Any
) -> Pipeline:
    """The pipeline with these settings over the usual ones; `connector` and `cluster` change ours."""
    kept = {key: value for key, value in {**SETTINGS, **(settings or {})}.items() if value}
    configuration = WorkerConfiguration("arn:worker", 1, worker) if worker else None
    ours = connector(settings=kept, worker_configuration=configuration, **of.pop("connector", {}))
    its_cluster = of.pop("cluster", {})
    return Pipeline(
        connector=ours,
        cluster=None if its_cluster is None else cluster(**its_cluster),
        region=REGION,
        account=ACCOUNT,
    )


def narrow_statements(of: Pipeline) -> list[dict[str, Any]]:
    """The statements that netcheck itself proposes for this pipeline, its secret's key included."""
    from netcheck.iam.needs import SecretKey, needs

    known = {"orders/clickhouse": SecretKey(SECRET, KEY)}
    return [json.loads(need.as_text) for need in needs(of, known).needs]


def trust_policy(**changed: Any) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "kafkaconnect.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:kafkaconnect:{REGION}:{ACCOUNT}:connector/orders-sink/*"},
        },
    }
    return {"Version": "2012-10-17", "Statement": [statement | changed]}


def key_policy() -> dict[str, Any]:
    principal = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


@dataclass
class Account:
    """What AWS knows. Change it, then take `services`."""

    inline: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    managed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    boundary: list[dict[str, Any]] | None = None
    trust: dict[str, Any] = field(default_factory=trust_policy)
    path: str = "/service/"
    role_there: bool = True
    secret_key: str | None = KEY
    secret_there: bool = True
    scram_key: str | None = KEY
    keys_there: bool = True
    key_manager: str = "CUSTOMER"
    key_spec: str = "SYMMETRIC_DEFAULT"
    key_policy: dict[str, Any] = field(default_factory=key_policy)
    secret_policy: dict[str, Any] | None = None
    cluster_policy: dict[str, Any] | None = None
    decisions: dict[str, str] = field(default_factory=dict)

    def services(self) -> dict[str, dict[str, Any]]:
        """For the World of the AWS endpoint."""
        return copy.copy(
            {
                "iam": {
                    "GetRole": self._role,
                    "ListRolePolicies": self._inline_names,
                    "GetRolePolicy": self._inline,
                    "ListAttachedRolePolicies": self._attached,
                    "GetPolicy": self._managed,
                    "GetPolicyVersion": self._version,
                    "SimulatePrincipalPolicy": self._simulated,
                },
                "secretsmanager": {"DescribeSecret": self._secret, "GetResourcePolicy": self._secret_policy},
                "kms": {"DescribeKey": self._key, "GetKeyPolicy": self._key_policy},
                "kafka": {"GetClusterPolicy": self._cluster_policy},
                "s3": {"GetBucketPolicy": _no_bucket_policy},
            }
        )

    def _role(self, params: dict[str, Any]) -> dict[str, Any]:
        self._existing()
        assert params["RoleName"] == ROLE.rpartition("/")[2]
        role = {
            "Path": self.path,
            "RoleName": params["RoleName"],
            "RoleId": "AROAEXAMPLEEXAMPLE",
            "Arn": ROLE,
            "CreateDate": "2026-01-02T03:04:05+00:00",
            "AssumeRolePolicyDocument": json.dumps(self.trust),
        }
        if self.boundary is not None:
            role["PermissionsBoundary"] = {
                "PermissionsBoundaryType": "Policy",
                "PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
            }
        return {"Role": role}

    def _existing(self) -> None:
        """What IAM answers to every question about a role that is not there, the simulation included."""
        if not self.role_there:
            raise AwsError("NoSuchEntity", f"The role with name {ROLE} cannot be found.", 404)

    def _inline_names(self, _: dict[str, Any]) -> dict[str, Any]:
        self._existing()
        return {"PolicyNames": sorted(self.inline), "IsTruncated": False}

    def _inline(self, params: dict[str, Any]) -> dict[str, Any]:
        document = json.dumps(_document(self.inline[params["PolicyName"]]))
        return {**params, "PolicyDocument": document}

    def _attached(self, _: dict[str, Any]) -> dict[str, Any]:
        self._existing()
        attached = [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in sorted(self.managed)]
        return {"AttachedPolicies": attached, "IsTruncated": False}

    def _managed(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"Policy": {"Arn": params["PolicyArn"], "DefaultVersionId": "v3"}}

    def _version(self, params: dict[str, Any]) -> dict[str, Any]:
        assert params["VersionId"] == "v3"
        statements = self.managed.get(params["PolicyArn"], self.boundary)
        return {"PolicyVersion": {"Document": json.dumps(_document(statements or []))}}

    def _simulated(self, params: dict[str, Any]) -> dict[str, Any]:
        self._existing()
        results = [
            {
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": self.decisions.get(action, "allowed"),
            }
            for action in params["ActionNames"]
            for resource in params["ResourceArns"]
        ]
        return {"EvaluationResults": results, "IsTruncated": False}

    def _secret(self, params: dict[str, Any]) -> dict[str, Any]:
        if params["SecretId"] == SCRAM:
            key = {"KmsKeyId": self.scram_key} if self.scram_key else {}
            return {"ARN": SCRAM, "Name": "AmazonMSK_orders", **key}
        if not self.secret_there:
            raise AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        return {
            "ARN": SECRET,
            "Name": "orders/clickhouse",
            **({"KmsKeyId": self.secret_key} if self.secret_key else {}),
        }

    def _secret_policy(self, _: dict[str, Any]) -> dict[str, Any]:
        if not self.secret_there:
            raise AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        policy = {"ResourcePolicy": json.dumps(self.secret_policy)} if self.secret_policy else {}
        return {"ARN": SECRET, "Name": "orders/clickhouse", **policy}

    def _key(self, params: dict[str, Any]) -> dict[str, Any]:
        if not self.keys_there:
            raise AwsError("NotFoundException", f"Key '{params['KeyId']}' does not exist")
        return {
            "KeyMetadata": {
                "KeyId": params["KeyId"].rpartition("/")[2],
                "Arn": KEY,
                "KeyManager": self.key_manager,
                "KeySpec": self.key_spec,
                "KeyState": "Enabled",
            }
        }

    def _key_policy(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"Policy": json.dumps(self.key_policy), "PolicyName": "default"}

    def _cluster_policy(self, _: dict[str, Any]) -> dict[str, Any]:
        if self.cluster_policy is None:
            raise AwsError("NotFoundException", "The cluster has no policy.", 404)
        return {"CurrentVersion": "K1", "Policy": json.dumps(self.cluster_policy)}


def healthy(of: Pipeline) -> Account:
    """An account whose role has exactly the statements that netcheck proposes, in one managed policy."""
    return Account(managed={MANAGED: narrow_statements(of)})


def run(check: Any, of: Pipeline) -> list[Finding]:
    """The findings of one check on this pipeline, asked live of wherever boto3 is led."""
    context = Context(Config(), Deadline(60), Live(), of)
    return list(check.run(PIPELINE, context))


def _document(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


def _no_bucket_policy(_: dict[str, Any]) -> dict[str, Any]:
    raise AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", 404)

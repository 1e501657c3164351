"""The execution role against AWS's API on loopback: what is asked, and what the checks say."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from checks.iam import Allowed, Least, ScramSecrets, Trusted
from netcheck.core.context import FactUnavailable, PrerequisiteFailed, Skip
from netcheck.core.model import Cause, Finding, Json, Status
from netcheck.iam import judge
from netcheck.iam.evaluate import Outcome
from netcheck.iam.needs import Need
from netcheck.iam.role_snapshot import Document, Role, RoleSnapshot
from netcheck.pipeline.model import Pipeline
from tests.aws.test_collect import lead_to
from tests.iam.worlds import (
    ACCOUNT,
    CLUSTER,
    MANAGED,
    REGION,
    ROLE,
    SCRAM,
    SECRET,
    Account,
    healthy,
    narrow_statements,
    pipeline,
    run,
    trust_policy,
)
from tests.servers.aws_endpoint import AwsEndpoint, dropped
from tests.servers.aws_world import World

Ask = Callable[..., list[Finding]]


SECRETS = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:"


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """Run a check on a pipeline in an account; `denied` operations are refused."""

    def asked(
        check: type, of: Pipeline | None = None, account: Account | None = None, denied: tuple[str, ...] = ()
    ) -> list[Finding]:
        of = of or pipeline()
        with AwsEndpoint(World({}, (account or healthy(of)).services())) as aws:
            lead_to(aws, monkeypatch)
            for operation in denied:
                aws.deny("*", operation)
            return run(check(), of)

    yield asked


def one(findings: list[Finding], status: Status) -> Finding:
    (found,) = findings
    assert found.status is status, found.summary
    return found


@pytest.mark.parametrize("check", [Trusted, Allowed, Least])
@pytest.mark.parametrize("denied", [(), ("SimulatePrincipalPolicy",)], ids=["simulated", "as read"])
def test_a_role_with_what_netcheck_proposes_passes(ask: Ask, check: type, denied: tuple[str, ...]) -> None:
    found = one(ask(check, denied=denied), Status.PASS)
    if check is Allowed:
        assert ("iam:SimulatePrincipalPolicy" in found.summary) is bool(denied)


# Trust: K05

ELSEWHERE = {"ArnLike": {"aws:SourceArn": f"arn:aws:kafkaconnect:{REGION}:{ACCOUNT}:connector/other/*"}}
TRUST: list[tuple[str, dict[str, Any], str]] = [
    (
        "another service",
        {"trust": trust_policy(Principal={"Service": "ec2.amazonaws.com"})},
        "IAM_ROLE_TRUST",
    ),
    ("another connector", {"trust": trust_policy(Condition=ELSEWHERE)}, "IAM_ROLE_TRUST"),
    ("a Deny", {"trust": trust_policy(Effect="Deny")}, "IAM_ROLE_TRUST"),
    ("service-linked", {"path": "/aws-service-role/kafkaconnect.amazonaws.com/"}, "IAM_ROLE_SERVICE_LINKED"),
    ("gone", {"role_there": False}, "IAM_ROLE_MISSING"),
]


@pytest.mark.parametrize(("changed", "code"), [row[1:] for row in TRUST], ids=[row[0] for row in TRUST])
def test_a_role_that_msk_connect_may_not_assume_fails(ask: Ask, changed: dict[str, Any], code: str) -> None:
    found = one(ask(Trusted, account=Account(**changed)), Status.FAIL)
    assert (found.cause, found.code, found.component) == (Cause.IAM_NOT_TRUSTED, code, ROLE)
    if code == "IAM_ROLE_TRUST":
        (proposed,) = found.fixes
        assert one(ask(Trusted, account=Account(trust=json.loads(proposed.text))), Status.PASS)


@pytest.mark.parametrize("check", [Allowed, Least])
@pytest.mark.parametrize("denied", [(), ("GetRole",)], ids=["", "GetRole denied"])
def test_of_a_role_that_is_gone_only_that_is_said(ask: Ask, check: type, denied: tuple[str, ...]) -> None:
    """The simulation and the lists of its policies answer NoSuchEntity too, and name other things."""
    with pytest.raises(PrerequisiteFailed, match=f"{ROLE} does not exist"):
        ask(check, account=Account(role_there=False), denied=denied)


def test_a_trust_policy_that_may_not_be_read_is_unknown(ask: Ask) -> None:
    found = one(ask(Trusted, denied=("GetRole",)), Status.UNKNOWN)
    assert found.missing_permissions == ("iam:GetRole",)


def test_whether_a_condition_on_the_connector_fits_is_unknown_before_the_connector_has_an_arn(
    ask: Ask,
) -> None:
    of = pipeline(connector={"arn": None})
    assert "SourceArn" in one(ask(Trusted, of), Status.UNKNOWN).summary
    by_account = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    one(ask(Trusted, of, Account(trust=trust_policy(Condition=by_account))), Status.PASS)


# Needs: K09, C07 and the rest

NEEDS = [each["Sid"] for each in narrow_statements(pipeline())]


@pytest.mark.parametrize("left_out", NEEDS)
def test_each_need_that_is_not_met_fails_alone_with_the_statement_that_mends_it(
    ask: Ask, left_out: str
) -> None:
    kept = [each for each in narrow_statements(pipeline()) if each["Sid"] != left_out]
    account = Account(managed={MANAGED: kept})
    found = one(ask(Allowed, account=account, denied=("SimulatePrincipalPolicy",)), Status.FAIL)
    assert (found.cause, found.code) == (Cause.IAM_DENIED, "IAM_PERMISSION_MISSING")
    (fix,) = found.fixes
    mended = Account(managed={MANAGED: [*kept, json.loads(fix.text)]})
    one(ask(Allowed, account=mended, denied=("SimulatePrincipalPolicy",)), Status.PASS)


def test_the_guides_own_statement_is_not_enough_for_a_cluster_with_iam(ask: Ask) -> None:
    read = ["Connect", "DescribeCluster", "DescribeGroup", "DescribeTopic", "ReadData"]
    guide = {"Effect": "Allow", "Action": [f"kafka-cluster:{each}" for each in read], "Resource": "*"}
    secrets = [each for each in narrow_statements(pipeline()) if each["Sid"].startswith("Secret")]
    account = Account(inline={"guide": [guide, *secrets]})
    found = ask(Allowed, account=account, denied=("SimulatePrincipalPolicy",))
    assert {finding.evidence["need"] for finding in found} == {"InternalTopics", "WorkerGroup", "SinkGroup"}
    assert one(ask(Least, account=account), Status.PASS).summary.endswith(
        "could name the sink's topics alone"
    )


def test_the_simulation_has_the_last_word_and_the_difference_is_told(ask: Ask) -> None:
    account = healthy(pipeline())
    account.decisions["kafka-cluster:Connect"] = "implicitDeny"
    failed, warned = ask(Allowed, account=account)
    assert (failed.status, failed.cause) == (Status.FAIL, Cause.IAM_DENIED)
    assert (warned.status, warned.cause) == (Status.WARN, Cause.IAM_DISAGREES)
    assert "kafka-cluster:Connect" in failed.summary and "DescribeCluster" not in failed.summary


GET_SECRET = "secretsmanager:GetSecretValue"
SECRET_ALLOWS = {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": GET_SECRET, "Resource": "*"}


@pytest.mark.parametrize(
    ("decision", "policy", "status"),
    [
        ("explicitDeny", {"Statement": SECRET_ALLOWS}, Status.FAIL),  # a Deny outweighs every Allow
        ("explicitDeny", None, Status.FAIL),
        ("implicitDeny", {"Statement": SECRET_ALLOWS}, Status.PASS),  # the secret's own Allow is enough
        ("implicitDeny", None, Status.FAIL),
    ],
)
def test_what_the_simulation_denies_is_weighed_with_the_policy_of_the_secret(
    ask: Ask, decision: str, policy: dict[str, Any] | None, status: Status
) -> None:
    account = healthy(pipeline())
    account.decisions[GET_SECRET] = decision
    account.secret_policy = policy
    found = [each for each in ask(Allowed, account=account) if each.cause is not Cause.IAM_DISAGREES]
    assert one(found, status).cause is (Cause.IAM_DENIED if status is Status.FAIL else None)


@pytest.mark.parametrize(
    ("resource", "need"), [(":topic/orders/6f3e-1/orders", "SinkTopics"), (":group/*", "WorkerGroup")]
)
def test_the_policy_of_the_cluster_decides_on_its_topics_and_groups(
    ask: Ask, resource: str, need: str
) -> None:
    denies = {
        "Effect": "Deny",
        "Principal": {"AWS": ROLE},
        "Action": "kafka-cluster:*",
        "Resource": CLUSTER.partition(":cluster/")[0] + resource,
    }
    account = healthy(pipeline())
    account.cluster_policy = {"Statement": denies}
    found = ask(Allowed, account=account)
    assert {finding.status for finding in found} == {Status.FAIL}
    assert need in {finding.evidence["need"] for finding in found}
    assert "Cluster" not in {finding.evidence["need"] for finding in found}


def test_the_policy_of_the_cluster_decides_on_nothing_but_the_cluster(ask: Ask) -> None:
    account = healthy(pipeline())
    account.cluster_policy = {
        "Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
    }
    needs = {finding.evidence["need"] for finding in ask(Allowed, account=account)}
    assert "SinkTopics" in needs
    assert not [need for need in needs if "Secret" in str(need)]


UNREADABLE = [
    ("GetClusterPolicy", "kafka:GetClusterPolicy"),
    ("GetResourcePolicy", "secretsmanager:GetResourcePolicy"),
    ("GetKeyPolicy", "kms:GetKeyPolicy"),
    ("DescribeSecret", "secretsmanager:DescribeSecret"),
    ("DescribeKey", "kms:DescribeKey"),
    ("GetRole", "iam:GetRole"),
    ("ListRolePolicies", "iam:ListRolePolicies"),
    ("ListAttachedRolePolicies", "iam:ListAttachedRolePolicies"),
    ("GetPolicy", "iam:GetPolicy"),
    ("GetPolicyVersion", "iam:GetPolicyVersion"),
]


@pytest.mark.parametrize(("operation", "action"), UNREADABLE)
def test_what_may_not_be_read_is_unknown_and_names_the_permission(
    ask: Ask, operation: str, action: str
) -> None:
    found = ask(Allowed, denied=(operation, "SimulatePrincipalPolicy"))
    assert {finding.status for finding in found} == {Status.UNKNOWN}, [each.summary for each in found]
    assert {finding.missing_permissions for finding in found} == {(action,)}


def test_an_inline_policy_that_may_not_be_read_is_unknown(ask: Ask) -> None:
    account = Account(inline={"kafka": narrow_statements(pipeline())})
    found = ask(Allowed, account=account, denied=("GetRolePolicy", "SimulatePrincipalPolicy"))
    assert {finding.missing_permissions for finding in found} == {("iam:GetRolePolicy",)}
    assert one(ask(Least, account=account, denied=("GetRolePolicy",)), Status.UNKNOWN)


def test_aws_out_of_reach_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    with AwsEndpoint(World({}, healthy(pipeline()).services())) as aws:
        lead_to(aws, monkeypatch)
        aws.fail("*", "*", dropped())
        found = run(Allowed(), pipeline())
    assert {finding.status for finding in found} == {Status.UNKNOWN}


def test_credentials_that_are_not_there_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with AwsEndpoint(World({}, {})) as aws:
        lead_to(aws, monkeypatch)
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(FactUnavailable, match="no AWS credentials"):
            run(Allowed(), pipeline())


OF_RESOURCES: list[tuple[str, dict[str, Any], str]] = [
    (
        "a secret that denies us",
        {"secret_policy": {"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*"}}},
        "secretsmanager:GetSecretValue",
    ),
    ("a key that does not know of the account", {"key_policy": {"Statement": []}}, "kms:Decrypt"),
    (
        "a cluster that denies us",
        {
            "cluster_policy": {
                "Statement": {
                    "Effect": "Deny",
                    "Principal": {"AWS": ACCOUNT},
                    "Action": "kafka-cluster:Connect",
                    "Resource": CLUSTER,
                }
            }
        },
        "kafka-cluster:Connect",
    ),
    (
        "a boundary without Kafka",
        {"boundary": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]},
        "kafka-cluster:Connect",
    ),
]


@pytest.mark.parametrize(
    ("changed", "action"), [row[1:] for row in OF_RESOURCES], ids=[row[0] for row in OF_RESOURCES]
)
def test_the_role_is_not_the_only_one_to_decide(ask: Ask, changed: dict[str, Any], action: str) -> None:
    account = Account(managed={MANAGED: narrow_statements(pipeline())}, **changed)
    found = ask(Allowed, account=account, denied=("SimulatePrincipalPolicy",))
    assert {finding.status for finding in found} == {Status.FAIL}
    assert all(finding.cause is Cause.IAM_DENIED for finding in found)
    assert any(action in finding.summary for finding in found)


def test_a_secret_that_does_not_exist_fails(ask: Ask) -> None:
    account = Account(managed={MANAGED: narrow_statements(pipeline())}, secret_there=False)
    found = [each for each in ask(Allowed, account=account) if each.status is Status.FAIL]
    assert [each.code for each in found] == ["AWS_RESOURCE_NOT_FOUND"]
    assert found[0].component == "orders/clickhouse"


ABROAD = {
    "by the provider's Region": {"config.providers.secretsManager.param.region": "us-east-1"},
    "by the Region of its ARN": {
        "password": "${secretsManager:"
        + f"arn%3Aaws%3Asecretsmanager%3Aus-east-1%3A{ACCOUNT}%3Asecret%3Aorders/clickhouse-AbCdEf"
        + ":password}"
    },
}


@pytest.mark.parametrize("settings", ABROAD.values(), ids=ABROAD)
def test_a_secret_in_another_region_is_unknown_and_not_said_to_be_missing(
    ask: Ask, settings: dict[str, str]
) -> None:
    """Secrets Manager says of a secret of another Region that it can't find it."""
    of = pipeline(settings)
    account = Account(managed={MANAGED: narrow_statements(of)}, secret_there=False)
    found = ask(Allowed, of, account)
    assert "AWS_RESOURCE_NOT_FOUND" not in {each.code for each in found}
    unknown = [each.summary for each in found if each.status is Status.UNKNOWN]
    assert any("orders/clickhouse" in text and "is in us-east-1" in text for text in unknown), unknown


@pytest.mark.parametrize("check", [Trusted, Allowed, Least])
def test_a_role_of_another_account_is_unknown_and_not_said_to_be_missing(ask: Ask, check: type) -> None:
    """IAM takes a role's name alone, and looks for it in the account of whoever asks."""
    of = pipeline(connector={"role_arn": ROLE.replace(ACCOUNT, "999988887777")})
    with pytest.raises(FactUnavailable, match=f"999988887777 and these credentials to {ACCOUNT}"):
        ask(check, of, Account(role_there=False))


def test_the_key_of_secrets_manager_itself_needs_no_permission(ask: Ask) -> None:
    kept = [each for each in narrow_statements(pipeline()) if each["Sid"] != "SecretKey"]
    for changed in ({"secret_key": None}, {"secret_key": "alias/aws/secretsmanager", "key_manager": "AWS"}):
        account = Account(managed={MANAGED: kept}, **changed)
        one(ask(Allowed, account=account, denied=("SimulatePrincipalPolicy",)), Status.PASS)


def test_it_takes_three_rounds_of_calls_however_many_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    account = healthy(pipeline())
    account.inline = {f"policy-{number}": narrow_statements(pipeline()) for number in range(6)}
    with AwsEndpoint(World({}, account.services())) as aws:
        lead_to(aws, monkeypatch)
        run(Allowed(), pipeline())  # botocore's models are read by now
        aws.latency = 2.0
        aws.calls.clear()
        started = time.monotonic()
        run(Allowed(), pipeline())
        seconds = time.monotonic() - started
        calls = len(aws.calls)
    assert calls >= 18
    assert seconds < 3 * 2.0 + 20.0 < calls * 2.0


OF_SECRETS = [
    ("the secret itself", "prod", "prod-AbCdEf", Outcome.UNKNOWN),
    ("its ARN with signs that nobody knows", "prod", "prod-??????", Outcome.UNKNOWN),
    ("a secret whose name begins like it", "prod", "prod-db-AbCdEf", Outcome.ALLOWED),
    ("the same, by its ARN", f"{SECRETS}prod-AbCdEf", "prod-AbCdEf-GhIjKl", Outcome.ALLOWED),
]


@pytest.mark.parametrize(
    ("unread", "name", "outcome"), [row[1:] for row in OF_SECRETS], ids=[row[0] for row in OF_SECRETS]
)
def test_a_policy_that_may_not_be_read_is_of_one_secret(unread: str, name: str, outcome: Outcome) -> None:
    read: dict[str, Json] = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    seen = RoleSnapshot(
        role=Role(ROLE, "/", None, None, {}),
        policies=(Document("", "inline", {"Version": "2012-10-17", "Statement": read}),),
        resources=(Document(unread, "its policy", None, "secretsmanager:GetResourcePolicy"),),
    )
    resource = SECRETS + name
    need = Need("Secret", ("secretsmanager:GetSecretValue",), (resource,), (resource,), "")
    (verdict,) = judge.judge(need, ROLE, seen).verdicts
    assert verdict.answer.outcome is outcome


# Least privilege

WIDE: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"Action": "kafka-cluster:*", "Resource": "*"}, ("kafka-cluster:DeleteTopic",)),
    ({"Action": "kafka-cluster:WriteData", "Resource": f"arn:aws:kafka:{REGION}:{ACCOUNT}:topic/*"},
     ("kafka-cluster:WriteData",)),
    ({"Action": "secretsmanager:GetSecretValue", "Resource": "*"}, ("secretsmanager:GetSecretValue",)),
    ({"Action": ["kms:Decrypt"], "Resource": "arn:aws:kms:*:*:key/*"}, ("kms:Decrypt",)),
    ({"Action": "s3:*", "Resource": "*"}, ("s3:DeleteObject",)),
    ({"NotAction": "iam:*", "Resource": "*"}, ("kafka-cluster:DeleteTopic", "s3:PutObject")),
    ({"Action": "*", "Resource": "*"}, ("iam:PassRole",)),
]  # fmt: skip


@pytest.mark.parametrize(("wide", "grants"), WIDE)
def test_a_statement_that_is_too_wide_is_shown_beside_the_narrow_one(
    ask: Ask, wide: dict[str, Any], grants: tuple[str, ...]
) -> None:
    account = healthy(pipeline())
    account.inline["wide"] = [{"Sid": "OverGrant", "Effect": "Allow", **wide}]
    found = one(ask(Least, account=account), Status.WARN)
    assert found.cause is Cause.IAM_OVERLY_PERMISSIVE
    assert "wide, statement OverGrant" in found.summary
    actions: Any = found.evidence["actions"]
    assert set(grants) <= set(actions)
    fix = next(iter(found.fixes), None)
    needed = {each.partition(":")[0] for need in narrow_statements(pipeline()) for each in need["Action"]}
    if needed.isdisjoint(action.partition(":")[0] for action in actions):
        assert fix is None and "needs none of them" in found.summary
    else:
        assert fix is not None
        proposed = json.loads(fix.text)
        assert proposed and all(each in narrow_statements(pipeline()) for each in proposed)


LIMITED: list[tuple[str, dict[str, Any], dict[str, Any], Status]] = [
    (
        "secrets with a tag",
        {"Action": "secretsmanager:GetSecretValue", "Resource": "*"},
        {"StringEquals": {"aws:ResourceTag/team": "shop"}},
        Status.PASS,
    ),
    (
        "secrets with the tag that the role has",
        {"Action": "secretsmanager:*", "Resource": "*"},
        {"StringEquals": {"secretsmanager:ResourceTag/team": "${aws:PrincipalTag/team}"}},
        Status.PASS,
    ),
    (
        "resources of this account, which narrows nothing",
        {"Action": "kms:*", "Resource": "*"},
        {"StringEquals": {"aws:ResourceAccount": ACCOUNT}},
        Status.WARN,
    ),
    (
        "through one VPC, but every object",
        {"Action": "s3:*", "Resource": "*"},
        {"StringEquals": {"aws:SourceVpc": "vpc-1"}},
        Status.WARN,
    ),
]


@pytest.mark.parametrize(
    ("statement", "condition", "status"), [row[1:] for row in LIMITED], ids=[row[0] for row in LIMITED]
)
def test_a_condition_on_the_resource_is_no_grant_of_any_resource(
    ask: Ask, statement: dict[str, Any], condition: dict[str, Any], status: Status
) -> None:
    account = healthy(pipeline())
    account.inline["wide"] = [{"Sid": "Tagged", "Effect": "Allow", "Condition": condition, **statement}]
    found = one(ask(Least, account=account), status)
    assert "statement Tagged" in found.summary, "a condition that nobody evaluated is named, not passed over"
    if status is Status.PASS:
        (key,) = condition["StringEquals"]
        assert key in found.summary


ON_ONE_KIND = [
    ("WriteDataIdempotently", "cluster", True),
    ("WriteDataIdempotently", "topic", False),
    ("AlterCluster", "cluster", True),
    ("DeleteTopic", "topic", True),
    ("DeleteTopic", "cluster", False),
    ("DeleteGroup", "group", True),
    ("AlterTransactionalId", "transactional-id", True),
]


@pytest.mark.parametrize(("operation", "kind", "grants"), ON_ONE_KIND)
def test_a_kafka_operation_is_granted_on_its_own_kind_of_resource_only(
    ask: Ask, operation: str, kind: str, grants: bool
) -> None:
    account = healthy(pipeline())
    resource = CLUSTER if kind == "cluster" else CLUSTER.replace(":cluster/", f":{kind}/") + "/*"
    wide = {"Effect": "Allow", "Action": f"kafka-cluster:{operation}", "Resource": resource}
    account.inline["wide"] = [wide]
    found = one(ask(Least, account=account), Status.WARN if grants else Status.PASS)
    assert found.evidence.get("actions", []) == ([f"kafka-cluster:{operation}"] if grants else [])


# SCRAM: K06

WITH_SCRAM = {"authentication": frozenset({"IAM", "SCRAM"}), "scram_secrets": (SCRAM,)}
SCRAM_ROWS: list[tuple[str, dict[str, Any], dict[str, Any], Status, str | None]] = [
    ("as it should be", {}, {}, Status.PASS, None),
    ("Secrets Manager's own key", {"scram_key": None}, {}, Status.FAIL, "MSK_SCRAM_SECRET_KEY"),
    ("a key that is gone", {"keys_there": False}, {}, Status.FAIL, "MSK_SCRAM_SECRET_KEY"),
    ("an asymmetric key", {"key_spec": "RSA_2048"}, {}, Status.FAIL, "MSK_SCRAM_SECRET_KEY"),
    ("the wrong name", {}, {"scram_secrets": (SECRET,)}, Status.FAIL, "MSK_SCRAM_SECRET_NAME"),
    ("none associated", {}, {"scram_secrets": ()}, Status.WARN, "MSK_SCRAM_NO_SECRET"),
    ("not told", {}, {"scram_secrets": None}, Status.UNKNOWN, "IAM_UNKNOWN"),
]


@pytest.mark.parametrize(
    ("account", "changed", "status", "code"),
    [row[1:] for row in SCRAM_ROWS],
    ids=[row[0] for row in SCRAM_ROWS],
)
def test_scram_secrets(
    ask: Ask, account: dict[str, Any], changed: dict[str, Any], status: Status, code: str | None
) -> None:
    of = pipeline(cluster=WITH_SCRAM | changed)
    given = Account(managed={MANAGED: narrow_statements(of)}, **account)
    found = one(ask(ScramSecrets, of, given), status)
    assert found.code == code


@pytest.mark.parametrize("there", [True, False], ids=["DescribeKey denied", "no such key"])
def test_the_key_of_a_scram_secret_is_nothing_that_the_connector_names(ask: Ask, there: bool) -> None:
    of = pipeline(cluster=WITH_SCRAM)
    account = Account(managed={MANAGED: narrow_statements(of)}, secret_key=None, keys_there=there)
    denied = ("DescribeKey",) if there else ()
    assert one(ask(Allowed, of, account, denied), Status.PASS)


@pytest.mark.parametrize(
    ("operation", "action"),
    [("DescribeSecret", "secretsmanager:DescribeSecret"), ("DescribeKey", "kms:DescribeKey")],
)
def test_a_scram_secret_that_may_not_be_read_is_unknown(ask: Ask, operation: str, action: str) -> None:
    found = one(ask(ScramSecrets, pipeline(cluster=WITH_SCRAM), denied=(operation,)), Status.UNKNOWN)
    assert found.missing_permissions == (action,)


def test_what_is_moot_is_skipped(ask: Ask) -> None:
    with pytest.raises(Skip, match="no cluster with SASL/SCRAM"):
        ask(ScramSecrets)
    with pytest.raises(Skip, match="execution role is unknown"):
        ask(Allowed, pipeline(connector={"role_arn": None}))
    bare = dict.fromkeys(("password", "config.providers", "config.providers.secretsManager.class"), "")
    with pytest.raises(Skip, match="needs nothing"):
        ask(Allowed, pipeline(bare, connector={"authentication": "NONE"}))

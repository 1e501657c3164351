"""Collects a connector's execution role, its policies, and the policies of the resources that it needs.

Three rounds of calls, all calls of a round in parallel: the role, the names of its policies, and every
resource with a known name; then the policies and the keys of secrets; then what these refer to. Nothing is
evaluated, and no secret's value is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netcheck.aws.api.calls import ApiCall, ApiFailure, ApiResult, Deadline, call_all
from netcheck.aws.api.session import NoAws, open_session, service_client
from netcheck.iam.evaluate import account
from netcheck.iam.role_snapshot import (
    Document,
    Key,
    Role,
    RoleQuestions,
    RoleSnapshot,
    Secret,
    Simulated,
    SimulationRequest,
)
from netcheck.pipeline.model import Missing

SERVICES = ("iam", "kafka", "kms", "s3", "secretsmanager", "sts")


def look(deadline: Deadline, region: str | None, profile: str | None, asked: RoleQuestions) -> RoleSnapshot:
    """Call AWS. Never raises for an error of AWS or of the credentials; raises DeadlineExceeded."""
    try:
        session = open_session(deadline, region, profile)
        clients = {service: service_client(session, service, deadline) for service in SERVICES}
    except NoAws as error:
        return RoleSnapshot(error=str(error))
    try:
        return _Collection(clients, asked, deadline).run()
    finally:
        for client in clients.values():
            client.close()


class _Collection:
    """One collection in progress: responses by their subject, and what is missing or absent."""

    def __init__(self, clients: Mapping[str, Any], asked: RoleQuestions, deadline: Deadline) -> None:
        self._clients = clients
        self._asked = asked
        self._deadline = deadline
        self._missing: dict[Subject, Missing] = {}
        self._absent: list[str] = []

    def run(self) -> RoleSnapshot:
        first = self._round(_first(self._asked))
        if foreign := _foreign(self._asked.role, first):
            return RoleSnapshot(error=foreign)
        secrets = tuple(_secrets(first))
        second = self._round(_second(self._asked, first, secrets))
        keys = tuple(_keys(second))
        third = self._round(_third(self._asked, second, secrets, keys))
        role = _role(first)
        boundary = role.boundary if role else None
        attached = [each["PolicyArn"] for each in first.get((MANAGED_NAMES, ""), [])]
        own = {*first.get((INLINE_NAMES, ""), []), *attached}
        texts = [*self._texts(second, INLINE, "PolicyDocument"), *self._texts(third, VERSION, "Document")]
        return RoleSnapshot(
            role=role,
            policies=(*(each for each in texts if each.name in own), *self._unread(NAMES)),
            boundary=next((each for each in texts if each.name == boundary), None),
            resources=tuple(self._resources({**first, **third})),
            secrets=secrets,
            keys=keys,
            simulated=tuple(_simulated({**first, **second, **third})),
            absent=tuple(dict.fromkeys(self._absent)),
            missing=tuple(self._missing.values()),
        )

    def _round(self, subjects: Iterator[tuple[Subject, ApiCall]]) -> Responses:
        """The items of each response; [{}] where AWS says that there is no such policy."""
        calls = list(subjects)
        outcomes = call_all(self._clients, [call for _, call in calls], self._deadline)
        found: Responses = {}
        for (subject, call), outcome in zip(calls, outcomes, strict=True):
            match outcome:
                case ApiResult():
                    found[subject] = outcome.items
                case ApiFailure(code=code) if code in NO_POLICY.get(subject[0], frozenset()):
                    found[subject] = [{}]
                case ApiFailure(code=code) if code in DOES_NOT_EXIST and subject[0] in ABOUT_ROLE:
                    self._absent.append(self._asked.role)
                case ApiFailure(code=code) if code in DOES_NOT_EXIST and subject[0] in ABOUT_NAMED:
                    self._absent.append(subject[1])
                case ApiFailure() if subject != IDENTITY:
                    what = " ".join(subject).strip()
                    self._missing[subject] = Missing(what, call.action, outcome.reason)
        return found

    def _texts(self, responses: Responses, kind: str, member: str) -> Iterator[Document]:
        """The role's policies of one kind, including those that could not be read."""
        for name, raw in _of(responses, kind):
            yield Document("", name, raw[member])
        kinds = (MANAGED, VERSION) if kind == VERSION else (kind,)
        for (what, name), missing in self._missing.items():
            if what in kinds:
                yield Document("", name, None, missing.action)

    def _unread(self, kinds: Sequence[str]) -> Iterator[Document]:
        for (what, name), missing in self._missing.items():
            if what in kinds:
                yield Document(name, what, None, missing.action)

    def _resources(self, responses: Responses) -> Iterator[Document]:
        for kind, member in POLICIES.items():
            for name, raw in _of(responses, kind):
                yield Document(raw.get("ARN", name), f"{kind} {name}", raw.get(member))
        for (what, name), missing in self._missing.items():
            if what in POLICIES:
                yield Document(name, f"{what} {name}", None, missing.action)


ROLE, INLINE_NAMES, MANAGED_NAMES = (
    "the role",
    "the names of inline policies",
    "the names of managed policies",
)
INLINE, MANAGED, VERSION = "inline policy", "managed policy", "the text of managed policy"
SECRET, KEY, SIMULATION = "secret", "key", "the simulation of"
SECRET_POLICY, CLUSTER_POLICY = "the policy of secret", "the policy of cluster"
BUCKET_POLICY, KEY_POLICY = "the policy of bucket", "the policy of key"
"""Subjects of calls. With a name a subject is unique, and says what is missing."""

NAMES = (INLINE_NAMES, MANAGED_NAMES)
ABOUT_ROLE = frozenset({ROLE, *NAMES, SIMULATION})
"""Subjects of calls about the role: "does not exist" means the role, whatever else the call names."""
ABOUT_NAMED = frozenset({SECRET, SECRET_POLICY, BUCKET_POLICY, KEY, KEY_POLICY})
"""Subjects that "does not exist" refers to. A policy that is deleted after it was listed counts as not read.
"""
POLICIES = {
    SECRET_POLICY: "ResourcePolicy",
    CLUSTER_POLICY: "Policy",
    BUCKET_POLICY: "Policy",
    KEY_POLICY: "Policy",
}
"""Resource policies, and the member of the response that has the text."""
NO_POLICY = {
    CLUSTER_POLICY: frozenset({"NotFoundException"}),
    BUCKET_POLICY: frozenset({"NoSuchBucketPolicy"}),
}
DOES_NOT_EXIST = frozenset({"NoSuchEntity", "ResourceNotFoundException", "NotFoundException", "NoSuchBucket"})
"""AWS's error codes for a missing policy (NO_POLICY), and for a missing role, secret, key or bucket."""

IDENTITY = ("the caller's identity", "")

Subject = tuple[str, str]
Responses = dict[Subject, list[Any]]


def _first(asked: RoleQuestions) -> Iterator[tuple[Subject, ApiCall]]:
    role = {"RoleName": role_name(asked.role)}
    yield IDENTITY, ApiCall("GetCallerIdentity", "Account", {}, "sts")
    yield (ROLE, ""), ApiCall("GetRole", "Role", role, "iam")
    yield (INLINE_NAMES, ""), ApiCall("ListRolePolicies", "PolicyNames", role, "iam")
    yield (MANAGED_NAMES, ""), ApiCall("ListAttachedRolePolicies", "AttachedPolicies", role, "iam")
    for tried in asked.tried:
        yield _simulation(asked.role, tried)
    for name in dict.fromkeys((*asked.secrets, *asked.scram_secrets)):
        yield (SECRET, name), ApiCall("DescribeSecret", "", {"SecretId": name}, "secretsmanager")
    for name in asked.secrets:
        yield (
            (SECRET_POLICY, name),
            ApiCall("GetResourcePolicy", "", {"SecretId": name}, "secretsmanager"),
        )
    if asked.cluster:
        arn = {"ClusterArn": asked.cluster}
        yield (CLUSTER_POLICY, asked.cluster), ApiCall("GetClusterPolicy", "", arn, "kafka")
    for bucket in asked.buckets:
        yield (BUCKET_POLICY, bucket), ApiCall("GetBucketPolicy", "", {"Bucket": bucket}, "s3")


def _second(
    asked: RoleQuestions, first: Responses, secrets: Sequence[Secret]
) -> Iterator[tuple[Subject, ApiCall]]:
    for name in first.get((INLINE_NAMES, ""), []):
        policy = {"RoleName": role_name(asked.role), "PolicyName": name}
        yield (INLINE, name), ApiCall("GetRolePolicy", "", policy, "iam")
    attached = [each["PolicyArn"] for each in first.get((MANAGED_NAMES, ""), [])]
    seen = _role(first)
    for arn in dict.fromkeys([*attached, *([seen.boundary] if seen and seen.boundary else [])]):
        yield (MANAGED, arn), ApiCall("GetPolicy", "Policy", {"PolicyArn": arn}, "iam")
    arns = tuple(dict.fromkeys(secret.arn for secret in secrets if secret.asked in asked.secrets))
    if arns:
        yield _simulation(asked.role, SimulationRequest(("secretsmanager:GetSecretValue",), arns))
    for key in dict.fromkeys(secret.key for secret in secrets if secret.key):
        yield (KEY, key), ApiCall("DescribeKey", "KeyMetadata", {"KeyId": key}, "kms")


def _third(
    asked: RoleQuestions,
    second: Responses,
    secrets: Sequence[Secret],
    keys: Sequence[Key],
) -> Iterator[tuple[Subject, ApiCall]]:
    for (kind, arn), items in second.items():
        if kind == MANAGED:
            version = {"PolicyArn": arn, "VersionId": items[0]["DefaultVersionId"]}
            yield (VERSION, arn), ApiCall("GetPolicyVersion", "PolicyVersion", version, "iam")
    used = {secret.key for secret in secrets if secret.asked in asked.secrets}
    decrypt = dict.fromkeys(key.arn for key in keys if key.asked in used and key.manager == "CUSTOMER")
    for arn in decrypt:
        yield (
            (KEY_POLICY, arn),
            ApiCall("GetKeyPolicy", "", {"KeyId": arn, "PolicyName": "default"}, "kms"),
        )
    if decrypt:
        yield _simulation(asked.role, SimulationRequest(("kms:Decrypt",), tuple(decrypt)))


def _simulation(role: str, tried: SimulationRequest) -> tuple[Subject, ApiCall]:
    params = {
        "PolicySourceArn": role,
        "ActionNames": list(tried.actions),
        "ResourceArns": list(tried.resources),
    }
    subject = SIMULATION, f"{', '.join(tried.actions)} on {', '.join(tried.resources)}"
    return subject, ApiCall("SimulatePrincipalPolicy", "EvaluationResults", params, "iam")


def role_name(arn: str) -> str:
    """The role's name in its ARN, without the path."""
    return arn.rpartition("/")[2]


# Parsing the responses


def _of(responses: Responses, kind: str) -> Iterator[tuple[str, Any]]:
    for (what, name), items in responses.items():
        if what == kind and items:
            yield name, items[0]


def _foreign(role: str, first: Responses) -> str:
    """Why these credentials cannot read the role, "" where they can: IAM's calls take a role's name without
    its account, and refer to the caller's account, as Secrets Manager does for a secret's name.
    """
    theirs, (ours, *_) = account(role), first.get(IDENTITY) or [""]
    if theirs in ("", ours) or not ours:
        return ""
    return (
        f"{role} belongs to account {theirs} and these credentials to {ours}: "
        "use another profile with --profile"
    )


def _role(first: Responses) -> Role | None:
    for _, raw in _of(first, ROLE):
        return Role(
            arn=raw["Arn"],
            path=raw["Path"],
            trust=raw.get("AssumeRolePolicyDocument"),
            boundary=raw.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            tags={tag["Key"]: tag["Value"] for tag in raw.get("Tags", [])},
        )
    return None


def _secrets(first: Responses) -> Iterator[Secret]:
    for asked, raw in _of(first, SECRET):
        yield Secret(asked, raw["ARN"], raw["Name"], raw.get("KmsKeyId"))


def _keys(second: Responses) -> Iterator[Key]:
    for asked, raw in _of(second, KEY):
        spec = raw.get("KeySpec") or raw.get("CustomerMasterKeySpec", "")
        yield Key(asked, raw["Arn"], raw.get("KeyManager", ""), spec, raw.get("KeyState", ""))


def _simulated(responses: Responses) -> Iterator[Simulated]:
    """The decisions for each resource, which AWS nests where an action was simulated on several."""
    for (kind, _), items in responses.items():
        for raw in items if kind == SIMULATION else ():
            for each in raw.get("ResourceSpecificResults") or [raw]:
                yield Simulated(
                    raw["EvalActionName"],
                    each.get("EvalResourceName", "*"),
                    each.get("EvalResourceDecision") or raw["EvalDecision"],
                    tuple(each.get("MissingContextValues") or raw.get("MissingContextValues", [])),
                )

"""Whether an execution role allows what its connector needs, and what else it allows. Pure.

For the role's policies, iam:SimulatePrincipalPolicy takes precedence over netcheck's evaluation; a difference
is reported. netcheck always evaluates resource policies itself, as the simulation does not include them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from netcheck.iam.evaluate import (
    Answer,
    Outcome,
    Policies,
    PolicyDecision,
    Request,
    Unread,
    account,
    by_identity,
    combine,
    decide,
    trusts,
)
from netcheck.iam.needs import Need, Needs, SecretKey, needs
from netcheck.iam.patterns import is_pattern
from netcheck.iam.policy import Condition, Policy, PolicyError, Statement, parse
from netcheck.iam.role_snapshot import Document, RoleSnapshot, Simulated
from netcheck.iam.variables import Context
from netcheck.pipeline.model import Pipeline

SERVICE = "kafkaconnect.amazonaws.com"
SERVICE_LINKED = "/aws-service-role/"
KAFKA_WRITES = (
    "AlterCluster",
    "AlterClusterDynamicConfiguration",
    "AlterGroup",
    "AlterTopic",
    "AlterTopicDynamicConfiguration",
    "AlterTransactionalId",
    "CreateTopic",
    "DeleteGroup",
    "DeleteTopic",
    "WriteData",
    "WriteDataIdempotently",
)
"""Write actions (MSK developer guide, Semantics of IAM authorization policy actions)."""
OTHERS: tuple[tuple[str, str], ...] = (
    (
        "secretsmanager:GetSecretValue",
        "arn:{partition}:secretsmanager:{region}:{account}:secret:{other}-AbCdEf",
    ),
    (
        "secretsmanager:PutSecretValue",
        "arn:{partition}:secretsmanager:{region}:{account}:secret:{other}-AbCdEf",
    ),
    ("kms:Decrypt", "arn:{partition}:kms:{region}:{account}:key/{other}"),
    ("ssm:GetParameter", "arn:{partition}:ssm:{region}:{account}:parameter/{other}"),
    ("ssm:PutParameter", "arn:{partition}:ssm:{region}:{account}:parameter/{other}"),
    ("s3:GetObject", "arn:{partition}:s3:::{other}/{other}"),
    ("s3:PutObject", "arn:{partition}:s3:::{other}/{other}"),
    ("s3:DeleteObject", "arn:{partition}:s3:::{other}/{other}"),
    ("glue:RegisterSchemaVersion", "arn:{partition}:glue:{region}:{account}:schema/{other}/{other}"),
    ("iam:PassRole", "arn:{partition}:iam::{account}:role/{other}"),
    ("sts:AssumeRole", "arn:{partition}:iam::{account}:role/{other}"),
)
"""What a sink never needs: writes, and secrets, keys, parameters and objects that no setting names."""
LOOKUP_ACTIONS = {"secretsmanager:GetSecretValue": "secretsmanager:DescribeSecret"}
"""The action that returns the full ARN of a resource known only as a pattern."""
CALL_KEYS = frozenset(
    {
        *("aws:currenttime", "aws:epochtime", "aws:securetransport", "aws:useragent", "aws:requestedregion"),
        *("aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:vpcsourceip"),
    }
)
"""Condition keys about how a call is made: a statement with them still grants every resource it names
(IAM user guide, AWS global condition context keys)."""
SUFFIX = re.compile(r"-(?:[A-Za-z0-9]{6}|\?{6})$")
"""The suffix of a secret's ARN after its name (Secrets Manager guide, What's in a secret)."""
OTHER = "netcheck-something-else"
"""A name no resource has: what is allowed for it is allowed for everything."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one action on one resource. `differs`: how simulation and evaluation differ."""

    action: str
    resource: str
    answer: Answer
    differs: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A need with the verdict on each of its actions and resources."""

    need: Need
    verdicts: tuple[Verdict, ...]

    def of(self, outcome: Outcome) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.verdicts if verdict.answer.outcome is outcome)


@dataclass(frozen=True, slots=True)
class OverGrant:
    """A statement that allows more than the connector needs: `grants` are actions, `on` their resources.

    `writes` is False where it only allows more reads, as Amazon's and ClickHouse's examples do. `narrow` are
    the statements that are enough, "" where the connector needs nothing of these services. `limits` are
    condition keys that may restrict the statement to what is needed; whether they do is not known.
    """

    statement: str
    grants: tuple[str, ...]
    on: str
    writes: bool
    narrow: str
    limits: tuple[str, ...] = ()


def needed(pipeline: Pipeline, seen: RoleSnapshot) -> Needs:
    """What the role needs, with the full ARNs and the keys of the secrets that could be looked up."""
    ours = {key.asked: key.arn for key in seen.keys if key.manager == "CUSTOMER"}
    known = {one.asked: SecretKey(one.arn, ours.get(one.key or "")) for one in seen.secrets}
    return needs(pipeline, known)


def trust(pipeline: Pipeline, seen: RoleSnapshot) -> Answer:
    """Whether MSK Connect may assume the role."""
    assert seen.role is not None
    connector = pipeline.connector
    context: dict[str, tuple[str, ...] | None] = {}
    if pipeline.account:
        context["aws:sourceaccount"] = (pipeline.account,)
    if connector and connector.arn:
        context["aws:sourcearn"] = (connector.arn,)
    try:
        policy = parse("the trust policy", seen.role.trust)
    except PolicyError as error:
        return Answer(Outcome.UNKNOWN, str(error))
    return trusts(Request(SERVICE, "sts:AssumeRole", seen.role.arn, context), policy)


def judge(need: Need, role: str, seen: RoleSnapshot) -> Judged:
    """Decide each action on each resource of a need."""
    identity, boundary = _identity(seen), _boundary(seen)
    return Judged(
        need,
        tuple(
            _verdict(
                Request(role, action, resource, context_of(role, seen, action, resource)),
                identity,
                boundary,
                seen,
            )
            for action in need.actions
            for resource in need.resources
        ),
    )


def _verdict(
    request: Request,
    identity: tuple[Policy | Unread, ...],
    boundary: Policy | Unread | None,
    seen: RoleSnapshot,
) -> Verdict:
    decides = request.action.startswith("kms:")
    policies = Policies(identity, boundary, _resource(request, seen), decides)
    if is_pattern(request.resource) and request.resource != "*":
        answer = decide(request, policies)
        if answer.outcome is Outcome.UNKNOWN and not answer.action:
            answer = replace(answer, action=LOOKUP_ACTIONS.get(request.action, ""))
        return Verdict(request.action, request.resource, answer)
    own = by_identity(request, identity, boundary)
    simulated = _simulated(request, seen)
    differs = _difference(request, own, simulated) if simulated else ""
    return Verdict(request.action, request.resource, combine(request, simulated or own, policies), differs)


def _difference(request: Request, own: PolicyDecision, simulated: PolicyDecision) -> str:
    ours, theirs = (combine(request, decision, Policies(())).outcome for decision in (own, simulated))
    if Outcome.UNKNOWN in (ours, theirs) or ours is theirs:
        return ""
    what = f"{request.action} on {request.resource}"
    return f"{what}: IAM's simulation says {theirs}, netcheck's evaluation of the policies says {ours}"


def _simulated(request: Request, seen: RoleSnapshot) -> PolicyDecision | None:
    """The decision of IAM's simulation, if it had all the context keys it needs."""
    for one in seen.simulated:
        if (one.action.lower(), one.resource) == (request.action.lower(), request.resource) and not one.lacks:
            return _decision_of(one)
    return None


def _decision_of(one: Simulated) -> PolicyDecision:
    if one.decision == "allowed":
        return PolicyDecision(None, Answer(Outcome.ALLOWED, "IAM's policy simulation allows it"))
    why = "IAM's policy simulation finds " + (
        "an explicit Deny" if one.decision == "explicitDeny" else "no statement that allows it"
    )
    denied = Answer(Outcome.DENIED, why, explicit=one.decision == "explicitDeny")
    return PolicyDecision(denied if denied.explicit else None, denied)


# Policies as read


def _identity(seen: RoleSnapshot) -> tuple[Policy | Unread, ...]:
    if not seen.role and not seen.policies and not seen.missing:
        return (Unread("the role", "iam:GetRole"),)
    return tuple(_read(document) for document in seen.policies)


def _boundary(seen: RoleSnapshot) -> Policy | Unread | None:
    if seen.boundary:
        return _read(seen.boundary)
    if seen.role is None:
        return Unread("whether the role has a permissions boundary", "iam:GetRole")
    return Unread("the permissions boundary", "iam:GetPolicy") if seen.role.boundary else None


def _read(document: Document) -> Policy | Unread:
    if document.action:
        return Unread(document.name, document.action)
    try:
        return parse(document.name, document.document)
    except PolicyError as error:
        return Unread(str(error), "")


def _resource(request: Request, seen: RoleSnapshot) -> Policy | Unread | None:
    """The resource policy, None if there is none."""
    for document in seen.resources:
        if _belongs(document.of, request.resource) and (document.action or document.document is not None):
            return _read(document)
    if request.action.startswith("kms:"):
        return Unread("the policy of the key", "kms:GetKeyPolicy")
    return None


def _belongs(of: str, resource: str) -> bool:
    """Whether a policy belongs to this resource, by ARN, secret name, bucket or cluster."""
    if of in (resource, SUFFIX.sub("", resource.partition(":secret:")[2])):
        return True
    if resource.partition(":s3:::")[2].partition("/")[0] == of:
        return True
    prefix, found, path = of.partition(":cluster/")
    kinds = (f"{prefix}:{kind}/{path}" for kind in ("topic", "group", "cluster"))
    return bool(found) and any(resource == kind or resource.startswith(f"{kind}/") for kind in kinds)


def context_of(role: str, seen: RoleSnapshot, action: str, resource: str) -> Context:
    """The known context keys of a request (IAM user guide, AWS global condition context keys)."""
    context: dict[str, tuple[str, ...] | None] = {
        "aws:principalarn": (role,),
        "aws:principalaccount": (account(role),),
        "aws:principaltype": ("AssumedRole",),
        "aws:principalisawsservice": ("false",),
        "aws:viaawsservice": ("false",),
    }
    context |= {
        f"aws:principaltag/{key}".lower(): (value,)
        for key, value in (seen.role.tags if seen.role else {}).items()
    }
    if account(resource):
        context["aws:resourceaccount"] = (account(resource),)
    region = resource.split(":")[3] if resource.count(":") >= 5 else ""
    if not action.startswith("kafka-cluster:"):
        context["aws:securetransport"] = ("true",)
        context |= {"aws:requestedregion": (region,)} if region else {}
    if action.startswith("kms:"):
        # Secrets Manager calls KMS on behalf of the role (its guide, Secret encryption and decryption).
        context["aws:viaawsservice"] = ("true",)
        context["kms:viaservice"] = (f"secretsmanager.{region}.amazonaws.com",)
        context["kms:calleraccount"] = (account(role),)
    return context


# Over-grants


def over_grants(
    pipeline: Pipeline, role: str, seen: RoleSnapshot, wanted: Sequence[Need]
) -> Iterator[OverGrant]:
    """The statements of the role's policies that allow more than the connector needs."""
    tried = tuple(_tried(pipeline, role))
    for document in seen.policies:
        policy = _read(document)
        if isinstance(policy, Unread):
            continue
        for statement in policy.statements:
            if not statement.allows:
                continue
            found = _over_granted(statement, policy, role, seen, tried, wanted)
            if found is not None:
                yield found


def _over_granted(
    statement: Statement,
    policy: Policy,
    role: str,
    seen: RoleSnapshot,
    tried: Sequence[tuple[str, str]],
    wanted: Sequence[Need],
) -> OverGrant | None:
    """What the statement alone allows of `tried`: for certain, or else if its conditions do not forbid it."""

    def outcomes(conditions: tuple[Condition, ...]) -> Iterator[Outcome]:
        alone = Policies((Policy(policy.name, policy.version, (replace(statement, conditions=conditions),)),))
        return (decide(_local(role, seen, *each), alone).outcome for each in tried)

    limits = tuple(each for each in statement.conditions if each.key.lower() not in CALL_KEYS)
    judged = list(zip(tried, outcomes(limits), outcomes(()), strict=True))
    granted = [each for each, limited, _ in judged if limited is Outcome.ALLOWED]
    perhaps = [
        each for each, limited, without in judged if limited is Outcome.UNKNOWN and without is Outcome.ALLOWED
    ]
    if granted:
        return _over_grant(statement.name, granted, wanted)
    if perhaps:
        keys = tuple(dict.fromkeys(each.key for each in limits))
        return replace(_over_grant(statement.name, perhaps, wanted), limits=keys)
    return None


def _tried(pipeline: Pipeline, role: str) -> Iterator[tuple[str, str]]:
    parts = role.split(":")
    names = {"partition": parts[1], "region": pipeline.region or "", "account": account(role), "other": OTHER}
    yield from ((action, text.format(**names)) for action, text in OTHERS)
    if pipeline.cluster is None:
        return
    cluster = pipeline.cluster.arn
    for operation in (*KAFKA_WRITES, "ReadData"):
        kind = next((k for k in ("Cluster", "Group", "TransactionalId") if k in operation), "Topic")
        if operation == "WriteDataIdempotently":
            kind = "Cluster"
        word = {
            "Cluster": "cluster",
            "Group": "group",
            "TransactionalId": "transactional-id",
            "Topic": "topic",
        }[kind]
        arn = cluster if word == "cluster" else f"{cluster.replace(':cluster/', f':{word}/', 1)}/{OTHER}"
        yield f"kafka-cluster:{operation}", arn


def _local(role: str, seen: RoleSnapshot, action: str, resource: str) -> Request:
    """The request as if from the resource's account, so that the role's policies alone decide."""
    owner = account(resource)
    principal = role.replace(account(role), owner) if owner else role
    return Request(principal, action, resource, context_of(role, seen, action, resource))


def _over_grant(statement: str, granted: Sequence[tuple[str, str]], wanted: Sequence[Need]) -> OverGrant:
    actions = tuple(dict.fromkeys(action for action, _ in granted))
    services = {action.partition(":")[0] for action in actions}
    narrow = [need.statement for need in wanted if {a.partition(":")[0] for a in need.actions} & services]
    kinds = sorted({_kind(resource) for _, resource in granted})
    reads_only = actions == ("kafka-cluster:ReadData",)
    proposed = json.dumps(narrow, indent=2) if narrow else ""
    return OverGrant(statement, actions, ", ".join(kinds), not reads_only, proposed)


def _kind(resource: str) -> str:
    """The resource type, in words."""
    service = resource.split(":")[2]
    if service == "kafka":
        kind = resource.split(":", 5)[5].partition("/")[0]
        return "the cluster" if kind == "cluster" else f"any {kind.replace('-', ' ')}"
    return {
        "secretsmanager": "any secret",
        "kms": "any key",
        "ssm": "any parameter",
        "s3": "any object",
        "glue": "any schema",
        "iam": "any role",
    }[service]

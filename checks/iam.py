"""May the connector's execution role do what the connector needs, and no more?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from checks.connector_findings import configured
from netcheck.core.check import Check, Survey
from netcheck.core.context import Context, PrerequisiteFailed, Skip
from netcheck.core.model import Cause, Explains, Finding, Fix, Json, Kind, Layer, Status, Target
from netcheck.core.problem import Problem, Trait
from netcheck.core.text import first_few
from netcheck.engine import facts
from netcheck.pipeline.model import Pipeline

if TYPE_CHECKING:
    from netcheck.iam.judge import Judged, OverGrant, Verdict
    from netcheck.iam.role_snapshot import Key, RoleSnapshot, Secret

PIPELINE = frozenset({Kind.PIPELINE})
SCRAM_PREFIX = "AmazonMSK_"
SYMMETRIC = "SYMMETRIC_DEFAULT"
CLUSTER_NEED = "Cluster"
"""The need to connect to the cluster, as netcheck.iam.needs names it: without it a login is refused."""
BROKERS = frozenset({Kind.KAFKA})
AS_READ = "as its policies read: iam:SimulatePrincipalPolicy is not allowed here"

TRUST_PROBLEMS = (
    Problem(
        Cause.IAM_NOT_TRUSTED,
        "MSK Connect may not assume the execution role",
        "Name kafkaconnect.amazonaws.com as the Service in the role's trust policy; conditions on "
        "aws:SourceAccount and aws:SourceArn have to fit this account and this connector.",
    ),
)

PERMISSIONS_PROBLEMS = (
    Problem(
        Cause.IAM_DENIED,
        "the execution role may not do what the connector needs",
        "Add the statement to a policy of the role; where a Deny or the policy of the resource decides, "
        "change that one: no Allow helps against it.",
    ),
    Problem(
        Cause.IAM_DISAGREES,
        "IAM's simulation and the policies as read do not agree",
        "IAM's own word counts: look for a policy of the organisation (SCP) that cannot be read from here.",
    ),
    Problem(
        Cause.IAM_UNKNOWN,
        "what the execution role may do is not known well enough",
        "Grant the IAM action that is named (netcheck only reads; `netcheck policy` lists them all).",
        traits=frozenset({Trait.AGENT}),
    ),
)

LEAST_PRIVILEGE_PROBLEMS = (
    Problem(
        Cause.IAM_OVERLY_PERMISSIVE,
        "the execution role may do more than the connector needs",
        "Put the narrow statements in the place of the wide one, and restart the connector to be sure.",
    ),
)

SCRAM_PROBLEMS = (
    Problem(
        Cause.IAM_SCRAM_SECRET,
        "a SCRAM secret that MSK cannot use",
        "The secret's name has to begin with AmazonMSK_, its key has to be a symmetric customer managed "
        "one, and it has to be associated with the cluster (aws kafka batch-associate-scram-secret).",
    ),
)


class Trusted(Check):
    """MSK Connect may assume the connector's execution role.

    The role's trust policy has to name the service kafkaconnect.amazonaws.com, and its conditions have to fit
    this account and this connector. It fails when the role is gone, trusts somebody else, or is the
    service-linked role, which MSK Connect does not take as an execution role.

    Fix: write the trust policy as proposed; a condition on aws:SourceArn names the connector's own ARN.
    """

    id = "iam.trust"
    kinds = PIPELINE
    survey = Survey.ON_REQUEST
    problems = (
        *TRUST_PROBLEMS,
        Problem("IAM_ROLE_MISSING", "the execution role does not exist"),
        Problem("IAM_ROLE_SERVICE_LINKED", "a service-linked role cannot be an execution role"),
        Problem("IAM_ROLE_TRUST", "the role's trust policy does not let MSK Connect assume it"),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        from netcheck.iam import judge

        seen, pipeline = ctx.get(facts.execution_role), ctx.get(facts.pipeline)
        role = _role(pipeline)
        if role in seen.absent:
            text = f"{role} does not exist: MSK Connect cannot assume it"
            yield _fails(text, Cause.IAM_NOT_TRUSTED, "IAM_ROLE_MISSING", role)
        elif seen.role is None:
            yield from _unread(seen, "the role", f"whether MSK Connect may assume {role} is not known")
        elif seen.role.path.startswith(judge.SERVICE_LINKED):
            text = f"{role} is a service-linked role, which cannot be an execution role: make one of your own"
            yield _fails(text, Cause.IAM_NOT_TRUSTED, "IAM_ROLE_SERVICE_LINKED", role)
        else:
            yield self._judged(pipeline, seen, role)

    def _judged(self, pipeline: Pipeline, seen: RoleSnapshot, role: str) -> Finding:
        from netcheck.iam import judge
        from netcheck.iam.evaluate import Outcome
        from netcheck.iam.judge import SERVICE

        answer = judge.trust(pipeline, seen)
        match answer.outcome:
            case Outcome.ALLOWED:
                text = f"{SERVICE} may assume {role} ({answer.why})"
                return Finding(Status.PASS, text, None, Layer.IAM, {})
            case Outcome.DENIED:
                text = f"{SERVICE} may not assume {role}: {answer.why}"
                fix = Fix("iam-trust", _trust(pipeline))
                return _fails(text, Cause.IAM_NOT_TRUSTED, "IAM_ROLE_TRUST", role, fix)
            case Outcome.UNKNOWN:
                return _unknown(f"whether MSK Connect may assume {role} is not known: {answer.why}", "", role)


class Allowed(Check):
    """The execution role may do what this connector needs.

    Computed from the role's policies, its permissions boundary, the policies of the cluster, secrets, keys
    and buckets, and IAM's own simulation where that is allowed, for what this connector's configuration
    names. It fails for each need that is not met, and for a secret or bucket that does not exist; what AWS
    would not show is unknown, with the IAM action that is missing. Policies of the organisation cannot be
    read from an account: only the simulation knows them.

    Fix: add the statement that is proposed; where a Deny, a boundary or the policy of a resource decides,
    change that one.
    """

    id = "iam.permissions"
    kinds = PIPELINE
    survey = Survey.ON_REQUEST
    problems = (
        *PERMISSIONS_PROBLEMS,
        Problem(
            "IAM_PERMISSION_MISSING",
            "the execution role lacks a permission that the connector needs",
            explains=(Explains(frozenset({Cause.KAFKA_ACCESS_DENIED}), BROKERS),),
        ),
        Problem("AWS_RESOURCE_NOT_FOUND", "the configuration names a resource that does not exist"),
    )

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        from netcheck.iam import judge
        from netcheck.iam.evaluate import ASSUMED

        seen, pipeline = ctx.get(facts.execution_role), ctx.get(facts.pipeline)
        role, needs = _existing_role(pipeline, seen), judge.needed(pipeline, seen)
        configured(ctx)
        judged = [judge.judge(need, role, seen) for need in needs.needs]
        found = [
            *(finding for one in judged for finding in _need(one, role, seen)),
            *(_unknown(f"what {role} needs is not all known: {text}", "", role) for text in needs.unsure),
            *_lost(pipeline, seen, role),
        ]
        yield from found
        if any(finding.status in (Status.FAIL, Status.UNKNOWN) for finding in found):
            return
        if not needs.needs:
            raise Skip(f"the connector needs nothing of AWS that {role} would have to allow")
        names = ", ".join(need.name for need in needs.needs)
        text = f"{role} may do all that the connector needs ({names}){_as_read(seen)}"
        yield Finding(Status.PASS, text, None, Layer.IAM, {"assumed": ASSUMED})


class Least(Check):
    """The execution role may do no more than this connector needs.

    It warns of a statement that lets the role write where the sink only reads, or read secrets, keys,
    parameters and objects that no setting names. Reading more topics than the sink's own, as the examples of
    Amazon and ClickHouse allow, is only mentioned. So is a statement whose conditions depend on the resource
    (its tags, for example): what they leave of it is not evaluated.

    Fix: put the narrow statements in the place of the wide one.
    """

    id = "iam.least-privilege"
    kinds = PIPELINE
    survey = Survey.ON_REQUEST
    problems = LEAST_PRIVILEGE_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        from netcheck.iam import judge

        seen, pipeline = ctx.get(facts.execution_role), ctx.get(facts.pipeline)
        role = _existing_role(pipeline, seen)
        configured(ctx)
        found = list(judge.over_grants(pipeline, role, seen, judge.needed(pipeline, seen).needs))
        writes = [one for one in found if one.writes and not one.limits]
        yield from (_too_wide(one, role) for one in writes)
        unread = [document for document in seen.policies if document.action]
        for document in unread:
            yield _unknown(f"{document.name} of {role} could not be read", document.action, role)
        if not unread and not writes:
            limited = [
                f"; {one.statement} depends on {_listed(one.limits)}, which is not evaluated"
                for one in found
                if one.limits
            ]
            more = [one for one in found if not one.limits]
            note = f"; {more[0].statement} could name the sink's topics alone" if more else ""
            fixes = (Fix("iam", more[0].narrow),) if more else ()
            text = f"{role} may write nothing but what it needs{''.join(limited)}{note}"
            yield Finding(Status.PASS, text, None, Layer.IAM, fixes=fixes)


def _too_wide(one: OverGrant, role: str) -> Finding:
    text = f"{one.statement} of {role} also allows {_listed(one.grants)} on {one.on}"
    if not one.narrow:
        text += "; the connector needs none of them"
    return Finding(
        Status.WARN,
        text,
        Cause.IAM_OVERLY_PERMISSIVE,
        Layer.IAM,
        {"actions": [*one.grants]},
        code="IAM_OVERLY_PERMISSIVE",
        components=(role,),
        fixes=(Fix("iam", one.narrow),) if one.narrow else (),
    )


class ScramSecrets(Check):
    """MSK can use the cluster's SCRAM secrets.

    Asked where the cluster has SASL/SCRAM on. It fails for a secret whose name does not begin with AmazonMSK_
    or that is encrypted with Secrets Manager's own key or an asymmetric one, and warns when no secret is
    associated: then nobody can log in. Clients see only "invalid credentials with SASL mechanism
    SCRAM-SHA-512".

    Fix: make a secret AmazonMSK_... with a symmetric customer managed key and associate it with the cluster.
    """

    id = "iam.scram"
    kinds = PIPELINE
    survey = Survey.ON_REQUEST
    problems = (
        *SCRAM_PROBLEMS,
        Problem("MSK_SCRAM_NO_SECRET", "the cluster has SCRAM on and no secret associated"),
        Problem("MSK_SCRAM_SECRET_KEY", "MSK cannot use the key that encrypts the SCRAM secret"),
        Problem("MSK_SCRAM_SECRET_MISSING", "the SCRAM secret does not exist any more"),
        Problem("MSK_SCRAM_SECRET_NAME", "the SCRAM secret's name does not begin with AmazonMSK_"),
    )
    explains = (Explains(frozenset({Cause.KAFKA_AUTH}), BROKERS),)

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002
        pipeline = ctx.get(facts.pipeline)
        cluster = pipeline.cluster
        if cluster is None or "SCRAM" not in cluster.authentication:
            raise Skip("no cluster with SASL/SCRAM is known here")
        if cluster.scram_secrets is None:
            action = "kafka:ListScramSecrets"
            yield _unknown(f"which SCRAM secrets {cluster.name} has is not known", action, cluster.arn)
            return
        if not cluster.scram_secrets:
            text = f"{cluster.name} has SCRAM on and no secret associated: nobody can log in with it"
            yield Finding(
                Status.WARN,
                text,
                Cause.IAM_SCRAM_SECRET,
                Layer.IAM,
                code="MSK_SCRAM_NO_SECRET",
                components=(cluster.arn,),
            )
            return
        seen = ctx.get(facts.execution_role)
        found = [finding for arn in cluster.scram_secrets for finding in _scram(arn, seen)]
        yield from found or [
            Finding(Status.PASS, f"MSK can use all SCRAM secrets of {cluster.name}", None, Layer.IAM, {})
        ]


def _scram(arn: str, seen: RoleSnapshot) -> Iterator[Finding]:
    name = arn.partition(":secret:")[2]
    if not name.startswith(SCRAM_PREFIX):
        text = f"the SCRAM secret {name} has no name that begins with {SCRAM_PREFIX}: make one that has"
        yield _fails(text, Cause.IAM_SCRAM_SECRET, "MSK_SCRAM_SECRET_NAME", arn)
    secret = next((one for one in seen.secrets if one.asked == arn), None)
    if secret is None:
        if arn in seen.absent:
            text = f"the SCRAM secret {name} is associated with the cluster and does not exist any more"
            yield _fails(text, Cause.IAM_SCRAM_SECRET, "MSK_SCRAM_SECRET_MISSING", arn)
        yield from _unread(seen, f"secret {arn}", f"which key encrypts {name} is not known")
        return
    yield from _scram_key(secret, next((key for key in seen.keys if key.asked == secret.key), None), seen)


def _scram_key(secret: Secret, key: Key | None, seen: RoleSnapshot) -> Iterator[Finding]:
    code = "MSK_SCRAM_SECRET_KEY"
    if secret.key is None or (key and key.manager == "AWS"):
        text = f"the SCRAM secret {secret.name} has Secrets Manager's own key, which MSK cannot use"
        yield _fails(text, Cause.IAM_SCRAM_SECRET, code, secret.arn)
    elif secret.key in seen.absent:
        text = f"the key {secret.key} of the SCRAM secret {secret.name} does not exist any more"
        yield _fails(text, Cause.IAM_SCRAM_SECRET, code, secret.arn)
    elif key is None:
        yield from _unread(seen, f"key {secret.key}", f"what key encrypts {secret.name} is not known")
    elif key.spec != SYMMETRIC:
        text = f"the key {key.arn} of the SCRAM secret {secret.name} is asymmetric ({key.spec})"
        yield _fails(text, Cause.IAM_SCRAM_SECRET, code, secret.arn)
    elif key.state != "Enabled":
        text = f"the key {key.arn} of the SCRAM secret {secret.name} is {key.state}"
        yield _fails(text, Cause.IAM_SCRAM_SECRET, code, secret.arn)


# Findings


def _need(one: Judged, role: str, seen: RoleSnapshot) -> Iterator[Finding]:
    from netcheck.iam.evaluate import ASSUMED, Outcome

    denied, unknown = one.of(Outcome.DENIED), one.of(Outcome.UNKNOWN)
    evidence: dict[str, Json] = {"need": one.need.name, "why": one.need.why, "assumed": ASSUMED}
    if _as_read(seen):
        evidence["not_simulated"] = AS_READ
    if denied:
        text = f"{role} may not {_on(denied)}, which is needed since {one.need.why}: {denied[0].answer.why}"
        fix = None if denied[0].answer.explicit else Fix("iam", one.need.as_text)
        finding = _fails(text, Cause.IAM_DENIED, "IAM_PERMISSION_MISSING", role, fix, evidence)
        yield finding if one.need.name == CLUSTER_NEED else replace(finding, explains=())
    elif unknown:
        action = next((verdict.answer.action for verdict in unknown if verdict.answer.action), "")
        text = f"whether {role} may {_on(unknown)} is not known: {unknown[0].answer.why}"
        yield _unknown(text, action, role, evidence)
    for verdict in one.verdicts:
        if verdict.differs:
            yield Finding(Status.WARN, f"{role}: {verdict.differs}", Cause.IAM_DISAGREES, Layer.IAM, evidence)


def _on(verdicts: Sequence[Verdict]) -> str:
    actions = _listed([verdict.action for verdict in verdicts])
    return f"{actions} on {_listed([verdict.resource for verdict in verdicts])}"


def _listed(names: Sequence[str]) -> str:
    return first_few(list(dict.fromkeys(names)), 4)


def _lost(pipeline: Pipeline, seen: RoleSnapshot, role: str) -> Iterator[Finding]:
    """What the configuration names and does not exist, and what could not be looked up of secrets' keys."""
    scram = (pipeline.cluster.scram_secrets if pipeline.cluster else None) or ()
    keys = {secret.key: f"key {secret.key}" for secret in seen.secrets if secret.asked not in scram}
    others = {secret.key for secret in seen.secrets} - keys.keys()  # SCRAM secrets are for iam.scram
    for name in seen.absent:
        if name not in (role, *scram, *others):
            text = f"{name}, which the connector's configuration names, does not exist here"
            if name in keys:
                text = f"{name}, with which a secret of the connector is encrypted, does not exist"
            yield _fails(text, Cause.IAM_DENIED, "AWS_RESOURCE_NOT_FOUND", name)
    for missing in seen.missing:
        if missing.what in keys.values():
            yield _unknown(f"{missing.what} could not be read: {missing.reason}", missing.action, role)
        elif missing.what.startswith("secret ") and missing.what.removeprefix("secret ") not in scram:
            text = f"which key encrypts {missing.what} is not known: {missing.reason}"
            yield _unknown(text, missing.action, role)


def _unread(seen: RoleSnapshot, what: str, text: str) -> Iterator[Finding]:
    for missing in seen.missing:
        if missing.what == what:
            yield _unknown(f"{text}: {missing.reason}", missing.action, what)


def _as_read(seen: RoleSnapshot) -> str:
    """What to add where IAM itself could not be asked."""
    simulated = all(missing.action != "iam:SimulatePrincipalPolicy" for missing in seen.missing)
    return "" if simulated else f", {AS_READ}"


def _fails(
    text: str,
    cause: Cause,
    code: str,
    component: str,
    fix: Fix | None = None,
    evidence: dict[str, Json] | None = None,
) -> Finding:
    return Finding(
        Status.FAIL,
        text,
        cause,
        Layer.IAM,
        evidence or {},
        code=code,
        components=(component,),
        fixes=(fix,) if fix else (),
    )


def _unknown(text: str, action: str, component: str, evidence: dict[str, Json] | None = None) -> Finding:
    needs = f" (needs {action})" if action and action not in text else ""
    return Finding(
        Status.UNKNOWN,
        text + needs,
        Cause.IAM_UNKNOWN,
        Layer.IAM,
        evidence or {},
        code="IAM_UNKNOWN",
        components=(component,),
        missing_permissions=(action,) if action else (),
    )


def _trust(pipeline: Pipeline) -> str:
    """A trust policy for this connector (MSK developer guide, Understand service execution role)."""

    from netcheck.iam.judge import SERVICE

    statement: dict[str, Json] = {
        "Effect": "Allow",
        "Principal": {"Service": SERVICE},
        "Action": "sts:AssumeRole",
    }
    if pipeline.account:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": pipeline.account}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)


def _role(pipeline: Pipeline) -> str:
    if pipeline.connector is None or pipeline.connector.role_arn is None:
        raise PrerequisiteFailed("which role the connector runs with is not known")
    return pipeline.connector.role_arn


def _existing_role(pipeline: Pipeline, seen: RoleSnapshot) -> str:
    """The role, where there is one to judge: that there is none, iam.trust says."""
    role = _role(pipeline)
    if role in seen.absent:
        raise PrerequisiteFailed(f"{role} does not exist")
    return role

"""IAM's decision on a request: allowed, denied or not known, and the statement that decides. Pure.

IAM user guide, "Policy evaluation logic": an explicit Deny anywhere wins; then, within one account, an Allow
in an identity policy (and in the permissions boundary, if there is one) or in a resource policy is enough;
the default is an implicit deny. Across accounts both sides have to allow. Organization policies and session
policies cannot be read from inside an account: they are assumed not to deny.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from netcheck.iam.conditions import NO, YES, Truth, all_of, any_of, met, negated
from netcheck.iam.patterns import Glob, TooComplex, glob, is_pattern, matches, samples, within_segments
from netcheck.iam.policy import Policy, Statement
from netcheck.iam.variables import Context, fill

Names = Callable[["Request", Statement], Truth]
ASSUMED = "organization policies (SCP, RCP) and session policies cannot be read and are assumed not to deny"


class Outcome(StrEnum):
    """IAM's decision, as far as it is known."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """`why` names the statement that decides, or what is not known.

    `explicit`: an explicit Deny, which no Allow overrides. `action` is the IAM action that returns what is
    missing.
    """

    outcome: Outcome
    why: str
    explicit: bool = False
    action: str = ""


@dataclass(frozen=True, slots=True)
class PolicyDecision:
    """The decision of one set of policies: what denies or may deny, and what it allows apart from that."""

    denies: Answer | None
    allows: Answer


@dataclass(frozen=True, slots=True)
class Unread:
    """A policy that may exist but could not be read. `action` is the IAM action that reads it."""

    what: str
    action: str


@dataclass(frozen=True, slots=True)
class Request:
    """A principal, an action and the ARN of a resource ("*" for an action without resources).

    `principal` is the role's ARN, or the name of a service. `resource` may have wildcards: the answer is then
    for everything it matches.
    """

    principal: str
    action: str
    resource: str
    context: Context = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies that apply. `boundary` and `resource` are None if there is none.

    `resource_decides`: nothing is allowed unless the resource policy allows it, or delegates to the account's
    identity policies by naming the account, as for KMS keys (KMS developer guide, Key policies).
    """

    identity: tuple[Policy | Unread, ...]
    boundary: Policy | Unread | None = None
    resource: Policy | Unread | None = None
    resource_decides: bool = False


def decide(request: Request, policies: Policies) -> Answer:
    """Decide a request. If the resource is a pattern, a decision must hold for everything it matches."""
    return _for_all(request, policies, lambda each: _decide(each, policies))


def through_endpoint(request: Request, policy: Policy) -> Answer:
    """Whether a VPC endpoint policy allows a request: an Allow for the role or for everyone, and no Deny. An
    account as principal means only its root user there (AWS PrivateLink guide, Control access to VPC
    endpoints using endpoint policies).
    """
    return _for_all(request, Policies((policy,)), lambda each: trusts(each, policy))


def _for_all(request: Request, policies: Policies, decides: Callable[[Request], Answer]) -> Answer:
    if not is_pattern(request.resource) or request.resource == "*":
        return decides(request)
    try:
        texts = samples(request.resource, _globs(request, policies))
    except TooComplex as error:
        return Answer(Outcome.UNKNOWN, f"too many wildcards to compare: {error}")
    answers = {
        text: decides(Request(request.principal, request.action, text, request.context)) for text in texts
    }
    outcomes = {answer.outcome for answer in answers.values()}
    if len(outcomes) == 1:
        return next(iter(answers.values()))
    text, answer = next((t, a) for t, a in answers.items() if a.outcome is not Outcome.ALLOWED)
    return Answer(
        Outcome.UNKNOWN, f"only some resources are allowed, not {text}: {answer.why}", action=answer.action
    )


def by_identity(
    request: Request, identity: Sequence[Policy | Unread], boundary: Policy | Unread | None
) -> PolicyDecision:
    """The decision of the role's policies, as iam:SimulatePrincipalPolicy returns it."""
    own = _evaluate(request, identity)
    if boundary is None:
        return own
    within = _evaluate(request, [boundary])
    allows = _both(own.allows, within.allows, "the permissions boundary")
    return PolicyDecision(_worst(own.denies, within.denies), allows)


def combine(request: Request, own: PolicyDecision, policies: Policies) -> Answer:
    """The decision from the role's policies (`own`) and the resource policy."""
    resource = policies.resource
    foreign = account(request.resource) not in ("", account(request.principal))
    if own.denies and own.denies.explicit:
        return own.denies
    if isinstance(resource, Unread):
        return Answer(Outcome.UNKNOWN, f"{resource.what} could not be read", action=resource.action)
    if resource is None:
        if foreign:
            return Answer(Outcome.UNKNOWN, f"{request.resource} belongs to another account")
        return _decided(own.denies, own.allows)
    direct = _evaluate(request, [resource], _names_role)
    delegated = _evaluate(request, [resource], _names_account)
    denies = _worst(own.denies, direct.denies)
    return _decided(denies, _granted(own, direct, delegated, policies, resource.name, foreign))


def _granted(
    own: PolicyDecision,
    direct: PolicyDecision,
    delegated: PolicyDecision,
    policies: Policies,
    name: str,
    foreign: bool,
) -> Answer:
    """Combine the role's policies with a resource policy that names the role or its account."""
    if foreign:
        return _both(own.allows, _either(direct.allows, delegated.allows), name)
    if policies.resource_decides:
        return _either(direct.allows, _both(own.allows, delegated.allows, name))
    granted = direct.allows.outcome is Outcome.ALLOWED
    if granted and policies.boundary is not None and own.allows.outcome is not Outcome.ALLOWED:
        why = f"{direct.allows.why} allows it, but the role's policies and permissions boundary do not"
        return Answer(Outcome.UNKNOWN, why)
    return _either(own.allows, direct.allows)


def account(arn: str) -> str:
    """The account in an ARN, "" if there is none (S3 buckets)."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 else ""


def _decide(request: Request, policies: Policies) -> Answer:
    return combine(request, by_identity(request, policies.identity, policies.boundary), policies)


def _decided(denies: Answer | None, allows: Answer) -> Answer:
    """If nothing allows the request, possible Denies do not matter."""
    if denies and denies.explicit:
        return denies
    return allows if allows.outcome is Outcome.DENIED else denies or allows


def _worst(one: Answer | None, other: Answer | None) -> Answer | None:
    """The certain one of two Denies."""
    return other if other and (one is None or (other.explicit and not one.explicit)) else one


def _either(one: Answer, other: Answer) -> Answer:
    """One Allow is enough."""
    for outcome in (Outcome.ALLOWED, Outcome.UNKNOWN):
        for answer in (one, other):
            if answer.outcome is outcome:
                return answer
    return one


def _both(one: Answer, other: Answer, name: str) -> Answer:
    """Both have to allow it; `name` is the policy of `other`."""
    if one.outcome is Outcome.DENIED:
        return one
    if other.outcome is Outcome.DENIED:
        return Answer(Outcome.DENIED, f"{name} does not allow it")
    return other if other.outcome is Outcome.UNKNOWN else one


# One set of policies


def trusts(request: Request, trust: Policy) -> Answer:
    """The decision of a single resource policy: a role's trust policy on a service that assumes the role."""
    decision = _evaluate(request, [trust], _names_role)
    return _decided(decision.denies, decision.allows)


def _evaluate(
    request: Request, policies: Sequence[Policy | Unread], names: Names | None = None
) -> PolicyDecision:
    surely: dict[bool, Answer] = {}
    perhaps: dict[bool, Answer] = {}
    for policy in policies:
        if isinstance(policy, Unread):
            unread = Answer(Outcome.UNKNOWN, f"{policy.what} could not be read", action=policy.action)
            perhaps = {False: unread, True: unread} | perhaps
            continue
        for statement in policy.statements:
            truth = _applies(request, policy, statement, names)
            if truth.holds:
                outcome = Outcome.ALLOWED if statement.allows else Outcome.DENIED
                surely.setdefault(statement.allows, Answer(outcome, statement.name, not statement.allows))
            elif truth.holds is None:
                unknown = Answer(Outcome.UNKNOWN, f"{statement.name}: {truth.why}")
                perhaps.setdefault(statement.allows, unknown)
    nothing = Answer(Outcome.DENIED, "no statement allows it")
    return PolicyDecision(
        surely.get(False) or perhaps.get(False), surely.get(True) or perhaps.get(True) or nothing
    )


def _applies(request: Request, policy: Policy, statement: Statement, names: Names | None) -> Truth:
    action = any(matches(glob(each.lower()), request.action.lower()) for each in statement.actions)
    if action is statement.negated_actions:
        return NO
    return all_of(
        [
            names(request, statement) if names else YES,
            _covers(request, policy, statement),
            *(met(each, request.context, policy.has_variables) for each in statement.conditions),
        ]
    )


def _covers(request: Request, policy: Policy, statement: Statement) -> Truth:
    """Whether the statement covers the resource; a trust policy has no Resource and covers its role."""
    if statement.resources is None:
        return YES
    found = any_of([_covered(request, text, policy) for text in statement.resources])
    return negated(found) if statement.negated_resources else found


def _covered(request: Request, text: str, policy: Policy) -> Truth:
    if text == "*":
        return YES
    filled = fill(text, request.context, policy.has_variables)
    if filled.absent or not matches(filled.loosest, request.resource):
        return NO
    if filled.pattern is None:
        return Truth(None, f"the policy variable {filled.unknown} in {text} is not known")
    if matches(within_segments(filled.pattern), request.resource):
        return YES
    return Truth(None, f"AWS does not document whether the wildcard in {text} matches a colon")


def _globs(request: Request, policies: Policies) -> list[Glob]:
    """Every pattern that resources are compared with, in both of its readings."""
    sets = (*policies.identity, policies.boundary, policies.resource)
    texts = {
        (text, policy.has_variables)
        for policy in sets
        if isinstance(policy, Policy)
        for statement in policy.statements
        if any(matches(glob(each.lower()), request.action.lower()) for each in statement.actions)
        is not statement.negated_actions
        for text in statement.resources or ()
        if text != "*"
    }
    found: set[Glob] = set()
    for text, has_variables in texts:
        filled = fill(text, request.context, has_variables)
        found |= {filled.loosest, within_segments(filled.loosest)}
    return sorted(found, key=str)


# Principals


def _names_role(request: Request, statement: Statement) -> Truth:
    """Whether a statement of a resource policy names the requesting role or service.

    An Allow for an account does not allow its roles: it delegates to the account's identity policies. A Deny
    for an account denies all of its roles (IAM user guide, AWS JSON policy elements: Principal).
    """
    if statement.principals is None:
        return NO
    whole = not statement.allows
    found = any_of([_is_principal(request.principal, each, whole) for each in statement.principals])
    if not statement.negated_principals:
        return found
    if found.holds is False and not statement.allows:
        return YES
    return Truth(None, "netcheck does not evaluate NotPrincipal")


def _names_account(request: Request, statement: Statement) -> Truth:
    """Whether a statement names the account of the requesting role."""
    if statement.principals is None or statement.negated_principals:
        return NO
    return Truth(
        any(_is_account(request.principal, value) for kind, value in statement.principals if kind == "AWS")
    )


def _is_principal(principal_arn: str, principal: tuple[str, str], whole_account: bool) -> Truth:
    kind, value = principal
    if kind == "*" or (kind == "AWS" and value == "*"):
        return YES
    if kind == "Service":
        return Truth(value == principal_arn)
    if kind != "AWS":
        return NO
    if (
        ":assumed-role/" in value
        and value.split(":assumed-role/")[1].split("/")[0] == principal_arn.rpartition("/")[2]
    ):
        return Truth(None, f"whether the request is from session {value} is not known")
    return Truth(value == principal_arn or (whole_account and _is_account(principal_arn, value)))


def _is_account(principal_arn: str, value: str) -> bool:
    return bool(account(principal_arn)) and (
        value == account(principal_arn) or value.endswith(f"::{account(principal_arn)}:root")
    )

"""What IAM decides on a request: allowed, denied or not known, and by which statement. Pure.

IAM user guide, "Policy evaluation logic": an explicit Deny anywhere wins; then, within one account, what an
identity policy (and the permissions boundary, where there is one) or a resource policy allows is allowed;
everything else is denied. Across accounts both sides have to allow. Policies of the organisation and of
sessions cannot be read from inside an account: they are assumed not to deny.
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
ASSUMED = "policies of the organisation (SCP, RCP) and of sessions cannot be read and are assumed not to deny"


class Outcome(StrEnum):
    """IAM's decision, as far as it is known."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """`why` names the statement that decides, or what is not known.

    `explicit`: denied by a Deny, which no Allow can mend. `action` is the IAM action that would tell.
    """

    outcome: Outcome
    why: str
    explicit: bool = False
    action: str = ""


@dataclass(frozen=True, slots=True)
class PolicyDecision:
    """What one set of policies says: what denies, or may deny; and whether it allows, were there no Deny."""

    denies: Answer | None
    allows: Answer


@dataclass(frozen=True, slots=True)
class Unread:
    """A policy that there may be, and that could not be read. `action` is the IAM action that reads it."""

    what: str
    action: str


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks to do what to which ARN ("*" for an action that knows no resources).

    `principal` is the role's ARN, or the name of a service. `resource` may hold wildcards: then the answer is
    for everything it matches.
    """

    principal: str
    action: str
    resource: str
    context: Context = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policies:
    """Everything that has a say. `boundary` and `resource` are None where there is none.

    `resource_decides`: nothing is allowed unless the resource's policy says so, or hands the decision to the
    account's identity policies by naming the account, as KMS keys do (KMS developer guide, Key policies).
    """

    identity: tuple[Policy | Unread, ...]
    boundary: Policy | Unread | None = None
    resource: Policy | Unread | None = None
    resource_decides: bool = False


def decide(request: Request, policies: Policies) -> Answer:
    """Decide a request whose resource may be a pattern: only what is so for all of it is said."""
    return _for_all(request, policies, lambda each: _decide(each, policies))


def through(request: Request, policy: Policy) -> Answer:
    """Whether a VPC endpoint's policy lets a request through: what it allows the role itself, or everybody,
    and does not deny. Naming an account there means its root user alone (AWS PrivateLink guide, Control
    access to VPC endpoints using endpoint policies).
    """
    return _for_all(request, Policies((policy,)), lambda each: trusts(each, policy))


def _for_all(request: Request, policies: Policies, decides: Callable[[Request], Answer]) -> Answer:
    if not is_pattern(request.resource) or request.resource == "*":
        return decides(request)
    try:
        texts = samples(request.resource, _globs(request, policies))
    except TooComplex as error:
        return Answer(Outcome.UNKNOWN, f"there are too many wildcards to compare: {error}")
    answers = {
        text: decides(Request(request.principal, request.action, text, request.context)) for text in texts
    }
    outcomes = {answer.outcome for answer in answers.values()}
    if len(outcomes) == 1:
        return next(iter(answers.values()))
    text, answer = next((t, a) for t, a in answers.items() if a.outcome is not Outcome.ALLOWED)
    return Answer(
        Outcome.UNKNOWN, f"only a part is allowed; not {text}, for one: {answer.why}", action=answer.action
    )


def by_identity(
    request: Request, identity: Sequence[Policy | Unread], boundary: Policy | Unread | None
) -> PolicyDecision:
    """What the role's own policies say, which is what iam:SimulatePrincipalPolicy says too."""
    own = _said(request, identity)
    if boundary is None:
        return own
    within = _said(request, [boundary])
    allows = _both(own.allows, within.allows, "the permissions boundary")
    return PolicyDecision(_worst(own.denies, within.denies), allows)


def combine(request: Request, own: PolicyDecision, policies: Policies) -> Answer:
    """The decision, from what the role's own policies say (`own`) and the resource's policy."""
    resource = policies.resource
    foreign = account(request.resource) not in ("", account(request.principal))
    if own.denies and own.denies.explicit:
        return own.denies
    if isinstance(resource, Unread):
        return Answer(Outcome.UNKNOWN, f"{resource.what} could not be read", action=resource.action)
    if resource is None:
        if foreign:
            return Answer(Outcome.UNKNOWN, f"{request.resource} is of another account")
        return _decided(own.denies, own.allows)
    direct = _said(request, [resource], _names_role)
    delegated = _said(request, [resource], _names_account)
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
    """What is allowed by the role's own policies, and by a policy that names the role or its account."""
    if foreign:
        return _both(own.allows, _either(direct.allows, delegated.allows), name)
    if policies.resource_decides:
        return _either(direct.allows, _both(own.allows, delegated.allows, name))
    granted = direct.allows.outcome is Outcome.ALLOWED
    if granted and policies.boundary is not None and own.allows.outcome is not Outcome.ALLOWED:
        why = f"{direct.allows.why} allows it, the role's own policies and its permissions boundary do not"
        return Answer(Outcome.UNKNOWN, why)
    return _either(own.allows, direct.allows)


def account(arn: str) -> str:
    """The account in an ARN, "" where there is none, as of buckets."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 else ""


def _decide(request: Request, policies: Policies) -> Answer:
    return combine(request, by_identity(request, policies.identity, policies.boundary), policies)


def _decided(denies: Answer | None, allows: Answer) -> Answer:
    """Where nothing allows, it does not matter what may deny."""
    if denies and denies.explicit:
        return denies
    return allows if allows.outcome is Outcome.DENIED else denies or allows


def _worst(one: Answer | None, other: Answer | None) -> Answer | None:
    """Of two Denies the one that is certain."""
    return other if other and (one is None or (other.explicit and not one.explicit)) else one


def _either(one: Answer, other: Answer) -> Answer:
    """Allowed by one is enough."""
    for outcome in (Outcome.ALLOWED, Outcome.UNKNOWN):
        for answer in (one, other):
            if answer.outcome is outcome:
                return answer
    return one


def _both(one: Answer, other: Answer, name: str) -> Answer:
    """Both have to allow it; `name` is whose answer the other is."""
    if one.outcome is Outcome.DENIED:
        return one
    if other.outcome is Outcome.DENIED:
        return Answer(Outcome.DENIED, f"{name} does not allow it")
    return other if other.outcome is Outcome.UNKNOWN else one


# One set of policies


def trusts(request: Request, trust: Policy) -> Answer:
    """What one policy of a resource says by itself, as a role's trust policy to a service that wants to
    assume it.
    """
    said = _said(request, [trust], _names_role)
    return _decided(said.denies, said.allows)


def _said(
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
    """Whether the resource is one of the statement's; a trust policy has none, and means its role."""
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
    return Truth(None, f"AWS does not say whether {text} reaches past a colon")


def _globs(request: Request, policies: Policies) -> list[Glob]:
    """Every pattern that resources are held against, in each of its readings."""
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
    """Whether a statement of a resource's policy speaks of the role or service that asks.

    An Allow for a whole account is none for its roles: it only lets the account's own policies decide. A Deny
    for a whole account is one for all of its roles (IAM user guide, AWS JSON policy elements: Principal).
    """
    if statement.principals is None:
        return NO
    whole = not statement.allows
    found = any_of([_is_principal(request.principal, each, whole) for each in statement.principals])
    if not statement.negated_principals:
        return found
    if found.holds is False and not statement.allows:
        return YES
    return Truth(None, "NotPrincipal is not evaluated here")


def _names_account(request: Request, statement: Statement) -> Truth:
    """Whether a statement names the account of the role that asks."""
    if statement.principals is None or statement.negated_principals:
        return NO
    return Truth(
        any(_is_account(request.principal, value) for kind, value in statement.principals if kind == "AWS")
    )


def _is_principal(asks: str, principal: tuple[str, str], whole_account: bool) -> Truth:
    kind, value = principal
    if kind == "*" or (kind == "AWS" and value == "*"):
        return YES
    if kind == "Service":
        return Truth(value == asks)
    if kind != "AWS":
        return NO
    if (
        ":assumed-role/" in value
        and value.split(":assumed-role/")[1].split("/")[0] == asks.rpartition("/")[2]
    ):
        return Truth(None, f"which session {value} is cannot be told")
    return Truth(value == asks or (whole_account and _is_account(asks, value)))


def _is_account(asks: str, value: str) -> bool:
    return bool(account(asks)) and (value == account(asks) or value.endswith(f"::{account(asks)}:root"))

"""Do the AWS services that the connector uses answer, and by which path do the workers reach them?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from checks import path_findings
from netcheck.core.check import Check, Survey, finding_from, warning
from netcheck.core.components import Concern
from netcheck.core.context import Context, FactUnavailable, PrerequisiteFailed, Skip
from netcheck.core.model import Cause, Explains, Finding, Json, Kind, Layer, Status, Target
from netcheck.core.problem import Problem, Trait
from netcheck.engine import facts

if TYPE_CHECKING:
    from netcheck.aws.ec2.endpoints import Endpoint
    from netcheck.path.aggregate import Traced
    from netcheck.path.service_access import ServicePath

NEAR_SKEW_SECONDS, MOST_SKEW_SECONDS, MOST_SKEW_OF_S3_SECONDS = 240.0, 300.0, 900.0
"""AWS refuses a signature that is five minutes off
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html), Amazon S3 one of fifteen
(RequestTimeTooSkewed, https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html)."""

ANSWER_PROBLEMS = (
    Problem(
        Cause.AWS_UNEXPECTED_ANSWER,
        "the service that answers is not AWS",
        "A proxy or captive portal answers in place of the AWS endpoint: bypass it, or use a VPC endpoint.",
    ),
    Problem(
        Cause.CLOCK_SKEW,
        "this host's clock is wrong",
        "Set it by NTP (on AWS: chrony with 169.254.169.123); AWS refuses signatures five minutes off.",
        traits=frozenset({Trait.HOST_WIDE, Trait.CLOCK}),
    ),
)

MISDIRECTED = Explains(kinds=frozenset({Kind.AWS_SERVICE}), same_target=True, blocked=True)
"""The name does not resolve to the endpoint that serves it: blockers on the other path need no fix."""

PATH_PROBLEMS = (
    Problem(
        Cause.ENDPOINT_PRIVATE_DNS_OFF,
        "the VPC endpoint exists, but the service's name does not resolve to it",
        "Enable its private DNS: aws ec2 modify-vpc-endpoint --vpc-endpoint-id VPCE "
        "--private-dns-enabled. The VPC needs enableDnsSupport and enableDnsHostnames for it.",
        traits=frozenset({Trait.BLOCKS_PACKETS}),
        refuted_by="tcp.connects",
        explains=(MISDIRECTED,),
    ),
    Problem(
        Cause.ENDPOINT_NOT_AVAILABLE,
        "the VPC endpoint is not available",
        "pendingAcceptance: the service's owner must accept it (for ClickHouse Cloud add the endpoint's "
        "id to the service's private endpoints). rejected, failed, expired: create it again.",
        traits=frozenset({Trait.BLOCKS_PACKETS}),
        refuted_by="tcp.connects",
    ),
    Problem(
        Cause.ENDPOINT_UNUSED,
        "traffic leaves through NAT although a VPC endpoint exists",
        "It works but costs twice, and fails if the NAT gateway is removed. Enable the endpoint's private "
        "DNS: aws ec2 modify-vpc-endpoint --vpc-endpoint-id VPCE --private-dns-enabled.",
    ),
    Problem(
        Cause.STS_GLOBAL_NAME,
        "sts.amazonaws.com is public; only the regional name resolves to the endpoint",
        "Have the connector use the regional name: awsStsRegion in the JAAS configuration of "
        "aws-msk-iam-auth, AWS_STS_REGIONAL_ENDPOINTS=regional elsewhere; or give the workers a NAT "
        "gateway.",
        traits=frozenset({Trait.BLOCKS_PACKETS}),
        explains=(MISDIRECTED,),
    ),
)

POLICY_PROBLEMS = (
    Problem(
        Cause.ENDPOINT_POLICY,
        "the VPC endpoint's policy does not allow it",
        "Allow the connector's actions in the endpoint's policy; AWS answers AccessDenied without it, "
        "whatever the role allows.",
    ),
)


class Answers(Check):
    """The AWS endpoint answers.

    Sends one unsigned HTTPS request: a refusal from AWS is the expected answer, since it proves the whole
    path. It fails when another service answers instead (a proxy's page, a load balancer), and when this
    host's clock is more than five minutes off (fifteen for Amazon S3), because AWS then rejects this host's
    signatures; it warns from four minutes on.

    Fix: without a NAT gateway create an interface endpoint for the service in the VPC, with private DNS and
    port 443 open to the workers; exempt AWS's names from a proxy; synchronize the clock by NTP.
    """

    id = "aws-service.answers"
    kinds = frozenset({Kind.AWS_SERVICE})
    survey = Survey.LIVE
    depends_on = frozenset({"tcp.connects", "tls.handshake", "tls.certificate"})
    problems = ANSWER_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.aws_answer, target)
        if seen.cause is not None:
            text = f"{target.endpoint} does not answer as AWS does: {seen.detail}"
            yield finding_from(seen.cause, text, Layer.AWS, seen)
        elif seen.clock_skew is not None and abs(seen.clock_skew) > NEAR_SKEW_SECONDS:
            relation = "behind" if seen.clock_skew > 0 else "ahead of"
            text = f"this host's clock is {abs(seen.clock_skew):.0f} s {relation} AWS's"
            most = MOST_SKEW_OF_S3_SECONDS if _is_s3(target.host) else MOST_SKEW_SECONDS
            if abs(seen.clock_skew) > most:
                refused = f"{text}: AWS rejects signatures that are {most:.0f} s off"
                yield finding_from(Cause.CLOCK_SKEW, refused, Layer.AGENT, seen)
            else:
                near = f"{text}: signatures that are {MOST_SKEW_SECONDS:.0f} s off are rejected"
                yield warning(Cause.CLOCK_SKEW, near, Layer.AGENT, seen)
        else:
            yield finding_from(None, f"AWS answers with HTTP {seen.status}", Layer.AWS, seen)


def _is_s3(host: str) -> bool:
    """s3.eu-west-1.amazonaws.com, also with a bucket name as prefix."""
    return any(label == "s3" or label.startswith("s3-") for label in host.split("."))


class HasPath(Check):
    """Every worker subnet has a working path to the AWS service.

    Computed from AWS's configuration for each worker subnet: through an interface endpoint (private DNS and
    the VPC's DNS attributes enabled, the endpoint available, its security group open to the workers), through
    a gateway endpoint in the subnet's route table, or through NAT. The result lists the path of each subnet.
    It fails when a subnet has no path, also when only because the service's name does not resolve to the
    endpoint; it warns when traffic leaves through NAT although an endpoint exists.

    Fix: create an interface endpoint for the service in the workers' VPC, with private DNS and a security
    group that allows port 443 from the workers' group; associate a gateway endpoint with every worker
    subnet's route table; or route 0.0.0.0/0 to a NAT gateway.
    """

    id = "aws-service.path"
    kinds = frozenset({Kind.AWS_SERVICE})
    problems = PATH_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        service_paths = _service_paths(target, ctx)
        unavailable = list(_not_available(service_paths, target, ctx))
        yield from unavailable
        named = list(_unnamed(service_paths, target))
        yield from named
        # If an unused endpoint is why a subnet has no path, blockers on its other path need no fix.
        blocked = [
            one
            for path in service_paths
            for one in path.traced
            if path.unused is None or path.works or path.undecided
        ]
        reported = {(one.code, one.component) for one in unavailable}
        found = [one for one in _blocked(blocked, target) if (one.code, one.component) not in reported]
        yield from found
        yield from _unknown(service_paths, target)
        yield from path_findings.undecided(blocked, target)
        lost = [one for one in ctx.config.source_subnet if one not in ctx.get(facts.snapshot).subnets]
        if lost:
            text = (
                f"{target.host}: whether {', '.join(lost)} has a path is unknown: AWS returned no such subnet"
            )
            yield Finding(Status.UNKNOWN, text, Cause.PATH_UNKNOWN, Layer.ROUTE, component=lost[0])
        elif not named and not found and all(path.works for path in service_paths):
            evidence: dict[str, Json] = {
                "ways": {path.subnet: f"{path.kind} {path.component}" for path in service_paths}
            }
            yield Finding(Status.PASS, _described(service_paths, target), None, Layer.ROUTE, evidence)


class AllowsByPolicy(Check):
    """The policy of the VPC endpoint allows the connector's calls.

    Applies if the workers reach the service through an endpoint of their VPC. It fails when the policy denies
    the service, allows no action of it, or does not allow a call that this connector's role needs: AWS then
    answers AccessDenied, whatever the role allows. A policy with principals, resources or conditions is
    evaluated as IAM does, for these calls; the result is unknown if the calls are.

    Fix: allow the connector's role and actions in the endpoint's policy (the default allows everything).
    """

    id = "aws-service.policy"
    kinds = frozenset({Kind.AWS_SERVICE})
    depends_on = frozenset({"aws-service.path"})
    problems = POLICY_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        from netcheck.path.service_access import AccessKind

        service_paths = _service_paths(target, ctx)
        access = ctx.get(facts.access)
        used = (AccessKind.INTERFACE, AccessKind.GATEWAY)
        names = dict.fromkeys(path.component for path in service_paths if path.kind in used)
        endpoints = [access.endpoints[name] for name in names if name in access.endpoints]
        if not endpoints:
            raise Skip("the workers do not reach the service through a VPC endpoint")
        for endpoint in endpoints:
            yield _by_policy(endpoint, target, ctx)


def _service_paths(target: Target, ctx: Context) -> tuple[ServicePath, ...]:
    """The path from each worker subnet."""

    from netcheck.path.name_resolution import ResolvedBy
    from netcheck.path.service_access import Question, trace_service_path
    from netcheck.path.trace import QuestionError

    vpcs = ctx.get(facts.worker_vpcs)
    known, access = ctx.get(facts.snapshot), ctx.get(facts.access)
    resolutions = {vpc: ctx.get(facts.name_resolution, vpc, target.host) for vpc in vpcs}
    if any(resolution.by is ResolvedBy.NOBODY or not resolution.held for resolution in resolutions.values()):
        raise PrerequisiteFailed("; ".join(resolution.text for resolution in resolutions.values()))
    live = tuple(one.address for one in ctx.get(facts.resolution, target.host).addresses)
    asked = Question(target.host, target.port, ctx.config.source_security_group or None, live)
    try:
        return tuple(
            trace_service_path(known, access, subnet, resolutions[known.subnets[subnet].vpc], asked)
            for subnet in ctx.config.source_subnet
            if subnet in known.subnets
        )
    except QuestionError as error:
        raise FactUnavailable(str(error)) from error


def _not_available(service_paths: Sequence[ServicePath], target: Target, ctx: Context) -> Iterator[Finding]:
    """Endpoints that the name resolves to but that are not available."""

    from netcheck.path.service_access import AccessKind

    access = ctx.get(facts.access)
    used = (AccessKind.INTERFACE, AccessKind.GATEWAY)
    for name in dict.fromkeys(path.component for path in service_paths if path.kind in used):
        endpoint = access.endpoints.get(name)
        if endpoint is not None and endpoint.state.lower() != "available":
            yield Finding(
                Status.FAIL,
                f"{target.host} resolves to {endpoint.id}, which is {endpoint.state}",
                Cause.ENDPOINT_NOT_AVAILABLE,
                Layer.AWS,
                {"service": endpoint.service, "state": endpoint.state},
                code="BAD_STATE",
                component=endpoint.id,
            )


def _unnamed(service_paths: Sequence[ServicePath], target: Target) -> Iterator[Finding]:
    """Endpoints that the service's name does not resolve to: harmless if another path works."""
    for endpoint in dict.fromkeys(path.unused for path in service_paths):
        if endpoint is None:
            continue
        these = [path for path in service_paths if path.unused == endpoint]
        lost = [path for path in these if not path.works and not path.undecided]
        subnets = ", ".join(path.subnet for path in lost or these)
        why = (
            "its private DNS is disabled"
            if not endpoint.private_dns
            else "the VPC's DNS attributes are disabled"
        )
        evidence: dict[str, Json] = {
            "service": endpoint.service,
            "subnets": [path.subnet for path in lost or these],
        }
        if lost:
            text = (
                f"{target.host} does not resolve to {endpoint.id} ({why}), and {subnets} "
                f"{'has' if len(lost) == 1 else 'have'} no other path to it"
            )
            yield Finding(
                Status.FAIL, text, Cause.ENDPOINT_PRIVATE_DNS_OFF, Layer.DNS, evidence,
                code="ENDPOINT_PRIVATE_DNS_OFF", components=(endpoint.id,),
                subnets=tuple(path.subnet for path in lost),
            )  # fmt: skip
        elif all(path.works for path in these):
            out = ", ".join(dict.fromkeys(path.component for path in these))
            text = f"{subnets} leave through {out} although {endpoint.id} serves {target.host}: {why}"
            yield Finding(
                Status.WARN, text, Cause.ENDPOINT_UNUSED, Layer.DNS, evidence, component=endpoint.id
            )


def _blocked(traced: Sequence[Traced], target: Target) -> Iterator[Finding]:
    from netcheck.aws.ec2.endpoints import GLOBAL_STS

    if target.host in GLOBAL_STS:
        blockers = list(path_findings.blocked(traced, target, set(Concern), Cause.STS_GLOBAL_NAME, Layer.DNS))
        yield from (_global(blocker, target) for blocker in blockers[:1])
        return
    yield from path_findings.filtered(traced, target)
    yield from path_findings.blocked(traced, target, {Concern.INTERNET}, Cause.PATH_NO_INTERNET, Layer.ROUTE)
    others = {Concern.ROUTE, Concern.ENDPOINT}
    yield from path_findings.blocked(traced, target, others, Cause.PATH_NO_ROUTE, Layer.ROUTE)


def _global(blocker: Finding, target: Target) -> Finding:
    """The name needs the fix: opening the path to where it resolves would be the wrong one."""
    text = f"{target.host} is the global name of STS, which no VPC endpoint serves: {blocker.summary}"
    return replace(
        blocker,
        summary=text,
        code="STS_GLOBAL_NAME",
        components=(target.host,),
        evidence={},
        paths=(),
        title="",
    )


def _unknown(service_paths: Sequence[ServicePath], target: Target) -> Iterator[Finding]:
    for text, action in dict.fromkeys((path.unknown, path.action) for path in service_paths if path.unknown):
        needs = f" (needs {action})" if action else ""
        yield Finding(
            Status.UNKNOWN,
            f"the path of workers to {target.host} is unknown: {text}{needs}",
            Cause.PATH_UNKNOWN,
            Layer.ROUTE,
            missing_permissions=(action,) if action else (),
        )


def _described(service_paths: Sequence[ServicePath], target: Target) -> str:
    by_exit: dict[str, list[str]] = {}
    for one in service_paths:
        by_exit.setdefault(f"{one.component} ({one.kind})", []).append(one.subnet)
    described = "; ".join(f"{', '.join(subnets)} through {out}" for out, subnets in by_exit.items())
    return f"{target.host}: {described}"


def _by_policy(endpoint: Endpoint, target: Target, ctx: Context) -> Finding:
    from netcheck.iam import endpoint_policy

    evidence: dict[str, Json] = {"endpoint": endpoint.id, "policy": endpoint.policy}
    service = endpoint_policy.service_of(target.host)
    match endpoint_policy.judge(endpoint.policy, service):
        case endpoint_policy.PolicyEffect.ALLOWS:
            text = f"the policy of {endpoint.id} allows {service}"
            return Finding(Status.PASS, text, None, Layer.IAM, evidence)
        case endpoint_policy.PolicyEffect.DENIES:
            return _denies(endpoint, f"allows no call to {service}", evidence)
        case _:
            return _by_calls(endpoint, service, ctx, evidence)


def _denies(endpoint: Endpoint, what: str, evidence: dict[str, Json]) -> Finding:
    return Finding(
        Status.FAIL, f"the policy of {endpoint.id} {what}", Cause.ENDPOINT_POLICY, Layer.IAM, evidence,
        code="ENDPOINT_POLICY", component=endpoint.id,
    )  # fmt: skip


def _by_calls(endpoint: Endpoint, service: str, ctx: Context, evidence: dict[str, Json]) -> Finding:
    """A policy with principals, actions, resources or conditions, evaluated for the role's calls."""

    from netcheck.iam import endpoint_policy, judge
    from netcheck.iam.evaluate import Outcome

    try:
        seen, pipeline = ctx.get(facts.execution_role), ctx.get(facts.pipeline)
        role = seen.role.arn if seen.role else ""
        needs = judge.needed(pipeline, seen).needs if role else ()
    except (Skip, FactUnavailable):
        role, needs = "", ()
    made = endpoint_policy.calls(endpoint, service, role, seen, needs) if role else ()
    by_outcome = {call.answer.outcome: call for call in reversed(made)}
    if call := by_outcome.get(Outcome.DENIED):
        what = f"does not allow {role} to call {call.action} on {call.resource}: {call.answer.why}"
        return _denies(endpoint, what, evidence)
    whether = f"whether the policy of {endpoint.id} allows the connector's calls to {service} is unknown"
    if call := by_outcome.get(Outcome.UNKNOWN):
        text = f"{whether}: {call.action} on {call.resource}: {call.answer.why}"
        return Finding(Status.UNKNOWN, text, Cause.PATH_UNKNOWN, Layer.IAM, evidence)
    if not made:
        why = "the role's calls are unknown" if not role else "no setting implies a call to it"
        text = (
            f"{whether}: it restricts principals, actions, resources or conditions, and {why}; compare it "
            "with the role's policy"
        )
        return Finding(Status.UNKNOWN, text, Cause.PATH_UNKNOWN, Layer.IAM, evidence)
    actions = ", ".join(dict.fromkeys(call.action for call in made))
    text = f"the policy of {endpoint.id} allows {role} to call {actions}"
    return Finding(Status.PASS, text, None, Layer.IAM, evidence)

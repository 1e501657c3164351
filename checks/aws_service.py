"""Do the AWS services answer that the connector uses, and which way do the workers reach them?"""

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
        "what answers is not AWS",
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
"""The name leads past the endpoint that serves it: what blocks packets on that path need not be fixed."""

PATH_PROBLEMS = (
    Problem(
        Cause.ENDPOINT_PRIVATE_DNS_OFF,
        "the VPC endpoint is there, and the service's name does not lead to it",
        "Switch its private DNS on: aws ec2 modify-vpc-endpoint --vpc-endpoint-id VPCE "
        "--private-dns-enabled. The VPC needs enableDnsSupport and enableDnsHostnames for it.",
        traits=frozenset({Trait.BLOCKS_PACKETS}),
        refuted_by="tcp.connects",
        explains=(MISDIRECTED,),
    ),
    Problem(
        Cause.ENDPOINT_NOT_AVAILABLE,
        "the VPC endpoint is not available",
        "pendingAcceptance: the service's owner has to accept it (for ClickHouse Cloud add the endpoint's "
        "id to the service's private endpoints). rejected, failed, expired: create it again.",
        traits=frozenset({Trait.BLOCKS_PACKETS}),
        refuted_by="tcp.connects",
    ),
    Problem(
        Cause.ENDPOINT_UNUSED,
        "traffic leaves by NAT although a VPC endpoint is there",
        "It works, and costs twice; it ends when the NAT gateway goes. Switch the endpoint's private DNS "
        "on: aws ec2 modify-vpc-endpoint --vpc-endpoint-id VPCE --private-dns-enabled.",
    ),
    Problem(
        Cause.STS_GLOBAL_NAME,
        "sts.amazonaws.com is public, only the Region's own name is private",
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

    One unsigned HTTPS request: AWS's own refusal is the answer that is hoped for, since it proves the
    whole path. It fails when something else answers in its place (a proxy's page, a load balancer), and when
    this host's clock is more than five minutes off (fifteen for Amazon S3), as AWS then refuses whatever this
    host signs; it warns from four minutes on.

    Fix: without a NAT gateway give the VPC an interface endpoint for the service, with private DNS and
    port 443 open to the workers; exempt AWS's names from a proxy; set a clock that is off by
    NTP.
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
            way = "behind" if seen.clock_skew > 0 else "ahead of"
            text = f"this host's clock is {abs(seen.clock_skew):.0f} s {way} AWS's"
            most = MOST_SKEW_OF_S3_SECONDS if _is_s3(target.host) else MOST_SKEW_SECONDS
            if abs(seen.clock_skew) > most:
                refused = f"{text}: AWS refuses signatures that are {most:.0f} s off"
                yield finding_from(Cause.CLOCK_SKEW, refused, Layer.AGENT, seen)
            else:
                near = f"{text}: signatures that are {MOST_SKEW_SECONDS:.0f} s off are refused"
                yield warning(Cause.CLOCK_SKEW, near, Layer.AGENT, seen)
        else:
            yield finding_from(None, f"AWS answers with HTTP {seen.status}", Layer.AWS, seen)


def _is_s3(host: str) -> bool:
    """s3.eu-west-1.amazonaws.com, and names of buckets before that."""
    return any(label == "s3" or label.startswith("s3-") for label in host.split("."))


class HasPath(Check):
    """Every worker subnet has a working way to the AWS service.

    From AWS's configuration, for each of the workers' subnets: by an interface endpoint (private DNS on, the
    VPC's DNS attributes on, the endpoint available, its security group open to the workers), by a gateway
    endpoint in the subnet's route table, or by NAT. It says which. It fails where there is none, and where
    there would be one if the service's name led to the endpoint; it warns where traffic leaves by NAT
    although an endpoint is there.

    Fix: give the workers' VPC an interface endpoint for the service with private DNS, whose security group
    allows port 443 from the workers' group; associate a gateway endpoint with every worker subnet's route
    table; or route 0.0.0.0/0 to a NAT gateway.
    """

    id = "aws-service.path"
    kinds = frozenset({Kind.AWS_SERVICE})
    problems = PATH_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        ways = _ways(target, ctx)
        unavailable = list(_not_available(ways, target, ctx))
        yield from unavailable
        named = list(_unnamed(ways, target))
        yield from named
        # An unused endpoint that explains why there is no path explains what blocks the other one too.
        blocked = [
            one for way in ways for one in way.traced if way.unused is None or way.works or way.undecided
        ]
        reported = {(one.code, one.component) for one in unavailable}
        found = [one for one in _blocked(blocked, target) if (one.code, one.component) not in reported]
        yield from found
        yield from _unknown(ways, target)
        yield from path_findings.undecided(blocked, target)
        lost = [one for one in ctx.config.source_subnet if one not in ctx.get(facts.snapshot).subnets]
        if lost:
            text = f"{target.host}: whether {', '.join(lost)} has a way is not known: AWS does not tell of it"
            yield Finding(Status.UNKNOWN, text, Cause.PATH_UNKNOWN, Layer.ROUTE, component=lost[0])
        elif not named and not found and all(way.works for way in ways):
            evidence: dict[str, Json] = {"ways": {way.subnet: f"{way.kind} {way.component}" for way in ways}}
            yield Finding(Status.PASS, _told(ways, target), None, Layer.ROUTE, evidence)


class AllowsByPolicy(Check):
    """The policy of the VPC endpoint lets the connector's calls through.

    Only where the service is reached by an endpoint of the workers' VPC. It fails when the policy denies the
    service, allows none of it, or does not let one of the calls through that this connector's role needs to
    make: AWS then answers AccessDenied, whatever the role allows. A policy that names principals, resources
    or conditions is evaluated as IAM would, for these calls; it is unknown where they are not known.

    Fix: allow the connector's role and actions in the endpoint's policy (the default allows everything).
    """

    id = "aws-service.policy"
    kinds = frozenset({Kind.AWS_SERVICE})
    depends_on = frozenset({"aws-service.path"})
    problems = POLICY_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        from netcheck.path.service_access import AccessKind

        ways = _ways(target, ctx)
        access = ctx.get(facts.access)
        used = (AccessKind.INTERFACE, AccessKind.GATEWAY)
        names = dict.fromkeys(way.component for way in ways if way.kind in used)
        endpoints = [access.endpoints[name] for name in names if name in access.endpoints]
        if not endpoints:
            raise Skip("the service is not reached by a VPC endpoint")
        for endpoint in endpoints:
            yield _by_policy(endpoint, target, ctx)


def _ways(target: Target, ctx: Context) -> tuple[ServicePath, ...]:
    """The way from each worker subnet."""

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


def _not_available(ways: Sequence[ServicePath], target: Target, ctx: Context) -> Iterator[Finding]:
    """Endpoints that the name leads to and that are not there yet, or not any more."""

    from netcheck.path.service_access import AccessKind

    access = ctx.get(facts.access)
    used = (AccessKind.INTERFACE, AccessKind.GATEWAY)
    for name in dict.fromkeys(way.component for way in ways if way.kind in used):
        endpoint = access.endpoints.get(name)
        if endpoint is not None and endpoint.state.lower() != "available":
            yield Finding(
                Status.FAIL,
                f"{target.host} leads to {endpoint.id}, which is {endpoint.state}",
                Cause.ENDPOINT_NOT_AVAILABLE,
                Layer.AWS,
                {"service": endpoint.service, "state": endpoint.state},
                code="BAD_STATE",
                component=endpoint.id,
            )


def _unnamed(ways: Sequence[ServicePath], target: Target) -> Iterator[Finding]:
    """Endpoints that the service's name does not lead to: harmless where there is another way out."""
    for endpoint in dict.fromkeys(way.unused for way in ways):
        if endpoint is None:
            continue
        these = [way for way in ways if way.unused == endpoint]
        lost = [way for way in these if not way.works and not way.undecided]
        subnets = ", ".join(way.subnet for way in lost or these)
        why = "its private DNS is off" if not endpoint.private_dns else "the VPC's DNS attributes are off"
        evidence: dict[str, Json] = {
            "service": endpoint.service,
            "subnets": [way.subnet for way in lost or these],
        }
        if lost:
            text = (
                f"{target.host} does not lead to {endpoint.id} ({why}), and {subnets} "
                f"{'has' if len(lost) == 1 else 'have'} no other way to it"
            )
            yield Finding(
                Status.FAIL, text, Cause.ENDPOINT_PRIVATE_DNS_OFF, Layer.DNS, evidence,
                code="ENDPOINT_PRIVATE_DNS_OFF", components=(endpoint.id,),
                subnets=tuple(way.subnet for way in lost),
            )  # fmt: skip
        elif all(way.works for way in these):
            out = ", ".join(dict.fromkeys(way.component for way in these))
            text = f"{subnets} leave by {out} although {endpoint.id} serves {target.host}: {why}"
            yield Finding(
                Status.WARN, text, Cause.ENDPOINT_UNUSED, Layer.DNS, evidence, component=endpoint.id
            )


def _blocked(traced: Sequence[Traced], target: Target) -> Iterator[Finding]:
    from netcheck.aws.ec2.endpoints import GLOBAL_STS

    if target.host in GLOBAL_STS:
        stops = list(path_findings.blocked(traced, target, set(Concern), Cause.STS_GLOBAL_NAME, Layer.DNS))
        yield from (_global(stop, target) for stop in stops[:1])
        return
    yield from path_findings.filtered(traced, target)
    yield from path_findings.blocked(traced, target, {Concern.INTERNET}, Cause.PATH_NO_INTERNET, Layer.ROUTE)
    others = {Concern.ROUTE, Concern.ENDPOINT}
    yield from path_findings.blocked(traced, target, others, Cause.PATH_NO_ROUTE, Layer.ROUTE)


def _global(stop: Finding, target: Target) -> Finding:
    """The name is what is to be mended: a way to where it leads would be the wrong one."""
    text = f"{target.host} is the global name of STS, which no VPC endpoint serves: {stop.summary}"
    return replace(
        stop,
        summary=text,
        code="STS_GLOBAL_NAME",
        components=(target.host,),
        evidence={},
        paths=(),
        title="",
    )


def _unknown(ways: Sequence[ServicePath], target: Target) -> Iterator[Finding]:
    for text, action in dict.fromkeys((way.unknown, way.action) for way in ways if way.unknown):
        needs = f" (needs {action})" if action else ""
        yield Finding(
            Status.UNKNOWN,
            f"which way workers reach {target.host} is not known: {text}{needs}",
            Cause.PATH_UNKNOWN,
            Layer.ROUTE,
            missing_permissions=(action,) if action else (),
        )


def _told(ways: Sequence[ServicePath], target: Target) -> str:
    by_way: dict[str, list[str]] = {}
    for one in ways:
        by_way.setdefault(f"{one.component} ({one.kind})", []).append(one.subnet)
    told = "; ".join(f"{', '.join(subnets)} by {out}" for out, subnets in by_way.items())
    return f"{target.host}: {told}"


def _by_policy(endpoint: Endpoint, target: Target, ctx: Context) -> Finding:
    from netcheck.iam import endpoint_policy

    evidence: dict[str, Json] = {"endpoint": endpoint.id, "policy": endpoint.policy}
    service = endpoint_policy.service_of(target.host)
    match endpoint_policy.judge(endpoint.policy, service):
        case endpoint_policy.PolicyEffect.ALLOWS:
            text = f"the policy of {endpoint.id} allows {service}"
            return Finding(Status.PASS, text, None, Layer.IAM, evidence)
        case endpoint_policy.PolicyEffect.DENIES:
            return _denies(endpoint, f"lets no call to {service} through", evidence)
        case _:
            return _by_calls(endpoint, service, ctx, evidence)


def _denies(endpoint: Endpoint, what: str, evidence: dict[str, Json]) -> Finding:
    return Finding(
        Status.FAIL, f"the policy of {endpoint.id} {what}", Cause.ENDPOINT_POLICY, Layer.IAM, evidence,
        code="ENDPOINT_POLICY", component=endpoint.id,
    )  # fmt: skip


def _by_calls(endpoint: Endpoint, service: str, ctx: Context, evidence: dict[str, Json]) -> Finding:
    """A policy that picks who may call what: held against the calls that the connector's role makes."""

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
        what = f"does not let {role} call {call.action} on {call.resource}: {call.answer.why}"
        return _denies(endpoint, what, evidence)
    whether = f"whether the policy of {endpoint.id} allows the connector's calls to {service} is not known"
    if call := by_outcome.get(Outcome.UNKNOWN):
        text = f"{whether}: {call.action} on {call.resource}: {call.answer.why}"
        return Finding(Status.UNKNOWN, text, Cause.PATH_UNKNOWN, Layer.IAM, evidence)
    if not made:
        why = "which calls the role makes is not known" if not role else "no setting names a call to it"
        text = (
            f"{whether}: it names principals, actions, resources or conditions, and {why}; compare it "
            "with the role's"
        )
        return Finding(Status.UNKNOWN, text, Cause.PATH_UNKNOWN, Layer.IAM, evidence)
    told = ", ".join(dict.fromkeys(call.action for call in made))
    text = f"the policy of {endpoint.id} lets {role} call {told}"
    return Finding(Status.PASS, text, None, Layer.IAM, evidence)

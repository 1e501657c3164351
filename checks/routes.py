"""Do the worker subnets have a route to the target, and back, in AWS's configuration?"""

from __future__ import annotations

from collections.abc import Iterator

from checks import path_findings
from checks.path_codes import INTERNET_CODES, ROUTE_CODES
from netcheck.core.check import Check
from netcheck.core.components import Concern
from netcheck.core.context import Context, PrerequisiteFailed, Skip
from netcheck.core.evidence import Reachability
from netcheck.core.model import WITH_PORT, Cause, Finding, Layer, Target
from netcheck.core.problem import Problem, Trait
from netcheck.engine import facts

INTERNET = frozenset({Concern.INTERNET})
ROUTING = frozenset({Concern.ROUTE, Concern.ENDPOINT})

ROUTES_PROBLEMS = (
    Problem(
        Cause.PATH_NO_ROUTE,
        "no route to the target, or no return route",
        "Add the route to the named route table, or associate the subnet with a table that has it.",
        traits=frozenset({Trait.BLOCKS_PACKETS}),
    ),
    Problem(
        Cause.PATH_UNKNOWN,
        "AWS's configuration could not be read completely",
        "Grant the named IAM action (netcheck only reads), or check the component manually.",
        traits=frozenset({Trait.AGENT}),
    ),
)

INTERNET_PROBLEMS = (
    Problem(
        Cause.PATH_NO_INTERNET,
        "the path to the internet does not work",
        "Put the workers into private subnets whose 0.0.0.0/0 route targets an available public NAT gateway, "
        "itself in a subnet whose 0.0.0.0/0 route targets an internet gateway.",
        traits=frozenset({Trait.BLOCKS_PACKETS}),
    ),
)

CONSISTENCY_PROBLEMS = (
    Problem(
        Cause.PATH_PARTIAL,
        "it works from some workers only",
        "Give the worker subnets equivalent route tables and network ACLs, and allow the whole ephemeral "
        "port range.",
        traits=frozenset({Trait.PATHS_DIFFER}),
    ),
)


class LeadsThere(Check):
    """Every worker subnet has a route to the target, and the target has one back.

    Computed from the snapshot of AWS's configuration for every address a worker may get. It fails when a
    route table has no route, when the most specific route is a blackhole, when peering or a transit gateway
    lacks an attachment, an association or the return route, when no resource has the address, and when
    traffic to a private address goes to the internet because no route to it exists. Data that AWS does not
    return, and constructs that are not modelled, make the result unknown; it names the missing IAM action or
    the construct.

    Fix: add the route to the named route table; a subnet without an explicit route table uses the VPC's main
    one.
    """

    id = "routes.reaches"
    kinds = WITH_PORT
    depends_on = frozenset({"dns.resolves"})
    problems = (*ROUTES_PROBLEMS, *ROUTE_CODES)

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        traced = ctx.get(facts.paths, target)
        found = list(path_findings.blocked(traced, target, ROUTING, Cause.PATH_NO_ROUTE, Layer.ROUTE))
        public = path_findings.to_internet(traced)
        private = [one for one in traced if one not in public]
        found += path_findings.blocked(private, target, INTERNET, Cause.PATH_NO_ROUTE, Layer.ROUTE)
        yield from found or path_findings.undecided(traced, target)
        if not found and not path_findings.is_undecided(traced):
            yield path_findings.passes(
                f"routes exist from {path_findings.sources(traced)} to {target.endpoint}", traced, Layer.ROUTE
            )


class LeavesByNat(Check):
    """Traffic to the internet leaves through a working NAT gateway.

    For a target with a public address. It fails when a subnet sends it straight to the internet gateway
    (a worker of MSK Connect has no public address), when the NAT gateway is not available, private, or
    itself in a subnet without an internet gateway, and when block public access is on. A pass lists each
    subnet's NAT gateway, with its zone and public addresses: add those to ClickHouse's access list.

    Fix: put workers into private subnets whose 0.0.0.0/0 route targets a public NAT gateway in a public
    subnet.
    """

    id = "routes.nat"
    kinds = WITH_PORT
    depends_on = frozenset({"dns.resolves", "routes.reaches"})
    problems = (*INTERNET_PROBLEMS, *INTERNET_CODES)

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        traced = ctx.get(facts.paths, target)
        public = path_findings.to_internet(traced)
        if not public:
            raise Skip("the target has no public address")
        found = list(path_findings.blocked(public, target, INTERNET, Cause.PATH_NO_INTERNET, Layer.ROUTE))
        yield from found
        if found:
            return
        if path_findings.is_undecided(public) or path_findings.is_blocked(public, ROUTING):
            raise PrerequisiteFailed("the path to the NAT gateway is unknown")
        yield path_findings.passes(path_findings.exits(ctx.get(facts.snapshot), public), public, Layer.ROUTE)


class PathConsistent(Check):
    """The target is reachable from every worker subnet, address and source port.

    MSK Connect may start a worker in any of the connector's subnets, with any address of it, and a worker may
    use any ephemeral port. If only some of these pass, the pipeline works intermittently. It fails when
    subnets differ, and when a rule allows only part of a subnet or part of the ports.

    Fix: give the subnets equivalent route tables and network ACLs; allow replies to the whole ephemeral
    range, 1024-65535.
    """

    id = "routes.consistent"
    kinds = WITH_PORT
    depends_on = frozenset(
        {"dns.resolves", "routes.reaches", "routes.nat", "security.groups", "security.acls"}
    )
    problems = CONSISTENCY_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        traced = ctx.get(facts.paths, target)
        verdicts = {one.path.verdict for one in traced}
        if Reachability.UNKNOWN in verdicts:
            raise PrerequisiteFailed("the path from some worker subnet is unknown")
        if verdicts == {Reachability.BLOCKED}:
            raise PrerequisiteFailed("the path is blocked from every worker subnet")
        if verdicts == {Reachability.REACHABLE}:
            yield path_findings.passes(
                f"{path_findings.sources(traced)} all reach {target.endpoint}", traced, Layer.ROUTE
            )
            return
        yield path_findings.differs(path_findings.differences(traced, target), traced)

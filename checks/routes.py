"""Do the workers' subnets have a way to the target, and back, as AWS is configured?"""

from __future__ import annotations

from collections.abc import Iterator

from checks import path_findings
from checks.path_codes import INTERNET_CODES, ROUTE_CODES
from netcheck.core.check import Check
from netcheck.core.components import Concern
from netcheck.core.context import Context, PrerequisiteFailed, Skip
from netcheck.core.model import WITH_PORT, Cause, Finding, Layer, Target
from netcheck.core.problem import Problem, Trait
from netcheck.engine import facts

INTERNET = frozenset({Concern.INTERNET})
ROUTING = frozenset({Concern.ROUTE, Concern.ENDPOINT})

ROUTES_PROBLEMS = (
    Problem(
        Cause.PATH_NO_ROUTE,
        "no route leads there, or none leads back",
        "Add the route to the table that is named, or associate the subnet with a table that has it.",
        traits=frozenset({Trait.BLOCKS_PACKETS}),
    ),
    Problem(
        Cause.PATH_UNKNOWN,
        "AWS's configuration is not known well enough",
        "Grant the IAM action that is named (netcheck only reads), or look at the component by hand.",
        traits=frozenset({Trait.AGENT}),
    ),
)

INTERNET_PROBLEMS = (
    Problem(
        Cause.PATH_NO_INTERNET,
        "the way out to the internet does not work",
        "Put the workers into private subnets whose 0.0.0.0/0 leads to an available public NAT gateway, "
        "itself in a subnet whose 0.0.0.0/0 leads to an internet gateway.",
        traits=frozenset({Trait.BLOCKS_PACKETS}),
    ),
)

CONSISTENCY_PROBLEMS = (
    Problem(
        Cause.PATH_PARTIAL,
        "it works from some workers only",
        "Make route tables and network ACLs of the worker subnets alike, and allow the whole ephemeral "
        "range of ports.",
        traits=frozenset({Trait.PATHS_DIFFER}),
    ),
)


class LeadsThere(Check):
    """Every worker subnet has a route to the target, and the target has one back.

    Computed from the snapshot of AWS's configuration for every address a worker may get. It fails when a
    route table has no route, when the most specific one is a blackhole, when peering or a transit gateway
    lacks an attachment, an association or the return route, when nothing has the address, and when a private
    address is sent to the internet, for want of a route to where it is. What AWS would not say, or what
    is not modelled, is unknown, with the IAM action or the construct that is missing.

    Fix: add the route to the table that is named; a subnet without a table of its own uses the VPC's main
    one.
    """

    id = "routes.reaches"
    kinds = WITH_PORT
    depends_on = frozenset({"dns.resolves"})
    problems = (*ROUTES_PROBLEMS, *ROUTE_CODES)

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        traced = ctx.get(facts.paths, target)
        found = list(path_findings.stopped(traced, target, ROUTING, Cause.PATH_NO_ROUTE, Layer.ROUTE))
        public = path_findings.to_internet(traced)
        private = [one for one in traced if one not in public]
        found += path_findings.stopped(private, target, INTERNET, Cause.PATH_NO_ROUTE, Layer.ROUTE)
        yield from found or path_findings.undecided(traced, target)
        if not found and not path_findings.is_undecided(traced):
            yield path_findings.passes(
                f"routes lead from {path_findings.sources(traced)} to {target.endpoint}", traced, Layer.ROUTE
            )


class LeavesByNat(Check):
    """Traffic to the internet leaves through a working NAT gateway.

    For a target with a public address. It fails when a subnet sends it straight to the internet gateway
    (a worker of MSK Connect has no public address), when the NAT gateway is not available, private, or
    itself in a subnet without an internet gateway, and when block public access is on. When it passes, it
    names each subnet's NAT gateway, with its zone and public addresses: those belong into ClickHouse's
    access list.

    Fix: put workers into private subnets whose 0.0.0.0/0 leads to a public NAT gateway in a public
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
        found = list(path_findings.stopped(public, target, INTERNET, Cause.PATH_NO_INTERNET, Layer.ROUTE))
        yield from found
        if found:
            return
        if path_findings.is_undecided(public) or path_findings.is_stopped(public, ROUTING):
            raise PrerequisiteFailed("the way out is not known as far as the NAT gateway")
        yield path_findings.passes(path_findings.exits(ctx.get(facts.snapshot), public), public, Layer.ROUTE)


class PathConsistent(Check):
    """The target is reached alike from every worker subnet, address and port.

    Workers come and go: MSK Connect may start one in any of the connector's subnets, with any address of
    it and any ephemeral port. Where only some of these pass, it works sometimes. It fails when subnets
    differ, and when a rule lets part of a subnet or part of the ports through.

    Fix: make the subnets' route tables and network ACLs alike; allow replies to the whole ephemeral
    range, 1024-65535.
    """

    id = "routes.consistent"
    kinds = WITH_PORT
    depends_on = frozenset(
        {"dns.resolves", "routes.reaches", "routes.nat", "security.groups", "security.acls"}
    )
    problems = CONSISTENCY_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        from netcheck.path.verdict import Verdict

        traced = ctx.get(facts.paths, target)
        verdicts = {one.path.verdict for one in traced}
        if Verdict.UNKNOWN in verdicts:
            raise PrerequisiteFailed("not every verdict is known")
        if verdicts == {Verdict.BLOCKED}:
            raise PrerequisiteFailed("nothing passes from anywhere")
        if verdicts == {Verdict.REACHABLE}:
            yield path_findings.passes(
                f"{path_findings.sources(traced)} reach {target.endpoint} alike", traced, Layer.ROUTE
            )
            return
        yield path_findings.differs(path_findings.differences(traced, target), traced)

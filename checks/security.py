"""Do security groups and network ACLs allow the workers' traffic, in both directions?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from checks import path_findings
from checks.path_codes import ACL_CODES, GROUP_CODES
from netcheck.core.check import Check
from netcheck.core.components import Concern
from netcheck.core.context import Context, PrerequisiteFailed
from netcheck.core.model import WITH_PORT, Cause, Finding, Layer, Target
from netcheck.core.problem import Problem, Trait
from netcheck.engine import facts

if TYPE_CHECKING:
    from netcheck.path.aggregate import Traced

NOT_FILTERS = frozenset(Concern) - {Concern.SECURITY_GROUP, Concern.NETWORK_ACL}

GROUPS_PROBLEMS = (
    Problem(
        Cause.PATH_SECURITY_GROUP,
        "no security group rule allows it",
        "Allow egress to the target's port in the workers' group, or ingress from the workers' group in "
        "the target's; reference the other group rather than a CIDR range.",
        traits=frozenset({Trait.BLOCKS_PACKETS}),
    ),
)

ACLS_PROBLEMS = (
    Problem(
        Cause.PATH_NETWORK_ACL,
        "a network ACL denies it",
        "Add an allow rule with a lower number than the deny rule; the reply goes to ports 1024-65535.",
        traits=frozenset({Trait.BLOCKS_PACKETS}),
    ),
)


class GroupsAllow(Check):
    """Security groups allow the workers' egress and the target's ingress.

    Evaluates egress of the workers' groups and ingress of the groups of the interface that has the target's
    address (a broker, an endpoint). They are stateful: replies need no rule. It fails when no rule of any of
    the groups matches. A reference to another group stands for the private addresses of the interfaces in
    it, and does not apply behind NAT.

    Fix: allow egress to the target's port in the workers' group, and ingress from the workers' group in
    the brokers'; brokers and workers that share a group need a rule that references the group itself.
    """

    id = "security.groups"
    kinds = WITH_PORT
    depends_on = frozenset({"dns.resolves", "routes.reaches", "routes.nat"})
    problems = (*GROUPS_PROBLEMS, *GROUP_CODES)

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        traced = ctx.get(facts.paths, target)
        yield from _filtered(
            traced, target, Concern.SECURITY_GROUP, Cause.PATH_SECURITY_GROUP, "security groups"
        )


class AclsAllow(Check):
    """Network ACLs allow the traffic and its replies.

    Network ACLs are stateless: the reply needs a rule too, to the worker's ephemeral port (any of
    32768-60999, and of 1024-65535 behind a NAT gateway), in the target's subnet outbound and in the
    worker's inbound, and in both directions again in the subnet of a NAT gateway. Rules are evaluated in
    order of their numbers; traffic within a subnet is not filtered.

    Fix: allow the named ports, in both directions, with a lower rule number than the deny rule.
    """

    id = "security.acls"
    kinds = WITH_PORT
    depends_on = frozenset({"dns.resolves", "routes.reaches", "routes.nat"})
    problems = (*ACLS_PROBLEMS, *ACL_CODES)

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        traced = ctx.get(facts.paths, target)
        yield from _filtered(traced, target, Concern.NETWORK_ACL, Cause.PATH_NETWORK_ACL, "network ACLs")


def _filtered(
    traced: tuple[Traced, ...], target: Target, concern: Concern, cause: Cause, what: str
) -> Iterator[Finding]:
    found = list(path_findings.blocked(traced, target, {concern}, cause, Layer.FILTER))
    yield from found
    if found:
        return
    if path_findings.is_undecided(traced):
        raise PrerequisiteFailed("part of the path is unknown")
    if path_findings.is_blocked(traced, NOT_FILTERS):
        raise PrerequisiteFailed("packets are blocked before they reach every filter on the path")
    yield path_findings.passes(
        f"{what} allow {path_findings.sources(traced)} to reach {target.endpoint}", traced, Layer.FILTER
    )

"""Do security groups and network ACLs let the workers' traffic pass, both ways, as AWS is configured?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from netcheck import configured, facts
from netcheck.check import Check
from netcheck.context import Context, NotAsked
from netcheck.model import WITH_PORT, Cause, Finding, Layer, Target

if TYPE_CHECKING:
    from netcheck.path.survey import Traced
    from netcheck.path.verdict import Blocker


class GroupsAllow(Check):
    """Security groups let the workers out and let them in at the target.

    Egress of the workers' groups and ingress of the groups of whatever has the target's address (a
    broker, an endpoint). They are stateful: replies need no rule. It fails when no rule of any of the
    groups matches. A reference to another group means the private addresses of the interfaces that hold
    it, and is lost behind NAT.

    Fix: allow egress to the target's port in the workers' group, and ingress from the workers' group in
    the brokers'; brokers and workers that share a group need a rule that names the group itself.
    """

    id = "security.groups"
    kinds = WITH_PORT
    after = frozenset({"dns.resolves", "routes.reaches", "routes.nat"})

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        traced = ctx.get(facts.paths, target)
        yield from _filtered(traced, target, _is_group, Cause.PATH_SECURITY_GROUP, "security groups")


class AclsAllow(Check):
    """Network ACLs let the traffic and its replies pass.

    Network ACLs are stateless: the reply needs a rule too, to the worker's ephemeral port (any of
    32768-60999, and of 1024-65535 behind a NAT gateway), in the target's subnet outbound and in the
    worker's inbound, and the subnet of a NAT gateway has both again. Rules are read in order of their
    numbers; inside one subnet none applies.

    Fix: allow the ports that are named, both ways, with a rule number before the one that denies.
    """

    id = "security.acls"
    kinds = WITH_PORT
    after = frozenset({"dns.resolves", "routes.reaches", "routes.nat"})

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        traced = ctx.get(facts.paths, target)
        yield from _filtered(traced, target, _is_acl, Cause.PATH_NETWORK_ACL, "network ACLs")


def _filtered(
    traced: tuple[Traced, ...], target: Target, wanted: Callable[[Blocker], bool], cause: Cause, what: str
) -> Iterator[Finding]:
    found = list(configured.stopped(traced, target, wanted, cause, Layer.FILTER))
    yield from found
    if found:
        return
    if configured.is_undecided(traced):
        raise NotAsked("the way is not known to its end")
    if configured.is_stopped(traced, lambda blocker: not (_is_group(blocker) or _is_acl(blocker))):
        raise NotAsked("no packet comes as far as every filter on the way")
    yield configured.passes(
        f"{what} let {configured.sources(traced)} reach {target.endpoint}", traced, Layer.FILTER
    )


def _is_group(blocker: Blocker) -> bool:
    from netcheck.path.survey import GROUP_CODES

    return blocker.code in GROUP_CODES


def _is_acl(blocker: Blocker) -> bool:
    from netcheck.path.survey import ACL_CODES

    return blocker.code in ACL_CODES

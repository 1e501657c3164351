"""Do the addresses accept connections?"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.core.check import Check, Survey, finding_from, warning
from netcheck.core.context import Context
from netcheck.core.evidence import AddressOutcome, Answered, ConnectionOutcome
from netcheck.core.model import WITH_PORT, Cause, Finding, Layer, Target
from netcheck.core.problem import Problem, Trait
from netcheck.engine import facts
from netcheck.probe.transport.tcp import Connection, Connections

CONNECTION_PROBLEMS = (
    Problem(
        Cause.TIMED_OUT,
        "no answer: packets are dropped silently",
        "Packets are dropped silently by a security group, a network ACL (also for the reply, on ports "
        "1024-65535), a missing route or NAT gateway, or because the host is gone. Check, in this order: "
        "egress of the worker's security group, ingress of the target's, both subnets' network ACLs in "
        "both directions, the subnets' route tables.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
        doubt="no answer arrives; where packets are lost is uncertain",
    ),
    Problem(
        Cause.CONNECTION_REFUSED,
        "nothing listens on that port",
        "The connection was actively refused, so packets travel both ways. Compare the port with those the "
        "service listens on (for MSK: aws kafka get-bootstrap-brokers), or wait if it is restarting.",
    ),
    Problem(
        Cause.CONNECTION_RESET,
        "the connection was reset",
        "The path works as far as the sender of the reset: the service itself, a load balancer without "
        "healthy targets, or a firewall that rejects the connection. Check the service's log for the time "
        "of this run.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.CONNECTION_CLOSED,
        "the peer closed the connection without sending data",
        "Usually the wrong protocol for the port (plain text to a TLS listener, or the reverse), or a "
        "proxy without a backend. Check that port and security protocol match.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.HOST_UNREACHABLE,
        "a router or the kernel reports the host unreachable",
        "AWS itself never sends this: a router or firewall outside AWS, or this host's own route table "
        "does. netcheck run --format json names the sender.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.NETWORK_UNREACHABLE,
        "this host has no route to that network",
        "Nothing was sent: the host or container that netcheck runs in has no route for this address "
        "family. For IPv6 targets use the IPv4 bootstrap string, or add an IPv6 route.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.HOST_WIDE}),
    ),
    Problem(
        Cause.PERMISSION_DENIED,
        "this host's own firewall forbids the connection",
        "A local packet filter, a prohibit route or a container policy blocks it before it leaves this "
        "host; the target was never contacted.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.HOST_WIDE}),
    ),
    Problem(
        Cause.FAMILY_SPLIT,
        "the target accepts connections over one IP version only",
        "Clients that try the silent IP version first wait for it, and some never try the other. For IPv6 "
        "the subnet's route table needs ::/0 or the peer's range, and security groups and network ACLs need "
        "separate IPv6 rules. Otherwise use names that have addresses of one IP version only.",
    ),
)


class Connects(Check):
    """The port accepts a TCP connection.

    Tries every address the name resolves to in parallel, IPv4 and IPv6. It fails when none connects and
    warns when only some do (clients that try a single address then work sometimes), with a separate cause
    when all of one IP version fail. Silence, a refusal, a reset and an unreachable network are separate
    causes: a refusal proves that packets travel both ways, with silence they may be lost anywhere.

    Fix: for silence check security groups, network ACLs (the reply too), routes and NAT, in this order; for
    a refusal check the port and whether the listener is enabled.
    """

    id = "tcp.connects"
    kinds = WITH_PORT
    survey = Survey.LIVE
    depends_on = frozenset(
        {"dns.resolves", "dns.brokers", "tcp.source-ports", "tcp.other-ports", "tcp.internet"}
    )
    problems = CONNECTION_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        from checks.silence import of_families

        seen = ctx.get(facts.connections, target.host, target.port)
        outcome = _outcome(seen, seen.cause)
        failed = [one for one in seen.connections if one.cause is not None]
        failures = "; ".join(_described(one) for one in failed)
        if seen.cause is not None:
            yield finding_from(
                seen.cause, f"{target.endpoint} {failures}", Layer.TCP, seen, connection=outcome
            )
        elif split := of_families(target.endpoint, seen):
            outcome = _outcome(seen, Cause.FAMILY_SPLIT)
            yield warning(Cause.FAMILY_SPLIT, split, Layer.TCP, seen, connection=outcome)
        elif failed and (cause := failed[0].cause) and _worth_a_warning(failed):
            good = len(seen.connections) - len(failed)
            text = f"{target.endpoint} connects at {good} of {len(seen.connections)} addresses: {failures}"
            yield warning(cause, text, Layer.TCP, seen, connection=_outcome(seen, cause))
        else:
            first = next(one for one in seen.connections if one.cause is None)
            yield finding_from(
                None,
                f"connected to {first.address} in {first.seconds * 1000:.1f} ms",
                Layer.TCP,
                seen,
                connection=outcome,
            )


def _outcome(seen: Connections, cause: Cause | None) -> ConnectionOutcome:
    """The outcome for each address, and by `cause` for all of them. A refusal and a reset have crossed the
    path both ways. "Host unreachable" without an ICMP sender comes from this host's kernel, when nothing
    answered ARP: an unused address in the local subnet.
    """
    unreachable = [one for one in seen.connections if one.cause is Cause.HOST_UNREACHABLE]
    routed = any(one.icmp for one in unreachable)
    addresses = tuple(
        AddressOutcome(one.address, _answered(one.cause, routed=one.icmp is not None))
        for one in seen.connections
    )
    return ConnectionOutcome(_answered(cause, routed=routed or not unreachable), addresses)


def _answered(cause: Cause | None, *, routed: bool) -> Answered:
    match cause:
        case None:
            return Answered.CONNECTED
        case Cause.CONNECTION_REFUSED | Cause.CONNECTION_RESET | Cause.CONNECTION_CLOSED:
            return Answered.REFUSED
        case Cause.TIMED_OUT:
            return Answered.SILENT
        case Cause.HOST_UNREACHABLE if not routed:
            return Answered.SILENT
        case _:
            return Answered.NOTHING


def _worth_a_warning(failed: list[Connection]) -> bool:
    """A host without IPv6 cannot reach IPv6 addresses, and clients there do not need them."""
    return any(one.cause is not Cause.NETWORK_UNREACHABLE for one in failed)


def _described(one: Connection) -> str:
    match one.cause:
        case Cause.TIMED_OUT:
            return f"does not answer: nothing came back from {one.address} in {one.seconds:.1f} s"
        case Cause.CONNECTION_REFUSED:
            return f"refuses the connection: nothing listens on that port of {one.address}"
        case Cause.CONNECTION_RESET:
            return f"resets the connection ({one.address})"
        case Cause.NETWORK_UNREACHABLE:
            return f"cannot be reached: this host has no route to {one.address}"
        case Cause.HOST_UNREACHABLE:
            sender = f", says {one.icmp.sender}" if one.icmp and one.icmp.sender else ""
            return f"cannot be reached: no route to {one.address}{sender}"
        case Cause.PERMISSION_DENIED:
            return f"cannot be tried: this host forbids connections to {one.address}"
        case _:
            return f"was not tried to the end at {one.address}: {one.detail}"

"""Does anything answer at the addresses?"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.core.check import Check, answer, warning
from netcheck.core.context import Context
from netcheck.core.model import WITH_PORT, Cause, Finding, Layer, Target
from netcheck.engine import facts
from netcheck.probe.transport.tcp import Connection


class Connects(Check):
    """The port accepts a TCP connection.

    Every address that the name resolves to is tried side by side, IPv4 and IPv6. It fails when none of
    them connects, and warns when only some do, and says so where they are all of one family: clients that
    try one address only will work sometimes. Silence, a refusal, a reset and an unreachable network are told
    apart: a refusal has crossed the path both ways, silence may be lost anywhere.

    Fix: for silence look at security groups, network ACLs (the reply too), routes and NAT, in this
    order; for a refusal look at the port and whether the listener is enabled.
    """

    id = "tcp.connects"
    kinds = WITH_PORT
    after = frozenset({"dns.resolves", "dns.brokers", "tcp.source-ports", "tcp.other-ports", "tcp.internet"})

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        from checks.silence import of_families

        seen = ctx.get(facts.connections, target.host, target.port)
        failed = [one for one in seen.connections if one.cause is not None]
        told = "; ".join(_told(one) for one in failed)
        if seen.cause is not None:
            yield answer(seen.cause, f"{target.endpoint} {told}", Layer.TCP, seen)
        elif split := of_families(target.endpoint, seen):
            yield warning(Cause.FAMILY_SPLIT, split, Layer.TCP, seen)
        elif failed and (cause := failed[0].cause) and _worth_a_warning(failed):
            good = len(seen.connections) - len(failed)
            text = f"{target.endpoint} connects at {good} of {len(seen.connections)} addresses: {told}"
            yield warning(cause, text, Layer.TCP, seen)
        else:
            first = next(one for one in seen.connections if one.cause is None)
            yield answer(
                None, f"connected to {first.address} in {first.seconds * 1000:.1f} ms", Layer.TCP, seen
            )


def _worth_a_warning(failed: list[Connection]) -> bool:
    """A host without IPv6 cannot reach IPv6 addresses, and clients there do not miss them."""
    return any(one.cause is not Cause.NETWORK_UNREACHABLE for one in failed)


def _told(one: Connection) -> str:
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
            return f"cannot be reached: no way to {one.address}{sender}"
        case Cause.PERMISSION_DENIED:
            return f"cannot be tried: this host forbids connections to {one.address}"
        case _:
            return f"was not tried to the end at {one.address}: {one.detail}"

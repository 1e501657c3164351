"""What failed, looked at more closely: silence that is the same for every cause, told apart.

None of these asks anything where all is well, or where AWS's configuration names what stops the way: they
then leave no result. Each takes one timeout at most, side by side (docs/separating.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from checks import silence
from netcheck.core.check import Check, answer
from netcheck.core.context import Context, DeadlineExceeded, Skip
from netcheck.core.model import WITH_PORT, Finding, Kind, Layer, Target
from netcheck.engine import follow_up_facts as closer

T = TypeVar("T")

TOO_SHORT = "silence could not be looked at more closely in so short a time: use --timeout 2 or more"
OUT_OF_TIME = "no time was left to look at silence more closely: use --deadline with more"
CLICKHOUSE = frozenset({Kind.CLICKHOUSE_HTTPS, Kind.CLICKHOUSE_NATIVE})


class AnswersFromEverySourcePort(Check):
    """Silence does not depend on the port that is called from.

    Asked where nothing answers. A network ACL that passes only part of the ephemeral ports loses the answers
    to the others, which looks like a security group's silence; a security group cannot do that. Eight ports
    are called from, at the ends of 1024-32767, 32768-49151, 49152-60999 and 61000-65535; where some are
    answered, eight beside them. It fails when the same range is answered both times, and when everything
    answers by now: then it works now and then.

    Side effect: 8 connections to the silent target, 16 where some are answered, ended at once by a reset.

    Fix: allow TCP 1024-65535 in the network ACLs for the answers: in to the workers' subnets, out of the
    target's.
    """

    id = "tcp.source-ports"
    kinds = WITH_PORT
    after = frozenset({"dns.resolves", "dns.brokers"})

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = _looked(ctx, closer.source_ports, target)
        verdict = silence.of_source_ports(target.endpoint, seen)
        if verdict is None:
            raise Skip(TOO_SHORT)
        yield answer(verdict.cause, verdict.text, Layer.FILTER, seen)


class IsNotTheOnlySilentOne(Check):
    """Silence is not limited to one port, or to one host.

    Asked where nothing answers. The other ports at which such a host may listen are connected to (of MSK its
    listeners; 8443, 9440, 8123, 9000 and 443 of ClickHouse): an answer, be it a refusal, has crossed the path
    both ways. And the other brokers of this run are looked at, on the same port. It fails when only this
    port is silent (a rule for the port, or a hung listener), only this host (it is down, or its subnet has
    another network ACL or route), or only this port of this host.

    Side effect: up to 5 connections to each of two silent addresses, closed at once.

    Fix: for a port look at the rules that name ports, for a host at its state and at its subnet.
    """

    id = "tcp.other-ports"
    kinds = frozenset({Kind.KAFKA}) | CLICKHOUSE
    after = frozenset({"dns.resolves", "dns.brokers", "tcp.source-ports"})

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = _looked(ctx, closer.other_ports, target)
        siblings = ctx.get(closer.siblings, target)
        verdict = silence.of_ports(target.endpoint, target.port, seen, siblings)
        yield answer(verdict.cause, verdict.text, Layer.FILTER, seen)


class IsNotTheOnlyPublicOne(Check):
    """Where a public host is silent, the internet is there or it is not: it is told which.

    Asked where nothing answers at a public address. Another public target of this run that answers shows
    that the internet is there; where there is none, an AWS endpoint of the Region is connected to
    (sts.REGION.amazonaws.com:443), and nothing is sent to it. It fails either way: when that answers, the
    way out is good, and a rule for the port or the peer itself is to blame; when it is silent too, there is
    no way out.

    Side effect: one connection to an AWS endpoint that nobody named, closed at once; leave it out with
    --skip tcp.internet.

    Fix: a NAT gateway and a route to it, or PrivateLink; or egress rules for the port.
    """

    id = "tcp.internet"
    kinds = WITH_PORT
    after = frozenset({"dns.resolves", "dns.brokers", "tcp.source-ports", "tcp.other-ports"})

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = _looked(ctx, closer.neutral, target)
        verdict = silence.of_internet(target.endpoint, seen.endpoint, seen.connections)
        yield answer(verdict.cause, verdict.text, Layer.ROUTE, seen)


class CarriesTls(Check):
    """Where TLS gets no answer, the way there is not to blame.

    Asked where a handshake meets silence, stalls, or is hung up on. The same ClientHello is sent again, each
    time with one thing changed, and what is claimed has to be seen twice: in small segments (an answer then
    means that packets of full size are lost), without a name and with another name (something goes by the
    name), a single byte instead (it arrives, and a ClientHello does not: something reads it; or nothing
    arrives any more). It fails when one of these tells the cause, or when TLS is answered by now.

    Side effect: up to 14 connections to the target, closed after the handshake; nothing is sent inside TLS.

    Fix: let ICMP "fragmentation needed" through or clamp the MSS; allow the name, or TLS, on the firewall
    that filters it; keep both directions on one way through a stateful firewall.
    """

    id = "tls.path"
    kinds = WITH_PORT
    after = frozenset({"tcp.connects"})

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = _looked(ctx, closer.hellos, target)
        verdict = silence.of_hellos(target.endpoint, seen)
        if verdict is None:
            raise Skip("what stands in the way of TLS could not be looked at more closely")
        yield answer(verdict.cause, verdict.text, Layer.TLS, seen)


def _looked(ctx: Context, closer_look: Callable[[Context, Target], T], target: Target) -> T:
    """What a closer look saw. Raises Skip when the run's time ended before: what failed is told anyway."""
    try:
        return ctx.get(closer_look, target)
    except DeadlineExceeded:
        raise Skip(OUT_OF_TIME) from None

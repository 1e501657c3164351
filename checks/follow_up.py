"""What failed, looked at more closely: silence that is the same for every cause, told apart.

None of these asks anything where all is well, or where AWS's configuration names what stops the way: they
then leave no result. Each takes one timeout at most, side by side (docs/separating.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from checks import silence
from netcheck.core.check import Check, Survey, finding_from
from netcheck.core.context import Context, DeadlineExceeded, Skip
from netcheck.core.model import WITH_PORT, Cause, Finding, Kind, Layer, Target
from netcheck.core.problem import Confidence, Problem, Trait
from netcheck.engine import follow_up_facts as closer

T = TypeVar("T")

TOO_SHORT = "silence could not be looked at more closely in so short a time: use --timeout 2 or more"
OUT_OF_TIME = "no time was left to look at silence more closely: use --deadline with more"
CLICKHOUSE = frozenset({Kind.CLICKHOUSE_HTTPS, Kind.CLICKHOUSE_NATIVE})

SOURCE_PORTS_PROBLEMS = (
    Problem(
        Cause.SOURCE_PORT_FILTERED,
        "answers depend on the port that is called from",
        "A network ACL lets only part of the ephemeral ports through. Allow TCP 1024-65535 in to the "
        "workers' subnets and out of the target's, for the answers; security groups remember connections "
        "and are not to blame.",
        traits=frozenset({Trait.PARTIAL_SILENCE, Trait.SILENCE, Trait.VANTAGE_DEPENDENT}),
        confidence=Confidence(
            "answers depend on the port that is called from",
            "which network ACL, or which other filter without memory, does it",
            "AWS's configuration delivers it, both ways: leave routes, security groups and network ACLs "
            "as they are. Look for another filter without memory that passes only part of the ports "
            "1024-65535: on a router or firewall appliance on the way, or at the other party.",
        ),
    ),
    Problem(
        Cause.INTERMITTENT,
        "it was silent, and answered when asked again",
        "It works now and then: a broker that restarts, a service that was asleep, one dead backend of "
        "several behind the address, a listener whose queue is full, or a path that loses packets. Run "
        "netcheck once more; if it is well then, look at the service's log for the time of this run.",
        traits=frozenset({Trait.SILENCE, Trait.VANTAGE_DEPENDENT}),
        doubt=(
            "that it works now and then is certain; why it does is not: run netcheck again, and look at "
            "the target's log for the time of this run"
        ),
    ),
)

OTHER_PORTS_PROBLEMS = (
    Problem(
        Cause.PORT_SILENT,
        "one port of a host is silent, others answer",
        "The host is up and the route is good both ways. Compare the port with the rules that name ports: "
        "egress of the worker's security group, ingress of the target's (for MSK: the port of the "
        "listener, from the connector's group, also where both have the same group), then the network "
        "ACLs. If all let it pass, the listener takes no more connections: look at the service.",
        traits=frozenset({Trait.SILENCE, Trait.VANTAGE_DEPENDENT}),
        confidence=Confidence(
            "this port is silent and others of the host are not",
            "whether a rule for the port drops it or its listener hangs",
            "AWS's configuration delivers it, both ways: leave routes, security groups and network ACLs "
            "as they are. Look at the listener (its process, a queue that is full; of an MSK broker see "
            "aws kafka reboot-broker), at the host's own firewall (iptables, firewalld), and at firewall "
            "appliances that go by the port.",
        ),
    ),
    Problem(
        Cause.LISTENER_SILENT,
        "one listener of one host is silent",
        "Other hosts answer on this port and this host on other ports, so neither a group's rule nor the "
        "route is to blame: the listener hangs (restart it; of an MSK broker see aws kafka "
        "reboot-broker), or a rule for this host's address and port drops it.",
        traits=frozenset({Trait.SILENCE, Trait.VANTAGE_DEPENDENT}),
        confidence=Confidence(
            "this one listener is silent",
            "whether it hangs or a rule for this host and port drops it",
            "AWS's configuration delivers it, both ways: leave routes, security groups and network ACLs "
            "as they are. The listener hangs (restart it; of an MSK broker see aws kafka reboot-broker), "
            "or the host's own firewall drops it (iptables, firewalld).",
        ),
    ),
    Problem(
        Cause.HOST_SILENT,
        "one host is silent, others like it answer",
        "The rules of a security group that all of them share are good. Either this host is down or being "
        "replaced (aws kafka describe-cluster-v2, list-cluster-operations-v2), or its subnet differs: "
        "compare its network ACL and route table with those of the others' subnets, both ways.",
        traits=frozenset({Trait.SILENCE, Trait.VANTAGE_DEPENDENT}),
        confidence=Confidence(
            "this host is silent and others like it are not",
            "whether it is down or its subnet has another network ACL or route",
            "AWS's configuration delivers it, both ways: leave routes, security groups and network ACLs "
            "as they are. The host is down or being replaced (aws kafka describe-cluster-v2, "
            "list-cluster-operations-v2), or its own firewall drops everything (iptables, firewalld).",
        ),
    ),
)

INTERNET_PROBLEMS = (
    Problem(
        Cause.NO_INTERNET,
        "nothing public answers from here",
        "There is no way to the internet: the subnet's route table needs 0.0.0.0/0 to a NAT gateway that "
        "is available and stands in a public subnet (an internet gateway alone does not serve MSK "
        "Connect, whose interfaces have no public address), or the security group lets out neither port. "
        "Or go without: VPC endpoints for AWS services, PrivateLink for ClickHouse Cloud.",
        traits=frozenset({Trait.SILENCE, Trait.VANTAGE_DEPENDENT, Trait.HOST_WIDE}),
        confidence=Confidence(
            "nothing public answers from here",
            "whether a route, a NAT gateway or a filter is to blame",
            "AWS's configuration delivers it, both ways: leave routes, security groups and network ACLs "
            "as they are. Look at this host's own firewall (iptables), at firewall appliances on the way "
            "out, and at the NAT gateway's ErrorPortAllocation and PacketsDropCount in CloudWatch.",
        ),
    ),
    Problem(
        Cause.PUBLIC_HOST_SILENT,
        "the internet is there, and this host is silent",
        "NAT and routes are good. Look at egress rules that name the port (443 is open, 8443 or 9440 may "
        "not be: the worker's security group, network ACLs, a firewall), then at the peer: whether it is "
        "up, and whether it lets this egress address in.",
        traits=frozenset({Trait.SILENCE, Trait.VANTAGE_DEPENDENT}),
        confidence=Confidence(
            "the internet is there and this host is silent",
            "whether an egress rule or the peer is to blame",
            "AWS's configuration delivers it, both ways: leave routes, security groups and network ACLs "
            "as they are. Look at the peer: whether it is up, whether its firewall or allow list lets the "
            "NAT gateways' public addresses in, whether its load balancer has a healthy target; then at "
            "firewall appliances on the way out.",
        ),
    ),
)

TLS_PATH_PROBLEMS = (
    Problem(
        Cause.MTU_BLACK_HOLE,
        "packets of full size are lost on the way",
        'Something on the path takes smaller packets only, and its ICMP "fragmentation needed" does not '
        "come back. Let ICMP type 3 code 4 (IPv6: ICMPv6 type 2) in through security groups and network "
        "ACLs; on a VPN or transit gateway keep the MTU at 8500 or 1500, or clamp the MSS there.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.PATH_WIDE}),
    ),
    Problem(
        Cause.PACKET_LOSS,
        "the connection opens, and nothing that is sent arrives",
        "Typical of a stateful firewall that sees one direction only: forth and back take different ways. "
        "For a transit gateway with an inspection VPC enable appliance mode on its attachment, and keep "
        "both directions in one zone; else look for a proxy that accepts and does not forward.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.PATH_WIDE}),
    ),
    Problem(
        Cause.TLS_HELLO_FILTERED,
        "something on the way drops TLS",
        "Bytes cross the connection, a ClientHello does not: a firewall that reads it (AWS Network "
        "Firewall, an inspection appliance) drops it without a word. Allow TLS to this host there.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.PATH_WIDE}),
    ),
    Problem(
        Cause.TLS_NAME_FILTERED,
        "something on the way drops TLS with this name",
        "The same address answers TLS without the name or with another one. A firewall filters by SNI "
        "(AWS Network Firewall's domain lists, a proxy): allow the name there. If the address is a load "
        "balancer's, its backend for the name may be dead.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.TLS_NAME_REFUSED,
        "TLS is refused for this name alone",
        "The same address answers other names. Of ClickHouse Cloud this is the service's own IP access "
        "list: add the public addresses of all NAT gateways, or the endpoint id for PrivateLink. Else a "
        "firewall or proxy goes by SNI, or the load balancer does not know the name.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
)


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
    survey = Survey.LIVE
    depends_on = frozenset({"dns.resolves", "dns.brokers"})
    problems = SOURCE_PORTS_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = _looked(ctx, closer.source_ports, target)
        verdict = silence.of_source_ports(target.endpoint, seen)
        if verdict is None:
            raise Skip(TOO_SHORT)
        yield finding_from(verdict.cause, verdict.text, Layer.FILTER, seen)


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
    survey = Survey.LIVE
    depends_on = frozenset({"dns.resolves", "dns.brokers", "tcp.source-ports"})
    problems = OTHER_PORTS_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = _looked(ctx, closer.other_ports, target)
        siblings = ctx.get(closer.siblings, target)
        verdict = silence.of_ports(target.endpoint, target.port, seen, siblings)
        yield finding_from(verdict.cause, verdict.text, Layer.FILTER, seen)


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
    survey = Survey.LIVE
    depends_on = frozenset({"dns.resolves", "dns.brokers", "tcp.source-ports", "tcp.other-ports"})
    problems = INTERNET_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = _looked(ctx, closer.control_host, target)
        verdict = silence.of_internet(target.endpoint, seen.endpoint, seen.connections)
        yield finding_from(verdict.cause, verdict.text, Layer.ROUTE, seen)


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
    survey = Survey.LIVE
    depends_on = frozenset({"tcp.connects"})
    problems = TLS_PATH_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = _looked(ctx, closer.hellos, target)
        verdict = silence.of_hellos(target.endpoint, seen)
        if verdict is None:
            raise Skip("what stands in the way of TLS could not be looked at more closely")
        yield finding_from(verdict.cause, verdict.text, Layer.TLS, seen)


def _looked(ctx: Context, closer_look: Callable[[Context, Target], T], target: Target) -> T:
    """What a closer look saw. Raises Skip when the run's time ended before: what failed is told anyway."""
    try:
        return ctx.get(closer_look, target)
    except DeadlineExceeded:
        raise Skip(OUT_OF_TIME) from None

"""Follow-up probes of a failure: they separate the causes that plain silence cannot.

They send nothing if no target failed, or if AWS's configuration already shows what blocks the path: they then
have no result. Each takes one timeout at most, and they run in parallel (docs/separating.md).
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

TOO_SHORT = "too little time to investigate the silence: use --timeout 2 or more"
OUT_OF_TIME = "no time left to investigate the silence: use a longer --deadline"
CLICKHOUSE = frozenset({Kind.CLICKHOUSE_HTTPS, Kind.CLICKHOUSE_NATIVE})

SOURCE_PORTS_PROBLEMS = (
    Problem(
        Cause.SOURCE_PORT_FILTERED,
        "answers depend on the client's source port",
        "A network ACL allows only part of the ephemeral ports. Allow TCP 1024-65535 inbound to the "
        "workers' subnets and outbound from the target's, for the replies; security groups are stateful, "
        "so they are not the cause.",
        traits=frozenset({Trait.PARTIAL_SILENCE, Trait.SILENCE, Trait.VANTAGE_DEPENDENT}),
        confidence=Confidence(
            "answers depend on the client's source port",
            "which network ACL, or which other stateless filter, is the cause",
            "Look for another stateless filter that allows only part of the ports "
            "1024-65535: on a router or firewall appliance on the path, or at the other party.",
        ),
    ),
    Problem(
        Cause.INTERMITTENT,
        "it was silent, but answered a second attempt",
        "It works intermittently: a broker that restarts, a service that was idle, one dead backend of "
        "several behind the address, a listener whose queue is full, or packet loss on the path. Run "
        "netcheck again; if it passes then, check the service's log for the time of this run.",
        traits=frozenset({Trait.SILENCE, Trait.VANTAGE_DEPENDENT}),
        doubt=(
            "it works intermittently; why is uncertain: run netcheck again, and check the target's log for "
            "the time of this run"
        ),
    ),
)

OTHER_PORTS_PROBLEMS = (
    Problem(
        Cause.PORT_SILENT,
        "one port of a host is silent, but others answer",
        "The host is up and the route works in both directions. Compare the port with the rules that name "
        "ports: egress of the worker's security group, ingress of the target's (for MSK: the listener's "
        "port, from the connector's group, even if both have the same group), then the network ACLs. If all "
        "allow it, the listener accepts no more connections: check the service.",
        traits=frozenset({Trait.SILENCE, Trait.VANTAGE_DEPENDENT}),
        confidence=Confidence(
            "this port is silent and other ports of the host are not",
            "whether a rule for the port drops packets or its listener hangs",
            "Check the listener (its process, a full accept queue; for an MSK broker see aws "
            "kafka reboot-broker), the host's own firewall (iptables, firewalld), and firewall appliances "
            "that filter by port.",
        ),
    ),
    Problem(
        Cause.LISTENER_SILENT,
        "one listener of one host is silent",
        "Other hosts answer on this port and this host on other ports, so neither a security group rule nor "
        "the route is the cause: the listener hangs (restart it; for an MSK broker see aws kafka "
        "reboot-broker), or a rule for this host's address and port drops packets.",
        traits=frozenset({Trait.SILENCE, Trait.VANTAGE_DEPENDENT}),
        confidence=Confidence(
            "only this listener is silent",
            "whether it hangs or a rule for this host and port drops packets",
            "The listener hangs (restart it; for an MSK broker see aws kafka "
            "reboot-broker), or the host's own firewall drops packets (iptables, firewalld).",
        ),
    ),
    Problem(
        Cause.HOST_SILENT,
        "one host is silent, but similar hosts answer",
        "A shared security group is not the problem. Either this host is down or being replaced (aws kafka "
        "describe-cluster-v2, list-cluster-operations-v2), or its subnet differs: compare its network ACL "
        "and route table with those of the other hosts' subnets, in both directions.",
        traits=frozenset({Trait.SILENCE, Trait.VANTAGE_DEPENDENT}),
        confidence=Confidence(
            "only this host is silent",
            "whether it is down, or its subnet's network ACL or route differs",
            "The host is down or being replaced (aws kafka describe-cluster-v2, "
            "list-cluster-operations-v2), or its own firewall drops everything (iptables, firewalld).",
        ),
    ),
)

INTERNET_PROBLEMS = (
    Problem(
        Cause.NO_INTERNET,
        "nothing public answers from here",
        "There is no internet access: the subnet's route table needs 0.0.0.0/0 to an available NAT gateway "
        "in a public subnet (an internet gateway alone does not work for MSK Connect, whose interfaces have "
        "no public address), or the security group blocks outbound traffic. Alternatives without internet "
        "access: VPC endpoints for AWS services, PrivateLink for ClickHouse Cloud.",
        traits=frozenset({Trait.SILENCE, Trait.VANTAGE_DEPENDENT, Trait.HOST_WIDE}),
        confidence=Confidence(
            "nothing public answers from here",
            "whether a route, a NAT gateway or a filter is the cause",
            "Check this host's own firewall (iptables), firewall appliances on the "
            "outbound path, and the NAT gateway's ErrorPortAllocation and PacketsDropCount in CloudWatch.",
        ),
    ),
    Problem(
        Cause.PUBLIC_HOST_SILENT,
        "the internet is reachable, but this host is silent",
        "NAT and routes work. Check egress rules that name the port (443 is open, 8443 or 9440 may not be: "
        "the worker's security group, network ACLs, a firewall), then the peer: whether it is up, and "
        "whether it allows this egress address.",
        traits=frozenset({Trait.SILENCE, Trait.VANTAGE_DEPENDENT}),
        confidence=Confidence(
            "the internet is reachable and this host is silent",
            "whether an egress rule or the peer is the cause",
            "Check the peer: whether it is up, whether its firewall or allow list "
            "contains the NAT gateways' public addresses, whether its load balancer has a healthy target; "
            "then firewall appliances on the outbound path.",
        ),
    ),
)

TLS_PATH_PROBLEMS = (
    Problem(
        Cause.MTU_BLACK_HOLE,
        "full-size packets are lost on the path",
        'A link on the path forwards smaller packets only, and its ICMP "fragmentation needed" does not '
        "arrive. Allow inbound ICMP type 3 code 4 (IPv6: ICMPv6 type 2) in security groups and network "
        "ACLs; on a VPN or transit gateway keep the MTU at 8500 or 1500, or clamp the MSS there.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.PATH_WIDE}),
    ),
    Problem(
        Cause.PACKET_LOSS,
        "the connection opens, but no data that is sent arrives",
        "Typical of asymmetric routing through a stateful firewall, which then sees only one direction. For "
        "a transit gateway with an inspection VPC enable appliance mode on its attachment, and keep both "
        "directions in one zone; otherwise look for a proxy that accepts connections but does not forward.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.PATH_WIDE}),
    ),
    Problem(
        Cause.TLS_HELLO_FILTERED,
        "a firewall on the path drops TLS",
        "Other data crosses the connection, a ClientHello does not: a firewall that inspects it (AWS Network "
        "Firewall, an inspection appliance) drops it silently. Allow TLS to this host there.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.PATH_WIDE}),
    ),
    Problem(
        Cause.TLS_NAME_FILTERED,
        "a firewall on the path drops TLS with this name",
        "The same address answers TLS without the name or with another one. A firewall filters by SNI "
        "(AWS Network Firewall's domain lists, a proxy): allow the name there. If the address is a load "
        "balancer's, its backend for the name may be dead.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.TLS_NAME_REFUSED,
        "TLS is rejected for this name only",
        "The same address answers other names. With ClickHouse Cloud this is the service's IP access list: "
        "add the public addresses of all NAT gateways, or the endpoint id for PrivateLink. Otherwise a "
        "firewall or proxy filters by SNI, or the load balancer does not know the name.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
)


class AnswersFromEverySourcePort(Check):
    """Silence does not depend on the client's source port.

    Runs if nothing answers. A network ACL that allows only part of the ephemeral ports drops the replies to
    the others, which looks like silence from a security group; a security group cannot do that. The check
    connects from eight source ports, at the ends of 1024-32767, 32768-49151, 49152-60999 and 61000-65535; if
    some get an answer, from eight ports next to them. It fails when the same range gets an answer both
    times, and when every port now gets one: then the target works intermittently.

    Side effect: 8 connections to the silent target, 16 if some get an answer, each reset at once.

    Fix: allow TCP 1024-65535 in the network ACLs for the replies: inbound to the workers' subnets, outbound
    from the target's.
    """

    id = "tcp.source-ports"
    kinds = WITH_PORT
    survey = Survey.LIVE
    depends_on = frozenset({"dns.resolves", "dns.brokers"})
    problems = SOURCE_PORTS_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = _closer_look(ctx, closer.source_ports, target)
        verdict = silence.of_source_ports(target.endpoint, seen)
        if verdict is None:
            raise Skip(TOO_SHORT)
        yield finding_from(verdict.cause, verdict.text, Layer.FILTER, seen)


class IsNotTheOnlySilentOne(Check):
    """Silence is not limited to one port, or to one host.

    Runs if nothing answers. Connects to the other ports on which such a host may listen (MSK: its other
    listeners; ClickHouse: 8443, 9440, 8123, 9000 and 443): any answer, even a refusal, proves that packets
    travel both ways. It also compares the other brokers of this run on the same port. It fails when only
    this port is silent (a rule for the port, or a hung listener), only this host (it is down, or its
    subnet's network ACL or route differs), or only this port of this host.

    Side effect: up to 5 connections to each of two silent addresses, closed at once.

    Fix: for a port check the rules that name ports, for a host its state and its subnet.
    """

    id = "tcp.other-ports"
    kinds = frozenset({Kind.KAFKA}) | CLICKHOUSE
    survey = Survey.LIVE
    depends_on = frozenset({"dns.resolves", "dns.brokers", "tcp.source-ports"})
    problems = OTHER_PORTS_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = _closer_look(ctx, closer.other_ports, target)
        siblings = ctx.get(closer.siblings, target)
        verdict = silence.of_ports(target.endpoint, target.port, seen, siblings)
        yield finding_from(verdict.cause, verdict.text, Layer.FILTER, seen)


class IsNotTheOnlyPublicOne(Check):
    """Tells "no internet access" from "only this host is silent".

    Runs if nothing answers at a public address. Another public target of this run that answers proves that
    the internet is reachable; without one, the check connects to an AWS endpoint of the Region
    (sts.REGION.amazonaws.com:443) and sends no data. It fails in both cases: if the endpoint answers, the
    outbound path works, and the cause is a rule for the port or the peer itself; if it is silent too, there
    is no internet access.

    Side effect: one connection to an AWS endpoint that is not a configured target, closed at once; exclude
    it with --skip tcp.internet.

    Fix: a NAT gateway and a route to it, or PrivateLink; or egress rules for the port.
    """

    id = "tcp.internet"
    kinds = WITH_PORT
    survey = Survey.LIVE
    depends_on = frozenset({"dns.resolves", "dns.brokers", "tcp.source-ports", "tcp.other-ports"})
    problems = INTERNET_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = _closer_look(ctx, closer.control_host, target)
        verdict = silence.of_internet(target.endpoint, seen.endpoint, seen.connections)
        yield finding_from(verdict.cause, verdict.text, Layer.ROUTE, seen)


class CarriesTls(Check):
    """If TLS gets no answer, the network path is not the cause.

    Runs if a handshake gets no answer, stalls, or ends in a close or reset. Sends the same ClientHello again,
    each time with one change, and only accepts what it observes twice: in small segments (an answer then
    means that full-size packets are lost), without a name and with another name (a filter looks at the
    name), or a single byte instead (if it arrives and a ClientHello does not, a firewall inspects TLS; if
    not, no data arrives at all). It fails when one of these shows the cause, or when TLS now gets an answer.

    Side effect: up to 14 connections to the target, closed after the handshake; no data is sent inside TLS.

    Fix: allow ICMP "fragmentation needed" or clamp the MSS; allow the name, or TLS, on the firewall that
    filters it; route both directions through the same stateful firewall.
    """

    id = "tls.path"
    kinds = WITH_PORT
    survey = Survey.LIVE
    depends_on = frozenset({"tcp.connects"})
    problems = TLS_PATH_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = _closer_look(ctx, closer.hellos, target)
        verdict = silence.of_hellos(target.endpoint, seen)
        if verdict is None:
            raise Skip("the TLS failure could not be investigated further")
        yield finding_from(verdict.cause, verdict.text, Layer.TLS, seen)


def _closer_look(ctx: Context, closer_look: Callable[[Context, Target], T], target: Target) -> T:
    """The result of a follow-up probe. Raises Skip after the deadline; the failure is reported anyway."""
    try:
        return ctx.get(closer_look, target)
    except DeadlineExceeded:
        raise Skip(OUT_OF_TIME) from None

"""Does the name resolve, here and at every name server?"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.core.check import Check, Survey, finding_from, warning
from netcheck.core.context import Context, PrerequisiteFailed, Skip
from netcheck.core.hostport import is_address
from netcheck.core.model import WITH_PORT, Cause, Explains, Finding, Kind, Layer, Target
from netcheck.core.problem import Problem, Trait
from netcheck.engine import facts
from netcheck.probe.dns.resolve import NameServer, NameServers, Resolution, compare

RESOLUTION_PROBLEMS = (
    Problem(
        Cause.DNS_NXDOMAIN,
        "the name does not exist",
        "Compare the name with the source of truth (aws kafka get-bootstrap-brokers, ClickHouse Cloud's "
        "Connect page). If it is right, this VPC does not see its zone: a PrivateLink name needs a "
        "private hosted zone associated with the VPC, an MSK Serverless name resolves only in the VPCs of "
        "its VpcConfigs, and a private zone for a parent domain hides public names.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.DNS_NO_ADDRESS,
        "the name exists and has no address",
        "Add the A (or AAAA) record; a private hosted zone that holds the name hides the public record.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.DNS_SERVFAIL,
        "the name server failed",
        "Look at the name server's forwarders: SERVFAIL means that it could not get the answer itself. "
        "Compare with the VPC's own resolver, 169.254.169.253.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.HOST_WIDE}),
    ),
    Problem(
        Cause.DNS_REFUSED,
        "the name server refuses to answer this host",
        "Allow this VPC's addresses on the name server, or name another server in the VPC's DHCP options.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.HOST_WIDE}),
    ),
    Problem(
        Cause.DNS_TIMED_OUT,
        "the name server does not answer",
        "Open UDP and TCP port 53 to the name servers of the VPC's DHCP options, both ways, or use "
        "AmazonProvidedDNS; enableDnsSupport has to be on.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.HOST_WIDE}),
        doubt="what is silent is certain; where packets are lost is not",
    ),
    Problem(
        Cause.DNS_MALFORMED,
        "the name server answers nonsense",
        "Something else listens on port 53, or a middlebox rewrites DNS; query the server with dig and "
        "compare.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.HOST_WIDE}),
    ),
    Problem(
        Cause.DNS_RESOLVER_FAILED,
        "this host's resolver failed",
        "Look at /etc/resolv.conf and /etc/nsswitch.conf of the host or container that netcheck runs in.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.HOST_WIDE}),
    ),
)

NAME_SERVERS_PROBLEMS = (
    Problem(
        Cause.DNS_VIEWS_DIFFER,
        "name servers disagree",
        "Find out which view the workers use (the VPC's DHCP options) and make the servers agree, or name "
        "only one kind of server.",
    ),
    Problem(
        Cause.DNS_LOSSY,
        "a name server loses questions",
        "Look-ups fail or wait now and then. Route 53's resolver answers 1,024 packets a second for each "
        "network interface and drops the rest: cache names, or look for who asks so much. Of a name "
        "server of your own look at its load, and at the network on the way to it.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.DNS_NAME_SILENT,
        "the name server answers for other names, and not for this one",
        "The name server is there; whom it asks about this zone is not. Look at its forwarder for the "
        "zone, or at the VPC's Route 53 Resolver rule: the outbound endpoint's security group has to let "
        "UDP and TCP port 53 out, and the target servers have to let its addresses in.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.DNS_SERVER_DEAD,
        "one of several name servers is dead",
        "Each look-up that begins at it waits for 5 seconds before the next server is asked. Take it out "
        "of the VPC's DHCP options, bring it back, or open UDP and TCP port 53 to it both ways.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
)

BROKER_NAMES_PROBLEMS = (
    Problem(
        Cause.DNS_STALE,
        "the name leads to an address that the broker does not have",
        "Find who still gives the old address: a hosts file, a private zone with records of one's own, a "
        "forwarder that caches. Brokers get new addresses when they are replaced, so never write one "
        "down; then restart the connector, as its workers keep what they resolved.",
        explains=(Explains(kinds=frozenset({Kind.KAFKA}), same_target=True, blocked=True),),
    ),
)


class Resolves(Check):
    """The name resolves on this host.

    Asked as every program on this host asks (getaddrinfo: hosts file, nsswitch, search list, name
    servers). It fails when the name does not exist, has no address, or no name server gives an answer.
    Addresses, private or public, are in the evidence.

    Fix: compare the name with its source (aws kafka get-bootstrap-brokers, ClickHouse Cloud's Connect
    page); a PrivateLink name needs a private hosted zone that is associated with this VPC.
    """

    id = "dns.resolves"
    kinds = WITH_PORT
    survey = Survey.LIVE
    depends_on = frozenset({"resolver.zones", "resolver.firewall", "privatelink.endpoint"})
    problems = RESOLUTION_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.resolution, target.host)
        if is_address(target.host) and seen.cause is None:
            raise Skip("an address was given, there is no name to resolve")
        if seen.cause is Cause.DNS_TIMED_OUT and (lost := _loss(ctx, target)):
            yield finding_from(*lost, Layer.DNS, seen)
            return
        if seen.cause is not None:
            cause, detail = _known_better(seen, ctx, target)
            text = f"{target.host} does not resolve here: {_why(cause, detail)}"
            yield finding_from(cause, text, Layer.DNS, seen)
            return
        kinds = {"private" if one.private else "public" for one in seen.addresses}
        told = ", ".join(one.address for one in seen.addresses)
        yield finding_from(None, f"{target.host} is {told} ({' and '.join(sorted(kinds))})", Layer.DNS, seen)


class BrokerIsThere(Check):
    """The broker's name leads to the address that MSK says it has.

    MSK tells the address of every broker (ListNodes), which changes when a broker is replaced. It fails when
    the name gives another one, as a hosts file, a private zone or a cache does, and nothing answers there; it
    warns when something does.

    Fix: find who still gives the old address, and never write addresses of brokers down.
    """

    id = "dns.brokers"
    kinds = frozenset({Kind.KAFKA})
    survey = Survey.LIVE
    depends_on = frozenset({"dns.resolves"})
    problems = BROKER_NAMES_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        cluster = ctx.get(facts.pipeline).cluster
        nodes = cluster.nodes if cluster else ()
        known = {name: node.address for node in nodes if node.address for name in node.names}
        address = known.get(target.host)
        if address is None:
            raise Skip("MSK's own account of this broker's address is not known")
        seen = ctx.get(facts.resolution, target.host)
        given = [one.address for one in seen.addresses if one.family == 4]
        if not given:
            raise PrerequisiteFailed("no address to compare with")
        if address in given:
            yield finding_from(None, f"{target.host} is {address}, as MSK says", Layer.DNS, seen)
            return
        text = f"{target.host} gives {', '.join(given)}, and MSK says that the broker is at {address}"
        answers = any(
            one.cause is None for one in ctx.get(facts.connections, target.host, target.port).connections
        )
        if answers:
            yield warning(Cause.DNS_STALE, f"{text}: something else answers there", Layer.DNS, seen)
        else:
            yield finding_from(Cause.DNS_STALE, text, Layer.DNS, seen)


class ServersAgree(Check):
    """Every configured name server answers, and they agree.

    Each name server of /etc/resolv.conf is asked on its own, for A and AAAA, over UDP and TCP. It warns
    when one of them is silent or fails while another answers (lookups are slow, or fail now and then), when
    their answers differ in a way that matters (one private, one public; one knows the name and another does
    not), and when this host's own view differs from theirs (hosts file). Where one was silent, or had to be
    asked again, each is asked ten times more, to count what is lost, and three times for another name. That
    the name does not exist anywhere is said by dns.resolves.

    Fix: workers use the name servers of the VPC's DHCP options: make them agree, open UDP and TCP port
    53 to each of them, or use AmazonProvidedDNS alone.
    """

    id = "dns.servers"
    kinds = WITH_PORT
    survey = Survey.LIVE
    depends_on = frozenset({"dns.resolves"})
    problems = NAME_SERVERS_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        if is_address(target.host):
            raise Skip("an address was given, there is no name to ask for")
        resolution, seen = ctx.get(facts.resolution, target.host), ctx.get(facts.name_servers, target.host)
        comparison = compare(resolution, seen)
        if comparison.cause is not None:
            text = f"views of {target.host} differ: {'; '.join(comparison.differences)}"
            yield warning(comparison.cause, text, Layer.DNS, seen)
            return
        if _was_waited_for(seen) and (lost := _loss(ctx, target)):
            yield warning(*lost, Layer.DNS, seen)
            return
        bad = [one for one in seen.servers if one.cause in _NO_ANSWER]
        if bad and bad[0].cause is not None:
            text = (
                f"{len(bad)} of {len(seen.servers)} name servers give no answer: {'; '.join(map(_told, bad))}"
            )
            yield warning(_of_names(bad[0].cause), text, Layer.DNS, seen)
        else:
            told = ", ".join(one.address for one in seen.servers)
            yield finding_from(None, f"the name servers agree: {told}", Layer.DNS, seen)


_NO_ANSWER = frozenset(
    {
        Cause.DNS_TIMED_OUT,
        Cause.DNS_SERVFAIL,
        Cause.DNS_REFUSED,
        Cause.DNS_MALFORMED,
        Cause.CONNECTION_REFUSED,
    }
)


SLOW_ANSWER = 1.0
"""Seconds from which on a question had to be repeated."""


def _was_waited_for(seen: NameServers) -> bool:
    """Whether a server was silent, or answered only when it was asked again."""
    return any(one.cause is Cause.DNS_TIMED_OUT or one.udp.seconds >= SLOW_ANSWER for one in seen.servers)


def _loss(ctx: Context, target: Target) -> tuple[Cause, str] | None:
    """Which name server loses questions, and how many: the same question ten times to each."""

    from checks.silence import of_loss
    from netcheck.engine.follow_up_facts import available, losses

    seen = available(ctx, losses, target.host)
    return None if seen is None else of_loss(seen)


def _known_better(seen: Resolution, ctx: Context, target: Target) -> tuple[Cause | None, str]:
    """getaddrinfo says EAI_AGAIN for SERVFAIL and REFUSED alike; the name servers say which."""
    if seen.cause is Cause.DNS_RESOLVER_FAILED:
        servers = ctx.get(facts.name_servers, target.host)
        if servers.cause is not None and servers.cause in _NO_ANSWER:
            return _of_names(servers.cause), f"{seen.detail} ({servers.detail})"
    return seen.cause, seen.detail


def _of_names(cause: Cause) -> Cause:
    """What a name server's failure means for a name: one that refuses the connection is not the target, and
    the target's listeners are not to blame.
    """
    return Cause.DNS_RESOLVER_FAILED if cause is Cause.CONNECTION_REFUSED else cause


def _told(server: NameServer) -> str:
    return f"{server.address} ({_why(server.cause, server.detail)})"


def _why(cause: Cause | None, detail: str) -> str:
    match cause:
        case Cause.DNS_NXDOMAIN:
            return "no such name (NXDOMAIN)"
        case Cause.DNS_NO_ADDRESS:
            return "the name exists, without an address"
        case Cause.DNS_SERVFAIL:
            return "SERVFAIL"
        case Cause.DNS_REFUSED:
            return "REFUSED"
        case Cause.DNS_TIMED_OUT:
            return "no answer in time"
        case _:
            return detail

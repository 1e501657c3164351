"""Does the name resolve, on this host and on every name server?"""

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
        "the name exists but has no address",
        "Add the A (or AAAA) record; a private hosted zone that holds the name hides the public record.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.DNS_SERVFAIL,
        "the name server failed",
        "Check the name server's forwarders: SERVFAIL means that it could not get an answer upstream. "
        "Compare with the VPC's own resolver, 169.254.169.253.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.HOST_WIDE}),
    ),
    Problem(
        Cause.DNS_REFUSED,
        "the name server refuses to answer this host",
        "Allow this VPC's addresses on the name server, or set another server in the VPC's DHCP options.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.HOST_WIDE}),
    ),
    Problem(
        Cause.DNS_TIMED_OUT,
        "the name server does not answer",
        "Open UDP and TCP port 53 to the name servers in the VPC's DHCP options, in both directions, or use "
        "AmazonProvidedDNS; enableDnsSupport must be on.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.HOST_WIDE}),
        doubt="no answer arrives; where packets are lost is uncertain",
    ),
    Problem(
        Cause.DNS_MALFORMED,
        "the name server sends malformed answers",
        "Something else listens on port 53, or a middlebox rewrites DNS; query the server with dig and "
        "compare.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.HOST_WIDE}),
    ),
    Problem(
        Cause.DNS_RESOLVER_FAILED,
        "this host's resolver failed",
        "Check /etc/resolv.conf and /etc/nsswitch.conf of the host or container that netcheck runs in.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT, Trait.HOST_WIDE}),
    ),
)

NAME_SERVERS_PROBLEMS = (
    Problem(
        Cause.DNS_VIEWS_DIFFER,
        "name servers disagree",
        "Find out which servers the workers use (the VPC's DHCP options) and make them agree, or configure "
        "only one kind of server.",
    ),
    Problem(
        Cause.DNS_LOSSY,
        "a name server drops queries",
        "Lookups fail or are slow intermittently. Route 53 Resolver answers 1,024 packets per second per "
        "network interface and drops the rest: cache names, or find what sends so many queries. For your "
        "own name server, check its load and the network path to it.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.DNS_NAME_SILENT,
        "the name server answers for other names but not for this one",
        "The name server is up, but the server it forwards this zone to is not. Check its forwarder for the "
        "zone, or the VPC's Route 53 Resolver rule: the outbound endpoint's security group must allow "
        "outbound UDP and TCP port 53, and the target servers must accept its addresses.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
    Problem(
        Cause.DNS_SERVER_DEAD,
        "one of several name servers is down",
        "Each lookup that tries it first waits 5 seconds before the next server is tried. Remove it from "
        "the VPC's DHCP options, restore it, or open UDP and TCP port 53 to it in both directions.",
        traits=frozenset({Trait.VANTAGE_DEPENDENT}),
    ),
)

BROKER_NAMES_PROBLEMS = (
    Problem(
        Cause.DNS_STALE,
        "the name resolves to an address that the broker does not have",
        "Find what still returns the old address: a hosts file, a private zone with manual records, a "
        "caching forwarder. A replaced broker gets a new address, so never hard-code one. Then restart the "
        "connector: its workers cache what they resolved.",
        explains=(Explains(kinds=frozenset({Kind.KAFKA}), same_target=True, blocked=True),),
    ),
)


class Resolves(Check):
    """The name resolves on this host.

    Resolves the name as every program on this host does (getaddrinfo: hosts file, nsswitch, search list,
    name servers). It fails when the name does not exist, has no address, or no name server answers. The
    evidence lists the addresses, private or public.

    Fix: compare the name with its source (aws kafka get-bootstrap-brokers, ClickHouse Cloud's Connect
    page); a PrivateLink name needs a private hosted zone associated with this VPC.
    """

    id = "dns.resolves"
    kinds = WITH_PORT
    survey = Survey.LIVE
    depends_on = frozenset({"resolver.zones", "resolver.firewall", "privatelink.endpoint"})
    problems = RESOLUTION_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.resolution, target.host)
        if is_address(target.host) and seen.cause is None:
            raise Skip("the target is an IP address: there is no name to resolve")
        if seen.cause is Cause.DNS_TIMED_OUT and (lost := _loss(ctx, target)):
            yield finding_from(*lost, Layer.DNS, seen)
            return
        if seen.cause is not None:
            cause, detail = _specific_cause(seen, ctx, target)
            text = f"{target.host} does not resolve here: {_why(cause, detail)}"
            yield finding_from(cause, text, Layer.DNS, seen)
            return
        kinds = {"private" if one.private else "public" for one in seen.addresses}
        addresses = ", ".join(one.address for one in seen.addresses)
        yield finding_from(
            None, f"{target.host} is {addresses} ({' and '.join(sorted(kinds))})", Layer.DNS, seen
        )


class BrokerIsThere(Check):
    """The broker's name resolves to the address that MSK reports for it.

    MSK reports the address of every broker (ListNodes); it changes when a broker is replaced. The check fails
    when the name resolves to another address (from a hosts file, a private zone or a cache) and nothing
    answers there; it warns when something does.

    Fix: find what still returns the old address, and never hard-code addresses of brokers.
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
            raise Skip("no MSK data to compare this broker's address with")
        seen = ctx.get(facts.resolution, target.host)
        resolved = [one.address for one in seen.addresses if one.family == 4]
        if not resolved:
            raise PrerequisiteFailed("the name has no IPv4 address to compare with MSK's")
        if address in resolved:
            yield finding_from(None, f"{target.host} is {address}, as MSK reports", Layer.DNS, seen)
            return
        text = f"{target.host} resolves to {', '.join(resolved)}, but MSK reports {address} for this broker"
        answers = any(
            one.cause is None for one in ctx.get(facts.connections, target.host, target.port).connections
        )
        if answers:
            yield warning(Cause.DNS_STALE, f"{text}; something else answers there", Layer.DNS, seen)
        else:
            yield finding_from(Cause.DNS_STALE, text, Layer.DNS, seen)


class ServersAgree(Check):
    """Every configured name server answers, and they agree.

    Queries each name server of /etc/resolv.conf separately, for A and AAAA, over UDP and TCP. It warns when
    one is silent or fails while another answers (lookups are slow, or fail intermittently), when their
    answers differ in a way that matters (one private, one public; one knows the name and another does not),
    and when this host resolves the name differently (hosts file). If a server was silent or needed a second
    query, each server gets ten more queries to measure the loss, and three for another name. A name that
    exists nowhere is reported by dns.resolves.

    Fix: workers use the name servers in the VPC's DHCP options: make them agree, open UDP and TCP port 53
    to each of them, or use AmazonProvidedDNS alone.
    """

    id = "dns.servers"
    kinds = WITH_PORT
    survey = Survey.LIVE
    depends_on = frozenset({"dns.resolves"})
    problems = NAME_SERVERS_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        if is_address(target.host):
            raise Skip("the target is an IP address: there is no name to query")
        resolution, seen = ctx.get(facts.resolution, target.host), ctx.get(facts.name_servers, target.host)
        comparison = compare(resolution, seen)
        if comparison.cause is not None:
            text = f"name servers disagree on {target.host}: {'; '.join(comparison.differences)}"
            yield warning(comparison.cause, text, Layer.DNS, seen)
            return
        if _was_slow(seen) and (lost := _loss(ctx, target)):
            yield warning(*lost, Layer.DNS, seen)
            return
        bad = [one for one in seen.servers if one.cause in _NO_ANSWER]
        if bad and bad[0].cause is not None:
            text = f"{len(bad)} of {len(seen.servers)} name servers fail: {'; '.join(map(_described, bad))}"
            yield warning(_cause_for_a_name(bad[0].cause), text, Layer.DNS, seen)
        else:
            addresses = ", ".join(one.address for one in seen.servers)
            yield finding_from(None, f"the name servers agree: {addresses}", Layer.DNS, seen)


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
"""Seconds from which a query must have been repeated."""


def _was_slow(seen: NameServers) -> bool:
    """Whether a server was silent, or answered only a repeated query."""
    return any(one.cause is Cause.DNS_TIMED_OUT or one.udp.seconds >= SLOW_ANSWER for one in seen.servers)


def _loss(ctx: Context, target: Target) -> tuple[Cause, str] | None:
    """Which name server drops queries, and how many: the same query ten times to each."""

    from checks.silence import of_loss
    from netcheck.engine.follow_up_facts import available, losses

    seen = available(ctx, losses, target.host)
    return None if seen is None else of_loss(seen)


def _specific_cause(seen: Resolution, ctx: Context, target: Target) -> tuple[Cause | None, str]:
    """getaddrinfo returns EAI_AGAIN for both SERVFAIL and REFUSED; the name servers' answers say which."""
    if seen.cause is Cause.DNS_RESOLVER_FAILED:
        servers = ctx.get(facts.name_servers, target.host)
        if servers.cause is not None and servers.cause in _NO_ANSWER:
            return _cause_for_a_name(servers.cause), f"{seen.detail} ({servers.detail})"
    return seen.cause, seen.detail


def _cause_for_a_name(cause: Cause) -> Cause:
    """What a name server's failure means for a name. A name server that refuses the connection says nothing
    about the target's listeners.
    """
    return Cause.DNS_RESOLVER_FAILED if cause is Cause.CONNECTION_REFUSED else cause


def _described(server: NameServer) -> str:
    return f"{server.address} ({_why(server.cause, server.detail)})"


def _why(cause: Cause | None, detail: str) -> str:
    match cause:
        case Cause.DNS_NXDOMAIN:
            return "no such name (NXDOMAIN)"
        case Cause.DNS_NO_ADDRESS:
            return "the name exists but has no address"
        case Cause.DNS_SERVFAIL:
            return "SERVFAIL"
        case Cause.DNS_REFUSED:
            return "REFUSED"
        case Cause.DNS_TIMED_OUT:
            return "no answer in time"
        case _:
            return detail

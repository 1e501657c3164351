"""Does the name resolve, here and at every name server?"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.core.check import Check, answer, warning
from netcheck.core.context import Context, PrerequisiteFailed, Skip
from netcheck.core.hostport import is_address
from netcheck.core.model import WITH_PORT, Cause, Finding, Kind, Layer, Target
from netcheck.engine import facts
from netcheck.probe.dns.resolve import NameServer, NameServers, Resolution, compare


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
    after = frozenset({"resolver.zones", "resolver.firewall", "privatelink.endpoint"})

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        seen = ctx.get(facts.resolution, target.host)
        if is_address(target.host) and seen.cause is None:
            raise Skip("an address was given, there is no name to resolve")
        if seen.cause is Cause.DNS_TIMED_OUT and (lost := _loss(ctx, target)):
            yield answer(*lost, Layer.DNS, seen)
            return
        if seen.cause is not None:
            cause, detail = _known_better(seen, ctx, target)
            text = f"{target.host} does not resolve here: {_why(cause, detail)}"
            yield answer(cause, text, Layer.DNS, seen)
            return
        kinds = {"private" if one.private else "public" for one in seen.addresses}
        told = ", ".join(one.address for one in seen.addresses)
        yield answer(None, f"{target.host} is {told} ({' and '.join(sorted(kinds))})", Layer.DNS, seen)


class BrokerIsThere(Check):
    """The broker's name leads to the address that MSK says it has.

    MSK tells the address of every broker (ListNodes), which changes when a broker is replaced. It fails when
    the name gives another one, as a hosts file, a private zone or a cache does, and nothing answers there; it
    warns when something does.

    Fix: find who still gives the old address, and never write addresses of brokers down.
    """

    id = "dns.brokers"
    kinds = frozenset({Kind.KAFKA})
    after = frozenset({"dns.resolves"})

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
            yield answer(None, f"{target.host} is {address}, as MSK says", Layer.DNS, seen)
            return
        text = f"{target.host} gives {', '.join(given)}, and MSK says that the broker is at {address}"
        answers = any(
            one.cause is None for one in ctx.get(facts.connections, target.host, target.port).connections
        )
        if answers:
            yield warning(Cause.DNS_STALE, f"{text}: something else answers there", Layer.DNS, seen)
        else:
            yield answer(Cause.DNS_STALE, text, Layer.DNS, seen)


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
    after = frozenset({"dns.resolves"})

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
            yield answer(None, f"the name servers agree: {told}", Layer.DNS, seen)


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
    from netcheck.engine.follow_up_facts import had, losses

    seen = had(ctx, losses, target.host)
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

"""Can workers resolve the names they need in their VPC, according to AWS's configuration?"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from checks import path_findings
from netcheck.core.check import Check
from netcheck.core.components import Concern
from netcheck.core.context import Context, FactUnavailable, Skip
from netcheck.core.model import WITH_PORT, Cause, Explains, Finding, Json, Kind, Layer, Status, Target
from netcheck.core.problem import Problem
from netcheck.engine import facts

if TYPE_CHECKING:
    from netcheck.aws.ec2.endpoints import VpcDns
    from netcheck.aws.route53.model import FirewallRule, Listed
    from netcheck.path.aggregate import Traced
    from netcheck.path.name_resolution import NameResolution

ROUTING = frozenset({Concern.ROUTE, Concern.INTERNET, Concern.ENDPOINT})
SERVERLESS = ".kafka-serverless."
"""In the names of MSK Serverless (Amazon MSK developer guide, Port information)."""

NEED_NAMES = frozenset(
    {
        "aws-service.answers",
        "aws-service.path",
        "aws-service.policy",
        "resolver.firewall",
        "resolver.servers",
        "resolver.zones",
    }
)
"""Checks that depend on name resolution in the workers' VPC: without a resolver there they cannot run."""

ZONES_PROBLEMS = (
    Problem(
        Cause.DNS_SHADOWED,
        "a private hosted zone hides the name",
        "The zone is queried instead of public DNS and does not contain the name: add the record to it, or "
        "disassociate the zone from the workers' VPC (aws route53 disassociate-vpc-from-hosted-zone).",
        refuted_by="dns.resolves",
    ),
    Problem("PRIVATE_ZONE_LACKS_RECORD", "a private hosted zone hides the name"),
    Problem("SERVERLESS_VPC_MISSING", "the serverless cluster's names do not resolve in this VPC"),
)

SERVERS_PROBLEMS = (
    Problem(
        Cause.VPC_DNS_OFF,
        "DNS is disabled in the VPC",
        "Enable enableDnsSupport and enableDnsHostnames: aws ec2 modify-vpc-attribute --vpc-id VPC "
        "--enable-dns-support (then --enable-dns-hostnames). Private DNS of endpoints and private hosted "
        "zones need both.",
        explains=(Explains(checks=NEED_NAMES, not_run=True),),
    ),
    Problem(
        Cause.RESOLVERS_MIXED,
        "the DHCP options mix AWS's resolver with other name servers",
        "Each lookup may go to any of them, and only AWS's resolver knows private zones and endpoints. "
        "Configure AmazonProvidedDNS alone and forward your own domains with a Resolver rule.",
    ),
    Problem("VPC_DNS_SUPPORT_OFF", "enableDnsSupport is disabled in the VPC"),
)

FIREWALL_PROBLEMS = (
    Problem(
        Cause.DNS_FIREWALL,
        "DNS Firewall blocks the name",
        "Add the name to a domain list of an ALLOW rule with a lower priority number, or remove it from the "
        "list that blocks it.",
        refuted_by="dns.resolves",
    ),
    Problem("DNS_FIREWALL_BLOCKS", "a DNS Firewall rule blocks the name"),
)


class ServersAnswer(Check):
    """The workers' VPC has name servers, and the workers reach them.

    Reads the DHCP options of each worker VPC: MSK Connect uses the name servers listed there, and cannot
    create a connector while they do not answer. It fails when DNS is disabled in the VPC (enableDnsSupport)
    although the options depend on it, and when a route, security group or network ACL blocks workers from a
    custom name server. It warns when only TCP is blocked, which clients use for answers that do not fit into
    a datagram (RFC 7766), and when the options mix AWS's resolver with other servers: each lookup may go to
    any of them. Whether custom servers forward AWS's names is not part of AWS's configuration: dns.servers
    queries them.

    Fix: use AmazonProvidedDNS alone, with Resolver rules for your own domains; or open UDP and TCP port 53 to
    the servers, and have them forward to the VPC's resolver. MSK Connect picks up changed options within
    minutes; tasks may fail meanwhile.
    """

    id = "resolver.servers"
    kinds = frozenset({Kind.PIPELINE})
    problems = SERVERS_PROBLEMS
    explains = (Explains(frozenset({Cause.DNS_TIMED_OUT, Cause.DNS_RESOLVER_FAILED}), same_place=True),)

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:  # noqa: ARG002 - the same for all
        for vpc in ctx.get(facts.worker_vpcs):
            dns = ctx.get(facts.access).dns.get(vpc)
            if dns is None or dns.servers is None:
                yield _not_collected(vpc, "ec2:DescribeDhcpOptions" if dns else "ec2:DescribeVpcs")
            else:
                yield from _servers(dns, ctx)


class NothingHides(Check):
    """No private hosted zone in the workers' VPC hides the name.

    A private zone for a parent domain (clickhouse.cloud, amazonaws.com) is queried instead of public DNS: a
    name that it does not contain does not exist for the workers, although it resolves outside the VPC. Of
    several zones and Resolver rules the most specific applies. An MSK Serverless name resolves only in the
    cluster's VPCs: other VPCs need a zone or a rule.

    Fix: add the record to the zone, or disassociate the zone from the VPC; for MSK Serverless add the
    workers' VPC to the cluster, or forward the name to a resolver in a VPC of the cluster.
    """

    id = "resolver.zones"
    kinds = WITH_PORT
    problems = ZONES_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        from netcheck.path.name_resolution import ResolvedBy

        _is_a_name(target)
        for vpc in ctx.get(facts.worker_vpcs):
            seen = ctx.get(facts.name_resolution, vpc, target.host)
            evidence: dict[str, Json] = {"vpc": vpc, "by": str(seen.by), "addresses": list(seen.addresses)}
            if not seen.held:
                yield Finding(
                    Status.FAIL, f"{seen.text}: workers in {vpc} cannot resolve it", Cause.DNS_SHADOWED,
                    Layer.DNS, evidence, code="PRIVATE_ZONE_LACKS_RECORD", component=seen.component,
                )  # fmt: skip
            elif seen.by is ResolvedBy.UNKNOWN:
                yield _unknown(seen, target, ctx)
            elif seen.by is ResolvedBy.PUBLIC and SERVERLESS in target.host and not _is_in_cluster(vpc, ctx):
                text = f"{target.host} resolves only in the VPCs of its serverless cluster, not in {vpc}"
                yield Finding(
                    Status.FAIL, text, Cause.DNS_NXDOMAIN, Layer.DNS, evidence,
                    code="SERVERLESS_VPC_MISSING", component=vpc,
                )  # fmt: skip
            else:
                yield _by_aws(seen, evidence)


class FirewallAllows(Check):
    """DNS Firewall in the workers' VPC does not block the name.

    Evaluates the rules of all rule groups associated with the VPC in order; the first rule whose domain list
    contains the name applies. AWS managed domain lists cannot be read: they are assumed not to contain the
    names of AWS and ClickHouse.

    Fix: allow the name in a rule with a lower priority number, or remove it from the list.
    """

    id = "resolver.firewall"
    kinds = WITH_PORT
    problems = FIREWALL_PROBLEMS

    def run(self, target: Target, ctx: Context) -> Iterator[Finding]:
        _is_a_name(target)
        if ctx.config.snapshot:
            raise Skip("DNS Firewall is not part of a snapshot; run without --snapshot")
        for vpc in ctx.get(facts.worker_vpcs):
            seen = ctx.get(facts.lookups, vpc)
            gap = seen.lacks("DNS Firewall")
            if gap is not None or seen.error:
                raise FactUnavailable(gap.reason if gap else seen.error, gap.action if gap else None)
            if not seen.firewall:
                yield Finding(Status.PASS, f"no DNS Firewall in {vpc}", None, Layer.DNS)
                continue
            readable = tuple(dict.fromkeys(rule.domains for rule in seen.firewall if not rule.managed))
            found = ctx.get(facts.blocked_lists, readable, target.host.lower())
            yield _fired(target.host, vpc, seen.firewall, found)


def _is_a_name(target: Target) -> None:
    try:
        ipaddress.ip_address(target.host)
    except ValueError:
        return
    raise Skip("the target is an IP address: there is no name to look up")


def _not_collected(vpc: str, action: str) -> Finding:
    return Finding(
        Status.UNKNOWN,
        f"the name servers of {vpc} are unknown (needs {action})",
        Cause.PATH_UNKNOWN,
        Layer.DNS,
        components=(vpc,),
        missing_permissions=(action,),
    )


def _servers(dns: VpcDns, ctx: Context) -> Iterator[Finding]:
    assert dns.servers is not None
    servers = ", ".join(dns.servers) or "no name servers"
    evidence: dict[str, Json] = {"vpc": dns.vpc, "options": dns.options, "servers": list(dns.servers)}
    asks_aws = len(dns.foreign) < len(dns.servers)
    bad = False
    if asks_aws and dns.support is False:
        bad = True
        yield Finding(
            Status.FAIL, f"enableDnsSupport is disabled in {dns.vpc}, but {dns.options} uses AWS's resolver",
            Cause.VPC_DNS_OFF, Layer.DNS, evidence, code="VPC_DNS_SUPPORT_OFF", component=dns.vpc,
        )  # fmt: skip
    if not dns.servers:
        bad = True
        text = f"the DHCP options of {dns.vpc} ({dns.options}) list no name server"
        yield Finding(Status.WARN, text, Cause.VPC_DNS_OFF, Layer.DNS, evidence, component=dns.options)
    if asks_aws and dns.foreign:
        bad = True
        text = f"{dns.options} of {dns.vpc} mixes AWS's resolver with other name servers: {servers}"
        yield Finding(Status.WARN, text, Cause.RESOLVERS_MIXED, Layer.DNS, evidence, component=dns.options)
    for server in dns.foreign:
        found = list(_blocked_from(server, ctx, dns.vpc))
        yield from found
        bad = bad or bool(found)
    if not bad:
        how = "AWS's resolver" if not dns.foreign else f"custom name servers, which workers reach: {servers}"
        yield Finding(Status.PASS, f"{dns.vpc} uses {how}", None, Layer.DNS, evidence)


def _blocked_from(server: str, ctx: Context, vpc: str) -> Iterator[Finding]:
    """What blocks the workers of this VPC from a name server: a failure over UDP, a warning over TCP."""

    from netcheck.aws.ec2.entities import TCP, UDP
    from netcheck.path.resolver import DNS_PORT

    asked = Target(Kind.PIPELINE, server, DNS_PORT)
    by_udp, by_tcp = _paths(server, ctx, vpc, UDP), _paths(server, ctx, vpc, TCP)
    blocked = list(_blockers(by_udp, asked))
    yield from blocked
    undecided = list(path_findings.undecided(by_udp, asked))
    yield from undecided
    reported = {(one.code, one.component) for one in blocked}
    for one in _blockers(by_tcp, asked):
        if (one.code, one.component) not in reported:
            text = f"over TCP, which clients use for answers too long for UDP: {one.summary}"
            yield replace(one, status=Status.WARN, summary=text)
    if not undecided:
        yield from path_findings.undecided(by_tcp, asked)


def _paths(server: str, ctx: Context, vpc: str, protocol: int) -> list[Traced]:
    """From every worker subnet of this VPC to a name server."""

    from netcheck.path.aggregate import Traced
    from netcheck.path.resolver import DNS_PORT
    from netcheck.path.trace import Destination, QuestionError, from_subnet, trace

    known, groups = ctx.get(facts.snapshot), ctx.config.source_security_group or None
    try:
        to = Destination.parse(server)
        return [
            Traced(name, server, trace(known, from_subnet(known, name, groups), to, protocol, DNS_PORT))
            for name in ctx.config.source_subnet
            if name in known.subnets and known.subnets[name].vpc == vpc
        ]
    except (QuestionError, ValueError) as error:
        raise FactUnavailable(f"whether workers reach the name server {server} is unknown: {error}") from None


def _blockers(traced: list[Traced], asked: Target) -> Iterator[Finding]:
    yield from path_findings.filtered(traced, asked)
    yield from path_findings.blocked(traced, asked, ROUTING, Cause.PATH_NO_ROUTE, Layer.ROUTE)


def _by_aws(seen: NameResolution, evidence: dict[str, Json]) -> Finding:
    from netcheck.path.name_resolution import ResolvedBy

    match seen.by:
        case ResolvedBy.FORWARD | ResolvedBy.OWN_SERVERS:
            text = f"{seen.text}: AWS's configuration does not contain their answers; see dns.servers"
            return Finding(Status.SKIP, text, None, Layer.DNS, evidence)
        case ResolvedBy.NOBODY:
            return Finding(Status.SKIP, seen.text, Cause.NOT_ASKED, Layer.DNS, evidence)
        case _:
            return Finding(Status.PASS, seen.text, None, Layer.DNS, evidence)


def _unknown(seen: NameResolution, target: Target, ctx: Context) -> Finding:
    if ctx.config.snapshot:
        raise Skip(seen.text)
    action = seen.missing.action if seen.missing else ""
    needed = (action,) if action else ()
    text = f"whether a private zone hides {target.host} is unknown: {seen.text}"
    return Finding(
        Status.UNKNOWN,
        text,
        Cause.PATH_UNKNOWN,
        Layer.DNS,
        component=seen.component,
        missing_permissions=needed,
    )


def _is_in_cluster(vpc: str, ctx: Context) -> bool:
    """Whether the serverless cluster has subnets in this VPC; True if that is unknown."""
    cluster, known = ctx.get(facts.pipeline).cluster, ctx.get(facts.snapshot)
    if cluster is None or not cluster.vpc_configs or known.missing("Subnets") is not None:
        return True
    subnets = {name for names, _ in cluster.vpc_configs for name in names}
    return any(known.subnets[name].vpc == vpc for name in subnets if name in known.subnets)


def _fired(host: str, vpc: str, rules: tuple[FirewallRule, ...], found: Listed) -> Finding:
    unread = {one.what: one for one in found.missing}
    for rule in rules:
        evidence: dict[str, Json] = {
            "vpc": vpc,
            "rule_group": rule.group,
            "rule": rule.name,
            "list": rule.domains,
        }
        if rule.domains in found.lists and rule.action == "BLOCK":
            text = f"{rule.group} blocks {host} in {vpc}: {rule.name} ({rule.domains})"
            return Finding(
                Status.FAIL, text, Cause.DNS_FIREWALL, Layer.DNS, evidence,
                code="DNS_FIREWALL_BLOCKS", component=rule.group,
            )  # fmt: skip
        if rule.domains in found.lists:
            return Finding(Status.PASS, f"{rule.group} allows {host}: {rule.name}", None, Layer.DNS, evidence)
        if rule.domains in unread and rule.action == "BLOCK":
            gap = unread[rule.domains]
            needed = (gap.action,) if gap.action else ()
            text = f"whether {rule.group} blocks {host} is unknown: {gap.reason}"
            return Finding(
                Status.UNKNOWN,
                text,
                Cause.PATH_UNKNOWN,
                Layer.DNS,
                evidence,
                component=rule.group,
                missing_permissions=needed,
            )
    return Finding(Status.PASS, f"no DNS Firewall rule of {vpc} matches {host}", None, Layer.DNS)

"""The VPC's own DNS resolver: no network interface has its address, and no filter applies to it.

Sources: VPC user guide, DNS attributes for your VPC (the resolver is at the base of the primary IPv4 range
plus two, at 169.254.169.253 and at fd00:ec2::253), Security groups and Network ACLs (neither filters it).
"""

from __future__ import annotations

from netcheck.aws.ec2.addresses import parse_address
from netcheck.aws.ec2.entities import TCP, UDP
from netcheck.path.codes import Code
from netcheck.path.trace_state import Flow, TraceState
from netcheck.path.verdict import Blocker, Hop, Leg

DNS_PORT = 53
_LINK_LOCAL = frozenset({parse_address("169.254.169.253"), parse_address("fd00:ec2::253")})


def is_link_local_resolver(version: int, address: int) -> bool:
    """Whether this is one of the resolver's addresses that are the same in every VPC."""
    return (version, address) in _LINK_LOCAL


def is_resolver(walk: TraceState) -> bool:
    """Whether the flows go to the resolver of the sender's VPC."""
    flow = walk.flow
    if is_link_local_resolver(flow.version, flow.destination):
        return True
    vpc = walk.snapshot.vpcs.get(walk.stretch.vpc)
    if vpc is None or flow.version != 4 or not vpc.prefixes:
        return False
    primary = vpc.prefixes[0]
    return primary.version == 4 and flow.destination == primary.first + 2


def ask_resolver(walk: TraceState, source: str) -> None:
    """Judge traffic to the resolver: it answers DNS if the VPC has DNS support switched on."""
    flow, vpc, region = walk.flow, walk.stretch.vpc, walk.stretch.region
    walk.forward += [Hop(source), Hop(vpc)]
    if not _is_dns(flow):
        text = f"The DNS resolver of {vpc} answers on TCP and UDP port 53 only, not {flow.name}."
        walk.fault(region, Blocker(Code.NO_POSSIBLE_DESTINATION, Leg.FORWARD, vpc, None, None, text))
        return
    support = walk.snapshot.dns_support.get(vpc)
    if support is None:
        meaning = f"whether {vpc} has DNS support (enableDnsSupport)"
        walk.doubt(region, walk.absent("VpcAttributes", vpc, meaning, vpc))
    elif not support:
        text = f"DNS support (enableDnsSupport) of {vpc} is off: its resolver does not answer."
        walk.fault(region, Blocker(Code.BAD_STATE, Leg.FORWARD, vpc, None, None, text))
    walk.trail += [Hop(vpc), Hop(source)]


def _is_dns(flow: Flow) -> bool:
    return flow.protocol in (TCP, UDP) and flow.port == DNS_PORT

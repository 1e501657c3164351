"""The VPC's DNS resolver: it has no network interface, and no filter applies to it.

Sources: VPC user guide, DNS attributes for your VPC (the resolver is at the base of the primary IPv4 CIDR
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
    """Whether this is one of the resolver addresses that are the same in every VPC."""
    return (version, address) in _LINK_LOCAL


def is_resolver(state: TraceState) -> bool:
    """Whether the flows go to the resolver of the sender's VPC."""
    flow = state.flow
    if is_link_local_resolver(flow.version, flow.destination):
        return True
    vpc = state.snapshot.vpcs.get(state.segment.vpc)
    if vpc is None or flow.version != 4 or not vpc.prefixes:
        return False
    primary = vpc.prefixes[0]
    return primary.version == 4 and flow.destination == primary.first + 2


def ask_resolver(state: TraceState, source: str) -> None:
    """Evaluate traffic to the resolver: it answers DNS if enableDnsSupport is on."""
    flow, vpc, region = state.flow, state.segment.vpc, state.segment.region
    state.forward += [Hop(source), Hop(vpc)]
    if not _is_dns(flow):
        text = f"The DNS resolver of {vpc} answers only on TCP and UDP port 53, not {flow.name}."
        state.fault(region, Blocker(Code.NO_POSSIBLE_DESTINATION, Leg.FORWARD, vpc, None, None, text))
        return
    support = state.snapshot.dns_support.get(vpc)
    if support is None:
        meaning = f"whether {vpc} has DNS support (enableDnsSupport)"
        state.doubt(region, state.absent("VpcAttributes", vpc, meaning, vpc))
    elif not support:
        text = f"DNS support (enableDnsSupport) of {vpc} is off: its resolver does not answer."
        state.fault(region, Blocker(Code.BAD_STATE, Leg.FORWARD, vpc, None, None, text))
    state.trail += [Hop(vpc), Hop(source)]


def _is_dns(flow: Flow) -> bool:
    return flow.protocol in (TCP, UDP) and flow.port == DNS_PORT

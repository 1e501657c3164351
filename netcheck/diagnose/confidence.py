"""What a closer look at silence earns by itself, and what AWS's configuration has to add. Pure.

That a port, a host or the internet is silent was seen more than once, and is certain. A rule and a dead
listener look the same all the same: only where AWS's configuration would deliver is it known who it is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netcheck.core.model import Cause


@dataclass(frozen=True, slots=True)
class Earned:
    """`open` is what stays uncertain as long as nobody knows whether AWS would deliver; `mend` is what is
    left to do where it would.
    """

    certain: str
    open: str
    mend: str

    def __str__(self) -> str:
        return f"that {self.certain} is certain; {self.open} is not"


_LEAVE = (
    "AWS's configuration delivers it, both ways: leave routes, security groups and network ACLs as they are."
)

EARNED: Mapping[Cause | None, Earned] = {
    Cause.PORT_SILENT: Earned(
        "this port is silent and others of the host are not",
        "whether a rule for the port drops it or its listener hangs",
        f"{_LEAVE} Look at the listener (its process, a queue that is full; of an MSK broker see aws kafka "
        "reboot-broker), at the host's own firewall (iptables, firewalld), and at firewall appliances that "
        "go by the port.",
    ),
    Cause.LISTENER_SILENT: Earned(
        "this one listener is silent",
        "whether it hangs or a rule for this host and port drops it",
        f"{_LEAVE} The listener hangs (restart it; of an MSK broker see aws kafka reboot-broker), or the "
        "host's own firewall drops it (iptables, firewalld).",
    ),
    Cause.HOST_SILENT: Earned(
        "this host is silent and others like it are not",
        "whether it is down or its subnet has another network ACL or route",
        f"{_LEAVE} The host is down or being replaced (aws kafka describe-cluster-v2, "
        "list-cluster-operations-v2), or its own firewall drops everything (iptables, firewalld).",
    ),
    Cause.PUBLIC_HOST_SILENT: Earned(
        "the internet is there and this host is silent",
        "whether an egress rule or the peer is to blame",
        f"{_LEAVE} Look at the peer: whether it is up, whether its firewall or allow list lets the NAT "
        "gateways' public addresses in, whether its load balancer has a healthy target; then at firewall "
        "appliances on the way out.",
    ),
    Cause.NO_INTERNET: Earned(
        "nothing public answers from here",
        "whether a route, a NAT gateway or a filter is to blame",
        f"{_LEAVE} Look at this host's own firewall (iptables), at firewall appliances on the way out, and "
        "at the NAT gateway's ErrorPortAllocation and PacketsDropCount in CloudWatch.",
    ),
    Cause.SOURCE_PORT_FILTERED: Earned(
        "answers depend on the port that is called from",
        "which network ACL, or which other filter without memory, does it",
        f"{_LEAVE} Look for another filter without memory that passes only part of the ports 1024-65535: on "
        "a router or firewall appliance on the way, or at the other party.",
    ),
}
"""By the cause that a closer look names. A family of IP that is silent (family_split) is a warning, and no
root cause; a path that loses large packets or drops TLS is seen as such, whoever configured what."""

NOW_AND_THEN = (
    "that it works now and then is certain; why it does is not: run netcheck again, and look at the target's "
    "log for the time of this run"
)
"""Of what was silent and answered when asked again: a restart, a dead backend and a path that loses packets
look the same."""

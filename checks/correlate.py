"""Do both sides fit, what is observed and what AWS's configuration says?"""

from __future__ import annotations

from netcheck.core.check import DerivedCheck
from netcheck.core.model import WITH_PORT


class SidesAgree(DerivedCheck):
    """Nothing answers that AWS's configuration stops.

    Derived from the other results, where this run looks from where the workers are: an answer, good or
    bad, has crossed the path both ways, so a route, security group or network ACL that is said to stop it
    cannot. Then it is unknown which of both sides is wrong, and what was said to stop it is unknown too, no
    root cause. From elsewhere an answer says nothing of the workers' path.

    Fix: run again, in case the configuration has changed meanwhile; look for something that answers in the
    target's place (a proxy, a service mesh's sidecar); compare vantage.parity; netcheck path shows the way
    that was computed, hop by hop.
    """

    id = "correlate.agrees"
    kinds = WITH_PORT


class WhatIsDeliveredAnswers(DerivedCheck):
    """What AWS's configuration delivers is answered.

    Derived from the other results, where this run looks from where the workers are. It fails when a target
    is silent although routes, security groups and network ACLs let its packets through, both ways, and
    nothing else explains the silence: then it is lost past what AWS filters and routes. Silence from
    elsewhere is left to tcp.connects, as it may be this host's own way.

    Fix: look at the target's own firewall (iptables, firewalld), at the health of a load balancer's targets,
    at firewall appliances on the way, at an allow list of the other party. VPC flow logs of the target's
    network interface show whether the packets arrive.
    """

    id = "correlate.delivered"
    kinds = WITH_PORT

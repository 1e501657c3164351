"""Do both sides fit, what is observed and what AWS's configuration does?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from netcheck.core.check import DerivedCheck
from netcheck.core.model import WITH_PORT, Cause, Explains, Finding, Json, Layer, Result, Status
from netcheck.core.place import Place
from netcheck.core.problem import Problem, Trait

if TYPE_CHECKING:
    from netcheck.core.catalogue import Catalogue
    from netcheck.diagnose.join import Contradiction, Delivered

AGREES_PROBLEMS = (
    Problem(
        Cause.CONFIG_OBSERVATION_MISMATCH,
        "observation and AWS's configuration contradict each other",
        "One of the two is wrong: the configuration has changed since it was collected, something in between "
        "answers in the target's place (a proxy, a service mesh), or netcheck mistakes this host for one of "
        "the workers'. Run again; if it stays, netcheck path shows the computed path.",
        traits=frozenset({Trait.AGENT}),
    ),
)

DELIVERED_PROBLEMS = (
    Problem(
        Cause.SILENT_PAST_AWS,
        "AWS's configuration delivers it, and nothing answers",
        "Look behind AWS's network: a host firewall on the target (iptables, firewalld, Windows Firewall), a "
        "target group without healthy targets, a firewall appliance on the path, an allow list at the other "
        "party, or a host that is gone or restarting. A VPC flow log of the target's network interface shows "
        "whether the packets arrive there.",
        explains=(Explains(silent=True, same_target=True),),
    ),
)


class SidesAgree(DerivedCheck):
    """Nothing answers that AWS's configuration blocks.

    Derived from the other results, where this run looks from where the workers are: an answer, good or bad,
    has crossed the path both ways, so a route, security group or network ACL that is said to block it
    cannot. It is then unknown which side is wrong, and what was said to block it is unknown too, no root
    cause. From elsewhere an answer says nothing of the workers' path.

    Fix: run again, in case the configuration has changed meanwhile; look for something that answers in the
    target's place (a proxy, a service mesh's sidecar); compare vantage.parity; netcheck path shows the
    computed path, hop by hop.
    """

    id = "correlate.agrees"
    kinds = WITH_PORT
    problems = AGREES_PROBLEMS

    def derive(self, results: Sequence[Result], place: Place, catalogue: Catalogue) -> list[Result]:
        from netcheck.diagnose.join import contradictions

        found = contradictions(results, place, catalogue)
        return [result for one in found for result in self._results(one)]

    def _results(self, found: Contradiction) -> Iterator[Result]:
        """The contradiction, and what it casts doubt on."""
        from netcheck.diagnose.join import doubted

        key = f"{self.id}@{found.target}"
        yield Result(key, self.id, found.target, _contradiction(found), 0.0)
        for one in (*found.blockers, *found.dependants):
            text = f"AWS's configuration says so, but the target answered: {one.finding.summary}"
            yield doubted(one, Cause.CONFIG_OBSERVATION_MISMATCH, text, key)


class WhatIsDeliveredAnswers(DerivedCheck):
    """What AWS's configuration delivers answers.

    Derived from the other results, where this run looks from where the workers are. It fails when a target
    is silent although routes, security groups and network ACLs let its packets through, both ways, and
    nothing else explains the silence: then packets are lost behind what AWS filters and routes. Silence
    from elsewhere is left to tcp.connects, as it may be this host's own path.

    Fix: look at the target's own firewall (iptables, firewalld), at the health of a load balancer's
    targets, at firewall appliances on the path, at an allow list of the other party. VPC flow logs of the
    target's network interface show whether the packets arrive.
    """

    id = "correlate.delivered"
    kinds = WITH_PORT
    problems = DELIVERED_PROBLEMS
    after_folding = True

    def derive(self, results: Sequence[Result], place: Place, catalogue: Catalogue) -> list[Result]:  # noqa: ARG002
        from netcheck.diagnose.join import delivered

        found = delivered(results, place)
        return [Result(f"{self.id}@{one.target}", self.id, one.target, _delivered(one), 0.0) for one in found]


def _contradiction(found: Contradiction) -> Finding:
    components = tuple(dict.fromkeys(name for one in found.blockers for name in one.finding.components))
    evidence: dict[str, Json] = {
        "observed": found.shown.finding.summary,
        "configured": [one.finding.summary for one in found.blockers],
        "components": [*components],
    }
    text = (
        f"{found.target.endpoint} answers from where the workers are, although AWS's configuration blocks it "
        f"at {', '.join(components)}: the configuration has changed, something else answers in its place, or "
        "this host is not where it seems to be"
    )
    return Finding(Status.UNKNOWN, text, Cause.CONFIG_OBSERVATION_MISMATCH, Layer.AGENT, evidence)


def _delivered(found: Delivered) -> Finding:
    sources = ", ".join(dict.fromkeys(path.source for path in found.paths))
    assumptions = tuple(dict.fromkeys(text for path in found.paths for text in path.assumptions))
    observed = found.silent.finding.summary
    text = (
        f"{found.target.endpoint} is silent, and AWS's configuration delivers to it from {sources} and back: "
        "something behind routes, security groups and network ACLs drops the packets"
    )
    return Finding(
        Status.FAIL,
        text,
        Cause.SILENT_PAST_AWS,
        Layer.TCP,
        {"observed": observed, "assumptions": [*assumptions]},
        observed=observed,
        assumptions=assumptions,
    )

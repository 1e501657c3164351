"""Repairs of random networks, held to the kernel: the changed JSON is built again and the flows are tried.

For some of a network's blocked flows, and for all of these together as one pipeline: what the repair says it
has proved must connect; nothing that connected may be lost; whatever newly connects must be of the flow's own
protocol and port, between those whom the changes are about; and no smaller part of the changes may do.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from netcheck.aws.snapshot import from_documents, from_parts
from netcheck.path.query import answer
from netcheck.repair.apply import Parts, applied
from netcheck.repair.change import (
    AclRule,
    Change,
    GroupRule,
    TableRoute,
    TransitRoute,
    sentence,
)
from netcheck.repair.search import Repair, repair
from tests.lab.account import Account
from tests.lab.cloud import Documents
from tests.lab.compare import one_way_over_the_internet, query
from tests.lab.flow import Flow, Outcome
from tests.lab.mendable import has_a_way_out, has_room, joined_by_peering, only_filters
from tests.lab.sandbox import Sandbox
from tests.lab.topology import Topology, generate

Repairing = Callable[[Parts, Sequence[dict[str, Any]]], Repair]

SINGLE, TOGETHER = 8, 5
"""Blocked flows of a network that are mended each alone, and together."""
MOST_SMALLER = 6
"""Up to so many changes every smaller set is tried."""


@dataclass(slots=True)
class RepairTally:
    """What was tried. `mendable` are flows that the oracle says can be mended."""

    blocked: int = 0
    mendable: int = 0
    proved: int = 0
    confirmed: int = 0
    changes: int = 0
    newly: int = 0
    skipped: int = 0
    differences: list[str] = field(default_factory=list)

    def add(self, other: RepairTally) -> None:
        for name in ("blocked", "mendable", "proved", "confirmed", "changes", "newly", "skipped"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.differences += other.differences

    def __str__(self) -> str:
        return (
            f"{self.blocked} blocked flows, {self.mendable} mendable for certain, {self.proved} proved to be"
            f" mended by {self.changes} changes, {self.confirmed} of these connected by the kernel"
            f" ({self.skipped} left out), {self.newly} other flows newly connected,"
            f" {len(self.differences)} differences"
        )


def repair_flows(parts: Parts, queries: Sequence[dict[str, Any]]) -> Repair:
    return repair(parts, queries)


def compare_repairs(sandbox: Sandbox, seed: int, mend: Repairing = repair_flows) -> RepairTally:
    """Some of the blocked flows of one network, each mended alone, and some of them together."""
    topology = generate(seed)
    before = sandbox.ask(topology.cloud.documents, topology.flows, seed)
    return _Comparison(sandbox, topology, before, mend).tally()


class _Comparison:
    def __init__(self, sandbox: Sandbox, topology: Topology, before: list[Outcome], mend: Repairing) -> None:
        self.sandbox, self.topology, self.before, self.mend = sandbox, topology, before, mend
        self.documents = topology.cloud.documents
        self.snapshot = from_documents(self.documents)
        self.found = RepairTally()

    def tally(self) -> RepairTally:
        queries = [query(self.documents, number, flow) for number, flow in enumerate(self.topology.flows)]
        answers = [answer(one, self.snapshot) for one in queries]
        blocked = [number for number, said in enumerate(answers) if said.get("verdict") == "blocked"]
        rng = random.Random(self.topology.seed)
        alone = rng.sample(blocked, min(SINGLE, len(blocked)))
        for number in alone:
            self.found.blocked += 1
            self.one([number], queries, self.mendable(number, answers[number]))
        together = [n for n in rng.sample(blocked, len(blocked)) if n not in alone][:TOGETHER]
        if together:
            self.found.blocked += len(together)
            self.one(together, queries, False)
        return self.found

    def mendable(self, number: int, said: dict[str, Any]) -> bool:
        flow = self.topology.flows[number]
        possible = (
            only_filters(said)
            or joined_by_peering(self.documents, flow)
            or has_a_way_out(self.documents, flow)
        )
        return possible and has_room(self.documents, said) and not said["gaps"]

    def one(self, numbers: list[int], queries: list[dict[str, Any]], mendable: bool) -> None:
        asked = [queries[number] for number in numbers]
        parts: Parts = (("", self.documents),)
        done = self.mend(parts, asked)
        proved = [n for n in numbers if any(q.proved and q.query is queries[n] for q in done.questions)]
        self.found.mendable += mendable
        self.found.proved += len(proved)
        self.found.changes += len(done.changes)
        if mendable and not proved:
            self.differ(numbers, done, "a flow that can be mended was not")
        if not proved:
            return
        if self.could_do_with_less(parts, [queries[n] for n in proved], done.changes):
            self.differ(numbers, done, "a smaller part of the changes does it")
        self.hold_to_the_kernel(numbers, proved, done)

    def could_do_with_less(
        self, parts: Parts, queries: list[dict[str, Any]], changes: tuple[Change, ...]
    ) -> bool:
        sizes = range(len(changes)) if len(changes) <= MOST_SMALLER else (len(changes) - 1,)
        return any(
            all(answer(one, snapshot)["verdict"] == "reachable" for one in queries)
            for size in sizes
            for some in combinations(changes, size)
            for snapshot in (from_parts(applied(parts, some)),)
        )

    def hold_to_the_kernel(self, numbers: list[int], proved: list[int], done: Repair) -> None:
        documents = dict(done.parts[0][1])
        after = self.sandbox.ask(documents, self.topology.flows, self.topology.seed)
        mended = [self.topology.flows[number] for number in proved]
        for number, (flow, was, now) in enumerate(zip(self.topology.flows, self.before, after, strict=True)):
            odd = one_way_over_the_internet(now) or one_way_over_the_internet(was)
            if number in proved and now.connected:
                self.found.confirmed += 1
            elif number in proved and odd:
                self.found.skipped += 1
            elif number in proved:
                self.differ(numbers, done, f"proved, and the kernel drops it: {flow}: {now}")
            elif was.connected and not now.connected and not odd:
                self.differ(numbers, done, f"the changes stop {flow}: {now}")
            elif now.connected and not was.connected:
                self.found.newly += 1
                if not odd and not within(documents, flow, mended, done.changes):
                    self.differ(numbers, done, f"the changes let pass {flow} too")

    def differ(self, numbers: list[int], done: Repair, what: str) -> None:
        changes = "; ".join(sentence(change) for change in done.changes)
        self.found.differences.append(
            f"python -m tests.lab --repairs {self.topology.seed}   # flows {numbers}, {changes}: {what}"
        )


def within(documents: Documents, flow: Flow, mended: Iterable[Flow], changes: Sequence[Change]) -> bool:
    """Whether a flow that newly passes does so by what the mended flows need of one of the changes."""
    account = Account(documents)
    return any(_needed(account, change, flow, one) for change in changes for one in mended)


def _needed(account: Account, change: Change, flow: Flow, mended: Flow) -> bool:
    """Whether the change has to let `flow` pass so that it lets `mended` pass: what it filters by, or leads
    by, is the same of both.
    """
    match change:
        case GroupRule():
            same = (flow.protocol, flow.port) == (mended.protocol, mended.port)
            return same and _between(account, change, flow, mended)
        case AclRule():
            wanted = _packets(account, mended, change.egress)
            alike = {(remote, port) for remote, port in _packets(account, flow, change.egress)}
            return flow.protocol == mended.protocol and bool(wanted & alike)
        case TableRoute() | TransitRoute():
            return bool(_ends(account, flow) & _ends(account, mended))
        case _:
            return True


def _between(account: Account, rule: GroupRule, flow: Flow, mended: Flow) -> bool:
    """Whether the end in the group holds it, and the other end is the mended flow's, or of its groups."""
    near, far = ("source", "destination") if rule.egress else ("destination", "source")
    holds = rule.group in _groups(account, flow, near) or not _groups(account, flow, near)
    shared = _groups(account, flow, far) & _groups(account, mended, far)
    return holds and (bool(shared) or bool(_ends(account, flow) & _ends(account, mended)))


def _packets(account: Account, flow: Flow, egress: bool) -> set[tuple[str, int]]:
    """(the far end, destination port) of its packets as an ACL's inbound or outbound rules see them, there
    and back. Behind a NAT gateway the sender is the gateway, and its port any.
    """
    senders = {flow.address, *_nat_addresses(account)}
    receiver = _private(account, flow.destination)
    ports = {flow.source_port} | ({-1} if _nat_addresses(account) else set())
    if egress:
        back = {(sender, port) for sender in senders for port in ports}
        return {(receiver, flow.port), (flow.destination, flow.port), *back}
    there = {(sender, flow.port) for sender in senders}
    return {*there, *((end, port) for end in (receiver, flow.destination) for port in ports)}


def _ends(account: Account, flow: Flow) -> set[str]:
    """Both ends' addresses, private and public."""
    known = {flow.address, flow.destination}
    return known | {_private(account, one) for one in known}


def _private(account: Account, address: str) -> str:
    found = (a["PrivateIpAddress"] for a in account.all("Addresses") if a["PublicIp"] == address)
    return next(found, address)


def _nat_addresses(account: Account) -> set[str]:
    return {g["NatGatewayAddresses"][0]["PrivateIp"] for g in account.all("NatGateways")}


def _groups(account: Account, flow: Flow, end: str) -> set[str]:
    """The security groups of one end; none of an address of nobody."""
    address = flow.address if end == "source" else _private(account, flow.destination)
    return {
        group["GroupId"]
        for eni in account.enis
        if address in account.addresses(eni)
        for group in eni["Groups"]
    }

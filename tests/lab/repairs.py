"""Repairs of random networks, held to the kernel: the changed JSON is built again and the flows are tried.

For some of a network's blocked flows alone, and for some together as one pipeline: what the repair says it
has proved must connect; nothing that connected may be lost; whatever newly connects, of the network's other
flows and of close neighbours of the fixed ones, must need the same change; and no smaller part of the
changes may do.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from netcheck.aws.ec2.addresses import Prefix
from netcheck.aws.ec2.snapshot import Snapshot, from_documents, from_parts
from netcheck.path.query import answer
from netcheck.path.verdict import Leg
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
from tests.lab.fixable import has_a_way_out, has_room, joined_by_peering, only_filters
from tests.lab.flow import Flow, Outcome
from tests.lab.sandbox import Sandbox
from tests.lab.topology import SERVICE_PORTS, SOURCE_PORTS, Topology, generate

Repairing = Callable[[Parts, Sequence[dict[str, Any]]], Repair]

ANY_PORT = -1
SINGLE, TOGETHER = 8, 5
"""Blocked flows of a network that are fixed, each alone and together."""
MOST_SMALLER = 6
"""Up to so many changes every smaller set is tried."""


@dataclass(slots=True)
class RepairTally:
    """Counts. `fixable` are flows that are fixable according to the oracle."""

    blocked: int = 0
    fixable: int = 0
    proved: int = 0
    confirmed: int = 0
    changes: int = 0
    newly: int = 0
    skipped: int = 0
    differences: list[str] = field(default_factory=list)

    def add(self, other: RepairTally) -> None:
        for name in ("blocked", "fixable", "proved", "confirmed", "changes", "newly", "skipped"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.differences += other.differences

    def __str__(self) -> str:
        return (
            f"{self.blocked} blocked flows, {self.fixable} fixable for certain, {self.proved} proved to be"
            f" fixed by {self.changes} changes, {self.confirmed} of these connected by the kernel"
            f" ({self.skipped} left out), {self.newly} other flows newly connected,"
            f" {len(self.differences)} differences"
        )


def repair_flows(parts: Parts, queries: Sequence[dict[str, Any]]) -> Repair:
    return repair(parts, queries)


def compare_repairs(
    sandbox: Sandbox | None, seed: int, fix: Repairing = repair_flows, alone: int = SINGLE
) -> RepairTally:
    """Some of the blocked flows of one network, each fixed alone, and some of them together.

    Without a sandbox only the engine's word is asked for.
    """
    topology = generate(seed)
    before = sandbox.ask(topology.cloud.documents, topology.flows, seed) if sandbox else []
    return _Comparison(sandbox, topology, before, fix).tally(alone)


class _Comparison:
    def __init__(
        self, sandbox: Sandbox | None, topology: Topology, before: list[Outcome], fix: Repairing
    ) -> None:
        self.sandbox, self.topology, self.before, self.fix = sandbox, topology, before, fix
        self.documents = topology.cloud.documents
        self.snapshot = from_documents(self.documents)
        self.found = RepairTally()

    def tally(self, most_alone: int) -> RepairTally:
        queries = [query(self.documents, number, flow) for number, flow in enumerate(self.topology.flows)]
        answers = [answer(one, self.snapshot) for one in queries]
        blocked = [number for number, said in enumerate(answers) if said.get("verdict") == "blocked"]
        rng = random.Random(self.topology.seed)
        alone = rng.sample(blocked, min(most_alone, len(blocked)))
        for number in alone:
            self.found.blocked += 1
            self.one([number], queries, self.fixable(number, answers[number]))
        together = [n for n in rng.sample(blocked, len(blocked)) if n not in alone][:TOGETHER]
        if together:
            self.found.blocked += len(together)
            self.one(together, queries, False)
        return self.found

    def fixable(self, number: int, said: dict[str, Any]) -> bool:
        flow = self.topology.flows[number]
        possible = (
            only_filters(said)
            or joined_by_peering(self.documents, flow)
            or has_a_way_out(self.documents, flow)
        )
        return possible and has_room(self.documents, said) and not said["gaps"]

    def one(self, numbers: list[int], queries: list[dict[str, Any]], fixable: bool) -> None:
        asked = [queries[number] for number in numbers]
        parts: Parts = (("", self.documents),)
        done = self.fix(parts, asked)
        proved = [n for n in numbers if any(q.proved and q.query is queries[n] for q in done.questions)]
        self.found.fixable += fixable
        self.found.proved += len(proved)
        self.found.changes += len(done.changes)
        if fixable and not proved:
            self.differ(numbers, done, "a flow that can be fixed was not")
        if not proved:
            return
        if self.could_do_with_less(parts, [queries[n] for n in proved], done.changes):
            self.differ(numbers, done, "a smaller part of the changes does it")
        opened = _Opened(parts, done, [self.topology.flows[number] for number in proved])
        self.look_beside(numbers, opened, done)
        if self.sandbox is not None:
            self.hold_to_the_kernel(self.sandbox, numbers, proved, opened, done)

    def look_beside(self, numbers: list[int], opened: _Opened, done: Repair) -> None:
        """The engine's verdicts on close neighbours of the fixed flows, with and without the changes."""
        snapshot = from_parts(done.parts)
        for flow in beside(self.topology, opened.fixed):
            asked = query(opened.documents, 0, flow)
            if _passes(asked, snapshot) and not _passes(asked, self.snapshot):
                self.found.newly += 1
                if flow not in opened.fixed and not opened.has_to_pass(flow):
                    self.differ(numbers, done, f"by the engine, the changes let pass {flow} too")

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

    def hold_to_the_kernel(
        self, sandbox: Sandbox, numbers: list[int], proved: list[int], opened: _Opened, done: Repair
    ) -> None:
        after = sandbox.ask(opened.documents, self.topology.flows, self.topology.seed)
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
                if not odd and not opened.has_to_pass(flow):
                    self.differ(numbers, done, f"the changes let pass {flow} too")

    def differ(self, numbers: list[int], done: Repair, what: str) -> None:
        changes = "; ".join(sentence(change) for change in done.changes)
        self.found.differences.append(
            f"python -m tests.lab --repairs {self.topology.seed}   # flows {numbers}, {changes}: {what}"
        )


def beside(topology: Topology, fixed: Iterable[Flow]) -> set[Flow]:
    """Flows that differ from one that was fixed in one thing: sender, receiver or port."""
    hosts = [host for host in topology.hosts if host.asks]
    found = set()
    for flow in fixed:
        version = 6 if ":" in flow.destination else 4
        everybody = [(h.eni, a) for h in hosts for a in h.addresses if (":" in a) == (version == 6)]
        addresses = {address for _, address in everybody} | _neighbours(flow.destination)
        found |= {replace(flow, source=eni, address=address) for eni, address in everybody}
        found |= {replace(flow, destination=address) for address in addresses}
        ports = {flow.port - 1, flow.port + 1, *SERVICE_PORTS}
        found |= {replace(flow, port=port) for port in ports if 0 < port < 65536}
        found |= {replace(flow, source_port=port) for port in SOURCE_PORTS}
    return {flow for flow in found if flow.address != flow.destination}


def _neighbours(address: str) -> set[str]:
    number = ipaddress.ip_address(address)
    return {str(number - 1), str(number + 1)}


def _passes(asked: dict[str, Any], snapshot: Snapshot) -> bool:
    return answer(asked, snapshot).get("verdict") in ("reachable", "partial")


class _Opened:
    """What changes let pass, and whether the fixed flows need that they do."""

    def __init__(self, before: Parts, done: Repair, fixed: list[Flow]) -> None:
        self.fixed = fixed
        self.documents: Documents = dict(done.parts[0][1])
        self._account = Account(self.documents)
        self._legs = {
            change: {blocker.leg for blocker in blockers} for change, blockers in done.origins.items()
        }
        self._after = from_parts(done.parts)
        self._without = {
            change: from_parts(applied(before, (one for one in done.changes if one != change)))
            for change in done.changes
        }

    def has_to_pass(self, flow: Flow) -> bool:
        """Whether a flow that newly passes does so only by what the fixed flows need of each change that it
        cannot pass without.
        """
        asked = query(self.documents, 0, flow)
        if not _passes(asked, self._after):
            return (
                True  # only the kernel lets it pass: a difference of the engine, which other tests look for
            )
        used = [change for change, snapshot in self._without.items() if not _passes(asked, snapshot)]
        return all(self._is_needed(change, flow) for change in used) and (
            bool(used) or any(self._is_needed(change, flow) for change in self._without)
        )

    def _is_needed(self, change: Change, flow: Flow) -> bool:
        if isinstance(change, AclRule):
            legs = self._legs[change]
            return any(_through_acl(self._account, change, legs, flow, one) for one in self.fixed)
        return any(_needed(self._account, change, flow, one) for one in self.fixed)


def _needed(account: Account, change: Change, flow: Flow, fixed: Flow) -> bool:
    """Whether the change has to let `flow` pass so that it lets `fixed` pass: what it filters by, or leads
    by, is the same of both.
    """
    match change:
        case GroupRule():
            same = (flow.protocol, flow.port) == (fixed.protocol, fixed.port)
            return same and _between(account, change, flow, fixed)
        case TableRoute(destination=block) if _is_whole_vpc(account, block):
            return bool(_ends_in(account, flow, str(block)) and _ends_in(account, fixed, str(block)))
        case TableRoute(destination=block) | TransitRoute(destination=block):
            return bool(_ends_in(account, flow, str(block)) & _ends_in(account, fixed, str(block)))
        case _:
            return True


def _is_whole_vpc(account: Account, block: Prefix) -> bool:
    """Whether a route is for all of a VPC, as several addresses of it are told."""
    return any(
        one["CidrBlock"] == str(block)
        for vpc in account.all("Vpcs")
        for one in vpc["CidrBlockAssociationSet"]
    )


def _between(account: Account, rule: GroupRule, flow: Flow, fixed: Flow) -> bool:
    """Whether the end in the group holds it, and the other end is the fixed flow's, or of its groups."""
    near, far = ("source", "destination") if rule.egress else ("destination", "source")
    holds = rule.group in _groups(account, flow, near) or not _groups(account, flow, near)
    shared = _groups(account, flow, far) & _groups(account, fixed, far)
    if rule.egress:
        same = _private(account, flow.destination) == _private(account, fixed.destination)
    else:
        behind_nat = isinstance(rule.peer, Prefix) and str(rule.peer)[:-3] in _nat_addresses(account)
        same = flow.address == fixed.address or behind_nat
    return holds and (same or bool(shared))


def _through_acl(account: Account, rule: AclRule, legs: set[Leg], flow: Flow, fixed: Flow) -> bool:
    """Whether the flow's packets that the rule lets pass are such as the fixed flow needs it for."""
    ours, theirs = _packets(account, fixed, rule), _packets(account, flow, rule)
    needed = {packet for leg, packets in zip(Leg, ours, strict=True) if leg in legs for packet in packets}
    passing = [{packet for packet in packets if _matches(rule, *packet)} for packets in theirs]
    return flow.protocol == fixed.protocol and all(not found or found & needed for found in passing)


def _matches(rule: AclRule, end: str, port: int) -> bool:
    inside = ipaddress.ip_address(end) in ipaddress.ip_network(str(rule.block))
    return inside and (port == ANY_PORT or rule.first <= port <= rule.last)


def _packets(
    account: Account, flow: Flow, rule: AclRule
) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
    """(the far end, destination port) of its packets as an ACL's inbound or outbound rules see them, there
    and back. Behind a NAT gateway the sender is the gateway, and its port any of 1024-65535.
    """
    senders = {flow.address, *_nat_addresses(account)}
    receivers = {flow.destination, _private(account, flow.destination)}
    port = ANY_PORT if (rule.first, rule.last) == (1024, 65535) else flow.source_port
    there, back = (receivers, senders) if rule.egress else (senders, receivers)
    return {(end, flow.port) for end in there}, {(end, port) for end in back}


def _ends_in(account: Account, flow: Flow, block: str) -> set[str]:
    """Those of both ends' addresses, as they are before and behind gateways, that a route is for."""
    publics = {a["PrivateIpAddress"]: a["PublicIp"] for a in account.all("Addresses")}
    known = {flow.address, flow.destination, *_nat_addresses(account)}
    known |= {_private(account, one) for one in known} | {publics[one] for one in known if one in publics}
    return {one for one in known if ipaddress.ip_address(one) in ipaddress.ip_network(block)}


def _private(account: Account, address: str) -> str:
    found = (a["PrivateIpAddress"] for a in account.all("Addresses") if a["PublicIp"] == address)
    return next(found, address)


def _nat_addresses(account: Account) -> set[str]:
    """Private and public."""
    return {
        address[key]
        for gateway in account.all("NatGateways")
        for address in gateway["NatGatewayAddresses"]
        for key in ("PrivateIp", "PublicIp")
        if key in address
    }


def _groups(account: Account, flow: Flow, end: str) -> set[str]:
    """The security groups of one end; none of an address of nobody."""
    address = flow.address if end == "source" else _private(account, flow.destination)
    return {
        group["GroupId"]
        for eni in account.enis
        if address in account.addresses(eni)
        for group in eni["Groups"]
    }

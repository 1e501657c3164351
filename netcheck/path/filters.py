"""Security groups and network ACLs, compiled once and evaluated for sets of addresses and ports.

Network ACLs: rules are evaluated from the lowest number; the first match decides; traffic that matches none
is denied (VPC user guide, Network ACL rules). Security groups: the rules of all groups of an interface form
one list of permissions; a reference means the private addresses of the interfaces that have the group (VPC
user guide, Security group referencing).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from netcheck.aws.ec2.addresses import LARGEST, Prefix
from netcheck.aws.ec2.entities import (
    ALL_PROTOCOLS,
    DEFAULT_RULE,
    WHOLE_RANGE,
    GroupReference,
    NaclEntry,
    NetworkAcl,
    PrefixListReference,
    SecurityGroupRule,
)
from netcheck.aws.ec2.snapshot import Snapshot
from netcheck.path.flows import Range, Rectangle, overlap, subtract_ranges, without

CLOSING_ENTRIES = {
    version: NaclEntry(DEFAULT_RULE, ALL_PROTOCOLS, *WHOLE_RANGE, Prefix(version, 0, LARGEST[version]), False)
    for version in (4, 6)
}
"""The rule `*` that denies traffic no other entry matches; a snapshot may leave it out."""


class AclAnswer(NamedTuple):
    allowed_by: NaclEntry | None
    """The entry that allows (the first part of) the traffic."""
    denied: list[tuple[NaclEntry | None, Rectangle]]
    """The denied traffic and the entry that denies it; None is the closing rule `*`."""


class AclLine(NamedTuple):
    """An ACL entry as a rectangle of remote addresses × ports."""

    rectangle: Rectangle
    allow: bool
    entry: NaclEntry
    passes: AclAnswer
    """The answer where this entry allows all of the traffic: by far the most frequent case."""


def acl_lines(
    snapshot: Snapshot, acl: NetworkAcl, egress: bool, version: int, protocol: int
) -> tuple[AclLine, ...]:
    """The entries of one direction that can match this version and protocol, in evaluation order."""
    key = ("acl", acl.id, egress, version, protocol)
    found = snapshot.memo.get(key)
    if not isinstance(found, tuple):
        found = tuple(compile_acl(acl.egress if egress else acl.ingress, version, protocol))
        snapshot.memo[key] = found
    return found


def compile_acl(entries: Iterable[NaclEntry], version: int, protocol: int) -> Iterator[AclLine]:
    for entry in sorted(entries, key=lambda entry: entry.number):
        if entry.prefix.version == version and entry.protocol in (ALL_PROTOCOLS, protocol):
            yield AclLine(
                (entry.prefix.first, entry.prefix.last, entry.first, entry.last),
                entry.allow,
                entry,
                AclAnswer(entry, []),
            )


def ask_acl(lines: tuple[AclLine, ...], traffic: Rectangle) -> AclAnswer:
    """Evaluate all remote addresses × ports in `traffic` at once."""
    first, last, low, high = traffic
    for (a, b, p, q), allow, entry, passes in lines:
        if b < first or last < a or q < low or high < p:
            continue
        if a <= first and last <= b and p <= low and high <= q:
            return passes if allow else AclAnswer(None, [(entry, traffic)])
        return _ask_in_parts(lines, traffic)
    return AclAnswer(None, [(None, traffic)])


def _ask_in_parts(lines: tuple[AclLine, ...], traffic: Rectangle) -> AclAnswer:
    undecided = [traffic]
    allowed_by: NaclEntry | None = None
    denied: list[tuple[NaclEntry | None, Rectangle]] = []
    for rectangle, allow, entry, _ in lines:
        still = []
        for part in undecided:
            shared = overlap(part, rectangle)
            if shared is None:
                still.append(part)
                continue
            still += without(part, rectangle)
            if allow:
                allowed_by = allowed_by or entry
            else:
                denied.append((entry, shared))
        undecided = still
        if not undecided:
            break
    denied += [(None, part) for part in undecided]
    return AclAnswer(allowed_by, denied)


class GroupLine(NamedTuple):
    """A security group rule that names addresses."""

    low: int
    high: int
    first: int
    last: int
    rule: SecurityGroupRule
    group: str


@dataclass(frozen=True, slots=True)
class CompiledGroups:
    """All rules of one direction of an interface's groups, for one IP version and protocol."""

    lines: tuple[GroupLine, ...]
    references: tuple[tuple[SecurityGroupRule, str], ...]
    unknown_lists: tuple[tuple[SecurityGroupRule, str], ...]
    """Rules that name a prefix list whose entries were not collected."""
    unknown_groups: tuple[str, ...]
    """Groups that are not in the snapshot."""
    empty_groups: frozenset[str]
    """Groups with no rule at all in this direction."""
    by_port: dict[int, tuple[GroupLine, ...]] = field(default_factory=dict, compare=False)
    """Lines that cover a port, cached: most questions are about a few broker ports."""

    def lines_for(self, port: int) -> tuple[GroupLine, ...]:
        found = self.by_port.get(port)
        if found is None:
            found = tuple(line for line in self.lines if line.low <= port <= line.high)
            self.by_port[port] = found
        return found


class GroupAnswer(NamedTuple):
    allowed_by: tuple[SecurityGroupRule, str] | None
    """The rule and the group that allow (the first part of) the traffic."""
    denied: list[Range]
    """Remote addresses that no rule allows."""
    references: list[tuple[SecurityGroupRule, str]]
    """Rules that would allow the traffic if the remote end had their group, or if its groups were known."""
    unknown_lists: list[tuple[SecurityGroupRule, str]]


def _resolve(
    snapshot: Snapshot, rules: Iterable[SecurityGroupRule], group: str, version: int, protocol: int
) -> Iterator[GroupLine | tuple[SecurityGroupRule, str]]:
    for rule in rules:
        if rule.protocol not in (ALL_PROTOCOLS, protocol):
            continue
        match rule.peer:
            case Prefix() as block:
                blocks: tuple[Prefix, ...] = (block,)
            case PrefixListReference(id=name) if name in snapshot.prefix_lists:
                blocks = snapshot.prefix_lists[name]
            case _:
                yield rule, group
                continue
        for block in blocks:
            if block.version == version:
                yield GroupLine(rule.first, rule.last, block.first, block.last, rule, group)


def compiled_groups(
    snapshot: Snapshot, groups: tuple[str, ...], egress: bool, version: int, protocol: int
) -> CompiledGroups:
    """The groups' rules, compiled on first use and cached in the snapshot."""
    key = ("groups", groups, egress, version, protocol)
    found = snapshot.memo.get(key)
    if isinstance(found, CompiledGroups):
        return found
    lines, others, empty = [], [], set()
    for name in groups:
        group = snapshot.groups.get(name)
        if group is None:
            continue
        rules = group.egress if egress else group.ingress
        if not rules:
            empty.add(name)
        for item in _resolve(snapshot, rules, name, version, protocol):
            if isinstance(item, GroupLine):
                lines.append(item)
            else:
                others.append(item)
    made = CompiledGroups(
        tuple(lines),
        tuple(item for item in others if isinstance(item[0].peer, GroupReference)),
        tuple(item for item in others if isinstance(item[0].peer, PrefixListReference)),
        tuple(name for name in groups if name not in snapshot.groups),
        frozenset(empty),
    )
    snapshot.memo[key] = made
    return made


def ask_groups(
    compiled: CompiledGroups, port: int, first: int, last: int, peer_groups: frozenset[str]
) -> GroupAnswer:
    """Evaluate the remote addresses first..last on one port.

    `peer_groups` are the groups of the remote end, as far as the path preserves references; else empty.
    """
    for line in compiled.lines_for(port):
        if line.first <= first and last <= line.last:
            return GroupAnswer((line.rule, line.group), [], [], [])
    matching = [item for item in compiled.references if item[0].first <= port <= item[0].last]
    for rule, group in matching:
        if isinstance(rule.peer, GroupReference) and rule.peer.group in peer_groups:
            return GroupAnswer((rule, group), [], [], [])
    return _ask_groups_in_parts(compiled, port, first, last, matching)


def _ask_groups_in_parts(
    compiled: CompiledGroups,
    port: int,
    first: int,
    last: int,
    references: list[tuple[SecurityGroupRule, str]],
) -> GroupAnswer:
    denied: list[Range] = [(first, last)]
    allowed_by: tuple[SecurityGroupRule, str] | None = None
    for line in compiled.lines_for(port):
        left = subtract_ranges(denied, line.first, line.last)
        if left != denied:
            allowed_by = allowed_by or (line.rule, line.group)
            denied = left
    unknown = [item for item in compiled.unknown_lists if item[0].first <= port <= item[0].last]
    return GroupAnswer(allowed_by, denied, references, unknown)

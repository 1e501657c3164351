"""One trace in progress: where the packets are, the hops so far, and the faults.

The set of flows is fixed at the start. A component that stops some of them adds a fault: the region that does
not pass, and a blocker (certain) or an unknown. The trace continues past every fault that does not end the
path, so that one run finds all blockers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from netcheck.aws.ec2.addresses import Prefix, format_address
from netcheck.aws.ec2.entities import (
    DEFAULT_RULE,
    ICMP,
    ICMPV6,
    TCP,
    UDP,
    NaclEntry,
    NetworkInterface,
    Route,
    RouteTable,
    SecurityGroupRule,
    Subnet,
    TransitRoute,
    protocol_text,
)
from netcheck.aws.ec2.snapshot import ACTIONS, Gap, Snapshot
from netcheck.path.codes import Code
from netcheck.path.filters import CLOSING_ENTRIES, acl_lines, ask_acl
from netcheck.path.flows import Rectangle, Region, join_ranges
from netcheck.path.routing import FROM_PREFIX_LIST, CompiledTable, Hit
from netcheck.path.verdict import Blocker, Explanation, Hop, Leg, Unknown

ECHO_REPLY = {ICMP: 0 << 8, ICMPV6: 129 << 8}
_MOST_EXPLAINED_ROUTES = 8
_MOST_RANGES = 3


# Made for every question, so NamedTuples: a frozen dataclass takes several times as long to build.
class Flow(NamedTuple):
    """What all the flows of one query have in common."""

    version: int
    protocol: int
    destination: int
    port: int
    """Destination port; for ICMP type * 256 + code; 0 for a protocol without ports."""

    @property
    def has_ports(self) -> bool:
        return self.protocol in (TCP, UDP)

    @property
    def name(self) -> str:
        if self.has_ports:
            return f"{protocol_text(self.protocol)} {self.port}"
        if self.protocol in (ICMP, ICMPV6):
            return f"{protocol_text(self.protocol)} type {self.port >> 8}"
        return f"protocol {self.protocol}"


class Segment(NamedTuple):
    """The part of a path with the same source addresses: up to a NAT gateway, and beyond it.

    `far` is the destination address of these packets. `mapping` is set on the public side of an internet
    gateway: public address → private address of the previous segment.
    """

    component: str
    vpc: str
    subnet: Subnet | None
    region: Region
    far: int
    public: Mapping[int, int]
    is_nat: bool = False
    mapping: Mapping[int, int] | None = None


class End(NamedTuple):
    """Where the forward leg arrives."""

    kind: str
    """"interface", "host" (an address whose interface is not known), "internet" or "service"."""
    vpc: str
    subnet: Subnet | None = None
    interface: NetworkInterface | None = None
    gateway: str = ""
    """The gateway or endpoint that the packets leave through."""


class Fault(NamedTuple):
    """A blocker with the packets as they look there, and the route table consulted last."""

    blocker: Blocker
    flows: Region
    segment: Segment
    table: RouteTable | None


@dataclass(frozen=True, slots=True)
class Lost:
    """Where security group references to the sender stop working, and why."""

    code: Code
    component: str
    text: str


@dataclass(slots=True)
class TraceState:
    """The mutable state of one trace. Next-hop modules read and extend it through the methods below."""

    snapshot: Snapshot
    flow: Flow
    segments: list[Segment]
    segment: Segment
    """The current one: `segments[current]`."""
    current: int = 0
    leg: Leg = Leg.FORWARD
    direction_known: bool = True
    depth: int = 0
    end: End | None = None
    stopped: bool = False
    reply_arrived: bool = False
    crossed_internet: bool = False
    lost_groups: Lost | None = None
    egress_references: bool = True
    groups_unknown: Unknown | None = None
    source_groups: frozenset[str] = frozenset()
    source_groups_unknown: bool = False
    trail: list[Hop] = field(default_factory=list)
    """The hops of the current leg."""
    forward: list[Hop] = field(default_factory=list)
    """The hops of the forward leg, once it is over."""
    faults: list[tuple[int, Region, Blocker]] = field(default_factory=list)
    doubts: list[tuple[int, Region, Unknown]] = field(default_factory=list)
    blocked: list[Fault] = field(default_factory=list)
    """The blockers with the details that a repair needs."""
    assumptions: list[str] = field(default_factory=list)
    last_table: RouteTable | None = None
    last_hit: Hit[Route] | None = None
    last_compiled: CompiledTable[Route] | None = None

    def enter(self, index: int) -> None:
        """Continue with the packets of another segment."""
        self.current = index
        self.segment = self.segments[index]

    def translate(self, segment: Segment) -> None:
        """Continue with the packets of a new segment: their source address has changed."""
        self.segments.append(segment)
        self.enter(len(self.segments) - 1)

    @property
    def far_text(self) -> str:
        return format_address(self.flow.version, self.segment.far)

    def hop(
        self,
        component: str,
        rule: NaclEntry | SecurityGroupRule | Route | TransitRoute | None = None,
        direction: str | None = None,
    ) -> None:
        self.trail.append(Hop(component, rule, direction))

    def target(self, flows: Region) -> int:
        """The current destination of `flows`, or one of them."""
        return self.segment.far if self.leg is Leg.FORWARD else flows[0][0]

    def target_text(self, flows: Region) -> str:
        """The current destination of `flows`, for a sentence."""
        if self.leg is Leg.FORWARD:
            return self.far_text
        return region_text(self.flow.version, flows)

    def fault(self, flows: Region, blocker: Blocker) -> None:
        """Record that these flows of the current segment do not pass."""
        self.blocked.append(Fault(blocker, flows, self.segment, self.last_table))
        index, flows = self._unmapped(flows)
        self.faults.append((index, flows, blocker))

    def doubt(self, flows: Region, unknown: Unknown) -> None:
        """Record that it is not known whether these flows pass."""
        index, flows = self._unmapped(flows)
        self.doubts.append((index, flows, unknown))

    def _unmapped(self, flows: Region) -> tuple[int, Region]:
        mapping = self.segment.mapping
        if mapping is None:
            return self.current, flows
        back = tuple(
            (private, private, low, high)
            for public, private in mapping.items()
            for first, last, low, high in flows
            if first <= public <= last
        )
        return self.current - 1, back

    def stop(
        self,
        flows: Region,
        code: Code,
        component: str,
        text: str,
        rule: int | str | None = None,
        more: tuple[Explanation, ...] = (),
    ) -> None:
        """The path of these flows ends here, for certain."""
        explanations = (*more, *self._why_this_route(flows))
        self.fault(flows, Blocker(code, self.leg, component, None, rule, text, explanations))
        if self.leg is Leg.FORWARD:
            self.stopped = True

    def give_up(self, flows: Region, code: Code, component: str, gap: Gap) -> None:
        """The rest of the path of these flows is not known: nothing is reported beyond this."""
        self._lose_track(flows, unknown_from(code, component, gap))

    def give_up_absent(self, flows: Region, what: str, component: str, meaning: str, vpc: str | None) -> None:
        """Like `give_up`: the snapshot lacks `meaning`, which would be in `what`.json."""
        self._lose_track(flows, self.absent(what, component, meaning, vpc))

    def _lose_track(self, flows: Region, unknown: Unknown) -> None:
        self.doubt(flows, unknown)
        if self.leg is Leg.FORWARD:
            self.direction_known = False
            self.stopped = True

    def _why_this_route(self, flows: Region) -> Iterator[Explanation]:
        """Less preferred routes of the table consulted last."""
        if self.last_compiled is None or self.last_hit is None or self.last_table is None:
            return
        winner = self.last_hit
        if winner.route.target == "local":
            return
        for loser in self.last_compiled.losers(self.target(flows), winner):
            same = loser.prefix == winner.prefix
            if not same and loser.prefix.length > winner.prefix.length:
                continue
            code = Code.HIGHER_PRIORITY_ROUTE if same else Code.MORE_SPECIFIC_ROUTE
            reason = "has the same destination and a higher priority" if same else "is more specific"
            yield Explanation(
                code,
                self.last_table.id,
                f"{self.last_table.id} also has {loser.route.text}, but {winner.route.text} {reason}.",
            )

    def check_acl(self, subnet: Subnet, egress: bool, flows: Region) -> None:
        """Evaluate the network ACL of `subnet` for these flows; each denial becomes a fault."""
        acl = self.snapshot.acl_of_subnet.get(subnet.id)
        if acl is None:
            self.doubt(
                flows,
                self.absent(
                    "NetworkAcls",
                    subnet.id,
                    f"the network ACL of {subnet.id}",
                    subnet.vpc,
                ),
            )
            return
        flow, far = self.flow, self.segment.far
        lines = acl_lines(self.snapshot, acl, egress, flow.version, flow.protocol)
        outward = self.leg is Leg.FORWARD
        shown: NaclEntry | None = None
        denied: dict[NaclEntry, list[Rectangle]] = {}
        for first, last, low, high in flows:
            if egress == outward:
                a, b = far, far
            else:
                a, b = first, last
            if outward:
                p = q = flow.port
            elif flow.has_ports:
                p, q = low, high
            else:
                p = q = ECHO_REPLY.get(flow.protocol, 0)
            answer = ask_acl(lines, (a, b, p, q))
            shown = shown or answer.allowed_by
            for entry, (da, db, dp, dq) in answer.denied:
                if egress == outward:
                    da, db = first, last
                if outward or not flow.has_ports:
                    dp, dq = low, high
                denied.setdefault(entry or CLOSING_ENTRIES[flow.version], []).append((da, db, dp, dq))
        for entry, rectangles in denied.items():
            shown = entry
            self._acl_fault(acl.id, subnet, egress, entry, tuple(rectangles))
        self.hop(acl.id, shown, "egress" if egress else "ingress")

    def _acl_fault(self, acl: str, subnet: Subnet, egress: bool, entry: NaclEntry, denied: Region) -> None:
        direction = "egress" if egress else "ingress"
        number = min(entry.number, DEFAULT_RULE)
        verb = "leaving" if egress else "entering"
        text = f"{acl} denies {self._packet_text(denied)} {verb} {subnet.id}: rule {entry.text}."
        explanations: tuple[Explanation, ...] = ()
        if self.leg is Leg.RETURN and self.segment.is_nat and self.flow.has_ports:
            name = self.segment.component
            explanations = (
                Explanation(
                    Code.REMAP_EPHEMERAL_PORT,
                    name,
                    f"{name} picks the source port from 1024-65535: allow replies to the whole range.",
                ),
            )
        self.fault(
            denied, Blocker(Code.SUBNET_ACL_RESTRICTION, self.leg, acl, direction, number, text, explanations)
        )

    def _packet_text(self, flows: Region) -> str:
        near = region_text(self.flow.version, flows)
        if self.leg is Leg.FORWARD:
            return f"{self.flow.name} from {near} to {self.far_text}"
        ports = ""
        if self.flow.has_ports:
            spans = join_ranges((low, high) for _, _, low, high in flows)
            ports = " port " + ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
        return f"the reply from {self.far_text} to {near}{ports}"

    def absent(self, what: str, component: str, meaning: str, vpc: str | None) -> Unknown:
        """An unknown because `what`.json was not collected, or does not list the component."""
        region = self.snapshot.region_of(vpc) if vpc else None
        gap = self.snapshot.missing(what, region)
        if gap is None:
            gap = Gap(what, ACTIONS.get(what, ""), f"{what}.json does not list it")
        return Unknown(
            Code.UNKNOWN_RESOURCE, component, what, gap.action, f"{meaning} is not known: {gap.reason}."
        )

    def missing_from(self, what: str, vpc: str) -> Gap | None:
        return self.snapshot.missing(what, self.snapshot.region_of(vpc))

    def explain_no_route(
        self, table: CompiledTable[Route], table_id: str, flows: Region
    ) -> tuple[Explanation, ...]:
        """One sentence for each route that does not match (the first ones of a long table)."""
        shown: dict[str, Explanation] = {}
        for candidate in table.candidates:
            name = candidate.route.text
            if len(shown) < _MOST_EXPLAINED_ROUTES and candidate.rank != FROM_PREFIX_LIST:
                shown.setdefault(
                    name,
                    Explanation(
                        Code.CANNOT_ROUTE,
                        table_id,
                        f"{table_id}: {name} does not match {self.target_text(flows)}.",
                    ),
                )
        return tuple(shown.values())


def unknown_from(code: Code, component: str, gap: Gap) -> Unknown:
    return Unknown(code, component, gap.what, gap.action, gap.reason)


def region_text(version: int, region: Region) -> str:
    """The addresses of a region for a sentence: single addresses, and ranges as first-last."""
    ranges = [region[0][:2]] if len(region) == 1 else join_ranges((r[0], r[1]) for r in region)
    shown = [
        format_address(version, first)
        if first == last
        else f"{format_address(version, first)}-{format_address(version, last)}"
        for first, last in ranges[:_MOST_RANGES]
    ]
    more = len(ranges) - len(shown)
    return ", ".join(shown) + (f" and {more} more ranges" if more else "")


def inside(prefixes: tuple[Prefix, ...], version: int, flows: Region) -> bool:
    """Whether every address of `flows` is in one of the blocks."""
    for first, last, _, _ in flows:
        for block in prefixes:
            if block.version == version and block.first <= first and last <= block.last:
                break
        else:
            return False
    return True

"""The engine's answers beside the kernel's. They must agree on every verdict, and on who is to blame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from netcheck.aws.ec2.snapshot import from_documents
from netcheck.path.query import answer
from tests.lab.cloud import Documents
from tests.lab.flow import UNASKED, Drop, Flow, Outcome
from tests.lab.kernel import LabBroken
from tests.lab.sandbox import Sandbox
from tests.lab.topology import Topology, generate

Answer = dict[str, Any]
Engine = Callable[[Documents, list[dict[str, Any]]], list[Answer]]

# The code that each kind of drop must have among the engine's blockers: AWS's names for them.
CODES = {
    Drop.SECURITY_GROUP: ("ENI_SG_RULES_MISMATCH", "SG_HAS_NO_RULES", "SG_REFERENCES_NOT_PRESERVED"),
    Drop.ACL: ("SUBNET_ACL_RESTRICTION",),
    Drop.ROUTE_MISSING: ("NO_ROUTE_TO_DESTINATION",),
    Drop.ROUTE_BLACKHOLE: ("BAD_STATE_ROUTE",),
    Drop.NOBODY: ("NO_POSSIBLE_DESTINATION",),
    Drop.IGW_NO_PUBLIC_ADDRESS: ("IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS",),
    Drop.IGW_PRIVATE_DESTINATION: (
        "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS",
        "IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS",
    ),
    Drop.PEERING_OUTSIDE: ("PCX_REQUIRES_ADDRESS_IN_VPC_CIDR",),
    Drop.EGRESS_ONLY: ("NO_POSSIBLE_DESTINATION",),
    Drop.ENDPOINT_PROTOCOL: ("VPCE_GATEWAY_PROTOCOL_RESTRICTION",),
    Drop.NAT_STATE: ("BAD_STATE", "NGW_SOURCE_ADDRESS_REASSIGN"),
    Drop.TRANSIT_ZONE: ("TGW_ROUTE_AZ_RESTRICTION",),
    Drop.TRANSIT_ASSOCIATION: ("TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION",),
    Drop.TRANSIT_MISSING: ("TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT",),
    Drop.TRANSIT_BLACKHOLE: ("TGW_RTB_BAD_STATE_ROUTE",),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the two do not agree, and how to see it again."""

    seed: int
    flow: Flow
    kernel: Outcome
    engine: Answer
    what: str

    def __str__(self) -> str:
        said = self.engine.get("verdict") or self.engine.get("error")
        blamed = [
            f"{one['code']} {one['component']} {one.get('direction')} {one.get('rule')} {one['leg']}"
            for one in self.engine.get("blocked_by", [])
        ]
        return (
            f"python -m tests.lab {self.seed}   # {self.what}: {self.flow}; kernel: {self.kernel};"
            f" engine: {said} {blamed} gaps {self.engine.get('gaps')}"
        )


@dataclass(slots=True)
class Tally:
    """What was compared. ``skipped`` counts differences over half a connection on the internet."""

    topologies: int = 0
    flows: int = 0
    skipped: int = 0
    partial: int = 0
    kernel: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.topologies += other.topologies
        self.flows += other.flows
        self.skipped += other.skipped
        self.partial += other.partial
        self.kernel += other.kernel
        self.differences += other.differences

    def __str__(self) -> str:
        connected = self.kernel["connected"]
        return (
            f"{self.topologies} topologies, {self.flows} flows, {connected} connected,"
            f" {self.flows - connected} blamed, {self.skipped} skipped, {self.partial} partial,"
            f" {len(self.differences)} differences"
        )


def ask_engine(documents: Documents, queries: list[dict[str, Any]]) -> list[Answer]:
    snapshot = from_documents(documents)
    return [answer(query, snapshot) for query in queries]


def query(documents: Documents, number: int, flow: Flow) -> dict[str, Any]:
    """The question in the engine's words: by interface where that has one address, else by address."""
    eni = next(
        item
        for item in documents["NetworkInterfaces"]["NetworkInterfaces"]
        if item["NetworkInterfaceId"] == flow.source
    )
    several = len(eni["PrivateIpAddresses"]) > 1 and ":" not in flow.address
    return {
        "id": str(number),
        "from": flow.address if several else flow.source,
        "to": flow.destination,
        "port": flow.port,
        "protocol": flow.protocol,
        "source_port": flow.source_port,
    }


def blame_is_shared(documents: Documents, outcome: Outcome, blocked_by: Iterable[Answer]) -> bool:
    """Whether what dropped the packet is among the engine's blockers, on that leg, for that reason."""
    assert outcome.drop is not None
    blockers = [one for one in blocked_by if one["leg"] == outcome.leg]
    if outcome.drop is Drop.ROUTE_LOOP:
        # Going round, a packet dies at any of the members: the engine may name another one.
        several = outcome.detail == "several"
        return any(several or one["component"] == outcome.component for one in blockers)
    codes = CODES.get(outcome.drop)
    blockers = [one for one in blockers if codes is None or one["code"] in codes]
    match outcome.drop:
        case Drop.SECURITY_GROUP:
            eni = next(
                item
                for item in documents["NetworkInterfaces"]["NetworkInterfaces"]
                if item["NetworkInterfaceId"] == outcome.component
            )
            held = {group["GroupId"] for group in eni["Groups"]}
            return held <= {one["component"] for one in blockers if one["direction"] == outcome.detail}
        case Drop.ACL:
            direction, _, number = outcome.detail.partition(":")
            return any(
                one["component"] == outcome.component
                and one["direction"] == direction
                and _same_rule(number, one["rule"])
                for one in blockers
            )
        case Drop.EGRESS_ONLY:
            # Where a VPC has no other way in, the VPC may be named as well as the gateway.
            named = {outcome.component, *_gateway_vpcs(documents, outcome.component)}
            return any(one["component"] in named for one in blockers)
        case _:
            return any(one["component"] == outcome.component for one in blockers)


def _gateway_vpcs(documents: Documents, gateway: str) -> list[str]:
    return [
        attachment["VpcId"]
        for item in documents["EgressOnlyInternetGateways"]["EgressOnlyInternetGateways"]
        if item["EgressOnlyInternetGatewayId"] == gateway
        for attachment in item["Attachments"]
    ]


def _same_rule(number: str, said: object) -> bool:
    """32767 is the last rule of a network ACL, and 32768 its twin for IPv6."""
    return str(said) == number or {number, str(said)} <= {"32767", "32768"}


def one_way_over_the_internet(outcome: Outcome) -> bool:
    """Whether only one leg left the account and came back to it by the internet.

    What a gateway does with half a connection AWS does not document, so any answer is let pass, and counted.
    """
    if outcome.detail == UNASKED and (outcome.drop is Drop.EGRESS_ONLY or outcome.leg == "return"):
        return True
    return outcome.crossed == ("return",) or (outcome.connected and outcome.crossed == ("forward",))


def difference(documents: Documents, outcome: Outcome, said: Answer) -> str | None:
    """In what the two differ, or None. ``partial``: it depends on the port that a NAT gateway picks."""
    match said.get("verdict"):
        case "reachable":
            return None if outcome.connected else "the engine lets pass what the kernel drops"
        case "blocked":
            if outcome.connected:
                return "the engine stops what the kernel connects"
            if not blame_is_shared(documents, outcome, said["blocked_by"]):
                return "the engine does not blame the component that dropped the packet"
            return None
        case "partial":
            if outcome.connected or blame_is_shared(documents, outcome, said["blocked_by"]):
                return None
            return "the engine does not blame the component that dropped the packet"
        case verdict:
            return f"the engine answers {verdict or said.get('error')!r} to what is modelled"


def compare(sandbox: Sandbox, topology: Topology, engine: Engine = ask_engine) -> Tally:
    """Every flow of the topology, by both."""
    try:
        outcomes = sandbox.ask(topology.cloud.documents, topology.flows, topology.seed)
    except LabBroken as broken:
        raise LabBroken(f"python -m tests.lab {topology.seed}   # {broken}") from broken
    return judge(topology, outcomes, engine)


def judge(topology: Topology, outcomes: list[Outcome], engine: Engine) -> Tally:
    """The engine's answers beside what the kernel did."""
    documents = topology.cloud.documents
    answers = engine(
        documents, [query(documents, number, flow) for number, flow in enumerate(topology.flows)]
    )
    tally = Tally(topologies=1, flows=len(outcomes))
    for flow, outcome, said in zip(topology.flows, outcomes, answers, strict=True):
        tally.kernel["connected" if outcome.connected else str(outcome.drop)] += 1
        tally.partial += said.get("verdict") == "partial"
        what = difference(documents, outcome, said)
        if what and one_way_over_the_internet(outcome):
            tally.skipped += 1
        elif what:
            tally.differences.append(Difference(topology.seed, flow, outcome, said, what))
    return tally


def compare_seed(sandbox: Sandbox, seed: int, engine: Engine = ask_engine) -> Tally:
    return compare(sandbox, generate(seed), engine)

"""Questions about a whole subnet, checked address by address: inside each passing rectangle and just outside.

A subnet as a source stands for workers that may come, with given security groups. So interfaces that hold
these groups are put where the answer is most likely to be wrong: at the corners of what is said to pass.
"""

from __future__ import annotations

import copy
import ipaddress
import random
from dataclasses import dataclass, field
from typing import Any

from tests.lab.cloud import Cloud, Documents
from tests.lab.compare import Answer, Engine, ask_engine, one_way_over_the_internet
from tests.lab.flow import Flow, Outcome
from tests.lab.sandbox import Sandbox
from tests.lab.topology import INTERNET_ADDRESSES, SERVICE_PORTS, Topology, generate

FIRST_PORT, LAST_PORT = 32768, 60999
Point = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Question:
    """Do workers of this subnet with these groups reach that?"""

    subnet: str
    cidr: str
    groups: tuple[str, ...]
    destination: str
    port: int

    def query(self) -> dict[str, Any]:
        return {
            "id": self.subnet,
            "from": self.subnet,
            "to": self.destination,
            "port": self.port,
            "security_groups": list(self.groups),
        }


@dataclass(slots=True)
class SetTally:
    """How many questions and points were checked, and what did not agree."""

    questions: int = 0
    partial: int = 0
    points: int = 0
    skipped: int = 0
    differences: list[str] = field(default_factory=list)

    def add(self, other: SetTally) -> None:
        self.questions += other.questions
        self.partial += other.partial
        self.points += other.points
        self.skipped += other.skipped
        self.differences += other.differences

    def __str__(self) -> str:
        return (
            f"{self.questions} subnet questions ({self.partial} partial), {self.points} points tried,"
            f" {self.skipped} left out, {len(self.differences)} differences"
        )


def questions(topology: Topology) -> list[Question]:
    """One set of groups for each subnet, and a few destinations."""
    rng = random.Random(topology.seed)
    found = []
    for subnet in topology.cloud.all("Subnets"):
        groups = [
            group["GroupId"]
            for group in topology.cloud.all("SecurityGroups")
            if group["VpcId"] == subnet["VpcId"]
        ]
        held = tuple(rng.sample(groups, rng.choice((1, 2))))
        near = [host.addresses[0] for host in topology.hosts]
        for destination in [*rng.sample(near, 3), rng.choice(INTERNET_ADDRESSES)]:
            port = rng.choice(SERVICE_PORTS)
            found.append(Question(subnet["SubnetId"], subnet["CidrBlock"], held, destination, port))
    return found


def passes(answer: Answer, point: Point) -> bool:
    """Whether the engine says that this address and source port pass."""
    match answer["verdict"]:
        case "reachable":
            return True
        case "partial":
            address = ipaddress.ip_address(point[0])
            return any(
                any(address in ipaddress.ip_network(cidr) for cidr in rectangle["source_addresses"])
                and any(low <= point[1] <= high for low, high in rectangle["source_ports"])
                for rectangle in answer["passing"]
            )
        case _:
            return False


def corners(question: Question, answer: Answer, rng: random.Random) -> set[Point]:
    """The corners of every rectangle and one step further, the corners of the whole, its middle."""
    whole = ipaddress.IPv4Network(question.cidr)
    first, last = int(whole[4]), int(whole[-2])
    half = first + (last - first) // 2
    addresses = {first, last, half, half + 1}
    ports = {FIRST_PORT, LAST_PORT, 40000, 49151, 49152}
    for rectangle in answer.get("passing") or []:
        for cidr in rectangle["source_addresses"][:4]:
            network = ipaddress.ip_network(cidr)
            low, high = int(network[0]), int(network[-1])
            addresses |= {low - 1, low, high, high + 1}
        for low, high in rectangle["source_ports"][:4]:
            ports |= {low - 1, low, high, high + 1}
    usable = sorted(one for one in addresses if first <= one <= last)
    tried = rng.sample(usable, min(len(usable), 6))
    return {
        (str(ipaddress.IPv4Address(address)), port)
        for address in tried
        for port in ports
        if FIRST_PORT <= port <= LAST_PORT
    }


def with_workers(
    topology: Topology, points: dict[Question, set[Point]]
) -> tuple[Documents, dict[Point, str]]:
    """A copy of the account with an interface at every address that is to be tried, and which one it is."""
    cloud = Cloud(topology.seed + 1)
    cloud.documents = copy.deepcopy(topology.cloud.documents)
    taken = {
        one["PrivateIpAddress"] for eni in cloud.all("NetworkInterfaces") for one in eni["PrivateIpAddresses"]
    }
    workers: dict[str, str] = {}
    for question, tried in points.items():
        for address in sorted({address for address, _ in tried} - taken):
            if address not in workers:
                workers[address] = cloud.eni(question.subnet, address, *question.groups)
    by_point = {
        point: workers[point[0]] for tried in points.values() for point in tried if point[0] in workers
    }
    return cloud.documents, by_point


def left_to_chance(documents: Documents, flow: Flow, engine: Engine) -> bool:
    """Whether even one address and port pass only now and then: a NAT gateway picks the port."""
    query = {
        "id": "point",
        "from": flow.source,
        "to": flow.destination,
        "port": flow.port,
        "source_port": flow.source_port,
    }
    return bool(engine(documents, [query])[0].get("verdict") == "partial")


def compare_sets(sandbox: Sandbox, seed: int, engine: Engine = ask_engine) -> SetTally:
    """All subnet questions of one topology, and the kernel's word on their corners."""
    topology = generate(seed)
    rng = random.Random(seed)
    asked = questions(topology)
    answers = engine(topology.cloud.documents, [question.query() for question in asked])
    tally = SetTally(questions=len(asked))
    points: dict[Question, set[Point]] = {}
    for question, answer in zip(asked, answers, strict=True):
        if answer.get("verdict") not in ("reachable", "partial", "blocked"):
            tally.differences.append(f"python -m tests.lab --sets {seed}   # {question}: {answer}")
            continue
        tally.partial += answer["verdict"] == "partial"
        points[question] = corners(question, answer, rng)
    documents, workers = with_workers(topology, points)
    tries = [
        (question, point, Flow(workers[point], *point, question.destination, question.port))
        for question, tried in points.items()
        for point in sorted(tried)
        if point in workers
    ]
    outcomes = sandbox.ask(documents, [flow for _, _, flow in tries], seed)
    said = dict(zip(asked, answers, strict=True))
    for (question, point, flow), outcome in zip(tries, outcomes, strict=True):
        tally.points += 1
        if passes(said[question], point) == outcome.connected:
            continue
        if one_way_over_the_internet(outcome) or left_to_chance(documents, flow, engine):
            tally.skipped += 1
            continue
        tally.differences.append(_difference(seed, question, point, said[question], outcome))
    return tally


def _difference(seed: int, question: Question, point: Point, answer: Answer, outcome: Outcome) -> str:
    return (
        f"python -m tests.lab --sets {seed}   # {point[0]} port {point[1]} of {question}: kernel: {outcome};"
        f" engine: {answer['verdict']}, passing {answer.get('passing')}, gaps {answer.get('gaps')}"
    )

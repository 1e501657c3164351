"""Measure the path engine: python -m bench.bench_path

Single-flow traces per second over three VPCs, one trace for all brokers and ports, and a large account:
loading it, a first trace and further ones. Times are CPU time on one core, rates those of the best of
several windows, so that they depend little on the load of the machine.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from netcheck.aws.ec2.entities import TCP
from netcheck.aws.ec2.snapshot import Snapshot, from_documents, load
from netcheck.path.query import answer
from netcheck.path.trace import Destination, from_interface, from_subnet, trace

Document = dict[str, Any]

PORTS = (9094, 9096, 9098)


STEMS = (
    "Vpcs", "Subnets", "RouteTables", "NetworkAcls", "SecurityGroups", "NetworkInterfaces", "NatGateways",
    "InternetGateways", "VpcPeeringConnections", "VpcEndpoints", "Reservations",
)  # fmt: skip
ACL = ((100, "allow", "0.0.0.0/0"), (90, "deny", "192.0.2.0/24"))


def rule(cidr: str, first: int, last: int) -> Document:
    return {"IpProtocol": "tcp", "FromPort": first, "ToPort": last, "IpRanges": [{"CidrIp": cidr}]}


def entry(number: int, action: str, cidr: str, egress: bool) -> Document:
    made = {"RuleNumber": number, "RuleAction": action, "Protocol": "-1", "CidrBlock": cidr, "Egress": egress}
    if action == "allow" and not egress:
        made |= {"Protocol": "6", "PortRange": {"From": 1024, "To": 65535}}
    return made


def account(
    vpcs: int, subnets: int, interfaces: int, groups: int, rules: int, peers: int
) -> dict[str, Document]:
    """`vpcs` VPCs with that many subnets, interfaces and groups each, every VPC peered with the next ones."""
    made: dict[str, list[Document]] = {name: [] for name in STEMS}
    dice = random.Random(1)
    for v in range(vpcs):
        add_vpc(made, v, subnets, interfaces)
        add_groups(made, v, groups, rules, dice)
        neighbours = [n for n in range(v - peers, v + peers + 1) if n != v and 0 <= n < vpcs]
        add_tables(made, v, neighbours)
        made["VpcPeeringConnections"] += [peering(v, n) for n in neighbours if n > v]
    documents = {name: {name: items} for name, items in made.items()}
    off = {"InternetGatewayBlockMode": "off"}
    return documents | {"VpcBlockPublicAccessOptions": {"VpcBlockPublicAccessOptions": off}}


def add_vpc(made: dict[str, list[Document]], v: int, subnets: int, interfaces: int) -> None:
    vpc = f"vpc-{v}"
    made["Vpcs"].append({"VpcId": vpc, "CidrBlock": f"10.{v}.0.0/16"})
    made["InternetGateways"].append(
        {"InternetGatewayId": f"igw-{v}", "Attachments": [{"VpcId": vpc, "State": "available"}]}
    )
    for s in range(subnets):
        name = f"subnet-{v}-{s}"
        made["Subnets"].append(
            {
                "SubnetId": name,
                "VpcId": vpc,
                "AvailabilityZone": "eu-west-1a",
                "CidrBlock": f"10.{v}.{s}.0/24",
            }
        )
        for i in range(interfaces // subnets):
            made["NetworkInterfaces"].append({
                "NetworkInterfaceId": f"eni-{v}-{s}-{i}", "VpcId": vpc, "SubnetId": name,
                "Status": "in-use", "SourceDestCheck": True,
                "Groups": [{"GroupId": f"sg-{v}-0"}], "PrivateIpAddress": f"10.{v}.{s}.{10 + i}",
                "PrivateIpAddresses": [{"PrivateIpAddress": f"10.{v}.{s}.{10 + i}"}],
            })  # fmt: skip
    entries = [entry(n, a, c, way) for n, a, c in ACL for way in (True, False)]
    associations = [{"SubnetId": f"subnet-{v}-{s}"} for s in range(subnets)]
    made["NetworkAcls"].append(
        {"NetworkAclId": f"acl-{v}", "VpcId": vpc, "Entries": entries, "Associations": associations}
    )
    made["NatGateways"].append({
        "NatGatewayId": f"nat-{v}", "VpcId": vpc, "SubnetId": f"subnet-{v}-1", "State": "available",
        "NatGatewayAddresses": [{"PrivateIp": f"10.{v}.1.250", "PublicIp": f"198.51.{v}.1"}],
    })  # fmt: skip


def add_tables(made: dict[str, list[Document]], v: int, neighbours: list[int]) -> None:
    local = {"DestinationCidrBlock": f"10.{v}.0.0/16", "GatewayId": "local"}
    default_route = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": f"nat-{v}"}
    internet = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": f"igw-{v}"}
    to_peers = [
        {"DestinationCidrBlock": f"10.{n}.0.0/16", "VpcPeeringConnectionId": f"pcx-{min(v, n)}-{max(v, n)}"}
        for n in neighbours
    ]
    for route in (local, default_route, internet, *to_peers):
        route["State"] = "active"
    for name, routes, association in (
        (f"rtb-{v}", [local, default_route, *to_peers], {"Main": True}),
        (f"rtb-{v}-public", [local, internet], {"SubnetId": f"subnet-{v}-1"}),
    ):
        made["RouteTables"].append(
            {"RouteTableId": name, "VpcId": f"vpc-{v}", "Routes": routes, "Associations": [association]}
        )


def add_groups(made: dict[str, list[Document]], v: int, groups: int, rules: int, dice: random.Random) -> None:
    """Groups with `rules` rules each, the matching one last."""
    for g in range(groups):
        others = rules // 2 - 1
        ingress = [rule(f"172.{dice.randrange(16, 32)}.{n}.0/24", 9000 + n, 9100 + n) for n in range(others)]
        egress = [rule(f"192.168.{n}.0/24", 443, 443) for n in range(others)]
        ingress.append(rule("10.0.0.0/8", 9092, 9098))
        egress.append(rule("0.0.0.0/0", 0, 65535))
        made["SecurityGroups"].append({
            "GroupId": f"sg-{v}-{g}", "VpcId": f"vpc-{v}", "IpPermissions": ingress,
            "IpPermissionsEgress": egress,
        })  # fmt: skip


def peering(v: int, peer: int) -> Document:
    sides = [
        {"VpcId": f"vpc-{n}", "Region": "eu-west-1", "CidrBlockSet": [{"CidrBlock": f"10.{n}.0.0/16"}]}
        for n in (v, peer)
    ]
    return {
        "VpcPeeringConnectionId": f"pcx-{v}-{peer}",
        "Status": {"Code": "active"},
        "RequesterVpcInfo": sides[0],
        "AccepterVpcInfo": sides[1],
    }


def rate(ask: Callable[[int], object], windows: int = 8, seconds: float = 0.5) -> float:
    """Calls per second of CPU time, in the best of several windows."""
    best, done = 0.0, 0
    for _ in range(windows):
        before, started = done, time.process_time()
        while (elapsed := time.process_time() - started) < seconds:
            for _ in range(50):
                ask(done)
                done += 1
        best = max(best, (done - before) / elapsed)
    return best


def questions(dice: random.Random) -> Iterator[Document]:
    """Same VPC, peered VPC, internet through NAT, and some that are blocked."""
    while True:
        private = f"10.{dice.randrange(3)}.{dice.randrange(2, 4)}.{dice.randrange(10, 20)}"
        to = dice.choice([private, private, private, "203.0.113.9", "192.0.2.1"])
        yield {
            "id": 1, "from": f"eni-0-0-{dice.randrange(10)}", "to": to, "port": dice.choice(PORTS),
            "source_port": dice.randrange(32768, 61000),
        }  # fmt: skip


def single_flows() -> None:
    snapshot = from_documents(account(3, 4, 40, 2, 10, 2))
    generator = questions(random.Random(3))
    queries = [next(generator) for _ in range(2000)]
    verdicts = [answer(question, snapshot)["verdict"] for question in queries]
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in sorted({str(v) for v in verdicts}))
    print(f"three VPCs, {len(queries)} queries: {counts}")
    report("one flow, as JSON object (answer)", rate(lambda n: answer(queries[n % 2000], snapshot)))
    typed = [(str(q["from"]), Destination.parse(q["to"]), q["port"], q["source_port"]) for q in queries]

    def ask(n: int) -> object:
        name, destination, port, source_port = typed[n % 2000]
        source = from_interface(snapshot, name)
        return trace(snapshot, source, destination, TCP, port, ((source_port, source_port),))

    report("one flow, typed (from_interface, trace)", rate(ask))


def report(name: str, per_second: float) -> None:
    print(f"  {name + ':':42} {per_second:9,.0f} per second ({per_second / 20_000:.2f} of 20,000)")


def set_question() -> None:
    snapshot = from_documents(account(3, 4, 40, 2, 10, 2))
    brokers = [Destination.parse(f"10.1.{2 + n % 2}.{10 + n}") for n in range(6)]

    def ask(_: int) -> object:
        source = from_subnet(snapshot, "subnet-0-0", ["sg-0-0"])
        return [trace(snapshot, source, broker, TCP, port) for broker in brokers for port in PORTS]

    ask(0)
    each = 1 / rate(ask)
    print(
        f"a subnet x 6 brokers x 3 ports:          {each * 1000:9.2f} ms        ({each / 0.002:.2f} of 2 ms)"
    )


def large_account() -> None:
    documents = account(200, 4, 52, 10, 60, 3)
    documents["RouteTables"]["RouteTables"] += [
        {"RouteTableId": f"rtb-more-{n}", "VpcId": f"vpc-{n}", "Associations": [], "Routes": []}
        for n in range(100)
    ]
    with tempfile.TemporaryDirectory() as folder:
        for stem, document in documents.items():
            (Path(folder) / f"{stem}.json").write_text(json.dumps(document))
        started = time.process_time()
        snapshot = load(Path(folder))
        seconds = time.process_time() - started
    print(
        f"{len(snapshot.vpcs)} VPCs, {len(snapshot.interfaces):,} interfaces, "
        f"{len(snapshot.groups):,} security groups x 60 rules, {len(snapshot.route_tables)} route tables"
    )
    print(f"  {'load:':42} {seconds:9.2f} s ({seconds / 3:.2f} of 3 s)")
    queries = [
        {"id": 1, "from": f"eni-{v}-0-{v % 10}", "to": f"10.{v + 1}.2.11", "port": 9094} for v in range(150)
    ]
    for name in ("first query in a VPC:", "the same again:"):
        times = sorted(timed(question, snapshot) for question in queries)
        middle, worst = times[len(times) // 2], times[-1]
        print(
            f"  {name:42} {middle * 1e6:9.0f} us, worst {worst * 1e6:.0f} us ({middle / 0.001:.2f} of 1 ms)"
        )


def timed(question: Document, snapshot: Snapshot) -> float:
    started = time.process_time()
    verdict = answer(question, snapshot)["verdict"]
    seconds = time.process_time() - started
    assert verdict == "reachable", verdict
    return seconds


def main() -> None:
    """Print the figures."""
    single_flows()
    set_question()
    large_account()


if __name__ == "__main__":
    main()

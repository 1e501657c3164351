"""Reading a snapshot: layouts, broken files, and ten thousand mutated copies."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from netcheck.aws.ec2.snapshot import Gap, SnapshotError, from_documents, load
from netcheck.path.query import answer
from tests.path.world import World, two_subnets, with_nat, with_peer, with_transit

QUESTION = {"id": 1, "from": "eni-w", "to": "10.0.2.7", "port": 9094}


def write(folder: Path, world: World) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for stem, document in world.documents.items():
        (folder / f"{stem}.json").write_text(json.dumps(document))
    return folder


# Layouts


@pytest.mark.parametrize(
    "inside", ["", "aws_configs/eu-west-1", "aws_configs/accounts/111111111111/eu-west-1"]
)
def test_a_folder_is_read_flat_or_nested(tmp_path: Path, inside: str) -> None:
    write(tmp_path / inside, two_subnets())
    assert answer(QUESTION, load(tmp_path))["verdict"] == "reachable"


def test_the_regions_of_a_nested_folder_are_one_snapshot(tmp_path: Path) -> None:
    world = with_peer()
    here, there = copy.deepcopy(world), copy.deepcopy(world)
    for stem, document in world.documents.items():
        if not isinstance(document[stem], list):
            continue
        there.documents[stem][stem] = [item for item in document[stem] if item.get("VpcId") == "vpc-c"]
        here.documents[stem][stem] = [item for item in document[stem] if item.get("VpcId") != "vpc-c"]
    write(tmp_path / "aws_configs" / "eu-west-1", here)
    write(tmp_path / "aws_configs" / "eu-central-1", there)
    snapshot = load(tmp_path)
    assert snapshot.vpcs["vpc-c"].region == "eu-central-1"
    assert answer(QUESTION | {"to": "10.9.1.7"}, snapshot)["verdict"] == "reachable"


def test_what_other_tools_add_is_ignored(tmp_path: Path) -> None:
    world = two_subnets()
    world.find("Subnets", "subnet-w")["SomethingNew"] = {"Deep": [1, None]}
    write(tmp_path, world)
    (tmp_path / "Clusters.json").write_text("not JSON at all")
    (tmp_path / "notes.txt").write_text("mine")
    assert answer(QUESTION, load(tmp_path))["verdict"] == "reachable"


def test_an_absent_file_is_a_gap_and_an_empty_list_is_none(tmp_path: Path) -> None:
    world = with_nat()
    world.documents["NatGateways"] = {"NatGateways": []}
    write(tmp_path, world)
    question = QUESTION | {"to": "203.0.113.9"}
    assert load(tmp_path).missing("NatGateways") is None
    (tmp_path / "NatGateways.json").unlink()
    gap = load(tmp_path).missing("NatGateways")
    assert gap is not None and gap.action == "ec2:DescribeNatGateways"
    assert answer(question, load(tmp_path))["verdict"] == "unknown"


def test_gaps_that_collection_wrote_are_read(tmp_path: Path) -> None:
    write(tmp_path, two_subnets().without("NetworkAcls"))
    gap = {"what": "NetworkAcls", "action": "ec2:DescribeNetworkAcls", "reason": "AccessDenied for role/x"}
    (tmp_path / "Gaps.json").write_text(json.dumps({"Gaps": [gap]}))
    found = answer(QUESTION, load(tmp_path))
    assert found["verdict"] == "unknown"
    assert "AccessDenied for role/x" in json.dumps(found["gaps"])
    documents = two_subnets().without("NetworkAcls").documents
    other = answer(QUESTION, from_documents(documents, [Gap(**gap)]))
    assert other == found


def test_a_document_that_is_one_page_of_several_is_a_gap() -> None:
    documents = two_subnets().documents
    assert answer(QUESTION | {"to": "10.0.2.99"}, from_documents(documents))["verdict"] == "blocked"
    documents["NetworkInterfaces"]["NextToken"] = "abc"
    found = answer(QUESTION | {"to": "10.0.2.99"}, from_documents(documents))
    assert found["verdict"] == "unknown"
    assert "NetworkInterfaces.json is one page of several" in json.dumps(found["gaps"])
    documents["NetworkInterfaces"]["NextToken"] = ""
    assert answer(QUESTION | {"to": "10.0.2.99"}, from_documents(documents))["verdict"] == "blocked"


def test_a_file_that_one_of_two_accounts_in_a_region_lacks_is_a_gap(tmp_path: Path) -> None:
    ours = write(tmp_path / "aws_configs/accounts/111111111111/eu-west-1", two_subnets())
    write(tmp_path / "aws_configs/accounts/222222222222/eu-west-1", World())
    assert load(tmp_path).missing("NetworkInterfaces") is None
    (ours / "NetworkInterfaces.json").unlink()
    gap = load(tmp_path).missing("NetworkInterfaces", "eu-west-1")
    assert gap is not None and "one account of eu-west-1" in gap.reason
    assert answer(QUESTION | {"from": "subnet-w"}, load(tmp_path))["verdict"] == "unknown"


@pytest.mark.parametrize(("more", "verdict"), [(True, "unknown"), (False, "reachable")])
def test_a_transit_route_table_with_more_routes_than_listed_is_a_gap(more: bool, verdict: str) -> None:
    world = with_transit()
    world.find("TransitGatewayStaticRoutes", "tgw-rtb-1")["AdditionalRoutesAvailable"] = more
    assert world.ask("eni-w", "10.9.1.7")["verdict"] == verdict


# Broken files


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        (b'{"Subnets": [\n {"SubnetId": ', ["Subnets.json", "line 2", "not JSON"]),
        (b"", ["Subnets.json", "line 1", "not JSON"]),
        (b"\xff\xfe\x00", ["Subnets.json"]),
        (b"[]", ["Subnets.json", "expected an object, found a list"]),
        (b"{}", ["Subnets.json", "Subnets", "missing"]),
        (b'{"Subnets": {}}', ["Subnets.json", "expected a list, found an object"]),
        (b'{"Subnets": [7]}', ["Subnets.json", "Subnets[0]", "expected an object, found a number"]),
        (b'{"Subnets": [{"SubnetId": 5}]}', ["Subnets[0].SubnetId", "expected a string, found a number"]),
        (
            b'{"Subnets": [{"SubnetId": "s", "VpcId": "v", "AvailabilityZone": "z", '
            b'"CidrBlock": "10.0.0.1/8"}]}',
            ["Subnets[0].CidrBlock", "bits set after its prefix"],
        ),
        (b"[" * 100_000, ["Subnets.json"]),
        (b'{"Subnets": [' + b"9" * 5000 + b"]}", ["Subnets.json"]),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_with_its_name_the_place_and_the_reason(
    tmp_path: Path, content: bytes, reasons: list[str]
) -> None:
    write(tmp_path, two_subnets())
    (tmp_path / "Subnets.json").write_bytes(content)
    with pytest.raises(SnapshotError) as raised:
        load(tmp_path)
    for reason in [*reasons, str(tmp_path)]:
        assert reason in str(raised.value)


def test_a_folder_without_a_snapshot_says_how_to_make_one(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(SnapshotError, match="netcheck snapshot --output"):
            load(folder)


def twice(stem: str, **changes: Any) -> Callable[[World], None]:
    def change(world: World) -> None:
        items = world.documents[stem][stem]
        items.append(copy.deepcopy(items[0]) | changes)

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (twice("Vpcs"), None),
        (twice("Subnets", VpcId="vpc-b"), "duplicate subnet-w"),
        (twice("Subnets", AvailabilityZone="eu-west-1c", AvailableIpAddressCount=5), None),
        (twice("RouteTables", RouteTableId="rtb-2"), "vpc-a has as main route tables both"),
        (twice("NetworkAcls", NetworkAclId="acl-2"), "subnet-w is associated with network ACLs both"),
        (twice("NetworkInterfaces", NetworkInterfaceId="eni-2"), "both have 10.0.1.10"),
        (twice("Subnets", SubnetId="subnet-2"), "overlap"),
    ],
)
def test_ids_and_addresses_that_are_there_twice_are_refused_if_they_differ(
    change: Callable[[World], None], reason: str | None
) -> None:
    world = two_subnets()
    change(world)
    if reason is None:
        assert world.ask("eni-w", "10.0.2.7")["verdict"] == "reachable"
    else:
        with pytest.raises(SnapshotError, match=reason):
            world.snapshot()


# Mutations

Spot = tuple[Any, Any]


def spots(node: Any) -> Iterator[Spot]:
    """Every (container, key) of a document."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        yield node, key
        yield from spots(value)


def texts(document: Any) -> list[str]:
    return [container[key] for container, key in spots(document) if isinstance(container[key], str)]


def mutate(documents: Any, dice: random.Random) -> None:
    container, key = dice.choice(list(spots(documents)))
    match dice.randrange(8):
        case 0:
            del container[key]
        case 1:
            container[key] = dice.choice([None, 0, -1, 10**30, 1.5, True, "", "x", [], {}, [[]], {"a": None}])
        case 2:
            container[key] = dice.choice(texts(documents))
        case 3 if isinstance(container[key], list) and container[key]:
            container[key].append(copy.deepcopy(dice.choice(container[key])))
        case 4 if isinstance(container[key], int):
            container[key] += dice.choice([-1, 1, 65536])
        case 5 if isinstance(container[key], str):
            container[key] = container[key][: dice.randrange(len(container[key]) + 1)]
        case 6 if isinstance(container[key], list):
            dice.shuffle(container[key])
        case 7:
            other, its_key = dice.choice(list(spots(documents)))
            container[key] = copy.deepcopy(other[its_key])
        case _:
            container[key] = [container[key]]


QUESTIONS: list[dict[str, Any]] = [
    {"id": 1, "from": "eni-w", "to": "10.0.2.7", "port": 9094},
    {"id": 2, "from": "subnet-w", "security_groups": ["sg-w"], "to": "10.9.1.7", "port": 9094},
    {"id": 3, "from": "eni-w", "to": "203.0.113.9", "port": 443},
    {"id": 4, "from": "10.0.1.10", "to": "eni-b", "port": 9094, "protocol": "udp"},
]
VERDICTS = {"reachable", "partial", "blocked", "unknown"}


def test_ten_thousand_mutated_snapshots_are_refused_in_one_sentence_or_answered() -> None:
    dice = random.Random(20240611)
    worlds = [json.dumps(w().documents) for w in (two_subnets, with_nat, with_peer, with_transit)]
    refused = answered = 0
    for number in range(10_000):
        documents = json.loads(worlds[number % len(worlds)])
        for _ in range(dice.choice([1, 1, 1, 2, 4])):
            mutate(documents, dice)
        try:
            snapshot = from_documents(documents)
        except SnapshotError as reason:
            refused += 1
            assert ".json" in str(reason) or "Collect the snapshot again" in str(reason), str(reason)
            continue
        answered += 1
        for question in QUESTIONS:
            found = answer(question, snapshot)
            assert found.keys() == {"id", "error"} or found["verdict"] in VERDICTS, (number, found)
            if found.get("verdict") == "reachable":
                assert not found["blocked_by"] and not found["gaps"], (number, found)
            if found.get("verdict") == "blocked":
                assert found["blocked_by"], (number, found)
    assert refused > 1000 and answered > 1000


def test_order_in_a_file_never_matters() -> None:
    dice = random.Random(7)
    for make in (two_subnets, with_nat, with_peer, with_transit):
        before = [answer(question, make().snapshot()) for question in QUESTIONS]
        for _ in range(20):
            world = make()
            for container, key in list(spots(world.documents)):
                if isinstance(container[key], list):
                    dice.shuffle(container[key])
            assert [answer(question, world.snapshot()) for question in QUESTIONS] == before


# What a wrong verdict would be: information taken away may make an answer unknown, never the opposite.


@pytest.mark.parametrize("make", [two_subnets, with_nat, with_peer, with_transit])
def test_taking_any_document_away_never_turns_a_verdict_into_its_opposite(make: Callable[[], World]) -> None:
    whole = make()
    for question in QUESTIONS:
        verdict = answer(question, whole.snapshot()).get("verdict")
        for stem in whole.documents:
            less = answer(question, whole.without(stem).snapshot())
            assert less.get("verdict", "unknown") in (verdict, "unknown"), (stem, question, less)


MAY_BE_ABSENT = {
    # What AWS itself leaves out where there is none of it: its absence cannot be told from that.
    "Association", "Attachment", "Ipv6Addresses", "Ipv6CidrBlockAssociationSet", "IpRanges", "Ipv6Ranges",
    "PrefixListIds", "UserIdGroupPairs", "PrivateIpAddresses", "PrivateIpAddress",
}  # fmt: skip


@pytest.mark.parametrize("make", [two_subnets, with_nat, with_peer, with_transit])
def test_no_key_that_is_left_out_turns_a_verdict_into_its_opposite(make: Callable[[], World]) -> None:
    whole = json.dumps(make().documents)
    verdicts = [answer(question, from_documents(json.loads(whole))).get("verdict") for question in QUESTIONS]
    places = [
        number
        for number, (container, key) in enumerate(spots(json.loads(whole)))
        if isinstance(container, dict) and key not in MAY_BE_ABSENT
    ]
    for place in places:
        documents = json.loads(whole)
        container, key = next(spot for number, spot in enumerate(spots(documents)) if number == place)
        del container[key]
        try:
            snapshot = from_documents(documents)
        except SnapshotError:
            continue
        found = [answer(question, snapshot).get("verdict", "unknown") for question in QUESTIONS]
        for before, after, question in zip(verdicts, found, QUESTIONS, strict=True):
            assert after in (before, "unknown"), (key, container, question)

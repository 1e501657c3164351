"""The collector against AWS's API on loopback: what it keeps, what it calls, what it cannot have."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from netcheck.aws.api.calls import as_json
from netcheck.aws.api.session import open_session
from netcheck.aws.ec2.collect import Collected, collect, collect_region
from netcheck.aws.ec2.folder import write
from netcheck.aws.ec2.scope import Scope
from netcheck.aws.ec2.snapshot import ACTIONS, from_documents, load
from netcheck.core.context import Deadline, DeadlineExceeded
from tests.aws.accounts import ALONE, CANARY, FAR, HUB, MSK, PEER, SPOKE, VPCS, account
from tests.bounds import STEP, ends_within
from tests.servers.aws_endpoint import (
    AwsEndpoint,
    Fault,
    aws_error,
    clock_off,
    dropped,
    expired_token,
    html_page,
    slow,
    throttled,
)
from tests.servers.aws_world import World
from tests.servers.certificates import Certificates

START = Scope(vpcs=frozenset({MSK}))
OF_MSK = {MSK, PEER, HUB, SPOKE}
XHTML = b"<html><head><title>Sign in</title></head><body><p>Sign in</p></body></html>"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Any:
    with AwsEndpoint(World(account())) as endpoint:
        lead_to(endpoint, monkeypatch)
        yield endpoint


def lead_to(aws: AwsEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "http_proxy",
        "https_proxy",
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)


def collected(scope: Scope = START, seconds: float = 30) -> Collected:
    deadline = Deadline(seconds)
    return collect(open_session(deadline), scope, deadline)


def items(collected: Collected, stem: str) -> list[Any]:
    document: Any = collected.documents[stem]
    found: list[Any] = document[stem]
    return found


def vpcs_of(collected: Collected) -> set[str]:
    return {vpc["VpcId"] for vpc in items(collected, "Vpcs")}


def missing(collected: Collected) -> dict[str, set[str]]:
    """The actions that gaps name, each with the documents that it costs."""
    lost: dict[str, set[str]] = {}
    for gap in collected.gaps:
        lost.setdefault(gap.action, set()).add(gap.what)
    return lost


# What it keeps


@pytest.mark.usefixtures("aws")
def test_every_document_is_there_and_says_what_aws_said() -> None:
    got = collected(Scope())
    assert got.gaps == ()
    assert got.documents.keys() == ACTIONS.keys() | {"Gaps"}
    for stem, said in account().items():
        if stem == "VpnConnections":
            continue
        document: Any = got.documents[stem]
        if stem == "PrefixListEntries":
            said = sorted(said, key=lambda item: item["PrefixListId"])
        if stem == "VpcAttributes":
            said = sorted(said, key=lambda item: item["VpcId"])
        assert document == {stem: said}, stem


@pytest.mark.usefixtures("aws")
def test_the_loader_reads_what_was_collected() -> None:
    snapshot = from_documents(collected().documents)
    assert set(snapshot.vpcs) == OF_MSK
    assert {gap for gap in map(snapshot.missing, ACTIONS) if gap} == set()


def test_pages_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    with AwsEndpoint(World(account(brokers=9))) as aws:
        lead_to(aws, monkeypatch)
        whole = collected()
    with AwsEndpoint(World(account(brokers=9), page_size=2)) as aws:
        lead_to(aws, monkeypatch)
        paged = collected()
        assert aws.count()["DescribeNetworkInterfaces"] == 5
        assert aws.count()["GetManagedPrefixListEntries"] == 1 + 3
    assert paged.documents == whole.documents


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("sentence", "scope", "expected"),
    [
        ("peers and the transit gateway are followed, a peer's peer is not", START, OF_MSK),
        ("a subnet leads to its VPC", Scope(subnets=frozenset({"subnet-alone-a"})), {ALONE}),
        ("so does a security group", Scope(security_groups=frozenset({"sg-alone"})), {ALONE}),
        ("and an interface", Scope(interfaces=frozenset({"eni-broker-1"})), OF_MSK),
        ("and a private address", Scope(addresses=frozenset({"10.0.0.10"})), OF_MSK),
        ("and a public address", Scope(addresses=frozenset({"198.51.100.7"})), {PEER, MSK, FAR}),
        ("and an IPv6 address", Scope(addresses=frozenset({"2001:db8::10"})), {PEER, MSK, FAR}),
        (
            "several starts are joined",
            Scope(frozenset({ALONE}), frozenset({"subnet-msk-a"})),
            {*OF_MSK, ALONE},
        ),
        ("no scope is the whole Region", Scope(), set(VPCS)),
        ("nor is an address that nothing has", Scope(addresses=frozenset({"203.0.113.1"})), set(VPCS)),
    ],
)
def test_only_the_vpcs_that_matter(sentence: str, scope: Scope, expected: set[str]) -> None:
    got = collected(scope)
    assert vpcs_of(got) == expected, sentence
    assert {subnet["VpcId"] for subnet in items(got, "Subnets")} == expected
    assert {item["VpcId"] for item in items(got, "VpcAttributes")} == expected
    assert got.gaps == ()


@pytest.mark.usefixtures("aws")
def test_an_id_that_is_not_there_is_named() -> None:
    got = collected(Scope(vpcs=frozenset({MSK, "vpc-gone"}), subnets=frozenset({"subnet-gone"})))
    assert missing(got) == {"ec2:DescribeVpcs": {"vpc-gone"}, "ec2:DescribeSubnets": {"subnet-gone"}}
    assert "eu-west-1" in got.gaps[0].reason
    assert vpcs_of(got) == OF_MSK


def test_a_shared_transit_gateway_is_no_gateway_without_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    with AwsEndpoint(World(account() | {"TransitGatewayRouteTables": []})) as aws:
        lead_to(aws, monkeypatch)
        got = collected()
    assert {gap.what for gap in got.gaps} == {
        "TransitGatewayAttachments",
        "TransitGatewayPropagations",
        "TransitGatewayRouteTableAssociations",
        "TransitGatewayStaticRoutes",
    }
    assert all("tgw-1" in gap.reason for gap in got.gaps)


def test_more_routes_than_aws_gives_out_are_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = account()
    documents["TransitGatewayStaticRoutes"][0]["AdditionalRoutesAvailable"] = True
    with AwsEndpoint(World(documents)) as aws:
        lead_to(aws, monkeypatch)
        got = collected()
    assert missing(got) == {"ec2:SearchTransitGatewayRoutes": {"TransitGatewayStaticRoutes"}}
    assert items(got, "TransitGatewayStaticRoutes")[0]["AdditionalRoutesAvailable"] is True


# What it calls


def test_sixty_brokers_take_no_more_calls_than_three(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = {}
    for brokers in (3, 60):
        with AwsEndpoint(World(account(brokers))) as aws:
            lead_to(aws, monkeypatch)
            scope = Scope(interfaces=frozenset(f"eni-broker-{n}" for n in range(brokers)))
            got = collected(scope)
            assert len(items(got, "NetworkInterfaces")) == brokers + 1
            assert got.calls == len(aws.calls)
            calls[brokers] = aws.count()
    assert calls[3] == calls[60]
    assert calls[3]["DescribeNetworkInterfaces"] == 2
    assert {name for name, times in calls[3].items() if times > 1} == {
        "DescribeNetworkInterfaces",  # once to find the VPCs, once for what is in them
        "DescribeVpcAttribute",  # two attributes of each VPC: AWS gives one at a time
        "GetManagedPrefixListEntries",  # one for each list that rules or routes name
    }


def test_more_vpcs_than_a_filter_holds_are_asked_for_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = account()
    names = [f"vpc-{n:03}" for n in range(250)]
    documents["Vpcs"] += [{"VpcId": name, "CidrBlock": "10.9.0.0/16"} for name in names]
    documents["Subnets"] += [{"SubnetId": f"subnet-{name}", "VpcId": name} for name in names]
    with AwsEndpoint(World(documents)) as aws:
        lead_to(aws, monkeypatch)
        got = collected(Scope(vpcs=frozenset(names)))
        assert aws.count()["DescribeSubnets"] == 2
    assert {subnet["VpcId"] for subnet in items(got, "Subnets")} == set(names)
    assert got.gaps == ()


def test_clients_may_be_given_instead_of_a_session(aws: AwsEndpoint) -> None:
    got = collect({"ec2": aws.client("ec2")}, START, Deadline(30))
    assert vpcs_of(got) == OF_MSK


def test_it_works_over_tls_with_an_authority_of_ones_own(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    with AwsEndpoint(World(account()), tls=certificates.good) as aws:
        lead_to(aws, monkeypatch)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificates.authority.certificate))
        assert collected().gaps == ()


# What it cannot have


@pytest.mark.parametrize("stem", sorted(ACTIONS))
def test_each_denied_action_is_named_and_costs_only_its_own_documents(aws: AwsEndpoint, stem: str) -> None:
    operation = ACTIONS[stem].removeprefix("ec2:")
    aws.deny("ec2", operation)
    got = collected()
    dependants = {
        "Vpcs": {"VpcAttributes"},
        "TransitGatewayRouteTables": {
            "TransitGatewayRouteTableAssociations",
            "TransitGatewayPropagations",
            "TransitGatewayStaticRoutes",
        },
    }.get(stem, set())
    assert missing(got) == {ACTIONS[stem]: {stem} | dependants}
    assert got.documents.keys() == (ACTIONS.keys() | {"Gaps"}) - {stem} - dependants
    assert f"may not call {ACTIONS[stem]}" in got.gaps[0].reason
    assert "arn:aws:iam::111122223333:user/netcheck" in got.gaps[0].reason
    for what in {stem} | dependants:
        gap = from_documents(got.documents).missing(what)
        assert gap is not None
        assert gap.action == ACTIONS[stem]


@pytest.mark.parametrize("stem", ["Subnets", "SecurityGroups", "NetworkInterfaces"])
def test_a_scope_that_may_not_be_looked_up_is_the_whole_region(aws: AwsEndpoint, stem: str) -> None:
    aws.deny("ec2", ACTIONS[stem].removeprefix("ec2:"))
    scope = Scope(
        subnets=frozenset({"subnet-msk-a"}),
        security_groups=frozenset({"sg-msk"}),
        interfaces=frozenset({"eni-broker-1"}),
    )
    got = collected(scope)
    assert missing(got) == {ACTIONS[stem]: {stem}}
    assert vpcs_of(got) == set(VPCS)


def test_everything_denied_is_a_gap_for_each_document(aws: AwsEndpoint) -> None:
    aws.deny("ec2", "*")
    got = collected()
    assert {gap.what for gap in got.gaps} == ACTIONS.keys() - {"PrefixListEntries"}
    assert got.error == ""


def test_an_explicit_deny_is_reported_as_such(aws: AwsEndpoint) -> None:
    words = (
        "You are not authorized to perform this operation. User: arn:aws:iam::111122223333:user/a is not "
        "authorized to perform: ec2:DescribeVpcs with an explicit deny in a service control policy. "
        "Encoded authorization failure message: " + "x" * 500
    )
    aws.fail("ec2", "DescribeVpcs", aws_error("UnauthorizedOperation", words, 403))
    (gap,) = [gap for gap in collected().gaps if gap.what == "Vpcs"]
    assert gap.reason == (
        "arn:aws:iam::111122223333:user/a may not call ec2:DescribeVpcs "
        "(with an explicit deny in a service control policy)"
    )


def test_half_a_list_is_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    with AwsEndpoint(World(account(9), page_size=2)) as aws:
        lead_to(aws, monkeypatch)
        aws.fail("ec2", "DescribeNetworkInterfaces", aws_error("InternalError", "oops", 500), after=2)
        got = collected()
    assert missing(got) == {"ec2:DescribeNetworkInterfaces": {"NetworkInterfaces"}}
    assert "NetworkInterfaces" not in got.documents


@pytest.mark.parametrize("operation", ["DescribeSubnets", "*"])
def test_throttling_is_survived(aws: AwsEndpoint, operation: str) -> None:
    aws.fail("ec2", operation, throttled(), times=6)
    got = collected()
    assert got.gaps == ()
    assert vpcs_of(got) == OF_MSK


def test_throttling_without_end_ends_with_the_deadline(aws: AwsEndpoint) -> None:
    aws.fail("ec2", "DescribeSubnets", throttled())
    with ends_within(STEP):
        got = collected(seconds=STEP)
    assert {"ec2:DescribeSubnets"} <= missing(got).keys()
    assert "Subnets" not in got.documents


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (expired_token(), "credentials have expired (ExpiredToken): sign in again"),
        (
            aws_error("RequestExpired", "Request has expired.", 400),
            "credentials have expired (RequestExpired)",
        ),
        (clock_off(minutes=47), "clock is 47 minutes behind AWS's"),
        (clock_off(minutes=-20), "clock is 20 minutes ahead of AWS's"),
        (
            aws_error("AuthFailure", "not able to validate", 401),
            "rejects these credentials (AuthFailure)",
        ),
        (aws_error("OptInRequired", "not subscribed", 401), "a Region that is not enabled"),
        (aws_error("Weird", "It\nis odd", 400), "AWS returned Weird: It is odd"),
        (html_page(), "captive portal or a proxy"),
        (html_page(body=XHTML), "captive portal or a proxy"),
        (html_page(status=302), "captive portal or a proxy"),
        (html_page(status=302, body=XHTML), "captive portal or a proxy"),
        (html_page(status=503), "captive portal or a proxy"),
        (html_page(status=407, body=XHTML), "captive portal or a proxy"),
        (html_page(body=b""), "captive portal or a proxy"),
        (dropped(), "the connection to 127.0.0.1"),
    ],
)
def test_what_stops_every_call_is_one_clear_error(aws: AwsEndpoint, fault: Fault, words: str) -> None:
    aws.fail("ec2", "*", fault)
    got = collected()
    assert words in got.error
    assert "\n" not in got.error
    assert len(got.gaps) == 1
    assert got.documents == {}


@pytest.mark.parametrize(
    "fault",
    [html_page(), html_page(body=XHTML), dropped(), expired_token()],
    ids=["html", "xhtml", "drop", "old"],
)
def test_what_stops_one_call_costs_only_that(aws: AwsEndpoint, fault: Fault) -> None:
    aws.fail("ec2", "DescribeNetworkAcls", fault)
    assert missing(collected()) == {"ec2:DescribeNetworkAcls": {"NetworkAcls"}}


def test_a_connection_that_breaks_once_is_tried_again(aws: AwsEndpoint) -> None:
    aws.fail("ec2", "DescribeSubnets", dropped(), times=1)
    assert collected().gaps == ()


def test_one_silent_call_does_not_cost_the_rest(aws: AwsEndpoint) -> None:
    aws.fail("ec2", "DescribeDhcpOptions", slow(60))
    with ends_within(10):
        got = collected(seconds=10)
    assert "ec2:DescribeDhcpOptions" in missing(got)
    assert "deadline" in got.gaps[0].reason
    assert {"Vpcs", "VpcPeeringConnections"} <= got.documents.keys()


def test_silence_everywhere_ends_with_the_deadline(aws: AwsEndpoint) -> None:
    aws.fail("ec2", "*", slow(60))
    with ends_within(STEP):
        got = collected(seconds=STEP)
    assert "deadline" in got.error


def test_no_time_at_all_is_said_so(aws: AwsEndpoint) -> None:
    with pytest.raises(DeadlineExceeded):
        collect({"ec2": aws.client("ec2")}, START, Deadline(0))
    assert aws.calls == []


@pytest.mark.parametrize(
    ("sentence", "variables", "words"),
    [
        ("nothing listens", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "refuses the connection"),
        ("a Region that is none", {"AWS_ENDPOINT_URL": "http://ec2.eu-wets-1.invalid"}, "does not resolve"),
        (
            "a proxy that is not there",
            {"AWS_ENDPOINT_URL": "http://ec2.invalid", "NO_PROXY": ""},
            "the proxy",
        ),
        ("no credentials", {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "no AWS credentials"),
        ("half the credentials", {"AWS_SECRET_ACCESS_KEY": ""}, "credentials are incomplete"),
        ("no Region", {"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, "the Region is unknown"),
        ("a Region with a space", {"AWS_DEFAULT_REGION": "eu west 1"}, "Write it like eu-west-1"),
        ("a profile that does not exist", {"AWS_PROFILE": "night"}, "night"),
        ("an endpoint that is no URL", {"AWS_ENDPOINT_URL": "127.0.0.1"}, "127.0.0.1"),
    ],
)
def test_no_way_to_aws_is_one_clear_error(
    aws: AwsEndpoint,
    monkeypatch: pytest.MonkeyPatch,
    sentence: str,
    variables: dict[str, str],
    words: str,
) -> None:
    if "proxy" in sentence:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    for name, value in variables.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    got = collect_region(Deadline(20), None, None, START)
    assert words in got.error, sentence
    assert "\n" not in got.error
    assert got.documents == {}
    assert aws.calls == []


def test_an_authority_that_is_not_trusted_is_reported(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    with AwsEndpoint(World(account()), tls=certificates.good) as aws:
        lead_to(aws, monkeypatch)
        monkeypatch.delenv("AWS_CA_BUNDLE")
        assert "AWS_CA_BUNDLE" in collected().error


def test_a_role_that_may_not_be_assumed_is_one_clear_error(
    aws: AwsEndpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text(
        "[profile ops]\nrole_arn = arn:aws:iam::111122223333:role/ops\ncredential_source = Environment\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    aws.deny("sts", "AssumeRole")
    got = collect_region(Deadline(20), None, "ops", START)
    assert got.error == (
        "no credentials: arn:aws:iam::111122223333:user/netcheck may not call sts:AssumeRole"
    )
    assert got.documents == {}


# What it writes


@pytest.mark.usefixtures("aws")
def test_the_folder_is_read_back_and_is_the_same_every_time(tmp_path: Path) -> None:
    got = collected()
    for name in ("one", "two"):
        write(got, tmp_path / name / "deep")
    one, two = tmp_path / "one" / "deep", tmp_path / "two" / "deep"
    assert {path.name for path in one.iterdir()} == {f"{stem}.json" for stem in got.documents}
    for path in one.iterdir():
        assert path.read_bytes() == (two / path.name).read_bytes()
        assert json.loads(path.read_text("utf-8")) == got.documents[path.stem]
    assert set(load(one).vpcs) == OF_MSK


def test_what_an_earlier_snapshot_knew_does_not_pass_for_today(aws: AwsEndpoint, tmp_path: Path) -> None:
    write(collected(), tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    aws.deny("ec2", "DescribeNetworkAcls")
    write(collected(), tmp_path)
    assert not (tmp_path / "NetworkAcls.json").exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"
    gap = load(tmp_path).missing("NetworkAcls")
    assert gap is not None
    assert gap.action == "ec2:DescribeNetworkAcls"


def test_no_secret_comes_in(aws: AwsEndpoint, tmp_path: Path) -> None:
    assert CANARY in json.dumps(as_json(account()["DhcpOptions"] + [CANARY]))
    write(collected(Scope()), tmp_path)
    assert not any(CANARY.encode() in path.read_bytes() for path in tmp_path.iterdir())
    assert Counter(call.operation for call in aws.calls)["DescribeInstanceAttribute"] == 0
    connections = aws.client("ec2").describe_vpn_connections()["VpnConnections"]
    assert CANARY in json.dumps(connections)
    assert CANARY not in json.dumps(as_json(connections))
    assert "vpn-1" in json.dumps(as_json(connections))
